//! What a transaction has to write, held back until there is much of it: every statement is a way to the thread of the
//! connection and back, which costs more than what most of them do. So the rows of many entities go there together, all tables
//! in one statement text.
//!
//! A text has room for few or for many rows of each table that has any, so that few texts serve all; what is left of the
//! room is NULL, and writes nothing. What is removed comes first.

use std::fmt::Write as _;

use compact_str::CompactString;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, SqliteConnection};

use crate::StoreError;
use crate::backend::NewMark;
use crate::index::{LocationRow, ValueRow, date_time_key};
use crate::rows::{EntityKey, EntityRows};

/// Most bytes of entities and marks that are held back.
const MOST_BYTES: usize = 1024 * 1024;

/// A statement, before and after the places of its rows; a row is so many bindings.
struct Shape {
    before: &'static str,
    after: &'static str,
    columns: usize,
    /// Room for few rows, and for many.
    few: usize,
    many: usize,
}

impl Shape {
    const fn rows(before: &'static str, after: &'static str, columns: usize, (few, many): (usize, usize)) -> Self {
        Self {
            before,
            after,
            columns,
            few,
            many,
        }
    }

    /// What is found by the keys of entities.
    const fn of_entities(before: &'static str, after: &'static str) -> Self {
        Self::rows(before, after, 1, (1, 32))
    }

    fn room(&self, rows: usize) -> usize {
        if rows <= self.few { self.few } else { self.many }
    }

    fn append(&self, text: &mut String, rows: usize) {
        text.push_str(self.before);
        let row = format!("({})", vec!["?"; self.columns].join(", "));
        let room = self.room(rows);
        let _ = write!(text, "(VALUES {})", vec![row.as_str(); room].join(", "));
        text.push_str(self.after);
        text.push_str("; ");
    }
}

/// Every statement that is held back, in the order in which they run.
const SHAPES: [Shape; 15] = [
    Shape::of_entities(
        "DELETE FROM location_boxes WHERE key IN (SELECT key FROM locations WHERE entity IN ",
        ")",
    ),
    Shape::of_entities("DELETE FROM locations WHERE entity IN ", ""),
    Shape::of_entities("DELETE FROM attribute_values WHERE entity IN ", ""),
    Shape::of_entities("DELETE FROM entity_types WHERE entity IN ", ""),
    Shape::of_entities("DELETE FROM entity_scopes WHERE entity IN ", ""),
    Shape::of_entities("DELETE FROM expiries WHERE entity IN ", ""),
    Shape::of_entities("DELETE FROM entities WHERE key IN ", ""),
    Shape::rows(
        "INSERT INTO entities (key, id, created_at, modified_at, body) SELECT * FROM ",
        " WHERE column1 IS NOT NULL",
        5,
        (1, 32),
    ),
    Shape::rows(
        "UPDATE entities SET modified_at = v.column2, body = v.column3 FROM ",
        " v WHERE key = v.column1",
        3,
        (1, 32),
    ),
    Shape::rows(
        "INSERT INTO attribute_values (entity, name, instance, element, kind, number, text) SELECT * FROM ",
        " WHERE column1 IS NOT NULL ON CONFLICT DO UPDATE SET number = excluded.number, text = excluded.text",
        7,
        (16, 256),
    ),
    Shape::rows(
        "INSERT OR IGNORE INTO entity_types (type, entity) SELECT * FROM ",
        " WHERE column1 IS NOT NULL",
        2,
        (2, 64),
    ),
    Shape::rows(
        "INSERT OR IGNORE INTO entity_scopes (scope, entity) SELECT * FROM ",
        " WHERE column1 IS NOT NULL",
        2,
        (2, 64),
    ),
    Shape::rows(
        "INSERT INTO expiries (entity, expires_at) SELECT * FROM ",
        " WHERE column1 IS NOT NULL ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
        2,
        (1, 32),
    ),
    Shape::rows(
        "INSERT INTO locations (key, entity, name) SELECT * FROM ",
        " WHERE column1 IS NOT NULL",
        3,
        (2, 64),
    ),
    Shape::rows(
        "INSERT INTO location_boxes SELECT * FROM ",
        " WHERE column1 IS NOT NULL",
        5,
        (2, 64),
    ),
];

