//! Who may use the mounted directories: their ACLs, and whether what is in them is like themselves.

use std::collections::BTreeMap;

use camino::Utf8Path;
use phoenix_host::Host;
use phoenix_planner::observed::ObservedDirectory;
use phoenix_planner::wanted::Wanted;
use phoenix_tools::acl;
use phoenix_tools::mounts::{MOUNTS_FILE, Mounts, parse_mounts};
use phoenix_tools::parse::ReadError;
use phoenix_tools::tree::{self, Common};

use super::pools::Pools;

/// See [`read`].
#[derive(Debug, Default)]
pub(super) struct Access {
    /// The ACLs; `None` without the tools for them.
    pub(super) acls: Option<BTreeMap<String, BTreeMap<String, String>>>,
    /// The first entry that differs, by directory.
    pub(super) others_below: BTreeMap<String, String>,
}

/// Reads the wanted ACLs with one command, and each wanted tree with one that stops at the first
/// entry that is not like the directory above. Only directories where a dataset is mounted are
/// looked at, and none on a pool that does not answer.
pub(super) fn read(
    host: &dyn Host,
    wanted: &Wanted,
    pools: &Pools,
    directories: &BTreeMap<String, ObservedDirectory>,
) -> Result<Access, ReadError> {
    if wanted.acls.is_empty() && wanted.trees.is_empty() {
        return Ok(Access::default());
    }
    let text = host.read_file(Utf8Path::new(MOUNTS_FILE))?;
    let mounts = parse_mounts(&text.unwrap_or_default())?;
    let is_mounted = |path: &str| is_dataset(&mounts, pools, path);
    let paths = wanted.acls.iter().map(String::as_str);
    let mut paths: Vec<&str> = paths.filter(|path| is_mounted(path)).collect();
    if paths.is_empty() && !wanted.acls.is_empty() {
        // Whether the tools are there has to be known before the first dataset is made.
        paths.push("/");
    }
    let acls = acl::read(host, &paths)?.map(|acls| {
        let acls = acls.into_iter();
        acls.map(|(path, acl)| (path.into_string(), acl)).collect()
    });
    let mut others_below = BTreeMap::new();
    for (path, compared) in &wanted.trees {
        let Some(directory) = directories.get(path).filter(|_| is_mounted(path)) else {
            continue;
        };
        let common = Common {
            uid: compared.owner.then_some(directory.uid),
            gid: compared.group.then_some(directory.gid),
            mode: compared.mode.then_some(directory.mode),
        };
        if let Some(first) = tree::read_other(host, path, &common, &mounts)? {
            others_below.insert(path.clone(), first);
        }
    }
    Ok(Access { acls, others_below })
}

fn is_dataset(mounts: &Mounts, pools: &Pools, path: &str) -> bool {
    mounts
        .at(Utf8Path::new(path))
        .is_some_and(|mount| mount.fstype == "zfs" && !pools.is_silent(&mount.source))
}
