//! Files that phoenix wrote earlier, and that may have been damaged or changed since.

use std::convert::Infallible;

use phoenix_executor::journal as runs;
use phoenix_host::transcript::ReplayHost;
use phoenix_nvme::history::History;
use phoenix_planner::check;
use phoenix_planner::plan::Plan;
use phoenix_sim::state::State;

use super::read;

/// Only a plan that nobody changed is read, and it is written as it was read.
pub(super) fn plan(text: &str) {
    if let Some(plan) = read(text, Plan::from_json) {
        assert!(plan.verify_id());
        assert_eq!(read(&plan.to_json(), Plan::from_json), Some(plan.clone()));
        // A plan with the right id can still be nonsense: the check must come to an end.
        let problems = check(&plan);
        assert_eq!(problems, check(&plan));
    }
}

/// Cutting a journal short at any line costs the events after the cut and no other.
pub(super) fn journal(text: &str) {
    let Some(recording) = read(text, runs::parse) else {
        return;
    };
    let Some((before, _)) = text.trim_end_matches('\n').rsplit_once('\n') else {
        return;
    };
    if let Ok(shorter) = runs::parse(&format!("{before}\n")) {
        assert!(recording.events.starts_with(&shorter.events));
    }
}

pub(super) fn history(text: &str) {
    let Some(history) = read(text, |text| Ok::<_, Infallible>(History::parse(text))) else {
        return;
    };
    let written = history.to_text();
    assert_eq!(History::parse(&written), history, "written as {written:?}");
    assert!(history.foreign_lines() <= text.lines().count());
}

pub(super) fn transcript(text: &str) {
    read(text, ReplayHost::parse);
}

pub(super) fn sim_state(text: &str) {
    // The reason is told apart from the message, and is the parser's business.
    let parse = |text: &str| serde_json::from_str::<State>(text).map_err(|_| "not a state");
    if let Some(state) = read(text, parse) {
        let written = serde_json::to_string(&state);
        let again = written.and_then(|text| serde_json::from_str(&text));
        assert_eq!(again.ok(), Some(state));
    }
}
