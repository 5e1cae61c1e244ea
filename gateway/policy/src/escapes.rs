//! Undoing what programs write in the place of a character: percent-encoding, the character references of HTML and XML,
//! the escapes of JSON and JavaScript, and those that OOXML and serialisers write in names.
//!
//! What is written so is the same name or number to whoever reads it with such a program. Signs of any width begin one:
//! `％４０` is what an input method makes of `%40`.

use std::borrow::Cow;
use std::str::Chars;

/// How often it is undone: a source may encode what was encoded before.
const MOST_ENCODINGS: usize = 4;

/// Letters of the longest name of a character reference: `CounterClockwiseContourIntegral`.
const LONGEST_NAME: usize = 31;

/// Digits of a number that are looked at: a character has seven at most, and zeros may stand before.
const MOST_DIGITS: usize = 16;

/// The text with everything undone, however often.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_ENCODINGS {
        // A sign of the one may be what the other is written for: together they would be taken apart in the wrong places.
        let signs = undone(&text, |sign| matches!(sign, '%' | '&' | '\\'));
        let names = undone(signs.as_deref().unwrap_or(&text), |sign| sign == '_');
        let Some(decoded) = names.or(signs) else {
            break;
        };
        text = Cow::Owned(decoded);
    }
    text
}

/// Whether an escape may begin with this character, and something else than letters is written for it by hand.
pub(super) fn is_wide_sign(character: char) -> bool {
    !character.is_ascii() && begins_escape(narrow(character))
}

/// Whether a part of a text may have a part of an escape.
pub(super) fn may_have_one(text: &str) -> bool {
    text.contains(|character: char| matches!(narrow(character), '%' | '&' | '\\'))
        || text.contains("_x")
        || text.contains("_X")
}

fn begins_escape(character: char) -> bool {
    matches!(character, '%' | '&' | '\\' | '_')
}

