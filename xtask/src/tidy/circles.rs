//! No two files of a crate use each other, directly or around a corner.
//!
//! A circle means that neither file can be understood, tested or moved alone. A module and the
//! modules inside it are one thing and may use each other. Reads paths (`crate::a::b`, `super::a`) as
//! text: a name that travels through a re-export of the crate's root is not followed.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

/// The path of a module inside its crate, from the root: `["disk", "gpt"]`.
type Module = Vec<String>;

/// A file of a crate: where it lies below `src`, and its text without tests.
pub(super) struct File {
    /// `disk/gpt.rs`.
    pub(super) path: String,
    /// What is compiled into the crate.
    pub(super) text: String,
}

/// Problems of the files of one crate.
pub(super) fn check(package: &str, files: &[File]) -> Vec<String> {
    let modules: BTreeMap<Module, &File> = files
        .iter()
        .map(|file| (module_of(&file.path), file))
        .collect();
    let names: Vec<&Module> = modules.keys().collect();
    let number: BTreeMap<&Module, usize> = (0..).zip(&names).map(|(n, name)| (*name, n)).collect();
    let mut graph = DiGraphMap::<usize, ()>::new();
    for (module, file) in &modules {
        for used in uses(module, &file.text, &modules) {
            let one_thing = used.starts_with(module) || module.starts_with(&used);
            if let (false, Some(&from), Some(&to)) =
                (one_thing, number.get(module), number.get(&used))
            {
                graph.add_edge(from, to, ());
            }
        }
    }
    let circles = tarjan_scc(&graph).into_iter().filter(|one| one.len() > 1);
    let mut problems: Vec<String> = circles
        .map(|circle| {
            let members: BTreeSet<String> = circle
                .iter()
                .filter_map(|&at| names.get(at))
                .map(|module| module.join("::"))
                .collect();
            let members: Vec<String> = members.into_iter().collect();
            format!(
                "{package}: {} use each other in a circle; let one of them be given what it takes \
                 from the other",
                members.join(", ")
            )
        })
        .collect();
    problems.sort();
    problems
}

/// The text of a file up to its first test module.
pub(super) fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

fn module_of(path: &str) -> Module {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem {
        "lib" | "main" => Module::new(),
        _ => stem.split('/').map(str::to_owned).collect(),
    }
}

/// The modules that a file names, with the longest path that is a file.
fn uses(here: &Module, text: &str, modules: &BTreeMap<Module, &File>) -> BTreeSet<Module> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = BTreeSet::new();
    for (start, base) in anchors(here, &code) {
        for path in paths(code.get(start..).unwrap_or_default()) {
            let mut module = base.clone();
            for word in path {
                let mut longer = module.clone();
                longer.push(word);
                if !modules.contains_key(&longer) {
                    break;
                }
                module = longer;
            }
            // The root and a module above hand on what lies in others.
            if module != base {
                found.insert(module);
            }
        }
    }
    found
}

/// Where a path begins, just behind `crate::` or `super::`, and which module that is.
fn anchors(here: &Module, code: &str) -> Vec<(usize, Module)> {
    let mut anchors = Vec::new();
    let parent: Module = here
        .iter()
        .take(here.len().saturating_sub(1))
        .cloned()
        .collect();
    for (word, base) in [("crate::", Module::new()), ("super::", parent)] {
        for (at, _) in code.match_indices(word) {
            let before = code.get(..at).and_then(|text| text.chars().next_back());
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                anchors.push((at + word.len(), base.clone()));
            }
        }
    }
    anchors
}

/// The paths at the start of `code`: one, or several in braces, each as its words.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    tree(code, &mut Vec::new(), &mut found);
    found
}

/// Reads one tree of names (`a::{b, c::d}`) and gives back what is behind it.
fn tree<'a>(code: &'a str, above: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let depth = above.len();
    let mut rest = code.trim_start();
    loop {
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                let before = rest.len();
                rest = tree(rest, above, found).trim_start();
                rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
                if rest.len() == before {
                    rest = "";
                }
            }
            rest = rest.strip_prefix('}').unwrap_or(rest);
            break;
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        above.push(word.to_owned());
        if let Some(next) = behind.strip_prefix("::") {
            rest = next;
            continue;
        }
        found.push(above.clone());
        rest = behind;
        break;
    }
    above.truncate(depth);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File {
                path: (*path).to_owned(),
                text: without_tests(text).to_owned(),
            })
            .collect();
        check("demo", &files)
    }

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let there_and_back = [
            ("a.rs", "use crate::b::{self, c::D};\n"),
            ("b.rs", "fn f() { super::a::g(); }\n"),
        ];
        assert_eq!(circles(&there_and_back).len(), 1);
        assert!(
            circles(&there_and_back)
                .concat()
                .contains("a, b use each other")
        );
        let around_a_corner = [
            ("a.rs", "use crate::{x::Y, b::B};\n"),
            ("b.rs", "use crate::c;\n"),
            ("c.rs", "use super::a::A;\n"),
        ];
        assert!(circles(&around_a_corner).concat().contains("a, b, c use"));
    }

    #[test]
    fn what_only_points_down_or_is_one_thing_is_none() {
        for files in [
            [("a.rs", "use crate::b::B;\n"), ("b.rs", "use std::fmt;\n")],
            // A module and what is inside it.
            [
                ("a.rs", "use crate::a::b::B;\n"),
                ("a/b.rs", "use super::A;\nuse crate::a::C;\n"),
            ],
            // Comments and tests do not count, and neither does another crate's `b`.
            [
                (
                    "a.rs",
                    "// crate::b\n#[cfg(test)]\nmod tests { use crate::b; }\n",
                ),
                ("b.rs", "use crate::a::A;\n"),
            ],
            [
                ("a.rs", "use other_crate::b::B;\n"),
                ("b.rs", "use crate::a::A;\n"),
            ],
        ] {
            assert_eq!(circles(&files), Vec::<String>::new(), "{files:?}");
        }
    }
}
