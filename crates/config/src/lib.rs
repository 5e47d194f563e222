//! Reads a phoenix configuration: text in, one model and byte-exact diagnostics out.
//!
//! ```
//! let loaded = phoenix_config::load("host.json", br#"{"zfs": {"pool": []}}"#);
//! assert_eq!(loaded.error_count(), 1);
//! assert_eq!(loaded.diagnostics[0].message, "unknown key `pool` in `zfs`");
//! assert!(loaded.config().is_none());
//! ```
//!
//! Pure: nothing here touches the file system or a host.

pub mod address;
mod catalogue;
pub mod check;
pub mod client;
pub mod code;
pub mod diagnostic;
mod file;
mod load;
pub mod model;
mod normalize;
pub mod pointer;
pub mod report;
pub mod schema;
mod sections;
pub mod source;
mod stream;
pub mod suggest;
pub mod written;

pub use load::{Loaded, MAX_BYTES, load, load_lxc_configs, load_owned};
pub use sections::Sections;
