//! Directories, files and mounts: which file system a path leads to, and what is there.
//!
//! A dataset keeps its own files, so that unmounting it uncovers the directory below it as on a
//! real host.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use phoenix_host::HostError;

use super::state::{Entry, EntryKind, State};
use super::{Inner, file_error};

/// Why a directory could not be made, in the words of `strerror`.
pub(super) const NOT_A_DIRECTORY: &str = "Not a directory";

/// The file system that holds a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The root file system, with the absolute path.
    Root(Utf8PathBuf),
    /// A dataset, with the path relative to its root.
    Dataset(String, Utf8PathBuf),
    /// A kernel file system, which holds nothing here.
    Virtual,
}

impl State {
    /// What is at a path; links are not followed.
    pub(super) fn entry(&self, path: &Utf8Path) -> Option<&Entry> {
        match self.place(path) {
            Place::Root(path) => self.files.get(&path),
            Place::Dataset(name, path) => self.datasets.get(&name)?.files.get(&path),
            Place::Virtual => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn entry_mut(&mut self, path: &Utf8Path) -> Option<&mut Entry> {
        match self.place(path) {
            Place::Root(path) => self.files.get_mut(&path),
            Place::Dataset(name, path) => self.datasets.files_mut(&name)?.get_mut(&path),
            Place::Virtual => None,
        }
    }

    /// Puts something at a path whose parent exists.
    pub(super) fn put(&mut self, path: &Utf8Path, entry: Entry) -> Result<(), &'static str> {
        let parent = path.parent().unwrap_or(path);
        match self.entry(parent).map(|parent| &parent.kind) {
            Some(EntryKind::Directory) => {}
            Some(_) => return Err(NOT_A_DIRECTORY),
            None => return Err("No such file or directory"),
        }
        match self.place(path) {
            Place::Root(path) => {
                self.files.insert(path, entry);
            }
            Place::Dataset(name, path) => {
                if let Some(files) = self.datasets.files_mut(&name) {
                    files.insert(path, entry);
                }
            }
            Place::Virtual => return Err("No such file or directory"),
        }
        Ok(())
    }

    /// Makes a directory and every missing one above it, as `mkdir -p` does.
    pub(super) fn make_directories(&mut self, path: &Utf8Path) -> Result<(), &'static str> {
        let mut above: Vec<&Utf8Path> = path.ancestors().collect();
        above.reverse();
        for directory in above {
            match self.entry(directory).map(|entry| &entry.kind) {
                Some(EntryKind::File(_)) => return Err(NOT_A_DIRECTORY),
                Some(_) => {}
                None => self.put(directory, Entry::directory())?,
            }
        }
        Ok(())
    }

    /// Whether nothing is in a directory. A mount below it counts as something.
    pub(super) fn is_empty(&self, path: &Utf8Path) -> bool {
        let in_tree = match self.place(path) {
            Place::Root(path) => has_children(&self.files, &path),
            Place::Dataset(name, path) => self
                .datasets
                .get(&name)
                .is_some_and(|dataset| has_children(&dataset.files, &path)),
            Place::Virtual => true,
        };
        !in_tree
    }

    /// Whether a file system is mounted exactly here.
    pub(super) fn is_mount_point(&self, path: &Utf8Path) -> bool {
        self.mounts.at(path).is_some()
    }

    /// The first symbolic link on the way to a path, itself included.
    fn first_link(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        let mut above: Vec<&Utf8Path> = path.ancestors().collect();
        above.reverse();
        let is_link = |path: &&Utf8Path| {
            self.entry(path)
                .is_some_and(|entry| entry.kind == EntryKind::Symlink)
        };
        above.into_iter().find(is_link).map(Utf8Path::to_owned)
    }

    /// Follows the links above the last part of a path, as the kernel does.
    fn resolve(&self, path: &Utf8Path) -> Utf8PathBuf {
        /// As many as the kernel follows.
        const LINKS: usize = 40;
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let mut above = path.ancestors().skip(1);
            let Some((link, target)) =
                above.find_map(|above| Some((above.to_owned(), self.links.get(above)?)))
            else {
                break;
            };
            let rest = path.strip_prefix(&link).unwrap_or(&path).to_owned();
            let directory = link.parent().unwrap_or(&link);
            path = directory.join(target).join(rest);
        }
        path
    }

    fn place(&self, path: &Utf8Path) -> Place {
        if self.links.is_empty() {
            return self.place_of_real(path);
        }
        self.place_of_real(&self.resolve(path))
    }

    fn place_of_real(&self, path: &Utf8Path) -> Place {
        match self.mounts.containing(path) {
            Some(mount) if mount.fstype == "zfs" => {
                let inside = path.strip_prefix(&mount.target).unwrap_or(path);
                Place::Dataset(mount.source.clone(), inside.to_owned())
            }
            Some(mount) if mount.target != "/" && path != mount.target => Place::Virtual,
            _ => Place::Root(path.to_owned()),
        }
    }
}

/// The first symbolic link on the way to each path.
pub(super) fn first_links(
    inner: &mut Inner,
    paths: &[&str],
) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
    for path in paths {
        inner.need_power(&format!("look-up {path}"), false)?;
        let unusable = file_error("look up", Utf8Path::new(path));
        inner.refresh().map_err(unusable)?;
    }
    let link = |path: &&str| inner.state.first_link(Utf8Path::new(path));
    Ok(paths.iter().map(link).collect())
}

fn has_children(files: &BTreeMap<Utf8PathBuf, Entry>, directory: &Utf8Path) -> bool {
    // Paths are ordered by their components: what is in a directory comes right after it.
    let mut after = files
        .range(directory.to_owned()..)
        .map(|(path, _)| path)
        .filter(|path| *path != directory);
    after.next().is_some_and(|path| path.starts_with(directory))
}
