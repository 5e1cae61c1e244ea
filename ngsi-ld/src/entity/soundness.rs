//! Whether everybody can read a value that JSON has: what RFC 8259 leaves to readers, which they decide in different ways or
//! not at all. Names that stand twice in an object (section 4), numbers without an end (section 6), halves of characters
//! (section 8.2), arrays in arrays in arrays (section 9).
//!
//! The text is looked through once, not read into values, and was found to be JSON before.

use std::borrow::Cow;

use hashbrown::HashSet;
use smallvec::SmallVec;

use super::number::check_number;
use super::parse::MAX_VALUE_DEPTH;
use super::{InvalidNumber, MAX_NUMBER_LENGTH};

/// Why a value that is JSON cannot be shown to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// A number of too many characters.
    #[error("a number has more than {MAX_NUMBER_LENGTH} characters")]
    NumberTooLong,
    /// A number that is infinite as a double.
    #[error("a number is beyond what a double can hold")]
    NumberNotFinite,
    /// A name that an object has twice.
    #[error("a member stands twice")]
    DuplicateMember,
    /// A text that holds one half of a pair of surrogates.
    #[error("a text holds half a character")]
    HalfCharacter,
    /// Deeper than [`MAX_VALUE_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
}

impl From<InvalidNumber> for Unsound {
    fn from(error: InvalidNumber) -> Self {
        match error {
            InvalidNumber::TooLong => Self::NumberTooLong,
            // What is no number at all was found before.
            InvalidNumber::NotFinite | InvalidNumber::NoNumber => Self::NumberNotFinite,
        }
    }
}

/// Whether there is space between the tokens of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Density {
    Dense,
    Spaced,
}

/// What a text that is sound has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) density: Density,
    /// Whether something in it is null.
    pub(super) has_null: bool,
}

/// Looks through a JSON text, whatever it is read into.
///
/// # Errors
/// [`Unsound`]
pub fn check_sound(json: &str) -> Result<(), Unsound> {
    check(json).map(|_| ())
}

/// Looks through a JSON text.
pub(super) fn check(json: &str) -> Result<Sound, Unsound> {
    Scanner {
        json,
        at: 0,
        open: SmallVec::new(),
        names: SmallVec::new(),
        sound: Sound {
            density: Density::Dense,
            has_null: false,
        },
    }
    .run()
}

/// Up to so many members, comparing names one by one is quicker than a table.
const MANY_MEMBERS: usize = 16;

/// An array or an object that has not ended.
struct Open<'t> {
    /// Where the names of an object begin; `None`: an array.
    names_from: Option<usize>,
    /// Filled when there are many names.
    many: Option<Box<HashSet<Cow<'t, str>>>>,
}

