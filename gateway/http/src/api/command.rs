//! What a request asks, once it is read: by the code of its operation, whether it came over the wire or was written down.

use kakehashi_adapters::Page;
use kakehashi_federation::Question;
use kakehashi_federation::linked_retrieval::Join;
use kakehashi_policy::Operation;
use ngsi_ld::Entity;
use ngsi_ld::query::TypeSelection;

use super::mentioned::Mentioned;
use super::surroundings::Surroundings;
use crate::problem::Problem;

/// A request as somebody writes it down, for one operation.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// The query part of the URL.
    pub(super) query: Option<&'a str>,
    /// What the variable of the path stands for, decoded.
    pub(super) id: &'a str,
    /// The body; `None`: it is not known.
    pub(super) body: Option<&'a [u8]>,
    /// What surrounds the parameters.
    pub(super) around: Surroundings<'a>,
}

/// What is asked.
#[derive(Debug)]
pub enum Command {
    /// `queryEntity`
    Query {
        /// What.
        question: Box<Question>,
        /// Which part of the answer.
        page: Page,
        /// Which linked entities are shown, if any.
        join: Option<Join>,
        /// The names that it mentions.
        mentioned: Vec<Mentioned>,
    },
    /// `retrieveEntity`
    Retrieve {
        /// What.
        question: Box<Question>,
        /// Which linked entities are shown, if any.
        join: Option<Join>,
        /// The names that it mentions.
        mentioned: Vec<Mentioned>,
    },
    /// `retrieveEntityTypes`
    Types(Box<Question>),
    /// The other operations that tell which types and attributes there are.
    Details(Operation, Box<Question>),
    /// Entities that are written; `None`: they are not known.
    Write(Operation, Option<Vec<ToWrite>>),
    /// Entities that are there and are changed or deleted, of these types; `None`: of any.
    Delete(Operation, Option<TypeSelection>),
}

/// An entity that is to be written.
#[derive(Debug)]
pub struct ToWrite {
    /// Its id.
    pub id: String,
    /// The entity, or why there is none.
    pub entity: Result<Entity, Problem>,
}

impl Command {
    /// The operation, as policies name it.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Query { .. } => Operation::QueryEntity,
            Self::Retrieve { .. } => Operation::RetrieveEntity,
            Self::Types(_) => Operation::RetrieveEntityTypes,
            Self::Details(operation, _) | Self::Write(operation, _) | Self::Delete(operation, _) => *operation,
        }
    }

    /// The names of types and attributes that a read mentions.
    #[must_use]
    pub fn mentioned(&self) -> &[Mentioned] {
        match self {
            Self::Query { mentioned, .. } | Self::Retrieve { mentioned, .. } => mentioned,
            _ => &[],
        }
    }

    /// Which linked entities are shown, if any.
    #[must_use]
    pub fn join(&self) -> Option<&Join> {
        match self {
            Self::Query { join, .. } | Self::Retrieve { join, .. } => join.as_ref(),
            _ => None,
        }
    }
}
