//! One source's use of the gateway's connections.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::address_rule::AddressRefused;
use super::admission::{Admission, InFlight};
use super::body::{ChunkStream, Until};
use super::driven::Lendable;
use super::endpoint::{Endpoint, InvalidEndpoint};
use super::http_client::{HttpClient, TlsSetupError};
use super::manners::SILENCE_THAT_COUNTS;
use super::oauth2::TokenSource;
use super::query_key::QueryKey;
use super::request::SourceRequest;
use super::retry_after::retry_after;
use super::{Credential, Response, SourceLimits};
use kakehashi_contract::{
    AdapterError, AskedRequest, Call, ErrorKind, HIDDEN, Origin, SourceId, SourceStatus, TooManyRequests,
};

/// How much of a body that only explains an error is read, in bytes: more than any protocol's error object,
/// less than some HTML pages.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Why a source cannot be spoken to as configured.
#[derive(Debug, thiserror::Error)]
pub enum SourceClientError {
    /// Its address.
    #[error("endpoint: {0}")]
    Endpoint(#[from] InvalidEndpoint),
    /// Its credential.
    #[error("credential: {0}")]
    Credential(#[from] http::header::InvalidHeaderValue),
    /// TLS towards its token endpoint.
    #[error("credential: {0}")]
    Tls(#[from] TlsSetupError),
}

/// One source's address, credential and limits over the gateway's connections. Cheap to clone: clones share
/// the limits.
#[derive(Debug, Clone)]
pub struct SourceClient {
    http: HttpClient,
    source: Arc<Source>,
    admission: Arc<Admission>,
}

#[derive(Debug)]
struct Source {
    id: SourceId,
    endpoint: Endpoint,
    proof: Proof,
    limits: SourceLimits,
}

/// How a request is proved to be the gateway's.
#[derive(Debug)]
enum Proof {
    Nothing,
    Header(HeaderName, HeaderValue),
    Query(QueryKey),
    Tokens(TokenSource),
    PassThrough,
}

/// The head of an answer, and what is still under way.
struct Head {
    status: StatusCode,
    headers: HeaderMap,
    /// On which the body arrives.
    connection: Option<Lendable>,
    body: Incoming,
    until: Until,
    in_flight: InFlight,
}

impl SourceClient {
    /// A client for one source.
    ///
    /// # Errors
    /// [`SourceClientError`] when the address or the credential cannot be used.
    pub fn new(
        http: HttpClient,
        source: SourceId,
        endpoint: &str,
        credential: Option<Credential>,
        limits: SourceLimits,
    ) -> Result<Self, SourceClientError> {
        let endpoint = Endpoint::parse(endpoint)?;
        let proof = credential.map_or(Ok(Proof::Nothing), Proof::of)?;
        let admission = Arc::new(Admission::new(source.clone(), &limits));
        let source = Arc::new(Source {
            id: source,
            endpoint,
            proof,
            limits,
        });
        Ok(Self {
            http,
            source,
            admission,
        })
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &SourceId {
        &self.source.id
    }

    /// What protects the source, and the gateway from it.
    #[must_use]
    pub fn limits(&self) -> &SourceLimits {
        &self.source.limits
    }

    /// How the source is doing, for metrics.
    #[must_use]
    pub fn status(&self) -> SourceStatus {
        self.admission.status()
    }

    /// An error of this source, counted in its status: for what an adapter finds wrong with an answer.
    #[must_use]
    pub fn error(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.admission.error(kind, detail)
    }

    /// The source has refused what it was asked, with this answer: the error says when it wants to be asked again.
    #[must_use]
    pub fn refusal(&self, answer: &Response, detail: impl Into<Arc<str>>) -> AdapterError {
        let error = self.error(ErrorKind::Status(answer.status.as_u16()), detail);
        error.to_be_repeated_after(retry_after(&answer.headers, SystemTime::now()))
    }

    /// Asks, and waits for the whole answer. `path_and_query` is relative to the endpoint, percent-encoded by
    /// the caller. The body of an answer that is no success may be cut off.
    ///
    /// # Errors
    /// [`AdapterError`]; any status but a redirection (which nobody follows) is an answer.
    pub async fn get(
        &self,
        path_and_query: &str,
        headers: &[(HeaderName, HeaderValue)],
        call: &Call,
    ) -> Result<Response, AdapterError> {
        self.send(&SourceRequest::get(path_and_query, headers), call).await
    }

    /// Sends any request, and waits for the whole answer, as [`SourceClient::get`] does. What may do harm when it arrives
    /// twice is sent once.
    ///
    /// # Errors
    /// [`AdapterError`]; of a request that may have been done although nobody knows of it, the error says so.
    pub async fn send(&self, request: &SourceRequest<'_>, call: &Call) -> Result<Response, AdapterError> {
        let Head {
            status,
            headers,
            connection,
            body,
            until,
            in_flight,
        } = self.head(request, call).await?;
        let (body, held) = if status.is_success() {
            let chunks = self
                .chunks(body, until, in_flight)
                .map_err(|error| request.lost(error))?;
            let collected = chunks.collect(connection, &call.resources).await;
            collected.map_err(|error| request.lost(error))?
        } else {
            // However long it is, no more than its beginning is read.
            let body = match ChunkStream::new(body, usize::MAX, until, in_flight) {
                Ok(chunks) => chunks.collect_what_comes(MAX_ERROR_BODY).await,
                Err(_) => Bytes::new(),
            };
            (body, call.resources.held())
        };
        Ok(Response {
            status,
            headers,
            body,
            held,
        })
    }

    /// The request that [`SourceClient::get`] would send, with `***` in the place of every secret.
    ///
    /// # Errors
    /// [`AdapterError`], when the path is none.
    pub fn asked(
        &self,
        path_and_query: &str,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<AskedRequest, AdapterError> {
        let (key, proof) = self.source.proof.hidden();
        let uri = self.address(path_and_query, key.as_ref())?;
        // A trace begins with a request of a consumer's.
        let call = Call::until(std::time::Instant::now());
        let request = SourceRequest::get(path_and_query, headers).to_http(uri, proof.as_ref(), &call);
        let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter();
        Ok(AskedRequest::Http {
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: headers.map(|(name, value)| (name.to_string(), shown(value))).collect(),
        })
    }

    /// The whole address of a request.
    fn address(&self, path_and_query: &str, key: Option<&QueryKey>) -> Result<Uri, AdapterError> {
        let uri = self
            .source
            .endpoint
            .join(path_and_query)
            .map_err(|_| self.error(ErrorKind::Internal, "the request's path is no URL"))?;
        match key {
            Some(key) => key
                .added_to(&uri)
                .ok_or_else(|| self.error(ErrorKind::Internal, "the request's query is no URL")),
            None => Ok(uri),
        }
    }

    fn chunks(&self, body: Incoming, until: Until, in_flight: InFlight) -> Result<ChunkStream, AdapterError> {
        ChunkStream::new(body, self.source.limits.body, until, in_flight)
    }

    /// Counts a request among those of its question. That there are too many is no trouble of the source's.
    fn count(&self, call: &Call) -> Result<(), AdapterError> {
        let (kind, detail) = match call.requests.count(&self.source.id) {
            Ok(()) => return Ok(()),
            Err(TooManyRequests::OfTheSource(share)) => {
                let detail = "the question would ask the source more often than one may";
                (ErrorKind::TooManyRequests(share), detail)
            }
            Err(TooManyRequests::OfTheQuestion(most)) => {
                let detail = "the question would cause more requests to sources than one may";
                (ErrorKind::TooComplex(most), detail)
            }
        };
        Err(AdapterError::new(&self.source.id, kind, detail))
    }

    /// Sends the request and waits for the head of the answer.
    async fn head(&self, request: &SourceRequest<'_>, call: &Call) -> Result<Head, AdapterError> {
        let key = match &self.source.proof {
            Proof::Query(key) => Some(key),
            _ => None,
        };
        let uri = self.address(request.path_and_query, key)?;
        if matches!(self.source.proof, Proof::PassThrough) && call.consumer_token.is_none() {
            // No trouble of the source's: this consumer is none of its callers.
            let detail = "the consumer has presented no token to pass through";
            let error = AdapterError::new(&self.source.id, ErrorKind::Credential, detail);
            return Err(error.of(Origin::Consumer));
        }
        self.count(call)?;
        let of_request = Instant::from_std(call.deadline);
        let patience = (Instant::now() + self.source.limits.timeout).min(of_request);
        let in_flight = self.admission.admit(&call.resources, patience).await?;
        let admitted = Instant::now();
        let patience = (admitted + self.source.limits.timeout).min(of_request);
        let proof = self.proof(call, patience, &in_flight).await?;
        // Nothing else takes time before it is sent.
        let sent = match &self.source.proof {
            Proof::Tokens(_) => Instant::now(),
            _ => admitted,
        };
        // The source has its whole time: it is not to blame for those who came before, nor for an endpoint of tokens.
        let own_deadline = sent + self.source.limits.timeout;
        let deadline = own_deadline.min(of_request);
        // Only a token is ever tried again.
        let again = matches!(self.source.proof, Proof::Tokens(_)).then(|| uri.clone());
        let exchange = self.exchange(uri, request, proof.as_ref(), call);
        let mut answer = self
            .within(exchange, request, deadline, own_deadline, sent, &in_flight)
            .await?;
        if let (Proof::Tokens(tokens), Some((_, token)), Some(uri)) = (&self.source.proof, &proof, again) {
            if answer.status() != StatusCode::UNAUTHORIZED {
                tokens.taken(token);
            } else if tokens.refused(token) {
                // It may have been withdrawn. Once more with a new one; what comes then is the answer.
                let proof = self.proof(call, deadline, &in_flight).await?;
                let exchange = self.exchange(uri, request, proof.as_ref(), call);
                answer = self
                    .within(exchange, request, deadline, own_deadline, sent, &in_flight)
                    .await?;
                if let Some((_, token)) = &proof
                    && answer.status() != StatusCode::UNAUTHORIZED
                {
                    tokens.taken(token);
                }
            }
        }
        in_flight.answered(sent.elapsed());
        let (parts, body) = answer.into_parts();
        if parts.status.is_redirection() {
            in_flight.succeeded();
            let kind = ErrorKind::Status(parts.status.as_u16());
            return Err(request.lost(in_flight.error(kind, "a redirection, which is not followed")));
        }
        Ok(Head {
            status: parts.status,
            headers: parts.headers,
            connection: parts.extensions.get::<Lendable>().cloned(),
            body,
            until: Until {
                deadline,
                is_own: deadline == own_deadline,
            },
            in_flight,
        })
    }

    /// Waits for an exchange, and counts one that fails.
    async fn within(
        &self,
        exchange: impl Future<Output = Result<http::Response<Incoming>, hyper_util::client::legacy::Error>>,
        request: &SourceRequest<'_>,
        deadline: Instant,
        own_deadline: Instant,
        sent: Instant,
        in_flight: &InFlight,
    ) -> Result<http::Response<Incoming>, AdapterError> {
        match timeout_at(deadline, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let (kind, detail) = what_failed(&error);
                if kind != ErrorKind::Refused {
                    in_flight.failed();
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
                if deadline == own_deadline || sent.elapsed() >= SILENCE_THAT_COUNTS {
                    in_flight.failed();
                }
                Err(request.lost(in_flight.error(ErrorKind::Timeout, "no answer within the deadline")))
            }
        }
    }

    /// The header that proves the request. A token endpoint that fails is no failure of the source's.
    async fn proof(
        &self,
        call: &Call,
        deadline: Instant,
        in_flight: &InFlight,
    ) -> Result<Option<(HeaderName, HeaderValue)>, AdapterError> {
        match &self.source.proof {
            Proof::Nothing | Proof::Query(_) => Ok(None),
            Proof::Header(name, value) => Ok(Some((name.clone(), value.clone()))),
            Proof::PassThrough => {
                let token = call.consumer_token.as_deref();
                Ok(token.map(|token| (AUTHORIZATION, token.clone())))
            }
            Proof::Tokens(tokens) => match timeout_at(deadline, tokens.header()).await {
                Ok(Ok(token)) => Ok(Some((AUTHORIZATION, token))),
                Ok(Err(failure)) => Err(in_flight.error(ErrorKind::Credential, failure.to_string())),
                Err(_) => Err(in_flight.error(ErrorKind::Credential, "no token within the deadline")),
            },
        }
    }

    /// Sends the request. When the connection broke before the first byte of an answer it is sent once more, if that does no
    /// harm.
    async fn exchange(
        &self,
        uri: Uri,
        request: &SourceRequest<'_>,
        proof: Option<&(HeaderName, HeaderValue)>,
        call: &Call,
    ) -> Result<http::Response<Incoming>, hyper_util::client::legacy::Error> {
        let connections = self.http.connections();
        match connections.request(request.to_http(uri.clone(), proof, call)).await {
            Err(error) if request.may_be_resent() && broke_before_the_answer(&error) => {
                connections.request(request.to_http(uri, proof, call)).await
            }
            result => result,
        }
    }
}

impl Proof {
    /// The key and the header of a request, as they look where nobody may see them.
    fn hidden(&self) -> (Option<QueryKey>, Option<(HeaderName, HeaderValue)>) {
        let secret = || HeaderValue::from_static(HIDDEN);
        match self {
            Self::Nothing => (None, None),
            Self::Header(name, _) => (None, Some((name.clone(), secret()))),
            Self::Query(key) => (Some(key.hidden()), None),
            Self::Tokens(_) | Self::PassThrough => (None, Some((AUTHORIZATION, secret()))),
        }
    }

    /// How a credential is sent, kept out of every log.
    fn of(credential: Credential) -> Result<Self, SourceClientError> {
        let (name, mut value) = match credential {
            Credential::Header { name, value } => (name, value),
            Credential::Bearer(token) => {
                let value = [b"Bearer ", token.as_bytes()].concat();
                (AUTHORIZATION, HeaderValue::from_bytes(&value)?)
            }
            Credential::Basic { username, password } => {
                let encoded = STANDARD.encode(format!("{username}:{password}"));
                (AUTHORIZATION, HeaderValue::try_from(format!("Basic {encoded}"))?)
            }
            Credential::Query(key) => return Ok(Self::Query(key)),
            Credential::OAuth2(settings) => return Ok(Self::Tokens(TokenSource::new(*settings)?)),
            Credential::PassThrough => return Ok(Self::PassThrough),
        };
        value.set_sensitive(true);
        Ok(Self::Header(name, value))
    }
}

/// Whether the request was lost with its connection, without a byte of an answer.
fn broke_before_the_answer(error: &hyper_util::client::legacy::Error) -> bool {
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
fn what_failed(error: &hyper_util::client::legacy::Error) -> (ErrorKind, &'static str) {
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
fn is_refused(error: &hyper_util::client::legacy::Error) -> bool {
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
