//! The whole list of a question, found by reading ids alone: each source's own list in its smallest form, and of what several
//! sources have the parts that decide.

use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use hashbrown::{HashMap, HashSet};
use kakehashi_adapters::AdapterError;
use kakehashi_policy::Classification;
use kakehashi_resources::{Exhausted, pause};
use kakehashi_runtime::steps::to_the_end;
use ngsi_ld::EntityId;
use ngsi_ld::query::{Ordering, OrderingKey};
use smallvec::SmallVec;
use tokio::time::timeout_at;

use super::ids_alone::{self, Row};
use super::known_list::{FoundOut, KnownList, KnownLists, ListId};
use super::{AskedSources, by_ids, named_parts};
use crate::gather::{self, Request};
use crate::plan::{Asker, SubQuery};
use crate::{Question, Refusal, Warning, scan, steps, warning};

/// Entities of which several sources have a part, and that conditions look at, that one request makes whole to count: as many
/// as are kept of one source.
const MOST_SHARED: usize = 10_000;

/// Ids that a source is asked for one by one, to find out which of them it has: a few requests' worth. For more all its ids
/// are read.
const MOST_ASKED_BY_ID: usize = 500;

/// The lists of one question, as its consumer gets them.
pub(crate) struct Lists<'a> {
    kept: &'a KnownLists,
    asker: &'a Asker<'a>,
    question: &'a Arc<Question>,
    id: ListId,
    is_kept: bool,
}

/// What reading a whole list has brought.
pub(crate) struct Listed {
    pub(crate) list: Arc<KnownList>,
    pub(crate) warnings: Vec<Warning>,
}

impl<'a> Lists<'a> {
    /// Those of a question to these sources. Of types that are more than limited nothing is kept.
    pub(crate) fn of(question: &'a Arc<Question>, all: &AskedSources, asker: &'a Asker<'a>, request: &Request) -> Self {
        let token = request
            .call
            .consumer_token
            .as_ref()
            .and_then(|token| token.to_str().ok())
            .unwrap_or_default();
        let classification = asker.policies.classification();
        let may_be_kept = |one: &Arc<SubQuery>| {
            let mut classes = one.query.types.iter().map(|r#type| classification.type_class(r#type));
            classes.all(|class| class.is_some_and(|class| class <= kakehashi_policy::Class::Limited))
        };
        Self {
            kept: asker.known_lists,
            asker,
            question,
            // A source that is shown the consumer's token may answer each one otherwise.
            id: ListId::of(question, asker.consumer, token),
            is_kept: all.sub_queries.iter().all(may_be_kept),
        }
    }

    /// The list that is known of these sources. `Some(None)`: it was too much for one request.
    #[expect(
        clippy::option_option,
        reason = "nothing known, and known to be too much, are two things"
    )]
    pub(crate) fn find(&self, all: &AskedSources) -> Option<Option<Arc<KnownList>>> {
        let known = self.kept.find(&self.asker.consumer.id, &self.id)?;
        let named = named_parts(&all.sub_queries, self.asker);
        let is_of_others = known.as_ref().is_some_and(|list| !list.is_of(&named));
        (!is_of_others).then_some(known)
    }

    /// Whether the list is known to be large: it is known, or being found out.
    pub(crate) fn is_large(&self) -> bool {
        let consumer = &self.asker.consumer.id;
        self.kept.is_being_found_out(consumer, self.id) || self.kept.find(consumer, &self.id).is_some()
    }

    /// Finds out the list, once for all who want it at the same time. `None`: it is too much for one request.
    ///
    /// # Errors
    /// [`Refusal::Exhausted`]
    pub(crate) async fn read(&self, all: &AskedSources, request: &Request) -> Result<Option<Listed>, Refusal> {
        if !self.is_kept {
            return self.read_now(all, request).await;
        }
        let began = Instant::now();
        let turn = self.kept.turn(&self.asker.consumer.id, self.id);
        let Ok(mut found_out) = timeout_at(request.call.deadline.into(), turn.lock()).await else {
            return Ok(None);
        };
        let named = named_parts(&all.sub_queries, self.asker);
        // What was found out while this one waited is as new as what it would find.
        if let Some(found) = found_out
            .as_ref()
            .filter(|found| found.at >= began && found.list.is_of(&named))
        {
            return Ok(Some(Listed {
                list: Arc::clone(&found.list),
                warnings: Vec::new(),
            }));
        }
        let read = self.read_now(all, request).await?;
        let whole = read.as_ref().filter(|listed| listed.warnings.is_empty());
        *found_out = whole.map(|listed| FoundOut {
            at: Instant::now(),
            list: Arc::clone(&listed.list),
        });
        Ok(read)
    }

    async fn read_now(&self, all: &AskedSources, request: &Request) -> Result<Option<Listed>, Refusal> {
        let named = named_parts(&all.sub_queries, self.asker);
        let read = read(all, self.question, named, request).await?;
        // What a source has not said now it may say for the next page.
        let is_whole = read.as_ref().is_none_or(|listed| listed.warnings.is_empty());
        // Nor is it known to be too much where there was no time to find out: the next request may have it.
        let is_known = read.is_some() || Instant::now() < request.call.deadline;
        if self.is_kept && is_whole && is_known && all.overloaded.is_empty() {
            let list = read.as_ref().map(|listed| &listed.list);
            self.kept.keep(&self.asker.consumer.id, self.id, list);
        }
        Ok(read)
    }
}

