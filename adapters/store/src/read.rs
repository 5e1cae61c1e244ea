//! Running what the compiler made, and decoding the rows.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use futures::stream::TryReadyChunksError;
use futures::{Stream, StreamExt, TryStreamExt};
use kakehashi_resources::{Held, pause};
use ngsi_ld::{AttributeName, Entity, TypeName};
use tokio::sync::mpsc;

use super::StoreError;
use super::backend::BoxedEntity;
use super::backend::sql::Statement;
use super::body::{DecodeError, Row, Wanted, decode};
use super::names::NameTable;
use super::partition::StorePartition;
use kakehashi_contract::Call;

/// Rows that are decoded together, of those that have been read.
const ROWS_AT_ONCE: usize = 32;

/// Batches of entities that wait for the one that takes them: enough to keep the database busy, few enough for memory.
const BATCHES_AHEAD: usize = 1;

/// Entities that were decoded together, and what is counted of them for the request.
type Batch = (Vec<Entity>, Held);

/// The first entity that the statement selects, looked up on the thread that asks, where that is possible now; `None`:
/// [`first`] finds it, or says why not. For statements that find what they select at once.
pub(super) fn looked_up(
    partition: &StorePartition,
    statement: &Statement,
    wanted: &Wanted,
    call: &Call,
) -> Option<Option<Entity>> {
    if Instant::now() >= call.deadline {
        return None;
    }
    let names = partition.names();
    let mut decoded = None;
    let mut take = |row: Row<'_>| {
        decoded = Some(decode(row, &names, wanted));
        ControlFlow::Break(())
    };
    let looked = partition.backend().look_through(statement, call.deadline, &mut take);
    looked.ok()?;
    // What cannot be decoded may have names that are new, and is told otherwise.
    decoded.transpose().ok()
}

/// The first entity that the statement selects.
pub(super) async fn first(
    partition: &StorePartition,
    statement: Statement,
    wanted: &Wanted,
    call: &Call,
) -> Result<Option<Entity>, StoreError> {
    within(call.deadline, async {
        let mut reader = partition.reader(call).await?;
        let entity = match reader.first(statement).await? {
            Some(row) => Some(entity_with_new_names(partition, &row, wanted).await?),
            None => None,
        };
        reader.done()?;
        Ok(entity)
    })
    .await
}

/// The number that the statement selects.
pub(super) async fn count(partition: &StorePartition, statement: Statement, call: &Call) -> Result<u64, StoreError> {
    within(call.deadline, async {
        let mut reader = partition.reader(call).await?;
        let count = reader.count(statement).await?;
        reader.done()?;
        Ok(count)
    })
    .await
}

/// Whether some entity has more than one type.
pub(super) async fn has_entities_of_several_types(partition: &StorePartition, call: &Call) -> Result<bool, StoreError> {
    within(call.deadline, async {
        let mut reader = partition.reader(call).await?;
        let some = reader.has_entities_of_several_types().await?;
        reader.done()?;
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
    within(call.deadline, async {
        let mut reader = partition.reader(call).await?;
        let mut found = false;
        for name in names {
            found = reader.holds_uris(name).await?;
            if found {
                break;
            }
        }
        reader.done()?;
        Ok(found)
    })
    .await
}

/// The types of which the partition holds an entity, in the order of their numbers.
pub(super) async fn held_types(partition: &StorePartition, call: &Call) -> Result<Vec<TypeName>, StoreError> {
    within(call.deadline, async {
        let mut reader = partition.reader(call).await?;
        let types = reader.held_types().await?;
        reader.done()?;
        Ok(types)
    })
    .await
}

/// Most names of which a partition tells: what has more takes them from whoever writes.
const MOST_NAMES: usize = 2_000;

/// Names of which the attributes of the partition are, whichever types have them; `None`: there are too many.
pub(super) async fn known_names(
    partition: &StorePartition,
    call: &Call,
) -> Result<Option<Vec<AttributeName>>, StoreError> {
    within(call.deadline, async {
        let mut reader = partition.reader(call).await?;
        let names = reader.known_names(MOST_NAMES).await?;
        reader.done()?;
        Ok(names)
    })
    .await
}

/// The entities that the statement selects, as they are read. Reading begins with the first poll and ends when
/// the stream is dropped.
pub(super) fn all(
    partition: StorePartition,
    statement: Statement,
    wanted: Arc<Wanted>,
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
    wanted: Arc<Wanted>,
    call: &Call,
    sender: &mpsc::Sender<Result<Batch, StoreError>>,
) -> Result<(), StoreError> {
    partition.remove_expired_before_reading().await;
    let mut reader = partition.reader(call).await?;
    let mut rows = reader.all(statement).try_ready_chunks(ROWS_AT_ONCE);
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
                entities.push(entity(row, &names, &wanted)?);
            }
        }
        let held = call.resources.hold(entities.iter().map(Entity::weight).sum())?;
        if sender.send(Ok((entities, held))).await.is_err() {
            return Ok(());
        }
        if let Some(error) = failure {
            return Err(error);
        }
    }
    drop(rows);
    reader.done()
}

/// The entities of rows, up to the first that cannot be decoded.
async fn decoded(
    rows: Vec<BoxedEntity>,
    names: Arc<NameTable>,
    wanted: Arc<Wanted>,
) -> (Vec<BoxedEntity>, Vec<Entity>) {
    let mut entities = Vec::with_capacity(rows.len());
    for row in &rows {
        match entity(row, &names, &wanted) {
            Ok(entity) => entities.push(entity),
            Err(_) => break,
        }
        pause().await;
    }
    (rows, entities)
}

/// Gives work up at the deadline.
///
/// # Errors
/// Those of the work, or [`StoreError::Timeout`].
pub(super) async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
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
    row: &BoxedEntity,
    wanted: &Wanted,
) -> Result<Entity, StoreError> {
    match entity(row, &partition.names(), wanted) {
        Err(DecodeError::UnknownName) => {
            let names = partition.read_new_names().await?;
            Ok(entity(row, &names, wanted)?)
        }
        decoded => Ok(decoded?),
    }
}

fn entity(row: &BoxedEntity, names: &NameTable, wanted: &Wanted) -> Result<Entity, DecodeError> {
    decode(row.columns()?, names, wanted)
}
