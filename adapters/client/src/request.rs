//! One request to a source: what is sent, whether it may be sent again, and which one is the same.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::manners::AGENT;
use kakehashi_contract::AdapterError;

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
    /// The caller knows that it does none.
    Harmless,
    /// It changes something, whatever its method says: between its two arrivals somebody else may have changed it again.
    Never,
    /// It only asks, whatever its method says, such as a POST with a query in its body: it may be sent again, and equal ones
    /// that are under way at the same time are one.
    OnlyAsks,
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
        match self.resend {
            Resend::AsMethodSays => self.method.is_idempotent(),
            Resend::Harmless | Resend::OnlyAsks => true,
            Resend::Never => false,
        }
    }

    /// Whether it only asks, so that an answer to it is one to everybody who asks the same.
    #[must_use]
    pub fn only_asks(&self) -> bool {
        self.resend == Resend::OnlyAsks || self.method.is_safe()
    }

    /// The same, by itself: whoever asks may leave.
    pub(super) fn prepared(&self, uri: Uri, consumer_token: Option<Arc<HeaderValue>>) -> Prepared {
        Prepared {
            method: self.method.clone(),
            uri,
            headers: self.headers.into(),
            body: self.body.clone(),
            consumer_token,
            may_be_resent: self.may_be_resent(),
            redirections_are_answers: false,
        }
    }
}

/// A request as it goes to its source, but for what proves it to be the gateway's and the trace. Two that are equal have
/// the same answer.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Prepared {
    method: Method,
    pub(super) uri: Uri,
    headers: Box<[(HeaderName, HeaderValue)]>,
    body: Bytes,
    /// The consumer's own, where that is what the source is shown.
    pub(super) consumer_token: Option<Arc<HeaderValue>>,
    pub(super) may_be_resent: bool,
    /// Whether a redirection is an answer, which whoever asks looks at.
    pub(super) redirections_are_answers: bool,
}

impl fmt::Debug for Prepared {
    /// Neither the address, which may hold a key, nor a header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Hash for Prepared {
    /// Of what differs between most requests to one source. Between the ends of a long address stand names of attributes.
    fn hash<H: Hasher>(&self, state: &mut H) {
        const ENDS: usize = 96;
        let address = self.uri.path_and_query().map_or("", PathAndQuery::as_str).as_bytes();
        address.len().hash(state);
        match (address.first_chunk::<ENDS>(), address.last_chunk::<ENDS>()) {
            (Some(first), Some(last)) => (first.as_slice(), last.as_slice()).hash(state),
            _ => address.hash(state),
        }
        self.body.hash(state);
        self.consumer_token.as_deref().map(HeaderValue::as_bytes).hash(state);
    }
}

impl Prepared {
    /// Its answer was lost after it was sent, or may have been: what does harm when it arrives twice may have been done.
    pub(super) fn lost(&self, error: AdapterError) -> AdapterError {
        if self.may_be_resent {
            error
        } else {
            error.may_have_been_done()
        }
    }

    /// The request as it is sent.
    pub(super) fn to_http(
        &self,
        proof: Option<&(HeaderName, HeaderValue)>,
        traceparent: Option<&str>,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let own = request.headers_mut();
        own.insert(USER_AGENT, AGENT);
        for (name, value) in &self.headers {
            own.append(name, value.clone());
        }
        if let Some((name, value)) = proof {
            own.insert(name, value.clone());
        }
        if let Some(trace) = traceparent.and_then(|text| HeaderValue::from_str(text).ok()) {
            own.insert(TRACEPARENT, trace);
        }
        request
    }
}
