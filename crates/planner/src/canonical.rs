//! One text for one value, so that equal values have equal digests.

use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 over the compact JSON of `value`, in lower-case hexadecimal. Maps are sorted, because
/// every map of this crate is a `BTreeMap`.
#[expect(
    clippy::expect_used,
    reason = "serialising to memory fails only for maps whose keys are not text or numbers"
)]
pub(crate) fn sha256(value: &impl Serialize) -> String {
    sha256_of(&serde_json::to_vec(value).expect("plain data can be written as JSON"))
}

/// SHA-256 over bytes, in lower-case hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
