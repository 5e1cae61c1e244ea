//! `/admin/v1/revision`: the running revision, its history, and changing it. Every change names the revision that its
//! author has seen (`If-Match`); who was slower is told what changed meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kakehashi_config::{Administrator, AdministratorRole, Config};
use kakehashi_core::names::TenantId;
use kakehashi_documents::files::{FileTexts, RevisionId};
use kakehashi_reload::{Applied, Cause, Change, Judge, JudgeSlowly, Past, Proposal, Refused, changed};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Administration;
use super::addresses;
use super::findings::findings;
use super::floor;
use super::in_language::{self, InLanguages};
use super::problem::AdminProblem;
use super::tenant_part::{own_part, visible_files, with_own_part};

pub(super) type Answer = Result<Response, AdminProblem>;

/// The parameters of a change.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct HowToApply {
    dry_run: bool,
    discard_edits: bool,
}

/// The parameters of reading files.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WhichRevision {
    revision: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeRevision {
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SomeFiles {
    files: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Earlier {
    revision: String,
}

/// The running revision: its id, since when and by whom, what it holds, what to look at, what was refused lately.
pub(super) async fn current(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
) -> Answer {
    let revision = admin.gateway.revision();
    let config = &revision.config;
    let role = &administrator.role;
    let files = visible_files(&config.files, role);
    let tenants_toml = config.files.get("tenants.toml").map_or("", |text| text);
    let warnings = findings(&config.warnings, role, tenants_toml, admin.reloader.files());
    let held = admin.reloader.history().find(config.revision.as_str());
    let mut members = json!({
        "revision": config.revision.as_str(),
        "since": held.as_ref().map(|held| held.at.to_string()),
        "cause": held.as_ref().map(|held| held.cause.as_str()),
        "administrator": held.as_ref().and_then(|held| held.cause.administrator()),
        "counts": counts(config, role),
        "files": hashes(&files),
        "warnings": warnings.diagnostics,
    });
    // A refused edit may show any line of any file.
    if !matches!(role, AdministratorRole::Tenant(_)) {
        let refused = admin.reloader.refusal().map(|refusal| {
            let shown = findings(&refusal.diagnostics, role, "", admin.reloader.files());
            json!({
                "at": refusal.at.to_string(),
                "cause": refusal.cause.as_str(),
                "administrator": refusal.cause.administrator(),
                "diagnostics": shown.diagnostics,
                "more": shown.hidden,
            })
        });
        if let Some(members) = members.as_object_mut() {
            members.insert("refused".to_owned(), refused.into());
        }
    }
    Ok(answer(&config.revision, &members))
}

fn counts(config: &Config, role: &AdministratorRole) -> Value {
    match role {
        AdministratorRole::Tenant(tenant) => json!({
            "sources": config.tenant(tenant.as_str()).map_or(0, |tenant| tenant.sources.len()),
        }),
        AdministratorRole::Operator | AdministratorRole::Auditor => json!({
            "tenants": config.tenants.len(),
            "sources": config.sources().count(),
            "consumers": config.consumers.iter().count(),
            "administrators": config.administrators.iter().count(),
            "policies": config.policy.policy_count(),
            "files": config.files.len(),
        }),
    }
}

/// The texts of the running revision, or of an earlier one.
pub(super) async fn files(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    which: Result<Query<WhichRevision>, QueryRejection>,
) -> Answer {
    let Query(which) = which.map_err(|_| unknown_parameter())?;
    let (revision, texts) = match which.revision {
        None => {
            let running = admin.gateway.revision();
            let texts = running.config.files.clone();
            (running.config.revision.clone(), texts)
        }
        Some(id) => {
            let past = admin.reloader.history().find(&id).ok_or_else(|| not_remembered(&id))?;
            (past.revision, FileTexts::clone(&past.files))
        }
    };
    let files = visible_files(&texts, &administrator.role);
    let members = json!({ "revision": revision.as_str(), "files": files });
    Ok(answer(&revision, &members))
}

/// The revisions that ran, the latest first, each with what it changed.
pub(super) async fn history(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
) -> Answer {
    let all = admin.reloader.history().all();
    let role = administrator.role.clone();
    let listed = tokio::task::spawn_blocking(move || {
        let mut before: Option<FileTexts> = None;
        let mut listed = Vec::new();
        for past in &all {
            let files = visible_files(&past.files, &role);
            let changes = before.as_ref().map(|before| changed(before, &files));
            // Where nothing of a tenant's own has changed, the revision is none of its.
            if changes.as_ref().is_none_or(|changes| !changes.is_empty()) {
                listed.push(shown(past, changes.as_deref()));
            }
            before = Some(files);
        }
        listed.reverse();
        listed
    });
    let listed = listed.await.map_err(|_| internal())?;
    let running = admin.gateway.revision();
    let members = json!({ "running": running.config.revision.as_str(), "revisions": listed });
    Ok(answer(&running.config.revision, &members))
}

fn shown(past: &Past, changes: Option<&[String]>) -> Value {
    json!({
        "revision": past.revision.as_str(),
        "at": past.at.to_string(),
        "cause": past.cause.as_str(),
        "administrator": past.cause.administrator(),
        "changed": changes,
    })
}

/// Applies a whole revision: files that are not in it go.
pub(super) async fn put(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    how: Result<Query<HowToApply>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if let AdministratorRole::Tenant(_) = administrator.role {
        let detail = "a whole revision is the operator's to apply: change your own files with PATCH";
        return Err(AdminProblem::new(StatusCode::FORBIDDEN, detail));
    }
    let whole: WholeRevision = parse(&body)?;
    let files: FileTexts = whole
        .files
        .into_iter()
        .map(|(name, text)| (name, text.into()))
        .collect();
    let propose = move |running: &FileTexts| names_are_well(running, files.clone());
    let cause = Cause::Apply(Arc::clone(&administrator.id));
    apply(&admin, &administrator, how, &headers, propose, cause).await
}

/// Applies a change of some files, as a JSON Merge Patch (RFC 7396): `null` removes one.
pub(super) async fn patch(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    how: Result<Query<HowToApply>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let some: SomeFiles = parse(&body)?;
    let changes = some.files.into_iter().map(|(name, text)| (name, text.map(Arc::from)));
    let changes: BTreeMap<String, Option<Arc<str>>> = changes.collect();
    let role = administrator.role.clone();
    let propose = move |running: &FileTexts| {
        let changes = changes.clone();
        match &role {
            AdministratorRole::Tenant(tenant) => with_own_part(running, tenant, changes).map_err(Refused::Forbidden),
            AdministratorRole::Operator | AdministratorRole::Auditor => with_changes(running, changes),
        }
    };
    let cause = Cause::Apply(Arc::clone(&administrator.id));
    apply(&admin, &administrator, how, &headers, propose, cause).await
}

/// Goes back to an earlier revision; a tenant's administrator, to what its own part was then.
pub(super) async fn roll_back(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    how: Result<Query<HowToApply>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Earlier { revision } = parse(&body)?;
    let past = admin
        .reloader
        .history()
        .find(&revision)
        .ok_or_else(|| not_remembered(&revision))?;
    let role = administrator.role.clone();
    let propose = move |running: &FileTexts| match &role {
        AdministratorRole::Tenant(tenant) => {
            let names = own_part(running, tenant).into_keys().map(|name| (name, None));
            let mut changes: BTreeMap<String, Option<Arc<str>>> = names.collect();
            let earlier = own_part(&past.files, tenant);
            changes.extend(earlier.into_iter().map(|(name, text)| (name, Some(text))));
            with_own_part(running, tenant, changes).map_err(Refused::Forbidden)
        }
        AdministratorRole::Operator | AdministratorRole::Auditor => Ok(FileTexts::clone(&past.files)),
    };
    let cause = Cause::RollBack(Arc::clone(&administrator.id));
    apply(&admin, &administrator, how, &headers, propose, cause).await
}

async fn apply(
    admin: &Administration,
    administrator: &Administrator,
    how: Result<Query<HowToApply>, QueryRejection>,
    headers: &HeaderMap,
    propose: impl Fn(&FileTexts) -> Result<FileTexts, Refused> + Send + Sync + 'static,
    cause: Cause,
) -> Answer {
    let Query(how) = how.map_err(|_| unknown_parameter())?;
    let role = administrator.role.clone();
    if role == AdministratorRole::Auditor && !how.dry_run {
        return Err(AdminProblem::new(
            StatusCode::FORBIDDEN,
            "an auditor sees everything and changes nothing",
        ));
    }
    if how.discard_edits && matches!(role, AdministratorRole::Tenant(_)) {
        let detail = "edits of the files may be another tenant's: they are the operator's to discard";
        return Err(AdminProblem::new(StatusCode::FORBIDDEN, detail));
    }
    let base = expected_revision(headers)?;
    if base.is_none() && !how.dry_run {
        let detail = "send `If-Match` with the revision that you have changed, as its ETag says";
        return Err(AdminProblem::new(StatusCode::PRECONDITION_REQUIRED, detail));
    }
    let own = role.clone();
    let (judge, judge_slowly) = judges_of(&role, admin);
    let proposal = Proposal {
        base,
        change: Change {
            part: Box::new(move |files| visible_files(files, &own)),
            propose: Box::new(propose),
            judge,
            judge_slowly,
        },
        cause,
        by_operator: role == AdministratorRole::Operator,
        dry_run: how.dry_run,
        discard_edits: how.discard_edits,
    };
    // A caller that goes away in the middle must not leave the middle behind.
    let reloader = Arc::clone(&admin.reloader);
    let applying = async move { Box::pin(reloader.apply(proposal)).await };
    let applied = admin.gateway.tasks.revisions.spawn(applying).map_err(|_| internal())?;
    match applied.await.map_err(|_| internal())? {
        Ok(applied) => Ok(accepted(admin, &role, how.dry_run, &applied)),
        Err(Refused::Invalid { diagnostics, files }) => {
            let tenants_toml = files.get("tenants.toml").map_or("", |text| text);
            let shown = findings(&diagnostics, &role, tenants_toml, admin.reloader.files());
            if how.dry_run {
                let members = json!({ "accepted": false, "diagnostics": shown.diagnostics, "more": shown.hidden });
                return Ok(json_answer(&members));
            }
            let detail = "the revision is refused; the running one stays. `diagnostics` says what is wrong";
            let problem = AdminProblem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
            Err(problem
                .with("diagnostics", shown.diagnostics)
                .with("more", shown.hidden))
        }
        Err(refused) => Err(problem_of(refused, &role)),
    }
}

/// Only a tenant's administrator is judged.
fn judges_of(role: &AdministratorRole, admin: &Administration) -> (Option<Judge>, Option<JudgeSlowly>) {
    let AdministratorRole::Tenant(tenant) = role else {
        return (None, None);
    };
    let tenant = TenantId::clone(tenant);
    let (own, names) = (tenant.clone(), admin.names.clone());
    let judge: Judge = Box::new(move |before, after| floor::judge(before, after, &own).map_err(Refused::Forbidden));
    let judge_slowly: JudgeSlowly = Box::new(move |before, after| {
        let (tenant, names) = (tenant.clone(), names.clone());
        Box::pin(async move {
            let judging = addresses::judge(before, after, &tenant, &names);
            judging.await.map_err(Refused::Forbidden)
        })
    });
    (Some(judge), Some(judge_slowly))
}

fn accepted(admin: &Administration, role: &AdministratorRole, dry_run: bool, applied: &Applied) -> Response {
    let tenants_toml = applied.files.get("tenants.toml").map_or("", |text| text);
    let warnings = findings(&applied.warnings, role, tenants_toml, admin.reloader.files());
    let mut members = json!({
        "accepted": true,
        "applied": !dry_run,
        "revision": applied.revision.as_str(),
        "changed": applied.changed,
        "warnings": warnings.diagnostics,
    });
    if let (AdministratorRole::Auditor, Some(members)) = (role, members.as_object_mut()) {
        members.insert("mayApply".to_owned(), false.into());
    }
    if dry_run {
        json_answer(&members)
    } else {
        answer(&applied.revision, &members)
    }
}

pub(super) fn problem_of(refused: Refused, role: &AdministratorRole) -> AdminProblem {
    // Names of files tell of other tenants.
    let visible = |names: Vec<String>| match role {
        AdministratorRole::Tenant(tenant) => {
            let own = |name: &String| *name == "tenants.toml" || *name == format!("policies/{tenant}.cedar");
            names.into_iter().filter(own).collect()
        }
        AdministratorRole::Operator | AdministratorRole::Auditor => names,
    };
    match refused {
        Refused::Conflict {
            running,
            changed: names,
        } => {
            let detail = "somebody else has changed the revision that you began with: `changed` names the files. Read \
                          them, make your change on them, and send it again with the revision that runs";
            AdminProblem::new(StatusCode::CONFLICT, detail)
                .with("running", running.map(|running| shown(&running, None)))
                .with("changed", names.map(visible))
        }
        Refused::EditedByHand(names) => {
            let detail = match role {
                AdministratorRole::Tenant(_) => {
                    "files hold edits that do not run, because they were refused or were made just now: they are the \
                     operator's to mend or to discard"
                }
                AdministratorRole::Operator | AdministratorRole::Auditor => {
                    "files hold edits that do not run, because they were refused or were made just now: mend them, or \
                     send `discard-edits=true` to overwrite them"
                }
            };
            AdminProblem::new(StatusCode::CONFLICT, detail).with("changed", visible(names))
        }
        Refused::Forbidden(detail) => AdminProblem::new(StatusCode::FORBIDDEN, detail),
        // Mounted read-only, or a link: the edit is to be made where the files come from.
        Refused::CannotWrite(detail) => AdminProblem::new(StatusCode::CONFLICT, detail),
        Refused::Invalid { .. } | Refused::Internal => internal(),
    }
}

/// The files with some of them changed; `None` removes one.
pub(super) fn with_changes(
    running: &FileTexts,
    changes: BTreeMap<String, Option<Arc<str>>>,
) -> Result<FileTexts, Refused> {
    let mut files = running.clone();
    for (name, text) in changes {
        match text {
            Some(text) => files.insert(name, text),
            None => files.remove(&name),
        };
    }
    names_are_well(running, files)
}

/// Whether every file that changes may be written: only what stands below the configuration's folders.
fn names_are_well(running: &FileTexts, proposed: FileTexts) -> Result<FileTexts, Refused> {
    for name in changed(running, &proposed) {
        let is_well = !name.is_empty()
            && name.len() <= MAX_NAME
            && !name.contains(['\\', '\0'])
            && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        if !is_well {
            let shown: String = name.chars().take(MAX_NAME).collect();
            let detail = format!(
                "\"{shown}\" is no file of a revision: write \"tenants.toml\", \"policies/...\" or \"mappings/...\""
            );
            return Err(Refused::Forbidden(detail));
        }
    }
    Ok(proposed)
}

/// Longest name of a file, in bytes.
const MAX_NAME: usize = 200;

/// The revision in `If-Match`.
fn expected_revision(headers: &HeaderMap) -> Result<Option<RevisionId>, AdminProblem> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or("").trim();
    let id = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let detail = "`If-Match` must be the ETag of one revision: 64 hex digits in quotation marks";
        return Err(AdminProblem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(Some(RevisionId::written(id)))
}

pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, AdminProblem> {
    serde_json::from_slice(ngsi_ld::without_byte_order_mark(body)).map_err(|error| {
        let detail = format!("the body is not what this operation takes: {error}; see /admin/v1/openapi.json");
        AdminProblem::new(StatusCode::BAD_REQUEST, detail)
    })
}

fn hashes(files: &FileTexts) -> BTreeMap<&str, String> {
    let hash = |text: &str| hex::encode(Sha256::digest(text.as_bytes()));
    files.iter().map(|(name, text)| (name.as_str(), hash(text))).collect()
}

fn answer(revision: &RevisionId, members: &Value) -> Response {
    let mut response = json_answer(members);
    if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(super) fn json_answer(members: &Value) -> Response {
    let mut response = ([(header::CONTENT_TYPE, "application/json")], members.to_string()).into_response();
    if in_language::has_texts(members) {
        response.extensions_mut().insert(InLanguages(Arc::new(members.clone())));
    }
    response
}

fn unknown_parameter() -> AdminProblem {
    let detail = "the query holds a parameter that this operation does not take; see /admin/v1/openapi.json";
    AdminProblem::new(StatusCode::BAD_REQUEST, detail)
}

pub(super) fn not_remembered(revision: &str) -> AdminProblem {
    let shown: String = revision.chars().take(64).collect();
    AdminProblem::new(
        StatusCode::NOT_FOUND,
        format!("no revision {shown} is remembered; see /admin/v1/revision/history"),
    )
}

pub(super) fn internal() -> AdminProblem {
    AdminProblem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "a fault of the gateway; its log says more",
    )
}
