//! A virtual machine with real OpenZFS, for tests that must not trust a simulator.
//!
//! [`image`] builds a Debian guest once and caches it, [`guest`] boots it with three emulated NVMe
//! drives in the machine of [`qemu`], [`remote`] runs commands in it, and [`qmp`] pulls its drives and
//! its power. Nothing here knows phoenix itself: the end-to-end tests under `tests/` do.
#![expect(
    clippy::disallowed_methods,
    reason = "the lab drives QEMU, ssh and a build script on the developer's machine; no phoenix host is involved"
)]

pub mod conformance;
pub mod contents;
pub mod guest;
pub mod image;
pub mod qemu;
pub mod qmp;
pub mod remote;
pub mod requirements;
pub mod setup;

use std::process::Output;

use camino::Utf8PathBuf;

/// Something in the lab went wrong.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Programs are missing on this machine.
    #[error("the lab needs {}; install with: {install}", missing.join(", "))]
    Missing {
        /// The programs.
        missing: Vec<&'static str>,
        /// A command that installs them on Debian.
        install: String,
    },
    /// A program of this machine failed.
    #[error("{what} failed: {detail}")]
    Failed {
        /// What was tried.
        what: String,
        /// The last words of the program.
        detail: String,
    },
    /// A file of the lab could not be used.
    #[error("cannot use {path}")]
    File {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The guest did not answer.
    #[error("the guest did not answer within {seconds} s; {condition}")]
    Silent {
        /// How long it was given.
        seconds: u64,
        /// What [`guest::Guest::condition`] said then.
        condition: String,
    },
}

impl LabError {
    pub(crate) fn file(path: impl Into<Utf8PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }

    pub(crate) fn failed(what: impl Into<String>, output: &Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Self::Failed {
            what: what.into(),
            detail: stderr.trim().to_owned(),
        }
    }
}
