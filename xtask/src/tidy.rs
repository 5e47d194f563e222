//! Checks what the compiler does not: the shape of the workspace.
//!
//! Owns the list of checks; each check returns its problems as sentences and prints nothing.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

mod codes;
mod files;
mod layering;
mod workspace;

/// All problems of the workspace at `root`.
pub(crate) fn check(root: &Utf8Path) -> io::Result<Vec<String>> {
    let packages = workspace::packages(root)?;
    let mut problems = layering::check(&packages)?;
    for package in &packages {
        for path in rust_files(package.home())? {
            let text = std::fs::read_to_string(&path)?;
            let path = path.strip_prefix(root).unwrap_or(&path);
            problems.extend(files::check(path, &text));
        }
    }
    let documentation = std::fs::read_to_string(root.join("docs/diagnostics.md"))?;
    problems.extend(codes::check(&documentation));
    Ok(problems)
}

/// Every Rust file in a directory and the directories below it, sorted.
fn rust_files(directory: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir_utf8()? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.into_path());
            } else if entry.path().extension() == Some("rs") {
                files.push(entry.into_path());
            }
        }
    }
    files.sort();
    Ok(files)
}
