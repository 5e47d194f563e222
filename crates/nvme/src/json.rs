//! Reads numbers and texts out of other programs' JSON, whose shapes vary by version.
//!
//! Owns no meaning: it only knows the ways in which smartctl and nvme-cli write a number down.

use phoenix_zfs::text::visible;
use serde_json::Value;

/// Bytes in one "data unit" of the health log: 1,000 blocks of 512 bytes.
const DATA_UNIT_BYTES: u64 = 512_000;

/// The unsigned number under `key`.
///
/// smartctl adds a twin `KEY_s` (text) where a number exceeds 2^53 and other readers lose digits;
/// nvme-cli prints 128-bit counters as text in some versions. Numbers beyond 64 bits saturate.
pub(crate) fn unsigned(object: &Value, key: &str) -> Option<u64> {
    object
        .get(format!("{key}_s"))
        .and_then(number)
        .or_else(|| object.get(key).and_then(number))
}

/// The number of bytes under a key that counts data units.
pub(crate) fn data_units(object: &Value, key: &str) -> Option<u64> {
    unsigned(object, key).map(|units| units.saturating_mul(DATA_UNIT_BYTES))
}

/// The signed number under `key`.
pub(crate) fn signed(object: &Value, key: &str) -> Option<i64> {
    object.get(key)?.as_i64()
}

/// A counter under `key`. All bits set is what a drive sends that does not keep it.
pub(crate) fn counter(object: &Value, key: &str) -> Option<u64> {
    unsigned(object, key).filter(|count| *count != u64::MAX)
}

/// Degrees Celsius that a drive can have; anything else is noise on the line.
pub(crate) fn plausible_celsius(degrees: i64) -> bool {
    (-60..200).contains(&degrees)
}

/// The JSON in an output, of which a byte order mark or a few lines of another program stand before it.
pub(crate) fn document(output: &str) -> &str {
    let text = output.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with(['{', '[']) {
        return text;
    }
    let after_line = text.match_indices('\n').map(|(at, _)| at + 1);
    after_line
        .filter_map(|at| text.get(at..))
        .find(|rest| rest.starts_with(['{', '[']))
        .unwrap_or(text)
}

/// The text under `key` without padding, fit for a terminal; `None` if it is empty.
pub(crate) fn text(object: &Value, key: &str) -> Option<String> {
    let trimmed = object.get(key)?.as_str()?.trim();
    (!trimmed.is_empty()).then(|| visible(trimmed))
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            // Only a number that does not fit 64 bits becomes a float while it is read.
            number.as_f64().filter(|n| *n > 1e19).map(|_| u64::MAX)
        }),
        Value::String(digits) => {
            let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_read_in_every_spelling() {
        let cases = [
            (json!({"a": 7}), Some(7)),
            (json!({"a": "7"}), Some(7)),
            // The twin wins: the number beside it has lost its last digits.
            (
                json!({"a": 9_007_199_254_740_992_u64, "a_s": "9007199254740993"}),
                Some(9_007_199_254_740_993),
            ),
            (
                json!({"a_s": "340282366920938463463374607431768211455"}),
                Some(u64::MAX),
            ),
            (json!({"a": 1e30}), Some(u64::MAX)),
            (json!({"a": -1}), None),
            (json!({"a": 1.5}), None),
            (json!({"a": "7 TB"}), None),
            (json!({"a": null}), None),
            (json!({}), None),
            (json!([]), None),
        ];
        for (object, expected) in cases {
            assert_eq!(unsigned(&object, "a"), expected, "{object}");
        }
    }

    #[test]
    fn padding_is_no_part_of_a_text() {
        assert_eq!(
            text(&json!({"mn": "QEMU  "}), "mn").as_deref(),
            Some("QEMU")
        );
        assert_eq!(text(&json!({"mn": "   "}), "mn"), None);
    }
}
