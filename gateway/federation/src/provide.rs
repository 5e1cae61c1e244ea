//! Providing entities (clauses 5.6.1, 5.6.6 and the batches of 5.6.7, 5.6.8 and 5.6.10): which partition of the
//! store a write goes to, and whether the consumer may.
//!
//! A write is not narrowed as a read is: what is not granted refuses the whole entity. Where permits cover some entities
//! only, both the entity as it is and the entity as it would be must be covered. It never looks beyond the
//! partition that it goes to, so that it tells nothing of what other tenants hold.
//!
//! Writes to a partition have their turns, and those of one consumer leave room for those of the others. What has its turn has begun and is finished and told, whatever its caller does
//! and whatever the time is; what waits for its turn is given up when its caller leaves or its deadline passes.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use kakehashi_adapters::store::set_system_dates;
use kakehashi_adapters::{AdapterError, Call, EntityWriter, ErrorKind, Position, Put, WriteError};
use kakehashi_core::names::TenantId;
use kakehashi_policy::{GrantSet, Operation, PersonalData};
use kakehashi_runtime::slots::{Slot, Slots};
use ngsi_ld::entity::DateTime;
use ngsi_ld::query::TypeSelection;
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};
use tokio_util::sync::CancellationToken;

use super::plan::Asker;
use super::registry::RegisteredSource;
use super::ungranted::{self, Ungranted, why_not_type};

/// A type that nobody has named: whoever is granted it is granted every type that nobody has classified.
const UNNAMED_TYPE: &str = "urn:kakehashi:type:unnamed";

/// Why nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteRefusal {
    /// The policies do not permit it: what exactly.
    #[error("{0}")]
    Forbidden(Ungranted),
    /// The tenant has no partition of the store that takes such an entity.
    #[error("the tenant has no part of the store that takes entities like this one")]
    NotWritable,
    /// The limit of the tenant is used up.
    #[error("the limit of requests to the tenant's data is used up; try again")]
    Overloaded,
    /// There is an entity of that id.
    #[error("an entity of that id exists already")]
    AlreadyExists,
    /// There is none.
    #[error("no entity of that id exists in what you may write to")]
    NotFound,
    /// The store cannot hold such an entity.
    #[error("{0}")]
    CannotHold(String),
    /// The deadline has passed before the write could begin.
    #[error("nothing was written: others wrote until the time for this request was over; try again")]
    Late,
    /// Nobody waits for it any more, and it was not begun.
    #[error("nothing was written: nobody waits for it")]
    CallerLeft,
    /// The store failed.
    #[error("the store failed")]
    Source(AdapterError),
}

impl From<WriteError> for WriteRefusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::AlreadyExists => Self::AlreadyExists,
            WriteError::NotOffered(_) => Self::NotWritable,
            WriteError::NotFound => Self::NotFound,
            WriteError::Refused => Self::Forbidden(Ungranted::Everything),
            WriteError::CannotHold(reason) => Self::CannotHold(reason),
            WriteError::Source(error) => {
                // What cannot be written is told once, where it was found, and not for every write.
                if !matches!(error.kind, ErrorKind::InsufficientStorage | ErrorKind::Unwritable) {
                    let untold = kakehashi_telemetry::may_say(&error.source_id, "write failed");
                    if let Some(untold) = untold {
                        tracing::warn!(source_id = %error.source_id, kind = %error.kind, detail = %error.detail, untold, "write failed");
                    }
                }
                Self::Source(error)
            }
        }
    }
}

/// One write.
#[derive(Debug)]
pub enum EntityChange {
    /// `createEntity`, locally.
    Create(Entity),
    /// Creates an entity, or replaces the one of its id.
    Put(Entity),
    /// `deleteEntity`, locally. With a selection of types, only if the entity is of one.
    Delete {
        /// Which.
        id: EntityId,
        /// Of which types.
        types: Option<TypeSelection>,
    },
}

/// What a write has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityChanged {
    /// There was none of that id.
    Created,
    /// There was one.
    Replaced,
    /// There is none any more.
    Deleted,
}

