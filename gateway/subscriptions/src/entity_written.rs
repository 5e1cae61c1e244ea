//! What was written to an entity of the store.

use std::sync::Arc;

use kakehashi_federation::registry::RegisteredSource;
use kakehashi_revision::Revision;
use ngsi_ld::entity::DateTime;
use ngsi_ld::{AttributeName, Entity};

/// What was written.
#[derive(Debug)]
pub(super) struct EntityWritten {
    pub(super) revision: Arc<Revision>,
    pub(super) source: Arc<RegisteredSource>,
    pub(super) before: Option<Entity>,
    pub(super) after: Option<Entity>,
    pub(super) known: Known,
    /// What it weighs: about the bytes of its entities.
    pub(super) bytes: usize,
}

/// How much of an entity is known, before and after it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    /// All of both.
    All,
    /// What it is; it existed before, and since then something of it was changed.
    Since(DateTime),
    /// What it is, and of which attributes a part went because its time was over.
    Gone(Vec<AttributeName>),
    /// Of what it was its id and types, and that it is gone.
    Name,
}

impl EntityWritten {
    pub(super) fn new(
        revision: &Arc<Revision>,
        source: &Arc<RegisteredSource>,
        (before, after): (Option<Entity>, Option<Entity>),
        known: Known,
    ) -> Self {
        let weight = |entity: &Option<Entity>| entity.as_ref().map_or(0, Entity::weight);
        Self {
            bytes: weight(&before) + weight(&after),
            revision: Arc::clone(revision),
            source: Arc::clone(source),
            before,
            after,
            known,
        }
    }
}
