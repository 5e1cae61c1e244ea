//! Reading where the request arrived: a page that is found at once needs neither a thread nor a channel. What
//! turns out to be long is left to those, and is not tried in place again for a while.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kakehashi_contract::Call;
use kakehashi_resources::Held;
use ngsi_ld::{AttributeName, Entity};

use super::StoreError;
use super::backend::sql::Statement;
use super::backend::{NotInPlace, Selecting};
use super::body::{Row, Wanted, decode};
use super::names::NameTable;
use super::partition::StorePartition;

/// Most entities that are read in place: a usual page and the one behind it. Each is decoded where nobody pauses.
pub(super) const MOST_ENTITIES: usize = 101;

/// Most bytes of encoded entities that are read in place: what takes about half a millisecond to decode.
const MOST_BYTES: usize = 128 * 1024;

/// How much of what a request may take where it arrived one reading takes at most, in microseconds.
const OF_ONE_ROW: u32 = 10;
const OF_MANY_ROWS: u32 = 500;

/// After which time a reading is given up, whatever it was that made it long: a disk that is slow, or others that have the
/// processor.
const LONGEST: Duration = Duration::from_millis(100);

/// What is read.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// What an index finds at once.
    OneRow,
    /// What a statement selects.
    Many,
}

/// What was read in place.
pub(super) struct Found {
    pub(super) entities: Vec<Entity>,
    /// What is counted of them for the request.
    pub(super) held: Held,
    /// Whether there may be more than was asked for.
    pub(super) has_more: bool,
}

/// Which statement selects what is wanted, chosen where it is run.
pub(super) type Chooses<'a> = &'a dyn Fn(&dyn Selecting, &Arc<NameTable>) -> Result<Statement, StoreError>;

/// How many there are, found out where that is asked.
pub(super) type Counts<'a> = &'a dyn Fn(&dyn Selecting, &Arc<NameTable>) -> Result<u64, StoreError>;

/// The first entities that a statement selects, so many at most; `None`: [`read`](super::read) reads them, or says why not.
pub(super) fn entities(
    partition: &StorePartition,
    chooses: Chooses<'_>,
    wanted: &Wanted,
    most: usize,
    call: &Call,
) -> Option<Result<Found, StoreError>> {
    if most > MOST_ENTITIES {
        return None;
    }
    let names = partition.names();
    let mut entities = Vec::new();
    let (mut bytes, mut is_whole) = (0_usize, true);
    let mut chosen = None;
    let mut take = |row: Row<'_>| {
        bytes = bytes.saturating_add(row.body.len());
        match decode(row, &names, wanted) {
            Ok(entity) if bytes <= MOST_BYTES => entities.push(entity),
            // What cannot be decoded may have names that are new, and is told otherwise.
            _ => is_whole = false,
        }
        match is_whole && entities.len() < most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    };
    let read = many(partition, call, &mut |selecting| {
        let statement = chooses(selecting, &names)?;
        if partition.too_long().includes(&statement) {
            return Err(StoreError::Timeout);
        }
        let statement = chosen.insert(statement);
        selecting.look_through(statement, &names, &mut take)
    });
    let is_too_long = read == Err(NotInPlace::TooLong) || bytes > MOST_BYTES;
    if is_too_long && let Some(statement) = &chosen {
        partition.too_long().remember(statement);
    }
    read.ok()?;
    if !is_whole {
        return None;
    }
    let weight = entities.iter().map(Entity::weight).sum();
    let found = |held| Found {
        has_more: entities.len() >= most,
        entities,
        held,
    };
    Some(call.resources.hold(weight).map(found).map_err(StoreError::from))
}

/// A number that is found out. `shape`: what tells its question from others; `None` as above.
pub(super) fn count(partition: &StorePartition, shape: &Statement, counts: Counts<'_>, call: &Call) -> Option<u64> {
    if partition.too_long().includes(shape) {
        return None;
    }
    let names = partition.names();
    let mut counted = None;
    let read = many(partition, call, &mut |selecting| {
        counted = Some(counts(selecting, &names)?);
        Ok(())
    });
    if read == Err(NotInPlace::TooLong) {
        partition.too_long().remember(shape);
    }
    counted
}

/// Whether some entity has more than one type; `None` as above.
pub(super) fn has_entities_of_several_types(partition: &StorePartition, call: &Call) -> Option<bool> {
    let looking = |until| partition.backend().looks_for_several_types(until);
    here(call, looking)
}

/// Whether an attribute of one of these names is a URI in some entity; `None` as above.
pub(super) fn holds_uris(partition: &StorePartition, names: &[AttributeName], call: &Call) -> Option<bool> {
    here(call, |until| {
        for name in names {
            if partition.backend().looks_for_uris(name, until)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Reads what a statement selects.
fn many(
    partition: &StorePartition,
    call: &Call,
    work: &mut dyn FnMut(&dyn Selecting) -> Result<(), StoreError>,
) -> Result<(), NotInPlace> {
    let until = may_read(Reading::Many, call).ok_or(NotInPlace::Now)?;
    partition.backend().read_in_place(until, work)
}

/// Reads where the request arrived, if it may still take so much of its time there.
fn here<T>(call: &Call, read: impl FnOnce(Instant) -> Result<T, NotInPlace>) -> Option<T> {
    read(may_read(Reading::OneRow, call)?).ok()
}

/// Until when may be read where the request arrived, if it may still take so much of its time there.
fn may_read(reading: Reading, call: &Call) -> Option<Instant> {
    let now = Instant::now();
    let takes = match reading {
        Reading::OneRow => OF_ONE_ROW,
        Reading::Many => OF_MANY_ROWS,
    };
    (now < call.deadline && call.resources.may_take_here(takes)).then(|| call.deadline.min(now + LONGEST))
}
