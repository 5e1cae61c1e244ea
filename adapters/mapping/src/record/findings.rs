//! What was odd about records: left out of the view and counted, without a value.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use kakehashi_contract::Flaw;

/// Something in a record that did not become part of the view as the mapping meant it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// The record is wrong and was left out.
    LeavesOut(Flaw),
    /// The record's id is that of an earlier record, which stands; this one was left out.
    DuplicateId,
    /// The text stands in no line of the value table; the attribute was left out.
    Unlisted,
    /// The value is not of the type that the mapping converts it to; the attribute was left out.
    Unconvertible,
    /// The value is no date and time; what it would date is without it.
    NoDate,
    /// The record has no position; the attribute was left out.
    NoPosition,
    /// The position lies outside of the globe or of the mapping's bounds, or is no number; most often latitude
    /// and longitude are swapped. The attribute was left out.
    ImpossiblePosition,
}

impl Finding {
    /// Every finding. That another tenant speaks for an entity no record has by itself.
    pub const ALL: [Self; 5 + Flaw::ALL.len()] = [
        Self::LeavesOut(Flaw::Malformed),
        Self::LeavesOut(Flaw::NoId),
        Self::LeavesOut(Flaw::NumberTooLong),
        Self::LeavesOut(Flaw::NumberNotFinite),
        Self::LeavesOut(Flaw::DuplicateMember),
        Self::LeavesOut(Flaw::HalfCharacter),
        Self::LeavesOut(Flaw::TooDeep),
        Self::LeavesOut(Flaw::NotUtf8),
        Self::LeavesOut(Flaw::TooLarge),
        Self::DuplicateId,
        Self::Unlisted,
        Self::Unconvertible,
        Self::NoDate,
        Self::NoPosition,
        Self::ImpossiblePosition,
    ];

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LeavesOut(flaw) => flaw.as_str(),
            Self::DuplicateId => "duplicate_id",
            Self::Unlisted => "unlisted_value",
            Self::Unconvertible => "unconvertible_value",
            Self::NoDate => "no_date",
            Self::NoPosition => "no_position",
            Self::ImpossiblePosition => "impossible_position",
        }
    }

    /// Whether the whole record was left out.
    #[must_use]
    pub const fn drops_record(self) -> bool {
        matches!(self, Self::LeavesOut(_) | Self::DuplicateId)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeavesOut(flaw) => match flaw {
                Flaw::Malformed => "cannot be read, the record is left out",
                Flaw::NoId => "has no id, the record is left out",
                Flaw::NumberTooLong => "is or holds a number of too many digits, the record is left out",
                Flaw::NumberNotFinite => "is or holds a number that no double can hold, the record is left out",
                Flaw::DuplicateMember => "stands twice or holds a member twice, the record is left out",
                Flaw::HalfCharacter => "is or holds a text with half a character, the record is left out",
                Flaw::TooDeep => "is nested too deeply, the record is left out",
                Flaw::NotUtf8 => "is not UTF-8, the record is left out",
                Flaw::TooLarge => "is too large, the record is left out",
                Flaw::OwnerMissing => "is another tenant's, the record is left out",
            },
            Self::DuplicateId => "is the id of an earlier record, this one is left out",
            Self::Unlisted => "stands in no line of the value table, the attribute is left out",
            Self::Unconvertible => "cannot be converted, the attribute is left out",
            Self::NoDate => "is no date and time, what it would date is without it",
            Self::NoPosition => "has no position, the attribute is left out",
            Self::ImpossiblePosition => {
                "is no possible position (swapped, out of bounds or no number), the attribute is left out"
            }
        })
    }
}

/// Who wants to know.
pub trait Findings {
    /// `field` is the attribute's name, as the mapping has it, or `id`, or `JSON` for the record as a whole.
    fn note(&mut self, field: &str, finding: Finding);

    /// What is noted from now on is of this row of a table, as people count them.
    fn at(&mut self, _row: u64) {}

    /// The body is read again from its beginning: what was noted is noted again.
    fn forget(&mut self);
}

/// How often each thing was found.
#[derive(Debug, Default)]
pub struct FindingCounts([AtomicU64; Finding::ALL.len()]);

impl FindingCounts {
    fn counter(&self, finding: Finding) -> Option<&AtomicU64> {
        let position = Finding::ALL.iter().position(|other| *other == finding)?;
        self.0.get(position)
    }

    /// Counts it so many times.
    pub fn add(&self, finding: Finding, times: u64) {
        if let Some(counter) = self.counter(finding) {
            counter.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// How often it was counted.
    pub fn get(&self, finding: Finding) -> u64 {
        self.counter(finding)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}
