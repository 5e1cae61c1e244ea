//! Why something is not seen, in one sentence that says what would change it.

use kakehashi_documents::vocabulary::compact_attribute;
use kakehashi_policy::{Class, PersonalData, TypeGrant, why_nothing};
use ngsi_ld::AttributeName;

/// Why a grant does not show an attribute, or shows nothing at all. `class`: that of the attribute.
pub(crate) fn why_not(
    grant: &TypeGrant,
    attribute: Option<(&AttributeName, Option<Class>)>,
    personal_data: PersonalData,
) -> String {
    match attribute {
        Some((name, class)) if !grant.is_empty() => {
            let mut policies: Vec<&str> = grant.permits().iter().map(|permit| &*permit.policy).collect();
            policies.sort_unstable();
            policies.dedup();
            of_attribute(name, class, &policies.join(" and "), personal_data)
        }
        Some((name, Some(class))) if class.is_personal() => of_attribute(name, Some(class), "", personal_data),
        _ => why_nothing(grant),
    }
}

fn of_attribute(name: &AttributeName, class: Option<Class>, policies: &str, personal_data: PersonalData) -> String {
    let name = compact_attribute(name);
    match class {
        Some(class) if class.is_personal() => format!("`{name}` is classed {class}, which no policy can grant"),
        Some(Class::Open) => {
            format!("`{name}` is left out by {policies}: add it to @attributes there, or take it out of @without")
        }
        Some(Class::Limited) => format!(
            "`{name}` is classed limited: only a permit that names it in @attributes grants it, which is not so of {policies}"
        ),
        Some(Class::PersonRelated) => format!(
            "`{name}` is classed person-related: it takes a permit that names it in @attributes, and a consumer of the owner's own or \
             one with a consent that the permit names in @consent; by {policies} both are not there"
        ),
        Some(Class::Anonymised) => format!(
            "`{name}` is classed anonymised: it takes a permit that names it in @attributes, and a consumer of the owner's own or one \
             that is bound by a contract that the permit names in @contract; by {policies} both are not there"
        ),
        Some(class) => format!(
            "`{name}` is classed {class}: it takes a permit that names it in @attributes, and a consumer of the owner's own; by \
             {policies} both are not there"
        ),
        None if personal_data == PersonalData::Present => format!(
            "nobody has classified `{name}`, and its source may hold personal data: the operator gives it a class in \
             policies/classification.toml"
        ),
        None => format!("nobody has classified `{name}`, and it is not named in @attributes of {policies}"),
    }
}
