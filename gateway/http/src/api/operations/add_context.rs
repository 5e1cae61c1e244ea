//! `POST /jsonldContexts`: an @context of one's own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{HeaderValue, Method, StatusCode, header};
use kakehashi_running::Gateway;

use crate::api::known_parameters::PUBLIC;
use crate::api::operation::{Content, Offered, Success};
use crate::api::own_contexts::refuse_without_grant;
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::problem::{ErrorType, Problem};

/// Largest document that is stored, whatever `[gateway.limits]` allows for other bodies: as for downloads.
const MOST_BYTES: usize = 1024 * 1024;

/// `POST /jsonldContexts`: Add @context.
pub(super) static OFFERED: Offered = Offered {
    name: "addContext",
    clause: Some("5.13.2 and 6.29.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/jsonldContexts",
    asks: None,
    summary: "store an @context",
    parameters: &[PUBLIC],
    lacks: &[],
    representations: &[],
    body: Some("ContextDocument"),
    successes: &[Success {
        status: 201,
        meaning: "It was stored.",
        body: Content::Nothing,
        headers: &["Location"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 5.13.2.4-1, 6.29.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let public = parameters.boolean("public")?.unwrap_or(false);
    refuse_without_grant(&scope)?;
    // The @context is what is sent here, so it stands in the body in both media types.
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    if body.bytes().len() > MOST_BYTES {
        let detail = format!("a context may have {MOST_BYTES} bytes");
        return Err(Problem::new(ErrorType::ContentTooLarge, detail));
    }
    let body = std::str::from_utf8(body.bytes())
        .map_err(|_| Problem::new(ErrorType::InvalidRequest, "the body is not UTF-8"))?;
    let (body, consumer) = (body.to_owned(), scope.caller.0.id.clone());
    // What was begun is finished, whoever waits: what is compiled must follow what is stored.
    let adding = async move { scope.revision.contexts.add(&body, public, &scope.context_user()).await };
    let id = gateway.tasks.state.spawn_for(&consumer, adding)?.await??;
    let mut response = StatusCode::CREATED.into_response();
    // The identifier is hexadecimal.
    if let Ok(location) = HeaderValue::try_from(format!("{}/{id}", OFFERED.path)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
