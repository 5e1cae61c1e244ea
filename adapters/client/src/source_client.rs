//! One source's use of the gateway's connections.

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Either, select};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};
use hyper::body::Incoming;
use kakehashi_resources::Held;
use tokio::time::{Instant, timeout_at};

use super::admission::Admission;
use super::body::{Begun, ChunkStream, READ_HERE, Until};
use super::content_coding::Received;
use super::endpoint::{Endpoint, InvalidEndpoint};
use super::exchange::{Admitted, Head, Proof, Source};
use super::http_client::{HttpClient, TlsSetupError};
use super::oauth2::TokenSource;
use super::probe::{self, Probe};
use super::progress::Progress;
use super::query_key::QueryKey;
use super::request::{Prepared, SourceRequest};
use super::retry_after::retry_after;
use super::under_way::{Arrived, ArrivedBody, Ended, Joined, Listed, Outcome, Taken, UnderWay};
use super::verdict::InFlight;
use super::{Credential, Response, SourceLimits};
use kakehashi_contract::{
    AdapterError, AskedRequest, Call, ErrorKind, Origin, SourceId, SourceStatus, TooManyRequests,
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
    source: Arc<Source>,
    /// What it is asked to find out whether it is well.
    probe: Arc<OnceLock<Probe>>,
    admission: Arc<Admission>,
    under_way: Arc<UnderWay>,
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
        let proof = credential.map_or(Ok(Proof::Nothing), proof_of)?;
        let admission = Arc::new(Admission::new(source.clone(), &limits));
        let source = Arc::new(Source {
            id: source,
            endpoint,
            proof,
            limits,
            http,
        });
        let probe = Arc::default();
        admission.probed_by(probe::prober(&source, &probe));
        Ok(Self {
            source,
            probe,
            admission,
            under_way: Arc::default(),
        })
    }

    /// The same, which finds out by this request whether the source is well: one that costs the source little, brings nothing
    /// that is not asked for, and is answered in JSON.
    #[must_use]
    pub fn probing(self, path_and_query: &str, headers: &[(HeaderName, HeaderValue)]) -> Self {
        // Whoever is the first to say it has said it for all clones.
        let _ = self.probe.set(Probe {
            path_and_query: path_and_query.into(),
            headers: headers.into(),
        });
        self
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

    #[cfg(test)]
    pub(super) fn let_time_pass(&self, time: std::time::Duration) {
        self.admission.let_time_pass(time);
    }

    /// An error of this source, counted in its status: for what an adapter finds wrong with an answer.
    #[must_use]
    pub fn error(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.admission.error(kind, detail)
    }

    /// What the source has sent is what its protocol promises. Until that is said of some answer, failures are in a row.
    pub fn understood(&self, answer: &Response) {
        answer.verdict.succeeded();
    }

    /// What the source has sent is not what its protocol promises: this counts among its failures.
    #[must_use]
    pub fn not_understood(&self, answer: &Response, detail: impl Into<Arc<str>>) -> AdapterError {
        answer.verdict.not_understood(ErrorKind::InvalidPayload, detail)
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
    /// twice is sent once. What only asks may be answered by an equal request that is under way, unless the consumer wants
    /// none of that (`Cache-Control: no-cache`).
    ///
    /// # Errors
    /// [`AdapterError`]; of a request that may have been done although nobody knows of it, the error says so.
    pub async fn send(&self, request: &SourceRequest<'_>, call: &Call) -> Result<Response, AdapterError> {
        let prepared = self.prepared(request, call)?;
        self.count(call)?;
        if !request.only_asks() {
            let _outdates = Outdates(&self.under_way);
            return self.alone(&prepared, call).await;
        }
        if call.no_cache {
            return self.alone(&prepared, call).await;
        }
        self.together(prepared, call).await
    }

    /// Asks for a file, and waits for the whole answer, as [`SourceClient::get`] does but for redirections and 304, which are
    /// answers: nobody follows them here. Nobody else waits for the same answer.
    ///
    /// # Errors
    /// [`AdapterError`]
    pub async fn fetch(
        &self,
        path_and_query: &str,
        headers: &[(HeaderName, HeaderValue)],
        call: &Call,
    ) -> Result<Response, AdapterError> {
        let mut prepared = self.prepared(&SourceRequest::get(path_and_query, headers), call)?;
        prepared.redirections_are_answers = true;
        self.count(call)?;
        self.alone(&prepared, call).await
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
        // Without a trace, which begins with a request of a consumer's.
        let request = SourceRequest::get(path_and_query, headers).prepared(uri, None);
        let request = request.to_http(proof.as_ref(), None);
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
        let uri = self.source.address(path_and_query, key);
        uri.map_err(|detail| self.error(ErrorKind::Internal, detail))
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

    /// The request, by itself. A source that is shown consumers' own tokens has no caller without one.
    fn prepared(&self, request: &SourceRequest<'_>, call: &Call) -> Result<Prepared, AdapterError> {
        let (key, token) = match &self.source.proof {
            Proof::Query(key) => (Some(key), None),
            Proof::PassThrough => (None, Some(self.token_of_consumer(call)?)),
            Proof::Nothing | Proof::Header(..) | Proof::Tokens(_) => (None, None),
        };
        let uri = self.address(request.path_and_query, key)?;
        Ok(request.prepared(uri, token))
    }

    fn token_of_consumer(&self, call: &Call) -> Result<Arc<HeaderValue>, AdapterError> {
        call.consumer_token.clone().ok_or_else(|| {
            // No trouble of the source's: this consumer is none of its callers.
            let detail = "the consumer has presented no token to pass through";
            AdapterError::new(&self.source.id, ErrorKind::Credential, detail).of(Origin::Consumer)
        })
    }

    /// Sends the request and waits for its answer, whoever else asks.
    async fn alone(&self, request: &Prepared, call: &Call) -> Result<Response, AdapterError> {
        let source = &self.source;
        let admitted = source.admitted(&self.admission, call).await?;
        let until = source.until(&admitted, Some(call.deadline));
        let head = source.head(request, admitted, until, call.traceparent.as_deref());
        let Head {
            status,
            headers,
            connection,
            body,
            until,
            in_flight,
        } = head.await?;
        let verdict = Arc::clone(in_flight.verdict());
        let (body, held) = if status.is_success() {
            let chunks = ChunkStream::new(body, source.limits.body, until, in_flight);
            let chunks = chunks.map_err(|error| request.lost(error))?;
            let collected = chunks.collect(connection, &call.resources).await;
            collected.map_err(|error| request.lost(error))?
        } else {
            (explanation(body, until, in_flight).await, call.resources.held())
        };
        Ok(Response {
            status,
            headers,
            body,
            held,
            verdict,
        })
    }

    /// Waits for the answer to an equal request that is under way, or begins one.
    async fn together(&self, request: Prepared, call: &Call) -> Result<Response, AdapterError> {
        let hash = self.under_way.hash(&request);
        if self.under_way.is_large(hash) {
            return self.alone_as_large(&request, hash, call).await;
        }
        let request = Arc::new(request);
        let joined = match self.join(&request, hash, call) {
            Some(joined) => joined,
            None => self.begin_or_join(&request, hash, call).await?,
        };
        if joined.answer.is_some() {
            self.admission.joined();
            tracing::debug!(
                source = %self.source.id,
                traceparent = call.traceparent.as_deref(),
                sent_in = joined.progress.traceparent.as_deref(),
                "waits for the answer to an equal request that is under way"
            );
        }
        self.answer_of(joined, &request, hash, call).await
    }

    /// An equal request that is under way. Nobody waits for a source that has failed several times in a row, not even for
    /// the request that tries it again.
    fn join(&self, request: &Prepared, hash: u64, call: &Call) -> Option<Joined> {
        let joined = self.under_way.join(request, hash, |token| self.is_good(token))?;
        (!self.is_held_back(call)).then_some(joined)
    }

    fn is_held_back(&self, call: &Call) -> bool {
        self.admission.is_held_back(self.source.token_of(call))
    }

    /// Whether what was sent with this token is as good as what would be sent now.
    fn is_good(&self, token: Option<&HeaderValue>) -> bool {
        match (&self.source.proof, token) {
            (Proof::Tokens(tokens), Some(token)) => tokens.is_current(token),
            _ => true,
        }
    }

    /// Begins a request, unless an equal one begins while this one may not go out.
    async fn begin_or_join(&self, request: &Arc<Prepared>, hash: u64, call: &Call) -> Result<Joined, AdapterError> {
        let mut admitting = pin!(self.source.admitted(&self.admission, call));
        let admitted = match futures::poll!(&mut admitting) {
            Poll::Ready(admitted) => admitted?,
            Poll::Pending => loop {
                let is_good = |token: Option<&HeaderValue>| !self.is_held_back(call) && self.is_good(token);
                let (told, _waiting) = match self.under_way.join_or_wait(request, hash, is_good) {
                    Ok(joined) => return Ok(joined),
                    Err(waiting) => waiting,
                };
                if let Either::Left((admitted, _)) = select(&mut admitting, pin!(told)).await {
                    break admitted?;
                }
            },
        };
        let source = Arc::clone(&self.source);
        let until = source.until(&admitted, None);
        let progress = Progress::new(until.deadline, call.traceparent.clone());
        let token = match (&source.proof, &admitted.proof) {
            (Proof::Tokens(_), Some((_, token))) => Some(token.clone()),
            _ => None,
        };
        let (asked, told, held) = (Arc::clone(request), call.traceparent.clone(), call.resources.held());
        // Made where it stays: it is large.
        let exchange = |listed| for_all(source, asked, admitted, until, told, held, listed).boxed();
        let is_good = |token: Option<&HeaderValue>| self.is_good(token);
        Ok(self.under_way.begin(request, hash, token, progress, is_good, exchange))
    }

    /// Waits for an answer until the caller's own time is over.
    async fn answer_of(
        &self,
        joined: Joined,
        request: &Prepared,
        hash: u64,
        call: &Call,
    ) -> Result<Response, AdapterError> {
        let Joined {
            exchange,
            answer,
            progress,
        } = joined;
        let is_own = answer.is_none();
        let of_request = Instant::from_std(call.deadline);
        let answered = async {
            match answer {
                Some(answer) => answer.await,
                None => exchange.own().await,
            }
        };
        let answered = if of_request < progress.deadline {
            let in_time = timeout_at(of_request, answered).await;
            in_time.map_err(|_| self.gives_up(&progress))?
        } else {
            answered.await
        };
        let arrived = match answered {
            Ok(Ok(arrived)) => arrived,
            Ok(Err(Ended::Failed(error))) => return Err(error),
            Ok(Err(Ended::OfWhoBegan(error))) if is_own => return Err(error),
            // Where it was begun, it could not go on.
            Ok(Err(Ended::OfWhoBegan(_))) | Err(_) => return self.alone(request, call).await,
        };
        let Arrived {
            status,
            headers,
            body,
            verdict,
        } = arrived;
        let (body, held) = match body {
            ArrivedBody::Small(body, held) => {
                let held = is_own.then(|| taken(&held)).flatten();
                let held = match held {
                    Some(held) => held,
                    None if status.is_success() => self.hold(body.len(), call)?,
                    None => call.resources.held(),
                };
                (body, held)
            }
            ArrivedBody::Large(large) => {
                self.under_way.note_size(hash, true);
                let Some((mut part, connection)) = taken(&large) else {
                    return self.alone_as_large(request, hash, call).await;
                };
                let until = Until {
                    deadline: progress.deadline.min(of_request),
                    is_own: progress.deadline <= of_request,
                };
                part.taken_over(until, (!is_own).then_some(&call.resources))?;
                part.rest(connection, &call.resources).await?
            }
        };
        Ok(Response {
            status,
            headers,
            body,
            held,
            verdict,
        })
    }

    fn hold(&self, bytes: usize, call: &Call) -> Result<Held, AdapterError> {
        let held = call.resources.hold(bytes);
        held.map_err(|exhausted| AdapterError::exhausted(&self.source.id, exhausted))
    }

    /// Asks for what was too large to be shared the last time.
    async fn alone_as_large(&self, request: &Prepared, hash: u64, call: &Call) -> Result<Response, AdapterError> {
        let answer = self.alone(request, call).await?;
        if answer.status.is_success() {
            self.under_way.note_size(hash, answer.body.len() > READ_HERE);
        }
        Ok(answer)
    }

    /// The caller's own time is over before the source's is. That is told once, however many wait, and says nothing about the
    /// source: where nobody waits any more, a probe finds out whether its silence is to be wondered at.
    fn gives_up(&self, progress: &Progress) -> AdapterError {
        let detail = "no whole answer within the deadline";
        if !progress.is_first_to_leave() {
            return AdapterError::new(&self.source.id, ErrorKind::Timeout, detail);
        }
        self.error(ErrorKind::Timeout, detail)
    }
}

/// Makes what is under way outdated when it is dropped: after a write, and after one that nobody waits for any more.
struct Outdates<'a>(&'a UnderWay);

impl Drop for Outdates<'_> {
    fn drop(&mut self) {
        self.0.are_outdated();
    }
}

