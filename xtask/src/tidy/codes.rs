//! Every diagnostic code has a section in `docs/diagnostics.md`, and every section a code.

use std::collections::BTreeSet;

use phoenix_config::code::Code;

/// Codes without a section and sections without a code.
pub(super) fn check(documentation: &str) -> Vec<String> {
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for heading in headings(documentation) {
        if !seen.insert(heading) {
            problems.push(format!("docs/diagnostics.md has two sections {heading}"));
        }
        if !codes.contains(heading) {
            problems.push(format!(
                "docs/diagnostics.md has a section {heading}, which is no diagnostic code"
            ));
        }
    }
    for code in codes.difference(&seen) {
        problems.push(format!("docs/diagnostics.md has no section {code}"));
    }
    problems
}

/// The codes that head a section. Lines inside a fenced block are examples, not headings.
fn headings(documentation: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    documentation.lines().filter_map(move |line| {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            return None;
        }
        line.strip_prefix("## ")
            .filter(|title| title.starts_with("phoenix::"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documentation(skip: usize) -> String {
        Code::ALL
            .iter()
            .skip(skip)
            .map(|code| format!("## {code}\n\nWhy.\n\n"))
            .collect()
    }

    #[test]
    fn codes_and_sections_match_both_ways() {
        assert_eq!(check(&documentation(0)), Vec::<String>::new());
        assert_eq!(check(&documentation(1)).len(), 1);
        let stray = format!("{}## phoenix::no::such\n", documentation(0));
        assert_eq!(check(&stray).len(), 1);
        let twice = format!("{}## {}\n", documentation(0), Code::ALL[0]);
        assert_eq!(check(&twice).len(), 1);
        let example = format!("{}```\n## phoenix::no::such\n```\n", documentation(0));
        assert_eq!(check(&example), Vec::<String>::new());
    }
}
