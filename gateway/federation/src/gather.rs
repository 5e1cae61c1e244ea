//! Asking the sources of a plan, all at the same time, each under the request's deadline.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kakehashi_adapters::{AdapterError, Call, Counted, EntityStream, ErrorKind, Flaw, LeftOut, Yielded};
use kakehashi_resources::Held;
use kakehashi_telemetry::{SourceMetrics, source_answered, source_failed};
use ngsi_ld::Entity;

use super::looking::{Count, Keep, Look, Looking, visible_part};
use super::plan::SubQuery;
use super::registered_source::RegisteredSource;
use super::scan::{MAX_CANDIDATES, Scan};
use super::warning::{Missing, Warning};
use super::{Refusal, scan};

/// The largest total that a source is believed to have: ten times what all sources together are designed to hold. One
/// that says more counts something else, or wrongly: then its entities are counted here.
pub const MAX_TOTAL: u64 = 1_000_000_000;

/// What one sub-query yielded.
pub type SourceAnswer = Result<Found, AdapterError>;

/// What a source has sent of what was asked for.
#[derive(Debug)]
pub struct Found {
    /// The entities, as far as the consumer may see them.
    pub entities: Vec<Entity>,
    /// What was wrong with others.
    pub left_out: LeftOut,
    /// What is counted of the entities for the request.
    pub held: Held,
}

/// What asking needs to know about the request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The deadline, and what is sent along.
    pub call: Call,
    /// Where outcomes are counted.
    pub metrics: Arc<SourceMetrics>,
    /// Entities that it may look at in one source.
    pub scan: usize,
    /// Whether it has a part of the time that there is: a source that is still sending when that is over has too much for it, and
    /// has not failed.
    pub has_part_of_the_time: bool,
}

