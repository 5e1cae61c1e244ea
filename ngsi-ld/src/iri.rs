//! Names: entity ids, attribute names and type names. Each is an IRI (RFC 3987) with a role of its own, so
//! that one cannot be passed for another.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;

/// Longest IRI that is accepted, in bytes: URLs of 2,000 bytes are common practice, names beyond are abuse.
pub const MAX_IRI_BYTES: usize = 2048;

/// Why a text is no absolute IRI. `position` counts bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIri {
    /// Nothing before the first colon, or no colon at all.
    #[error("no scheme: a URI begins like `urn:` or `https:`")]
    NoScheme,
    /// The scheme, or what follows it, holds a character that RFC 3987 excludes.
    #[error("character {character:?} at position {position} is not allowed in a URI")]
    Character {
        /// The offending character.
        character: char,
        /// Byte offset of the character.
        position: usize,
    },
    /// Nothing after the scheme.
    #[error("nothing follows the scheme")]
    Empty,
    /// Longer than [`MAX_IRI_BYTES`].
    #[error("longer than {MAX_IRI_BYTES} bytes")]
    TooLong,
}

/// Checks that `text` is an absolute IRI: a scheme, a colon, and characters that RFC 3987 admits.
///
/// # Errors
/// [`InvalidIri`] names the first thing that is wrong.
pub fn check_absolute(text: &str) -> Result<(), InvalidIri> {
    if text.len() > MAX_IRI_BYTES {
        return Err(InvalidIri::TooLong);
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(InvalidIri::NoScheme);
    };
    // Nearly all ids are of these characters alone, and every id of an answer is checked. Without an early end, so that
    // the compiler compares many bytes at once.
    let is_plain_rest = !rest.is_empty() && rest.bytes().fold(true, |plain, byte| plain & is_plain(byte));
    if is_plain_rest && matches!(scheme, "urn" | "https" | "http") {
        return Ok(());
    }
    let mut scheme_characters = scheme.char_indices();
    match scheme_characters.next() {
        Some((_, first)) if first.is_ascii_alphabetic() => {}
        Some((position, character)) => return Err(InvalidIri::Character { character, position }),
        None => return Err(InvalidIri::NoScheme),
    }
    for (position, character) in scheme_characters {
        if !(character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')) {
            return Err(InvalidIri::Character { character, position });
        }
    }
    if rest.is_empty() {
        return Err(InvalidIri::Empty);
    }
    if is_plain_rest {
        return Ok(());
    }
    let mut in_query = false;
    for (offset, character) in rest.char_indices() {
        match character {
            '?' => in_query = true,
            '#' => in_query = false,
            _ => {}
        }
        if !(is_allowed(character) || in_query && is_private(character)) {
            let position = scheme.len() + 1 + offset;
            return Err(InvalidIri::Character { character, position });
        }
    }
    Ok(())
}

/// Checks the id of something new: an absolute IRI without a character that nobody sees. Two ids that differ by one alone look
/// the same to everybody who is to tell them apart. Those that are there already are asked for as they are.
///
/// # Errors
/// [`InvalidIri`] names the first thing that is wrong.
pub fn check_new_id(text: &str) -> Result<(), InvalidIri> {
    check_absolute(text)?;
    if text.is_ascii() {
        return Ok(());
    }
    match text.char_indices().find(|(_, character)| is_invisible(*character)) {
        Some((position, character)) => Err(InvalidIri::Character { character, position }),
        None => Ok(()),
    }
}

/// Characters that show nothing by themselves: hyphens and joiners that only show where a line breaks or letters meet, selectors
/// of variants, fillers of Hangul, the blank of Braille, the marks of Mongolian, and the byte order mark. What parts lines or turns the direction of a text is no character of an IRI anyway.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
    )
}

/// Whether RFC 3987 allows a character everywhere after the scheme (`ucschar` of section 2.2). White space is refused
/// even where that rule has it, and every character that turns the direction of a text: section 4.1 forbids those that
/// there were in its time, because two IRIs that look the same would differ by them.
fn is_allowed(character: char) -> bool {
    if character.is_ascii() {
        return !(matches!(character, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
            || character.is_whitespace()
            || character.is_control());
    }
    let turns_direction = matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let in_range = match u32::from(character) {
        0xa0..=0xd7ff | 0xf900..=0xfdcf | 0xfdf0..=0xffef => true,
        // The last two of each plane are no characters, and the first of plane 14 are language tags.
        code @ (0x1_0000..=0xd_ffff | 0xe_1000..=0xe_ffff) => code & 0xffff <= 0xfffd,
        _ => false,
    };
    in_range && !turns_direction && !character.is_whitespace()
}

/// Characters of private use, which RFC 3987 allows in the query alone (`iprivate` of section 2.2).
const fn is_private(character: char) -> bool {
    matches!(
        character,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}'
    )
}

/// The ASCII characters that a URI may hold: RFC 3986 section 2, and the `%` and `[]` of its encodings.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~')
}

/// An expanded name. Cheap to clone: the text is shared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Iri(Arc<str>);

