//! Running what the compiler made, and decoding the rows.

use std::sync::Arc;
use std::time::Instant;

use futures::stream::TryReadyChunksError;
use futures::{Stream, StreamExt, TryStreamExt};
use kakehashi_resources::{Held, pause};
use ngsi_ld::{AttributeName, Entity, Iri, TypeName};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _, Sqlite};
use tokio::sync::mpsc;

use super::StoreError;
use super::body::{DecodeError, Row, Wanted, decode};
use super::compile::{Binding, Statement};
use super::index::kind;
use super::names::NameTable;
use super::partition::StorePartition;
use kakehashi_contract::Call;

/// Rows that are decoded together, of those that have been read.
const ROWS_AT_ONCE: usize = 32;

/// Batches of entities that wait for the one that takes them: enough to keep the database busy, few enough for memory.
const BATCHES_AHEAD: usize = 1;

/// Entities that were decoded together, and what is counted of them for the request.
type Batch = (Vec<Entity>, Held);

impl From<DecodeError> for StoreError {
    fn from(error: DecodeError) -> Self {
        Self::Row(error.to_string())
    }
}

/// The first entity that the statement selects.
pub(super) async fn first(
    partition: &StorePartition,
    statement: Statement,
    wanted: &Wanted,
    call: &Call,
) -> Result<Option<Entity>, StoreError> {
    within(call.deadline, async {
        let mut connection = partition.reader(call).await?;
        let row = prepared(statement).fetch_optional(&mut *connection).await?;
        let entity = match row {
            Some(row) => Some(entity_with_new_names(partition, &row, wanted).await?),
            None => None,
        };
        connection.done()?;
        Ok(entity)
    })
    .await
}

/// The number that the statement selects.
pub(super) async fn count(partition: &StorePartition, statement: Statement, call: &Call) -> Result<u64, StoreError> {
    within(call.deadline, async {
        let mut connection = partition.reader(call).await?;
        let row = prepared(statement).fetch_one(&mut *connection).await?;
        let count: i64 = row.try_get(0)?;
        connection.done()?;
        u64::try_from(count).map_err(|_| StoreError::Row("a count is negative".to_owned()))
    })
    .await
}

/// Whether some entity has more than one type.
pub(super) async fn has_entities_of_several_types(partition: &StorePartition, call: &Call) -> Result<bool, StoreError> {
    within(call.deadline, async {
        let mut connection = partition.reader(call).await?;
        let some: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM several_types)")
            .fetch_one(&mut *connection)
            .await?;
        connection.done()?;
        Ok(some)
    })
    .await
}

/// Whether an attribute of one of these names is a URI in some entity, as the targets of Relationships are.
pub(super) async fn holds_uris(
    partition: &StorePartition,
    names: &[AttributeName],
    call: &Call,
) -> Result<bool, StoreError> {
    const STATEMENT: &str = "SELECT EXISTS (SELECT 1 FROM attribute_values
        WHERE name = (SELECT key FROM names WHERE name = ?1) AND kind = ?2 AND text IS NOT NULL)";
    within(call.deadline, async {
        let mut connection = partition.reader(call).await?;
        let mut found = false;
        for name in names {
            found = sqlx::query_scalar(STATEMENT)
                .bind(name.as_str())
                .bind(kind::URI)
                .fetch_one(&mut *connection)
                .await?;
            if found {
                break;
            }
        }
        connection.done()?;
        Ok(found)
    })
    .await
}

/// The types of which the partition holds an entity, in the order of their numbers.
pub(super) async fn held_types(partition: &StorePartition, call: &Call) -> Result<Vec<TypeName>, StoreError> {
    const STATEMENT: &str =
        "SELECT name FROM names WHERE EXISTS (SELECT 1 FROM entity_types WHERE type = names.key) ORDER BY key";
    within(call.deadline, async {
        let mut connection = partition.reader(call).await?;
        let names: Vec<String> = sqlx::query_scalar(STATEMENT).fetch_all(&mut *connection).await?;
        connection.done()?;
        Ok(names.into_iter().map(|name| TypeName::new(Iri::new(name))).collect())
    })
    .await
}

/// The entities that the statement selects, as they are read. Reading begins with the first poll and ends when
/// the stream is dropped.
pub(super) fn all(
    partition: StorePartition,
    statement: Statement,
    wanted: Wanted,
    call: Call,
) -> impl Stream<Item = Result<Entity, StoreError>> + Send + 'static {
    // The rows borrow the connection, so that a task must own both; the channel holds it back.
    let start = async move {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        tokio::spawn(async move {
            let sent = within(call.deadline, send_all(&partition, statement, wanted, &call, &sender));
            let outcome = tokio::select! {
                outcome = sent => outcome,
                () = sender.closed() => return,
            };
            if let Err(error) = outcome {
                // An error that nobody waits for any more is nobody's.
                let _ = sender.send(Err(error)).await;
            }
        });
        let taking = Taking {
            batches: receiver,
            batch: Vec::new().into_iter(),
            _held: None,
        };
        futures::stream::unfold(taking, |mut taking| async {
            taking.next().await.map(|entity| (entity, taking))
        })
    };
    futures::stream::once(start).flatten()
}

