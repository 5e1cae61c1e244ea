//! What a token says, once its signature is verified: its subject, its roles, and how surely the holder was
//! identified.

use std::sync::Arc;

use kakehashi_config::Issuer;
use kakehashi_core::names::RoleName;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Roles that are taken from one token. Policies speak of few; a token of thousands would be an attack.
const MOST_ROLES: usize = 64;

/// The claims of a token (RFC 7519 section 4). `iss`, `aud`, `exp` and `nbf` are checked by whoever decodes them.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: Arc<str>,
    pub(super) exp: f64,
    pub(super) iat: Option<f64>,
    /// Authentication Context Class Reference (OpenID Connect Core 1.0 section 2).
    acr: Option<Arc<str>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Only what says whose token it is; nothing of it is believed yet.
#[derive(Debug, Deserialize)]
pub(super) struct UnverifiedClaims {
    pub(super) iss: String,
}

/// A token that was found valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Who has signed it.
    pub issuer: Arc<Issuer>,
    /// `sub`
    pub subject: Arc<str>,
    /// The roles of the claim that the issuer is believed about. Names that no policy could write are left out.
    pub roles: Vec<RoleName>,
    /// `acr`: how surely the holder was identified, for policies.
    pub assurance: Option<Arc<str>>,
    /// `exp`, in seconds since 1970.
    pub(super) expires: u64,
}

impl VerifiedToken {
    pub(super) fn new(issuer: &Arc<Issuer>, claims: Claims) -> Self {
        let roles = issuer.roles_claim.as_ref().map(|path| roles(path, &claims.others));
        Self {
            issuer: Arc::clone(issuer),
            subject: claims.sub,
            roles: roles.unwrap_or_default(),
            assurance: claims.acr,
            expires: whole_seconds(claims.exp),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN is 0: expired"
)]
fn whole_seconds(date: f64) -> u64 {
    date as u64
}

/// The roles at a path of claims: a list of texts, or one text with spaces between them, as `scope` has it.
fn roles(path: &[String], claims: &Map<String, Value>) -> Vec<RoleName> {
    let Some((first, rest)) = path.split_first() else {
        return Vec::new();
    };
    let found = rest
        .iter()
        .try_fold(claims.get(first), |value, key| Some(value?.get(key)))
        .flatten();
    let names: Vec<&str> = match found {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut roles: Vec<RoleName> = names.into_iter().filter_map(RoleName::parse).take(MOST_ROLES).collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, claims: &Value) -> Vec<String> {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        let roles = roles(&path, claims.as_object().unwrap());
        roles.iter().map(|role| role.as_str().to_owned()).collect()
    }

    #[test]
    fn roles_stand_where_the_issuer_writes_them() {
        let claims = serde_json::json!({
            "roles": ["reader", "writer", "reader", 7, "Not A Name", ""],
            "realm_access": { "roles": ["offline_access", "reader"] },
            "scope": "openid reader",
            "wrong": 5,
        });
        assert_eq!(found("roles", &claims), ["reader", "writer"]);
        assert_eq!(found("realm_access.roles", &claims), ["offline_access", "reader"]);
        assert_eq!(found("scope", &claims), ["openid", "reader"]);
        for nothing in ["wrong", "missing", "realm_access", "roles.0", "realm_access.roles.x"] {
            assert_eq!(found(nothing, &claims), [""; 0], "{nothing}");
        }
        let many: Vec<String> = (0..1000).map(|index| format!("r{index}")).collect();
        assert_eq!(found("roles", &serde_json::json!({ "roles": many })).len(), MOST_ROLES);
    }
}
