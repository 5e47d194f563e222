//! Firmware: revisions known to lose data, what the file asks for, what the vendor service offers.
//!
//! phoenix never flashes. The table grows by evidence only: each row names who confirmed it.

mod fwupd;

use crate::drive::Drive;
use crate::finding::{Code, Finding, Status};
use crate::policy::{FirmwareRule, Policy};

pub use fwupd::{FwupdError, Update, parse_updates};

/// Firmware revisions of one model family that are known to harm drives or data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownBad {
    /// What the model's name begins with, in any case.
    pub model_prefix: &'static str,
    /// The bad revisions.
    pub revisions: &'static [&'static str],
    /// The first good revision, where the maker has named one.
    pub fixed_in: Option<&'static str>,
    /// What they do.
    pub harm: &'static str,
    /// Who confirmed it.
    pub source: &'static str,
}

/// Every known-bad revision.
pub const KNOWN_BAD: &[KnownBad] = &[
    KnownBad {
        model_prefix: "Samsung SSD 980 PRO",
        revisions: &["3B2QGXA7"],
        fixed_in: Some("5B2QGXA7"),
        harm: "drives lock themselves read-only without notice",
        source: "Puget Systems with Samsung, February 2023; fwupd pull request 5481",
    },
    KnownBad {
        model_prefix: "Samsung SSD 990 PRO",
        revisions: &["0B2QJXD7"],
        fixed_in: Some("1B2QJXD7"),
        harm: "the health values fall within weeks, up to read-only",
        source: "Samsung's firmware notice, February 2023",
    },
    KnownBad {
        model_prefix: "SAMSUNG MZQL2",
        revisions: &["GDC5402Q", "GDC5502Q"],
        fixed_in: Some("GDC5602Q"),
        harm: "drives fall into ERRORMOD: 1 GB in size and no data",
        source: "ServeTheHome forum thread 36822, several server operators",
    },
    KnownBad {
        model_prefix: "KINGSTON SA2000M8",
        revisions: &["S5Z42105"],
        fixed_in: Some("S5Z42109"),
        harm: "drives stop answering under Linux until power is cut",
        source: "Kingston's release notes for S5Z42109; acidanthera/NVMeFix pull request 4",
    },
];

/// The row of the table that speaks about a drive.
pub fn known_bad(drive: &Drive) -> Option<&'static KnownBad> {
    let model = drive.model.as_deref()?.to_ascii_lowercase();
    let firmware = drive.firmware.as_deref()?;
    KNOWN_BAD.iter().find(|bad| {
        model.starts_with(&bad.model_prefix.to_ascii_lowercase())
            && bad.revisions.contains(&firmware)
    })
}

/// Everything to say about one drive's firmware.
pub fn judge(drive: &Drive, policy: &Policy, updates: &[Update]) -> Vec<Finding> {
    let (Some(model), Some(firmware)) = (drive.model.as_deref(), drive.firmware.as_deref()) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if firmware.eq_ignore_ascii_case("ERRORMOD") {
        let message = "its firmware has crashed for good: it reports ERRORMOD and holds no data";
        findings.push(
            Finding::new(Status::Critical, Code::FirmwareErrorMode, message)
                .help("replace the drive with `zpool replace`; its maker may revive it"),
        );
    }
    findings.extend(known_bad(drive).map(|bad| bad_revision(bad, firmware)));
    findings.extend(
        policy
            .firmware_for(model)
            .and_then(|rule| unwanted(rule, firmware)),
    );
    findings.extend(
        updates
            .iter()
            .find(|update| update.is_for(drive))
            .map(offered),
    );
    findings
}

fn bad_revision(bad: &KnownBad, firmware: &str) -> Finding {
    let message = format!(
        "firmware {firmware} is known to be bad: {} ({})",
        bad.harm, bad.source
    );
    let way_out = match bad.fixed_in {
        Some(good) => format!("update it to {good} or later with the maker's tool"),
        None => "ask the maker or the server's vendor for an update".to_owned(),
    };
    Finding::new(Status::Warning, Code::FirmwareKnownBad, message).help(way_out)
}

fn unwanted(rule: &FirmwareRule, firmware: &str) -> Option<Finding> {
    if rule.accepts(firmware) {
        return None;
    }
    let message = match rule {
        FirmwareRule::Exactly(wanted) => {
            format!("it runs firmware {firmware}, the configuration asks for {wanted}")
        }
        FirmwareRule::AtLeast(minimum) => {
            format!("it runs firmware {firmware}, the configuration asks for {minimum} or later")
        }
    };
    let finding = Finding::new(Status::Warning, Code::FirmwareUnexpected, message);
    Some(finding.help("update the drive, or change nvme.firmware in the configuration"))
}

