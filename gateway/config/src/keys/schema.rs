//! JSON Schema (draft 7, which editors for TOML understand) of tenants.toml.

use serde_json::{Map, Value, json};

use super::{Kind, Table, kinds, tables};

/// The schema, as it is committed beside the documentation.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = table(&tables::ROOT);
    if let Some(members) = schema.as_object_mut() {
        members.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        members.insert("title".to_owned(), json!("tenants.toml of Kakehashi"));
    }
    schema
}

fn table(table: &Table) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in table.keys().filter(|key| !matches!(key.kind, Kind::Refused)) {
        let mut value = kind(key.kind);
        if let Some(members) = value.as_object_mut() {
            members.insert("description".to_owned(), json!(key.about));
            if let Some(text) = key.fallback.always()
                && let Some(default) = toml_as_json(text)
            {
                members.insert("default".to_owned(), default);
            }
        }
        properties.insert(key.name.to_owned(), value);
        if key.required {
            required.push(key.name);
        }
    }
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if let Some(members) = schema.as_object_mut()
        && !required.is_empty()
    {
        members.insert("required".to_owned(), json!(required));
    }
    schema
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Listen => json!({ "type": "string", "pattern": "^[0-9A-Fa-f.:\\[\\]]+:[0-9]{1,5}$" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::ChoiceOrTable(words, keys) => json!({ "anyOf": [{ "enum": words }, table(keys)] }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" }),
        Kind::Size => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" }),
        // A date of TOML is a text of that form to validators of JSON.
        Kind::Date => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::NamedTexts => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Choices(words) => json!({ "type": "array", "minItems": 1, "items": { "enum": words } }),
        Kind::Secret => {
            let mut schema = table(&tables::SECRET);
            if let Some(members) = schema.as_object_mut() {
                members.insert("minProperties".to_owned(), json!(1));
                members.insert("maxProperties".to_owned(), json!(1));
            }
            schema
        }
        Kind::KeyHash => json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" }),
        Kind::Table(keys) => table(keys),
        Kind::Named(keys) => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$" },
            "additionalProperties": table(keys),
        }),
        Kind::List(keys) => json!({ "type": "array", "items": table(keys) }),
        Kind::OneOrList(keys) => {
            let one = table(keys);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Adapter => json!({ "enum": *kinds::NAMES }),
        Kind::Refused | Kind::OfKinds(_) => json!(false),
    }
}

/// A value of TOML as JSON; dates as texts.
fn toml_as_json(text: &str) -> Option<Value> {
    let table: toml::Table = format!("value = {text}").parse().ok()?;
    Some(as_json(table.get("value")?))
}

/// The same of a value that is parsed.
pub(super) fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(truth) => json!(truth),
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(items) => items.iter().map(as_json).collect(),
        toml::Value::Table(entries) => {
            let members = entries.iter().map(|(key, value)| (key.clone(), as_json(value)));
            Value::Object(members.collect())
        }
    }
}
