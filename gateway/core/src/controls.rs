//! Characters that a terminal takes for commands, or that turn the direction of a line. Texts of the configuration may hold
//! them, and a tenant's administrator writes some of these: it must not write on the terminal of whoever reads about them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character must not reach a terminal as it is. Line breaks and tabs are layout.
const fn is_command(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// A text with each of them written as JSON writes it, `\u001b`, so that JSON says the same as before.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_command(character) {
            // Writing to memory cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// The same in a line of JSON, which has those below a space escaped already.
pub fn escape_json(line: &mut Vec<u8>) {
    // The first bytes of all others; of what is Japanese they are none.
    if memchr::memchr3(0x7f, 0xc2, 0xe2, line).is_none() {
        return;
    }
    if let Ok(Cow::Owned(shown)) = std::str::from_utf8(line).map(escaped) {
        *line = shown.into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, shown) in [
            ("\u{1b}]0;x\u{7}", "\\u001b]0;x\\u0007"),
            ("a\u{9b}2Jb", "a\\u009b2Jb"),
            ("\u{7f}\r", "\\u007f\\u000d"),
            ("\u{202e}cba\u{2066}", "\\u202ecba\\u2066"),
            ("那須塩原市 é\n\tb", "那須塩原市 é\n\tb"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    proptest! {
        #[test]
        fn json_says_the_same_and_obeys_nothing(text in "[\\x00-\\x20a-c\\x7f-\\xa5\\u{2020}-\\u{2070}あ]{0,12}") {
            let mut line = serde_json::to_vec(&text).unwrap();
            escape_json(&mut line);
            prop_assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), text);
            let line = String::from_utf8(line).unwrap();
            prop_assert!(!line.chars().any(is_command), "{line:?}");
            prop_assert_eq!(escaped(&line), &*line);
        }
    }
}
