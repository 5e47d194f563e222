//! Describes a host as a file: `phoenix import`.
//!
//! Owns the order of the work: find out what there is, read it as for any plan, write it down, and
//! then go on as if somebody else had written it: load, observe, plan. What that finds wrong or
//! would change is taken out and told, so that the file that comes out plans to no change. Nothing
//! here changes the host.

mod survey;

use std::collections::BTreeSet;

use phoenix_host::Host;
use phoenix_host::readonly::ReadOnly;
use phoenix_planner::draft::{self, Draft, LeftOut, Scope, faults};
use phoenix_planner::plan::Plan;
use phoenix_planner::{PlanOptions, wanted};

use crate::observe::{ObserveError, observe};

/// What messages about the described file call it.
const NAME: &str = "the described host";

/// A host as a file.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The file: JSON text.
    pub text: String,
    /// What a plan for it finds: no step and no refusal.
    pub plan: Plan,
    /// What of the host is not in the file, in the order of its names.
    pub left_out: Vec<LeftOut>,
}

/// A host could not be described.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A pool was asked for that is not imported.
    #[error(
        "the pool \"{pool}\" is not imported on this host, which has {}",
        listed(has)
    )]
    NoPool {
        /// Which one.
        pool: String,
        /// The pools that there are.
        has: Vec<String>,
    },
    /// The file could not be written down.
    #[error("cannot write the file down")]
    Write(#[from] serde_json::Error),
    /// Taking out what phoenix finds wrong with the file does not help.
    #[error("phoenix cannot use the file that it made of this host: {reason}")]
    Unusable {
        /// The first thing that is wrong.
        reason: String,
    },
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// Describes the named pools with everything that stands on them; all pools without names. The
/// limit of the read cache belongs to the whole host, and is described without names only.
///
/// # Errors
/// When the host gives no answer, or has no such pool.
pub fn import(host: &dyn Host, pools: &BTreeSet<String>) -> Result<Imported, ImportError> {
    let host: &dyn Host = &ReadOnly(host);
    let scope = if pools.is_empty() {
        Scope::Host
    } else {
        Scope::Pools
    };
    let survey = survey::survey(host, pools)?;
    let observed = observe(host, &survey.wanted)?;
    let Draft {
        mut file,
        mut left_out,
    } = draft::draft(&observed, scope);
    left_out.extend(survey.left_out);
    loop {
        let text = file.to_text()?;
        let loaded = phoenix_config::load(NAME, text.as_bytes());
        let found = match loaded.config() {
            None => faults::of_file(&loaded),
            Some(config) => {
                let observed = observe(host, &wanted(config))?;
                let plan = phoenix_planner::plan(config, &observed, &PlanOptions::default());
                let found = faults::of_plan(&plan);
                if found.is_empty() {
                    left_out.sort();
                    return Ok(Imported {
                        text,
                        plan,
                        left_out,
                    });
                }
                found
            }
        };
        let taken = faults::take_out(&mut file, &found);
        if taken.is_empty() {
            let reason = found.first().map_or(String::new(), ToString::to_string);
            return Err(ImportError::Unusable { reason });
        }
        left_out.extend(taken);
    }
}
