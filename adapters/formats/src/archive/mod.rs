//! gzip and ZIP: the file in them that is meant, bounded while it is unpacked.

mod zip_file;

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::{FormatError, Limits};

pub(crate) use self::zip_file::{Unzipped, unzip};

/// Bytes that are unpacked between two looks at the limits.
const STEP: usize = 64 << 10;

/// A gzip file, of one member or several.
pub(crate) fn gunzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, FormatError> {
    unpack(MultiGzDecoder::new(bytes), bytes.len(), limits, "the gzip file")
}

/// Everything that comes out, unless it is more than there may be for what went in.
fn unpack(mut reader: impl Read, packed: usize, limits: &Limits, what: &'static str) -> Result<Vec<u8>, FormatError> {
    let mut unpacked = Vec::new();
    let mut step = vec![0; STEP];
    loop {
        let read = reader.read(&mut step);
        let read = read.map_err(|_| FormatError::damaged(what, "it does not unpack"))?;
        let Some(more) = step.get(..read).filter(|more| !more.is_empty()) else {
            return Ok(unpacked);
        };
        unpacked.extend_from_slice(more);
        if unpacked.len() > limits.unpacked_bytes {
            return Err(FormatError::too_large(
                "bytes when it is unpacked",
                limits.unpacked_bytes,
            ));
        }
        let most = packed.saturating_mul(limits.unpack_ratio).max(limits.ratio_from_bytes);
        if unpacked.len() > most {
            return Err(FormatError::Bomb(limits.unpack_ratio));
        }
    }
}
