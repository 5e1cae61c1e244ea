//! The table in the rows of a file: titles above it, its header of one or two rows, notes and sums below it.

use std::collections::VecDeque;

use super::{Row, RowSource};
use crate::{FormatError, Report, What};

/// Rows among which the header is looked for, from the beginning or from the title: people put a letterhead and a legend there,
/// not a page.
const HEADER_ROWS: usize = 100;

/// Characters in which a header may differ from what was wanted and still be meant.
const MISSPELT: usize = 2;

/// Names that an error lists.
const NAMED: usize = 5;

/// What is known of a table before it is found.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Texts that its header has, some of them at least.
    pub columns: &'a [&'a str],
    /// Whether two texts of headers are the same to people.
    pub same: &'a dyn Fn(&str, &str) -> bool,
    /// Rows of the header: 1 or 2. Of two the texts are joined with `/`; one above holds for the columns behind it that have none.
    pub header_rows: usize,
    /// The title under which the table stands, where a file has several.
    pub after: Option<&'a str>,
    /// First texts of rows that end the table. One of signs alone (`※`) ends it where a row begins with it.
    pub until: &'a [String],
    /// Texts that mean the value of the row above.
    pub repeated: &'a [String],
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// A table that was found.
pub struct Table<'w, S> {
    rows: S,
    wanted: Wanted<'w>,
    header: Vec<String>,
    /// Rows that were read while the header was looked for.
    ahead: VecDeque<Row>,
    /// What stood in each column of the row above.
    above: Row,
    /// Whether the last row held nothing.
    is_behind_gap: bool,
    has_ended: bool,
    /// Whether a row came already.
    has_rows: bool,
}

impl<S> std::fmt::Debug for Table<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl<'w, S: RowSource> Table<'w, S> {
    /// Finds it by its header: of the rows in question the one that has most of the wanted texts.
    ///
    /// # Errors
    /// [`FormatError::NoTitle`], [`FormatError::NoHeader`], and whatever the rows cannot be read for.
    pub fn find(mut rows: S, wanted: Wanted<'w>, report: &mut Report) -> Result<Self, FormatError> {
        if let Some(title) = wanted.after {
            skip_to_title(&mut rows, &wanted, title, report)?;
        }
        let mut ahead: Vec<Row> = Vec::new();
        let mut best: (usize, usize) = (0, 0);
        let mut row = Row::new();
        while ahead.len() < HEADER_ROWS && rows.next_row(&mut row, report)? {
            ahead.push(row.clone());
        }
        for place in 0..ahead.len() {
            let found = matches(&header_at(&ahead, place, wanted.header_rows), &wanted);
            if found > best.0 {
                best = (found, place);
            }
        }
        let needed = wanted.columns.len().min(2);
        if best.0 < needed || best.0 == 0 {
            return Err(no_header(&ahead, &wanted));
        }
        let header = header_at(&ahead, best.1, wanted.header_rows);
        note_doubles(&header, &ahead, best.1, &wanted, report);
        let ahead = ahead.split_off(ahead.len().min(best.1 + wanted.header_rows.max(1)));
        Ok(Self {
            rows,
            wanted,
            header,
            ahead: ahead.into(),
            above: Row::new(),
            is_behind_gap: false,
            has_ended: false,
            has_rows: false,
        })
    }

    /// The texts of the header, without spaces around them; empty ones where a column has none.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The next row of the table; `false` behind the last.
    ///
    /// # Errors
    /// Whatever the rows cannot be read for.
    pub fn next_row(&mut self, row: &mut Row, report: &mut Report) -> Result<bool, FormatError> {
        while !self.has_ended && self.take(row, report)? {
            if row.is_empty() || row.filled() == 0 {
                self.is_behind_gap = true;
                continue;
            }
            if !self.has_rows && !self.is_behind_gap && self.is_sum(row) {
                report.note(row.number(), 0, What::SumAbove);
                continue;
            }
            if self.is_end(row) {
                self.end(report)?;
                break;
            }
            self.is_behind_gap = false;
            let texts: Vec<String> = row.cells().map(|cell| cell.as_str().trim().to_owned()).collect();
            if texts.len() >= self.header.len() && self.header.iter().zip(&texts).all(|(one, other)| one == other) {
                report.note(row.number(), 0, What::HeaderAgain);
                continue;
            }
            self.fit(row, report);
            self.has_rows = true;
            return Ok(true);
        }
        Ok(false)
    }

    fn take(&mut self, row: &mut Row, report: &mut Report) -> Result<bool, FormatError> {
        match self.ahead.pop_front() {
            Some(next) => {
                *row = next;
                Ok(true)
            }
            None => self.rows.next_row(row, report),
        }
    }

    /// Whether the table ends before a row: at a sum, a note, or behind a gap at the title of another.
    fn is_end(&self, row: &Row) -> bool {
        let first = row.cells().find(|cell| !cell.as_str().trim().is_empty());
        let Some(first) = first else { return false };
        let first = first.as_str().trim();
        let ends = |until: &String| {
            let is_sign = !until.chars().any(char::is_alphanumeric);
            (self.wanted.same)(first, until) || (is_sign && !until.is_empty() && first.starts_with(until.as_str()))
        };
        let is_title =
            self.is_behind_gap && row.filled() == 1 && self.header.iter().filter(|text| !text.is_empty()).count() > 2;
        self.wanted.until.iter().any(ends) || is_title
    }

    /// Whether a row holds sums: people put them directly below the header as well.
    fn is_sum(&self, row: &Row) -> bool {
        let first = row.cells().find(|cell| !cell.as_str().trim().is_empty());
        let is_word = |until: &&String| until.chars().any(char::is_alphanumeric);
        let mut words = self.wanted.until.iter().filter(is_word);
        first.is_some_and(|first| words.any(|until| (self.wanted.same)(first.as_str().trim(), until)))
    }

