//! One text: whether it could hold anything at all, decided in one pass over its bytes, and if so, its characters after
//! Unicode's NFKC, each with the place that it came from.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::Rule;
use super::address::{may_be_quoted, may_be_worded};
use super::digits::{as_digit, ascii_digit, in_plain_circle, is_digit_of_other_script, is_numeral};
use super::markup::without_tags;
use super::numbers::{Between, is_left_out};
use super::phone;
use super::rules::{self, LINE_DIGITS};
use crate::escapes;

/// What stands in the place of a value that is masked.
pub(super) const MASK: &str = "***";

/// Digits of the shortest number that is looked for.
const FEWEST_DIGITS: u32 = 11;

/// Digits that one character may stand for after NFKC: `⒛` is two and `㏳` is two; no character is more than three.
const DIGITS_OF_ONE: u32 = 3;

/// Bytes of the shortest address of which the `@` is written as a word: `a[at]b.jp`.
const SHORTEST_ADDRESS: usize = 9;

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
    /// Characters that are not of ASCII.
    others: u32,
    /// How many of them may be numerals, at most.
    numerals: u32,
    /// Whether there is an `@`, or a sign with which a tag or an encoded `@` begins.
    has_sign: bool,
    has_letter_u: bool,
    /// Whether there is a sign with which escapes begin.
    has_escape: bool,
    /// Whether there is a bracket of ASCII, in which an `@` may be written as a word.
    has_bracket: bool,
    /// Whether a character may become another by NFKC that is looked for.
    has_foldable: bool,
}

/// Bits of each count in a [`tally`].
const COUNT_BITS: u32 = 9;

/// Bytes whose tallies are added before the counts are read, so that none of them overflows.
const TALLIED: usize = (1 << COUNT_BITS) - 1;

/// What one byte adds to each count of a census, side by side in one number.
const fn tally(byte: u8) -> u64 {
    // The first bytes of characters that NFKC folds into ASCII, and of digits of other scripts: superscripts (C2), Arabic to
    // Burmese and modifiers (D9 to E1), punctuation and enclosed ones (E2), Vai and the like (EA), full-width forms (EF),
    // what is beyond the basic plane (F0 and up). Kana and ideographs begin with E3 to E9.
    let foldable = matches!(byte, 0xC2 | 0xD9..=0xE2 | 0xEA..);
    let escape = matches!(byte, b'%' | b'&' | b'\\' | b'_');
    let bracket = matches!(byte, b'(' | b'[' | b'{' | b'<');
    let sign = matches!(byte, b'@' | b'=' | b'<');
    // The first byte of a character that is not of ASCII.
    let other = byte >= 0xC2;
    let mut tally = foldable as u64;
    tally = (tally << COUNT_BITS) + bracket as u64;
    tally = (tally << COUNT_BITS) + escape as u64;
    tally = (tally << COUNT_BITS) + (byte == b'U') as u64;
    tally = (tally << COUNT_BITS) + sign as u64;
    tally = (tally << COUNT_BITS) + other as u64;
    (tally << COUNT_BITS) + byte.is_ascii_digit() as u64
}

#[expect(
    clippy::indexing_slicing,
    reason = "done while compiling, where an index that is none is an error"
)]
const TALLIES: [u64; 256] = {
    let mut tallies = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        tallies[byte] = tally(byte as u8);
        byte += 1;
    }
    tallies
};

/// Counts with one addition for each byte: nearly every text is so short that comparing many bytes at once costs more.
fn census(text: &str) -> Census {
    let mut census = Census::default();
    for bytes in text.as_bytes().chunks(TALLIED) {
        let tallies = bytes.iter().filter_map(|byte| TALLIES.get(usize::from(*byte)));
        let mut counts = tallies.sum::<u64>();
        let mut next = || {
            let count = counts & TALLIED as u64;
            counts >>= COUNT_BITS;
            count as u32
        };
        census.digits += next();
        census.others += next();
        census.has_sign |= next() > 0;
        census.has_letter_u |= next() > 0;
        census.has_escape |= next() > 0;
        census.has_bracket |= next() > 0;
        census.has_foldable |= next() > 0;
    }
    // Most texts are too short for anything that is told by two bytes.
    if census.others > 0 && (census.digits + DIGITS_OF_ONE * census.others >= FEWEST_DIGITS || text.len() > LINE_DIGITS)
    {
        add_pairs(text.as_bytes(), &mut census);
    }
    census
}

