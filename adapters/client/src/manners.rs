//! How the client behaves towards every source.

use std::time::Duration;

use http::HeaderValue;

/// What the gateway calls itself. Some servers refuse requests that do not say.
pub(super) const AGENT: HeaderValue = HeaderValue::from_static(concat!("kakehashi/", env!("CARGO_PKG_VERSION")));

/// A source that was silent for so long counts as failing even when the request's own deadline, not the
/// source's timeout, ended the wait. Shorter waits say nothing about the source.
pub(super) const SILENCE_THAT_COUNTS: Duration = Duration::from_secs(1);
