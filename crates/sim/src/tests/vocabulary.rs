//! The edges of the simulation: what it does not know, faults, its state file, any words at all.

use proptest::prelude::*;

use super::*;

#[test]
fn nothing_outside_the_vocabulary_succeeds() {
    let host = two_pools();
    let before = host.state();
    for line in [
        "zpool destroy quick",
        "zfs destroy quick",
        "zfs",
        "wipefs",
        "wipefs --all /dev/nvme0n1",
        "lsblk",
        "find / -delete",
        "find",
        "pvesh create /storage",
        "pvesm remove local",
        "pct destroy 101",
        "exportfs -u",
        "udevadm trigger",
        "update-initramfs -d",
        "systemctl restart nfs-server",
        "getent hosts x",
        "smartctl -t long /dev/nvme0",
        "nvme format /dev/nvme0",
        "rm -rf /",
        "",
    ] {
        let output = run(&host, line);
        assert_ne!(output.code, Some(0), "{line}");
        assert_ne!(output.stderr, "", "{line}");
    }
    assert_eq!(host.state(), before);
}

#[test]
fn a_command_that_lies_about_its_effect_is_refused() {
    let host = two_pools();
    let command = Command::read(Program::Zfs, ["create", "quick/a"]);
    assert!(matches!(
        host.run(&command),
        Err(HostError::ReadOnly { .. })
    ));
    assert!(!host.state().datasets.contains_key("quick/a"));
}

#[test]
fn faults_fail_hang_and_come_late() {
    let host = two_pools();
    let create = Command::write(Program::Zfs, ["create", "quick/a"]);
    let fault = |kind| Fault {
        pattern: "zfs create*quick/a".to_owned(),
        nth: 1,
        kind,
    };
    host.add_fault(fault(FaultKind::Fail)).unwrap();
    assert_eq!(host.run(&create).unwrap().code, Some(1));
    host.add_fault(fault(FaultKind::Hang)).unwrap();
    assert!(matches!(host.run(&create), Err(HostError::TimedOut { .. })));
    assert!(!host.state().datasets.contains_key("quick/a"));
    host.add_fault(fault(FaultKind::Late)).unwrap();
    assert!(matches!(host.run(&create), Err(HostError::TimedOut { .. })));
    assert!(host.state().datasets.contains_key("quick/a"));
    assert!(host.state().faults.is_empty());
}

#[test]
fn after_the_power_cut_nothing_answers() {
    let host = two_pools();
    host.fail_after(1);
    all_ok(&host, &["exportfs -s", "zfs create quick/a"]);
    for line in ["zfs create quick/b", "exportfs -s"] {
        assert_eq!(run(&host, line).code, Some(126), "{line}");
    }
    assert!(host.read_file(Utf8Path::new("/etc/exports")).is_err());
    assert!(!host.state().datasets.contains_key("quick/b"));
    assert_eq!(host.writes().last().unwrap(), "zfs create quick/a");
}

#[test]
fn two_processes_share_a_state_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().join("host.json")).unwrap();
    let one = SimHost::open(&path).unwrap();
    let two = SimHost::open(&path).unwrap();
    all_ok(&one, &[&format!("zpool create quick {SIM}4TB_SIM4TC0003")]);
    all_ok(&two, &["zfs create quick/a"]);
    all_ok(&one, &["zfs create quick/b"]);
    let names: Vec<String> = SimHost::open(&path)
        .unwrap()
        .state()
        .datasets
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["quick", "quick/a", "quick/b"]);

    std::fs::write(&path, "{\"format\": 1}").unwrap();
    let error = SimHost::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("is not the state of a simulated host"),
        "{error}"
    );
    assert_eq!(run(&one, "zfs create quick/c").code, Some(126));
}

/// Words from which a command line of the vocabulary, or something close to one, can arise.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "create",
        "set",
        "get",
        "mount",
        "list",
        "status",
        "add",
        "-a",
        "-J",
        "-P",
        "-Hp",
        "-o",
        "-O",
        "-s",
        "-V",
        "-f",
        "-ra",
        "quick",
        "quick/a",
        "quick/a/b",
        "fast",
        "101",
        "mirror",
        "raidz2",
        "draid1",
        "special",
        "log",
        "cache",
        "spare",
        "quota=1G",
        "quota=none",
        "mountpoint=/srv/x",
        "mountpoint=none",
        "reservation=9E",
        "volsize=1M",
        "ashift=12",
        "10G",
        "16",
        "name,property,value,source",
        "all",
        "used,available,mountpoint",
        "zfspool",
        "dir",
        "z1",
        "--pool",
        "--path",
        "/srv/x",
        "--content",
        "images,bogus",
        "--delete",
        "mp0",
        "--mp0",
        "/srv/x,mp=/x,ro=1",
        "passwd",
        "root",
        "(",
        "-empty",
        "/",
        "",
        "=",
        "a=",
        "encryption=on",
        "keyformat=raw",
        "keylocation=file:///etc/hostname",
        "canmount=off",
        "refreservation=auto",
        "volblocksize=512",
    ];
    prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => proptest::sample::select(vec!["2TB_SIM2TA0001", "2TB_SIM2TB0002", "4TB_SIM4TC0003"])
            .prop_map(|disk| format!("{SIM}{disk}")),
        1 => "\\PC{0,12}",
    ]
}

fn command_line() -> impl Strategy<Value = Vec<String>> {
    let programs = Program::ALL.map(Program::name).to_vec();
    let first = prop_oneof![
        3 => proptest::sample::select(vec!["zfs", "zpool", "pvesm", "pct"]),
        1 => proptest::sample::select(programs),
    ];
    (first, proptest::collection::vec(word(), 0..8)).prop_map(|(program, mut words)| {
        words.insert(0, program.to_owned());
        words
    })
}

proptest! {
    #[test]
    fn no_command_line_panics_and_any_state_survives_its_file(
        lines in proptest::collection::vec(command_line(), 1..25),
        exports in "\\PC{0,60}",
    ) {
        let host = SimHost::fresh();
        all_ok(&host, &[&format!("zpool create quick {SIM}4TB_SIM4TC0003"), "zfs create quick/a"]);
        host.write_file(Utf8Path::new("/etc/exports"), &exports).unwrap();
        prop_assert!(run(&host, "exportfs -ra").code.is_some());
        for line in &lines {
            let output = run_argv(&host, line);
            // Only getent fails without a word, as the real one does.
            let silent = output.stderr.is_empty() && output.stdout.is_empty();
            prop_assert!(output.code == Some(0) || !silent || line[0] == "getent");
        }
        let state = host.state();
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(&serde_json::from_str::<State>(&text).unwrap(), &state);
        for name in state.datasets.keys() {
            prop_assert!(state.used(name) >= state.datasets[name].referenced);
        }
        for mount in &state.mounts {
            let directory = state.entry(&mount.target).map(|entry| entry.kind.clone());
            prop_assert!(mount.fstype != "zfs" || directory == Some(EntryKind::Directory));
        }
    }
}
