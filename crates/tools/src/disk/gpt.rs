//! A GUID partition table as it lies on a disk, for disks whose kernel does not show its partitions.
//!
//! Reads the primary table of disks with sectors of 512 bytes and nothing else (UEFI specification
//! 2.10, section 5.3). Whether the table is sound, libblkid has checked before anybody asks here.

use std::fmt::Write as _;

use phoenix_host::command::{Command, Program};

/// Bytes in a sector.
const SECTOR: u64 = 512;

/// Bytes of the header, in a sector of its own, and of 128 entries.
const TABLE_BYTES: u64 = SECTOR + 128 * 128;

/// One partition that a table names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionEntry {
    /// Its number, from 1.
    pub number: usize,
    /// The GUID of its type, in lower case.
    pub kind: String,
    /// Where it begins, in bytes.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// `od`: the primary partition table of a disk, in hexadecimal.
pub(super) fn table(disk: &str) -> Command {
    let skip = format!("-j{SECTOR}");
    let count = format!("-N{TABLE_BYTES}");
    Command::read(Program::Od, ["-An", "-v", "-tx1", &skip, &count, disk])
}

/// Reads what `od` prints of a primary table. `None` when it is no table as `zpool create` writes it.
pub fn parse_table(text: &str) -> Option<Vec<PartitionEntry>> {
    let words = text.split_whitespace();
    let bytes = words
        .map(|word| u8::from_str_radix(word, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    let (header, entries) = bytes.split_at_checked(512)?;
    // Entries right behind the header, of the usual size.
    let usual = header.starts_with(b"EFI PART")
        && little_endian(header, 72) == Some(2)
        && header.get(84..88) == Some(&128_u32.to_le_bytes());
    if !usual {
        return None;
    }
    let entries = entries.chunks_exact(128).enumerate();
    let entries = entries.filter_map(|(index, bytes)| entry(index + 1, bytes));
    Some(entries.collect())
}

/// `blkid -p`: what is on a part of a disk that begins at the byte `start`. It prints nothing and exits
/// with 2 when it knows nothing there (blkid(8)).
pub(super) fn contents(disk: &str, entry: &PartitionEntry) -> Command {
    let (start, size) = (entry.start.to_string(), entry.size.to_string());
    Command::read(
        Program::Blkid,
        ["-p", "-o", "export", "-O", &start, "-S", &size, disk],
    )
}

fn entry(number: usize, bytes: &[u8]) -> Option<PartitionEntry> {
    let kind = guid(bytes.get(..16)?)?;
    let (first, last) = (little_endian(bytes, 32)?, little_endian(bytes, 40)?);
    let sectors = last.checked_sub(first)?.checked_add(1)?;
    Some(PartitionEntry {
        number,
        kind,
        start: first.checked_mul(SECTOR)?,
        size: sectors.checked_mul(SECTOR)?,
    })
}

fn little_endian(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// A GUID in the usual spelling: its first three parts are stored backwards. `None` for an unused
/// entry.
fn guid(bytes: &[u8]) -> Option<String> {
    if bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes else {
        return None;
    };
    let order = [d, c, b, a, f, e, h, g].into_iter().chain(rest);
    let mut text = String::new();
    for (index, byte) in order.enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `od` printed in the lab of a disk that `zpool create` had divided (QEMU, 2 TB, OpenZFS 2.3.9),
    /// lines of zeros left out here and put back by [`real`].
    const HEADER: &str = "45 46 49 20 50 41 52 54 00 00 01 00 5c 00 00 00
        65 5d 69 61 00 00 00 00 01 00 00 00 00 00 00 00
        af 88 e0 e8 00 00 00 00 22 00 00 00 00 00 00 00
        8e 88 e0 e8 00 00 00 00 38 e6 9e 32 27 0f 4a b8
        b5 ed 05 d5 df 8f 4e 14 02 00 00 00 00 00 00 00
        80 00 00 00 80 00 00 00 6b a0 55 46 00 00 00 00";
    const DATA: &str = "c3 8c 89 6a d2 1d b2 11 99 a6 08 00 20 73 66 31
        65 4c c0 97 80 c9 46 1d 92 32 af 43 d6 5a cd 65
        00 08 00 00 00 00 00 00 ff 47 e0 e8 00 00 00 00
        00 00 00 00 00 00 00 00 7a 00 66 00 73 00 2d 00";
    const RESERVED: &str = "3b 5a 94 6a d2 1d b2 11 99 a6 08 00 20 73 66 31
        54 cf 15 37 83 4a 43 2b bd f2 d4 0c 9f 55 98 c3
        00 48 e0 e8 00 00 00 00 ff 87 e0 e8 00 00 00 00";

    fn real() -> String {
        let parts = [(HEADER, 512), (DATA, 8 * 128), (RESERVED, 120 * 128)];
        let mut text = String::new();
        for (part, bytes) in parts {
            let zeros = bytes - part.split_whitespace().count();
            text.extend([part, &" 00".repeat(zeros), "\n"]);
        }
        text
    }

    #[test]
    fn the_partitions_of_a_real_table_are_read() {
        let [data, reserved] = parse_table(&real()).unwrap().try_into().unwrap();
        assert_eq!(
            data,
            PartitionEntry {
                number: 1,
                kind: "6a898cc3-1dd2-11b2-99a6-080020736631".to_owned(),
                start: 1_048_576,
                size: 2_000_389_406_720,
            }
        );
        assert_eq!((reserved.number, reserved.size), (9, 8 * 1024 * 1024));
        assert_eq!(reserved.start, data.start + data.size);
    }

    #[test]
    fn what_is_no_table_of_zpool_create_is_not_read() {
        let no_tables = [
            String::new(),
            " 00".repeat(16896),
            real().replacen("45 46", "45 47", 1),
            real().replacen("80 00 00 00 80", "80 00 00 00 81", 1),
            real().replacen("02 00 00", "03 00 00", 1),
            HEADER.to_owned(),
            real().replacen("45 46", "45 4x", 1),
        ];
        for text in no_tables {
            assert_eq!(parse_table(&text), None);
        }
        // An end before the start is no partition.
        let backwards = real().replacen("ff 47 e0 e8", "00 00 00 00", 1);
        assert_eq!(parse_table(&backwards).unwrap().len(), 1);
    }
}