impl Iri {
    /// Takes a text as an IRI without checking it: for names that a context's expansion has made.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Takes a text as an IRI if it is an absolute one.
    ///
    /// # Errors
    /// [`InvalidIri`] when it is not.
    pub fn parse(text: &str) -> Result<Self, InvalidIri> {
        check_absolute(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text in memory of its own: whoever gives a name to every entity of an answer counts each use of it, and
    /// threads that count at the same place wait for each other.
    #[must_use]
    pub fn unshared(&self) -> Self {
        Self::new(self.as_str())
    }

    /// Whether it is the same text in the same memory. Names of one list are, as a rule.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Borrow<str> for Iri {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Iri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl fmt::Display for Iri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role that an [`Iri`] plays.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Iri);

        impl $name {
            /// Takes an expanded name.
            #[must_use]
            pub fn new(iri: Iri) -> Self {
                Self(iri)
            }

            /// The expanded name.
            #[must_use]
            pub fn iri(&self) -> &Iri {
                &self.0
            }

            /// The expanded name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The same name in [memory of its own](Iri::unshared).
            #[must_use]
            pub fn unshared(&self) -> Self {
                Self(self.0.unshared())
            }
        }

        impl From<Iri> for $name {
            fn from(iri: Iri) -> Self {
                Self(iri)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

name_type!(
    /// The expanded name of an attribute (CIM 009 clause 4.5.1).
    AttributeName
);
name_type!(
    /// The expanded name of an entity type (CIM 009 clause 4.5.1).
    TypeName
);

/// The id of an entity: a URI (CIM 009 clause 4.5.1).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(CompactString);

impl EntityId {
    /// Takes a text as an entity id.
    ///
    /// # Errors
    /// [`InvalidIri`] when the text is no absolute URI.
    //= 5.5.1-1
    pub fn parse(text: &str) -> Result<Self, InvalidIri> {
        check_absolute(text)?;
        Ok(Self(text.into()))
    }

    /// Takes a text that is known to be a URI, as a translation makes it.
    #[must_use]
    pub fn new_unchecked(text: impl Into<CompactString>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For tables that copy a key only where it is new.
impl From<&Self> for EntityId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl Borrow<str> for EntityId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AttributeName {
    /// Whether it is a date that the system keeps of every entity (clause 4.8).
    #[must_use]
    pub fn is_system_date(&self) -> bool {
        const DATES: [&str; 4] = ["createdAt", "modifiedAt", "deletedAt", "expiresAt"];
        let short = self.as_str().strip_prefix("https://uri.etsi.org/ngsi-ld/");
        short.is_some_and(|short| DATES.contains(&short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_a_scheme_are_accepted() {
        for text in [
            "urn:ngsi-ld:AED:1",
            "https://example.org/a?b=c#d",
            "urn:避難所:佐野",
            "a+b-c.d:x",
        ] {
            assert!(EntityId::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_rfc_3987_excludes_is_refused() {
        for character in [
            '\u{202e}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{2066}',
            '\u{2069}',
            '\u{061c}',
            '\u{7f}',
            '\u{85}',
            '\u{3000}',
            '\u{e000}',
            '\u{fdd0}',
            '\u{fffd}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{e0041}',
            '\u{10fffd}',
            '<',
            '`',
        ] {
            assert_eq!(
                EntityId::parse(&format!("urn:x:a{character}b")),
                Err(InvalidIri::Character { character, position: 7 }),
                "{character:?}"
            );
        }
        for character in [
            '避',
            'é',
            'ｱ',
            '\u{fdf0}',
            '\u{1f600}',
            '\u{20000}',
            '\u{2fffd}',
            '%',
            '\'',
        ] {
            assert!(
                EntityId::parse(&format!("urn:x:a{character}b")).is_ok(),
                "{character:?}"
            );
        }
        assert!(check_absolute("https://x.example/a?b=\u{e000}").is_ok());
        assert!(check_absolute("https://x.example/a?b#\u{e000}").is_err());
        let message = EntityId::parse("urn:x:\u{202e}").unwrap_err().to_string();
        assert!(message.contains("202e") && !message.contains('\u{202e}'), "{message}");
    }

    #[test]
    fn no_new_id_has_a_character_that_nobody_sees() {
        for character in [
            '\u{feff}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{2060}',
            '\u{ad}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{200e}',
            '\u{3164}',
            '\u{180e}',
            '\u{fe0f}',
            '\u{2800}',
            '\u{a0}',
            '\u{e0100}',
        ] {
            let text = format!("urn:x:a{character}b");
            let refused = InvalidIri::Character { character, position: 7 };
            assert_eq!(check_new_id(&text), Err(refused), "{character:?}");
            assert!(refused.to_string().contains("at position 7"), "{refused}");
        }
        assert!(
            EntityId::parse("urn:x:a\u{200b}b").is_ok(),
            "what is there is asked for"
        );
        for text in ["urn:ngsi-ld:AED:1", "urn:避難所:佐野が", "urn:x:か\u{3099}", "urn:x:👩"] {
            assert_eq!(check_new_id(text), Ok(()), "{text}");
        }
        assert_eq!(check_new_id("x"), Err(InvalidIri::NoScheme));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_position() {
        assert_eq!(EntityId::parse("E0920400001201"), Err(InvalidIri::NoScheme));
        assert_eq!(EntityId::parse(":x"), Err(InvalidIri::NoScheme));
        assert_eq!(EntityId::parse("urn:"), Err(InvalidIri::Empty));
        assert_eq!(
            EntityId::parse("urn:a b"),
            Err(InvalidIri::Character {
                character: ' ',
                position: 5
            })
        );
        assert_eq!(
            EntityId::parse("1rn:a"),
            Err(InvalidIri::Character {
                character: '1',
                position: 0
            })
        );
        assert_eq!(
            EntityId::parse(&format!("urn:{}", "x".repeat(3000))),
            Err(InvalidIri::TooLong)
        );
    }
}