/// The statement that appends to the outbox.
const OF_MARKS: Shape = Shape::rows(
    "INSERT INTO outbox (position, at, kind, id, detail, before, after, expires_at, bytes, upto) SELECT * FROM ",
    " WHERE column1 IS NOT NULL",
    10,
    (1, 32),
);

/// Which of an entity's rows are removed before any are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removed {
    Boxes = 0,
    Locations,
    Values,
    Types,
    Scopes,
    Expiry,
    Entity,
}

impl Removed {
    /// All but its own.
    pub(super) const ABOUT_IT: [Self; 6] = [
        Self::Boxes,
        Self::Locations,
        Self::Values,
        Self::Types,
        Self::Scopes,
        Self::Expiry,
    ];
}

/// Which rows are written.
#[derive(Debug, Clone, Copy)]
enum Table {
    Entities = 7,
    Changed,
    Values,
    Types,
    Scopes,
    Expiries,
    Locations,
    Boxes,
    Marks,
}

/// A binding; what is made of entities comes here once and is not copied again.
#[derive(Debug)]
enum Bound {
    Integer(i64),
    Number(Option<f64>),
    Text(Option<CompactString>),
    Bytes(Option<Vec<u8>>),
}

/// Rows that are held back.
#[derive(Debug)]
pub(super) struct Pending {
    rows: [Vec<Bound>; SHAPES.len() + 1],
    bytes: usize,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            rows: std::array::from_fn(|_| Vec::new()),
            bytes: 0,
        }
    }
}

fn shapes() -> impl Iterator<Item = &'static Shape> {
    const MARKS: &Shape = &OF_MARKS;
    const OTHERS: &[Shape] = &SHAPES;
    OTHERS.iter().chain([MARKS])
}

fn text(text: &str) -> Bound {
    Bound::Text(Some(text.into()))
}

