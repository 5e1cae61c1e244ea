//! Requests as people paste them: `?q=name=="佐野小学校"`, with its quotation marks as they are.
//!
//! A URI has no `"`, `<` or `>` and no byte above ASCII (RFC 3986 clause 2), and hyper ends a request whose target has
//! one of the first three, or bytes that are not UTF-8, with an empty 400. Yet the query language of clause 4.9 is made
//! of them, tutorials of NGSI write them, curl sends them as they are written, and other brokers take them. So they are
//! percent-encoded on their way to hyper, which changes nothing that a request means.
//!
//! That is done in request lines of HTTP/1 only, and only where one begins for certain: from a request on that has a
//! body, every byte of its connection goes through as it is, so that nobody can make two readers disagree about where a
//! request ends. HTTP/2 sends a target in a form of its own, and stays as strict as its library.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest name of a field that matters here is `transfer-encoding`; one byte more shows that it ends there.
const LINE_START: usize = 18;

/// A connection, read with the request targets percent-encoded that hyper would refuse.
#[derive(Debug)]
pub(super) struct EncodedTargets<Io> {
    io: Io,
    reading: Reading,
    /// What was read and has become too long for the buffer that it was read into.
    ahead: Vec<u8>,
    /// How much of it has been handed over.
    handed: usize,
}

/// Where in a request the bytes are that come next.
#[derive(Debug, Default)]
struct Reading {
    place: Place,
    /// How the line begins that is being read, as far as that matters.
    line: SmallVec<[u8; LINE_START]>,
    has_body: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the target of a request line: in the method, or before it.
    #[default]
    Method,
    /// In a request line, behind the method.
    Target,
    /// In the field lines.
    Fields,
    /// Where nothing is known for certain any more.
    Unknown,
}

// === impl Reading ===

impl Reading {
    /// Reads on, and finds the parts of these bytes that lie in request lines behind the method.
    fn targets_in(&mut self, bytes: &[u8]) -> SmallVec<[Range<usize>; 2]> {
        let mut targets = SmallVec::new();
        let mut at = 0;
        while at < bytes.len() && self.place != Place::Unknown {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest);
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let missing = LINE_START - self.line.len();
            self.line.extend_from_slice(line.get(..missing).unwrap_or(line));
            if let Some(target) = self.target_in(line) {
                targets.push(at + target..at + line.len());
            }
            if end.is_some() {
                self.end_line();
            }
            at += line.len() + 1;
        }
        targets
    }

    /// Where in this piece of a line the target begins, or goes on.
    fn target_in(&mut self, line: &[u8]) -> Option<usize> {
        match self.place {
            Place::Method => {
                let space = memchr::memchr(b' ', line)?;
                self.place = Place::Target;
                Some(space)
            }
            Place::Target => Some(0),
            Place::Fields | Place::Unknown => None,
        }
    }

    fn end_line(&mut self) {
        let is_blank = self.line.iter().all(|byte| *byte == b'\r');
        self.place = match self.place {
            // Blank lines before a request are skipped (RFC 9112 clause 2.2).
            Place::Method if is_blank => Place::Method,
            // The preface of HTTP/2 (RFC 9113 clause 3.4), or no HTTP at all.
            Place::Target if self.line.starts_with(b"PRI ") => Place::Unknown,
            Place::Method | Place::Unknown => Place::Unknown,
            Place::Target => Place::Fields,
            Place::Fields if !is_blank => {
                self.has_body |= announces_more(&self.line);
                Place::Fields
            }
            Place::Fields if self.has_body => Place::Unknown,
            Place::Fields => Place::Method,
        };
        self.line.clear();
    }
}

