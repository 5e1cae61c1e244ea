//! A page of a map (clause 5.5.9.3): the entities are asked for by their ids, of who has them, and judged by what holds now. The
//! page is filled as long as there are any; what fits no longer leaves the map.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use kakehashi_adapters::{Page, SourceId};
use kakehashi_resources::Held;
use ngsi_ld::{Entity, EntityId};

use super::super::AskedSources;
use super::super::by_ids;
use super::entries::Entry;
use super::making::{counted, unheard};
use super::map::EntityMap;
use crate::entities::{Entities, EntityPage};
use crate::gather::{self, Request};
use crate::linked_conditions;
use crate::looking::hold;
use crate::plan::{Asker, SubQuery, plan};
use crate::strategy::Opening;
use crate::{Question, Refusal, Warning, steps, warning};

/// Entities that are asked for together.
const ASKED_TOGETHER: usize = 1_000;

/// Entities of the map that are looked at for one page. Where fewer fit than the page has room for, the next one goes on from
/// there.
const MOST_LOOKED_AT: usize = 10_000;

/// Where a page of a map begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Behind so many of what is left.
    Offset(usize),
    /// At a position, which stays where it is whatever leaves the map.
    Position(usize),
}

/// A place that a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leads {
    /// How many of what is left come before.
    pub offset: usize,
    /// The position.
    pub position: usize,
}

/// A page of a map.
#[derive(Debug)]
pub struct MapPage {
    /// The page.
    pub page: EntityPage,
    /// Where the next one begins; `None`: there is none.
    pub next: Option<Leads>,
    /// Where the one before begins; `None`: there is none.
    pub previous: Option<Leads>,
}

/// What is asked of a map.
#[derive(Debug, Clone, Copy)]
pub struct AskedOfMap<'a> {
    /// What is asked: the question that the map was made for, perhaps about some ids only.
    pub question: &'a Arc<Question>,
    /// Where the page begins.
    pub begin: Begin,
    /// At most so many entities.
    pub limit: usize,
    /// Whether all are to be counted.
    pub count: bool,
    /// What the list depends on beside the question and the consumer: the revision.
    pub rules: &'a str,
}

/// A page of a map.
///
/// # Errors
/// [`Refusal`]
//= 5.5.14-3
pub async fn page(
    map: &EntityMap,
    asked: AskedOfMap<'_>,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<MapPage, Refusal> {
    let AskedOfMap {
        question,
        begin,
        limit,
        count,
        rules,
    } = asked;
    let position = match begin {
        Begin::Position(position) => position,
        Begin::Offset(offset) => map.state().entries.position_of(offset),
    };
    let mut filling = Filling::begin(question, asker, request).await?;
    let next = filling.fill(map, position, limit).await?;
    let mut warnings = filling.warnings;
    warning::add(&mut warnings, map.lacks().iter().cloned());
    let mut counted_now = None;
    if count {
        let of_map = counted(map, rules, asker, request).await?;
        counted_now = of_map.0;
        warning::add(&mut warnings, of_map.1);
    }
    let of_state = map.state();
    let entries = &of_state.entries;
    let before = entries.left_before(position);
    let leads = |position: usize| Leads {
        offset: entries.left_before(position),
        position,
    };
    let previous = (before > 0 && limit > 0).then(|| leads(entries.position_of(before.saturating_sub(limit))));
    let ids = &question.query.ids;
    if !ids.is_empty() {
        // Of these alone they are counted as they stand there.
        counted_now = counted_now.and_then(|_| u64::try_from(entries.from(0, usize::MAX, ids).len()).ok());
    }
    Ok(MapPage {
        next: next.map(leads),
        previous,
        page: EntityPage {
            entities: Entities::at_hand(question, filling.shown, next.is_some(), Some(filling.held)),
            count: counted_now,
            warnings,
            next: None,
        },
    })
}

