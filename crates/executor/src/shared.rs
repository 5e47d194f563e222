//! What the steps of one apply share: questions that they ask at the same time, locks of other
//! programs that several want, and how far the changes are.
//!
//! Owns what can be shared at all; how is the business of the files below. Nothing waits for a clock,
//! and nothing is remembered: an answer goes only to those for whom it is new enough.

mod batcher;
mod changes;
mod locks;
mod topics;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::lock::HeldLock;
use phoenix_host::readonly::ReadOnly;
use phoenix_host::{Host, HostError};
use phoenix_tools::disk::Inventory;
use phoenix_tools::parse::ReadError;
use phoenix_tools::system::DirectoryRow;
use phoenix_tools::zfs::PropertyRow;
use phoenix_tools::zpool::ImportedPools;

use batcher::{Batcher, Topic};
use changes::Changes;
use locks::Locks;
use topics::{Directories, Disks, Properties};

/// An answer, or the failure that everybody who asked has in common.
pub(crate) type Answer<A> = Result<A, Arc<ReadError>>;

/// The host of one apply and what its steps share of it.
pub(crate) struct Shared<'a> {
    host: &'a dyn Host,
    reader: ReadOnly<&'a dyn Host>,
    pub(crate) changes: Changes,
    properties: Batcher<Properties>,
    directories: Batcher<Directories>,
    disks: Batcher<Disks>,
    locks: Locks,
}

impl<'a> Shared<'a> {
    /// `host`, for one apply of up to `jobs` steps at once.
    pub(crate) fn new(host: &'a dyn Host, jobs: NonZeroUsize) -> Self {
        Self {
            host,
            reader: ReadOnly(host),
            changes: Changes::new(jobs),
            properties: Batcher::default(),
            directories: Batcher::default(),
            disks: Batcher::default(),
            locks: Locks::default(),
        }
    }

    /// The host, which cannot be changed through this.
    pub(crate) fn reader(&self) -> &dyn Host {
        &self.reader
    }

    /// Does something that may change the host.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&dyn Host) -> R) -> R {
        self.changes.during(|| change(self.host))
    }

    /// Properties of a dataset, if it exists.
    pub(crate) fn dataset(
        &self,
        name: &str,
        properties: &[&str],
    ) -> Answer<Option<Vec<PropertyRow>>> {
        let topic = Properties::of(name, properties);
        self.ask(&self.properties, topic, name.to_owned())
    }

    /// What stands at an absolute path, if anything.
    pub(crate) fn directory(&self, path: &str) -> Answer<Option<DirectoryRow>> {
        let topic = Directories::around(path);
        self.ask(&self.directories, topic, path.to_owned())
    }

    /// Every imported pool and every block device, once udev has caught up with what happened before.
    pub(crate) fn disks(&self) -> Answer<(ImportedPools, Inventory)> {
        let seen = self.ask(&self.disks, Disks, ())?;
        Ok(seen.unwrap_or_default())
    }

    /// Takes a lock, or joins the steps that have it or wait for it.
    pub(crate) fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, Arc<HostError>> {
        self.locks.take(self.host, path, wait)
    }

    fn ask<T: Topic>(
        &self,
        batcher: &Batcher<T>,
        topic: T,
        subject: T::Subject,
    ) -> Answer<Option<T::Answer>> {
        batcher.ask(&topic, subject, &self.reader, &self.changes)
    }
}

#[cfg(test)]
mod slow_host;
#[cfg(test)]
mod tests;
