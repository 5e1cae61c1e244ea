//! The parts of one entity from several sources, before they are merged: what other tenants add to an entity that its owner
//! speaks for. It stands with what the owner says, and not without; and what the owner has and does not show nobody
//! adds in its place. Why: `docs/decisions/additions-stand-with-their-owner.md`.

use std::ops::Deref;

use ngsi_ld::Entity;
use ngsi_ld::merge::Part;
use smallvec::SmallVec;

use super::claimed::Standing;
use super::plan::SubQuery;

/// What one source says of an entity, as the consumer may see it.
#[derive(Debug)]
pub(super) struct RankedPart {
    /// The place of its sub-query in the plan. Where nothing else decides between two parts, the first source of the
    /// configuration wins: whatever was asked, and whichever answered first.
    pub(super) rank: usize,
    pub(super) entity: Entity,
    standing: Standing,
}

/// The parts of one entity; nearly always it is one.
pub(super) type PartsOfOne = SmallVec<[RankedPart; 1]>;

impl RankedPart {
    pub(super) fn new(rank: usize, sub_query: &SubQuery, entity: Entity) -> Self {
        Self {
            rank,
            standing: sub_query.standing(&entity),
            entity,
        }
    }

    /// Whether it may stand beside what the owner says alone.
    fn is_addition(&self, sub_queries: &[impl Deref<Target = SubQuery>]) -> bool {
        let is_asked_by_name = || sub_queries.get(self.rank).is_some_and(|asked| asked.of_one_tenant);
        self.standing == Standing::Addition && !is_asked_by_name()
    }
}

/// Takes out of the parts of one entity what may not stand there: all additions where the owner's part is missing, which are
/// returned, and else of each addition the attributes that the owner has and does not show.
#[must_use]
pub(super) fn take_out_ownerless(parts: &mut PartsOfOne, sub_queries: &[impl Deref<Target = SubQuery>]) -> PartsOfOne {
    if !parts.iter().any(|part| part.is_addition(sub_queries)) {
        return PartsOfOne::new();
    }
    let owners = parts.iter().filter(|part| part.standing == Standing::Owner);
    let owners: SmallVec<[&SubQuery; 1]> = owners
        .filter_map(|part| sub_queries.get(part.rank).map(Deref::deref))
        .collect();
    if owners.is_empty() {
        let (ownerless, others) = std::mem::take(parts)
            .into_iter()
            .partition(|part| part.is_addition(sub_queries));
        *parts = others;
        return ownerless;
    }
    for part in parts.iter_mut().filter(|part| part.is_addition(sub_queries)) {
        let Entity { types, attributes, .. } = &mut part.entity;
        attributes.retain(|attribute| {
            !owners
                .iter()
                .any(|owner| owner.grants.withholds(types, &attribute.name))
        });
    }
    PartsOfOne::new()
}

/// The parts in the order of the plan.
pub(super) fn in_rank(mut parts: PartsOfOne) -> Vec<Part> {
    parts.sort_by_key(|ranked| ranked.rank);
    let parts = parts.into_iter().map(|ranked| Part {
        authoritative: ranked.standing == Standing::Owner,
        entity: ranked.entity,
    });
    parts.collect()
}
