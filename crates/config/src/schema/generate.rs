//! The schema as the types say it: draft 2020-12, without `null`.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Map, Value};

use crate::file::File;

/// The JSON Schema of a configuration. `cargo xtask schema` writes it to
/// `schema/phoenix.v1.schema.json`; a test compares.
pub fn generate() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .for_deserialize()
        .into_generator()
        .into_root_schema_for::<File>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema.to_value()
}

/// Takes out what serde needs and a file does not: `null` for what may be absent, and the widths
/// of Rust's integers.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let is_width = |format: &Value| format.as_str().is_some_and(|name| name.starts_with("uint"));
    if object.get("format").is_some_and(is_width) {
        object.remove("format");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::String(description)) = object.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    optional_reference(object);
    choice(object);
}

/// `anyOf [T, null]` is how schemars writes an optional reference.
fn optional_reference(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get("anyOf") else {
        return;
    };
    let null = serde_json::json!({"type": "null"});
    let rest: Vec<_> = branches
        .iter()
        .filter(|one| **one != null)
        .cloned()
        .collect();
    if let ([Value::Object(only)], true) = (rest.as_slice(), rest.len() < branches.len()) {
        object.remove("anyOf");
        for (keyword, value) in only {
            object.entry(keyword.clone()).or_insert(value.clone());
        }
    }
}

/// `oneOf [const, const]` is how schemars writes an enum whose variants have comments. As `enum` it
/// fails in one piece, and editors show the comments from `enumDescriptions`.
fn choice(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get("oneOf") else {
        return;
    };
    let all = |keyword: &str| -> Option<Vec<Value>> {
        branches
            .iter()
            .map(|one| one.get(keyword).cloned())
            .collect()
    };
    if let (Some(words), Some(descriptions)) = (all("const"), all("description")) {
        object.remove("oneOf");
        object.insert("type".to_owned(), "string".into());
        object.insert("enum".to_owned(), words.into());
        object.insert("enumDescriptions".to_owned(), descriptions.into());
    }
}
