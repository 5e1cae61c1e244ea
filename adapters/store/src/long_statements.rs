//! What is few, so that each of them may be looked at, and which statements were too long lately to be run where a request arrived.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use compact_str::CompactString;

use super::backend::sql::Statement;

/// How many entities are few.
#[derive(Debug, Clone, Copy)]
pub(super) struct Few {
    /// As many are looked at one by one before the order of ids is tried, where the request arrived, and apart.
    pub(super) in_place: i64,
    pub(super) apart: i64,
    /// As many are brought in order with everything that they have.
    pub(super) to_sort: i64,
}

impl Few {
    pub(super) const USUAL: Self = Self {
        in_place: 200,
        apart: 4_000,
        to_sort: 20_000,
    };

    /// None are: what is done with many is done with all.
    #[cfg(test)]
    pub(super) const NONE: Self = Self {
        in_place: 0,
        apart: 0,
        to_sort: 0,
    };
}

/// How long what was too long is not tried again: it costs as much as may be read in place, and once in a while it may have
/// become short.
const NOT_TRIED_FOR: Duration = Duration::from_secs(2);

/// Most statements that are remembered as too long; few shapes of questions are.
const MOST_REMEMBERED: usize = 64;

/// The statements that were too long lately, by their texts, which hold no value.
#[derive(Debug, Default)]
pub(super) struct TooLong(Mutex<Vec<(CompactString, Instant)>>);

impl TooLong {
    pub(super) fn includes(&self, statement: &Statement) -> bool {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.is_empty() {
            return false;
        }
        let now = Instant::now();
        remembered.retain(|(_, since)| now.saturating_duration_since(*since) < NOT_TRIED_FOR);
        remembered.iter().any(|(text, _)| *text == statement.text)
    }

    pub(super) fn remember(&self, statement: &Statement) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.remove(0);
        }
        remembered.push((statement.text.as_str().into(), Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_too_long_is_remembered_by_its_text_and_not_without_bound() {
        let too_long = TooLong::default();
        let statement = |number: usize| Statement::text(&format!("statement {number}"));
        for number in 0..=MOST_REMEMBERED {
            assert!(!too_long.includes(&statement(number)));
            too_long.remember(&statement(number));
        }
        assert!(!too_long.includes(&statement(0)), "the oldest made room");
        assert!(too_long.includes(&statement(MOST_REMEMBERED)));
    }
}
