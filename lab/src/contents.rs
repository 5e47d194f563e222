//! What is on a sparse drive, in one short text. Reads only what was ever written.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::LabError;

/// Bytes that are looked at together; blocks of zeros do not count, written or not.
const BLOCK: usize = 4096;
const STEP: u64 = BLOCK as u64;

/// The SHA-256 of every block that is not zero, with its place, in hexadecimal digits.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(path: &Utf8Path) -> Result<String, LabError> {
    let file = File::open(path).map_err(LabError::file(path))?;
    let size = file.metadata().map_err(LabError::file(path))?.len();
    let mut hash = Sha256::new();
    let mut block = [0; BLOCK];
    let mut place = 0;
    while let Some(data) = next_data(&file, place).map_err(LabError::file(path))? {
        place = data - data % STEP;
        let wanted =
            usize::try_from(size - place).map_or(block.len(), |left| left.min(block.len()));
        let bytes = block.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(bytes, place)
            .map_err(LabError::file(path))?;
        if bytes.iter().any(|byte| *byte != 0) {
            hash.update(place.to_le_bytes());
            hash.update(bytes);
        }
        place += STEP;
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// Where the next data is, from `place` on; `None` behind the last.
fn next_data(file: &File, place: u64) -> Result<Option<u64>, std::io::Error> {
    match rustix::fs::seek(file, SeekFrom::Data(place)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_anywhere_and_its_place_count_and_zeros_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("drive");
        let drive = File::create(&path).unwrap();
        drive.set_len((1 << 40) + 100).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let same = digest(&path).unwrap();
        drive.write_all_at(&[0; 8192], 1 << 20).unwrap();
        assert_eq!(digest(&path).unwrap(), same);
        seen.insert(same);
        for place in [0, 5000, 1 << 30, (1 << 40) + 99] {
            drive.write_all_at(&[7], place).unwrap();
            assert!(seen.insert(digest(&path).unwrap()), "{place}");
        }
    }
}
