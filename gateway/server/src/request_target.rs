//! Requests as people paste them: `?q=name=="佐野小学校"`, with its quotation marks as they are.
//!
//! A URI has no `"`, `<` or `>` and no byte above ASCII (RFC 3986 clause 2), and hyper ends a request whose target has
//! one of them with an empty 400. Yet the query language of clause 4.9 is made of them, tutorials of NGSI write them,
//! curl sends them as they are written, and other brokers take them. So they are percent-encoded on their way to hyper,
//! which changes nothing that a request means. HTTP/2 sends a target in a form of its own, and stays as strict as its
//! library.

use std::ops::Range;

use super::bytes_of_heads::is_encoded;

/// Appends bytes, percent-encoded where they lie in the target and must be.
pub(super) fn encode_into(bytes: &[u8], target: Range<usize>, encoded: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    encoded.extend_from_slice(bytes.get(..target.start).unwrap_or_default());
    for byte in bytes.get(target.clone()).unwrap_or_default() {
        if is_encoded(*byte) {
            encoded.extend([b'%', digit(byte >> 4), digit(byte & 0xF)]);
        } else {
            encoded.push(*byte);
        }
    }
    encoded.extend_from_slice(bytes.get(target.end..).unwrap_or_default());
}
