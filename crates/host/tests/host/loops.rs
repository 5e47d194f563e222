//! Real block devices, made of files. They need root, and a kernel that lets them be.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Output};

use phoenix_host::local::LocalHost;
use phoenix_host::ssh::{SshHost, SshOptions};
use phoenix_host::{Host, HostError};

use crate::local::temporary;
use crate::sshd::Sshd;

/// A block device with two partitions, which ends with this value.
struct Loop {
    path: String,
    _keep: tempfile::TempDir,
}

impl Loop {
    fn new() -> Self {
        let (keep, directory) = temporary();
        let file = directory.join("disk");
        File::create(&file).unwrap().set_len(64 << 20).unwrap();
        let made = run(&["losetup", "-fP", "--show", file.as_str()]);
        let path = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        let this = Self { path, _keep: keep };
        let divide =
            |number: &str, start: &str| run(&["addpart", &this.path, number, start, "8192"]);
        let divided = made.status.success()
            && divide("1", "2048").status.success()
            && divide("2", "16384").status.success();
        assert!(divided, "no block devices can be made here: {made:?}");
        this
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if !self.path.is_empty() {
            run(&["losetup", "-d", &self.path]);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "makes the device that the test is about"
)]
fn run(argv: &[&str]) -> Output {
    let output = Command::new("/usr/bin/env").args(argv).output();
    output.unwrap()
}

/// Has a device for itself, as a mount in another namespace does.
fn somebody(device: &str) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::EXCL.bits().cast_signed())
        .open(device)
        .unwrap()
}

fn is_held(host: &dyn Host, devices: &[&str]) -> Option<String> {
    match host.hold_disks(devices) {
        Ok(_) => None,
        Err(HostError::InUse { device }) => Some(device),
        Err(error) => panic!("{error}"),
    }
}

fn check(host: &dyn Host, disk: &Loop, other: &Loop) {
    let (path, first) = (disk.path.as_str(), format!("{}p1", disk.path));
    let both = [other.path.as_str(), path];
    for (held, wanted, named) in [
        (path, vec![path], Some(path)),
        (path, vec![first.as_str()], Some(first.as_str())),
        (first.as_str(), vec![first.as_str()], Some(first.as_str())),
        (first.as_str(), both.to_vec(), Some(path)),
    ] {
        let somebody = somebody(held);
        assert_eq!(
            is_held(host, &wanted).as_deref(),
            named,
            "{held} {wanted:?}"
        );
        // All or none: the free one was let go again.
        assert_eq!(is_held(host, &[&other.path]), None, "{held} {wanted:?}");
        drop(somebody);
        assert_eq!(is_held(host, &wanted), None, "{held} {wanted:?}");
    }
    // While it is held, nobody else gets it, nor a part of it; afterwards they do.
    let held = host.hold_disks(&both).unwrap();
    assert_eq!(held.len(), 2);
    let local = LocalHost::new();
    assert_eq!(is_held(&local, &[&first]).as_deref(), Some(first.as_str()));
    drop(held);
    drop(somebody(path));
    let error = host.hold_disks(&["/dev/phoenix-none"]).unwrap_err();
    assert!(
        matches!(error, HostError::File { verb: "open", .. }),
        "{error}"
    );
}

#[test]
#[ignore = "needs root and loop devices"]
fn a_disk_is_held_for_one_alone_with_its_partitions() {
    check(&LocalHost::new(), &Loop::new(), &Loop::new());
}

#[test]
#[ignore = "needs root, loop devices and sshd (Debian package openssh-server)"]
fn a_disk_of_a_remote_host_is_held_for_one_alone_with_its_partitions() {
    let sshd = Sshd::start();
    let options = SshOptions {
        config_file: Some(sshd.client_config()),
        ..SshOptions::default()
    };
    let remote = SshHost::connect(&sshd.target().parse().unwrap(), &options).unwrap();
    check(&remote, &Loop::new(), &Loop::new());
}
