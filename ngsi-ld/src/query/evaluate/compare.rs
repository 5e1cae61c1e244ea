//! The operators of clause 4.9 on one target.

use std::cmp::Ordering;

use super::datum::{Datum, Target};
use crate::entity::TemporalType;
use crate::query::{Comparand, Comparison, Operator, Pattern};

/// Whether the target is as the comparison asks.
//= 4.9-10
pub(super) fn holds(comparison: &Comparison, target: &Target<'_>) -> bool {
    match comparison {
        Comparison::Equal { negated, values } => {
            let equal = |datum: &Datum<'_>| values.iter().any(|value| equals(datum, value));
            let found = match target {
                Target::One(datum) => equal(datum),
                Target::Array(data) | Target::Choice(data) => data.iter().any(equal),
            };
            found != *negated
        }
        Comparison::Range { negated, from, to } => any_single(target, |datum| is_within(datum, from, to)) != *negated,
        Comparison::Order { operator, value } => any_single(target, |datum| {
            order(datum, value).is_some_and(|order| operator.accepts(order))
        }),
        Comparison::Pattern {
            negated: false,
            pattern,
        } => any_single(target, |datum| matches_pattern(datum, pattern) == Some(true)),
        // Unlike an unequal value, one that is no text is not outside of the pattern: it does not match at all.
        Comparison::Pattern { negated: true, pattern } => {
            let is_outside = |datum: &Datum<'_>| matches_pattern(datum, pattern) == Some(false);
            match target {
                Target::One(datum) => is_outside(datum),
                Target::Array(_) => false,
                Target::Choice(data) => data.iter().all(is_outside),
            }
        }
    }
}

/// Whether the target's value, or one of those to choose from, fulfils the condition. An array does not.
//= 4.9-11
fn any_single(target: &Target<'_>, condition: impl Fn(&Datum<'_>) -> bool) -> bool {
    match target {
        Target::One(datum) => condition(datum),
        Target::Array(_) => false,
        Target::Choice(data) => data.iter().any(condition),
    }
}

fn equals(datum: &Datum<'_>, value: &Comparand) -> bool {
    match (datum, value) {
        (Datum::Boolean(datum), Comparand::Boolean(value)) => datum == value,
        (Datum::Uri(datum), Comparand::Uri(value)) => *datum == value.as_str(),
        (Datum::Uri(datum), Comparand::String(value)) => *datum == value,
        (Datum::String(datum), Comparand::Uri(value)) => datum == value.as_str(),
        _ => order(datum, value) == Some(Ordering::Equal),
    }
}

/// How the two stand; `None` when they are of different types or of one without order.
//= 4.9-9
fn order(datum: &Datum<'_>, value: &Comparand) -> Option<Ordering> {
    match (datum, value) {
        (Datum::String(datum), Comparand::String(value)) => Some(datum.as_ref().cmp(value.as_str())),
        (Datum::Number(datum), Comparand::Number(value)) => datum.compare(value),
        (Datum::DateTime(datum), Comparand::DateTime(value)) => Some(datum.as_ref().cmp(value)),
        (Datum::Temporal(datum_type, datum), Comparand::Temporal { r#type, value }) if datum_type == r#type => {
            Some(match r#type {
                TemporalType::Date => datum.as_ref().cmp(value.as_str()),
                TemporalType::Time => clock(datum).cmp(&clock(value)),
            })
        }
        _ => None,
    }
}

fn is_within(datum: &Datum<'_>, from: &Comparand, to: &Comparand) -> bool {
    order(datum, from).is_some_and(Ordering::is_ge) && order(datum, to).is_some_and(Ordering::is_le)
}

impl Operator {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Whether a text matches; `None` when the value is no text.
//= 4.9-13
fn matches_pattern(datum: &Datum<'_>, pattern: &Pattern) -> Option<bool> {
    match datum {
        Datum::String(text) => Some(pattern.matches(text)),
        _ => None,
    }
}

/// A time of day in parts that compare like numbers: to the second, and the fraction without trailing zeros.
pub(in crate::query) fn clock(time: &str) -> (&str, &str) {
    let time = time.strip_suffix('Z').unwrap_or(time);
    let (seconds, fraction) = time.split_once(['.', ',']).unwrap_or((time, ""));
    (seconds, fraction.trim_end_matches('0'))
}
