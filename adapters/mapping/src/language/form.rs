//! The forms of what an attribute or a derived field is made of: one row of [`FORMS`] and one reader each.

use std::sync::Arc;

use toml::de::DeValue;

use super::computed::read_expression;
use super::error::Diagnostics;
use super::fields::{AttributeReader, id_template, neither_text_nor_table, read_zone};
use super::form_place::{read_geometry, read_point};
use super::position::{read_plane, read_position};
use super::text::read_text;
use super::toml_table::{Located, TomlTable, text_of};
use super::value_table::{ValueTable, constant};
use super::written::{is_written, read_folding, read_written};
use super::{Conversion, Rule};
use crate::record::Slot;

/// A form.
struct Form {
    /// The key that it is known by.
    key: &'static str,
    /// The keys that may stand beside that.
    beside: &'static [&'static str],
    read: ReadForm,
}

/// Reads a form; the number is the zone of dates without one.
type ReadForm = fn(&TomlTable<'_>, i32, &mut AttributeReader<'_>, &mut Diagnostics<'_>) -> Option<Rule>;

static FORMS: &[Form] = &[
    Form {
        key: "field",
        beside: &[
            "as",
            "table",
            "separator",
            "zone",
            "unit_code",
            "from",
            "units",
            "width",
            "normalize",
        ],
        read: read_field,
    },
    Form {
        key: "constant",
        beside: &["unit_code", "zone"],
        read: |table, _, _, diagnostics| {
            let value = constant(table.get("constant")?, &table.field_of("constant"), diagnostics)?;
            Some(Rule::Constant(value))
        },
    },
    Form {
        key: "latitude",
        beside: &["longitude", "bounds", "crs", "zone"],
        read: |table, _, reader, diagnostics| read_point(table, reader, diagnostics),
    },
    Form {
        key: "geometry",
        beside: &["bounds", "crs", "zone"],
        read: |table, _, reader, diagnostics| read_geometry(table, reader, diagnostics),
    },
    Form {
        key: "position",
        beside: &["order", "bounds", "crs", "zone"],
        read: |table, _, reader, diagnostics| read_position(table, reader, diagnostics),
    },
    Form {
        key: "northing",
        beside: &["easting", "bounds", "crs", "zone"],
        read: |table, _, reader, diagnostics| read_plane(table, reader, diagnostics),
    },
    Form {
        key: "relationship",
        beside: &["zone"],
        read: |table, _, reader, diagnostics| {
            let located = table.text("relationship", diagnostics)?;
            let object = id_template(&located, &table.field_of("relationship"), reader, diagnostics)?;
            Some(Rule::Relationship { object })
        },
    },
    Form {
        key: "text",
        beside: &["unit_code", "zone"],
        read: |table, _, reader, diagnostics| read_text(table, reader, diagnostics),
    },
    Form {
        key: "expression",
        beside: &["with", "as", "unit_code", "zone"],
        read: |table, _, reader, diagnostics| read_expression(table, reader, diagnostics),
    },
];

/// The keys that belong to an attribute, whatever its form.
const OF_ATTRIBUTES: &[&str] = &["observed_at", "required", "rows"];

/// Keys of attributes that a derived field has not.
const NOT_OF_DERIVED: &[&str] = &["unit_code"];

/// What is made of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// An attribute.
    Attribute,
    /// A field of others.
    Derived,
}

const CONVERSIONS: &[&str] = &[
    "string",
    "number",
    "boolean",
    "date-time",
    "date",
    "time",
    "municipality-code",
    "list",
];

impl Rule {
    /// Whether a Property comes of it, which may have a unit.
    pub(super) fn makes_a_property(&self) -> bool {
        matches!(
            self,
            Self::Constant(_) | Self::Field { .. } | Self::Text { .. } | Self::Expression(_)
        )
    }
}

/// The value of a derived field: the name of a field, or a table.
pub(super) fn read_value(
    value: &super::toml_table::TomlValue<'_>,
    field: &str,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    match value.get_ref() {
        DeValue::String(_) => {
            let located = text_of(value, field, diagnostics)?;
            Some(Rule::Field {
                slot: reader.slot(&located, field, diagnostics)?,
                table: None,
                conversion: Conversion::Keep,
            })
        }
        DeValue::Table(_) => {
            let table = TomlTable::of(value, field.to_owned(), diagnostics)?;
            let zone = read_zone(&table, diagnostics).unwrap_or(reader.zone);
            read_rule(&table, zone, Of::Derived, reader, diagnostics)
        }
        _ => {
            neither_text_nor_table(value, &value.span(), field, diagnostics);
            None
        }
    }
}

