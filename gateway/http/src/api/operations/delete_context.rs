//! `DELETE /jsonldContexts/{contextId}`: an @context goes, or is downloaded again.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode};
use kakehashi_running::Gateway;

use crate::api::known_parameters::RELOAD;
use crate::api::operation::{Content, Offered, Success};
use crate::api::own_contexts::refuse_without_grant;
use crate::api::scope::Scope;
use crate::problem::{ErrorType, Problem};

/// `DELETE /jsonldContexts/{contextId}`: Delete and Reload @context.
pub(super) static OFFERED: Offered = Offered {
    name: "deleteContext",
    clause: Some("5.13.5 and 6.30.3.2"),
    method: Method::DELETE,
    path: "/ngsi-ld/v1/jsonldContexts/{*contextId}",
    asks: None,
    summary: "remove an @context, or with `reload=true` download a copy again",
    parameters: &[RELOAD],
    lacks: &[],
    representations: &[],
    body: None,
    successes: &[Success {
        status: 204,
        meaning: "It is gone, or was downloaded again.",
        body: Content::Nothing,
        headers: &[],
    }],
    explained: None,
    route: |method| on(method, answer),
};

/// `DELETE /jsonldContexts`: clause 5.13.5.4 wants to be told which.
pub(super) static WITHOUT_ID: Offered = Offered {
    name: "deleteContextWithoutId",
    path: "/ngsi-ld/v1/jsonldContexts",
    clause: Some("5.13.5.4"),
    method: Method::DELETE,
    asks: None,
    summary: "refused: name the @context that is to be deleted",
    parameters: &[],
    lacks: &[],
    representations: &[],
    body: None,
    successes: &[],
    explained: None,
    route: |method| on(method, refuse),
};

//= 5.13.5.3-1, 6.30.3.2-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let reload = parameters.boolean("reload")?.unwrap_or(false);
    refuse_without_grant(&scope)?;
    let consumer = scope.caller.0.id.clone();
    let deleting = async move {
        let contexts = &scope.revision.contexts;
        contexts.delete(&id, reload, &scope.context_user()).await
    };
    gateway.tasks.state.spawn_for(&consumer, deleting)?.await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

//= 5.13.5.4-1
async fn refuse() -> Problem {
    Problem::new(
        ErrorType::BadRequestData,
        format!(
            "name the context that is to be deleted: {}/<identifier>",
            WITHOUT_ID.path
        ),
    )
}
