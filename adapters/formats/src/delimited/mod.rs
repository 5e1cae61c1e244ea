//! CSV and TSV (RFC 4180) as rows.
//!
//! The reading is our own, where a library would do for files without fault: one quote that is not closed must cost its row and not
//! all that follow, and which row and column is wrong has to be told. That it reads whatever a library writes is tested.

mod separator;
#[cfg(test)]
mod tests;

use memchr::{memchr, memchr2, memchr3};

use crate::characters::{Doubt, doubt};
use crate::{FormatError, Limits, Report, Row, RowSource, What};

pub use self::separator::separator_of;

/// The rows of a text.
#[derive(Debug, Clone)]
pub struct Delimited<'a> {
    text: &'a str,
    at: usize,
    separator: u8,
    number: u64,
    limits: Limits,
    /// The text of a quoted cell, without the quotes that are doubled in it.
    unquoted: String,
}

/// The rows of a text. `separator`: an ASCII character; detected when nothing is said.
#[must_use]
pub fn delimited<'a>(text: &'a str, separator: Option<char>, limits: &Limits) -> Delimited<'a> {
    let declared = separator.and_then(|one| u8::try_from(one).ok()).filter(u8::is_ascii);
    Delimited {
        text,
        at: 0,
        separator: declared.unwrap_or_else(|| separator_of(text)),
        number: 0,
        limits: *limits,
        unquoted: String::new(),
    }
}

/// What follows a cell.
enum Then {
    Cell(usize),
    Row(usize),
}

/// Why a row is left out.
struct Wrong(What);

impl RowSource for Delimited<'_> {
    fn next_row(&mut self, row: &mut Row, report: &mut Report) -> Result<bool, FormatError> {
        while self.at < self.text.len() {
            self.number += 1;
            if self.number > self.limits.rows {
                return Err(FormatError::TooLarge {
                    what: "rows",
                    limit: self.limits.rows,
                });
            }
            row.begin(self.number);
            let start = self.at;
            match self.read(row, report)? {
                Ok(end) => {
                    self.at = end;
                    return Ok(true);
                }
                Err(Wrong(what)) => {
                    report.note(self.number, 0, what);
                    self.at = self.end_of_line(start);
                }
            }
        }
        Ok(false)
    }
}

impl Delimited<'_> {
    /// Reads one row, and says where the next begins.
    fn read(&mut self, row: &mut Row, report: &mut Report) -> Result<Result<usize, Wrong>, FormatError> {
        let (text, start) = (self.text, self.at);
        let mut at = start;
        loop {
            if row.len() >= self.limits.columns {
                return Err(FormatError::too_large("columns", self.limits.columns));
            }
            let then = match text.as_bytes().get(at) {
                Some(b'"') => match self.quoted(start, at, row, report) {
                    Ok(then) => then,
                    Err(wrong) => return Ok(Err(wrong)),
                },
                _ => self.plain(at, row, report),
            };
            let next = match then {
                Then::Cell(next) | Then::Row(next) => next,
            };
            if next - start > self.limits.row_bytes {
                return Ok(Err(Wrong(What::LongRow)));
            }
            match then {
                Then::Row(next) => return Ok(Ok(next)),
                Then::Cell(next) => at = next,
            }
        }
    }

    fn plain(&self, at: usize, row: &mut Row, report: &mut Report) -> Then {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let end = at + memchr3(self.separator, b'\n', b'\r', rest).unwrap_or(rest.len());
        add(self.text.get(at..end).unwrap_or_default(), row, report, &self.limits);
        self.behind(end)
    }

    /// A cell in quotes. One that does not end where it should makes its row unreadable.
    fn quoted(&mut self, start: usize, at: usize, row: &mut Row, report: &mut Report) -> Result<Then, Wrong> {
        let text = self.text;
        let most = text.len().min(start.saturating_add(self.limits.row_bytes));
        let (mut from, mut has_doubled) = (at + 1, false);
        let close = loop {
            let within = text.as_bytes().get(from..most).unwrap_or_default();
            let Some(found) = memchr(b'"', within) else {
                return Err(Wrong(if most == text.len() {
                    What::StrayQuote
                } else {
                    What::LongRow
                }));
            };
            let quote = from + found;
            if text.as_bytes().get(quote + 1) != Some(&b'"') {
                break quote;
            }
            has_doubled = true;
            from = quote + 2;
        };
        let cell = text.get(at + 1..close).unwrap_or_default();
        // Some writers leave spaces behind the quote.
        let rest = text.as_bytes().get(close + 1..).unwrap_or_default();
        let spaces = rest
            .iter()
            .take_while(|byte| **byte == b' ' && **byte != self.separator)
            .count();
        let end = close + 1 + spaces;
        match text.as_bytes().get(end) {
            None | Some(b'\n' | b'\r') => {}
            Some(byte) if *byte == self.separator => {}
            Some(_) => return Err(Wrong(What::StrayQuote)),
        }
        if has_doubled {
            self.unquoted.clear();
            self.unquoted.push_str(&cell.replace("\"\"", "\""));
            add(&self.unquoted, row, report, &self.limits);
        } else {
            add(cell, row, report, &self.limits);
        }
        Ok(self.behind(end))
    }

    fn behind(&self, end: usize) -> Then {
        let bytes = self.text.as_bytes();
        match bytes.get(end) {
            None => Then::Row(end),
            Some(b'\r') if bytes.get(end + 1) == Some(&b'\n') => Then::Row(end + 2),
            Some(b'\r' | b'\n') => Then::Row(end + 1),
            Some(_) => Then::Cell(end + 1),
        }
    }

    fn end_of_line(&self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        match memchr2(b'\n', b'\r', rest).map(|found| self.behind(at + found)) {
            Some(Then::Row(next) | Then::Cell(next)) => next,
            None => self.text.len(),
        }
    }
}

/// Adds a cell, unless it is none.
fn add(cell: &str, row: &mut Row, report: &mut Report, limits: &Limits) {
    let column = u32::try_from(row.len() + 1).unwrap_or(u32::MAX);
    let left_out = match doubt(cell) {
        _ if cell.len() > limits.cell_bytes => Some(What::LongCell),
        Some(Doubt::Undecodable) => Some(What::Undecodable),
        Some(Doubt::Nul) => Some(What::Nul),
        Some(Doubt::UserDefined) => {
            report.note(row.number(), column, What::UserDefined);
            None
        }
        None => None,
    };
    match left_out {
        None => row.push_text(cell),
        Some(what) => {
            report.note(row.number(), column, what);
            row.push_empty();
        }
    }
}