/// A page that is being filled.
struct Filling<'a> {
    question: &'a Arc<Question>,
    /// What the sources are asked first: the question, or that for the candidates of conditions on linked entities.
    opening: Arc<Question>,
    is_linked: bool,
    all: AskedSources,
    asker: &'a Asker<'a>,
    request: &'a Request,
    shown: Vec<Entity>,
    held: Held,
    warnings: Vec<Warning>,
}

impl<'a> Filling<'a> {
    async fn begin(question: &'a Arc<Question>, asker: &'a Asker<'a>, request: &'a Request) -> Result<Self, Refusal> {
        let any = Page { limit: 0, offset: 0 };
        let candidates = Opening::of(question, any).candidates;
        let is_linked = candidates.is_some();
        let opening = candidates.map_or_else(|| Arc::clone(question), |candidates| Arc::new(*candidates));
        steps::check(&opening, request).await?;
        let plan = plan(&opening, asker, &request.call).await?;
        let all = AskedSources {
            sub_queries: plan.sub_queries.into_iter().map(Arc::new).collect(),
            overloaded: plan.overloaded,
        };
        Ok(Self {
            question,
            opening,
            is_linked,
            warnings: warning::of_errors(&all.overloaded),
            all,
            asker,
            request,
            shown: Vec::new(),
            held: request.call.resources.held(),
        })
    }

