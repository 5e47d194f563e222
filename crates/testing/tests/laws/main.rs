//! Laws that hold for every input, over kept findings of the fuzzer, generated configurations and
//! generated hosts.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod apply;
mod corpus;
mod import;
mod pools;
