//! Reading where the request arrived: a page that is found at once needs neither a thread of a connection nor a channel. What
//! turns out to be long is left to those, and is not tried in place again for a while.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use kakehashi_contract::Call;
use kakehashi_resources::Held;
use ngsi_ld::{AttributeName, Entity};

use super::StoreError;
use super::backend::NotInPlace;
use super::backend::sql::Statement;
use super::body::{Row, Wanted, decode};
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
enum Reading<'a> {
    /// What an index finds at once.
    OneRow,
    /// What a statement selects.
    Many(&'a Statement),
}

/// What was read in place.
pub(super) struct Found {
    pub(super) entities: Vec<Entity>,
    /// What is counted of them for the request.
    pub(super) held: Held,
    /// Whether there may be more than was asked for.
    pub(super) has_more: bool,
}

/// The first entities that the statement selects, so many at most; `None`: [`read`](super::read) reads them, or says why not.
pub(super) fn entities(
    partition: &StorePartition,
    statement: &Statement,
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
    here(partition, Reading::Many(statement), call, |until| {
        partition.backend().look_through(statement, until, &mut take)
    })?;
    if bytes > MOST_BYTES {
        partition.too_long().remember(statement);
    }
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

/// The number that the statement selects; `None` as above.
pub(super) fn count(partition: &StorePartition, statement: &Statement, call: &Call) -> Option<u64> {
    let number = here(partition, Reading::Many(statement), call, |until| {
        partition.backend().look_up_number(statement, until)
    })?;
    u64::try_from(number).ok()
}

/// Whether some entity has more than one type; `None` as above.
pub(super) fn has_entities_of_several_types(partition: &StorePartition, call: &Call) -> Option<bool> {
    let looking = |until| partition.backend().looks_for_several_types(until);
    here(partition, Reading::OneRow, call, looking)
}

/// Whether an attribute of one of these names is a URI in some entity; `None` as above.
pub(super) fn holds_uris(partition: &StorePartition, names: &[AttributeName], call: &Call) -> Option<bool> {
    here(partition, Reading::OneRow, call, |until| {
        for name in names {
            if partition.backend().looks_for_uris(name, until)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Reads where the request arrived, if it may still take so much of its time there.
fn here<T>(
    partition: &StorePartition,
    reading: Reading<'_>,
    call: &Call,
    read: impl FnOnce(Instant) -> Result<T, NotInPlace>,
) -> Option<T> {
    let now = Instant::now();
    let may_read = match reading {
        Reading::OneRow => call.resources.may_take_here(OF_ONE_ROW),
        Reading::Many(statement) => {
            !partition.too_long().includes(statement) && call.resources.may_take_here(OF_MANY_ROWS)
        }
    };
    if !may_read || now >= call.deadline {
        return None;
    }
    match (read(call.deadline.min(now + LONGEST)), reading) {
        (Ok(read), _) => Some(read),
        (Err(NotInPlace::TooLong), Reading::Many(statement)) => {
            partition.too_long().remember(statement);
            None
        }
        (Err(_), _) => None,
    }
}
