//! The head of an HTTP/1 request, looked at strictly before the HTTP library reads it (RFC 9112 clauses 2 to 6). Whatever
//! passes here has one reading: where its lines end, where its body ends. It knows nothing of connections.

use std::ops::Range;

use super::bytes_of_heads::{ENCODED, HASH, ODD, SPACE, class, is_token};
use super::malformed::{Fault, Malformed};
use super::request_target::encode_into;

/// How large a head may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    /// In bytes.
    pub(super) bytes: usize,
    /// Field lines.
    pub(super) fields: usize,
}

/// A head that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Its bytes, with the empty line at its end.
    pub(super) length: usize,
    /// Where the target is.
    pub(super) target: Range<usize>,
    /// Whether the target has characters that must be percent-encoded.
    pub(super) must_encode: bool,
    /// What follows it.
    pub(super) body: BodyLength,
}

/// How much belongs to a request behind its head (RFC 9112 clause 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// So many bytes.
    Known(u64),
    /// Chunks, until one of them is the last.
    Chunked,
}

/// How far a head was read.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// Where the line begins that is being read.
    line: usize,
    /// Up to where its end was looked for.
    searched: usize,
    /// Lines that were read, the request line first.
    lines: usize,
    request_line: Option<RequestLine>,
    content_length: Option<u64>,
    chunked: bool,
}

#[derive(Debug, Clone)]
struct RequestLine {
    target: Range<usize>,
    must_encode: bool,
    is_http_11: bool,
}

// What a byte is, in the places of a head.

impl HeadReader {
    /// Reads on in a head, of which all bytes so far are given, and maybe more than it has. `None`: there must come more.
    ///
    /// # Errors
    /// [`Malformed`], the same however the bytes arrive.
    pub(super) fn read(&mut self, bytes: &[u8], limits: HeadLimits) -> Result<Option<Head>, Malformed> {
        if self.lines == 0 {
            self.check_first(bytes)?;
        }
        loop {
            let rest = bytes.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
                self.searched = bytes.len();
                break;
            };
            let end = self.searched + found;
            if end + 2 > limits.bytes {
                return Err(Fault::HeadTooLarge.into());
            }
            match (bytes.get(end), bytes.get(end + 1)) {
                (Some(b'\r'), Some(b'\n')) => {}
                (Some(b'\r'), Some(_)) => return Err(self.fault(Fault::BareCarriageReturn)),
                (Some(b'\r'), None) => {
                    self.searched = end;
                    break;
                }
                _ => return Err(self.fault(Fault::BareLineFeed)),
            }
            let begin = self.line;
            let line = bytes.get(begin..end).unwrap_or_default();
            (self.line, self.searched) = (end + 2, end + 2);
            match &self.request_line {
                // Empty lines before a request are skipped (RFC 9112 clause 2.2).
                None if line.is_empty() => self.check_first(bytes)?,
                None => self.request_line = Some(read_request_line(line, begin).map_err(|fault| self.fault(fault))?),
                Some(request_line) if line.is_empty() => {
                    let request_line = request_line.clone();
                    return self.end(bytes, request_line).map(Some);
                }
                Some(_) => {
                    self.read_field(line).map_err(|fault| self.fault(fault))?;
                    if self.lines > limits.fields {
                        return Err(Fault::TooManyFields.into());
                    }
                }
            }
            if self.request_line.is_some() {
                self.lines += 1;
            }
        }
        if bytes.len() >= limits.bytes {
            return Err(Fault::HeadTooLarge.into());
        }
        Ok(None)
    }

    /// Whether a method may begin as these bytes do: whoever speaks another protocol is told so at once.
    fn check_first(&self, bytes: &[u8]) -> Result<(), Malformed> {
        match bytes.get(self.line) {
            Some(first) if !is_token(*first) && !matches!(first, b'\r' | b'\n') => Err(self.fault(Fault::RequestLine)),
            _ => Ok(()),
        }
    }

    /// A fault in the line that is being read.
    fn fault(&self, fault: Fault) -> Malformed {
        let line = Some(self.lines + 1);
        Malformed { fault, line }
    }

    fn read_field(&mut self, line: &[u8]) -> Result<(), Fault> {
        let name = line.iter().position(|byte| !is_token(*byte)).unwrap_or(line.len());
        match line.get(name) {
            Some(b':') if name > 0 => {}
            Some(b' ' | b'\t') if name == 0 => return Err(Fault::FoldedLine),
            Some(b' ' | b'\t') => return Err(Fault::SpaceBeforeColon),
            _ => return Err(Fault::FieldName),
        }
        // Most fields have names of other lengths.
        if !matches!(name, 14 | 17) {
            return Ok(());
        }
        let (name, value) = line.split_at_checked(name).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or_default();
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.content_length.is_some() {
                return Err(Fault::SecondContentLength);
            }
            self.content_length = Some(length_in(value).ok_or(Fault::ContentLength)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !trim(value).eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::TransferCoding);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn end(&self, bytes: &[u8], request_line: RequestLine) -> Result<Head, Malformed> {
        let head = bytes.get(..self.line).unwrap_or_default();
        let holds_control = head.iter().fold(false, |found, byte| {
            let is_of_lines = matches!(byte, b'\t' | b'\r' | b'\n');
            found | ((*byte < b' ') & !is_of_lines) | (*byte == 0x7F)
        });
        if holds_control {
            return Err(Fault::ControlCharacter.into());
        }
        let body = match (self.content_length, self.chunked) {
            (Some(_), true) => return Err(Fault::LengthAndCoding.into()),
            (None, true) if !request_line.is_http_11 => return Err(Fault::CodingInHttp10.into()),
            (None, true) => BodyLength::Chunked,
            (length, false) => BodyLength::Known(length.unwrap_or(0)),
        };
        Ok(Head {
            length: self.line,
            target: request_line.target,
            must_encode: request_line.must_encode,
            body,
        })
    }
}