/// Is told of what was written.
pub trait Watcher: fmt::Debug + Sync {
    /// The one place of a partition: a write has it until it has been told, so that writes are told in the order in
    /// which they were made.
    fn turns(&self, source: &RegisteredSource) -> Slots;

    /// A write has its turn; `None`: nobody wants to be told of it.
    fn begun(&self, source: &Arc<RegisteredSource>) -> Option<Box<dyn WatchedWrite>>;
}

/// A write that has begun and that somebody wants to be told of. It has ended when this is gone.
pub trait WatchedWrite: fmt::Debug + Send + Sync {
    /// It was committed: where it lies in the order of the source's changes, if the source keeps one, and the entity before
    /// and after it, each `None` where there is none.
    fn committed(self: Box<Self>, position: Option<Position>, before: Option<Entity>, after: Option<Entity>);
}

/// Writes for one consumer into what belongs to one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Provider<'a> {
    /// Who writes, and by what rules.
    pub asker: &'a Asker<'a>,
    /// Whose partition.
    pub tenant: &'a TenantId,
    /// The deadline.
    pub call: &'a Call,
    /// Who is told of what was written.
    pub watcher: &'a dyn Watcher,
    /// Cancelled when nobody waits for the write any more.
    pub caller: &'a CancellationToken,
}

