//! The limit that W9 is measured against: one table of JSON texts, found by what each question of W9 asks for and copied into
//! the answer. It knows no policy, no context, no names, no grant and no exact distance, and reads where it is asked.

use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use crate::Failure;
use crate::workload::Workload;

/// Connections that are kept: as many as threads that answer.
const MOST_KEPT: usize = 8;

/// Entities as the JSON that is answered, beside the columns that are compared.
pub(crate) struct BareStore {
    files: TempDir,
    statement: &'static str,
    idle: Mutex<Vec<Connection>>,
}

impl BareStore {
    /// Of a list of entities.
    pub(crate) fn of(entities: &str, workload: Workload) -> Result<Self, Failure> {
        let store = Self {
            files: TempDir::new()?,
            statement: match workload {
                Workload::W9Q => "SELECT json FROM entities WHERE capacity >= 800 ORDER BY id LIMIT 20",
                // 10 km around, as degrees.
                Workload::W9Near => {
                    "SELECT json FROM entities WHERE key IN (SELECT key FROM boxes
                     WHERE east >= 139.388 AND west <= 139.612 AND north >= 36.46 AND south <= 36.64)
                     ORDER BY id LIMIT 20"
                }
                _ => "SELECT json FROM entities ORDER BY id LIMIT 20",
            },
            idle: Mutex::default(),
        };
        let mut connection = Connection::open(store.files.path().join("bare.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE entities (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, capacity REAL, json TEXT NOT NULL);
             CREATE INDEX by_capacity ON entities (capacity);
             CREATE VIRTUAL TABLE boxes USING rtree (key, west, east, south, north);",
        )?;
        let filling = connection.transaction()?;
        let entities: Vec<Value> = serde_json::from_str(entities)?;
        for (key, entity) in (1_i64..).zip(entities) {
            let member = |path: &str| entity.pointer(path).and_then(Value::as_f64);
            filling.execute(
                "INSERT INTO entities VALUES (?, ?, ?, ?)",
                (
                    key,
                    entity.pointer("/id").and_then(Value::as_str),
                    member("/maxCapacity/value"),
                    entity.to_string(),
                ),
            )?;
            let (longitude, latitude) = (
                member("/location/value/coordinates/0"),
                member("/location/value/coordinates/1"),
            );
            filling.execute(
                "INSERT INTO boxes VALUES (?1, ?2, ?2, ?3, ?3)",
                (key, longitude, latitude),
            )?;
        }
        filling.commit()?;
        Ok(store)
    }

    /// The page.
    pub(crate) fn page(&self) -> Result<Vec<u8>, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open_with_flags(
                self.files.path().join("bare.db"),
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?,
        };
        let mut body = Vec::with_capacity(16 * 1024);
        body.push(b'[');
        {
            let mut statement = connection.prepare_cached(self.statement)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                if body.len() > 1 {
                    body.push(b',');
                }
                body.extend_from_slice(row.get_ref(0)?.as_bytes()?);
            }
        }
        body.push(b']');
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_KEPT {
            idle.push(connection);
        }
        Ok(body)
    }
}
