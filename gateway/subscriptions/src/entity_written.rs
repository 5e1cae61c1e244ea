//! What was written to an entity of the store.

use std::sync::Arc;

use kakehashi_federation::registry::RegisteredSource;
use kakehashi_revision::Revision;
use ngsi_ld::Entity;

/// What was written.
#[derive(Debug)]
pub(super) struct EntityWritten {
    pub(super) revision: Arc<Revision>,
    pub(super) source: Arc<RegisteredSource>,
    pub(super) before: Option<Entity>,
    pub(super) after: Option<Entity>,
    /// What it weighs: about the bytes of its entities.
    pub(super) bytes: usize,
}
