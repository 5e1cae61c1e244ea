//! One source, spoken to in its own language: what it is asked, and what it may answer.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use futures::Stream;
use kakehashi_database::Trouble;
use ngsi_ld::{AttributeName, TypeName};

use crate::asked::AskedRequest;
use crate::call::Call;
use crate::error::AdapterError;
use crate::flaw::{Counted, Yielded};
use crate::notifies::Notifies;
use crate::query::{PushDown, SourceQuery};
use crate::source_id::SourceId;
use crate::status::SourceStatus;
use crate::writing::EntityWriter;

/// What a source yields: its entities, each whole, in an order that is the same at every call, and in the place of each
/// that is wrong what is wrong with it. It ends after the first error.
pub type EntityStream = Pin<Box<dyn Stream<Item = Result<Yielded, AdapterError>> + Send>>;

/// One source, spoken to in its own language. Made once per configuration revision, shared by all requests.
///
/// An adapter answers in the common view: expanded names, ids that lead back to the source's own, dates in
/// UTC, geometries in WGS84. It never returns an attribute outside of [`SourceQuery::attributes`], nor an
/// entity of a type outside of [`SourceQuery::types`]. Dropping a future or a stream ends its work.
#[async_trait]
pub trait Adapter: Send + Sync + fmt::Debug {
    /// The source's name in the configuration.
    fn source(&self) -> &SourceId;

    /// What the source would decide of this query itself. No I/O.
    fn push_down(&self, query: &SourceQuery) -> PushDown;

    /// What the source would be asked first for this query, made by the code that asks it. Several, where the query
    /// takes several requests that do not depend on each other's answers; none, where the source cannot have what is
    /// asked for. No I/O, and no secret.
    ///
    /// # Errors
    /// [`AdapterError`], when what is asked cannot be sent at all.
    fn asked(&self, query: &SourceQuery) -> Result<Vec<AskedRequest>, AdapterError>;

    /// The entity of that id, of one of `query.types`; `None` when the source has none. `query.ids` is that
    /// id alone, and there are no conditions. If the source holds several entities that are one in the view,
    /// the answer is their union; where one of them is wrong, it was left out.
    ///
    /// # Errors
    /// [`AdapterError`]; an entity that does not exist is no error, nor is one that was left out.
    async fn retrieve(&self, query: &SourceQuery, call: &Call) -> Result<Option<Yielded>, AdapterError>;

    /// The entities that match as far as [`Adapter::push_down`] says, as they arrive: all of them, or those of
    /// `query.page` when everything is decided exactly. The adapter pages through the source as it must. What is left out
    /// takes up the place of an entity in a page, so that no page depends on what is wrong with others.
    fn query(&self, query: &SourceQuery, call: &Call) -> EntityStream;

    /// Whether some entity of the source may have several types. Then no page and no count of the source is that
    /// of the view: one of an entity's types may hide it. By default none has, as in systems that know one type
    /// for each entity.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn has_entities_of_several_types(&self, _call: &Call) -> Result<bool, AdapterError> {
        Ok(false)
    }

    /// Whether an attribute of one of these names may be a Relationship in some entity. Whereto a Relationship leads may
    /// be hidden; then no page and no count that depends on it is that of the view. By default any may.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn may_hold_relationships(&self, _names: &[AttributeName], _call: &Call) -> Result<bool, AdapterError> {
        Ok(true)
    }

    /// How many entities match. Asked only when [`PushDown::is_exact`] and without a page. A source that counts by itself
    /// counts what would have to be left out, too.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn count(&self, query: &SourceQuery, call: &Call) -> Result<Counted, AdapterError>;

    /// The types that the source holds, where it can tell by itself: expanded names, each once. Sources whose
    /// types stand in the configuration need not.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn held_types(&self, _call: &Call) -> Result<Vec<TypeName>, AdapterError> {
        Ok(Vec::new())
    }

    /// How exchanges with the source go; `None`: nobody counts them, because it is no other system.
    fn status(&self) -> Option<SourceStatus> {
        None
    }

    /// Why it cannot be written now, or not even be read; `None`: it can, or nobody knows of it. It passes by itself.
    fn trouble(&self) -> Option<Trouble> {
        None
    }

    /// How the source tells of its changes; `None`: it does not.
    fn notifies(&self) -> Option<&dyn Notifies> {
        None
    }

    /// How the source is written to; `None`: it takes no writes.
    fn writer(&self) -> Option<&dyn EntityWriter> {
        None
    }
}
