//! What an instance of a fragment says beside what an instance of an entity can: that it has no value, how it says its
//! kind, and which of its members are removed. It is noted by where the instance stands while the fragment is read.

use std::cell::RefCell;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::removal::RemovableMember;
use crate::Iri;
use crate::entity::{AttributeKind, Json, ObjectTypes};

/// Where an instance stands: the index of its attribute and its own, of each that is around it and at last of it.
type Place = SmallVec<[usize; 4]>;

/// What is noted of a fragment while it is read.
#[derive(Default)]
pub(super) struct NoteBook {
    here: RefCell<Place>,
    notes: RefCell<HashMap<Place, Notes>>,
}

/// What is noted of one instance.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The kind that the member `type` says.
    pub(super) kind: Option<AttributeKind>,
    /// Whether it has no value.
    pub(super) lacks_value: bool,
    /// Whether the value stands alone.
    pub(super) is_bare: bool,
    /// What its texts are as the terms of a VocabProperty.
    pub(super) terms: Option<SmallVec<[Iri; 1]>>,
    /// The text of a value that was taken for a geometry.
    pub(super) json: Option<Json>,
    /// `objectType`, where there is no value that could have it.
    pub(super) object_types: Option<ObjectTypes>,
    /// Members that are removed.
    pub(super) removed: SmallVec<[RemovableMember; 1]>,
}

impl NoteBook {
    /// Goes to what stands at that index of what is read.
    pub(super) fn enter(&self, index: usize) {
        self.here.borrow_mut().push(index);
    }

    /// Goes back to what is around it.
    pub(super) fn leave(&self) {
        self.here.borrow_mut().pop();
    }

    /// Notes something of the instance that is read.
    pub(super) fn note(&self, what: impl FnOnce(&mut Notes)) {
        what(self.notes.borrow_mut().entry(self.here.borrow().clone()).or_default());
    }

    /// What was noted of the instance that stands here.
    pub(super) fn take(&self) -> Notes {
        let notes = self.notes.borrow_mut().remove(&*self.here.borrow());
        notes.unwrap_or_default()
    }
}
