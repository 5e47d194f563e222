//! Entries of a POSIX ACL.

use super::Principal;
use crate::pointer::Pointer;

/// One entry, as setfacl(1) takes it: `group:1001:rwx`, `default:other::---`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// Whether it is what new files and directories inside get, not what counts for the directory
    /// itself.
    pub default: bool,
    /// Who is meant.
    pub who: AclWho,
    /// The permission bits, 0 to 7.
    pub bits: u32,
    /// Where the file says so.
    pub origin: Pointer,
}

/// Whom an [`AclEntry`] is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AclWho {
    /// The owner: `user::`.
    Owner,
    /// A named user.
    User(Principal),
    /// The owning group: `group::`.
    OwningGroup,
    /// A named group.
    Group(Principal),
    /// The most that named users and all groups can have: `mask::`.
    Mask,
    /// Everybody else: `other::`.
    Other,
}

impl AclEntry {
    /// Whether a single user or group is named.
    pub fn is_named(&self) -> bool {
        self.principal().is_some()
    }

    /// The user or group that is named.
    pub fn principal(&self) -> Option<&Principal> {
        match &self.who {
            AclWho::User(principal) | AclWho::Group(principal) => Some(principal),
            AclWho::Owner | AclWho::OwningGroup | AclWho::Mask | AclWho::Other => None,
        }
    }
}
