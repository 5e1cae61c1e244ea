//! What the writing of one document shares: how it is written, what is shown, and which entities were shown already.

use std::cell::{Cell, RefCell};

use hashbrown::HashSet;

use super::json::write_string;
use super::{Format, Rendering, Representation};
use crate::entity::{Entity, LanguageMap};
use crate::projection::EntityMember;
use crate::{AttributeName, EntityId};

/// Writes one document.
pub(super) struct Writer<'a> {
    pub(super) representation: Representation<'a>,
    /// How many linked entities are around the place of writing.
    level: Cell<usize>,
    /// Linked entities are shown once (clause 5.7.1.5).
    encountered: RefCell<HashSet<EntityId>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(representation: Representation<'a>) -> Self {
        Self {
            representation,
            level: Cell::new(0),
            encountered: RefCell::default(),
        }
    }

    pub(super) fn rendering(&self) -> &Rendering<'a> {
        &self.representation.rendering
    }

    pub(super) fn format(&self) -> Format {
        self.representation.rendering.format
    }

    pub(super) fn shows_member(&self, member: EntityMember) -> bool {
        let projection = self.representation.projection;
        projection.is_none_or(|projection| projection.shows_member(member))
    }

    pub(super) fn shows_attribute(&self, name: &AttributeName) -> bool {
        let projection = self.representation.projection;
        projection.is_none_or(|projection| projection.shows_attribute(name))
    }

    /// The text that is shown of a LanguageProperty, and its language, when one is asked for.
    pub(super) fn text_of<'m>(&self, map: &'m LanguageMap) -> Option<(&'m str, &'m [compact_str::CompactString])> {
        self.representation.language?.choose(map)
    }

    /// An expanded name, as the context shortens it.
    pub(super) fn write_name(&self, iri: &str, out: &mut Vec<u8>) {
        write_string(&self.rendering().context.compact(iri), out);
    }

    /// Notes that an entity is shown.
    pub(super) fn encounter(&self, id: &EntityId) {
        if self.representation.linked.is_some() {
            self.encountered.borrow_mut().insert(id.clone());
        }
    }

    /// The entity that is to be shown where a relationship leads to that id: one of those that were retrieved, not
    /// shown yet, and not too far away.
    pub(super) fn linked_entity(&self, id: &EntityId) -> Option<&'a Entity> {
        let linked = self.representation.linked?;
        let entity = linked.get(id).filter(|_| self.level.get() < linked.levels())?;
        self.encountered.borrow_mut().insert(id.clone()).then_some(entity)
    }

    /// Writes what is one relationship further away.
    pub(super) fn one_level_deeper(&self, write: impl FnOnce()) {
        let level = self.level.get();
        self.level.set(level + 1);
        write();
        self.level.set(level);
    }
}
