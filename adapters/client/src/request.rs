//! One request to a source: what is sent, and whether it may be sent again.

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::manners::AGENT;
use kakehashi_contract::{AdapterError, Call};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request to a source.
#[derive(Debug, Clone)]
pub struct SourceRequest<'a> {
    /// Its method.
    pub method: Method,
    /// Relative to the endpoint, percent-encoded by the caller.
    pub path_and_query: &'a str,
    /// Headers of the source's protocol.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// Its body; empty: none.
    pub body: Bytes,
    /// Whether it may be sent again.
    pub resend: Resend,
}

/// Whether a request does no harm when it arrives twice, so that it may be sent once more when its connection broke before
/// an answer: a pooled connection that the source has closed meanwhile looks like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// As its method says (RFC 9110 section 9.2.2).
    AsMethodSays,
    /// The caller knows that it does none, such as of a POST that only asks.
    Harmless,
}

impl<'a> SourceRequest<'a> {
    /// A question.
    #[must_use]
    pub fn get(path_and_query: &'a str, headers: &'a [(HeaderName, HeaderValue)]) -> Self {
        Self {
            method: Method::GET,
            path_and_query,
            headers,
            body: Bytes::new(),
            resend: Resend::AsMethodSays,
        }
    }

    /// Whether it does no harm when it arrives twice.
    #[must_use]
    pub fn may_be_resent(&self) -> bool {
        self.resend == Resend::Harmless || self.method.is_idempotent()
    }

    /// Its answer was lost after it was sent, or may have been: what does harm when it arrives twice may have been done.
    pub(super) fn lost(&self, error: AdapterError) -> AdapterError {
        if self.may_be_resent() {
            error
        } else {
            error.may_have_been_done()
        }
    }

    /// The request as it is sent.
    pub(super) fn to_http(
        &self,
        uri: Uri,
        proof: Option<&(HeaderName, HeaderValue)>,
        call: &Call,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let own = request.headers_mut();
        own.insert(USER_AGENT, AGENT);
        for (name, value) in self.headers {
            own.append(name, value.clone());
        }
        if let Some((name, value)) = proof {
            own.insert(name, value.clone());
        }
        if let Some(trace) = call
            .traceparent
            .as_deref()
            .and_then(|text| HeaderValue::from_str(text).ok())
        {
            own.insert(TRACEPARENT, trace);
        }
        request
    }
}
