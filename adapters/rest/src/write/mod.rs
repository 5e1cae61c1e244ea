//! Writing entities of the view into a platform, as far as its mapping says how.
//!
//! A platform knows no transactions: the record is read as it stands, what becomes of the entity is decided, and one request makes
//! it so. It is sent again only where the platform has said that it has not done it, for what then stands there. What is sent is the
//! record as it stands with what is different, so that nothing is lost that the mapping does not know. It is read back with the same
//! mapping before it is sent: what would come back as something else is refused by the name of the attribute.

mod send;
mod standing;

#[cfg(test)]
mod again_tests;
#[cfg(test)]
mod generated_tests;
#[cfg(test)]
mod register;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;

use self::send::{Failed, Step, Target};
use self::standing::{Standing, State};
use super::adapter::RestAdapter;
use super::source::Source;
use kakehashi_contract::{
    Call, Decision, EntityWrite, EntityWriter, ErrorKind, WriteError, WriteOffer, WriteOperation, Written,
};
use kakehashi_mapping::back::{Lacks, LostWhole, Wanted};
use kakehashi_mapping::language::{TypeMapping, WriteMapping};

/// Times that an entity is looked at anew, because it went or became another between being looked at and being written.
const ATTEMPTS: usize = 3;

/// How what exists of an entity is changed.
const CHANGES: [WriteOperation; 5] = [
    WriteOperation::Replace,
    WriteOperation::Merge,
    WriteOperation::Append,
    WriteOperation::Update,
    WriteOperation::DeleteAttribute,
];

const fn with_changes<const N: usize>(others: [Option<WriteOperation>; 2]) -> [WriteOperation; N] {
    let mut all = [WriteOperation::Replace; N];
    let mut place = 0;
    while place < CHANGES.len() {
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        {
            all[place] = CHANGES[place];
        }
        place += 1;
    }
    let mut other = 0;
    while other < others.len() {
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        if let Some(operation) = others[other] {
            all[place] = operation;
            place += 1;
        }
        other += 1;
    }
    all
}

const CHANGE_AND_CREATE: [WriteOperation; 6] = with_changes([Some(WriteOperation::Create), None]);
const CHANGE_AND_DELETE: [WriteOperation; 6] = with_changes([Some(WriteOperation::Delete), None]);

#[async_trait]
impl EntityWriter for RestAdapter {
    fn offer(&self) -> WriteOffer {
        let mappings: Vec<&WriteMapping> = self
            .source
            .provided()
            .filter_map(|mapping| mapping.write.as_ref())
            .collect();
        let creates = mappings.iter().any(|write| write.create.is_some());
        let changes = mappings.iter().any(|write| write.changes().is_some());
        let deletes = mappings.iter().any(|write| write.delete.is_some());
        WriteOffer {
            operations: match (creates, changes, deletes) {
                (true, true, true) => WriteOperation::ALL,
                (true, true, false) => &CHANGE_AND_CREATE,
                (false, true, true) => &CHANGE_AND_DELETE,
                (false, true, false) => &CHANGES,
                (true, false, true) => &[WriteOperation::Create, WriteOperation::Delete],
                (true, false, false) => &[WriteOperation::Create],
                (false, false, true) => &[WriteOperation::Delete],
                (false, false, false) => &[],
            },
            is_atomic: false,
        }
    }

    async fn write(&self, writes: &[EntityWrite<'_>], _: &DateTime, call: &Call) -> Vec<Result<Written, WriteError>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            // Each is a question of its own.
            let call = Call {
                requests: call.requests.again(),
                ..call.clone()
            };
            outcomes.push(self.source.write(write, &call).await);
        }
        outcomes
    }
}

