//! Bodies of requests that are packed (`Content-Encoding: gzip`, RFC 9110 section 8.4): unpacked within the bound of every body, a
//! little at a time, so that one of a few bytes that stands for a gigabyte costs as much as one that is just too large.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use kakehashi_resources::{Exhausted, Held, pause};

use crate::problem::{ErrorType, Problem};

/// So much of what is packed is unpacked before others have their turn: at most some megabytes come of it, of which no more than
/// a body may have is kept or waited for.
const PART: usize = 4 * 1024;

/// What was unpacked so far, which is no more than it may be.
struct Unpacked {
    bytes: Vec<u8>,
    limit: usize,
    held: Held,
    ended: Option<Ended>,
}

/// Why no more is taken.
enum Ended {
    TooLarge,
    Exhausted(Exhausted),
}

/// Unpacks a body, counted in `held`.
pub(super) async fn unpacked(packed: Bytes, limit: usize, held: Held) -> Result<(Vec<u8>, Held), Problem> {
    let mut decoder = MultiGzDecoder::new(Unpacked {
        bytes: Vec::new(),
        limit,
        held,
        ended: None,
    });
    let mut outcome = Ok(());
    for part in packed.chunks(PART) {
        outcome = decoder.write_all(part);
        if outcome.is_err() {
            break;
        }
        pause().await;
    }
    let outcome = outcome.and_then(|()| decoder.try_finish());
    match (&decoder.get_ref().ended, outcome) {
        (Some(Ended::TooLarge), _) => {
            let detail = format!("the body is larger than {limit} bytes when it is unpacked; send it in parts");
            Err(Problem::new(ErrorType::ContentTooLarge, detail))
        }
        (Some(Ended::Exhausted(exhausted)), _) => Err((*exhausted).into()),
        (None, Err(_)) => Err(not_gzip()),
        (None, Ok(())) => decoder
            .finish()
            .map_err(|_| not_gzip())
            .map(|all| (all.bytes, all.held)),
    }
}

fn not_gzip() -> Problem {
    let detail = "the body is not gzip, as `Content-Encoding` says, or breaks off";
    Problem::new(ErrorType::InvalidRequest, detail)
}

impl Write for Unpacked {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.ended.is_none() && self.bytes.len().saturating_add(piece.len()) > self.limit {
            self.ended = Some(Ended::TooLarge);
        }
        if self.ended.is_none()
            && let Err(exhausted) = self.held.grow(piece.len())
        {
            self.ended = Some(Ended::Exhausted(exhausted));
        }
        if self.ended.is_some() {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use kakehashi_resources::Resources;

    use super::*;

    const LIMIT: usize = 100_000;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn unpack(packed: Vec<u8>) -> Result<Vec<u8>, u16> {
        let held = Resources::uncounted(Instant::now()).held();
        let unpacked = unpacked(packed.into(), LIMIT, held).await;
        unpacked
            .map(|(bytes, _)| bytes)
            .map_err(|problem| problem.error_type.status().as_u16())
    }

    #[tokio::test]
    async fn it_is_what_was_packed_whole_and_no_larger_than_it_may_be() {
        for length in [0, 1, 5000, LIMIT] {
            let bytes: Vec<u8> = (0..length).map(|place| (place * place) as u8).collect();
            let packed = gzip(&bytes);
            assert_eq!(unpack(packed.clone()).await, Ok(bytes.clone()));
            // In two members, as gzip allows it (RFC 1952 section 2.2).
            let (first, second) = bytes.split_at(length / 2);
            assert_eq!(unpack([gzip(first), gzip(second)].concat()).await, Ok(bytes));
            for end in [0, 1, 9, packed.len() / 2, packed.len() - 1] {
                assert_eq!(unpack(packed[..end].to_vec()).await, Err(400), "{end} of {length}");
            }
            assert_eq!(unpack([packed, b"more".to_vec()].concat()).await, Err(400));
        }
        assert_eq!(unpack(gzip(&vec![0; LIMIT + 1])).await, Err(413));
        assert_eq!(unpack(b"{\"id\":1}".to_vec()).await, Err(400));
    }

    #[tokio::test]
    async fn a_bomb_costs_what_a_body_may_cost() {
        // Each of its members is small; together they are gigabytes.
        let member = gzip(&vec![0; 10_000_000]);
        let bomb = member.repeat(200);
        let mut held = Resources::uncounted(Instant::now()).held();
        held.grow(0).unwrap();
        let mut decoder = MultiGzDecoder::new(Unpacked {
            bytes: Vec::new(),
            limit: LIMIT,
            held,
            ended: None,
        });
        assert!(decoder.write_all(&bomb).is_err());
        assert!(
            decoder.get_ref().bytes.capacity() <= 2 * LIMIT,
            "no more than that was made of it"
        );
        assert_eq!(unpack(bomb).await, Err(413));
    }
}
