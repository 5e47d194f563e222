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
    methods = { is_valid = true, validate = false, iter_errors = true }
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

/// Whether `document` is as the schema says.
pub(crate) fn is_valid(document: &Value) -> bool {
    Checker::is_valid(document)
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
        if let Some(value) = document.pointer_mut(&pointer.text()) {
            *value = Value::Null;
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jsonschema::ValidationError;
    use serde_json::json;

    use super::*;

    const EXHAUSTIVE: &str = include_str!("../../../schema/examples/exhaustive.json");

    /// The pointers of a value and of everything in it.
    fn pointers(at: &Pointer, value: &Value, found: &mut Vec<Pointer>) {
        found.push(at.clone());
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointers(&at.index(index), item, found);
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    pointers(&at.key(key), member, found);
                }
            }
            _ => {}
        }
    }

    fn told<'a>(errors: impl Iterator<Item = ValidationError<'a>>) -> BTreeSet<[String; 3]> {
        errors
            .map(|error| {
                let place = error.instance_path().to_string();
                [place, error.schema_path().to_string(), error.to_string()]
            })
            .collect()
    }

    fn places_of(errors: &BTreeSet<[String; 3]>) -> BTreeSet<&str> {
        errors.iter().map(|[place, _, _]| place.as_str()).collect()
    }

    #[test]
    fn the_schema_as_code_rejects_what_the_schema_as_data_rejects() {
        let interpreted = jsonschema::draft202012::new(&SCHEMA).unwrap();
        let document: Value = serde_json::from_str(EXHAUSTIVE).unwrap();
        let mut places = Vec::new();
        pointers(&Pointer::root(), &document, &mut places);
        let odd = json!([null, true, -1, 1.5, "odd", ["odd"], {"odd": 1}]);
        let mut rejected = 0;
        for place in &places {
            for value in odd.as_array().unwrap() {
                let mut changed = document.clone();
                *changed.pointer_mut(&place.text()).unwrap() = value.clone();
                let errors = told(Checker::iter_errors(&changed));
                rejected += usize::from(!errors.is_empty());
                let expected = told(interpreted.iter_errors(&changed));
                assert_eq!(is_valid(&changed), errors.is_empty(), "{place}: {value}");
                // Of a value that is not in a list of texts, the code does not say as well that it
                // is no text.
                assert!(errors.is_subset(&expected), "{place}: {value}: {errors:?}");
                assert_eq!(places_of(&errors), places_of(&expected), "{place}: {value}");
            }
        }
        assert!(rejected > places.len(), "{rejected} of {}", places.len());
    }
}
