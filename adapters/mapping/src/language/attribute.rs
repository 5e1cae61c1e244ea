//! The attributes of a type: each a field, a constant, a position, a geometry or a relationship.

use std::sync::Arc;

use ngsi_ld::{AttributeName, Iri};
use toml::de::DeValue;

use super::error::Diagnostics;
use super::fields::{AttributeReader, Format, id_template, neither_text_nor_table, read_zone};
use super::path::JsonPath;
use super::toml_table::{Entry, TomlTable, number_of, text_of};
use super::value_table::{ValueTable, constant};
use super::{AttributeMapping, Bounds, Conversion, DateRule, Expand, Rule};
use crate::record::Slot;

/// Members of an entity that are no attributes (CIM 009 clause 5.2.4).
const RESERVED_NAMES: &[&str] = &[
    "id",
    "type",
    "@id",
    "@type",
    "@context",
    "scope",
    "createdAt",
    "modifiedAt",
    "deletedAt",
    "expiresAt",
];

const KEYS: &[&str] = &[
    "field",
    "constant",
    "latitude",
    "longitude",
    "geometry",
    "relationship",
    "as",
    "table",
    "separator",
    "zone",
    "bounds",
    "unit_code",
    "observed_at",
];

/// The keys of which an attribute has exactly one.
const SOURCES: &[&str] = &["field", "constant", "latitude", "geometry", "relationship"];

const CONVERSIONS: &[&str] = &["string", "number", "boolean", "date-time", "list"];

