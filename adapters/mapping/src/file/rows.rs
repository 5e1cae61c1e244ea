//! The rows of a table as records.

use std::borrow::Cow;

use kakehashi_contract::AttributeSelection;
use kakehashi_formats::encoding::Encoding;
use kakehashi_formats::xlsx::Workbook;
use kakehashi_formats::{
    Cell, FormatError, Kind, Opened, Opening, Report, Row, RowSource, Table, Wanted, delimited, open,
};

use super::File;
use crate::language::{TableFormat, TypeMapping, same_text};
use crate::record::{Content, Fields, Projection, TableReader};

/// Hands the fields of each row to `each`, with the number of the row in the file.
pub(super) fn each_row(
    mapping: &TypeMapping,
    format: &TableFormat,
    file: File<'_>,
    projection: &Projection,
    report: &mut Report,
    each: &mut dyn FnMut(u64, &Fields<'_>),
) -> Result<(), FormatError> {
    let columns: Vec<&str> = mapping.wanted_columns(projection).collect();
    each_table_row(format, &columns, file, report, &mut |sheet, header, rows, report| {
        let outside = match sheet {
            Some(sheet) => {
                let mut outside = file.outside.clone();
                outside.sheet = Some(sheet.into());
                Cow::Owned(outside)
            }
            None => Cow::Borrowed(file.outside),
        };
        let reader = TableReader::new(mapping, projection, &outside, header);
        let mut row = Row::new();
        while rows(&mut row, report)? {
            let cells = (0..header.len()).map(|column| match reader.is_wanted(column) {
                true => content(row.cell(column)),
                false => None,
            });
            each(row.number(), &reader.fields(cells));
        }
        Ok(())
    })
}

/// A table as a JSON array of objects, with the names that the mapping has for its columns.
#[derive(Debug)]
pub struct TableAsJson {
    /// The array.
    pub json: String,
    /// The row of the file of each element.
    pub rows: Vec<u64>,
    /// Columns that nothing of the mapping reads.
    pub unread: Vec<String>,
}

/// The same as JSON: for trying a mapping, where it matters what else there is.
///
/// # Errors
/// [`FormatError`]
pub fn table_as_json(
    mapping: &TypeMapping,
    format: &TableFormat,
    file: File<'_>,
    report: &mut Report,
) -> Result<TableAsJson, FormatError> {
    let all = Projection::new(mapping, &AttributeSelection::All, true);
    let columns: Vec<&str> = mapping.wanted_columns(&all).collect();
    let mut made = TableAsJson {
        json: "[".to_owned(),
        rows: Vec::new(),
        unread: Vec::new(),
    };
    each_table_row(format, &columns, file, report, &mut |_, header, rows, report| {
        let named = |text: &String| {
            let known = columns.iter().find(|name| **name == *text);
            let known = known.or_else(|| columns.iter().find(|name| same_text(name, text)));
            known.map_or_else(|| text.clone(), |name| (*name).to_owned())
        };
        let names: Vec<String> = header.iter().map(named).collect();
        let is_unread = |name: &&String| !name.is_empty() && !columns.contains(&name.as_str());
        made.unread = names.iter().filter(is_unread).cloned().collect();
        let mut row = Row::new();
        while rows(&mut row, report)? {
            let mut object = serde_json::Map::new();
            for (name, cell) in names.iter().zip(row.cells()) {
                if name.is_empty() || object.contains_key(name) {
                    continue;
                }
                let value = match cell {
                    Cell::Empty => serde_json::Value::Null,
                    Cell::Boolean(boolean) => boolean.into(),
                    Cell::Number(number) => {
                        serde_json::from_str(&number).unwrap_or_else(|_| number.into_owned().into())
                    }
                    other => other.as_str().into(),
                };
                object.insert(name.clone(), value);
            }
            if made.json.len() > 1 {
                made.json.push(',');
            }
            made.json.push_str(&serde_json::Value::Object(object).to_string());
            made.rows.push(row.number());
        }
        Ok(())
    })?;
    made.json.push(']');
    Ok(made)
}

type NextRow<'r> = dyn FnMut(&mut Row, &mut Report) -> Result<bool, FormatError> + 'r;
type OfTable<'r> = dyn FnMut(Option<&str>, &[String], &mut NextRow<'_>, &mut Report) -> Result<(), FormatError> + 'r;

/// Finds the table and hands its header and rows to `of_table`, with the name of its sheet.
fn each_table_row(
    format: &TableFormat,
    columns: &[&str],
    file: File<'_>,
    report: &mut Report,
    of_table: &mut OfTable<'_>,
) -> Result<(), FormatError> {
    let opening = Opening {
        encoding: format.encoding.as_deref().and_then(Encoding::of_name),
        entry: None,
        limits: file.limits,
    };
    let wanted = Wanted {
        columns,
        same: &same_text,
        header_rows: format.header_rows,
        after: format.after.as_deref(),
        until: &format.until,
        repeated: &format.repeated,
    };
    match open(file.bytes, &opening)? {
        Opened::Text(text) => {
            let rows = delimited(&text.text, format.separator, &file.limits);
            let mut table = Table::find(rows, wanted, report)?;
            hand_on(None, &mut table, report, of_table)
        }
        Opened::Workbook(workbook) => {
            let mut workbook = Workbook::open(&workbook, &file.limits)?;
            let sheet = match &format.sheet {
                Some(sheet) => sheet.clone(),
                None => sheet_with_header(&mut workbook, wanted, report)?,
            };
            let mut table = Table::find(workbook.rows(&sheet)?, wanted, report)?;
            hand_on(Some(&sheet), &mut table, report, of_table)
        }
        Opened::Json(_) => Err(other(Kind::Json)),
        Opened::Kml(_) => Err(other(Kind::Kml)),
        Opened::Shapefile(_) => Err(other(Kind::Shape)),
    }
}

const fn other(found: Kind) -> FormatError {
    FormatError::OfKind {
        expected: "a table (CSV, TSV or XLSX)",
        found,
    }
}

fn hand_on<S: RowSource>(
    sheet: Option<&str>,
    table: &mut Table<'_, S>,
    report: &mut Report,
    of_table: &mut OfTable<'_>,
) -> Result<(), FormatError> {
    let header = table.header().to_vec();
    of_table(sheet, &header, &mut |row, report| table.next_row(row, report), report)
}

/// The one sheet that has the header.
fn sheet_with_header(
    workbook: &mut Workbook<'_>,
    wanted: Wanted<'_>,
    report: &mut Report,
) -> Result<String, FormatError> {
    let mut found: Vec<String> = Vec::new();
    let mut missing = FormatError::Empty;
    for sheet in workbook.sheets(report) {
        // What is met in a sheet is told of the one that is read.
        match Table::find(workbook.rows(&sheet)?, wanted, &mut Report::default()) {
            Ok(_) => found.push(sheet),
            Err(error @ (FormatError::NoHeader { .. } | FormatError::NoTitle(_))) => missing = error,
            Err(error) => return Err(error),
        }
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(missing),
        several => Err(FormatError::Refused(format!(
            "several sheets have the header: {}; name one with `sheet`",
            several
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

fn content(cell: Cell<'_>) -> Option<Content<'_>> {
    Some(match cell {
        Cell::Empty => return None,
        Cell::Text(text) | Cell::DateTime(text) | Cell::Date(text) | Cell::Time(text) => Content::Text(text),
        Cell::Number(number) => Content::Number(number),
        Cell::Boolean(boolean) => Content::Boolean(boolean),
    })
}
