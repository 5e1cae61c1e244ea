//! Content codings of answers (RFC 9110 section 8.4.1): gzip, br and zstd for whom asks for one, at the fastest level of each. Who
//! asks for none passes none of this. A list that is sent while it is written is coded as it is written: what was written
//! leaves although more is awaited.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kakehashi_resources::Resources;
use tower::Service;
use tower_http::CompressionLevel;
use tower_http::compression::{Compression, CompressionBody, Predicate};

use super::held_body::HeldBody;

/// Shorter answers, in bytes, are sent as they are: they fit into one or two packets either way, and it would take longer to code
/// them than to send them.
const SMALLEST: u64 = 2 * 1024;

/// What coding an answer takes of memory, in bytes, until its last byte has left: the window and the tables of zstd's level 1,
/// which has the most of the three.
const CODING: usize = 1536 * 1024;

/// So much of an answer is coded at once, in bytes: brotli takes twice as much memory as it is given.
const GIVEN_AT_ONCE: usize = 64 * 1024;

/// Pieces of a coded body, of 4 KiB each, after which others have their turn on the thread of the connection.
const PIECES_IN_A_ROW: u8 = 4;

/// The codings that an answer may have.
#[derive(Debug)]
pub(super) struct Accepted(Vec<HeaderValue>);

/// An answer that is there already, as the library takes it.
#[derive(Debug)]
struct Answered(Option<Response>);

/// What is given to the library was looked at here.
#[derive(Debug, Clone, Copy)]
struct Always;

impl Accepted {
    /// Those of a request; `None`: it is to be sent as it is.
    pub(super) fn by(request: &Request) -> Option<Self> {
        let fields = request.headers().get_all(header::ACCEPT_ENCODING);
        let is_nothing = |field: &HeaderValue| {
            let field = field.as_bytes().trim_ascii();
            field.is_empty() || field.eq_ignore_ascii_case(b"identity")
        };
        if fields.iter().all(is_nothing) {
            return None;
        }
        Some(Self(fields.iter().cloned().collect()))
    }

    /// The answer in the coding that is liked best, where it is worth it and there is room for it.
    pub(super) async fn code(self, response: Response, resources: &Resources) -> Response {
        if !is_worth_it(&response) {
            return response;
        }
        let Ok(held) = resources.hold(CODING) else {
            return response;
        };
        let status = response.status();
        let mut accepting = http::Request::new(());
        for field in self.0 {
            accepting.headers_mut().append(header::ACCEPT_ENCODING, field);
        }
        let in_pieces = |body| {
            let rest = Bytes::new();
            Body::new(InPieces { body, rest })
        };
        let coding = Compression::new(Answered(Some(response.map(in_pieces))));
        let mut coding = coding.quality(CompressionLevel::Fastest).compress_when(Always);
        let Ok(response) = coding.call(accepting).await;
        if !response.headers().contains_key(header::CONTENT_ENCODING) {
            // None of the three is asked for. That it must not be sent as it is either is asked in vain (RFC 9110 section 12.5.3).
            let mut response = response.map(CompressionBody::into_inner);
            *response.status_mut() = status;
            return response;
        }
        let coded = response.map(|body| Coded { body, pieces: 0 });
        coded.map(|body| Body::new(HeldBody::new(Body::new(body), held)))
    }
}

/// Whether it gets smaller: most bodies are JSON, and those of problems are short.
fn is_worth_it(response: &Response) -> bool {
    let hint = HttpBody::size_hint(response.body());
    let is_small = hint.exact().is_some_and(|length| length < SMALLEST);
    let has_no_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
    !is_small && !has_no_body && !response.headers().contains_key(header::CONTENT_ENCODING)
}

impl Service<http::Request<()>> for Answered {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        // It is asked once.
        ready(Ok(self.0.take().unwrap_or_default()))
    }
}

impl Predicate for Always {
    fn should_compress<B: HttpBody>(&self, _: &http::Response<B>) -> bool {
        true
    }
}

/// A body that is given on in pieces.
struct InPieces {
    body: Body,
    /// What was not given on yet.
    rest: Bytes,
}

