//! The bounded log of what a stand-in was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Version};

/// Enough for any test; bounded because a demo may run for weeks.
const KEPT: usize = 10_000;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    /// The method.
    pub method: Method,
    /// The path, still percent-encoded.
    pub path: String,
    /// What stood after `?`, still percent-encoded; empty if there was none.
    pub query: String,
    /// The version of HTTP it came with.
    pub version: Version,
    /// All header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

// === impl LoggedRequest ===

impl LoggedRequest {
    /// A header field as text, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The query parameters, percent-decoded, in the order in which they were given.
    pub fn parameters(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
    }

    /// The first value of a query parameter, percent-decoded.
    #[must_use]
    pub fn parameter(&self, wanted: &str) -> Option<String> {
        self.parameters()
            .find_map(|(name, value)| (name == wanted).then_some(value))
    }
}

/// Percent-decoded text; a `+` stays a `+`, as in Orion.
pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[derive(Debug)]
pub(super) struct RequestLog {
    on: AtomicBool,
    entries: Mutex<VecDeque<Arc<LoggedRequest>>>,
}

// === impl RequestLog ===

impl RequestLog {
    pub(super) fn new() -> Self {
        Self {
            on: AtomicBool::new(true),
            entries: Mutex::default(),
        }
    }

    pub(super) fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    pub(super) fn record(&self, request: &Arc<LoggedRequest>) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let mut entries = self.entries();
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(Arc::clone(request));
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.entries()
            .iter()
            .map(|request| LoggedRequest::clone(request))
            .collect()
    }

    pub(super) fn clear(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<LoggedRequest>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
