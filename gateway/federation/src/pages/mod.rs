//! A page over several sources costs what a page costs, whatever they hold.
//!
//! The order of the list is fixed: the sources by their rank, within a source its own order. An entity stands where the first
//! source that finds it has it. What other sources say of it is asked of them by ids, merged, and judged as one entity. Why:
//! `docs/decisions/exact-pages.md`.
//!
//! | module | owns |
//! |---|---|
//! | [`place`] | where in the list a page begins |
//! | `walk` | the walk along the list for one page |
//! | `finding` | whether a source finds an entity by its own part alone |
//! | `reading` | the candidates of one source, from a place on |
//! | `judging` | candidates of one source, made whole and judged |
//! | `counting` | what the sources say of how many there are |
//! | `ids_alone` | the whole list of one source in its smallest form |
//! | `by_ids` | entities of known ids, made whole and judged |
//! | `listing` | the whole list of a question, made of those |
//! | [`known_list`] | a list that was read, and for how long it is known |
//! | [`maps`] | lists that keep their ids for a while, so that a walk visits each once |

mod by_ids;
mod counting;
mod finding;
mod ids_alone;
mod judging;
pub mod known_list;
mod listing;
pub mod maps;
pub mod place;
mod reading;
mod walk;

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use kakehashi_adapters::{AdapterError, Page};
use ngsi_ld::{Entity, EntityId};

use self::counting::Counts;
pub(super) use self::finding::Finding;
use self::known_list::KnownList;
use self::listing::Lists;
use self::place::Place;
use self::walk::Walk;
use super::entities::{Entities, EntityPage};
use super::gather::Request;
use super::plan::{Asker, SubQuery};
use super::{Question, Refusal, Warning, warning};

/// From so far behind what the sources' counts tell, the ids of the list are read to find where it goes on, instead of all
/// entities up to there.
const FAR: usize = 1_000;

/// Once others were asked for so many ids in one walk, the ids of the list are read instead: as many questions as reading
/// the ids of some fifty thousand entities takes.
const LONG_WALK: usize = 5_000;

/// The sources that are asked, in their order, and what went wrong before that.
#[derive(Debug)]
pub(super) struct AskedSources {
    pub(super) sub_queries: Arc<[Arc<SubQuery>]>,
    pub(super) overloaded: Vec<AdapterError>,
}

/// What is asked of the list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) page: Page,
    /// Where the page begins, instead of at its offset.
    pub(super) from: Option<Place>,
    pub(super) count: bool,
}

impl Asked {
    /// Whether it begins at an offset, which has to be found.
    fn is_at_offset(&self) -> bool {
        self.from.is_none() && self.page.offset > 0
    }
}

/// The pages of one question, of which one is asked for.
pub(super) struct Paging<'a> {
    all: &'a AskedSources,
    question: &'a Arc<Question>,
    asked: Asked,
    asker: &'a Asker<'a>,
    request: &'a Request,
    /// How many of the first sources have counts that can be summed.
    summable: usize,
    /// The whole list, as far as it is known.
    known: Option<Arc<KnownList>>,
    /// Whether to know it is too much for one request.
    is_too_much: bool,
}

impl<'a> Paging<'a> {
    /// Of a question to these sources.
    pub(super) async fn of(
        all: &'a AskedSources,
        question: &'a Arc<Question>,
        asked: Asked,
        asker: &'a Asker<'a>,
        request: &'a Request,
    ) -> Self {
        let is_counted = question.order.is_none() && (asked.is_at_offset() || asked.count);
        let summable = match is_counted {
            true => counting::summable(&all.sub_queries, question, request).await,
            false => 0,
        };
        let mut paging = Self {
            all,
            question,
            asked,
            asker,
            request,
            summable,
            known: None,
            is_too_much: false,
        };
        let needs_more = (asked.count || asked.is_at_offset()) && (!paging.is_summable() || question.order.is_some());
        let completed = asked.from.map_or(0, |from| from.completed);
        if needs_more || completed > 0 {
            // What is counted for a first page is counted now.
            let is_further = asked.from.is_some() || asked.page.offset > 0;
            match paging.lists().find(all) {
                Some(Some(list)) => paging.known = Some(list).filter(|_| is_further),
                Some(None) => paging.is_too_much = true,
                None => {}
            }
        }
        paging
    }

