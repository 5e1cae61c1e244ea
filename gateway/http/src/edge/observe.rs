//! The outermost step: an id for every request, one log line and one measurement when it is answered.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, header};
use kakehashi_running::Gateway;
use rand::RngExt;

use super::Caller;
use crate::problem::Busy;

/// The header that tells the consumer the request's id, to be quoted in questions to the operator.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// RFC 9110 section 7.6.3: between the gateway and the sources HTTP/1.1 is spoken.
const VIA: &str = "1.1 kakehashi";

/// The W3C Trace Context header.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The identity of one request: a W3C trace id. A caller's own trace is continued, so that both ends can find
/// the request in their logs.
#[derive(Debug, Clone)]
pub struct RequestId {
    /// `traceparent` for what the gateway sends on.
    pub traceparent: Arc<str>,
}

/// Where the trace id stands in a `traceparent`.
const TRACE_ID: Range<usize> = 3..35;

impl RequestId {
    /// Continues the caller's trace, or begins one.
    fn of(request: &Request) -> Self {
        let mut random = rand::rng();
        let continued = request
            .headers()
            .get(TRACEPARENT)
            .and_then(|value| trace_id_of(value.to_str().ok()?));
        let (mut trace_id, mut parent) = ([b'0'; 32], [b'0'; 16]);
        match continued {
            Some(continued) => trace_id = *continued,
            None => write_hex(random.random::<u128>(), &mut trace_id),
        }
        write_hex(random.random::<u64>().into(), &mut parent);
        let traceparent = [b"00-".as_slice(), &trace_id, b"-", &parent, b"-01"].concat();
        Self {
            traceparent: String::from_utf8(traceparent).unwrap_or_default().into(),
        }
    }

    /// The id: 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.traceparent.get(TRACE_ID).unwrap_or_default()
    }
}

/// The last hexadecimal digits of a number.
fn write_hex(number: u128, digits: &mut [u8]) {
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        let nibble = (number >> (4 * place) & 0xf) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
}

/// The trace id in a `traceparent`, if it is one.
fn trace_id_of(traceparent: &str) -> Option<&[u8; 32]> {
    let mut fields = traceparent.split('-');
    let (version, trace_id, parent) = (fields.next()?, fields.next()?, fields.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let well_formed = version.len() == 2 && trace_id.len() == 32 && parent.len() == 16;
    let meaningful = trace_id.bytes().any(|byte| byte != b'0');
    let trace_id = trace_id.as_bytes().as_array().filter(|_| is_hex(trace_id))?;
    (well_formed && meaningful).then_some(trace_id)
}

/// The pattern of the route that a request takes, which is known only further in.
#[derive(Debug, Clone, Default)]
pub struct Route(Arc<OnceLock<MatchedPath>>);

impl Route {
    /// It is known now.
    pub fn found(request: &Request) {
        let extensions = request.extensions();
        if let (Some(Self(route)), Some(matched)) = (extensions.get::<Self>(), extensions.get::<MatchedPath>()) {
            // One request takes one route.
            let _ = route.set(matched.clone());
        }
    }
}

/// What stands in the log and the metrics for a caller that has left before there was an answer: no status of HTTP, and known
/// from other servers.
const CALLER_LEFT: u16 = 499;

/// A request that is under way.
pub(super) struct Observed<'g> {
    pub(super) id: RequestId,
    /// Who has sent it, as soon as that is known.
    pub(super) caller: Option<Caller>,
    gateway: &'g Gateway,
    began: Instant,
    method: &'static str,
    route: Route,
    is_answered: bool,
}

impl<'g> Observed<'g> {
    pub(super) fn begin(request: &mut Request, gateway: &'g Gateway) -> Self {
        let route = Route::default();
        request.extensions_mut().insert(route.clone());
        Self {
            id: RequestId::of(request),
            caller: None,
            gateway,
            began: Instant::now(),
            method: known_method(request.method()),
            route,
            is_answered: false,
        }
    }

    /// Tells what became of it: the consumer by headers, the operator by the log and the metrics.
    pub(super) fn end(mut self, response: &mut Response) {
        if let Ok(value) = HeaderValue::try_from(self.id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
            .headers_mut()
            .insert(header::VIA, HeaderValue::from_static(VIA));
        if response.extensions().get::<Busy>().is_some() {
            self.gateway.admission.note_shed();
            self.gateway.metrics.record_refusal("busy");
        }
        self.is_answered = true;
        self.tell(response.status().as_u16());
    }

    /// One line of the log and one measurement.
    fn tell(&self, status: u16) {
        let route = self.route.0.get().map_or("unmatched", MatchedPath::as_str);
        let caller = self.caller.as_ref();
        let consumer = caller.map_or("", |caller| caller.0.id.as_str());
        let purpose = caller.and_then(|caller| caller.0.purpose.as_deref()).unwrap_or("");
        let elapsed = self.began.elapsed();
        tracing::info!(
            request_id = self.id.as_str(),
            consumer,
            purpose,
            method = self.method,
            route,
            status,
            milliseconds = elapsed.as_secs_f64() * 1000.0,
            "{}",
            if self.is_answered {
                "answered"
            } else {
                "left by its caller"
            }
        );
        let metrics = &self.gateway.metrics;
        metrics.record_request(self.method, route, status, elapsed);
    }
}

impl Drop for Observed<'_> {
    /// Whoever has asked has left, and all that was done for it ends.
    fn drop(&mut self) {
        if !self.is_answered {
            self.tell(CALLER_LEFT);
        }
    }
}

/// The method as a label: those of HTTP by name, all others as one.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_an_id_that_its_traceparent_holds() {
        for number in [0, 1, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, u128::MAX] {
            let mut digits = [b'x'; 32];
            write_hex(number, &mut digits);
            assert_eq!(digits.as_slice(), format!("{number:032x}").as_bytes());
        }
        let own = RequestId::of(&Request::default());
        assert_eq!(own.as_str().len(), 32);
        assert_eq!(trace_id_of(&own.traceparent).unwrap(), own.as_str().as_bytes());
        let mut continued = Request::default();
        let theirs = HeaderValue::from_static("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more");
        continued.headers_mut().insert(TRACEPARENT, theirs);
        let continued = RequestId::of(&continued);
        assert_eq!(continued.as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(
            continued
                .traceparent
                .starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")
        );
        assert_eq!(continued.traceparent.len(), 55);
    }

    #[test]
    fn a_callers_trace_is_continued_and_nonsense_is_not() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id_of(good), Some(b"4bf92f3577b34da6a3ce929d0e0e4736"));
        for wrong in [
            "",
            "00",
            "00-xyz-1-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "田中",
        ] {
            assert_eq!(trace_id_of(wrong), None, "{wrong}");
        }
    }
}