fn taken<T>(taken: &Taken<T>) -> Option<T> {
    // Nothing that is done under this lock can panic half-way.
    taken.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// An exchange whose answer is for all who wait for it. Until they have it, its body is counted in `held`.
async fn for_all(
    source: Arc<Source>,
    request: Arc<Prepared>,
    admitted: Admitted,
    until: Until,
    traceparent: Option<Arc<str>>,
    held: Held,
    _listed: Listed,
) -> Outcome {
    let head = source.head(&request, admitted, until, traceparent.as_deref());
    let Head {
        status,
        headers,
        connection,
        body,
        until,
        in_flight,
    } = head.await.map_err(Ended::Failed)?;
    let verdict = Arc::clone(in_flight.verdict());
    let body = if status.is_success() {
        let chunks = ChunkStream::new(body, source.limits.body, until, in_flight).map_err(Ended::Failed)?;
        match chunks.begin(held).await {
            Ok(Begun::Whole(body, held)) => ArrivedBody::Small(body, Arc::new(Mutex::new(Some(held)))),
            Ok(Begun::Part(part)) => ArrivedBody::Large(Arc::new(Mutex::new(Some((part, connection))))),
            Err(error) if matches!(error.kind, ErrorKind::Exhausted(_)) => return Err(Ended::OfWhoBegan(error)),
            Err(error) => return Err(Ended::Failed(error)),
        }
    } else {
        ArrivedBody::Small(explanation(body, until, in_flight).await, Taken::default())
    };
    Ok(Arrived {
        status,
        headers,
        body,
        verdict,
    })
}

/// The body of an answer that is no success: however long it is, no more than its beginning is read.
async fn explanation(body: Received<Incoming>, until: Until, in_flight: InFlight) -> Bytes {
    match ChunkStream::new(body, usize::MAX, until, in_flight) {
        Ok(chunks) => chunks.collect_what_comes(MAX_ERROR_BODY).await,
        Err(_) => Bytes::new(),
    }
}

/// How a credential is sent, kept out of every log.
fn proof_of(credential: Credential) -> Result<Proof, SourceClientError> {
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
        Credential::Query(key) => return Ok(Proof::Query(key)),
        Credential::OAuth2(settings) => return Ok(Proof::Tokens(TokenSource::new(*settings)?)),
        Credential::PassThrough => return Ok(Proof::PassThrough),
    };
    value.set_sensitive(true);
    Ok(Proof::Header(name, value))
}
