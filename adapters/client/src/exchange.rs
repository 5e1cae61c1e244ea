//! One exchange with a source: a request is let out, proved, sent, proved anew where its token is refused, and answered.

use std::future::Future;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tokio::time::{Instant, timeout_at};

use super::SourceLimits;
use super::address_rule::AddressRefused;
use super::admission::Admission;
use super::body::Until;
use super::content_coding::Received;
use super::driven::Lendable;
use super::endpoint::Endpoint;
use super::http_client::HttpClient;
use super::oauth2::TokenSource;
use super::query_key::QueryKey;
use super::request::Prepared;
use super::verdict::{InFlight, Verdict};
use kakehashi_contract::{AdapterError, Call, ErrorKind, HIDDEN, SourceId};

/// What it takes to ask a source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: SourceId,
    pub(super) endpoint: Endpoint,
    pub(super) proof: Proof,
    pub(super) limits: SourceLimits,
    pub(super) http: HttpClient,
}

/// How a request is proved to be the gateway's.
#[derive(Debug)]
pub(super) enum Proof {
    Nothing,
    Header(HeaderName, HeaderValue),
    Query(QueryKey),
    Tokens(TokenSource),
    PassThrough,
}

/// A request that may go out now.
pub(super) struct Admitted {
    pub(super) in_flight: InFlight,
    /// The header that proves it.
    pub(super) proof: Option<(HeaderName, HeaderValue)>,
    /// From when on the source has its time.
    pub(super) at: Instant,
}

/// The head of an answer, and what is still under way.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// On which the body arrives.
    pub(super) connection: Option<Lendable>,
    pub(super) body: Received<Incoming>,
    pub(super) until: Until,
    pub(super) in_flight: InFlight,
}

impl Source {
    /// The whole address of a request, with this key. The error says why there is none.
    pub(super) fn address(&self, path_and_query: &str, key: Option<&QueryKey>) -> Result<Uri, &'static str> {
        let uri = self.endpoint.join(path_and_query);
        let uri = uri.map_err(|_| "the request's path is no URL")?;
        match key {
            Some(key) => key.added_to(&uri).ok_or("the request's query is no URL"),
            None => Ok(uri),
        }
    }

    /// Waits until a request may go out, and for what proves it.
    pub(super) async fn admitted(&self, admission: &Arc<Admission>, call: &Call) -> Result<Admitted, AdapterError> {
        let token = self.token_of(call);
        let of_request = Instant::from_std(call.deadline);
        let place = admission.admit(token, &call.resources, of_request).await?;
        let in_flight = InFlight::new(Verdict::new(admission, token.cloned()), Some(place));
        let patience = (Instant::now() + self.limits.timeout).min(of_request);
        self.proved(in_flight, token, patience).await
    }

    /// The consumer's own token, where the source is shown it.
    pub(super) fn token_of<'c>(&self, call: &'c Call) -> Option<&'c Arc<HeaderValue>> {
        matches!(self.proof, Proof::PassThrough)
            .then_some(call.consumer_token.as_ref())
            .flatten()
    }

    /// Waits for what proves a request.
    pub(super) async fn proved(
        &self,
        in_flight: InFlight,
        consumer_token: Option<&Arc<HeaderValue>>,
        patience: Instant,
    ) -> Result<Admitted, AdapterError> {
        let at = Instant::now();
        let (proof, at) = match &self.proof {
            Proof::Nothing | Proof::Query(_) => (None, at),
            Proof::Header(name, value) => (Some((name.clone(), value.clone())), at),
            Proof::PassThrough => (
                consumer_token.map(|token| (AUTHORIZATION, HeaderValue::clone(token))),
                at,
            ),
            Proof::Tokens(tokens) => {
                let token = token(tokens, patience, &in_flight).await?;
                // The source has its whole time: it is not to blame for an endpoint of tokens.
                (Some((AUTHORIZATION, token)), Instant::now())
            }
        };
        Ok(Admitted { in_flight, proof, at })
    }

    /// When the source's own time for a request is over, or that of whoever asks, if that is sooner.
    pub(super) fn until(&self, admitted: &Admitted, of_request: Option<std::time::Instant>) -> Until {
        let own = admitted.at + self.limits.timeout;
        let deadline = of_request.map_or(own, |of_request| own.min(Instant::from_std(of_request)));
        Until {
            deadline,
            is_own: deadline == own,
        }
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn head(
        &self,
        request: &Prepared,
        admitted: Admitted,
        until: Until,
        traceparent: Option<&str>,
    ) -> Result<Head, AdapterError> {
        let Admitted {
            in_flight,
            proof,
            at: sent,
        } = admitted;
        in_flight.sent();
        let exchange = self.exchange(request, proof.as_ref(), traceparent);
        let mut answer = within(exchange, request, until, &in_flight).await?;
        if let (Proof::Tokens(tokens), Some((_, refused))) = (&self.proof, &proof) {
            if answer.status() != StatusCode::UNAUTHORIZED {
                tokens.taken(refused);
            } else if tokens.refused(refused) {
                // It may have been withdrawn. Once more with a new one; what comes then is the answer.
                let proof = (AUTHORIZATION, token(tokens, until.deadline, &in_flight).await?);
                let exchange = self.exchange(request, Some(&proof), traceparent);
                answer = within(exchange, request, until, &in_flight).await?;
                if answer.status() != StatusCode::UNAUTHORIZED {
                    tokens.taken(&proof.1);
                }
            }
        }
        in_flight.answered(sent.elapsed());
        let (parts, body) = answer.into_parts();
        if parts.status.is_redirection() && !request.redirections_are_answers {
            // To a page for logging in, or away from a proxy that has lost its platform.
            in_flight.verdict().failed();
            let kind = ErrorKind::Status(parts.status.as_u16());
            return Err(request.lost(in_flight.error(kind, "a redirection, which is not followed")));
        }
        if !parts.status.is_success() {
            in_flight.verdict().has_status(parts.status, &parts.headers);
        }
        Ok(Head {
            status: parts.status,
            connection: parts.extensions.get::<Lendable>().cloned(),
            body: Received::new(body, &parts.headers),
            headers: parts.headers,
            until,
            in_flight,
        })
    }

    /// Sends the request. When the connection broke before the first byte of an answer it is sent once more, if that does no
    /// harm.
    async fn exchange(
        &self,
        request: &Prepared,
        proof: Option<&(HeaderName, HeaderValue)>,
        traceparent: Option<&str>,
    ) -> Result<http::Response<Incoming>, legacy::Error> {
        let connections = self.http.connections();
        match connections.request(request.to_http(proof, traceparent)).await {
            Err(error) if request.may_be_resent && broke_before_the_answer(&error) => {
                connections.request(request.to_http(proof, traceparent)).await
            }
            result => result,
        }
    }
}

