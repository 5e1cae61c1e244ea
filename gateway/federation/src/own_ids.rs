//! What is known of a source's ids: that no other source has them, as its operator says, which is believed, and now and then
//! looked after; and what they begin with, where the gateway makes them.

use std::sync::atomic::{AtomicU32, Ordering};

use ngsi_ld::query::IdPattern;
use ngsi_ld::{EntityId, TypeName};

use super::registration::{ProvidedIds, Provision};

/// One page in so many is put together as if nobody had said anything, to see whether it is so.
const LOOKED_AFTER: u32 = 64;

/// Whose the ids of a source are, and what they begin with.
#[derive(Debug, Default)]
pub struct OwnIds {
    is_said: bool,
    pages: AtomicU32,
    beginnings: Vec<(TypeName, Box<str>)>,
}

impl OwnIds {
    /// Whether no other source holds an entity of the same id, as the operator says (`ids = "own"`).
    #[must_use]
    pub fn said(is_said: bool) -> Self {
        Self {
            is_said,
            ..Self::default()
        }
    }

    /// The same, where every id of a type begins with a text, because the gateway makes them so.
    #[must_use]
    pub fn beginning(mut self, beginnings: impl IntoIterator<Item = (TypeName, Box<str>)>) -> Self {
        self.beginnings.extend(beginnings);
        self
    }

    /// Whether it is said.
    #[must_use]
    pub fn are_said(&self) -> bool {
        self.is_said
    }

    /// Whether it is said, and this page is none of those for which it is looked after.
    pub(super) fn are_believed(&self) -> bool {
        self.is_said && self.pages.fetch_add(1, Ordering::Relaxed) % LOOKED_AFTER != LOOKED_AFTER - 1
    }

    /// Whether an entity of the type may have the id, by how ids are made.
    pub(super) fn may_be(&self, r#type: &TypeName, id: &EntityId) -> bool {
        self.of(Some(r#type))
            .is_none_or(|beginning| id.as_str().starts_with(beginning))
    }

    /// Whether entities by these provisions of two sources may have the same id, by how ids are made.
    pub(super) fn may_meet(&self, own: &Provision, other: &Self, others: &Provision) -> bool {
        let (one, two) = (self.of(own.r#type.as_ref()), other.of(others.r#type.as_ref()));
        let is_one_of_both = one
            .zip(two)
            .is_none_or(|(one, two)| one.starts_with(two) || two.starts_with(one));
        is_one_of_both && may_begin(&others.ids, one) && may_begin(&own.ids, two)
    }

    fn of(&self, r#type: Option<&TypeName>) -> Option<&str> {
        let named = self.beginnings.iter().find(|(named, _)| Some(named) == r#type);
        named.map(|(_, beginning)| &**beginning)
    }
}

/// Whether one of these ids may begin so.
fn may_begin(ids: &ProvidedIds, beginning: Option<&str>) -> bool {
    let Some(beginning) = beginning else {
        return true;
    };
    match ids {
        ProvidedIds::Any => true,
        ProvidedIds::Only(id) => id.as_str().starts_with(beginning),
        ProvidedIds::Matching(pattern) => {
            let of_pattern = IdPattern::beginning(pattern);
            of_pattern.is_none_or(|own| own.starts_with(beginning) || beginning.starts_with(own))
        }
    }
}
