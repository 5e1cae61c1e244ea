//! What policies are told of a request beside who asks for what: Cedar's `context`. Of all that a policy might want to
//! know, this version tells how surely the holder of a token was identified; a condition on anything else would never
//! hold, or a forbid on it never forbid, and refuses the revision.

use std::str::FromStr;

use cedar_policy::{Context, EntityTypeName, Policy, Request, RestrictedExpression, Schema};
use serde_json::Value;

use super::entities::Kinds;
use super::operation::Operation;
use crate::config::{Consumer, Place, Report};

/// `acr` of the token (OpenID Connect Core 1.0 section 2). Who presents no token, or one that does not say, has none.
const ASSURANCE: &str = "assurance";

/// The context of a consumer's request; `None` is a fault of this program's.
pub(super) fn of(consumer: &Consumer) -> Option<Context> {
    with_assurance(consumer.assurance.as_deref())
}

fn with_assurance(assurance: Option<&str>) -> Option<Context> {
    let pairs = assurance.map(|level| {
        let level = RestrictedExpression::new_string(level.to_owned());
        (ASSURANCE.to_owned(), level)
    });
    Context::from_pairs(pairs).ok()
}

/// Whether requests with this context fit a schema. One that was written for an earlier version lacks it, and every
/// request of such a token would be denied.
pub(super) fn is_declared(schema: &Schema, kinds: &Kinds) -> bool {
    let uid = |kind: &str| {
        let name = EntityTypeName::from_str(kind).ok()?;
        Some(cedar_policy::EntityUid::from_type_name_and_id(
            name,
            cedar_policy::EntityId::new("any"),
        ))
    };
    Operation::ALL.iter().all(|operation| {
        let request = uid("Consumer").zip(uid("EntityType")).zip(with_assurance(Some("any")));
        request.is_some_and(|((consumer, r#type), context)| {
            Request::new(consumer, kinds.action(*operation), r#type, context, Some(schema)).is_ok()
        })
    })
}

/// Refuses a policy that wants to know what no request tells.
pub(super) fn check(policy: &Policy, place: &Place, report: &Report) {
    if policy.to_json().is_ok_and(|json| wants_more(&json)) {
        let message = "conditions on `context` are not supported by this version, except on `context.assurance`";
        let help = format!("write `context has {ASSURANCE} && context.{ASSURANCE} == \"...\"`");
        report.error(place, message, help);
    }
}

/// Whether the JSON form of a policy has the variable `context` anywhere but before `.assurance`.
fn wants_more(json: &Value) -> bool {
    match json {
        Value::Object(members) => {
            members.get("Var").is_some_and(is_context)
                || members.iter().any(|(operator, operand)| {
                    let is_told = matches!(operator.as_str(), "." | "has")
                        && operand.get("attr").is_some_and(|attribute| attribute == ASSURANCE)
                        && operand.pointer("/left/Var").is_some_and(is_context);
                    !is_told && wants_more(operand)
                })
        }
        Value::Array(items) => items.iter().any(wants_more),
        _ => false,
    }
}

fn is_context(name: &Value) -> bool {
    name == "context"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_assurance_may_be_asked_for() {
        for (condition, refused) in [
            ("context has assurance && context.assurance == \"aal2\"", false),
            ("context has assurance", false),
            ("context.purpose == \"x\"", true),
            ("context has purpose", true),
            ("context == {}", true),
            ("context has assurance && context has purpose", true),
            ("{ \"a\": context } has assurance", true),
            ("principal has context", false),
        ] {
            let text = format!("permit(principal, action, resource) when {{ {condition} }};");
            let policy = Policy::parse(None, text).unwrap();
            assert_eq!(wants_more(&policy.to_json().unwrap()), refused, "{condition}");
        }
    }
}
