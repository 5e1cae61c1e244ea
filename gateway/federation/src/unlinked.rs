//! Questions without conditions on linked entities: by the strategy that [`super::strategy`] decides on.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hashbrown::HashMap;
use kakehashi_adapters::{AdapterError, Counted, Page, SourceId};
use kakehashi_resources::{Exhausted, Held, pause};
use ngsi_ld::entity::DateTime;
use ngsi_ld::merge::{Clock, merge_parts};
use ngsi_ld::{Entity, EntityId};
use smallvec::SmallVec;

use super::additions::{PartsOfOne, RankedPart, in_rank, take_out_ownerless};
use super::entities::{Arriving, Entities, EntityPage};
use super::gather::{self, Found, Request, SourceAnswer};
use super::looking::{Look, hold};
use super::pages::place::Place;
use super::pages::{Asked, AskedSources, Finding, Paging};
use super::plan::{Asker, SubQuery, plan};
use super::strategy::Strategy;
use super::warning::Missing;
use super::{Question, Refusal, Warning, ordered, scan, steps, warning};

/// Answers a question without conditions on linked entities.
///
/// # Errors
/// As [`super::query::query`].
pub(super) async fn query(
    question: &Arc<Question>,
    page: Page,
    from: Option<Place>,
    count: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    steps::check(question, request).await?;
    let mut plan = plan(question, asker, &request.call).await?;
    let strategy = Strategy::of(&plan.sub_queries, plan.overloaded.is_empty(), question, page);
    if !matches!(strategy, Strategy::Paged | Strategy::Merged)
        && let [only] = plan.sub_queries.as_mut_slice()
    {
        only.is_only = true;
    }
    let all = AskedSources {
        sub_queries: plan.sub_queries.into_iter().map(Arc::new).collect(),
        overloaded: plan.overloaded,
    };
    match (strategy, &*all.sub_queries) {
        (Strategy::Ordered, [only]) => ordered::from_one(only, question, page, count, request).await,
        (Strategy::Decided(unless), [only]) if from.is_none() && !unless.is_held_by(only, &request.call).await => {
            from_one(Arc::clone(only), question, page, count, request).await
        }
        (Strategy::Merged, _) => merged_from_many(&all, question, page, count, request).await,
        _ => by_pages(&all, question, Asked { page, from, count }, asker, request).await,
    }
}

/// The answer of sources of which as much is read as the page needs. Where its entities can be counted by looking at all of
/// them alone, that is done: at the entities themselves where there are few, else at their ids.
async fn by_pages(
    all: &AskedSources,
    question: &Arc<Question>,
    asked: Asked,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let mut paging = Paging::of(all, question, asked, asker, request).await;
    if !asked.count || paging.counts() {
        return paging.page().await;
    }
    let Asked { page, from, .. } = asked;
    let now = Instant::now();
    let time = request.call.deadline.saturating_duration_since(now);
    let mut counting = request.clone();
    counting.call.requests = request.call.requests.again();
    counting.call.deadline = now + time * 3 / 8;
    let counted = match &*all.sub_queries {
        [only] if only.is_only => looked_through(only, question, page, true, &counting).await,
        _ => merged_from_many(all, question, page, true, &counting).await,
    };
    let first = || all.sub_queries.first().map(|first| first.source.id.clone());
    let too_much = match &counted {
        Ok(answer) => answer.warnings.iter().find_map(Warning::of_too_many),
        Err(
            Refusal::ScanTooWide
            | Refusal::TooManyCandidates { .. }
            | Refusal::TooManyRequests { .. }
            | Refusal::Exhausted(Exhausted::Request { .. }),
        ) => first(),
        Err(_) => None,
    };
    let Some(source) = too_much else {
        let mut answer = counted?;
        if from.is_some() {
            // The page is another one than that which begins there.
            let EntityPage { count, warnings, .. } = answer;
            answer = paging.page().await?;
            answer.count = count;
            warning::add(&mut answer.warnings, warnings);
        }
        return Ok(answer);
    };
    // The rest of the time is for the page, which comes whatever becomes of the count.
    let until = match page.limit {
        0 => request.call.deadline,
        _ => now + time * 3 / 4,
    };
    let known = paging.know(until).await?;
    if known.is_none() && page.limit == 0 {
        // A count that is not asked for with anything else is the answer, or there is none.
        return Err(counted.err().unwrap_or(Refusal::ScanTooWide));
    }
    let mut answer = paging.page().await?;
    let missing = Missing::Count;
    let uncounted = || vec![Warning { source, missing }];
    warning::add(&mut answer.warnings, known.unwrap_or_else(uncounted));
    Ok(answer)
}

