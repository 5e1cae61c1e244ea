//! The rows of one sheet, read one after the other out of its markup.

use std::sync::Arc;

use super::formats::{Formats, Shown};
use super::strings::{Strings, rich_text, unescaped};
use crate::markup::{Markup, Piece, Tag};
use crate::{Cell, FormatError, Limits, Report, Row, RowSource, What};

const SHEET: &str = "a sheet of the workbook";
/// Merged areas of a sheet that are looked at. A list of a whole prefecture has some thousand.
const MERGES: usize = 100_000;

/// An area that shows one value in the place of several cells.
struct Merge {
    first_row: u64,
    last_row: u64,
    column: usize,
    /// The value of its first cell, once that is read.
    value: Cell<'static>,
}

/// The rows of a sheet.
pub struct SheetRows {
    text: String,
    at: usize,
    strings: Arc<Strings>,
    formats: Arc<Formats>,
    limits: Limits,
    /// Areas of more than one row that begin below, the next one last.
    merges: Vec<Merge>,
    /// Those that reach over this row. No more than there are columns, because areas do not overlap.
    reaching: Vec<Merge>,
    /// Hidden columns that are not told yet.
    hidden: Vec<bool>,
    number: u64,
    /// How many rows were read, which is less than their numbers may say.
    rows: u64,
    ended: bool,
    cells: Vec<Cell<'static>>,
}

impl SheetRows {
    pub(super) fn new(
        text: String,
        strings: Arc<Strings>,
        formats: Arc<Formats>,
        limits: Limits,
    ) -> Result<Self, FormatError> {
        let mut hidden = Vec::new();
        let mut markup = Markup::new(&text, SHEET);
        let mut ended = false;
        let at = loop {
            match markup.next()? {
                Piece::Open(tag) if tag.name() == "col" && tag.says("hidden") => {
                    let bound = |name: &str| {
                        tag.attribute(name)
                            .and_then(|number| number.parse::<usize>().ok())
                            .unwrap_or_default()
                    };
                    let last = bound("max").min(limits.columns);
                    for column in bound("min").max(1)..=last {
                        if hidden.len() < column {
                            hidden.resize(column, false);
                        }
                        if let Some(is) = hidden.get_mut(column - 1) {
                            *is = true;
                        }
                    }
                }
                Piece::Open(tag) if tag.name() == "sheetData" => break markup.position(),
                Piece::End => {
                    ended = true;
                    break text.len();
                }
                _ => {}
            }
        };
        let merges = merges(&text)?;
        Ok(Self {
            text,
            at,
            strings,
            formats,
            limits,
            merges,
            reaching: Vec::new(),
            hidden,
            number: 0,
            rows: 0,
            ended,
            cells: Vec::new(),
        })
    }

    /// Reads the next row's cells into `self.cells`. `None` after the last; whether it is hidden.
    fn read_row(&mut self, report: &mut Report) -> Result<Option<bool>, FormatError> {
        let text = std::mem::take(&mut self.text);
        let mut markup = Markup::new(text.get(self.at..).unwrap_or_default(), SHEET);
        let found = loop {
            match markup.next() {
                Ok(Piece::Open(tag)) if tag.name() == "row" => {
                    let hidden = tag.says("hidden");
                    self.number = tag
                        .attribute("r")
                        .and_then(|number| number.parse().ok())
                        .unwrap_or(self.number + 1);
                    break self.read_cells(&mut markup, report).map(|()| Some(hidden));
                }
                Ok(Piece::Text(_)) => {}
                Ok(_) => break Ok(None),
                Err(error) => break Err(error),
            }
        };
        self.at += markup.position();
        self.text = text;
        found
    }

