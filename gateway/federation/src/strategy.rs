//! How a question goes: decided here once, by what the sources are asked and can decide, for whoever answers it and for
//! whoever explains it.

use kakehashi_adapters::{Call, Page};
use ngsi_ld::AttributeName;

use super::Question;
use super::entities::wanted_page;
use super::gather::MAX_CANDIDATES;
use super::hidden_targets::depended_on;
use super::linked_conditions::candidates;
use super::plan::SubQuery;

/// The page that holds all candidates of conditions on linked entities; more are refused.
const ALL_CANDIDATES: Page = Page {
    limit: MAX_CANDIDATES,
    offset: 0,
};

/// What the sources are asked before anything else, and which part of it.
#[derive(Debug)]
pub struct Opening {
    /// The question whose answer holds every entity that can meet the conditions, where some of these are on linked entities:
    /// the gateway follows the Relationships of what it has found, and pages then. `None`: the question itself.
    pub candidates: Option<Box<Question>>,
    /// Which part of the answer.
    pub page: Page,
}

impl Opening {
    /// That of a question.
    #[must_use]
    pub fn of(question: &Question, page: Page) -> Self {
        match candidates(question) {
            Some(candidates) => Self {
                candidates: Some(Box::new(candidates)),
                page: ALL_CANDIDATES,
            },
            None => Self { candidates: None, page },
        }
    }

    /// What the sources are asked.
    #[must_use]
    pub fn question<'q>(&'q self, question: &'q Question) -> &'q Question {
        self.candidates.as_deref().unwrap_or(question)
    }
}

/// How the entities that match are found.
#[derive(Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One source decides everything: its page is the page and its count the count, unless it holds something that no
    /// condition tells of.
    Decided(Unless),
    /// One source is asked, and the gateway looks at each entity as it arrives.
    LookedThrough,
    /// One source is asked, and the gateway puts its entities in their order.
    Ordered,
    /// What several sources say of an entity is merged, and the gateway decides. Also where none is asked.
    Merged,
}

/// What a source may hold that keeps its pages from being those of the view.
#[derive(Debug, PartialEq, Eq)]
pub struct Unless {
    /// Attributes that conditions depend on if they are Relationships, whose targets may be hidden.
    relationships: Vec<AttributeName>,
}

impl Strategy {
    /// How the entities are found that sources are asked for. `all_are_asked`: whether no other source has been left out.
    #[must_use]
    pub fn of(sub_queries: &[SubQuery], all_are_asked: bool, question: &Question) -> Self {
        match sub_queries {
            [_] if question.order.is_some() && all_are_asked => Self::Ordered,
            [only] if all_are_asked => match decides_every_condition(only, question) {
                true => Self::Decided(Unless {
                    relationships: depended_on(&question.query),
                }),
                false => Self::LookedThrough,
            },
            _ => Self::Merged,
        }
    }

    /// What the sources are asked of it first: one more than the page of the one that decides, of the others everything.
    #[must_use]
    pub fn asks(&self, sub_queries: Vec<SubQuery>, page: Page) -> Vec<SubQuery> {
        match self {
            Self::Decided(_) => sub_queries.iter().map(|only| only.paged(wanted_page(page))).collect(),
            Self::LookedThrough | Self::Ordered | Self::Merged => sub_queries,
        }
    }
}

/// Whether the only source decides the whole question. Where a condition could find out what inspection masks it does not.
fn decides_every_condition(only: &SubQuery, question: &Question) -> bool {
    question.leaving.is_none()
        && question.selectors.is_empty()
        && only.is_exact(&question.query)
        && !only.source.inspection.may_decide(&question.query)
}

impl Unless {
    /// Whether the source holds entities of several types, of which one may hide them, or Relationships that conditions
    /// look at. Where that cannot be found out, it may.
    pub async fn is_held_by(&self, only: &SubQuery, call: &Call) -> bool {
        let adapter = &only.source.adapter;
        if !matches!(adapter.has_entities_of_several_types(call).await, Ok(false)) {
            return true;
        }
        if self.relationships.is_empty() {
            return false;
        }
        let held = adapter.may_hold_relationships(&self.relationships, call).await;
        !matches!(held, Ok(false))
    }
}
