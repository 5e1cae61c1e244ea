//! What one source is asked, narrowed to the consumer's grant, and how much of it the source decides.

use std::sync::Arc;

use ngsi_ld::query::{Expression, GeoQuery, IdPattern, ScopeQuery};
use ngsi_ld::{AttributeName, EntityId, TypeName};

use crate::selection::AttributeSelection;

/// A part of the answer. A source is asked for one only when it decides every condition exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many entities.
    pub limit: usize,
    /// After skipping so many.
    pub offset: usize,
}

/// What one source is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceQuery {
    /// Entities of any of these types, and of no other type. Never empty: an adapter must not ask a source
    /// without naming types, because what it holds beside them may be personal.
    pub types: Vec<TypeName>,
    /// Any of these ids. Empty: any id.
    pub ids: Vec<EntityId>,
    /// `idPattern`
    pub id_pattern: Option<IdPattern>,
    /// What may be asked for. The adapter sends this list to the source where the source can take one, and
    /// leaves out of the answer whatever came unasked.
    pub attributes: AttributeSelection,
    /// At least one of these attributes must exist (`attrs` of the consumer). Empty: no condition.
    pub any_attribute: Vec<AttributeName>,
    /// `q`. It touches only attributes that `attributes` includes. Shared, because it goes to every source.
    pub filter: Option<Arc<Expression>>,
    /// The geo-query. It touches only attributes that `attributes` includes.
    pub geo: Option<Arc<GeoQuery>>,
    /// `scopeQ`
    pub scope: Option<Arc<ScopeQuery>>,
    /// Whether `createdAt` and `modifiedAt` are wanted.
    pub system_attributes: bool,
    /// Whether the source itself has to be asked, whatever is kept of it.
    pub fresh: bool,
    /// Whether more may be shown of the answer than is open to whoever may have its types: inside of attributes what a permit
    /// names, or Relationships to what is guarded. What is kept of a source has nothing of that.
    pub beyond_open: bool,
}

impl SourceQuery {
    /// Everything of some types.
    #[must_use]
    pub fn of_types(types: Vec<TypeName>) -> Self {
        Self {
            types,
            ids: Vec::new(),
            id_pattern: None,
            attributes: AttributeSelection::All,
            any_attribute: Vec::new(),
            filter: None,
            geo: None,
            scope: None,
            system_attributes: false,
            fresh: false,
            beyond_open: false,
        }
    }
}

/// How much of one condition a source decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Nothing: every entity is a candidate.
    None,
    /// It leaves some out, all of them rightly; the gateway must look at the rest.
    Narrows,
    /// It decides exactly as the evaluator in `ngsi_ld::query` would. Also when there is no condition.
    Exact,
}

/// What a source would decide of one query. What is not [`Coverage::Exact`] is the residual, which the
/// gateway evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushDown {
    /// `types`, `ids`
    pub selection: Coverage,
    /// `id_pattern`
    pub id_pattern: Coverage,
    /// `any_attribute`
    pub any_attribute: Coverage,
    /// `filter`
    pub filter: Coverage,
    /// `geo`
    pub geo: Coverage,
    /// `scope`
    pub scope: Coverage,
}

impl PushDown {
    /// Whether nothing is left for the gateway, so that pages and counts of the source are those of the view.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        [
            self.selection,
            self.id_pattern,
            self.any_attribute,
            self.filter,
            self.geo,
            self.scope,
        ]
        .iter()
        .all(|coverage| *coverage == Coverage::Exact)
    }
}
