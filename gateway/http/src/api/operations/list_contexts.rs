//! `GET /jsonldContexts`: the @contexts that whoever asks may see.

use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_contexts::collection::Kind;

use crate::api::known_parameters::{CONTEXT_DETAILS, CONTEXT_KIND};
use crate::api::operation::{Content, Offered, Success};
use crate::api::own_contexts::json;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `GET /jsonldContexts`: List @contexts.
pub(super) static OFFERED: Offered = Offered {
    name: "listContexts",
    clause: Some("5.13.3 and 6.29.3.2"),
    method: Method::GET,
    path: "/ngsi-ld/v1/jsonldContexts",
    asks: None,
    summary: "the @contexts that you have stored here or use",
    parameters: &[CONTEXT_DETAILS, CONTEXT_KIND],
    lacks: &[],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "Their URLs, or what is known of them.",
        body: Content::Json("Contexts"),
        headers: &["ETag"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 5.13.3.4-1, 6.29.3.2-1
async fn answer(scope: Scope) -> Result<Response, Problem> {
    OFFERED.negotiate(&scope.headers)?;
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let details = parameters.boolean("details")?.unwrap_or(false);
    let kind = match parameters.text("kind")? {
        None => None,
        Some(name) => Some(
            Kind::parse(name)
                .ok_or_else(|| Problem::parameter("kind", 0, "expected `Cached`, `Hosted` or `ImplicitlyCreated`"))?,
        ),
    };
    let all = scope.revision.contexts.list(kind, &scope.context_user()).await?;
    if details {
        return json(&all);
    }
    let urls: Vec<&str> = all.iter().map(|details| details.url.as_str()).collect();
    json(&urls)
}
