//! The JSON Schema of the file: made from the types in `file`, committed, and applied.
//!
//! Files are checked with the committed schema, so that what the documentation and editors show is
//! what runs. Owns rules about the shape of single values; rules that need several objects are in
//! `normalize` and `check`. This module and its children are the only users of jsonschema.

mod explain;
mod generate;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::diagnostic::Finding;
use crate::pointer::Pointer;

pub use generate::generate;

/// The committed schema, `schema/phoenix.v1.schema.json`.
pub const COMMITTED: &str = include_str!("../../../schema/phoenix.v1.schema.json");

/// The committed schema as code: nothing is compiled when phoenix starts.
#[jsonschema::validator(
    path = "../../schema/phoenix.v1.schema.json",
    draft = Draft202012,
    methods = { is_valid = false, validate = false, iter_errors = true }
)]
struct Checker;

/// The committed schema as data, which errors are explained with.
#[expect(
    clippy::expect_used,
    reason = "the embedded schema is proven to be JSON by a test"
)]
static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(COMMITTED).expect("the committed schema is JSON"));

/// What the schema has to say about a document.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What is wrong, with pointers into the document.
    pub(crate) findings: Vec<Finding>,
    /// Values that have been replaced by `null`, so that the rest can be read, and members whose
    /// key is misspelt. Rules that miss something there must keep quiet: the real problem has been
    /// reported.
    pub(crate) removed: BTreeSet<Pointer>,
}

/// Checks `document` and takes out of it every value that is wrong.
pub(crate) fn check(document: &mut Value) -> Verdict {
    let mut verdict = Verdict::default();
    let errors: Vec<_> = Checker::iter_errors(document).collect();
    for error in &errors {
        let pointer = Pointer::new(error.instance_path().as_str());
        match error.kind() {
            // A misspelt key is there, so nobody needs to hear that it is missing.
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let meant = explain::meant(&SCHEMA, error, unexpected);
                verdict.removed.extend(meant.map(|key| pointer.key(key)));
            }
            ValidationErrorKind::Required { .. } => {}
            _ => {
                verdict.removed.insert(pointer);
            }
        }
    }
    for error in &errors {
        let is_misspelt = match error.kind() {
            ValidationErrorKind::Required { property } => {
                let pointer = Pointer::new(error.instance_path().as_str());
                let key = property.as_str().unwrap_or_default();
                verdict.removed.contains(&pointer.key(key))
            }
            _ => false,
        };
        if !is_misspelt {
            verdict.findings.extend(explain::findings(&SCHEMA, error));
        }
    }
    drop(errors);
    for pointer in &verdict.removed {
        if let Some(value) = document.pointer_mut(pointer.as_str()) {
            *value = Value::Null;
        }
    }
    verdict
}
