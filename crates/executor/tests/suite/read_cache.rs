//! The limit of the read cache for the next boot, wherever it is set.

use phoenix_sim::SimHost;
use phoenix_sim::state::Entry;

use crate::support::{config, look, plan, run};

const GIB: u64 = 1 << 30;

/// Files, the limit for the next boot with who wins over `zfs.conf`, and what becomes of `"arc_max":
/// "8G"`: `-` for nothing, `set` for a step, or who is in the way.
#[test]
fn the_limit_that_modprobe_would_take_counts() {
    let (eight, other) = (
        "options zfs zfs_arc_max=8589934592\n",
        "options zfs zfs_arc_max=1073741824\n",
    );
    for (files, limit, winner, outcome) in [
        (vec![], None, None, "set"),
        (
            vec![("/etc/modprobe.d/zfs.conf", eight)],
            Some(8),
            None,
            "-",
        ),
        (
            vec![("/etc/modprobe.d/99-arc.conf", eight)],
            Some(8),
            None,
            "-",
        ),
        (
            vec![("/etc/modprobe.d/99-arc.conf", other)],
            Some(1),
            None,
            "set",
        ),
        (
            vec![
                ("/etc/modprobe.d/zfs.conf", eight),
                ("/etc/modprobe.d/99-arc.conf", other),
            ],
            Some(8),
            None,
            "-",
        ),
        (
            vec![
                ("/etc/modprobe.d/zfs.conf", eight),
                ("/etc/modprobe.d/zz.conf", other),
            ],
            Some(1),
            Some("/etc/modprobe.d/zz.conf"),
            "/etc/modprobe.d/zz.conf",
        ),
        (
            vec![("/etc/modprobe.d/zz.conf", eight)],
            Some(8),
            Some("/etc/modprobe.d/zz.conf"),
            "-",
        ),
        (
            vec![
                ("/etc/modprobe.d/zfs.conf", eight),
                ("/etc/modprobe.d/zz.conf.bak", other),
            ],
            Some(8),
            None,
            "-",
        ),
        (
            vec![
                ("/etc/modprobe.d/zfs.conf", eight),
                (
                    "/proc/cmdline",
                    "root=ZFS=rpool zfs.zfs_arc_max=1073741824 quiet\n",
                ),
            ],
            Some(1),
            Some("/proc/cmdline"),
            "/proc/cmdline",
        ),
        (
            vec![
                ("/etc/modprobe.d/zfs.conf", other),
                (
                    "/proc/cmdline",
                    "zfs.zfs_arc_max=5 zfs.zfs-arc-max=0x200000000\n",
                ),
            ],
            Some(8),
            Some("/proc/cmdline"),
            "-",
        ),
        (
            vec![(
                "/etc/modprobe.d/zfs.conf",
                "options  zfs\tzfs_arc_max=\"8589934592\" \\\n zfs_x=1\r\n",
            )],
            Some(8),
            None,
            "-",
        ),
    ] {
        let host = SimHost::fresh();
        host.edit(|state| {
            state.arc.c_max = 8 * GIB;
            state.arc.parameter_max = 8 * GIB;
            state
                .files
                .retain(|path, _| !path.as_str().starts_with("/etc/modprobe.d/"));
        })
        .unwrap();
        host.edit(|state| {
            for (path, text) in &files {
                state.files.insert((*path).into(), Entry::file(*text));
            }
        })
        .unwrap();
        let wanted = config(r#"{"zfs": {"arc_max": "8G"}}"#);
        let arc = look(&wanted, &host).arc;
        assert_eq!(arc.persistent, limit.map(|gib| gib * GIB), "{files:?}");
        assert_eq!(arc.overruled_by.as_deref(), winner, "{files:?}");
        let made = plan(&wanted, &host);
        let refusal = made.refusals.first();
        let found = match (refusal, made.steps.as_slice()) {
            (Some(refusal), _) => refusal.reason.split(' ').next().unwrap(),
            (None, []) => "-",
            (None, _) => "set",
        };
        assert_eq!(found, outcome, "{files:?}");
        assert_eq!(run(&made, &host).is_success(), refusal.is_none());
        assert!(plan(&wanted, &host).steps.is_empty(), "{files:?}");
    }
}
