//! phoenix as a library: one file declares the storage of a Proxmox host, phoenix checks it, reads
//! the host, plans the difference and applies it.
//!
//! Four calls, all arguments explicit: [`load`], [`observe`], [`plan()`], [`apply`]; [`import()`]
//! writes the file for a host that is there already. Nothing here prints, exits, or reads the
//! environment. The binary is one user of this library among others; a caller can bring its own
//! [`Host`], its own [`Observer`] and its own cancel switch, and gets the same events as the binary.
//!
//! ```
//! use phoenix::{ApplyOptions, Event, Observer, PlanOptions, SimHost};
//!
//! /// Remembers which objects were changed.
//! #[derive(Default)]
//! struct Changed(Vec<String>);
//!
//! impl Observer for Changed {
//!     fn event(&mut self, event: &Event) {
//!         if let Event::StepFinished { id, outcome: phoenix::Outcome::Changed, .. } = event {
//!             self.0.push(id.to_string());
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = br#"{
//!     "zfs": {
//!         "pools": [{
//!             "name": "fastData",
//!             "raid_level": "single",
//!             "disks": ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]
//!         }],
//!         "datasets": [
//!             { "pool": "fastData", "name": "shared-iso", "properties": { "quota": "100G" } }
//!         ]
//!     }
//! }"#;
//! let loaded = phoenix::load("storage.json", text);
//! let config = loaded.config().ok_or("the file has errors: see loaded.diagnostics")?;
//!
//! let host = SimHost::fresh();
//! let observed = phoenix::observe(config, &host)?;
//! let plan = phoenix::plan(config, &observed, &PlanOptions::default());
//! assert_eq!(plan.summary.create, 2);
//!
//! let mut changed = Changed::default();
//! let report = phoenix::apply(&plan, &host, &ApplyOptions::default(), &mut changed)?;
//! assert_eq!(report.summary.failed, 0);
//! assert_eq!(changed.0, ["pool:fastData", "dataset:fastData/shared-iso"]);
//!
//! let again = phoenix::plan(config, &phoenix::observe(config, &host)?, &PlanOptions::default());
//! assert!(again.is_empty());
//! # Ok(())
//! # }
//! ```

pub mod code;
mod exit;

pub use phoenix_config as config;
pub use phoenix_executor as executor;
pub use phoenix_host as host;
pub use phoenix_nvme as nvme;
pub use phoenix_planner as planner;
#[cfg(feature = "sim")]
pub use phoenix_sim as sim;
pub use phoenix_tools as tools;
pub use phoenix_zfs as zfs;

pub use exit::ExitStatus;
pub use phoenix_config::model::Config;
pub use phoenix_config::{Loaded, load};
pub use phoenix_executor::event::{Event, Observer, Outcome};
pub use phoenix_executor::import::{ImportError, Imported, import};
pub use phoenix_executor::options::{ApplyOptions, Cancel, DEFAULT_JOBS, Freshness};
pub use phoenix_executor::report::Report;
pub use phoenix_executor::{ApplyError, ObserveError, apply};
pub use phoenix_host::Host;
pub use phoenix_planner::observed::Observed;
pub use phoenix_planner::plan::Plan;
pub use phoenix_planner::{PlanOptions, plan};
#[cfg(feature = "sim")]
pub use phoenix_sim::SimHost;

/// Reads from a host what a configuration names, and nothing else. It holds the host through
/// [`host::readonly::ReadOnly`], which lets nothing through that could change it.
///
/// # Errors
/// When a tool that is there gives no answer, or one that phoenix cannot read. What is merely
/// absent (no pool, no Proxmox, no NFS server) is a fact, not an error.
pub fn observe(config: &Config, host: &dyn Host) -> Result<Observed, ObserveError> {
    phoenix_executor::observe(host, &phoenix_planner::wanted(config))
}

/// The Rust code of the guide, so that it keeps compiling and working.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/orchestrator.md")]
struct OrchestratorGuide;
