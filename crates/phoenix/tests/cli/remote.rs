//! Another machine over ssh: this one, through a real sshd.

use phoenix::host::ssh::{SshHost, SshOptions};
use phoenix::{ApplyOptions, Freshness, PlanOptions, SimHost};

use crate::scenario::{EXAMPLE, Scenario};
use crate::sshd::Sshd;

/// Whatever this machine has, with and without ZFS: both ways see the same.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn a_machine_looks_the_same_from_here_and_over_ssh() {
    let sshd = Sshd::start();
    let scenario = Scenario::with_config(EXAMPLE);
    let remote = format!(
        "--host {} --ssh-config {}",
        sshd.target(),
        sshd.client_config()
    );
    for command in [
        "plan",
        "plan --format json",
        "apply --dry-run",
        "disks --format json",
    ] {
        let here = scenario.run(command);
        let there = scenario.run(&format!("{command} {remote}"));
        assert_eq!(
            (there.code, &there.stdout, &there.stderr),
            (here.code, &here.stdout, &here.stderr),
            "{command}"
        );
        assert!(here.stdout.len() + here.stderr.len() > 10, "{here:#?}");
    }
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn no_connection_ends_with_1_and_the_way_out() {
    let sshd = Sshd::start();
    let scenario = Scenario::with_config(EXAMPLE);
    let unknown = sshd.write_client_config("unknown", "none", "id");
    let denied = sshd.write_client_config("denied", "host", "other");
    let known = sshd.client_config();
    for (target, config, words) in [
        (
            sshd.target(),
            &unknown,
            ["host key is not known here", "fingerprint"],
        ),
        (
            sshd.target(),
            &denied,
            ["lets none of your keys in", "ssh-copy-id"],
        ),
        (
            "ssh://127.0.0.1:1".to_owned(),
            &known,
            ["nobody answers there", "-p 1"],
        ),
    ] {
        let run = scenario
            .run(&format!("plan --host {target} --ssh-config {config}"))
            .expect_code(1);
        assert_eq!(run.stdout, "");
        for words in words {
            assert!(run.stderr.contains(words), "{run:#?}");
        }
    }
}

/// A connection that is lost fails what needs it, at once and in so many words.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn an_apply_whose_connection_is_lost_comes_to_an_end() {
    let mut sshd = Sshd::start();
    let loaded = phoenix::load("storage.json", EXAMPLE.as_bytes());
    let config = loaded.config().unwrap();
    let simulated = SimHost::fresh();
    let observed = phoenix::observe(config, &simulated).unwrap();
    let plan = phoenix::plan(config, &observed, &PlanOptions::default());
    let options = SshOptions {
        config_file: Some(sshd.client_config()),
        // Nothing of this machine is changed, whatever happens.
        search_path: vec!["/nonexistent".into()],
        ..SshOptions::default()
    };
    let host = SshHost::connect(&sshd.target().parse().unwrap(), &options).unwrap();
    sshd.cut();
    let options = ApplyOptions {
        freshness: Freshness::Assumed,
        ..ApplyOptions::default()
    };
    let report = phoenix::apply(&plan, &host, &options, &mut ()).unwrap();
    assert_eq!(report.summary.changed + report.summary.unchanged, 0);
    assert_eq!(
        report.summary.failed + report.summary.blocked,
        plan.steps.len()
    );
    let lost = |error: &phoenix::executor::event::Failure| {
        error.message.contains("no answer came back from 127.0.0.1")
    };
    let errors: Vec<_> = report
        .outcomes
        .values()
        .filter_map(|outcome| outcome.error.as_ref())
        .collect();
    assert!(errors.iter().any(|error| lost(error)), "{errors:#?}");
}
