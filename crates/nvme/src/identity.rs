//! Which drive is which, over time.
//!
//! Serial numbers are not always unique: cheap makers give all drives the same one, and the namespaces
//! of a drive share theirs. Such drives are told apart by their namespace and its own worldwide number,
//! else by where they are plugged in.

use std::collections::{BTreeMap, BTreeSet};

use crate::drive::Drive;
use crate::history::History;

/// Gives every drive with a serial number its [`Drive::identity`]. A drive whose namesake is away keeps
/// the longer name that the history knows it by.
pub fn assign(drives: &mut [Drive], history: &History) {
    let known = history.keys();
    let mut by_serial: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, drive) in drives.iter().enumerate() {
        if let Some(serial) = &drive.serial {
            by_serial.entry(serial.clone()).or_default().push(index);
        }
    }
    for (serial, indexes) in by_serial {
        let names: Vec<[String; 2]> = indexes
            .iter()
            .filter_map(|index| drives.get(*index))
            .map(|drive| long_names(&serial, drive))
            .collect();
        let by_number: BTreeSet<&String> = names.iter().map(|[number, _]| number).collect();
        let is_alone = indexes.len() == 1;
        for (index, [number, place]) in indexes.iter().zip(&names) {
            let chosen = if is_alone {
                let longer = [number, place]
                    .into_iter()
                    .find(|name| known.contains(name.as_str()));
                longer.unwrap_or(&serial)
            } else if by_number.len() == names.len() {
                number
            } else {
                place
            };
            if let Some(drive) = drives.get_mut(*index) {
                drive.identity = Some(chosen.clone());
            }
        }
    }
}

/// What a drive is called where its serial number is not enough: by its own number, and by its place.
fn long_names(serial: &str, drive: &Drive) -> [String; 2] {
    let namespace = drive.namespace.unwrap_or(1);
    let place = drive.place.as_deref().unwrap_or(&drive.name);
    let number = drive.eui.as_deref().unwrap_or("");
    let separator = if number.is_empty() { "" } else { "/" };
    [
        format!("{serial}/n{namespace}{separator}{number}"),
        format!("{serial}/n{namespace}/{place}"),
    ]
}
