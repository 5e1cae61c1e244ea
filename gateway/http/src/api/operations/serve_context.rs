//! `GET /jsonldContexts/{contextId}`: an @context.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::response::Response;
use axum::routing::on;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use kakehashi_contexts::OWN_CONTEXT_ID;
use kakehashi_contexts::collection::{CannotDelete, ContextDetails};
use kakehashi_running::Gateway;

use crate::api::known_parameters::CONTEXT_DETAILS;
use crate::api::operation::{Content, Offered, Success};
use crate::api::own_contexts::json;
use crate::api::scope::Scope;
use crate::edge::authenticate::unauthorized;
use crate::edge::everybody::Anybody;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `GET /jsonldContexts/{contextId}`: Serve @context. The identifier may be a URL, whose slashes not every client encodes.
pub(super) static OFFERED: Offered = Offered {
    name: "serveContext",
    clause: Some("5.13.4 and 6.30.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/jsonldContexts/{*contextId}",
    asks: None,
    summary: "one @context, or what is known of it with `details=true`; `kakehashi` is the gateway's own: all names of the view; that one and public ones also without a credential",
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

/// Who reads it.
enum Reader {
    /// A consumer.
    Consumer(Scope),
    /// Somebody who is nobody, where that is no consumer.
    Anybody(Anybody, HeaderMap, Uri),
}

impl FromRequestParts<Arc<Gateway>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        if let Some(anybody) = parts.extensions.remove::<Anybody>() {
            let headers = std::mem::take(&mut parts.headers);
            return Ok(Self::Anybody(anybody, headers, std::mem::take(&mut parts.uri)));
        }
        Scope::from_request_parts(parts, gateway).await.map(Self::Consumer)
    }
}

//= 5.13.1-2, 5.13.4.4-1, 5.13.4.4-2, 5.13.4.4-3, 5.13.4.4-4, 6.30.3.1-1
async fn answer(Path(id): Path<String>, reader: Reader) -> Result<Response, Problem> {
    let (revision, headers, uri) = match &reader {
        Reader::Consumer(scope) => (&scope.revision, &scope.headers, &scope.uri),
        Reader::Anybody(anybody, headers, uri) => (&anybody.0, headers, uri),
    };
    let media_type = OFFERED.negotiate(headers)?;
    let parameters = OFFERED.parameters(uri.query())?;
    let details = parameters.boolean("details")?.unwrap_or(false);
    let contexts = &revision.contexts;
    if let Reader::Consumer(scope) = &reader
        && let Some(stored) = contexts.find(&id, &scope.context_user()).await?
    {
        if details {
            return json::<ContextDetails>(&stored.details);
        }
        let document = stored.document.ok_or_else(|| {
            Problem::new(
                ErrorType::OperationNotSupported,
                "the context is a copy; download it from its own address, or ask for its details",
            )
        })?;
        let cache_control = if id == OWN_CONTEXT_ID || stored.details.public == Some(true) {
            FOR_EVERYBODY
        } else {
            FOR_ITS_OWNER
        };
        return Ok(served(&id, &document, media_type, cache_control));
    }
    // What is known of it beyond its text is its owner's.
    let document = if details {
        None
    } else {
        contexts.for_everybody(&id).await?
    };
    match (document, &reader) {
        (Some(document), _) => Ok(served(&id, &document, media_type, FOR_EVERYBODY)),
        (None, Reader::Consumer(_)) => Err(CannotDelete::Unknown.into()),
        // As everything else is to whoever presents nothing.
        (None, Reader::Anybody(anybody, ..)) => Err(unauthorized(&anybody.0.config)),
    }
}

/// Of what everybody may read: it is never changed, and may be deleted; the gateway's own changes with its version alone.
const FOR_EVERYBODY: &str = "public, max-age=3600";

const FOR_ITS_OWNER: &str = "private, no-cache";

//= 5.13.1-3, 5.13.1-4
fn served(id: &str, document: &Arc<str>, media_type: MediaType, cache_control: &'static str) -> Response {
    // The gateway's own is published for JSON-LD processors; the others come as they are asked for.
    let content_type = if id == OWN_CONTEXT_ID {
        MediaType::JsonLd.as_str()
    } else {
        media_type.as_str()
    };
    let mut response = Response::new(Body::from(document.as_ref().to_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    // Whoever has stored it chose its text: no browser is to take it for a page.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
