//! The parts of one entity from several sources, before they are merged: what other tenants add to an entity that its owner
//! speaks for. It stands with what the owner says, and not without; and what the owner may have and not show nobody
//! adds in its place. Why: `docs/decisions/additions-stand-with-their-owner.md`.

use std::ops::Deref;

use ngsi_ld::entity::{Attribute, AttributeKind, Instance, SystemAttributes};
use ngsi_ld::merge::Part;
use ngsi_ld::{Entity, TypeName};
use smallvec::SmallVec;

use super::claimed::Standing;
use super::plan::SubQuery;
use super::registration::Mode;

/// What one source says of an entity, as the consumer may see it.
#[derive(Debug)]
pub(super) struct RankedPart {
    /// The place of its sub-query in the plan. Where nothing else decides between two parts, the first source of the
    /// configuration wins: whatever was asked, and whichever answered first.
    pub(super) rank: usize,
    pub(super) entity: Entity,
    standing: Standing,
    is_auxiliary: bool,
}

/// The parts of one entity; nearly always it is one.
pub(super) type PartsOfOne = SmallVec<[RankedPart; 1]>;

impl RankedPart {
    pub(super) fn new(rank: usize, sub_query: &SubQuery, entity: Entity) -> Self {
        Self {
            rank,
            standing: sub_query.standing(&entity),
            is_auxiliary: sub_query.source.registration.mode == Mode::Auxiliary,
            entity,
        }
    }

    /// Whether it may stand beside what the owner says alone. `asked`: the question by which it was found.
    pub(super) fn is_addition(&self, asked: &SubQuery) -> bool {
        self.standing == Standing::Addition && !asked.of_one_tenant
    }

    fn is_addition_among(&self, sub_queries: &[impl Deref<Target = SubQuery>]) -> bool {
        let asked = sub_queries.get(self.rank);
        asked.map_or(self.standing == Standing::Addition, |asked| self.is_addition(asked))
    }
}

/// Takes out of the parts of one entity what may not stand there: all additions where the owner's part is missing, which are
/// returned, and else of each addition what the owner may have and not show, and what is the owner's alone to say: the types of the
/// entity, its scopes and its dates.
#[must_use]
pub(super) fn take_out_ownerless(parts: &mut PartsOfOne, sub_queries: &[impl Deref<Target = SubQuery>]) -> PartsOfOne {
    if !parts.iter().any(|part| part.is_addition_among(sub_queries)) {
        return PartsOfOne::new();
    }
    let owners = parts.iter().filter(|part| part.standing == Standing::Owner);
    let owners: SmallVec<[Owner<'_>; 1]> = owners
        .filter_map(|part| {
            let sub_query = sub_queries.get(part.rank).map(Deref::deref)?;
            let types = part.entity.types.clone();
            Some(Owner { sub_query, types })
        })
        .collect();
    let Some(first) = owners.first() else {
        let (ownerless, others) = std::mem::take(parts)
            .into_iter()
            .partition(|part| part.is_addition_among(sub_queries));
        *parts = others;
        return ownerless;
    };
    for part in parts.iter_mut().filter(|part| part.is_addition_among(sub_queries)) {
        let Entity {
            types,
            scopes,
            system,
            attributes,
            ..
        } = &mut part.entity;
        types.clone_from(&first.types);
        scopes.clear();
        *system = SystemAttributes::default();
        attributes.retain(|attribute| owners.iter().all(|owner| owner.lets_add(attribute)));
    }
    PartsOfOne::new()
}

/// Who speaks for an entity, and of which types it is by that.
struct Owner<'a> {
    sub_query: &'a SubQuery,
    types: SmallVec<[TypeName; 1]>,
}

impl Owner<'_> {
    /// Whether it would show the attribute, of whatever entity, if it had it. Whether it has it must not matter: what is
    /// added would tell.
    fn lets_add(&self, attribute: &Attribute) -> bool {
        // Those that lead to what the consumer may not see are not shown.
        let is_link = |instance: &Instance| {
            let kind = instance.value.kind();
            matches!(kind, AttributeKind::Relationship | AttributeKind::ListRelationship)
        };
        !self.sub_query.source.inspection.drops_finds()
            && !self.sub_query.grants.may_withhold(&self.types, &attribute.name)
            && !attribute.instances.iter().any(is_link)
    }
}

/// The parts in the order of the plan, those of auxiliary sources last and with what no other says alone (clause 4.3.6.2).
pub(super) fn in_rank(mut parts: PartsOfOne) -> Vec<Part> {
    parts.sort_by_key(|ranked| (ranked.is_auxiliary, ranked.rank));
    let mut ordered: Vec<Part> = Vec::with_capacity(parts.len());
    for mut ranked in parts {
        if ranked.is_auxiliary {
            keep_supplementary(&mut ranked.entity, &ordered);
        }
        ordered.push(Part {
            authoritative: ranked.standing == Standing::Owner,
            entity: ranked.entity,
        });
    }
    ordered
}

/// Leaves of what an auxiliary source says what no other has said.
fn keep_supplementary(entity: &mut Entity, others: &[Part]) {
    if others.is_empty() {
        return;
    }
    let said = |attribute: &Attribute, instance: &Instance| {
        let mut same = others
            .iter()
            .filter_map(|other| other.entity.attribute(&attribute.name));
        same.any(|same| same.instances.iter().any(|said| said.dataset_id == instance.dataset_id))
    };
    for attribute in &mut entity.attributes {
        let all = std::mem::take(&mut attribute.instances);
        attribute.instances = all.into_iter().filter(|instance| !said(attribute, instance)).collect();
    }
    entity.attributes.retain(|attribute| !attribute.instances.is_empty());
    entity.scopes.clear();
    entity.system = SystemAttributes::default();
}
