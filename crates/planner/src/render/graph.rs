//! The dependency graph as a tree, and in the forms of Graphviz, Mermaid and JSON.
//!
//! All of them are linear in the size of the graph and sorted, so equal files give equal text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use phoenix_config::address::Address;
use serde_json::json;

use crate::graph::Graph;

/// A tree in box-drawing characters: what is needed above, what needs it below. An object that
/// several others lead to is drawn once, and referred to with `(see above)` after that.
pub fn tree(graph: &Graph) -> String {
    let mut text = String::new();
    let mut drawn = BTreeSet::new();
    let roots = graph
        .nodes()
        .filter(|node| graph.dependencies(node).is_empty());
    for root in roots {
        draw(graph, root, &mut drawn, &mut text);
    }
    text
}

/// What is still to be drawn: an object, the lines to the left of it, and the way it hangs there.
struct Pending<'a> {
    address: &'a Address,
    indent: String,
    branch: &'static str,
}

fn draw<'a>(
    graph: &'a Graph,
    root: &'a Address,
    drawn: &mut BTreeSet<&'a Address>,
    text: &mut String,
) {
    let mut stack = vec![Pending {
        address: root,
        indent: String::new(),
        branch: "",
    }];
    while let Some(Pending {
        address,
        indent,
        branch,
    }) = stack.pop()
    {
        let first_time = drawn.insert(address);
        let remark = if first_time { "" } else { " (see above)" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{indent}{branch}{address}{remark}");
        if !first_time {
            continue;
        }
        let below = match branch {
            "" => indent,
            "└── " => format!("{indent}    "),
            _ => format!("{indent}│   "),
        };
        let mut last = true;
        for child in graph.dependents(address).into_iter().rev() {
            stack.push(Pending {
                address: child,
                indent: below.clone(),
                branch: if last { "└── " } else { "├── " },
            });
            last = false;
        }
    }
}

/// Graphviz's language. Edges run from what is needed to what needs it.
pub fn dot(graph: &Graph) -> String {
    let mut text = "digraph phoenix {\n    rankdir=LR;\n    node [shape=box];\n".to_owned();
    let quoted = |address: &Address| {
        let escaped = address
            .to_string()
            .replace('\\', "\\\\")
            .replace('"', "\\\"");
        format!("\"{escaped}\"")
    };
    for node in graph.nodes() {
        let _ = writeln!(text, "    {};", quoted(node));
    }
    for (from, to) in graph.edges() {
        let _ = writeln!(text, "    {} -> {};", quoted(from), quoted(to));
    }
    text.push_str("}\n");
    text
}

/// Mermaid's flowchart language. Edges run from what is needed to what needs it.
pub fn mermaid(graph: &Graph) -> String {
    let mut text = "graph LR\n".to_owned();
    let numbers: BTreeMap<_, _> = graph.nodes().zip(0_usize..).collect();
    for (node, number) in &numbers {
        let label = node.to_string().replace('"', "#quot;");
        let _ = writeln!(text, "    n{number}[\"{label}\"]");
    }
    for (from, to) in graph.edges() {
        if let (Some(from), Some(to)) = (numbers.get(from), numbers.get(to)) {
            let _ = writeln!(text, "    n{from} --> n{to}");
        }
    }
    text
}

/// `{"nodes":[{"id","kind"}],"edges":[{"from","to"}]}` with a final newline; `from` is needed by
/// `to`.
pub fn json(graph: &Graph) -> String {
    let nodes: Vec<_> = graph
        .nodes()
        .map(|node| json!({"id": node.to_string(), "kind": node.kind()}))
        .collect();
    let edges: Vec<_> = graph
        .edges()
        .map(|(from, to)| json!({"from": from.to_string(), "to": to.to_string()}))
        .collect();
    format!("{:#}\n", json!({"nodes": nodes, "edges": edges}))
}
