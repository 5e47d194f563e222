//! Checks what the compiler does not: the shape of the workspace.
//!
//! Owns the list of checks; each check returns its problems as sentences and prints nothing.

use std::collections::BTreeSet;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix::code::EndCode;
use phoenix_config::code::Code;
use phoenix_executor::code::FailureCode;
use phoenix_planner::refusal::RefusalCode;

mod circles;
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
        problems.extend(circles::check(
            &package.name,
            &sources(&package.home().join("src"))?,
        ));
    }
    for (page, codes) in documented() {
        let documentation = std::fs::read_to_string(root.join(page))?;
        problems.extend(codes::check(page, &documentation, &codes));
    }
    Ok(problems)
}

/// The pages that explain codes, each with the codes that belong there.
fn documented() -> [(&'static str, BTreeSet<&'static str>); 2] {
    let diagnostics = Code::ALL.iter().map(|code| code.as_str());
    let refusals = RefusalCode::ALL.iter().map(|code| code.as_str());
    let failures = FailureCode::ALL.iter().map(|code| code.as_str());
    let ends = EndCode::ALL.iter().map(|code| code.as_str());
    [
        ("docs/diagnostics.md", diagnostics.collect()),
        (
            "docs/refusals-and-failures.md",
            refusals.chain(failures).chain(ends).collect(),
        ),
    ]
}

/// What a crate is compiled from, without its tests.
fn sources(directory: &Utf8Path) -> io::Result<Vec<circles::File>> {
    let mut sources = Vec::new();
    for path in rust_files(directory)? {
        let text = std::fs::read_to_string(&path)?;
        let path = path.strip_prefix(directory).unwrap_or(&path).to_string();
        let is_test = path
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs");
        if !is_test {
            let text = circles::without_tests(&text).to_owned();
            sources.push(circles::File { path, text });
        }
    }
    Ok(sources)
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
