//! Purging (clause 5.6.21): deleting, or reducing, every entity that meets conditions.
//!
//! The conditions see what the grant of the purge shows, and nothing else: what is found is what a query under that grant
//! would find, and each entity is judged again within the transaction that changes it. Whether the consumer may purge at all
//! is decided before anything is looked for. Where several sources have parts of an entity the conditions hold as they were when it was
//! found: no part meets them by itself.

use std::collections::HashSet;
use std::sync::Arc;

use kakehashi_adapters::Page;
use kakehashi_policy::TypeGrant;
use ngsi_ld::query::Query;
use ngsi_ld::{AttributeName, Entity, EntityId};

use super::{EntityChange, MOST_AT_ONCE, Outcome, Provider, RegisteredSource, Write, WriteRefusal};
use crate::gather::Request;
use crate::pages::place::Place;
use crate::plan::types_named_here;
use crate::ungranted::{Ungranted, Why};
use crate::warning::Missing;
use crate::{Question, Refusal, Warning, query};

/// Most entities that one request purges: their ids are known before the first is changed, in some megabytes.
pub const MOST_PURGED: usize = 100_000;

/// Ids that are looked for at once.
const PAGE: usize = 1000;

/// What becomes of the entities that are found.
#[derive(Debug, Clone, PartialEq)]
pub enum Purged {
    /// They are deleted.
    Entities,
    /// These attributes of theirs are deleted (`drop`).
    Attributes(Vec<AttributeName>),
    /// All their attributes but these are deleted (`keep`).
    AllBut(Vec<AttributeName>),
}

/// What is purged.
#[derive(Debug)]
pub struct Purge {
    /// Which entities: its tenant and the sources that take writes are set by whoever purges.
    pub question: Arc<Question>,
    /// What becomes of them.
    pub purged: Purged,
    /// Of an entity map: these alone. `None`: whichever meet the conditions.
    pub among: Option<HashSet<EntityId>>,
}

impl Purge {
    /// The same of what was found, where several sources have parts of it: of none of them is asked what the whole has met.
    pub(super) fn of_what_was_found(&self) -> Self {
        let Question { query, selectors, .. } = &*self.question;
        let query = Query {
            types: query.types.clone(),
            ids: query.ids.clone(),
            id_pattern: query.id_pattern.clone(),
            ..Query::default()
        };
        Self {
            question: Arc::new(Question {
                query,
                selectors: selectors.clone(),
                ..Question::default()
            }),
            purged: self.purged.clone(),
            among: None,
        }
    }
}

/// Why nothing was purged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PurgeRefusal {
    /// It may not be.
    #[error(transparent)]
    Write(WriteRefusal),
    /// What is to be purged cannot be found.
    #[error(transparent)]
    Question(Refusal),
    /// More entities than one request purges.
    #[error(
        "more than {MOST_PURGED} entities are to be purged, which is more than one request may change; name types, ids or an area"
    )]
    TooMany,
    /// A source that has some of them does not tell which.
    #[error("nothing was purged: a source that takes the writes could not be asked; try again")]
    Unknown,
}

