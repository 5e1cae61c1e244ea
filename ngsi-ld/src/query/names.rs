//! Names in query texts (clauses 4.6.2 and 4.9): what may stand there, and where it ends.

use super::cursor::Cursor;

/// `unicodeLetter` of clause 4.6.2: kana, kanji, `ー` and `々` among them.
fn is_name_start(character: char) -> bool {
    character.is_alphabetic()
}

/// `nameChar` of clause 4.6.2.
fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Takes the name that comes next, with a prefix (`schema:name`) where there is one, or an IRI.
///
/// Clause 4.9 has short names only. An IRI is unambiguous all the same, because no short name holds a colon: it
/// goes on until a character of `ends`, so its dots are its own. `None` when nothing like a name comes.
pub(super) fn take_name<'t>(cursor: &mut Cursor<'t>, ends: fn(char) -> bool) -> Option<&'t str> {
    if !cursor.peek().is_some_and(is_name_start) {
        return None;
    }
    let ahead = cursor.rest();
    let first = ahead.find(|c| !is_name_character(c)).unwrap_or(ahead.len());
    let (prefix, after) = ahead.split_at_checked(first)?;
    let Some(after) = after.strip_prefix(':') else {
        return Some(cursor.take(first));
    };
    if after.starts_with("//") || prefix.eq_ignore_ascii_case("urn") {
        return Some(cursor.take_while(|character| !ends(character)));
    }
    let suffix = after.find(|c| !is_name_character(c)).unwrap_or(after.len());
    if !after.starts_with(is_name_start) {
        return None;
    }
    Some(cursor.take(prefix.len() + 1 + suffix))
}
