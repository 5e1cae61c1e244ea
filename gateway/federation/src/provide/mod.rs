//! Providing entities (clauses 5.6.1 to 5.6.10 and 5.6.17 to 5.6.21): which sources a write goes to, whether the consumer may, and
//! what becomes of the entity. `divide` says what of it is about which source, `distribute` writes it where that are several.
//!
//! A write is not narrowed as a read is: what is not granted refuses the whole write. Where permits cover some entities
//! only, both the entity as it is and the entity as it would be must be covered. What the consumer may not see of an entity
//! is not there for it, and stays as it is (`hidden_parts`). It never looks beyond the sources of its tenant, so that it
//! tells nothing of what other tenants hold.
//!
//! Writes to a source have their turns, and those of one consumer leave room for those of the others. What has its turn
//! has begun and is finished and told, whatever its caller does and whatever the time is; what waits for its turn is given
//! up when its caller leaves or the time to begin is over.

mod decided;
mod distribute;
mod divide;
mod guard;
mod hidden_parts;
mod partly;
mod permitted;
mod purge;
mod refusal;
mod turn;
mod unasked;

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use kakehashi_adapters::store::set_system_dates;
use kakehashi_adapters::{Call, Decision, EntityWrite, Position, WriteError, WriteOperation, Written};
use kakehashi_core::names::TenantId;
use kakehashi_policy::{Operation, PersonalData, unnamed_type};
use kakehashi_runtime::slots::Slots;
use ngsi_ld::entity::DateTime;
use ngsi_ld::query::TypeSelection;
use ngsi_ld::update::{NotUpdated, Update};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use tokio_util::sync::CancellationToken;

use self::decided::Judging;
pub use self::distribute::Destination;
use self::divide::Division;
pub use self::guard::{NotTaken, Reason, not_taken};
pub use self::partly::{FailedPart, Partly};
pub use self::purge::{MOST_PURGED, Purge, PurgeRefusal, Purged};
pub use self::refusal::WriteRefusal;
use self::turn::Begun;
use super::plan::Asker;
use super::registry::{Mode, RegisteredSource};
use super::ungranted::Ungranted;

/// Most writes of a batch that are made in one transaction: enough that its cost is shared, and few enough that whoever waits
/// for a turn, or leaves, waits some hundredths of a second.
pub const MOST_AT_ONCE: usize = 100;

/// Whether an entity, as its consumer sees it (`None`: it sees none), is still what the consumer wants to change.
pub type Precondition = Arc<dyn Fn(Option<&Entity>) -> bool + Send + Sync>;

/// What is to become of one entity.
#[derive(Debug, Clone)]
pub enum EntityChange {
    /// It is created.
    Create(Entity),
    /// It is created, or replaces the one of its id.
    Put(Entity),
    /// The one that exists is changed.
    Update {
        /// Which.
        id: EntityId,
        /// Of which types; `None`: of any.
        types: Option<TypeSelection>,
        /// How.
        update: Box<Update>,
        /// What is created where there is none.
        otherwise: Option<Box<Entity>>,
    },
    /// It is deleted.
    Delete {
        /// Which.
        id: EntityId,
        /// Of which types; `None`: of any.
        types: Option<TypeSelection>,
    },
    /// It is purged, if it still meets the conditions.
    Purge {
        /// Which.
        id: EntityId,
        /// What meets which conditions.
        purge: Arc<Purge>,
    },
}

impl EntityChange {
    /// Which entity.
    #[must_use]
    pub fn id(&self) -> &EntityId {
        match self {
            Self::Create(entity) | Self::Put(entity) => &entity.id,
            Self::Update { id, .. } | Self::Delete { id, .. } | Self::Purge { id, .. } => id,
        }
    }

    /// The entity that it would create.
    fn creates(&self) -> Option<&Entity> {
        match self {
            Self::Create(entity) | Self::Put(entity) => Some(entity),
            Self::Update { otherwise, .. } => otherwise.as_deref(),
            Self::Delete { .. } | Self::Purge { .. } => None,
        }
    }

    fn types(&self) -> Option<&TypeSelection> {
        match self {
            Self::Create(_) | Self::Put(_) => None,
            Self::Purge { purge, .. } => purge.question.query.types.as_ref(),
            Self::Update { types, .. } | Self::Delete { types, .. } => types.as_ref(),
        }
    }
}

/// One write: a change, and when it may be made.
#[derive(Clone)]
pub struct Write {
    /// What is to become of which entity.
    pub change: EntityChange,
    /// Judged within the transaction.
    pub precondition: Option<Precondition>,
}

