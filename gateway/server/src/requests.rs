//! The bytes of an HTTP/1 connection, followed request by request on their way to the HTTP library, which takes line
//! ends, lengths and codings that others read differently. What passes here is one request after another for every
//! reader; what does not is replaced by a request that stands for it, to be answered as it deserves, and is the last of
//! its connection. HTTP/2 frames its requests itself and goes through.

use super::chunks::Chunks;
use super::malformed::Malformed;
use super::request_head::{BodyLength, HeadLimits, HeadReader};
use super::request_target::encode_into;

/// How a client begins that speaks HTTP/2 without asking (RFC 9113 clause 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Stands for a request that is none.
const INSTEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: malformed\r\nconnection: close\r\n\r\n";

/// What no chunked body can go on with, wherever it is: its reader is told in its own way that the body is broken.
const BROKEN: &[u8] = b"\r\0";

/// Reads the requests of a connection.
#[derive(Debug)]
pub(super) struct Requests {
    place: Place,
    head: HeadReader,
    /// The part of a head that has arrived. The library gets heads whole.
    held: Vec<u8>,
    limits: HeadLimits,
    /// Heads that were handed over.
    heads: u64,
    malformed: Option<(u64, Malformed)>,
}

/// What the bytes are that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The very first: HTTP/2, or the head of a request.
    Start,
    /// The head of a request.
    Head,
    /// So many bytes of a body.
    Body(u64),
    /// A chunked body.
    Chunks(Chunks),
    /// HTTP/2.
    Http2,
    /// Nothing that anybody reads.
    Dropped,
}

