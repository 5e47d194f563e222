//! Hosts as people have them: installed on partitions, with pools that are not imported, with a ZFS
//! that does not know every word of the file.

use std::collections::BTreeSet;
use std::fs;

use camino::Utf8Path;
use phoenix_executor::import::import;
use phoenix_host::Host;
use phoenix_host::command::{Command, Output};
use phoenix_planner::plan::Plan;
use phoenix_sim::SimHost;
use serde_json::{Value, json};

use crate::pool_states::disk;
use crate::support::{Interposed, config, plan, set_up};

/// Steps, and refusals with their way out.
fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().map(|step| format!("do {}", step.id));
    let refused = plan.refusals.iter().map(|refusal| {
        let (id, reason, help) = (&refusal.id, &refusal.reason, &refusal.help);
        format!("refused {id}: {reason}; {help}")
    });
    steps.chain(refused).collect()
}

/// A host as the Proxmox installer leaves it: `rpool` is a mirror on the third partition of two disks.
fn installed() -> SimHost {
    let fresh = SimHost::fresh();
    fresh
        .edit(|state| state.disks.extend((1..=5).map(disk)))
        .unwrap();
    let mut state = serde_json::to_value(fresh.state()).unwrap();
    let guid = 1_112_223_334_445_556_667_u64;
    let label = |offset: u32| json!({"kind": "zfs_member", "offset": offset, "uuid": guid.to_string(), "label": "rpool"});
    let partition = |size: u64, kind: &str, signatures: Value| json!({"size": size, "kind": kind, "signatures": signatures});
    let vfat = json!([{"kind": "vfat", "offset": 54, "uuid": "ABCD-1234", "label": null}]);
    for name in ["sdb", "sdc"] {
        let disk = &mut state["disks"][name];
        disk["table"] = json!("gpt");
        disk["partitions"] = json!({
            "1": partition(1_031_168, "21686148-6449-6e6f-744e-656564454649", json!([])),
            "2": partition(1 << 30, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", vfat.clone()),
            "3": partition(
                3_999_587_030_016,
                "6a898cc3-1dd2-11b2-99a6-080020736631",
                json!([label(16_384), label(278_528)]),
            ),
        });
    }
    let member = |number: u8, device: &str| {
        let path = format!("/dev/disk/by-id/ata-HGST_HUS728T8_SIMX{number:02}-part3");
        json!({"path": path, "device": device, "state": "ONLINE"})
    };
    state["pools"]["rpool"] = json!({
        "guid": guid, "size": 3_985_729_650_688_u64, "usable": 3_861_131_670_464_u64,
        "health": "ONLINE", "properties": {"ashift": "12"},
        "vdevs": [{"class": "data", "kind": "mirror", "members": [member(1, "sdb3"), member(2, "sdc3")]}],
    });
    let file = json!({"": {"kind": "directory", "uid": 0, "gid": 0, "mode": 0o755}});
    let own = |pairs: &[(&str, &str)]| -> Value {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (*name, json!({"value": value})));
        pairs
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    for (index, (name, properties)) in [
        (
            "rpool",
            own(&[("atime", "on"), ("relatime", "on"), ("compression", "on")]),
        ),
        ("rpool/ROOT", own(&[])),
        (
            "rpool/ROOT/pve-1",
            own(&[("mountpoint", "/"), ("acltype", "posixacl")]),
        ),
        ("rpool/data", own(&[])),
        ("rpool/var-lib-vz", own(&[("mountpoint", "/var/lib/vz")])),
    ]
    .into_iter()
    .enumerate()
    {
        state["datasets"][name] = json!({
            "guid": 1001 + index, "properties": properties, "referenced": 24_576, "files": file,
        });
    }
    let mount =
        |source: &str, target: &str| json!({"source": source, "target": target, "fstype": "zfs"});
    let mounts = state["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["target"] != "/");
    mounts.insert(0, mount("rpool/ROOT/pve-1", "/"));
    mounts.extend([
        mount("rpool", "/rpool"),
        mount("rpool/ROOT", "/rpool/ROOT"),
        mount("rpool/data", "/rpool/data"),
        mount("rpool/var-lib-vz", "/var/lib/vz"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::write(&path, state.to_string()).unwrap();
    let host = SimHost::open(Utf8Path::from_path(&path).unwrap()).unwrap();
    let state = host.state();
    let own = SimHost::fresh();
    own.edit(|fresh| *fresh = state).unwrap();
    own
}

fn rpool(disks: &[&str]) -> String {
    let disks: Vec<String> = disks
        .iter()
        .map(|disk| format!("/dev/disk/by-id/ata-HGST_HUS728T8_{disk}"))
        .collect();
    let pool = json!({"name": "rpool", "raid_level": "mirror", "disks": disks});
    json!({"zfs": {"pools": [pool], "datasets": [{"pool": "rpool", "name": "data"}]}}).to_string()
}

#[test]
fn a_pool_on_partitions_is_declared_by_its_partitions() {
    let host = installed();
    let same = config(&rpool(&["SIMX01-part3", "SIMX02-part3"]));
    assert_eq!(lines(&plan(&same, &host)), Vec::<String>::new());
    let by_name = config(
        r#"{"zfs": {"pools": [{"name": "rpool"}], "datasets": [
        {"pool": "rpool", "name": "data"}]}}"#,
    );
    assert_eq!(lines(&plan(&by_name, &host)), Vec::<String>::new());
    let whole = plan(&config(&rpool(&["SIMX01", "SIMX05"])), &host);
    assert_eq!(
        lines(&whole),
        ["refused pool:rpool: pool rpool is on the partition \
             /dev/disk/by-id/ata-HGST_HUS728T8_SIMX01-part3, and the file names the whole disk \
             /dev/disk/by-id/ata-HGST_HUS728T8_SIMX01; name the partitions in the file: \
             /dev/disk/by-id/ata-HGST_HUS728T8_SIMX01-part3, \
             /dev/disk/by-id/ata-HGST_HUS728T8_SIMX02-part3"]
    );
}

#[test]
fn an_installed_host_is_described_with_its_partitions_and_plans_to_nothing() {
    let host = installed();
    let first = import(&host, &BTreeSet::new()).unwrap();
    let file: Value = serde_json::from_str(&first.text).unwrap();
    let pool = &file["zfs"]["pools"][0];
    assert_eq!(
        (&pool["raid_level"], &pool["disks"]),
        (
            &json!("mirror"),
            &json!([
                "/dev/disk/by-id/ata-HGST_HUS728T8_SIMX01-part3",
                "/dev/disk/by-id/ata-HGST_HUS728T8_SIMX02-part3"
            ])
        )
    );
    let datasets = file["zfs"]["datasets"].as_array().unwrap();
    let names: Vec<&str> = datasets
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["ROOT", "ROOT/pve-1", "data", "var-lib-vz"]);
    assert_eq!(
        lines(&plan(&config(&first.text), &host)),
        Vec::<String>::new()
    );
    assert_eq!(import(&host, &BTreeSet::new()).unwrap().text, first.text);
}

#[test]
fn a_pool_whose_disks_cannot_be_told_is_described_by_its_name_with_its_datasets() {
    let host = installed();
    let odd = Interposed {
        host: &host,
        answer: |command: &Command| {
            let asked = command.to_string() == "zpool status -P rpool";
            asked.then(|| {
                let text = host.run(command).unwrap().stdout;
                Output::success(text.replace("mirror-0", "wonder-0"))
            })
        },
    };
    let imported = import(&odd, &BTreeSet::new()).unwrap();
    let file: Value = serde_json::from_str(&imported.text).unwrap();
    let pool = file["zfs"]["pools"][0].as_object().unwrap();
    assert_eq!(pool["name"], "rpool");
    assert!(
        !pool.contains_key("disks") && !pool.contains_key("vdevs"),
        "{pool:?}"
    );
    assert_eq!(file["zfs"]["datasets"].as_array().unwrap().len(), 4);
    let left: Vec<_> = imported
        .left_out
        .iter()
        .map(|left| (left.what.as_str(), left.why.as_str()))
        .collect();
    let why = left
        .iter()
        .find_map(|(what, why)| (*what == "the disks of pool:rpool").then_some(why));
    assert!(why.unwrap().contains("wonder-0"), "{left:?}");
}

#[test]
fn a_comment_does_not_hide_a_pool_that_is_not_imported() {
    let text = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "mirror", "disks": [
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001",
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002"],
        "properties": {"comment": "made by phoenix"}}],
        "datasets": [{"pool": "tank", "name": "data"}]}}"#;
    let host = SimHost::fresh();
    set_up(&config(text), &host);
    let argv = ["zpool", "export", "tank"].map(str::to_owned);
    assert_eq!(phoenix_sim::run_argv(&host, &argv).code, Some(0));
    let left = import(&host, &BTreeSet::new()).unwrap().left_out;
    let named = left.iter().find(|left| left.what == "pool:tank").unwrap();
    assert!(named.why.contains("is not imported"), "{}", named.why);
    assert_eq!(lines(&plan(&config(text), &host))[0], "do pool:tank");
    set_up(&config(text), &host);
    assert_eq!(lines(&plan(&config(text), &host)), Vec::<String>::new());
}

