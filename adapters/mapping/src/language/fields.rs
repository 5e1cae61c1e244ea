//! What the tables of a mapping have in common: fields of records, templates of ids, zones.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use ngsi_ld::EntityId;
use toml::de::DeValue;

use super::error::Diagnostics;
use super::path::{JsonPath, Step};
use super::request::check_path;
use super::toml_table::{Located, TomlTable, TomlValue, wrong_kind};
use super::value_table::ValueTable;
use super::{DateRule, FieldUse, IdTemplate, RecordPath, Template};
use crate::record::{FieldTree, Slot};

/// What the attributes of one type share while they are read.
pub(super) struct AttributeReader<'f> {
    pub(super) format: Format,
    pub(super) zone: i32,
    pub(super) tables: &'f HashMap<String, Arc<ValueTable>>,
    pub(super) fields: FieldTree,
    pub(super) uses: Vec<FieldUse>,
    pub(super) observed_at: Option<DateRule>,
}

impl AttributeReader<'_> {
    /// The slot of a field that is named there for a rule.
    pub(super) fn slot(
        &mut self,
        located: &Located<'_>,
        rule: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Slot> {
        let path = field_path(located, rule, self.format, diagnostics)?;
        let slot = self.fields.slot(&path);
        self.uses.push(FieldUse {
            rule: rule.into(),
            place: diagnostics.place(&located.span),
            field: located.text.into(),
            path,
            slot,
        });
        Some(slot)
    }
}

/// The shape of a platform's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Fields are members of the record.
    Json,
    /// Fields are members of a Feature's `properties`.
    GeoJson,
}

/// `zone = "+09:00"`, in seconds east of UTC.
pub(super) fn read_zone(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<i32> {
    let located = table.text("zone", diagnostics)?;
    let zone = parse_zone(located.text);
    if zone.is_none() {
        let message = "expected an offset from UTC such as \"+09:00\", or \"Z\"";
        diagnostics.report(&located.span, &table.field_of("zone"), message);
    }
    zone
}

pub(super) fn parse_zone(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse::<i32>().ok())
            .flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// The path of a field within a record. A text that begins with `$` is a JSONPath from the record; any other
/// is the name of a member, taken as it stands.
pub(super) fn field_path(
    located: &Located<'_>,
    field: &str,
    format: Format,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<JsonPath> {
    if located.text.is_empty() {
        diagnostics.report(&located.span, field, "an empty text names no field");
        return None;
    }
    if located.text.starts_with('$') {
        return single_value_path(located, field, diagnostics);
    }
    let mut path = JsonPath::member(located.text);
    if format == Format::GeoJson {
        path.steps.insert(0, Step::Member("properties".into()));
    }
    Some(path)
}

pub(super) fn single_value_path(
    located: &Located<'_>,
    field: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<JsonPath> {
    let path = json_path(located, field, diagnostics)?;
    if path.has_wildcard() {
        diagnostics.report(
            &located.span,
            field,
            "this path must lead to one value: no wildcard here",
        );
        return None;
    }
    Some(path)
}

/// Reads a template that makes an id.
pub(super) fn id_template(
    located: &Located<'_>,
    field: &str,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<IdTemplate> {
    let template = template(located, field, diagnostics)?;
    if template.fields().is_empty() {
        let message = "names no field, so that all records would have one id: add a {field}";
        diagnostics.report(&located.span, field, message);
        return None;
    }
    let sample = template.fill(|_| Some("x".into())).unwrap_or_default();
    if let (false, Err(error)) = (template.is_bare(), EntityId::parse(&sample)) {
        diagnostics.report(&located.span, field, format!("does not make a URI: {error}"));
        return None;
    }
    let slots = template
        .fields()
        .iter()
        .map(|name| {
            let located = Located {
                text: name,
                span: located.span.clone(),
            };
            reader.slot(&located, field, diagnostics)
        })
        .collect::<Option<Vec<Slot>>>()?;
    Some(IdTemplate { template, slots })
}

fn template(located: &Located<'_>, field: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Template> {
    match Template::parse(located.text) {
        Ok(template) => Some(template),
        Err(error) => {
            diagnostics.report(&located.span, field, error.to_string());
            None
        }
    }
}

/// A path with fields of the id in braces.
pub(super) fn id_path(
    located: &Located<'_>,
    field: &str,
    id: &IdTemplate,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<RecordPath> {
    let template = template(located, field, diagnostics)?;
    let sample = template.fill(|_| Some("x".into())).unwrap_or_default();
    check_path(&sample, located, field, diagnostics)?;
    let id_fields = template
        .fields()
        .iter()
        .map(|name| {
            let position = id.template.fields().iter().position(|other| other == name);
            if position.is_none() {
                let message = format!("`{{{name}}}` is no field of `id`");
                let known = id.template.fields().iter().map(|field| &**field);
                diagnostics.unknown(&located.span, field, message, name, known);
            }
            position
        })
        .collect::<Option<Vec<_>>>()?;
    Some(RecordPath { template, id_fields })
}

/// Reports a value that is neither a text nor a table.
pub(super) fn neither_text_nor_table(
    value: &TomlValue<'_>,
    span: &Range<usize>,
    field: &str,
    diagnostics: &mut Diagnostics<'_>,
) {
    let found: &DeValue<'_> = value.get_ref();
    wrong_kind(
        span,
        field,
        "the name of a field or a table { ... }",
        found,
        diagnostics,
    );
}

pub(super) fn json_path(located: &Located<'_>, field: &str, diagnostics: &mut Diagnostics<'_>) -> Option<JsonPath> {
    match JsonPath::parse(located.text) {
        Ok(path) => Some(path),
        Err(error) => {
            diagnostics.report(&located.span, field, error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod zone_tests {
    use super::parse_zone;

    #[test]
    fn zones_are_offsets_from_utc() {
        assert_eq!(parse_zone("+09:00"), Some(9 * 3600));
        assert_eq!(parse_zone("-03:30"), Some(-(3 * 3600 + 1800)));
        assert_eq!(parse_zone("Z"), Some(0));
        for text in ["", "+", "09:00", "+9:00", "+09:60", "+19:00", "+09:0a", "JST", "あ"] {
            assert_eq!(parse_zone(text), None, "{text}");
        }
    }
}
