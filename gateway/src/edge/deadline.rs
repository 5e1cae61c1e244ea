//! The request's deadline: everything that is done for it ends by then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Revision;
use crate::api::problem::{ErrorType, Problem};

/// When the request must be answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// What is left for merging and rendering after the last source was given up.
const FOR_RENDERING: Duration = Duration::from_millis(500);

/// Gives the sources the configured time, and the request a little more.
pub(super) async fn deadline(
    Extension(revision): Extension<Arc<Revision>>,
    mut request: Request,
    next: Next,
) -> Response {
    let sources_until = Instant::now() + revision.config.gateway.limits.deadline;
    request.extensions_mut().insert(Deadline(sources_until));
    let all_until = tokio::time::Instant::from_std(sources_until + FOR_RENDERING);
    match tokio::time::timeout_at(all_until, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            ErrorType::Timeout,
            "the request took longer than its deadline; ask for less",
        )
        .into_response(),
    }
}
