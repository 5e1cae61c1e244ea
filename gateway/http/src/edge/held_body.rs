//! A body that holds something until its last byte has left or is given up. Whoever sends it takes its pieces before it can
//! send them, so that what is held goes with each piece.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// A body, and what is let go with it. Its length is the body's, so that it is still told beforehand.
#[derive(Debug)]
pub struct HeldBody<T> {
    body: Body,
    held: Arc<T>,
}

/// A piece of a body that waits to be sent.
struct Piece<T> {
    bytes: Bytes,
    _held: Arc<T>,
}

impl<T> AsRef<[u8]> for Piece<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<T> HeldBody<T> {
    /// The body, with what is held until it is sent.
    pub fn new(body: Body, held: T) -> Self {
        Self {
            body,
            held: Arc::new(held),
        }
    }
}

impl<T: Send + Sync + 'static> HttpBody for HeldBody<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        polled.map(|frame| {
            frame.map(|frame| {
                frame.map(|frame| {
                    frame.map_data(|bytes| {
                        Bytes::from_owner(Piece {
                            bytes,
                            _held: Arc::clone(&self.held),
                        })
                    })
                })
            })
        })
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
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn what_is_held_goes_with_the_last_piece_that_waits_to_be_sent() {
        let held = Arc::new(());
        let mut body = HeldBody::new(Body::from("answer"), Arc::clone(&held));
        assert_eq!(body.size_hint().exact(), Some(6));
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(body.is_end_stream());
        drop(body);
        assert_eq!(&piece[..], b"answer");
        let part = piece.slice(4..);
        drop(piece);
        assert_eq!(Arc::strong_count(&held), 2, "a part of it is not sent");
        drop(part);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
