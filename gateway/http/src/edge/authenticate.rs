//! Who asks: by an API key, by a token of a configured issuer (RFC 6750), or by the certificate of the connection
//! (RFC 8446 section 4.4.2). Presenting nothing is the anonymous consumer; presenting something wrong is 401, never
//! anonymous, and the answer does not tell what was wrong. Whoever presents a certificate and something else must be
//! one consumer by both.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use kakehashi_config::{Config, Proof, today_in_japan};
use kakehashi_core::consumer::Consumer;
use kakehashi_running::Gateway;
use kakehashi_server::PeerCertificate;
use kakehashi_telemetry::expired_key;
use kakehashi_tokens::{NotRecognized, TokenRejection};

use super::client_address::ClientAddress;
use crate::problem::{ErrorType, Problem};

/// The consumer of a request.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Consumer>);

/// The token that a request has presented and that was found valid, for sources that are configured to be shown it.
#[derive(Debug, Clone)]
pub struct PresentedToken(pub Arc<HeaderValue>);

/// The header that the recommended gateway module of the guidebook (Kong) has its clients send.
const KONG_HEADER: HeaderName = HeaderName::from_static("apikey");

/// The scheme of RFC 6750.
const BEARER: &str = "bearer";

/// What a request presents.
pub enum Presented<'a> {
    /// Nothing at all.
    Nothing,
    /// A key.
    ApiKey(&'a [u8]),
    /// A token.
    Token(&'a [u8]),
    /// Several at once, or a scheme that is not understood.
    Unclear,
}

/// Who asks, and by what that is known.
#[derive(Debug, Clone)]
pub(super) struct Authenticated {
    pub(super) caller: Caller,
    pub(super) proof: Proof,
    pub(super) token: Option<PresentedToken>,
}

/// Finds the consumer, and takes the credential out of the request: nothing behind may pass it on.
pub(super) async fn authenticate(
    gateway: &Gateway,
    config: &Config,
    request: &mut Request,
    address: ClientAddress,
) -> Result<Authenticated, Problem> {
    let certificate = request.extensions().get::<PeerCertificate>().cloned();
    let found = find_consumer(gateway, config, request.headers(), certificate, address).await;
    let authenticated = found.inspect_err(|_| gateway.metrics.record_refusal("unauthenticated"))?;
    for name in [
        &config.gateway.api_key_header,
        &KONG_HEADER,
        &header::AUTHORIZATION,
        &header::COOKIE,
    ] {
        request.headers_mut().remove(name);
    }
    Ok(authenticated)
}

async fn find_consumer(
    gateway: &Gateway,
    config: &Config,
    headers: &HeaderMap,
    certificate: Option<PeerCertificate>,
    address: ClientAddress,
) -> Result<Authenticated, Problem> {
    let failed = || match gateway.failed_attempts.count(address) {
        Ok(()) => unauthorized(config),
        Err(wait) => too_many_attempts(wait),
    };
    let holder = match certificate {
        Some(certificate) => {
            let holder = config.consumers.of_certificate(&certificate.0);
            Some(holder.ok_or_else(failed)?)
        }
        None => None,
    };
    let by = |consumer, proof, token| Authenticated {
        caller: Caller(consumer),
        proof,
        token,
    };
    let authenticated = match presented(headers, config) {
        Presented::Nothing => {
            let anonymous = || {
                config
                    .consumers
                    .anonymous()
                    .map(|anonymous| (anonymous, Proof::Nothing))
            };
            let (consumer, proof) = holder.or_else(anonymous).ok_or_else(|| unauthorized(config))?;
            return Ok(by(Arc::clone(consumer), proof, None));
        }
        Presented::Unclear => return Err(failed()),
        Presented::ApiKey(key) => {
            // Which of the two it was, unknown or expired, is nobody's business.
            let today = today_in_japan();
            let found = config.consumers.authenticate(key, today);
            let (consumer, proof) = found.map_err(|_| {
                if let Some((consumer, name, expired)) = config.consumers.expired_key(key, today) {
                    expired_key(&format!("consumer `{}`", consumer.id), name, &expired.to_string());
                }
                failed()
            })?;
            by(Arc::clone(consumer), proof, None)
        }
        Presented::Token(token) => {
            let attempt = || gateway.failed_attempts.count(address);
            let verified = gateway.tokens.recognize(token, &config.issuers, attempt).await;
            let verified = verified.map_err(|reason| match reason {
                NotRecognized::TooMany(wait) => too_many_attempts(wait),
                NotRecognized::Rejected(rejection) => rejected(rejection, config),
            })?;
            let consumer = config.consumers.of_subject(&verified.issuer, &verified.subject);
            let consumer = consumer.ok_or_else(|| unauthorized(config))?;
            let assurance = verified.assurance.as_ref();
            let levels = verified.issuer.levels(assurance);
            let proof = Proof::Token {
                issuer: Arc::clone(&verified.issuer.name),
                subject: Arc::clone(&verified.subject),
            };
            let consumer = consumer.with_token(&verified.roles, assurance, levels);
            by(consumer, proof, presented_token(token))
        }
    };
    // Two credentials of two consumers: nobody can tell whose request it is.
    if holder.is_some_and(|(holder, _)| holder.id != authenticated.caller.0.id) {
        return Err(failed());
    }
    Ok(authenticated)
}

/// Whether a request presents nothing, where that is no consumer.
pub(super) fn is_nobody(request: &Request, config: &Config) -> bool {
    config.consumers.anonymous().is_none()
        && request.extensions().get::<PeerCertificate>().is_none()
        && matches!(presented(request.headers(), config), Presented::Nothing)
}

/// Counts what is told to somebody who is nobody, as an attempt that failed.
pub(super) fn count_unknown(gateway: &Gateway, address: ClientAddress) -> Result<(), Problem> {
    gateway.failed_attempts.count(address).map_err(too_many_attempts)
}

fn presented_token(token: &[u8]) -> Option<PresentedToken> {
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
    value.set_sensitive(true);
    Some(PresentedToken(Arc::new(value)))
}

/// What the headers present. The configured header may be Kong's; then it must not count twice.
pub fn presented<'a>(headers: &'a HeaderMap, config: &Config) -> Presented<'a> {
    let own_header = &config.gateway.api_key_header;
    let others = headers
        .get_all(&KONG_HEADER)
        .iter()
        .filter(|_| *own_header != KONG_HEADER);
    let mut keys = headers.get_all(own_header).iter().chain(others);
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let (key, several_keys) = (keys.next(), keys.next().is_some());
    let (authorization, several_authorizations) = (authorizations.next(), authorizations.next().is_some());
    match (key, authorization) {
        _ if several_keys || several_authorizations => Presented::Unclear,
        (None, None) => Presented::Nothing,
        (Some(key), None) => Presented::ApiKey(key.as_bytes()),
        (None, Some(authorization)) if !config.issuers.is_empty() => {
            bearer_token(authorization).map_or(Presented::Unclear, Presented::Token)
        }
        _ => Presented::Unclear,
    }
}

