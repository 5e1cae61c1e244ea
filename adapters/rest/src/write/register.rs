//! A platform that takes writes and keeps what it was sent, digit by digit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::value::RawValue;
use stand_ins::LoggedRequest;
use stand_ins::server::{self, Service};

/// A platform that keeps each record as the text that it was sent.
#[derive(Debug, Default)]
pub(super) struct Register {
    pub(super) records: Mutex<BTreeMap<String, String>>,
    /// Whether it says which state of a record it hands out.
    pub(super) has_tags: bool,
    /// Whether somebody else changes the record before each write.
    pub(super) is_busy: bool,
    /// How many changes it answers as if it had no such record.
    pub(super) hides: AtomicUsize,
}

type Members = BTreeMap<String, Box<RawValue>>;

fn text_of(members: &Members) -> String {
    serde_json::to_string(members).unwrap()
}

fn tag_of(record: &str) -> String {
    let sum = record
        .bytes()
        .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("\"{sum:x}\"")
}

/// The one that the server answers with and the test looks into.
pub(super) struct Shared(pub(super) Arc<Register>);

impl Service for Shared {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        self.0.answer(request)
    }
}

impl Register {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let mut records = self.records.lock().unwrap();
        let named = request.path.strip_prefix("/sites/").map(str::to_owned);
        let sent = || {
            let body: BTreeMap<String, Members> = serde_json::from_slice(&request.body).unwrap();
            body.into_iter().next().unwrap().1
        };
        if request.method != "GET" && self.is_busy {
            for record in records.values_mut() {
                *record = record.replacen('{', "{\"somebody\":1,", 1);
            }
        }
        let fewer = |left: usize| left.checked_sub(1);
        if request.method != "GET"
            && self
                .hides
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
                .is_ok()
        {
            return server::empty(StatusCode::NOT_FOUND);
        }
        let standing = named.as_ref().and_then(|no| records.get(no).cloned());
        let is_other = |standing: &String| request.header("if-match").is_some_and(|tag| tag != tag_of(standing));
        match (request.method.as_str(), named, standing) {
            ("GET", None, _) => {
                let all: Vec<&str> = records.values().map(String::as_str).collect();
                let body = format!("{{\"items\":[{}]}}", all.join(","));
                server::response(StatusCode::OK, "application/json", body)
            }
            ("GET", Some(_), Some(record)) => {
                let body = format!("{{\"data\":{{\"site\":{record}}}}}");
                let mut answer = server::response(StatusCode::OK, "application/json", body);
                if self.has_tags {
                    let tag = HeaderValue::from_str(&tag_of(&record)).unwrap();
                    answer.headers_mut().insert(header::ETAG, tag);
                }
                answer
            }
            ("POST", None, _) => {
                let members = sent();
                let no = members["no"].get().trim_matches('"').to_owned();
                if records.contains_key(&no) {
                    return server::empty(StatusCode::CONFLICT);
                }
                records.insert(no, text_of(&members));
                server::empty(StatusCode::CREATED)
            }
            (_, Some(_), Some(standing)) if is_other(&standing) => server::empty(StatusCode::PRECONDITION_FAILED),
            ("PUT", Some(no), Some(_)) => {
                records.insert(no, text_of(&sent()));
                server::empty(StatusCode::OK)
            }
            ("PATCH", Some(no), Some(standing)) => {
                let mut members: Members = serde_json::from_str(&standing).unwrap();
                members.extend(sent());
                records.insert(no, text_of(&members));
                server::empty(StatusCode::OK)
            }
            ("DELETE", Some(no), Some(_)) => {
                records.remove(&no);
                server::empty(StatusCode::NO_CONTENT)
            }
            _ => server::empty(StatusCode::NOT_FOUND),
        }
    }
}