async fn read(
    all: &AskedSources,
    question: &Arc<Question>,
    named: Vec<(usize, usize)>,
    request: &Request,
) -> Result<Option<Listed>, Refusal> {
    let Some(found) = find_all(all, question, None, request).await? else {
        return Ok(None);
    };
    let making = found.grouped.into_list(question.order.clone(), named, found.is_whole);
    let list = request.call.resources.compute_elsewhere(making).await;
    Ok(Some(Listed {
        list: Arc::new(list.map_err(Refusal::Exhausted)?),
        warnings: found.warnings,
    }))
}

/// Everything that is in a list, and what is missing from it.
pub(super) struct FoundAll {
    pub(super) grouped: Grouped,
    pub(super) warnings: Vec<Warning>,
    /// Whether everybody was heard.
    is_whole: bool,
    /// Whether each id may stand in a list that outlives the request, where that was looked at.
    pub(super) may_be_listed: bool,
}

/// Reads the list of every source and puts them together. `listed_by`: as in [`ids_alone::read`].
///
/// # Errors
/// [`Refusal::Exhausted`]
pub(super) async fn find_all(
    all: &AskedSources,
    question: &Arc<Question>,
    listed_by: Option<&Classification>,
    request: &Request,
) -> Result<Option<FoundAll>, Refusal> {
    let least = all.sub_queries.iter().map(|one| Arc::new(one.least(question)));
    let least: Arc<[Arc<SubQuery>]> = least.collect();
    let reading = least.iter().enumerate();
    let reading = reading.map(|(rank, one)| ids_alone::read(one, rank, question, listed_by, request));
    let mut warnings = warning::of_errors(&all.overloaded);
    let mut heard: Vec<Vec<Row>> = Vec::with_capacity(least.len());
    let mut held = Vec::new();
    let mut has_failed = Vec::with_capacity(least.len());
    for (one, rows) in least.iter().zip(join_all(reading).await) {
        has_failed.push(rows.is_err());
        match rows {
            Ok(rows) => {
                let left_out = gather::warning_of_left_out(one, request, &rows.left_out).await;
                warning::add(&mut warnings, left_out);
                heard.push(rows.rows);
                held.push(rows.held);
            }
            Err(error) => {
                if is_too_much(&error, request)? {
                    return Ok(None);
                }
                warning::add(&mut warnings, [Warning::from(&error)]);
                heard.push(Vec::new());
            }
        }
    }
    let mut also_held: Vec<(usize, HeldBeside)> = Vec::new();
    for (rank, one) in least.iter().enumerate() {
        if has_failed.get(rank) == Some(&false) && one.filters_parts() {
            match held_beside(rank, &least, &heard, question, listed_by, request).await {
                Ok(held) => also_held.push((rank, held)),
                Err(error) if is_too_much(&error, request)? => return Ok(None),
                Err(error) => warning::add(&mut warnings, [Warning::from(&error)]),
            }
        }
    }
    let resources = &request.call.resources;
    let grouping = Grouping {
        question: Arc::clone(question),
        heard,
        also_held,
    };
    let grouped = resources.compute_elsewhere(grouping.grouped()).await;
    let mut grouped = grouped.map_err(Refusal::Exhausted)?;
    if grouped.undecided.len() > MOST_SHARED {
        return Ok(None);
    }
    let ownerless = match decide(&mut grouped, &least, question, request).await {
        Ok(Some((ownerless, failed))) => {
            warning::add(&mut warnings, failed);
            ownerless
        }
        Ok(None) | Err(Refusal::TooManyCandidates { .. }) => return Ok(None),
        Err(refusal) => return Err(refusal),
    };
    for ((one, count), more) in least.iter().zip(ownerless).zip(&grouped.ownerless) {
        warning::add(
            &mut warnings,
            gather::ownerless(one, request, count.saturating_add(*more)),
        );
    }
    // Where one was not heard, nobody is known to be alone.
    let is_whole = !has_failed.contains(&true) && all.overloaded.is_empty() && warnings.is_empty();
    // What is not in the list keeps nothing out of it.
    let may_be_listed = grouped.shown.iter().all(|one| one.may_be_listed);
    Ok(Some(FoundAll {
        grouped,
        warnings,
        is_whole,
        may_be_listed,
    }))
}

