//! The cheap request of the gateway's own that decides whether a source is well, where consumers' requests leave that in doubt.
//! It belongs to nobody: it goes on when whoever has caused the doubt has left, and has the source's own time.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::BytesMut;
use futures::StreamExt;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kakehashi_contract::{ErrorKind, without_byte_order_mark};
use serde::de::IgnoredAny;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::admission::{Admission, Prober};
use super::body::{ChunkStream, Until};
use super::breaker::{Concern, Probed};
use super::exchange::{Head, Proof, Source};
use super::request::SourceRequest;
use super::retry_after::retry_after;
use super::verdict::{InFlight, Verdict};

/// How much of an answer is read, in bytes. A source that sends more is well.
const MOST_READ: usize = 64 * 1024;

/// What is asked.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) path_and_query: Box<str>,
    pub(super) headers: Box<[(HeaderName, HeaderValue)]>,
}

/// Who is asked, and for what; not set: the endpoint itself.
#[derive(Debug, Clone)]
struct Whom {
    source: Arc<Source>,
    probe: Arc<OnceLock<Probe>>,
}

/// Who sends the probes of a source.
pub(super) fn prober(source: &Arc<Source>, probe: &Arc<OnceLock<Probe>>) -> Prober {
    let whom = Whom {
        source: Arc::clone(source),
        probe: Arc::clone(probe),
    };
    Prober(Box::new(move |admission, concern, token, home| {
        begin(&whom, admission, concern, token, home);
    }))
}

/// Tells the breaker what was found out, even where that is nothing because it was broken off.
struct Deciding {
    admission: Arc<Admission>,
    concern: Concern,
    probed: Probed,
}

impl Drop for Deciding {
    fn drop(&mut self) {
        self.admission.probed(self.concern, self.probed);
    }
}

/// Begins it here. One is under way for each concern, which the breaker sees to.
#[expect(
    clippy::disallowed_methods,
    reason = "it belongs to no request; it ends by the source's own timeout, and with the thread if that ends"
)]
fn begin(whom: &Whom, admission: &Arc<Admission>, concern: Concern, token: Option<Arc<HeaderValue>>, home: &Handle) {
    let deciding = Deciding {
        admission: Arc::clone(admission),
        concern,
        probed: Probed::Unknown,
    };
    home.spawn(decide(deciding, whom.clone(), token));
}

async fn decide(mut deciding: Deciding, whom: Whom, token: Option<Arc<HeaderValue>>) {
    let probed = probed(&whom, &deciding.admission, deciding.concern, token).await;
    deciding.probed = probed;
}

async fn probed(whom: &Whom, admission: &Arc<Admission>, concern: Concern, token: Option<Arc<HeaderValue>>) -> Probed {
    let (source, probe) = (&whom.source, whom.probe.get());
    let patience = Instant::now() + source.limits.timeout;
    if admission.wait_for_rate(patience).await.is_err() {
        return Probed::Unknown;
    }
    let (path, headers): (&str, &[_]) = match probe {
        Some(probe) => (&probe.path_and_query, &probe.headers),
        None => ("", &[]),
    };
    let key = match &source.proof {
        Proof::Query(key) => Some(key),
        _ => None,
    };
    let Ok(uri) = source.address(path, key) else {
        return Probed::Unknown;
    };
    let credential = admission.credential(token.as_ref());
    let request = SourceRequest::get(path, headers).prepared(uri, token.clone());
    let verdict = Verdict::new(admission, token.clone()).said_elsewhere();
    // Beside the places of the source: those may all be taken by what has raised the doubt.
    let in_flight = InFlight::new(verdict, None);
    let Ok(admitted) = source.proved(in_flight, token.as_ref(), patience).await else {
        return Probed::Unknown;
    };
    let until = source.until(&admitted, None);
    let head = match source.head(&request, admitted, until, None).await {
        Ok(head) => head,
        Err(error) => {
            return match error.kind {
                ErrorKind::Refused | ErrorKind::Credential => Probed::Unknown,
                _ => Probed::IsSick,
            };
        }
    };
    let must_be_json = probe.is_some() && head.status.is_success();
    let by_status = by_status(admission, concern, credential, head.status, &head.headers);
    if by_status == Probed::IsWell && !is_read(head, until, must_be_json).await {
        return Probed::IsSick;
    }
    by_status
}

/// What a status says.
fn by_status(
    admission: &Admission,
    concern: Concern,
    credential: u64,
    status: StatusCode,
    headers: &HeaderMap,
) -> Probed {
    let concerned = match status {
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => Concern::Credential(credential),
        status if status.is_server_error() => Concern::Source,
        // It answers; that the gateway should have asked otherwise is nothing that waiting mends.
        _ => return Probed::IsWell,
    };
    if let Some(after) = retry_after(headers, SystemTime::now()) {
        admission.is_left_alone(concerned, after);
    }
    match (concern, concerned) {
        (Concern::Source, Concern::Credential(_)) => Probed::IsWell,
        (Concern::Credential(_), Concern::Source) => Probed::Unknown,
        _ => Probed::IsSick,
    }
}

/// Whether the body comes, and is JSON if it must be: its beginning, and all of it where it is short.
async fn is_read(head: Head, until: Until, must_be_json: bool) -> bool {
    // What is packed is not looked into.
    let is_looked_into = must_be_json && !head.headers.contains_key(CONTENT_ENCODING);
    let Ok(mut chunks) = ChunkStream::new(head.body, usize::MAX, until, head.in_flight) else {
        return false;
    };
    let mut text = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else {
            return false;
        };
        text.extend_from_slice(&chunk);
        if text.len() > MOST_READ {
            let first = text.trim_ascii_start().first();
            return !is_looked_into || matches!(first, Some(b'[' | b'{'));
        }
    }
    let text = without_byte_order_mark(&text);
    !is_looked_into || serde_json::from_slice::<IgnoredAny>(text).is_ok()
}
