//! The workspace as cargo sees it: its crates, and what they depend on.
//!
//! Cargo's own answer, so that a renamed or optional dependency counts as well.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) manifest_path: Utf8PathBuf,
    pub(super) dependencies: Vec<Dependency>,
}

/// One line of a crate's dependencies.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    pub(super) kind: Option<String>,
    /// Set for crates of this workspace.
    pub(super) path: Option<Utf8PathBuf>,
}

/// The part of `cargo metadata` that matters here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Package {
    /// The crate's directory.
    pub(super) fn home(&self) -> &Utf8Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

/// Every crate of the workspace at `root`.
pub(super) fn packages(root: &Utf8Path) -> io::Result<Vec<Package>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "asks cargo about this workspace; no host is involved"
    )]
    let mut cargo = std::process::Command::new(env!("CARGO"));
    let output = cargo
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(reason));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(metadata.packages)
}
