//! What holds for every input.

use phoenix_config::{Loaded, load};
use proptest::prelude::*;

const SEEDS: [&str; 3] = [
    include_str!("../../../../schema/examples/exhaustive.json"),
    include_str!("../../../../schema/examples/quickos-fastdata.json"),
    include_str!("../data/historic/2025-09-oldest.json"),
];

/// Whatever was found can be shown, and a configuration is handed out exactly without errors.
fn assert_sound(loaded: &Loaded) {
    let text = loaded.source.text();
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.message.is_empty() && !diagnostic.help.is_empty());
        for label in &diagnostic.labels {
            let end = label.offset + label.length;
            assert!(
                text.get(label.offset..end).is_some(),
                "{label:?} in {text:?}"
            );
            let lines = text.split('\n').count();
            assert!((1..=lines).contains(&label.line), "{label:?} in {text:?}");
            assert!(label.column >= 1);
        }
    }
    assert_eq!(loaded.config().is_some(), loaded.error_count() == 0);
    let json = phoenix_config::report::to_json(std::slice::from_ref(loaded));
    assert_eq!(json["valid"], loaded.is_valid());
}

/// Pieces that break a file in ways people and programs do.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[\\[\\]{},:\"\\\\.\n0-9a-z é€]{1,3}",
        Just("null".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        Just("-1e300".to_owned()),
        Just("\"\\u0000\"".to_owned()),
        Just("true".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_sound(&load("bytes", &bytes));
    }

    #[test]
    fn a_broken_file_is_read_without_panic(
        seed in 0..SEEDS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12usize, piece()), 1..4),
    ) {
        let mut text = SEEDS[seed].to_owned();
        for (index, length, piece) in edits {
            let start = text.floor_char_boundary(index.index(text.len().max(1)));
            let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
            text.replace_range(start..end, &piece);
        }
        assert_sound(&load("broken", text.as_bytes()));
    }

    /// Replacing one value keeps the syntax right, so that the later stages are reached.
    #[test]
    fn a_wrong_value_is_read_without_panic(
        seed in 0..SEEDS.len(),
        at in any::<prop::sample::Index>(),
        piece in piece(),
    ) {
        let mut document: serde_json::Value = serde_json::from_str(SEEDS[seed]).unwrap();
        let mut pointers = Vec::new();
        collect(&document, String::new(), &mut pointers);
        let pointer = at.get(&pointers);
        let value = serde_json::from_str(&piece).unwrap_or_else(|_| piece.clone().into());
        *document.pointer_mut(pointer).unwrap() = value;
        let text = document.to_string();
        assert_sound(&load("wrong", text.as_bytes()));
    }
}

fn collect(value: &serde_json::Value, at: String, pointers: &mut Vec<String>) {
    if let Some(map) = value.as_object() {
        for (key, child) in map {
            let key = key.replace('~', "~0").replace('/', "~1");
            collect(child, format!("{at}/{key}"), pointers);
        }
    }
    for (index, child) in value.as_array().into_iter().flatten().enumerate() {
        collect(child, format!("{at}/{index}"), pointers);
    }
    pointers.push(at);
}

/// The place of a value at the end of a long list is found without walking the list: many
/// findings in a large file must not take quadratic time. Too slow is minutes here, not seconds.
#[test]
fn a_large_file_with_many_problems_is_read_in_one_go() {
    let dataset = |index: usize| {
        format!(r#"{{"pool": "a", "name": "d{index}", "properties": {{"quota": "1e3"}}, "x": 1}}"#)
    };
    let datasets: Vec<_> = (0..20_000).map(dataset).collect();
    let text = format!(
        r#"{{"zfs": {{"pools": [{{"name": "a", "raid_level": "single", "disks": ["nvme-A"]}}], "datasets": [{}]}}}}"#,
        datasets.join(",")
    );
    let loaded = load("large.json", text.as_bytes());
    assert_eq!(loaded.error_count(), 40_000);
    let last = loaded.diagnostics.last().unwrap().labels.first().unwrap();
    assert_eq!(last.line, 1);
    assert_eq!(last.column, last.offset + 1);
}
