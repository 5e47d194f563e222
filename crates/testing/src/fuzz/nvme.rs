//! What smartctl, nvme-cli, fwupd and `zpool status -t` say of drives, and everything that is made
//! of it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::convert::Infallible;

use jiff::Timestamp;
use phoenix_nvme::history::History;
use phoenix_nvme::policy::compare_revisions;
use phoenix_nvme::report::Facts;
use phoenix_nvme::{Drive, Policy, assess, firmware, nvme_cli, render, smartctl as smart, trim};

use super::read;

pub(super) fn smartctl(text: &str) {
    if let Some(drive) = read(text, |text| smart::parse("nvme0n1", text)) {
        judge(drive);
    }
}

pub(super) fn smart_log(text: &str) {
    if let Some(health) = read(text, nvme_cli::parse_smart_log) {
        judge(Drive {
            health: Some(health),
            ..Drive::default()
        });
    }
}

pub(super) fn controller(text: &str) {
    added(text, nvme_cli::add_controller);
}

pub(super) fn namespace(text: &str) {
    added(text, nvme_cli::add_namespace);
}

pub(super) fn fwupd(text: &str) {
    read(text, firmware::parse_updates);
}

pub(super) fn trim_status(text: &str) {
    read(text, |text| Ok::<_, Infallible>(trim::parse_status(text)));
}

/// Three revisions, one a line, are ordered without contradiction.
pub(super) fn revisions(text: &str) {
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or("");
    let (a, b, c) = (next(), next(), next());
    assert_eq!(compare_revisions(a, a), Ordering::Equal);
    assert_eq!(compare_revisions(a, b), compare_revisions(b, a).reverse());
    if compare_revisions(a, b).is_le() && compare_revisions(b, c).is_le() {
        assert!(compare_revisions(a, c).is_le(), "{a:?} <= {b:?} <= {c:?}");
    }
}

fn added(text: &str, add: impl Fn(&mut Drive, &str) -> Result<(), nvme_cli::NvmeCliError>) {
    let drive = read(text, |text| {
        let mut drive = Drive::default();
        add(&mut drive, text).map(|()| drive)
    });
    if let Some(drive) = drive {
        judge(drive);
    }
}

/// A drive with any values is judged and drawn in every form.
fn judge(drive: Drive) {
    let (history, policy) = (History::default(), Policy::default());
    let report = assess(Facts {
        drives: vec![drive],
        pools: Vec::new(),
        updates: Vec::new(),
        gaps: Vec::new(),
        history: &history,
        policy: &policy,
        now: Timestamp::UNIX_EPOCH,
    });
    let status: BTreeMap<_, _> = report
        .drives
        .iter()
        .map(|it| (&it.drive.name, it))
        .collect();
    assert_eq!(status.len(), 1);
    let one_line = render::nagios::render(&report, &policy);
    assert_eq!(one_line.trim_end().lines().count(), 1, "{one_line:?}");
    for drawing in [
        render::json(&report),
        render::prometheus::render(&report),
        render::svg::render(&report, &history),
    ] {
        assert!(!drawing.is_empty());
    }
    let table = render::table::render(&report, false);
    let control = |c: char| c.is_control() && c != '\n';
    assert!(
        !table.contains(control),
        "control characters reach the terminal: {table:?}"
    );
}
