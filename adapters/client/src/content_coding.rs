//! What arrives of a body, out of the content coding that it is in. The gateway asks no source for one, and some send one all the
//! same (RFC 9110 section 12.5.3 lets them). What comes out is bounded as every body is; what it was made of is as well, since
//! little of it may stand for much, and much of it for nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_compression::codecs::zstd::params::DParameter;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyDataStream;
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

/// Bytes that are decoded at once.
const PIECE: usize = 64 * 1024;

/// The largest window of zstd that is taken, as a power of two: 8 MiB, which every decoder should take and no encoder should go
/// beyond (RFC 8878 section 3.1.1.1.2). Those of the others are no larger than 16 MiB.
const WINDOW: u32 = 23;

/// A body whose head has arrived.
pub(super) struct Received<B> {
    body: B,
    coding: Named,
}

/// What a head says of the coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Nothing,
    Gzip,
    /// zlib, as HTTP means it (RFC 9110 section 8.4.1.2).
    Deflate,
    Brotli,
    Zstd,
    /// One that nobody knows, or several.
    Unknown,
}

/// Why a body breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.what())]
pub(super) enum Broken {
    /// It did not arrive whole.
    CutOff,
    /// It says to be what it is not.
    NotOfItsCoding,
    /// Nobody can read it.
    UnknownCoding,
    /// It is larger than it may be before it is decoded.
    TooLarge,
}

