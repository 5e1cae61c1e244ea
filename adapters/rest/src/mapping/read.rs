//! From the text of a mapping file to a compiled mapping, or to everything that is wrong with it.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use ngsi_ld::{EntityId, TypeName};
use toml::de::{DeTable, DeValue};

use super::attribute::{AttributeReader, read_attributes};
use super::error::{Diagnostics, MappingError};
use super::filter::read_filters;
use super::path::{JsonPath, Step};
use super::request::{Paging, RequestPath, check_path};
use super::toml_table::{Entry, Located, TomlTable, TomlValue, wrong_kind};
use super::value_table::ValueTable;
use super::{DateRule, Expand, IdTemplate, Mapping, RecordPath, Template, TypeMapping};
use crate::record::{DocumentPaths, FieldTree, Slot};

const FILE_KEYS: &[&str] = &["description", "zone", "missing", "tables", "types"];
const TYPE_KEYS: &[&str] = &[
    "path",
    "record_path",
    "format",
    "records",
    "record",
    "paging",
    "id",
    "missing",
    "observed_at",
    "modified_at",
    "created_at",
    "attributes",
    "filters",
];

/// The shape of a platform's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Fields are members of the record.
    Json,
    /// Fields are members of a Feature's `properties`.
    GeoJson,
}

/// What holds for all types of a file.
struct FileSettings {
    zone: i32,
    missing: Vec<String>,
    tables: HashMap<String, Arc<ValueTable>>,
}

pub(super) fn read_mapping(text: &str, file: &str, expand: &Expand<'_>) -> Result<Mapping, Vec<MappingError>> {
    let mut diagnostics = Diagnostics::new(file, text);
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    for error in &syntax_errors {
        diagnostics.report(&error.span().unwrap_or(0..0), "", error.message());
    }
    // What follows a syntax error is guesswork: other complaints about it would mislead.
    if !diagnostics.is_empty() {
        return Err(diagnostics.finish());
    }
    let root = TomlTable::root(&document);
    root.check_keys(FILE_KEYS, &mut diagnostics);
    let _description = root.text("description", &mut diagnostics);
    let settings = FileSettings {
        zone: read_zone(&root, &mut diagnostics).unwrap_or(0),
        missing: root
            .texts("missing", &mut diagnostics)
            .unwrap_or_else(|| vec![String::new()]),
        tables: read_tables(&root, &mut diagnostics),
    };
    let mut types: Vec<TypeMapping> = Vec::new();
    match root.table("types", &mut diagnostics) {
        Some(table) => {
            for entry in table.entries() {
                let field = table.field_of(entry.key);
                let Some(mapping) = read_type(&entry, field.clone(), &settings, expand, &mut diagnostics) else {
                    continue;
                };
                if types.iter().any(|other| other.name == mapping.name) {
                    diagnostics.report(&entry.key_span, &field, "this type stands here twice, under two names");
                }
                types.push(mapping);
            }
            if table.entries().is_empty() {
                diagnostics.report(&table.span, "types", "no entity type: add a table [types.<Type>]");
            }
        }
        None if root.has("types") => {}
        None => diagnostics.report(&(0..0), "", "no entity type: add a table [types.<Type>]"),
    }
    if diagnostics.is_empty() {
        Ok(Mapping { types })
    } else {
        Err(diagnostics.finish())
    }
}