impl Source {
    async fn write(&self, write: &EntityWrite<'_>, call: &Call) -> Result<Written, WriteError> {
        let mut is_other = false;
        let mut gone = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(write, &mut gone, call).await {
                Err(Failed::IsGone) => {}
                Err(Failed::IsOther) => is_other = true,
                Err(Failed::Otherwise(error)) => return Err(error),
                Ok(written) => return Ok(written),
            }
        }
        let error = match is_other {
            true => self.client.error(
                ErrorKind::Overloaded,
                "somebody else has changed the record each time before it could be written",
            ),
            false => self.client.error(
                ErrorKind::Status(404),
                "the entity went each time before it could be written",
            ),
        };
        Err(error.into())
    }

    /// `gone`: the state in which the entity was not there to be written.
    async fn attempt(&self, write: &EntityWrite<'_>, gone: &mut Option<State>, call: &Call) -> Result<Written, Failed> {
        let types: Vec<&TypeMapping> = self
            .provided()
            .filter(|mapping| write.types.is_empty() || write.types.contains(&mapping.name))
            .collect();
        let standing = self.standing(write.id, &types, call).await?;
        let decision = (write.decide)(standing.as_ref().map(|standing| &standing.entity));
        let outcome = match (decision, &standing) {
            (Decision::Leave, _) | (Decision::Delete, None) => Ok(Written::Left),
            (Decision::Write(entity), None) => self.create(&entity, call).await,
            // It has not gone: whatever is sent to it would come to nothing again.
            (_, Some(standing)) if gone.as_ref() == Some(&standing.state) => Err(self.not_there().into()),
            (Decision::Write(entity), Some(standing)) => self.change(standing, &entity, write.operation, call).await,
            (Decision::Delete, Some(standing)) => self.delete(standing, call).await,
        };
        if matches!(outcome, Err(Failed::IsGone)) {
            *gone = standing.map(|standing| standing.state);
        }
        outcome
    }

    async fn create(&self, entity: &Entity, call: &Call) -> Result<Written, Failed> {
        let mapping = match entity.types.as_slice() {
            [only] => self.provided().find(|mapping| mapping.name == *only),
            _ => None,
        };
        let mapping = mapping.ok_or(LostWhole::Types)?;
        let write = written(mapping)?;
        let name = || mapping.short_name.clone();
        let request = write.create.as_ref().ok_or_else(|| Lacks::Create(name()))?;
        let no_path = || LostWhole::Id(mapping.id.template.to_string());
        // What could not be asked for by its id again could not be changed either.
        mapping.record_request(&entity.id).ok_or_else(no_path)?;
        let wanted = Wanted {
            mapping,
            write,
            outside: &self.outside,
            standing: None,
            after: entity,
            operation: WriteOperation::Create,
        };
        let record = wanted.record().map_err(|refused| refused.told(mapping))?;
        let path = mapping.path_to(&request.path, &entity.id).ok_or_else(no_path)?;
        let step = Step {
            request,
            path: &path,
            target: Target::Nothing,
        };
        match self.send(step, write.wrapped(&record.to_string()), call).await {
            // There was none to go.
            Err(Failed::IsGone | Failed::IsOther) => Err(WriteError::AlreadyExists.into()),
            Err(failed) => Err(failed),
            Ok(()) => Ok(Written::Created(None)),
        }
    }

    async fn change(
        &self,
        standing: &Standing<'_>,
        after: &Entity,
        operation: WriteOperation,
        call: &Call,
    ) -> Result<Written, Failed> {
        let mapping = standing.mapping;
        let write = written(mapping)?;
        let wanted = Wanted {
            mapping,
            write,
            outside: &self.outside,
            standing: Some((&standing.entity, &standing.state.record)),
            after,
            operation,
        };
        // Both make the same of the record: the whole is sent where that is what is asked for, or nothing else can be.
        let whole = write.replace.as_ref().map(|request| (request, true));
        let part = write.change.as_ref().map(|request| (request, false));
        let chosen = match operation {
            WriteOperation::Replace => whole.or(part),
            _ => part.or(whole),
        };
        let lacks = || Lacks::Change(mapping.short_name.clone());
        let (request, is_whole) = chosen.ok_or_else(lacks)?;
        let record = wanted.record().map_err(|refused| refused.told(mapping))?;
        let is_different = record.to_string() != standing.state.record.trim();
        if !is_different {
            return Ok(Written::Replaced(None));
        }
        let body = match is_whole {
            true => record.to_string(),
            false => record.differing(&standing.state.record).to_string(),
        };
        self.send_to(standing, request, write.wrapped(&body), call).await?;
        Ok(Written::Replaced(None))
    }

    async fn delete(&self, standing: &Standing<'_>, call: &Call) -> Result<Written, Failed> {
        let mapping = standing.mapping;
        let lacks = || Lacks::Delete(mapping.short_name.clone());
        let request = written(mapping)?.delete.as_ref().ok_or_else(lacks)?;
        self.send_to(standing, request, String::new(), call).await?;
        Ok(Written::Deleted(None))
    }

    async fn send_to(
        &self,
        standing: &Standing<'_>,
        request: &kakehashi_mapping::language::WriteRequest,
        body: String,
        call: &Call,
    ) -> Result<(), Failed> {
        let mapping = standing.mapping;
        let no_path = || LostWhole::Id(mapping.id.template.to_string());
        let path = mapping
            .path_to(&request.path, &standing.entity.id)
            .ok_or_else(no_path)?;
        let step = Step {
            request,
            path: &path,
            target: Target::Record(standing.state.tag.as_ref()),
        };
        self.send(step, body, call).await
    }
}

/// How records of the type are written.
fn written(mapping: &TypeMapping) -> Result<&WriteMapping, Lacks> {
    mapping
        .write
        .as_ref()
        .ok_or_else(|| Lacks::Write(mapping.short_name.clone()))
}
