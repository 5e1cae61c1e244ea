//! What of files could not be used, for their administrators: by row and column, and never with a value.

use kakehashi_formats::Report;
use kakehashi_mapping::record::{Finding, Findings};

/// Places that are named of one kind.
const NAMED: usize = 5;

/// Kinds that are told apart: attributes of a mapping times what may be wrong with one.
const MOST_KINDS: usize = 200;

/// Counts what is found, with the first places of each kind.
#[derive(Debug, Default)]
pub(crate) struct Told {
    row: u64,
    kinds: Vec<Of>,
}

#[derive(Debug)]
struct Of {
    field: String,
    finding: Finding,
    count: u64,
    rows: Vec<u64>,
}

impl Findings for Told {
    fn note(&mut self, field: &str, finding: Finding) {
        let known = self
            .kinds
            .iter_mut()
            .find(|one| one.finding == finding && one.field == field);
        if let Some(known) = known {
            known.count += 1;
            if known.rows.len() < NAMED && self.row > 0 {
                known.rows.push(self.row);
            }
        } else if self.kinds.len() < MOST_KINDS {
            self.kinds.push(Of {
                field: field.to_owned(),
                finding,
                count: 1,
                rows: (self.row > 0).then_some(self.row).into_iter().collect(),
            });
        }
    }

    fn at(&mut self, row: u64) {
        self.row = row;
    }

    fn forget(&mut self) {
        self.kinds.clear();
    }
}

impl Told {
    /// What is told, each kind in a line, with what was met in the file itself.
    pub(crate) fn lines(&self, met: &Report) -> Vec<String> {
        let of_files = met.counts().iter().map(|(what, count)| {
            let places = met.findings().iter().filter(|one| one.what == *what).take(NAMED);
            let places: Vec<String> = places.map(ToString::to_string).collect();
            match count.saturating_sub(places.len() as u64) {
                0 => places.join("; "),
                more => format!("{}; and {more} more", places.join("; ")),
            }
        });
        let of_records = self.kinds.iter().map(|one| {
            let Of {
                field,
                finding,
                count,
                rows,
            } = one;
            let named: Vec<String> = rows.iter().map(ToString::to_string).collect();
            match (named.is_empty(), count.saturating_sub(rows.len() as u64)) {
                (true, _) => format!("{count} records: {field} {finding}"),
                (false, 0) => format!("row {}: {field} {finding}", named.join(", ")),
                (false, more) => format!("row {} and {more} more: {field} {finding}", named.join(", ")),
            }
        });
        of_files.chain(of_records).collect()
    }
}
