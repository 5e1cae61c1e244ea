//! Disjunctions in NGSI-v2, which has none: one request for each branch, where that is cheaper than reading everything.
//!
//! `q` is written out as alternatives that are each a conjunction. Every alternative is at least as wide as what it stands
//! for, so that together they hold every entity that matches; which of them do the gateway decides.

use ngsi_ld::context::Context;
use ngsi_ld::query::Expression;

use super::filter::Statements;

/// Requests that one filter may become. Beyond it the entities that several of them bring, and the time that each takes,
/// cost more than a walk through all.
pub(super) const MAX_BRANCHES: usize = 8;

/// The alternatives of a filter, one at least. One without any statement: nothing can be said of the filter.
pub(super) fn branches(context: &Context, filter: &Expression) -> Vec<Statements> {
    match filter {
        Expression::And(parts) => both(parts.iter().map(|part| branches(context, part)).collect()),
        Expression::Or(parts) => either(parts.iter().flat_map(|part| branches(context, part)).collect()),
        Expression::Condition(condition) => vec![Statements::of(context, condition)],
    }
}

/// What each of several parts must hold of. A part whose alternatives would make too many requests is left out: the others
/// narrow without it.
fn both(mut parts: Vec<Vec<Statements>>) -> Vec<Statements> {
    parts.sort_by_key(Vec::len);
    let mut all = vec![Statements::default()];
    for part in parts {
        if all.len() * part.len() > MAX_BRANCHES {
            break;
        }
        all = all
            .iter()
            .flat_map(|one| part.iter().map(|other| one.clone().and(other.clone())))
            .collect();
    }
    all
}

/// What one of several alternatives must hold of. Where one of them tells few entities from others, as the mere existence
/// of an attribute does, its request alone would bring most of them, and the others' what is known already.
fn either(alternatives: Vec<Statements>) -> Vec<Statements> {
    let mut distinct: Vec<Statements> = Vec::new();
    for alternative in alternatives {
        if !distinct.contains(&alternative) {
            distinct.push(alternative);
        }
    }
    let is_worth_it = distinct.iter().all(|alternative| alternative.compares) && distinct.len() <= MAX_BRANCHES;
    match distinct.as_slice() {
        [_] => distinct,
        _ if is_worth_it => distinct,
        _ => vec![Statements::default()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(q: &str) -> Vec<String> {
        let filter = Expression::parse(q, Context::core()).unwrap();
        let branches = branches(Context::core(), &filter);
        branches
            .iter()
            .map(|statements| [statements.q.as_slice(), &statements.mq].concat().join(";"))
            .collect()
    }

    #[test]
    fn a_disjunction_becomes_a_request_for_each_alternative() {
        assert_eq!(sent(r#"a=="x"|b=="y""#), ["a=='x'", "b=='y'"]);
        assert_eq!(sent(r#"c;(a=="x"|b=="y")"#), ["c;a=='x'", "c;b=='y'"]);
        assert_eq!(
            sent(r#"(a=="x"|b=="y");(c=="x"|d.e=="y")"#),
            ["a=='x';c=='x'", "a=='x';d.e=='y'", "b=='y';c=='x'", "b=='y';d.e=='y'"]
        );
        assert_eq!(sent(r#"a=="x"|(b=="y";c!=1)"#), ["a=='x'", "b=='y';c"]);
        assert_eq!(sent(r#"a=="x"|a=="x""#), ["a=='x'"]);
    }

    #[test]
    fn alternatives_that_tell_little_apart_are_not_asked_for_one_by_one() {
        for q in [r#"a|b=="x""#, r#"a!=1|b=="x""#, r#"a=="x"|b=="(y)""#, "a<\"b\"|c==1"] {
            assert_eq!(sent(q), [""], "{q}");
        }
        assert_eq!(sent(r#"c==true;(a|b=="x")"#), ["c==true"]);
        assert_eq!(sent("a|a"), ["a"], "both alternatives are the same");
    }

    #[test]
    fn what_would_take_too_many_requests_is_left_to_the_gateway() {
        let either = |from: usize, to: usize| {
            let parts: Vec<String> = (from..to).map(|number| format!("a{number}==\"x\"")).collect();
            format!("({})", parts.join("|"))
        };
        assert_eq!(sent(&either(0, MAX_BRANCHES)).len(), MAX_BRANCHES);
        assert_eq!(sent(&either(0, MAX_BRANCHES + 1)), [""]);
        assert_eq!(sent(&format!("b==1;{}", either(0, MAX_BRANCHES + 1))).len(), 1);
        // Of two that are too many together the smaller is sent.
        assert_eq!(sent(&format!("{};{}", either(0, 5), either(10, 12))).len(), 2);
    }
}
