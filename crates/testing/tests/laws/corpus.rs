//! The kept corpus of the fuzzer, replayed as it is and with damage.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use phoenix_testing::fuzz::{TARGETS, Target};
use proptest::prelude::*;
use proptest::sample::Index;

/// The most bytes that the repository carries for this.
const LARGEST_CORPUS: usize = 1_500_000;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// Every kept input of a target, by file name.
fn entries(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(directory().join(target.name)).expect(target.name);
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_kept_input_keeps_every_promise() {
    let mut broken = Vec::new();
    for target in &TARGETS {
        for (path, bytes) in entries(target) {
            if catch_unwind(|| target.run(&bytes)).is_err() {
                broken.push(path);
            }
        }
    }
    assert_eq!(broken, [] as [PathBuf; 0]);
}

#[test]
fn every_target_has_a_small_corpus_of_its_own() {
    let mut known: Vec<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    known.sort();
    known.dedup();
    let present = fs::read_dir(directory()).unwrap();
    let mut present: Vec<_> = present
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    present.sort();
    assert_eq!(present, known);
    let sizes = TARGETS
        .iter()
        .flat_map(entries)
        .map(|(_, bytes)| bytes.len());
    assert!(
        sizes.sum::<usize>() <= LARGEST_CORPUS,
        "minimise it: see docs/fuzzing.md"
    );
}

/// What happens to the output of a program between its author and its reader.
#[derive(Debug, Clone)]
enum Damage {
    /// The program was killed.
    Cut(Index),
    /// A byte of another encoding, as a file name of 1999 has.
    Byte(Index, u8),
    /// A line of the program's own, among the data.
    Warning(Index, &'static str),
    /// A line twice.
    Repeat(Index, usize),
    /// Lines end as on another system.
    CarriageReturns,
    /// A piece of something else.
    Splice(Index, Index, Index),
}

const WARNINGS: [&str; 5] = [
    "warning: the system clock is behind\n",
    "perl: warning: Setting locale failed.\n",
    "zpool: Warnung: Gerät nicht verfügbar\n",
    "\u{1b}[31mfehler\u{1b}[0m\n",
    "\n\n",
];

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Damage::Cut),
        (at(), any::<u8>()).prop_map(|(place, byte)| Damage::Byte(place, byte)),
        (at(), prop::sample::select(WARNINGS.to_vec()))
            .prop_map(|(place, line)| Damage::Warning(place, line)),
        (at(), 2..100_usize).prop_map(|(place, times)| Damage::Repeat(place, times)),
        Just(Damage::CarriageReturns),
        (at(), at(), at()).prop_map(|(from, to, place)| Damage::Splice(from, to, place)),
    ]
}

/// The bytes with the damage; `other` is what pieces come from.
fn damaged(mut bytes: Vec<u8>, damage: &Damage, other: &[u8]) -> Vec<u8> {
    let place = |index: &Index, length: usize| index.index(length + 1);
    let line = |bytes: &[u8], index: &Index| {
        let at = place(index, bytes.len());
        let start = bytes[..at].iter().rposition(|byte| *byte == b'\n');
        let end = bytes[at..].iter().position(|byte| *byte == b'\n');
        (
            start.map_or(0, |start| start + 1),
            end.map_or(bytes.len(), |end| at + end + 1),
        )
    };
    match damage {
        Damage::Cut(at) => bytes.truncate(place(at, bytes.len())),
        Damage::Byte(at, byte) => bytes.insert(place(at, bytes.len()), *byte),
        Damage::Warning(at, text) => {
            let (start, _) = line(&bytes, at);
            bytes.splice(start..start, text.bytes());
        }
        Damage::Repeat(at, times) => {
            let (start, end) = line(&bytes, at);
            let again = bytes[start..end].repeat(*times);
            bytes.splice(start..start, again);
        }
        Damage::CarriageReturns => {
            let text = String::from_utf8_lossy(&bytes).replace('\n', "\r\n");
            bytes = text.into_bytes();
        }
        Damage::Splice(from, to, at) => {
            let (from, to) = (place(from, other.len()), place(to, other.len()));
            let piece = &other[from.min(to)..from.max(to)];
            let at = place(at, bytes.len());
            bytes.splice(at..at, piece.iter().copied());
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_damaged_input_keeps_every_promise(
        target in prop::sample::select(TARGETS.to_vec()),
        seed in any::<Index>(),
        other in any::<Index>(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let entries = entries(&target);
        let (_, bytes) = seed.get(&entries).clone();
        let (_, other) = other.get(&entries);
        let bytes = damages.iter().fold(bytes, |bytes, damage| damaged(bytes, damage, other));
        target.run(&bytes);
    }
}
