//! Writes: creating, changing and deleting entities, one by one or in a batch.

use super::entity::draft::{AttributeDraft, AttributeDrafts, EntityDraft, Form};
use super::entity::{Entity, Overriding};
use super::error::OrionError;
use super::json::Json;
use super::path::ServicePaths;
use super::store::{Sequence, Service};

/// The type of an entity that came without one.
const DEFAULT_TYPE: &str = "Thing";

/// Whether a create made something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    New,
    Updated,
}

/// What a batch does with each entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Append,
    AppendStrict,
    Update,
    Replace,
    Delete,
}

// === impl Service ===

impl Service {
    /// `POST /v2/entities`; gives the type that the entity has.
    pub(crate) fn create(
        &mut self,
        draft: EntityDraft,
        paths: &ServicePaths,
        upsert: bool,
    ) -> Result<(Created, String), OrionError> {
        let kind = draft.kind.as_deref().unwrap_or(DEFAULT_TYPE).to_owned();
        match self.find(&draft.id, Some(&kind), paths) {
            Ok(_) if !upsert => Err(OrionError::unprocessable("Already Exists")),
            Ok((sequence, former)) => {
                let mut entity = former.clone();
                entity.attributes.clear();
                self.store(Some(sequence), entity, draft.attributes, Overriding::default())?;
                Ok((Created::Updated, kind))
            }
            Err(_) => {
                let entity = Entity::new(&draft.id, &kind, paths.target());
                self.store(None, entity, draft.attributes, Overriding::default())?;
                Ok((Created::New, kind))
            }
        }
    }

    /// `POST .../attrs`: adds and changes; `strict` only adds.
    pub(crate) fn append(
        &mut self,
        sequence: Sequence,
        drafts: AttributeDrafts,
        strict: bool,
        overriding: Overriding,
    ) -> Result<(), Refused> {
        let entity = self.copy(sequence)?;
        let (existing, new): (AttributeDrafts, AttributeDrafts) = drafts
            .into_iter()
            .partition(|(name, _)| strict && entity.attributes.contains_key(name));
        self.store(Some(sequence), entity, new, overriding)?;
        if existing.is_empty() {
            Ok(())
        } else {
            Err(Refused::Exist(names(&existing)))
        }
    }