impl Provider<'_> {
    /// Writes.
    ///
    /// # Errors
    /// [`WriteRefusal`]
    pub async fn change(&self, change: EntityChange) -> Result<EntityChanged, WriteRefusal> {
        match change {
            EntityChange::Create(entity) => self.create(entity).await.map(|()| EntityChanged::Created),
            EntityChange::Put(entity) => self.put(entity).await.map(|put| match put {
                Put::Created => EntityChanged::Created,
                Put::Replaced => EntityChanged::Replaced,
            }),
            EntityChange::Delete { id, types } => {
                let deleted = self.delete(&id, types.as_ref()).await;
                deleted.map(|()| EntityChanged::Deleted)
            }
        }
    }

    async fn create(&self, entity: Entity) -> Result<(), WriteRefusal> {
        let partition = self.partition_for(&entity)?;
        let begun = Begun::wait(self, partition.0).await?;
        let may_tell_of = |existing: &Entity| self.may_know_of(existing, partition.personal_data());
        let (now, after) = (now(), begun.copy(&entity));
        let created = partition.writer()?.create(entity, &may_tell_of, now.clone(), self.call);
        let position = created.await.map_err(|error| match error {
            WriteError::Refused => WriteRefusal::Forbidden(Ungranted::Id),
            other => other.into(),
        })?;
        if let Some(mut after) = after {
            set_system_dates(&mut after, None, &now);
            begun.tell(position, Some(after));
        }
        Ok(())
    }

    async fn put(&self, entity: Entity) -> Result<Put, WriteRefusal> {
        let partition = self.partition_for(&entity)?;
        let begun = Begun::wait(self, partition.0).await?;
        let known = AtomicBool::new(false);
        let may_change = |existing: &Entity| {
            let permitted = self.ungranted(existing, partition.personal_data()).is_none();
            known.store(
                permitted || self.may_know_of(existing, partition.personal_data()),
                Ordering::Relaxed,
            );
            permitted && begun.notice(existing)
        };
        let (now, after) = (now(), begun.copy(&entity));
        let writer = partition.writer()?;
        let put = writer.put(entity, &may_change, now.clone(), self.call).await;
        let (put, position) = put.map_err(|error| match error {
            WriteError::Refused if !known.load(Ordering::Relaxed) => WriteRefusal::Forbidden(Ungranted::Id),
            other => other.into(),
        })?;
        if let Some(mut after) = after {
            set_system_dates(&mut after, begun.before().as_ref(), &now);
            begun.tell(position, Some(after));
        }
        Ok(put)
    }

    /// Of an entity that the consumer may not see it is told what it is told of one that does not exist.
    async fn delete(&self, id: &EntityId, types: Option<&TypeSelection>) -> Result<(), WriteRefusal> {
        let mut writable = false;
        for source in self.asker.registry.writable_partitions(self.tenant) {
            let Some(writer) = source.adapter.writer() else {
                continue;
            };
            if !self.may_write_any(source.personal_data, types) {
                continue;
            }
            writable = true;
            // Nobody looks whether there is something: what has such an id is none of the consumer's.
            if self.is_id_hidden(id, source) {
                return Err(WriteRefusal::Forbidden(Ungranted::Id));
            }
            self.spend()?;
            let begun = Begun::wait(self, source).await?;
            let visible = AtomicBool::new(false);
            let may_change = |entity: &Entity| {
                let is_selected = |entity: &Entity| types.is_none_or(|types| types.selects(&entity.types));
                if self.ungranted(entity, source.personal_data).is_none() {
                    return is_selected(entity) && begun.notice(entity);
                }
                // A type that is hidden selects nothing.
                let seen = self.seen(entity, source.personal_data);
                visible.store(seen.as_ref().is_some_and(is_selected), Ordering::Relaxed);
                false
            };
            match writer.delete(id, &may_change, self.call).await {
                Ok(position) => {
                    begun.tell(position, None);
                    return Ok(());
                }
                Err(WriteError::Refused) if visible.load(Ordering::Relaxed) => {
                    return Err(WriteRefusal::Forbidden(Ungranted::Everything));
                }
                Err(WriteError::NotFound | WriteError::Refused) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if writable {
            return Err(WriteRefusal::NotFound);
        }
        // Whoever may not write at all is not told whether there is something to write to.
        if self.may_write_any(PersonalData::None, types) {
            return Err(WriteRefusal::NotWritable);
        }
        Err(WriteRefusal::Forbidden(Ungranted::Everything))
    }

    /// The partition that takes the entity, if the consumer may write it there. Nothing is written and no limit is
    /// spent.
    ///
    /// # Errors
    /// [`WriteRefusal::Forbidden`], [`WriteRefusal::NotWritable`]
    pub fn judge(&self, entity: &Entity) -> Result<&Arc<RegisteredSource>, WriteRefusal> {
        let mut partitions = self.asker.registry.writable_partitions(self.tenant);
        let Some(source) = partitions.find(|source| source.provides(entity)) else {
            return Err(match self.ungranted(entity, PersonalData::None) {
                Some(ungranted) => WriteRefusal::Forbidden(ungranted),
                None => WriteRefusal::NotWritable,
            });
        };
        if let Some(ungranted) = self.ungranted(entity, source.personal_data) {
            return Err(WriteRefusal::Forbidden(ungranted));
        }
        if !self.may_use_id(entity, source) {
            return Err(WriteRefusal::Forbidden(Ungranted::Id));
        }
        Ok(source)
    }

    fn partition_for(&self, entity: &Entity) -> Result<Partition<'_>, WriteRefusal> {
        let source = self.judge(entity)?;
        self.spend()?;
        Ok(Partition(source))
    }

    /// Spends one of the tenant's tokens.
    fn spend(&self) -> Result<(), WriteRefusal> {
        if self.asker.tenant_limits.admit(self.tenant) {
            Ok(())
        } else {
            Err(WriteRefusal::Overloaded)
        }
    }

    pub(super) fn grants(&self, operation: Operation, types: &[TypeName], personal_data: PersonalData) -> GrantSet {
        let Asker { consumer, policies, .. } = *self.asker;
        policies.grants(consumer, operation, self.tenant, types, personal_data)
    }

    /// What of an entity the consumer may not write; `None`: it may write all of it. Every type must be granted:
    /// an entity that is of two kinds is changed as both.
    fn ungranted(&self, entity: &Entity, personal_data: PersonalData) -> Option<Ungranted> {
        let grants = self.grants(self.asker.operation, &entity.types, personal_data);
        let is_granted = |name: &TypeName| grants.types().any(|granted| granted == name);
        if let Some(name) = entity.types.iter().find(|name| !is_granted(name)) {
            let Asker { consumer, policies, .. } = *self.asker;
            let grant = policies.grant(consumer, self.asker.operation, self.tenant, name, personal_data);
            return Some(Ungranted::Type(name.clone(), why_not_type(&grant)));
        }
        // What a read would be shown of it is what may be written of it.
        let Some(granted) = grants.project(entity.clone()) else {
            return Some(Ungranted::Uncovered);
        };
        if granted.types != entity.types || granted.scopes != entity.scopes {
            return Some(Ungranted::Uncovered);
        }
        let classification = self.asker.policies.classification();
        let class = |name: &AttributeName| {
            let of_types = entity.types.iter();
            of_types.filter_map(|of| classification.attribute_class(of, name)).max()
        };
        ungranted::in_attributes(entity, &granted, &grants, class, personal_data)
    }

    /// Whether anything at all is granted, of the types that are selected or of any.
    fn may_write_any(&self, personal_data: PersonalData, types: Option<&TypeSelection>) -> bool {
        let mut named: Vec<TypeName> = match types {
            Some(selection) => selection.names().into_iter().cloned().collect(),
            None => self.asker.policies.known_types().to_vec(),
        };
        if types.is_none() {
            named.push(unnamed_type());
        }
        !self.grants(self.asker.operation, &named, personal_data).is_empty()
    }

    /// Whether the consumer may see or write something of an entity, so that it may be told that it exists.
    fn may_know_of(&self, entity: &Entity, personal_data: PersonalData) -> bool {
        let grants = self.grants(self.asker.operation, &entity.types, personal_data);
        grants.project(entity.clone()).is_some() || self.seen(entity, personal_data).is_some()
    }

    /// The entity as the consumer sees it.
    fn seen(&self, entity: &Entity, personal_data: PersonalData) -> Option<Entity> {
        let grants = self.grants(Operation::RetrieveEntity, &entity.types, personal_data);
        grants.project(entity.clone())
    }
}

