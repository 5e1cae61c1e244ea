//! Reading the whole list of a source in its smallest form: ids, and what decides whether an entity is in the list.

use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt};
use kakehashi_adapters::{AdapterError, ErrorKind, LeftOut, Page, Yielded};
use kakehashi_policy::Classification;
use kakehashi_resources::{Held, pause};
use ngsi_ld::EntityId;
use ngsi_ld::query::OrderingKey;

use super::finding::Finding;
use crate::Question;
use crate::additions::RankedPart;
use crate::gather::{self, Request, WaitedFor};
use crate::looking::{TOGETHER, visible_part};
use crate::plan::SubQuery;
use crate::scan::Scan;
use crate::steps;

/// So many ids may be read where one entity may be looked at: each is a few bytes of a body of hundreds, and there is nothing
/// to judge.
const IDS_FOR_AN_ENTITY: usize = 10;

/// An entity in the list of one source.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: EntityId,
    /// How many places of the source's list come before.
    pub(super) position: u32,
    /// Whether the source finds it by its own part.
    pub(super) is_found: bool,
    /// Whether that part alone is what is asked for.
    pub(super) is_selected: bool,
    /// Whether it may only stand beside what its owner says.
    pub(super) is_addition: bool,
    /// Whether it may stand in a list that outlives the request, where that is looked at.
    pub(super) may_be_listed: bool,
    /// What decides where it comes, where an order is asked for.
    pub(super) key: Option<Box<OrderingKey>>,
}

impl Row {
    /// What it takes. Of a key it is what a short text or a number takes: longer ones are parts of a body that is counted.
    fn bytes(&self) -> usize {
        let key = self
            .key
            .as_ref()
            .map_or(0, |_| size_of::<OrderingKey>() + self.id.as_str().len());
        size_of::<Self>() + self.id.as_str().len() + key
    }
}

/// What one source has.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) left_out: LeftOut,
    /// What is counted of them for the request.
    pub(super) held: Held,
}

/// Reads the list of one source. `rank`: its place among those that are asked. `listed_by`: what says whether the list may
/// outlive the request, where it is to.
///
/// # Errors
/// The source's; [`ErrorKind::TooMany`] where it has more than one request may know of.
pub(super) async fn read(
    sub_query: &Arc<SubQuery>,
    rank: usize,
    question: &Arc<Question>,
    listed_by: Option<&Classification>,
    request: &Request,
) -> Result<Rows, AdapterError> {
    let mut waited_for = WaitedFor::begin(sub_query, request);
    let deadline = request.call.deadline;
    let is_by_id = question.is_unconditional() && question.order.is_none();
    let for_an_entity = if is_by_id { IDS_FOR_AN_ENTITY } else { 1 };
    let scan = Arc::new(Scan::new(request.scan.saturating_mul(for_an_entity)));
    let looking = Looking {
        finding: Finding::of(sub_query, question),
        sub_query: Arc::clone(sub_query),
        question: Arc::clone(question),
        scan: Arc::clone(&scan),
        rank,
        listed_by: listed_by.cloned(),
    };
    let reading = tokio::time::timeout_at(deadline.into(), read_all(Arc::new(looking), request));
    let read = match reading.await {
        Ok(read) => read,
        Err(_) => Err(gather::deadline_passed(sub_query)),
    };
    let read = read.map_err(|error| scan.judged(error, deadline, request.has_part_of_the_time));
    waited_for.ended(read.as_ref().err());
    if let Ok(rows) = &read {
        gather::note_left_out(sub_query, request, &rows.left_out);
    }
    read
}