/// A token. An endpoint of tokens that fails is no failure of the source's.
async fn token(tokens: &TokenSource, deadline: Instant, in_flight: &InFlight) -> Result<HeaderValue, AdapterError> {
    match timeout_at(deadline, tokens.header()).await {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(failure)) => Err(in_flight.error(ErrorKind::Credential, failure.to_string())),
        Err(_) => Err(in_flight.error(ErrorKind::Credential, "no token within the deadline")),
    }
}

/// Waits for an exchange, and counts one that fails.
async fn within(
    exchange: impl Future<Output = Result<http::Response<Incoming>, legacy::Error>>,
    request: &Prepared,
    until: Until,
    in_flight: &InFlight,
) -> Result<http::Response<Incoming>, AdapterError> {
    match timeout_at(until.deadline, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let (kind, detail) = what_failed(&error);
            if kind != ErrorKind::Refused {
                in_flight.verdict().failed();
            }
            let failure = in_flight.error(kind, detail);
            // Without a connection nothing was sent.
            Err(if error.is_connect() {
                failure
            } else {
                request.lost(failure)
            })
        }
        Err(_) => {
            if until.is_own {
                in_flight.verdict().failed();
            }
            Err(request.lost(in_flight.error(ErrorKind::Timeout, "no answer within the deadline")))
        }
    }
}

impl Proof {
    /// The key and the header of a request, as they look where nobody may see them.
    pub(super) fn hidden(&self) -> (Option<QueryKey>, Option<(HeaderName, HeaderValue)>) {
        let secret = || HeaderValue::from_static(HIDDEN);
        match self {
            Self::Nothing => (None, None),
            Self::Header(name, _) => (None, Some((name.clone(), secret()))),
            Self::Query(key) => (Some(key.hidden()), None),
            Self::Tokens(_) | Self::PassThrough => (None, Some((AUTHORIZATION, secret()))),
        }
    }
}

/// Whether the request was lost with its connection, without a byte of an answer.
fn broke_before_the_answer(error: &legacy::Error) -> bool {
    if error.is_connect() {
        return false;
    }
    causes(error).any(|cause| {
        let by_http = cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_canceled() || error.is_closed() || error.is_incomplete_message());
        let by_tcp = cause.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::BrokenPipe
                    | std::io::ErrorKind::ConnectionAborted
            )
        });
        by_http || by_tcp
    })
}

/// What went wrong, in words of our own: the library's may quote the source.
fn what_failed(error: &legacy::Error) -> (ErrorKind, &'static str) {
    if is_refused(error) {
        (ErrorKind::Refused, "the address is not one that may be asked")
    } else if error.is_connect() {
        (ErrorKind::Unreachable, "no connection")
    } else if causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)) {
        (ErrorKind::InvalidPayload, "the answer is not HTTP")
    } else {
        (ErrorKind::Unreachable, "the connection broke before an answer")
    }
}

/// Whether the rule of the connections kept the request back. An error of I/O hides what it carries from `source`.
fn is_refused(error: &legacy::Error) -> bool {
    causes(error).any(|cause| {
        let carried = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let carried = carried.and_then(|carried| carried.downcast_ref::<AddressRefused>());
        cause.is::<AddressRefused>() || carried.is_some()
    })
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
