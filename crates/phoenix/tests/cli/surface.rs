//! What programs hold on to: exit codes, JSON, the two streams, colours.

use crate::scenario::{EXAMPLE, Scenario};

#[test]
fn what_ends_a_command_early_has_a_code_that_can_be_explained() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario.write("broken.json", "{");
    scenario
        .run("plan --host sim:host.json --out plan.json")
        .expect_code(0);
    scenario.write(
        "forged.json",
        scenario.read("plan.json").replace("800G", "900G"),
    );
    let another = scenario.host("other.json");
    another.edit(|state| state.memory /= 2).unwrap();
    drop(another);
    for (args, exit, code) in [
        ("plan --host sim --target pool:nope", 64, "usage"),
        ("apply --host sim:host.json", 64, "nobody-to-ask"),
        ("import --host sim --pool nope", 1, "not-found"),
        ("plan none.json --host sim", 3, "config-unreadable"),
        ("plan broken.json --host sim", 3, "config-invalid"),
        ("apply forged.json --host sim:host.json", 3, "plan-unusable"),
        (
            "apply plan.json --yes --host sim:other.json",
            6,
            "plan-stale",
        ),
        ("plan --host sim --out none/plan.json", 1, "file-unwritable"),
        ("nvme --from none.json", 1, "file-unreadable"),
    ] {
        let run = scenario.run(args).expect_code(exit);
        let mut lines = run.stderr.lines();
        let line = lines.find(|line| line.starts_with("error: ")).unwrap();
        let code = format!("phoenix::ended::{code}");
        assert!(line.ends_with(&format!(" [{code}]")), "{args}: {line}");
        scenario.run(&format!("explain {code}")).expect_code(0);
    }
}

#[test]
fn wrong_usage_ends_with_64_and_help_with_0() {
    let scenario = Scenario::with_config(EXAMPLE);
    for (args, code) in [
        ("", 64),
        ("destroy", 64),
        ("plan --nonsense", 64),
        ("plan --host ssh://root:secret@pve", 64),
        ("plan --host ssh://-oProxyCommand=x", 64),
        ("plan --host sim:", 64),
        ("apply --graph=svg", 64),
        ("apply -j 0", 64),
        ("apply --lock-timeout soon", 64),
        ("apply --allow everything", 64),
        ("plan --target nonsense", 64),
        ("plan --host sim --target pool:nope", 64),
        ("plan --host sim --exclude dataset:quickOS/vm-disk", 64),
        ("explain phoenix::no::such", 64),
        ("--help", 0),
        ("--version", 0),
        ("apply --help", 0),
    ] {
        let run = scenario.run(args).expect_code(code);
        let (data, talk) = (run.stdout.is_empty(), run.stderr.is_empty());
        assert_eq!((data, talk), (code != 0, code == 0), "{args}: {run:#?}");
    }
}

#[test]
fn nothing_is_applied_when_nobody_can_be_asked() {
    let scenario = Scenario::with_config(EXAMPLE);
    let run = scenario.run("apply --host sim:host.json").expect_code(64);
    assert!(run.stdout.contains("Plan: "), "{run:#?}");
    assert!(run.stderr.contains("--yes"), "{run:#?}");
    scenario.run("status --host sim:host.json").expect_code(2);
}

#[test]
fn an_unknown_object_gets_a_suggestion() {
    let scenario = Scenario::with_config(EXAMPLE);
    let run = scenario.run("plan --host sim --exclude dataset:quickOS/vm-disk");
    assert!(
        run.stderr
            .contains("did you mean dataset:quickOS/vm-disks?"),
        "{run:#?}"
    );
}

