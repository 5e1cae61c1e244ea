//! The four rules together, on the characters of a text after NFKC.
//!
//! A number is looked for as people write it: digits in one piece, or in pieces with anything but letters between. A digit
//! more at either end makes it another number: inside the thirteen digits of a 法人番号 nothing is found.

use std::ops::Range;
use std::sync::LazyLock;

use super::Rule;
use super::address::addresses;
use super::digits::is_doubtful;
use super::my_number::my_numbers;
use super::numbers::{Piece, pieces};
use super::phone::phones;
use crate::spelling::spelling;

/// Hexadecimal digits of a LINE user id.
pub(super) const LINE_DIGITS: usize = 32;

/// Words beside which twelve digits are a マイナンバー in whatever pieces they stand, by their spelling.
static MY_NUMBER_WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let words = [
        "マイナンバー",
        "個人番号",
        "myNumber",
        "individualNumber",
        "kojinBango",
        "コジンバンゴウ",
    ];
    words.iter().map(|word| spelling(word)).collect()
});

type Found = (Rule, Range<usize>);

/// Everything that the rules find. `context`: whether the name of the text speaks of a マイナンバー.
pub(super) fn find(text: &[char], context: bool) -> Vec<Found> {
    let pieces = pieces(text);
    let speaks = || speaks_of_my_number(&text.iter().collect::<String>());
    let context = context || (!pieces.is_empty() && speaks());
    let mut found = find_numbers(text, &pieces, context);
    found.extend(addresses(text).into_iter().map(|place| (Rule::Email, place)));
    found.extend(line_ids(text).map(|place| (Rule::LineUserId, place)));
    found
}

/// The numbers alone. `digits`: the text with digits in the place of numerals.
pub(super) fn find_in_numerals(text: &[char], digits: &[char], context: bool) -> Vec<Found> {
    let pieces = pieces(digits);
    let context = context || (!pieces.is_empty() && speaks_of_my_number(&text.iter().collect::<String>()));
    let mut found = find_numbers(digits, &pieces, context);
    found.retain(|(rule, place)| {
        let written = text.get(place.clone()).unwrap_or_default();
        !is_doubtful(written, *rule == Rule::MyNumber && !context)
    });
    found
}

fn find_numbers(text: &[char], pieces: &[Piece], context: bool) -> Vec<Found> {
    let phones = phones(text, pieces).into_iter();
    let mut found: Vec<Found> = phones.map(|place| (Rule::MobilePhone, place)).collect();
    // What is dialled is no マイナンバー, whatever its digits add up to.
    let mut numbers = my_numbers(text, pieces, context);
    numbers.retain(|place| !found.iter().any(|(_, other)| overlap(other, place)));
    found.extend(numbers.into_iter().map(|place| (Rule::MyNumber, place)));
    found
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// Whether a text or a name has a word beside which twelve digits are a マイナンバー.
pub(super) fn speaks_of_my_number(text: &str) -> bool {
    let spelled = spelling(text);
    MY_NUMBER_WORDS.iter().any(|word| spelled.contains(word))
}

fn line_ids(text: &[char]) -> impl Iterator<Item = Range<usize>> {
    let starts = text.iter().enumerate().filter(|(_, character)| **character == 'U');
    starts.filter_map(|(start, _)| {
        let is_word = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(char::is_ascii_alphanumeric);
        let behind = text.get(start + 1..).unwrap_or_default();
        let digits = behind
            .iter()
            .take_while(|character| character.is_ascii_hexdigit())
            .count();
        let end = start + 1 + LINE_DIGITS;
        let is_id = digits == LINE_DIGITS && !is_word(start.checked_sub(1)) && !is_word(Some(end));
        is_id.then_some(start..end)
    })
}
