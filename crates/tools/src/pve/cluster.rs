//! The cluster that the host belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::parse::ParseError;

/// Who is in the cluster, as the cluster file system says (pve-cluster 9.1 `status.c`,
/// `cfs_create_memberlist_msg`). Reading it costs nothing, where `pvesh get /nodes` takes a second.
pub const MEMBERS_FILE: &str = "/etc/pve/.members";

#[derive(Deserialize)]
struct Members {
    nodename: String,
    /// 0 until the cluster's membership is known: while corosync is down.
    #[serde(default)]
    version: u64,
    /// Absent on a host without a cluster.
    #[serde(default)]
    nodelist: BTreeMap<String, serde::de::IgnoredAny>,
}

/// Reads [`MEMBERS_FILE`]: every node, this one included, whether it is online or not; none while
/// the cluster's communication (corosync) is down, when only this node is in the file.
///
/// # Errors
/// When it is not JSON of that shape.
pub fn parse_members(text: &str) -> Result<BTreeSet<String>, ParseError> {
    let members: Members = serde_json::from_str(text)
        .map_err(|error| ParseError::json("the cluster's list of members", text, &error))?;
    if members.version == 0 {
        return Ok(BTreeSet::new());
    }
    let nodes = members.nodelist.into_keys();
    Ok(nodes.chain([members.nodename]).collect())
}
