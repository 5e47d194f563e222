//! What holds for the description of any host.

use std::collections::BTreeSet;

use phoenix_executor::import::{Imported, import};
use phoenix_planner::PlanOptions;
use phoenix_sim::SimHost;
use phoenix_testing::scenario::{Scenario, comparable, config, plan, run, scenario};
use proptest::prelude::*;
use serde_json::Value;

fn described(host: &SimHost) -> Imported {
    let before = host.state();
    let imported = import(host, &BTreeSet::new()).unwrap();
    assert_eq!(host.state(), before, "an import changed the host");
    imported
}

/// Makes what a file declares on an empty host.
fn made(file: &Value, host: &SimHost) {
    let plan = plan(&config(file), host, &PlanOptions::default());
    let report = run(&plan, host, 16);
    assert_eq!(report.summary.failed, 0, "{plan:#?}");
}

proptest! {
    /// Whatever somebody did to the host, its description is a valid file that changes nothing.
    #[test]
    fn a_description_changes_nothing(scenario in scenario()) {
        let host = scenario.host();
        let imported = described(&host);
        let file: Value = serde_json::from_str(&imported.text).unwrap();
        let plan = plan(&config(&file), &host, &PlanOptions::default());
        prop_assert!(plan.is_empty(), "{plan:#?}");
    }

    /// What phoenix has made is described so that it can be made again on an empty host.
    #[test]
    fn a_description_makes_the_same_host_again(scenario in scenario()) {
        let clean = Scenario { earlier: None, dirt: Vec::new(), ..scenario };
        let host = clean.host();
        made(&clean.file, &host);
        let imported = described(&host);
        prop_assert_eq!(&imported.left_out, &Vec::new());
        let twin = clean.host();
        made(&serde_json::from_str(&imported.text).unwrap(), &twin);
        prop_assert_eq!(&comparable(&twin.state()), &comparable(&host.state()), "{}", imported.text);
    }
}