    /// Nothing behind this belongs to the table; if there is more that looks like rows, that is told.
    fn end(&mut self, report: &mut Report) -> Result<(), FormatError> {
        self.has_ended = true;
        let mut row = Row::new();
        while self.take(&mut row, report)? {
            if row.filled() * 2 >= self.header.len().max(2) {
                report.note(row.number(), 0, What::RowsBelowEnd);
                break;
            }
        }
        Ok(())
    }

    /// Gives a row as many cells as the header has, and the values above where it names them.
    fn fit(&mut self, row: &mut Row, report: &mut Report) {
        let beyond = row
            .cells()
            .skip(self.header.len())
            .any(|cell| !cell.as_str().is_empty());
        if beyond {
            report.note(row.number(), 0, What::RowTooLong);
        } else if row.len() < self.header.len() && !self.rows.leaves_out_empty() {
            report.note(row.number(), 0, What::RowTooShort);
        }
        row.fill_to(self.header.len());
        if self.wanted.repeated.is_empty() {
            return;
        }
        let mut whole = Row::new();
        whole.begin(row.number());
        for (column, cell) in row.cells().enumerate() {
            let means_above = |text: &String| (self.wanted.same)(cell.as_str().trim(), text);
            if cell.as_str().is_empty() || !self.wanted.repeated.iter().any(means_above) {
                whole.push(&cell);
                continue;
            }
            let above = self.above.cell(column);
            if above.as_str().is_empty() {
                let place = u32::try_from(column + 1).unwrap_or(u32::MAX);
                report.note(row.number(), place, What::NothingAbove);
            }
            whole.push(&above);
        }
        self.above = whole.clone();
        *row = whole;
    }
}

fn skip_to_title<S: RowSource>(
    rows: &mut S,
    wanted: &Wanted<'_>,
    title: &str,
    report: &mut Report,
) -> Result<(), FormatError> {
    let mut row = Row::new();
    while rows.next_row(&mut row, report)? {
        if row
            .cells()
            .any(|cell| !cell.as_str().is_empty() && (wanted.same)(cell.as_str().trim(), title))
        {
            return Ok(());
        }
    }
    Err(FormatError::NoTitle(title.to_owned()))
}

/// The texts of a header that begins at a row.
fn header_at(rows: &[Row], place: usize, header_rows: usize) -> Vec<String> {
    let texts = |row: &Row| -> Vec<String> { row.cells().map(|cell| one_line(cell.as_str())).collect() };
    let Some(upper) = rows.get(place) else {
        return Vec::new();
    };
    let mut header = texts(upper);
    let lower = rows.get(place + 1).filter(|_| header_rows > 1).map(texts);
    let Some(lower) = lower else {
        return header;
    };
    let mut above = String::new();
    header.resize(header.len().max(lower.len()), String::new());
    for (column, text) in header.iter_mut().enumerate() {
        let below = lower.get(column).map_or("", String::as_str);
        if !text.is_empty() {
            above.clone_from(text);
        }
        // A cell that is merged over both rows, or over several columns.
        let upper = if text.is_empty() && !below.is_empty() {
            above.as_str()
        } else {
            text.as_str()
        };
        *text = match (upper.is_empty(), below.is_empty()) {
            (false, false) if upper != below => format!("{upper}/{below}"),
            (true, false) => below.to_owned(),
            _ => upper.to_owned(),
        };
    }
    header
}

/// A header's text as it is named: people break lines within it.
fn one_line(text: &str) -> String {
    match text.contains(['\n', '\r']) {
        true => text.split(['\n', '\r']).map(str::trim).collect(),
        false => text.trim().to_owned(),
    }
}

fn matches(header: &[String], wanted: &Wanted<'_>) -> usize {
    let has = |name: &&&str| {
        header
            .iter()
            .any(|text| !text.is_empty() && (text == **name || (wanted.same)(text, name)))
    };
    wanted.columns.iter().filter(has).count()
}

fn note_doubles(header: &[String], rows: &[Row], place: usize, wanted: &Wanted<'_>, report: &mut Report) {
    let number = rows.get(place).map_or(0, Row::number);
    for (column, text) in header.iter().enumerate() {
        let is_wanted = wanted.columns.iter().any(|name| (wanted.same)(text, name));
        if is_wanted && header.iter().take(column).any(|earlier| earlier == text) {
            let place = u32::try_from(column + 1).unwrap_or(u32::MAX);
            report.note_named(number, place, What::DuplicateHeader, Some(text.clone()));
        }
    }
}

fn no_header(rows: &[Row], wanted: &Wanted<'_>) -> FormatError {
    let listed: Vec<String> = wanted
        .columns
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if wanted.columns.len() > NAMED { " ..." } else { "" };
    // A misspelt header and nothing that is farther: other cells hold values.
    let distance = |text: &str, name: &str| strsim::osa_distance(text, name);
    let is_near = |text: &str, name: &str| distance(text, name) <= MISSPELT.min(name.chars().count() / 2);
    let nearest = wanted.columns.iter().find_map(|name| {
        let texts = rows
            .iter()
            .flat_map(|row| row.cells().map(|cell| one_line(cell.as_str())).collect::<Vec<_>>());
        let near = texts.filter(|text| !text.is_empty() && is_near(text, name));
        near.min_by_key(|text| distance(text, name))
    });
    FormatError::NoHeader {
        rows: rows.len() as u64,
        wanted: format!("{}{more}", listed.join(", ")),
        hint: nearest.map_or_else(String::new, |text| format!("; did you mean `{text}`?")),
    }
}