/// The answer of one source that decides everything itself: its page is the page, and is handed on as it arrives.
///
/// # Errors
/// [`Refusal::ScanTooWide`], [`Refusal::TooManyRequests`], [`Refusal::Exhausted`]
async fn from_one(
    only: Arc<SubQuery>,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let total = async {
        if count {
            Some(gather::count(&only, request).await)
        } else {
            None
        }
    };
    if page.limit == 0 {
        let (counted, error) = ended(total.await)?;
        let mut warnings = warning::of_errors(&error);
        if let Some(counted) = &counted {
            warning::add(
                &mut warnings,
                gather::warnings_of(&only, request, &counted.left_out).await,
            );
        }
        return Ok(EntityPage {
            entities: Entities::at_hand(question, Vec::new(), false, None),
            count: counted.map(|counted| counted.entities),
            warnings,
            next: None,
        });
    }
    let mut arriving = Arriving::new(Arc::clone(&only), page, request);
    let ((), total) = futures::join!(arriving.begin(), total);
    if let Some(refusal) = arriving.error().and_then(scan::refusal_of_the_only) {
        return Err(refusal);
    }
    let (counted, error) = ended(total)?;
    if let Some(counted) = counted {
        arriving.set_counted(counted);
    }
    Ok(EntityPage {
        entities: Entities::arriving(question, arriving),
        count: counted.map(|counted| counted.entities),
        warnings: warning::of_errors(&error),
        next: None,
    })
}

/// A count that was asked for, or why there is none.
fn ended(total: Option<Result<Counted, AdapterError>>) -> Result<(Option<Counted>, Option<AdapterError>), Refusal> {
    match total {
        Some(Ok(counted)) => Ok((Some(counted), None)),
        Some(Err(error)) => scan::exhausted(&error).map_or(Ok((None, Some(error))), Err),
        None => Ok((None, None)),
    }
}

/// The answer of one source that does not decide everything itself: its entities are looked at as they arrive, in its
/// order, and only those of the page are held. There is nothing to merge.
///
/// # Errors
/// [`Refusal::ScanTooWide`]
async fn looked_through(
    only: &Arc<SubQuery>,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let of_page = OfPage {
        question: Arc::clone(question),
        source: only.source.id.clone(),
        page,
        count,
        matching: 0,
        entities: Vec::new(),
        held: request.call.resources.held(),
    };
    let looked = gather::look_through(only, request, of_page).await;
    if let Some(refusal) = scan::refusal([(&**only, looked.as_ref().err())]) {
        return Err(refusal);
    }
    Ok(match looked {
        Ok((of_page, left_out)) => {
            let OfPage {
                matching,
                entities,
                held,
                ..
            } = of_page;
            let more = page.limit > 0 && matching > page.offset.saturating_add(entities.len());
            EntityPage {
                entities: Entities::at_hand(question, entities, more, Some(held)),
                count: count.then_some(matching as u64),
                warnings: gather::warnings_of(only, request, &left_out).await,
                next: None,
            }
        }
        // A part of its answer would look like all of it.
        Err(error) => EntityPage::failed(question, count, &error),
    })
}

/// Picks the entities of a page out of all that come.
struct OfPage {
    question: Arc<Question>,
    source: SourceId,
    page: Page,
    count: bool,
    matching: usize,
    entities: Vec<Entity>,
    held: Held,
}

