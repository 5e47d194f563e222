//! The state file: a snapshot that people read and edit as JSON, and beside it a journal of what was
//! done since.
//!
//! Owns both files and who may touch them. A small host is written whole at every change. A large one
//! grows by one line for every command, because writing ten thousand datasets ten thousand times took
//! minutes; when the lines are as long as the snapshot they are folded into a new one, and the process
//! that leaves folds what is left, so that a host at rest is plain JSON.
//!
//! A process may be killed at any instant. The snapshot is only ever replaced by a rename. A line of
//! the journal counts when its end is there. The journal names the snapshot that it goes with, so that
//! one whose snapshot was replaced, or edited by a person, counts no more.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};
use sha1::{Digest, Sha1};

use super::deed::Deed;
use super::state::{FORMAT, State};

/// A snapshot of up to so many bytes is replaced at every change: it takes no longer than a command
/// of a real host, and whoever looks meanwhile sees everything.
const SMALL: u64 = 64 << 10;

/// A simulated host cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The state file could not be read or written.
    #[error("cannot {verb} the state of the simulated host in {path}")]
    File {
        /// `read`, `write`, `lock`.
        verb: &'static str,
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The state file is not what this build writes.
    #[error("{path} is not the state of a simulated host; remove it to begin with a fresh one")]
    Syntax {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The journal beside the state file is not what this build writes.
    #[error(
        "line {line} of {path} is nothing that this build does to a simulated host; remove the file \
         to go back to the state before it"
    )]
    Journal {
        /// Which file.
        path: Utf8PathBuf,
        /// Which line, counted from 1 for the first one that was read.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The state file was written by another version.
    #[error(
        "{path} has format {found}, and this build knows {FORMAT}; remove it to begin with a \
         fresh host"
    )]
    Format {
        /// Which file.
        path: Utf8PathBuf,
        /// What it says.
        found: u32,
    },
    /// A fault that was asked for.
    #[error("simulated failure")]
    Fault,
    /// A disk that the host does not have.
    #[error("the simulated host has no disk \"{0}\"; see `phoenix disks --host sim:STATE`")]
    NoSuchDisk(String),
}

/// One state file with its journal.
#[derive(Debug)]
pub(super) struct Store {
    path: Utf8PathBuf,
    /// See [`SMALL`].
    small: u64,
    /// The snapshot that the memory agrees with.
    snapshot: Option<Snapshot>,
    /// What the memory has of the journal that goes with that snapshot.
    journal: Option<Journal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Snapshot {
    version: Version,
    /// SHA-1 of its bytes.
    digest: String,
}

#[derive(Debug)]
struct Journal {
    file: File,
    version: Version,
    /// Bytes of it that the memory agrees with: whole lines.
    applied: u64,
}

/// Which version of a file something agrees with. Every replacement is a new inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Store {
    /// Opens the file, or makes it.
    pub(super) fn open(
        path: &Utf8Path,
        fresh: impl FnOnce() -> State,
    ) -> Result<(Self, State), SimError> {
        Self::open_with(path, SMALL, fresh)
    }

    pub(super) fn open_with(
        path: &Utf8Path,
        small: u64,
        fresh: impl FnOnce() -> State,
    ) -> Result<(Self, State), SimError> {
        let mut store = Self {
            path: path.to_owned(),
            small,
            snapshot: None,
            journal: None,
        };
        let mut state = fresh();
        let _guard = store.lock()?;
        if !store.read(&mut state)? {
            store.save(&state)?;
        }
        Ok((store, state))
    }

