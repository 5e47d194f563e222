//! What real tools printed, word for word: from `recordings/` and the fixtures.

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
struct RecordedExport {
    line: String,
    code: i32,
    stderr: String,
    exported: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RecordedStorage {
    argv: Vec<String>,
    code: i32,
    stderr: String,
    before: Option<Storage>,
    after: Option<Storage>,
}

#[derive(Debug, Deserialize)]
struct RecordedContainer {
    argv: Vec<String>,
    code: i32,
    stderr: String,
    running: bool,
    before: String,
    after: String,
}

#[derive(Debug, Deserialize)]
struct Recorded {
    name: String,
    host: String,
    argv: Vec<String>,
    code: i32,
    stdout: String,
    stderr: String,
}

#[test]
fn errors_are_the_real_ones() {
    let mut cases = 0;
    for line in include_str!("../recordings/errors.jsonl").lines() {
        let case: Recorded = serde_json::from_str(line).unwrap();
        let output = run_argv(&prepared(&case.host), &case.argv);
        assert_eq!(output.code, Some(case.code), "{}: {output:?}", case.name);
        assert_eq!(output.stdout, case.stdout, "{}", case.name);
        assert_eq!(output.stderr, case.stderr, "{}", case.name);
        cases += 1;
    }
    assert_eq!(cases, 77, "no recording may get lost");
}

#[test]
fn capacities_are_the_real_ones() {
    let host = prepared("pools");
    let list = run(&host, "zpool list -Hp -o name,guid,size,health").stdout;
    let sizes: Vec<&str> = list
        .lines()
        .map(|line| line.split('\t').nth(2).unwrap())
        .collect();
    assert_eq!(sizes, ["4380866641920", "2181843386368"]);
    let state = host.state();
    // What real root datasets showed as used plus available on the same drives.
    assert_eq!(
        state.used("quickOS") + state.available("quickOS"),
        2_114_197_651_456
    );
    assert_eq!(
        state.used("fastData") + state.available("fastData"),
        4_244_501_430_272
    );
}

#[test]
fn exportfs_refuses_what_the_real_one_refuses() {
    let mut cases = 0;
    for line in include_str!("../recordings/exports.jsonl").lines() {
        let case: RecordedExport = serde_json::from_str(line).unwrap();
        let host = prepared("filled");
        all_ok(&host, &["zfs create 'quickOS/with-space ok'"]);
        let path = Utf8Path::new("/etc/exports.d/phoenix.exports");
        host.write_file(path, &format!("{}\n", case.line)).unwrap();
        let output = run(&host, "exportfs -ra");
        assert_eq!(output.code, Some(case.code), "{}: {output:?}", case.line);
        assert_eq!(output.stderr, case.stderr, "{}", case.line);
        let listed = run(&host, "exportfs -s").stdout;
        let listed: Vec<&str> = listed.lines().collect();
        assert_eq!(listed, case.exported, "{}", case.line);
        cases += 1;
    }
    assert_eq!(cases, 12);
}

#[test]
fn pvesm_changes_storages_as_the_real_one_does() {
    let mut cases = 0;
    for line in include_str!("../recordings/storages.jsonl").lines() {
        let case: RecordedStorage = serde_json::from_str(line).unwrap();
        let what = case.argv.join(" ");
        let position = if case.argv[1] == "add" { 3 } else { 2 };
        let id = &case.argv[position];
        let host = SimHost::fresh();
        let disk = format!("{SIM}4TB_SIM4TC0003");
        all_ok(
            &host,
            &[
                &format!("zpool create tank {disk}"),
                "zfs create tank/data",
                "zfs create -o mountpoint=legacy tank/legacy",
            ],
        );
        host.edit(|state| {
            state.node = "pve1".to_owned();
            let storages = state.storages.as_mut().unwrap();
            storages.extend(case.before.map(|before| (id.clone(), before)));
        })
        .unwrap();
        let output = run_argv(&host, &case.argv);
        assert_eq!(output.code, Some(case.code), "{what}: {output:?}");
        assert_eq!(output.stderr, case.stderr, "{what}");
        let storages = host.state().storages.unwrap();
        assert_eq!(storages.get(id), case.after.as_ref(), "{what}");
        cases += 1;
    }
    assert_eq!(cases, 24);
}

#[test]
fn pct_changes_containers_as_the_real_one_does() {
    let mut cases = 0;
    for line in include_str!("../recordings/containers.jsonl").lines() {
        let case: RecordedContainer = serde_json::from_str(line).unwrap();
        let what = case.argv.join(" ");
        let host = SimHost::fresh();
        let path = Utf8Path::new("/etc/pve/lxc/101.conf");
        host.write_file(path, &case.before).unwrap();
        host.edit(|state| {
            if case.running {
                state.running.insert(101);
            }
        })
        .unwrap();
        let output = run_argv(&host, &case.argv);
        assert_eq!(output.code, Some(case.code), "{what}: {output:?}");
        assert_eq!(output.stderr, case.stderr, "{what}");
        assert_eq!(host.read_file(path).unwrap().unwrap(), case.after, "{what}");
        cases += 1;
    }
    assert_eq!(cases, 11);
}

#[test]
fn lsblk_and_wipefs_print_what_the_real_ones_print() {
    let host = scsi_host();
    let columns = "NAME,KNAME,PKNAME,PATH,TYPE,SIZE,SERIAL,MODEL,WWN,TRAN,ROTA,FSTYPE,LABEL,\
                   PTTYPE,PARTTYPE,MOUNTPOINTS";
    let simulated = all_ok(&host, &[&format!("lsblk -J -b -o {columns}")]);
    let real = include_str!("../../../tools/tests/fixtures/lsblk.json");
    // After these disks the real guest has others.
    let shared = simulated.strip_suffix("\n   ]\n}\n").unwrap();
    assert_eq!(shared, &real[..shared.len()]);
    let simulated = all_ok(&host, &["wipefs -J /dev/sde /dev/sde1"]);
    assert_eq!(
        simulated,
        include_str!("../../../tools/tests/fixtures/wipefs.json")
    );
    let simulated = all_ok(&host, &["wipefs -J /dev/sdf"]);
    assert_eq!(simulated, "{\n   \"signatures\": [\n\n   ]\n}\n");
}

#[derive(Debug, Deserialize)]
struct RecordedFile {
    argv: Vec<String>,
    rc: i32,
    before: String,
    after: String,
}

/// Files as people and other tools leave them. Not compared: comments, which the real one encodes. What
/// it makes of `env` and `entrypoint` is no business of mounts.
#[test]
fn pct_reads_and_rewrites_odd_files_as_the_real_one_does() {
    let meaning = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut alike = 0;
    let mut listed = Vec::new();
    for line in include_str!("../recordings/container-files.jsonl").lines() {
        let case: RecordedFile = serde_json::from_str(line).unwrap();
        let host = SimHost::fresh();
        let path = Utf8Path::new("/etc/pve/lxc/101.conf");
        host.write_file(path, &case.before).unwrap();
        let output = run_argv(&host, &case.argv);
        let after = host.read_file(path).unwrap().unwrap();
        if (output.code == Some(0)) == (case.rc == 0) && meaning(&after) == meaning(&case.after) {
            alike += 1;
        } else {
            listed.push((case.before, after));
        }
    }
    let other = listed
        .iter()
        .filter(|(before, _)| !before.contains("env: A=b"));
    assert_eq!(other.collect::<Vec<_>>(), Vec::<&_>::new());
    assert_eq!(alike, 47);
}
