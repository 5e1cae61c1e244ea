//! Conditions that could be answered otherwise before inspection than after it: what is shown and counted is decided on
//! the values as they leave. One that could tell one masked value from another is not even sent to a source: what that
//! left out by `remarks!~=".*090-1.*"` would look the same as what it sent.

use ngsi_ld::entity::Number;
use ngsi_ld::query::{Comparand, Comparison, Expression, Pattern, Query, ScopeQuery};

use super::Action;
use super::digits::is_numeral;
use super::text::is_suspicious;

/// The least number of twelve digits: what is less stands for nobody.
pub const TWELVE_DIGITS: f64 = 1e11;

/// Whether inspection may decide. `strictest`: the most that the tenant lets be done.
pub(super) fn is_touched(query: &Query, strictest: Action) -> bool {
    // An entity that is named after somebody is withheld, and its count would answer a guess at its id.
    let guesses_ids = query.id_pattern.is_some() || query.ids.iter().any(|id| is_suspicious(id.as_str()));
    match strictest {
        Action::Report => false,
        // A scope that is taken out may have met a wildcard.
        Action::Mask | Action::Drop if query.scope.as_ref().is_some_and(may_discern_scopes) => true,
        // A masked value is another value; what is dropped is not there at all.
        Action::Mask => guesses_ids || query.filter.as_ref().is_some_and(may_hold_otherwise),
        Action::Drop => guesses_ids || query.filter.is_some() || !query.attributes.is_empty(),
    }
}

/// Whether the filter could tell one masked value from another to somebody who sees which entities a source left out by
/// it: what it leaves out would not have met it after inspection either, or the filter is not sent.
#[must_use]
pub fn may_discern_finds(filter: &Expression) -> bool {
    is_any(filter, &may_be_missed)
}

/// Whether a masked value may meet the filter where the value itself does not, or the other way round.
fn may_hold_otherwise(filter: &Expression) -> bool {
    is_any(filter, &|comparison| match comparison {
        // Any part of a value may be masked: an address has words, and a number `の` in it. A number that is masked is a text,
        // which even a pattern that every text matches tells from a number.
        Comparison::Pattern { .. } => true,
        other => may_be_missed(other),
    })
}

/// Whether this is so of one comparison of the filter.
fn is_any(filter: &Expression, is_so: &dyn Fn(&Comparison) -> bool) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(|part| is_any(part, is_so)),
        Expression::Condition(condition) => condition.comparison.as_ref().is_some_and(is_so),
    }
}

/// Whether a value may meet the comparison after inspection that does not meet it before.
fn may_be_missed(comparison: &Comparison) -> bool {
    match comparison {
        Comparison::Equal { values, .. } => values.iter().any(is_value_touched),
        Comparison::Range { from, to, .. } => is_order_touched(from) || is_order_touched(to),
        Comparison::Order { value, .. } => is_order_touched(value),
        Comparison::Pattern { negated, pattern } => *negated || !asks_for_words(pattern),
    }
}

pub(super) fn may_discern_scopes(scope: &ScopeQuery) -> bool {
    scope
        .named()
        .is_none_or(|scopes| scopes.iter().any(|scope| is_suspicious(scope)))
}

/// A value that is equal to one without anything in it has nothing in it either.
fn is_value_touched(value: &Comparand) -> bool {
    match value {
        Comparand::String(text) => is_suspicious(text),
        Comparand::Uri(iri) => is_suspicious(iri.as_str()),
        Comparand::Number(number) => is_large(number),
        Comparand::Boolean(_) | Comparand::DateTime(_) | Comparand::Temporal { .. } => false,
    }
}

/// Comparing by order finds a text by halving what is left.
fn is_order_touched(value: &Comparand) -> bool {
    match value {
        Comparand::String(_) | Comparand::Uri(_) => true,
        Comparand::Number(number) => is_large(number),
        Comparand::Boolean(_) | Comparand::DateTime(_) | Comparand::Temporal { .. } => false,
    }
}

fn is_large(number: &Number) -> bool {
    number.as_f64().abs() >= TWELVE_DIGITS
}

/// Whether a regular expression asks for Japanese words alone, with anything between them. A value that holds them after
/// inspection holds them before, too: what stands in the place of a find is none of them, and parts what stands beside it. At
/// an end of the value nothing is masked into a word either. One that asks for nothing is none of these: a masked number meets it,
/// and the number itself does not.
fn asks_for_words(pattern: &Pattern) -> bool {
    let is_word = |character: char| {
        matches!(u32::from(character), 0x3041..=0x30FA | 0x30FC..=0x30FF | 0x3400..=0x9FFF) && !is_numeral(character)
    };
    let parts = pattern.plain_parts();
    parts.is_some_and(|parts| {
        let has_word = parts.texts.iter().any(|text| !text.is_empty());
        has_word && parts.texts.iter().all(|text| text.chars().all(is_word))
    })
}
