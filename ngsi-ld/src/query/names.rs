//! Names in query texts (clauses 4.6.2 and 4.9): what may stand there, and where it ends.
//!
//! Beside the names of clause 4.6.2 these are those that are shown with escaped octets (`A%2D1`), and what a URL's decoding
//! leaves of them (`A-1`), where it can be nothing else.

use super::cursor::Cursor;
use crate::context::{is_plain, is_read_as_part, octet};

/// The bytes of the name at the beginning of a text; none: there is none. After a prefix nothing is read as part of a name
/// that is not: the rest of an IRI is written as it is.
fn name_length(text: &str, has_prefix: bool) -> usize {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let is_first = rest.len() == text.len();
        let is_part = is_plain(character, is_first) || (!has_prefix && is_read_as_part(character, is_first));
        let length = match octet(rest) {
            Some(length) => length,
            None if is_part => character.len_utf8(),
            None => break,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    text.len() - rest.len()
}

/// Takes the name that comes next, with a prefix (`schema:name`) where there is one, or an IRI.
///
/// Clause 4.9 has short names only. An IRI is unambiguous all the same, because no short name holds a colon: it
/// goes on until a character of `ends`, so its dots are its own. `None` when nothing like a name comes.
pub(super) fn take_name<'t>(cursor: &mut Cursor<'t>, ends: fn(char) -> bool) -> Option<&'t str> {
    let ahead = cursor.rest();
    let first = name_length(ahead, false);
    let (prefix, after) = ahead.split_at_checked(first).filter(|(name, _)| !name.is_empty())?;
    let Some(after) = after.strip_prefix(':') else {
        return Some(cursor.take(first));
    };
    if after.starts_with("//") || prefix.eq_ignore_ascii_case("urn") {
        return Some(cursor.take_while(|character| !ends(character)));
    }
    match name_length(after, true) {
        0 => None,
        suffix => Some(cursor.take(prefix.len() + 1 + suffix)),
    }
}

/// Takes a name without a prefix.
pub(super) fn take_short_name<'t>(cursor: &mut Cursor<'t>) -> Option<&'t str> {
    match name_length(cursor.rest(), false) {
        0 => None,
        length => Some(cursor.take(length)),
    }
}