/// Takes a request line apart, which begins at `begin` of its head.
fn read_request_line(line: &[u8], begin: usize) -> Result<RequestLine, Fault> {
    let method = line.iter().position(|byte| !is_token(*byte)).unwrap_or(line.len());
    let rest = match line.get(method) {
        Some(b' ') if method > 0 => line.get(method + 1..).unwrap_or_default(),
        _ => return Err(Fault::RequestLine),
    };
    let (target, is_http_11) = match (rest.strip_suffix(b" HTTP/1.1"), rest.strip_suffix(b" HTTP/1.0")) {
        (Some(target), _) => (target, true),
        (None, Some(target)) => (target, false),
        (None, None) => {
            let last = rest.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            let has_version = last.len() < rest.len() && last.starts_with(b"HTTP/");
            return Err(if has_version {
                Fault::Version
            } else {
                Fault::RequestLine
            });
        }
    };
    let classes = target.iter().fold(0, |classes, byte| classes | class(*byte));
    if target.is_empty() {
        return Err(Fault::RequestLine);
    }
    if classes & SPACE != 0 {
        return Err(Fault::SpaceInTarget);
    }
    if classes & HASH != 0 {
        return Err(Fault::Fragment);
    }
    // What every library takes, and nearly all targets are, needs no second reading.
    let is_plain = target.starts_with(b"/") && classes & ODD == 0;
    if !is_plain && !is_uri(target) {
        return Err(Fault::Target);
    }
    let begin = begin + method + 1;
    Ok(RequestLine {
        target: begin..begin + target.len(),
        must_encode: classes & ENCODED != 0,
        is_http_11,
    })
}

/// Whether the HTTP library takes this target, once it is encoded.
fn is_uri(target: &[u8]) -> bool {
    let mut encoded = Vec::new();
    encode_into(target, 0..target.len(), &mut encoded);
    http::Uri::try_from(encoded).is_ok()
}

/// The value of `Content-Length`: digits, and nothing that one reader takes for a number and another does not.
fn length_in(value: &[u8]) -> Option<u64> {
    let digits = trim(value);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    u64::try_from(length).ok()
}

