//! Applies a plan: refuses one that is unsound or stale, then walks it.

use phoenix_host::Host;
use phoenix_planner::observed::{Observed, digest};
use phoenix_planner::plan::Plan;

use crate::action;
use crate::context::StepContext;
use crate::event::Observer;
use crate::observe::{ObserveError, observe};
use crate::options::{ApplyOptions, Freshness};
use crate::report::Report;
use crate::shared::Shared;
use crate::walk::walk;

/// Nothing was done, because it must not or could not be.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The plan contradicts itself. A plan that phoenix made never does.
    #[error("the plan is not sound: {}", .problems.join("; "))]
    Unsound {
        /// What is wrong with it, one sentence each.
        problems: Vec<String>,
    },
    /// The host is no longer as it was when the plan was made.
    #[error("the plan is stale: {}; make a new one", why_stale(.planned_for, .node))]
    Stale {
        /// The host that the plan was made for.
        planned_for: String,
        /// The host that it was to be applied to.
        node: String,
    },
    /// The facts that the plan depends on could not be read again.
    #[error("cannot compare the host with the plan")]
    Observe(#[from] ObserveError),
}

fn why_stale(planned_for: &str, node: &str) -> String {
    if planned_for == node {
        format!("host {node} has changed since it was made")
    } else {
        format!("it was made for host {planned_for}, and this is {node}")
    }
}

/// Whether a plan no longer fits the facts of the host that it was made from.
pub fn is_stale(plan: &Plan, observed: &Observed) -> bool {
    digest(observed) != plan.observed
}

/// Walks `plan` on `host` to its end: independent branches in parallel, a failed step keeps back
/// what needs it and nothing else. What became of every object is in the report; a failed step is
/// no error here.
///
/// The caller holds the run lock. `observer` is called on this thread.
///
/// # Errors
/// When the plan is unsound or, unless [`Freshness::Assumed`], stale. Nothing has been done then.
pub fn apply(
    plan: &Plan,
    host: &dyn Host,
    options: &ApplyOptions,
    observer: &mut dyn Observer,
) -> Result<Report, ApplyError> {
    let problems = phoenix_planner::check(plan);
    if !problems.is_empty() {
        return Err(ApplyError::Unsound { problems });
    }
    if options.freshness == Freshness::Check {
        let observed = observe(host, &plan.wanted)?;
        if is_stale(plan, &observed) {
            return Err(ApplyError::Stale {
                planned_for: plan.node.clone(),
                node: observed.node,
            });
        }
    }
    let perform =
        |step: &_, host: &StepContext<'_>| action::perform(step, host, options.retry_pause);
    let shared = Shared::new(host, options.jobs);
    Ok(walk(plan, &shared, options, observer, &perform))
}
