//! What a platform cannot hold of an entity of the view, or is not known to take.

use kakehashi_contract::WriteError;
use ngsi_ld::AttributeName;
use ngsi_ld::context::Context;

use crate::language::TypeMapping;

/// Why something would not come back from the platform as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each says what it is in its message")]
pub enum Lost {
    #[error("the source has no attribute of this name: leave it out")]
    Unknown,
    #[error("the source has it as an attribute of another kind: write it as it is read")]
    Kind,
    #[error("the source keeps one instance of an attribute, without datasetId: write one")]
    Instances,
    #[error(
        "the source keeps no attributes of an attribute, and no valueType, objectType or expiresAt of it: leave them out"
    )]
    Members,
    #[error("the source has it in another unit: write it with the unitCode that is read")]
    Unit,
    #[error("the source keeps no time at which it was observed: write it without observedAt")]
    Undated,
    #[error("the source says itself when it was observed: write it without observedAt, or with the one that is read")]
    DatedByPlatform,
    #[error(
        "the source has one time of observation for several attributes: write all of them with the same observedAt, \
         replace the entity as a whole, or leave the time as it is"
    )]
    SharedDate,
    #[error("the source writes dates in a way that cannot say this one: it is too fine, or out of range")]
    Date,
    #[error("the source has no word that means this value")]
    Word,
    #[error("the source keeps a number there, and this is none that it would give back")]
    NoNumber,
    #[error("the source always has it, and as something else: write it as it is read, or leave it out")]
    Given,
    #[error("the source sets it itself: leave it out")]
    SetByPlatform,
    #[error("it is made of several things of the source, or of what stands beside its record, and is only read: leave it out")]
    Computed,
    #[error(
        "the source keeps it together with something else, and one cannot be changed without the other: \
         replace the entity as a whole, or leave it as it is"
    )]
    Shared,
    #[error("the source would give it back as something else")]
    Otherwise,
}

/// Why an entity as a whole cannot be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each says what it is in its message")]
pub enum LostWhole {
    #[error("the source has one type for each entity, and none of these: write it with one of the source's types")]
    Types,
    #[error("an entity of the source keeps the type that it was created with")]
    TypeChanged,
    #[error("the source can have no entity of this id: its ids are like {0}")]
    Id(String),
    #[error("the source has no scopes that can be written")]
    Scope,
    #[error("the source does not keep when an entity ceases to be valid: write it without `expiresAt`")]
    Expires,
    #[error("several entities of the source are this one; it cannot be told which of them is meant")]
    Several,
    #[error("the source holds the entity in a way that cannot be read: {0}")]
    Unreadable(&'static str),
    #[error("the source has refused what was written to it: one of its rules forbids it")]
    RefusedBySource,
    #[error("the source has refused what was written to it: it does not go with what it has")]
    Conflict,
    #[error("the source has refused what was written to it: it is larger than it takes")]
    TooLarge,
}

impl From<LostWhole> for WriteError {
    fn from(lost: LostWhole) -> Self {
        Self::CannotHold(lost.to_string())
    }
}

/// What the mapping does not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each says what it is in its message")]
pub enum Lacks {
    #[error("the source takes no writes of `{0}`: its mapping has no [types.{0}.write]")]
    Write(String),
    #[error("nothing of `{0}` can be created in the source: its mapping has no `create` in [types.{0}.write]")]
    Create(String),
    #[error(
        "nothing of `{0}` can be changed in the source: its mapping has neither `change` nor `replace` in [types.{0}.write]"
    )]
    Change(String),
    #[error("nothing of `{0}` can be deleted in the source: its mapping has no `delete` in [types.{0}.write]")]
    Delete(String),
}

impl From<Lacks> for WriteError {
    fn from(lacks: Lacks) -> Self {
        Self::Unsupported(lacks.to_string())
    }
}

/// Why an entity is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// What of it, by the attribute that is written.
    Attribute(AttributeName, Lost),
    /// It as a whole.
    Whole(LostWhole),
}

impl From<LostWhole> for Refused {
    fn from(lost: LostWhole) -> Self {
        Self::Whole(lost)
    }
}

impl Refused {
    /// As whoever writes is told.
    pub fn told(self, mapping: &TypeMapping) -> WriteError {
        match self {
            Self::Attribute(name, lost) => WriteError::CannotHold(format!("`{}`: {lost}", short_name(mapping, &name))),
            Self::Whole(lost) => lost.into(),
        }
    }
}

fn short_name<'a>(mapping: &'a TypeMapping, name: &'a AttributeName) -> std::borrow::Cow<'a, str> {
    match mapping.attributes.iter().find(|attribute| attribute.name == *name) {
        Some(attribute) => attribute.short_name.as_str().into(),
        None => Context::kakehashi().compact(name.as_str()).to_string().into(),
    }
}
