//! Holds the simulated host to recordings of real OpenZFS, NFS and Proxmox-less Debian.
//!
//! The recordings in `conformance/` were made on the lab by running the scripts beside them. Every
//! exchange is replayed in order against a simulated host with the same drives, and must give the
//! same exit code, the same output and the same error text. What differs from run to run on the
//! real thing (guids) is masked; a usage text is cut off where it begins.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write;

use camino::Utf8Path;
use phoenix_host::Host;
use phoenix_host::command::Output;
use phoenix_sim::{self as sim, SimHost};
use serde_json::Value;

const DRIVES: [(&str, u64); 3] = [
    ("nvme-QEMU_NVMe_Ctrl_PHX2TA01", 2_000_398_934_016),
    ("nvme-QEMU_NVMe_Ctrl_PHX2TB02", 2_000_398_934_016),
    ("nvme-QEMU_NVMe_Ctrl_PHX4TC03", 4_000_787_030_016),
];

#[test]
fn pools_are_as_real_zpool_has_them() {
    assert_eq!(differences(include_str!("conformance/pools.jsonl"), 33), "");
}

#[test]
fn datasets_are_as_real_zfs_has_them() {
    assert_eq!(
        differences(include_str!("conformance/datasets.jsonl"), 79),
        ""
    );
}

#[test]
fn properties_take_and_read_back_what_real_zfs_does() {
    assert_eq!(
        differences(include_str!("conformance/properties.jsonl"), 472),
        ""
    );
}

#[test]
fn pools_that_are_not_imported_are_as_real_zpool_has_them() {
    assert_eq!(
        differences(include_str!("conformance/imports.jsonl"), 22),
        ""
    );
}

#[test]
fn exports_are_as_real_exportfs_has_them() {
    assert_eq!(
        differences(include_str!("conformance/exports.jsonl"), 30),
        ""
    );
}

/// Every exchange that the simulated host answers otherwise; `count` is how many there must be.
fn differences(recording: &str, count: usize) -> String {
    let host = SimHost::with_drives(&DRIVES);
    assert_eq!(
        recording.lines().count(),
        count,
        "every exchange of the script must be there"
    );
    let mut text = String::new();
    for line in recording.lines() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let words = exchange.get("argv").and_then(Value::as_array).unwrap();
        let argv: Vec<String> = words
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect();
        let real = seen(&recorded(&exchange));
        let simulated = seen(&replay(&host, &argv));
        if real != simulated {
            let command = argv.join(" ");
            writeln!(
                text,
                "$ {command}\n  real:      {real:?}\n  simulated: {simulated:?}"
            )
            .unwrap();
        }
    }
    text
}

fn recorded(exchange: &Value) -> Output {
    let text = |key| {
        exchange
            .get(key)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };
    let code = exchange.get("code").and_then(Value::as_i64).unwrap();
    Output {
        code: i32::try_from(code).ok(),
        stdout: text("stdout"),
        stderr: text("stderr"),
    }
}

fn replay(host: &SimHost, argv: &[String]) -> Output {
    if let [program, path, contents] = argv
        && program == "write-file"
    {
        host.write_file(Utf8Path::new(path), &contents.replace("\\n", "\n"))
            .unwrap();
        return Output::success("");
    }
    sim::run_argv(host, argv)
}

/// What a caller can rely on: the code, the rows without their random part, the words of an error.
fn seen(output: &Output) -> (Option<i32>, String, String) {
    let is_guid = |word: &str| word.len() >= 15 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mask = |word: &str| {
        let bare = word.trim_end_matches([' ', '\t']);
        if is_guid(bare) {
            word.replace(bare, "GUID")
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| {
        let words = line.split_inclusive([' ', '\t']);
        words.map(mask).collect::<String>()
    };
    let stdout = output
        .stdout
        .lines()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n");
    let error = output.stderr.split("usage:").next().unwrap_or_default();
    (output.code, stdout, error.trim_end().to_owned())
}