/// Whether a source has more than one request may know of, or there was no time to find out.
///
/// # Errors
/// [`Refusal::Exhausted`]
fn is_too_much(error: &AdapterError, request: &Request) -> Result<bool, Refusal> {
    match scan::exhausted(error) {
        Some(Refusal::Exhausted(Exhausted::Request { .. })) => Ok(true),
        Some(refusal @ Refusal::Exhausted(_)) => Err(refusal),
        _ => Ok(ids_alone::is_too_much(error, request)),
    }
}

/// What a source has beside what it finds: each with whether it may be listed.
type HeldBeside = HashMap<EntityId, bool>;

/// Which of the entities that others have a source has, too, although it does not find them.
async fn held_beside(
    rank: usize,
    least: &[Arc<SubQuery>],
    heard: &[Vec<Row>],
    question: &Arc<Question>,
    listed_by: Option<&Classification>,
    request: &Request,
) -> Result<HeldBeside, AdapterError> {
    let Some(one) = least.get(rank) else {
        return Ok(HeldBeside::new());
    };
    let found: HashSet<&EntityId> = heard.get(rank).into_iter().flatten().map(|row| &row.id).collect();
    let mut wanted: HashSet<&EntityId> = HashSet::new();
    for (other, rows) in least.iter().zip(heard) {
        let may_share = Arc::ptr_eq(&one.source, &other.source) || one.may_share_ids_with(other);
        for row in rows.iter().filter(|_| may_share) {
            if !found.contains(&row.id) && one.may_hold_id(&row.id) {
                wanted.insert(&row.id);
            }
            pause().await;
        }
    }
    if wanted.is_empty() {
        return Ok(HeldBeside::new());
    }
    let ids = match wanted.len() {
        0..=MOST_ASKED_BY_ID => wanted.iter().map(|id| (*id).clone()).collect(),
        _ => one.query.ids.clone(),
    };
    let completing = Arc::new(one.completing(ids));
    let rows = ids_alone::read(&completing, rank, question, listed_by, request).await?;
    let mut held = HeldBeside::new();
    for row in rows.rows.into_iter().filter(|row| wanted.contains(&row.id)) {
        // It may have sent one twice.
        *held.entry(row.id).or_insert(true) &= row.may_be_listed;
    }
    Ok(held)
}

/// What is to be put together.
struct Grouping {
    question: Arc<Question>,
    heard: Vec<Vec<Row>>,
    /// Of sources that leave out what does not meet the conditions: what they have beside what they found.
    also_held: Vec<(usize, HeldBeside)>,
}

/// Where an entity stands: which source is the first to find it, and how many places of it come before.
type Standing = (usize, u32);

/// Who has an entity, or a part of it: their places among those that are asked.
pub(super) type Holders = SmallVec<[u16; 4]>;

/// An entity of the list.
pub(super) struct Shown {
    standing: Standing,
    pub(super) id: EntityId,
    /// Who has it.
    pub(super) holders: Holders,
    /// Whether each part of it may be listed.
    may_be_listed: bool,
    /// What decides where it comes, where an order is asked for.
    key: Option<Box<OrderingKey>>,
}

/// One that is decided by all parts together.
struct Undecided {
    standing: Standing,
    id: EntityId,
    /// Who has them.
    holders: Holders,
    may_be_listed: bool,
}

/// What is known of the entities.
#[derive(Default)]
pub(super) struct Grouped {
    shown: Vec<Shown>,
    /// The ids that one source alone has.
    alone: Vec<EntityId>,
    undecided: Vec<Undecided>,
    /// For each source what would be shown and is not, because its owner says nothing of it.
    ownerless: Vec<u64>,
}

/// What several sources say of one entity.
type Group = SmallVec<[(usize, Row); 2]>;

