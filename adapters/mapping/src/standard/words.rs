//! How names of columns, and words that mean yes or no, are compared: people write them in many ways.

use std::borrow::Cow;

/// Whether two names of columns are the same to whoever reads them.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one == other || folded(one) == folded(other)
}

/// Without spaces around it, in half width, with one kind of dash.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim_matches(|character: char| character.is_whitespace() || character == '\u{FEFF}');
    if trimmed.is_ascii() {
        return Cow::Borrowed(trimmed);
    }
    Cow::Owned(trimmed.chars().map(folded_character).collect())
}

fn folded_character(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' => '-',
        '\u{3000}' | '\u{A0}' => ' ',
        other => other,
    }
}

/// Whether a text is a number as people write it, degrees with decimals among them.
pub(super) fn is_number(text: &str) -> bool {
    let folded = folded(text);
    let digits = folded.strip_prefix(['-', '+']).unwrap_or(&folded);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(&whole.replace(',', "")) && is_digits(rest)
}
