//! Every code has a section on its page of documentation, and every section a code.

use std::collections::BTreeSet;

/// Codes without a section and sections without a code, on the page called `page`.
pub(super) fn check(page: &str, documentation: &str, codes: &BTreeSet<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for heading in headings(documentation) {
        if !seen.insert(heading) {
            problems.push(format!("{page} has two sections {heading}"));
        }
        if !codes.contains(heading) {
            problems.push(format!("{page} has a section {heading}, which is no code"));
        }
    }
    for code in codes.difference(&seen) {
        problems.push(format!("{page} has no section {code}"));
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

    const CODES: [&str; 2] = ["phoenix::a::b", "phoenix::a::c"];

    fn documentation(skip: usize) -> String {
        CODES
            .iter()
            .skip(skip)
            .map(|code| format!("## {code}\n\nWhy.\n\n"))
            .collect()
    }

    #[test]
    fn codes_and_sections_match_both_ways() {
        let check = |documentation: &str| check("page", documentation, &CODES.into());
        assert_eq!(check(&documentation(0)), Vec::<String>::new());
        assert_eq!(
            check(&documentation(1)),
            ["page has no section phoenix::a::b"]
        );
        let stray = format!("{}## phoenix::no::such\n", documentation(0));
        assert_eq!(check(&stray).len(), 1);
        let twice = format!("{}## {}\n", documentation(0), CODES[0]);
        assert_eq!(check(&twice).len(), 1);
        let example = format!("{}```\n## phoenix::no::such\n```\n", documentation(0));
        assert_eq!(check(&example), Vec::<String>::new());
    }
}