/// Asks every sub-query at the same time. The answers stand in the order of the sub-queries. A source that
/// fails midway yields nothing: a part of its part would look like all of it. So does one that has more than
/// [`MAX_FROM_ONE_SOURCE`](super::scan::MAX_FROM_ONE_SOURCE), whatever the others have: what is refused, and who is named, does not depend on who is first.
///
/// # Errors
/// [`Refusal::TooManyCandidates`] when the sources that have not failed yield more than a request may hold,
/// [`Refusal::Exhausted`].
pub async fn gather(sub_queries: &[Arc<SubQuery>], request: &Request) -> Result<Vec<SourceAnswer>, Refusal> {
    let asking = sub_queries.iter().enumerate();
    let mut asking: FuturesUnordered<_> = asking
        .map(async |(place, sub_query)| (place, collect(sub_query, request).await))
        .collect();
    let mut answers: Vec<(usize, SourceAnswer)> = Vec::with_capacity(sub_queries.len());
    let mut candidates = 0_usize;
    while let Some((place, answer)) = asking.next().await {
        if let Some(refusal) = answer.as_ref().err().and_then(scan::exhausted) {
            return Err(refusal);
        }
        candidates = candidates.saturating_add(answer.as_ref().map_or(0, |found| found.entities.len()));
        if candidates > MAX_CANDIDATES {
            // Nothing that the others do changes it any more.
            return Err(Refusal::TooManyCandidates {
                allowed: MAX_CANDIDATES,
            });
        }
        answers.push((place, answer));
    }
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// Collects what one source yields.
async fn collect(sub_query: &Arc<SubQuery>, request: &Request) -> SourceAnswer {
    let keep = Keep::new(sub_query, &request.call.resources);
    let (keep, left_out) = look_through(sub_query, request, keep).await?;
    let (entities, held) = keep.finish()?;
    Ok(Found {
        entities,
        left_out,
        held,
    })
}

/// Shows each entity that one source yields and the consumer may see, as it arrives. What was left out until it ended is
/// told, and whoever has looked comes back.
pub(super) async fn look_through<L: Look>(
    sub_query: &Arc<SubQuery>,
    request: &Request,
    look: L,
) -> Result<(L, LeftOut), AdapterError> {
    let stream = sub_query.prepared().query(sub_query.page, &request.call);
    look_through_stream(sub_query, request, stream, look).await
}

/// The same of what it was asked for in another way.
pub(super) async fn look_through_stream<L: Look>(
    sub_query: &Arc<SubQuery>,
    request: &Request,
    stream: EntityStream,
    look: L,
) -> Result<(L, LeftOut), AdapterError> {
    let scan = Arc::new(Scan::new(request.scan));
    let looking = Looking::new(sub_query, &scan, look).at_all(stream, &request.call.resources);
    let judged = |error| scan.judged(error, request.call.deadline, request.has_part_of_the_time);
    let (look, left_out) = observed(sub_query, request, looking, judged).await?;
    note_left_out(sub_query, request, &left_out);
    Ok((look, left_out))
}

/// Asks one source for one entity.
//= 5.7.1.4-7
pub async fn retrieve(sub_query: &SubQuery, request: &Request) -> Result<Option<Yielded>, AdapterError> {
    let retrieving = async {
        let found = sub_query.prepared().retrieve(&request.call).await?;
        Ok(found.and_then(|found| match found {
            Yielded::Entity(entity) => visible_part(sub_query, entity),
            Yielded::LeftOut(_) => Some(found),
        }))
    };
    let found = observed(sub_query, request, retrieving, |error| error).await?;
    if let Some(Yielded::LeftOut(flaw)) = found {
        note_left_out(sub_query, request, &LeftOut::from_iter([flaw]));
    }
    Ok(found)
}

/// How many entities match a query that the source decides exactly. Where it has lately had some that were left out,
/// its own total would count them, and one beyond [`MAX_TOTAL`] is none: then they are looked at one by one.
pub async fn count(sub_query: &Arc<SubQuery>, request: &Request) -> Result<Counted, AdapterError> {
    if sub_query.source.flawed.includes_any(&sub_query.query.types) {
        return count_shown(sub_query, request).await;
    }
    let counted = count_of_source(sub_query, request).await?;
    if counted.entities > MAX_TOTAL {
        return count_shown(sub_query, request).await;
    }
    Ok(counted)
}

/// How many entities match, found out by looking at them.
pub async fn count_shown(sub_query: &Arc<SubQuery>, request: &Request) -> Result<Counted, AdapterError> {
    let (Count(entities), left_out) = look_through(sub_query, request, Count::default()).await?;
    Ok(Counted { entities, left_out })
}

/// How many entities match, as the source says it.
pub async fn count_of_source(sub_query: &SubQuery, request: &Request) -> Result<Counted, AdapterError> {
    let counting = sub_query.prepared().count(&request.call);
    let counted = observed(sub_query, request, counting, |error| error).await?;
    note_left_out(sub_query, request, &counted.left_out);
    Ok(counted)
}

/// Remembers and counts what was left out of what a source has sent.
//= 4.3.6.8-1, 6.3.17-3
pub(super) fn note_left_out(sub_query: &SubQuery, request: &Request, left_out: &LeftOut) {
    if left_out.is_empty() {
        return;
    }
    let source = &sub_query.source;
    for (flaw, count) in left_out.iter() {
        request.metrics.record_left_out(&source.id, flaw.as_str(), count);
    }
    if source.flawed.note(&sub_query.query.types) {
        let flaws: Vec<&str> = left_out.iter().map(|(flaw, _)| flaw.as_str()).collect();
        let count = left_out.total();
        tracing::warn!(source_id = %source.id, count, flaws = flaws.join(" "), "entities of the source are left out");
    }
}

/// What the consumer is told of what was left out of what a source has sent.
///
/// What is wrong may be something that the consumer may not see. To be told of it tells that it exists, and by the
/// conditions that the source decides what it is like. So it is told to whom every entity of its types is shown, and to
/// nobody else. Whether what lacks its owner is shown was judged before it was left out.
pub(super) async fn told_of_left_out(sub_query: &SubQuery, request: &Request, left_out: &LeftOut) -> LeftOut {
    let judged = left_out.only(Flaw::OwnerMissing);
    if judged == *left_out || !sub_query.shows_every_entity() {
        return judged;
    }
    // By a type that it has beside those that are asked for, an entity may be hidden.
    let adapter = &sub_query.source.adapter;
    match adapter
        .has_entities_of_several_types(&sub_query.query.types, &request.call)
        .await
    {
        Ok(false) => *left_out,
        Ok(true) | Err(_) => judged,
    }
}

/// The warning of that; `None`: there is nothing to tell.
pub(super) async fn warning_of_left_out(
    sub_query: &SubQuery,
    request: &Request,
    left_out: &LeftOut,
) -> Option<Warning> {
    let told = told_of_left_out(sub_query, request, left_out).await;
    Warning::of_left_out(&sub_query.source.id, &told)
}

/// The warnings about what was left out of what a source has sent.
pub(super) async fn warnings_of(only: &SubQuery, request: &Request, left_out: &LeftOut) -> Vec<Warning> {
    let told = warning_of_left_out(only, request, left_out).await;
    told.into_iter().collect()
}

/// Counts entities of a source that were left out because the tenants that speak for them say nothing of them, and says
/// what is to be told of them.
pub(super) fn ownerless(sub_query: &SubQuery, request: &Request, count: u64) -> Option<Warning> {
    if count == 0 {
        return None;
    }
    let source = &sub_query.source.id;
    request
        .metrics
        .record_left_out(source, Flaw::OwnerMissing.as_str(), count);
    Some(Warning {
        source: source.clone(),
        missing: Missing::OwnerMissing(count),
    })
}

/// Runs an exchange with a source under the request's deadline, and counts how it went. `judged` says what an error means.
async fn observed<T>(
    sub_query: &SubQuery,
    request: &Request,
    exchange: impl Future<Output = Result<T, AdapterError>>,
    judged: impl FnOnce(AdapterError) -> AdapterError,
) -> Result<T, AdapterError> {
    let mut waited_for = WaitedFor::begin(sub_query, request);
    let deadline = tokio::time::Instant::from_std(request.call.deadline);
    let result = match tokio::time::timeout_at(deadline, exchange).await {
        Ok(result) => result,
        Err(_) => Err(deadline_passed(sub_query)),
    };
    let result = result.map_err(judged);
    waited_for.ended(result.as_ref().err());
    result
}

/// An exchange that somebody waits for: how it goes is counted. When it is dropped before it has ended, nobody waits for it any
/// more: the consumer has left, or needs it no longer.
#[derive(Debug)]
pub(super) struct WaitedFor {
    source: Arc<RegisteredSource>,
    metrics: Arc<SourceMetrics>,
    began: Instant,
    has_ended: bool,
}

impl WaitedFor {
    pub(super) fn begin(sub_query: &SubQuery, request: &Request) -> Self {
        Self {
            source: Arc::clone(&sub_query.source),
            metrics: Arc::clone(&request.metrics),
            began: Instant::now(),
            has_ended: false,
        }
    }

    /// Counts how it went, and says why it failed.
    pub(super) fn ended(&mut self, error: Option<&AdapterError>) {
        self.has_ended = true;
        let outcome = error.map_or("ok", |error| error.kind.as_str());
        self.metrics.record(&self.source.id, outcome, self.began.elapsed());
        match error {
            Some(error) => source_failed(error, self.source.credential_from.as_deref()),
            None => source_answered(&self.source.id),
        }
    }
}

impl Drop for WaitedFor {
    fn drop(&mut self) {
        if !self.has_ended {
            self.metrics.record(&self.source.id, "given_up", self.began.elapsed());
        }
    }
}

/// The error of a source that did not answer within the request's deadline.
pub(super) fn deadline_passed(sub_query: &SubQuery) -> AdapterError {
    let detail = "the request's deadline passed";
    AdapterError::new(&sub_query.source.id, ErrorKind::Timeout, detail)
}
