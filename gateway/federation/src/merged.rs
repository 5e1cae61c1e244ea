//! The answers of several sources, read whole and merged: of few entities, and where everything is needed.

use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::HashMap;
use kakehashi_adapters::Page;
use kakehashi_resources::{Exhausted, Held, pause};
use ngsi_ld::entity::DateTime;
use ngsi_ld::merge::{Clock, merge_parts};
use ngsi_ld::{Entity, EntityId};
use smallvec::SmallVec;

use super::additions::{PartsOfOne, RankedPart, in_rank, take_out_ownerless};
use super::entities::{Entities, EntityPage};
use super::gather::{self, Found, Request, SourceAnswer};
use super::pages::{AskedSources, Finding};
use super::plan::SubQuery;
use super::{Question, Refusal, Warning, scan, steps, warning};

/// The answers of several sources, merged, with the conditions that are left evaluated here.
pub(super) async fn from_many(
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
//= 5.7.2.4-10
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
