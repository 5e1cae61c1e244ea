//! `/admin/v1/conditions`: what is wrong now.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::header;
use kakehashi_config::{Administrator, AdministratorRole};
use kakehashi_core::Condition;
use kakehashi_core::names::TenantId;
use kakehashi_egress::sources::FAILED;
use kakehashi_running::conditions;
use serde_json::{Value, json};

use super::Administration;

/// Everything that is wrong and that the administrator may know of.
pub(super) async fn list(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
) -> Response {
    let mut all = conditions::now(&admin.gateway);
    all.retain(|condition| match &administrator.role {
        AdministratorRole::Tenant(tenant) => condition.tenant.as_ref() == Some(tenant),
        AdministratorRole::Operator | AdministratorRole::Auditor => true,
    });
    if matches!(administrator.role, AdministratorRole::Tenant(_)) {
        // How exactly an address does not answer is for the operator.
        let lost = all
            .iter_mut()
            .filter(|condition| condition.what == conditions::SOURCE_LOST);
        lost.for_each(|condition| condition.reason = FAILED);
    }
    let all: Vec<Value> = all.iter().map(shown).collect();
    let body = json!({ "conditions": all });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn shown(condition: &Condition) -> Value {
    json!({
        "what": condition.what,
        "tenant": condition.tenant.as_ref().map(TenantId::as_str),
        "reason": condition.reason,
        "since": condition.since.to_string(),
        "detail": condition.detail,
    })
}
