//! How records of a type are written: `[types.<Type>.write]`.

use http::Method;
use ngsi_ld::entity::Value;

use super::date_shape::DateShape;
use super::error::Diagnostics;
use super::fields::{AttributeReader, field_path, id_path, json_path};
use super::path::Step;
use super::toml_table::{Located, TomlTable};
use super::value_table::{ValueTable, number_text};
use super::{AttributeMapping, Derived, Format, IdTemplate, RecordPath, Rule};
use crate::record::{Origin, Slot};

const REQUESTS: &[&str] = &["create", "replace", "change", "delete"];
const KEYS: &[&str] = &[
    "create",
    "replace",
    "change",
    "delete",
    "record",
    "empty",
    "date",
    "texts",
    "numbers",
    "set_by_platform",
];

/// How records of a type are written.
#[derive(Debug, Clone)]
pub struct WriteMapping {
    /// A record that was not there.
    pub create: Option<WriteRequest>,
    /// A record whole.
    pub replace: Option<WriteRequest>,
    /// Those members of a record that are sent.
    pub change: Option<WriteRequest>,
    /// A record that goes.
    pub delete: Option<WriteRequest>,
    /// The members of a body that lead to the record.
    pub wrapped_in: Vec<Box<str>>,
    /// What is written where there is no value, as JSON.
    pub empty: Box<str>,
    /// How the platform writes dates.
    pub date: Option<DateShape>,
    /// Fields that are texts, whatever they stand for.
    pub texts: Vec<Slot>,
    /// Fields that are numbers, whatever they stand for.
    pub numbers: Vec<Slot>,
    /// Fields of which the platform decides what they hold.
    pub set_by_platform: Vec<Slot>,
    /// Fields that lead back to no place of a record.
    pub computed: Vec<Slot>,
}

impl WriteMapping {
    /// How a record is changed: whole, or by what is different.
    #[must_use]
    pub fn changes(&self) -> Option<&WriteRequest> {
        self.change.as_ref().or(self.replace.as_ref())
    }

    /// A record, where it stands in what is sent.
    #[must_use]
    pub fn wrapped(&self, record: &str) -> String {
        self.wrapped_in.iter().rev().fold(record.to_owned(), |json, name| {
            format!("{{{}:{json}}}", serde_json::Value::from(&**name))
        })
    }
}

/// One way of writing.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The method of the request.
    pub method: Method,
    /// Its path.
    pub path: RecordPath,
}

/// What of a type's mapping its way of writing is checked against.
pub(super) struct OfType<'a, 'f> {
    pub(super) id: &'a IdTemplate,
    pub(super) has_record_path: bool,
    pub(super) missing: &'a [String],
    pub(super) derived: &'a [Derived],
    pub(super) attributes: &'a [AttributeMapping],
    pub(super) reader: &'a AttributeReader<'f>,
}

