//! The committed schema: generated from the types, well-formed, and fully used by an example.

use std::collections::BTreeSet;

use serde_json::Value;

const COMMITTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../schema/phoenix.v1.schema.json"
);

#[test]
fn the_committed_schema_is_the_generated_one() {
    let generated = serde_json::to_string_pretty(&phoenix_config::schema::generate()).unwrap();
    let generated = format!("{generated}\n");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(COMMITTED, &generated).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap();
    assert!(
        committed == generated,
        "the types have changed: run `cargo xtask schema`, or this test with UPDATE_SCHEMA=1"
    );
}

#[test]
fn the_schema_is_a_schema_without_null() {
    let schema = phoenix_config::schema::generate();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap();
    assert!(!schema.to_string().contains("\"null\""));
}

/// What is left of a schema's properties once those are taken away that `document` uses.
fn unused(schema: &Value, document: &Value) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    visit(schema, schema, document, &mut used);
    let root = String::new();
    let definitions = schema["$defs"].as_object().unwrap().iter();
    let all = definitions
        .chain([(&root, schema)])
        .flat_map(|(name, object)| {
            let properties = object["properties"].as_object().into_iter().flatten();
            properties
                .filter(|(_, property)| property.get("deprecated").is_none())
                .filter(|_| object.get("deprecated").is_none())
                .map(move |(key, _)| format!("{name}.{key}"))
        });
    all.filter(|name| !used.contains(name)).collect()
}

/// Walks a document beside its schema and notes every property that it uses.
fn visit(root: &Value, schema: &Value, value: &Value, used: &mut BTreeSet<String>) {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let name = reference.map_or("", |text| text.rsplit('/').next().unwrap());
    let schema = reference.map_or(schema, |_| &root["$defs"][name]);
    for (key, member) in value.as_object().into_iter().flatten() {
        if let Some(property) = schema["properties"].get(key) {
            used.insert(format!("{name}.{key}"));
            visit(root, property, member, used);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        visit(root, &schema["items"], item, used);
    }
}

#[test]
fn the_exhaustive_example_uses_every_property() {
    let schema: Value = serde_json::from_str(phoenix_config::schema::COMMITTED).unwrap();
    let text = std::fs::read_to_string(super::path("../../schema/examples/exhaustive.json"));
    let document: Value = serde_json::from_str(&text.unwrap()).unwrap();
    // The limit of the read cache is written in one of two units, never in both; a group of disks
    // by itself is the same object as one among others.
    let alternatives = [
        "Vdev.disks",
        "Vdev.raid_level",
        "VdevItem.disks",
        "VdevItem.raid_level",
    ];
    let mut unused = unused(&schema, &document);
    unused.retain(|name| !alternatives.contains(&name.as_str()));
    assert_eq!(unused, BTreeSet::from(["Zfs.arc_max_gb".to_owned()]));
}
