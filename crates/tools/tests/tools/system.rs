//! Users, directories, memory, mounts and the read cache of a real guest.

use camino::Utf8Path;
use phoenix_host::command::{Effect, Output};
use phoenix_tools::{acl, arc, mounts, system};

use crate::{Scripted, argv};

#[test]
fn command_lines_are_those_that_the_tools_take() {
    let find = "find /a /b -maxdepth 0 '(' -empty -printf 'e\\t%U\\t%G\\t%m\\t%y\\t%p\\n' -o \
                -printf 'n\\t%U\\t%G\\t%m\\t%y\\t%p\\n' ')'";
    for (command, typed, effect) in [
        (
            system::passwd(&["root", "www-data"]),
            "getent passwd root www-data",
            Effect::Read,
        ),
        (system::group(&["root"]), "getent group root", Effect::Read),
        (system::directories(&["/a", "/b"]), find, Effect::Read),
        (system::settle(), "udevadm settle", Effect::Read),
        (
            system::update_initramfs(),
            "update-initramfs -u -k all",
            Effect::Write,
        ),
    ] {
        assert_eq!((command.argv(), command.effect), (argv(typed), effect));
    }
}

#[test]
fn unknown_users_have_no_number() {
    let answer = Output {
        code: Some(2),
        stdout: include_str!("../fixtures/getent-passwd.txt").to_owned(),
        stderr: String::new(),
    };
    let names = ["root", "nosuch", "nobody"];
    let host = Scripted::default().answers("getent passwd root nosuch nobody", answer);
    let users = system::read_users(&host, &names).unwrap();
    assert_eq!(
        Vec::from_iter(users),
        [("nobody".to_owned(), 65534), ("root".to_owned(), 0)]
    );

    let host = Scripted::default().answers("getent group a", Output::failure(3, "no database\n"));
    assert!(system::read_groups(&host, &["a"]).is_err());
    let host = Scripted::default();
    assert!(system::read_groups(&host, &[]).unwrap().is_empty());
    assert!(system::parse_ids("root:x:zero:0").is_err());
}

#[test]
fn paths_that_do_not_exist_have_no_row() {
    let paths = ["/var/tmp/hstd/e", "/var/tmp/hstd/none"];
    let typed = system::directories(&paths).to_string();
    let answer = Output {
        code: Some(1),
        stdout: include_str!("../fixtures/find-directories.txt").to_owned(),
        stderr: include_str!("../fixtures/find-directories.stderr").to_owned(),
    };
    let host = Scripted::default().answers(&typed, answer.clone());
    let rows = system::read_directories(&host, &paths).unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|(path, row)| {
            let name = path.rsplit('/').next().unwrap();
            (name, row.kind, row.uid, row.gid, row.mode, row.empty)
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("e", 'd', 0, 0, 0o755, true),
            ("f", 'f', 0, 0, 0o644, true),
            ("l", 'l', 0, 0, 0o777, false),
            ("n", 'd', 100_000, 1000, 0o2770, false),
        ]
    );

    let denied = Output {
        stderr: answer.stderr + "find: ‘/x’: Input/output error\n",
        ..answer
    };
    let host = Scripted::default().answers(&typed, denied);
    assert!(system::read_directories(&host, &paths).is_err());
    let host = Scripted::default();
    assert!(system::read_directories(&host, &[]).unwrap().is_empty());
    for bad in [
        "x\t0\t0\t755\td\t/a",
        "e\t0\t0\t9\td\t/a",
        "e\t0\t0\t755\td",
    ] {
        assert_eq!(system::parse_directories(bad).unwrap_err().line, bad);
    }
}

#[test]
fn memory_name_and_read_cache_are_read() {
    let meminfo = include_str!("../fixtures/meminfo.txt");
    assert_eq!(system::parse_meminfo(meminfo).unwrap(), 4_016_564 * 1024);
    assert!(system::parse_meminfo("MemFree: 1 kB\n").is_err());
    assert_eq!(system::parse_hostname("pve1.example.com\n"), "pve1");
    assert_eq!(system::parse_hostname("zfslab\n"), "zfslab");

    let stats = arc::parse_arcstats(include_str!("../fixtures/arcstats.txt")).unwrap();
    assert_eq!((stats.c_min, stats.c_max), (128_530_048, 3_039_219_712));
    let error = arc::parse_arcstats("c_max 4 1\nsize 4 1\n").unwrap_err();
    assert!(error.to_string().contains("c_min"), "{error}");
}

#[test]
fn mounts_are_found_from_above() {
    let table = include_str!("../fixtures/proc-self-mounts.txt");
    let table = format!(
        "{table}tank/a\\040b /tank/a\\040b zfs rw 0 0\ntmpfs /tank/a\\040b/t tmpfs rw 0 0\n"
    );
    let mounts = mounts::parse_mounts(&table).unwrap();
    let at = |path: &str| mounts.at(Utf8Path::new(path)).map(|m| m.source.as_str());
    let of = |path: &str| mounts.of(Utf8Path::new(path)).map(|m| m.source.as_str());
    assert_eq!(at("/hstpool"), Some("hstpool"));
    assert_eq!(at("/hstpool/"), Some("hstpool"));
    assert_eq!(at("/hstpool/x"), None);
    assert_eq!(of("/hstpool/x/y"), Some("hstpool"));
    assert_eq!(of("/hstpoolx"), Some("/dev/vda"));
    assert_eq!(at("/tank/a b"), Some("tank/a b"));
    assert_eq!(of("/tank/a b/t/x"), Some("tmpfs"));
    // The mount on top is the one that can be seen.
    let covered = format!("{table}overlay /hstpool overlay rw 0 0\n");
    let mounts = mounts::parse_mounts(&covered).unwrap();
    let top = mounts.at(Utf8Path::new("/hstpool")).unwrap();
    assert_eq!(top.fstype, "overlay");
    assert!(mounts::parse_mounts("tank /tank").is_err());
}

