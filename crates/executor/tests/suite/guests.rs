//! A disk that a guest's file names, or that a process has open, is in use: it is neither written to
//! nor is the pool on it imported, whatever is granted.

use std::error::Error;

use phoenix_executor::observe;
use phoenix_host::command::{Command, Output};
use phoenix_planner::{Grants, PlanOptions, wanted};
use phoenix_sim::state::{Entry, OpenDevice, State};
use phoenix_sim::{self as sim, SimHost};

use crate::support::{Interposed, config, message, plan, plan_with, run, set_up};

const ONE_DISK: &str =
    r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "single", "disks": ["nvme-D_S1"]}]}}"#;

/// A host with three drives; the file names the first.
fn host() -> SimHost {
    let drives = ["nvme-D_S1", "nvme-D_S2", "nvme-D_S3"].map(|name| (name, 1 << 34));
    SimHost::with_drives(&drives)
}

fn granted() -> PlanOptions {
    PlanOptions {
        grants: Grants {
            wipe_named: true,
            ..Grants::default()
        },
        ..PlanOptions::default()
    }
}

fn file(state: &mut State, path: &str, text: &str) {
    state.files.insert(path.into(), Entry::file(text));
}

/// The reason for which the pool is refused, with every grant there is.
fn refusal(host: &SimHost) -> Option<String> {
    let plan = plan_with(&config(ONE_DISK), host, &granted());
    let refusal = plan.refusals.first()?;
    Some(format!("{} {}", refusal.reason, refusal.help))
}

const MACHINE: &str = "/etc/pve/qemu-server/200.conf";
const CONTAINER: &str = "/etc/pve/lxc/300.conf";

#[test]
fn a_disk_that_a_guest_is_given_is_in_use_whether_the_guest_runs_or_not() {
    let cases = [
        (
            MACHINE,
            "name: nas\nscsi1: /dev/disk/by-id/nvme-D_S1,size=16G\n",
            "scsi1",
        ),
        (MACHINE, "virtio0: /dev/nvme0n1,iothread=1\n", "virtio0"),
        (MACHINE, "sata3: file=/dev/nvme0n1\n", "sata3"),
        (MACHINE, "ide0: /dev/disk/by-id/nvme-D_S1-part1\n", "ide0"),
        (MACHINE, "efidisk0: /dev/nvme0n1p1,efitype=4m\n", "efidisk0"),
        (MACHINE, "scsi1: /dev/my-disk\n", "scsi1"),
        (MACHINE, "scsi1: /dev/disks/first,size=16G\n", "scsi1"),
        (MACHINE, "unused0: /dev/nvme0n1\n", "unused0"),
        (
            MACHINE,
            "args: -drive file=/dev/nvme0n1,if=virtio\n",
            "args",
        ),
        (
            MACHINE,
            "memory: 512\n\n[PENDING]\nscsi1: /dev/nvme0n1\n",
            "scsi1",
        ),
        (
            MACHINE,
            "memory: 512\n\n[before]\nscsi1: /dev/nvme0n1\n",
            "scsi1",
        ),
        (MACHINE, "hostpci0: 0000:01:00.0,pcie=1\n", "hostpci0"),
        (MACHINE, "hostpci0: 0000:01:00\n", "hostpci0"),
        (MACHINE, "hostpci1: 01:00\n", "hostpci1"),
        (MACHINE, "hostpci1: host=07:00.0;01:00.0\n", "hostpci1"),
        (MACHINE, "hostpci2: mapping=fast,pcie=1\n", "hostpci2"),
        (
            CONTAINER,
            "hostname: x\nmp0: /dev/disk/by-id/nvme-D_S1,mp=/data\n",
            "mp0",
        ),
        (CONTAINER, "rootfs: /dev/nvme0n1p1,size=8G\n", "rootfs"),
        (CONTAINER, "dev0: /dev/nvme0n1,gid=6\n", "dev0"),
        (CONTAINER, "dev1: path=/dev/nvme0n1\n", "dev1"),
        (
            CONTAINER,
            "lxc.mount.entry: /dev/nvme0n1 dev/disk none bind,create=file\n",
            "lxc.mount.entry",
        ),
        (
            CONTAINER,
            "lxc.mount.entry = /dev/nvme0n1 dev/disk none bind\n",
            "lxc.mount.entry",
        ),
    ];
    for (path, text, key) in cases {
        let host = host();
        host.edit(|state| {
            file(state, path, text);
            file(
                state,
                "/etc/pve/mapping/pci.cfg",
                "pci: other\n\tmap id=1:2,node=pve-sim,path=0000:02:00.0\n\
                 pci: fast\n\tmap id=1:2,node=elsewhere,path=0000:03:00.0\n\
                 \tmap id=144d:a80a,node=pve-sim,path=0000:01:00.0\n",
            );
            state.links.insert("/dev/my-disk".into(), "nvme0n1".into());
            let by_id = "../disk/by-id/nvme-D_S1".into();
            state.links.insert("/dev/disks/first".into(), by_id);
        })
        .unwrap();
        let Some(refusal) = refusal(&host) else {
            panic!("taken, though {path} says {text}");
        };
        let guest = match path {
            MACHINE => "virtual machine 200",
            _ => "container 300",
        };
        let reason = format!("given to {guest} ({key})");
        assert!(refusal.contains(&reason), "{text}: {refusal}");
        assert!(!refusal.contains("--allow"), "{refusal}");
    }
}