    fn read_cells(&mut self, markup: &mut Markup<'_>, report: &mut Report) -> Result<(), FormatError> {
        self.cells.clear();
        let mut next = 0;
        let mut bytes = 0;
        loop {
            match markup.next()? {
                Piece::Open(tag) if tag.name() == "c" => {
                    let column = tag
                        .attribute("r")
                        .and_then(|place| place_of(&place))
                        .map_or(next, |(column, _)| column);
                    next = column + 1;
                    let place = u32::try_from(next).unwrap_or(u32::MAX);
                    let cell = self.read_cell(&tag, markup, place, report)?;
                    if cell == Cell::Empty {
                        continue;
                    }
                    bytes += cell.as_str().len();
                    if column >= self.limits.columns {
                        report.note(self.number, place, What::RowTooLong);
                    } else if cell.as_str().len() > self.limits.cell_bytes {
                        report.note(self.number, place, What::LongCell);
                    } else if bytes > self.limits.row_bytes {
                        report.note(self.number, 0, What::LongRow);
                    } else {
                        while self.cells.len() <= column {
                            self.cells.push(Cell::Empty);
                        }
                        if let Some(held) = self.cells.get_mut(column) {
                            *held = cell;
                        }
                    }
                }
                Piece::Open(_) => {
                    markup.text_of_element("")?;
                }
                Piece::Close => return Ok(()),
                Piece::Text(_) => {}
                Piece::End => return Err(FormatError::damaged(SHEET, "it is cut off")),
            }
        }
    }

    fn read_cell(
        &self,
        tag: &Tag<'_>,
        markup: &mut Markup<'_>,
        column: u32,
        report: &mut Report,
    ) -> Result<Cell<'static>, FormatError> {
        let kind = tag.attribute("t").unwrap_or_default();
        let style = tag
            .attribute("s")
            .and_then(|style| style.parse().ok())
            .unwrap_or_default();
        let (mut value, mut inline, mut formula) = (None, None, false);
        loop {
            match markup.next()? {
                Piece::Open(tag) => match tag.name() {
                    "v" => value = Some(markup.text_of_element("")?),
                    "is" => inline = Some(rich_text(markup)?),
                    other => {
                        formula |= other == "f";
                        markup.text_of_element("")?;
                    }
                },
                Piece::Close => break,
                Piece::Text(_) => {}
                Piece::End => return Err(FormatError::damaged(SHEET, "it is cut off")),
            }
        }
        if let Some(text) = inline {
            return Ok(text_cell(text));
        }
        let Some(value) = value else {
            if formula {
                report.note(self.number, column, What::FormulaWithoutValue);
            }
            return Ok(Cell::Empty);
        };
        Ok(match kind.as_str() {
            "s" => {
                let text = value.trim().parse().ok().and_then(|index| self.strings.get(index));
                text.map_or(Cell::Empty, |text| text_cell(text.to_owned()))
            }
            "str" | "inlineStr" => text_cell(unescaped(value)),
            "b" => Cell::Boolean(value.trim() == "1" || value.trim() == "true"),
            "e" => {
                report.note(self.number, column, What::ErrorValue);
                Cell::Empty
            }
            "d" => iso_date(value.trim()),
            _ => self.number(value.trim(), style, column, report),
        })
    }

    fn number(&self, value: &str, style: usize, column: u32, report: &mut Report) -> Cell<'static> {
        if value.is_empty() {
            return Cell::Empty;
        }
        let Some(number) = value.parse::<f64>().ok().filter(|number| number.is_finite()) else {
            report.note(self.number, column, What::ErrorValue);
            return Cell::Empty;
        };
        match self.formats.shown(style) {
            Shown::Number => Cell::Number(written(number).into()),
            shown => self.formats.date(number, shown).unwrap_or_else(|| {
                report.note(self.number, column, What::NoDate);
                Cell::Empty
            }),
        }
    }

    /// Lets the value of a merged area hold in each of its rows, in its first column. Rows of which nothing else is filled
    /// stay empty: the area only reaches over them.
    fn merge(&mut self) {
        let number = self.number;
        let filled = self.cells.iter().any(|cell| *cell != Cell::Empty);
        self.reaching.retain(|merge| merge.last_row >= number);
        while let Some(merge) = self.merges.pop_if(|merge| merge.first_row <= number) {
            if merge.last_row >= number && self.reaching.len() < self.limits.columns {
                self.reaching.push(merge);
            }
        }
        for merge in &mut self.reaching {
            if merge.first_row == number {
                merge.value = self.cells.get(merge.column).cloned().unwrap_or(Cell::Empty);
            } else if filled && merge.value != Cell::Empty && merge.column < self.limits.columns {
                while self.cells.len() <= merge.column {
                    self.cells.push(Cell::Empty);
                }
                if let Some(cell) = self.cells.get_mut(merge.column).filter(|cell| **cell == Cell::Empty) {
                    *cell = merge.value.clone();
                }
            }
        }
    }
}

