//! Characters that make a cell doubtful.

use memchr::{memchr, memchr3};

/// Why a cell is doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// U+FFFD stands where a byte was no character.
    Undecodable,
    /// U+0000.
    Nul,
    /// A user-defined character.
    UserDefined,
}

/// The worst that a text has. Most have nothing: those are passed over by their bytes.
pub(crate) fn doubt(text: &str) -> Option<Doubt> {
    let bytes = text.as_bytes();
    if memchr(0, bytes).is_some() {
        return Some(Doubt::Nul);
    }
    // U+E000 to U+FFFF begin with EE or EF, the planes 15 and 16 with F3 or F4.
    if memchr3(0xEE, 0xEF, 0xF3, bytes).is_none() && memchr(0xF4, bytes).is_none() {
        return None;
    }
    let mut found = None;
    for character in text.chars() {
        match character {
            '\u{FFFD}' => return Some(Doubt::Undecodable),
            '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFD}' => found = Some(Doubt::UserDefined),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_doubtful_is_told_and_nothing_else() {
        for (text, expected) in [
            ("佐野市！", None),
            ("葛\u{E0100}城", None),
            ("𠮷野家", None),
            ("a\u{E000}", Some(Doubt::UserDefined)),
            ("\u{10FFFD}", Some(Doubt::UserDefined)),
            ("\u{E000}\u{FFFD}", Some(Doubt::Undecodable)),
            ("a\0", Some(Doubt::Nul)),
        ] {
            assert_eq!(doubt(text), expected, "{text:?}");
        }
    }
}
