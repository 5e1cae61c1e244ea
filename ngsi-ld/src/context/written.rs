//! Names as they are written by hand, in queries and in files.
//!
//! What a source calls `Air-Quality` is no name of clause 4.6.2, and is shown as `Air%2DQuality`. Whoever copies that into a
//! URL has it decoded there, so that `Air-Quality` arrives: it means the same wherever it can mean nothing else. So do digits
//! and `_` at the beginning, `-` behind it, and the signs beyond ASCII that are no letters, such as the brackets of
//! `避難者数（総数）`. A dot, a comma, an operator or a bracket of ASCII has a meaning of its own in queries: a name that holds one
//! is written as it is shown, in a URL with `%25` for each `%`. What is written is never taken for more than one name.

use std::borrow::Cow;

use super::{Context, InvalidName};
use crate::{AttributeName, Iri, TypeName};

impl Context {
    /// The IRI that a name stands for as it is shown, or as its source has it where that is unambiguous.
    ///
    /// # Errors
    /// [`InvalidName`] says which character or rule is broken.
    pub fn expand_written(&self, name: &str) -> Result<Iri, InvalidName> {
        match self.expand(name) {
            Err(error @ InvalidName::Character { .. }) => match as_shown(name) {
                Some(shown) => self.expand(&shown),
                None => Err(error),
            },
            expanded => expanded,
        }
    }

    /// The entity type that a name stands for, as [`expand_written`](Self::expand_written) has it.
    ///
    /// # Errors
    /// [`InvalidName`] says which character or rule is broken.
    pub fn expand_written_type(&self, name: &str) -> Result<TypeName, InvalidName> {
        self.expand_written(name).map(TypeName::new)
    }

    /// The attribute that a name stands for, as [`expand_written`](Self::expand_written) has it.
    ///
    /// # Errors
    /// [`InvalidName`] says which character or rule is broken.
    pub fn expand_written_attribute(&self, name: &str) -> Result<AttributeName, InvalidName> {
        self.expand_written(name).map(AttributeName::new)
    }
}

/// Whether a character stands for itself in a name (clause 4.6.2).
pub(crate) fn is_plain(character: char, is_first: bool) -> bool {
    character.is_alphabetic() || (!is_first && (character == '_' || character.is_numeric()))
}

/// Signs of queries as input methods of Japanese write them. Whoever writes one means the operator, and is told.
const WIDE_OPERATORS: &str = "＝！＜＞～〜｜；：，．＂”“｛｝［］";

/// Whether a character that a name cannot have where it stands is read as part of one all the same: nothing else can be meant.
/// A sign at the beginning would be an order or a bracket elsewhere.
pub(crate) fn is_read_as_part(character: char, is_first: bool) -> bool {
    match character {
        '_' => true,
        _ if character.is_numeric() => true,
        _ if is_first => false,
        '-' => true,
        _ => {
            let is_sign = !character.is_ascii() && !character.is_whitespace() && !character.is_control();
            is_sign && !WIDE_OPERATORS.contains(character)
        }
    }
}

/// How many bytes an escaped octet has at the beginning of a text, where there is one.
pub(crate) fn octet(text: &str) -> Option<usize> {
    let digits = text.as_bytes().strip_prefix(b"%")?.get(..2)?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(1 + digits.len())
}

/// A name of a source with everything percent-encoded that a name of the view cannot have (clause 4.6.2).
#[must_use]
pub fn escaped_name(raw: &str) -> Cow<'_, str> {
    let mut characters = raw.char_indices();
    if characters.all(|(position, character)| is_plain(character, position == 0)) {
        return Cow::Borrowed(raw);
    }
    let mut escaped = String::with_capacity(raw.len() + 8);
    for (position, character) in raw.char_indices() {
        if is_plain(character, position == 0) {
            escaped.push(character);
        } else {
            push_escaped(&mut escaped, character);
        }
    }
    Cow::Owned(escaped)
}

