//! The walk along the list for one page: candidates of one source after the other, made whole by what the others say.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use hashbrown::{HashMap, HashSet};
use kakehashi_adapters::{ErrorKind, LeftOut, SourceId};
use kakehashi_resources::Held;
use ngsi_ld::{Entity, EntityId};

use super::counting::is_held_again;
use super::finding::Finding;
use super::judging::{Judging, Parts};
use super::known_list::KnownList;
use super::place::Place;
use super::reading::{Candidate, Reading};
use super::{AskedSources, named_parts};
use crate::gather::{self, Request};
use crate::looking::hold;
use crate::plan::{Asker, SubQuery};
use crate::registered_source::RegisteredSource;
use crate::scan::{self, MAX_CANDIDATES};
use crate::{Question, Refusal, Warning, warning};

/// Most candidates that are judged together.
const JUDGED_TOGETHER: usize = 1_000;

/// How long what has arrived may be judged when the request's time is over, before a source that was not heard is named: about a
/// thousand entities on a busy machine.
const LAST_JUDGEMENT: Duration = Duration::from_millis(200);

/// What several sources are asked for one page.
pub(super) struct Walk<'r> {
    question: Arc<Question>,
    request: &'r Request,
    sub_queries: Arc<[Arc<SubQuery>]>,
    findings: Arc<[Finding]>,
    readings: Vec<Reading>,
    /// The places of the sources among all, and which of the questions to it each is.
    named: Vec<(usize, usize)>,
    /// Of which sources it is believed that nobody else has their ids.
    is_alone: Vec<bool>,
    seen: HashSet<EntityId>,
    ownerless: Vec<u64>,
    warnings: Vec<Warning>,
    pub(super) held: Held,
    /// Which ids are known to be one source's alone.
    known: Option<Arc<KnownList>>,
    /// Ids that others were asked for, on this page and those before it.
    completed: usize,
}

/// An entity of the page, with where it was found and where the list goes on behind it.
struct Shown {
    entity: Entity,
    rank: usize,
    behind: usize,
}

impl<'r> Walk<'r> {
    /// One that begins at a place: its rank, and what is before it there.
    pub(super) fn new(
        all: &AskedSources,
        question: &Arc<Question>,
        from: Option<Place>,
        known: Option<Arc<KnownList>>,
        asker: &Asker<'_>,
        request: &'r Request,
    ) -> (Self, (usize, Place)) {
        let sub_queries = Arc::clone(&all.sub_queries);
        let named = named_parts(&sub_queries, asker);
        let begin = from.unwrap_or_default();
        // Where the source is not asked any more, with what comes after it.
        let rank = named.partition_point(|name| *name < (begin.source, begin.part));
        let is_same = named.get(rank) == Some(&(begin.source, begin.part));
        let place = Place {
            position: if is_same { begin.position } else { 0 },
            ..begin
        };
        let mut walk = Self {
            question: Arc::clone(question),
            request,
            findings: sub_queries.iter().map(|one| Finding::of(one, question)).collect(),
            readings: sub_queries.iter().map(|one| Reading::new(one, request)).collect(),
            named,
            is_alone: sub_queries
                .iter()
                .map(|one| one.source.owns_ids.are_believed())
                .collect(),
            seen: HashSet::new(),
            ownerless: vec![0; sub_queries.len()],
            warnings: warning::of_errors(&all.overloaded),
            held: request.call.resources.held(),
            known,
            completed: begin.completed,
            sub_queries,
        };
        if let [only] = walk.readings.as_mut_slice() {
            only.is_the_only_one();
        }
        (walk, (rank, place))
    }