/// One write that has its turn: it has begun, and the next begins when it was told. And the entity as it was.
struct Begun {
    /// Gone before the turn is given back.
    watched: Option<Box<dyn WatchedWrite>>,
    before: Mutex<Option<Entity>>,
    _turn: Slot,
}

impl Begun {
    /// Waits for the turn for as long as somebody waits for the write, and until the deadline.
    async fn wait(provider: &Provider<'_>, source: &Arc<RegisteredSource>) -> Result<Self, WriteRefusal> {
        let Provider {
            watcher, call, caller, ..
        } = *provider;
        let turns = watcher.turns(source);
        let turn = tokio::time::timeout_at(call.deadline.into(), turns.take(&provider.asker.consumer.id));
        let turn = tokio::select! {
            // Looked at first: what has its turn at once must not begin for nobody either.
            biased;
            () = caller.cancelled() => return Err(WriteRefusal::CallerLeft),
            turn = turn => turn.ok().flatten(),
        };
        let turn = turn
            .filter(|_| Instant::now() < call.deadline)
            .ok_or(WriteRefusal::Late)?;
        Ok(Self {
            watched: watcher.begun(source),
            before: Mutex::new(None),
            _turn: turn,
        })
    }

    /// The entity that is written, where somebody is told of it.
    fn copy(&self, entity: &Entity) -> Option<Entity> {
        self.watched.as_ref().map(|_| entity.clone())
    }

    /// Keeps the entity as it is before the write, which looks at it within its transaction.
    fn notice(&self, existing: &Entity) -> bool {
        *self.before() = self.copy(existing);
        true
    }

    fn before(&self) -> MutexGuard<'_, Option<Entity>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The write was committed.
    fn tell(mut self, position: Option<Position>, after: Option<Entity>) {
        if let Some(watched) = self.watched.take() {
            let before = self.before().take();
            watched.committed(position, before, after);
        }
    }
}

/// A partition that takes an entity.
struct Partition<'a>(&'a Arc<RegisteredSource>);

impl Partition<'_> {
    fn personal_data(&self) -> PersonalData {
        self.0.personal_data
    }

    fn writer(&self) -> Result<&dyn EntityWriter, WriteRefusal> {
        self.0.adapter.writer().ok_or(WriteRefusal::NotWritable)
    }
}

/// See [`UNNAMED_TYPE`].
pub(super) fn unnamed_type() -> TypeName {
    TypeName::new(Iri::new(UNNAMED_TYPE))
}

fn now() -> DateTime {
    DateTime::from_system_time(SystemTime::now())
}