/// A body as it arrives.
pub(super) enum Arriving<B> {
    AsItIs(BodyDataStream<B>),
    Decoded(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

impl<B> Received<B>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
{
    /// The body of an answer with these headers.
    pub(super) fn new(body: B, headers: &HeaderMap) -> Self {
        let mut codings = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
        let coding = match (codings.next(), codings.next()) {
            (None, _) => Named::Nothing,
            (Some(coding), None) => Named::read(coding),
            (Some(_), Some(_)) => Named::Unknown,
        };
        Self { body, coding }
    }

    /// How many bytes will come, if that is known.
    pub(super) fn declared(&self) -> Option<usize> {
        let declared = self.body.size_hint().exact()?;
        (self.coding == Named::Nothing).then(|| usize::try_from(declared).unwrap_or(usize::MAX))
    }

    /// What comes out of it, of which no more than `most` bytes are read before it is decoded.
    pub(super) fn arriving(self, most: usize) -> Result<Arriving<B>, Broken> {
        let body = BodyDataStream::new(self.body);
        if self.coding == Named::Nothing {
            return Ok(Arriving::AsItIs(body));
        }
        let mut left = most;
        let counted = body.map(move |piece| {
            let piece = piece.map_err(|_| io::Error::other(Broken::CutOff))?;
            let rest = left.checked_sub(piece.len());
            left = rest.ok_or_else(|| io::Error::other(Broken::TooLarge))?;
            Ok::<Bytes, io::Error>(piece)
        });
        let coded = StreamReader::new(counted);
        Ok(match self.coding {
            Named::Gzip => {
                let mut decoder = GzipDecoder::new(coded);
                decoder.multiple_members(true);
                decoded(decoder)
            }
            Named::Deflate => decoded(ZlibDecoder::new(coded)),
            Named::Brotli => decoded(BrotliDecoder::new(coded)),
            Named::Zstd => {
                let mut decoder = ZstdDecoder::with_params(coded, &[DParameter::window_log_max(WINDOW)]);
                decoder.multiple_members(true);
                decoded(decoder)
            }
            Named::Nothing | Named::Unknown => return Err(Broken::UnknownCoding),
        })
    }
}

fn decoded<B>(decoder: impl AsyncRead + Send + 'static) -> Arriving<B> {
    Arriving::Decoded(Box::pin(ReaderStream::with_capacity(decoder, PIECE)))
}

impl Named {
    fn read(coding: &[u8]) -> Self {
        match coding.to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => Self::Gzip,
            b"deflate" => Self::Deflate,
            b"br" => Self::Brotli,
            b"zstd" => Self::Zstd,
            _ => Self::Unknown,
        }
    }
}

impl Broken {
    /// What is told of it. What the source calls the coding is its own text.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::CutOff => "the body is cut off",
            Self::NotOfItsCoding => "the body is not what its Content-Encoding says",
            Self::UnknownCoding => "its Content-Encoding is one that nobody asked for, and that is not known",
            Self::TooLarge => "the body is larger than the cap before it is decoded",
        }
    }

    /// What an error means that came out of a decoder.
    fn of(error: &io::Error) -> Self {
        let said = error.get_ref().and_then(|error| error.downcast_ref());
        match (said, error.kind()) {
            (Some(broken), _) => *broken,
            (None, io::ErrorKind::UnexpectedEof) => Self::CutOff,
            (None, _) => Self::NotOfItsCoding,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Stream for Arriving<B> {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::AsItIs(body) => body
                .poll_next_unpin(cx)
                .map(|piece| piece.map(|piece| piece.map_err(|_| Broken::CutOff))),
            Self::Decoded(body) => body
                .poll_next_unpin(cx)
                .map(|piece| piece.map(|piece| piece.map_err(|error| Broken::of(&error)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
    use http::HeaderValue;
    use http_body_util::{Full, StreamBody};
    use tokio::io::AsyncReadExt;

    use super::*;

    const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

    async fn coded(coding: &str, bytes: &[u8]) -> Vec<u8> {
        let mut encoder: Box<dyn AsyncRead + Unpin + '_> = match coding {
            "gzip" => Box::new(GzipEncoder::new(bytes)),
            "deflate" => Box::new(ZlibEncoder::new(bytes)),
            "br" => Box::new(BrotliEncoder::with_quality(bytes, async_compression::Level::Fastest)),
            _ => Box::new(ZstdEncoder::new(bytes)),
        };
        let mut coded = Vec::new();
        encoder.read_to_end(&mut coded).await.unwrap();
        coded
    }

    fn headers(codings: &[&'static str]) -> HeaderMap {
        let codings = codings.iter().map(|coding| HeaderValue::from_static(coding));
        codings.map(|coding| (header::CONTENT_ENCODING, coding)).collect()
    }

    /// What comes out of a body in pieces of this size: bytes, and how it ended.
    async fn read(codings: &[&'static str], body: &[u8], size: usize, most: usize) -> (Vec<u8>, Result<(), Broken>) {
        let pieces: Vec<_> = body
            .chunks(size)
            .map(|piece| Ok::<_, io::Error>(http_body::Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let body = StreamBody::new(futures::stream::iter(pieces));
        let mut arriving = match Received::new(body, &headers(codings)).arriving(most) {
            Ok(arriving) => arriving,
            Err(broken) => return (Vec::new(), Err(broken)),
        };
        let mut all = Vec::new();
        while let Some(piece) = arriving.next().await {
            match piece {
                Ok(piece) => {
                    assert!(piece.len() <= PIECE);
                    all.extend_from_slice(&piece);
                }
                Err(broken) => return (all, Err(broken)),
            }
        }
        (all, Ok(()))
    }

    #[tokio::test]
    async fn each_coding_is_undone() {
        let text = "佐野市".repeat(50_000).into_bytes();
        for coding in CODINGS {
            let body = coded(coding, &text).await;
            for size in [1, 7, 100_000] {
                assert_eq!(
                    read(&[coding], &body, size, usize::MAX).await,
                    (text.clone(), Ok(())),
                    "{coding}"
                );
            }
        }
        for none in [&[][..], &["identity"], &["", "Identity"]] {
            assert_eq!(read(none, &text, 1000, 0).await, (text.clone(), Ok(())));
        }
        let gzip = coded("gzip", &text).await;
        assert_eq!(read(&["X-GZip"], &gzip, 1000, usize::MAX).await, (text.clone(), Ok(())));
        let twice = [gzip.clone(), gzip].concat();
        assert_eq!(read(&["gzip"], &twice, 1000, usize::MAX).await.0.len(), 2 * text.len());
    }

    #[tokio::test]
    async fn what_is_cut_off_or_something_else_says_so() {
        let text: Vec<u8> = (0..20_000_u32)
            .flat_map(|number| (number * number).to_le_bytes())
            .collect();
        for coding in CODINGS {
            let body = coded(coding, &text).await;
            for end in [body.len() / 2, body.len() - 1] {
                let (read, ended) = read(&[coding], &body[..end], 1000, usize::MAX).await;
                // zlib's decoder does not tell one from the other.
                let expected = if coding == "deflate" {
                    Broken::NotOfItsCoding
                } else {
                    Broken::CutOff
                };
                assert_eq!(ended, Err(expected), "{coding} {end}");
                assert!(text.starts_with(&read));
            }
            let (_, ended) = read(
                &[coding],
                b"<html>no such coding, and longer than any head of one</html>",
                9,
                usize::MAX,
            )
            .await;
            assert_eq!(ended, Err(Broken::NotOfItsCoding), "{coding}");
            // What it is made of is bounded as well.
            let (_, ended) = read(&[coding], &body, 1000, body.len() - 1).await;
            assert_eq!(ended, Err(Broken::TooLarge), "{coding}");
        }
        for unknown in [&["compress"][..], &["gzip, br"], &["gzip", "gzip"], &["\"gzip\""]] {
            assert_eq!(
                read(unknown, &text, 1000, usize::MAX).await,
                (Vec::new(), Err(Broken::UnknownCoding))
            );
        }
    }

    #[tokio::test]
    async fn a_window_of_zstd_beyond_the_bound_is_not_made() {
        // A frame that says to need a window of 1 GiB, and one block of one byte again and again.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x23, 0x00, 0x00, b'a'];
        let (_, ended) = read(&["zstd"], &frame, 100, usize::MAX).await;
        assert_eq!(ended, Err(Broken::NotOfItsCoding));
    }

    #[test]
    fn only_what_comes_as_it_is_says_its_length() {
        let declared =
            |codings: &[&'static str]| Received::new(Full::new(Bytes::from("abc")), &headers(codings)).declared();
        assert_eq!(declared(&[]), Some(3));
        assert_eq!(declared(&["gzip"]), None);
    }
}
