//! What many NGSI clients ask first, to see whether anybody answers.

use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, header};

use crate::api::operation::{Content, Offered, Success};

/// `GET /version`
pub(super) static OFFERED: Offered = Offered {
    name: "version",
    clause: None,
    method: Method::GET,
    path: "/version",
    asks: None,
    summary: "what answers, and in which version",
    parameters: &[],
    lacks: &[],
    representations: &[],
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "What answers.",
        body: Content::Json("Version"),
        headers: &[],
    }],
    explained: None,
    route: |method| on(method, answer),
};

async fn answer() -> Response {
    let body = concat!(
        "{\"name\":\"Kakehashi\",\"version\":\"",
        env!("CARGO_PKG_VERSION"),
        "\"}"
    );
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