    /// Keeps other processes away until the returned file is closed. The name differs from the
    /// lock of a whole run, which its holder keeps while it uses this store.
    pub(super) fn lock(&self) -> Result<File, SimError> {
        let path = Utf8PathBuf::from(format!("{}.guard", self.path));
        let failed = error("lock", &path);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(&failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        Ok(file)
    }

    /// Reads what others have changed since.
    pub(super) fn refresh(&mut self, state: &mut State) -> Result<(), SimError> {
        if self.is_current()? {
            return Ok(());
        }
        let _guard = self.lock()?;
        self.read(state).map(|_| ())
    }

    /// The same for who holds the lock.
    pub(super) fn refresh_locked(&mut self, state: &mut State) -> Result<(), SimError> {
        if self.is_current()? {
            return Ok(());
        }
        self.read(state).map(|_| ())
    }

    /// Keeps a change, under the lock: `deed` is what made `state` of what was there before.
    pub(super) fn add(&mut self, deed: &Deed, state: &State) -> Result<(), SimError> {
        let Some(snapshot) = self.snapshot.clone() else {
            return self.save(state);
        };
        let grown = self.journal.as_ref().map_or(0, |journal| journal.applied);
        if snapshot.version.size <= self.small || grown >= snapshot.version.size {
            return self.save(state);
        }
        let added = self.append(&snapshot, deed);
        if added.is_err() {
            // The memory is ahead of the file: the next look reads it anew.
            self.snapshot = None;
        }
        added
    }

    /// Replaces the snapshot, under the lock.
    pub(super) fn save(&mut self, state: &State) -> Result<(), SimError> {
        let failed = error("write", &self.path);
        self.snapshot = None;
        let mut text = serde_json::to_string_pretty(state).map_err(|it| failed(it.into()))?;
        text.push('\n');
        let directory = match self.path.parent() {
            Some(parent) if parent != "" => parent,
            _ => Utf8Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(&failed)?;
        file.write_all(text.as_bytes()).map_err(&failed)?;
        file.persist(&self.path).map_err(|it| failed(it.error))?;
        // From here on no journal goes with the snapshot; what lies there is only in the way.
        self.journal = None;
        match std::fs::remove_file(self.journal_path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        self.snapshot = version(&self.path)?.map(|version| Snapshot {
            version,
            digest: digest(text.as_bytes()),
        });
        Ok(())
    }

    /// Leaves plain JSON behind.
    pub(super) fn fold(&mut self, state: &mut State) -> Result<(), SimError> {
        if version(&self.journal_path())?.is_none() {
            return Ok(());
        }
        let _guard = self.lock()?;
        self.refresh_locked(state)?;
        match self.journal {
            Some(_) => self.save(state),
            None => Ok(()),
        }
    }

    fn journal_path(&self) -> Utf8PathBuf {
        format!("{}.journal", self.path).into()
    }

    fn is_current(&self) -> Result<bool, SimError> {
        let snapshot = self.snapshot.as_ref().map(|snapshot| snapshot.version);
        let journal = self.journal.as_ref().map(|journal| journal.version);
        Ok(snapshot.is_some()
            && version(&self.path)? == snapshot
            && (version(&self.journal_path())? == journal || self.is_foreign()?))
    }

    /// Whether a journal lies there that goes with another snapshot: one that was replaced by a
    /// process that did not come to remove it, or edited by a person.
    fn is_foreign(&self) -> Result<bool, SimError> {
        Ok(self.journal.is_none() && self.open_journal()?.is_none())
    }

    /// Brings the state up to the files, under the lock; false if there is no snapshot.
    fn read(&mut self, state: &mut State) -> Result<bool, SimError> {
        let newest = version(&self.path)?;
        let journal = version(&self.journal_path())?;
        let known = self.snapshot.as_ref().map(|snapshot| snapshot.version);
        let replaced = |own: &Journal| journal.map(|it| it.inode) != Some(own.version.inode);
        if newest.is_none() || newest != known || self.journal.as_ref().is_some_and(replaced) {
            self.journal = None;
            self.snapshot = None;
            match self.read_snapshot()? {
                Some((snapshot, newer)) => {
                    *state = newer;
                    self.snapshot = Some(snapshot);
                }
                None => return Ok(false),
            }
        }
        let replayed = self.read_journal(state);
        if replayed.is_err() {
            self.snapshot = None;
        }
        replayed.map(|()| true)
    }

    fn read_snapshot(&self) -> Result<Option<(Snapshot, State)>, SimError> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(error("read", &self.path)(source)),
        };
        let state: State = serde_json::from_str(&text).map_err(|source| SimError::Syntax {
            path: self.path.clone(),
            source,
        })?;
        if state.format != FORMAT {
            return Err(SimError::Format {
                path: self.path.clone(),
                found: state.format,
            });
        }
        Ok(version(&self.path)?.map(|version| {
            let digest = digest(text.as_bytes());
            (Snapshot { version, digest }, state)
        }))
    }

    /// Does again what others have done since.
    fn read_journal(&mut self, state: &mut State) -> Result<(), SimError> {
        if self.journal.is_none() {
            self.journal = self.open_journal()?;
        }
        let path = self.journal_path();
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let failed = error("read", &path);
        let mut text = Vec::new();
        (journal.file.seek(SeekFrom::Start(journal.applied)))
            .and_then(|_| journal.file.read_to_end(&mut text))
            .map_err(&failed)?;
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if !line.ends_with(b"\n") {
                break;
            }
            let deed: Deed = serde_json::from_slice(line).map_err(|source| SimError::Journal {
                path: path.clone(),
                line: index + 1,
                source,
            })?;
            deed.again(state);
            journal.applied += line.len() as u64;
        }
        if let Some(version) = version(&path)? {
            journal.version = version;
        }
        Ok(())
    }