#[test]
fn only_the_limit_changes_in_modprobe_s_configuration() {
    const NEW: u64 = 32_212_254_720;
    for (before, limit, after) in [
        ("", None, "options zfs zfs_arc_max=32212254720\n"),
        (
            "options zfs zfs_arc_max=1\n",
            Some(1),
            "options zfs zfs_arc_max=32212254720\n",
        ),
        (
            "# my options\noptions zfs zfs_arc_min=5  zfs_arc_max=0x10 zfs_txg_timeout=9 # keep\n",
            Some(16),
            "# my options\noptions zfs zfs_arc_min=5  zfs_arc_max=32212254720 zfs_txg_timeout=9 # keep\n",
        ),
        (
            "options zfs zfs_arc_max=1\noptions zfs zfs_arc_max=2",
            Some(2),
            "options zfs zfs_arc_max=32212254720\noptions zfs zfs_arc_max=32212254720",
        ),
        (
            "options zfs \\\n\tzfs_arc_max=7 \\\n zfs_arc_min=3\n",
            Some(7),
            "options zfs \\\n\tzfs_arc_max=32212254720 \\\n zfs_arc_min=3\n",
        ),
        (
            "#options zfs zfs_arc_max=1\n# options zfs zfs_arc_max=1\noptions spl zfs_arc_max=1",
            None,
            "#options zfs zfs_arc_max=1\n# options zfs zfs_arc_max=1\noptions spl zfs_arc_max=1\n\
             options zfs zfs_arc_max=32212254720\n",
        ),
        (
            "options zfs zfs_arc_max=1\r\n# kept\r\n",
            Some(1),
            "options zfs zfs_arc_max=32212254720\r\n# kept\r\n",
        ),
        (
            "# a comment that goes on \\\n",
            None,
            "# a comment that goes on \\\n\noptions zfs zfs_arc_max=32212254720\n",
        ),
        (
            "# goes on \\\noptions zfs zfs_arc_max=1\n",
            None,
            "# goes on \\\noptions zfs zfs_arc_max=1\noptions zfs zfs_arc_max=32212254720\n",
        ),
        (
            "options zfs zfs_arc_min=5 \\",
            None,
            "options zfs zfs_arc_min=5 \\\n\noptions zfs zfs_arc_max=32212254720\n",
        ),
        (
            "options zfs zfs_arc_max_percent=1\n",
            None,
            "options zfs zfs_arc_max_percent=1\noptions zfs zfs_arc_max=32212254720\n",
        ),
    ] {
        assert_eq!(arc::modprobe_limit(before), limit, "{before}");
        assert_eq!(arc::with_modprobe_limit(before, NEW), after, "{before}");
        assert_eq!(arc::modprobe_limit(after), Some(NEW), "{after}");
        assert_eq!(arc::with_modprobe_limit(after, NEW), after, "{after}");
    }
}

/// As getfacl 2.3.1 prints it.
#[test]
fn an_acl_is_read_with_its_limits_left_out() {
    let text = "# file: /srv/a\\040b\n# owner: 0\n# group: 0\n# flags: -s-\nuser::rwx\n\
                group::rwx\t#effective:r-x\ngroup:1001:rwx\t#effective:r-x\nmask::r-x\nother::---\n\
                default:user::rwx\n\n# file: /a\\\\b\n# owner: 0\n# group: 0\nuser::rw-\n\n";
    let acls = acl::parse(text).unwrap();
    let shown: Vec<String> = acls
        .iter()
        .map(|(path, acl)| {
            let entries = acl.iter().map(|(who, may)| format!(" {who}{may}"));
            format!("{path}:{}", entries.collect::<String>())
        })
        .collect();
    assert_eq!(
        shown,
        [
            "/a\\b: user::rw-",
            "/srv/a b: default:user::rwx group:1001:rwx group::rwx mask::r-x other::--- user::rwx",
        ]
    );
    assert!(acl::parse("user::rwx\n").is_err());
    assert!(acl::parse("# file: /a\nnonsense\n").is_err());
}

#[test]
fn systemd_says_which_drop_ins_it_has_read() {
    use phoenix_tools::systemd::{self, NFS_DROP_IN, NFS_SERVER};
    for (command, typed, effect) in [
        (
            systemd::show(NFS_SERVER),
            "systemctl show --property=DropInPaths,NeedDaemonReload nfs-server.service",
            Effect::Read,
        ),
        (systemd::reload(), "systemctl daemon-reload", Effect::Write),
    ] {
        assert_eq!((command.argv(), command.effect), (argv(typed), effect));
    }
    let text = format!("NeedDaemonReload=yes\nDropInPaths=/etc/a.conf {NFS_DROP_IN}\n");
    let unit = systemd::parse_show(&text).unwrap();
    assert!(unit.needs_reload && unit.drop_ins.contains(NFS_DROP_IN));
    let none = systemd::parse_show("DropInPaths=\nNeedDaemonReload=no\n").unwrap();
    assert_eq!(none, systemd::UnitState::default());
    assert!(systemd::parse_show("NeedDaemonReload=no\n").is_err());
    // As systemd 252 said it in a container.
    let stderr = "System has not been booted with systemd as init system (PID 1). Can't operate.\n\
                  Failed to connect to bus: Host is down\n";
    assert!(systemd::is_absent(stderr) && !systemd::is_absent("Unit not found"));
}
