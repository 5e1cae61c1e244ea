//! What was met in a file that was read all the same: by row and column, never with a value.

use std::fmt;

/// So many findings of one kind are kept with their place; all are counted.
pub const KEPT_OF_A_KIND: usize = 100;

/// What is unusual about a place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum What {
    /// Bytes that are no character of the file's encoding: the cell is left out.
    Undecodable,
    /// A user-defined character (外字, U+E000 to U+F8FF): the cell is kept.
    UserDefined,
    /// A NUL character: the cell is left out.
    Nul,
    /// A quote that is never closed, or stands in a quoted text undoubled: the row is left out.
    StrayQuote,
    /// A cell longer than cells may be: it is left out.
    LongCell,
    /// A row longer than rows may be: it is left out.
    LongRow,
    /// A row with more cells than the header: what is beyond is left out.
    RowTooLong,
    /// A row with fewer cells than the header: the others are empty.
    RowTooShort,
    /// A header text that stands over an earlier column as well: the earlier one is read.
    DuplicateHeader,
    /// A wanted header text that no column has.
    NoSuchHeader,
    /// The header once more among the rows: it is left out.
    HeaderAgain,
    /// A sum above the rows: it is left out.
    SumAbove,
    /// The table ends here, at a sum, a note or the next title, and full rows follow that are not read.
    RowsBelowEnd,
    /// A text that means the row above, where there is none: the cell is left out.
    NothingAbove,
    /// An error of a spreadsheet (`#N/A`): the cell is left out.
    ErrorValue,
    /// A formula without the value that it had: the cell is left out.
    FormulaWithoutValue,
    /// A number whose format is one of dates and that is no date: the cell is left out.
    NoDate,
    /// A hidden row: it is read like others.
    HiddenRow,
    /// A hidden column: it is read like others.
    HiddenColumn,
    /// A hidden sheet: it is not read.
    HiddenSheet,
    /// A line of JSON lines that is no JSON: it is left out.
    BadLine,
    /// A record without a place (an empty shape).
    NoPlace,
    /// A place that cannot be one: it is left out.
    BadPlace,
    /// A kind of shape that is not read: it is left out.
    OtherShape,
    /// A file without the reference system that its places are in.
    NoReferenceSystem,
    /// A link to another file: it is not followed.
    LinkNotFollowed,
}

impl What {
    /// The name in reports that programs read.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::UserDefined => "user-defined-character",
            Self::Nul => "nul-character",
            Self::StrayQuote => "stray-quote",
            Self::LongCell => "long-cell",
            Self::LongRow => "long-row",
            Self::RowTooLong => "row-too-long",
            Self::RowTooShort => "row-too-short",
            Self::DuplicateHeader => "duplicate-header",
            Self::NoSuchHeader => "no-such-header",
            Self::HeaderAgain => "header-again",
            Self::SumAbove => "sum-above",
            Self::RowsBelowEnd => "rows-below-end",
            Self::NothingAbove => "nothing-above",
            Self::ErrorValue => "error-value",
            Self::FormulaWithoutValue => "formula-without-value",
            Self::NoDate => "no-date",
            Self::HiddenRow => "hidden-row",
            Self::HiddenColumn => "hidden-column",
            Self::HiddenSheet => "hidden-sheet",
            Self::BadLine => "bad-line",
            Self::NoPlace => "no-place",
            Self::BadPlace => "bad-place",
            Self::OtherShape => "other-shape",
            Self::NoReferenceSystem => "no-reference-system",
            Self::LinkNotFollowed => "link-not-followed",
        }
    }

    /// What people are told.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Undecodable => "bytes that are no character of the file's encoding; the cell is left out",
            Self::UserDefined => {
                "a user-defined character (gaiji, U+E000 to U+F8FF), which others see as something else; it is kept"
            }
            Self::Nul => "a NUL character; the cell is left out",
            Self::StrayQuote => {
                "a quote that is not closed, or not doubled inside of a quoted text; the row is left out"
            }
            Self::LongCell => "a cell longer than cells may be; it is left out",
            Self::LongRow => "a row longer than rows may be; it is left out",
            Self::RowTooLong => "more cells than the header has; those beyond are left out",
            Self::RowTooShort => "fewer cells than the header has; the others are empty",
            Self::DuplicateHeader => "a header text that an earlier column has as well; the earlier column is read",
            Self::NoSuchHeader => "no column has this header text",
            Self::HeaderAgain => "the header once more; the row is left out",
            Self::SumAbove => "a sum above the rows; it is left out",
            Self::RowsBelowEnd => "the table ends here, and rows below it are not read",
            Self::NothingAbove => "a text that means the value above, where there is none; the cell is left out",
            Self::ErrorValue => "an error of the spreadsheet in place of a value; the cell is left out",
            Self::FormulaWithoutValue => "a formula without its value; the cell is left out",
            Self::NoDate => "a number that is shown as a date and is none; the cell is left out",
            Self::HiddenRow => "a hidden row; it is read like others",
            Self::HiddenColumn => "a hidden column; it is read like others",
            Self::HiddenSheet => "a hidden sheet; it is not read",
            Self::BadLine => "a line that is no JSON; it is left out",
            Self::NoPlace => "a record without a place",
            Self::BadPlace => "a place that cannot be one; it is left out",
            Self::OtherShape => "a kind of shape that is not read; it is left out",
            Self::NoReferenceSystem => "nothing says which reference system the places are in",
            Self::LinkNotFollowed => "a link to another file; it is not followed",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The row of the file, counted from 1 as spreadsheets do; 0 for what is not about a row.
    pub row: u64,
    /// The column, counted from 1; 0 for what is about a whole row.
    pub column: u32,
    /// What.
    pub what: What,
    /// The header's or the sheet's text that it is about, or a hint. Never a cell's value.
    pub name: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, self.column) {
            (0, 0) => {}
            (row, 0) => write!(f, "row {row}: ")?,
            (0, column) => write!(f, "column {column} ({}): ", letters(column))?,
            (row, column) => write!(f, "row {row}, column {column} ({}): ", letters(column))?,
        }
        if let Some(name) = &self.name {
            write!(f, "`{name}`: ")?;
        }
        f.write_str(self.what.text())
    }
}