    fn lists(&self) -> Lists<'a> {
        Lists::of(self.question, self.all, self.asker, self.request)
    }

    fn is_summable(&self) -> bool {
        self.summable == self.all.sub_queries.len()
    }

    /// Whether the entities can be counted without looking at them.
    pub(super) fn counts(&self) -> bool {
        self.is_summable() || self.known.is_some()
    }

    /// Whether there are known to be more entities than are held to count them.
    pub(super) fn is_large(&self) -> bool {
        self.lists().is_large()
    }

    /// Whether no entity may have parts in two of the sources, nor in what one of them is asked for twice.
    pub(super) async fn sources_are_apart(&self) -> bool {
        let sub_queries = &self.all.sub_queries;
        counting::apart(sub_queries, self.request).await == sub_queries.len()
    }

    /// Finds out the whole list, until then at most. What went wrong with it; `None`: it is too much for one request.
    ///
    /// # Errors
    /// [`Refusal::Exhausted`]
    pub(super) async fn know(&mut self, until: Instant) -> Result<Option<Vec<Warning>>, Refusal> {
        if self.is_too_much {
            return Ok(None);
        }
        let mut request = self.request.clone();
        request.call.requests = self.request.call.requests.again();
        request.call.deadline = until.min(self.request.call.deadline);
        request.has_part_of_the_time = true;
        match self.lists().read(self.all, &request).await? {
            Some(listed) => {
                self.known = Some(listed.list);
                Ok(Some(listed.warnings))
            }
            None => {
                self.is_too_much = true;
                Ok(None)
            }
        }
    }

    /// Half of what is left of the request's time.
    fn half_of_the_time(&self) -> Instant {
        let now = Instant::now();
        now + self.request.call.deadline.saturating_duration_since(now) / 2
    }

    /// The page in the order that was asked for, by the list that is known; `None`: it is not.
    ///
    /// # Errors
    /// [`Refusal::Exhausted`]
    pub(super) async fn page_in_order(&self) -> Result<Option<EntityPage>, Refusal> {
        let Asked { page, count, .. } = self.asked;
        let Some((known, ids)) = self.known.as_ref().and_then(|known| Some((known, known.ids_of(page)?))) else {
            return Ok(None);
        };
        let sub_queries = &self.all.sub_queries;
        let may_hold = |rank: usize, id: &EntityId| {
            let sub_query = sub_queries.get(rank);
            sub_query.is_some_and(|one| one.may_hold_id(id))
        };
        let found = by_ids::judged(sub_queries, self.question, ids, may_hold, self.request).await?;
        let mut by_id: HashMap<EntityId, Entity> = found.shown.into_iter().map(|one| (one.id.clone(), one)).collect();
        let entities = ids.iter().filter_map(|id| by_id.remove(id)).collect();
        let mut held = self.request.call.resources.held();
        for of_source in found.held {
            held.absorb(of_source);
        }
        let more = page.offset.saturating_add(page.limit) < known.places() && page.limit > 0;
        Ok(Some(EntityPage {
            entities: Entities::at_hand(self.question, entities, more, Some(held)),
            count: count.then(|| known.count()),
            warnings: found.warnings,
            next: None,
        }))
    }

    /// The page; with the count, where the entities can be counted without looking at them.
    ///
    /// # Errors
    /// [`Refusal::ScanTooWide`] where a source that was to answer alone has more than may be looked through;
    /// [`Refusal::Exhausted`].
    //= 4.12-1, 5.7.2.4-16
    pub(super) async fn page(&mut self) -> Result<EntityPage, Refusal> {
        let Asked { page, from, count } = self.asked;
        let mut warnings = Vec::new();
        let is_long_walk = from.is_some_and(|from| from.completed >= LONG_WALK);
        if is_long_walk && self.known.is_none() {
            let until = self.half_of_the_time();
            warning::add(&mut warnings, self.know(until).await?.unwrap_or_default());
        }
        let (first, _) = self.all.sub_queries.split_at(self.summable);
        let sums_tell = count || self.asked.is_at_offset();
        let (sums, request) = (sums_tell && self.known.is_none(), self.request);
        let counts = async || match sums {
            true => Counts::of(first, request).await.map(Some),
            false => Ok(None),
        };
        let mut counted = None;
        let mut begin = None;
        if self.asked.is_at_offset() {
            // The counts tell where in the list the page begins.
            counted = counts().await?;
            let told = counted.as_ref().map(|counts| counts.place_of(page.offset));
            if self.known.is_none() && told.is_some_and(|(_, place)| place.skipped > FAR) {
                let until = self.half_of_the_time();
                warning::add(&mut warnings, self.know(until).await?.unwrap_or_default());
            }
            begin = told;
        }
        let known = self.known.clone();
        let from = match (from, &known) {
            (None, Some(known)) if page.offset > 0 => known.place_of(page.offset),
            _ => from,
        };
        let is_behind_all = self.asked.is_at_offset() && known.is_some() && from.is_none();
        let limit = if is_behind_all { 0 } else { page.limit };
        let is_walk = from.is_some();
        let (mut walk, start) = Walk::new(self.all, self.question, from, known.clone(), self.asker, self.request);
        let begin = match known {
            Some(_) => start,
            None => begin.unwrap_or(start),
        };
        let filling = walk.fill(begin, is_walk, limit);
        let (entities, next) = if self.asked.is_at_offset() {
            filling.await?
        } else {
            let (of_page, of_counts) = futures::join!(filling, counts());
            counted = of_counts?;
            of_page?
        };
        warning::add(&mut warnings, walk.warnings().await);
        warning::add(&mut warnings, counted.iter().flat_map(Counts::warnings));
        let of_known = self.known.as_ref().map(|known| known.count());
        let of_sums = counted.filter(|_| self.is_summable()).map(|counts| counts.sum());
        Ok(EntityPage {
            entities: Entities::at_hand(self.question, entities, next.is_some(), Some(walk.held)),
            count: of_known.or(of_sums).filter(|_| count),
            warnings,
            next,
        })
    }
}

/// The questions to the sources, each by the place of its source among all, and which of those to that source it is.
fn named_parts(sub_queries: &[Arc<SubQuery>], asker: &Asker<'_>) -> Vec<(usize, usize)> {
    let mut named: Vec<(usize, usize)> = Vec::with_capacity(sub_queries.len());
    for sub_query in sub_queries {
        let source = asker.registry.position(&sub_query.source).unwrap_or(usize::MAX);
        let part = named.last().filter(|(last, _)| *last == source);
        named.push((source, part.map_or(0, |(_, part)| part + 1)));
    }
    named
}
