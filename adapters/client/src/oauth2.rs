//! Tokens for a source, from its token endpoint: OAuth 2.0 client credentials (RFC 6749 section 4.4). One request
//! fetches for all; a token is renewed before it ends; an endpoint that fails is left alone for a while. Neither the
//! secret nor a token shows in a log, in `Debug` or in an error.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use kakehashi_contract::without_byte_order_mark;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::RootCertStore;
use serde::Deserialize;
use tokio::runtime::Handle;

use super::http_client::{HttpClient, HttpClientSettings, SourceTls, TlsSetupError};
use super::manners::AGENT;

/// Longest time for one token, from connecting to the last byte: requests wait for it.
const LONGEST: Duration = Duration::from_secs(5);

/// Largest answer of a token endpoint, in bytes: a token of the largest size and some members beside it.
const MOST_ANSWER: usize = 64 * 1024;

/// Longest token, in bytes. Tokens with the groups of a large organisation reach 8 KiB.
const MOST_TOKEN: usize = 16 * 1024;

/// How long a token is believed when the endpoint does not say (`expires_in` is only recommended, section 5.1).
const UNSAID_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Longest life that is believed: whoever withdraws a token does not wait for longer.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What a token's end is brought forward by, at most: the way of a request, and clocks that differ a little.
const EARLIER: Duration = Duration::from_secs(5);

/// The first pause after a failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How soon a token that the source has never taken is given up because the source refuses it: a source that refuses
/// every token must not make the endpoint issue one for each request.
const UNPROVED: Duration = Duration::from_secs(30);

/// How the gateway identifies itself to a token endpoint (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuthentication {
    /// `Authorization: Basic`, which every server must support.
    #[default]
    Basic,
    /// `client_id` and `client_secret` in the body.
    Body,
}

/// Where tokens come from.
#[derive(Clone)]
pub struct OAuth2Settings {
    /// The address of the token endpoint.
    pub token_url: Uri,
    /// Who the gateway is there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Arc<str>,
    /// What the token is to be good for; `None`: what the endpoint gives by itself.
    pub scope: Option<String>,
    /// Whom the token is for, which some endpoints want to know; `None`: not said.
    pub audience: Option<String>,
    /// How the gateway identifies itself.
    pub authentication: ClientAuthentication,
    /// Who signs the endpoint's certificate; `None`: the roots that Mozilla trusts.
    pub authorities: Option<Arc<RootCertStore>>,
}

impl fmt::Debug for OAuth2Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2Settings")
            .field("token_url", &self.token_url)
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Why there is no token. It holds nothing that the endpoint has said but one of the names of RFC 6749 section 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// No connection, or it broke.
    #[error("the token endpoint cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("the token endpoint did not answer in time")]
    Timeout,
    /// An error of section 5.2, such as `invalid_client`.
    #[error("the token endpoint refused: {0}")]
    Refused(&'static str),
    /// Another status than 200, without a reason that is known.
    #[error("the token endpoint answered with status {0}")]
    Status(u16),
    /// An answer or a token beyond the cap.
    #[error("the token endpoint's answer is too large")]
    TooLarge,
    /// Not the JSON of section 5.1.
    #[error("the token endpoint's answer is not valid")]
    Invalid,
    /// A token of another type than `Bearer`.
    #[error("the token endpoint's token is not of type Bearer")]
    NotBearer,
    /// The fetching was broken off.
    #[error("the fetching of a token was broken off")]
    BrokenOff,
}

/// Section 5.2.
const REASONS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// The tokens of one source. Cheap to clone: clones share them.
#[derive(Clone)]
pub(super) struct TokenSource {
    inner: Arc<Inner>,
    /// Where tokens are fetched: where this was made, not where a request is that needs one. That may be a thread that
    /// ends, or that is busy with others, and all wait for the same token.
    runtime: Option<Handle>,
}

struct Inner {
    settings: OAuth2Settings,
    http: HttpClient,
    state: Mutex<State>,
}

type Fetch = Shared<BoxFuture<'static, Result<HeaderValue, TokenFailure>>>;

#[derive(Default)]
struct State {
    token: Option<Token>,
    fetching: Option<Fetch>,
    failures: u32,
    /// The latest failure, and until when nobody asks again.
    failed: Option<(TokenFailure, Instant)>,
}

struct Token {
    /// `Bearer ...`, marked sensitive.
    header: HeaderValue,
    obtained: Instant,
    renew_at: Instant,
    ends_at: Instant,
    /// Whether the source has taken it.
    proved: bool,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.settings.fmt(f)
    }
}

