//! Storages and containers beyond the recordings.

use super::*;

#[test]
fn a_dir_storage_needs_its_mount_and_makes_its_directories() {
    let host = two_pools();
    let add = "pvesm add dir backups --path /srv/backups --is_mountpoint 1 --content backup";
    assert_eq!(run(&host, add).code, Some(255));
    all_ok(
        &host,
        &["zfs create -o mountpoint=/srv/backups fast/backups", add],
    );
    assert!(
        host.state()
            .entry(Utf8Path::new("/srv/backups/dump"))
            .is_some()
    );
    let list = all_ok(&host, &["pvesh get /storage --output-format json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["storage"], "backups");
    assert_eq!(list[0]["is_mountpoint"], "1");
}

#[test]
fn a_storage_keeps_a_mountpoint_that_does_not_match_with_a_warning() {
    let host = two_pools();
    let output = run(
        &host,
        "pvesm add zfspool z1 --pool quick --mountpoint /elsewhere",
    );
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(0),
            "warning for z1 - mountpoint: /elsewhere does not match current mount point: /quick\n"
        )
    );
    assert_eq!(
        host.state().storages.unwrap()["z1"].options["mountpoint"],
        "/elsewhere"
    );
}

#[test]
fn a_running_container_takes_a_new_mount_now_and_another_text_later() {
    let host = two_pools();
    host.edit(|state| {
        state.running.insert(101);
    })
    .unwrap();
    let missing = run(&host, "pct set 101 --mp0 /nowhere,mp=/data");
    assert!(
        missing
            .stderr
            .contains("directory '/nowhere' does not exist"),
        "{missing:?}"
    );
    all_ok(&host, &["pct set 101 --mp0 /quick,ro=on,mp=/data"]);
    let conf = |host: &SimHost| {
        host.read_file(Utf8Path::new("/etc/pve/lxc/101.conf"))
            .unwrap()
            .unwrap()
    };
    assert!(
        conf(&host).contains("\nmp0: /quick,mp=/data,ro=1\n"),
        "{}",
        conf(&host)
    );
    assert!(!conf(&host).contains("pending"));
    // The same mount in another order of words waits for a restart all the same.
    all_ok(&host, &["pct set 101 --mp0 /quick,ro=1,mp=/data"]);
    assert!(conf(&host).ends_with("\n[pve:pending]\nmp0: /quick,ro=1,mp=/data\n"));
    all_ok(&host, &["pct set 101 --mp0 /quick,mp=/data,ro=1"]);
    assert!(!conf(&host).contains("pending"));
    let list = all_ok(&host, &["pct list"]);
    assert_eq!(
        list,
        "VMID       Status     Lock         Name                \n\
         101        running                 ct101               \n\
         102        stopped                 ct102               \n"
    );
}