fn offered(update: &Update) -> Finding {
    let message = format!(
        "fwupd offers firmware {} instead of {}",
        update.offered, update.current
    );
    Finding::new(Status::Ok, Code::FirmwareUpdate, message)
        .help("read its notes with `fwupdmgr get-updates`; back up before you update")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(model: &str, firmware: &str) -> Drive {
        Drive {
            model: Some(model.to_owned()),
            firmware: Some(firmware.to_owned()),
            serial: Some("S69ENF0RA19092X".to_owned()),
            ..Drive::default()
        }
    }

    fn codes(drive: &Drive, policy: &Policy, updates: &[Update]) -> Vec<(Status, Code)> {
        let findings = judge(drive, policy, updates);
        findings
            .iter()
            .map(|finding| (finding.status, finding.code))
            .collect()
    }

    #[test]
    fn bad_revisions_are_found_by_family_and_revision() {
        let cases = [
            ("Samsung SSD 980 PRO 2TB", "3B2QGXA7", true),
            ("SAMSUNG SSD 980 PRO with Heatsink 1TB", "3B2QGXA7", true),
            ("Samsung SSD 980 PRO 2TB", "5B2QGXA7", false),
            ("Samsung SSD 980 1TB", "3B2QGXA7", false),
            ("SAMSUNG MZQL21T9HCJR-00A07", "GDC5502Q", true),
            ("SAMSUNG MZQL21T9HCJR-00A07", "GDC5302Q", false),
        ];
        for (model, firmware, bad) in cases {
            let found = codes(&drive(model, firmware), &Policy::default(), &[]);
            let expected = [(Status::Warning, Code::FirmwareKnownBad)];
            assert_eq!(
                found,
                if bad { &expected[..] } else { &[] },
                "{model} {firmware}"
            );
        }
    }

    #[test]
    fn a_bad_revision_names_the_good_one() {
        let findings = judge(
            &drive("Samsung SSD 980 PRO 2TB", "3B2QGXA7"),
            &Policy::default(),
            &[],
        );
        insta::assert_snapshot!(findings[0].message, @"firmware 3B2QGXA7 is known to be bad: drives lock themselves read-only without notice (Puget Systems with Samsung, February 2023; fwupd pull request 5481)");
        insta::assert_snapshot!(findings[0].help.as_deref().unwrap(), @"update it to 5B2QGXA7 or later with the maker's tool");
    }

    #[test]
    fn a_crashed_controller_is_critical() {
        let found = codes(
            &drive("SAMSUNG MZQL27T6HBLA-00A07", "ERRORMOD"),
            &Policy::default(),
            &[],
        );
        assert_eq!(found, [(Status::Critical, Code::FirmwareErrorMode)]);
    }

    #[test]
    fn the_configuration_can_ask_for_a_revision() {
        let wish = |rule: &str| Policy {
            firmware: [("Force MP510".to_owned(), FirmwareRule::parse(rule))].into(),
            ..Policy::default()
        };
        let cases = [
            (">=ECFM12.3", 0),
            (">=ECFM13.0", 1),
            ("ECFM12.3", 0),
            ("ECFM12.2", 1),
        ];
        for (rule, expected) in cases {
            let found = codes(&drive("Force MP510", "ECFM12.3"), &wish(rule), &[]);
            assert_eq!(found.len(), expected, "{rule}: {found:?}");
        }
    }

    #[test]
    fn an_offered_update_is_a_remark_on_its_own_drive() {
        let update = Update {
            name: "SSD 980 PRO 2TB".to_owned(),
            serial: Some("S69ENF0RA19092X".to_owned()),
            current: "5B2QGXA7".to_owned(),
            offered: "6B2QGXA7".to_owned(),
        };
        let mut other = drive("Samsung SSD 980 PRO 2TB", "5B2QGXA7");
        let found = codes(&other, &Policy::default(), std::slice::from_ref(&update));
        assert_eq!(found, [(Status::Ok, Code::FirmwareUpdate)]);
        other.serial = Some("ANOTHER".to_owned());
        assert_eq!(codes(&other, &Policy::default(), &[update]), []);
    }
}
