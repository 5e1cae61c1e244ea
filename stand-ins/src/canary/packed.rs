//! Undoing gzip, zlib and deflate, wherever in bytes they begin.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Most bytes that one stream may unpack to: far more than a test writes, and no bomb.
const MOST_UNPACKED: u64 = 64 * 1024 * 1024;

/// Fewer bytes than this were unpacked by chance from what is no stream.
const FEWEST_UNPACKED: usize = 4;

/// What was packed.
pub(super) struct Unpacked {
    pub(super) name: &'static str,
    /// Where the stream begins.
    pub(super) offset: usize,
    pub(super) bytes: Vec<u8>,
}

/// Every stream that can be unpacked, as far as it goes: a part of one is a leak as well.
pub(super) fn all(content: &[u8]) -> Vec<Unpacked> {
    let mut found = Vec::new();
    for (offset, pair) in content.windows(2).enumerate() {
        let Some(rest) = content.get(offset..) else {
            continue;
        };
        match pair {
            [0x1f, 0x8b] => found.extend(unpacked("gzip of ", offset, MultiGzDecoder::new(rest))),
            // The compression levels that there are (RFC 1950).
            [0x78, 0x01 | 0x5e | 0x9c | 0xda] => found.extend(unpacked("zlib of ", offset, ZlibDecoder::new(rest))),
            _ => {}
        }
    }
    // Deflate alone has no beginning that could be looked for: whole files only.
    if std::str::from_utf8(content).is_err() {
        found.extend(unpacked("deflate of ", 0, DeflateDecoder::new(content)));
    }
    found
}

fn unpacked(name: &'static str, offset: usize, stream: impl Read) -> Option<Unpacked> {
    let mut bytes = Vec::new();
    // Whatever came before an error counts.
    let _ended = stream.take(MOST_UNPACKED).read_to_end(&mut bytes);
    (bytes.len() >= FEWEST_UNPACKED).then_some(Unpacked { name, offset, bytes })
}