#[test]
fn validate_speaks_json() {
    let scenario = Scenario::with_config(r#"{"zfs":{"arc_maxx":1}}"#);
    let answer = scenario.run("validate --format json").expect_code(3).json();
    assert_eq!(answer["valid"], false);
    assert_eq!(answer["error_count"], 1);
    let diagnostics = answer["diagnostics"].as_array().unwrap();
    let of = |severity| {
        diagnostics
            .iter()
            .find(|found| found["severity"] == severity)
    };
    assert!(of("warning").is_some(), "{answer:#}");
    let error = of("error").unwrap();
    assert_eq!(error["code"], "phoenix::schema::unknown-key");
    assert!(error["message"].is_string());
    assert!(error["help"].as_str().unwrap().contains("arc_max"));
    let label = &error["labels"][0];
    assert_eq!(label["pointer"], "/zfs/arc_maxx");
    let place = ["line", "column", "offset", "length"].map(|key| label[key].as_u64().unwrap());
    assert_eq!(place, [1, 9, 8, 10]);
}

#[test]
fn plan_speaks_json() {
    let scenario = Scenario::with_config(EXAMPLE);
    let plan = scenario
        .run("plan --host sim --format json")
        .expect_code(0)
        .json();
    assert_eq!(plan["format"], 1);
    assert_eq!(
        plan["summary"]["create"],
        plan["steps"].as_array().unwrap().len()
    );
    assert_eq!(plan["summary"]["refused"], 0);
    for key in ["id", "refusals", "notes"] {
        assert!(plan.get(key).is_some(), "{key}");
    }
    let step = &plan["steps"][0];
    for key in ["id", "action", "class", "needs", "changes"] {
        assert!(step.get(key).is_some(), "{key}: {step}");
    }
}

#[test]
fn disks_speak_json_and_text() {
    let scenario = Scenario::empty();
    let disks = scenario
        .run("disks --host sim --format json")
        .expect_code(0)
        .json();
    let disks = disks["disks"].as_array().unwrap();
    let free: Vec<_> = disks.iter().filter(|disk| disk["free"] == true).collect();
    assert_eq!(free.len(), 3, "{disks:#?}");
    assert_eq!(
        free[0]["path"],
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001"
    );
    assert_eq!(free[0]["size"], 2_000_398_934_016_u64);
    let text = scenario.run("disks --host sim").expect_code(0).stdout;
    assert_eq!(
        text.lines().filter(|line| line.ends_with("  free")).count(),
        3,
        "{text}"
    );
    assert!(text.contains("mounted at /"), "{text}");
}

#[test]
fn an_imported_file_is_data_and_the_rest_is_talk() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run("apply --yes --host sim:host.json")
        .expect_code(0);
    let import = scenario.run("import --host sim:host.json").expect_code(0);
    assert_eq!(
        import.stderr,
        "Described 32 objects; a plan for this file changes nothing.\n"
    );
    scenario.write("imported.json", &import.stdout);
    scenario
        .run("plan imported.json --host sim:host.json --detailed-exitcode")
        .expect_code(0);
    let quiet = scenario
        .run("import -q --host sim:host.json")
        .expect_code(0);
    assert_eq!((quiet.stdout, quiet.stderr), (import.stdout, String::new()));
    let unknown = scenario
        .run("import --pool tank --host sim:host.json")
        .expect_code(1);
    assert_eq!(
        unknown.stderr,
        "error: the pool \"tank\" is not imported on this host, which has fastData, quickOS \
         [phoenix::ended::not-found]\n\
         help: name one of these, or none to describe them all\n"
    );
}

