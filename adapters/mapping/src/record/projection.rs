//! What of a record is read for one query.

use ngsi_ld::{AttributeName, TypeName};
use smallvec::SmallVec;

use super::fields::{Fields, Slot, WantedSlots};
use super::origin::Origin;
use crate::language::{AttributeMapping, Conversion, Rule, TextPart, TypeMapping};
use kakehashi_contract::AttributeSelection;

/// The part of a mapping that one query needs: what is not wanted is neither read nor built.
#[derive(Debug, Clone)]
pub struct Projection {
    /// The type of the mapping, and which attributes, by their place in the mapping; each with a name in memory of its own:
    /// every entity of the answers counts a use of it.
    pub(super) r#type: TypeName,
    pub(super) attributes: Vec<(usize, AttributeName)>,
    pub(super) system: bool,
    /// The fields that are read for it.
    pub wanted: WantedSlots,
}

impl Projection {
    /// The part of a mapping that makes some attributes, and system attributes or not.
    pub fn new(mapping: &TypeMapping, selection: &AttributeSelection, system: bool) -> Self {
        let mut wanted = mapping.fields.nothing_wanted();
        mapping
            .id
            .slots
            .iter()
            .for_each(|slot| mapping.want(*slot, &mut wanted));
        if system {
            [mapping.created_at, mapping.modified_at]
                .into_iter()
                .flatten()
                .for_each(|rule| mapping.want(rule.slot, &mut wanted));
        }
        let mut attributes = Vec::new();
        for (place, attribute) in mapping.attributes.iter().enumerate() {
            if selection.includes(&attribute.name) {
                attribute.slots().for_each(|slot| mapping.want(slot, &mut wanted));
                attributes.push((place, attribute.name.unshared()));
            }
        }
        Self {
            r#type: mapping.name.unshared(),
            attributes,
            system,
            wanted,
        }
    }
}

impl TypeMapping {
    /// Adds a field to those that are read, with those that it is made of.
    fn want(&self, slot: Slot, wanted: &mut WantedSlots) {
        if wanted.add(slot) {
            self.made_of(slot)
                .into_iter()
                .for_each(|other| self.want(other, wanted));
        }
    }

    /// The fields that a field is made of; none: it is there by itself.
    pub fn made_of(&self, slot: Slot) -> Vec<Slot> {
        match self.fields.origin(slot) {
            Some(Origin::Derived(place)) => {
                let derived = self.derived.get(*place);
                derived.map_or_else(Vec::new, |derived| derived.rule.slots().to_vec())
            }
            Some(Origin::FirstOf(slots)) => slots.clone(),
            _ => Vec::new(),
        }
    }

    /// The fields that stand by themselves of which a field is made, or it itself.
    pub fn roots(&self, slot: Slot) -> Vec<Slot> {
        match self.made_of(slot).as_slice() {
            [] => vec![slot],
            slots => slots.iter().flat_map(|slot| self.roots(*slot)).collect(),
        }
    }

    /// Whether a field is filled from one place of the record, to which it can be written.
    pub fn is_direct(&self, slot: Slot) -> bool {
        self.fields.path(slot).is_some()
    }

    /// Whether a record has a value of a field, or of one that it is made of.
    pub fn is_filled(&self, fields: &Fields<'_>, slot: Slot) -> bool {
        match self.made_of(slot).as_slice() {
            [] => fields.get(slot).is_some(),
            slots => slots.iter().any(|slot| self.is_filled(fields, *slot)),
        }
    }
}

impl Rule {
    /// The fields that the value is made of.
    pub fn slots(&self) -> SmallVec<[Slot; 2]> {
        match self {
            Rule::Constant(_) => SmallVec::new(),
            Rule::Field { slot, .. } | Rule::Geometry { slot, .. } => SmallVec::from_slice(&[*slot]),
            Rule::Point {
                latitude, longitude, ..
            } => SmallVec::from_slice(&[*latitude, *longitude]),
            Rule::Relationship { object } => SmallVec::from_slice(&object.slots),
            Rule::Position(place) => SmallVec::from_slice(&[place.slot]),
            Rule::Plane(place) => SmallVec::from_slice(&[place.northing, place.easting]),
            Rule::Expression(computed) => SmallVec::from_slice(&computed.slots),
            Rule::Text { parts } => parts.iter().filter_map(TextPart::field).collect(),
        }
    }
}

impl Rule {
    /// Whether it leads back to no record.
    pub fn is_one_way(&self) -> bool {
        match self {
            Rule::Text { .. } | Rule::Expression(_) | Rule::Position(_) | Rule::Plane(_) => true,
            Rule::Point { crs, .. } | Rule::Geometry { crs, .. } => crs.is_some(),
            Rule::Field { conversion, .. } => matches!(conversion, Conversion::Written(_)),
            Rule::Constant(_) | Rule::Relationship { .. } => false,
        }
    }
}

impl AttributeMapping {
    /// The fields that the attribute's value is made of.
    pub fn value_slots(&self) -> SmallVec<[Slot; 2]> {
        self.rule.slots()
    }

    /// The fields that the attribute is made of, with the one that says when it was observed.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let observed = self.observed_at.map(|rule| rule.slot);
        self.value_slots().into_iter().chain(observed)
    }
}
