//! The options of Proxmox storages: which type has which, and which values Proxmox takes.

use phoenix_zfs::size;

use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Storage, StorageKind};

/// Block sizes that Proxmox VE 9 accepts, in bytes.
const BLOCK_SIZES: std::ops::RangeInclusive<u64> = 512..=16 << 20;

pub(super) fn check(storage: &Storage, findings: &mut Vec<Finding>) {
    let possible = storage.kind.possible_options();
    for (option, value) in &storage.options {
        if !possible.contains(&option.as_str()) {
            findings.push(impossible(storage, option));
            continue;
        }
        match option.as_str() {
            "blocksize" if !is_blocksize(value) => findings.push(blocksize(storage, value)),
            "prune-backups" => findings.extend(prune(storage, value)),
            "shared" if value == "1" => findings.push(shared(storage)),
            _ => {}
        }
    }
}

fn impossible(storage: &Storage, option: &str) -> Finding {
    let (other, why) = match storage.kind {
        StorageKind::Dir => ("zfspool", "only zfspool storages make volumes"),
        StorageKind::ZfsPool => ("dir", "only dir storages hold files"),
    };
    // As the file spells it.
    let key = option.replace('-', "_");
    let message = format!(
        "the storage \"{}\" of type `{}` cannot have `{key}`",
        storage.id,
        storage.kind.as_str()
    );
    Finding::error(Code::StorageInvalidOption, message)
        .help(format!("remove `{key}`: {why}"))
        .at_key(&storage.option_origin(option), format!("only for {other}"))
}

fn blocksize(storage: &Storage, value: &str) -> Finding {
    let message =
        format!("\"{value}\" is no block size: Proxmox takes powers of two from 512 to 16m");
    Finding::error(Code::StorageInvalidOption, message)
        .help("write a number with k or m, such as \"16k\"")
        .at(&storage.option_origin("blocksize"), "not a block size")
}

/// Digits, the first not 0, and at most one of k and m (pve-storage `ZFSPoolPlugin.pm` in Proxmox VE 9).
fn is_blocksize(text: &str) -> bool {
    let digits = text.strip_suffix(['k', 'K', 'm', 'M']).unwrap_or(text);
    digits.starts_with(|first: char| matches!(first, '1'..='9'))
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && size::parse(text)
            .is_ok_and(|bytes| bytes.is_power_of_two() && BLOCK_SIZES.contains(&bytes))
}

/// Proxmox refuses a number beside `keep-all` (`Plugin.pm`, `validate_prune_backups`).
fn prune(storage: &Storage, value: &str) -> Option<Finding> {
    if !value.starts_with("keep-all=1,") {
        return None;
    }
    let message = format!(
        "the storage \"{}\" cannot keep all backups and also count them",
        storage.id
    );
    let at = storage.option_origin("prune-backups");
    Some(
        Finding::error(Code::StorageInvalidOption, message)
            .help("remove `keep_all`, or the numbers beside it")
            .at_key(&at.key("keep_all"), "keeps all")
            .at_key(&at, "and counts"),
    )
}

fn shared(storage: &Storage) -> Finding {
    let message = format!(
        "`shared` makes Proxmox believe that every node sees the files of \"{}\", which are on \
         this host alone",
        storage.id
    );
    Finding::warning(Code::StorageShared, message)
        .help(
            "remove it: with it, Proxmox migrates guests to other nodes without their disks; share \
             a directory with `nfs.exports`",
        )
        .at(&storage.option_origin("shared"), "shares nothing")
}