#[test]
fn colour_is_off_in_pipes_and_on_by_request() {
    let scenario = Scenario::with_config("{");
    for (args, colored) in [
        ("validate", false),
        ("validate --color auto", false),
        ("validate --color never", false),
        ("validate --color always", true),
    ] {
        let run = scenario
            .run_with_env(args, &[("TERM", "xterm-256color")])
            .expect_code(3);
        assert_eq!(run.stdout.contains('\u{1b}'), colored, "{args}: {run:#?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let scenario = Scenario::with_config(EXAMPLE);
    for args in [
        "validate",
        "plan --host sim",
        "man",
        "completions bash",
        "schema",
    ] {
        let (code, stderr) = scenario.run_unread(args);
        assert_eq!(code, Some(0), "{args}: {stderr}");
        assert!(!stderr.contains("error"), "{args}: {stderr}");
    }
}

#[test]
fn graphs_need_no_host() {
    let scenario = Scenario::with_config(EXAMPLE);
    let graph = scenario.run("apply --graph=json").expect_code(0).json();
    let nodes = graph["nodes"].as_array().unwrap();
    let edges = graph["edges"].as_array().unwrap();
    let has_edge = |from: &str, to: &str| {
        edges
            .iter()
            .any(|edge| edge["from"] == from && edge["to"] == to)
    };
    assert!(
        nodes
            .iter()
            .any(|node| node["id"] == "host:arc" && node["kind"] == "host")
    );
    assert!(has_edge("pool:quickOS", "dataset:quickOS/vm-disks"));
    assert!(has_edge(
        "dataset:quickOS/vm-disks",
        "storage:quickOS-vm-disks"
    ));
    for (format, first) in [
        ("tree", "host:arc"),
        ("dot", "digraph"),
        ("mermaid", "graph"),
    ] {
        let run = scenario
            .run(&format!("apply --graph={format}"))
            .expect_code(0);
        assert!(run.stdout.contains(first), "{format}: {run:#?}");
        assert!(
            run.stdout.contains("quickOS/vm-disks"),
            "{format}: {run:#?}"
        );
    }
    let tree = scenario.run("apply --graph").expect_code(0).stdout;
    assert_eq!(tree, scenario.run("apply --graph=tree").stdout);
}

#[test]
fn the_schema_of_the_file_is_the_committed_one() {
    let scenario = Scenario::empty();
    for (of, key) in [
        ("", "/properties/zfs"),
        ("plan", "/properties/steps"),
        ("event", "/title"),
        ("nvme", "/properties/drives"),
    ] {
        let schema = scenario.run(&format!("schema {of}")).expect_code(0).json();
        assert!(schema.pointer(key).is_some(), "{of}: {schema:#}");
    }
}

#[test]
fn every_listed_code_is_explained() {
    let scenario = Scenario::empty();
    let codes = scenario.run("explain").expect_code(0).stdout;
    assert!(codes.lines().count() > 7, "{codes}");
    let text = scenario
        .run("explain schema::unknown-key")
        .expect_code(0)
        .stdout;
    assert!(
        text.starts_with("## phoenix::schema::unknown-key\n"),
        "{text}"
    );
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let scenario = Scenario::empty();
    let man = scenario.run("man").expect_code(0).stdout;
    let bash = scenario.run("completions bash").expect_code(0).stdout;
    for command in [
        "validate", "plan", "apply", "status", "disks", "nvme", "journal", "schema", "explain",
    ] {
        assert!(
            man.contains(&format!("PHOENIX {}", command.to_uppercase())),
            "{command}"
        );
        assert!(bash.contains(command), "{command}");
    }
    for shell in ["zsh", "fish"] {
        scenario.run(&format!("completions {shell}")).expect_code(0);
    }
}

#[test]
fn clients_are_shown_the_lines_that_mount_the_exports() {
    let scenario = Scenario::with_config(EXAMPLE);
    let line = ":/quickOS/shared-prod-data /quickOS/shared-prod-data nfs noatime 0 0\n";
    for (args, server) in [("--server nas.lan", "nas.lan"), ("--host sim", "pve-sim")] {
        let run = scenario.run(&format!("show clients {args}")).expect_code(0);
        assert!(
            run.stdout
                .contains(&format!("# for 10.0.0.0/24\n{server}{line}")),
            "{run:#?}"
        );
    }
    let run = scenario
        .run("show clients --server nas --format json")
        .expect_code(0);
    let shown: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(shown["mounts"].as_array().unwrap().len(), 4, "{run:#?}");
    scenario.write("none.json", r#"{"zfs":{"pools":[{"name":"tank"}]}}"#);
    let run = scenario
        .run("show clients none.json --server nas")
        .expect_code(0);
    assert_eq!(run.stdout, "The file exports nothing.\n");
}
