//! The configuration, from bytes through diagnostics to graph and plan.

use phoenix_config::{Loaded, load, load_lxc_configs, report};
use phoenix_planner::observed::Observed;
use phoenix_planner::render::{self, Style};
use phoenix_planner::{PlanOptions, check, graph, plan};

const NAME: &str = "fuzz.json";

/// The file itself.
pub(super) fn file(bytes: &[u8]) {
    let loaded = load(NAME, bytes);
    assert_sound(&loaded);
    let again = load(NAME, bytes);
    assert_eq!(
        loaded.diagnostics, again.diagnostics,
        "a second look differs"
    );
    assert_eq!(loaded.config(), again.config(), "a second look differs");
    let Some(config) = loaded.config() else {
        return;
    };
    let graph = graph(config);
    for (from, to) in graph.edges() {
        assert!(from < to, "{from} is needed by {to} and comes after it");
    }
    for drawing in [
        render::graph::tree(&graph),
        render::graph::dot(&graph),
        render::graph::mermaid(&graph),
        render::graph::json(&graph),
    ] {
        assert!(!drawing.is_empty());
    }
    let plan = plan(config, &Observed::default(), &PlanOptions::default());
    assert_eq!(check(&plan), Vec::<String>::new());
    let text = plan.to_json();
    let read = phoenix_planner::plan::Plan::from_json(&text);
    assert_eq!(
        read.ok().as_ref(),
        Some(&plan),
        "a saved plan is another plan"
    );
    let drawn = render::plan(&plan, &Style::default());
    let control = |c: char| c.is_control() && c != '\n';
    assert!(
        !drawn.contains(control),
        "control characters reach the terminal: {drawn:?}"
    );
}

/// The second file that `--lxc-config` names.
pub(super) fn lxc_configs(bytes: &[u8]) {
    let base = load(NAME, b"{}");
    if let Some(base) = base.config() {
        let loaded = load_lxc_configs(NAME, bytes, base);
        assert_sound(&loaded);
        let again = load_lxc_configs(NAME, bytes, base);
        assert_eq!(
            loaded.diagnostics, again.diagnostics,
            "a second look differs"
        );
    }
}

/// Whatever was found can be shown, and a configuration is handed out exactly without errors.
fn assert_sound(loaded: &Loaded) {
    let text = loaded.source.text();
    let lines = text.split('\n').count();
    for found in &loaded.diagnostics {
        assert!(
            !found.message.is_empty() && !found.help.is_empty(),
            "{found:?}"
        );
        for label in &found.labels {
            let end = label.offset + label.length;
            assert!(
                text.get(label.offset..end).is_some(),
                "{label:?} is outside the text"
            );
            assert!(
                (1..=lines).contains(&label.line) && label.column >= 1,
                "{label:?}"
            );
        }
    }
    assert_eq!(loaded.config().is_some(), loaded.error_count() == 0);
    let json = report::to_json(std::slice::from_ref(loaded));
    assert_eq!(json.get("valid"), Some(&loaded.is_valid().into()));
}
