//! Writing entities of the view into the source.
//!
//! The source knows no transactions: an entity is read as it stands, what becomes of it is decided, and the fewest requests are
//! sent that make it so. Where it takes several, what is added comes before what is removed, so that a failure in between loses
//! nothing. No request is sent twice. What would not come back as it was written is refused by the name of the attribute, and
//! never altered; numbers may be written otherwise (`20.0` as `20`).

mod attribute;
mod body;
mod difference;
mod json;
mod lost;
mod number;
mod place;
mod send;
mod standing;


use std::sync::Arc;

use async_trait::async_trait;
use ngsi_ld::entity::{AttributeValue, DateTime, Geometry};
use ngsi_ld::{Entity, EntityId, TypeName};

use self::body::Encoding;
use self::difference::{Difference, Expiry};
use self::lost::{LostWhole, only_type};
use self::send::Step;
use self::standing::Standing;
use super::names::{generated_from, is_identifier};
use super::translate::{ObjectTypes, ProvidedType};
use super::{NgsiV2Adapter, NgsiV2Settings, Platform};
use kakehashi_contract::writing::{Change, Changed, Decision};
use kakehashi_contract::{
    Call, EntityWriter, WriteError, WriteOffer, WriteOperation,
};

/// What writing needs beside what reading does.
#[derive(Debug)]
pub(super) struct Writing {
    /// The settings, with the service path of whatever is read.
    settings: NgsiV2Settings,
    encoding: Encoding,
}

impl Writing {
    pub(super) fn of(settings: &NgsiV2Settings, object_types: &Arc<ObjectTypes>) -> Self {
        Self {
            settings: NgsiV2Settings {
                scope_from_servicepath: true,
                ..settings.clone()
            },
            encoding: Encoding {
                context: Arc::clone(&settings.context),
                object_types: Arc::clone(object_types),
            },
        }
    }
}

/// The ways of writing that the source has.
const OPERATIONS: [WriteOperation; 8] = [
    WriteOperation::Create,
    WriteOperation::Replace,
    WriteOperation::Merge,
    WriteOperation::Append,
    WriteOperation::Update,
    WriteOperation::Delete,
    WriteOperation::DeleteAttribute,
    WriteOperation::Purge,
];

#[async_trait]
impl EntityWriter for NgsiV2Adapter {
    fn offer(&self) -> WriteOffer {
        WriteOffer {
            operations: &OPERATIONS,
            is_atomic: false,
        }
    }

    async fn write(&self, changes: &[Change<'_>], _now: DateTime, call: &Call) -> Vec<Result<Changed, WriteError>> {
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            // Each is a question of its own.
            let call = Call {
                requests: call.requests.again(),
                ..call.clone()
            };
            outcomes.push(self.0.change(change, &call).await);
        }
        outcomes
    }
}

impl Platform {
    async fn change(&self, change: &Change<'_>, call: &Call) -> Result<Changed, WriteError> {
        if change.operation == WriteOperation::Create
            && let Decision::Write(entity) = (change.decide)(None)
            && !self.may_stand_unseen(&entity, change.types)
        {
            return self.create(&entity, call).await;
        }
        let standing = self.standing(change.id, change.types, call).await?;
        let decision = (change.decide)(standing.as_ref().map(|standing| &standing.entity));
        match (decision, standing) {
            (Decision::Leave, _) | (Decision::Delete, None) => Ok(Changed::Left),
            (Decision::Write(entity), None) => self.create(&entity, call).await,
            (Decision::Write(_), Some(_)) if change.operation == WriteOperation::Create => Err(WriteError::AlreadyExists),
            (Decision::Write(entity), Some(standing)) if change.operation == WriteOperation::Replace => {
                self.replace(&standing, &entity, call).await
            }
            (Decision::Write(entity), Some(standing)) => self.become_so(&standing, &entity, call).await,
            (Decision::Delete, Some(standing)) => self.delete(&standing, call).await,
        }
    }

