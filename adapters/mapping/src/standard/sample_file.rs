//! The columns of a file, of whatever format.

use kakehashi_formats::xlsx::Workbook;
use kakehashi_formats::{
    FormatError, Limits, Opened, Opening, Report, Row, RowSource, Text, delimited, json, kml, open, shapefile,
};

use super::sample::{NotRecords, RECORDS, Sample};
use crate::file::{UnreadableFile, of_prj};
use crate::record::UnreadableBody;

/// Rows above the header at most: titles, dates, notes.
const MOST_ABOVE: usize = 20;

/// Why a file has no columns to propose a mapping from. Nothing that stands in it is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSample {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] UnreadableFile),
    /// It holds no records.
    #[error(transparent)]
    Records(#[from] NotRecords),
}

impl From<FormatError> for UnreadableSample {
    fn from(error: FormatError) -> Self {
        Self::File(error.into())
    }
}

impl Sample {
    /// The columns of a file as it is published: what it is, is told by its content. Of a workbook the sheet with most columns.
    ///
    /// # Errors
    /// [`UnreadableSample`]
    pub fn of_file(bytes: &[u8]) -> Result<Self, UnreadableSample> {
        let limits = Limits::default();
        // What is met in it is told when a mapping is tried on it.
        let mut report = Report::default();
        match open(bytes, &Opening::default())? {
            Opened::Text(text) => Ok(of_rows(&mut delimited(&text.text, None, &limits), &mut report)?),
            Opened::Workbook(workbook) => of_workbook(&workbook, &limits),
            Opened::Json(Text { text, .. }) => of_json(&json(&text, &mut report, &limits)?),
            Opened::Kml(text) => of_json(&kml::features(text.text.as_bytes(), &limits, &mut report)?),
            Opened::Shapefile(archive) => of_json(&shapefile::features(&archive, None, &of_prj, &limits, &mut report)?),
        }
    }
}

fn of_json(text: &str) -> Result<Sample, UnreadableSample> {
    let json = serde_json::from_str(text).map_err(|error| {
        UnreadableFile::Body(UnreadableBody::Syntax {
            line: error.line(),
            column: error.column(),
        })
    })?;
    Ok(Sample::of_json(&json)?)
}

fn of_workbook(bytes: &[u8], limits: &Limits) -> Result<Sample, UnreadableSample> {
    let mut workbook = Workbook::open(bytes, limits)?;
    let mut widest: Option<Sample> = None;
    for sheet in workbook.sheets(&mut Report::default()) {
        let sample = match of_rows(&mut workbook.rows(&sheet)?, &mut Report::default()) {
            Ok(sample) => sample,
            // A sheet without anything in it.
            Err(FormatError::Empty) => continue,
            Err(error) => return Err(error.into()),
        };
        if widest
            .as_ref()
            .is_none_or(|one| one.columns.len() < sample.columns.len())
        {
            widest = Some(sample);
        }
    }
    Ok(widest.ok_or(FormatError::Empty)?)
}

fn of_rows(rows: &mut impl RowSource, report: &mut Report) -> Result<Sample, FormatError> {
    let mut read: Vec<Vec<String>> = Vec::new();
    let mut row = Row::new();
    while read.len() < MOST_ABOVE + RECORDS && rows.next_row(&mut row, report)? {
        if row.filled() > 0 {
            read.push(row.cells().map(|cell| cell.as_str().to_owned()).collect());
        }
    }
    // The header is the first row in which more than half as many cells are filled as in the fullest: a title fills one.
    let filled = |row: &Vec<String>| row.iter().filter(|cell| !cell.trim().is_empty()).count();
    let widest = read.iter().take(MOST_ABOVE).map(filled).max().unwrap_or(0);
    let place = read.iter().position(|row| filled(row) * 2 > widest).unwrap_or(0);
    let mut rows = read.into_iter().skip(place);
    let header = rows.next().ok_or(FormatError::Empty)?;
    Ok(Sample::of_table(&header, rows))
}
