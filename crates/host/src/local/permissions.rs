//! Owner and mode of a mounted dataset's root directory.
//!
//! A path is looked up once. What was opened is compared with the kernel's table of mounts, and
//! then changed through the open directory: if the dataset goes away in between, the change goes
//! to the dataset or nowhere, never to the empty directory below it.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use camino::Utf8Path;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{failed, tree};
use crate::change::MODE_BITS;
use crate::octal::unescape_octal;
use crate::{HostError, PermissionChange};

/// The kernel's table of mounts with device numbers (`proc_pid_mountinfo(5)`).
pub(crate) const MOUNTINFO_FILE: &str = "/proc/self/mountinfo";

/// Makes the change; `mounts` is the text of [`MOUNTINFO_FILE`].
///
/// Returns the directory, still open.
pub(crate) fn change(mounts: &str, change: &PermissionChange) -> Result<File, HostError> {
    let wrong = |source| failed("change", &change.path, source);
    let directory = open(change)?;
    let before = directory.metadata().map_err(wrong)?;
    if !is_root(mounts, &change.dataset, &change.path, before.dev()) {
        return Err(not_mounted(change));
    }
    if change.uid.is_some() || change.gid.is_some() {
        fchown(&directory, change.uid, change.gid).map_err(wrong)?;
    }
    // After the owner: changing an owner may clear the set-id bits.
    if let Some(mode) = change.mode {
        let permissions = Permissions::from_mode(mode & MODE_BITS);
        directory.set_permissions(permissions).map_err(wrong)?;
    }
    let after = directory.metadata().map_err(wrong)?;
    must_be_made(change, after.uid(), after.gid(), after.mode() & MODE_BITS)?;
    if change.recursive {
        tree::change_below(&directory, change).map_err(wrong)?;
    }
    Ok(directory)
}

/// Confirms a change by what the directory has afterwards.
pub(crate) fn must_be_made(
    change: &PermissionChange,
    uid: u32,
    gid: u32,
    mode: u32,
) -> Result<(), HostError> {
    let differs = |wanted: Option<u32>, got: u32| wanted.is_some_and(|wanted| wanted != got);
    if differs(change.uid, uid) || differs(change.gid, gid) || differs(change.mode, mode) {
        let message = format!("it still has owner {uid}:{gid} and mode {mode:04o} afterwards");
        return Err(failed("change", &change.path, io::Error::other(message)));
    }
    Ok(())
}

fn open(change: &PermissionChange) -> Result<File, HostError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(change.path.as_std_path(), flags, Mode::empty()) {
        Ok(directory) => Ok(File::from(directory)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Err(not_mounted(change)),
        Err(errno) => Err(failed("change", &change.path, errno.into())),
    }
}

/// The directory is not the root of the dataset.
pub(crate) fn not_mounted(change: &PermissionChange) -> HostError {
    HostError::NotMounted {
        path: change.path.clone(),
        dataset: change.dataset.clone(),
    }
}

