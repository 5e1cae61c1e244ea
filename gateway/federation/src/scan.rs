//! How far one request may look through a source: what the source does not decide is decided here, by looking at every
//! entity that it sends, and nobody may make the gateway look at all of a prefecture for one page.
//!
//! A scan is bounded in entities ([`Request::scan`](super::gather::Request)), in bytes (by the source's own limit of a
//! body, in its adapter) and in time (the request's deadline). Beyond a bound the source's part is missing, whole: a
//! refusal where nothing else has answered (403 TooManyResults, clause 6.3.2), a warning where something has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use kakehashi_adapters::{AdapterError, ErrorKind};

use super::Refusal;
use super::plan::SubQuery;

/// Entities that one request may hold at once, over all sources. At a few KiB each this bounds a request to
/// about 100 MiB; a question that needs more must be narrower.
pub const MAX_CANDIDATES: usize = 20_000;

/// Entities that a source may yield to one question of a request. One that has more costs its own part of the answer,
/// not everybody's.
pub const MAX_FROM_ONE_SOURCE: usize = MAX_CANDIDATES / 2;

/// Whoever has not even looked at so many when the time was over has not asked for too much: something else took the time.
const MANY: usize = 1_000;

/// The entities of one source that one request has looked at.
#[derive(Debug)]
pub(super) struct Scan {
    looked_at: AtomicUsize,
    allowed: usize,
}

impl Scan {
    /// One that may go so far.
    pub(super) fn new(allowed: usize) -> Self {
        Self {
            looked_at: AtomicUsize::new(0),
            allowed,
        }
    }

    /// Counts an entity, shown or hidden.
    ///
    /// # Errors
    /// [`ErrorKind::TooMany`] when it is one too many.
    pub(super) fn count(&self, sub_query: &SubQuery) -> Result<(), AdapterError> {
        if self.looked_at.fetch_add(1, Ordering::Relaxed) < self.allowed {
            return Ok(());
        }
        let detail = "the source has more entities than one request may look at";
        Err(AdapterError::new(&sub_query.source.id, ErrorKind::TooMany, detail))
    }

    /// What an error means after entities have been looked at: a source that was still sending when the request's time
    /// was over had too many of them.
    /// `is_part`: whether that time was a part of what there is, so that whatever was still sending has not failed.
    pub(super) fn judged(&self, error: AdapterError, deadline: Instant, is_part: bool) -> AdapterError {
        let ran_out = error.kind == ErrorKind::Timeout && Instant::now() >= deadline;
        let many = if is_part { 1 } else { MANY };
        if !ran_out || self.looked_at.load(Ordering::Relaxed) < many {
            return error;
        }
        let detail = "the request's time was over before the source was looked through";
        AdapterError::new(&error.source_id, ErrorKind::TooMany, detail)
    }
}

/// The refusal, when what the request may use is used up, or it has caused as many requests to sources as it may: that is no
/// trouble of the source's, and what other sources have sent is no answer.
pub(super) fn exhausted(error: &AdapterError) -> Option<Refusal> {
    match error.kind {
        ErrorKind::Exhausted(exhausted) => Some(Refusal::Exhausted(exhausted)),
        ErrorKind::TooComplex(allowed) => Some(Refusal::TooManyRequests { allowed }),
        _ => None,
    }
}

/// The refusal, when the only source that was to answer has more than may be had of it for one question.
pub fn refusal_of_the_only(error: &AdapterError) -> Option<Refusal> {
    match error.kind {
        ErrorKind::TooMany => Some(Refusal::ScanTooWide),
        ErrorKind::TooManyRequests(allowed) => Some(Refusal::TooManyRequests { allowed }),
        _ => exhausted(error),
    }
}

/// The refusal, when one source alone was to answer and has too much, or what the request may use is used up. `answers`: of
/// each sub-query, how it failed.
pub(super) fn refusal<'a>(
    answers: impl IntoIterator<Item = (&'a SubQuery, Option<&'a AdapterError>)>,
) -> Option<Refusal> {
    let answers: Vec<_> = answers.into_iter().collect();
    if let Some(refusal) = answers.iter().find_map(|(_, error)| exhausted((*error)?)) {
        return Some(refusal);
    }
    let of_the_only = |(sub_query, error): &(&'a SubQuery, Option<&AdapterError>)| {
        Some((*sub_query, refusal_of_the_only((*error)?)?))
    };
    let (too_large, refusal) = answers.iter().find_map(of_the_only)?;
    let others_answered = answers
        .iter()
        .any(|(sub_query, error)| error.is_none() && !Arc::ptr_eq(&sub_query.source, &too_large.source));
    (!others_answered).then_some(refusal)
}