/// Entities that are handed out one by one.
struct Taking {
    batches: mpsc::Receiver<Result<Batch, StoreError>>,
    batch: std::vec::IntoIter<Entity>,
    /// What is counted of the batch for the request.
    _held: Option<Held>,
}

impl Taking {
    async fn next(&mut self) -> Option<Result<Entity, StoreError>> {
        loop {
            if let Some(entity) = self.batch.next() {
                return Some(Ok(entity));
            }
            match self.batches.recv().await? {
                Ok((entities, held)) => {
                    self.batch = entities.into_iter();
                    self._held = Some(held);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

async fn send_all(
    partition: &StorePartition,
    statement: Statement,
    wanted: Wanted,
    call: &Call,
    sender: &mpsc::Sender<Result<Batch, StoreError>>,
) -> Result<(), StoreError> {
    partition.remove_expired_before_reading().await;
    let mut connection = partition.reader(call).await?;
    let wanted = Arc::new(wanted);
    let mut rows = prepared(statement)
        .fetch(&mut *connection)
        .try_ready_chunks(ROWS_AT_ONCE);
    let mut names = partition.names();
    loop {
        let (rows, failure) = match rows.try_next().await {
            Ok(Some(rows)) => (rows, None),
            Ok(None) => break,
            // What came before the failure is as it would have been one by one.
            Err(TryReadyChunksError(rows, error)) => (rows, Some(error)),
        };
        let decoding = decoded(rows, Arc::clone(&names), Arc::clone(&wanted));
        let (rows, mut entities) = call.resources.compute(decoding).await?;
        if entities.len() < rows.len() {
            // A name that another process has added, or a row that cannot be read.
            names = partition.read_new_names().await?;
            for row in rows.iter().skip(entities.len()) {
                entities.push(entity(row, 0, &names, &wanted)?);
            }
        }
        let held = call.resources.hold(entities.iter().map(Entity::weight).sum())?;
        if sender.send(Ok((entities, held))).await.is_err() {
            return Ok(());
        }
        if let Some(error) = failure {
            return Err(error.into());
        }
    }
    drop(rows);
    connection.done()
}

/// The entities of rows, up to the first that cannot be decoded.
async fn decoded(rows: Vec<SqliteRow>, names: Arc<NameTable>, wanted: Arc<Wanted>) -> (Vec<SqliteRow>, Vec<Entity>) {
    let mut entities = Vec::with_capacity(rows.len());
    for row in &rows {
        match entity(row, 0, &names, &wanted) {
            Ok(entity) => entities.push(entity),
            Err(_) => break,
        }
        pause().await;
    }
    (rows, entities)
}

async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    // The timer counts whole milliseconds, so that work could still slip through after the deadline.
    if Instant::now() >= deadline {
        return Err(StoreError::Timeout);
    }
    tokio::time::timeout_at(deadline.into(), work)
        .await
        .unwrap_or(Err(StoreError::Timeout))
}

async fn entity_with_new_names(
    partition: &StorePartition,
    row: &SqliteRow,
    wanted: &Wanted,
) -> Result<Entity, StoreError> {
    match entity(row, 0, &partition.names(), wanted) {
        Err(DecodeError::UnknownName) => {
            let names = partition.read_new_names().await?;
            Ok(entity(row, 0, &names, wanted)?)
        }
        decoded => Ok(decoded?),
    }
}

/// The entity of a row in which [`COLUMNS`](super::compile::COLUMNS) begin at `first_column`.
pub(super) fn entity(
    row: &SqliteRow,
    first_column: usize,
    names: &NameTable,
    wanted: &Wanted,
) -> Result<Entity, DecodeError> {
    fn column<'r, T>(row: &'r SqliteRow, position: usize) -> Result<T, DecodeError>
    where
        T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    {
        row.try_get(position)
            .map_err(|_| DecodeError::Damaged("a column has the wrong type"))
    }
    let columns = Row {
        id: column(row, first_column)?,
        created_at: column(row, first_column + 1)?,
        modified_at: column(row, first_column + 2)?,
        body: column(row, first_column + 3)?,
    };
    decode(columns, names, wanted)
}

/// The text holds no text of a query, only what the compiler wrote; everything else is bound.
fn prepared(statement: Statement) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    let Statement { text, bindings } = statement;
    bindings
        .into_iter()
        .fold(sqlx::query(AssertSqlSafe(text)), |query, binding| match binding {
            Binding::Text(text) => query.bind(text),
            Binding::Number(number) => query.bind(number),
            Binding::Integer(integer) => query.bind(integer),
        })
}
