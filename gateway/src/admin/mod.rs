//! The administrators' listener: whether the gateway is alive and ready, and its metrics. It listens apart
//! from the consumers' and is never exposed with it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

use crate::Gateway;

/// What administrators and their monitors may ask.
pub fn operations(gateway: &Arc<Gateway>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(gateway))
}

/// Ready as soon as a revision is loaded, which start-up guarantees; the answer names it.
async fn ready(State(gateway): State<Arc<Gateway>>) -> String {
    format!("ready, revision {}\n", gateway.revision().config.revision)
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    match gateway.metrics.to_prometheus() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "metrics cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
