//! What `find` finds in a tree that is not all alike.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::Utf8Path;
use phoenix_host::local::LocalHost;
use phoenix_tools::mounts::parse_mounts;
use phoenix_tools::tree::{Common, read_other};

#[test]
fn the_first_entry_that_differs_is_found_but_not_behind_another_mount() {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    let set = |name: &str, mode| {
        fs::set_permissions(root.join(name), Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(root.join("a [b]/c")).unwrap();
    for name in ["plain", "a [b]/tool", "a [b]/c/set-id"] {
        fs::write(root.join(name), "").unwrap();
    }
    symlink("nowhere", root.join("a [b]/dangling")).unwrap();
    let common = Common {
        uid: None,
        gid: None,
        mode: Some(0o2750),
    };
    let other_beside = |table: &str| {
        let mounts = parse_mounts(table).unwrap();
        read_other(&LocalHost::new(), root.as_str(), &common, &mounts).unwrap()
    };
    assert!(other_beside("").is_some());

    for (name, mode) in [
        ("a [b]", 0o2750),
        ("a [b]/c", 0o2750),
        ("plain", 0o640),
        ("a [b]/tool", 0o750),
        ("a [b]/c/set-id", 0o750),
    ] {
        set(name, mode);
    }
    assert_eq!(other_beside(""), None);

    set("a [b]", 0o700);
    assert_eq!(other_beside(""), Some(root.join("a [b]").into_string()));
    let table = format!("tank/b {root}/a\\040[b] zfs rw 0 0\n");
    assert_eq!(other_beside(&table), None);
}
