//! `GET /info/sourceIdentity`: what the gateway is as a Context Source of others (clauses 5.2.40 and 5.15.1).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::{Method, Uri};
use kakehashi_core::names::TenantId;
use kakehashi_running::Gateway;
use ngsi_ld::entity::DateTime;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::operation::{Content, Offered, Success};
use crate::api::respond;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `GET /info/sourceIdentity`: Retrieve Context Source Identity Information.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveSourceIdentity",
    clause: Some("5.15.1 and 6.33.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/info/sourceIdentity",
    asks: None,
    summary: "what names the gateway, or a tenant of it, as a Context Source",
    parameters: &[],
    lacks: &[],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "Its name, since when it answers, and its time.",
        body: Content::Negotiated("ContextSourceIdentity"),
        headers: &["ETag"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

/// `ContextSourceIdentity` of clause 5.2.40.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
//= 5.2.40-1
struct ContextSourceIdentity<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    id: String,
    r#type: &'static str,
    context_source_alias: String,
    context_source_uptime: String,
    context_source_time_at: String,
}

//= 5.15.1.4-1, 6.33.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    OFFERED.parameters(scope.uri.query())?;
    let context = scope.context().await?;
    let in_body = media_type == MediaType::JsonLd;
    let alias = alias(&scope.revision.config.gateway.public_url, scope.tenant.as_ref());
    let identity = ContextSourceIdentity {
        context: in_body.then_some(&*context.member),
        id: format!("urn:ngsi-ld:ContextSourceIdentity:{alias}"),
        r#type: "ContextSourceIdentity",
        context_source_alias: alias,
        context_source_uptime: duration(gateway.uptime()),
        context_source_time_at: DateTime::from_system_time(SystemTime::now()).as_str().to_owned(),
    };
    let body = serde_json::to_vec(&identity)
        .map_err(|_| Problem::new(ErrorType::InternalError, "the identity cannot be written"))?;
    Ok(respond::rendered(body, media_type, &context, in_body))
}

/// A pseudonym as `Via` takes it (RFC 9110 section 7.6.3: a token): the host that the gateway is reached by, and behind a
/// character that no id of a tenant has the tenant that is asked for.
//= 5.2.40-2
fn alias(public_url: &str, tenant: Option<&TenantId>) -> String {
    let uri: Option<Uri> = public_url.parse().ok();
    let authority = uri
        .as_ref()
        .and_then(Uri::authority)
        .map_or("kakehashi", |authority| authority.as_str());
    let mut alias: String = authority
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => character,
            _ => '-',
        })
        .collect();
    if let Some(tenant) = tenant {
        alias.push('~');
        alias.push_str(tenant.as_str());
    }
    alias
}

/// A duration of ISO 8601, in whole seconds.
fn duration(uptime: Duration) -> String {
    format!("PT{}S", uptime.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    //= 5.2.40-2
    fn an_alias_is_a_token_and_each_tenant_has_its_own() {
        let sano = TenantId::new("sano");
        assert_eq!(alias("https://data.example.jp", None), "data.example.jp");
        assert_eq!(alias("http://127.0.0.1:8080", Some(&sano)), "127.0.0.1-8080~sano");
        assert_eq!(alias("https://[::1]:8443/x", None), "---1--8443");
    }
}
