//! Owner, group, mode and ACL of a dataset's root directory, and of everything below it, in the host's numbers.

use phoenix_config::model::{Dataset, Permissions, Principal};

use super::acl::{self, Acl};
use super::facts::{Facts, value};
use super::ids::{Ids, Kind};
use super::verdict::{Stop, Verdict, changed_field, new_field, refused, to_do};
use crate::observed::ObservedDirectory;
use crate::plan::{Action, Change, Operation, SetPermissions};
use crate::refusal::RefusalCode;

/// What ZFS gives the root directory of a new dataset: root, root, `rwxr-xr-x`.
const FRESH: ObservedDirectory = ObservedDirectory {
    link: None,
    uid: 0,
    gid: 0,
    mode: 0o755,
    empty: true,
    not_a_directory: false,
};
const MODE_BITS: u32 = 0o7777;
/// The field that stands for everything below a directory.
pub(crate) const CONTENTS: &str = "contents";
/// What that becomes.
pub(crate) const LIKE_THE_DIRECTORY: &str = "like the directory";

pub(super) fn diff(facts: &Facts<'_>, dataset: &Dataset, permissions: &Permissions) -> Verdict {
    let path = facts.mounted_at(&dataset.name)?;
    let ids = Ids::new(facts, &dataset.name, &path, permissions);
    let number =
        |kind, principal: Option<&Principal>| principal.map(|it| ids.resolve(kind, it)).transpose();
    let uid = number(Kind::User, permissions.owner.as_ref())?;
    let gid = number(Kind::Group, permissions.group.as_ref())?;
    let mode = permissions.mode.map(|mode| mode & MODE_BITS);

    let is_new = !facts.observed.datasets.contains_key(&dataset.name);
    let live = if is_new {
        Some(&FRESH)
    } else {
        directory(facts, &dataset.name, &path)
    };
    let differs = |wanted: Option<u32>, has: fn(&ObservedDirectory) -> u32| {
        wanted.filter(|wanted| live.is_none_or(|live| has(live) != *wanted))
    };
    let mut set = SetPermissions {
        dataset: dataset.name.clone(),
        uid: differs(uid, |live| live.uid),
        gid: differs(gid, |live| live.gid),
        mode: differs(mode, |live| live.mode & MODE_BITS),
        path: path.clone(),
        recursive: false,
        acl: Acl::new(),
    };
    let mut changes = changes(&set, live.filter(|_| !is_new));
    // There is nothing in a new dataset yet.
    if permissions.recursive
        && !is_new
        && let Some(change) = contents(facts, &path, live.is_some(), !changes.is_empty())
    {
        (set.uid, set.gid, set.mode, set.recursive) = (uid, gid, mode, true);
        // Also what the directory itself has already.
        changes = self::changes(&set, live);
        changes.push(change);
    }
    if !permissions.acl.is_empty() {
        let acl = acl::wanted(&ids, permissions)?;
        let live = live_acl(facts, &path, live.is_some() && !is_new)?;
        let differing = |(who, wanted): &(&String, &String)| live.get(*who) != Some(wanted);
        if acl.iter().any(|entry| differing(&entry)) {
            let before = acl.keys().filter_map(|who| live.get_key_value(who));
            let before = Some(acl::text(before)).filter(|text| !text.is_empty());
            let after = acl::text(acl.iter());
            changes.push(changed_field("acl", before, after));
            set.acl = acl;
        }
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let action = if is_new {
        Action::Create
    } else {
        Action::Update
    };
    to_do(action, changes, Operation::SetPermissions(set))
}

/// What is to be said about everything below the directory, if it has to be gone through: because
/// something in it differs, because the directory itself does, or because it cannot be seen yet.
fn contents(facts: &Facts<'_>, path: &str, is_visible: bool, root_differs: bool) -> Option<Change> {
    let after = LIKE_THE_DIRECTORY;
    match facts.observed.others_below.get(path) {
        Some(first) if is_visible => {
            let before = format!("others, such as {first}");
            Some(changed_field(CONTENTS, Some(before), after))
        }
        _ => (root_differs || !is_visible).then(|| new_field(CONTENTS, after)),
    }
}

/// The ACL that the directory has; empty while it cannot be seen.
fn live_acl(facts: &Facts<'_>, path: &str, is_visible: bool) -> Result<Acl, Stop> {
    let Some(acls) = &facts.observed.acls else {
        return Err(refused(
            RefusalCode::ToolMissing,
            format!("the ACL of {path} cannot be set: the host has no getfacl and setfacl"),
            "install them (apt install acl), then run phoenix again",
        ));
    };
    let live = acls.get(path).filter(|_| is_visible);
    Ok(live.cloned().unwrap_or_default())
}

/// The dataset's root directory, if it can be seen: while the dataset is not mounted there, the
/// path shows the directory below.
fn directory<'a>(facts: &Facts<'a>, dataset: &str, path: &str) -> Option<&'a ObservedDirectory> {
    let live = facts.observed.datasets.get(dataset)?;
    let visible = live.mounted && value(live, "mountpoint").is_some_and(|at| *at == *path);
    facts.observed.directories.get(path).filter(|_| visible)
}

/// A mode as it is shown.
pub(crate) fn mode_text(mode: u32) -> String {
    format!("{mode:04o}")
}

fn changes(set: &SetPermissions, live: Option<&ObservedDirectory>) -> Vec<Change> {
    let number = |id: u32| id.to_string();
    let field = |name: &str, after: Option<String>, before: Option<String>| {
        after.map(|after| changed_field(name, before, after))
    };
    let owner = field(
        "owner",
        set.uid.map(number),
        live.map(|live| number(live.uid)),
    );
    let group = field(
        "group",
        set.gid.map(number),
        live.map(|live| number(live.gid)),
    );
    let mode = field(
        "mode",
        set.mode.map(mode_text),
        live.map(|live| mode_text(live.mode & MODE_BITS)),
    );
    [owner, group, mode].into_iter().flatten().collect()
}
