//! What clients of Orion ask beside the version. How long the gateway has been running is all that it tells everybody.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, header};
use kakehashi_running::Gateway;

use crate::api::operation::{Content, Offered, Success};

/// `GET /statistics`
pub(super) static OFFERED: Offered = Offered {
    name: "statistics",
    clause: None,
    method: Method::GET,
    path: "/statistics",
    asks: None,
    summary: "for how many seconds it has been running",
    parameters: &[],
    lacks: &[],
    representations: &[],
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "How long it has been running.",
        body: Content::Json("Statistics"),
        headers: &[],
    }],
    explained: None,
    route: |method| on(method, answer),
};

async fn answer(State(gateway): State<Arc<Gateway>>) -> Response {
    let body = format!("{{\"uptime_in_secs\":{}}}", gateway.uptime().as_secs());
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
