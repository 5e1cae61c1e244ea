//! The candidates of one source, read from a place in its list on, as many as are wanted.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::ReadyChunks;
use futures::{StreamExt, TryStreamExt};
use hashbrown::HashMap;
use kakehashi_adapters::{AdapterError, ErrorKind, LeftOut, Page, PlaceStream, Yielded};
use kakehashi_resources::{Held, pause};
use ngsi_ld::{Entity, EntityId};

use crate::gather::{self, Request, WaitedFor};
use crate::looking::{TOGETHER, visible_part};
use crate::plan::SubQuery;
use crate::scan::Scan;

/// Most places of a source's list that are asked for at once.
const LARGEST_PAGE: usize = 1_000;

/// A candidate, as far as the consumer may see it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) entity: Entity,
    /// How many places of the source's list come before what follows.
    pub(super) behind: usize,
}

/// One source, being read.
pub(super) struct Reading {
    sub_query: Arc<SubQuery>,
    request: Request,
    scan: Arc<Scan>,
    /// Places that were read, with those before the first.
    position: usize,
    open: Option<Open>,
    /// How many places were asked for last.
    asked: usize,
    /// How many places were read, and how many candidates they held.
    read: usize,
    found: usize,
    /// Those that nobody has taken yet.
    ready: VecDeque<Candidate>,
    /// What is counted of them for the request.
    held: Held,
    /// How many were taken from the front.
    taken: usize,
    outcome: Option<Result<(), AdapterError>>,
    left_out: LeftOut,
    /// Whether everything that the source has of these types was read, once it has ended.
    is_all: bool,
    /// Whether nobody else is asked, so that what it is sending may go on.
    is_only: bool,
    /// Where among all that were ready each is, once somebody has asked for one by its id.
    by_id: Option<HashMap<EntityId, usize>>,
}

/// What a source is sending.
struct Open {
    stream: ReadyChunks<PlaceStream>,
    /// Places that are still to come, if it was asked for a part of its list.
    room: Option<usize>,
    /// Whether its end is that of the list, whatever it was asked for.
    goes_on: bool,
    /// Places that are read over, because the source cannot begin behind them.
    over: usize,
}

/// What has been looked at.
#[derive(Default)]
struct Looked {
    candidates: Vec<Candidate>,
    left_out: LeftOut,
    places: usize,
    error: Option<AdapterError>,
}

impl Reading {
    pub(super) fn new(sub_query: &Arc<SubQuery>, request: &Request) -> Self {
        Self {
            sub_query: Arc::clone(sub_query),
            request: request.clone(),
            scan: Arc::new(Scan::new(request.scan)),
            position: 0,
            open: None,
            asked: 0,
            read: 0,
            found: 0,
            ready: VecDeque::new(),
            held: request.call.resources.held(),
            taken: 0,
            outcome: None,
            left_out: LeftOut::default(),
            // A source that leaves out what does not meet the conditions has more of them than it sends.
            is_all: !sub_query.filters_parts(),
            is_only: false,
            by_id: None,
        }
    }

    /// No other source is asked beside it.
    pub(super) fn is_the_only_one(&mut self) {
        self.is_only = true;
    }

    /// Begins behind so many places.
    pub(super) fn begin_at(&mut self, position: usize) {
        self.position = position;
        self.is_all &= position == 0;
    }

    /// Places that were read, with those before the first.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// What was wrong with what was left out.
    pub(super) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Why it has failed.
    pub(super) fn failure(&self) -> Option<&AdapterError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    /// Whether the source need not be asked for anything again: all that it has was read.
    pub(super) fn has_said_all(&self) -> bool {
        self.is_all && matches!(self.outcome, Some(Ok(())))
    }

    /// What the source has said of an entity, as far as that was not handed out as a candidate.
    pub(super) fn part(&mut self, id: &EntityId) -> Option<Entity> {
        let (ready, taken) = (&mut self.ready, self.taken);
        let by_id = self.by_id.get_or_insert_with(|| {
            let all = ready.iter().enumerate();
            let named = all.map(|(place, one)| (one.entity.id.clone(), taken + place));
            named.collect()
        });
        let place = by_id.get(id)?.checked_sub(taken)?;
        Some(ready.get(place)?.entity.clone())
    }

    /// Reads until so many candidates are there, or there are no more.
    pub(super) async fn read(&mut self, wanted: usize) {
        if self.ready.len() >= wanted || self.outcome.is_some() {
            return;
        }
        let deadline = self.request.call.deadline;
        let sub_query = Arc::clone(&self.sub_query);
        let mut waited_for = WaitedFor::begin(&sub_query, &self.request);
        let reading = tokio::time::timeout_at(deadline.into(), self.pull(wanted));
        let read = match reading.await {
            Ok(read) => read,
            Err(_) => Err(gather::deadline_passed(&sub_query)),
        };
        let read = read.map_err(|error| self.scan.judged(error, deadline, self.request.has_part_of_the_time));
        waited_for.ended(read.as_ref().err());
        // What a source holds while it sends nobody keeps while others are asked: they may wait for it. One that cannot begin
        // in the middle goes on where it was.
        self.open = self.open.take().filter(|open| self.is_only || open.room.is_none());
        if let Err(error) = read {
            self.outcome = Some(Err(error));
        }
    }