/// Counts what the first two bytes of a character tell.
fn add_pairs(bytes: &[u8], census: &mut Census) {
    let seconds = bytes.get(1..).unwrap_or_default();
    for (firsts, seconds) in bytes.chunks(BLOCK).zip(seconds.chunks(BLOCK)) {
        let (mut enclosed, mut numerals) = (false, 0_u8);
        for (first, second) in firsts.iter().zip(seconds) {
            // Enclosed and squared characters, U+3200 to U+33FF, begin like kana.
            enclosed |= (*first == 0xE3) & matches!(*second, 0x88..=0x8F);
            numerals += u8::from(
                ((*first == 0xE3) & (*second == 0x80))
                    | ((*first == 0xE2) & (*second == 0x97))
                    | ((*first == 0xE4) & matches!(*second, 0xB8..=0xBC))
                    | ((*first == 0xE5) & matches!(*second, 0x85 | 0x8F | 0x9B | 0xA3 | 0xBC))
                    | ((*first == 0xE6) & matches!(*second, 0x8D | 0x9F | 0xBC))
                    | ((*first == 0xE7) & (*second == 0x8E))
                    | ((*first == 0xE8) & matches!(*second, 0x82 | 0xB2 | 0xB4))
                    | ((*first == 0xE9) & matches!(*second, 0x99 | 0x9B)),
            );
        }
        census.has_foldable |= enclosed;
        census.numerals += u32::from(numerals);
    }
}

/// Whether a text may hold what a rule looks for. Most texts may not, and are told apart in about a nanosecond a byte.
pub(super) fn is_suspicious(text: &str) -> bool {
    let census = census(text);
    may_hold(text, &census)
        || (may_be_encoded(text, &census)
            && decoded(text).is_some_and(|decoded| may_hold(&decoded, &self::census(&decoded))))
}

fn may_be_encoded(text: &str, census: &Census) -> bool {
    census.has_escape
        || (census.has_sign && text.contains('<'))
        || (census.has_foldable && text.chars().any(escapes::is_wide_sign))
}

/// Whether there may be an address, whatever stands for its `@`. `is_wide`: whether it may be of full-width letters.
fn may_hold_address(text: &str, census: &Census, is_wide: bool) -> bool {
    let has_sign = census.has_sign && (text.contains('@') || may_be_quoted(text));
    has_sign || ((census.has_bracket || is_wide || is_mixed(text, census)) && may_be_worded(text))
}

/// Whether there is an address' worth of ASCII beside other characters, which have three bytes each, or nearly so.
fn is_mixed(text: &str, census: &Census) -> bool {
    let others = 3 * census.others as usize;
    others > 0 && text.len() >= others + census.digits as usize + SHORTEST_ADDRESS
}

fn may_hold(text: &str, census: &Census) -> bool {
    if census.has_foldable {
        return may_hold_when_folded(text, census);
    }
    may_hold_address(text, census, false)
        || (census.digits >= FEWEST_DIGITS && has_long_number(text.chars()))
        || (census.numerals > 0
            && census.digits + census.numerals >= FEWEST_DIGITS
            && has_long_number(text.chars().map(as_digit)))
        || (census.has_letter_u && text.len() > LINE_DIGITS && has_line_id(text))
}

/// The same for a text with characters that NFKC folds: no text is built where it cannot matter.
fn may_hold_when_folded(text: &str, census: &Census) -> bool {
    let digits = text.chars().map(|character| match character {
        // Numerals of Korean, which the census does not count.
        '\u{AC00}'..='\u{D7A3}' => u32::from(is_numeral(character)),
        _ if is_foldable(character) => DIGITS_OF_ONE,
        _ => 0,
    });
    let foldable = digits.fold(0, u32::saturating_add);
    let digits_at_most = census.digits + census.numerals + foldable;
    let is_wide = foldable as usize >= DIGITS_OF_ONE as usize * SHORTEST_ADDRESS;
    let may_be_line = text.chars().nth(LINE_DIGITS).is_some()
        && text.chars().filter(|character| may_be_hexadecimal(*character)).count() >= LINE_DIGITS;
    let has_long = || {
        let in_circles = || text.chars().map(in_plain_circle);
        has_long_number(in_circles().nfkc().map(ascii_digit))
            || has_long_number(in_circles().map(as_digit).nfkc().map(ascii_digit).map(as_digit))
            || has_long_number(text.chars().map(without_ordinal).nfkc().map(ascii_digit))
    };
    may_hold_address(text, census, is_wide)
        || text.contains(['＠', '﹫', '＝'])
        || may_be_line
        || (digits_at_most >= FEWEST_DIGITS && has_long())
}

