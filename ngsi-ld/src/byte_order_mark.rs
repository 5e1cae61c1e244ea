//! What editors and spreadsheets, mostly those of Windows, put before a text to say that it is UTF-8. It is no part of the
//! text (RFC 8259 section 8.1 lets readers of JSON ignore it), and no parser here takes it.

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A text of UTF-8 without the mark before it.
#[must_use]
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(bytes)
}

/// The same of a text that is known to be UTF-8.
#[must_use]
pub fn text_without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}
