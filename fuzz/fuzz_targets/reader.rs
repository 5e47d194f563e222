//! Feeds one reader, named by `PHOENIX_FUZZ_TARGET`, with what the fuzzer comes up with. What each
//! reader promises is in `phoenix_testing::fuzz`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use phoenix_testing::fuzz::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("PHOENIX_FUZZ_TARGET").expect("PHOENIX_FUZZ_TARGET names a reader");
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no reader {name}; see phoenix_testing::fuzz::TARGETS"))
});

fuzz_target!(|bytes: &[u8]| TARGET.run(bytes));
