//! Entities of known ids, made whole by what every source says of them, and judged.

use std::sync::Arc;

use hashbrown::HashSet;
use kakehashi_adapters::Page;
use kakehashi_resources::Held;
use ngsi_ld::{Entity, EntityId};

use super::finding::Finding;
use super::ids_alone::is_too_much;
use super::judging::{Judging, Parts};
use super::reading::Candidate;
use crate::gather::{self, Request};
use crate::plan::SubQuery;
use crate::{Question, Refusal, Warning, warning};

/// Entities that are made whole together.
const JUDGED_TOGETHER: usize = 1_000;

/// What became of ids.
#[derive(Default)]
pub(super) struct ByIds {
    /// The entities that are asked for, in no order.
    pub(super) shown: Vec<Entity>,
    /// For each source the parts that would be shown and were taken out, because their entity's owner says nothing of it.
    pub(super) ownerless: Vec<u64>,
    /// The sources that were not heard.
    pub(super) warnings: Vec<Warning>,
    /// What is wrong with entities of others.
    pub(super) flawed: Vec<Warning>,
    /// Whether the request's time or its bounds were over before all were heard.
    pub(super) is_cut_short: bool,
    /// What is counted of the entities for the request.
    pub(super) held: Vec<Held>,
}

/// Asks the sources for ids. `holds`: whether a source may have one.
///
/// # Errors
/// [`Refusal::TooManyCandidates`], [`Refusal::Exhausted`]
pub(super) async fn judged(
    sub_queries: &Arc<[Arc<SubQuery>]>,
    question: &Arc<Question>,
    ids: &[EntityId],
    holds: impl Fn(usize, &EntityId) -> bool,
    request: &Request,
) -> Result<ByIds, Refusal> {
    judged_where_they_stood(sub_queries, question, ids, (holds, |_, _: &[EntityId]| None), request).await
}

/// The same. `stood`: the part of the source's own list in which these ids stood lately, if that is known: it is asked for first, as
/// a page costs a source less than a list of ids, and by their ids only those that do not stand there any more.
///
/// # Errors
/// [`Refusal::TooManyCandidates`], [`Refusal::Exhausted`]
pub(super) async fn judged_where_they_stood(
    sub_queries: &Arc<[Arc<SubQuery>]>,
    question: &Arc<Question>,
    ids: &[EntityId],
    (holds, stood): (
        impl Fn(usize, &EntityId) -> bool,
        impl Fn(usize, &[EntityId]) -> Option<Page>,
    ),
    request: &Request,
) -> Result<ByIds, Refusal> {
    let mut found = ByIds {
        ownerless: vec![0; sub_queries.len()],
        ..ByIds::default()
    };
    let findings: Arc<[Finding]> = sub_queries.iter().map(|one| Finding::of(one, question)).collect();
    for together in ids.chunks(JUDGED_TOGETHER) {
        let mut wanted: Vec<(usize, Vec<EntityId>)> = Vec::new();
        for rank in 0..sub_queries.len() {
            let held: Vec<EntityId> = together.iter().filter(|id| holds(rank, id)).cloned().collect();
            if !held.is_empty() {
                wanted.push((rank, held));
            }
        }
        let mut parts = Parts::new();
        let windows = wanted.iter().filter_map(|(rank, ids)| {
            let one = sub_queries.get(*rank)?;
            Some((*rank, Arc::new(one.of_part(Some(stood(*rank, ids)?)))))
        });
        let (ranks, asking): (Vec<usize>, Vec<Arc<SubQuery>>) = windows.unzip();
        for (rank, answer) in ranks.into_iter().zip(gather::gather(&asking, request).await?) {
            // What is wrong with the page is told by the question for the ids, which follows.
            let (Ok(answer), Some((_, ids))) = (answer, wanted.iter_mut().find(|(of, _)| *of == rank)) else {
                continue;
            };
            let mut missing: HashSet<EntityId> = ids.drain(..).collect();
            found.held.push(answer.held);
            for part in answer.entities {
                if missing.remove(&part.id) {
                    parts.entry(part.id.clone()).or_default().push((rank, part));
                }
            }
            ids.extend(missing);
        }
        let asking = wanted.into_iter().filter(|(_, ids)| !ids.is_empty());
        let asking = asking.filter_map(|(rank, ids)| Some((rank, Arc::new(sub_queries.get(rank)?.completing(ids)))));
        let (ranks, asking): (Vec<usize>, Vec<Arc<SubQuery>>) = asking.unzip();
        for (rank, answer) in ranks.into_iter().zip(gather::gather(&asking, request).await?) {
            match answer {
                Ok(answer) => {
                    if let Some(asked) = sub_queries.get(rank) {
                        let flawed = gather::warnings_of(asked, request, &answer.left_out).await;
                        warning::add(&mut found.flawed, flawed);
                    }
                    found.held.push(answer.held);
                    for part in answer.entities {
                        parts.entry(part.id.clone()).or_default().push((rank, part));
                    }
                }
                Err(error) => {
                    found.is_cut_short |= is_too_much(&error, request);
                    warning::add(&mut found.warnings, [Warning::from(&error)]);
                }
            }
        }
        let resources = &request.call.resources;
        let (sub_queries, question) = (Arc::clone(sub_queries), Arc::clone(question));
        let judging = judge(parts, sub_queries, question, Arc::clone(&findings));
        let judged = resources.compute_over_held(judging).await;
        let (shown, ownerless) = judged.and_then(|judged| judged).map_err(Refusal::Exhausted)?;
        found.shown.extend(shown);
        for (count, more) in found.ownerless.iter_mut().zip(ownerless) {
            *count += more;
        }
    }
    Ok(found)
}

/// Judges what the parts make, each where the first source that finds it has it.
async fn judge(
    mut parts: Parts,
    sub_queries: Arc<[Arc<SubQuery>]>,
    question: Arc<Question>,
    findings: Arc<[Finding]>,
) -> Result<(Vec<Entity>, Vec<u64>), kakehashi_resources::Exhausted> {
    let mut of_rank: Vec<Vec<Candidate>> = Vec::new();
    of_rank.resize_with(sub_queries.len(), Vec::new);
    for of_one in parts.values_mut() {
        of_one.sort_by_key(|(rank, _)| *rank);
        let mut first = None;
        for (place, (rank, part)) in of_one.iter().enumerate() {
            if let Some(finding) = findings.get(*rank)
                && finding.finds(part).await?
            {
                first = Some(place);
                break;
            }
        }
        let Some((rank, entity)) = first.map(|place| of_one.remove(place)) else {
            continue;
        };
        if let Some(candidates) = of_rank.get_mut(rank) {
            candidates.push(Candidate { entity, behind: 0 });
        }
    }
    let (mut shown, mut ownerless) = (Vec::new(), vec![0; sub_queries.len()]);
    for (rank, candidates) in of_rank.into_iter().enumerate() {
        if candidates.is_empty() {
            continue;
        }
        let of_these: Parts = candidates
            .iter()
            .filter_map(|one| parts.remove_entry(&one.entity.id))
            .collect();
        let judging = Judging {
            question: Arc::clone(&question),
            sub_queries: Arc::clone(&sub_queries),
            findings: Arc::clone(&findings),
            rank,
        };
        let judged = judging.of(candidates, of_these, HashSet::new()).await?;
        shown.extend(judged.shown.into_iter().map(|one| one.entity));
        for (count, more) in ownerless.iter_mut().zip(judged.ownerless) {
            *count += more;
        }
    }
    Ok((shown, ownerless))
}
