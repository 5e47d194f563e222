//! Rules over the whole configuration: what single values cannot show.
//!
//! Each child module owns the rules of one kind of object. A rule is a small function that pushes
//! findings with exact places; none of them changes the model, and all of them are linear in the
//! number of objects. What a value by itself can tell, `schema` and `normalize` have reported
//! before.

mod acl;
mod arc;
pub mod capacity;
mod client;
mod dataset;
mod disk;
mod export;
mod export_option;
mod index;
mod mount;
mod path;
mod permissions;
mod pool;
mod storage;
mod storage_option;

use crate::diagnostic::Finding;
use crate::model::Config;

use index::Index;

/// Everything that is wrong with the configuration as a whole, in no particular order.
pub fn run(config: &Config) -> Vec<Finding> {
    let index = Index::new(config);
    let mut findings = Vec::new();
    pool::check(&index, &mut findings);
    disk::check(&index, &mut findings);
    dataset::check(&index, &mut findings);
    permissions::check(&index, &mut findings);
    storage::check(&index, &mut findings);
    export::check(&index, &mut findings);
    mount::check(&index, &mut findings);
    arc::check(&index, &mut findings);
    findings.extend(capacity::check_offline(config));
    findings
}

/// Whether exports(5) takes the text as one client.
pub fn is_export_client(text: &str) -> bool {
    client::parse(text).is_ok()
}

/// Whether exportfs takes the text as one option.
pub fn is_export_option(text: &str) -> bool {
    export_option::check(text).is_ok()
}

#[cfg(test)]
mod tests;
