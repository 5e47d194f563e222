//! From when on something is worth a word: thresholds with their defaults, and firmware wishes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The thresholds of a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Rated endurance used, in percent, that draws a warning.
    pub wear_warning_percent: u64,
    /// Rated endurance used, in percent, that is critical.
    pub wear_critical_percent: u64,
    /// A spare at most this many percent above the drive's own limit draws a warning.
    pub spare_margin_percent: u64,
    /// Temperature in degrees Celsius that draws a warning; `None` goes by the drive's own limit.
    pub temperature_warning_celsius: Option<i64>,
    /// A drive whose endurance may be used up within this many days draws a warning.
    pub forecast_warning_days: i64,
    /// Wear in percent from which drives that back each other up are compared.
    pub worn_together_percent: u64,
    /// Drives whose wear differs by at most this many percent wear out together.
    pub worn_together_spread_percent: u64,
    /// The wanted firmware by model; a model may end in `*`.
    pub firmware: BTreeMap<String, FirmwareRule>,
}

impl Default for Policy {
    /// Warn at 80 % and call 90 % critical, as the incumbent's own test suite does; warn half a
    /// year ahead, which is what buying and swapping a drive takes.
    fn default() -> Self {
        Self {
            wear_warning_percent: 80,
            wear_critical_percent: 90,
            spare_margin_percent: 10,
            temperature_warning_celsius: None,
            forecast_warning_days: 180,
            worn_together_percent: 50,
            worn_together_spread_percent: 10,
            firmware: BTreeMap::new(),
        }
    }
}

impl Policy {
    /// The firmware rule for a model: an exact name first, then the longest matching `prefix*`.
    pub fn firmware_for(&self, model: &str) -> Option<&FirmwareRule> {
        let by_prefix = || {
            self.firmware
                .iter()
                .filter_map(|(pattern, rule)| Some((pattern.strip_suffix('*')?, rule)))
                .filter(|(prefix, _)| model.starts_with(prefix))
                .max_by_key(|(prefix, _)| prefix.len())
                .map(|(_, rule)| rule)
        };
        self.firmware.get(model).or_else(by_prefix)
    }
}

/// Which firmware a drive should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirmwareRule {
    /// This revision and no other.
    Exactly(String),
    /// This revision or a later one, see [`compare_revisions`].
    AtLeast(String),
}

impl FirmwareRule {
    /// Reads `5B2QGXA7` or `>=5B2QGXA7`.
    pub fn parse(text: &str) -> Self {
        match text.trim().strip_prefix(">=") {
            Some(minimum) => Self::AtLeast(minimum.trim().to_owned()),
            None => Self::Exactly(text.trim().to_owned()),
        }
    }

    /// Whether `revision` fulfils the rule.
    pub fn accepts(&self, revision: &str) -> bool {
        match self {
            Self::Exactly(wanted) => revision == wanted,
            Self::AtLeast(minimum) => compare_revisions(revision, minimum) != Ordering::Less,
        }
    }
}

/// Orders revisions as people read them: runs of digits by their number, the rest by letter.
///
/// Makers publish no common order. This one is right inside the families seen so far, where one
/// place counts up (`3B2QGXA7` < `5B2QGXA7`, `GDC5502Q` < `GDC5602Q`, `ECFM12.3` < `ECFM13.0`).
pub fn compare_revisions(a: &str, b: &str) -> Ordering {
    runs(a).cmp(&runs(b))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    Number(u64),
    Text(String),
}

fn runs(revision: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut rest = revision;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest
            .find(|c: char| c.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        runs.push(match run.parse() {
            Ok(number) if digits => Run::Number(number),
            _ => Run::Text(run.to_owned()),
        });
        rest = after;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_revisions_are_greater() {
        let ascending = [
            ("3B2QGXA7", "5B2QGXA7"),
            ("GDC5502Q", "GDC5602Q"),
            ("ECFM12.3", "ECFM13.0"),
            ("9", "10"),
            ("10.0.2", "10.0.10"),
        ];
        for (older, newer) in ascending {
            assert_eq!(
                compare_revisions(older, newer),
                Ordering::Less,
                "{older} {newer}"
            );
            assert!(FirmwareRule::parse(&format!(">= {older}")).accepts(newer));
            assert!(!FirmwareRule::parse(&format!(">={newer}")).accepts(older));
        }
    }

    #[test]
    fn an_exact_rule_refuses_later_revisions_too() {
        let rule = FirmwareRule::parse("5B2QGXA7");
        assert!(rule.accepts("5B2QGXA7"));
        assert!(!rule.accepts("6B2QGXA7"));
    }

    #[test]
    fn the_closest_model_pattern_wins() {
        let rule = |text: &str| FirmwareRule::parse(text);
        let firmware = [
            ("Samsung SSD 980*".to_owned(), rule("A")),
            ("Samsung SSD 980 PRO*".to_owned(), rule("B")),
            ("Samsung SSD 980 PRO 1TB".to_owned(), rule("C")),
        ];
        let policy = Policy {
            firmware: firmware.into(),
            ..Policy::default()
        };
        let cases = [
            ("Samsung SSD 980 500GB", Some("A")),
            ("Samsung SSD 980 PRO 2TB", Some("B")),
            ("Samsung SSD 980 PRO 1TB", Some("C")),
            ("Samsung SSD 970", None),
        ];
        for (model, expected) in cases {
            assert_eq!(
                policy.firmware_for(model),
                expected.map(rule).as_ref(),
                "{model}"
            );
        }
    }
}
