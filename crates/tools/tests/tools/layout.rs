//! Layouts, as `zpool status` and `zpool import` tell them.

use std::fmt::Write as _;
use std::fs;

use phoenix_tools::zpool::{
    Activity, DiskStatus, PoolStatus, Role, VdevStatus, parse_importable, parse_status,
};

/// A layout in one line a vdev, so that a snapshot can be read.
fn layout(text: &str) -> String {
    let status = parse_status(text).unwrap();
    let head = format!("{} {}{}", status.name, status.state, besides(&status));
    format!("{head}\n{}", vdevs(&status.vdevs))
}

fn besides(status: &PoolStatus) -> String {
    let activity = |activity: &Activity| {
        let left = activity.left.as_deref().unwrap_or("?");
        format!("{:?} {left} left", activity.kind)
    };
    let mut words: Vec<String> = status.activities.iter().map(activity).collect();
    words.extend(status.checkpoint.then(|| "checkpoint".to_owned()));
    words.extend(status.lost.clone());
    words.iter().map(|word| format!(", {word}")).collect()
}

fn vdevs(vdevs: &[VdevStatus]) -> String {
    let mut text = String::new();
    for vdev in vdevs {
        let disks: Vec<String> = vdev.disks.iter().map(disk).collect();
        let geometry = vdev.geometry.iter().map(|has| format!(":{has}"));
        let geometry: String = geometry.collect();
        let (class, kind) = (vdev.class, &vdev.kind);
        let _ = writeln!(text, "  {class} {kind}{geometry}: {}", disks.join(" | "));
    }
    text
}

fn disk(disk: &DiskStatus) -> String {
    let path = disk.path.strip_prefix("/dev/disk/by-id/");
    let path = path.unwrap_or(&disk.path).to_owned();
    let guid = disk.guid.iter().map(|guid| format!("#{guid}"));
    let state = Some(disk.state.clone()).filter(|state| state != "ONLINE");
    let role = match disk.role {
        Role::Member => None,
        Role::Leaving => Some("leaving".to_owned()),
        Role::StandIn => Some("stand-in".to_owned()),
    };
    let errors = disk.errors.as_ref().filter(|errors| !errors.is_zero());
    let errors = errors.map(|count| {
        let (read, write, checksum) = (&count.read, &count.write, &count.checksum);
        format!("errors {read}/{write}/{checksum}")
    });
    let remark = Some(disk.remark.clone()).filter(|remark| !remark.is_empty());
    let words = std::iter::once(path).chain(guid);
    let words = words.chain([state, role, errors, remark].into_iter().flatten());
    words.collect::<Vec<_>>().join(" ")
}

