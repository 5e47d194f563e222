//! The committed schema: generated from the types, well-formed, and fully used by an example.

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