impl TokenSource {
    /// Without a token yet.
    pub(super) fn new(settings: OAuth2Settings) -> Result<Self, TlsSetupError> {
        let tls = SourceTls {
            authorities: settings.authorities.clone(),
            identity: None,
        };
        let http = HttpClient::with_tls(&HttpClientSettings::default(), &tls)?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                http,
                state: Mutex::default(),
            }),
            runtime: Handle::try_current().ok(),
        })
    }

    /// The value of `Authorization`. Whoever waits for a token that is being fetched may stop to wait: the fetching
    /// goes on for the others.
    pub(super) async fn header(&self) -> Result<HeaderValue, TokenFailure> {
        let fetch = {
            let mut state = self.inner.state();
            let now = Instant::now();
            let rests = state.failed.filter(|(_, until)| *until > now);
            if let Some(token) = state.token.as_ref().filter(|token| token.ends_at > now) {
                let header = token.header.clone();
                if token.renew_at <= now && state.fetching.is_none() && rests.is_none() {
                    let _renewed_meanwhile = self.begin(&mut state);
                }
                return Ok(header);
            }
            match (&state.fetching, rests) {
                (Some(fetch), _) => fetch.clone(),
                (None, Some((failure, _))) => return Err(failure),
                (None, None) => self.begin(&mut state),
            }
        };
        fetch.await
    }

    /// Whether a request that is sent now would have this value.
    pub(super) fn is_current(&self, header: &HeaderValue) -> bool {
        let now = Instant::now();
        let state = self.inner.state();
        state
            .token
            .as_ref()
            .is_some_and(|token| token.header == *header && token.ends_at > now)
    }

    /// The source has refused a request with this value by 401. True: another value is worth one more try.
    pub(super) fn refused(&self, header: &HeaderValue) -> bool {
        let mut state = self.inner.state();
        let Some(token) = state.token.as_ref().filter(|token| token.header == *header) else {
            // Somebody else has dropped it already.
            return true;
        };
        if !token.proved && token.obtained.elapsed() < UNPROVED {
            return false;
        }
        state.token = None;
        true
    }

    /// The source has taken a request with this value.
    pub(super) fn taken(&self, header: &HeaderValue) {
        let mut state = self.inner.state();
        if let Some(token) = state.token.as_mut().filter(|token| token.header == *header) {
            token.proved = true;
        }
    }

    fn begin(&self, state: &mut State) -> Fetch {
        let inner = Arc::clone(&self.inner);
        let renewing = async move { inner.renew().await };
        let task = match &self.runtime {
            Some(runtime) => runtime.spawn(renewing),
            None => tokio::spawn(renewing),
        };
        let inner = Arc::clone(&self.inner);
        let outcome = async move {
            task.await.unwrap_or_else(|_| {
                inner.state().fetching = None;
                Err(TokenFailure::BrokenOff)
            })
        };
        let fetch = outcome.boxed().shared();
        state.fetching = Some(fetch.clone());
        fetch
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked has not left the fields half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew(&self) -> Result<HeaderValue, TokenFailure> {
        let fetched = tokio::time::timeout(LONGEST, self.fetch()).await;
        let outcome = fetched.unwrap_or(Err(TokenFailure::Timeout));
        let mut state = self.state();
        state.fetching = None;
        match outcome {
            Ok(token) => {
                state.failures = 0;
                state.failed = None;
                let header = token.header.clone();
                state.token = Some(token);
                Ok(header)
            }
            Err(failure) => {
                let pause = FIRST_PAUSE
                    .saturating_mul(1 << state.failures.min(10))
                    .min(LONGEST_PAUSE);
                state.failures = state.failures.saturating_add(1);
                state.failed = Some((failure, Instant::now() + pause));
                let client_id = &self.settings.client_id;
                tracing::warn!(client_id, reason = %failure, pause_s = pause.as_secs(), "no token for a source");
                Err(failure)
            }
        }
    }

    async fn fetch(&self) -> Result<Token, TokenFailure> {
        let request = self.request().ok_or(TokenFailure::Invalid)?;
        let asked = Instant::now();
        let answer = self.http.connections().request(request).await;
        let (head, body) = answer.map_err(|_| TokenFailure::Unreachable)?.into_parts();
        let body = match Limited::new(body, MOST_ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(TokenFailure::TooLarge),
            Err(_) => return Err(TokenFailure::Unreachable),
        };
        if head.status != StatusCode::OK {
            let said: Option<Refusal> = serde_json::from_slice(without_byte_order_mark(&body)).ok();
            let reason = said.and_then(|said| REASONS.into_iter().find(|known| *known == said.error));
            let status = TokenFailure::Status(head.status.as_u16());
            return Err(reason.map_or(status, TokenFailure::Refused));
        }
        let granted: Grant =
            serde_json::from_slice(without_byte_order_mark(&body)).map_err(|_| TokenFailure::Invalid)?;
        Token::read(&granted, asked)
    }

    /// The request of section 4.4.2.
    fn request(&self) -> Option<Request<Full<Bytes>>> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (id, secret) = (encode(&self.settings.client_id), encode(&self.settings.client_secret));
        let mut form = "grant_type=client_credentials".to_owned();
        for (name, value) in [("scope", &self.settings.scope), ("audience", &self.settings.audience)] {
            if let Some(value) = value {
                form.push_str(&format!("&{name}={}", encode(value)));
            }
        }
        if self.settings.authentication == ClientAuthentication::Body {
            form.push_str(&format!("&client_id={id}&client_secret={secret}"));
        }
        let mut request = Request::new(Full::from(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.settings.token_url.clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, AGENT);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        if self.settings.authentication == ClientAuthentication::Basic {
            let mut basic =
                HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))).ok()?;
            basic.set_sensitive(true);
            headers.insert(AUTHORIZATION, basic);
        }
        Some(request)
    }
}

