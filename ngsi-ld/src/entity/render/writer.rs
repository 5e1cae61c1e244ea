//! What the writing of one document shares: how it is written, what is shown, and which entities were shown already.

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;

use super::json::write_string;
use super::{Format, Rendering, Representation};
use crate::entity::{Entity, LanguageMap};
use crate::projection::{EntityMember, Shown};
use crate::{AttributeName, EntityId, Iri};

/// Writes documents, one after the other.
pub(super) struct Writer<'a> {
    pub(super) representation: Representation<'a>,
    /// Where in the document something is being written.
    place: Cell<Place<'a>>,
    /// How far away the linked entities are that are still to be shown in the document. Each is shown once, where the
    /// fewest relationships lead to it (clauses 4.5.23.1 and 5.7.1.5): no loop has an end there.
    to_be_shown: RefCell<HashMap<EntityId, usize>>,
}

/// A place in a document.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    /// How many linked entities are around it.
    level: usize,
    /// What is shown of the innermost of them.
    shown: Shown<'a>,
    /// Whether it is inside of an attribute of an attribute, where no linked entities stand.
    is_inside_of_attribute: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(representation: Representation<'a>) -> Self {
        Self {
            place: Cell::new(Place {
                level: 0,
                shown: representation.shown,
                is_inside_of_attribute: false,
            }),
            representation,
            to_be_shown: RefCell::default(),
        }
    }

    /// Begins a document, whose own entity it is.
    pub(super) fn begin_document(&self, entity: &Entity) {
        if let Some(linked) = self.representation.linked {
            self.to_be_shown
                .replace(linked.distances(entity, self.representation.shown));
        }
    }

    pub(super) fn rendering(&self) -> &Rendering<'a> {
        &self.representation.rendering
    }

    pub(super) fn format(&self) -> Format {
        self.representation.rendering.format
    }

    pub(super) fn shows_member(&self, member: EntityMember) -> bool {
        self.place.get().shown.shows_member(member)
    }

    pub(super) fn shows_attribute(&self, name: &AttributeName) -> bool {
        self.place.get().shown.shows_attribute(name)
    }

    /// The text that is shown of a LanguageProperty, and its language, when one is asked for.
    pub(super) fn text_of<'m>(&self, map: &'m LanguageMap) -> Option<(&'m str, &'m [compact_str::CompactString])> {
        self.representation.language?.choose(map)
    }

    /// An expanded name, as the context shortens it.
    pub(super) fn write_name(&self, iri: &Iri, out: &mut Vec<u8>) {
        let context = self.rendering().context;
        match self.representation.short_names {
            Some(names) => names.write(context, iri, out),
            None => write_string(&context.compact(iri.as_str()), out),
        }
    }

    /// A value of a VocabProperty, which may be any text.
    pub(super) fn write_term(&self, term: &Iri, out: &mut Vec<u8>) {
        match self.rendering().context.text_of_value(term.as_str()) {
            Some(text) => write_string(text, out),
            None => self.write_name(term, out),
        }
    }

    /// The entity that is to be shown where a relationship leads to that id: one of those that were retrieved, not
    /// shown yet, and not to be shown at a place that is nearer.
    pub(super) fn linked_entity(&self, id: &EntityId) -> Option<&'a Entity> {
        let place = self.place.get();
        let entity = self.representation.linked?.get(id)?;
        let mut to_be_shown = self.to_be_shown.borrow_mut();
        let is_here = !place.is_inside_of_attribute && to_be_shown.get(id) == Some(&(place.level + 1));
        if is_here {
            to_be_shown.remove(id);
        }
        is_here.then_some(entity)
    }

    /// Writes what a relationship leads to.
    pub(super) fn one_level_deeper(&self, relationship: &AttributeName, write: impl FnOnce()) {
        let place = self.place.get();
        self.place.set(Place {
            level: place.level + 1,
            shown: place.shown.of_linked(relationship),
            is_inside_of_attribute: false,
        });
        write();
        self.place.set(place);
    }

    /// Writes what is inside of an attribute of an attribute.
    pub(super) fn inside_of_attribute(&self, write: impl FnOnce()) {
        if self.representation.linked.is_none() {
            return write();
        }
        let place = self.place.get();
        self.place.set(Place {
            is_inside_of_attribute: true,
            ..place
        });
        write();
        self.place.set(place);
    }
}