struct Scanner<'t> {
    json: &'t str,
    at: usize,
    open: SmallVec<[Open<'t>; 4]>,
    /// The names of all objects that have not ended, outside in.
    names: SmallVec<[Cow<'t, str>; 16]>,
    sound: Sound,
}

impl<'t> Scanner<'t> {
    fn run(mut self) -> Result<Sound, Unsound> {
        let bytes = self.json.as_bytes();
        // Whether a text that comes next is a name.
        let mut name_next = false;
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => {
                    let text = self.text(name_next)?;
                    if std::mem::take(&mut name_next) {
                        self.add(text)?;
                    }
                }
                b'{' => {
                    name_next = true;
                    self.enter(Some(self.names.len()))?;
                }
                b'[' => self.enter(None)?,
                b'}' | b']' => {
                    name_next = false;
                    if let Some(Open {
                        names_from: Some(from), ..
                    }) = self.open.pop()
                    {
                        self.names.truncate(from);
                    }
                }
                b',' => name_next = self.open.last().is_some_and(|open| open.names_from.is_some()),
                b' ' | b'\t' | b'\n' | b'\r' => self.sound.density = Density::Spaced,
                b'-' | b'0'..=b'9' => self.number()?,
                // No other word has the letter.
                b'n' => self.sound.has_null = true,
                // Colons, and the letters of `true`, `false` and `null`.
                _ => {}
            }
        }
        Ok(self.sound)
    }

    fn enter(&mut self, names_from: Option<usize>) -> Result<(), Unsound> {
        if self.open.len() == MAX_VALUE_DEPTH {
            return Err(Unsound::TooDeep);
        }
        self.open.push(Open { names_from, many: None });
        Ok(())
    }

    /// Adds a name to those of the object that it stands in.
    fn add(&mut self, name: Cow<'t, str>) -> Result<(), Unsound> {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let names = self
            .names
            .get(open.names_from.unwrap_or_default()..)
            .unwrap_or_default();
        let is_new = match &mut open.many {
            Some(many) => many.insert(name.clone()),
            None if names.len() < MANY_MEMBERS => !names.contains(&name),
            None => {
                let many = open.many.get_or_insert_default();
                many.extend(names.iter().cloned());
                many.insert(name.clone())
            }
        };
        if !is_new {
            return Err(Unsound::DuplicateMember);
        }
        if open.many.is_none() {
            self.names.push(name);
        }
        Ok(())
    }

    /// Steps over a text whose opening quote was stepped over. What it says, if that is wanted.
    fn text(&mut self, wanted: bool) -> Result<Cow<'t, str>, Unsound> {
        let from = self.at;
        let bytes = self.json.as_bytes();
        let mut is_escaped = false;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    // The backslash, and what it escapes.
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        let text = self.json.get(from..self.at).unwrap_or_default();
        self.at += 1;
        if !is_escaped {
            return Ok(Cow::Borrowed(text));
        }
        if wanted {
            let quoted = self.json.get(from.saturating_sub(1)..self.at).unwrap_or_default();
            let name: String = serde_json::from_str(quoted).map_err(|_| Unsound::HalfCharacter)?;
            return Ok(Cow::Owned(name));
        }
        match holds_half_a_character(text) {
            true => Err(Unsound::HalfCharacter),
            false => Ok(Cow::Borrowed(text)),
        }
    }

    /// Steps over a number of which the first byte was stepped over.
    fn number(&mut self) -> Result<(), Unsound> {
        let from = self.at - 1;
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        let belongs = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
        self.at += rest.iter().take_while(|byte| belongs(byte)).count();
        Ok(check_number(self.json.get(from..self.at).unwrap_or_default())?)
    }
}

