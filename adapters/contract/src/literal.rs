//! What a regular expression says in plain text: systems that look for a part of a text are asked for that.

use ngsi_ld::query::{Pattern, PlainParts};

/// A text that every match of a pattern holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal<'p> {
    /// The text, which is not empty.
    pub text: &'p str,
    /// Whether every match begins with it.
    pub from_start: bool,
    /// Whether every match ends with it.
    pub to_end: bool,
}

/// The longest text that every match of the pattern holds, for patterns that consist of plain text and `.*`.
pub fn longest_literal(pattern: &Pattern) -> Option<Literal<'_>> {
    let PlainParts {
        texts,
        from_start,
        to_end,
    } = pattern.plain_parts()?;
    let is_literal = |part: &&str| {
        part.chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'))
    };
    if !texts.iter().all(is_literal) {
        return None;
    }
    let last = texts.len().checked_sub(1)?;
    let longest = texts.into_iter().enumerate().max_by_key(|(_, text)| text.len());
    longest
        .filter(|(_, text)| !text.is_empty())
        .map(|(place, text)| Literal {
            text,
            from_start: from_start && place == 0,
            to_end: to_end && place == last,
        })
}
