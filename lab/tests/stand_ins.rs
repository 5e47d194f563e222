//! Holds the stand-ins for Proxmox's tools to recordings of the real ones.
//!
//! A recording knows the file after a command, not before it, so the file before is worked out:
//! the same for a refusal, without the new section for an `add`, else what the recording before
//! left. Exit codes are compared as success or failure, because Proxmox leaks errno into them.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test runs the stand-in itself, and stops at the first surprise"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const RECORDINGS: &str = include_str!("data/pve-recordings.jsonl");
const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/stand-ins/pve.py");

struct Recording {
    argv: Vec<String>,
    succeeded: bool,
    stderr: String,
    file: String,
    after: String,
}

impl Recording {
    fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Self {
            argv: value["argv"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a.as_str().unwrap().to_owned())
                .collect(),
            succeeded: value["rc"] == 0,
            stderr: text("stderr"),
            file: text("file"),
            after: text("after"),
        }
    }

    /// Whether phoenix can send such a command; the stand-in knows nothing else.
    fn is_ours(&self) -> bool {
        let argv: Vec<&str> = self.argv.iter().map(String::as_str).collect();
        matches!(
            argv.as_slice(),
            ["pvesm", "add", "zfspool" | "dir" | "bogustype", ..]
                | ["pvesm", "set", ..]
                | ["pct", "set", ..]
        )
    }

    fn before(&self, previous: &str) -> String {
        if !self.succeeded {
            return self.after.clone();
        }
        if let Some((live, _)) = self.after.split_once("\n[pve:pending]")
            && !previous.starts_with(live)
        {
            return live.to_owned();
        }
        if self.argv[1] != "add" {
            return previous.to_owned();
        }
        let header = format!("{}: {}\n", self.argv[2], self.argv[3]);
        let sections = self.after.split_inclusive("\n\n");
        sections
            .filter(|section| !section.starts_with(&header))
            .collect()
    }
}

/// Proxmox writes sets in random order, and materialises defaults when another section is written.
fn normalised(text: &str) -> Vec<String> {
    let line = |line: &str| match line.trim_start().split_once(' ') {
        Some((key @ ("content" | "nodes"), list)) => {
            let mut words: Vec<&str> = list.split(',').collect();
            words.sort_unstable();
            format!("{key} {}", words.join(","))
        }
        _ => line.trim_start().to_owned(),
    };
    let mut lines: Vec<String> = text.lines().map(line).filter(|l| !l.is_empty()).collect();
    // The recorded host's own `local` differs from section to section only in its order.
    lines.retain(|line| line != "content images,rootdir");
    lines
}

fn run(recording: &Recording, before: &str, root: &Path) -> (bool, String, String) {
    let path = root
        .join("etc/pve")
        .join(recording.file.replace("nodes/pve1/", ""));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for folder in ["etc/pve/lxc", "run/pve-stand-in", "bin", "srv/g1"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(&path, before).unwrap();
    if recording.after.contains("[pve:pending]") {
        fs::write(
            root.join(format!("run/pve-stand-in/{}.running", recording.argv[2])),
            "",
        )
        .unwrap();
    }
    let tool = root.join("bin").join(&recording.argv[0]);
    symlink(STAND_IN, &tool).unwrap();
    let output = Command::new("python3")
        .arg(&tool)
        .args(&recording.argv[1..])
        .env("PVE_STAND_IN_ROOT", root)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.success(),
        stderr,
        fs::read_to_string(&path).unwrap(),
    )
}

#[test]
fn the_stand_ins_do_what_the_real_tools_were_seen_to_do() {
    let mut previous = std::collections::BTreeMap::<String, String>::new();
    let mut compared = 0;
    let scratch = std::env::temp_dir().join(format!("phoenix-stand-ins-{}", std::process::id()));
    for (number, line) in RECORDINGS.lines().enumerate() {
        let recording = Recording::read(line);
        let before = previous.insert(recording.file.clone(), recording.after.clone());
        if !recording.is_ours() {
            continue;
        }
        let root = scratch.join(number.to_string());
        let before = recording.before(&before.unwrap_or_default());
        let (succeeded, stderr, after) = run(&recording, &before, &root);
        let what = format!(
            "recording {number}: {}\nstderr: {stderr}",
            recording.argv.join(" ")
        );
        assert_eq!(succeeded, recording.succeeded, "{what}");
        assert_eq!(stderr, recording.stderr, "{what}");
        assert_eq!(normalised(&after), normalised(&recording.after), "{what}");
        compared += 1;
    }
    fs::remove_dir_all(&scratch).unwrap();
    assert_eq!(
        compared, 37,
        "every recording that phoenix could send must be compared"
    );
}
