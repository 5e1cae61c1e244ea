//! Files as records of a mapping: tables row by row, everything else as JSON.

mod crs;
mod json;
mod rows;

use std::borrow::Cow;

use kakehashi_contract::Yielded;
use kakehashi_formats::{FormatError, Limits, Report};

use super::language::{Format, TypeMapping};
use super::record::{Findings, Gathered, Outside, Projection, UnreadableBody, build_entity};
use super::translate::read_records;

pub(crate) use self::crs::of_prj;
pub use self::rows::{TableAsJson, table_as_json};

/// Why a file cannot be read. Nothing that stands in it is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableFile {
    /// It is not what the mapping describes.
    #[error("{}", with_advice(.0))]
    Format(#[from] FormatError),
    /// Its JSON is not what the mapping describes.
    #[error(transparent)]
    Body(#[from] UnreadableBody),
}

fn with_advice(error: &FormatError) -> String {
    match error.advice() {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

/// A file, and what is known of it beside its records.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// As it was fetched.
    pub bytes: &'a [u8],
    /// Of its source, its name.
    pub outside: &'a Outside,
    /// How much of it is read.
    pub limits: Limits,
}

/// What the records of a file make, one after the other; what was met in it is in the report. Rows of one entity come at the end.
///
/// # Errors
/// [`UnreadableFile`]: then nothing of what came is to be used.
pub fn read_file(
    mapping: &TypeMapping,
    file: File<'_>,
    projection: &Projection,
    (findings, report): (&mut dyn Findings, &mut Report),
    each: &mut dyn FnMut(Yielded),
) -> Result<(), UnreadableFile> {
    let Format::Table(format) = &mapping.format else {
        let text = json::text_of(mapping, file, report)?;
        let page = read_records(
            mapping,
            &mapping.documents,
            file.outside,
            projection,
            text.as_bytes(),
            findings,
        )?;
        page.yielded.into_iter().for_each(each);
        return Ok(());
    };
    let mut gathered = Gathered::of(mapping);
    rows::each_row(mapping, format, file, projection, report, &mut |row, fields| {
        findings.at(row);
        match (build_entity(mapping, projection, Ok(fields), findings), &mut gathered) {
            (Ok(entity), Some(gathered)) => gathered.add(entity, findings),
            (built, _) => each(built.map_or_else(Yielded::LeftOut, Into::into)),
        }
    })?;
    if let Some(gathered) = gathered {
        gathered.finish().into_iter().map(Into::into).for_each(each);
    }
    Ok(())
}

/// A file as JSON in which the paths of the mapping lead to its records, for trying a mapping on it.
///
/// # Errors
/// [`UnreadableFile`]
pub(crate) fn as_json<'a>(
    mapping: &TypeMapping,
    file: File<'a>,
    report: &mut Report,
) -> Result<(Cow<'a, str>, Option<TableAsJson>), UnreadableFile> {
    match &mapping.format {
        Format::Table(format) => {
            let mut table = table_as_json(mapping, format, file, report)?;
            Ok((Cow::Owned(std::mem::take(&mut table.json)), Some(table)))
        }
        _ => Ok((json::text_of(mapping, file, report)?, None)),
    }
}
