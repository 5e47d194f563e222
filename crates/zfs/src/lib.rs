//! OpenZFS facts as pure data and arithmetic: numbers, names, properties, layouts and space; and how
//! text from a host is shown.
//!
//! Everything that both the configuration and the simulated host must agree on with OpenZFS lives
//! here once. Nothing here knows about configuration files, plans or hosts, and nothing does I/O.

mod as_text;
pub mod creation;
pub mod layout;
pub mod name;
pub mod property;
pub mod size;
pub mod space;
pub mod text;
pub mod vdev;
pub mod version;