/// What was met in a file. Bounded, whatever the file: of each kind the first [`KEPT_OF_A_KIND`] are kept, all are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
    counts: Vec<(What, u64)>,
}

impl Report {
    /// Notes something about a cell (`column` from 1), a row (`column` 0) or the file (both 0).
    pub fn note(&mut self, row: u64, column: u32, what: What) {
        self.note_named(row, column, what, None);
    }

    /// Notes something that is about a header or a sheet.
    pub fn note_named(&mut self, row: u64, column: u32, what: What, name: Option<String>) {
        let count = match self.counts.iter_mut().find(|(kind, _)| *kind == what) {
            Some((_, count)) => count,
            None => {
                self.counts.push((what, 0));
                match self.counts.last_mut() {
                    Some((_, count)) => count,
                    None => return,
                }
            }
        };
        *count += 1;
        if *count <= KEPT_OF_A_KIND as u64 {
            self.findings.push(Finding {
                row,
                column,
                what,
                name,
            });
        }
    }

    /// Takes what another report holds.
    pub fn absorb(&mut self, other: Self) {
        for (what, count) in other.counts {
            let kept = other.findings.iter().filter(|finding| finding.what == what).count() as u64;
            for finding in other.findings.iter().filter(|finding| finding.what == what) {
                self.note_named(finding.row, finding.column, what, finding.name.clone());
            }
            if let Some((_, all)) = self.counts.iter_mut().find(|(kind, _)| *kind == what) {
                *all += count - kept;
            }
        }
    }

    /// What is kept, in the order in which it was met.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How often something was met.
    #[must_use]
    pub fn count(&self, what: What) -> u64 {
        self.counts
            .iter()
            .find(|(kind, _)| *kind == what)
            .map_or(0, |(_, count)| *count)
    }

    /// How often each was met.
    #[must_use]
    pub fn counts(&self) -> &[(What, u64)] {
        &self.counts
    }

    /// Whether nothing was met.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// A column as spreadsheets name it: 1 is `A`, 28 is `AB`.
#[must_use]
pub fn letters(column: u32) -> String {
    let mut rest = column;
    let mut letters = Vec::new();
    while let Some(digit) = rest.checked_sub(1) {
        letters.push(char::from(b'A' + u8::try_from(digit % 26).unwrap_or_default()));
        rest = digit / 26;
    }
    letters.iter().rev().collect()
}
