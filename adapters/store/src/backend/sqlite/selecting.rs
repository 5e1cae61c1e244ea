//! Running what the compiler made, in place or apart.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use kakehashi_database::{Judge as Function, Over, ReadingApart, ReadingInPlace};
use kakehashi_resources::Exhausted;
use ngsi_ld::{Iri, TypeName};
use rusqlite::functions::Context;
use rusqlite::{CachedStatement, Connection};

use crate::StoreError;
use crate::backend::Selecting;
use crate::backend::sql::{Binding, Statement};
use crate::body::Row;
use crate::judged::{Judge, NotJudged};
use crate::names::{NameKey, NameTable};

/// Steps of judging that may be spent in place: about half a millisecond, as of SQLite's own instructions.
const STEPS_IN_PLACE: usize = 5_000;

/// Thousands of SQLite's instructions that are little to somebody who reads apart: some ten milliseconds.
const LITTLE: u64 = 400;

/// The names of which the number is higher than one that is known.
const NAMES_BEYOND: &str = "SELECT key, name FROM names WHERE key > ? ORDER BY key";

/// How many entities have a type, block by block (see `schema`).
const BLOCKS: &str = "SELECT first_id, entities FROM type_blocks WHERE type = (SELECT key FROM names WHERE name = ?)
    ORDER BY first_id";

/// How many entities there are.
const OF_ALL: &str = "SELECT coalesce(sum(entities), 0) FROM id_blocks";

/// How many entities have a type.
const OF_TYPE: &str = "SELECT coalesce(sum(entities), 0) FROM type_blocks
    WHERE type = (SELECT key FROM names WHERE name = ?)";

/// A reading, wherever it is done.
pub(super) enum Reading<'r> {
    /// On the thread that asks; whether it was judging that took too long.
    InPlace(&'r ReadingInPlace<'r>, &'r Cell<bool>),
    Apart(&'r ReadingApart<'r>),
}

fn failed(error: &rusqlite::Error) -> StoreError {
    kakehashi_database::DatabaseError::from(error).into()
}

/// Why judging has ended a statement.
type Ended = Arc<Mutex<Option<NotJudged>>>;

impl Reading<'_> {
    fn connection(&self) -> &Connection {
        match self {
            Self::InPlace(reading, _) => reading.connection(),
            Self::Apart(reading) => reading.connection(),
        }
    }

    /// Tells of a statement as sqlx tells of its: the text of it, which holds no value.
    fn tell(&self, text: &str, rows: u64) {
        match self {
            Self::InPlace(..) => tracing::debug!(summary = text, rows_returned = rows, "looked up in place"),
            Self::Apart(_) => tracing::debug!(summary = text, rows_returned = rows, "looked up apart"),
        }
    }

    /// Runs a statement with whatever judges its rows.
    fn judged<T>(
        &self,
        statement: &Statement,
        names: &Arc<NameTable>,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.connection();
        let Some(judged) = &statement.judged else {
            return run(connection).map_err(|error| failed(&error));
        };
        let ended = Ended::default();
        let (steps, over) = match self {
            Self::InPlace(..) => (Some(STEPS_IN_PLACE), None),
            Self::Apart(reading) => (None, Some(reading.over().clone())),
        };
        let judge = function(Judge::new(judged, names, steps), over, &ended);
        let done = match self {
            // Of a name without a number nothing is known in place: it may have been given one since.
            Self::InPlace(..) if !judged.is_known_to(names) => return Err(StoreError::UnknownName),
            Self::InPlace(reading, _) => reading.judged_by(judge, || run(connection)),
            Self::Apart(reading) => reading.judged_by(judge, || run(connection)),
        };
        done.map_err(|error| {
            let ended = ended.lock().unwrap_or_else(PoisonError::into_inner).take();
            match ended {
                None => failed(&error),
                Some(NotJudged::Row(error)) => error.into(),
                Some(NotJudged::TooComplex) => StoreError::Exhausted(Exhausted::Steps),
                Some(NotJudged::Enough) => {
                    if let Self::InPlace(_, too_long) = self {
                        too_long.set(true);
                    }
                    StoreError::Timeout
                }
            }
        })
    }
}

/// The judge as a function of SQL.
fn function(mut judge: Judge, over: Option<Over>, ended: &Ended) -> Function {
    let ended = Arc::clone(ended);
    Box::new(move |values: &Context<'_>| {
        if values.len() != 4 {
            return Err(rusqlite::Error::InvalidQuery);
        }
        let row = Row {
            id: values.get_raw(0).as_str()?,
            created_at: values.get_raw(1).as_str()?,
            modified_at: values.get_raw(2).as_str()?,
            body: values.get_raw(3).as_blob()?,
        };
        let is_over = || over.as_ref().is_some_and(Over::is_now);
        judge.is_met(row, &is_over).map_err(|why| {
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            rusqlite::Error::UserFunctionError("it was not found out".into())
        })
    })
}

