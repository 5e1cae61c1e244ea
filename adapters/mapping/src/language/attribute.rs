//! The attributes of a type: each a field, a constant, a position, a geometry or a relationship.

use ngsi_ld::{AttributeName, Iri};
use toml::de::DeValue;

use super::error::Diagnostics;
use super::fields::{AttributeReader, named_slot, neither_text_nor_table, read_zone};
use super::form::{Of, read_rule};
use super::rows::read_gather;
use super::toml_table::{Entry, TomlTable, text_of, wrong_kind};
use super::{AttributeMapping, Conversion, DateRule, Expand, Gather, Rule};

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
        required: None,
        unit_code: None,
        observed_at: reader.observed_at,
        gather: Gather::First,
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
            let zone = read_zone(&table, diagnostics).unwrap_or(reader.zone);
            let rule = read_rule(&table, zone, Of::Attribute, reader, diagnostics);
            attribute.required = read_required(&table, diagnostics);
            attribute.gather = read_gather(&table, reader.rows, diagnostics);
            attribute.unit_code = table.text("unit_code", diagnostics).map(|code| code.text.into());
            if let Some(own) = read_observed_at(&table, zone, reader, diagnostics) {
                attribute.observed_at = own;
            }
            attribute.rule = rule?;
            if attribute.unit_code.is_some() && !attribute.rule.makes_a_property() {
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

/// `required = true`: each record has it, and a trial tells of those that do not. It takes nothing away.
fn read_required(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<super::Place> {
    let value = table.get("required")?;
    match value.get_ref() {
        DeValue::Boolean(is_required) => is_required.then(|| diagnostics.place(&value.span())),
        found => {
            wrong_kind(
                &value.span(),
                &table.field_of("required"),
                "true or false",
                found,
                diagnostics,
            );
            None
        }
    }
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
