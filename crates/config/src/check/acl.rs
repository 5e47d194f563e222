//! POSIX ACLs beside owner, group and mode.

use super::index::Index;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Dataset, Permissions};

/// What is wrong with the ACL of a dataset's root directory.
pub(super) fn check(
    index: &Index<'_>,
    dataset: &Dataset,
    permissions: &Permissions,
    findings: &mut Vec<Finding>,
) {
    if permissions.acl.is_empty() {
        return;
    }
    findings.extend(not_enabled(index, dataset, permissions));
    match permissions.mode {
        None => findings.push(without_mode(permissions)),
        Some(mode) => findings.extend(beyond_mask(permissions, mode)),
    }
}

/// Without `acltype`, `setfacl` answers "Operation not supported".
fn not_enabled(index: &Index<'_>, dataset: &Dataset, permissions: &Permissions) -> Option<Finding> {
    let acltype = index.effective(dataset, "acltype");
    if acltype.is_some_and(|property| property.stored == "posix") {
        return None;
    }
    let message = format!(
        "the dataset \"{}\" has no POSIX ACLs: its `acltype` is {}",
        dataset.name,
        acltype.map_or("off by default", |property| property.written.as_str())
    );
    let finding = Finding::error(Code::PermissionsAclNotEnabled, message)
        .help("add \"acltype\": \"posixacl\" and \"xattr\": \"sa\" to its properties")
        .at_key(&permissions.origin.key("acl"), "cannot be set");
    Some(match acltype {
        Some(property) => finding.at(&property.origin, "set here"),
        None => finding,
    })
}

fn without_mode(permissions: &Permissions) -> Finding {
    Finding::error(
        Code::PermissionsAclWithoutMode,
        "an ACL needs `mode` beside it, whose group digit is the mask of the ACL",
    )
    .help("add the mode, such as \"mode\": \"2770\"")
    .at_key(&permissions.origin.key("acl"), "what limits these entries?")
}

/// The group digit of the mode is the mask: named users and groups can have no more.
fn beyond_mask(permissions: &Permissions, mode: u32) -> Option<Finding> {
    let mask = mode >> 3 & 0o7;
    let mut beyond = permissions
        .acl
        .iter()
        .filter(|entry| !entry.default && entry.is_named() && entry.bits & !mask != 0)
        .peekable();
    beyond.peek()?;
    let finding = Finding::warning(
        Code::PermissionsAclBeyondMask,
        format!("mode {mode:04o} limits entries of the ACL: its group digit is the ACL's mask"),
    )
    .help("give the group digit of `mode` what the named users and groups need");
    let finding = beyond.fold(finding, |finding, entry| {
        finding.at(&entry.origin, "more than the mask allows")
    });
    Some(finding.at(&permissions.origin.key("mode"), "the mask"))
}
