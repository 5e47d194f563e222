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
    cluster: Option<ClusterRow>,
}

#[derive(Deserialize)]
struct ClusterRow {
    #[serde(default)]
    quorate: u8,
}

/// The cluster, as far as one node knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Every node, online or not; none while nobody can tell.
    pub nodes: BTreeSet<String>,
    /// Whether enough nodes are there for changes. A host without a cluster is always enough.
    pub quorate: bool,
}

/// Reads [`MEMBERS_FILE`]. While the cluster's communication (corosync) is down only this node is in it,
/// with version 0.
///
/// # Errors
/// When it is not JSON of that shape.
pub fn parse_members(text: &str) -> Result<Cluster, ParseError> {
    let members: Members = serde_json::from_str(text)
        .map_err(|error| ParseError::json("the cluster's list of members", text, &error))?;
    if members.version == 0 {
        return Ok(Cluster::default());
    }
    let nodes = members.nodelist.into_keys();
    Ok(Cluster {
        nodes: nodes.chain([members.nodename]).collect(),
        quorate: members.cluster.is_none_or(|cluster| cluster.quorate != 0),
    })
}
