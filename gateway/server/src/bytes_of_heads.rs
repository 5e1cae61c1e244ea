//! What each byte may be in the head of a request (RFC 9110 clause 5.6.2, RFC 3986 clause 2).

/// A character of a token (RFC 9110 clause 5.6.2).
pub(super) const TOKEN: u8 = 1;
/// No character of a URI, and percent-encoded in a target: it can mean only itself there.
pub(super) const ENCODED: u8 = 2;
/// Cannot be in a target at all.
pub(super) const SPACE: u8 = 4;
/// `#`
pub(super) const HASH: u8 = 8;
/// No character of a URI, and some of them refused by the HTTP library.
pub(super) const ODD: u8 = 16;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        // A cast within its range: `From` is not for constants.
        #[expect(clippy::indexing_slicing, reason = "below its length")]
        {
            classes[byte] = class_of(byte as u8);
        }
        byte += 1;
    }
    classes
};

const fn class_of(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9'
        | b'A'..=b'Z'
        | b'a'..=b'z'
        | b'!'
        | b'$'
        | b'%'
        | b'&'
        | b'\''
        | b'*'
        | b'+'
        | b'-'
        | b'.'
        | b'_'
        | b'~' => TOKEN,
        b'#' => TOKEN | HASH,
        b'^' | b'`' | b'|' => TOKEN | ODD,
        b'{' | b'}' | b'\\' | b'[' | b']' => ODD,
        b'"' | b'<' | b'>' | 0x80.. => ENCODED,
        0..=b' ' | 0x7F => SPACE,
        _ => 0,
    }
}

pub(super) fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Whether this can be a character of a token.
pub(super) fn is_token(byte: u8) -> bool {
    class(byte) & TOKEN != 0
}

/// Whether a byte of a target must be percent-encoded.
pub(super) fn is_encoded(byte: u8) -> bool {
    class(byte) & ENCODED != 0
}