fn read_tables(root: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> HashMap<String, Arc<ValueTable>> {
    let mut tables = HashMap::new();
    let Some(named) = root.table("tables", diagnostics) else {
        return tables;
    };
    for entry in named.entries() {
        let read = TomlTable::of(entry.value, named.field_of(entry.key), diagnostics)
            .and_then(|table| ValueTable::read(&table, diagnostics));
        // A broken table has been reported; those who name it need not be.
        let table = read.unwrap_or_else(|| ValueTable {
            values: HashMap::new(),
            unlisted: super::Unlisted::Omit,
        });
        tables.insert(entry.key.to_owned(), Arc::new(table));
    }
    tables
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

fn parse_zone(text: &str) -> Option<i32> {
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

/// Reads one `[types.X]`. What is wrong is reported; `None` when too little is left to go on with.
fn read_type(
    entry: &Entry<'_>,
    field: String,
    settings: &FileSettings,
    expand: &Expand<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<TypeMapping> {
    let table = TomlTable::of(entry.value, field, diagnostics)?;
    table.check_keys(TYPE_KEYS, diagnostics);
    let name = expand(entry.key)
        .map_err(|error| diagnostics.report(&entry.key_span, &table.field, error.to_string()))
        .ok();
    let format = read_format(&table, diagnostics);
    let located_path = table.required_text("path", diagnostics);
    let path = located_path.and_then(|path| RequestPath::read(&path, &table.field_of("path"), diagnostics));
    let (documents, paging) = read_documents(&table, format, path.as_ref(), diagnostics);
    let single = read_single(&table, diagnostics);

    let mut reader = AttributeReader {
        format,
        zone: settings.zone,
        tables: &settings.tables,
        fields: FieldTree::default(),
        observed_at: None,
    };
    let id = read_id(&table, &mut reader, diagnostics);
    let record_path = id.as_ref().and_then(|id| read_record_path(&table, id, diagnostics));
    let created_at = read_date(&table, "created_at", &mut reader, diagnostics);
    let modified_at = read_date(&table, "modified_at", &mut reader, diagnostics);
    reader.observed_at = read_date(&table, "observed_at", &mut reader, diagnostics);
    let attributes = match table.table("attributes", diagnostics) {
        Some(attributes) => read_attributes(&attributes, &mut reader, expand, diagnostics),
        None => Vec::new(),
    };
    let filters = match table.table("filters", diagnostics) {
        Some(filters) => {
            let style = paging.as_ref().map(|paging| &paging.style);
            read_filters(&filters, &attributes, path.as_ref(), style, expand, diagnostics)
        }
        None => Vec::new(),
    };
    let missing = table
        .texts("missing", diagnostics)
        .unwrap_or_else(|| settings.missing.clone());
    Some(TypeMapping {
        short_name: entry.key.to_owned(),
        name: TypeName::new(name?),
        path: path?,
        record_path,
        documents: documents?,
        single: single?,
        paging: paging?,
        id: id?,
        missing: missing.iter().map(|text| text.as_str().into()).collect(),
        created_at,
        modified_at,
        fields: reader.fields,
        attributes,
        filters,
    })
}

fn read_format(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Format {
    let Some(located) = table.text("format", diagnostics) else {
        return Format::Json;
    };
    match located.text {
        "json" => Format::Json,
        "geojson" => Format::GeoJson,
        other => {
            let message = format!("unknown format `{other}`: expected json or geojson");
            diagnostics.unknown(
                &located.span,
                &table.field_of("format"),
                message,
                other,
                ["json", "geojson"],
            );
            Format::Json
        }
    }
}

fn read_documents(
    table: &TomlTable<'_>,
    format: Format,
    path: Option<&RequestPath>,
    diagnostics: &mut Diagnostics<'_>,
) -> (Option<DocumentPaths>, Option<Paging>) {
    let records = match format {
        Format::GeoJson if !table.has("records") => JsonPath::parse("$.features[*]").ok(),
        _ => table
            .required_text("records", diagnostics)
            .and_then(|located| json_path(&located, &table.field_of("records"), diagnostics)),
    };
    let Some(paging_table) = table.table("paging", diagnostics) else {
        let documents = records.map(|records| DocumentPaths {
            records,
            total: None,
            pages: None,
            next: None,
        });
        return (documents, Some(Paging::NONE));
    };
    let paging = Paging::read(&paging_table, path, diagnostics);
    let mut single_value = |key: &str| {
        let located = paging_table.text(key, diagnostics)?;
        single_value_path(&located, &paging_table.field_of(key), diagnostics)
    };
    let (total, pages, next) = (single_value("total"), single_value("pages"), single_value("next"));
    let documents = records.map(|records| DocumentPaths {
        records,
        total,
        pages,
        next,
    });
    (documents, paging)
}

fn read_single(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<DocumentPaths> {
    let records = match table.text("record", diagnostics) {
        None => JsonPath { steps: Vec::new() },
        Some(located) => {
            let field = table.field_of("record");
            if !table.has("record_path") {
                diagnostics.report(
                    &located.span,
                    &field,
                    "`record` says where the answer to `record_path` has it",
                );
            }
            json_path(&located, &field, diagnostics)?
        }
    };
    Some(DocumentPaths {
        records,
        total: None,
        pages: None,
        next: None,
    })
}

fn json_path(located: &Located<'_>, field: &str, diagnostics: &mut Diagnostics<'_>) -> Option<JsonPath> {
    match JsonPath::parse(located.text) {
        Ok(path) => Some(path),
        Err(error) => {
            diagnostics.report(&located.span, field, error.to_string());
            None
        }
    }
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

/// A field that a key names, as a date and time in the file's zone.
fn read_date(
    table: &TomlTable<'_>,
    key: &str,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<DateRule> {
    let located = table.text(key, diagnostics)?;
    let path = field_path(&located, &table.field_of(key), reader.format, diagnostics)?;
    Some(DateRule {
        slot: reader.fields.slot(&path),
        zone: reader.zone,
    })
}

fn read_id(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<IdTemplate> {
    let located = table.required_text("id", diagnostics)?;
    id_template(&located, &table.field_of("id"), reader, diagnostics)
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
            let path = field_path(&located, field, reader.format, diagnostics)?;
            Some(reader.fields.slot(&path))
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

fn read_record_path(table: &TomlTable<'_>, id: &IdTemplate, diagnostics: &mut Diagnostics<'_>) -> Option<RecordPath> {
    let located = table.text("record_path", diagnostics)?;
    let field = table.field_of("record_path");
    let template = template(&located, &field, diagnostics)?;
    let sample = template.fill(|_| Some("x".into())).unwrap_or_default();
    check_path(&sample, &located, &field, diagnostics)?;
    if template.fields().is_empty() {
        diagnostics.report(&located.span, &field, "names no field of the id: add a {field}");
        return None;
    }
    let id_fields = template
        .fields()
        .iter()
        .map(|name| {
            let position = id.template.fields().iter().position(|other| other == name);
            if position.is_none() {
                let message = format!("`{{{name}}}` is no field of `id`");
                let known = id.template.fields().iter().map(|field| &**field);
                diagnostics.unknown(&located.span, &field, message, name, known);
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
