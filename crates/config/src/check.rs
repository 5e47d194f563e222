//! Rules that need several objects.

use crate::diagnostic::Finding;
use crate::model::Config;

/// Everything that is wrong with the configuration as a whole.
pub fn run(_config: &Config) -> Vec<Finding> {
    Vec::new()
}
