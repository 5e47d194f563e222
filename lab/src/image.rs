//! The guest's disk image: built by `lab/recipe/build.sh`, cached by the hash of that recipe.
//!
//! The cache lies outside of the checkout, so that a fresh clone on the same machine boots at once.

use std::fs;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use crate::{LabError, requirements};

const RECIPE: &str = include_str!("../recipe/build.sh");

/// A finished image.
#[derive(Debug, Clone)]
pub struct Image {
    /// The folder with `base.qcow2`, `vmlinuz`, `initrd.img`, `id_ed25519` and `versions.txt`.
    pub folder: Utf8PathBuf,
}

/// Where images and guests are kept: `PHOENIX_LAB_CACHE`, else `phoenix-lab` in the user's cache.
pub fn cache() -> Utf8PathBuf {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(path) = variable("PHOENIX_LAB_CACHE") {
        return Utf8PathBuf::from(path);
    }
    let base = variable("XDG_CACHE_HOME")
        .map(Utf8PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Utf8PathBuf::from(home).join(".cache")))
        .unwrap_or_else(|| Utf8PathBuf::from("/var/cache"));
    base.join("phoenix-lab")
}

/// The image of the current recipe, if it has been built.
pub fn cached() -> Option<Image> {
    let image = Image { folder: folder() };
    image.folder.join("complete").is_file().then_some(image)
}

/// The image of the current recipe, built now if need be (about six minutes on two cores).
///
/// # Errors
/// When something that the build needs is missing, or a step of it failed; the build log says why.
pub fn build() -> Result<Image, LabError> {
    requirements::check()?;
    if let Some(image) = cached() {
        return Ok(image);
    }
    let folder = folder();
    fs::create_dir_all(&folder).map_err(LabError::file(&folder))?;
    let recipe = folder.join("build.sh");
    fs::write(&recipe, RECIPE).map_err(LabError::file(&recipe))?;
    let log = folder.join("build.log");
    let log_file = fs::File::create(&log).map_err(LabError::file(&log))?;
    let log_again = log_file.try_clone().map_err(LabError::file(&log))?;
    let status = Command::new("bash")
        .arg(&recipe)
        .arg(&folder)
        .arg(cache().join("packages"))
        .stdin(Stdio::null())
        .stdout(log_file)
        .stderr(log_again)
        .status()
        .map_err(LabError::file(&recipe))?;
    if !status.success() {
        return Err(LabError::Failed {
            what: "building the lab's image".to_owned(),
            detail: format!("{}\nThe whole log is {log}.", last_lines(&log)),
        });
    }
    let complete = folder.join("complete");
    fs::write(&complete, "").map_err(LabError::file(&complete))?;
    Ok(Image { folder })
}

fn folder() -> Utf8PathBuf {
    let hash = Sha256::digest(RECIPE.as_bytes());
    let key: String = hash
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    cache().join(format!("image-{key}"))
}

fn last_lines(path: &Utf8Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(15))
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}