/// The digits of a whole number that may have as many as a マイナンバー.
pub(super) fn digits_of_whole(value: f64) -> Option<String> {
    const TWELVE_DIGITS: std::ops::RangeInclusive<f64> = 1e11..=1e12;
    (TWELVE_DIGITS.contains(&value) && value.fract() == 0.0).then(|| format!("{value:.0}"))
}

/// The text with what encodes its characters undone, and without tags; `None` where there is none.
fn decoded(text: &str) -> Option<String> {
    let decoded = escapes::decoded(text);
    match (without_tags(&decoded), decoded) {
        (Some(shown), _) | (None, Cow::Owned(shown)) => Some(shown),
        (None, Cow::Borrowed(_)) => None,
    }
}

/// Whether a character is a numeral that counts what follows, or refers to a note: `①`, `⑴`, `⒈`, `²`, `Ⅱ`, or a letter that
/// does: `Ⓐ`. Beside a number it is no part of it, though NFKC makes it a digit or a letter.
fn is_ordinal(character: char) -> bool {
    matches!(
        u32::from(character),
        0xB2 | 0xB3
            | 0xB9
            | 0x2070..=0x2079
            | 0x2080..=0x2089
            | 0x2160..=0x217F
            | 0x2460..=0x24FF
            | 0x2776..=0x2793
            | 0x3251..=0x325F
            | 0x32B1..=0x32BF
            | 0x1F100..=0x1F1AC
    )
}

/// What no number goes on through, in the place of such a numeral.
fn without_ordinal(character: char) -> char {
    if is_ordinal(character) { '*' } else { character }
}

/// Whether a character may become digits, letters or signs of ASCII by NFKC. Says yes too often rather than too rarely.
fn is_foldable(character: char) -> bool {
    let code = u32::from(character);
    matches!(code, 0xA0..=0xFF | 0x1D00..=0x24FF | 0x2776..=0x2793 | 0x2F00..=0x2FDF | 0x3200..=0x33FF | 0xF900..)
        || (matches!(code, 0x660..=0x1CFF | 0xA620..=0xABFF) && is_digit_of_other_script(character))
}

fn may_be_hexadecimal(character: char) -> bool {
    character.is_ascii_hexdigit() || is_foldable(character)
}

/// Whether there is a number of eleven or twelve digits, or one with a country's code, or parts of numbers close to each
/// other that could be one.
fn has_long_number(characters: impl Iterator<Item = char>) -> bool {
    let mut run = Run::default();
    let mut between = Between::default();
    for character in characters {
        if character.is_ascii_digit() {
            run.add(character);
            between = Between::default();
        } else if run.digits > 0 && !is_left_out(character) {
            if run.is_long() {
                return true;
            }
            if between.takes(character) {
                run.part = 0;
            } else {
                run = Run::default();
            }
        }
    }
    run.is_long()
}

/// Digits that may be of one number.
#[derive(Default)]
struct Run {
    digits: usize,
    /// Digits of the last part, and the first two of them.
    part: usize,
    first: (char, char),
    parts: usize,
}

impl Run {
    fn add(&mut self, digit: char) {
        match self.part {
            0 => {
                self.parts += 1;
                self.first = (digit, ' ');
            }
            1 => self.first.1 = digit,
            _ => {}
        }
        (self.digits, self.part) = (self.digits + 1, self.part + 1);
    }

    fn is_long(&self) -> bool {
        // Identifiers of thirteen digits are many. Of those that long only what begins with a country's code, and with
        // what is dialled before one or before a number, is looked at.
        let has_code = matches!(self.first, ('8', '1') | ('0', '0' | '1') | ('1', '8'));
        let is_whole = matches!(self.part, 11 | 12) || (matches!(self.part, 13..=phone::LONGEST) && has_code);
        self.digits >= FEWEST_DIGITS as usize && (self.parts > 1 || is_whole)
    }
}

