//! The committed JSON Schema, which every configuration that a test starts a gateway with must satisfy: editors would
//! otherwise mark what works.

use std::fs;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use super::evidence::workspace;

/// Compares tenants.toml with the schema.
pub(super) fn check(tenants_toml: &str) {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let text = fs::read_to_string(workspace().join("docs/tenants.schema.json")).unwrap();
        jsonschema::draft7::new(&serde_json::from_str(&text).unwrap()).unwrap()
    });
    let table: toml::Table = tenants_toml.parse().unwrap();
    let instance = as_json(&toml::Value::Table(table));
    let faults: Vec<String> = schema
        .iter_errors(&instance)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(
        faults.is_empty(),
        "tenants.toml is not what its schema says: {faults:?}"
    );
}

/// As editors see it: a date is a text.
fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => items.iter().map(as_json).collect(),
        toml::Value::Table(entries) => {
            let members = entries.iter().map(|(key, value)| (key.clone(), as_json(value)));
            Value::Object(members.collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}
