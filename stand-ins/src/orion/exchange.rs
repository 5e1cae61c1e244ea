//! What every exchange has in common: media types, bodies, the correlator.

use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderMap, HeaderValue, Method, Version, header};
use jiff::Timestamp;

use crate::server::LoggedRequest;

use super::error::OrionError;
use super::json::Json;

pub(crate) const CORRELATOR: &str = "fiware-correlator";

/// The media types that a caller accepts, as far as Orion cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) json: bool,
    pub(crate) text: bool,
}

// === impl Accepted ===

impl Accepted {
    /// Reads `Accept`; without it everything is accepted.
    pub(crate) fn read(request: &LoggedRequest) -> Result<Self, OrionError> {
        let header = request.header("accept").unwrap_or("*/*");
        let types: Vec<&str> = header
            .split(',')
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .collect();
        let any = |wanted: [&str; 3]| types.iter().any(|range| wanted.contains(range));
        let accepted = Self {
            json: any(["application/json", "application/*", "*/*"]),
            text: any(["text/plain", "text/*", "*/*"]),
        };
        if !accepted.json && !accepted.text {
            return Err(OrionError::not_acceptable("no acceptable mime-type in accept header"));
        }
        Ok(accepted)
    }

    pub(crate) fn check_json(self) -> Result<(), OrionError> {
        if self.json {
            return Ok(());
        }
        Err(OrionError::not_acceptable("acceptable MIME types: application/json").in_plain_text())
    }
}

/// Checks that a write has a body of a type that is understood.
pub(crate) fn check_body(request: &LoggedRequest, takes_text: bool) -> Result<(), OrionError> {
    let writes = [Method::POST, Method::PUT, Method::PATCH].contains(&request.method);
    if !writes {
        return Ok(());
    }
    // A chunked body has no Content-Length, and Orion insists on one; HTTP/2 has no such thing to insist on.
    let has_length = request.headers.contains_key(header::CONTENT_LENGTH) || request.version == Version::HTTP_2;
    if request.body.is_empty() || !has_length {
        return Err(OrionError::length_required());
    }
    let Some(content_type) = request.header("content-type") else {
        return Err(OrionError::unsupported_media_type(
            "Content-Type header not used, default application/octet-stream is not supported",
        ));
    };
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => Ok(()),
        "text/plain" if takes_text => Ok(()),
        other => Err(OrionError::unsupported_media_type(format!(
            "not supported content type: {other}"
        ))),
    }
}

/// The body as a JSON object.
pub(crate) fn object(request: &LoggedRequest) -> Result<Json, OrionError> {
    match serde_json::from_slice(&request.body) {
        Ok(Json::Object(members)) => Ok(Json::Object(members)),
        _ => Err(OrionError::parse_error()),
    }
}

/// The body of `PUT .../value`: JSON structures, or a lone value as plain text.
pub(crate) fn value(request: &LoggedRequest) -> Result<Json, OrionError> {
    let parsed = serde_json::from_slice(&request.body);
    let is_text = request
        .header("content-type")
        .is_some_and(|content_type| content_type.starts_with("text/plain"));
    match parsed {
        Ok(json @ (Json::Object(_) | Json::Array(_))) if !is_text => Ok(json),
        Ok(json @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_))) if is_text => Ok(json),
        _ if is_text => Err(OrionError::bad_request("attribute value type not recognized")),
        _ => Err(OrionError::parse_error()),
    }
}

/// The caller's correlator, or a new one of the same shape as Orion's.
pub(crate) fn correlator(headers: &HeaderMap) -> HeaderValue {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    headers.get(CORRELATOR).cloned().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let time = Timestamp::now().as_microsecond() & 0xffff;
        let text = format!("{number:08x}-{time:04x}-11f1-8000-02fc00000001");
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("-"))
    })
}