/// Whether a device is the dataset that is mounted, whole, at a path.
fn is_root(mounts: &str, dataset: &str, path: &Utf8Path, device: u64) -> bool {
    let device = format!(
        "{}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    mounts.lines().any(|line| {
        // id parent major:minor root target options [tags...] - type source options
        let Some((front, back)) = line.split_once(" - ") else {
            return false;
        };
        let front: Vec<&str> = front.split(' ').collect();
        let back: Vec<&str> = back.split(' ').collect();
        let ([_, _, number, "/", target, ..], ["zfs", source, ..]) = (&*front, &*back) else {
            return false;
        };
        *number == device
            && Utf8Path::new(&unescape_octal(target)) == path
            && unescape_octal(source) == dataset
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use camino::Utf8PathBuf;

    use super::*;

    /// A directory that a made-up table of mounts says is a dataset.
    struct Mounted {
        _keep: tempfile::TempDir,
        path: Utf8PathBuf,
        line: String,
    }

    fn mounted() -> Mounted {
        let keep = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(keep.path().to_owned()).unwrap();
        let device = fs::metadata(&path).unwrap().dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let line = format!(
            "91 62 {major}:{minor} / {path} rw,relatime shared:129 - zfs tank/a\\040b rw,xattr\n"
        );
        Mounted {
            _keep: keep,
            path,
            line,
        }
    }

    fn to_mode(path: &Utf8Path, mode: u32) -> PermissionChange {
        PermissionChange {
            dataset: "tank/a b".to_owned(),
            path: path.to_owned(),
            uid: None,
            gid: None,
            mode: Some(mode),
            recursive: false,
            acl: std::collections::BTreeMap::new(),
        }
    }

    fn mode(path: &Utf8Path) -> u32 {
        fs::metadata(path).unwrap().mode() & MODE_BITS
    }

    #[test]
    fn mode_and_owner_change_on_the_mounted_directory() {
        let mounted = mounted();
        let owner = fs::metadata(&mounted.path).unwrap();
        let wanted = PermissionChange {
            uid: Some(owner.uid()),
            gid: Some(owner.gid()),
            ..to_mode(&mounted.path, 0o2770)
        };
        change(&mounted.line, &wanted).unwrap();
        assert_eq!(mode(&mounted.path), 0o2770);
    }

    /// What `find` says before and after, and what a link into another place is good for.
    #[test]
    fn a_tree_becomes_like_its_root_and_links_are_not_followed() {
        let mounted = mounted();
        let outside = tempfile::tempdir().unwrap();
        let outside = Utf8PathBuf::try_from(outside.path().to_owned()).unwrap();
        fs::write(outside.join("file"), "").unwrap();
        let root = &mounted.path;
        fs::create_dir_all(root.join("a [b]/c")).unwrap();
        for (name, mode) in [
            ("plain", 0o600),
            ("a [b]/tool", 0o700),
            ("a [b]/c/set-id", 0o4755),
        ] {
            fs::write(root.join(name), "").unwrap();
            let permissions = Permissions::from_mode(mode);
            fs::set_permissions(root.join(name), permissions).unwrap();
        }
        std::os::unix::fs::symlink(&outside, root.join("out")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("a [b]/dangling")).unwrap();
        let untouched = (mode(&outside), mode(&outside.join("file")));

        let wanted = PermissionChange {
            recursive: true,
            ..to_mode(root, 0o2750)
        };
        change(&mounted.line, &wanted).unwrap();
        for (name, expected) in [
            ("", 0o2750),
            ("plain", 0o640),
            ("a [b]", 0o2750),
            ("a [b]/tool", 0o750),
            ("a [b]/c", 0o2750),
            ("a [b]/c/set-id", 0o750),
        ] {
            assert_eq!(mode(&root.join(name)), expected, "{name}");
        }
        assert_eq!((mode(&outside), mode(&outside.join("file"))), untouched);
    }

    #[test]
    fn every_other_mount_is_refused() {
        let mounted = mounted();
        let before = mode(&mounted.path);
        let real = &mounted.line;
        for (what, table) in [
            ("no mount", String::new()),
            ("another dataset", real.replace("tank/a\\040b", "tank/a")),
            ("another file system", real.replace("- zfs", "- ext4")),
            (
                "another place",
                real.replace(mounted.path.as_str(), "/else"),
            ),
            ("a part of the dataset", real.replace(" / ", " /sub ")),
            // The directory below the mount, or a mount on top of it.
            ("another device", real.replacen("91 62 ", "91 62 9", 1)),
            ("half a line", real.split(" - ").next().unwrap().to_owned()),
        ] {
            assert_ne!(table, *real, "{what}");
            let error = change(&table, &to_mode(&mounted.path, 0o777)).unwrap_err();
            assert!(
                matches!(error, HostError::NotMounted { .. }),
                "{what}: {error}"
            );
        }
        assert_eq!(mode(&mounted.path), before);
    }

    #[test]
    fn a_link_to_the_directory_is_refused() {
        let mounted = mounted();
        let link = mounted.path.join("link");
        std::os::unix::fs::symlink(&mounted.path, &link).unwrap();
        let table = mounted.line.replace(mounted.path.as_str(), link.as_str());
        let error = change(&table, &to_mode(&link, 0o777)).unwrap_err();
        assert!(matches!(error, HostError::NotMounted { .. }), "{error}");
    }

    /// 4294967295 means "leave it" to the kernel: the change must not be reported as made.
    #[test]
    fn a_change_that_did_not_happen_is_an_error() {
        let mounted = mounted();
        let wanted = PermissionChange {
            uid: Some(u32::MAX),
            ..to_mode(&mounted.path, 0o755)
        };
        let error = change(&mounted.line, &wanted).unwrap_err();
        assert!(
            matches!(error, HostError::File { verb: "change", .. }),
            "{error}"
        );
    }

    #[test]
    fn a_real_table_of_mounts_is_read() {
        let table = include_str!("../../../tools/tests/fixtures/proc-self-mountinfo.txt");
        let line = table
            .lines()
            .find(|line| line.contains("/hstpool"))
            .unwrap();
        let number = line.split(' ').nth(2).unwrap();
        let (major, minor) = number.split_once(':').unwrap();
        let device = rustix::fs::makedev(major.parse().unwrap(), minor.parse().unwrap());
        assert!(is_root(table, "hstpool", Utf8Path::new("/hstpool"), device));
        assert!(!is_root(table, "hstpool", Utf8Path::new("/"), device));
        assert!(!is_root(table, "other", Utf8Path::new("/hstpool"), device));
    }
}
