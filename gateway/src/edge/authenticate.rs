//! Who asks. Presenting nothing is the anonymous consumer; presenting something wrong is 401, never anonymous.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::api::problem::{ErrorType, Problem};
use crate::config::{Consumer, today_in_japan};
use crate::{Gateway, Revision};

/// The consumer of a request.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Consumer>);

/// The header that the recommended gateway module of the guidebook (Kong) has its clients send.
const KONG_HEADER: HeaderName = HeaderName::from_static("apikey");

/// Finds the consumer, and takes the credential out of the request: nothing behind may pass it on.
pub(super) async fn authenticate(
    State(gateway): State<Arc<Gateway>>,
    Extension(revision): Extension<Arc<Revision>>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match find_consumer(&revision, request.headers()) {
        Ok(consumer) => Caller(consumer),
        Err(problem) => {
            gateway.metrics.record_refusal("unauthenticated");
            return problem.into_response();
        }
    };
    for name in [
        &revision.config.gateway.api_key_header,
        &KONG_HEADER,
        &header::AUTHORIZATION,
        &header::COOKIE,
    ] {
        request.headers_mut().remove(name);
    }
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(caller);
    response
}

fn find_consumer(revision: &Revision, headers: &HeaderMap) -> Result<Arc<Consumer>, Problem> {
    let consumers = &revision.config.consumers;
    let own_header = &revision.config.gateway.api_key_header;
    let mut presented = headers.get_all(own_header).iter().chain(
        // The configured header may be Kong's; then it must not count twice.
        headers
            .get_all(&KONG_HEADER)
            .iter()
            .filter(|_| *own_header != KONG_HEADER),
    );
    let key = presented.next();
    let several = presented.next().is_some();
    match key {
        _ if several || headers.contains_key(header::AUTHORIZATION) => Err(unauthorized(own_header)),
        Some(key) => {
            let found = consumers.authenticate(key.as_bytes(), today_in_japan());
            // Which of the two it was, unknown or expired, is nobody's business.
            found.cloned().map_err(|_| unauthorized(own_header))
        }
        None => consumers.anonymous().cloned().ok_or_else(|| unauthorized(own_header)),
    }
}

fn unauthorized(header_name: &HeaderName) -> Problem {
    let detail = format!("present one valid API key in the header `{header_name}`");
    let challenge = HeaderValue::from_static("ApiKey realm=\"kakehashi\"");
    Problem::new(ErrorType::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}
