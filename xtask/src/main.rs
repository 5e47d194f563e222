//! Developer tasks. Placeholder during the first hour.
fn main() {}