/// Without the white space that may stand around a value (RFC 9110 clause 5.5).
fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let begin = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|byte| !is_space(byte))
        .map_or(begin, |last| last + 1);
    value.get(begin..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 400, fields: 3 };

    /// What a head is, which must be the same however it arrives.
    #[track_caller]
    fn read(head: &[u8]) -> Result<Option<Head>, Malformed> {
        let whole = HeadReader::default().read(head, LIMITS);
        for size in [1, 2, 3, 7, 50] {
            let mut reader = HeadReader::default();
            let mut end = 0;
            let piecewise = loop {
                end = (end + size).min(head.len());
                let read = reader.read(&head[..end], LIMITS);
                if end == head.len() || !matches!(read, Ok(None)) {
                    break read;
                }
            };
            assert_eq!(
                piecewise,
                whole,
                "in pieces of {size}: {:?}",
                String::from_utf8_lossy(head)
            );
        }
        whole
    }

    #[test]
    fn what_follows_a_head_is_what_it_says() {
        for (fields, body) in [
            ("", BodyLength::Known(0)),
            ("content-length: 0\r\n", BodyLength::Known(0)),
            ("Content-LENGTH:\t 007 \r\n", BodyLength::Known(7)),
            (
                "content-length: 9223372036854775807\r\n",
                BodyLength::Known(i64::MAX as u64),
            ),
            ("Transfer-Encoding: Chunked\r\n", BodyLength::Chunked),
            ("x-content-length: 7\r\ncontent-lengths: 8\r\n", BodyLength::Known(0)),
        ] {
            let text = format!("\r\nPOST /a?b HTTP/1.1\r\nhost: x\r\n{fields}\r\nGET / HTTP/1.1\r\n");
            let head = read(text.as_bytes()).unwrap().unwrap();
            assert_eq!(head.body, body, "{fields}");
            let bytes = text.as_bytes();
            assert_eq!((&bytes[head.target], head.must_encode), (&b"/a?b"[..], false));
            assert!(bytes[head.length..].starts_with(b"GET"), "{fields}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let fields = |fields: &str| format!("GET / HTTP/1.1\r\nhost: x\r\n{fields}\r\n");
        for (head, fault, line) in [
            (
                "GET / HTTP/1.1\nhost: x\r\n\r\n".to_owned(),
                Fault::BareLineFeed,
                Some(1),
            ),
            ("GET / HTTP/1.1\r\n\n".to_owned(), Fault::BareLineFeed, Some(2)),
            ("\nGET / HTTP/1.1\r\n\r\n".to_owned(), Fault::BareLineFeed, Some(1)),
            (
                fields("x-a: b\n\nGET /b HTTP/1.1\r\nhost: x\r\n"),
                Fault::BareLineFeed,
                Some(3),
            ),
            (fields("x-a: b\rc\r\n"), Fault::BareCarriageReturn, Some(3)),
            (fields("x-a: b\r\r\n"), Fault::BareCarriageReturn, Some(3)),
            (fields("x-a: b\0c\r\n"), Fault::ControlCharacter, None),
            (fields("x-a: \u{7f}\r\n"), Fault::ControlCharacter, None),
            (fields("x-a: b\r\n c\r\n"), Fault::FoldedLine, Some(4)),
            (
                "GET / HTTP/1.1\r\n\thost: x\r\n\r\n".to_owned(),
                Fault::FoldedLine,
                Some(2),
            ),
            (fields("x-a : b\r\n"), Fault::SpaceBeforeColon, Some(3)),
            (fields("x-a\t: b\r\n"), Fault::SpaceBeforeColon, Some(3)),
            (fields(": b\r\n"), Fault::FieldName, Some(3)),
            (fields("x-a\r\n"), Fault::FieldName, Some(3)),
            (fields("x(a: b\r\n"), Fault::FieldName, Some(3)),
            (fields("橋: b\r\n"), Fault::FieldName, Some(3)),
            (fields("content-length: +1\r\n"), Fault::ContentLength, Some(3)),
            (fields("content-length: 1, 1\r\n"), Fault::ContentLength, Some(3)),
            (fields("content-length: 0x1\r\n"), Fault::ContentLength, Some(3)),
            (fields("content-length:\r\n"), Fault::ContentLength, Some(3)),
            (
                fields("content-length: 9223372036854775808\r\n"),
                Fault::ContentLength,
                Some(3),
            ),
            (
                fields("content-length: 1\r\ncontent-length: 1\r\n"),
                Fault::SecondContentLength,
                Some(4),
            ),
            (
                fields("transfer-encoding: gzip, chunked\r\n"),
                Fault::TransferCoding,
                Some(3),
            ),
            (
                fields("transfer-encoding: chunked, chunked\r\n"),
                Fault::TransferCoding,
                Some(3),
            ),
            (
                fields("transfer-encoding: xchunked\r\n"),
                Fault::TransferCoding,
                Some(3),
            ),
            (
                fields("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
                Fault::TransferCoding,
                Some(4),
            ),
            (
                fields("transfer-encoding: chunked\r\ncontent-length: 1\r\n"),
                Fault::LengthAndCoding,
                None,
            ),
            (
                "GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
                Fault::CodingInHttp10,
                None,
            ),
            ("GET /\r\n\r\n".to_owned(), Fault::RequestLine, Some(1)),
            ("GET HTTP/1.1\r\n\r\n".to_owned(), Fault::RequestLine, Some(1)),
            ("GET  HTTP/1.1\r\n\r\n".to_owned(), Fault::RequestLine, Some(1)),
            (" GET / HTTP/1.1\r\n\r\n".to_owned(), Fault::RequestLine, Some(1)),
            ("G(T / HTTP/1.1\r\n\r\n".to_owned(), Fault::RequestLine, Some(1)),
            ("\u{16}\u{3}\u{1}".to_owned(), Fault::RequestLine, Some(1)),
            ("GET / HTTP/1.2\r\n\r\n".to_owned(), Fault::Version, Some(1)),
            ("GET / HTTP/2.0\r\n\r\n".to_owned(), Fault::Version, Some(1)),
            ("GET / http/1.1\r\n\r\n".to_owned(), Fault::RequestLine, Some(1)),
            ("GET /  HTTP/1.1\r\n\r\n".to_owned(), Fault::SpaceInTarget, Some(1)),
            ("GET /?q=a b HTTP/1.1\r\n\r\n".to_owned(), Fault::SpaceInTarget, Some(1)),
            ("GET /\ta HTTP/1.1\r\n\r\n".to_owned(), Fault::SpaceInTarget, Some(1)),
            (
                "GET /?scopeQ=/A/# HTTP/1.1\r\n\r\n".to_owned(),
                Fault::Fragment,
                Some(1),
            ),
            ("GET http://[ HTTP/1.1\r\n\r\n".to_owned(), Fault::Target, Some(1)),
            ("GET ?a HTTP/1.1\r\n\r\n".to_owned(), Fault::Target, Some(1)),
            ("GET \" HTTP/1.1\r\n\r\n".to_owned(), Fault::Target, Some(1)),
            (fields("a: b\r\nc: d\r\ne: f\r\n"), Fault::TooManyFields, None),
            (
                fields(&format!("a: {}\r\n", "b".repeat(400))),
                Fault::HeadTooLarge,
                None,
            ),
            (format!("GET /{}", "b".repeat(400)), Fault::HeadTooLarge, None),
            ("\r\n".repeat(201), Fault::HeadTooLarge, None),
        ] {
            assert_eq!(read(head.as_bytes()), Err(Malformed { fault, line }), "{head:?}");
        }
    }

    #[test]
    fn a_head_may_be_as_large_as_it_may_be() {
        let head = |filler: usize| format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(filler));
        let fits = LIMITS.bytes - head(0).len();
        assert_eq!(read(head(fits).as_bytes()).unwrap().unwrap().length, LIMITS.bytes);
        assert_eq!(read(head(fits + 1).as_bytes()), Err(Fault::HeadTooLarge.into()));
    }
}
