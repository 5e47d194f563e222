//! phoenix dies in the middle, and the next run makes it good. `cargo xtask kills` does the same
//! a thousand times.

use camino::Utf8Path;
use phoenix_testing::kills::{Round, Tally, counted_kill};

#[test]
fn a_killed_apply_is_made_good_by_the_next_one() {
    let mut all = Tally::default();
    for seed in 1.. {
        let directory = tempfile::tempdir().unwrap();
        let directory: &Utf8Path = directory.path().try_into().unwrap();
        let round = Round::new(seed, counted_kill(), &[1]);
        let binary = Utf8Path::new(env!("CARGO_BIN_EXE_phoenix"));
        let tally = round.play(binary, directory).unwrap();
        assert_eq!(tally.lost, [] as [String; 0], "seed {seed}");
        assert_eq!(tally.problems, [] as [String; 0], "seed {seed}");
        assert_eq!(tally.converged, 1, "seed {seed}");
        all.add(tally);
        if all.killed >= 25 {
            break;
        }
    }
}
