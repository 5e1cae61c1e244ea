//! Which of a question's conditions a source may be told of: those on what is granted, and that find out nothing of what
//! is masked in the view, or of when something hidden was modified.

use std::borrow::Cow;

use kakehashi_policy::GrantSet;
use ngsi_ld::query::Expression;
use ngsi_ld::{AttributeName, TypeName};

use super::hidden_targets;
use super::registry::RegisteredSource;

/// In how many of some types an attribute is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownIn {
    All,
    Some,
    None,
}

/// In how many of these types the attribute is granted, of some entities at least.
pub(super) fn shown_in(types: &[TypeName], name: &AttributeName, grants: &GrantSet) -> ShownIn {
    let of_types = grants.grants().iter().filter(|grant| types.contains(grant.r#type()));
    let (mut all, mut none) = (true, true);
    for grant in of_types {
        let includes = grant.includes(name);
        all &= includes;
        none &= !includes;
    }
    match (all, none) {
        (_, true) => ShownIn::None,
        (true, _) => ShownIn::All,
        _ => ShownIn::Some,
    }
}

/// What a source may be told of a filter, whatever is granted: less what looks at when something was modified. `None`:
/// nothing.
///
/// What is shown of that is the date of what is visible. The source's own moves with what is hidden, too: if it decided, it
/// would tell when that was, and leave out what meets the condition as it is shown.
pub(super) fn without_modified(filter: &Expression) -> Option<Cow<'_, Expression>> {
    if !looks_at_modified(filter) {
        return Some(Cow::Borrowed(filter));
    }
    let Expression::And(parts) = filter else {
        return None;
    };
    let mut told: Vec<Expression> = parts.iter().filter_map(without_modified).map(Cow::into_owned).collect();
    match told.len() {
        0 | 1 => told.pop().map(Cow::Owned),
        _ => Some(Cow::Owned(Expression::And(told))),
    }
}

fn looks_at_modified(filter: &Expression) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(looks_at_modified),
        Expression::Condition(condition) => {
            let path = &condition.path;
            is_modified_at(&path.attribute) || path.sub_attributes.iter().any(is_modified_at)
        }
    }
}

/// Every other date of the system (clause 4.8) is shown as its source has it, and moves with nothing.
fn is_modified_at(name: &AttributeName) -> bool {
    name.as_str() == "https://uri.etsi.org/ngsi-ld/modifiedAt"
}

/// Whether every attribute and every attribute of an attribute that the filter looks at is granted, so that a
/// source may be told of it.
pub(super) fn touches_only(
    filter: &Expression,
    may_be_told: &dyn Fn(&AttributeName) -> bool,
    grants: &GrantSet,
) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().all(|part| touches_only(part, may_be_told, grants))
        }
        Expression::Condition(condition) => {
            let path = &condition.path;
            // Whether a linked entity is so, no source can say that does not hold it.
            path.linked.is_none()
                && may_be_told(&path.attribute)
                && path
                    .sub_attributes
                    .iter()
                    .all(|name| grants.includes_sub_attribute(name))
        }
    }
}

/// Whether an entity that meets the filter as it is shown may not meet it as its source holds it, or the other way
/// round, by a value that is masked or a target that is taken out: a source that leaves entities out by such a filter would answer guesses.
///
/// `discerns_finds`: whether the filter could tell one masked value from another ([`may_discern_finds`]).
///
/// [`may_discern_finds`]: kakehashi_policy::inspection::may_discern_finds
pub(super) fn may_find_out_what_is_masked(
    filter: &Expression,
    discerns_finds: bool,
    grants: &GrantSet,
    source: &RegisteredSource,
) -> bool {
    (discerns_finds && source.inspection.hides_finds())
        || hidden_targets::may_be_guessed_by(filter, grants.masks_relationships())
}
