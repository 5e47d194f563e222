//! What several tests share, and nothing that is shipped.
//!
//! [`fuzz`] has one entry for every reader of text that phoenix did not write, for the fuzzer and
//! for the replay of its findings. [`scenario`] generates configurations and the hosts that they
//! are for, from a seed or for property tests; [`pools`] generates new pools of every kind; [`kills`]
//! runs phoenix on them and kills it.
#![expect(clippy::panic, reason = "what goes wrong here fails a test")]

pub mod fuzz;
pub mod kills;
pub mod pools;
pub mod scenario;
