//! What policies are told of a request beside who asks for what: Cedar's `context`. Of all that a policy might want to
//! know, this version tells how surely the holder of a token was identified, and what the data is asked for; a
//! condition on anything else would never hold, or a forbid on it never forbid, and refuses the revision.

use std::str::FromStr;

use cedar_policy::{Context, EntityTypeName, Policy, Request, RestrictedExpression, Schema};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::diagnostics::{Place, Report};
use serde_json::Value;

use super::entities::Kinds;
use super::operation::Operation;

/// `acr` of the token (OpenID Connect Core 1.0 section 2). Who presents no token, or one that does not say, has none.
const ASSURANCE: &str = "assurance";

/// The levels that the token's issuer means by that.
const IDENTITY: &str = "ial";
const AUTHENTICATION: &str = "aal";

/// What the request asks data for.
const PURPOSE: &str = "purpose";

/// All that is told.
const TOLD: [&str; 4] = [ASSURANCE, IDENTITY, AUTHENTICATION, PURPOSE];

/// The context of a consumer's request; `None` is a fault of this program's.
pub(super) fn of(consumer: &Consumer) -> Option<Context> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let level = |level: u8| RestrictedExpression::new_long(level.into());
    let pairs = [
        (ASSURANCE, consumer.assurance.as_deref().map(text)),
        (IDENTITY, consumer.levels.identity.map(level)),
        (AUTHENTICATION, consumer.levels.authentication.map(level)),
        (PURPOSE, consumer.purpose.as_deref().map(text)),
    ];
    let known = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Context::from_pairs(known).ok()
}

/// A context in which everything is known.
fn everything() -> Option<Context> {
    let text = || RestrictedExpression::new_string("any".to_owned());
    let level = || RestrictedExpression::new_long(1);
    let pairs = [
        (ASSURANCE, text()),
        (IDENTITY, level()),
        (AUTHENTICATION, level()),
        (PURPOSE, text()),
    ];
    Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value))).ok()
}

/// Whether requests with this context fit a schema. One that was written for an earlier version lacks some of it, and
/// every request that tells it would be denied.
pub(super) fn is_declared(schema: &Schema, kinds: &Kinds) -> bool {
    let uid = |kind: &str| {
        let name = EntityTypeName::from_str(kind).ok()?;
        Some(cedar_policy::EntityUid::from_type_name_and_id(
            name,
            cedar_policy::EntityId::new("any"),
        ))
    };
    Operation::ALL.iter().all(|operation| {
        let request = uid("Consumer").zip(uid("EntityType")).zip(everything());
        request.is_some_and(|((consumer, r#type), context)| {
            Request::new(consumer, kinds.action(*operation), r#type, context, Some(schema)).is_ok()
        })
    })
}

/// Refuses a policy that wants to know what no request tells.
pub(super) fn check(policy: &Policy, place: &Place, report: &Report) {
    if policy.to_json().is_ok_and(|json| wants_more(&json)) {
        let told = TOLD.map(|name| format!("`context.{name}`")).join(", ");
        let message = format!("conditions on `context` are not supported by this version, except on {told}");
        let help = format!("write `context has {PURPOSE} && context.{PURPOSE} == \"...\"`");
        report.error(place, message, help);
    }
}

/// Whether the JSON form of a policy has the variable `context` anywhere but before what is told.
fn wants_more(json: &Value) -> bool {
    match json {
        Value::Object(members) => {
            members.get("Var").is_some_and(is_context)
                || members.iter().any(|(operator, operand)| {
                    let attribute = operand.get("attr").and_then(Value::as_str);
                    let is_told = matches!(operator.as_str(), "." | "has")
                        && attribute.is_some_and(|attribute| TOLD.contains(&attribute))
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
    fn only_what_is_told_may_be_asked_for() {
        for (condition, refused) in [
            ("context has assurance && context.assurance == \"aal2\"", false),
            ("context has assurance", false),
            ("context has purpose && context.purpose == \"x\"", false),
            ("context has aal && context.aal >= 2", false),
            ("context.consent == \"x\"", true),
            ("context has network", true),
            ("context == {}", true),
            ("context has assurance && context has time", true),
            ("{ \"a\": context } has assurance", true),
            ("principal has context", false),
        ] {
            let text = format!("permit(principal, action, resource) when {{ {condition} }};");
            let policy = Policy::parse(None, text).unwrap();
            assert_eq!(wants_more(&policy.to_json().unwrap()), refused, "{condition}");
        }
    }
}
