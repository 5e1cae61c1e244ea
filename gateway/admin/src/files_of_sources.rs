//! `/admin/v1/sources/{source}/…`: the files of a source that answers from what it has read.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kakehashi_adapters::SourceId;
use kakehashi_adapters::kind::{Keeps, ReadStatus};
use kakehashi_config::{Administrator, AdministratorRole};
use kakehashi_revision::Revision;
use serde::Serialize;

use super::Administration;
use super::problem::AdminProblem;

/// What was read of the files of a source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Files {
    refresh_seconds: u64,
    entities: usize,
    bytes: usize,
    left_out: usize,
    /// What of them could not be used: by row and column, each kind in a line, without a value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
    age_seconds: Option<f64>,
    readings: u64,
    unchanged: u64,
    failures: u64,
    failed: Option<String>,
    held_back: Option<HeldBack>,
    licence: Option<String>,
    attribution: Option<String>,
}

/// What is held back until an administrator agrees.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldBack {
    reason: &'static str,
    before: usize,
    now: usize,
}

impl Files {
    /// Whoever names addresses must not learn from answers what stands there.
    pub(super) fn for_tenant(self) -> Self {
        Self {
            failed: self.failed.map(|_| kakehashi_egress::sources::FAILED.to_owned()),
            // Names of sheets and columns are what stands there, too.
            findings: Vec::new(),
            ..self
        }
    }
}

impl From<ReadStatus> for Files {
    fn from(status: ReadStatus) -> Self {
        Self {
            refresh_seconds: status.refresh.as_secs(),
            entities: status.entities,
            bytes: status.bytes,
            left_out: status.left_out,
            findings: status.told.clone(),
            age_seconds: status.age.map(|age| age.as_secs_f64()),
            readings: status.readings,
            unchanged: status.unchanged,
            failures: status.failures,
            failed: status.failed,
            held_back: status.held_back.map(|why| HeldBack {
                reason: why.reason.as_str(),
                before: why.before,
                now: why.now,
            }),
            licence: status.licence,
            attribution: status.attribution,
        }
    }
}

/// Looks now whether the files of a source say something new.
pub(super) async fn refresh(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    Path(source): Path<String>,
) -> Result<Response, AdminProblem> {
    let revision = admin.gateway.revision();
    let keeps = own(&revision, &administrator, source)?;
    keeps.read_now();
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Takes what the files of a source say now, although it is held back.
pub(super) async fn accept(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    Path(source): Path<String>,
) -> Result<Response, AdminProblem> {
    let revision = admin.gateway.revision();
    let keeps = own(&revision, &administrator, source.clone())?;
    if !keeps.accept() {
        let detail = "nothing of the files of this source is held back";
        return Err(AdminProblem::new(StatusCode::CONFLICT, detail));
    }
    tracing::info!(administrator = %administrator.id, source_id = source, "what the files of a source say was accepted");
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The files of a source that an administrator may decide about.
fn own<'a>(
    revision: &'a Revision,
    administrator: &Administrator,
    source: String,
) -> Result<&'a dyn Keeps, AdminProblem> {
    let source = SourceId::new(source);
    let config = revision.config.source(&source);
    let may_see = config.is_some_and(|config| match &administrator.role {
        AdministratorRole::Tenant(tenant) => config.tenant == *tenant,
        AdministratorRole::Operator | AdministratorRole::Auditor => true,
    });
    let keeps = revision.read_of(&source).filter(|_| may_see);
    let Some(keeps) = keeps else {
        let detail = "there is no source of that name that answers from its files";
        return Err(AdminProblem::new(StatusCode::NOT_FOUND, detail));
    };
    if administrator.role == AdministratorRole::Auditor {
        let detail = "an auditor sees everything and changes nothing";
        return Err(AdminProblem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(keeps)
}
