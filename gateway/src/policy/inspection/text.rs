//! One text: whether it could hold anything at all, decided in one pass over its bytes, and if so, its characters after
//! Unicode's NFKC, each with the place that it came from.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use super::Rule;
use super::rules;

/// What stands in the place of a value that is masked.
pub(super) const MASK: &str = "***";

/// Digits of the shortest number that is looked for.
const FEWEST_DIGITS: u32 = 11;

/// Digits that one character may stand for after NFKC: `⒛` is two and `㏳` is two; no character is more than three.
const DIGITS_OF_ONE: u32 = 3;

/// Hexadecimal digits of a LINE user id.
pub(super) const LINE_DIGITS: usize = 32;

/// Bytes that are looked at together, so that a count of them fits into a byte.
const BLOCK: usize = 128;

/// Somebody's number or address in a text: which rule found it, and the bytes that it takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) rule: Rule,
    pub(super) bytes: Range<usize>,
}

/// What the bytes of a text amount to.
#[derive(Default)]
struct Census {
    /// ASCII digits.
    digits: u32,
    has_at: bool,
    has_letter_u: bool,
    has_percent: bool,
    /// Whether a character may become another by NFKC that is looked for.
    has_foldable: bool,
}

/// Counts without a branch for each byte, so that the compiler compares many of them at once.
fn census(text: &[u8]) -> Census {
    let mut census = Census::default();
    for block in text.chunks(BLOCK) {
        let (mut digits, mut at, mut letter, mut percent, mut lead) = (0_u8, false, false, false, false);
        for byte in block {
            digits += u8::from(byte.is_ascii_digit());
            at |= *byte == b'@';
            letter |= *byte == b'U';
            percent |= *byte == b'%';
            // The first bytes of characters that NFKC folds into ASCII: superscripts (C2), modifiers (E1), punctuation
            // and enclosed ones (E2), full-width forms (EF), what is beyond the basic plane (F0 and up). Kana and
            // ideographs begin with E3 to E9.
            lead |= matches!(*byte, 0xC2 | 0xE1 | 0xE2) | (*byte >= 0xEF);
        }
        census.digits += u32::from(digits);
        census.has_at |= at;
        census.has_letter_u |= letter;
        census.has_percent |= percent;
        census.has_foldable |= lead;
    }
    // Enclosed and squared characters, U+3200 to U+33FF, begin like kana.
    let pairs = text.iter().zip(text.iter().skip(1));
    census.has_foldable |= pairs.fold(false, |found, (first, second)| {
        found | ((*first == 0xE3) & matches!(*second, 0x88..=0x8F))
    });
    census
}

/// Whether a text may hold what a rule looks for. Most texts may not, and are told apart in about a nanosecond a byte.
pub(super) fn is_suspicious(text: &str) -> bool {
    let census = census(text.as_bytes());
    may_hold(text, &census)
        || (census.has_percent
            && decoded(text).is_some_and(|decoded| may_hold(&decoded, &self::census(decoded.as_bytes()))))
}

fn may_hold(text: &str, census: &Census) -> bool {
    if census.has_foldable {
        return may_hold_when_folded(text, census);
    }
    census.has_at
        || (census.digits >= FEWEST_DIGITS && has_long_number(text.chars()))
        || (census.has_letter_u && text.len() > LINE_DIGITS && has_line_id(text.as_bytes()))
}

/// The same for a text with characters that NFKC folds: no text is built where it cannot matter.
fn may_hold_when_folded(text: &str, census: &Census) -> bool {
    let foldable = text.chars().filter(|character| is_foldable(*character)).count();
    let digits_at_most = census.digits + DIGITS_OF_ONE * u32::try_from(foldable).unwrap_or(u32::MAX / 4);
    let may_be_line = text.chars().nth(LINE_DIGITS).is_some()
        && text.chars().filter(|character| may_be_hexadecimal(*character)).count() >= LINE_DIGITS;
    census.has_at
        || text.contains(['＠', '﹫'])
        || may_be_line
        || (digits_at_most >= FEWEST_DIGITS && has_long_number(text.nfkc()))
}

/// The text with its percent-encoding undone; `None` where there is none.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    match percent_decode_str(text).decode_utf8_lossy() {
        Cow::Borrowed(_) => None,
        Cow::Owned(decoded) => Some(Cow::Owned(decoded)),
    }
}