    /// Fills the page from a position on. The position of the first entity behind it; `None`: there is none.
    async fn fill(&mut self, map: &EntityMap, from: usize, limit: usize) -> Result<Option<usize>, Refusal> {
        if limit == 0 {
            return Ok(None);
        }
        let (mut from, mut looked_at, mut is_full) = (from, 0, false);
        let mut together = limit.min(ASKED_TOGETHER);
        loop {
            let entries = map.state().entries.from(from, together, &self.question.query.ids);
            let Some((first, last)) = entries.first().zip(entries.last()) else {
                return Ok(None);
            };
            let is_late = looked_at >= MOST_LOOKED_AT || (looked_at > 0 && self.is_over());
            if is_late {
                return Ok(Some(first.position));
            }
            let (first, behind) = (first.position, last.position.saturating_add(1));
            looked_at += entries.len();
            let judged = self.judged(map, &entries).await?;
            if judged.is_cut_short && !self.shown.is_empty() {
                // The next page asks for these again.
                return Ok(Some(first));
            }
            warning::add(&mut self.warnings, judged.warnings);
            self.remove_unfit(map, &entries, &judged.shown);
            for (position, entity) in judged.shown {
                if self.shown.len() >= limit {
                    return Ok(Some(position));
                }
                hold(&mut self.held, &entity).map_err(Refusal::Exhausted)?;
                self.shown.push(entity);
            }
            from = behind;
            // One behind a full page tells whether another follows. Where few fit, more are asked for together.
            together = match self.shown.len() < limit {
                true => together.max(looked_at),
                false if is_full => together.saturating_mul(2),
                false => 1,
            }
            .min(ASKED_TOGETHER);
            is_full = self.shown.len() >= limit;
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.request.call.deadline
    }

    /// Makes entities of the map whole, and judges them.
    //= 5.5.9.3-1, 5.7.2.4-13, 5.12-3
    async fn judged(&self, map: &EntityMap, entries: &[Entry]) -> Result<JudgedEntries, Refusal> {
        let places: HashMap<&EntityId, &Entry> = entries.iter().map(|entry| (&entry.id, entry)).collect();
        let mut sets: HashMap<u32, Box<[SourceId]>> = HashMap::new();
        for entry in entries {
            sets.entry(entry.holders)
                .or_insert_with(|| map.state().entries.set(entry.holders).into());
        }
        let sub_queries = &self.all.sub_queries;
        let holds = |rank: usize, id: &EntityId| {
            let has = |sub_query: &SourceId, entry: &&Entry| {
                let set = sets.get(&entry.holders);
                set.is_some_and(|set| set.contains(sub_query))
            };
            let sub_query = sub_queries.get(rank).filter(|one| one.may_hold_id(id));
            sub_query.is_some_and(|one| places.get(id).is_some_and(|entry| has(&one.source.id, entry)))
        };
        let ids: Vec<EntityId> = entries.iter().map(|entry| entry.id.clone()).collect();
        let stood = |rank: usize, ids: &[EntityId]| self.stood(map, sub_queries.get(rank)?, ids, &places);
        let found =
            by_ids::judged_where_they_stood(sub_queries, &self.opening, &ids, (holds, stood), self.request).await?;
        let (mut shown, mut warnings) = (found.shown, found.warnings);
        warning::add(&mut warnings, found.flawed);
        for (one, ownerless) in sub_queries.iter().zip(found.ownerless) {
            warning::add(&mut warnings, gather::ownerless(one, self.request, ownerless));
        }
        if self.is_linked {
            let candidates = EntityPage {
                entities: Entities::at_hand(&self.opening, shown, false, None),
                count: None,
                warnings: Vec::new(),
                next: None,
            };
            let all = Page {
                limit: usize::MAX,
                offset: 0,
            };
            let meeting =
                linked_conditions::query(self.question, candidates, all, false, self.asker, self.request).await?;
            warning::add(&mut warnings, meeting.warnings);
            shown = meeting.entities.into_at_hand();
        }
        let placed = shown
            .into_iter()
            .filter_map(|entity| Some((places.get(&entity.id)?.position, entity)));
        let mut shown: Vec<(usize, Entity)> = placed.collect();
        shown.sort_unstable_by_key(|(position, _)| *position);
        Ok(JudgedEntries {
            shown,
            warnings,
            is_cut_short: found.is_cut_short,
        })
    }

    /// Where in a source's own list entities of the map stood that nobody else has, when the map was made.
    fn stood(
        &self,
        map: &EntityMap,
        sub_query: &SubQuery,
        ids: &[EntityId],
        places: &HashMap<&EntityId, &Entry>,
    ) -> Option<Page> {
        let is_its_own_list =
            !self.is_linked && self.opening.order.is_none() && sub_query.is_exact(&self.opening.query);
        if !is_its_own_list || !self.opening.query.ids.is_empty() {
            return None;
        }
        let state = map.state();
        let entries = &state.entries;
        let position = |id: &EntityId| {
            let entry = places.get(id)?;
            matches!(entries.set(entry.holders), [only] if *only == sub_query.source.id).then_some(entry.position)
        };
        let (first, last) = (position(ids.first()?)?, position(ids.last()?)?);
        if ids.iter().any(|id| position(id).is_none()) {
            return None;
        }
        let offset = entries.alone_before(first, &sub_query.source.id);
        let limit = entries.alone_before(last, &sub_query.source.id) + 1 - offset;
        // Of few among many the ids cost less.
        (limit <= ids.len().saturating_mul(2)).then_some(Page { limit, offset })
    }

    /// Takes out of the map what was asked for and is not shown, unless a source that has it was not heard.
    //= 4.3.6.7-1, 5.5.9.3-1, 5.5.14-7
    fn remove_unfit(&self, map: &EntityMap, entries: &[Entry], shown: &[(usize, Entity)]) {
        if self.question.selectors.iter().any(|one| !one.ids.is_empty()) {
            // What these do not name fits all the same.
            return;
        }
        // Whatever was not heard may be what a condition on linked entities looks at.
        let unheard = unheard(&self.warnings);
        if self.is_linked && !unheard.is_empty() {
            return;
        }
        let mut state = map.state();
        for entry in entries {
            let is_shown = shown
                .binary_search_by_key(&entry.position, |(position, _)| *position)
                .is_ok();
            let mut holders = state.entries.set(entry.holders).iter();
            if !is_shown && !holders.any(|source| unheard.contains(source)) {
                state.entries.remove(entry.position);
            }
        }
    }
}

/// What became of entities of a map.
struct JudgedEntries {
    /// Those that fit, with their positions, in their order.
    shown: Vec<(usize, Entity)>,
    warnings: Vec<Warning>,
    /// Whether the request's time or its bounds were over before all were heard.
    is_cut_short: bool,
}
