//! The one outbound HTTP client towards sources: pools, deadlines, size caps, TLS, rate and concurrency
//! limits, credentials. It knows nothing of NGSI-LD.
//!
//! [`HttpClient`] holds the connections of the whole gateway; a [`SourceClient`] is one source's use of them.

mod address_rule;
mod admission;
mod body;
mod breaker;
#[cfg(test)]
mod breaker_model_tests;
#[cfg(test)]
mod breaker_tests;
mod content_coding;
mod driven;
mod endpoint;
mod exchange;
#[cfg(test)]
mod holding;
mod http_client;
mod joint;
#[cfg(test)]
mod large_body_tests;
mod manners;
mod oauth2;
#[cfg(test)]
mod oauth2_tests;
mod probe;
mod progress;
mod query_key;
mod request;
mod retry_after;
#[cfg(test)]
mod sending_tests;
mod source_client;
#[cfg(test)]
mod tests;
mod under_way;
#[cfg(test)]
mod under_way_model_tests;
#[cfg(test)]
mod under_way_tests;
mod verdict;
mod walked;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kakehashi_resources::Held;

pub use self::address_rule::AddressRule;
pub use self::endpoint::InvalidEndpoint;
pub use self::http_client::{
    ClientIdentity, HttpClient, HttpClientSettings, SourceTls, TlsSetupError, use_own_connections,
};
pub use self::oauth2::{ClientAuthentication, OAuth2Settings, TokenFailure};
pub use self::query_key::QueryKey;
pub use self::request::{Resend, SourceRequest};
pub use self::source_client::{SourceClient, SourceClientError};
use self::verdict::Verdict;
pub use self::walked::Walked;

/// How the gateway proves itself to a source. Secrets never show in `Debug`.
#[derive(Clone)]
pub enum Credential {
    /// A header of the source's choice, such as `x-api-key`.
    Header {
        /// Its name.
        name: HeaderName,
        /// Its value, marked sensitive.
        value: HeaderValue,
    },
    /// `Authorization: Bearer ...`
    Bearer(HeaderValue),
    /// `Authorization: Basic ...`
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: String,
    },
    /// A parameter of the query, for platforms that know nothing better.
    Query(QueryKey),
    /// `Authorization: Bearer ...`, with a token that the gateway fetches (RFC 6749 section 4.4).
    OAuth2(Box<OAuth2Settings>),
    /// `Authorization` with the token that the consumer itself has presented. Consumers without one do not reach the
    /// source.
    PassThrough,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header { .. } => "Credential::Header(***)",
            Self::Bearer(_) => "Credential::Bearer(***)",
            Self::Basic { .. } => "Credential::Basic(***)",
            Self::Query(_) => "Credential::Query(***)",
            Self::OAuth2(_) => "Credential::OAuth2(***)",
            Self::PassThrough => "Credential::PassThrough",
        })
    }
}

/// What protects a source from the gateway, and the gateway from a source.
#[derive(Debug, Clone)]
pub struct SourceLimits {
    /// Requests per second in the long run; `None`: no limit.
    pub requests_per_second: Option<std::num::NonZeroU32>,
    /// Requests at once after a pause.
    pub burst: Option<std::num::NonZeroU32>,
    /// Requests under way at once.
    pub concurrency: usize,
    /// How long one request to the source may take, from connecting to the last byte.
    pub timeout: Duration,
    /// Largest body that is read, in bytes.
    pub body: usize,
}

/// How many bodies of the largest size one walk through a source may read: with the default of 16 MiB a quarter of a GiB.
const LARGEST_BODIES_A_WALK: usize = 16;

/// Entities or records that one body may list: as many as one request may look at in a source. What a body of the largest
/// size can list beyond that is nothing but brackets and commas, and a list of millions of them takes far more room than
/// its text.
pub const MOST_LISTED: usize = 100_000;

impl SourceLimits {
    /// Bytes that one question may read of the source, over all of its pages.
    #[must_use]
    pub const fn walk(&self) -> usize {
        self.body.saturating_mul(LARGEST_BODIES_A_WALK)
    }
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            requests_per_second: None,
            burst: None,
            // Orion's default pool holds 10 connections to its database; more requests at once only queue there.
            concurrency: 32,
            timeout: Duration::from_secs(3),
            // 1,000 entities of 16 KiB each, the largest page that Orion sends.
            body: 16 * 1024 * 1024,
        }
    }
}

/// A whole answer of a source.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within the cap.
    pub body: Bytes,
    /// What is counted of it for the request.
    pub held: Held,
    /// What it says about the source, once somebody has read it.
    verdict: Arc<Verdict>,
}
