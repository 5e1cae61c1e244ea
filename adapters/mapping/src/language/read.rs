//! From the text of a mapping file to a compiled mapping, or to everything that is wrong with it.

use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_values::characters::Folding;
use kakehashi_values::crs::Crs;
use ngsi_ld::TypeName;
use toml::de::DeTable;

use super::attribute::read_attributes;
use super::derived::{name_derived, read_derived};
use super::error::{Diagnostics, MappingError};
use super::fields::{AttributeReader, id_path, id_template, read_zone, single_value_path, streamed_path};
use super::filter::read_filters;
use super::path::{JsonPath, Step};
use super::position::read_crs;
use super::request::{Paging, RequestPath};
use super::rows::read_rows;
use super::table_format::read_format;
use super::toml_table::{Entry, TomlTable};
use super::value_table::ValueTable;
use super::write::{OfType, read_write};
use super::written::read_folding;
use super::{DateRule, Expand, Format, IdTemplate, Mapping, RecordPath, Sample, TypeMapping};
use crate::record::{DocumentPaths, FieldTree};

const FILE_KEYS: &[&str] = &["description", "zone", "crs", "normalize", "missing", "tables", "types"];
const TYPE_KEYS: &[&str] = &[
    "path",
    "record_path",
    "sample",
    "format",
    "table",
    "rows",
    "absent",
    "fields",
    "records",
    "record",
    "paging",
    "id",
    "missing",
    "crs",
    "normalize",
    "observed_at",
    "modified_at",
    "created_at",
    "attributes",
    "filters",
    "write",
];

/// What holds for all types of a file.
struct FileSettings {
    zone: i32,
    crs: Option<Arc<Crs>>,
    folding: Option<Folding>,
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
        crs: read_crs(&root, &mut diagnostics),
        folding: read_folding(&root, &mut diagnostics),
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
            written: Vec::new(),
            folding: None,
            compared: Folding::SPACES,
            folded: HashMap::new(),
            unlisted: super::Unlisted::Omit,
        });
        tables.insert(entry.key.to_owned(), Arc::new(table));
    }
    tables
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
    let located_path = table.text("path", diagnostics);
    let path = located_path.and_then(|path| RequestPath::read(&path, &table.field_of("path"), diagnostics));
    let (documents, paging) = read_documents(&table, &format, path.as_ref(), diagnostics);
    let rows = read_rows(&table, diagnostics);
    let single = read_single(&table, diagnostics);
    let sample = table.text("sample", diagnostics).map(|located| Sample {
        file: located.text.to_owned(),
        place: diagnostics.place(&located.span),
    });

    let mut reader = AttributeReader {
        format,
        rows,
        zone: settings.zone,
        crs: read_crs(&table, diagnostics).or_else(|| settings.crs.clone()),
        folding: read_folding(&table, diagnostics).or(settings.folding),
        tables: &settings.tables,
        fields: FieldTree::default(),
        derived: HashMap::new(),
        document: FieldTree::default(),
        uses: Vec::new(),
        observed_at: None,
    };
    let derived = match table.table("fields", diagnostics) {
        Some(fields) => {
            name_derived(&fields, &mut reader, diagnostics);
            read_derived(&fields, &mut reader, diagnostics)
        }
        None => Vec::new(),
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
            read_filters(
                &filters,
                &attributes,
                &reader.fields,
                path.as_ref(),
                style,
                expand,
                diagnostics,
            )
        }
        None => Vec::new(),
    };
    let missing = table
        .texts("missing", diagnostics)
        .unwrap_or_else(|| settings.missing.clone());
    let write = match (table.table("write", diagnostics), &id) {
        (Some(write), Some(id)) => {
            let of_type = OfType {
                id,
                has_record_path: table.has("record_path"),
                missing: &missing,
                derived: &derived,
                attributes: &attributes,
                reader: &reader,
            };
            read_write(&write, &of_type, diagnostics)
        }
        _ => None,
    };
    Some(TypeMapping {
        short_name: entry.key.to_owned(),
        name: TypeName::new(name?),
        path,
        path_place: diagnostics.place(
            &table
                .get("path")
                .map_or_else(|| entry.key_span.clone(), toml::Spanned::span),
        ),
        rows,
        absent_is_usual: read_absent(&table, diagnostics),
        record_path,
        documents: documents?,
        records_place: diagnostics.place(
            &table
                .get("records")
                .map_or_else(|| entry.key_span.clone(), toml::Spanned::span),
        ),
        single: single?,
        sample,
        paging: paging?,
        id: id?,
        missing: missing.iter().map(|text| text.as_str().into()).collect(),
        created_at,
        modified_at,
        observed_at: reader.observed_at,
        format: reader.format,
        folding: reader.folding,
        fields: reader.fields,
        derived,
        document: reader.document,
        uses: reader.uses,
        attributes,
        filters,
        write,
    })
}

/// `absent = "silent"`: fields that no record has are to be expected.
fn read_absent(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> bool {
    let Some(located) = table.text("absent", diagnostics) else {
        return false;
    };
    if !matches!(located.text, "silent" | "told") {
        let message = format!("unknown word `{}`: expected silent or told", located.text);
        diagnostics.unknown(
            &located.span,
            &table.field_of("absent"),
            message,
            located.text,
            ["silent", "told"],
        );
    }
    located.text == "silent"
}

fn read_documents(
    table: &TomlTable<'_>,
    format: &Format,
    path: Option<&RequestPath>,
    diagnostics: &mut Diagnostics<'_>,
) -> (Option<DocumentPaths>, Option<Paging>) {
    let records = match format {
        Format::GeoJson if !table.has("records") => JsonPath::parse("$.features[*]").ok(),
        Format::Table(_) => {
            for key in ["records", "record_path", "paging"] {
                if let Some(value) = table.get(key) {
                    let message = format!("`{key}` means nothing beside format = \"table\": its rows are the records");
                    diagnostics.report(&value.span(), &table.field_of(key), message);
                }
            }
            // As JSON, which a mapping is tried on, they are the elements of a list.
            Some(JsonPath {
                steps: vec![Step::Each],
            })
        }
        _ => table
            .required_text("records", diagnostics)
            .and_then(|located| streamed_path(&located, &table.field_of("records"), diagnostics)),
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
            streamed_path(&located, &field, diagnostics)?
        }
    };
    Some(DocumentPaths {
        records,
        total: None,
        pages: None,
        next: None,
    })
}

/// A field that a key names, as a date and time in the file's zone.
fn read_date(
    table: &TomlTable<'_>,
    key: &str,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<DateRule> {
    let located = table.text(key, diagnostics)?;
    Some(DateRule {
        slot: reader.slot(&located, &table.field_of(key), diagnostics)?,
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

fn read_record_path(table: &TomlTable<'_>, id: &IdTemplate, diagnostics: &mut Diagnostics<'_>) -> Option<RecordPath> {
    let located = table.text("record_path", diagnostics)?;
    let field = table.field_of("record_path");
    let path = id_path(&located, &field, id, diagnostics)?;
    if path.template.fields().is_empty() {
        diagnostics.report(&located.span, &field, "names no field of the id: add a {field}");
        return None;
    }
    Some(path)
}
