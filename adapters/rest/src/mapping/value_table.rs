//! Value tables: what the words of a platform mean in the view (`○` is `true`).

use std::fmt::Write as _;

use hashbrown::HashMap;
use ngsi_ld::entity::{DateTime, Json, Number, Value};
use toml::de::{DeInteger, DeValue};

use super::error::Diagnostics;
use super::toml_table::{TomlTable, TomlValue};

/// What becomes of a word that a table does not list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unlisted {
    /// The attribute is left out, and the omission counted.
    Omit,
    /// The word itself.
    Keep,
    /// This value.
    Value(Value),
}

/// Words and their values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueTable {
    pub(crate) values: HashMap<Box<str>, Value>,
    pub(crate) unlisted: Unlisted,
}

const KEYS: &[&str] = &["values", "unlisted"];

impl ValueTable {
    /// Reads `{ values = { "○" = true }, unlisted = "omit" | "keep" | { value = ... } }`.
    pub(super) fn read(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Self> {
        table.check_keys(KEYS, diagnostics);
        if !table.has("values") {
            diagnostics.report(&table.span, &table.field, "`values` is missing: { \"word\" = value }");
        }
        let entries = table.table("values", diagnostics)?;
        let values = entries
            .entries()
            .into_iter()
            .map(|entry| {
                let value = constant(entry.value, &entries.field_of(entry.key), diagnostics)?;
                Some((entry.key.into(), value))
            })
            .collect::<Option<HashMap<_, _>>>()?;
        let unlisted = match table.get("unlisted") {
            None => Unlisted::Omit,
            Some(value) => read_unlisted(value, table.field_of("unlisted"), diagnostics)?,
        };
        Some(Self { values, unlisted })
    }
}

fn read_unlisted(value: &TomlValue<'_>, field: String, diagnostics: &mut Diagnostics<'_>) -> Option<Unlisted> {
    match value.get_ref() {
        DeValue::String(word) if word == "omit" => Some(Unlisted::Omit),
        DeValue::String(word) if word == "keep" => Some(Unlisted::Keep),
        DeValue::Table(_) => {
            let table = TomlTable::of(value, field, diagnostics)?;
            table.check_keys(&["value"], diagnostics);
            constant(table.get("value")?, &table.field_of("value"), diagnostics).map(Unlisted::Value)
        }
        _ => {
            let message = "expected \"omit\", \"keep\" or { value = ... }";
            diagnostics.report(&value.span(), &field, message);
            None
        }
    }
}

/// A value that stands in the mapping file itself.
pub(super) fn constant(value: &TomlValue<'_>, field: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Value> {
    let refuse = |diagnostics: &mut Diagnostics<'_>, message: &str| {
        diagnostics.report(&value.span(), field, message);
        None
    };
    match value.get_ref() {
        DeValue::String(text) => Some(Value::String(text.as_ref().into())),
        DeValue::Boolean(boolean) => Some(Value::Boolean(*boolean)),
        DeValue::Integer(integer) => match whole(integer) {
            Some(number) => Some(Value::Number(Number::Integer(number))),
            None => refuse(diagnostics, "the number is too large"),
        },
        DeValue::Float(float) => match float.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Some(Value::Number(Number::Float(number))),
            _ => refuse(diagnostics, "not a number that JSON can say"),
        },
        DeValue::Datetime(date) => match DateTime::parse_lenient(&date.to_string(), 0) {
            Ok(date_time) if date.offset.is_some() => Some(Value::DateTime(date_time)),
            _ => refuse(diagnostics, "write a date and time with its zone, or a text in quotes"),
        },
        DeValue::Array(_) | DeValue::Table(_) => {
            let mut json = String::new();
            let parsed = write_json(value.get_ref(), &mut json).and_then(|()| Json::parse(&json).ok());
            match parsed {
                Some(json) => Some(Value::Json(json)),
                None => refuse(diagnostics, "holds something that JSON cannot say"),
            }
        }
    }
}

fn whole(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn write_json(value: &DeValue<'_>, json: &mut String) -> Option<()> {
    match value {
        DeValue::String(text) => json.push_str(&serde_json::to_string(text.as_ref()).ok()?),
        DeValue::Boolean(boolean) => write!(json, "{boolean}").ok()?,
        DeValue::Integer(integer) => write!(json, "{}", whole(integer)?).ok()?,
        DeValue::Float(float) => {
            let number = float.as_str().parse::<f64>().ok().filter(|number| number.is_finite())?;
            json.push_str(&serde_json::to_string(&number).ok()?);
        }
        DeValue::Datetime(date) => write!(json, "\"{date}\"").ok()?,
        DeValue::Array(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write_json(item.get_ref(), json)?;
            }
            json.push(']');
        }
        DeValue::Table(table) => {
            json.push('{');
            for (index, (key, member)) in table.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                json.push_str(&serde_json::to_string(key.get_ref().as_ref()).ok()?);
                json.push(':');
                write_json(member.get_ref(), json)?;
            }
            json.push('}');
        }
    }
    Some(())
}
