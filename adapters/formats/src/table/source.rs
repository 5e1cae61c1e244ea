//! Where rows come from: the seam between formats and the table model.

use super::Row;
use crate::{FormatError, Report};

/// Rows of a file, one after the other. CSV and sheets of a workbook are both read through this.
pub trait RowSource {
    /// The next row into `row` (begin with [`Row::begin`]); `false` after the last. Rows that are wholly empty may be left
    /// out as long as the numbers of the others stay those of the file.
    ///
    /// # Errors
    /// When nothing more can be read.
    fn next_row(&mut self, row: &mut Row, report: &mut Report) -> Result<bool, FormatError>;

    /// Whether empty cells at the end of a row are left out, as spreadsheets do.
    fn leaves_out_empty(&self) -> bool {
        false
    }
}

impl<S: RowSource + ?Sized> RowSource for Box<S> {
    fn next_row(&mut self, row: &mut Row, report: &mut Report) -> Result<bool, FormatError> {
        (**self).next_row(row, report)
    }

    fn leaves_out_empty(&self) -> bool {
        (**self).leaves_out_empty()
    }
}
