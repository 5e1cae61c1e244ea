//! The bytes of a connection of HTTP/1: what is handed on is one well-formed request after another for a strict reader and
//! for a lax one, and the same however the bytes arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The modules know nothing of the gateway, which would take minutes to build.
#[path = "../../gateway/server/src/bytes_of_heads.rs"]
mod bytes_of_heads;
#[path = "../../gateway/server/src/chunks.rs"]
mod chunks;
#[path = "../../gateway/server/src/malformed.rs"]
mod malformed;
#[path = "../../gateway/server/src/request_head.rs"]
mod request_head;
#[path = "../../gateway/server/src/request_target.rs"]
mod request_target;
#[path = "../../gateway/server/src/requests.rs"]
mod requests;

use request_head::HeadLimits;
use requests::Requests;

const LIMITS: HeadLimits = HeadLimits { bytes: 2000, fields: 10 };

/// What is handed on of bytes that arrive in these pieces, and whether the last request stands for a malformed one.
fn handed_on<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Option<(u64, malformed::Malformed)>) {
    let mut requests = Requests::new(LIMITS);
    let mut all = Vec::new();
    for piece in pieces {
        let mut instead = Vec::new();
        if requests.read(piece, &mut instead) {
            assert!(instead.is_empty());
            all.extend_from_slice(piece);
        } else {
            all.extend(instead);
        }
    }
    (all, requests.malformed())
}

/// The length of the body that follows a head, as the library reads it; `None`: it has not all arrived, or is broken.
fn body_length(head: &httparse::Request<'_, '_>, rest: &[u8]) -> Option<usize> {
    let values = |name: &str| {
        let fields = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| std::str::from_utf8(field.value).expect("ASCII").trim()).collect::<Vec<_>>()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Some(0),
        ([length], []) => usize::try_from(length.parse::<u64>().expect("a length")).ok(),
        ([], [coding]) => {
            assert!(coding.eq_ignore_ascii_case("chunked") && head.version == Some(1));
            let mut at = 0;
            loop {
                let chunk = rest.get(at..)?;
                let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(chunk) else {
                    return None;
                };
                at += line;
                if size == 0 {
                    break;
                }
                at = at.checked_add(usize::try_from(size).ok()?)?.checked_add(2)?;
                if rest.get(at - 2..at)? != b"\r\n" {
                    assert!(rest.ends_with(b"\r\0"), "a broken body that goes on");
                    return None;
                }
            }
            let mut fields = [httparse::EMPTY_HEADER; 500];
            match httparse::parse_headers(rest.get(at..)?, &mut fields) {
                Ok(httparse::Status::Complete((length, _))) => Some(at + length),
                _ => None,
            }
        }
        _ => panic!("a length and a coding, or two of one"),
    }
}

// Four bytes say how large the pieces are in which the others arrive.
fuzz_target!(|input: &[u8]| {
    let Some((sizes, bytes)) = input.split_at_checked(4) else { return };
    let (handed, malformed) = handed_on(std::iter::once(bytes));
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle().map(|size| usize::from(*size).max(1));
    let pieces = std::iter::from_fn(|| {
        let (piece, behind) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(handed_on(pieces), (handed.clone(), malformed));
    if handed.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
        return;
    }
    // One request after another, as the library finds them.
    let (mut rest, mut number) = (handed.as_slice(), 0);
    while !rest.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 20];
        let mut head = httparse::Request::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = head.parse(rest) else {
            panic!("a head that the library refuses: {:?}", String::from_utf8_lossy(rest));
        };
        assert!(head.path.is_some_and(|target| target.parse::<http::Uri>().is_ok() && !target.contains(['#', '"'])));
        let (text, behind) = rest.split_at(length);
        // Every line ends with CR LF, and neither stands alone.
        assert!(text.split(|byte| *byte == b'\n').rev().skip(1).all(|line| line.last() == Some(&b'\r')));
        assert_eq!(text.iter().filter(|byte| **byte == b'\r').count(), text.iter().filter(|byte| **byte == b'\n').count());
        number += 1;
        // The library reads no further, or would wait for more.
        let Some(body) = body_length(&head, behind) else { return };
        rest = behind.get(body..).unwrap_or_default();
    }
    if let Some((which, _)) = malformed {
        assert_eq!(which + 1, number, "the malformed one is the last");
        assert!(rest.is_empty());
    }
});