/// The token of `Authorization: Bearer ...`.
fn bearer_token(authorization: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case(BEARER) && !token.is_empty()).then_some(token.as_bytes())
}

fn rejected(rejection: TokenRejection, config: &Config) -> Problem {
    tracing::debug!(reason = %rejection, "a token was refused");
    match rejection {
        // It may be valid: to call it wrong would send people to look for a fault of theirs.
        TokenRejection::Unavailable(_) => Problem::new(
            ErrorType::Unavailable,
            "tokens cannot be verified at the moment; try again later",
        ),
        _ => unauthorized(config),
    }
}

/// What whoever presents nothing is told, or nothing that is valid.
pub(crate) fn unauthorized(config: &Config) -> Problem {
    let header_name = &config.gateway.api_key_header;
    let takes_tokens = !config.issuers.is_empty();
    let detail = if takes_tokens {
        format!(
            "present one valid API key in the header `{header_name}`, or one valid token in `Authorization: Bearer`"
        )
    } else {
        format!("present one valid API key in the header `{header_name}`")
    };
    let challenge = HeaderValue::from_static("ApiKey realm=\"kakehashi\"");
    let problem = Problem::new(ErrorType::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, challenge);
    if takes_tokens {
        let challenge = HeaderValue::from_static("Bearer realm=\"kakehashi\"");
        return problem.with_header(header::WWW_AUTHENTICATE, challenge);
    }
    problem
}

fn too_many_attempts(wait: Duration) -> Problem {
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    let detail = format!("too many credentials from this address that are not valid, or new; try again in {seconds} s");
    let problem = Problem::new(ErrorType::TooManyRequests, detail);
    match HeaderValue::try_from(format!("{seconds}")) {
        Ok(value) => problem.with_header(header::RETRY_AFTER, value),
        Err(_) => problem,
    }
}
