//! Sending one notification over HTTP (clause 6.3.8). The other side is an address that a consumer has named: it is
//! checked, nothing is followed or repeated, and its answer is not read.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use kakehashi_core::names::TenantId;
use kakehashi_documents::quantity::Network;
use kakehashi_egress::client::{CannotAsk, builder};
use kakehashi_egress::rule::Egress;
use reqwest::{Client, Url};

use super::definition::{Endpoint, duration};

/// How long an endpoint may take when the subscription does not say.
const USUAL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it may take at most: what a place in the line is worth to the others who wait for one.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a notification did not arrive. It names nothing that the other side has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undelivered {
    #[error("the address is not one that clients may name")]
    NotAllowed,
    #[error("the endpoint cannot be reached")]
    Unreachable,
    #[error("the endpoint did not answer in time")]
    Timeout,
    #[error("the endpoint answered with status {0}")]
    Status(u16),
    #[error("its @context is not available")]
    NoContext,
    #[error("it cannot be written")]
    Internal,
}

impl Undelivered {
    /// Its name in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::NoContext => "no_context",
            Self::Internal => "internal",
        }
    }
}

/// The client.
#[derive(Debug)]
pub(super) struct Courier {
    client: Client,
    egress: Egress,
}

/// A notification as it goes out.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) tenant: Option<&'a TenantId>,
    /// The `Link` header that names the @context, where it is not in the body.
    pub(super) link: Option<HeaderValue>,
    pub(super) body: Vec<u8>,
}

impl Courier {
    /// A courier to public addresses and the allowed ones.
    ///
    /// # Errors
    /// [`CannotAsk`]
    pub(super) fn new(egress_allow: &[Network]) -> Result<Self, CannotAsk> {
        let egress = Egress::new(egress_allow);
        // Names of headers are the same in any case (RFC 9110, 5.1), but not every receiver reads them so, and a consumer
        // looks for the `X-Token` that it has written into `receiverInfo`.
        let client = builder(&egress)?.http1_title_case_headers().build()?;
        Ok(Self { client, egress })
    }

    /// Whether an endpoint may have this address, as far as that is seen without asking for what it resolves to.
    pub(super) fn may_go_to(&self, uri: &Url) -> bool {
        self.egress.allows_url(uri)
    }

    /// Sends a notification. Only 200 and its like are a success; a redirect is not followed, so it is none.
    ///
    /// # Errors
    /// [`Undelivered`]
    //= 5.5.10-3, 5.8.6-13, 6.3.8-1
    pub(super) async fn deliver(&self, letter: Letter<'_>) -> Result<(), Undelivered> {
        let endpoint = letter.endpoint;
        if !self.may_go_to(&endpoint.uri) {
            return Err(Undelivered::NotAllowed);
        }
        let mut headers: HeaderMap = endpoint.headers.clone();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(endpoint.media_type().as_str()),
        );
        if let Some(link) = letter.link {
            headers.insert(header::LINK, link);
        }
        if let Some(tenant) = letter
            .tenant
            .and_then(|tenant| HeaderValue::try_from(tenant.as_str()).ok())
        {
            headers.insert("ngsild-tenant", tenant);
        }
        let wanted = endpoint.timeout.as_ref().and_then(|timeout| duration(timeout, 1000.0));
        let request = self
            .client
            .post(endpoint.uri.clone())
            .headers(headers)
            .timeout(wanted.unwrap_or(USUAL_TIMEOUT).min(LONGEST_TIMEOUT))
            .body(letter.body);
        match request.send().await {
            // The body is dropped with the response, and the connection with it.
            Ok(response) if is_success(response.status()) => Ok(()),
            Ok(response) => Err(Undelivered::Status(response.status().as_u16())),
            Err(error) if error.is_timeout() => Err(Undelivered::Timeout),
            Err(_) => Err(Undelivered::Unreachable),
        }
    }
}

/// Clause 5.8.6 names 200 alone; the other 2xx say as plainly that the notification arrived.
fn is_success(status: StatusCode) -> bool {
    status.is_success()
}
