//! What is true of every Rust file: it says what it owns, and it is no jungle.

use camino::Utf8Path;

/// The most lines of a file outside tests.
const MAX_LINES: usize = 600;

/// Words that mark unfinished work. Written in halves so that this file does not name itself.
const MARKS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("HA", "CK:"),
];

/// Problems of one file.
pub(super) fn check(path: &Utf8Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(format!(
            "{path}: must open with `//!`: what the file owns and what it must not do"
        ));
    }
    if path.file_name() == Some("mod.rs") {
        problems.push(format!("{path}: use `foo.rs` beside `foo/`, not `mod.rs`"));
    }
    let lines = lines_outside_tests(path, text);
    if lines > MAX_LINES {
        problems.push(format!(
            "{path}: {lines} lines outside tests, the limit is {MAX_LINES}; split it by subject"
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(mark) = MARKS.iter().find(|mark| line.contains(**mark)) {
            problems.push(format!("{path}:{number}: unfinished work, marked {mark}"));
        }
    }
    problems
}

/// Lines before the first test module; none for a file that is only compiled for tests.
fn lines_outside_tests(path: &Utf8Path, text: &str) -> usize {
    let is_test = |part: &str| part == "tests" || part == "tests.rs";
    if path.components().any(|part| is_test(part.as_str())) {
        return 0;
    }
    let mut lines = 0;
    let mut source = text.lines().peekable();
    while let Some(line) = source.next() {
        let module_follows = source.peek().is_some_and(|next| next.starts_with("mod "));
        if line == "#[cfg(test)]" && module_follows {
            break;
        }
        lines += 1;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(Utf8Path::new(path), text).len()
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        assert_eq!(problems("crates/a/src/a.rs", "//! Owns a.\n"), 0);
        assert_eq!(problems("crates/a/src/a.rs", "use a;\n"), 1);
        assert_eq!(problems("crates/a/src/a/mod.rs", "//! Owns a.\n"), 1);
    }

    #[test]
    fn only_lines_outside_tests_count() {
        let long = format!("//! Owns a.\n{}", "// line\n".repeat(MAX_LINES));
        assert_eq!(problems("crates/a/src/a.rs", &long), 1);
        assert_eq!(problems("crates/a/tests/a.rs", &long), 0);
        assert_eq!(problems("crates/a/src/a/tests.rs", &long), 0);
        let tests = format!(
            "//! Owns a.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "// line\n".repeat(MAX_LINES)
        );
        assert_eq!(problems("crates/a/src/a.rs", &tests), 0);
    }

    #[test]
    fn unfinished_work_is_found() {
        let text = format!("//! Owns a.\n// {} later\n", MARKS[0]);
        assert_eq!(problems("crates/a/src/a.rs", &text), 1);
    }
}
