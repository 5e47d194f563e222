//! The executor against the simulated host: whole plans, through the public functions only.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod broken_lines;
mod container_files;
mod convergence;
mod erasing;
mod failures;
mod figures;
mod guests;
mod hostile;
mod import;
mod links;
mod observing;
mod permissions;
#[cfg(test)]
mod pool_scenes;
#[cfg(test)]
mod pool_states;
mod read_cache;
mod safety;
mod steps;
mod storages;
mod support;