#[test]
fn a_word_that_the_hosts_zfs_does_not_know_costs_its_dataset_and_no_other() {
    let text = r#"{"zfs": {"pools": [
        {"name": "tank", "raid_level": "mirror", "disks": [
            "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001",
            "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002"]},
        {"name": "other", "raid_level": "single", "disks": [
            "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}],
        "datasets": [
            {"pool": "tank", "name": "data", "properties": {"quota": "100G"}},
            {"pool": "other", "name": "x", "properties": {"defaultuserquota": "1G"}}]}}"#;
    let host = SimHost::fresh();
    host.edit(|state| state.zfs_version = Some("2.3.9-0+deb13u1".to_owned()))
        .unwrap();
    // The pools are there, so that ZFS is asked about the datasets in one question.
    let without = text.replace(r#""defaultuserquota": "1G""#, "");
    set_up(&config(&without), &host);
    host.edit(|state| {
        state.datasets.remove("tank/data");
        state.mounts.retain(|mount| mount.source != "tank/data");
    })
    .unwrap();
    let older = Interposed {
        host: &host,
        answer: |command: &Command| {
            command.to_string().contains("defaultuserquota").then(|| {
                let usage = "bad property list: invalid property 'defaultuserquota'\nusage:\n";
                Output::failure(2, usage)
            })
        },
    };
    assert_eq!(
        lines(&plan(&config(text), &older)),
        [
            "do dataset:tank/data",
            "refused dataset:other/x: this host's OpenZFS 2.3.9 has no property defaultuserquota; remove \
             it, or run OpenZFS 2.4.0 or later on this host"
        ]
    );
}

#[test]
fn ashift_is_what_the_vdevs_have() {
    let text = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "stripe", "ashift": 12, "disks": [
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001",
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002"]}]}}"#;
    let host = SimHost::fresh();
    set_up(&config(text), &host);
    let told = |host: &dyn Host, text: &str| -> Vec<String> {
        let notes = plan(&config(text), host).notes;
        notes.into_iter().map(|note| note.message).collect()
    };
    assert_eq!(told(&host, text), Vec::<String>::new());
    // The second disk was added with -o ashift=9, which changes the property of no pool.
    let mixed = Interposed {
        host: &host,
        answer: |command: &Command| {
            command
                .to_string()
                .ends_with(" ashift tank all-vdevs")
                .then(|| {
                    let text = host.run(command).unwrap().stdout;
                    Output::success(text.replace("SIM2TB0002\tashift\t12", "SIM2TB0002\tashift\t9"))
                })
        },
    };
    assert_eq!(
        told(&mixed, text),
        [
            "the file states ashift=12 for pool tank, which no vdev that exists can get any more: \
             /dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002-part1 has ashift=9"
        ]
    );
    let silent = text.replace(r#""ashift": 12,"#, "");
    assert_eq!(told(&mixed, &silent), Vec::<String>::new());
    // OpenZFS 2.1 has no properties of vdevs.
    let old = Interposed {
        host: &host,
        answer: |command: &Command| {
            let asked = command.to_string().ends_with(" all-vdevs");
            asked.then(|| Output::failure(2, "Expected a list of vdevs in \"tank\", but got:\n"))
        },
    };
    assert_eq!(told(&old, text), Vec::<String>::new());
}