impl HttpBody for InPieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(GIVEN_AT_ONCE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// A coded body, which lets others have their turn: coding what is here already would keep the thread of its connection for
/// as long as its reader takes it.
struct Coded {
    body: CompressionBody<Body>,
    pieces: u8,
}

impl HttpBody for Coded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.pieces >= PIECES_IN_A_ROW {
            self.pieces = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.pieces = if polled.is_pending() { 0 } else { self.pieces + 1 };
        polled.map_err(axum::Error::new)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures::StreamExt;
    use http_body_util::BodyExt;
    use tokio::io::AsyncReadExt;

    use super::*;

    fn accepted(fields: &[&'static str]) -> Option<Accepted> {
        let mut request = Request::default();
        for field in fields {
            let field = HeaderValue::from_static(field);
            request.headers_mut().append(header::ACCEPT_ENCODING, field);
        }
        Accepted::by(&request)
    }

    async fn coded(fields: &[&'static str], body: Body) -> Response {
        let resources = Resources::uncounted(Instant::now());
        let accepted = accepted(fields).expect("a coding is asked for");
        accepted.code(Response::new(body), &resources).await
    }

    async fn coding(fields: &[&'static str], length: usize) -> Option<String> {
        let response = coded(fields, Body::from(vec![b' '; length])).await;
        assert_eq!(response.status(), 200);
        let coding = response.headers().get(header::CONTENT_ENCODING);
        coding.map(|coding| coding.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn the_coding_is_the_one_that_is_liked_best() {
        assert!(accepted(&[]).is_none());
        assert!(accepted(&["identity"]).is_none());
        assert!(accepted(&[" Identity ", ""]).is_none());
        for (fields, expected) in [
            (&["gzip"][..], Some("gzip")),
            (&["br"], Some("br")),
            (&["gzip, deflate, br, zstd"], Some("zstd")),
            (&["gzip;q=1.0, br;q=0.5"], Some("gzip")),
            (&["deflate", "GZIP"], Some("gzip")),
            (&["*"], Some("zstd")),
            (&["deflate"], None),
            (&["compress, identity;q=0"], None),
            (&["gzip;q=0"], None),
            (&["identity, gzip;q=0.5"], None),
            (&["nonsense;;;q=x"], None),
        ] {
            assert_eq!(coding(fields, 5000).await.as_deref(), expected, "{fields:?}");
        }
        assert_eq!(coding(&["gzip"], SMALLEST as usize - 1).await, None);
        assert!(coding(&["gzip"], SMALLEST as usize).await.is_some());
    }

    /// What can be read so far of a coded body.
    async fn decoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
        use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
        let mut decoder: Box<dyn tokio::io::AsyncRead + Unpin + '_> = match coding {
            "gzip" => Box::new(GzipDecoder::new(bytes)),
            "br" => Box::new(BrotliDecoder::new(bytes)),
            _ => Box::new(ZstdDecoder::new(bytes)),
        };
        let mut read = Vec::new();
        // It is not the end yet, of which the decoder complains.
        let mut piece = [0; 1024];
        while let Ok(length @ 1..) = decoder.read(&mut piece).await {
            read.extend_from_slice(&piece[..length]);
        }
        read
    }

    #[tokio::test]
    async fn what_was_written_leaves_before_the_rest_is_known() {
        for coding in ["gzip", "br", "zstd"] {
            let (sender, receiver) = futures::channel::mpsc::unbounded::<Bytes>();
            let body = Body::from_stream(receiver.map(Ok::<_, Infallible>));
            let mut response = coded(&[coding], body).await;
            let mut sent = Vec::new();
            let mut written = Vec::new();
            for number in 0..5 {
                let entity = format!("{{\"id\":\"urn:ngsi-ld:AED:{number}\"}},");
                written.extend_from_slice(entity.as_bytes());
                sender.unbounded_send(entity.into()).unwrap();
                // Nothing else is sent before this one has arrived.
                while decoded(coding, &sent).await != written {
                    let piece = response.body_mut().frame().await.unwrap().unwrap();
                    sent.extend_from_slice(piece.data_ref().unwrap());
                }
            }
            drop(sender);
            sent.extend_from_slice(&response.into_body().collect().await.unwrap().to_bytes());
            assert_eq!(decoded(coding, &sent).await, written, "{coding}");
        }
    }

    #[tokio::test]
    async fn a_large_body_is_coded_piece_by_piece() {
        let text = "佐野市".repeat(100_000);
        for coding in ["gzip", "br", "zstd"] {
            let response = coded(&[coding], Body::from(text.clone())).await;
            let sent = response.into_body().collect().await.unwrap().to_bytes();
            assert!(sent.len() < text.len() / 50, "{coding}: {}", sent.len());
            assert_eq!(decoded(coding, &sent).await, text.as_bytes(), "{coding}");
        }
        let mut pieces = InPieces {
            body: Body::from(text.clone()),
            rest: Bytes::new(),
        };
        let mut left = text.len();
        while let Some(piece) = pieces.frame().await {
            assert_eq!(
                pieces.size_hint().exact(),
                Some((left - left.min(GIVEN_AT_ONCE)) as u64)
            );
            left -= piece.unwrap().data_ref().unwrap().len().min(GIVEN_AT_ONCE);
        }
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn without_room_for_it_an_answer_is_sent_as_it_is() {
        // One request may hold a quarter of it.
        let bounds = kakehashi_runtime::admission::bounds(4 * (CODING - 1));
        let process = kakehashi_resources::Process::start(bounds).unwrap();
        let resources = process.beside(&process.caller(1), Instant::now());
        let response = Response::new(Body::from(vec![b' '; 5000]));
        let response = accepted(&["gzip"]).unwrap().code(response, &resources).await;
        assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        assert_eq!(HttpBody::size_hint(response.body()).exact(), Some(5000));
    }
}
