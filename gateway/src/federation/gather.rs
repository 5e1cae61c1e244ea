//! Asking the sources of a plan, all at the same time, each under the request's deadline.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kakehashi_adapters::{AdapterError, Call, Counted, ErrorKind, LeftOut, Yielded};
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;

use super::Refusal;
use super::plan::SubQuery;
use super::scan::Scan;
use super::share::Shares;
use crate::telemetry::SourceMetrics;

/// Entities that one request may hold at once, over all sources. At a few KiB each this bounds a request to
/// about 100 MiB; a question that needs more must be narrower.
pub const MAX_CANDIDATES: usize = 20_000;

/// Entities that a source may yield to one question of a request. One that has more costs its own part of the answer,
/// not everybody's.
pub const MAX_FROM_ONE_SOURCE: usize = MAX_CANDIDATES / 2;

/// The largest total that a source is believed to have: ten times what all sources together are designed to hold. One
/// that says more counts something else, or wrongly: then its entities are counted here.
pub const MAX_TOTAL: u64 = 1_000_000_000;

/// What one sub-query yielded.
pub type Answer = Result<Found, AdapterError>;

/// What a source has sent of what was asked for.
#[derive(Debug, Default)]
pub struct Found {
    /// The entities, as far as the consumer may see them.
    pub entities: Vec<Entity>,
    /// What was wrong with others.
    pub left_out: LeftOut,
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
}