pub(super) fn read_attributes(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    expand: &Expand<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<AttributeMapping> {
    let mut attributes: Vec<AttributeMapping> = Vec::new();
    for entry in table.entries() {
        let field = table.field_of(entry.key);
        if RESERVED_NAMES.contains(&entry.key) {
            let message = format!("`{}` is no attribute of an entity: choose another name", entry.key);
            diagnostics.report(&entry.key_span, &field, message);
            continue;
        }
        let Some(mut attribute) = read_attribute(&entry, &field, reader, diagnostics) else {
            continue;
        };
        match expand(entry.key) {
            Ok(name) => attribute.name = AttributeName::new(name),
            Err(error) => diagnostics.report(&entry.key_span, &field, error.to_string()),
        }
        if attributes.iter().any(|other| other.name == attribute.name) {
            let message = "this attribute stands here twice, under two names";
            diagnostics.report(&entry.key_span, &field, message);
        }
        attributes.push(attribute);
    }
    attributes
}

fn read_attribute(
    entry: &Entry<'_>,
    field: &str,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<AttributeMapping> {
    let mut attribute = AttributeMapping {
        short_name: entry.key.to_owned(),
        name: AttributeName::new(Iri::new(entry.key)),
        rule: Rule::Constant(false.into()),
        unit_code: None,
        observed_at: reader.observed_at,
    };
    match entry.value.get_ref() {
        DeValue::String(_) => {
            let located = text_of(entry.value, field, diagnostics)?;
            attribute.rule = Rule::Field {
                slot: reader.slot(&located, field, diagnostics)?,
                table: None,
                conversion: Conversion::Keep,
            };
        }
        DeValue::Table(_) => {
            let table = TomlTable::of(entry.value, field.to_owned(), diagnostics)?;
            table.check_keys(KEYS, diagnostics);
            let zone = read_zone(&table, diagnostics).unwrap_or(reader.zone);
            let rule = read_rule(&table, zone, reader, diagnostics);
            attribute.unit_code = table.text("unit_code", diagnostics).map(|code| code.text.into());
            if let Some(own) = read_observed_at(&table, zone, reader, diagnostics) {
                attribute.observed_at = own;
            }
            attribute.rule = rule?;
            if attribute.unit_code.is_some() && !matches!(attribute.rule, Rule::Constant(_) | Rule::Field { .. }) {
                diagnostics.report(&table.span, field, "only a Property has a `unit_code`");
            }
        }
        _ => {
            neither_text_nor_table(entry.value, &entry.value.span(), field, diagnostics);
            return None;
        }
    }
    // A constant is no observation, unless the mapping says so for this attribute.
    let says_so = matches!(entry.value.get_ref(), DeValue::Table(table) if table.contains_key("observed_at"));
    if matches!(attribute.rule, Rule::Constant(_)) && !says_so {
        attribute.observed_at = None;
    }
    Some(attribute)
}

/// `observed_at = "field"`, or `observed_at = false` where the type's does not hold. `None`: not said.
fn read_observed_at(
    table: &TomlTable<'_>,
    zone: i32,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Option<DateRule>> {
    let value = table.get("observed_at")?;
    if matches!(value.get_ref(), DeValue::Boolean(false)) {
        return Some(None);
    }
    let slot = named_slot(table, "observed_at", reader, diagnostics)?;
    Some(Some(DateRule { slot, zone }))
}

fn read_rule(
    table: &TomlTable<'_>,
    zone: i32,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    let present: Vec<&str> = SOURCES.iter().copied().filter(|key| table.has(key)).collect();
    let [source] = present.as_slice() else {
        let message = match present.as_slice() {
            [] if table.has("longitude") => "`latitude` is missing beside `longitude`".to_owned(),
            [] => "says not what it is made of: field, constant, latitude and longitude, geometry or relationship"
                .to_owned(),
            several => format!("is made of one thing only: leave all but one of {}", several.join(", ")),
        };
        diagnostics.report(&table.span, &table.field, message);
        return None;
    };
    refuse_modifiers(table, source, diagnostics);
    match *source {
        "constant" => {
            let value = constant(table.get("constant")?, &table.field_of("constant"), diagnostics)?;
            Some(Rule::Constant(value))
        }
        "latitude" => {
            let _ = table.required_text("longitude", diagnostics);
            let latitude = named_slot(table, "latitude", reader, diagnostics);
            let longitude = table
                .has("longitude")
                .then(|| named_slot(table, "longitude", reader, diagnostics));
            Some(Rule::Point {
                latitude: latitude?,
                longitude: longitude??,
                bounds: read_bounds(table, diagnostics),
            })
        }
        "geometry" => Some(Rule::Geometry {
            slot: geometry_slot(table, reader, diagnostics)?,
            bounds: read_bounds(table, diagnostics),
        }),
        "relationship" => {
            let located = table.text("relationship", diagnostics)?;
            let object = id_template(&located, &table.field_of("relationship"), reader, diagnostics)?;
            Some(Rule::Relationship { object })
        }
        _ => {
            let slot = named_slot(table, "field", reader, diagnostics);
            let value_table = read_value_table(table, reader, diagnostics);
            let conversion = read_conversion(table, zone, diagnostics);
            Some(Rule::Field {
                slot: slot?,
                table: value_table?,
                conversion: conversion?,
            })
        }
    }
}

/// Reports keys that mean nothing beside the source of the value.
fn refuse_modifiers(table: &TomlTable<'_>, source: &str, diagnostics: &mut Diagnostics<'_>) {
    let allowed: &[&str] = match source {
        "field" => &["as", "table", "separator", "zone", "unit_code", "observed_at"],
        "constant" => &["unit_code", "observed_at", "zone"],
        "latitude" => &["longitude", "bounds", "observed_at", "zone"],
        "geometry" => &["bounds", "observed_at", "zone"],
        _ => &["observed_at", "zone"],
    };
    for entry in table.entries() {
        let is_modifier = KEYS.contains(&entry.key) && entry.key != source;
        if is_modifier && !allowed.contains(&entry.key) {
            let message = format!("`{}` means nothing beside `{source}`", entry.key);
            diagnostics.report(&entry.key_span, &table.field, message);
        }
    }
}

fn named_slot(
    table: &TomlTable<'_>,
    key: &str,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Slot> {
    let located = table.text(key, diagnostics)?;
    reader.slot(&located, &table.field_of(key), diagnostics)
}

/// `geometry = true` is the geometry of a GeoJSON Feature; a text names the field that holds one.
fn geometry_slot(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Slot> {
    let value = table.get("geometry")?;
    match value.get_ref() {
        DeValue::Boolean(true) if reader.format == Format::GeoJson => {
            Some(reader.fields.slot(&JsonPath::member("geometry")))
        }
        DeValue::Boolean(_) => {
            let message = "`true` means the geometry of a GeoJSON Feature; name the field that holds the geometry";
            diagnostics.report(&value.span(), &table.field_of("geometry"), message);
            None
        }
        _ => named_slot(table, "geometry", reader, diagnostics),
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
    match value.get_ref() {
        DeValue::String(name) => match reader.tables.get(name.as_ref()) {
            Some(shared) => Some(Some(Arc::clone(shared))),
            None => {
                let message = format!("no table `{name}`: add [tables.{name}]");
                let known = reader.tables.keys().map(String::as_str);
                diagnostics.unknown(&value.span(), &field, message, name, known);
                None
            }
        },
        _ => {
            let own = TomlTable::of(value, field, diagnostics)?;
            Some(Some(Arc::new(ValueTable::read(&own, diagnostics)?)))
        }
    }
}

fn read_conversion(table: &TomlTable<'_>, zone: i32, diagnostics: &mut Diagnostics<'_>) -> Option<Conversion> {
    let conversion = table.text("as", diagnostics);
    let conversion_name = conversion.as_ref().map_or("", |located| located.text);
    if table.has("separator") && conversion_name != "list" {
        diagnostics.report(&table.span, &table.field, "`separator` belongs to as = \"list\"");
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

/// `bounds = [west, south, east, north]`, in degrees.
fn read_bounds(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Bounds> {
    let value = table.get("bounds")?;
    let numbers: Vec<f64> = match value.get_ref() {
        DeValue::Array(items) => items.iter().filter_map(number_of).collect(),
        _ => Vec::new(),
    };
    match numbers.as_slice() {
        [west, south, east, north] if west < east && south < north => Some(Bounds {
            west: *west,
            south: *south,
            east: *east,
            north: *north,
        }),
        _ => {
            let message = "expected [west, south, east, north] in degrees, the smaller ones first";
            diagnostics.report(&value.span(), &table.field_of("bounds"), message);
            None
        }
    }
}
