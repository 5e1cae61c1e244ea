//! `/admin/v1/explain`, `/admin/v1/diff`, `/admin/v1/policy-tests`: what the running revision, or one that is proposed,
//! would do. Nothing is changed by it, so that an auditor may ask, too. A tenant's administrator is told what concerns
//! its own data: its own part of a proposal, its own part of an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, State};
use bytes::Bytes;
use http::StatusCode;
use kakehashi_config::{Administrator, AdministratorRole, Config, Outcome, run_expectations_while};
use kakehashi_core::names::TenantId;
use kakehashi_diff::{NobodyWaits, compare_while};
use kakehashi_documents::files::FileTexts;
use kakehashi_explain::{CannotExplain, ToExplain, explain};
use kakehashi_reload::Refused;
use kakehashi_revision::Revision;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Administration;
use super::computing::{Computing, took_too_long};
use super::findings::findings;
use super::floor;
use super::problem::AdminProblem;
use super::revision::{Answer, internal, json_answer, not_remembered, parse, problem_of, with_changes};
use super::tenant_part::{own_part, with_own_part};

/// A request to be explained.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RequestToExplain {
    consumer: String,
    #[serde(default = "get")]
    method: String,
    target: String,
    tenant: Option<String>,
    purpose: Option<String>,
    #[serde(default)]
    token_roles: Vec<String>,
    assurance: Option<String>,
    body: Option<Value>,
    #[serde(default)]
    verbose: bool,
}

fn get() -> String {
    "GET".to_owned()
}

/// What takes the place of the running revision: some of its files, or an earlier revision.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposed {
    files: Option<BTreeMap<String, Option<String>>>,
    revision: Option<String>,
}

/// The tenant whose data alone an administrator is told of.
fn only(administrator: &Administrator) -> Option<&TenantId> {
    match &administrator.role {
        AdministratorRole::Tenant(tenant) => Some(tenant),
        AdministratorRole::Operator | AdministratorRole::Auditor => None,
    }
}