/// Asks every sub-query at the same time. The answers stand in the order of the sub-queries. A source that
/// fails midway yields nothing: a part of its part would look like all of it. So does one that has more than
/// [`MAX_FROM_ONE_SOURCE`], whatever the others have: what is refused, and who is named, does not depend on who is first.
///
/// # Errors
/// [`Refusal::TooManyCandidates`] when the sources that have not failed yield more than a request may hold.
pub async fn gather(sub_queries: &[&SubQuery], request: &Request) -> Result<Vec<Answer>, Refusal> {
    let shares = Shares::of(sub_queries.len());
    let asking = sub_queries.iter().enumerate();
    let mut asking: FuturesUnordered<_> = asking
        .map(|(place, sub_query)| collect(place, sub_query, request, &shares))
        .collect();
    let mut answers: Vec<(usize, Answer)> = Vec::with_capacity(sub_queries.len());
    let mut held = 0_usize;
    while let Some((place, answer)) = asking.next().await {
        held = held.saturating_add(answer.as_ref().map_or(0, |found| found.entities.len()));
        if held > MAX_CANDIDATES {
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

/// Collects what one source yields. Each entity is projected on the grant of the source's owner as it arrives,
/// before anything else looks at it.
async fn collect(place: usize, sub_query: &SubQuery, request: &Request, shares: &Shares) -> (usize, Answer) {
    let mut share = shares.share(place);
    let mut stream = sub_query.source.adapter.query(&sub_query.query, &request.call);
    let scan = Scan::new(request.scan);
    let collecting = async {
        let mut found = Found::default();
        while let Some(yielded) = stream.next().await {
            let yielded = yielded?;
            scan.count(sub_query)?;
            let entity = match yielded {
                Yielded::Entity(entity) => entity,
                Yielded::LeftOut(flaw) => {
                    found.left_out.add(flaw);
                    continue;
                }
            };
            if let Some(visible) = visible_part(sub_query, entity) {
                if found.entities.len() >= MAX_FROM_ONE_SOURCE {
                    let detail = "the source has more entities than one request may look at";
                    return Err(AdapterError::new(&sub_query.source.id, ErrorKind::TooMany, detail));
                }
                share.grow().await;
                found.entities.push(visible);
            }
        }
        Ok(found)
    };
    let found = observed(sub_query, request, collecting, |error| {
        scan.judged(error, request.call.deadline)
    });
    let answer = found.await;
    if let Ok(found) = &answer {
        share.keep();
        note_left_out(sub_query, request, &found.left_out);
    }
    (place, answer)
}

/// Shows each entity that one source yields and the consumer may see, as it arrives; none is held. `Break` ends it.
/// What was left out until then is told.
pub async fn look_through(
    sub_query: &SubQuery,
    request: &Request,
    mut look: impl FnMut(Entity) -> ControlFlow<()>,
) -> Result<LeftOut, AdapterError> {
    let mut stream = sub_query.source.adapter.query(&sub_query.query, &request.call);
    let scan = Scan::new(request.scan);
    let looking = async {
        let mut left_out = LeftOut::default();
        while let Some(yielded) = stream.next().await {
            let yielded = yielded?;
            scan.count(sub_query)?;
            match yielded {
                Yielded::Entity(entity) => {
                    if let Some(visible) = visible_part(sub_query, entity)
                        && look(visible).is_break()
                    {
                        break;
                    }
                }
                Yielded::LeftOut(flaw) => left_out.add(flaw),
            }
        }
        Ok(left_out)
    };
    let left_out = observed(sub_query, request, looking, |error| {
        scan.judged(error, request.call.deadline)
    })
    .await?;
    note_left_out(sub_query, request, &left_out);
    Ok(left_out)
}

/// Asks one source for one entity.
pub async fn retrieve(sub_query: &SubQuery, request: &Request) -> Result<Option<Yielded>, AdapterError> {
    let retrieving = async {
        let adapter = &sub_query.source.adapter;
        let found = adapter.retrieve(&sub_query.query, &request.call).await?;
        Ok(found.and_then(|found| match found {
            Yielded::Entity(entity) => visible_part(sub_query, entity).map(Yielded::Entity),
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
pub async fn count(sub_query: &SubQuery, request: &Request) -> Result<Counted, AdapterError> {
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
pub async fn count_shown(sub_query: &SubQuery, request: &Request) -> Result<Counted, AdapterError> {
    let mut counted = Counted::default();
    let looking = look_through(sub_query, request, |_| {
        counted.entities = counted.entities.saturating_add(1);
        ControlFlow::Continue(())
    });
    counted.left_out = looking.await?;
    Ok(counted)
}

/// How many entities match, as the source says it.
pub async fn count_of_source(sub_query: &SubQuery, request: &Request) -> Result<Counted, AdapterError> {
    let counting = sub_query.source.adapter.count(&sub_query.query, &request.call);
    let counted = observed(sub_query, request, counting, |error| error).await?;
    note_left_out(sub_query, request, &counted.left_out);
    Ok(counted)
}

/// Remembers and counts what was left out of what a source has sent.
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

/// What the consumer may see of an entity that a source has sent, of what is still valid; `None` when that is nothing.
pub(super) fn visible_part(sub_query: &SubQuery, entity: Entity) -> Option<Entity> {
    if !sub_query.source.provides(&entity) {
        return None;
    }
    let valid = entity.valid_at(|| DateTime::from_system_time(SystemTime::now()))?;
    sub_query.source.release(&sub_query.grants, valid, &sub_query.audit)
}

/// Runs an exchange with a source under the request's deadline, and counts how it went. `judged` says what an error means.
async fn observed<T>(
    sub_query: &SubQuery,
    request: &Request,
    exchange: impl Future<Output = Result<T, AdapterError>>,
    judged: impl FnOnce(AdapterError) -> AdapterError,
) -> Result<T, AdapterError> {
    let began = Instant::now();
    let deadline = tokio::time::Instant::from_std(request.call.deadline);
    let result = match tokio::time::timeout_at(deadline, exchange).await {
        Ok(result) => result,
        Err(_) => Err(deadline_passed(sub_query)),
    };
    let result = result.map_err(judged);
    record(sub_query, request, began, result.as_ref().err());
    result
}

/// The error of a source that did not answer within the request's deadline.
pub(super) fn deadline_passed(sub_query: &SubQuery) -> AdapterError {
    let detail = "the request's deadline passed";
    AdapterError::new(&sub_query.source.id, ErrorKind::Timeout, detail)
}

/// Counts how an exchange with a source went, and says why it failed.
pub(super) fn record(sub_query: &SubQuery, request: &Request, began: Instant, error: Option<&AdapterError>) {
    let source = &sub_query.source.id;
    let outcome = error.map_or("ok", |error| error.kind.as_str());
    request.metrics.record(source, outcome, began.elapsed());
    if let Some(error) = error {
        tracing::warn!(source_id = %source, kind = %error.kind, detail = %error.detail, "source failed");
    }
}
