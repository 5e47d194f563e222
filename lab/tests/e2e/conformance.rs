//! The committed recordings, which hold the simulated host, are still what the real tools say.

use phoenix_lab::conformance::{self, Exchange};
use phoenix_lab::guest::Guest;

use crate::host::only_one;

#[test]
fn the_recordings_are_what_the_real_tools_say() {
    let _turn = only_one();
    let mut compared = 0;
    for name in conformance::scripts().unwrap() {
        let guest = Guest::pristine("e2e").unwrap();
        let now = conformance::record(&guest.remote, &name).unwrap();
        guest.stop().unwrap();
        let path = conformance::folder().join(format!("{name}.jsonl"));
        let committed = std::fs::read_to_string(path).unwrap();
        let then: Vec<Exchange> = committed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(now.len(), then.len(), "{name}");
        for (now, then) in now.iter().zip(&then) {
            assert_eq!(masked(now), masked(then), "{name}");
        }
        compared += now.len();
    }
    println!("{compared} exchanges with the real tools compared, 0 differ");
}

/// Without guids, which are drawn anew for every pool.
fn masked(exchange: &Exchange) -> Exchange {
    let is_guid = |word: &str| word.len() >= 15 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mask = |word: &str| {
        let bare = word.trim_end_matches([' ', '\t']);
        if is_guid(bare) {
            word.replace(bare, "GUID")
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| {
        let words = line.split_inclusive([' ', '\t']);
        words.map(mask).collect::<String>()
    };
    let stdout = exchange
        .stdout
        .lines()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n");
    Exchange {
        stdout,
        ..exchange.clone()
    }
}
