//! Which tenant is meant (clauses 4.14 and 6.3.14). Without `NGSILD-Tenant`, the federation of all.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};

use crate::api::problem::{ErrorType, Problem};
use crate::config::TenantId;
use crate::{Gateway, Revision};

/// The tenant of a request; `None`: the federation.
#[derive(Debug, Clone)]
pub struct RequestedTenant(pub Option<TenantId>);

const TENANT: HeaderName = HeaderName::from_static("ngsild-tenant");

/// Looks the tenant up, and says it back as clause 6.3.14 asks.
pub(super) async fn tenant(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let revision = request
        .extensions()
        .get::<Arc<Revision>>()
        .cloned()
        .unwrap_or_else(|| gateway.revision());
    let mut values = request.headers().get_all(&TENANT).iter();
    let named = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.clone()),
        (Some(_), Some(_)) => {
            let detail = "header `NGSILD-Tenant`: is given twice; give it once";
            return Problem::new(ErrorType::InvalidRequest, detail).into_response();
        }
    };
    let mut response = match look_up(&revision, named.as_ref()) {
        Ok(tenant) => {
            request.extensions_mut().insert(RequestedTenant(tenant));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(named) = named {
        response.headers_mut().insert(TENANT, named);
    }
    response
}

fn look_up(revision: &Revision, named: Option<&HeaderValue>) -> Result<Option<TenantId>, Problem> {
    let Some(named) = named else { return Ok(None) };
    let known = named.to_str().ok().and_then(|name| revision.config.tenant(name));
    match known {
        Some(tenant) => Ok(Some(tenant.id.clone())),
        None => Err(Problem::new(
            ErrorType::NonexistentTenant,
            "no tenant of that name; leave NGSILD-Tenant out to ask all",
        )),
    }
}
