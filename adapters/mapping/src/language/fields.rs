//! What the tables of a mapping have in common: fields of records, templates of ids, zones.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_values::characters::Folding;
use kakehashi_values::crs::Crs;
use ngsi_ld::EntityId;
use toml::de::DeValue;

use super::error::Diagnostics;
use super::path::{JsonPath, Step};
use super::request::check_path;
use super::toml_table::{Located, TomlTable, TomlValue, wrong_kind};
use super::value_table::ValueTable;
use super::{DateRule, FieldUse, Format, IdTemplate, RecordPath, Rows, Template};
use crate::record::{FieldTree, Origin, Slot};

/// Names outside of that of a record that can be asked for: nobody nests deeper.
const MOST_OUTWARDS: usize = 8;

/// What the attributes of one type share while they are read.
pub(super) struct AttributeReader<'f> {
    pub(super) format: Format,
    pub(super) rows: Rows,
    pub(super) zone: i32,
    /// The reference system of places that say none.
    pub(super) crs: Option<Arc<Crs>>,
    /// In which of their writings texts are the same.
    pub(super) folding: Option<Folding>,
    pub(super) tables: &'f HashMap<String, Arc<ValueTable>>,
    pub(super) fields: FieldTree,
    /// Fields that are made of others, by name.
    pub(super) derived: HashMap<Box<str>, Slot>,
    /// Fields of the whole document.
    pub(super) document: FieldTree,
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
        if let Some(slot) = self.derived.get(located.text) {
            return Some(*slot);
        }
        if located.text.starts_with('@') {
            let origin = self.outside(located, rule, diagnostics)?;
            return Some(self.fields.slot_of(origin));
        }
        let path = field_path(located, rule, &self.format, diagnostics)?;
        Some(self.slot_at(located, path, rule, diagnostics))
    }

    /// The same, where a path with wildcards may lead to a list.
    pub(super) fn slot_of_list(
        &mut self,
        located: &Located<'_>,
        rule: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Slot> {
        if !located.text.starts_with('$') {
            return self.slot(located, rule, diagnostics);
        }
        let path = json_path(located, rule, diagnostics)?;
        refuse_in_a_table(located, &path, rule, &self.format, diagnostics)?;
        Some(self.slot_at(located, path, rule, diagnostics))
    }

    /// The slot of the first of several fields that has a value.
    pub(super) fn first_of(
        &mut self,
        names: &[Located<'_>],
        rule: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Slot> {
        let before = self.uses.len();
        let slots = names.iter().map(|name| self.slot(name, rule, diagnostics));
        let slots: Vec<Slot> = slots.collect::<Option<_>>()?;
        let slot = self.fields.slot_of(Origin::FirstOf(slots));
        // That one of them is in no record is no trouble: that none is, is.
        let mut uses = self.uses.drain(before..);
        let first = uses.next();
        drop(uses);
        if let Some(mut used) = first {
            let names: Vec<&str> = names.iter().map(|name| name.text).collect();
            used.field = names.join(", ").into();
            used.slot = slot;
            self.uses.push(used);
        }
        Some(slot)
    }

    fn slot_at(&mut self, located: &Located<'_>, path: JsonPath, rule: &str, diagnostics: &Diagnostics<'_>) -> Slot {
        let slot = self.fields.slot(&path);
        self.uses.push(FieldUse {
            rule: rule.into(),
            place: diagnostics.place(&located.span),
            field: located.text.into(),
            path,
            slot,
        });
        slot
    }

    /// What stands outside of the record: `@key`, `@document.a`, `@source.name`, `@file`, `@sheet`.
    fn outside(&mut self, located: &Located<'_>, rule: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Origin> {
        let named = located.text.strip_prefix('@').unwrap_or_default();
        let end = named.find(['.', '[']).unwrap_or(named.len());
        let (name, rest) = named.split_at_checked(end)?;
        let inner = rest.strip_prefix('.');
        let is_table = matches!(self.format, Format::Table(_));
        match (name, inner) {
            ("file", None) if rest.is_empty() => return Some(Origin::File),
            ("sheet", None) if rest.is_empty() && is_table => return Some(Origin::Sheet),
            ("key", None) if rest.is_empty() && !is_table => return Some(Origin::Key(0)),
            ("key", Some(outwards)) if !is_table => {
                let outwards = outwards
                    .parse::<usize>()
                    .ok()
                    .filter(|outwards| *outwards <= MOST_OUTWARDS);
                if let Some(outwards) = outwards {
                    return Some(Origin::Key(outwards));
                }
            }
            ("source", Some(name)) if !name.is_empty() => return Some(Origin::Source(name.into())),
            ("document", _) if !rest.is_empty() && !is_table => {
                let path = format!("${rest}");
                let inner = Located {
                    text: &path,
                    span: located.span.clone(),
                };
                let path = json_path(&inner, rule, diagnostics)?;
                if path.has_wildcard() {
                    let message = "this path must lead to one value: no wildcard here";
                    diagnostics.report(&located.span, rule, message);
                    return None;
                }
                return Some(Origin::Document(self.document.slot(&path)));
            }
            _ => {}
        }
        let known: &[&str] = match is_table {
            true => &["@source.code", "@source.name", "@source.<constant>", "@file", "@sheet"],
            false => &[
                "@key",
                "@key.1",
                "@document.<path>",
                "@source.code",
                "@source.name",
                "@source.<constant>",
                "@file",
            ],
        };
        let message = format!(
            "`{}` is nothing that stands beside these records: expected {}",
            located.text,
            known.join(", ")
        );
        diagnostics.unknown(&located.span, rule, message, located.text, known.iter().copied());
        None
    }
}

/// A table has no paths.
fn refuse_in_a_table(
    located: &Located<'_>,
    path: &JsonPath,
    rule: &str,
    format: &Format,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<()> {
    let is_column = matches!(path.steps.as_slice(), [Step::Member(_)]);
    if matches!(format, Format::Table(_)) && !is_column {
        let message = "a table has columns and no paths: write the text of the header";
        diagnostics.report(&located.span, rule, message);
        return None;
    }
    Some(())
}

/// The slot of the field that a key names.
pub(super) fn named_slot(
    table: &TomlTable<'_>,
    key: &str,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Slot> {
    let located = table.text(key, diagnostics)?;
    reader.slot(&located, &table.field_of(key), diagnostics)
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
    format: &Format,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<JsonPath> {
    if located.text.is_empty() {
        diagnostics.report(&located.span, field, "an empty text names no field");
        return None;
    }
    if located.text.starts_with('$') {
        let path = json_path(located, field, diagnostics)?;
        refuse_in_a_table(located, &path, field, format, diagnostics)?;
        return one_value(path, located, field, diagnostics);
    }
    let mut path = JsonPath::member(located.text);
    if *format == Format::GeoJson {
        path.steps.insert(0, Step::Member("properties".into()));
    }
    Some(path)
}

/// A path of the document that leads to one value, while the bytes stream by.
pub(super) fn single_value_path(
    located: &Located<'_>,
    field: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<JsonPath> {
    let path = streamed_path(located, field, diagnostics)?;
    one_value(path, located, field, diagnostics)
}

fn one_value(
    path: JsonPath,
    located: &Located<'_>,
    field: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<JsonPath> {
    if path.has_wildcard() {
        let message = "this path must lead to one value: no wildcard here, but for a field with as = \"list\"";
        diagnostics.report(&located.span, field, message);
        return None;
    }
    Some(path)
}

/// A path that is followed while the bytes stream by: how many elements there are is not known then.
pub(super) fn streamed_path(located: &Located<'_>, field: &str, diagnostics: &mut Diagnostics<'_>) -> Option<JsonPath> {
    let path = json_path(located, field, diagnostics)?;
    if path.counts_from_the_end() {
        let message = "a place counted from the end is for fields within a record: this path leads to the record";
        diagnostics.report(&located.span, field, message);
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