impl Pending {
    /// Whether nothing is held back.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.iter().all(Vec::is_empty)
    }

    /// Removes rows of an entity that are not held back themselves.
    pub(super) async fn remove(
        &mut self,
        what: Removed,
        key: EntityKey,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        self.push(what as usize, [Bound::Integer(key)], connection).await
    }

    /// Writes an entity's own row.
    pub(super) async fn entity(
        &mut self,
        key: EntityKey,
        id: &str,
        rows: &EntityRows,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        self.bytes += rows.body.len();
        let row = [
            Bound::Integer(key),
            text(id),
            text(&date_time_key(&rows.created_at)),
            text(&date_time_key(&rows.modified_at)),
            Bound::Bytes(Some(rows.body.clone())),
        ];
        self.push(Table::Entities as usize, row, connection).await
    }

    /// Changes an entity's own row.
    pub(super) async fn changed(
        &mut self,
        key: EntityKey,
        rows: &EntityRows,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        self.bytes += rows.body.len();
        let row = [
            Bound::Integer(key),
            text(&date_time_key(&rows.modified_at)),
            Bound::Bytes(Some(rows.body.clone())),
        ];
        self.push(Table::Changed as usize, row, connection).await
    }

    /// Writes a value, in the place of one of the same name, instance, element and kind.
    pub(super) async fn value(
        &mut self,
        key: EntityKey,
        row: &ValueRow,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let row = [
            Bound::Integer(key),
            Bound::Integer(row.name.into()),
            Bound::Integer(row.instance),
            Bound::Integer(row.element),
            Bound::Integer(row.kind),
            Bound::Number(row.number),
            Bound::Text(row.text.as_deref().map(CompactString::from)),
        ];
        self.push(Table::Values as usize, row, connection).await
    }

    /// Writes a type.
    pub(super) async fn r#type(
        &mut self,
        key: EntityKey,
        r#type: i64,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let row = [Bound::Integer(r#type), Bound::Integer(key)];
        self.push(Table::Types as usize, row, connection).await
    }

    /// Writes a scope.
    pub(super) async fn scope(
        &mut self,
        key: EntityKey,
        scope: &str,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let row = [text(scope), Bound::Integer(key)];
        self.push(Table::Scopes as usize, row, connection).await
    }

    /// Writes when something of it expires.
    pub(super) async fn expiry(
        &mut self,
        key: EntityKey,
        expires_at: &str,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let row = [Bound::Integer(key), text(expires_at)];
        self.push(Table::Expiries as usize, row, connection).await
    }

    /// Writes a location, of which the number is its own.
    pub(super) async fn location(
        &mut self,
        key: EntityKey,
        number: i64,
        location: &LocationRow,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let row = [
            Bound::Integer(number),
            Bound::Integer(key),
            Bound::Integer(location.name.into()),
        ];
        self.push(Table::Locations as usize, row, connection).await?;
        let bounds = location.bounds;
        let row = [
            Bound::Integer(number),
            Bound::Number(Some(bounds.min_longitude)),
            Bound::Number(Some(bounds.max_longitude)),
            Bound::Number(Some(bounds.min_latitude)),
            Bound::Number(Some(bounds.max_latitude)),
        ];
        self.push(Table::Boxes as usize, row, connection).await
    }

    /// Appends to the outbox.
    pub(super) async fn mark(
        &mut self,
        position: i64,
        upto: i64,
        mark: NewMark,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        self.bytes = self
            .bytes
            .saturating_add(usize::try_from(mark.bytes).unwrap_or(usize::MAX));
        let row = [
            Bound::Integer(position),
            Bound::Integer(mark.at),
            Bound::Integer(mark.kind),
            Bound::Text(mark.id.as_ref().map(|id| id.as_str().into())),
            Bound::Bytes(Some(mark.detail)),
            Bound::Bytes(mark.values.before),
            Bound::Bytes(mark.values.after),
            Bound::Text(mark.values.expires_at.as_ref().map(|at| date_time_key(at).into())),
            Bound::Integer(mark.bytes),
            Bound::Integer(upto),
        ];
        self.push(Table::Marks as usize, row, connection).await
    }

    async fn push<const COLUMNS: usize>(
        &mut self,
        table: usize,
        row: [Bound; COLUMNS],
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let most = shapes().nth(table).map_or(0, |shape| shape.many * shape.columns);
        let held_back = self.rows.get(table).map_or(0, Vec::len);
        if held_back >= most || self.bytes > MOST_BYTES {
            self.write(connection).await?;
        }
        if let Some(rows) = self.rows.get_mut(table) {
            rows.extend(row);
        }
        Ok(())
    }

    /// Writes all of it.
    pub(super) async fn write(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let mut statements = String::new();
        let mut arguments = SqliteArguments::default();
        for (shape, rows) in shapes().zip(&mut self.rows) {
            if rows.is_empty() {
                continue;
            }
            let count = rows.len() / shape.columns;
            shape.append(&mut statements, count);
            let missing = shape.room(count).saturating_sub(count) * shape.columns;
            for bound in rows.drain(..) {
                let added = match bound {
                    Bound::Integer(integer) => arguments.add(integer),
                    Bound::Number(number) => arguments.add(number),
                    Bound::Text(text) => arguments.add(text.map(CompactString::into_string)),
                    Bound::Bytes(bytes) => arguments.add(bytes),
                };
                added.map_err(sqlx::Error::Encode)?;
            }
            for _ in 0..missing {
                arguments.add(None::<i64>).map_err(sqlx::Error::Encode)?;
            }
        }
        // The text holds no text of an entity, only what stands above; everything else is bound.
        sqlx::query_with(AssertSqlSafe(statements), arguments)
            .execute(connection)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_its_statement() {
        let named = [
            (Removed::Boxes as usize, "location_boxes"),
            (Removed::Entity as usize, "DELETE FROM entities"),
            (Table::Entities as usize, "INSERT INTO entities"),
            (Table::Changed as usize, "UPDATE entities"),
            (Table::Values as usize, "INSERT INTO attribute_values"),
            (Table::Boxes as usize, "INSERT INTO location_boxes"),
            (Table::Marks as usize, "INSERT INTO outbox"),
        ];
        for (place, text) in named {
            assert!(shapes().nth(place).unwrap().before.contains(text), "{text}");
        }
        assert_eq!(shapes().count(), Table::Marks as usize + 1);
    }

    #[test]
    fn few_texts_serve_rows_of_any_number() {
        let shape = SHAPES.get(Table::Values as usize).unwrap();
        let texts = (1..=shape.many).map(|rows| {
            let mut text = String::new();
            shape.append(&mut text, rows);
            text
        });
        let texts: std::collections::BTreeSet<String> = texts.collect();
        assert_eq!(texts.len(), 2);
        // SQLite takes 32,766 bindings in one statement.
        assert!(shapes().all(|shape| shape.many * shape.columns <= 32_766));
    }
}
