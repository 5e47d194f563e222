//! What several tests share, and nothing that is shipped.
//!
//! [`fuzz`] has one entry for every reader of text that phoenix did not write, for the fuzzer and
//! for the replay of its findings.

pub mod fuzz;
