//! Who administers: by a key or by a token, as for consumers, out of `[administrators]`. Whoever is not there is 401,
//! whatever is presented, and the answer does not tell what was wrong. Wrong attempts are counted for each address.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kakehashi_config::{Administrator, Config, today_in_japan};
use kakehashi_http::edge::authenticate::{Presented, presented};
use kakehashi_http::edge::client_address::{ClientAddress, client_address};
use kakehashi_telemetry::expired_key;
use kakehashi_tokens::{NotRecognized, TokenRejection};

use super::Administration;
use super::problem::AdminProblem;

/// Lets administrators through, and tells what became of each request.
pub(super) async fn authenticate(State(admin): State<Administration>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let revision = admin.gateway.revision();
    let config = &revision.config;
    let address = client_address(&request, &config.gateway);
    let administrator = match find(&admin, config, request.headers(), address).await {
        Ok(administrator) => administrator,
        Err(problem) => {
            admin.gateway.metrics.record_refusal("unauthenticated");
            return problem.into_response();
        }
    };
    let (method, path) = (
        request.method().clone(),
        request.extensions().get::<MatchedPath>().cloned(),
    );
    request.extensions_mut().insert(Arc::clone(&administrator));
    let mut response = next.run(request).await;
    // What an administrator sees is for nobody's cache.
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    tracing::info!(
        administrator = %administrator.id,
        method = %method,
        route = path.as_ref().map_or("unmatched", MatchedPath::as_str),
        status = response.status().as_u16(),
        milliseconds = began.elapsed().as_secs_f64() * 1000.0,
        "an administrator was answered"
    );
    response
}

async fn find(
    admin: &Administration,
    config: &Config,
    headers: &HeaderMap,
    address: ClientAddress,
) -> Result<Arc<Administrator>, AdminProblem> {
    let attempts = &admin.gateway.failed_attempts;
    let failed = || match attempts.count(address) {
        Ok(()) => unauthorized(config),
        Err(wait) => too_many_attempts(wait),
    };
    let administrators = &config.administrators;
    match presented(headers, config) {
        Presented::Nothing => Err(unauthorized(config)),
        Presented::Unclear => Err(failed()),
        Presented::ApiKey(key) => {
            let today = today_in_japan();
            let found = administrators.authenticate(key, today);
            found.cloned().map_err(|_| {
                if let Some((administrator, name, expired)) = administrators.expired_key(key, today) {
                    let holder = format!("administrator `{}`", administrator.id);
                    expired_key(&holder, name, &expired.to_string());
                }
                failed()
            })
        }
        Presented::Token(token) => {
            let attempt = || attempts.count(address);
            let verified = admin.gateway.tokens.recognize(token, &config.issuers, attempt).await;
            let verified = verified.map_err(|reason| match reason {
                NotRecognized::TooMany(wait) => too_many_attempts(wait),
                NotRecognized::Rejected(TokenRejection::Unavailable(_)) => AdminProblem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "tokens cannot be verified at the moment; try again later",
                ),
                NotRecognized::Rejected(_) => unauthorized(config),
            })?;
            let found = administrators.of_subject(&verified.issuer, &verified.subject);
            found.cloned().ok_or_else(|| unauthorized(config))
        }
    }
}

fn unauthorized(config: &Config) -> AdminProblem {
    let detail = format!(
        "present the key of an administrator in the header `{}`, or its token in `Authorization: Bearer`",
        config.gateway.api_key_header
    );
    ["ApiKey realm=\"kakehashi-admin\"", "Bearer realm=\"kakehashi-admin\""]
        .into_iter()
        .fold(
            AdminProblem::new(StatusCode::UNAUTHORIZED, detail),
            |problem, challenge| problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)),
        )
}

fn too_many_attempts(wait: Duration) -> AdminProblem {
    let seconds = wait.as_secs().saturating_add(1);
    let detail = format!("too many credentials from this address that are not valid, or new; try again in {seconds} s");
    let problem = AdminProblem::new(StatusCode::TOO_MANY_REQUESTS, detail);
    problem.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}
