//! Plans as files: the id that seals a plan, and reading one back without trusting it.

use std::collections::BTreeSet;
use std::io;

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use schemars::schema_for;
use serde::{Deserialize, Serialize};

use super::{ConfigSource, FORMAT, Note, Plan, Refusal, Step, Summary};
use crate::canonical;
use crate::wanted::Wanted;

/// A file that is not a plan which this phoenix can apply.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// The text is not JSON, or not a JSON object with a format number.
    #[error("this is not a plan file")]
    NotAPlan(#[source] serde_json::Error),
    /// The file has another format version.
    #[error(
        "the plan has format {found}, and this phoenix reads format {FORMAT}: make the plan again \
         with this phoenix"
    )]
    Format {
        /// The version that the file states.
        found: u64,
    },
    /// A field is missing, unknown or of the wrong type.
    #[error("the plan file is damaged or was made by another phoenix: make the plan again")]
    Damaged(#[source] serde_json::Error),
    /// The contents do not match the plan's id.
    #[error(
        "the plan file was changed after it was made (its id does not match its contents): make \
         the plan again"
    )]
    Changed,
}

/// A plan as it is written, with an empty id.
#[derive(Serialize)]
struct Unsealed<'a> {
    format: u32,
    id: &'static str,
    created_by: &'a str,
    node: &'a str,
    observed: &'a str,
    config: &'a ConfigSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    lxc_config: &'a Option<ConfigSource>,
    wanted: &'a Wanted,
    summary: Summary,
    steps: &'a [Step],
    refusals: &'a [Refusal],
    notes: &'a [Note],
}

impl<'a> Unsealed<'a> {
    /// Everything but the id: a field that is added to a plan cannot be forgotten here.
    fn of(plan: &'a Plan) -> Self {
        let Plan {
            format,
            id: _,
            created_by,
            node,
            observed,
            config,
            lxc_config,
            wanted,
            summary,
            steps,
            refusals,
            notes,
        } = plan;
        Self {
            format: *format,
            id: "",
            created_by,
            node,
            observed,
            config,
            lxc_config,
            wanted,
            summary: *summary,
            steps,
            refusals,
            notes,
        }
    }
}

/// What every version of the format has.
#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}

impl ConfigSource {
    /// The source called `name` that holds `bytes`.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            sha256: canonical::sha256_of(bytes),
            not_read: Vec::new(),
        }
    }
}

/// What notes about the health of pools are called.
const HEALTH: [Code; 6] = [
    Code::PoolActivity,
    Code::PoolDataLost,
    Code::PoolDegraded,
    Code::PoolErrors,
    Code::PoolNearlyFull,
    Code::PoolSpareFailed,
];

impl Plan {
    /// The top-level keys of its files that phoenix does not read, sorted.
    pub fn not_read(&self) -> Vec<&str> {
        let files = std::iter::once(&self.config).chain(&self.lxc_config);
        let keys = files.flat_map(|file| &file.not_read).map(String::as_str);
        Vec::from_iter(BTreeSet::from_iter(keys))
    }

    /// Whether there is nothing to do and nothing in the way.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.refusals.is_empty()
    }

    /// What the plan tells about how the pools are, trouble or not.
    pub fn health(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|note| HEALTH.contains(&note.code))
    }

    /// Whether no pool is in trouble. One that can do nothing at all is among the refusals.
    pub fn is_healthy(&self) -> bool {
        self.health().all(|note| note.severity != Severity::Warning)
    }

    /// Gives the plan the id that belongs to its contents.
    pub(crate) fn seal(mut self) -> Self {
        self.id = self.computed_id();
        self
    }

    /// Whether the plan is as it was when it was made.
    pub fn verify_id(&self) -> bool {
        self.id == self.computed_id()
    }

    /// The digest of the plan as it would be written without an id.
    fn computed_id(&self) -> String {
        canonical::sha256(&Unsealed::of(self))
    }

    /// The plan as a file: indented JSON with a final newline.
    #[expect(
        clippy::expect_used,
        reason = "serialising to memory fails only for maps whose keys are not text or numbers"
    )]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan can be written as JSON");
        text.push('\n');
        text
    }

    /// Writes what [`Self::to_json`] gives, piece by piece: of a large plan the text takes as much
    /// memory as the plan.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_json(&self, to: &mut impl io::Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        to.write_all(b"\n")
    }

    /// Reads a plan file and checks that nobody changed it.
    ///
    /// # Errors
    ///
    /// Everything that is not exactly a plan of this format with the right id.
    pub fn from_json(text: &str) -> Result<Self, PlanFileError> {
        let any: AnyFormat = serde_json::from_str(text).map_err(PlanFileError::NotAPlan)?;
        if any.format != u64::from(FORMAT) {
            return Err(PlanFileError::Format { found: any.format });
        }
        let plan: Self = serde_json::from_str(text).map_err(PlanFileError::Damaged)?;
        if plan.verify_id() {
            Ok(plan)
        } else {
            Err(PlanFileError::Changed)
        }
    }
}

/// The JSON Schema of plan files, as committed in `schema/plan.v1.schema.json`.
pub fn plan_schema() -> serde_json::Value {
    schema_for!(Plan).to_value()
}
