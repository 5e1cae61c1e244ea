//! The administrators' listener: whether the gateway is alive and ready, its metrics, and the admin API. It listens
//! apart from the consumers' and is never exposed with it.
//!
//! | module | owns |
//! |---|---|
//! | `authenticate` | who administers |
//! | `places`, `computing` | how much they may ask at once, how large, how long, and where it is computed |
//! | [`problem`] | what went wrong, as problem details |
//! | `revision` | the running revision: seeing it, changing it, going back |
//! | `tenant_part` | what of a revision is a tenant's own |
//! | `floor` | what a tenant's administrator may propose |
//! | `addresses` | where the sources lead that it proposes |
//! | `in_language` | problems and findings in the language of who asks |
//! | `findings` | what is wrong with a revision, as far as somebody may see it |
//! | `judging` | what a revision would do: a request explained, two revisions compared, expectations tried |
//! | `who_can_see` | who sees a type or an attribute under the running revision |
//! | `sources` | how the sources are doing |
//! | `conditions` | what is wrong now |

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod addresses;
mod authenticate;
mod computing;
mod conditions;
mod files_of_sources;
mod findings;
mod floor;
mod in_language;
mod judging;
mod places;
pub mod problem;
mod revision;
mod sources;
mod tenant_part;
mod tenant_table;
#[cfg(test)]
mod tests;
mod who_can_see;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::{StatusCode, header};
use kakehashi_reload::Reloader;
use kakehashi_running::Gateway;
use kakehashi_server::Malformed;

use places::Places;
use problem::AdminProblem;

/// The description of the admin API (OpenAPI 3.1).
const OPENAPI: &str = include_str!("openapi.json");

/// What the handlers of the admin API share.
#[derive(Debug, Clone)]
pub(crate) struct Administration {
    pub gateway: Arc<Gateway>,
    pub reloader: Arc<Reloader>,
    places: Places,
    /// Finds where the sources lead that tenants' administrators propose.
    pub names: addresses::SourceNames,
}

/// What administrators and their monitors may ask. Without a reloader there is no admin API.
pub fn operations(gateway: &Arc<Gateway>, reloader: Option<&Arc<Reloader>>) -> Router {
    let probes = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(gateway));
    let Some(reloader) = reloader else {
        return probes
            .layer(from_fn(refuse_malformed))
            .layer(from_fn(in_language::tell));
    };
    let administration = Administration {
        gateway: Arc::clone(gateway),
        reloader: Arc::clone(reloader),
        places: Places::default(),
        names: addresses::SourceNames::default(),
    };
    let api = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(|| async { AdminProblem::new(StatusCode::NOT_FOUND, "the admin API has no such resource") })
        .method_not_allowed_fallback(|| async {
            AdminProblem::new(StatusCode::METHOD_NOT_ALLOWED, "the resource does not know this method")
        })
        // Whoever is let through in a place has it bounded there.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(administration.clone(), computing::bounded))
        .layer(from_fn_with_state(administration.clone(), authenticate::authenticate))
        .layer(from_fn_with_state(administration.clone(), refuse_while_stopping))
        .with_state(administration);
    // A fault of ours must cost one request alone.
    probes
        .fallback_service(api.layer(tower_http::catch_panic::CatchPanicLayer::new()))
        .layer(from_fn(refuse_malformed))
        // Whatever was answered above is told in the language of who asked.
        .layer(from_fn(in_language::tell))
}

/// Before anything else: what is no request of HTTP is answered as such.
async fn refuse_malformed(request: Request, next: Next) -> Response {
    match request.extensions().get::<Malformed>() {
        Some(malformed) => AdminProblem::new(malformed.status(), malformed.to_string()).into_response(),
        None => next.run(request).await,
    }
}

/// Nothing is changed, and nothing long is begun, when the process is about to end.
async fn refuse_while_stopping(
    State(administration): State<Administration>,
    request: Request,
    next: Next,
) -> Result<Response, AdminProblem> {
    if administration.gateway.is_stopping() {
        let detail = "the gateway was asked to end; ask the one that takes its place";
        return Err(AdminProblem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    }
    Ok(next.run(request).await)
}

/// Every route of the admin API, as openapi.json describes it.
fn routes() -> Vec<(&'static str, MethodRouter<Administration>)> {
    vec![
        (
            "/admin/v1/revision",
            get(revision::current).put(revision::put).patch(revision::patch),
        ),
        ("/admin/v1/revision/files", get(revision::files)),
        ("/admin/v1/revision/history", get(revision::history)),
        ("/admin/v1/revision/rollback", post(revision::roll_back)),
        ("/admin/v1/explain", post(judging::explain_request)),
        ("/admin/v1/diff", post(judging::diff)),
        (
            "/admin/v1/policy-tests",
            get(judging::policy_tests).post(judging::policy_tests_of_proposal),
        ),
        ("/admin/v1/who-can-see", get(who_can_see::tell)),
        ("/admin/v1/sources", get(sources::list)),
        ("/admin/v1/sources/{source}/refresh", post(files_of_sources::refresh)),
        ("/admin/v1/sources/{source}/accept", post(files_of_sources::accept)),
        ("/admin/v1/conditions", get(conditions::list)),
        ("/admin/v1/openapi.json", get(openapi)),
    ]
}

/// Ready when reads can be answered: when a revision is loaded, which start-up guarantees, the threads of connections and
/// those that compute let everybody have a turn, and the process is to go on.
/// What cannot be written is no reason to take the node out of rotation; see `conditions`. The answer names the revision.
async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    if gateway.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let (beats, turns) = tokio::join!(gateway.pulse.beats(), gateway.admission.takes_turns());
    for (is_well, threads) in [(beats, "connections"), (turns, "computing")] {
        if !is_well {
            tracing::error!(threads, "threads do not answer; reads cannot be answered");
            let detail = format!("not ready: the threads for {threads} do not answer\n");
            return (StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
        }
    }
    format!("ready, revision {}\n", gateway.revision().config.revision).into_response()
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let revision = gateway.revision();
    let held = revision.held().map(|(id, held)| (id, held.status()));
    let read = revision.read().map(|(id, read)| (id, read.status()));
    let faults = revision.config.policy.faults();
    gateway.metrics.record_policy_faults(faults);
    gateway.metrics.in_use.show(&gateway.admission.in_use());
    let (conditions, exchanges) = (kakehashi_running::conditions::now(&gateway), gateway.exchanges());
    match gateway.metrics.to_prometheus(&conditions, &exchanges, held, read) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "metrics cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
