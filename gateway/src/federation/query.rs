//! `queryEntity` (clause 5.7.2): the entities that match, each once, with a count and a page.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::HashMap;
use kakehashi_adapters::{AdapterError, Counted, LeftOut, Page};
use ngsi_ld::entity::DateTime;
use ngsi_ld::merge::{Part, merge_parts};
use ngsi_ld::{Entity, EntityId};
use smallvec::SmallVec;

use super::entities::{Arriving, Entities};
use super::gather::{self, Found, Request};
use super::plan::{Asker, Plan, SubQuery, plan};
use super::{Question, Refusal, Warning, hidden_targets, linked_conditions, ordered, scan, warning};

/// One page of the answer.
#[derive(Debug)]
pub struct Answer {
    /// The entities of the page.
    pub entities: Entities,
    /// How many match in all, if that was asked for.
    pub count: Option<u64>,
    /// The sources whose part is missing.
    pub warnings: Vec<Warning>,
}

/// Answers a question.
///
/// # Errors
/// [`Refusal`] when it is too wide. A source that fails is no error: it is named in the warnings.
pub async fn query(
    question: &Arc<Question>,
    page: Page,
    count: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<Answer, Refusal> {
    match linked_conditions::candidates(question) {
        Some(candidates) => linked_conditions::query(question, candidates, page, count, asker, request).await,
        None => unlinked(question, page, count, asker, request).await,
    }
}

/// Answers a question without conditions on linked entities.
pub(super) async fn unlinked(
    question: &Arc<Question>,
    page: Page,
    count: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<Answer, Refusal> {
    let mut plan = plan(question, asker, &request.call).await?;
    if plan.sub_queries.len() == 1
        && plan.overloaded.is_empty()
        && let Some(only) = plan.sub_queries.pop()
    {
        if let Some(order) = &question.order {
            return ordered::from_one(&only, question, order, page, count, request).await;
        }
        return Ok(if decides_alone(&only, question, request).await {
            from_one(Arc::new(only), question, page, count, request).await
        } else {
            looked_through(&only, question, page, count, request).await?
        });
    }
    from_many(plan, question, page, count, request).await
}

/// Whether pages and counts of the only source are those of the view. Where that cannot be found out they are
/// not, and the entities are looked at here.
async fn decides_alone(only: &SubQuery, question: &Question, request: &Request) -> bool {
    may_decide_alone(only, question)
        && matches!(
            only.source.adapter.has_entities_of_several_types(&request.call).await,
            Ok(false)
        )
        && !may_depend_on_hidden_targets(only, question, request).await
}

/// Whether a condition may be met by a Relationship that is taken out of the view.
async fn may_depend_on_hidden_targets(only: &SubQuery, question: &Question, request: &Request) -> bool {
    let names = hidden_targets::depended_on(&question.query);
    if names.is_empty() {
        return false;
    }
    let held = only.source.adapter.may_hold_relationships(&names, &request.call).await;
    !matches!(held, Ok(false))
}

/// Whether the only source decides the whole question, if it has no entity of several types. Where a condition could
/// find out what inspection masks it does not.
pub(crate) fn may_decide_alone(only: &SubQuery, question: &Question) -> bool {
    question.leaving.is_none()
        && question.order.is_none()
        && question.selectors.is_empty()
        && only.is_exact(&question.query)
        && !only.source.inspection.may_decide(&question.query)
}

/// The answer of one source that decides everything itself: its page is the page, and is handed on as it arrives.
async fn from_one(only: Arc<SubQuery>, question: &Arc<Question>, page: Page, count: bool, request: &Request) -> Answer {
    let total = async {
        if count {
            Some(gather::count(&only, request).await)
        } else {
            None
        }
    };
    if page.limit == 0 {
        let (counted, error) = ended(total.await);
        let mut warnings = warning::of_errors(&error);
        let left_out = counted.and_then(|counted| Warning::of_left_out(&only.source.id, &counted.left_out));
        warning::add(&mut warnings, left_out);
        return Answer {
            entities: Entities::at_hand(question, Vec::new(), false),
            count: counted.map(|counted| counted.entities),
            warnings,
        };
    }
    let mut arriving = Arriving::new(Arc::clone(&only), page, request);
    let ((), total) = futures::join!(arriving.begin(), total);
    let (counted, error) = ended(total);
    if let Some(counted) = counted {
        arriving.set_counted(counted);
    }
    Answer {
        entities: Entities::arriving(question, arriving),
        count: counted.map(|counted| counted.entities),
        warnings: warning::of_errors(&error),
    }
}

/// A count that was asked for, or why there is none.
fn ended(total: Option<Result<Counted, AdapterError>>) -> (Option<Counted>, Option<AdapterError>) {
    match total {
        Some(Ok(counted)) => (Some(counted), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    }
}

/// The answer of one source that does not decide everything itself: its entities are looked at as they arrive, in its
/// order, and only those of the page are held. There is nothing to merge.
///
/// # Errors
/// [`Refusal::ScanTooWide`]
async fn looked_through(
    only: &SubQuery,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<Answer, Refusal> {
    let mut entities: Vec<Entity> = Vec::new();
    let mut matching: usize = 0;
    let looked = gather::look_through(only, request, |entity| {
        if !question.selects(&entity) {
            return ControlFlow::Continue(());
        }
        matching += 1;
        if matching <= page.offset {
            return ControlFlow::Continue(());
        }
        if entities.len() < page.limit {
            entities.push(entity);
            return ControlFlow::Continue(());
        }
        // One more than the page is known of; how many more there are, only who counts wants to know.
        if count {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let (left_out, error) = split(looked.await);
    if let Some(refusal) = scan::refusal([(only, error.as_ref())]) {
        return Err(refusal);
    }
    if error.is_some() {
        // A part of its answer would look like all of it.
        entities.clear();
        matching = 0;
    }
    let more = page.limit > 0 && matching > page.offset.saturating_add(entities.len());
    Ok(Answer {
        entities: Entities::at_hand(question, entities, more),
        count: count.then_some(matching as u64),
        warnings: warnings_of(only, &left_out, error.as_ref()),
    })
}

/// What was left out, and the error, of a source that was looked through.
pub(super) fn split(looked: Result<LeftOut, AdapterError>) -> (LeftOut, Option<AdapterError>) {
    match looked {
        Ok(left_out) => (left_out, None),
        Err(error) => (LeftOut::default(), Some(error)),
    }
}

/// The warnings about one source.
pub(super) fn warnings_of(only: &SubQuery, left_out: &LeftOut, error: Option<&AdapterError>) -> Vec<Warning> {
    let mut warnings = warning::of_errors(error);
    warning::add(&mut warnings, Warning::of_left_out(&only.source.id, left_out));
    warnings
}

/// The answers of several sources, merged, with the conditions that are left evaluated here.
async fn from_many(
    plan: Plan,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<Answer, Refusal> {
    let (parts, mut warnings) = all_parts(&plan.sub_queries, request).await?;
    warning::add(&mut warnings, plan.overloaded.iter().map(Warning::from));
    let now = DateTime::from_system_time(SystemTime::now());
    let mut entities: Vec<Entity> = parts
        .into_values()
        .filter_map(|parts| merge_parts(in_rank(parts), &now))
        .filter(|entity| question.selects(entity))
        .collect();
    match &question.order {
        Some(order) => entities = order.sort(entities),
        None => entities.sort_unstable_by(|a, b| a.id.cmp(&b.id)),
    }
    let total = entities.len();
    let entities: Vec<Entity> = entities.into_iter().skip(page.offset).take(page.limit).collect();
    let more = page.offset.saturating_add(entities.len()) < total && page.limit > 0;
    Ok(Answer {
        entities: Entities::at_hand(question, entities, more),
        count: count.then_some(total as u64),
        warnings,
    })
}

/// The parts of every candidate, by id.
type Parts = HashMap<EntityId, SmallVec<[RankedPart; 1]>>;

/// A part, and the place of its sub-query in the plan. Where nothing else decides between two parts, the first
/// source of the configuration wins: whatever was asked, and whichever answered first.
struct RankedPart {
    rank: usize,
    part: Part,
}

/// The parts in the order of the plan.
fn in_rank(mut parts: SmallVec<[RankedPart; 1]>) -> Vec<Part> {
    parts.sort_by_key(|ranked| ranked.rank);
    parts.into_iter().map(|ranked| ranked.part).collect()
}

/// Asks for candidates, then for the parts of them that a source left out because its own part does not meet
/// the conditions: the whole entity must be seen to judge it, and to show it.
async fn all_parts(sub_queries: &[SubQuery], request: &Request) -> Result<(Parts, Vec<Warning>), Refusal> {
    let all: Vec<&SubQuery> = sub_queries.iter().collect();
    let answers = gather::gather(&all, request).await?;
    if let Some(refusal) = scan::refusal(
        all.iter()
            .copied()
            .zip(answers.iter().map(|answer| answer.as_ref().err())),
    ) {
        return Err(refusal);
    }
    let mut parts = Parts::new();
    let mut warnings = Vec::new();
    let mut alive: Vec<(usize, &SubQuery, Vec<EntityId>)> = Vec::new();
    for ((rank, sub_query), answer) in sub_queries.iter().enumerate().zip(answers) {
        match answer {
            Ok(Found { entities, left_out }) => {
                warning::add(&mut warnings, Warning::of_left_out(&sub_query.source.id, &left_out));
                alive.push((
                    rank,
                    sub_query,
                    entities.iter().map(|entity| entity.id.clone()).collect(),
                ));
                add_parts(&mut parts, rank, sub_query, entities);
            }
            Err(error) => warning::add(&mut warnings, [Warning::from(&error)]),
        }
    }
    let completing: Vec<(usize, SubQuery)> = alive
        .into_iter()
        .filter_map(|(rank, sub_query, found)| Some((rank, missing_parts(sub_query, found, &parts)?)))
        .collect();
    if !completing.is_empty() {
        let all: Vec<&SubQuery> = completing.iter().map(|(_, sub_query)| sub_query).collect();
        let answers = gather::gather(&all, request).await?;
        for ((rank, sub_query), answer) in completing.iter().zip(answers) {
            match answer {
                Ok(Found { entities, left_out }) => {
                    // Those that were found wrong before are found again.
                    let is_told = warnings.iter().any(|told| told.is_of_left_out(&sub_query.source.id));
                    let left_out = Warning::of_left_out(&sub_query.source.id, &left_out);
                    warning::add(&mut warnings, left_out.filter(|_| !is_told));
                    complete_parts(&mut parts, *rank, sub_query, entities);
                }
                Err(error) => warning::add(&mut warnings, [Warning::from(&error)]),
            }
        }
    }
    Ok((parts, warnings))
}

/// What a source that filters must be asked for again: the candidates of the others that it may hold.
fn missing_parts(sub_query: &SubQuery, mut found: Vec<EntityId>, parts: &Parts) -> Option<SubQuery> {
    if !sub_query.filters_parts() {
        return None;
    }
    found.sort_unstable();
    let mut missing: Vec<EntityId> = parts
        .keys()
        .filter(|id| found.binary_search(id).is_err())
        .filter(|id| {
            sub_query
                .query
                .types
                .iter()
                .any(|r#type| sub_query.source.may_hold(r#type, std::slice::from_ref(*id)))
        })
        .cloned()
        .collect();
    missing.sort_unstable();
    match missing.len() {
        0 => None,
        1..=MAX_COMPLETED_BY_ID => Some(sub_query.completing(missing)),
        // One question for everything of these types costs less than hundreds of questions for ids.
        _ => Some(sub_query.completing(sub_query.query.ids.clone())),
    }
}

/// Ids that a source is asked for one by one, to complete what others have found: a few requests' worth.
const MAX_COMPLETED_BY_ID: usize = 500;

fn add_parts(parts: &mut Parts, rank: usize, sub_query: &SubQuery, entities: Vec<Entity>) {
    for entity in entities {
        let authoritative = sub_query.source.is_authoritative_for(&entity);
        let part = Part { entity, authoritative };
        parts
            .entry(part.entity.id.clone())
            .or_default()
            .push(RankedPart { rank, part });
    }
}

/// Adds the parts of entities that other sources have found, as far as this source's own part was missing.
fn complete_parts(parts: &mut Parts, rank: usize, sub_query: &SubQuery, entities: Vec<Entity>) {
    let is_missing = |entity: &Entity| {
        let known = parts.get(&entity.id);
        known.is_some_and(|known| known.iter().all(|ranked| ranked.rank != rank))
    };
    let missing = entities.into_iter().filter(is_missing).collect();
    add_parts(parts, rank, sub_query, missing);
}
