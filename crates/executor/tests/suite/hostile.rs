//! Odd names and paths that are valid reach the tools as one argument each, and files escaped.

use phoenix_executor::event::Outcome;
use phoenix_host::Host;
use phoenix_sim::SimHost;

use crate::support::{config, outcome, plan, run, set_up};

const FILE: &str = r#"{
  "zfs": {
    "pools": [{"name": "tank", "raid_level": "single", "disks": [
      "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}],
    "datasets": [{"pool": "tank", "name": "data", "mountpoint": "MOUNTPOINT",
      "properties": {"phoenix:note": "NOTE"}}]
  },
  "nfs": {"exports": [{"dataset": "tank/data", "clients": ["10.0.0.7"], "options": ["ro"]}]}
}"#;

#[test]
fn no_argument_becomes_two_and_no_line_becomes_another() {
    for (mountpoint, escaped) in [
        ("/srv/a b", r"/srv/a\040b"),
        ("/srv/a;reboot", "/srv/a;reboot"),
        ("/srv/$(reboot)", "/srv/$(reboot)"),
        ("/srv/*", "/srv/*"),
        ("/srv/#x", r"/srv/\043x"),
    ] {
        for note in ["-r", "a;b", "$(reboot)", "`reboot`", "a=b,c=d", "it's"] {
            let text = FILE.replace("MOUNTPOINT", mountpoint).replace("NOTE", note);
            let (config, host) = (config(&text), SimHost::fresh());
            set_up(&config, &host);
            let commands = host.commands();
            let has = |word: &str| {
                commands
                    .iter()
                    .any(|command| command.args.iter().any(|arg| arg == word))
            };
            assert!(has(&format!("mountpoint={mountpoint}")), "{mountpoint}");
            assert!(has(&format!("phoenix:note={note}")), "{note}");
            let exports = host
                .read_file("/etc/exports.d/phoenix.exports".into())
                .unwrap()
                .unwrap();
            let lines: Vec<&str> = exports
                .lines()
                .filter(|line| !line.starts_with('#'))
                .collect();
            assert_eq!(lines.len(), 1, "{exports}");
            assert!(
                lines[0].starts_with(&format!("{escaped} 10.0.0.7(")),
                "{exports}"
            );
            assert!(plan(&config, &host).is_empty(), "{mountpoint} {note}");
        }
    }
}

/// A disk is one that the host lists under that very name; a path is never followed.
#[test]
fn a_path_that_is_no_disk_is_refused_whatever_it_leads_to() {
    for path in [
        "/etc/passwd",
        "/dev/disk/by-id/../../nvme2n1",
        "/dev/disk/by-id/../by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003",
        "/dev/disk/by-id/a b",
        "/dev/disk/by-id/a,b",
        "/dev/disk/by-id/a\\nb",
    ] {
        let disk = "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003";
        let text = FILE.replace("MOUNTPOINT", "/srv/data").replace(disk, path);
        let (config, host) = (config(&text), SimHost::fresh());
        let report = run(&plan(&config, &host), &host);
        let pool = outcome(&report, "pool:tank");
        assert_eq!(pool.outcome, Outcome::Blocked, "{path}");
        let error = pool.error.clone().unwrap();
        assert!(
            error.message.contains("there is no disk"),
            "{}",
            error.message
        );
        let mut writes = host.writes();
        // The drop-in of the NFS server stands on no disk.
        writes.retain(|write| {
            !write.contains("systemd/system") && write != "systemctl daemon-reload"
        });
        assert_eq!(writes, [] as [String; 0], "{path}");
    }
}
