//! How a question goes: decided here once, by what the sources are asked and can decide, for whoever answers it and for
//! whoever explains it.

use kakehashi_adapters::{Call, Page};
use ngsi_ld::AttributeName;
use ngsi_ld::query::{AttributePath, Condition, Expression};

use super::Question;
use super::entities::wanted_page;
use super::hidden_targets::depended_on;
use super::plan::SubQuery;
use super::scan::MAX_CANDIDATES;

/// The page that holds all candidates of conditions on linked entities; more are refused.
const ALL_CANDIDATES: Page = Page {
    limit: MAX_CANDIDATES,
    offset: 0,
};

/// The largest page that is put together from several sources without reading all of them.
const LARGEST_PAGE: usize = 1_000;

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

/// The question whose answer holds every entity that can meet the conditions; `None` when none of them is on linked
/// entities.
fn candidates(question: &Question) -> Option<Question> {
    let filter = question
        .query
        .filter
        .as_ref()
        .filter(|filter| filter.link_depth() > 0)?;
    let mut candidates = question.clone();
    candidates.query.filter = Some(without_links(filter));
    // The conditions look at whole entities; what is shown of them is chosen afterwards.
    candidates.datasets = None;
    candidates.leaving = None;
    if let Some(shown) = &mut candidates.shown {
        for name in filter.attributes() {
            if !shown.contains(name) {
                shown.push(name.clone());
            }
        }
    }
    Some(candidates)
}

/// The filter with the existence of the first Relationship in the place of each condition that follows one. Nothing is
/// met that does not exist (clause 4.9), so that every entity that meets the filter meets this one.
fn without_links(filter: &Expression) -> Expression {
    match filter {
        Expression::And(parts) => Expression::And(parts.iter().map(without_links).collect()),
        Expression::Or(parts) => Expression::Or(parts.iter().map(without_links).collect()),
        Expression::Condition(condition) if condition.path.linked.is_some() => Expression::Condition(Condition {
            path: AttributePath {
                attribute: condition.path.attribute.clone(),
                sub_attributes: Vec::new(),
                members: Vec::new(),
                linked: None,
            },
            comparison: None,
        }),
        Expression::Condition(_) => filter.clone(),
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
    /// As much of each of several sources is read as a page needs, in their order; what several say of an entity is merged.
    /// Also where none is asked.
    Paged,
    /// All of several sources is read, merged, and put in order.
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
    pub fn of(sub_queries: &[SubQuery], all_are_asked: bool, question: &Question, page: Page) -> Self {
        match sub_queries {
            [_] if question.order.is_some() && all_are_asked => Self::Ordered,
            [only] if all_are_asked => match decides_every_condition(only, question) {
                true => Self::Decided(Unless {
                    relationships: depended_on(&question.query),
                }),
                false => Self::LookedThrough,
            },
            _ if question.order.is_some() || page.limit > LARGEST_PAGE => Self::Merged,
            _ => Self::Paged,
        }
    }

    /// What the sources are asked of it first: one more than the page where that is known, of the others everything.
    #[must_use]
    pub fn asks(&self, sub_queries: Vec<SubQuery>, page: Page) -> Vec<SubQuery> {
        match self {
            Self::Decided(_) => sub_queries.iter().map(|only| only.paged(wanted_page(page))).collect(),
            Self::LookedThrough | Self::Paged => {
                let first = Page {
                    offset: 0,
                    limit: wanted_page(page).limit.min(LARGEST_PAGE),
                };
                sub_queries.iter().map(|one| one.paged(first)).collect()
            }
            Self::Ordered | Self::Merged => sub_queries,
        }
    }
}

/// Whether the only source decides the whole question. Where a condition could find out what inspection masks it does not.
pub(super) fn decides_every_condition(only: &SubQuery, question: &Question) -> bool {
    question.leaving.is_none()
        && question.selectors.is_empty()
        && only.is_exact(&question.query)
        && !only.source.inspection.may_decide(&question.query)
}

impl Unless {
    /// What conditions depend on if these are Relationships.
    pub(super) fn of_relationships(relationships: Vec<AttributeName>) -> Self {
        Self { relationships }
    }

    /// Whether the source holds entities of several types, of which one may hide them or what conditions look at, or
    /// Relationships that conditions look at. Where that cannot be found out, it may.
    pub async fn is_held_by(&self, only: &SubQuery, call: &Call) -> bool {
        let adapter = &only.source.adapter;
        if !matches!(
            adapter.has_entities_of_several_types(&only.query.types, call).await,
            Ok(false)
        ) {
            // It depends on which types there are.
            match adapter.held_types(call).await {
                Ok(held) if !held.is_empty() && !only.grants.may_be_hidden_as(&held, &only.looked_at()) => {}
                Ok(_) | Err(_) => return true,
            }
        }
        if self.relationships.is_empty() {
            return false;
        }
        let held = adapter.may_hold_relationships(&self.relationships, call).await;
        !matches!(held, Ok(false))
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;

    use super::*;

    fn filter(text: &str) -> Expression {
        Expression::parse(text, Context::core()).unwrap()
    }

    #[test]
    fn sources_are_told_that_the_relationship_must_exist_and_no_more() {
        for (written, told) in [
            ("sensor{humidity}==40", "sensor"),
            ("sensor{Device:room{name}}!=\"x\"", "sensor"),
            ("name==\"a\";sensor{humidity}>3", "name==\"a\";sensor"),
            ("name==\"a\"|(sensor{humidity}>3;size<2)", "name==\"a\"|(sensor;size<2)"),
            ("name==\"a\"", "name==\"a\""),
        ] {
            assert_eq!(without_links(&filter(written)), filter(told), "{written}");
        }
    }

    #[test]
    fn a_question_with_conditions_on_linked_entities_opens_with_that_for_all_candidates() {
        let page = Page { limit: 3, offset: 6 };
        let mut question = Question::default();
        question.query.filter = Some(filter("name==\"a\";sensor{humidity}>3"));
        let opening = Opening::of(&question, page);
        assert_eq!(
            opening.question(&question).query.filter,
            Some(filter("name==\"a\";sensor"))
        );
        assert_eq!(opening.page, ALL_CANDIDATES);
        question.query.filter = Some(filter("name==\"a\""));
        let opening = Opening::of(&question, page);
        assert!(opening.candidates.is_none() && opening.page == page);
    }

    #[test]
    fn without_a_source_or_with_one_left_out_there_is_nothing_to_decide() {
        let page = Page { limit: 20, offset: 0 };
        assert_eq!(Strategy::of(&[], true, &Question::default(), page), Strategy::Paged);
        let all = Strategy::of(&[], true, &Question::default(), ALL_CANDIDATES);
        assert_eq!(all, Strategy::Merged);
        assert!(Strategy::Merged.asks(Vec::new(), ALL_CANDIDATES).is_empty());
    }
}
