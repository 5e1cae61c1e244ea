//! The fields that a mapping names, as a tree that is followed in one pass over a record's bytes.
//!
//! Every field that is wanted is kept as the JSON text that the source wrote, borrowed from the body; everything else is skipped
//! without being parsed.

use std::borrow::Cow;

use super::fields::{Content, Fields, Slot, WantedSlots};
use super::node::{Node, child};
use super::origin::{Origin, Outside};
use super::seed::RecordSeed;
use crate::language::{JsonPath, Step};

/// The fields that a mapping reads.
#[derive(Debug, Clone, Default)]
pub struct FieldTree {
    root: Node,
    /// Where each slot is filled from.
    origins: Vec<Origin>,
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

impl Outside {
    /// What stands beside every record of a file: of the source, the file and the sheet.
    pub(super) fn beside<'de>(&'de self, tree: &FieldTree) -> Vec<(Slot, Content<'de>)> {
        let found = tree.slots().filter_map(|(slot, origin)| {
            let text = match origin {
                Origin::Source(name) => self.of_the_source(name),
                Origin::File => self.file.as_deref(),
                Origin::Sheet => self.sheet.as_deref(),
                _ => None,
            };
            Some((slot, Content::Text(Cow::Borrowed(text?))))
        });
        found.collect()
    }
}
