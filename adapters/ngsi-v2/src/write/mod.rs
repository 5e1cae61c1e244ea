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

#[cfg(test)]
mod generated_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use ngsi_ld::entity::{AttributeValue, DateTime, Geometry};
use ngsi_ld::{Entity, EntityId, TypeName};

use self::body::Encoding;
use self::difference::{Difference, Expiry};
use self::lost::{LostWhole, only_type};
use self::send::{Failed, Step};
use self::standing::Standing;
use super::names::{generated_from, is_identifier};
use super::translate::{ObjectTypes, ProvidedType};
use super::{NgsiV2Adapter, NgsiV2Settings, Platform};
use kakehashi_contract::{
    Call, Decision, EntityWrite, EntityWriter, ErrorKind, WriteError, WriteOffer, WriteOperation, Written,
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

/// Times that an entity is looked at anew, because it went between being looked at and being written.
const ATTEMPTS: usize = 3;

#[async_trait]
impl EntityWriter for NgsiV2Adapter {
    fn offer(&self) -> WriteOffer {
        WriteOffer {
            operations: WriteOperation::ALL,
            is_atomic: false,
        }
    }

    async fn write(
        &self,
        writes: &[EntityWrite<'_>],
        _now: &DateTime,
        call: &Call,
    ) -> Vec<Result<Written, WriteError>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            // Each is a question of its own.
            let call = Call {
                requests: call.requests.again(),
                ..call.clone()
            };
            outcomes.push(self.0.write(write, &call).await);
        }
        outcomes
    }
}

impl Platform {
    async fn write(&self, write: &EntityWrite<'_>, call: &Call) -> Result<Written, WriteError> {
        let all: Vec<TypeName>;
        let types = match write.types {
            [] => {
                all = self
                    .settings
                    .types
                    .iter()
                    .map(|provided| provided.name.clone())
                    .collect();
                &all
            }
            types => types,
        };
        if write.operation == WriteOperation::Create
            && let Decision::Write(entity) = (write.decide)(None)
            && !self.may_stand_unseen(&entity, types)
        {
            return self.create(&entity, call).await;
        }
        for _ in 0..ATTEMPTS {
            match self.attempt(write, types, call).await {
                Err(Failed::IsGone) => {}
                Err(Failed::Otherwise(error)) => return Err(error),
                Ok(written) => return Ok(written),
            }
        }
        let detail = "the entity went each time before it could be written";
        Err(self.source.client.error(ErrorKind::Status(404), detail).into())
    }

    async fn attempt(&self, write: &EntityWrite<'_>, types: &[TypeName], call: &Call) -> Result<Written, Failed> {
        let standing = self.standing(write.id, types, call).await?;
        let decision = (write.decide)(standing.as_ref().map(|standing| &standing.entity));
        match (decision, standing) {
            (Decision::Leave, _) | (Decision::Delete, None) => Ok(Written::Left),
            (Decision::Write(entity), None) => Ok(self.create(&entity, call).await?),
            (Decision::Write(entity), Some(standing)) if write.operation == WriteOperation::Replace => {
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
        let has_shape = |value: &AttributeValue| matches!(value, AttributeValue::GeoProperty(geometry) if !matches!(**geometry, Geometry::Point(_)));
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

    async fn create(&self, entity: &Entity, call: &Call) -> Result<Written, WriteError> {
        let provided = self.provided(&entity.types)?;
        let raw = raw_of_new(&entity.id)?;
        let settings = &self.settings;
        let path = place::of_new(&settings.fiware_servicepath, settings.scope_from_servicepath, entity)?;
        let expires_at = entity.system.expires_at();
        let body = self
            .writing
            .encoding
            .entity(raw, provided, &entity.attributes, expires_at)?;
        self.send(&path, Step::Create, body, call)
            .await
            .map_err(|failed| self.as_error(failed))?;
        Ok(Written::Created(None))
    }

    /// All attributes at once.
    async fn replace(&self, standing: &Standing, after: &Entity, call: &Call) -> Result<Written, Failed> {
        // What of it never changes.
        Difference::between(&standing.entity, after)?;
        let encoding = &self.writing.encoding;
        encoding.check_places(&after.attributes, after.attributes.iter())?;
        let body = encoding.attributes(after.attributes.iter(), after.system.expires_at())?;
        self.send(self.path_of(standing), Step::Replace(standing), body, call)
            .await?;
        Ok(Written::Replaced(None))
    }

    /// What is different.
    async fn become_so(&self, standing: &Standing, after: &Entity, call: &Call) -> Result<Written, Failed> {
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
            sent.map_err(|failed| {
                if has_begun {
                    self.half_done(failed).into()
                } else {
                    failed
                }
            })?;
            has_begun = true;
        }
        Ok(Written::Replaced(None))
    }

    async fn delete(&self, standing: &Standing, call: &Call) -> Result<Written, Failed> {
        let path = self.path_of(standing);
        self.send(path, Step::Delete(standing), String::new(), call).await?;
        // Whether there are others of its type nobody knows: that there are none would be no sign that something is wrong.
        self.source
            .database
            .were_deleted(&standing.entity.types.iter().collect::<Vec<_>>());
        Ok(Written::Deleted(None))
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