    /// Whether the entity may stand in the source in a way that it would not find when it is asked to create it: by another id
    /// that is shown as the same, as one of another type, or in another service path. And what its database may refuse with an
    /// error of its own, which looks as if it were ill, is not sent without having heard that it is well.
    fn may_stand_unseen(&self, entity: &Entity, types: &[TypeName]) -> bool {
        let has_shape = |value: &AttributeValue| {
            matches!(value, AttributeValue::GeoProperty(geometry) if !matches!(**geometry, Geometry::Point(_)))
        };
        let mut instances = entity.attributes.iter().flat_map(|attribute| &attribute.instances);
        let is_generated = || {
            self.provided(&entity.types)
                .is_ok_and(|provided| generated_from(&provided.short, entity.id.as_str()).is_some())
        };
        types.len() > 1
            || self.settings.fiware_servicepath.contains(['#', ','])
            || is_generated()
            || instances.any(|instance| has_shape(&instance.value))
    }

    fn provided(&self, types: &[TypeName]) -> Result<&ProvidedType, LostWhole> {
        let only = only_type(types)?;
        let mut provided = self.settings.types.iter();
        provided.find(|provided| provided.name == *only).ok_or(LostWhole::Types)
    }

    async fn create(&self, entity: &Entity, call: &Call) -> Result<Changed, WriteError> {
        let provided = self.provided(&entity.types)?;
        let raw = raw_of_new(&entity.id)?;
        let settings = &self.settings;
        let path = place::of_new(&settings.fiware_servicepath, settings.scope_from_servicepath, entity)?;
        let expires_at = entity.system.expires_at();
        let body = self
            .writing
            .encoding
            .entity(raw, provided, &entity.attributes, expires_at)?;
        self.send(&path, Step::Create, body, call).await?;
        Ok(Changed::Created(None))
    }

    /// All attributes at once.
    async fn replace(&self, standing: &Standing, after: &Entity, call: &Call) -> Result<Changed, WriteError> {
        // What of it never changes.
        Difference::between(&standing.entity, after)?;
        let encoding = &self.writing.encoding;
        encoding.check_places(&after.attributes, after.attributes.iter())?;
        let body = encoding.attributes(after.attributes.iter(), after.system.expires_at())?;
        self.send(self.path_of(standing), Step::Replace(standing), body, call).await?;
        Ok(Changed::Replaced(None))
    }

    /// What is different.
    async fn become_so(&self, standing: &Standing, after: &Entity, call: &Call) -> Result<Changed, WriteError> {
        let difference = Difference::between(&standing.entity, after)?;
        let path = self.path_of(standing);
        let encoding = &self.writing.encoding;
        let written = || difference.written.iter().copied();
        encoding.check_places(&after.attributes, written())?;
        let mut removed = Vec::new();
        for name in &difference.removed {
            removed.push(self.raw_of(name)?);
        }
        let expires_at = match difference.expiry {
            Expiry::Becomes(date) => Some(date),
            Expiry::Stays => None,
            Expiry::IsRemoved => {
                removed.push("dateExpires".to_owned());
                None
            }
        };
        let mut has_begun = false;
        if !difference.written.is_empty() || expires_at.is_some() {
            let body = encoding.attributes(written(), expires_at)?;
            self.send(path, Step::Append(standing), body, call).await?;
            has_begun = true;
        }
        for raw in &removed {
            let sent = self.send(path, Step::Remove(standing, raw), String::new(), call).await;
            sent.map_err(|error| if has_begun { self.half_done(error) } else { error })?;
            has_begun = true;
        }
        Ok(Changed::Replaced(None))
    }

    async fn delete(&self, standing: &Standing, call: &Call) -> Result<Changed, WriteError> {
        let path = self.path_of(standing);
        self.send(path, Step::Delete(standing), String::new(), call).await?;
        // Whether there are others of its type nobody knows: that there are none would be no sign that something is wrong.
        self.source.database.were_deleted(&standing.entity.types.iter().collect::<Vec<_>>());
        Ok(Changed::Deleted(None))
    }

    /// The service path of an entity, or the only one that is read.
    fn path_of<'s>(&'s self, standing: &'s Standing) -> &'s str {
        standing
            .path
            .as_deref()
            .unwrap_or_else(|| place::first(&self.settings.fiware_servicepath))
    }
}

/// The id in the source of a new entity: its own, whatever other id would be shown as the same.
fn raw_of_new(id: &EntityId) -> Result<&str, LostWhole> {
    is_identifier(id.as_str()).then_some(id.as_str()).ok_or(LostWhole::Id)
}
