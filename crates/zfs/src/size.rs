//! Numbers with units, read and written the way that OpenZFS does.
//!
//! Owns the grammar of sizes such as `1.4T` and their display; it does not know which property a
//! size belongs to.

/// The largest unit is `Z`, although no value with it fits 64 bits: ZFS knows it, so phoenix can
/// say "too large" rather than "unknown unit".
const UNITS: [char; 8] = ['B', 'K', 'M', 'G', 'T', 'P', 'E', 'Z'];

/// The units on a drive's data sheet: powers of 1000.
const DECIMAL_UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// Text that is not a size. Each message reads on after the quoted value, as in
/// `"1e3" is written with an exponent`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Nothing is there.
    #[error("is empty, where a size is expected")]
    Empty,
    /// It does not begin with a digit or a decimal point.
    #[error("is not a number")]
    NotANumber,
    /// The number is followed by something that is no unit.
    #[error("has `{}` where a unit is expected", .0.escape_debug())]
    Suffix(String),
    /// It does not fit 64 bits.
    #[error("is larger than the 18446744073709551615 bytes that ZFS can store")]
    TooLarge,
    /// It has an exponent, which ZFS reads in some spellings and refuses in others.
    #[error("is written with an exponent")]
    Exponent,
}

impl SizeError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Self::TooLarge => "the largest size is 15.9E; check the unit".to_owned(),
            Self::Exponent => {
                "write the number out, or use a unit: 1000, 800G or 1.4T (E is exbibytes)"
                    .to_owned()
            }
            Self::Suffix(suffix) if suffix.starts_with(',') => {
                "use a point as the decimal mark, such as 1.4T".to_owned()
            }
            Self::Empty | Self::NotANumber | Self::Suffix(_) => {
                "write a number of bytes or a number with one of the units K, M, G, T, P and E \
                 (powers of 1024), such as 800G or 1.4T"
                    .to_owned()
            }
        }
    }
}

/// Reads a size in bytes exactly as ZFS does (`zfs_nicestrtonum`, OpenZFS
/// `lib/libzfs/libzfs_util.c`): units are powers of 1024 in any case, `G`, `GB` and `GiB` mean the
/// same, and fractions are cut off to whole bytes.
///
/// Exponents are refused, because ZFS takes `1.5e3` for 1500 and refuses `1e3`.
pub fn parse(text: &str) -> Result<u64, SizeError> {
    if text.is_empty() {
        return Err(SizeError::Empty);
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(SizeError::NotANumber);
    }
    let (whole, rest) = split_digits(text);
    let Some(after_point) = rest.strip_prefix('.') else {
        return parse_whole(whole, rest);
    };
    let (fraction, suffix) = split_digits(after_point);
    if whole.is_empty() && fraction.is_empty() {
        return Err(SizeError::NotANumber);
    }
    let shift = unit_shift(suffix)?;
    // ZFS reads the part before the point as a 64-bit integer first.
    if !whole.is_empty() && whole.parse::<u64>().is_err() {
        return Err(SizeError::TooLarge);
    }
    let number: f64 = format!("{whole}.{fraction}0")
        .parse()
        .map_err(|_| SizeError::NotANumber)?;
    truncate(number * f64::from(shift).exp2())
}

/// The shortest exact form if there is one with at most two decimals or four digits (`800G`,
/// `1.5K`, `1868G`), else three significant digits and the unit as `zfs list` prints them
/// (`1.40T`).
///
/// Every result is read by [`parse`]; the inexact ones give a value nearby. The one exception is
/// `16.0E`, which ZFS shows for sizes just below 2^64 and does not read either.
pub fn human(bytes: u64) -> String {
    let (index, unit) = binary_unit(bytes);
    let letter = UNITS.get(index).copied().unwrap_or('B');
    let (value, unit) = (u128::from(bytes), u128::from(unit));
    for decimals in 0..=2 {
        if (value * 10_u128.pow(decimals)).is_multiple_of(unit) {
            return format!("{}{letter}", fixed(value, unit, decimals));
        }
    }
    let smaller = unit / 1024;
    if smaller > 0 && value.is_multiple_of(smaller) && value / smaller < 10_000 {
        let letter = UNITS.get(index.saturating_sub(1)).copied().unwrap_or('B');
        return format!("{}{letter}", value / smaller);
    }
    // ZFS takes the most decimals that keep the text within five characters.
    let text = (0..=2)
        .rev()
        .map(|decimals| format!("{}{letter}", fixed(value, unit, decimals)))
        .find(|text| text.len() <= 5);
    text.unwrap_or_else(|| format!("{bytes}B"))
}