/// Reads what an attribute or a derived field is made of.
pub(super) fn read_rule(
    table: &TomlTable<'_>,
    zone: i32,
    of: Of,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    let is_allowed = |key: &&str| match of {
        Of::Attribute => true,
        Of::Derived => !OF_ATTRIBUTES.contains(key) && !NOT_OF_DERIVED.contains(key),
    };
    let known = FORMS
        .iter()
        .flat_map(|form| std::iter::once(form.key).chain(form.beside.iter().copied()));
    let mut keys: Vec<&str> = Vec::new();
    for key in known.chain(OF_ATTRIBUTES.iter().copied()).filter(is_allowed) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    table.check_keys(&keys, diagnostics);
    let present: Vec<&Form> = FORMS.iter().filter(|form| table.has(form.key)).collect();
    let [form] = present.as_slice() else {
        let message = match present.as_slice() {
            [] if table.has("longitude") => "`latitude` is missing beside `longitude`".to_owned(),
            [] if table.has("easting") => "`northing` is missing beside `easting`".to_owned(),
            [] => "says not what it is made of: field, constant, latitude and longitude, geometry, position, \
                 northing and easting, relationship, text or expression"
                .to_owned(),
            several => {
                let several: Vec<&str> = several.iter().map(|form| form.key).collect();
                format!("is made of one thing only: leave all but one of {}", several.join(", "))
            }
        };
        diagnostics.report(&table.span, &table.field, message);
        return None;
    };
    for entry in table.entries() {
        let is_for_all = OF_ATTRIBUTES.contains(&entry.key) || entry.key == form.key;
        if keys.contains(&entry.key) && !is_for_all && !form.beside.contains(&entry.key) {
            let message = format!("`{}` means nothing beside `{}`", entry.key, form.key);
            diagnostics.report(&entry.key_span, &table.field, message);
        }
    }
    (form.read)(table, zone, reader, diagnostics)
}

fn read_field(
    table: &TomlTable<'_>,
    zone: i32,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    let slot = field_slot(table, reader, diagnostics);
    let value_table = read_value_table(table, reader, diagnostics);
    let conversion = read_conversion(table, zone, diagnostics);
    Some(Rule::Field {
        slot: slot?,
        table: value_table?,
        conversion: conversion?,
    })
}

/// `field = "name"`, or several of which the first that has a value is meant.
fn field_slot(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Slot> {
    let rule = table.field_of("field");
    let value = table.get("field")?;
    if let DeValue::Array(items) = value.get_ref() {
        let names = items.iter().map(|item| text_of(item, &rule, diagnostics));
        let names: Vec<Located<'_>> = names.collect::<Option<_>>()?;
        if names.is_empty() {
            diagnostics.report(&value.span(), &rule, "an empty list names no field");
            return None;
        }
        return reader.first_of(&names, &rule, diagnostics);
    }
    let located = table.text("field", diagnostics)?;
    let is_list = table.get("as").and_then(|value| value.get_ref().as_str()) == Some("list");
    match is_list {
        true => reader.slot_of_list(&located, &rule, diagnostics),
        false => reader.slot(&located, &rule, diagnostics),
    }
}

/// `table = "name"`, or the table itself. The outer `None`: wrong, and reported.
fn read_value_table(
    table: &TomlTable<'_>,
    reader: &AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Option<Arc<ValueTable>>> {
    let Some(value) = table.get("table") else {
        return Some(None);
    };
    let field = table.field_of("table");
    let own = read_folding(table, diagnostics).or(reader.folding);
    match value.get_ref() {
        DeValue::String(name) => match reader.tables.get(name.as_ref()) {
            Some(shared) => Some(Some(shared.folded(own, &value.span(), &field, diagnostics)?)),
            None => {
                let message = format!("no table `{name}`: add [tables.{name}]");
                let known = reader.tables.keys().map(String::as_str);
                diagnostics.unknown(&value.span(), &field, message, name, known);
                None
            }
        },
        _ => {
            let table = TomlTable::of(value, field.clone(), diagnostics)?;
            let table = Arc::new(ValueTable::read(&table, diagnostics)?);
            Some(Some(table.folded(own, &value.span(), &field, diagnostics)?))
        }
    }
}

fn read_conversion(table: &TomlTable<'_>, zone: i32, diagnostics: &mut Diagnostics<'_>) -> Option<Conversion> {
    let conversion = table.text("as", diagnostics);
    let conversion_name = conversion.as_ref().map_or("", |located| located.text);
    if table.has("separator") && conversion_name != "list" {
        diagnostics.report(&table.span, &table.field, "`separator` belongs to as = \"list\"");
    }
    if is_written(conversion_name, table) {
        let written = read_written(conversion_name, table, zone, diagnostics)?;
        return Some(Conversion::Written(Box::new(written)));
    }
    if let Some(value) = table.get("normalize").filter(|_| !table.has("table")) {
        let message = "`normalize` belongs beside `table` or as = \"string\"";
        diagnostics.report(&value.span(), &table.field_of("normalize"), message);
    }
    let Some(located) = conversion else {
        return Some(Conversion::Keep);
    };
    match located.text {
        "string" => Some(Conversion::Text),
        "number" => Some(Conversion::Number),
        "boolean" => Some(Conversion::Boolean),
        "date-time" => Some(Conversion::DateTime { zone }),
        "list" => {
            // What a path with wildcards leads to is a list already.
            let field = table.get("field").and_then(|value| value.get_ref().as_str());
            if field.is_some_and(|field| field.starts_with('$')) && !table.has("separator") {
                return Some(Conversion::List {
                    separator: String::new(),
                });
            }
            let separator = table.required_text("separator", diagnostics)?;
            if separator.text.is_empty() {
                diagnostics.report(
                    &separator.span,
                    &table.field_of("separator"),
                    "an empty text separates nothing",
                );
                return None;
            }
            Some(Conversion::List {
                separator: separator.text.to_owned(),
            })
        }
        other => {
            let message = format!("unknown type `{other}`: expected {}", CONVERSIONS.join(", "));
            let known = CONVERSIONS.iter().copied();
            diagnostics.unknown(&located.span, &table.field_of("as"), message, other, known);
            None
        }
    }
}