impl Look for OfPage {
    async fn look(&mut self, entity: Entity) -> Result<ControlFlow<()>, AdapterError> {
        let exhausted = |exhausted| AdapterError::exhausted(&self.source, exhausted);
        if !self.question.selects(&entity).await.map_err(exhausted)? {
            return Ok(ControlFlow::Continue(()));
        }
        self.matching += 1;
        if self.matching <= self.page.offset {
            return Ok(ControlFlow::Continue(()));
        }
        if self.entities.len() < self.page.limit {
            hold(&mut self.held, &entity).map_err(exhausted)?;
            self.entities.push(entity);
            return Ok(ControlFlow::Continue(()));
        }
        // One more than the page is known of; how many more there are, only who counts wants to know.
        Ok(if self.count {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }
}

/// The answers of several sources, merged, with the conditions that are left evaluated here.
async fn merged_from_many(
    all: &AskedSources,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let sub_queries = Arc::clone(&all.sub_queries);
    let (parts, mut warnings) = all_parts(&sub_queries, question, request).await?;
    warning::add(&mut warnings, all.overloaded.iter().map(Warning::from));
    let resources = &request.call.resources;
    let merging = merged(parts, Arc::clone(&sub_queries), Arc::clone(question));
    let merged = resources.compute(merging).await.and_then(|merged| merged);
    let Merged {
        entities,
        ownerless,
        held,
    } = merged.map_err(Refusal::Exhausted)?;
    for (sub_query, count) in sub_queries.iter().zip(ownerless) {
        warning::add(&mut warnings, gather::ownerless(sub_query, request, count));
    }
    let total = entities.len();
    let entities: Vec<Entity> = entities.into_iter().skip(page.offset).take(page.limit).collect();
    let more = page.offset.saturating_add(entities.len()) < total && page.limit > 0;
    Ok(EntityPage {
        entities: Entities::at_hand(question, entities, more, held),
        count: count.then_some(total as u64),
        warnings,
        next: None,
    })
}

/// What parts make.
struct Merged {
    /// The entities that are asked for, in their order.
    entities: Vec<Entity>,
    /// For each sub-query the parts that would be asked for and were taken out, because their entity's owner says nothing of it.
    ownerless: Vec<u64>,
    held: Option<Held>,
}

async fn merged(parts: Parts, sub_queries: Arc<[Arc<SubQuery>]>, question: Arc<Question>) -> Result<Merged, Exhausted> {
    let clock = Clock::at(DateTime::from_system_time(SystemTime::now()));
    let mut entities = Vec::new();
    let mut ownerless = vec![0; sub_queries.len()];
    let Parts { by_id, places, held } = parts;
    for (id, mut parts) in by_id {
        // What no source finds is not found, whatever came unasked.
        let Some(place) = places.get(&id) else {
            continue;
        };
        let taken_out = take_out_ownerless(&mut parts, &sub_queries);
        if !taken_out.is_empty() {
            let ranks: SmallVec<[usize; 2]> = taken_out.iter().map(|part| part.rank).collect();
            // What nobody has asked for is not missing.
            if let Some(entity) = merge_parts(in_rank(taken_out), &clock)
                && question.selects(&entity).await?
            {
                for rank in ranks {
                    if let Some(count) = ownerless.get_mut(rank) {
                        *count += 1;
                    }
                }
            }
        }
        if let Some(entity) = merge_parts(in_rank(parts), &clock)
            && question.selects(&entity).await?
        {
            entities.push((*place, entity));
        }
        pause().await;
    }
    entities.sort_unstable_by_key(|(place, _)| *place);
    let mut entities: Vec<Entity> = entities.into_iter().map(|(_, entity)| entity).collect();
    if let Some(order) = &question.order {
        entities = steps::sorted(order, entities).await;
    }
    Ok(Merged {
        entities,
        ownerless,
        held,
    })
}

/// The parts of every candidate.
#[derive(Default)]
struct Parts {
    by_id: HashMap<EntityId, PartsOfOne>,
    /// Where the first source that finds each has it: the source's rank, and the place in its answer.
    places: HashMap<EntityId, (usize, usize)>,
    /// What is counted of them for the request.
    held: Option<Held>,
}

/// Asks for candidates, then for the parts of them that a source left out because its own part does not meet
/// the conditions: the whole entity must be seen to judge it, and to show it.
async fn all_parts(
    sub_queries: &Arc<[Arc<SubQuery>]>,
    question: &Arc<Question>,
    request: &Request,
) -> Result<(Parts, Vec<Warning>), Refusal> {
    let answers = gathered(sub_queries, request).await?;
    let errors = answers.iter().map(|answer| answer.as_ref().err());
    if let Some(refusal) = scan::refusal(sub_queries.iter().map(|sub_query| &**sub_query).zip(errors)) {
        return Err(refusal);
    }
    let resources = &request.call.resources;
    let assembling = assembled(Arc::clone(sub_queries), Arc::clone(question), answers);
    let assembled = resources.compute(assembling).await.and_then(|assembled| assembled);
    let (mut parts, mut warnings, completing) = assembled.map_err(Refusal::Exhausted)?;
    if completing.is_empty() {
        return Ok((parts, warnings));
    }
    let (ranks, completing): (Vec<usize>, Vec<Arc<SubQuery>>) = completing.into_iter().unzip();
    let answers = gathered(&completing, request).await?;
    let adding = async move {
        for ((rank, sub_query), answer) in ranks.into_iter().zip(completing).zip(answers) {
            match answer {
                Ok(found) => {
                    // Those that were found wrong before are found again.
                    let is_told = warnings.iter().any(|told| told.is_of_left_out(&sub_query.source.id));
                    let left_out = Warning::of_left_out(&sub_query.source.id, &found.left_out);
                    warning::add(&mut warnings, left_out.filter(|_| !is_told));
                    parts.complete(rank, &sub_query, found).await;
                }
                Err(error) => warning::add(&mut warnings, [Warning::from(&error)]),
            }
        }
        (parts, warnings)
    };
    resources.compute(adding).await.map_err(Refusal::Exhausted)
}

/// What the sources have sent, and of what was left out of it what the consumer is told of.
async fn gathered(sub_queries: &[Arc<SubQuery>], request: &Request) -> Result<Vec<SourceAnswer>, Refusal> {
    let mut answers = gather::gather(sub_queries, request).await?;
    for (sub_query, answer) in sub_queries.iter().zip(&mut answers) {
        if let Ok(found) = answer {
            found.left_out = gather::told_of_left_out(sub_query, request, &found.left_out).await;
        }
    }
    Ok(answers)
}

/// What sources must be asked for again, with the places of their sub-queries in the plan.
type Completing = Vec<(usize, Arc<SubQuery>)>;

/// The parts that sources have sent, and what they must be asked for again.
async fn assembled(
    sub_queries: Arc<[Arc<SubQuery>]>,
    question: Arc<Question>,
    answers: Vec<SourceAnswer>,
) -> Result<(Parts, Vec<Warning>, Completing), Exhausted> {
    let mut parts = Parts::default();
    let mut warnings = Vec::new();
    let mut filtering: Vec<(usize, &SubQuery, Vec<EntityId>)> = Vec::new();
    for ((rank, sub_query), answer) in sub_queries.iter().enumerate().zip(answers) {
        match answer {
            Ok(found) => {
                warning::add(
                    &mut warnings,
                    Warning::of_left_out(&sub_query.source.id, &found.left_out),
                );
                if sub_query.filters_parts() {
                    let ids = found.entities.iter().map(|entity| entity.id.clone()).collect();
                    filtering.push((rank, sub_query, ids));
                }
                parts
                    .note_places(rank, &Finding::of(sub_query, &question), &found)
                    .await?;
                parts.add(rank, sub_query, found).await;
            }
            Err(error) => warning::add(&mut warnings, [Warning::from(&error)]),
        }
    }
    let mut completing = Completing::new();
    for (rank, sub_query, found) in filtering {
        let missing = missing_parts(sub_query, found, &parts).await;
        completing.extend(missing.map(|missing| (rank, Arc::new(missing))));
    }
    Ok((parts, warnings, completing))
}

/// What a source that filters must be asked for again: the candidates of the others that it may hold.
async fn missing_parts(sub_query: &SubQuery, mut found: Vec<EntityId>, parts: &Parts) -> Option<SubQuery> {
    found.sort_unstable();
    let may_hold = |id: &EntityId| {
        let mut types = sub_query.query.types.iter();
        types.any(|r#type| sub_query.source.may_hold(r#type, std::slice::from_ref(id)))
    };
    let mut missing: Vec<EntityId> = Vec::new();
    for id in parts.by_id.keys() {
        if found.binary_search(id).is_err() && may_hold(id) {
            missing.push(id.clone());
        }
        pause().await;
    }
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

impl Parts {
    /// Notes what a source has found that none before it has.
    async fn note_places(&mut self, rank: usize, finding: &Finding, found: &Found) -> Result<(), Exhausted> {
        for (place, entity) in found.entities.iter().enumerate() {
            if !self.places.contains_key(&entity.id) && finding.has_found(entity).await? {
                self.places.insert(entity.id.clone(), (rank, place));
            }
            pause().await;
        }
        Ok(())
    }

    async fn add(&mut self, rank: usize, sub_query: &SubQuery, found: Found) {
        for entity in found.entities {
            let part = RankedPart::new(rank, sub_query, entity);
            let parts = self.by_id.entry_ref(&part.entity.id).or_default();
            parts.push(part);
            pause().await;
        }
        match &mut self.held {
            Some(held) => held.absorb(found.held),
            None => self.held = Some(found.held),
        }
    }

    /// Adds the parts of entities that other sources have found, as far as this source's own part was missing.
    async fn complete(&mut self, rank: usize, sub_query: &SubQuery, mut found: Found) {
        found.entities.retain(|entity| {
            let known = self.by_id.get(&entity.id);
            known.is_some_and(|known| known.iter().all(|ranked| ranked.rank != rank))
        });
        self.add(rank, sub_query, found).await;
    }
}
