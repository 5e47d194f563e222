//! One text for one value, so that equal values have equal digests.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 over the compact JSON of `value`, in lower-case hexadecimal. Maps are sorted, because
/// every map of this crate is a `BTreeMap`. The JSON goes through the hash as it is made: that of a
/// large plan would take more memory than the plan.
#[expect(
    clippy::expect_used,
    reason = "hashing cannot fail, and serialising fails only for maps whose keys are not text or \
              numbers"
)]
pub(crate) fn sha256(value: &impl Serialize) -> String {
    // Serialising writes a few bytes at a time, and hashing works on blocks.
    let mut hashing = BufWriter::new(Hashing(Sha256::new()));
    serde_json::to_writer(&mut hashing, value).expect("plain data can be written as JSON");
    let Hashing(hash) = hashing
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .expect("hashing cannot fail");
    hex(&hash.finalize())
}

/// SHA-256 over bytes, in lower-case hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What is written to it goes through the hash and nowhere else.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
