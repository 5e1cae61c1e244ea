//! `/admin/v1/who-can-see`: who sees a type of a tenant's, or an attribute of it, under the running revision. A tenant's
//! administrator is told of its own data alone.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use http::StatusCode;
use kakehashi_config::{Administrator, AdministratorRole, today_in_japan};
use kakehashi_explain::who_can_see::{CannotTell, WhoCanSee, who_can_see};
use serde::Deserialize;
use serde_json::json;

use super::Administration;
use super::computing::{Computing, took_too_long};
use super::problem::AdminProblem;
use super::revision::{Answer, json_answer};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    tenant: Option<String>,
    r#type: String,
    attribute: Option<String>,
}

/// Who sees it, and by which permits.
pub(super) async fn tell(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    Extension(computing): Extension<Computing>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Answer {
    let Query(asked) = asked.map_err(|_| {
        let detail =
            "ask with `type`, and with `tenant` and `attribute` where they are meant; see /admin/v1/openapi.json";
        AdminProblem::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let told_to = match &administrator.role {
        AdministratorRole::Tenant(own) => Some(own.clone()),
        AdministratorRole::Operator | AdministratorRole::Auditor => None,
    };
    let tenant = match (&told_to, asked.tenant) {
        (Some(own), Some(named)) if own.as_str() != named => {
            let detail = format!("who sees another tenant's data is not for the administrator of `{own}` to see");
            return Err(AdminProblem::new(StatusCode::FORBIDDEN, detail));
        }
        (Some(own), _) => own.as_str().to_owned(),
        (None, Some(named)) => named,
        (None, None) => {
            let detail = "say whose data is meant: `tenant=`";
            return Err(AdminProblem::new(StatusCode::BAD_REQUEST, detail));
        }
    };
    let revision = admin.gateway.revision();
    let seen = computing.run(move |waits| {
        let asked = WhoCanSee {
            tenant: &tenant,
            r#type: &asked.r#type,
            attribute: asked.attribute.as_deref(),
            today: today_in_japan(),
            told_to: told_to.as_ref(),
        };
        who_can_see(&revision.config, &revision.registry, &asked, waits).map(|seen| json!(seen))
    });
    match seen.await? {
        Ok(seen) => Ok(json_answer(&seen)),
        Err(CannotTell::NobodyWaits) => Err(took_too_long()),
        Err(reason @ CannotTell::Tenant(..)) => Err(AdminProblem::new(StatusCode::NOT_FOUND, reason.to_string())),
        Err(reason @ CannotTell::Name(_)) => Err(AdminProblem::new(StatusCode::BAD_REQUEST, reason.to_string())),
    }
}