/// A successful answer (section 5.1).
#[derive(Deserialize)]
struct Grant {
    access_token: String,
    token_type: String,
    /// Seconds. A number by the standard; some servers write it as a text.
    expires_in: Option<serde_json::Value>,
}

/// An error (section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Token {
    fn read(granted: &Grant, asked: Instant) -> Result<Self, TokenFailure> {
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(TokenFailure::NotBearer);
        }
        if granted.access_token.len() > MOST_TOKEN {
            return Err(TokenFailure::TooLarge);
        }
        let is_token =
            !granted.access_token.is_empty() && granted.access_token.bytes().all(|byte| byte.is_ascii_graphic());
        let header = HeaderValue::try_from(format!("Bearer {}", granted.access_token));
        let mut header = header.ok().filter(|_| is_token).ok_or(TokenFailure::Invalid)?;
        header.set_sensitive(true);
        let lifetime = match &granted.expires_in {
            None => UNSAID_LIFETIME,
            Some(said) => {
                let seconds = said.as_f64().or_else(|| said.as_str()?.parse().ok());
                let seconds = seconds.filter(|seconds| *seconds >= 0.0).ok_or(TokenFailure::Invalid)?;
                Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFETIME)
            }
        };
        let lifetime = lifetime.min(LONGEST_LIFETIME);
        Ok(Self {
            header,
            obtained: asked,
            renew_at: asked + lifetime * 3 / 4,
            ends_at: asked + lifetime.saturating_sub(EARLIER.min(lifetime / 10)),
            proved: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(json: serde_json::Value) -> Result<Token, TokenFailure> {
        Token::read(&serde_json::from_value(json).unwrap(), Instant::now())
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let token =
            grant(serde_json::json!({ "access_token": "t", "token_type": "bearer", "expires_in": 100 })).unwrap();
        assert_eq!(token.renew_at - token.obtained, Duration::from_secs(75));
        assert_eq!(token.ends_at - token.obtained, Duration::from_secs(95));
        assert!(token.header.is_sensitive());
        for (said, lifetime) in [
            (serde_json::json!(null), UNSAID_LIFETIME),
            (serde_json::json!("60"), Duration::from_secs(60)),
            (serde_json::json!(1e300), LONGEST_LIFETIME),
        ] {
            let token = grant(serde_json::json!({ "access_token": "t", "token_type": "Bearer", "expires_in": said }));
            let token = token.unwrap();
            assert_eq!(token.renew_at - token.obtained, lifetime * 3 / 4, "{said}");
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_refused() {
        let refused = |json| grant(json).map(|_| ()).unwrap_err();
        let long = "x".repeat(MOST_TOKEN + 1);
        for (json, failure) in [
            (
                serde_json::json!({ "access_token": "t", "token_type": "mac" }),
                TokenFailure::NotBearer,
            ),
            (
                serde_json::json!({ "access_token": "a b", "token_type": "Bearer" }),
                TokenFailure::Invalid,
            ),
            (
                serde_json::json!({ "access_token": "", "token_type": "Bearer" }),
                TokenFailure::Invalid,
            ),
            (
                serde_json::json!({ "access_token": long, "token_type": "Bearer" }),
                TokenFailure::TooLarge,
            ),
            (
                serde_json::json!({ "access_token": "t", "token_type": "Bearer", "expires_in": -1 }),
                TokenFailure::Invalid,
            ),
        ] {
            assert_eq!(refused(json), failure);
        }
    }
}