/// Whether the escapes of a text leave one half of a pair of surrogates alone.
fn holds_half_a_character(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('\\') {
        let Some(digits) = after.strip_prefix('u') else {
            // Another escape, of one character.
            rest = after.get(1..).unwrap_or_default();
            continue;
        };
        let unit = |digits: &str| digits.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        rest = digits.get(4..).unwrap_or_default();
        match unit(digits) {
            Some(0xD800..=0xDBFF) => {
                let low = rest.strip_prefix("\\u").and_then(unit);
                if !matches!(low, Some(0xDC00..=0xDFFF)) {
                    return true;
                }
                rest = rest.get(6..).unwrap_or_default();
            }
            Some(0xDC00..=0xDFFF) => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_everybody_reads_is_sound_whether_dense_or_not() {
        for text in [
            "{}",
            r#"{"a":[1,-2.5e3,true,false,null,"x"],"b":{"a":1,"b":{"a":1}}}"#,
            r#""\"\\\u3042\ud83d\ude00""#,
            "[1e-400,123456789012345678901234567890,1.7976931348623157e308]",
            r#"["a","a",{"a":1},{"a":1}]"#,
            "1",
        ] {
            assert_eq!(check(text).map(|sound| sound.density), Ok(Density::Dense), "{text}");
        }
        for text in ["{ }", "[1 ,2]", "\n[]", r#"{"a":1, "b":2}"#] {
            assert_eq!(check(text).map(|sound| sound.density), Ok(Density::Spaced), "{text}");
        }
    }

    #[test]
    fn what_readers_decide_in_different_ways_is_not() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let many: Vec<String> = (0..100).map(|number| format!("\"n{number}\":0")).collect();
        let many = many.join(",");
        for (text, fault) in [
            (r#"{"a":1,"a":2}"#.to_owned(), Unsound::DuplicateMember),
            (r#"{"a":1,"\u0061":2}"#.to_owned(), Unsound::DuplicateMember),
            (
                r#"[{"x":{"b":[{"b":1}],"c":1,"b":{}}}]"#.to_owned(),
                Unsound::DuplicateMember,
            ),
            (format!("{{{many},\"n0\":1}}"), Unsound::DuplicateMember),
            (format!("{{{many},\"n99\":1}}"), Unsound::DuplicateMember),
            ("[1e400]".to_owned(), Unsound::NumberNotFinite),
            (r#"{"a":-1E999}"#.to_owned(), Unsound::NumberNotFinite),
            (format!("[{}]", "1".repeat(10_000)), Unsound::NumberTooLong),
            (r#"["\ud83d"]"#.to_owned(), Unsound::HalfCharacter),
            (r#"["\\\ude00x"]"#.to_owned(), Unsound::HalfCharacter),
            (r#"["\ud83d\ud83d"]"#.to_owned(), Unsound::HalfCharacter),
            (r#"["\ud83d\n"]"#.to_owned(), Unsound::HalfCharacter),
            (r#"{"\ud83d":1}"#.to_owned(), Unsound::HalfCharacter),
            (deep(65), Unsound::TooDeep),
        ] {
            assert_eq!(check(&text), Err(fault), "{text}");
        }
        assert!(check(&deep(64)).is_ok());
        assert!(check(&format!("{{{many}}}")).is_ok());
        assert!(check(r#"["\\ud83d"]"#).is_ok(), "a backslash, and no escape");
    }

    /// JSON as a writer without care makes it.
    fn careless() -> impl Strategy<Value = String> {
        let text = "(\"(a|b|\\\\u0061|\\\\ud83d|\\\\ude00|\\\\n|\\\\\\\\|あ|[{},:\\[\\]]){0,3}\")";
        let leaf = prop_oneof![
            text,
            prop::sample::select(&["1", "-0.5", "1e400", "1e-400", "12e2", "true", "null", " 7 "][..])
                .prop_map(str::to_owned),
            (1usize..500).prop_map(|digits| "9".repeat(digits)),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let member = (text, inner.clone()).prop_map(|(name, value)| format!("{name}:{value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(" ,"))),
            ]
        })
    }

    /// What a strict reader says: each name once, each number finite.
    fn is_read_by_the_strict(text: &str) -> bool {
        struct Strict;
        impl<'de> serde::Deserialize<'de> for Strict {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Strict)
            }
        }
        impl<'de> serde::de::Visitor<'de> for Strict {
            type Value = Self;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
                let mut names = HashSet::new();
                while let Some((name, Strict)) = map.next_entry::<String, Strict>()? {
                    if !names.insert(name) {
                        return Err(serde::de::Error::custom("twice"));
                    }
                }
                Ok(self)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
                while let Some(Strict) = elements.next_element()? {}
                Ok(self)
            }

            fn visit_unit<E>(self) -> Result<Self, E> {
                Ok(self)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
                Ok(self)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
                Ok(self)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
                Ok(self)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
                Ok(self)
            }

            fn visit_str<E>(self, _: &str) -> Result<Self, E> {
                Ok(self)
            }
        }
        serde_json::from_str::<Strict>(text).is_ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_sound_is_what_a_strict_reader_reads(text in careless()) {
            match check(&text) {
                Ok(_) => prop_assert!(is_read_by_the_strict(&text), "{}", text),
                // A long number may be finite, and is refused for its length alone.
                Err(Unsound::NumberTooLong) => prop_assert!(text.contains(&"9".repeat(MAX_NUMBER_LENGTH))),
                Err(_) => prop_assert!(!is_read_by_the_strict(&text), "{}", text),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "([{}\\[\\],:\"\\\\ ud80e1-]|\\PC){0,32}") {
            let _ = check(&text);
        }
    }
}
