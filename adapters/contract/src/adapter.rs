//! One source, spoken to in its own language: what can be asked of it, and how it is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_trouble::Trouble;
use ngsi_ld::{AttributeName, TypeName};

use crate::call::Call;
use crate::error::AdapterError;
use crate::history::History;
use crate::notifies::Notifies;
use crate::prepared::PreparedQuery;
use crate::query::SourceQuery;
use crate::source_id::SourceId;
use crate::status::SourceStatus;
use crate::writing::EntityWriter;

/// One source, spoken to in its own language. Made once per configuration revision, shared by all requests.
///
/// An adapter answers in the common view: expanded names, ids that lead back to the source's own, dates in
/// UTC, geometries in WGS84. It never returns an attribute outside of [`SourceQuery::attributes`], nor an
/// entity of a type outside of [`SourceQuery::types`]. Dropping a future or a stream ends its work.
#[async_trait]
pub trait Adapter: Send + Sync + fmt::Debug {
    /// The source's name in the configuration.
    fn source(&self) -> &SourceId;

    /// Decides once what of this query the source is asked, and what it decides itself. No I/O.
    ///
    /// What does not depend on a query (addresses, headers, names) was made with the adapter; here everything else is made
    /// that does not depend on the page.
    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery>;

    /// Whether some entity of the source may have several types. Then no page and no count of the source is that
    /// of the view: one of an entity's types may hide it. By default none has, as in systems that know one type
    /// for each entity. `among`: the types that it is asked for; where an entity is what several records of one type each say
    /// of it, no others are its types.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn has_entities_of_several_types(&self, _among: &[TypeName], _call: &Call) -> Result<bool, AdapterError> {
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

    /// The types that the source holds, where it can tell by itself: expanded names, each once. Sources whose
    /// types stand in the configuration need not.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn held_types(&self, _call: &Call) -> Result<Vec<TypeName>, AdapterError> {
        Ok(Vec::new())
    }

    /// Names of which the attributes are that the source's entities of a type have, all of them and perhaps others, where it can
    /// tell by itself without looking at each entity; `None`: it cannot. Names are all that may be remembered of it, for a while; who
    /// may know of them is not the source's to say.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn told_attributes(&self, _of: &TypeName, _call: &Call) -> Result<Option<Vec<AttributeName>>, AdapterError> {
        Ok(None)
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

    /// What the source tells of how its entities were; `None`: it knows how they are.
    fn history(&self) -> Option<&dyn History> {
        None
    }

    /// How the source is written to; `None`: it takes no writes.
    fn writer(&self) -> Option<&dyn EntityWriter> {
        None
    }
}