/// Whether something other than a request may follow the head in which this field line stands.
fn announces_more(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
    [&b"content-length"[..], b"transfer-encoding", b"upgrade"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a byte cannot stand in the target of a request.
fn is_encoded(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>') || !byte.is_ascii()
}

/// Appends bytes, percent-encoded where they lie in a target and must be. The targets are in order: each byte is looked at
/// once, however many requests were sent together.
fn encode_into(bytes: &[u8], targets: &[Range<usize>], encoded: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    let mut plain_from = 0;
    for target in targets {
        encoded.extend_from_slice(bytes.get(plain_from..target.start).unwrap_or_default());
        for byte in bytes.get(target.clone()).unwrap_or_default() {
            if is_encoded(*byte) {
                encoded.extend([b'%', digit(byte >> 4), digit(byte & 0xF)]);
            } else {
                encoded.push(*byte);
            }
        }
        plain_from = target.end;
    }
    encoded.extend_from_slice(bytes.get(plain_from..).unwrap_or_default());
}

// === impl EncodedTargets ===

impl<Io> EncodedTargets<Io> {
    pub(super) fn new(io: Io) -> Self {
        Self {
            io,
            reading: Reading::default(),
            ahead: Vec::new(),
            handed: 0,
        }
    }

    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = self.ahead.get(self.handed..).unwrap_or_default();
        let fits = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(fits);
        self.handed += fits.len();
        if self.handed >= self.ahead.len() {
            self.ahead = Vec::new();
            self.handed = 0;
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for EncodedTargets<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.ahead.is_empty() {
            this.hand_over(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        if this.reading.place == Place::Unknown {
            return Poll::Ready(Ok(()));
        }
        let read = buffer.filled().get(before..).unwrap_or_default();
        let targets = this.reading.targets_in(read);
        let must_encode = |target: &Range<usize>| {
            let target = read.get(target.clone()).unwrap_or_default();
            memchr::memchr3(b'"', b'<', b'>', target).is_some() || !target.is_ascii()
        };
        if targets.iter().any(must_encode) {
            encode_into(read, &targets, &mut this.ahead);
            buffer.set_filled(before);
            this.hand_over(buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for EncodedTargets<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Hands out these pieces, one for each read.
    struct Pieces(std::collections::VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if let Some(mut piece) = self.0.pop_front() {
                let rest = piece.split_off(piece.len().min(buffer.remaining()));
                buffer.put_slice(&piece);
                if !rest.is_empty() {
                    self.0.push_front(rest);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    /// What is read of bytes that arrive in pieces of this size, into a buffer of that one.
    fn read_in(bytes: &[u8], pieces: usize, buffer: usize) -> Vec<u8> {
        let pieces = bytes.chunks(pieces).map(<[u8]>::to_vec).collect();
        let mut io = EncodedTargets::new(Pieces(pieces));
        let mut all = Vec::new();
        let mut buffer = vec![0; buffer];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            loop {
                match io.read(&mut buffer).await.unwrap() {
                    0 => break,
                    read => all.extend_from_slice(&buffer[..read]),
                }
            }
        });
        all
    }

    #[track_caller]
    fn becomes(bytes: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) {
        let (bytes, expected) = (bytes.as_ref(), expected.as_ref());
        for (pieces, buffer) in [(1000, 1000), (1, 1000), (7, 5), (1000, 3), (2, 1)] {
            let read = read_in(bytes, pieces, buffer);
            assert_eq!(
                String::from_utf8_lossy(&read),
                String::from_utf8_lossy(expected),
                "in pieces of {pieces}, buffers of {buffer}"
            );
        }
    }

    #[test]
    fn a_target_is_encoded_and_nothing_else_is() {
        becomes(
            "GET /entities?q=name==\"小\";a<5;b>6 HTTP/1.1\r\nhost: x\r\nlink: <http://x>; rel=\"小\"\r\n\r\n",
            "GET /entities?q=name==%22%E5%B0%8F%22;a%3C5;b%3E6 HTTP/1.1\r\nhost: x\r\nlink: <http://x>; rel=\"小\"\r\n\r\n",
        );
        // What is encoded already, and every other character that a target may have, stays.
        let plain = "\r\nGET /a?q=name==%22x%22;b~='[^a]{2}|c'&d=e+f HTTP/1.1\nhost: x\n\n";
        becomes(plain, plain);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_encoded_too() {
        becomes(b"GET /?q=\x8d\xb2 HTTP/1.1\r\n\r\n", b"GET /?q=%8D%B2 HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn every_request_of_a_connection_is_read() {
        let requests = "GET /?q=\"a\" HTTP/1.1\r\nupgrade-insecure-requests: 1\r\n\r\n";
        let encoded = requests.replace('"', "%22");
        becomes(requests.repeat(3), encoded.repeat(3));
        // Even such as are none, and very many in one piece.
        let (shortest, encoded) = ("A \"\n\n".repeat(13_000), "A %22\n\n".repeat(13_000));
        assert_eq!(read_in(shortest.as_bytes(), 65_536, 65_536), encoded.as_bytes());
    }

    #[test]
    fn from_a_body_on_everything_goes_through() {
        for field in ["Content-Length: 13", "transfer-encoding:chunked", "UPGRADE : h2c"] {
            let first = format!("POST /?q=\"a\" HTTP/1.1\r\n{field}\r\n\r\n");
            let then = "{\"a\": \"b\"}\r\n\r\nGET /?q=\"a\" HTTP/1.1\r\n\r\n";
            becomes(
                format!("{first}{then}"),
                format!("{}{then}", first.replace("\"a\"", "%22a%22")),
            );
        }
    }

    #[test]
    fn what_is_not_http_1_goes_through() {
        for bytes in [
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\"<>",
            "nonsense\r\n\"a\" \"b\"\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            becomes(bytes, bytes);
        }
    }

    proptest! {
        #[test]
        fn only_request_lines_change(
            head in "[A-Z]{1,8} /[ -~小<>\"]{0,40}",
            fields in prop::collection::vec("[a-z-]{1,20}: [ -~小\"]{0,20}", 0..6),
            pieces in 1_usize..50,
            buffer in 1_usize..50,
        ) {
            let rest: String = fields.iter().map(|field| format!("\r\n{field}")).collect();
            let bytes = format!("{head}{rest}\r\n\r\n");
            let expected: String = head.chars().map(|character| match character {
                '"' => "%22".to_owned(),
                '<' => "%3C".to_owned(),
                '>' => "%3E".to_owned(),
                '小' => "%E5%B0%8F".to_owned(),
                other => other.to_string(),
            }).collect();
            let read = read_in(bytes.as_bytes(), pieces, buffer);
            prop_assert_eq!(String::from_utf8(read).unwrap(), format!("{expected}{rest}\r\n\r\n"));
        }
    }
}
