//! Value tables: what the words of a platform mean in the view (`○` is `true`).

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_values::characters::Folding;
use ngsi_ld::entity::{DateTime, Json, Number, Value};
use toml::de::{DeInteger, DeValue};

use super::error::Diagnostics;
use super::toml_table::{TomlTable, TomlValue};
use super::written::read_folding;
use crate::record::written_number;

/// What becomes of a word that a table does not list.
#[derive(Debug, Clone, PartialEq)]
pub enum Unlisted {
    /// The attribute is left out, and the omission counted.
    Omit,
    /// The word itself.
    Keep,
    /// This value.
    Value(Value),
}

/// Words and their values.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueTable {
    /// What each word means.
    pub values: HashMap<Box<str>, Value>,
    /// The words that are written for the values that several mean.
    pub written: Vec<Box<str>>,
    /// What becomes of other words.
    pub unlisted: Unlisted,
    /// In which of their writings words are the same, as the table says it.
    pub folding: Option<Folding>,
    /// And as it holds where the table is used.
    pub compared: Folding,
    /// The words by the writing that all of them share.
    pub folded: HashMap<Box<str>, Box<str>>,
}

const KEYS: &[&str] = &["values", "unlisted", "write", "normalize"];

impl ValueTable {
    /// Reads `{ values = { "○" = true }, unlisted = "omit" | "keep" | { value = ... }, write = ["○"] }`.
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
        let written = read_written(table, &values, diagnostics);
        let folding = read_folding(table, diagnostics);
        let mut read = Self {
            values,
            written,
            unlisted,
            folding,
            compared: Folding::SPACES,
            folded: HashMap::new(),
        };
        read.fold(
            folding.unwrap_or(Folding::SPACES),
            &table.span,
            &table.field,
            diagnostics,
        )?;
        Some(read)
    }

    /// The same table where it is used: what the attribute, the type or the file says of writings holds for a table that says
    /// nothing.
    pub(super) fn folded(
        self: &Arc<Self>,
        folding: Option<Folding>,
        span: &Range<usize>,
        field: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Arc<Self>> {
        let Some(folding) = folding.filter(|_| self.folding.is_none()) else {
            return Some(Arc::clone(self));
        };
        let mut other = Self::clone(self);
        other.fold(folding, span, field, diagnostics)?;
        Some(Arc::new(other))
    }

    /// Finds the words under the writing that all of theirs share.
    fn fold(
        &mut self,
        folding: Folding,
        span: &Range<usize>,
        field: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<()> {
        let mut folded: HashMap<Box<str>, Box<str>> = HashMap::new();
        for (word, value) in &self.values {
            let key = folding.fold(word);
            let other = folded.get(key.as_ref()).and_then(|other| self.values.get(other));
            if other.is_some_and(|other| other != value) {
                let message = format!("`{word}` and another word are one when normalized, and mean two things");
                diagnostics.report(span, field, message);
                return None;
            }
            folded.insert(key.into(), word.clone());
        }
        self.compared = folding;
        self.folded = folded;
        Some(())
    }

    /// A word that is listed in another of its writings.
    fn in_other_writing(&self, word: &str) -> Option<&Value> {
        let folded = self.compared.fold(word);
        self.values.get(self.folded.get(folded.as_ref())?)
    }

    /// What a word means, if it is listed. Space around it does not count, and a number is the same number however it is written.
    pub fn meaning(&self, word: &str) -> Option<&Value> {
        let exact = self.values.get(word).or_else(|| self.values.get(word.trim()));
        exact.or_else(|| self.in_other_writing(word)).or_else(|| {
            let number = written_number(word)?;
            let is_it =
                |key: &&str| written_number(key).is_some_and(|other| other.compare(&number) == Some(Ordering::Equal));
            // Tables are short, and words that are numbers in another writing are rare.
            let mut keys = self.values.keys().map(AsRef::as_ref).filter(is_it);
            match (keys.next(), keys.next()) {
                (Some(only), None) => self.values.get(only),
                _ => None,
            }
        })
    }

    /// The word that is written for a value, as far as there is one alone, or one that was chosen.
    pub fn word_for(&self, means: impl Fn(&Value) -> bool) -> Option<&str> {
        let is_it = |word: &&str| self.values.get(*word).is_some_and(&means);
        if let Some(chosen) = self.written.iter().map(|word| &**word).find(is_it) {
            return Some(chosen);
        }
        let mut words = self.values.keys().map(|word| &**word).filter(is_it);
        match (words.next(), words.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

/// `write = ["○", "無"]`: for each value that several words mean, the one that is written.
fn read_written(
    table: &TomlTable<'_>,
    values: &HashMap<Box<str>, Value>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Box<str>> {
    let (field, span) = (
        table.field_of("write"),
        table.get("write").map_or(0..0, toml::Spanned::span),
    );
    let mut written: Vec<Box<str>> = Vec::new();
    for word in table.texts("write", diagnostics).unwrap_or_default() {
        let Some(value) = values.get(word.as_str()) else {
            let message = format!("`{word}` is none of the words of `values`");
            diagnostics.unknown(&span, &field, message, &word, values.keys().map(|word| &**word));
            continue;
        };
        if written.iter().any(|other| values.get(other) == Some(value)) {
            let message = format!("`{word}` means the same as an earlier word here: only one of them is written");
            diagnostics.report(&span, &field, message);
        }
        written.push(word.into());
    }
    written
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

/// A number with all of its digits, as JSON writes it.
pub fn number_text(number: &Number) -> String {
    match number {
        Number::Integer(integer) => integer.to_string(),
        Number::Float(float) => serde_json::Value::from(*float).to_string(),
        Number::Text(text) => text.to_string(),
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
