//! How many commands an apply costs: figures that must not get worse unnoticed.

use phoenix_executor::apply;
use phoenix_sim::SimHost;

use crate::support::{config, look, options, plan};

const USERS_PLAN: &str = include_str!("../../../../schema/examples/quickos-fastdata.json");

/// The commands of a first run of `text` with up to `jobs` steps at once, from the first look to the
/// last, and of a second look at what it has made.
fn commands(text: &str, jobs: usize) -> (usize, usize) {
    let host = SimHost::fresh();
    let config = config(text);
    let plan_made = plan(&config, &host);
    let report = apply(&plan_made, &host, &options(jobs), &mut ()).unwrap();
    assert!(report.is_success());
    let first = host.commands().len();
    look(&config, &host);
    (first, host.commands().len() - first)
}

#[test]
fn the_users_plan_costs_no_more_commands_than_it_did() {
    // Every look at idle disks asks whether a guest's file names one or a process has one open; the
    // second run asks each of the two pools for the numbers of its disks; each lists modprobe's files.
    let one_by_one = (117, 16);
    assert_eq!(commands(USERS_PLAN, 1), one_by_one);
    // What steps ask at the same time depends on the moment, and is at most what each asks alone.
    let (first, nothing_to_do) = commands(USERS_PLAN, 128);
    assert!(first <= one_by_one.0, "{first} commands");
    assert_eq!(nothing_to_do, one_by_one.1);
}