impl RowSource for SheetRows {
    fn next_row(&mut self, row: &mut Row, report: &mut Report) -> Result<bool, FormatError> {
        while !self.ended {
            let Some(hidden) = self.read_row(report)? else { break };
            self.rows += 1;
            if self.rows > self.limits.rows {
                return Err(FormatError::TooLarge {
                    what: "rows",
                    limit: self.limits.rows,
                });
            }
            self.merge();
            if self.cells.iter().all(|cell| *cell == Cell::Empty) {
                continue;
            }
            if hidden {
                report.note(self.number, 0, What::HiddenRow);
            }
            row.begin(self.number);
            for (index, cell) in self.cells.iter().enumerate() {
                if *cell != Cell::Empty
                    && let Some(hidden) = self.hidden.get_mut(index).filter(|hidden| **hidden)
                {
                    *hidden = false;
                    report.note(0, u32::try_from(index + 1).unwrap_or(u32::MAX), What::HiddenColumn);
                }
                if cell.as_str().contains(is_user_defined) {
                    report.note(
                        self.number,
                        u32::try_from(index + 1).unwrap_or(u32::MAX),
                        What::UserDefined,
                    );
                }
                row.push(cell);
            }
            return Ok(true);
        }
        self.ended = true;
        Ok(false)
    }
}

/// A character of somebody's own (外字), which others see as something else.
const fn is_user_defined(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}')
}

fn text_cell(text: String) -> Cell<'static> {
    if text.is_empty() {
        Cell::Empty
    } else {
        Cell::Text(text.into())
    }
}

fn iso_date(text: &str) -> Cell<'static> {
    let text = text.trim_end_matches('Z').to_owned();
    match (text.contains('-'), text.contains('T')) {
        (true, true) => Cell::DateTime(text.into()),
        (true, false) => Cell::Date(text.into()),
        (false, _) => Cell::Time(text.trim_start_matches('T').to_owned().into()),
    }
}

/// A number as its writer saw it: workbooks write 17 digits, `1.1000000000000001` for 1.1.
fn written(number: f64) -> String {
    /// Beyond, numbers are written with an exponent, as JSON's are.
    const PLAIN: std::ops::Range<f64> = 1e-7..1e21;
    if number == 0.0 {
        String::from("0")
    } else if PLAIN.contains(&number.abs()) {
        format!("{number}")
    } else {
        format!("{number:e}")
    }
}

/// Column (from 0) and row (from 1) of a place like `AB12`.
fn place_of(place: &str) -> Option<(usize, u64)> {
    let digits = place.find(|character: char| character.is_ascii_digit())?;
    let (letters, row) = place.split_at_checked(digits)?;
    // Excel ends at XFD: what is longer is none.
    if letters.is_empty() || letters.len() > 3 || !letters.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        return None;
    }
    let column = letters.bytes().fold(0, |column, letter| {
        column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    Some((column - 1, row.parse().ok()?))
}

/// The merged areas of more than one row, which stand below the rows they are about.
fn merges(text: &str) -> Result<Vec<Merge>, FormatError> {
    let Some(end) = memchr::memmem::rfind(text.as_bytes(), b"sheetData>") else {
        return Ok(Vec::new());
    };
    let mut markup = Markup::new(text.get(end + "sheetData>".len()..).unwrap_or_default(), SHEET);
    let mut merges = Vec::new();
    loop {
        match markup.next()? {
            Piece::Open(tag) if tag.name() == "mergeCell" => {
                let area = tag.attribute("ref").unwrap_or_default();
                let places = area
                    .split_once(':')
                    .and_then(|(first, last)| Some((place_of(first)?, place_of(last)?)));
                let Some(((column, first_row), (_, last_row))) = places else {
                    continue;
                };
                if first_row >= last_row {
                    continue;
                }
                if merges.len() == MERGES {
                    return Err(FormatError::too_large("merged areas", MERGES));
                }
                merges.push(Merge {
                    first_row,
                    last_row,
                    column,
                    value: Cell::Empty,
                });
            }
            Piece::End => break,
            _ => {}
        }
    }
    merges.sort_by_key(|merge| std::cmp::Reverse(merge.first_row));
    Ok(merges)
}