/// Adds the octets of a character, percent-encoded.
pub fn push_escaped(text: &mut String, character: char) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        text.push_str(percent_encoding::percent_encode_byte(byte));
    }
}

/// The name as it is shown of one that is written as its source has it, or partly so; `None` where it holds what may mean
/// something else.
fn as_shown(written: &str) -> Option<String> {
    let mut shown = String::with_capacity(written.len() + 8);
    let mut rest = written;
    while let Some(character) = rest.chars().next() {
        let is_first = rest.len() == written.len();
        let length = octet(rest).unwrap_or(character.len_utf8());
        let (taken, after) = rest.split_at_checked(length)?;
        if character == '%' && length > 1 || is_plain(character, is_first) {
            shown.push_str(taken);
        } else if is_read_as_part(character, is_first) {
            push_escaped(&mut shown, character);
        } else {
            return None;
        }
        rest = after;
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_means_the_same_as_it_is_shown_and_as_its_source_has_it() {
        let context = Context::core();
        for (written, shown) in [
            ("A-1", "A%2D1"),
            ("Air-Quality", "Air%2DQuality"),
            ("12345678", "%312345678"),
            ("_x", "%5Fx"),
            ("5-a_b-", "%35%2Da_b%2D"),
            ("避難者数（総数）", "避難者数%EF%BC%88総数%EF%BC%89"),
            ("a%2Eb-c", "a%2Eb%2Dc"),
            ("A%2D1", "A%2D1"),
            ("%25-", "%25%2D"),
        ] {
            let expanded = context.expand_written(written);
            assert_eq!(expanded, context.expand(shown), "{written}");
            assert_eq!(context.compact(expanded.unwrap().as_str()), shown, "{written}");
        }
    }

    #[test]
    fn what_may_mean_something_else_is_no_part_of_a_name() {
        let context = Context::core();
        for written in [
            "",
            "-a",
            "a b",
            "a.b",
            "a,b",
            "a*",
            "*",
            "a=b",
            "a!",
            "a~",
            "a(b)",
            "a[b]",
            "a{b}",
            "a|b",
            "a;b",
            "a\"b",
            "a%",
            "a%2",
            "a%zz-b",
            "a\u{3000}b",
            "a\u{0}",
            "@id",
            "a/b",
            "a+b",
            "a＝b",
            "a＞5",
            "（a",
        ] {
            assert_eq!(context.expand_written(written), context.expand(written), "{written}");
            assert!(context.expand_written(written).is_err(), "{written}");
        }
    }

    proptest! {
        #[test]
        fn what_is_a_name_stays_what_it_was(name in "[A-Za-z避:/._%0-9-]{1,12}") {
            if let Ok(expanded) = Context::core().expand(&name) {
                prop_assert_eq!(Context::core().expand_written(&name), Ok(expanded));
            }
        }

        #[test]
        fn every_escaped_name_is_a_name_and_leads_back(raw in "[!-~あ-ん（）]{1,12}") {
            let escaped = escaped_name(&raw);
            prop_assert!(super::super::check_name(&escaped).is_ok());
            prop_assert_eq!(undone(&escaped), raw);
        }

        #[test]
        fn what_is_read_is_a_name_that_leads_back(raw in "[A-Za-z0-9_あ（-]{1,12}") {
            prop_assume!(!raw.starts_with('-') && Context::core().expand(&raw).is_err());
            if let Ok(iri) = Context::core().expand_written(&raw) {
                let shown = Context::core().compact(iri.as_str()).into_owned();
                prop_assert_eq!(shown, escaped_name(&raw).into_owned());
            }
        }
    }

    fn undone(escaped: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = escaped.as_bytes();
        while let [first, after @ ..] = rest {
            match (first, after) {
                (b'%', [high, low, ..]) => {
                    let text = [*high, *low];
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&text).unwrap(), 16).unwrap());
                    rest = &after[2..];
                }
                _ => {
                    bytes.push(*first);
                    rest = after;
                }
            }
        }
        String::from_utf8(bytes).unwrap()
    }
}
