//! Whether the tables of a file are those that its version has: what a file says of its version alone is one number, and what
//! stands in its triggers is run by whoever writes.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::schema::migrations_to;

/// The tables in which the R*Tree keeps what it has, as SQLite makes them: one version of it may write them down otherwise than
/// another.
const OF_THE_TREE: &str = "location_boxes_";

/// What the planner writes down, where it has looked.
const STATISTICS: &str = "sqlite_stat";

/// What stands in a schema: each name, and how it was made, however that is spaced.
type Shape = BTreeMap<(String, String, String), Option<String>>;

/// Whether the tables, indexes and triggers are those of a version; `besides`: tables that may be there as well.
pub(super) fn is_of_version(connection: &Connection, version: i64, besides: &[&str]) -> rusqlite::Result<bool> {
    let Some(migrations) = migrations_to(version) else {
        return Ok(false);
    };
    let made = Connection::open_in_memory()?;
    for migration in migrations {
        made.execute_batch(migration)?;
    }
    Ok(shape(connection, besides)? == shape(&made, &[])?)
}

fn shape(connection: &Connection, besides: &[&str]) -> rusqlite::Result<Shape> {
    let mut statement = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")?;
    let mut rows = statement.query(())?;
    let mut shape = Shape::new();
    while let Some(row) = rows.next()? {
        let (kind, name, of): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let is_beside = kind == "table" && besides.contains(&name.as_str());
        if is_beside || name.starts_with(STATISTICS) {
            continue;
        }
        let sql: Option<String> = row.get(3)?;
        let sql = sql.filter(|_| !name.starts_with(OF_THE_TREE));
        let sql = sql.map(|sql| sql.split_whitespace().collect::<Vec<_>>().join(" "));
        shape.insert((kind, name, of), sql);
    }
    Ok(shape)
}
