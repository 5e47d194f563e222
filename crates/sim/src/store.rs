//! The state file: read when another process replaced it, replaced after every change.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};

use super::state::{FORMAT, State};

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

/// One state file.
#[derive(Debug)]
pub(super) struct Store {
    path: Utf8PathBuf,
    /// Which version of the file the memory agrees with. Every replacement is a new inode.
    seen: Option<Version>,
}

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
        let mut store = Self {
            path: path.to_owned(),
            seen: None,
        };
        let _guard = store.lock()?;
        let state = match store.read()? {
            Some(state) => state,
            None => {
                let state = fresh();
                store.save(&state)?;
                state
            }
        };
        Ok((store, state))
    }

    /// Keeps other processes away until the returned file is closed. The name differs from the
    /// lock of a whole run, which its holder keeps while it uses this store.
    pub(super) fn lock(&self) -> Result<File, SimError> {
        let path = Utf8PathBuf::from(format!("{}.guard", self.path));
        let failed = |source| SimError::File {
            verb: "lock",
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        Ok(file)
    }

    /// Reads the file again if somebody else has replaced it.
    pub(super) fn refresh(&mut self, state: &mut State) -> Result<(), SimError> {
        if self.version()? == self.seen {
            return Ok(());
        }
        if let Some(newer) = self.read()? {
            *state = newer;
        }
        Ok(())
    }

    /// Replaces the file.
    pub(super) fn save(&mut self, state: &State) -> Result<(), SimError> {
        let failed = |source| SimError::File {
            verb: "write",
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_string_pretty(state).map_err(|error| failed(error.into()))?;
        let directory = match self.path.parent() {
            Some(parent) if parent != "" => parent,
            _ => Utf8Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.write_all(b"\n").map_err(failed)?;
        file.persist(&self.path)
            .map_err(|error| failed(error.error))?;
        self.seen = self.version()?;
        Ok(())
    }

    fn read(&mut self) -> Result<Option<State>, SimError> {
        let version = self.version()?;
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(SimError::File {
                    verb: "read",
                    path: self.path.clone(),
                    source,
                });
            }
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
        self.seen = version;
        Ok(Some(state))
    }

    fn version(&self) -> Result<Option<Version>, SimError> {
        match std::fs::metadata(&self.path) {
            Ok(data) => Ok(Some(Version {
                inode: data.ino(),
                modified: (data.mtime(), data.mtime_nsec()),
                size: data.size(),
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SimError::File {
                verb: "read",
                path: self.path.clone(),
                source,
            }),
        }
    }
}
