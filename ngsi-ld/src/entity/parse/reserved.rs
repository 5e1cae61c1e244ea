//! Names of the core context that are no attributes: the members of attributes, and what only the system makes
//! (clauses 4.5.1 and 5.2.5 to 5.2.38).

use super::value::ValueMember;
use crate::entity::AttributeKind;

/// Members of the core context that are no attributes (clause 4.5.1).
//= 4.5.1-3, 4.5.1-4
pub(super) fn is_reserved(name: &str) -> bool {
    name.starts_with('@')
        || is_output_only(name)
        || ValueMember::from_name(name).is_some()
        || matches!(
            name,
            "id" | "type"
                | "scope"
                | "datasetId"
                | "observedAt"
                | "unitCode"
                | "valueType"
                | "objectType"
                | "createdAt"
                | "modifiedAt"
                | "deletedAt"
                | "expiresAt"
                | "entityIdSealed"
                | "entityTypeSealed"
        )
}

/// Members that only the system makes, and that are ignored when others send them (tables 5.2.5-2 and like).
pub(super) const OUTPUT_ONLY: [&str; 11] = [
    "instanceId",
    "lang",
    "previousValue",
    "previousObject",
    "previousLanguageMap",
    "previousVocab",
    "previousJson",
    "previousValueList",
    "previousObjectList",
    "entity",
    "entityList",
];

//= 5.2.2-2, 5.2.5-4, 5.2.6-3, 5.2.7-4, 5.2.32-5, 5.2.35-4, 5.2.36-4, 5.2.37-3, 5.2.38-5
fn is_output_only(name: &str) -> bool {
    OUTPUT_ONLY.contains(&name)
}

/// Whether that kind of attribute may have a member that only the system makes: the clauses prohibit those of other
/// kinds.
pub(super) fn may_have_output(kind: AttributeKind, name: &str) -> bool {
    match name {
        "lang" => kind == AttributeKind::Property,
        "previousValue" => matches!(kind, AttributeKind::Property | AttributeKind::GeoProperty),
        "previousObject" | "entity" => kind == AttributeKind::Relationship,
        "previousLanguageMap" => kind == AttributeKind::LanguageProperty,
        "previousVocab" => kind == AttributeKind::VocabProperty,
        "previousJson" => kind == AttributeKind::JsonProperty,
        "previousValueList" => kind == AttributeKind::ListProperty,
        "previousObjectList" | "entityList" => kind == AttributeKind::ListRelationship,
        _ => true,
    }
}