impl From<EntityChange> for Write {
    fn from(change: EntityChange) -> Self {
        Self {
            change,
            precondition: None,
        }
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_conditional = self.precondition.is_some();
        f.debug_struct("Write")
            .field("change", &self.change)
            .field("is_conditional", &is_conditional)
            .finish()
    }
}

/// What a write has done.
#[derive(Debug, Clone, PartialEq)]
pub enum EntityChanged {
    /// There was none of that id.
    Created,
    /// There was one, and the one that was sent stands in its place.
    Replaced,
    /// There was one, and what was sent is in it.
    Updated(Box<UpdateResult>),
    /// There is none any more.
    Deleted,
    /// Some of several sources have done their part.
    Partly(Box<Partly>),
}

/// What was changed of an entity (clause 5.2.18).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateResult {
    /// These attributes are as they were sent.
    pub updated: Vec<AttributeName>,
    /// These are not, and why.
    pub not_updated: Vec<NotUpdated>,
}

/// Is told of what was written.
pub trait Watcher: fmt::Debug + Sync {
    /// The one place of a source: a write has it until it has been told, so that writes are told in the order in
    /// which they were made.
    fn turns(&self, source: &RegisteredSource) -> Slots;

    /// Writes have their turn; `None`: nobody wants to be told of them.
    fn begun(&self, source: &Arc<RegisteredSource>) -> Option<Box<dyn WatchedWrite>>;
}

/// Writes that have begun and that somebody wants to be told of. They have ended when this is gone.
pub trait WatchedWrite: fmt::Debug + Send + Sync {
    /// One was committed: where it lies in the order of the source's changes, if the source keeps one, and the entity before
    /// and after it, each `None` where there is none.
    fn committed(&self, position: Option<Position>, before: Option<Entity>, after: Option<Entity>);
}

/// Writes for one consumer into what belongs to one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Provider<'a> {
    /// Who writes, and by what rules.
    pub asker: &'a Asker<'a>,
    /// Whose sources.
    pub tenant: &'a TenantId,
    /// The deadline.
    pub call: &'a Call,
    /// Until when writes are begun: some time is left for those that were, and for telling what became of each.
    pub until: Instant,
    /// Who is told of what was written.
    pub watcher: &'a dyn Watcher,
    /// Cancelled when nobody waits for the write any more.
    pub caller: &'a CancellationToken,
    /// Whether nothing is handed on to a source beside the store (clause 6.3.18).
    pub local: bool,
}

/// What became of a write.
type Outcome = Result<EntityChanged, WriteRefusal>;

/// A write, and where it goes.
struct Planned<'s> {
    place: usize,
    write: Write,
    goes: Goes<'s>,
}

/// The sources that a write is about.
enum Goes<'s> {
    /// One, which is told all of it.
    To(&'s Arc<RegisteredSource>),
    /// Several, or one that is told a part.
    Among(Vec<&'s Arc<RegisteredSource>>),
}

/// What is done with writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// It is found out what would become of them.
    Looking,
    /// They are made.
    Writing,
}