/// Reads `[types.X.write]`.
pub(super) fn read_write(
    table: &TomlTable<'_>,
    of_type: &OfType<'_, '_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<WriteMapping> {
    table.check_keys(KEYS, diagnostics);
    let mut refuse = |message: String| diagnostics.report(&table.span, &table.field, message);
    if of_type.reader.format != Format::Json {
        refuse("only records of `format = \"json\"` can be written".to_owned());
    }
    if !of_type.has_record_path {
        refuse("`record_path` of the type is missing: a record is read before it is written".to_owned());
    }
    if !REQUESTS.iter().any(|key| table.has(key)) {
        refuse(format!(
            "says nothing that can be done: write one of {}",
            REQUESTS.join(", ")
        ));
    }
    let mut request = |key: &str, usual: Method| read_request(table, key, usual, of_type.id, diagnostics);
    let create = request("create", Method::POST);
    let replace = request("replace", Method::PUT);
    let change = request("change", Method::PATCH);
    let delete = request("delete", Method::DELETE);
    let mut slots = |key: &str| named_slots(table, key, of_type.reader, diagnostics);
    let (texts, numbers, mut set_by_platform) = (slots("texts"), slots("numbers"), slots("set_by_platform"));
    let computed = computed(table, of_type, diagnostics);
    // What dates with them is dated by the platform, as far as a writer can tell.
    set_by_platform.extend(computed.iter().copied());
    let write = WriteMapping {
        create,
        replace,
        change,
        delete,
        wrapped_in: read_wrapping(table, diagnostics),
        empty: read_empty(table, of_type.missing, diagnostics),
        date: read_date_shape(table, diagnostics),
        texts,
        numbers,
        set_by_platform,
        computed,
    };
    check(table, &write, of_type, diagnostics);
    Some(write)
}

/// `create = { method = "POST", path = "/api/v1/shelters" }`
fn read_request(
    table: &TomlTable<'_>,
    key: &str,
    usual: Method,
    id: &IdTemplate,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<WriteRequest> {
    let request = table.table(key, diagnostics)?;
    request.check_keys(&["method", "path"], diagnostics);
    let method = match request.text("method", diagnostics) {
        None => usual,
        Some(located) => {
            let methods = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
            let known = methods.into_iter().find(|method| method.as_str() == located.text);
            let Some(method) = known else {
                let message = format!("unknown method `{}`: expected POST, PUT, PATCH or DELETE", located.text);
                diagnostics.report(&located.span, &request.field_of("method"), message);
                return None;
            };
            method
        }
    };
    let located = request.required_text("path", diagnostics)?;
    let path = id_path(&located, &request.field_of("path"), id, diagnostics)?;
    if key != "create" && path.template.fields().is_empty() {
        let message = "names no field of the id: add a {field}";
        diagnostics.report(&located.span, &request.field_of("path"), message);
        return None;
    }
    Some(WriteRequest { method, path })
}

/// `record = "$.shelter"`: where the record stands in what is sent.
fn read_wrapping(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Vec<Box<str>> {
    let Some(located) = table.text("record", diagnostics) else {
        return Vec::new();
    };
    let field = table.field_of("record");
    let Some(path) = json_path(&located, &field, diagnostics) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for step in path.steps {
        match step {
            Step::Member(name) => names.push(name),
            Step::Element(_) | Step::Last(_) | Step::Each => {
                let message = "only names of members lead to the record in what is sent, such as \"$.shelter\"";
                diagnostics.report(&located.span, &field, message);
                return Vec::new();
            }
        }
    }
    names
}

/// `empty = "-"`: one of the texts that mean that there is no value.
fn read_empty(table: &TomlTable<'_>, missing: &[String], diagnostics: &mut Diagnostics<'_>) -> Box<str> {
    let Some(located) = table.text("empty", diagnostics) else {
        return "null".into();
    };
    if !missing.iter().any(|text| text == located.text) {
        let message = "is none of the texts of `missing`: it would be read as a value";
        diagnostics.report(&located.span, &table.field_of("empty"), message);
    }
    serde_json::Value::from(located.text).to_string().into()
}

/// `date = "2026-04-01 09:00:00"`: a date as the platform writes it.
fn read_date_shape(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<DateShape> {
    let located = table.text("date", diagnostics)?;
    let shape = DateShape::of(located.text);
    if shape.is_none() {
        let message = "expected a date as the platform writes it, such as \"2026-04-01 09:00:00\", \
                       \"2026/04/01 09:00\" or \"2026-04-01T09:00:00+09:00\"";
        diagnostics.report(&located.span, &table.field_of("date"), message);
    }
    shape
}

/// Fields that the mapping reads.
fn named_slots(
    table: &TomlTable<'_>,
    key: &str,
    reader: &AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Slot> {
    let (field, span) = (table.field_of(key), table.get(key).map_or(0..0, toml::Spanned::span));
    let mut slots = Vec::new();
    for text in table.texts(key, diagnostics).unwrap_or_default() {
        let located = Located {
            text: &text,
            span: span.clone(),
        };
        let Some(path) = field_path(&located, &field, &reader.format, diagnostics) else {
            continue;
        };
        match reader.fields.known(&path) {
            Some(slot) => slots.push(slot),
            None => {
                let message = format!("`{text}` is no field that this type is made of");
                let known = reader.uses.iter().map(|used| &*used.field);
                diagnostics.unknown(&span, &field, message, &text, known);
            }
        }
    }
    slots
}

/// The fields that are not written. Without what stands beside a record, it could not be read back as it was written.
fn computed(table: &TomlTable<'_>, of_type: &OfType<'_, '_>, diagnostics: &mut Diagnostics<'_>) -> Vec<Slot> {
    let mut computed = Vec::new();
    for (slot, origin) in of_type.reader.fields.slots() {
        if origin.place().is_some() {
            continue;
        }
        let beside = match origin {
            Origin::Key(_) => Some("@key"),
            Origin::Document(_) => Some("@document"),
            Origin::File => Some("@file"),
            Origin::Sheet => Some("@sheet"),
            Origin::Source(_) | Origin::Record(_) | Origin::Derived(_) | Origin::FirstOf(_) => None,
        };
        if let Some(beside) = beside {
            let message = format!(
                "records of a type with `{beside}` cannot be written: a record that is read by itself does not say it"
            );
            diagnostics.report(&table.span, &table.field, message);
        }
        computed.push(slot);
    }
    for slot in &of_type.id.slots {
        if computed.contains(slot) {
            let name = match of_type.reader.fields.origin(*slot) {
                Some(Origin::Derived(place)) => of_type.derived.get(*place).map_or("", |derived| &derived.name),
                _ => "",
            };
            let message = format!(
                "the id is made of `{name}`, which leads back to no field of a record: make it of fields of the record"
            );
            diagnostics.report(&table.span, &table.field, message);
        }
    }
    computed
}

/// What can be read and not be written.
fn check(table: &TomlTable<'_>, write: &WriteMapping, of_type: &OfType<'_, '_>, diagnostics: &mut Diagnostics<'_>) {
    let mut refuse = |key: &str, message: String| {
        let span = table.get(key).map_or_else(|| table.span.clone(), toml::Spanned::span);
        diagnostics.report(&span, &table.field, message);
    };
    if write.texts.iter().any(|slot| write.numbers.contains(slot)) {
        refuse("numbers", "a field stands in `texts` and in `numbers`".to_owned());
    }
    let is_ids = |slot: &Slot| of_type.id.slots.contains(slot);
    if write.create.is_some() && write.set_by_platform.iter().any(is_ids) {
        let message = "an entity keeps the id that it is created with, which the platform would set: leave one of \
                       `create` and that field of `set_by_platform` out";
        refuse("set_by_platform", message.to_owned());
    }
    for attribute in of_type.attributes {
        if let Rule::Field { table: Some(words), .. } = &attribute.rule
            && let Some((value, words)) = words.ambiguous()
        {
            let message = format!(
                "`{}`: {words} all mean {value}: say in the table which of them is written, write = [...]",
                attribute.short_name
            );
            refuse("", message);
        }
    }
    let writes_values = [&write.create, &write.replace, &write.change]
        .into_iter()
        .any(Option::is_some);
    let is_writable = |attribute: &AttributeMapping| attribute.is_written(write, of_type.id);
    if writes_values && !of_type.attributes.iter().any(is_writable) {
        let message = "nothing of the type can be written: all of its attributes are constants, made of the id, computed, or set \
                       by the platform";
        refuse("", message.to_owned());
    }
}

impl ValueTable {
    /// The first value that several words mean of which none is chosen, and those words.
    fn ambiguous(&self) -> Option<(String, String)> {
        let mut words: Vec<&str> = self.values.keys().map(|word| &**word).collect();
        words.sort_unstable();
        words.iter().find_map(|word| {
            let value = self.values.get(*word)?;
            let same: Vec<String> = words
                .iter()
                .filter(|other| self.values.get(**other).is_some_and(|other| other == value))
                .map(|word| format!("`{word}`"))
                .collect();
            let is_chosen = self.written.iter().any(|word| self.values.get(word) == Some(value));
            (same.len() > 1 && !is_chosen).then(|| (told(value), same.join(", ")))
        })
    }
}

/// A value of a table, as its file says it.
fn told(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}\""),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Number(number) => number_text(number),
        Value::DateTime(date) => date.as_str().to_owned(),
        Value::Temporal { value, .. } => value.to_string(),
        Value::Json(json) => json.as_str().to_owned(),
    }
}
