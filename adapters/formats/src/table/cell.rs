//! One cell, and a row of them.

use std::borrow::Cow;

/// A cell. Numbers and dates are text as they were written: nothing is rounded on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing, or what was left out.
    Empty,
    /// Text; of CSV every cell that is not empty.
    Text(Cow<'a, str>),
    /// A number of a spreadsheet, as JSON writes numbers.
    Number(Cow<'a, str>),
    /// A truth value of a spreadsheet.
    Boolean(bool),
    /// A date and a time without a zone: `2026-11-29T09:05:00`.
    DateTime(Cow<'a, str>),
    /// A date: `2026-11-29`.
    Date(Cow<'a, str>),
    /// A time of day: `09:05:00`.
    Time(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// Text out of a borrowed text; nothing where it is empty.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(Cow::Borrowed(text))
        }
    }

    /// The cell as a text to compare and to show.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::Text(text) | Self::Number(text) | Self::DateTime(text) | Self::Date(text) | Self::Time(text) => text,
            Self::Boolean(true) => "true",
            Self::Boolean(false) => "false",
        }
    }

    const fn kind(&self) -> CellKind {
        match self {
            Self::Empty => CellKind::Empty,
            Self::Text(_) => CellKind::Text,
            Self::Number(_) => CellKind::Number,
            Self::Boolean(_) => CellKind::Boolean,
            Self::DateTime(_) => CellKind::DateTime,
            Self::Date(_) => CellKind::Date,
            Self::Time(_) => CellKind::Time,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Empty,
    Text,
    Number,
    Boolean,
    DateTime,
    Date,
    Time,
}

/// The cells of one row, in one text: a row costs no allocation once it has its size.
#[derive(Debug, Clone, Default)]
pub struct Row {
    number: u64,
    text: String,
    cells: Vec<(CellKind, usize)>,
}

impl Row {
    /// An empty row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties it and says which row of the file (from 1) it is from now on.
    pub fn begin(&mut self, number: u64) {
        self.number = number;
        self.text.clear();
        self.cells.clear();
    }

    /// Which row of the file it is, counted from 1. A cell with line breaks does not make more rows of one.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &Cell<'_>) {
        self.text.push_str(cell.as_str());
        self.cells.push((cell.kind(), self.text.len()));
    }

    /// Adds a text, or an empty cell.
    pub fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
        let kind = if text.is_empty() {
            CellKind::Empty
        } else {
            CellKind::Text
        };
        self.cells.push((kind, self.text.len()));
    }

    /// Adds an empty cell.
    pub fn push_empty(&mut self) {
        self.cells.push((CellKind::Empty, self.text.len()));
    }

    /// Adds empty cells until there are so many.
    pub fn fill_to(&mut self, cells: usize) {
        while self.cells.len() < cells {
            self.push_empty();
        }
    }

    /// How many cells.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether no cell holds anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// A cell, counted from 0. [`Cell::Empty`] beyond the last.
    #[must_use]
    pub fn cell(&self, index: usize) -> Cell<'_> {
        let Some((kind, end)) = self.cells.get(index) else {
            return Cell::Empty;
        };
        let start = index
            .checked_sub(1)
            .and_then(|before| self.cells.get(before))
            .map_or(0, |(_, end)| *end);
        let text = Cow::Borrowed(self.text.get(start..*end).unwrap_or_default());
        match kind {
            CellKind::Empty => Cell::Empty,
            CellKind::Text => Cell::Text(text),
            CellKind::Number => Cell::Number(text),
            CellKind::Boolean => Cell::Boolean(text == "true"),
            CellKind::DateTime => Cell::DateTime(text),
            CellKind::Date => Cell::Date(text),
            CellKind::Time => Cell::Time(text),
        }
    }

    /// Every cell.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        (0..self.len()).map(|index| self.cell(index))
    }

    /// How many cells hold something.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.cells.iter().filter(|(kind, _)| *kind != CellKind::Empty).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_the_cells_that_it_was_given() {
        let cells = [
            Cell::text("佐野市"),
            Cell::Empty,
            Cell::Number("36.3".into()),
            Cell::Boolean(true),
            Cell::Date("2026-11-29".into()),
            Cell::text(""),
        ];
        let mut row = Row::new();
        row.begin(4);
        for cell in &cells {
            row.push(cell);
        }
        assert_eq!(row.cells().collect::<Vec<_>>(), cells);
        assert_eq!(
            (row.number(), row.len(), row.filled(), row.cell(9)),
            (4, 6, 4, Cell::Empty)
        );
        row.begin(5);
        assert!(row.is_empty());
        assert_eq!(row.cells().count(), 0);
    }
}