    /// The journal after its first line, if it goes with the snapshot.
    fn open_journal(&self) -> Result<Option<Journal>, SimError> {
        let path = self.journal_path();
        let failed = error("read", &path);
        let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let own = self
            .snapshot
            .as_ref()
            .map(|snapshot| header(&snapshot.digest));
        let mut first = vec![0; own.as_ref().map_or(0, String::len)];
        let goes_with = match file.read_exact(&mut first) {
            Ok(()) => own.is_some_and(|own| own.as_bytes() == first),
            // Cut off within its first line.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => false,
            Err(source) => return Err(failed(source)),
        };
        Ok(match version(&path)? {
            Some(version) if goes_with => Some(Journal {
                file,
                version,
                applied: first.len() as u64,
            }),
            _ => None,
        })
    }

    fn append(&mut self, snapshot: &Snapshot, deed: &Deed) -> Result<(), SimError> {
        let path = self.journal_path();
        let failed = error("write", &path);
        let mut line = serde_json::to_string(deed).map_err(|it| failed(it.into()))?;
        line.push('\n');
        let mut journal = match self.journal.take() {
            Some(journal) => journal,
            None => {
                line = header(&snapshot.digest) + &line;
                let options = OpenOptions::new()
                    .create(true)
                    .truncate(true)
                    .read(true)
                    .write(true)
                    .open(&path);
                Journal {
                    file: options.map_err(&failed)?,
                    version: snapshot.version,
                    applied: 0,
                }
            }
        };
        // What somebody who was killed has left of a line goes.
        (journal.file.set_len(journal.applied))
            .and_then(|()| journal.file.seek(SeekFrom::Start(journal.applied)))
            .and_then(|_| journal.file.write_all(line.as_bytes()))
            .map_err(&failed)?;
        journal.applied += line.len() as u64;
        if let Some(version) = version(&path)? {
            journal.version = version;
        }
        self.journal = Some(journal);
        Ok(())
    }
}

/// The first line of a journal: the snapshot that it goes with.
fn header(digest: &str) -> String {
    format!("{{\"snapshot\":\"{digest}\"}}\n")
}

fn digest(bytes: &[u8]) -> String {
    let bytes = Sha1::digest(bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn version(path: &Utf8Path) -> Result<Option<Version>, SimError> {
    match std::fs::metadata(path) {
        Ok(data) => Ok(Some(Version {
            inode: data.ino(),
            modified: (data.mtime(), data.mtime_nsec()),
            size: data.size(),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(error("read", path)(source)),
    }
}

fn error(verb: &'static str, path: &Utf8Path) -> impl Fn(std::io::Error) -> SimError + use<> {
    let path = path.to_owned();
    move |source| SimError::File {
        verb,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;
