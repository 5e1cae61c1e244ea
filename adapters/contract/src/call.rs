//! Who is asked, and what holds for one request however many sources it needs.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use kakehashi_resources::Resources;

use crate::freshness::Freshness;
use crate::requests::Requests;

/// What holds for one request of one consumer, whichever sources it needs.
#[derive(Debug, Clone)]
pub struct Call {
    /// When the answer must be complete. A source's own timeout may end it earlier.
    pub deadline: Instant,
    /// `traceparent` to send along (W3C Trace Context). It holds nothing of the consumer's.
    pub traceparent: Option<Arc<str>>,
    /// `Authorization` as the consumer has sent it, where that was a token which the gateway has found valid. It goes
    /// to sources that are configured to be shown it, and to no other.
    pub consumer_token: Option<Arc<HeaderValue>>,
    /// Whether the consumer wants an answer that is made for this request (`Cache-Control: no-cache`).
    pub no_cache: bool,
    /// What the request may use of the process: whatever is held for it is counted there, and what takes long is computed
    /// there.
    pub resources: Resources,
    /// How many requests to sources it may cause.
    pub requests: Requests,
    /// How old what is kept of sources is, as far as the answer is made of it.
    pub freshness: Freshness,
}

impl Call {
    /// A call that nobody counts anything for, with nothing to send along: for what no consumer has asked for.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            traceparent: None,
            consumer_token: None,
            no_cache: false,
            resources: Resources::uncounted(deadline),
            requests: Requests::unbounded(),
            freshness: Freshness::default(),
        }
    }
}
