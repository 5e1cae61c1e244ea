//! `GET /jsonldContexts/{contextId}`: an @context.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::on;
use http::{HeaderValue, Method, header};
use kakehashi_contexts::OWN_CONTEXT_ID;
use kakehashi_contexts::collection::{CannotDelete, ContextDetails};

use crate::api::known_parameters::CONTEXT_DETAILS;
use crate::api::operation::{Content, Offered, Success};
use crate::api::own_contexts::json;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `GET /jsonldContexts/{contextId}`: Serve @context. The identifier may be a URL, whose slashes not every client encodes.
pub(super) static OFFERED: Offered = Offered {
    name: "serveContext",
    clause: Some("5.13.4 and 6.30.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/jsonldContexts/{*contextId}",
    asks: None,
    summary: "one @context, or what is known of it with `details=true`; `kakehashi` is the gateway's own: all names of the view",
    parameters: &[CONTEXT_DETAILS],
    lacks: &[],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The document, or what is known of it.",
        body: Content::Negotiated("ContextDocument"),
        headers: &["ETag"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

async fn answer(Path(id): Path<String>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let details = parameters.boolean("details")?.unwrap_or(false);
    let stored = scope.revision.contexts.find(&id, &scope.context_user()).await?;
    let stored = stored.ok_or_else(|| Problem::from(CannotDelete::Unknown))?;
    if details {
        return json::<ContextDetails>(&stored.details);
    }
    let document = stored.document.ok_or_else(|| {
        Problem::new(
            ErrorType::OperationNotSupported,
            "the context is a copy; download it from its own address, or ask for its details",
        )
    })?;
    // The gateway's own is published for JSON-LD processors; the others come as they are asked for.
    let content_type = if id == OWN_CONTEXT_ID {
        MediaType::JsonLd.as_str()
    } else {
        media_type.as_str()
    };
    let mut response = Response::new(Body::from(document.as_ref().to_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // The gateway's own changes with its version alone; the others are their owners'.
    let cache_control = if id == OWN_CONTEXT_ID {
        "public, max-age=3600"
    } else {
        "private, no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    Ok(response)
}