impl Requests {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self {
            place: Place::Start,
            head: HeadReader::default(),
            held: Vec::new(),
            limits,
            heads: 0,
            malformed: None,
        }
    }

    /// Bytes of a part of a head that is here.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Whether a part of a head is here.
    pub(super) fn holds_part(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether nothing was read yet that tells HTTP/1 from HTTP/2.
    pub(super) fn is_at_start(&self) -> bool {
        self.place == Place::Start
    }

    /// Whether nothing that follows is read by anybody.
    pub(super) fn has_ended(&self) -> bool {
        self.place == Place::Dropped
    }

    /// The request that stands for a malformed one, by its number on this connection from 0, and what was wrong.
    pub(super) fn malformed(&self) -> Option<(u64, Malformed)> {
        self.malformed
    }

    /// Reads on. True: these bytes go to the library as they are, all of them. False: what was appended to `instead`
    /// goes in their place, if anything.
    pub(super) fn read(&mut self, bytes: &[u8], instead: &mut Vec<u8>) -> bool {
        if self.place == Place::Http2 {
            return true;
        }
        let appended = instead.len();
        // Up to where the bytes were handed over, one way or another.
        let (mut handed, mut at) = (0, 0);
        while at < bytes.len() {
            match self.place {
                Place::Start | Place::Head => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let (used, goes_as_it_is) =
                        self.read_head(rest, bytes.get(handed..at).unwrap_or_default(), instead);
                    at += used;
                    if !goes_as_it_is {
                        handed = at;
                    }
                }
                Place::Body(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += taken;
                    self.place = match left - taken as u64 {
                        0 => Place::Head,
                        left => Place::Body(left),
                    };
                }
                Place::Chunks(mut chunks) => match chunks.read(bytes.get(at..).unwrap_or_default()) {
                    Ok(taken) => {
                        at += taken;
                        self.place = if chunks == Chunks::End {
                            Place::Head
                        } else {
                            Place::Chunks(chunks)
                        };
                    }
                    Err(taken) => {
                        instead.extend_from_slice(bytes.get(handed..at + taken).unwrap_or_default());
                        instead.extend_from_slice(BROKEN);
                        self.place = Place::Dropped;
                    }
                },
                Place::Http2 => at = bytes.len(),
                Place::Dropped => {
                    (at, handed) = (bytes.len(), bytes.len());
                }
            }
        }
        let all_as_they_are = handed == 0 && instead.len() == appended && !self.holds_part() && !self.has_ended();
        if !all_as_they_are {
            instead.extend_from_slice(bytes.get(handed..).unwrap_or_default());
        }
        all_as_they_are
    }

    /// Reads on in a head, which may have begun with what is held. Says how many of these bytes belong to it, and
    /// whether they go as they are; if not, what is `before` them was handed over, and they as far as they go at all.
    fn read_head(&mut self, bytes: &[u8], before: &[u8], instead: &mut Vec<u8>) -> (usize, bool) {
        let held = self.held.len();
        if held > 0 {
            self.held.extend_from_slice(bytes);
        }
        let so_far = if held > 0 { self.held.as_slice() } else { bytes };
        if self.place == Place::Start {
            if so_far.starts_with(PREFACE) {
                self.place = Place::Http2;
                instead.extend_from_slice(before);
                instead.append(&mut self.held);
                // What was not held goes as it is.
                return if held > 0 {
                    (bytes.len(), false)
                } else {
                    (bytes.len(), before.is_empty())
                };
            }
            if PREFACE.starts_with(so_far) {
                self.hold(bytes, held);
                return (bytes.len(), false);
            }
        }
        let head = match self.head.read(so_far, self.limits) {
            Ok(Some(head)) => head,
            Ok(None) => {
                instead.extend_from_slice(before);
                self.hold(bytes, held);
                return (bytes.len(), false);
            }
            Err(malformed) => {
                instead.extend_from_slice(before);
                self.refuse(malformed, instead);
                return (bytes.len(), false);
            }
        };
        let used = head.length - held.min(head.length);
        self.head = HeadReader::default();
        self.heads += 1;
        self.place = match head.body {
            BodyLength::Known(0) => Place::Head,
            BodyLength::Known(length) => Place::Body(length),
            BodyLength::Chunked => Place::Chunks(Chunks::START),
        };
        if held == 0 && !head.must_encode {
            return (used, true);
        }
        instead.extend_from_slice(before);
        let so_far = if held > 0 { self.held.as_slice() } else { bytes };
        let whole = so_far.get(..head.length).unwrap_or_default();
        if head.must_encode {
            encode_into(whole, head.target, instead);
        } else {
            instead.extend_from_slice(whole);
        }
        self.held = Vec::new();
        (used, false)
    }

    /// Keeps the beginning of a head, of which so much is held already, these bytes among it unless that is nothing.
    fn hold(&mut self, bytes: &[u8], held: usize) {
        if held == 0 {
            self.held.extend_from_slice(bytes);
        }
    }

    /// Puts a request that can be answered in the place of one that is none.
    pub(super) fn refuse(&mut self, malformed: impl Into<Malformed>, instead: &mut Vec<u8>) {
        self.malformed = Some((self.heads, malformed.into()));
        self.heads += 1;
        self.held = Vec::new();
        self.place = Place::Dropped;
        instead.extend_from_slice(INSTEAD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::malformed::Fault;

    const LIMITS: HeadLimits = HeadLimits {
        bytes: 64 * 1024,
        fields: 100,
    };

    /// What the library gets of bytes that arrive in pieces of this size, and what was malformed.
    fn read_in(bytes: &[u8], size: usize) -> (Vec<u8>, Option<(u64, Malformed)>) {
        let mut requests = Requests::new(LIMITS);
        let mut all = Vec::new();
        for piece in bytes.chunks(size) {
            let mut instead = Vec::new();
            if requests.read(piece, &mut instead) {
                assert_eq!(instead, b"");
                all.extend_from_slice(piece);
            } else {
                all.extend(instead);
            }
        }
        (all, requests.malformed())
    }

    #[track_caller]
    fn becomes(bytes: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) -> Option<(u64, Malformed)> {
        let (bytes, expected) = (bytes.as_ref(), expected.as_ref());
        let mut malformed = None;
        for size in [100_000, 1, 2, 7, 1000] {
            let (read, found) = read_in(bytes, size);
            assert_eq!(
                String::from_utf8_lossy(&read),
                String::from_utf8_lossy(expected),
                "in pieces of {size}"
            );
            assert!(size == 100_000 || malformed == found, "in pieces of {size}");
            malformed = found;
        }
        malformed
    }

    #[test]
    fn a_target_is_encoded_and_nothing_else_is() {
        becomes(
            "GET /entities?q=name==\"小\";a<5;b>6 HTTP/1.1\r\nhost: x\r\nlink: <http://x>; rel=\"小\"\r\n\r\n",
            "GET /entities?q=name==%22%E5%B0%8F%22;a%3C5;b%3E6 HTTP/1.1\r\nhost: x\r\nlink: <http://x>; rel=\"小\"\r\n\r\n",
        );
        // What is encoded already, and every other character that a target may have, stays.
        let plain = "\r\nGET /a?q=name==%22x%22;b~='[^a]{2}|c'&d=e+f HTTP/1.1\r\nhost: x\r\n\r\n";
        becomes(plain, plain);
        becomes(b"GET /?q=\x8d\xb2 HTTP/1.1\r\n\r\n", b"GET /?q=%8D%B2 HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn every_request_of_a_connection_is_read_and_no_body_is() {
        let get = "GET /?q=\"a\" HTTP/1.1\r\nupgrade-insecure-requests: 1\r\n\r\n";
        let body = "{\"a\": \"b\"}\n\nGET /\"\n\n";
        let length = body.len();
        let post = format!("POST /?q=\"a\" HTTP/1.1\r\nupgrade: h2c\r\ncontent-length: {length}\r\n\r\n");
        let chunked = "POST /?q=\"a\" HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        let chunks = format!("{length:X};\"x\"\r\n{body}\r\n0\r\nX: \"\r\n\r\n");
        let all = format!("{get}{post}{body}{get}{chunked}{chunks}{get}");
        let encoded = all.replace("/?q=\"a\"", "/?q=%22a%22");
        assert_eq!(becomes(all.repeat(3), encoded.repeat(3)), None);
        // Very many in one piece.
        let (shortest, encoded) = (
            "A /\" HTTP/1.1\r\n\r\n".repeat(5000),
            "A /%22 HTTP/1.1\r\n\r\n".repeat(5000),
        );
        assert_eq!(read_in(shortest.as_bytes(), 65_536).0, encoded.as_bytes());
    }

    #[test]
    fn a_request_that_is_none_is_replaced_and_is_the_last() {
        let good = "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n\n\n";
        let malformed = becomes(
            format!("{good}{good}GET / HTTP/1.1\r\nX-A: b\n\nGET /other HTTP/1.1\r\n\r\n"),
            format!("{good}{good}{}", String::from_utf8_lossy(INSTEAD)),
        );
        let line = Some(2);
        let fault = Fault::BareLineFeed;
        assert_eq!(malformed, Some((2, Malformed { fault, line })));
    }

    #[test]
    fn a_body_that_is_broken_ends_so_that_its_reader_knows() {
        let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        for (chunks, until) in [
            ("1\nx", "1"),
            ("0\r\nA: b\nC: d\r\n\r\n", "0\r\nA: b"),
            ("1\r\nabc", "1\r\na"),
        ] {
            let malformed = becomes(
                format!("{head}{chunks}GET / HTTP/1.1\r\n\r\n"),
                format!("{head}{until}\r\0"),
            );
            assert_eq!(malformed, None, "it is for the reader of the body to say");
        }
    }

    #[test]
    fn http_2_goes_through() {
        let bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\"<>\n\n";
        assert_eq!(becomes(bytes, bytes), None);
        let almost = becomes("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", INSTEAD);
        let (line, fault) = (Some(1), Fault::Version);
        assert_eq!(almost, Some((0, Malformed { fault, line })));
    }
}