/// Every recording in a folder, in the order of the names.
fn recordings(folder: &str) -> Vec<(String, String)> {
    let folder = format!("{}/tests/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut texts: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    texts.sort();
    texts
}

#[test]
fn pools_are_read_while_they_are_grown_shrunk_and_repaired() {
    let texts = recordings("zpool-status").into_iter();
    let read = texts.map(|(name, text)| format!("{name}: {}", layout(&text)));
    insta::assert_snapshot!(read.collect::<String>());
}

#[test]
fn pools_that_are_not_imported_are_read_in_the_form_of_every_release() {
    let mut read = String::new();
    for (name, text) in recordings("zpool-import") {
        let found = parse_importable(&text).unwrap();
        assert_eq!(found.unread, [], "{name}");
        for pool in found.pools {
            let status = pool.status.as_deref().unwrap_or("-");
            let _ = writeln!(read, "{name}: {} {} {status}", pool.name, pool.state);
            read += &vdevs(&pool.vdevs);
        }
    }
    insta::assert_snapshot!(read);
}

#[test]
fn numbers_are_those_of_the_same_row() {
    let text = include_str!("../fixtures/zpool-status/2.3.9-spare-replacing.txt");
    let numbers = include_str!("../fixtures/zpool-status-g/2.3.9-spare-replacing.txt");
    let mut status = parse_status(text).unwrap();
    status.number(numbers).unwrap();
    let all = status.vdevs.iter().flat_map(|vdev| &vdev.disks);
    let all: Vec<_> = all
        .map(|disk| (disk.path.as_str(), disk.guid.unwrap()))
        .collect();
    assert_eq!(
        all,
        [
            ("/v/a", 7_950_453_420_988_771_080),
            ("/v/b", 16_059_663_358_070_378_730),
            ("/v/c", 15_459_177_392_927_159_140),
            ("/v/e", 11_855_855_943_562_757_715),
            ("/v/e", 11_855_855_943_562_757_715),
        ]
    );
    assert_eq!(status.vdevs[0].guid, Some(16_543_707_747_365_493_865));
    // Another shape is another moment.
    let mut other =
        parse_status(include_str!("../fixtures/zpool-status/2.3.9-missing.txt")).unwrap();
    let before = other.clone();
    assert!(other.number(numbers).is_ok());
    assert_eq!(other, before);
    assert!(other.number("nonsense").is_err());
}

/// A pool of the given lines below its own, as `zpool status -P` prints them.
fn status_of(lines: &str) -> String {
    format!(
        "  pool: tank\n state: DEGRADED\nconfig:\n\n\tNAME  STATE     READ WRITE CKSUM\n\ttank  \
         DEGRADED     0     0     0\n{lines}\nerrors: No known data errors\n"
    )
}

/// What no recording shows, after OpenZFS's sources and what people have published.
#[test]
fn whatever_stands_in_for_a_disk_is_told_apart_at_any_depth() {
    for (lines, expected) in [
        (
            "\t  spare-0  DEGRADED     0     0     0\n\
             \t    /d/a  FAULTED     12   3.4K     0  too many errors\n\
             \t    spare-1  DEGRADED     0     0     0\n\
             \t      /d/s  FAULTED     0     0     0  too many errors\n\
             \t      /d/t  ONLINE     0     0     0\n\
             \tspares\n\
             \t  /d/s  INUSE  currently in use\n\
             \t  /d/t  INUSE  currently in use\n",
            "  data disk: /d/a FAULTED errors 12/3.4K/0 too many errors | /d/s FAULTED stand-in too \
             many errors | /d/t stand-in\n  \
             spare disk: /d/s INUSE currently in use\n  \
             spare disk: /d/t INUSE currently in use\n",
        ),
        (
            "\t  replacing-0  DEGRADED     0     0     0\n\
             \t    spare-0  DEGRADED     0     0     0\n\
             \t      7  UNAVAIL     0     0     0  was /d/a\n\
             \t      /d/s  ONLINE     0     0     0\n\
             \t    /d/b  ONLINE     0     0     0\n\
             \t    /d/c  ONLINE     0     0     0  (resilvering)\n",
            "  data disk: /d/a #7 UNAVAIL leaving | /d/s leaving | /d/b leaving | /d/c (resilvering)\n",
        ),
        (
            "\t  draid2:2d:4c:1s-0  DEGRADED     0     0     0\n\
             \t    spare-0  DEGRADED     0     0     0\n\
             \t      /d/a  OFFLINE     0     0     0\n\
             \t      draid2-0-0  ONLINE     0     0     0\n\
             \t    /d/b  ONLINE     0     0     0\n\
             \tspares\n\
             \t  draid2-0-0  INUSE  currently in use\n",
            "  data draid2:2d:4c:1s: /d/a OFFLINE | /d/b\n",
        ),
        (
            "\t  /d/a  ONLINE     0     0     0  block size: 512B configured, 4096B native\n\
             \t  /d/b  ONLINE     0     0     0  (7% initialized, started at Sun Nov 14)\n\
             \t  indirect-2  ONLINE     0     0     0\n\
             \tcache\n\
             \t  /d/c  ONLINE       0     0     0  (trimming)\n\
             \tspares\n\
             \t  9  UNAVAIL  was /d/s\n\
             \t  /d/t  FAULTED  corrupted data\n",
            "  data disk: /d/a block size: 512B configured, 4096B native\n  \
             data disk: /d/b (7% initialized, started at Sun Nov 14)\n  \
             cache disk: /d/c (trimming)\n  \
             spare disk: /d/s #9 UNAVAIL\n  \
             spare disk: /d/t FAULTED corrupted data\n",
        ),
    ] {
        let status = parse_status(&status_of(lines)).unwrap();
        assert_eq!(vdevs(&status.vdevs), expected, "{lines}");
    }
}

#[test]
fn a_pool_that_cannot_be_read_hides_no_other() {
    let pool = |name: &str, line: &str| {
        format!(
            "  pool: {name}\n    id: 7\n state: ONLINE\naction: Import it.\nconfig:\n\n\t{name}  \
             ONLINE\n\t  {line}\n"
        )
    };
    let more = "\n\tAdditional devices are known to be part of this pool, though their\n\texact \
                configuration cannot be determined.\n";
    let (whole, short) = (pool("a", "/d/a  ONLINE"), pool("c", "/d/c  ONLINE"));
    let odd = pool("b", "    /d/b  ONLINE");
    let found = parse_importable(&format!("{whole}\n{odd}\n{short}{more}")).unwrap();
    let read =
        |found: &phoenix_tools::zpool::ImportablePool| (found.name.clone(), found.more_disks);
    let read: Vec<_> = found.pools.iter().map(read).collect();
    assert_eq!(read, [("a".to_owned(), false), ("c".to_owned(), true)]);
    let unread: Vec<_> = found.unread.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(unread, ["b"]);
}

#[test]
fn every_class_of_vdev_is_told_apart() {
    insta::assert_snapshot!(layout(include_str!("../fixtures/zpool-status-classes.txt")));
}

#[test]
fn a_draid_pool_has_no_spare_disks_of_its_own() {
    insta::assert_snapshot!(layout(include_str!("../fixtures/zpool-status-draid.txt")));
}

#[test]
fn a_scrub_and_a_removed_vdev_are_no_disks() {
    insta::assert_snapshot!(layout(include_str!("../fixtures/zpool-status-scrub.txt")));
    insta::assert_snapshot!(layout(include_str!(
        "../fixtures/zpool-status-vdev-removed.txt"
    )));
}

#[test]
fn a_spare_in_use_belongs_to_the_vdev_as_well() {
    insta::assert_snapshot!(layout(include_str!(
        "../fixtures/zpool-status-spare-in-use.txt"
    )));
}

#[test]
fn a_lone_disk_that_is_being_replaced_is_still_one_vdev() {
    insta::assert_snapshot!(layout(include_str!(
        "../fixtures/zpool-status-replacing.txt"
    )));
}

#[test]
fn a_disk_that_is_gone_keeps_its_path() {
    insta::assert_snapshot!(layout(include_str!("../fixtures/zpool-status-gone.txt")));
    insta::assert_snapshot!(layout(include_str!("../fixtures/zpool-status-missing.txt")));
    insta::assert_snapshot!(layout(include_str!("../fixtures/zpool-status-removed.txt")));
}

#[test]
fn a_layout_that_is_not_understood_is_an_error_and_not_a_smaller_pool() {
    let good = include_str!("../fixtures/zpool-status-classes.txt");
    for (from, to, named) in [
        ("mirror-0", "wonder-0", "wonder-0"),
        ("special\t", "strange\t", "strange"),
        ("\t  mirror-0 ", "\tx", "x"),
        (" pool: hstmix", " pool: other", "hstmix"),
        ("\tNAME", "\tNOMEN", "NOMEN"),
        (" state: ONLINE", "", "pool: hstmix"),
        ("/var/tmp/hst7.img", "hst7.img", "hst7.img"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let error = parse_status(&text).unwrap_err();
        assert!(error.line.contains(named), "{from} -> {to}: {error}");
    }
    let table = good.find("config:").unwrap();
    assert!(parse_status(&good[..table]).is_err());
    assert!(parse_status("").is_err());
}

/// Text that is cut off anywhere never turns into another layout than a shorter table's.
#[test]
fn every_prefix_of_a_status_is_read_or_refused_without_a_panic() {
    let good = include_str!("../fixtures/zpool-status-spare-in-use.txt");
    for end in 0..good.len() {
        if let Some(text) = good.get(..end) {
            let _ = parse_status(text);
        }
    }
}