impl<'s> Provider<'s> {
    /// Whether no more writes are begun.
    #[must_use]
    pub fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Makes writes in their order, [`MOST_AT_ONCE`] at most: those to one source together. One outcome each.
    //= 5.5.11.2-1, 5.5.11.5-1
    pub async fn change(&self, writes: Vec<Write>) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        outcomes.resize_with(writes.len(), || None);
        let mut planned = Vec::with_capacity(writes.len());
        let sources = self.written_sources();
        for (place, write) in writes.into_iter().enumerate() {
            match self.plan(&sources, &write.change) {
                Ok(goes) => planned.push(Planned { place, write, goes }),
                Err(refusal) => set(&mut outcomes, place, Err(refusal)),
            }
        }
        let together = |one: &Planned<'_>, other: &Planned<'_>| match (&one.goes, &other.goes) {
            (Goes::To(one), Goes::To(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        for some in planned.chunk_by(together) {
            match some {
                [
                    Planned {
                        place,
                        write,
                        goes: Goes::Among(sources),
                    },
                ] => set(&mut outcomes, *place, Box::pin(self.distribute(write, sources)).await),
                several => {
                    let Some(Goes::To(source)) = several.first().map(|first| &first.goes) else {
                        continue;
                    };
                    let writes: Vec<&Write> = several.iter().map(|one| &one.write).collect();
                    let made = self.write_to(source, &writes, Pass::Writing).await;
                    for (one, outcome) in several.iter().zip(made) {
                        set(&mut outcomes, one.place, outcome);
                    }
                }
            }
        }
        let outcomes = outcomes.into_iter();
        outcomes
            .map(|one| one.unwrap_or(Err(WriteRefusal::CallerLeft)))
            .collect()
    }

    /// Makes writes to one source, or finds out what would become of them.
    async fn write_to(&self, source: &Arc<RegisteredSource>, writes: &[&Write], pass: Pass) -> Vec<Outcome> {
        let Some(writer) = source.adapter.writer() else {
            return vec![Err(WriteRefusal::NotWritable); writes.len()];
        };
        let begun = match Begun::wait(self, source).await {
            Ok(begun) => begun,
            Err(refusal) => return vec![Err(refusal); writes.len()],
        };
        let now = DateTime::from_system_time(SystemTime::now());
        let judgings: Vec<Judging<'_>> = writes
            .iter()
            .map(|write| Judging::new(self, source, write, begun.is_watched()))
            .collect();
        let deciding: Vec<_> = judgings
            .iter()
            .map(|judging| {
                move |existing: Option<&Entity>| match (judging.decide(existing), pass) {
                    (decision, Pass::Writing) => decision,
                    (_, Pass::Looking) => Decision::Leave,
                }
            })
            .collect();
        let asked_as = match source.is_store {
            true => Vec::new(),
            false => self.writable_types(source),
        };
        let entity_writes: Vec<EntityWrite<'_>> = writes
            .iter()
            .zip(&deciding)
            .map(|(write, decide)| EntityWrite {
                id: write.change.id(),
                types: &asked_as,
                operation: self.way_of_writing(&write.change),
                decide,
            })
            .collect();
        let written = writer.write(&entity_writes, &now, self.call).await;
        let mut outcomes = Vec::with_capacity(writes.len());
        for (judging, written) in judgings.iter().zip(written) {
            let mut outcome = judging.outcome(written.clone());
            if source.registration.mode.is_proxied() {
                outcome = outcome.map_err(WriteRefusal::of_only_source);
            }
            if let Ok(written) = written
                && written != Written::Left
            {
                let (before, mut after) = judging.take_entities();
                if let Some(after) = &mut after {
                    set_system_dates(after, before.as_ref(), &now);
                }
                begun.tell(written.position(), before, after);
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Where a change goes. Nothing is written; one of the tenant's tokens is spent.
    fn plan(&self, sources: &[&'s Arc<RegisteredSource>], change: &EntityChange) -> Result<Goes<'s>, WriteRefusal> {
        let goes = match change.creates() {
            Some(entity) => self.takers(sources, change, entity)?,
            None => self.holders(sources, change)?,
        };
        // Of a purge the question has spent it.
        let is_counted = matches!(change, EntityChange::Purge { .. });
        if is_counted || self.asker.tenant_limits.admit(self.tenant) {
            Ok(goes)
        } else {
            Err(WriteRefusal::Overloaded)
        }
    }

    /// The sources that take an entity which may come to be, if the consumer may write it there.
    fn takers(
        &self,
        sources: &[&'s Arc<RegisteredSource>],
        change: &EntityChange,
        entity: &Entity,
    ) -> Result<Goes<'s>, WriteRefusal> {
        let provides = |source: &&&Arc<RegisteredSource>| source.provides(entity);
        let about: Vec<&'s Arc<RegisteredSource>> = sources.iter().filter(provides).copied().collect();
        match *about {
            [] => Err(match self.ungranted(entity, PersonalData::None) {
                Some(ungranted) => WriteRefusal::Forbidden(ungranted),
                None => WriteRefusal::NotWritable,
            }),
            [source] if is_told_all(source) => {
                self.judge_in(source, entity)?;
                Ok(Goes::To(source))
            }
            _ => {
                let parts = self.judged_parts(&about, change, entity)?;
                Ok(match &*parts {
                    [only] if only.change.is_none() && only.source.takes_writes() => Goes::To(only.source),
                    _ => Goes::Among(about),
                })
            }
        }
    }

    /// Whether the consumer may write an entity into a source.
    fn judge_in(&self, source: &RegisteredSource, entity: &Entity) -> Result<(), WriteRefusal> {
        let ungranted = self.ungranted(entity, source.personal_data);
        if let Some(Ungranted::Type(..)) = &ungranted {
            return Err(ungranted.map_or(WriteRefusal::NotWritable, WriteRefusal::Forbidden));
        }
        // Which ids somebody may use is told before what may have them.
        if !self.may_use_id(entity, source) {
            return Err(WriteRefusal::Forbidden(Ungranted::Id));
        }
        self.check_guard(entity, None, source)?;
        match ungranted {
            Some(ungranted) => Err(WriteRefusal::Forbidden(ungranted)),
            None => Ok(()),
        }
    }

    /// The sources that writes are about: of the store alone, where nothing is handed on.
    fn written_sources(&self) -> Vec<&'s Arc<RegisteredSource>> {
        let local = self.local;
        let written = self.asker.registry.written_sources(self.tenant);
        written.filter(move |source| !local || source.is_store).collect()
    }

    /// The sources that may have an entity of which only the id is known.
    fn holders(&self, sources: &[&'s Arc<RegisteredSource>], change: &EntityChange) -> Result<Goes<'s>, WriteRefusal> {
        let sources = self.may_have(sources, change.types())?;
        // Nobody looks whether there is something: what has such an id is none of the consumer's.
        if sources.iter().any(|source| self.is_id_hidden(change.id(), source)) {
            return Err(WriteRefusal::Forbidden(Ungranted::Id));
        }
        Ok(match *sources {
            [source] if is_told_all(source) => Goes::To(source),
            _ if sources.iter().any(|source| source.registration.mode.is_proxied()) => Goes::Among(sources),
            _ => match &*Division::of(change).rest(&sources) {
                [only] if only.change.is_none() => Goes::To(only.source),
                _ => Goes::Among(sources),
            },
        })
    }

    /// The sources in which the consumer may write something of these types (`None`: of any).
    fn may_have(
        &self,
        sources: &[&'s Arc<RegisteredSource>],
        types: Option<&TypeSelection>,
    ) -> Result<Vec<&'s Arc<RegisteredSource>>, WriteRefusal> {
        let may_write = |source: &&&Arc<RegisteredSource>| self.may_write_any(source.personal_data, types);
        let sources: Vec<_> = sources.iter().filter(may_write).copied().collect();
        if !sources.is_empty() {
            return Ok(sources);
        }
        // Whoever may not write at all is not told whether there is something to write to.
        if self.may_write_any(PersonalData::None, types) {
            return Err(WriteRefusal::NotWritable);
        }
        Err(WriteRefusal::Forbidden(Ungranted::Everything))
    }

    fn way_of_writing(&self, change: &EntityChange) -> WriteOperation {
        match change {
            EntityChange::Create(_) => WriteOperation::Create,
            EntityChange::Put(_) => WriteOperation::Replace,
            EntityChange::Delete { .. } => WriteOperation::Delete,
            EntityChange::Purge { purge, .. } => match purge.purged {
                Purged::Entities => WriteOperation::Delete,
                Purged::Attributes(_) | Purged::AllBut(_) => WriteOperation::DeleteAttribute,
            },
            EntityChange::Update { update, .. } if update.covers_all() => WriteOperation::Replace,
            EntityChange::Update { .. } => match self.asker.operation {
                Operation::MergeEntity | Operation::MergeBatch => WriteOperation::Merge,
                Operation::AppendAttrs | Operation::UpsertBatch => WriteOperation::Append,
                Operation::DeleteAttrs => WriteOperation::DeleteAttribute,
                _ => WriteOperation::Update,
            },
        }
    }

    /// The types of which something may be written to a source that is asked by types: of those that somebody has named, and of
    /// those that it provides. Never none, which would mean any.
    fn writable_types(&self, source: &RegisteredSource) -> Vec<TypeName> {
        let known = self.asker.policies.known_types();
        let provided = source.provides.iter().filter_map(|provision| provision.r#type.as_ref());
        let mut named = known.to_vec();
        named.extend(provided.filter(|name| !known.contains(name)).cloned());
        let grants = self.grants(self.asker.operation, &named, source.personal_data);
        let mut types: Vec<TypeName> = grants.types().cloned().collect();
        if types.is_empty() {
            types.push(unnamed_type());
        }
        types
    }
}

/// Whether a source, where it is the only one, is told all of a write.
fn is_told_all(source: &RegisteredSource) -> bool {
    source.registration.mode == Mode::Inclusive && source.provides_every_attribute()
}

fn set(outcomes: &mut [Option<Outcome>], place: usize, outcome: Outcome) {
    if let Some(one) = outcomes.get_mut(place) {
        *one = Some(outcome);
    }
}