/// What would become of a request under the running revision. No source is contacted.
pub(super) async fn explain_request(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    Extension(computing): Extension<Computing>,
    body: Bytes,
) -> Answer {
    let asked: RequestToExplain = parse(&body)?;
    let only = only(&administrator);
    let tenant = match (only, asked.tenant.as_deref()) {
        (Some(own), Some(named)) if own.as_str() != named => {
            let detail = format!("what another tenant grants is not for the administrator of `{own}` to see");
            return Err(AdminProblem::new(StatusCode::FORBIDDEN, detail));
        }
        (Some(own), _) => Some(own.as_str().to_owned()),
        (None, named) => named.map(str::to_owned),
    };
    let revision = admin.gateway.revision();
    let is_narrowed = asked.tenant != tenant;
    let told_to = only.cloned();
    let explained = computing.run(move |_| {
        let body = asked.body.map(|body| body.to_string());
        let explained = explain(
            &revision.config,
            &revision.registry,
            &ToExplain {
                consumer: &asked.consumer,
                token_roles: &asked.token_roles,
                assurance: asked.assurance.as_deref(),
                purpose: asked.purpose.as_deref(),
                method: &asked.method,
                target: &asked.target,
                body: body.as_deref().map(str::as_bytes),
                tenant: tenant.as_deref(),
                verbose: asked.verbose,
                told_to: told_to.as_ref(),
            },
        );
        explained.map(|mut explanation| {
            if is_narrowed {
                let note = "only what concerns your own data, as if NGSILD-Tenant named it";
                explanation.notes.push(note.to_owned());
            }
            json!(explanation)
        })
    });
    match explained.await? {
        Ok(explanation) => Ok(json_answer(&explanation)),
        Err(reason) => {
            let status = match &reason {
                CannotExplain::Consumer(..) | CannotExplain::Tenant(..) => StatusCode::NOT_FOUND,
                CannotExplain::Purpose(..) | CannotExplain::Request { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            };
            Err(AdminProblem::new(status, reason.to_string()))
        }
    }
}

/// Who gains and who loses what, if a proposal took the place of the running revision.
pub(super) async fn diff(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    Extension(computing): Extension<Computing>,
    body: Bytes,
) -> Answer {
    let (running, proposed) = proposed(&admin, &administrator, &computing, &body).await?;
    let only = only(&administrator).cloned();
    let compared = computing.run(move |asked| {
        let difference = compare_while(&running.config, &proposed, only.as_ref(), asked)?;
        let mut members = json!(difference);
        if only.is_some()
            && let Some(members) = members.as_object_mut()
        {
            // How many consumers there are is the operator's to know.
            members.remove("compared");
        }
        Ok(members)
    });
    let compared: Result<Value, NobodyWaits> = compared.await?;
    Ok(json_answer(&compared.map_err(|_| took_too_long())?))
}

/// What comes of the expectations under the running revision.
pub(super) async fn policy_tests(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    Extension(computing): Extension<Computing>,
) -> Answer {
    let running = admin.gateway.revision();
    let tried = computing.run(move |asked| tried(&running.config, &administrator, asked));
    tried.await?
}

/// What would come of the expectations under a proposal.
pub(super) async fn policy_tests_of_proposal(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    Extension(computing): Extension<Computing>,
    body: Bytes,
) -> Answer {
    let (_, proposed) = proposed(&admin, &administrator, &computing, &body).await?;
    let tried = computing.run(move |asked| tried(&proposed, &administrator, asked));
    tried.await?
}

fn tried(config: &Config, administrator: &Administrator, asked: &CancellationToken) -> Answer {
    let mut outcomes = run_expectations_while(config, || !asked.is_cancelled()).ok_or_else(took_too_long)?;
    if let Some(own) = only(administrator) {
        outcomes.retain(|outcome| outcome.tenant == *own);
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.is_met()).count();
    Ok(json_answer(&json!({
        "revision": config.revision.as_str(),
        "met": outcomes.len() - failed,
        "failed": failed,
        "expectations": outcomes.iter().map(shown).collect::<Vec<_>>(),
    })))
}

fn shown(outcome: &Outcome) -> Value {
    let mut members = json!(outcome);
    if let Some(members) = members.as_object_mut() {
        members.insert("met".to_owned(), outcome.is_met().into());
    }
    members
}

/// The running revision, and what is proposed in its place, read and checked as it would be to be applied.
async fn proposed(
    admin: &Administration,
    administrator: &Administrator,
    computing: &Computing,
    body: &Bytes,
) -> Result<(Arc<Revision>, Config), AdminProblem> {
    let running = admin.gateway.revision();
    let files = files_of(admin, administrator, &running.config.files, parse(body)?)?;
    let (reloader, runs) = (Arc::clone(&admin.reloader), Arc::clone(&running));
    let own = only(administrator).cloned();
    let by_operator = administrator.role == AdministratorRole::Operator;
    let place = match by_operator {
        true => None,
        false => Some(reloader.reading_place().await.ok_or_else(internal)?),
    };
    let read = computing.run(move |_| {
        let _place = place;
        let read = reloader.files().load_proposed(&runs.config, files.clone(), by_operator);
        let config = read.map_err(|diagnostics| (diagnostics, files))?;
        let judged = own.map_or(Ok(()), |own| floor::judge(&runs.config, &config, &own));
        Ok((config, judged))
    });
    match read.await? {
        Ok((config, judged)) => {
            let judged = judged.map_err(Refused::Forbidden);
            judged.map_err(|refused| problem_of(refused, &administrator.role))?;
            // What runs could be set up: it is something of the proposal that cannot.
            if let Err(error) = Revision::unopened_sources(&config).await {
                let detail = format!("the proposal would be refused: {error}");
                return Err(AdminProblem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
            }
            Ok((running, config))
        }
        Err((diagnostics, files)) => {
            let tenants_toml = files.get("tenants.toml").map_or("", |text| text);
            let shown = findings(&diagnostics, &administrator.role, tenants_toml, admin.reloader.files());
            let detail = "the proposal would be refused: `diagnostics` says what is wrong";
            Err(AdminProblem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                .with("diagnostics", shown.diagnostics)
                .with("more", shown.hidden))
        }
    }
}

/// The files of a proposal. Of a tenant's administrator, those that run with its own part as it proposes.
fn files_of(
    admin: &Administration,
    administrator: &Administrator,
    running: &FileTexts,
    proposed: Proposed,
) -> Result<FileTexts, AdminProblem> {
    let refused = |refused: Refused| problem_of(refused, &administrator.role);
    let changes: BTreeMap<String, Option<Arc<str>>> = match (proposed.files, proposed.revision) {
        (Some(files), None) => files
            .into_iter()
            .map(|(name, text)| (name, text.map(Arc::from)))
            .collect(),
        (None, Some(id)) => {
            let past = admin.reloader.history().find(&id).ok_or_else(|| not_remembered(&id))?;
            match only(administrator) {
                None => return Ok(FileTexts::clone(&past.files)),
                Some(own) => {
                    let gone = own_part(running, own).into_keys().map(|name| (name, None));
                    let earlier = own_part(&past.files, own)
                        .into_iter()
                        .map(|(name, text)| (name, Some(text)));
                    gone.chain(earlier).collect()
                }
            }
        }
        _ => {
            let detail = "send either `files`, those that change with their texts, or `revision`, an earlier one";
            return Err(AdminProblem::new(StatusCode::BAD_REQUEST, detail));
        }
    };
    match only(administrator) {
        Some(own) => with_own_part(running, own, changes).map_err(|detail| refused(Refused::Forbidden(detail))),
        None => with_changes(running, changes).map_err(refused),
    }
}
