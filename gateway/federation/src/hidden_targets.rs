//! Which conditions a Relationship may meet whose target is hidden from the consumer.
//!
//! A source that decides a condition decides it on what it holds; what the view takes out afterwards would still count
//! there. A Relationship to a person is taken out. So where a condition could be met by one, and the source may have
//! one, the gateway looks at the entities itself.

use ngsi_ld::AttributeName;
use ngsi_ld::query::{Comparand, Comparison, Condition, Expression, Query};

/// The attributes that the question asks something of which a Relationship could fulfil. A Relationship has a URI that
/// equals texts and URIs of the same characters, and nothing else: no order, no pattern, no members (clause 4.9).
pub fn depended_on(query: &Query) -> Vec<AttributeName> {
    let mut names = query.attributes.clone();
    if let Some(filter) = &query.filter {
        collect(filter, &mut names);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether what a source leaves out by the filter could tell whereto a Relationship leads that is not shown. A target that
/// is taken out can no longer be equal, so that only what a condition denies tells of it; one that is masked is another
/// value.
pub(super) fn may_be_guessed_by(filter: &Expression, are_masked: bool) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(|part| may_be_guessed_by(part, are_masked)),
        Expression::Condition(condition) => match &condition.comparison {
            Some(Comparison::Equal { negated, values }) => {
                let of_target = condition.path.members.is_empty() && values.iter().any(may_be_uri);
                of_target && (*negated || are_masked)
            }
            _ => false,
        },
    }
}

fn collect(filter: &Expression, names: &mut Vec<AttributeName>) {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => {
            for part in parts {
                collect(part, names);
            }
        }
        Expression::Condition(condition) if may_be_met(condition) => names.push(condition.path.attribute.clone()),
        Expression::Condition(_) => {}
    }
}

fn may_be_met(condition: &Condition) -> bool {
    if !condition.path.sub_attributes.is_empty() {
        // A Relationship has attributes of its own.
        return true;
    }
    if !condition.path.members.is_empty() {
        return false;
    }
    match &condition.comparison {
        None => true,
        Some(Comparison::Equal { negated, values }) => *negated || values.iter().any(may_be_uri),
        Some(Comparison::Range { negated, .. }) => *negated,
        Some(Comparison::Order { .. } | Comparison::Pattern { .. }) => false,
    }
}

/// Whether it may be the id of an entity, which is a URI with a scheme.
fn may_be_uri(value: &Comparand) -> bool {
    match value {
        Comparand::Uri(_) => true,
        Comparand::String(text) => text.contains(':'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;

    use super::*;

    #[test]
    fn a_condition_depends_on_relationships_if_one_could_meet_it() {
        for (filter, depends) in [
            ("owner", true),
            ("owner==\"urn:ngsi-ld:Resident:1\"", true),
            ("owner==urn:ngsi-ld:Resident:1", true),
            ("owner!=5", true),
            ("owner.observedAt>2026-01-01T00:00:00Z", true),
            ("name==\"避難所\";owner", true),
            ("name==\"避難所\"", false),
            ("name~=\"urn:.*\"", false),
            ("capacity>5|capacity==1..3", false),
            ("address[city]==\"urn:x:1\"", false),
        ] {
            let query = Query {
                filter: Some(Expression::parse(filter, Context::kakehashi()).unwrap()),
                ..Query::default()
            };
            assert_eq!(!depended_on(&query).is_empty(), depends, "{filter}");
        }
    }
}
