//! The fields that a mapping names, as a tree that is followed in one pass over a record's bytes.
//!
//! Every field that is wanted is kept as the JSON text that the source wrote, borrowed from the body; everything else is skipped
//! without being parsed.

use std::borrow::Cow;

use super::fields::{Content, Fields, Slot, WantedSlots};
use super::origin::Origin;
use super::seed::RecordSeed;
use crate::language::{JsonPath, Step};

/// The fields that a mapping reads.
#[derive(Debug, Clone, Default)]
pub struct FieldTree {
    root: Node,
    /// Where each slot is filled from.
    origins: Vec<Origin>,
}

/// A place in a record.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// The slot of the value here.
    pub(super) slot: Option<Slot>,
    /// The slot of the list to which the value here belongs.
    pub(super) list: Option<Slot>,
    pub(super) members: Vec<(Box<str>, Node)>,
    pub(super) elements: Vec<(usize, Node)>,
    /// Elements counted from the end, from 1.
    pub(super) last: Vec<(usize, Node)>,
    /// Every member or element.
    pub(super) each: Option<Box<Node>>,
}

impl Node {
    pub(super) fn is_leaf(&self) -> bool {
        self.members.is_empty() && self.elements.is_empty() && !self.needs_all()
    }

    /// Whether one element of a list is not enough to know what it is.
    pub(super) fn needs_all(&self) -> bool {
        !self.last.is_empty() || self.each.is_some()
    }
}

impl FieldTree {
    /// The slot of a path, made when it is new. A path with wildcards leads to a list of all that it finds.
    pub fn slot(&mut self, path: &JsonPath) -> Slot {
        let origin = Origin::Record(path.clone());
        if let Some(known) = self.known_origin(&origin) {
            return known;
        }
        let slot = self.add(origin);
        let leaf = path.steps.iter().fold(&mut self.root, |node, step| match step {
            Step::Member(name) => child(&mut node.members, name.clone()),
            Step::Element(index) => child(&mut node.elements, *index),
            Step::Last(place) => child(&mut node.last, *place),
            Step::Each => node.each.get_or_insert_default(),
        });
        match path.has_wildcard() {
            true => leaf.list = Some(slot),
            false => leaf.slot = Some(slot),
        }
        slot
    }

    /// The slot of something that does not stand in the record.
    pub(crate) fn slot_of(&mut self, origin: Origin) -> Slot {
        match self.known_origin(&origin) {
            Some(known) => known,
            None => self.add(origin),
        }
    }

    fn add(&mut self, origin: Origin) -> Slot {
        self.origins.push(origin);
        Slot(self.origins.len() - 1)
    }

    fn known_origin(&self, origin: &Origin) -> Option<Slot> {
        self.origins.iter().position(|other| other == origin).map(Slot)
    }

    /// The slot of a path that has one.
    pub fn known(&self, path: &JsonPath) -> Option<Slot> {
        let is_it = |origin: &Origin| matches!(origin, Origin::Record(other) if other == path);
        self.origins.iter().position(is_it).map(Slot)
    }

    /// Where a slot is filled from.
    pub fn origin(&self, slot: Slot) -> Option<&Origin> {
        self.origins.get(slot.0)
    }

    /// Every slot, with where it is filled from.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, &Origin)> {
        let slots = self.origins.iter().enumerate();
        slots.map(|(place, origin)| (Slot(place), origin))
    }

    /// Where the field of a slot stands in a record, if it is one value that stands there, and can be put there.
    pub fn path(&self, slot: Slot) -> Option<&JsonPath> {
        self.origin(slot)?.place()
    }

    /// No field.
    pub fn nothing_wanted(&self) -> WantedSlots {
        WantedSlots(vec![false; self.origins.len()])
    }

    /// Every field that stands in a record.
    pub fn all_wanted(&self) -> WantedSlots {
        WantedSlots(vec![true; self.origins.len()])
    }

    /// Fields in which there is nothing yet.
    pub fn empty_fields<'de>(&self) -> Fields<'de> {
        Fields::empty(self.origins.len())
    }

    /// Reads one record; what `fields` held before is forgotten.
    pub fn record<'a, 'de>(&'a self, wanted: &'a WantedSlots, fields: &'a mut Fields<'de>) -> RecordSeed<'a, 'de> {
        fields.clear();
        RecordSeed {
            node: &self.root,
            wanted,
            fields,
        }
    }

    /// Whether the record itself, whatever it is, is a field.
    pub(super) fn has_root(&self) -> bool {
        self.root.slot.is_some()
    }
}

/// Takes over what stands at a node.
pub(super) fn take<'de>(node: &Node, wanted: &WantedSlots, fields: &mut Fields<'de>, json: &'de str) {
    if let Some(slot) = node.slot.filter(|slot| wanted.includes(*slot)) {
        fields.set(slot, Content::Json(Cow::Borrowed(json)));
    }
    if let Some(slot) = node.list.filter(|slot| wanted.includes(*slot)) {
        fields.push(slot, json);
    }
}

fn child<K: PartialEq>(children: &mut Vec<(K, Node)>, key: K) -> &mut Node {
    let position = children.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
        children.push((key, Node::default()));
        children.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
    &mut children[position].1
}