/// The text without the escapes that begin with some signs; `None`: there is none.
fn undone(text: &str, begins_one: impl Fn(char) -> bool) -> Option<String> {
    if text.is_ascii() && !has_escape(text.as_bytes()) {
        return None;
    }
    // Percent-encoding is of bytes.
    let mut out: Vec<u8> = Vec::new();
    let mut done = 0;
    let mut behind = 0;
    for (at, character) in text.char_indices() {
        if at < behind || !begins_one(narrow(character)) {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let mut reader = Reader(rest.chars());
        let Some(meant) = reader.escape() else {
            continue;
        };
        out.extend_from_slice(text.get(done..at).unwrap_or_default().as_bytes());
        match meant {
            Meant::Byte(byte) => out.push(byte),
            Meant::Character(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Meant::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
        behind = text.len() - reader.0.as_str().len();
        done = behind;
    }
    if done == 0 {
        return None;
    }
    out.extend_from_slice(text.get(done..).unwrap_or_default().as_bytes());
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// Whether a text of ASCII may have an escape, by two bytes of each: most signs begin none.
fn has_escape(text: &[u8]) -> bool {
    let pairs = text.iter().zip(text.get(1..).unwrap_or_default());
    pairs.fold(false, |found, (first, second)| {
        let letter = *second | 0x20;
        let is_hexadecimal = second.is_ascii_digit() | matches!(letter, b'a'..=b'f');
        found
            | ((*first == b'%') & (is_hexadecimal | (letter == b'u')))
            | ((*first == b'&') & ((*second == b'#') | second.is_ascii_alphanumeric()))
            | ((*first == b'\\') & matches!(letter, b'u' | b'x'))
            | ((*first == b'_') & (letter == b'x'))
    })
}

/// The sign of ASCII that a wide one, or one that stands at its place in a code page of Japan, is written for.
fn narrow(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '¥' | '￥' | '﹨' => '\\',
        '﹪' => '%',
        '﹠' => '&',
        '﹟' => '#',
        '﹔' => ';',
        _ => character,
    }
}

/// What an escape is written for.
enum Meant {
    Byte(u8),
    Character(char),
    Text(String),
}

/// Reads one escape.
struct Reader<'a>(Chars<'a>);

impl Reader<'_> {
    fn escape(&mut self) -> Option<Meant> {
        match self.next()? {
            '%' if self.takes(&['u', 'U']) => self.unit().map(Meant::Character),
            '%' => u8::try_from(self.hexadecimal(2)?).ok().map(Meant::Byte),
            '&' if self.takes(&['#']) => self.reference().map(Meant::Character),
            '&' => self.named().map(Meant::Text),
            '\\' if self.takes(&['U']) => char::from_u32(self.hexadecimal(8)?).map(Meant::Character),
            '\\' if self.takes(&['x']) => char::from_u32(self.hexadecimal(2)?).map(Meant::Character),
            '\\' if self.takes(&['u']) => self.unicode().map(Meant::Character),
            '_' if self.takes(&['x', 'X']) => self.of_ooxml().map(Meant::Character),
            _ => None,
        }
    }

    fn next(&mut self) -> Option<char> {
        self.0.next().map(narrow)
    }

    /// Takes the next character if it is one of these.
    fn takes(&mut self, any: &[char]) -> bool {
        let mut after = self.0.clone();
        let is_one = after.next().is_some_and(|next| any.contains(&narrow(next)));
        if is_one {
            self.0 = after;
        }
        is_one
    }

    /// So many hexadecimal digits.
    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0_u32, |value, _| Some((value << 4) | self.next()?.to_digit(16)?))
    }

    /// As many digits as there are.
    fn digits(&mut self, radix: u32) -> Option<u32> {
        let mut value: Option<u32> = None;
        for _ in 0..MOST_DIGITS {
            let mut after = self.0.clone();
            let Some(digit) = after.next().and_then(|next| narrow(next).to_digit(radix)) else {
                break;
            };
            self.0 = after;
            value = Some(value.unwrap_or(0).checked_mul(radix)?.checked_add(digit)?);
        }
        value
    }

    /// `#64;`, `#x40;`, and without the semicolon, as browsers take it.
    fn reference(&mut self) -> Option<char> {
        let radix = if self.takes(&['x', 'X']) { 16 } else { 10 };
        let character = char::from_u32(self.digits(radix)?)?;
        self.takes(&[';']);
        Some(character)
    }

    /// `commat;`: what HTML names so.
    fn named(&mut self) -> Option<String> {
        let mut name = String::from("&");
        for _ in 0..=LONGEST_NAME {
            match self.next()? {
                ';' => {
                    name.push(';');
                    let meant = html_escape::decode_html_entities(&name);
                    return (meant != name).then(|| meant.into_owned());
                }
                letter if letter.is_ascii_alphanumeric() => name.push(letter),
                _ => return None,
            }
        }
        None
    }

    /// Four digits of UTF-16, or eight where it takes two units.
    fn unit(&mut self) -> Option<char> {
        let first = u16::try_from(self.hexadecimal(4)?).ok()?;
        if let Some(character) = char::from_u32(u32::from(first)) {
            return Some(character);
        }
        if !(self.takes(&['\\', '%']) && self.takes(&['u', 'U'])) {
            return None;
        }
        let second = u16::try_from(self.hexadecimal(4)?).ok()?;
        char::decode_utf16([first, second]).next()?.ok()
    }

    /// `u0040`, `u{40}`
    fn unicode(&mut self) -> Option<char> {
        if !self.takes(&['{']) {
            return self.unit();
        }
        let character = char::from_u32(self.digits(16)?)?;
        self.takes(&['}']).then_some(character)
    }

    /// `x006D_`, `x0001D7CE_`
    fn of_ooxml(&mut self) -> Option<char> {
        let mut value = self.hexadecimal(4)?;
        if !self.takes(&['_']) {
            value = (value << 16) | self.hexadecimal(4)?;
            if !self.takes(&['_']) {
                return None;
            }
        }
        char::from_u32(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_a_character_is_that_character() {
        for at in [
            "@",
            "%40",
            "%2540",
            "%252540",
            "％４０",
            "﹪40",
            "%u0040",
            "&#64;",
            "&#064",
            "&#x40;",
            "&#X0040;",
            "＆＃６４；",
            "&commat;",
            "&amp;commat;",
            "&amp;#64;",
            "\\u0040",
            "\\u{40}",
            "\\U00000040",
            "\\x40",
            "¥u0040",
            "￥ｕ００４０",
            "%5Fx005F_x0040_x005F_",
            "_x0040_",
            "_x00000040_",
            "_X0040_",
            "%26%2364%3B",
        ] {
            assert_eq!(decoded(&format!("taro{at}example")), "taro@example", "{at}");
        }
        assert_eq!(decoded("\\uD835\\uDFCE&mfr;&nbsp;"), "𝟎𝔪\u{A0}");
        assert_eq!(decoded("%E6%B0%8F"), "氏");
        for text in [
            "",
            "100%",
            "50％OFF",
            "A&B",
            "R&D;",
            "a_x_b",
            "_x00_",
            "C:\\users\\x",
            "¥1000",
            "&",
            "&;",
            "&#;",
            "&#x;",
            "%",
            "%4",
            "%ux",
            "\\u{110000}",
            "\\uD835x",
            "&#99999999999999999999;",
            "&NoSuchNameOfACharacterIsKnownAnywhere;",
            "佐野市＆矢板市",
            "_x0000006D",
        ] {
            assert!(matches!(decoded(text), Cow::Borrowed(_)), "{text}: {}", decoded(text));
        }
    }

    #[test]
    fn a_long_text_of_signs_takes_no_longer_than_its_length() {
        for sign in ["&", "%", "&#", "\\u", "_x", "&amp;", "%25"] {
            assert!(decoded(&sign.repeat(100_000)).len() <= sign.len() * 100_000, "{sign}");
        }
    }
}
