//! What a null removes, and what one is (clauses 4.5.0 and 5.5.4).

use super::NGSI_LD_NULL;

/// What a fragment with nulls is for: it decides where those may stand (clause 5.5.4), and what may be without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FragmentUse {
    /// Attributes are replaced whole (clause 5.5.8): a null stands for a whole member.
    Update,
    /// Values are merged (clause 5.5.12): a null may also stand for a member of an object that is a value.
    Merge,
    /// Members of one attribute are replaced (clause 5.6.4).
    Attribute,
}

/// The members that a null can remove, attributes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovableMember {
    /// `scope`
    Scope,
    /// `expiresAt`
    ExpiresAt,
    /// `observedAt`
    ObservedAt,
    /// `unitCode`
    UnitCode,
    /// `valueType`
    ValueType,
    /// `objectType`
    ObjectType,
}

impl RemovableMember {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "scope" => Self::Scope,
            "expiresAt" => Self::ExpiresAt,
            "observedAt" => Self::ObservedAt,
            "unitCode" => Self::UnitCode,
            "valueType" => Self::ValueType,
            "objectType" => Self::ObjectType,
            _ => return None,
        })
    }
}

/// Whether a JSON text is the NGSI-LD null.
//= 5.2.1-3, 5.4-4
pub(super) fn is_null_text(json: &str) -> bool {
    let inner = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner == Some(NGSI_LD_NULL)
}

/// Whether a JSON text is the array that stands for null.
//= 4.5.18.2-1, 4.6.5-2
pub(super) fn is_null_list(json: &str) -> bool {
    let inner = json.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.is_some_and(|inner| is_null_text(inner.trim()))
}