#[test]
fn what_names_another_device_or_no_device_is_no_use_of_the_disk() {
    for (path, text) in [
        (
            MACHINE,
            "#/dev/nvme0n1 is for later\nscsi0: local-lvm:vm-200-disk-0\n",
        ),
        (MACHINE, "scsi1: /dev/disk/by-id/nvme-D_S2\n"),
        (MACHINE, "scsi1: /dev/nvme0n10\n"),
        (MACHINE, "ide2: local:iso/nvme0n1.iso,media=cdrom\n"),
        (MACHINE, "hostpci0: 0000:02:00\nhostpci1: 0000:0a:01:00.0\n"),
        (MACHINE, "hostpci0: mapping=unknown\n"),
        (CONTAINER, "mp0: /srv/share,mp=/dev/nvme0n1\n"),
        (CONTAINER, "dev0: /dev/dri/renderD128,gid=104\n"),
        (
            "/etc/pve/qemu-server/200.conf.tmp.7",
            "scsi1: /dev/nvme0n1\n",
        ),
        (
            "/etc/pve/nodes/other/qemu-server/201.conf",
            "scsi1: /dev/nvme0n1\n",
        ),
    ] {
        let host = host();
        host.edit(|state| file(state, path, text)).unwrap();
        assert_eq!(refusal(&host), None, "{path}: {text}");
        set_up(&config(ONE_DISK), &host);
    }
}

fn opened(path: &str, program: &str) -> OpenDevice {
    OpenDevice {
        path: path.to_owned(),
        pid: 4711,
        program: program.to_owned(),
    }
}

#[test]
fn a_disk_that_a_process_has_open_is_in_use_unless_it_only_looks() {
    for (path, program, refused) in [
        ("/dev/nvme0n1", "kvm", true),
        ("/dev/nvme0n1", "dd", true),
        ("/dev/nvme0n1", "fdisk", true),
        ("/dev/nvme0n1", "smartd", false),
        ("/dev/nvme0n1", "od", false),
        ("/dev/nvme0n1", "(udev-worker)", false),
        ("/dev/nvme1n1", "kvm", false),
    ] {
        let host = host();
        host.edit(|state| state.open = vec![opened(path, program)])
            .unwrap();
        let said = refusal(&host).unwrap_or_default();
        let reason = format!("open for {program} (process 4711)");
        assert_eq!(said.contains(&reason), refused, "{path} {program}: {said}");
    }
}

#[test]
fn a_guest_that_takes_a_disk_after_the_plan_keeps_it() {
    type Meanwhile = fn(&mut State);
    let cases: [(Meanwhile, &str); 2] = [
        (
            |state| file(state, MACHINE, "scsi1: /dev/nvme0n1\n"),
            "in use: given to virtual machine 200 (scsi1)",
        ),
        (
            |state| state.open = vec![opened("/dev/nvme0n1", "kvm")],
            "in use: open for kvm (process 4711)",
        ),
    ];
    for (meanwhile, reason) in cases {
        for signature in [None, Some("ext4")] {
            let (config, host) = (config(ONE_DISK), host());
            if let Some(kind) = signature {
                host.add_signature("nvme0n1", kind).unwrap();
            }
            let plan = plan_with(&config, &host, &granted());
            assert_eq!(plan.refusals, []);
            host.edit(meanwhile).unwrap();
            let before = host.state();
            let failed = message(&run(&plan, &host), "pool:tank");
            assert!(failed.contains(reason), "{failed}");
            assert_eq!(host.state(), before);
        }
    }
}

/// A host with a pool `tank` on its first drive that is not imported, as a power cut leaves it.
fn not_imported() -> SimHost {
    let host = host();
    set_up(&config(ONE_DISK), &host);
    let argv = ["zpool", "export", "tank"].map(str::to_owned);
    assert_eq!(sim::run_argv(&host, &argv).code, Some(0));
    host
}

#[test]
fn the_pool_of_a_guest_is_never_imported_and_nobody_is_told_to() {
    let imports = |host: &SimHost| {
        let writes = host.writes();
        writes.iter().any(|write| write.starts_with("zpool import"))
    };
    let free = not_imported();
    assert!(run(&plan(&config(ONE_DISK), &free), &free).is_success());
    assert!(imports(&free));

    let given = not_imported();
    given
        .edit(|state| file(state, MACHINE, "scsi1: /dev/disk/by-id/nvme-D_S1\n"))
        .unwrap();
    let plan_then = plan(&config(ONE_DISK), &given);
    let [refusal] = &plan_then.refusals[..] else {
        panic!("{:?}", plan_then.refusals);
    };
    let said = format!("{} {}", refusal.reason, refusal.help);
    assert!(said.contains("given to virtual machine 200"), "{said}");
    assert!(!said.contains("import"), "{said}");

    let later = not_imported();
    let planned = plan(&config(ONE_DISK), &later);
    later
        .edit(|state| state.open = vec![opened("/dev/nvme0n1p1", "kvm")])
        .unwrap();
    message(&run(&planned, &later), "pool:tank");
    assert!(!imports(&later));
}

#[test]
fn guests_files_that_cannot_be_read_end_the_look() {
    let unreadable = Interposed {
        host: host(),
        answer: |command: &Command| {
            let denied = "grep: /etc/pve/lxc: Permission denied\n";
            let is_it = command.to_string().starts_with("grep");
            is_it.then(|| Output::failure(2, denied))
        },
    };
    let error = observe(&unreadable, &wanted(&config(ONE_DISK))).unwrap_err();
    let mut story = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        story = format!("{story}: {cause}");
        source = cause.source();
    }
    assert!(story.contains("Permission denied"), "{story}");
}
