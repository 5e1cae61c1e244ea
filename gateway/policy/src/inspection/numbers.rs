//! Numbers as people write them: digits in one piece, or in pieces with something between them that is no letter.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use crate::spelling::{is_dash, is_invisible};

/// Most characters of one kind after another, beside spaces, between two pieces of one number: `) - (`.
pub(super) const LONGEST_SEPARATOR: usize = 4;

/// Digits in one piece.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) place: Range<usize>,
    pub(super) digits: String,
    /// What stands between it and the piece before.
    pub(super) before: Joint,
}

/// What stands between two pieces of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// Something that parts two numbers.
    Apart,
    Space,
    Dash,
    Parenthesis,
    Dot,
    /// What stands between the numbers of a list and the parts of a time: commas, colons and the like.
    List,
    /// Any other sign.
    Mark,
}

/// Whether a character may stand between the pieces of one number: whatever is no letter, and `の` in either kana, as numbers are read
/// out.
pub(super) fn is_separator(character: char) -> bool {
    !character.is_alphanumeric() || is_dash(character) || matches!(character, 'の' | 'ノ')
}

/// Counts what stands between two pieces: spaces do not count, and the same sign again does not either.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Between {
    signs: usize,
    last: Option<char>,
}

impl Between {
    /// Whether one number may still go on behind this character.
    pub(super) fn takes(&mut self, character: char) -> bool {
        if !character.is_whitespace() && self.last != Some(character) {
            self.signs += 1;
            self.last = Some(character);
        }
        is_separator(character) && self.signs <= LONGEST_SEPARATOR
    }
}

/// All digits of a text.
pub(super) fn pieces(text: &[char]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut start = None;
    for place in 0..=text.len() {
        let is_digit = text.get(place).is_some_and(char::is_ascii_digit);
        match (is_digit, start) {
            (true, None) => start = Some(place),
            (false, Some(begun)) => {
                let digits = text.get(begun..place).unwrap_or_default().iter().collect();
                let between = pieces.last().map(|piece| piece.place.end..begun);
                let before = between.map_or(Joint::Apart, |between| joint(text.get(between).unwrap_or_default()));
                pieces.push(Piece {
                    place: begun..place,
                    digits,
                    before,
                });
                start = None;
            }
            _ => {}
        }
    }
    pieces
}

fn joint(between: &[char]) -> Joint {
    let mut counted = Between::default();
    // What is percent-encoded says something else than its digits.
    if between.contains(&'%') || !between.iter().all(|character| counted.takes(*character)) {
        return Joint::Apart;
    }
    let has = |is: &dyn Fn(char) -> bool| between.iter().any(|character| is(*character));
    if has(&|character| matches!(character, '.' | '。')) {
        Joint::Dot
    } else if has(&|character| matches!(character, ',' | '、' | ';' | ':' | '・' | '&')) {
        Joint::List
    } else if has(&|character| is_dash(character) || matches!(character, '_' | 'の' | 'ノ')) {
        Joint::Dash
    } else if has(&is_bracket) {
        Joint::Parenthesis
    } else if has(&|character| !character.is_whitespace()) {
        Joint::Mark
    } else {
        Joint::Space
    }
}

fn is_bracket(character: char) -> bool {
    matches!(character, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301B}')
}

/// What stands between a piece and the one after it.
pub(super) fn joint_after(pieces: &[Piece], index: usize) -> Joint {
    pieces.get(index + 1).map_or(Joint::Apart, |next| next.before)
}

/// The digits of several pieces.
pub(super) fn digits_of(run: &[Piece]) -> String {
    run.iter().map(|piece| piece.digits.as_str()).collect()
}

/// From the first character of the pieces to the last.
pub(super) fn place_of(run: &[Piece]) -> Option<Range<usize>> {
    Some(run.first()?.place.start..run.last()?.place.end)
}

/// Whether a number goes on from the letters before it, or into those behind it, as parts of identifiers do.
pub(super) fn is_in_word(text: &[char], place: &Range<usize>) -> bool {
    let is_letter = |at: Option<&char>| at.is_some_and(char::is_ascii_alphabetic);
    is_letter(place.start.checked_sub(1).and_then(|before| text.get(before))) || is_letter(text.get(place.end))
}

/// Whether it is the part of a number before or behind a decimal point.
pub(super) fn is_part_of_decimal(text: &[char], place: &Range<usize>) -> bool {
    let is_point = |at: Option<&char>| at == Some(&'.');
    let is_digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(char::is_ascii_digit);
    let before = place.start.checked_sub(1).and_then(|at| text.get(at));
    (is_point(before) && is_digit(place.start.checked_sub(2)))
        || (is_point(text.get(place.end)) && is_digit(Some(place.end + 1)))
}

/// Whether a character is no part of a number, wherever in it it stands.
pub(super) fn is_left_out(character: char) -> bool {
    is_invisible(character) || (!character.is_ascii() && is_combining_mark(character))
}