    /// The entities of the page that begins there, and where the next one begins; `None`: nowhere.
    /// `is_walk`: whether it is the page behind one that ended there.
    pub(super) async fn fill(
        &mut self,
        (rank, begin): (usize, Place),
        is_walk: bool,
        limit: usize,
    ) -> Result<(Vec<Entity>, Option<Place>), Refusal> {
        if limit == 0 {
            return Ok((Vec::new(), None));
        }
        let mut skip = begin.skipped;
        if let Some(reading) = self.readings.get_mut(rank) {
            reading.begin_at(begin.position);
        }
        // In the middle of a walk the source that the last page ended in mostly has this one, too.
        let mut ahead = if is_walk { rank + 1 } else { usize::MAX };
        self.read_ahead(rank..ahead, limit.saturating_add(1)).await;
        let mut shown: Vec<Shown> = Vec::new();
        let mut stopped = None;
        let first = rank;
        'ranks: for rank in first..self.readings.len() {
            if rank >= ahead {
                let missing = skip.saturating_add(limit + 1).saturating_sub(shown.len());
                self.read_ahead(rank..usize::MAX, missing).await;
                ahead = usize::MAX;
            }
            let begun = if rank == first { begin.position } else { 0 };
            let (mut judged_last, mut shown_before) = (0, shown.len());
            while shown.len() <= limit {
                let mut missing = skip.saturating_add(limit + 1 - shown.len());
                let shown_last = shown.len() - shown_before;
                if self.named.len() > 1 && shown_last * 2 < judged_last {
                    // Where few are shown of many, more are made whole together: each time other sources are asked.
                    missing = missing.max(judged_last * 2);
                }
                shown_before = shown.len();
                let Some(reading) = self.readings.get_mut(rank) else {
                    break;
                };
                let candidates = match reading.next(missing.min(JUDGED_TOGETHER)).await {
                    Ok(candidates) if candidates.is_empty() => break,
                    Ok(candidates) => candidates,
                    Err(error) => {
                        if let Some(refusal) = scan::exhausted(&error) {
                            return Err(refusal);
                        }
                        let goes_on = error.kind == ErrorKind::TooMany && reading.position() > begun;
                        if let [_] = self.named.as_slice()
                            && !goes_on
                            && let Some(refusal) = scan::refusal_of_the_only(&error)
                        {
                            return Err(refusal);
                        }
                        warning::add(&mut self.warnings, [Warning::from(&error)]);
                        if goes_on {
                            // So much is looked through for one page: the next one goes on from here.
                            stopped = Some((rank, reading.position()));
                            break 'ranks;
                        }
                        // A part of its answer would look like all of it.
                        shown.retain(|one| one.rank != rank || !self.seen.remove(&one.entity.id));
                        break;
                    }
                };
                judged_last = candidates.len();
                for Candidate { entity, behind } in self.judged(rank, candidates).await? {
                    if skip > 0 {
                        skip -= 1;
                    } else if shown.len() <= limit {
                        hold(&mut self.held, &entity).map_err(Refusal::Exhausted)?;
                        shown.push(Shown { entity, rank, behind });
                    }
                }
            }
            if shown.len() > limit {
                break;
            }
        }
        let next = if shown.len() > limit {
            shown.truncate(limit);
            shown.last().map(|last| (last.rank, last.behind))
        } else {
            stopped
        };
        let next = next.and_then(|(rank, position)| {
            let (source, part) = *self.named.get(rank)?;
            Some(Place {
                source,
                part,
                position,
                skipped: skip,
                completed: self.completed,
            })
        });
        Ok((shown.into_iter().map(|one| one.entity).collect(), next))
    }

    /// Reads as much of each source, all at the same time, as the page may need of it.
    async fn read_ahead(&mut self, ranks: Range<usize>, wanted: usize) {
        let many = (MAX_CANDIDATES / 2 / wanted).max(1).min(ranks.len());
        let wanted = wanted.min(JUDGED_TOGETHER);
        let readings = self.readings.iter_mut().skip(ranks.start).take(many);
        join_all(readings.map(|reading| reading.read(wanted))).await;
    }

    /// Makes candidates of one source whole, and judges them.
    async fn judged(&mut self, rank: usize, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, Refusal> {
        let parts = self.parts_beside(rank, &candidates).await?;
        let judging = Judging {
            question: Arc::clone(&self.question),
            sub_queries: Arc::clone(&self.sub_queries),
            findings: Arc::clone(&self.findings),
            rank,
        };
        let judging = judging.of(candidates, parts, std::mem::take(&mut self.seen));
        let resources = &self.request.call.resources;
        // What was read until the end of the request's time is judged all the same.
        let end = self.request.call.deadline.max(Instant::now()) + LAST_JUDGEMENT;
        let judging = tokio::time::timeout_at(end.into(), resources.compute_over_held(judging));
        let judged = judging.await.map_err(|_| Refusal::ScanTooWide)?;
        let judged = judged.and_then(|judged| judged).map_err(Refusal::Exhausted)?;
        self.seen = judged.seen;
        for (count, more) in self.ownerless.iter_mut().zip(judged.ownerless) {
            *count += more;
        }
        Ok(judged.shown)
    }

    /// What the other sources say of candidates of one. What they have said already they are not asked again.
    async fn parts_beside(&mut self, rank: usize, candidates: &[Candidate]) -> Result<Parts, Refusal> {
        let mut parts = Parts::new();
        let mut asking: Vec<(usize, Arc<SubQuery>)> = Vec::new();
        let is_held_again = is_held_again(&self.sub_queries, rank, self.request).await;
        let own = self.sub_queries.get(rank).map(|own| Arc::clone(&own.source));
        let is_alone = self.is_alone.get(rank).is_some_and(|alone| *alone);
        for (other, (sub_query, reading)) in self.sub_queries.iter().zip(&mut self.readings).enumerate() {
            let is_same_source = own.as_ref().is_some_and(|own| Arc::ptr_eq(own, &sub_query.source));
            let is_apart = match is_same_source {
                true => !is_held_again,
                false => is_alone || self.is_alone.get(other).is_some_and(|alone| *alone),
            };
            if other == rank || is_apart {
                continue;
            }
            let ids = candidates.iter().map(|one| &one.entity.id);
            let is_alone = |id: &EntityId| self.known.as_ref().is_some_and(|known| known.is_alone(id));
            let mut ids = ids
                .filter(|id| !self.seen.contains(*id) && sub_query.may_hold_id(id) && !is_alone(id))
                .peekable();
            if let Some(error) = reading.failure() {
                if ids.peek().is_some() {
                    warning::add(&mut self.warnings, [Warning::from(error)]);
                }
                continue;
            }
            if reading.has_said_all() {
                for id in ids {
                    if let Some(part) = reading.part(id) {
                        parts.entry(part.id.clone()).or_default().push((other, part));
                    }
                }
                continue;
            }
            let ids: Vec<EntityId> = ids.cloned().collect();
            if !ids.is_empty() {
                self.completed = self.completed.saturating_add(ids.len());
                asking.push((other, Arc::new(sub_query.completing(ids))));
            }
        }
        if asking.is_empty() {
            return Ok(parts);
        }
        let (ranks, asking): (Vec<usize>, Vec<Arc<SubQuery>>) = asking.into_iter().unzip();
        let answers = gather::gather(&asking, self.request).await?;
        let wanted: HashMap<&EntityId, ()> = candidates.iter().map(|one| (&one.entity.id, ())).collect();
        for (rank, answer) in ranks.into_iter().zip(answers) {
            match answer {
                Ok(found) => {
                    self.held.absorb(found.held);
                    if !found.entities.is_empty() {
                        self.tell_of_shared_ids(own.as_deref(), rank);
                    }
                    for part in found.entities {
                        if wanted.contains_key(&part.id) {
                            parts.entry(part.id.clone()).or_default().push((rank, part));
                        }
                    }
                }
                Err(error) => warning::add(&mut self.warnings, [Warning::from(&error)]),
            }
        }
        Ok(parts)
    }

    /// Says that two sources have entities of the same ids, where one of them is said to share none.
    fn tell_of_shared_ids(&self, own: Option<&RegisteredSource>, other: usize) {
        let other = self.sub_queries.get(other).map(|other| &*other.source);
        if let Some((own, other)) = own.zip(other)
            && (own.owns_ids.are_said() || other.owns_ids.are_said())
            && let Some(untold) = kakehashi_telemetry::may_say(&own.id, "shared ids")
        {
            tracing::warn!(
                source_id = %own.id,
                other = %other.id,
                untold,
                "`ids = \"own\"` does not hold: both sources have entities of the same ids, and counts are too high"
            );
        }
    }

    /// What is missing, and what was left out.
    pub(super) async fn warnings(&mut self) -> Vec<Warning> {
        let mut warnings = std::mem::take(&mut self.warnings);
        let mut told: Vec<SourceId> = Vec::new();
        let left_out: Vec<LeftOut> = self.readings.iter().map(|reading| *reading.left_out()).collect();
        for ((sub_query, left_out), ownerless) in self.sub_queries.iter().zip(left_out).zip(&self.ownerless) {
            gather::note_left_out(sub_query, self.request, &left_out);
            if !left_out.is_empty() && !told.contains(&sub_query.source.id) {
                told.push(sub_query.source.id.clone());
                let warning = gather::warning_of_left_out(sub_query, self.request, &left_out).await;
                warning::add(&mut warnings, warning);
            }
            warning::add(&mut warnings, gather::ownerless(sub_query, self.request, *ownerless));
        }
        warnings
    }
}