    /// The next candidates, so many at most. None: there are no more.
    ///
    /// # Errors
    /// The source's. A part of its answer would look like all of it; unless more would have to be looked through than one
    /// request may: then what was found until there comes first.
    pub(super) async fn next(&mut self, wanted: usize) -> Result<Vec<Candidate>, AdapterError> {
        self.read(wanted).await;
        if let Some(Err(error)) = &self.outcome
            && (self.ready.is_empty() || error.kind != ErrorKind::TooMany)
        {
            return Err(error.clone());
        }
        let many = wanted.min(self.ready.len());
        self.taken += many;
        let next = self.ready.drain(..many).collect();
        // From here on whoever has taken them counts them.
        let left = self.ready.iter().map(|one| one.entity.weight()).sum();
        let held = self.held.become_of(left);
        held.map_err(|exhausted| AdapterError::exhausted(&self.sub_query.source.id, exhausted))?;
        Ok(next)
    }

    async fn pull(&mut self, wanted: usize) -> Result<(), AdapterError> {
        while self.ready.len() < wanted {
            let missing = wanted - self.ready.len();
            // As many places as have held what is missing until now, and some more; where they held nothing, twice as many as last.
            let likely = match self.found {
                0 => missing.max(self.asked * 2),
                found => missing
                    .saturating_mul(self.read.div_ceil(found))
                    .saturating_add(missing / 4),
            };
            let open = match &mut self.open {
                Some(open) => open,
                none => none.insert(Open::of(&self.sub_query, self.position, likely, &self.request)),
            };
            self.asked = open.room.unwrap_or(self.asked).max(self.asked).min(LARGEST_PAGE);
            let Some(arrived) = open.stream.next().await else {
                let ends = open.goes_on || open.room.is_none_or(|room| room > 0);
                self.open = None;
                if ends {
                    self.outcome = Some(Ok(()));
                    return Ok(());
                }
                continue;
            };
            let looking = looked_at(
                Arc::clone(&self.sub_query),
                Arc::clone(&self.scan),
                arrived,
                open.over,
                self.position,
            );
            let looked = self.request.call.resources.compute_over_held(looking).await;
            let looked = looked.map_err(|exhausted| AdapterError::exhausted(&self.sub_query.source.id, exhausted))?;
            let over = open.over.min(looked.places);
            open.over -= over;
            if let Some(room) = &mut open.room {
                *room = room.saturating_sub(looked.places);
            }
            self.position += looked.places - over;
            self.left_out.add_all(&looked.left_out);
            self.by_id = None;
            let weight = looked.candidates.iter().map(|one| one.entity.weight()).sum();
            let held = self.held.grow(weight);
            held.map_err(|exhausted| AdapterError::exhausted(&self.sub_query.source.id, exhausted))?;
            self.read += looked.places - over;
            self.found += looked.candidates.len();
            self.ready.extend(looked.candidates);
            if let Some(error) = looked.error {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Open {
    fn of(sub_query: &SubQuery, position: usize, wanted: usize, request: &Request) -> Self {
        let page = Page {
            limit: wanted.min(LARGEST_PAGE),
            offset: position,
        };
        let prepared = sub_query.prepared();
        match prepared.candidates(page, &request.call) {
            Some(stream) => Self {
                stream: stream.ready_chunks(TOGETHER),
                room: Some(page.limit),
                goes_on: prepared.candidates_go_on(),
                over: 0,
            },
            None => Self {
                stream: prepared
                    .query(None, &request.call)
                    .map_ok(Some)
                    .boxed()
                    .ready_chunks(TOGETHER),
                room: None,
                goes_on: true,
                over: position,
            },
        }
    }
}

/// What the consumer may see of what has arrived, but for what is read over.
async fn looked_at(
    sub_query: Arc<SubQuery>,
    scan: Arc<Scan>,
    arrived: Vec<Result<Option<Yielded>, AdapterError>>,
    over: usize,
    position: usize,
) -> Looked {
    let mut looked = Looked::default();
    for place in arrived {
        let yielded = match place.and_then(|yielded| scan.count(&sub_query).map(|()| yielded)) {
            Ok(yielded) => yielded,
            Err(error) => {
                looked.error = Some(error);
                break;
            }
        };
        looked.places += 1;
        if looked.places <= over {
            continue;
        }
        let visible = match yielded {
            Some(Yielded::Entity(entity)) => visible_part(&sub_query, entity),
            other => other,
        };
        match visible {
            Some(Yielded::Entity(entity)) => looked.candidates.push(Candidate {
                entity,
                behind: position + looked.places - over,
            }),
            Some(Yielded::LeftOut(flaw)) => looked.left_out.add(flaw),
            None => {}
        }
        pause().await;
    }
    looked
}
