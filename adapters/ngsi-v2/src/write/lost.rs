//! What NGSI-v2 cannot hold of an entity of the view.

use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};

use kakehashi_contract::WriteError;

/// Why something would not come back from the source as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    #[error(
        "the source keeps whole numbers up to 9007199254740992 and nine decimals; this number would come back as another"
    )]
    Digits,
    #[error("the source keeps milliseconds since 1970; this date would come back as another")]
    Date,
    #[error("the source takes none of < > \" ' = ; ( ) here")]
    Characters,
    #[error("the source would cut this text off at its zero byte")]
    ZeroByte,
    #[error(
        "the source has no member of such a name in an object: neither an empty one, nor one with = in it or $ before it"
    )]
    MemberName,
    #[error(
        "the source can have no attribute of this name: it is of other characters than its names may have, or its own"
    )]
    Name,
    #[error("the source has attributes of other kinds: write it as a Property, a GeoProperty or a Relationship")]
    Kind,
    #[error("the source has one instance of an attribute: write it without datasetId")]
    Instances,
    #[error("the source has dates and times in one, and no Date or Time alone")]
    Temporal,
    #[error("the source keeps no valueType, no objectType and no expiresAt of an attribute")]
    Member,
    #[error("the source keeps Properties with nothing but a value as attributes of an attribute")]
    SubAttribute,
    #[error("the source has one place of an entity: this is a second one")]
    SecondPlace,
    #[error("the source would give it back as something else")]
    Otherwise,
}

impl Lost {
    /// The same of an attribute.
    pub(super) fn of(self, context: &Context, name: &AttributeName) -> WriteError {
        WriteError::CannotHold(format!("`{}`: {self}", context.compact(name.as_str())))
    }
}

/// Why an entity as a whole cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LostWhole {
    #[error("the source has one type for each entity, and none of these: write it with one of the source's types")]
    Types,
    #[error("an entity of the source keeps the type that it was created with")]
    TypeChanged,
    #[error("the source can have no entity of this id: it is of other characters than its ids may have")]
    Id,
    #[error("the source has no scopes that can be written")]
    Scope,
    #[error("`expiresAt`: {0}")]
    Expires(Lost),
    #[error("several entities of the source are this one; it cannot be told which of them is meant")]
    Several,
    #[error("the source holds the entity in a way that cannot be read: {0}")]
    Unreadable(&'static str),
    #[error("the source has refused what was written to it: one of its rules forbids it")]
    RefusedBySource,
    #[error("the source has refused what was written to it: it is larger than it takes")]
    TooLarge,
    #[error("the source has refused what was written to it: its database cannot find such a place")]
    Place,
}

impl From<LostWhole> for WriteError {
    fn from(lost: LostWhole) -> Self {
        Self::CannotHold(lost.to_string())
    }
}

/// The one type of an entity.
pub(super) fn only_type(types: &[TypeName]) -> Result<&TypeName, LostWhole> {
    match types {
        [only] => Ok(only),
        _ => Err(LostWhole::Types),
    }
}