impl Grouping {
    async fn grouped(self) -> Grouped {
        let Self {
            question,
            heard,
            also_held,
        } = self;
        let mut grouped = Grouped {
            ownerless: vec![0; heard.len()],
            ..Grouped::default()
        };
        // What one part has met, nothing that others add can undo; unless they are put in order by what they say.
        let is_met_by_one = question.is_unconditional() && question.order.is_none();
        let mut by_id: HashMap<EntityId, Group> = HashMap::new();
        for (rank, rows) in heard.into_iter().enumerate() {
            for row in rows {
                by_id.entry_ref(&row.id).or_default().push((rank, row));
                pause().await;
            }
        }
        for (id, mut rows) in by_id {
            pause().await;
            let also = also_held
                .iter()
                .filter_map(|(rank, held)| Some((*rank, *held.get(&id)?)));
            let also: SmallVec<[(usize, bool); 4]> = also.collect();
            let may_be_listed = rows.iter().all(|(_, row)| row.may_be_listed) && also.iter().all(|(_, may)| *may);
            let is_alone = rows.len() + also.len() == 1;
            let holders = rows
                .iter()
                .map(|(rank, _)| *rank)
                .chain(also.iter().map(|(rank, _)| *rank));
            // No more sources are asked than a number of this size counts.
            let holders: Holders = holders.filter_map(|rank| u16::try_from(rank).ok()).collect();
            if is_alone {
                grouped.alone.push(id.clone());
            }
            // What nobody finds is not found; its own part may not be what its source finds it by.
            let Some((rank, row)) = rows.iter_mut().find(|(_, row)| row.is_found) else {
                continue;
            };
            let (standing, key) = ((*rank, row.position), row.key.take());
            if is_alone {
                if row.is_selected && row.is_addition {
                    if let Some(count) = grouped.ownerless.get_mut(standing.0) {
                        *count += 1;
                    }
                } else if row.is_selected {
                    grouped.shown.push(Shown {
                        standing,
                        id,
                        holders,
                        may_be_listed,
                        key,
                    });
                }
                continue;
            }
            let is_met = |(_, row): &(usize, Row)| row.is_selected && !row.is_addition;
            if is_met_by_one && rows.iter().any(is_met) {
                grouped.shown.push(Shown {
                    standing,
                    id,
                    holders,
                    may_be_listed,
                    key,
                });
                continue;
            }
            grouped.undecided.push(Undecided {
                standing,
                id,
                holders,
                may_be_listed,
            });
        }
        grouped
    }
}

/// Decides what all parts together decide. For each source what was taken out because its owner says nothing of it, and what
/// was not heard; `None`: it takes more than one request may.
async fn decide(
    grouped: &mut Grouped,
    least: &Arc<[Arc<SubQuery>]>,
    question: &Arc<Question>,
    request: &Request,
) -> Result<Option<(Vec<u64>, Vec<Warning>)>, Refusal> {
    let undecided = std::mem::take(&mut grouped.undecided);
    let by_id: HashMap<&EntityId, &Undecided> = undecided.iter().map(|one| (&one.id, one)).collect();
    let ids: Vec<EntityId> = undecided.iter().map(|one| one.id.clone()).collect();
    let has = |rank: usize, one: &&Undecided| one.holders.iter().any(|holder| usize::from(*holder) == rank);
    let holds = |rank: usize, id: &EntityId| by_id.get(id).is_some_and(|one| has(rank, one));
    let decided = by_ids::judged(least, question, &ids, holds, request).await?;
    if decided.is_cut_short {
        return Ok(None);
    }
    let order = question.order.clone();
    let keying = async move {
        let mut keyed = Vec::with_capacity(decided.shown.len());
        for entity in decided.shown {
            let key = match &order {
                Some(order) => Some(Box::new(steps::key(order, &entity).await)),
                None => None,
            };
            keyed.push((entity.id, key));
            pause().await;
        }
        keyed
    };
    let keyed = request.call.resources.compute_over_held(keying).await;
    for (id, key) in keyed.map_err(Refusal::Exhausted)? {
        if let Some(one) = by_id.get(&id) {
            grouped.shown.push(Shown {
                standing: one.standing,
                holders: one.holders.clone(),
                may_be_listed: one.may_be_listed,
                id,
                key,
            });
        }
    }
    Ok(Some((decided.ownerless, decided.warnings)))
}

impl Grouped {
    /// The entities in the order of the list, which is the one that was asked for where one was.
    pub(super) async fn in_order(self, order: Option<Ordering>) -> Vec<Shown> {
        let mut shown = self.shown;
        shown.sort_unstable_by_key(|one| one.standing);
        if let Some(order) = order {
            let keyed = shown.into_iter().filter_map(|mut one| Some((*one.key.take()?, one)));
            let mut sorting = order.begin_sort(keyed.collect());
            shown = to_the_end(|steps| sorting.advance(steps)).await;
        }
        shown
    }

    async fn into_list(mut self, order: Option<Ordering>, named: Vec<(usize, usize)>, is_whole: bool) -> KnownList {
        let alone = std::mem::take(&mut self.alone);
        let is_ordered = order.is_some();
        let shown = self.in_order(order).await;
        let ids = is_ordered.then(|| shown.iter().map(|one| one.id.clone()).collect());
        let places = shown.iter().map(|one| one.standing);
        let places = places.filter_map(|(rank, position)| Some((u32::try_from(rank).ok()?, position)));
        let alone: &[EntityId] = if is_whole { &alone } else { &[] };
        KnownList::new(named, places.collect(), alone).in_order(ids)
    }
}