impl Selecting for Reading<'_> {
    fn names_beyond(&self, known: &NameTable) -> Result<NameTable, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            let mut statement = self.connection().prepare_cached(NAMES_BEYOND)?;
            let rows = statement.query_map([i64::from(known.last_key())], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let mut names = known.clone();
        for (key, name) in read().map_err(|error| failed(&error))? {
            if !names.add(NameKey::try_from(key).unwrap_or(0), Iri::new(name)) {
                return Err(StoreError::Row("a name has a number that no name can have".to_owned()));
            }
        }
        Ok(names)
    }

    fn look_through(
        &self,
        statement: &Statement,
        names: &Arc<NameTable>,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let count = self.judged(statement, names, |connection| look_through(connection, statement, take))?;
        self.tell(&statement.text, count);
        Ok(())
    }

    fn look_through_little(
        &self,
        statement: &Statement,
        names: &Arc<NameTable>,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<bool, StoreError> {
        match self {
            Self::InPlace(..) => self.look_through(statement, names, take).map(|()| true),
            Self::Apart(reading) => {
                let done = reading.within(LITTLE, || self.look_through(statement, names, take))?;
                Ok(done.is_some())
            }
        }
    }

    fn look_through_ids(
        &self,
        statement: &Statement,
        names: &Arc<NameTable>,
        take: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let looking = |connection: &Connection| -> rusqlite::Result<u64> {
            let mut prepared = bound(connection, statement)?;
            let mut rows = prepared.raw_query();
            let mut count = 0;
            while let Some(row) = rows.next()? {
                count += 1;
                if take(row.get_ref(0)?.as_str()?).is_break() {
                    break;
                }
            }
            Ok(count)
        };
        let count = self.judged(statement, names, looking)?;
        self.tell(&statement.text, count);
        Ok(())
    }

    fn number(&self, statement: &Statement, names: &Arc<NameTable>) -> Result<i64, StoreError> {
        let number = self.judged(statement, names, |connection| number(connection, statement))?;
        self.tell(&statement.text, 1);
        Ok(number)
    }

    fn count_of_all(&self) -> Result<u64, StoreError> {
        let counted = self.connection().prepare_cached(OF_ALL);
        let counted = counted.and_then(|mut statement| statement.query_row([], |row| row.get(0)));
        let counted: i64 = counted.map_err(|error| failed(&error))?;
        self.tell(OF_ALL, 1);
        u64::try_from(counted).map_err(|_| StoreError::Row("a count is negative".to_owned()))
    }

    fn count_of_type(&self, r#type: &TypeName) -> Result<u64, StoreError> {
        let counted = self.connection().prepare_cached(OF_TYPE);
        let counted = counted.and_then(|mut statement| statement.query_row([r#type.as_str()], |row| row.get(0)));
        let counted: i64 = counted.map_err(|error| failed(&error))?;
        self.tell(OF_TYPE, 1);
        u64::try_from(counted).map_err(|_| StoreError::Row("a count is negative".to_owned()))
    }

    fn place_of_type(&self, r#type: &TypeName, offset: usize) -> Result<Option<(String, usize)>, StoreError> {
        let read = || -> rusqlite::Result<Option<(String, usize)>> {
            let mut statement = self.connection().prepare_cached(BLOCKS)?;
            let mut rows = statement.query([r#type.as_str()])?;
            let mut left = offset;
            while let Some(row) = rows.next()? {
                let entities: i64 = row.get(1)?;
                let entities = usize::try_from(entities).unwrap_or(0);
                if left < entities {
                    return Ok(Some((row.get(0)?, left)));
                }
                left -= entities;
            }
            Ok(None)
        };
        read().map_err(|error| failed(&error))
    }

    fn is_over(&self) -> bool {
        match self {
            Self::InPlace(..) => false,
            Self::Apart(reading) => reading.over().is_now(),
        }
    }
}

fn look_through(
    connection: &Connection,
    statement: &Statement,
    take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> rusqlite::Result<u64> {
    let mut prepared = bound(connection, statement)?;
    let mut rows = prepared.raw_query();
    let mut count = 0_u64;
    while let Some(row) = rows.next()? {
        count += 1;
        let flow = take(Row {
            id: row.get_ref(0)?.as_str()?,
            created_at: row.get_ref(1)?.as_str()?,
            modified_at: row.get_ref(2)?.as_str()?,
            body: row.get_ref(3)?.as_blob()?,
        });
        if flow.is_break() {
            break;
        }
    }
    Ok(count)
}

fn number(connection: &Connection, statement: &Statement) -> rusqlite::Result<i64> {
    let mut prepared = bound(connection, statement)?;
    let mut rows = prepared.raw_query();
    match rows.next()? {
        Some(row) => row.get(0),
        None => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

fn bound<'c>(connection: &'c Connection, statement: &Statement) -> rusqlite::Result<CachedStatement<'c>> {
    let mut prepared = connection.prepare_cached(&statement.text)?;
    for (binding, position) in statement.bindings.iter().zip(1_usize..) {
        match binding {
            Binding::Text(text) => prepared.raw_bind_parameter(position, text.as_str())?,
            Binding::Number(number) => prepared.raw_bind_parameter(position, number)?,
            Binding::Integer(integer) => prepared.raw_bind_parameter(position, integer)?,
        }
    }
    Ok(prepared)
}