impl Provider<'_> {
    /// Purges. What became of each entity that was found: those that were gone, or did not meet the conditions any more, are
    /// not told.
    ///
    /// # Errors
    /// [`PurgeRefusal`]
    pub async fn purge(&self, purge: &Arc<Purge>, request: &Request) -> Result<Vec<(EntityId, Outcome)>, PurgeRefusal> {
        self.check_may_purge(purge).map_err(PurgeRefusal::Write)?;
        let mut found = self.found(purge, request).await?.into_iter();
        let mut outcomes = Vec::new();
        loop {
            let some: Vec<EntityId> = found.by_ref().take(MOST_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(outcomes);
            }
            let writes = some.iter().map(|id| {
                Write::from(EntityChange::Purge {
                    id: id.clone(),
                    purge: Arc::clone(purge),
                })
            });
            let made = match self.caller.is_cancelled() {
                true => some.iter().map(|_| Err(WriteRefusal::CallerLeft)).collect(),
                // Not even judged, so that it is told in time.
                false if self.is_late() => some.iter().map(|_| Err(WriteRefusal::Late)).collect(),
                false => Box::pin(self.change(writes.collect())).await,
            };
            let told = some.into_iter().zip(made);
            outcomes.extend(told.filter(|(_, outcome)| !matches!(outcome, Err(WriteRefusal::NotFound))));
        }
    }

    /// Whether the consumer may purge what it asks for, decided by its grant alone.
    ///
    /// # Errors
    /// [`WriteRefusal::Forbidden`], [`WriteRefusal::NotWritable`]
    pub fn check_may_purge(&self, purge: &Purge) -> Result<(), WriteRefusal> {
        let types = purge.question.query.types.as_ref();
        let named = types_named_here(&purge.question, self.asker.policies);
        let (taking, held): (Vec<_>, Vec<_>) = self
            .may_have(&self.written_sources(), types)?
            .into_iter()
            .partition(|source| source.takes_writes());
        let may_hold = |source: &&Arc<RegisteredSource>| named.iter().any(|name| source.may_hold(name, &[]));
        if held.iter().any(may_hold) && !taking.iter().any(may_hold) {
            return Err(WriteRefusal::Conflict);
        }
        for source in taking {
            let grants = self.grants(self.asker.operation, &named, source.personal_data);
            for grant in grants.grants() {
                match &purge.purged {
                    Purged::Entities | Purged::AllBut(_) if !grant.covers_everything(source.holds()) => {
                        return Err(WriteRefusal::Forbidden(Ungranted::NotWhole));
                    }
                    Purged::Entities => {}
                    // A name that nothing is granted of keeps nothing: everything would go.
                    Purged::AllBut(names) | Purged::Attributes(names) => {
                        let is_granted = |name: &&AttributeName| of_every_permit(grant, name);
                        if let Some(name) = names.iter().find(|name| !is_granted(name)) {
                            let ungranted = Ungranted::Attribute(name.clone(), Why::NoPermit);
                            return Err(WriteRefusal::Forbidden(ungranted));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The ids of the entities that meet the conditions, as far as the grant shows them.
    //= 5.6.21.4-6
    async fn found(&self, purge: &Purge, request: &Request) -> Result<Vec<EntityId>, PurgeRefusal> {
        let is_meant = |id: &EntityId| purge.among.as_ref().is_none_or(|among| among.contains(id));
        let mut ids = Vec::new();
        let mut page = Page { limit: PAGE, offset: 0 };
        let mut from: Option<Place> = None;
        loop {
            let answer = query::query(&purge.question, page, from.take(), false, self.asker, request).await;
            let mut answer = answer.map_err(PurgeRefusal::Question)?;
            loop {
                let some = answer.entities.next().await.map_err(|_| PurgeRefusal::Unknown)?;
                if some.is_empty() {
                    break;
                }
                ids.extend(some.into_iter().map(|entity: Entity| entity.id).filter(is_meant));
            }
            let (_, left_out) = answer.entities.settle(None).await;
            if answer.warnings.iter().chain(&left_out).any(is_of_a_whole_part) {
                return Err(PurgeRefusal::Unknown);
            }
            if ids.len() > MOST_PURGED {
                return Err(PurgeRefusal::TooMany);
            }
            if !answer.entities.more().await {
                return Ok(ids);
            }
            from = answer.next;
            page.offset += PAGE;
        }
    }
}

fn is_of_a_whole_part(warning: &Warning) -> bool {
    matches!(warning.missing, Missing::Part(_))
}

/// Whether each of its permits grants the attribute.
fn of_every_permit(grant: &TypeGrant, name: &AttributeName) -> bool {
    grant.permits().iter().all(|permit| grant.permit_includes(permit, name))
}
