//! The parts of a document that is a ZIP archive (a workbook, a KMZ, a Shapefile): found by their directory, unpacked one
//! at a time and never beyond what is allowed, whatever the directory says of their sizes.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

use crate::{FormatError, Limits};

/// The record that ends an archive has 22 bytes and a remark of at most so many.
const END_WITH_REMARK: usize = 22 + 65_535;
const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ARCHIVE: &str = "the archive";

/// One part, still packed.
struct Part {
    /// As bytes, because only those of a Shapefile may be in CP932.
    name: Vec<u8>,
    utf8: bool,
    encrypted: bool,
    method: u16,
    packed: usize,
    local: usize,
}

/// The parts of one document.
pub(crate) struct Parts<'a> {
    bytes: &'a [u8],
    parts: Vec<Part>,
    limits: Limits,
    /// How many bytes may still be unpacked, over all parts.
    left: usize,
}

impl<'a> Parts<'a> {
    /// Reads the directory; nothing is unpacked.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, FormatError> {
        let from = bytes.len().saturating_sub(END_WITH_REMARK);
        let tail = bytes.get(from..).unwrap_or_default();
        let end = memchr::memmem::rfind(tail, &END)
            .map(|at| from + at)
            .ok_or(FormatError::damaged(ARCHIVE, "its directory is missing"))?;
        let entries = usize::from(u16_at(bytes, end + 10).unwrap_or_default());
        let mut at = u32_at(bytes, end + 16).unwrap_or(usize::MAX);
        if entries > limits.archive_entries {
            return Err(FormatError::too_large("files in the archive", limits.archive_entries));
        }
        let mut parts = Vec::with_capacity(entries);
        for _ in 0..entries {
            parts.push(part(bytes, at).ok_or(FormatError::damaged(ARCHIVE, "its directory is cut off"))?);
            at += 46
                + [28, 30, 32]
                    .iter()
                    .filter_map(|of| u16_at(bytes, at + of))
                    .map(usize::from)
                    .sum::<usize>();
        }
        Ok(Self {
            bytes,
            parts,
            limits: *limits,
            left: limits.unpacked_bytes,
        })
    }

    /// The names, those that are not UTF-8 read as CP932.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.parts.iter().map(|part| match std::str::from_utf8(&part.name) {
            Ok(name) => name.replace('\\', "/"),
            Err(_) if part.utf8 => String::from_utf8_lossy(&part.name).into_owned(),
            Err(_) => encoding_rs::SHIFT_JIS
                .decode_without_bom_handling(&part.name)
                .0
                .into_owned(),
        })
    }

    /// Unpacks one part; `None` where there is none of that name.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, FormatError> {
        let Some(index) = self.names().position(|held| held.eq_ignore_ascii_case(name)) else {
            return Ok(None);
        };
        let Some(part) = self.parts.get(index) else {
            return Ok(None);
        };
        if part.encrypted {
            return Err(FormatError::Password);
        }
        let damaged = FormatError::damaged(ARCHIVE, "a file in it lies beyond its end");
        if self.bytes.get(part.local..part.local.saturating_add(4)) != Some(&LOCAL[..]) {
            return Err(damaged);
        }
        // The local header has lengths of its own.
        let name_bytes = usize::from(u16_at(self.bytes, part.local + 26).unwrap_or_default());
        let extra_bytes = usize::from(u16_at(self.bytes, part.local + 28).unwrap_or_default());
        let start = part.local + 30 + name_bytes + extra_bytes;
        let packed = self
            .bytes
            .get(start..start.saturating_add(part.packed))
            .ok_or(damaged)?;
        let unpacked = match part.method {
            STORED => packed.to_vec(),
            DEFLATED => {
                let mut unpacked = Vec::new();
                // One more than may be there shows that there is more.
                let ratio = packed
                    .len()
                    .saturating_mul(self.limits.unpack_ratio)
                    .max(crate::limits::RATIO_FROM_BYTES);
                let most = self.left.min(ratio);
                DeflateDecoder::new(packed)
                    .take(most as u64 + 1)
                    .read_to_end(&mut unpacked)
                    .map_err(|_| FormatError::damaged(ARCHIVE, "a file in it does not unpack"))?;
                if unpacked.len() > ratio {
                    return Err(FormatError::Bomb(self.limits.unpack_ratio));
                }
                unpacked
            }
            _ => {
                return Err(FormatError::damaged(
                    ARCHIVE,
                    "a file in it is packed in a way that is not read",
                ));
            }
        };
        self.left = self.left.checked_sub(unpacked.len()).ok_or(FormatError::too_large(
            "bytes when it is unpacked",
            self.limits.unpacked_bytes,
        ))?;
        Ok(Some(unpacked))
    }

    /// Unpacks a part that is text in UTF-8.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, FormatError> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| FormatError::damaged("a part of the document", "it is not UTF-8"))
    }
}

fn part(bytes: &[u8], at: usize) -> Option<Part> {
    if bytes.get(at..at.checked_add(4)?)? != ENTRY {
        return None;
    }
    let flags = u16_at(bytes, at + 8)?;
    let name_bytes = usize::from(u16_at(bytes, at + 28)?);
    Some(Part {
        name: bytes.get(at + 46..at + 46 + name_bytes)?.to_vec(),
        utf8: flags & 0x800 != 0,
        encrypted: flags & 1 != 0,
        method: u16_at(bytes, at + 10)?,
        packed: u32_at(bytes, at + 20)?,
        local: u32_at(bytes, at + 42)?,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at.checked_add(2)?)?
        .try_into()
        .ok()
        .map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(|four| u32::from_le_bytes(four) as usize)
}
