//! What is read on the thread that asks, by a connection that has none of its own.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection};

use crate::backend::sql::{Binding, Statement};
use crate::body::Row;

/// Gives the entities that the statement selects to `take`, until it has enough.
pub(super) fn look_through(
    connection: &Connection,
    statement: &Statement,
    take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
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
    // As sqlx tells of its statements: the text of it, which holds no value.
    tracing::debug!(summary = %statement.text, rows_returned = count, "looked up in place");
    Ok(())
}

/// The number that the statement selects.
pub(super) fn number(connection: &Connection, statement: &Statement) -> rusqlite::Result<i64> {
    let mut prepared = bound(connection, statement)?;
    let mut rows = prepared.raw_query();
    let number = match rows.next()? {
        Some(row) => row.get(0),
        None => Err(rusqlite::Error::QueryReturnedNoRows),
    };
    tracing::debug!(summary = %statement.text, rows_returned = 1, "looked up in place");
    number
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
