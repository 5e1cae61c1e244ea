//! What somebody is told who is not let in because the process is busy (RFC 9110 section 15.6.4). Nothing was asked for it
//! yet.

use http::{HeaderValue, header};
use kakehashi_resources::Resources;

use super::Deadline;
use super::client_address::ClientAddress;
use crate::Gateway;
use crate::api::problem::{ErrorType, Problem};
use crate::config::Consumer;
use crate::runtime::admission::COME_BACK_AFTER;

/// Lets a request in.
///
/// # Errors
/// 503 with `Retry-After`
pub(super) fn admit(
    gateway: &Gateway,
    consumer: &Consumer,
    address: ClientAddress,
    deadline: Deadline,
) -> Result<Resources, Problem> {
    gateway
        .admission
        .admit(consumer, address, deadline.of_the_answer())
        .map_err(|_| {
            gateway.metrics.record_refusal("busy");
            busy()
        })
}

/// The gateway has as much to do as it may have, or as much for this consumer as it may have beside others.
pub(crate) fn busy() -> Problem {
    let detail = "the gateway is busy; try again after the time in Retry-After";
    let seconds = HeaderValue::from(COME_BACK_AFTER.as_secs());
    Problem::new(ErrorType::Unavailable, detail).with_header(header::RETRY_AFTER, seconds)
}
