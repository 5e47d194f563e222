//! Reads a phoenix configuration: text in, one model and byte-exact diagnostics out.
//!
//! Pure: nothing here touches the file system or a host.

pub mod address;
pub mod code;
pub mod diagnostic;
pub mod model;
pub mod pointer;