/// Both ways to count, for people who compare with what is printed on a drive:
/// `2.00 TB (1.82 TiB)`.
pub fn decimal_and_binary(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (decimal_unit, decimal_name) = named_unit(bytes, 1000, DECIMAL_UNITS);
    let (binary_unit, binary_name) =
        named_unit(bytes, 1024, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]);
    let value = u128::from(bytes);
    format!(
        "{} {decimal_name} ({} {binary_name})",
        fixed(value, decimal_unit, 2),
        fixed(value, binary_unit, 2)
    )
}

/// As on a drive's data sheet, with three digits: `33.6 TB`.
pub fn decimal(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in DECIMAL_UNITS {
        // 999.5 would print as 1000.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    let digits = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.digits$} {unit}")
}

/// What a file would say: [`human`] where that is exact and shorter, else bytes.
pub fn exact(bytes: u64) -> String {
    let short = human(bytes);
    match parse(&short) {
        Ok(same) if same == bytes && bytes >= 1024 => short,
        _ => bytes.to_string(),
    }
}

/// A number without a decimal point.
fn parse_whole(digits: &str, suffix: &str) -> Result<u64, SizeError> {
    let shift = unit_shift(suffix)?;
    let number: u64 = digits.parse().map_err(|_| SizeError::TooLarge)?;
    // A shift of 64 or more is refused even for zero (`0Z`), as in ZFS.
    if u32::from(shift) >= u64::BITS || number.leading_zeros() < u32::from(shift) {
        return Err(SizeError::TooLarge);
    }
    Ok(number << shift)
}

/// How far a unit shifts a number to the left.
fn unit_shift(suffix: &str) -> Result<u8, SizeError> {
    let unknown = || {
        if is_exponent(suffix) {
            SizeError::Exponent
        } else {
            SizeError::Suffix(suffix.to_owned())
        }
    };
    let mut chars = suffix.chars();
    let Some(letter) = chars.next() else {
        return Ok(0);
    };
    let unit = UNITS
        .iter()
        .position(|unit| unit.eq_ignore_ascii_case(&letter))
        .and_then(|index| u8::try_from(index * 10).ok())
        .ok_or_else(unknown)?;
    let rest = chars.as_str();
    let bytes_follow = rest.eq_ignore_ascii_case("b") || rest.eq_ignore_ascii_case("ib");
    if rest.is_empty() || (unit > 0 && bytes_follow) {
        Ok(unit)
    } else {
        Err(unknown())
    }
}

/// Whether the text after the digits is an exponent, such as `e3` or `E-2T`.
fn is_exponent(suffix: &str) -> bool {
    let Some(rest) = suffix.strip_prefix(['e', 'E']) else {
        return false;
    };
    rest.trim_start_matches(['+', '-'])
        .starts_with(|c: char| c.is_ascii_digit())
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Cuts off the fraction, refusing what does not fit 64 bits.
fn truncate(number: f64) -> Result<u64, SizeError> {
    /// 2^64; the largest u64 itself has no exact floating-point form.
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    if number >= LIMIT {
        return Err(SizeError::TooLarge);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ZFS cuts fractions off the same way, and the range was checked"
    )]
    let bytes = number as u64;
    Ok(bytes)
}

/// The index in [`UNITS`] and the size in bytes of the largest unit that is not above `bytes`.
fn binary_unit(bytes: u64) -> (usize, u64) {
    let (mut index, mut unit) = (0, 1_u64);
    while let Some(next) = unit.checked_mul(1024).filter(|next| *next <= bytes) {
        (index, unit) = (index + 1, next);
    }
    (index, unit)
}

/// The largest power of `base` from `base` on that is not above `bytes`, and its name.
fn named_unit(bytes: u64, base: u64, names: [&'static str; 6]) -> (u128, &'static str) {
    let (mut unit, mut name) = (u128::from(base), "");
    for (index, candidate) in names.into_iter().enumerate() {
        if index > 0 {
            let next = unit * u128::from(base);
            if next > u128::from(bytes) {
                break;
            }
            unit = next;
        }
        name = candidate;
    }
    (unit, name)
}

/// `value / unit` with a fixed number of decimals, rounded half to even like C's `printf`.
fn fixed(value: u128, unit: u128, decimals: u32) -> String {
    let scale = 10_u128.pow(decimals);
    let scaled = value * scale;
    let (quotient, remainder) = (scaled / unit, scaled % unit);
    let round_up = match (remainder * 2).cmp(&unit) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => !quotient.is_multiple_of(2),
        std::cmp::Ordering::Greater => true,
    };
    let rounded = quotient + u128::from(round_up);
    if decimals == 0 {
        return rounded.to_string();
    }
    let width = usize::try_from(decimals).unwrap_or(0);
    format!("{}.{:0width$}", rounded / scale, rounded % scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_zfs_reads_them() {
        let cases: &[(&str, u64)] = &[
            ("1.4T", 1539316278886),
            ("1.4TiB", 1539316278886),
            ("1.4t", 1539316278886),
            ("800G", 858993459200),
            ("800g", 858993459200),
            ("800GB", 858993459200),
            ("800gib", 858993459200),
            ("128K", 131072),
            ("2T", 2199023255552),
            ("100G", 107374182400),
            ("107.5G", 115427246080),
            (".5K", 512),
            ("1.T", 1099511627776),
            ("0.9", 0),
            ("1.1", 1),
            ("15E", 17293822569102704640),
            ("1E", 1152921504606846976),
            ("1e", 1152921504606846976),
            ("1.5e", 1729382256910270464),
            ("010", 10),
            ("512B", 512),
            ("18446744073709551615", u64::MAX),
            ("0.0Z", 0),
            ("0", 0),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(*bytes), "{text}");
        }
    }

    #[test]
    fn what_zfs_refuses_is_refused_with_its_reason() {
        let suffix = |text: &str| SizeError::Suffix(text.to_owned());
        let cases: &[(&str, SizeError)] = &[
            ("", SizeError::Empty),
            (" 5G", SizeError::NotANumber),
            ("+5G", SizeError::NotANumber),
            ("-5G", SizeError::NotANumber),
            ("G", SizeError::NotANumber),
            ("inf", SizeError::NotANumber),
            ("nan", SizeError::NotANumber),
            ("none", SizeError::NotANumber),
            (".", SizeError::NotANumber),
            (".T", SizeError::NotANumber),
            ("é", SizeError::NotANumber),
            ("5 G", suffix(" G")),
            ("0x10", suffix("x10")),
            ("5BB", suffix("BB")),
            ("5BiB", suffix("BiB")),
            ("5Gi", suffix("Gi")),
            ("5iB", suffix("iB")),
            ("10K5", suffix("K5")),
            ("5KK", suffix("KK")),
            ("1..5T", suffix(".5T")),
            ("1,4T", suffix(",4T")),
            ("5é", suffix("é")),
            ("1e3", SizeError::Exponent),
            ("1.5e3", SizeError::Exponent),
            ("1.4e1T", SizeError::Exponent),
            ("2E+3", SizeError::Exponent),
            ("16E", SizeError::TooLarge),
            ("16.0E", SizeError::TooLarge),
            ("1Z", SizeError::TooLarge),
            ("0Z", SizeError::TooLarge),
            ("18446744073709551616", SizeError::TooLarge),
            ("18446744073709551616.0", SizeError::TooLarge),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text).as_ref(), Err(error), "{text:?}");
            assert!(!error.help().is_empty());
        }
    }

    #[test]
    fn sizes_are_shown_exactly_when_that_is_short() {
        let cases: &[(u64, &str)] = &[
            (0, "0B"),
            (512, "512B"),
            (1000, "1000B"),
            (1024, "1K"),
            (1536, "1.5K"),
            (131072, "128K"),
            (858993459200, "800G"),
            (1868 << 30, "1868G"),
            (1025, "1025B"),
            (1342177280, "1.25G"),
            (1539316278886, "1.40T"),
            (2114195288576, "1.92T"),
            (32212254720, "30G"),
            (105 * (1 << 30) + 1, "105G"),
            (1152921504606846976, "1E"),
            (u64::MAX, "16.0E"),
        ];
        for (bytes, text) in cases {
            assert_eq!(human(*bytes), *text);
        }
    }

    #[test]
    fn both_ways_to_count_are_shown() {
        let cases: &[(u64, &str)] = &[
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB (0.98 KiB)"),
            (2_000_398_934_016, "2.00 TB (1.82 TiB)"),
            (4_000_787_030_016, "4.00 TB (3.64 TiB)"),
            (32_212_254_720, "32.21 GB (30.00 GiB)"),
            (u64::MAX, "18.45 EB (16.00 EiB)"),
        ];
        for (bytes, text) in cases {
            assert_eq!(decimal_and_binary(*bytes), *text);
        }
    }

    #[test]
    fn a_data_sheet_has_three_digits_and_a_unit() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_996, "10.0 kB"),
            (99_960, "100 kB"),
            (999_600, "1.00 MB"),
            (33_588_269_056_000, "33.6 TB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decimal(bytes), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let _ = parse(&text);
        }

        #[test]
        fn shown_sizes_are_within_half_a_percent(bytes in 0..u64::MAX / 17 * 16) {
            let back = parse(&human(bytes)).unwrap();
            prop_assert!(back.abs_diff(bytes) <= bytes / 200, "{} {back}", human(bytes));
        }

        #[test]
        fn what_a_file_would_say_is_exact(bytes: u64) {
            prop_assert_eq!(parse(&exact(bytes)), Ok(bytes));
        }

        #[test]
        fn whole_bytes_stay_whole(bytes: u64) {
            prop_assert_eq!(parse(&bytes.to_string()), Ok(bytes));
        }
    }
}