async fn read_all(looking: Arc<Looking>, request: &Request) -> Result<Rows, AdapterError> {
    let sub_query = &looking.sub_query;
    let all = Page {
        limit: usize::MAX,
        offset: 0,
    };
    let prepared = sub_query.prepared();
    let places = prepared.candidates(all, &request.call);
    let places = places.unwrap_or_else(|| prepared.query(None, &request.call).map_ok(Some).boxed());
    let mut places = places.ready_chunks(TOGETHER);
    let resources = &request.call.resources;
    let exhausted = |exhausted| AdapterError::exhausted(&sub_query.source.id, exhausted);
    let mut held = resources.held();
    let (mut rows, mut left_out) = (Vec::new(), LeftOut::default());
    let mut position = 0;
    while let Some(arrived) = places.next().await {
        let many = u32::try_from(arrived.len()).unwrap_or(u32::MAX);
        let looked = Arc::clone(&looking).at(arrived, position);
        let (found, flaws) = resources.compute_over_held(looked).await.map_err(exhausted)??;
        position = position.saturating_add(many);
        let bytes = found.iter().map(Row::bytes);
        held.grow(bytes.sum()).map_err(exhausted)?;
        rows.extend(found);
        left_out.add_all(&flaws);
    }
    Ok(Rows { rows, left_out, held })
}

/// Whoever looks at what arrives.
struct Looking {
    sub_query: Arc<SubQuery>,
    finding: Finding,
    question: Arc<Question>,
    scan: Arc<Scan>,
    rank: usize,
    listed_by: Option<Classification>,
}

/// What one look has brought: entities, and what is wrong with others.
type Looked = (Vec<Row>, LeftOut);

impl Looking {
    async fn at(
        self: Arc<Self>,
        arrived: Vec<Result<Option<Yielded>, AdapterError>>,
        first: u32,
    ) -> Result<Looked, AdapterError> {
        let Self {
            sub_query,
            finding,
            question,
            scan,
            rank,
            listed_by,
        } = &*self;
        let exhausted = |exhausted| AdapterError::exhausted(&sub_query.source.id, exhausted);
        let (mut rows, mut left_out) = (Vec::with_capacity(arrived.len()), LeftOut::default());
        for (position, place) in (first..=u32::MAX).zip(arrived) {
            pause().await;
            let yielded = place?;
            scan.count(sub_query)?;
            let visible = match yielded {
                Some(Yielded::Entity(entity)) => visible_part(sub_query, entity),
                other => other,
            };
            match visible {
                // Whatever others say of it, it is not asked for.
                Some(Yielded::Entity(entity)) if !is_meant(question, &entity.id) => {}
                Some(Yielded::Entity(entity)) => {
                    let listed_by = listed_by.as_ref();
                    let may_be_listed = listed_by.is_none_or(|by| by.may_be_listed(&entity.id, &entity.types));
                    let is_found = finding.has_found(&entity).await.map_err(exhausted)?;
                    let is_selected = question.selects(&entity).await.map_err(exhausted)?;
                    let key = match &question.order {
                        Some(order) if is_found => Some(Box::new(steps::key(order, &entity).await)),
                        _ => None,
                    };
                    let part = RankedPart::new(*rank, sub_query, entity);
                    rows.push(Row {
                        is_addition: part.is_addition(sub_query),
                        id: part.entity.id,
                        position,
                        is_found,
                        is_selected,
                        may_be_listed,
                        key,
                    });
                }
                Some(Yielded::LeftOut(flaw)) => left_out.add(flaw),
                None => {}
            }
        }
        Ok((rows, left_out))
    }
}

/// Whether an id is one that is asked for.
fn is_meant(question: &Question, id: &EntityId) -> bool {
    let query = &question.query;
    let mut patterns = query.id_pattern.iter();
    (query.ids.is_empty() || query.ids.contains(id)) && patterns.all(|pattern| pattern.matches(id))
}

/// Whether a source has more than one request may know of, or the request's time was over before that was known.
pub(super) fn is_too_much(error: &AdapterError, request: &Request) -> bool {
    match error.kind {
        ErrorKind::TooMany | ErrorKind::TooManyRequests(_) | ErrorKind::TooComplex(_) => true,
        ErrorKind::Timeout => Instant::now() >= request.call.deadline,
        _ => false,
    }
}
