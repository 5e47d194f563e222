//! The binary. Placeholder during the first hour.
fn main() {}