fn has_line_id(text: &str) -> bool {
    let mut digits = None;
    text.chars()
        .filter(|character| !is_left_out(*character))
        .any(|character| {
            digits = match digits {
                _ if character == 'U' => Some(0),
                Some(digits) if character.is_ascii_hexdigit() => Some(digits + 1),
                _ => None,
            };
            digits == Some(LINE_DIGITS)
        })
}

/// A text after NFKC, without what is invisible.
pub(super) struct Normal {
    pub(super) characters: Vec<char>,
    /// Where in the text each of them came from.
    origins: Vec<Range<usize>>,
}

impl Normal {
    pub(super) fn of(text: &str) -> Self {
        Self::without_folding(text, |_| false)
    }

    /// With digits for numerals, and as if no `%` encoded anything; and what each was written as.
    fn in_digits(text: &str) -> (Self, Vec<char>) {
        // NFKC makes letters of Roman numerals.
        let mut normal = Self::without_folding(text, is_numeral);
        let plain = |character: &char| if *character == '%' { '*' } else { as_digit(*character) };
        let digits = normal.characters.iter().map(plain).collect();
        let written = std::mem::replace(&mut normal.characters, digits);
        (normal, written)
    }

    fn without_folding(text: &str, is_kept: impl Fn(char) -> bool) -> Self {
        let mut normal = Self {
            characters: Vec::with_capacity(text.len()),
            origins: Vec::with_capacity(text.len()),
        };
        for (start, character) in text.char_indices() {
            let mut add = |folded: char| {
                if !is_left_out(folded) {
                    normal.characters.push(ascii_digit(folded));
                    normal.origins.push(start..start + character.len_utf8());
                }
            };
            if is_kept(character) {
                add(character);
            } else {
                std::iter::once(in_plain_circle(character)).nfkc().for_each(add);
            }
        }
        normal
    }

    /// With what no number goes on through in the place of numerals that count. `text`: the text that this is of.
    fn without_ordinals(&self, text: &str) -> Vec<char> {
        let origins = self.origins.iter().zip(&self.characters);
        origins
            .map(|(origin, character)| {
                let written = text.get(origin.clone()).and_then(|written| written.chars().next());
                if written.is_some_and(is_ordinal) {
                    '*'
                } else {
                    *character
                }
            })
            .collect()
    }

    fn hit(&self, (rule, characters): (Rule, Range<usize>)) -> Hit {
        Hit {
            rule,
            bytes: self.bytes(characters),
        }
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
    let mut hits = hits_as_written(text, context);
    // What is encoded in what is left: which of the encoded characters it was is lost; the whole text is what holds it. What
    // was found in the signs of escapes, by chance or not, is looked at again as what they are written for.
    let is_plain = |hit: &&Hit| {
        text.get(hit.bytes.clone())
            .is_some_and(|part| !escapes::may_have_one(part))
    };
    let left = masked(text, hits.iter().filter(is_plain));
    if let Some(decoded) = decoded(&left) {
        let inside = hits_as_written(&decoded, context);
        hits.extend(inside.into_iter().map(|hit| Hit {
            rule: hit.rule,
            bytes: 0..text.len(),
        }));
    }
    hits.sort_by_key(|hit| (hit.bytes.start, hit.bytes.end));
    hits
}

/// The same without undoing what encodes characters, in no order.
fn hits_as_written(text: &str, context: bool) -> Vec<Hit> {
    let normal = Normal::of(text);
    let found = rules::find(&normal.characters, context);
    let mut hits: Vec<Hit> = found.into_iter().map(|found| normal.hit(found)).collect();
    if text.chars().any(is_ordinal) {
        // A number may be written with them, and beside them.
        let others = rules::find(&normal.without_ordinals(text), context);
        let others = others.into_iter().map(|found| normal.hit(found));
        hits.extend(others.filter(|hit| !hits.contains(hit)).collect::<Vec<_>>());
    }
    let (digits, written) = Normal::in_digits(text);
    if digits.characters != normal.characters {
        let others = rules::find_in_numerals(&written, &digits.characters, context);
        let others = others.into_iter().map(|found| digits.hit(found));
        hits.extend(others.filter(|hit| !hits.contains(hit)).collect::<Vec<_>>());
    }
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
