//! `/admin/v1/sources`: how the sources are doing.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::header;
use kakehashi_adapters::SourceStatus;
use kakehashi_adapters::held::{HeldStatus, NotHeld};
use kakehashi_config::{Administrator, AdministratorRole, NamedBy, SourceConfig};
use kakehashi_egress::sources::told_to_tenant;
use kakehashi_federation::registry::RegisteredSource;
use serde::Serialize;

use super::Administration;
use super::files_of_sources::Files;

/// One source, or one partition of the store.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    id: &'a str,
    tenant: &'a str,
    adapter: Option<&'static str>,
    endpoint: Option<&'a str>,
    writable: bool,
    health: &'static str,
    breaker: Option<&'static str>,
    in_flight: Option<usize>,
    requests: Option<u64>,
    joined: Option<u64>,
    failures: Option<u64>,
    last_error: Option<String>,
    latency_milliseconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Files>,
}

/// What is kept of a source in memory.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    hold_seconds: u64,
    entities: usize,
    bytes: usize,
    age_seconds: Option<f64>,
    readings: u64,
    failures: u64,
    /// Why nothing is kept.
    not_held: Option<&'static str>,
}

impl From<HeldStatus> for Held {
    fn from(status: HeldStatus) -> Self {
        Self {
            hold_seconds: status.hold.as_secs(),
            entities: status.entities,
            bytes: status.bytes,
            age_seconds: status.age.map(|age| age.as_secs_f64()),
            readings: status.readings,
            failures: status.failures,
            not_held: status.not_held.map(NotHeld::as_str),
        }
    }
}

impl Source<'_> {
    /// As its tenant's administrator may see it: whoever names addresses must not learn from answers what stands there.
    fn for_tenant(self, source: &RegisteredSource, config: Option<&SourceConfig>) -> Self {
        let latest = source.adapter.status().and_then(|status| status.last_error);
        let is_own_address = config.is_some_and(|config| config.named_by == NamedBy::Tenant);
        Self {
            last_error: Some(told_to_tenant(latest).to_owned()),
            latency_milliseconds: self.latency_milliseconds.filter(|_| !is_own_address),
            files: self.files.map(Files::for_tenant),
            ..self
        }
    }
}

/// Every source that the administrator may see, with what the gateway remembers of the exchanges with it.
pub(super) async fn list(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
) -> Response {
    let revision = admin.gateway.revision();
    let may_see = |source: &&Arc<RegisteredSource>| match &administrator.role {
        AdministratorRole::Tenant(tenant) => source.tenant == *tenant,
        AdministratorRole::Operator | AdministratorRole::Auditor => true,
    };
    let sources = revision.registry.configured().iter().filter(may_see);
    let is_tenant = matches!(administrator.role, AdministratorRole::Tenant(_));
    let sources: Vec<Source<'_>> = sources
        .map(|source| {
            let config = revision.config.source(&source.id).map(AsRef::as_ref);
            let held = revision.held().find(|(id, _)| **id == source.id);
            let shown = Source {
                held: held.map(|(_, held)| held.status().into()),
                files: revision.read_of(&source.id).map(|read| read.status().into()),
                ..shown(source, config)
            };
            if is_tenant {
                shown.for_tenant(source, config)
            } else {
                shown
            }
        })
        .collect();
    let body = serde_json::json!({ "revision": revision.config.revision.as_str(), "sources": sources });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn shown<'a>(source: &'a RegisteredSource, config: Option<&'a SourceConfig>) -> Source<'a> {
    let status = source.adapter.status();
    let adapter = config.map(|config| config.kind.name());
    let address = config.and_then(|config| config.settings.address());
    Source {
        id: source.id.as_str(),
        tenant: source.tenant.as_str(),
        adapter,
        endpoint: address.map(|address| address.endpoint),
        writable: source.writable,
        health: match &status {
            Some(status) => health(status),
            None if source.adapter.trouble().is_some_and(|trouble| !trouble.is_readable) => "failing",
            None => "ok",
        },
        breaker: status.map(|status| if status.open_since.is_some() { "open" } else { "closed" }),
        in_flight: status.map(|status| status.in_flight),
        requests: status.map(|status| status.requests),
        joined: status.map(|status| status.joined),
        failures: status.map(|status| status.failures),
        last_error: status.and_then(|status| status.last_error).map(|kind| kind.to_string()),
        latency_milliseconds: status
            .and_then(|status| status.latency)
            .map(|latency| latency.as_secs_f64() * 1000.0),
        held: None,
        files: None,
    }
}

/// One word for what the numbers say.
fn health(status: &SourceStatus) -> &'static str {
    if status.open_since.is_some() {
        "held-back"
    } else if status.is_failing {
        "failing"
    } else if status.requests == 0 {
        "not-asked"
    } else {
        "ok"
    }
}
