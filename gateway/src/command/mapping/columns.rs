//! The columns of a table in a file.

use std::borrow::Cow;

use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};
use kakehashi_adapters::mapping::standard::Sample;

/// Rows above the header at most: titles, dates, notes.
const MOST_ABOVE: usize = 20;

/// Reads a table of text.
///
/// # Errors
/// It is none that can be read, and what to do.
pub(super) fn of_table(bytes: &[u8]) -> Result<Sample, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("the file is empty".to_owned());
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err("a spreadsheet or an archive: save its table as CSV, and propose from that".to_owned());
    }
    if bytes.starts_with(b"%PDF") {
        return Err("a PDF has no columns: ask for the table that it was made of".to_owned());
    }
    let text = text(bytes).ok_or("the characters are of no encoding that is known: save it as UTF-8")?;
    let beginning = text.trim_start().get(..9).unwrap_or_default();
    if beginning.starts_with('<') {
        return Err("a page of HTML or XML, no table: perhaps the address leads to a page about the file".to_owned());
    }
    let separator = match text.lines().next() {
        Some(line) if line.matches('\t').count() > line.matches(',').count() => b'\t',
        _ => b',',
    };
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(separator);
    let mut rows = reader
        .from_reader(text.as_bytes())
        .into_records()
        .filter_map(Result::ok);
    // The header is the row above the first in which as many cells are filled: a title fills one.
    let first: Vec<csv::StringRecord> = rows.by_ref().take(MOST_ABOVE).collect();
    let filled = |row: &csv::StringRecord| row.iter().filter(|cell| !cell.trim().is_empty()).count();
    let widest = first.iter().map(filled).max().unwrap_or(0);
    let place = first.iter().position(|row| filled(row) * 2 > widest).unwrap_or(0);
    let header: Vec<String> = match first.get(place) {
        Some(row) => row.iter().map(str::to_owned).collect(),
        None => return Err("has no row".to_owned()),
    };
    let rest = first.into_iter().skip(place + 1).chain(rows);
    let rows = rest.map(|row| row.iter().map(str::to_owned).collect::<Vec<String>>());
    Ok(Sample::of_table(&header, rows))
}

/// The text, in the encoding that it is in.
fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let known: &[&'static Encoding] = match marked {
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => &[UTF_16LE, UTF_16BE],
        _ => &[UTF_8, SHIFT_JIS, EUC_JP],
    };
    known.iter().find_map(|encoding| {
        let (text, _, has_errors) = encoding.decode(bytes);
        (!has_errors).then_some(text)
    })
}
