//! How the client behaves towards every source.

use std::time::Duration;

use http::HeaderValue;

/// What the gateway calls itself. Some servers refuse requests that do not say.
pub(super) const AGENT: HeaderValue = HeaderValue::from_static(concat!("kakehashi/", env!("CARGO_PKG_VERSION")));

/// When everybody has left a source that was silent for so long, a probe finds out whether it is well. Shorter waits say
/// nothing about the source, and nobody's leaving counts by itself.
pub(super) const SILENCE_THAT_COUNTS: Duration = Duration::from_secs(1);
