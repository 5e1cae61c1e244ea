//! Records that are refused: told, the first of them, and written down, all of them, where somebody wants that. No value of a record
//! stands in either, and no id, which may be about a person.

use std::fs::File;
use std::io::{BufWriter, Write};

use serde_json::json;

use super::super::{Failure, output};
use super::records::At;

/// Refused records of one file that are told. More are counted.
const MOST_TOLD: u64 = 50;

/// Why a record is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) at: At,
    /// The member that it is about; `None`: the record as a whole.
    pub(super) member: Option<String>,
    /// What is wrong.
    pub(super) reason: String,
}

/// Where refused records are told.
#[derive(Debug)]
pub(super) struct Refusals {
    report: Option<BufWriter<File>>,
    told: u64,
    pub(super) count: u64,
}

impl Refusals {
    /// `report`: the file that they are written to.
    pub(super) fn to(report: Option<File>) -> Self {
        Self {
            report: report.map(BufWriter::new),
            told: 0,
            count: 0,
        }
    }

    /// Begins to count for another file.
    pub(super) fn begin_file(&mut self) {
        self.told = 0;
    }

    pub(super) fn add(&mut self, file: &str, refusal: &Refusal) -> Result<(), Failure> {
        self.count += 1;
        self.told += 1;
        let Refusal { at, member, reason } = refusal;
        if self.told <= MOST_TOLD {
            // Where it stands and what is wrong are sentences of their own: the name of a file is no part of either.
            let (at, reason) = (at.to_string(), output::language().of(reason));
            let at = output::language().of(&at);
            match member {
                Some(member) => output::told(format_args!("{file}: {at}: {member}: {reason}")),
                None => output::told(format_args!("{file}: {at}: {reason}")),
            }
        }
        let Some(report) = &mut self.report else {
            return Ok(());
        };
        let line = json!({
            "file": file,
            "record": at.record,
            "line": at.line,
            "byte": at.byte,
            "member": member,
            "reason": reason,
        });
        writeln!(report, "{line}").map_err(|error| Failure::other("cannot write the report", error))
    }

    /// Says how many were not told.
    pub(super) fn end_file(&mut self, file: &str) -> Result<(), Failure> {
        let more = self.told.saturating_sub(MOST_TOLD);
        if more > 0 {
            match self.report.is_some() {
                true => output::note(format_args!(
                    "{file}: {more} more were refused; the report has all of them"
                )),
                false => output::note(format_args!(
                    "{file}: {more} more were refused; --report FILE writes all of them down"
                )),
            }
        }
        match &mut self.report {
            Some(report) => report
                .flush()
                .map_err(|error| Failure::other("cannot write the report", error)),
            None => Ok(()),
        }
    }
}
