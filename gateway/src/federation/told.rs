//! Which of a question's conditions a source may be told of: those on what is granted, and that find out nothing of what
//! is masked in the view.

use ngsi_ld::query::Expression;
use ngsi_ld::{AttributeName, TypeName};

use super::hidden_targets;
use super::registry::RegisteredSource;
use crate::policy::GrantSet;

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
/// [`may_discern_finds`]: crate::policy::inspection::may_discern_finds
pub(super) fn may_find_out_what_is_masked(
    filter: &Expression,
    discerns_finds: bool,
    grants: &GrantSet,
    source: &RegisteredSource,
) -> bool {
    (discerns_finds && source.inspection.hides_finds())
        || hidden_targets::may_be_guessed_by(filter, grants.masks_relationships())
}
