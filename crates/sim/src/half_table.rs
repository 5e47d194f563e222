//! A simulated disk that `zpool create` had begun to divide when it was cut off: `od` on its partition
//! table, and `blkid -p` on what lies where its data partition would be.

use super::device::first_partition_size;
use super::state::{Disk, State};
use phoenix_host::command::Output;

/// Where `zpool create` begins the data partition, in sectors of 512 bytes.
const FIRST: u64 = 2048;

/// The types of the two partitions, as they are stored.
const DATA: [u8; 16] = *b"\xc3\x8c\x89\x6a\xd2\x1d\xb2\x11\x99\xa6\x08\x00\x20\x73\x66\x31";
const RESERVED: [u8; 16] = *b"\x3b\x5a\x94\x6a\xd2\x1d\xb2\x11\x99\xa6\x08\x00\x20\x73\x66\x31";

/// `od -An -v -tx1 -j512 -N16896 DISK`. Every table but an unfinished one reads as zeros: nobody asks
/// about others.
pub(super) fn first_sectors(state: &State, args: &[String]) -> Output {
    let ["-An", "-v", "-tx1", "-j512", "-N16896", path] = super::words(args)[..] else {
        let text = "od: the simulated od takes -An -v -tx1 -j512 -N16896 DISK only\n";
        return Output::failure(1, text.to_owned());
    };
    let Some(disk) = disk(state, path) else {
        return Output::failure(1, format!("od: {path}: No such file or directory\n"));
    };
    let mut bytes = vec![0; 16896];
    if disk.half_table.is_some() {
        let end = FIRST + first_partition_size(disk.size) / 512;
        put(&mut bytes, 0, b"EFI PART");
        put(&mut bytes, 72, &2_u64.to_le_bytes());
        put(&mut bytes, 80, &128_u32.to_le_bytes());
        put(&mut bytes, 84, &128_u32.to_le_bytes());
        for (number, kind, first, last) in
            [(1, DATA, FIRST, end - 1), (9, RESERVED, end, end + 16383)]
        {
            let entry = 512 + (number - 1) * 128;
            put(&mut bytes, entry, &kind);
            put(&mut bytes, entry + 32, &first.to_le_bytes());
            put(&mut bytes, entry + 40, &last.to_le_bytes());
        }
    }
    let line = |bytes: &[u8]| {
        let words: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
        words + "\n"
    };
    Output::success(bytes.chunks(16).map(line).collect::<String>())
}

/// `blkid -p -o export -O START -S SIZE DISK`
pub(super) fn contents(state: &State, args: &[String]) -> Output {
    let ["-o", "export", "-O", _, "-S", _, path] = super::words(args)[..] else {
        let text = "blkid: the simulated blkid takes -p -o export -O START -S SIZE DISK only\n";
        return Output::failure(4, text.to_owned());
    };
    let Some(disk) = disk(state, path) else {
        return Output::failure(2, format!("error: {path}: No such file or directory\n"));
    };
    match disk
        .half_table
        .as_ref()
        .and_then(|table| table.contents.as_ref())
    {
        Some(kind) => Output::success(format!("DEVNAME={path}\nTYPE={kind}\n")),
        None => Output::failure(2, String::new()),
    }
}

fn disk<'a>(state: &'a State, path: &str) -> Option<&'a Disk> {
    state.disks.get(&state.device(path)?.disk)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (slot, byte) in bytes.iter_mut().skip(at).zip(value) {
        *slot = *byte;
    }
}
