//! What steps ask at the same time, and how each of it is asked.
//!
//! Owns what may be asked in one command: datasets of different pools never are, because a pool that
//! hangs must hold up nobody else; nor are paths of different directories. Where pools have mountpoints
//! in one directory, one that hangs holds the others up until the command's time is over; then each is
//! asked about alone.

use std::collections::BTreeSet;

use phoenix_host::Host;
use phoenix_tools::disk::{self, Inventory};
use phoenix_tools::parse::ReadError;
use phoenix_tools::system::{self, DirectoryRow};
use phoenix_tools::zfs::{self, PropertyRow};
use phoenix_tools::zpool::ImportedPools;
use phoenix_zfs::name::pool_of;

use super::batcher::{Answers, Topic};

/// The same properties of datasets in one pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Properties {
    pool: String,
    properties: Vec<String>,
}

impl Properties {
    /// `properties` of `dataset` and others of its pool.
    pub(super) fn of(dataset: &str, properties: &[&str]) -> Self {
        Self {
            pool: pool_of(dataset).to_owned(),
            properties: properties.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

impl Topic for Properties {
    type Subject = String;
    type Answer = Vec<PropertyRow>;

    fn ask(
        &self,
        host: &dyn Host,
        datasets: &BTreeSet<String>,
    ) -> Result<Answers<Self>, ReadError> {
        let properties: Vec<&str> = self.properties.iter().map(String::as_str).collect();
        let datasets: Vec<&str> = datasets.iter().map(String::as_str).collect();
        let mut answers = Answers::<Self>::new();
        for row in zfs::read(host, &properties, &datasets)? {
            answers.entry(row.name.clone()).or_default().push(row);
        }
        Ok(answers)
    }

    fn pool(&self) -> Option<&str> {
        Some(&self.pool)
    }
}

/// What stands at paths in one directory, which are mostly of one pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Directories(String);

impl Directories {
    /// `path` and others of its directory.
    pub(super) fn around(path: &str) -> Self {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Self(parent.to_owned())
    }
}

impl Topic for Directories {
    type Subject = String;
    type Answer = DirectoryRow;

    fn ask(&self, host: &dyn Host, paths: &BTreeSet<String>) -> Result<Answers<Self>, ReadError> {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        system::read_directories(host, &paths)
    }
}

/// All disks and what is on them, which every pool that is made looks at first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Disks;

impl Topic for Disks {
    type Subject = ();
    type Answer = (ImportedPools, Inventory);

    fn ask(&self, host: &dyn Host, all: &BTreeSet<()>) -> Result<Answers<Self>, ReadError> {
        let settle = system::settle();
        host.run(&settle)?.check(&settle)?;
        let seen = disk::look(host)?;
        Ok(all.iter().map(|()| ((), seen.clone())).collect())
    }
}