/// Whether a character may become digits, letters or signs of ASCII by NFKC. Says yes too often rather than too rarely.
fn is_foldable(character: char) -> bool {
    matches!(u32::from(character), 0xA0..=0xFF | 0x1D00..=0x24FF | 0x3200..=0x33FF | 0xF900..)
}

fn may_be_hexadecimal(character: char) -> bool {
    character.is_ascii_hexdigit() || is_foldable(character)
}

/// Whether there is a number of eleven or twelve digits, or parts of numbers close to each other that could be one.
fn has_long_number(characters: impl Iterator<Item = char>) -> bool {
    let (mut whole, mut part, mut parts, mut between) = (0_usize, 0_usize, 0_usize, 0_usize);
    let is_long = |whole: usize, part: usize, parts: usize| {
        whole >= FEWEST_DIGITS as usize && (parts > 1 || matches!(part, 11 | 12))
    };
    for character in characters {
        if character.is_ascii_digit() {
            parts += usize::from(part == 0);
            (whole, part, between) = (whole + 1, part + 1, 0);
        } else if whole > 0 && rules::is_separator(character) && between < rules::LONGEST_SEPARATOR {
            if is_long(whole, part, parts) {
                return true;
            }
            (part, between) = (0, between + 1);
        } else if whole > 0 && !is_invisible(character) {
            if is_long(whole, part, parts) {
                return true;
            }
            (whole, part, parts, between) = (0, 0, 0, 0);
        }
    }
    is_long(whole, part, parts)
}

fn has_line_id(text: &[u8]) -> bool {
    let begins = |rest: &[u8]| {
        rest.split_first().is_some_and(|(first, rest)| {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit());
            *first == b'U' && digits.take(LINE_DIGITS).count() == LINE_DIGITS
        })
    };
    text.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'U')
        .any(|(place, _)| text.get(place..).is_some_and(begins))
}

/// Characters that take up no room on paper; put between digits they would hide a number.
fn is_invisible(character: char) -> bool {
    matches!(u32::from(character), 0xAD | 0x200B..=0x200F | 0x2060..=0x2064 | 0xFE00..=0xFE0F | 0xFEFF)
}

/// A text after NFKC, without what is invisible.
pub(super) struct Normal {
    pub(super) characters: Vec<char>,
    /// Where in the text each of them came from.
    origins: Vec<Range<usize>>,
}

impl Normal {
    pub(super) fn of(text: &str) -> Self {
        let mut normal = Self {
            characters: Vec::with_capacity(text.len()),
            origins: Vec::with_capacity(text.len()),
        };
        for (start, character) in text.char_indices().filter(|(_, character)| !is_invisible(*character)) {
            for folded in std::iter::once(character).nfkc() {
                normal.characters.push(folded);
                normal.origins.push(start..start + character.len_utf8());
            }
        }
        normal
    }

    /// The bytes of the text that some of the characters came from.
    pub(super) fn bytes(&self, characters: Range<usize>) -> Range<usize> {
        let start = self.origins.get(characters.start).map_or(0, |origin| origin.start);
        let end = characters.end.checked_sub(1).and_then(|last| self.origins.get(last));
        start..end.map_or(start, |origin| origin.end)
    }
}

/// Everything in a text, in the order in which it stands there. `context`: whether the name of the text speaks of a
/// マイナンバー.
pub(super) fn hits(text: &str, context: bool) -> Vec<Hit> {
    if !is_suspicious(text) {
        return Vec::new();
    }
    let normal = Normal::of(text);
    let found = rules::find(&normal.characters, context);
    let mut hits: Vec<Hit> = found
        .into_iter()
        .map(|(rule, characters)| Hit {
            rule,
            bytes: normal.bytes(characters),
        })
        .collect();
    if hits.is_empty()
        && let Some(decoded) = decoded(text)
    {
        // Which of the encoded characters it was is lost; the whole text is what holds it.
        let inside = rules::find(&Normal::of(&decoded).characters, context);
        hits.extend(inside.into_iter().map(|(rule, _)| Hit {
            rule,
            bytes: 0..text.len(),
        }));
    }
    hits.sort_by_key(|hit| (hit.bytes.start, hit.bytes.end));
    hits
}

/// The text with some of its bytes masked. `hits` stand in order; what overlaps is masked together.
pub(super) fn masked<'a>(text: &str, hits: impl Iterator<Item = &'a Hit>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for hit in hits {
        if hit.bytes.start >= done {
            out.push_str(text.get(done..hit.bytes.start).unwrap_or_default());
            out.push_str(MASK);
        }
        done = done.max(hit.bytes.end);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}
