//! Running what the compiler made, and decoding the rows.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use futures::{Stream, StreamExt};
use kakehashi_resources::{Held, pause};
use ngsi_ld::{AttributeName, Entity, TypeName};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::backend::Selecting;
use super::backend::sql::Statement;
use super::body::{Row, Wanted, decode};
use super::names::NameTable;
use super::partition::StorePartition;
use kakehashi_contract::Call;

/// Rows that are decoded together.
const ROWS_AT_ONCE: usize = 32;

/// Batches of rows, and of entities, that wait for whoever takes them: enough to keep the database busy, few enough for memory.
const BATCHES_AHEAD: usize = 1;

/// Entities that were decoded together, and what is counted of them for the request.
type Batch = (Vec<Entity>, Held);

/// Gives the rows that are wanted to whoever takes them.
pub(super) type Reads = Box<
    dyn FnOnce(&dyn Selecting, &Arc<NameTable>, &mut dyn FnMut(Row<'_>) -> ControlFlow<()>) -> Result<(), StoreError>
        + Send,
>;

/// The first entity of those that are read, looked up on the thread that asks, where that is possible now; `None`:
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
    let mut reading = |selecting: &dyn Selecting| selecting.look_through(statement, &names, &mut take);
    let looked = partition.backend().read_in_place(call.deadline, &mut reading);
    looked.ok()?;
    // What cannot be decoded may have names that are new, and is told otherwise.
    decoded.transpose().ok()
}

/// The first entity of those that are read.
pub(super) async fn first(
    partition: &StorePartition,
    reads: Reads,
    wanted: &Wanted,
    call: &Call,
) -> Result<Option<Entity>, StoreError> {
    within(call.deadline, async {
        let (found, mut finding) = mpsc::channel(1);
        let reading = partition.read_apart(call, move |selecting, names| {
            reads(selecting, names, &mut |row| {
                // Whoever does not wait any more does not want it.
                let _ = found.blocking_send(OwnedRow::from(row));
                ControlFlow::Break(())
            })
        });
        let ((), row) = futures::future::try_join(reading, async { Ok(finding.recv().await) }).await?;
        let entity = row.map(|row| decode(row.row(), &partition.names(), wanted));
        Ok(entity.transpose()?)
    })
    .await
}

/// The number that is found out.
pub(super) async fn count(
    partition: &StorePartition,
    counts: impl FnOnce(&dyn Selecting, &Arc<NameTable>) -> Result<u64, StoreError> + Send + 'static,
    call: &Call,
) -> Result<u64, StoreError> {
    within(call.deadline, async {
        let (counted, number) = oneshot::channel();
        let reading = partition.read_apart(call, move |selecting, names| {
            // Whoever does not wait any more does not want it.
            let _ = counted.send(counts(selecting, names)?);
            Ok(())
        });
        reading.await?;
        number.await.map_err(|_| StoreError::Timeout)
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

/// The entities of what is read, as that goes on. Reading begins with the first poll and ends when the stream is dropped.
pub(super) fn all(
    partition: StorePartition,
    reads: Reads,
    wanted: Arc<Wanted>,
    call: Call,
) -> impl Stream<Item = Result<Entity, StoreError>> + Send + 'static {
    // Others are read while these are looked at; the channel holds that back.
    let start = async move {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        tokio::spawn(async move {
            let sent = within(call.deadline, send_all(&partition, reads, wanted, &call, &sender));
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

/// A row that was read on another thread.
struct OwnedRow {
    id: String,
    created_at: String,
    modified_at: String,
    body: Vec<u8>,
}

impl From<Row<'_>> for OwnedRow {
    fn from(row: Row<'_>) -> Self {
        Self {
            id: row.id.to_owned(),
            created_at: row.created_at.to_owned(),
            modified_at: row.modified_at.to_owned(),
            body: row.body.to_owned(),
        }
    }
}

impl OwnedRow {
    fn row(&self) -> Row<'_> {
        Row {
            id: &self.id,
            created_at: &self.created_at,
            modified_at: &self.modified_at,
            body: &self.body,
        }
    }
}

async fn send_all(
    partition: &StorePartition,
    reads: Reads,
    wanted: Arc<Wanted>,
    call: &Call,
    sender: &mpsc::Sender<Result<Batch, StoreError>>,
) -> Result<(), StoreError> {
    partition.remove_expired_before_reading().await;
    let (rows, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let reading = partition.read_apart(call, move |selecting, names| {
        let mut batch = Vec::new();
        reads(selecting, names, &mut |row| {
            batch.push(OwnedRow::from(row));
            if batch.len() < ROWS_AT_ONCE {
                return ControlFlow::Continue(());
            }
            match rows.blocking_send(std::mem::take(&mut batch)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        // Whoever does not wait any more does not want them.
        let _ = rows.blocking_send(batch);
        Ok(())
    });
    let decoding = async {
        while let Some(batch) = batches.recv().await {
            let decoding = decoded(batch, partition.names(), Arc::clone(&wanted));
            let entities = call.resources.compute(decoding).await??;
            let held = call.resources.hold(entities.iter().map(Entity::weight).sum())?;
            if sender.send(Ok((entities, held))).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    futures::future::try_join(reading, decoding).await?;
    Ok(())
}

/// The entities of rows. Their names are known: they were read at the same state.
async fn decoded(rows: Vec<OwnedRow>, names: Arc<NameTable>, wanted: Arc<Wanted>) -> Result<Vec<Entity>, StoreError> {
    let mut entities = Vec::with_capacity(rows.len());
    for row in &rows {
        entities.push(decode(row.row(), &names, &wanted)?);
        pause().await;
    }
    Ok(entities)
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
