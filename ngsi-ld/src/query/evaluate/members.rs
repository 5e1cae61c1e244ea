//! The meaning of `csf`: whether what a context source was registered with matches (clauses 4.9 and 5.2.9).

use std::borrow::Cow;

use super::compare::holds;
use super::datum::{Data, Datum, Target};
use super::json::{element_texts, member, raw_datum};
use crate::entity::{DateTime, Json};
use crate::query::{Condition, ContextSourceFilter, Expression};

/// The members whose texts are DateTimes (Tables 5.2.2-1, 5.2.9-1, 5.2.9-2 and 5.2.11-1): they compare by time.
const DATES: [&str; 8] = [
    "createdAt",
    "modifiedAt",
    "deletedAt",
    "expiresAt",
    "lastFailure",
    "lastSuccess",
    "startAt",
    "endAt",
];

impl ContextSourceFilter {
    /// Whether a registration fulfils the filter: a JSON object with the members of Table 5.2.9-1 and others.
    #[must_use]
    pub fn matches(&self, registration: &Json) -> bool {
        matches(self.expression(), registration.as_str())
    }
}

fn matches(expression: &Expression, registration: &str) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| matches(part, registration)),
        Expression::Or(parts) => parts.iter().any(|part| matches(part, registration)),
        Expression::Condition(condition) => condition_matches(condition, registration),
    }
}

fn condition_matches(condition: &Condition, registration: &str) -> bool {
    let path = &condition.path;
    let names: Vec<&str> = std::iter::once(path.attribute.as_str())
        .chain(path.sub_attributes.iter().map(crate::AttributeName::as_str))
        .chain(path.members.iter().map(compact_str::CompactString::as_str))
        .collect();
    any_value(registration, &names, &mut |name, json| {
        let read = |json| {
            if DATES.contains(&name) {
                date(json)
            } else {
                raw_datum(json)
            }
        };
        let target = match element_texts(json) {
            Some(elements) => Target::Array(elements.into_iter().map(read).collect::<Data<'_>>()),
            None => Target::One(read(json)),
        };
        condition
            .comparison
            .as_ref()
            .is_none_or(|comparison| holds(comparison, &target))
    })
}

/// Whether one of the values that the names lead to makes `visit` true. Where an array stands on the way, each of its
/// elements may lead on: the members of Table 5.2.9-1 that hold objects hold several.
fn any_value<'r>(json: &'r str, names: &[&str], visit: &mut dyn FnMut(&str, &'r str) -> bool) -> bool {
    let Some((name, deeper)) = names.split_first() else {
        return false;
    };
    let places = element_texts(json).unwrap_or_else(|| vec![json]);
    places.into_iter().any(|place| match member(place, name) {
        Some(value) if deeper.is_empty() => visit(name, value),
        Some(value) => any_value(value, deeper, visit),
        None => false,
    })
}

/// A DateTime, where the text is one.
fn date(json: &str) -> Datum<'_> {
    match raw_datum(json) {
        Datum::String(text) => match DateTime::parse(&text) {
            Ok(date) => Datum::DateTime(Cow::Owned(date)),
            Err(_) => Datum::String(text),
        },
        other => other,
    }
}
