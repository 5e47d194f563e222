//! Which crate may use which: `zfs <- config <- planner <- executor <- phoenix`,
//! `host <- tools <- nvme <- executor`, and `host <- sim` beside them.
//!
//! The direction is what keeps the planner testable without a host and a host free of policy.

use std::collections::BTreeMap;
use std::io;

use super::workspace::Package;

/// Every crate of the workspace with the crates of the workspace that it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("phoenix-zfs", &[]),
    ("phoenix-config", &["phoenix-zfs"]),
    ("phoenix-host", &[]),
    ("phoenix-tools", &["phoenix-host", "phoenix-zfs"]),
    // Not the tools: the simulator must not share a parser with what it is held against.
    ("phoenix-sim", &["phoenix-host", "phoenix-zfs"]),
    (
        "phoenix-nvme",
        &["phoenix-host", "phoenix-tools", "phoenix-zfs"],
    ),
    ("phoenix-planner", &["phoenix-config", "phoenix-zfs"]),
    (
        "phoenix-executor",
        &[
            "phoenix-config",
            "phoenix-host",
            "phoenix-nvme",
            "phoenix-planner",
            "phoenix-tools",
            "phoenix-zfs",
        ],
    ),
    (
        "phoenix",
        &[
            "phoenix-config",
            "phoenix-executor",
            "phoenix-host",
            "phoenix-nvme",
            "phoenix-planner",
            "phoenix-sim",
            "phoenix-tools",
            "phoenix-zfs",
        ],
    ),
    ("phoenix-lab", &[]),
    (
        "phoenix-testing",
        &[
            "phoenix-config",
            "phoenix-executor",
            "phoenix-host",
            "phoenix-nvme",
            "phoenix-planner",
            "phoenix-sim",
            "phoenix-tools",
            "phoenix-zfs",
        ],
    ),
    (
        "xtask",
        &[
            "phoenix",
            "phoenix-config",
            "phoenix-executor",
            "phoenix-host",
            "phoenix-lab",
            "phoenix-planner",
            "phoenix-sim",
            "phoenix-testing",
            "phoenix-zfs",
        ],
    ),
];

/// Text that must not occur outside tests in the sources of a crate that does no I/O. Addresses of
/// `std::net` are plain data; its sockets are not.
const IMPURE: [&str; 6] = [
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "std::net::Tcp",
    "std::net::Udp",
];

/// The crates that do no I/O.
const PURE: [&str; 3] = ["phoenix-zfs", "phoenix-config", "phoenix-planner"];

/// Problems of the workspace's crates.
pub(super) fn check(packages: &[Package]) -> io::Result<Vec<String>> {
    let mut problems = directions(packages);
    for package in packages {
        let manifest = std::fs::read_to_string(&package.manifest_path)?;
        if !manifest.contains("[lints]\nworkspace = true") {
            problems.push(format!(
                "{} must say `[lints] workspace = true`",
                package.manifest_path
            ));
        }
        if PURE.contains(&package.name.as_str()) {
            problems.extend(impurities(package)?);
        }
    }
    Ok(problems)
}

fn directions(packages: &[Package]) -> Vec<String> {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut problems = Vec::new();
    for package in packages {
        let name = &package.name;
        let Some(allowed) = allowed.get(name.as_str()) else {
            problems.push(format!(
                "{name} has no place in the layering; give it one in xtask/src/tidy/layering.rs"
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let inside = dependency.path.is_some();
            let shipped = dependency.kind.as_deref() != Some("dev");
            if inside && shipped && !allowed.contains(&dependency.name.as_str()) {
                problems.push(format!(
                    "{name} must not depend on {}: it stands beside or above it",
                    dependency.name
                ));
            }
        }
    }
    problems
}

/// Uses of the machine in a crate that must not know one.
fn impurities(package: &Package) -> io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in super::rust_files(&package.home().join("src"))? {
        let text = std::fs::read_to_string(&path)?;
        let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for word in IMPURE.iter().filter(|word| shipped.contains(**word)) {
            problems.push(format!(
                "{path}: {} does no I/O, but uses {word}",
                package.name
            ));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(dependencies: &str) -> Vec<Package> {
        let text = format!(
            r#"[{{"name":"phoenix-config","manifest_path":"/x/Cargo.toml",
                "dependencies":[{dependencies}]}}]"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_crate_uses_only_what_stands_below_it() {
        let below = r#"{"name":"phoenix-zfs","kind":null,"path":"/x/zfs"}"#;
        let above = r#"{"name":"phoenix-host","kind":null,"path":"/x/host"}"#;
        let test = r#"{"name":"phoenix-host","kind":"dev","path":"/x/host"}"#;
        let outside = r#"{"name":"phoenix-host","kind":null,"path":null}"#;
        assert_eq!(directions(&packages(below)), Vec::<String>::new());
        assert_eq!(directions(&packages(test)), Vec::<String>::new());
        assert_eq!(directions(&packages(outside)), Vec::<String>::new());
        assert_eq!(directions(&packages(above)).len(), 1);
    }
}
