//! Reads `fwupdmgr get-updates --json`. Pure.
//!
//! Its exit code says nothing: with nothing to update, versions have been seen to end with 0 and
//! with 2. Only the JSON counts.

use serde_json::Value;

use crate::drive::Drive;
use crate::json::text;

/// A newer firmware that the vendor service offers for one drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The device's name; fwupd often leaves the maker's name out.
    pub name: String,
    /// The drive's serial number, where fwupd tells it.
    pub serial: Option<String>,
    /// The revision in use.
    pub current: String,
    /// The newest revision on offer.
    pub offered: String,
}

impl Update {
    /// Whether the offer is for `drive`: by serial number, else by model and revision.
    pub fn is_for(&self, drive: &Drive) -> bool {
        match (&self.serial, &drive.serial) {
            (Some(offered), Some(serial)) => offered == serial,
            _ => {
                let same_model = drive
                    .model
                    .as_deref()
                    .is_some_and(|m| m.ends_with(&self.name));
                same_model && drive.firmware.as_deref() == Some(self.current.as_str())
            }
        }
    }
}

/// The text is not what fwupdmgr prints.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the JSON that fwupdmgr prints")]
pub struct FwupdError;

/// The updates on offer for NVMe drives.
///
/// # Errors
/// When the text is no JSON object.
pub fn parse_updates(output: &str) -> Result<Vec<Update>, FwupdError> {
    let json: Value = serde_json::from_str(output).map_err(|_| FwupdError)?;
    if !json.is_object() {
        return Err(FwupdError);
    }
    let devices = json.get("Devices").and_then(Value::as_array);
    Ok(devices.into_iter().flatten().filter_map(update).collect())
}

fn update(device: &Value) -> Option<Update> {
    if text(device, "Plugin")? != "nvme" {
        return None;
    }
    // Releases come newest first.
    let newest = device.get("Releases")?.as_array()?.first()?;
    Some(Update {
        name: text(device, "Name")?,
        serial: text(device, "Serial"),
        current: text(device, "Version")?,
        offered: text(newest, "Version")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_nvme_offers_are_read() {
        let answer = json!({"Devices": [
            {"Name": "System Firmware", "Plugin": "uefi_capsule", "Version": "1",
             "Releases": [{"Version": "2"}]},
            {"Name": "PC SN740 NVMe WD 256GB", "Plugin": "nvme", "Version": "73914107",
             "Serial": "23070E803194", "Releases": [{"Version": "73914300"}, {"Version": "73914200"}]},
            {"Name": "current already", "Plugin": "nvme", "Version": "1"},
        ]});
        let expected = Update {
            name: "PC SN740 NVMe WD 256GB".to_owned(),
            serial: Some("23070E803194".to_owned()),
            current: "73914107".to_owned(),
            offered: "73914300".to_owned(),
        };
        assert_eq!(parse_updates(&answer.to_string()), Ok(vec![expected]));
    }

    #[test]
    fn nothing_on_offer_and_refusals_are_no_updates() {
        assert_eq!(parse_updates(r#"{"Devices": []}"#), Ok(vec![]));
        assert_eq!(
            parse_updates(r#"{"Error": {"Code": 8, "Message": "No updates"}}"#),
            Ok(vec![])
        );
        assert_eq!(parse_updates("No updates available"), Err(FwupdError));
    }
}
