//! Conditions that could be answered otherwise before inspection than after it: what is shown and counted is decided on
//! the values as they leave. One that could tell one masked value from another is not even sent to a source: what that
//! left out by `remarks!~=".*090-1.*"` would look the same as what it sent.

use ngsi_ld::entity::Number;
use ngsi_ld::query::{Comparand, Comparison, Expression, Query, ScopeQuery};

use super::Action;
use super::digits::is_numeral;
use super::text::is_suspicious;

/// The least number of twelve digits.
const TWELVE_DIGITS: f64 = 1e11;

/// Whether inspection may decide. `strictest`: the most that the tenant lets be done.
pub(super) fn is_touched(query: &Query, strictest: Action) -> bool {
    // An entity that is named after somebody is withheld, and its count would answer a guess at its id.
    let guesses_ids = query.id_pattern.is_some() || query.ids.iter().any(|id| is_suspicious(id.as_str()));
    match strictest {
        Action::Report => false,
        // A scope that is taken out may have met a wildcard.
        Action::Mask | Action::Drop if query.scope.as_ref().is_some_and(may_discern_scopes) => true,
        // A masked value is another value; what is dropped is not there at all.
        Action::Mask => guesses_ids || query.filter.as_ref().is_some_and(may_discern_finds),
        Action::Drop => guesses_ids || query.filter.is_some() || !query.attributes.is_empty(),
    }
}

/// Whether the filter could tell one masked value from another.
#[must_use]
pub fn may_discern_finds(filter: &Expression) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(may_discern_finds),
        Expression::Condition(condition) => match &condition.comparison {
            None => false,
            Some(Comparison::Equal { values, .. }) => values.iter().any(is_value_touched),
            Some(Comparison::Range { from, to, .. }) => is_order_touched(from) || is_order_touched(to),
            Some(Comparison::Order { value, .. }) => is_order_touched(value),
            Some(Comparison::Pattern { pattern, .. }) => may_discern(pattern.as_str()),
        },
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

/// Whether a regular expression could tell one masked value from another. Numbers and addresses are of ASCII after NFKC,
/// or of numerals; what asks for other Japanese words alone, with anything between them, cannot.
fn may_discern(pattern: &str) -> bool {
    let words = pattern.replace(".*", "");
    let is_word = |character: char| {
        matches!(u32::from(character), 0x3041..=0x30FA | 0x30FC..=0x30FF | 0x3400..=0x9FFF) && !is_numeral(character)
    };
    !words.chars().all(is_word)
}
