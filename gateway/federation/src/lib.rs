//! One question, many sources: which to ask, asking them at the same time, and making one answer of theirs.
//!
//! [`registry`] knows the sources ([`registration`] what each is registered with), [`plan`] narrows and splits the question, [`gather`] asks, [`entities`] are what a
//! page consists of, [`strategy`] is how a question goes, [`linked_retrieval`] and `linked_conditions` follow Relationships to other entities, [`query`],
//! [`retrieve`], [`types`] and [`discovery`] are the operations of CIM 009 clauses 5.7.2, 5.7.1, 5.7.5 and 5.7.6 to 5.7.10, [`provide`] those
//! that write; [`release`] is where entities leave, and `scan` bounds what is looked at here. [`warning`] says what is
//! missing, [`granted_names`] says which names may be told to whom, [`flawed`] remembers which sources have entities that are left out. It knows no payload format and no HTTP.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod additions;
mod asked_attributes;
pub mod claimed;
pub mod discovery;
pub mod entities;
pub mod flawed;
pub mod gather;
pub mod granted_names;
pub mod hidden_targets;
pub mod linked;
pub mod linked_conditions;
pub mod linked_retrieval;
mod looking;
mod merged;
mod once_prepared;
mod ordered;
pub mod overlaps;
pub mod own_ids;
pub mod pages;
pub mod plan;
pub mod provide;
mod proxied;
pub mod query;
pub mod registered_source;
pub mod registration;
pub mod registrations;
pub mod registry;
pub mod release;
pub mod retrieve;
pub mod scan;
pub mod selectors;
mod source_filter;
mod source_index;
mod steps;
pub mod strategy;
mod sub_query;
pub mod tenant_limits;
mod told;
pub mod types;
pub mod ungranted;
mod unlinked;
pub mod warning;
mod whole;
mod writable_ids;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use kakehashi_adapters::SourceId;
use kakehashi_core::names::TenantId;
use kakehashi_resources::Exhausted;
use ngsi_ld::projection::{DatasetSelection, Projection};
use ngsi_ld::query::{ContextSourceFilter, Ordering, Query};
use ngsi_ld::{AttributeName, Entity};

use self::selectors::EntitySelector;
pub use self::warning::Warning;

/// What a consumer asks, before it is narrowed.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The conditions.
    pub query: Query,
    /// Where types and ids are chosen in several ways (clause 5.2.33): one of these must select the entity, and those of
    /// `query` select whatever one of them does. Empty: those of `query` are all.
    pub selectors: Vec<EntitySelector>,
    /// `attrs`, `pick`: the attributes that are shown. `None`: all that are granted.
    pub shown: Option<Vec<AttributeName>>,
    /// `datasetId`: the instances that are shown. `None`: all of them.
    pub datasets: Option<DatasetSelection>,
    /// What is shown, where entities of which nothing is shown are found out by looking at them.
    pub leaving: Option<Projection>,
    /// `orderBy`: in which order the entities come. `None`: one that is the same for every page.
    pub order: Option<Ordering>,
    /// `csf`: which sources are asked beside the store. `None`: all of them.
    pub source_filter: Option<ContextSourceFilter>,
    /// An entity map: the sources that are asked, at most. `None`: whichever may hold something.
    pub held_by: Option<Arc<[SourceId]>>,
    /// `NGSILD-Tenant`: the sources of this tenant only.
    pub tenant: Option<TenantId>,
    /// `local=true`: the store only.
    pub local: bool,
    /// Only sources that take writes: what is found is to be changed.
    pub takes_writes: bool,
    /// `splitEntities=true`: an entity's parts may satisfy the conditions together only, so no condition on
    /// attributes may be left to a source.
    pub split_entities: bool,
    /// Whether `createdAt` and `modifiedAt` are shown.
    pub system_attributes: bool,
    /// Whether a change may be made on the condition that the entity is still as it is: whoever may write is told a tag of all
    /// that it sees of it, whatever is shown.
    pub is_tagged: bool,
}

impl Question {
    /// Whether an entity that is seen meets all conditions.
    pub(crate) fn is_met_by(&self, entity: &Entity) -> bool {
        self.is_chosen(entity) && self.query.matches(entity)
    }

    /// Whether one of the selectors selects an entity.
    fn is_chosen(&self, entity: &Entity) -> bool {
        self.selectors.is_empty() || self.selectors.iter().any(|one| one.selects(entity))
    }

    /// Whether an entity meets the conditions by its id and its types alone.
    fn is_unconditional(&self) -> bool {
        let query = &self.query;
        query.filter.is_none()
            && query.geo.is_none()
            && query.scope.is_none()
            && query.attributes.is_empty()
            && self.leaving.is_none()
    }

    /// Whether something is shown of an entity.
    fn leaves_something(&self, entity: &Entity) -> bool {
        let datasets = self.datasets.as_ref();
        let leaves_something = |shown: &Projection| shown.leaves_something(entity, datasets);
        self.leaving.as_ref().is_none_or(leaves_something)
    }

    /// Leaves of an entity that meets the conditions what is shown of it.
    pub fn reduce(&self, entity: &mut Entity) {
        if let Some(shown) = &self.shown {
            entity.attributes.retain(|attribute| shown.contains(&attribute.name));
        }
        if let Some(datasets) = &self.datasets {
            datasets.apply(entity);
        }
    }
}

/// Why a question has no answer, not even an incomplete one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More sources than one request may need.
    #[error("the question needs {needed} sources, one request may ask {allowed}; name types, ids or a tenant")]
    TooManySources {
        /// How many it needs.
        needed: usize,
        /// How many are allowed.
        allowed: usize,
    },
    /// More entities of a source than one request may look through.
    #[error(
        "what is asked for cannot be decided by the source, and it has more entities than one request may look through; \
         name types, ids or an area, or ask for less than a part of a value"
    )]
    ScanTooWide,
    /// More questions to sources than several selectors may become.
    #[error(
        "the entity selectors would become {needed} questions to sources, and one request may ask {allowed}; give fewer of \
         them, or put those with the same type into one"
    )]
    TooManyQuestions {
        /// How many it needs.
        needed: usize,
        /// How many are allowed.
        allowed: usize,
    },
    /// An order over several sources.
    #[error(
        "parameter `orderBy`: only the store is ordered (clause 5.7.2.4), and other sources would be asked as well; leave it out and \
         order the answer yourself"
    )]
    OrderedBeyondLocal,
    /// More entities than one request may hold.
    #[error("more than {allowed} entities would have to be looked at; name types, ids or an area")]
    TooManyCandidates {
        /// How many are allowed.
        allowed: usize,
    },
    /// More would have to be computed than one request has time for.
    #[error(
        "what is asked for would take longer to decide than a request may take, however few entities there are; use a geometry with \
         fewer positions, or shorter regular expressions"
    )]
    TooComplex,
    /// More requests to sources than one question may cause.
    #[error(
        "what is asked for needs more than {allowed} requests to sources; name types, ids or an area, give fewer entity selectors, \
         or ask for less at once (`limit`)"
    )]
    TooManyRequests {
        /// How many are allowed.
        allowed: usize,
    },
    /// What the request may use of the process is used up, or all of it is in use.
    #[error("{0}")]
    Exhausted(#[from] Exhausted),
    /// Relationships lead to more entities than one request may ask for.
    #[error(
        "the entities link to more than {allowed} others; ask for fewer at once (`limit`), for fewer of their \
         Relationships (`pick`), or for fewer levels (`joinLevel`)"
    )]
    TooManyLinked {
        /// How many are allowed.
        allowed: usize,
    },
}
