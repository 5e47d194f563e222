//! `grep` over the files of the guests: the one form that phoenix uses.

use phoenix_host::command::Output;

use super::state::{Entry, EntryKind, State};

/// `grep -r -H -a -E '/|hostpci|^pci:|path=' PATH..`
pub(super) fn grep(state: &State, args: &[String]) -> Output {
    let words = super::words(args);
    let ["-r", "-H", "-a", "-E", "/|hostpci|^pci:|path=", paths @ ..] = &words[..] else {
        return Output::failure(2, "grep: the simulated grep knows another pattern\n");
    };
    let mut output = Output::success("");
    for path in paths {
        let below = format!("{path}/");
        let mut exists = false;
        for (file, entry) in &state.files {
            let is_it = file.as_str() == *path || file.as_str().starts_with(&below);
            exists |= is_it;
            if is_it {
                output.stdout += &matching(file.as_str(), entry);
            }
        }
        if !exists {
            output.stderr += &format!("grep: {path}: No such file or directory\n");
        }
    }
    output.code = Some(match (output.stderr.is_empty(), output.stdout.is_empty()) {
        (false, _) => 2,
        (true, false) => 0,
        (true, true) => 1,
    });
    output
}

fn matching(file: &str, entry: &Entry) -> String {
    let EntryKind::File(text) = &entry.kind else {
        return String::new();
    };
    let matches = |line: &&str| {
        let found = ["/", "hostpci", "path="]
            .iter()
            .any(|part| line.contains(part));
        found || line.starts_with("pci:")
    };
    let lines = text.lines().filter(matches);
    lines.map(|line| format!("{file}:{line}\n")).collect()
}