    /// `PATCH .../attrs`: changes those that are there and names the others.
    pub(crate) fn update(
        &mut self,
        sequence: Sequence,
        drafts: AttributeDrafts,
        overriding: Overriding,
    ) -> Result<(), Refused> {
        let entity = self.copy(sequence)?;
        let (known, missing): (AttributeDrafts, AttributeDrafts) = drafts
            .into_iter()
            .partition(|(name, _)| entity.attributes.contains_key(name));
        let partial = !known.is_empty();
        if partial {
            self.store(Some(sequence), entity, known, overriding)?;
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Refused::Missing {
                names: names(&missing),
                partial,
            })
        }
    }

    /// `PUT .../attrs`: these and no others.
    pub(crate) fn replace_attributes(&mut self, sequence: Sequence, drafts: AttributeDrafts) -> Result<(), OrionError> {
        let mut entity = self.copy(sequence)?;
        entity.attributes.clear();
        self.store(Some(sequence), entity, drafts, Overriding::default())
    }

    /// `PUT .../attrs/{name}`: an attribute that must be there.
    pub(crate) fn put_attribute(
        &mut self,
        sequence: Sequence,
        name: &str,
        draft: AttributeDraft,
        overriding: Overriding,
    ) -> Result<(), OrionError> {
        let entity = self.copy(sequence)?;
        if !entity.attributes.contains_key(name) {
            return Err(OrionError::attribute_not_found());
        }
        self.store(Some(sequence), entity, vec![(name.to_owned(), draft)], overriding)
    }

    /// `DELETE .../attrs/{name}`
    pub(crate) fn delete_attribute(&mut self, sequence: Sequence, name: &str) -> Result<(), OrionError> {
        let mut entity = self.copy(sequence)?;
        entity
            .attributes
            .remove(name)
            .ok_or_else(OrionError::attribute_not_found)?;
        self.store(Some(sequence), entity, AttributeDrafts::new(), Overriding::default())
    }

    /// `POST /v2/op/update`: each entity on its own; what failed is told together at the end.
    pub(crate) fn batch(
        &mut self,
        body: &Json,
        form: Form,
        paths: &ServicePaths,
        overriding: Overriding,
    ) -> Result<(), OrionError> {
        let action = match body.get("actionType").and_then(Json::text) {
            Some("append") => Action::Append,
            // The misspelling stands in Orion's own error text and is accepted by it.
            Some("appendStrict" | "appendStric") => Action::AppendStrict,
            Some("update") => Action::Update,
            Some("replace") => Action::Replace,
            Some("delete") => Action::Delete,
            _ => {
                return Err(OrionError::bad_request(
                    "invalid update action type: right ones are: append, appendStric, delete, replace, update",
                ));
            }
        };
        let entities = body.get("entities").and_then(Json::items).unwrap_or(&[]);
        if entities.is_empty() {
            return Err(OrionError::bad_request("empty entities vector"));
        }
        let drafts = entities
            .iter()
            .map(|entity| EntityDraft::read(entity, form))
            .collect::<Result<Vec<_>, _>>()?;
        let mut failures = Failures::default();
        for draft in drafts {
            let shown = match &draft.kind {
                Some(kind) => format!("{}/{kind}", draft.id),
                None => draft.id.clone(),
            };
            match self.act(action, draft, paths, overriding) {
                Ok(()) => failures.some_succeeded = true,
                Err(refused) => failures.add(&shown, refused)?,
            }
        }
        failures.result()
    }

    fn act(
        &mut self,
        action: Action,
        draft: EntityDraft,
        paths: &ServicePaths,
        overriding: Overriding,
    ) -> Result<(), Refused> {
        let found = self
            .find(&draft.id, draft.kind.as_deref(), paths)
            .map(|(sequence, _)| sequence);
        let sequence = match (found, action) {
            (Ok(sequence), _) => sequence,
            (Err(_), Action::Append | Action::AppendStrict) => {
                self.create(draft, paths, false)?;
                return Ok(());
            }
            (Err(_), _) => return Err(Refused::NoEntity),
        };
        match action {
            Action::Append => self.append(sequence, draft.attributes, false, overriding),
            Action::AppendStrict => self.append(sequence, draft.attributes, true, overriding),
            Action::Update => self.update(sequence, draft.attributes, overriding),
            Action::Replace => Ok(self.replace_attributes(sequence, draft.attributes)?),
            Action::Delete if draft.attributes.is_empty() => {
                self.remove(sequence);
                Ok(())
            }
            // Recorded: a batch delete that names all attributes leaves the entity.
            Action::Delete => draft
                .attributes
                .iter()
                .try_for_each(|(name, _)| Ok(self.delete_attribute(sequence, name)?)),
        }
    }

    fn copy(&self, sequence: Sequence) -> Result<Entity, OrionError> {
        self.entity(sequence).cloned().ok_or_else(OrionError::entity_not_found)
    }

    /// Applies drafts to a copy and stores it only if the whole is sound.
    fn store(
        &mut self,
        sequence: Option<Sequence>,
        mut entity: Entity,
        drafts: AttributeDrafts,
        overriding: Overriding,
    ) -> Result<(), OrionError> {
        for (name, draft) in drafts {
            entity.set(&name, draft, overriding);
        }
        entity.settle(&self.name)?;
        match sequence {
            Some(sequence) => self.replace(sequence, entity),
            None => self.insert(entity),
        }
        Ok(())
    }
}

/// Why a write did not do everything that it was asked for.
#[derive(Debug)]
pub(crate) enum Refused {
    NoEntity,
    Missing { names: String, partial: bool },
    Exist(String),
    Other(OrionError),
}

impl From<OrionError> for Refused {
    fn from(error: OrionError) -> Self {
        Self::Other(error)
    }
}

// === impl Refused ===

impl Refused {
    /// The answer if this was the only entity of the request; `shown` is how it was addressed.
    pub(crate) fn alone(self, shown: &str) -> OrionError {
        let mut failures = Failures::default();
        match failures.add(shown, self) {
            Ok(()) => failures.result().err().unwrap_or_else(OrionError::entity_not_found),
            Err(error) => error,
        }
    }
}

#[derive(Debug, Default)]
struct Failures {
    missing: Vec<String>,
    existing: Vec<String>,
    no_entity: bool,
    some_succeeded: bool,
}

// === impl Failures ===

impl Failures {
    fn add(&mut self, shown: &str, refused: Refused) -> Result<(), OrionError> {
        match refused {
            Refused::NoEntity => {
                self.no_entity = true;
                self.missing.push(format!("{shown} - [entity itself]"));
            }
            Refused::Missing { names, partial } => {
                self.some_succeeded |= partial;
                self.missing.push(format!("{shown} - [ {names} ]"));
            }
            Refused::Exist(names) => self.existing.push(format!("{shown} - [ {names} ]")),
            Refused::Other(error) => return Err(error),
        }
        Ok(())
    }

    fn result(self) -> Result<(), OrionError> {
        let description = if !self.missing.is_empty() {
            format!("do not exist: {}", self.missing.join(", "))
        } else if !self.existing.is_empty() {
            format!(
                "one or more of the attributes in the request already exist: {}",
                self.existing.join(", ")
            )
        } else {
            return Ok(());
        };
        Err(if self.some_succeeded {
            OrionError::partial_update(description)
        } else if self.no_entity {
            OrionError::not_found(description)
        } else {
            OrionError::unprocessable(description)
        })
    }
}

fn names(drafts: &AttributeDrafts) -> String {
    let names: Vec<&str> = drafts.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}
