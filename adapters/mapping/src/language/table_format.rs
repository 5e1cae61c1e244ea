//! In what records come: JSON, GeoJSON, or a table (`[types.X.table]`).

use super::error::Diagnostics;
use super::toml_table::TomlTable;

/// In what the records of a type come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// JSON: fields are members of the record.
    Json,
    /// GeoJSON: fields are members of a Feature's `properties`.
    GeoJson,
    /// A table: fields are columns.
    Table(TableFormat),
}

/// How a table is written, as far as the mapping says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFormat {
    /// The encoding of its text; `None`: it is found out.
    pub encoding: Option<String>,
    /// What stands between two cells; `None`: it is found out.
    pub separator: Option<char>,
    /// The name of the sheet; `None`: the one that has the header.
    pub sheet: Option<String>,
    /// Rows of the header, 1 or 2.
    pub header_rows: usize,
    /// The text of a row above, where a sheet has several tables.
    pub after: Option<String>,
    /// Texts that mean the value of the row above.
    pub repeated: Vec<String>,
    /// Texts that end the table.
    pub until: Vec<String>,
}

const KEYS: &[&str] = &[
    "encoding",
    "separator",
    "sheet",
    "header_rows",
    "after",
    "repeated",
    "until",
];
const ENCODINGS: [&str; 4] = ["utf-8", "cp932", "euc-jp", "utf-16"];
const FORMATS: [&str; 3] = ["json", "geojson", "table"];
/// Rows that a header may have.
const MOST_HEADER_ROWS: u64 = 2;

impl Default for TableFormat {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            encoding: None,
            separator: None,
            sheet: None,
            header_rows: 1,
            after: None,
            repeated: texts(&["〃", "同上"]),
            until: texts(&["合計", "計", "※"]),
        }
    }
}

/// Reads `format` and `[types.X.table]`.
pub(super) fn read_format(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Format {
    let format = table.text("format", diagnostics);
    let format = match format.as_ref().map(|located| located.text) {
        None | Some("json") => Format::Json,
        Some("geojson") => Format::GeoJson,
        Some("table") => {
            let read = table.table("table", diagnostics);
            return Format::Table(read.map_or_else(TableFormat::default, |read| read_table(&read, diagnostics)));
        }
        Some(other) => {
            let message = format!("unknown format `{other}`: expected {}", FORMATS.join(", "));
            let span = format.as_ref().map_or_else(|| table.span.clone(), |located| located.span.clone());
            diagnostics.unknown(&span, &table.field_of("format"), message, other, FORMATS);
            Format::Json
        }
    };
    if let Some(value) = table.get("table") {
        let message = "says how a table is written: it belongs to format = \"table\"";
        diagnostics.report(&value.span(), &table.field_of("table"), message);
    }
    format
}

fn read_table(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> TableFormat {
    table.check_keys(KEYS, diagnostics);
    let usual = TableFormat::default();
    let encoding = table.text("encoding", diagnostics);
    if let Some(located) = encoding.as_ref().filter(|located| !ENCODINGS.contains(&located.text)) {
        let message = format!("unknown encoding `{}`: expected {}", located.text, ENCODINGS.join(", "));
        diagnostics.unknown(&located.span, &table.field_of("encoding"), message, located.text, ENCODINGS);
    }
    let separator = table.text("separator", diagnostics).and_then(|located| {
        let mut characters = located.text.chars();
        let read = characters.next().filter(|one| characters.next().is_none() && !matches!(one, '"' | '\n' | '\r'));
        if read.is_none() || !located.text.is_ascii() {
            let message = "expected one character, such as \",\" or \"\\t\"";
            diagnostics.report(&located.span, &table.field_of("separator"), message);
        }
        read
    });
    let header_rows = table.integer("header_rows", 1, diagnostics).unwrap_or(1);
    if header_rows > MOST_HEADER_ROWS {
        let message = "a header has one row or two";
        diagnostics.report(&table.span, &table.field_of("header_rows"), message);
    }
    let mut named = |key: &str| {
        let located = table.text(key, diagnostics)?;
        if located.text.is_empty() {
            diagnostics.report(&located.span, &table.field_of(key), "an empty text names nothing");
        }
        Some(located.text.to_owned())
    };
    let (sheet, after) = (named("sheet"), named("after"));
    TableFormat {
        encoding: encoding.map(|located| located.text.to_owned()),
        separator,
        sheet,
        header_rows: usize::try_from(header_rows).unwrap_or(1),
        after,
        repeated: table.texts("repeated", diagnostics).unwrap_or(usual.repeated),
        until: table.texts("until", diagnostics).unwrap_or(usual.until),
    }
}

/// Whether two names of a column are the same to a reader: spaces, width of letters and kinds of dashes aside.
pub fn same_text(one: &str, other: &str) -> bool {
    folded(one).eq(folded(other))
}

fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|character| !character.is_whitespace()).map(|character| match character {
        '\u{FF01}'..='\u{FF5E}' if character != '～' => {
            char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character)
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    })
}
