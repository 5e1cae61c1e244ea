//! The limits of consumers at the edge: who is over them is told when to come back, and everybody what is left (IETF draft
//! `ratelimit-headers`).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use kakehashi_core::consumer::{Consumer, ConsumerLimits};
use kakehashi_resources::Resources;
use kakehashi_running::Gateway;
use kakehashi_runtime::Admitted;

use super::client_address::ClientAddress;
use super::held_body::HeldBody;
use crate::problem::{ErrorType, Problem};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The answer, with what is left. A request is under way until its body is sent: who does not read must not make
/// room for more.
pub(super) fn held_by(admitted: Admitted, mut response: Response, resources: Resources) -> Response {
    add_headers(response.headers_mut(), &admitted.limits, admitted.remaining, None);
    response.map(|body| Body::new(HeldBody::new(body, (admitted.permit, resources))))
}

/// Spends one token of the consumer, or answers 429. The anonymous consumer has tokens for each client address.
pub(super) fn admit(gateway: &Gateway, consumer: &Consumer, address: ClientAddress) -> Result<Admitted, Box<Response>> {
    gateway.limiters.admit(consumer, address).map_err(|refused| {
        gateway.metrics.record_refusal("rate_limit");
        let seconds = refused.wait.as_secs_f64().ceil().max(1.0);
        let detail = format!("over the limit of {}; try again in {seconds} s", refused.reason);
        let mut response = Problem::new(ErrorType::TooManyRequests, detail).into_response();
        add_headers(response.headers_mut(), &consumer.limits, 0, Some(seconds));
        Box::new(response)
    })
}

/// `RateLimit-Policy` says what is allowed, `RateLimit` what is left of it, `Retry-After` when to come back.
fn add_headers(headers: &mut HeaderMap, limits: &ConsumerLimits, remaining: u32, retry_after: Option<f64>) {
    let (burst, per_second) = (limits.burst, limits.requests_per_second);
    let window = burst.get().div_ceil(per_second.get()).max(1);
    let refill = burst.get().saturating_sub(remaining).div_ceil(per_second.get());
    let policy = ["\"default\";q=", &burst.get().to_string(), ";w=", &window.to_string()];
    let left = ["\"default\";r=", &remaining.to_string(), ";t=", &refill.to_string()];
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
        if let Ok(value) = HeaderValue::try_from(value.concat()) {
            headers.insert(name, value);
        }
    }
    if let Some(seconds) = retry_after
        && let Ok(value) = HeaderValue::try_from(format!("{seconds}"))
    {
        headers.insert(header::RETRY_AFTER, value);
    }
}
