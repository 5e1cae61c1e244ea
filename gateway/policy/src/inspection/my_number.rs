//! マイナンバー: twelve digits with their check digit, in whatever pieces.
//!
//! Of twelve digits that mean something else one in eleven has the right check digit by chance, so that what other numbers
//! look like is left alone: times, serial numbers, lists, addresses of machines.

use std::ops::Range;

use super::numbers::{Joint, Piece, digits_of, is_in_word, is_part_of_decimal, joint_after, place_of};

/// Digits of a マイナンバー, and of a 法人番号.
const MY_NUMBER: usize = 12;
const CORPORATE_NUMBER: usize = 13;

/// Digits of a telephone number of a fixed line.
const FIXED_LINE: usize = 10;

/// Digits of a date as files write it.
const DATE: usize = 8;

/// Where numbers stand, in order. `context`: whether something beside them or in a name speaks of one.
pub(super) fn my_numbers(text: &[char], pieces: &[Piece], context: bool) -> Vec<Range<usize>> {
    let finder = Finder { text, pieces, context };
    let mut found = Vec::new();
    let mut index = 0;
    while index < pieces.len() {
        let taken = finder.taken_at(index);
        if let Some(place) = pieces.get(index..index + taken).and_then(place_of) {
            found.push(place);
        }
        index += taken.max(1);
    }
    found
}

struct Finder<'a> {
    text: &'a [char],
    pieces: &'a [Piece],
    context: bool,
}

impl Finder<'_> {
    /// How many pieces a number has that begins with this piece; none: it begins none.
    fn taken_at(&self, index: usize) -> usize {
        let Some(first) = self.pieces.get(index) else {
            return 0;
        };
        if first.digits.len() == MY_NUMBER {
            return usize::from(self.is_number_in_one_piece(index));
        }
        let Some(taken) = self.length_at(index) else {
            return 0;
        };
        let is_number = self.is_number_in_pieces(index, taken) || self.is_number_beside_the_word(index, taken);
        if is_number { taken } else { 0 }
    }

    /// How many joined pieces from this one on have twelve digits.
    fn length_at(&self, index: usize) -> Option<usize> {
        let mut digits = 0;
        for (place, piece) in self.pieces.iter().skip(index).enumerate() {
            if place > 0 && piece.before == Joint::Apart {
                return None;
            }
            digits += piece.digits.len();
            if digits >= MY_NUMBER {
                return (digits == MY_NUMBER).then_some(place + 1);
            }
        }
        None
    }

    fn is_number_in_one_piece(&self, index: usize) -> bool {
        let Some(piece) = self.pieces.get(index) else {
            return false;
        };
        let goes_on = |joint| matches!(joint, Joint::Dash | Joint::Dot);
        let is_bounded = !goes_on(piece.before) && !goes_on(joint_after(self.pieces, index));
        let is_other = self.is_end_of_corporate_number(index, 1)
            || is_part_of_decimal(self.text, &piece.place)
            || (!self.context
                && (is_in_word(self.text, &piece.place)
                    || is_filled_up(&piece.digits)
                    || is_date_and_time(&piece.digits)));
        is_bounded && !is_other && has_check_digit(&piece.digits)
    }

    /// `9832-0567-3214`, `98 3205 6732 14`: all between the pieces of one kind, and of another kind what is around.
    fn is_number_in_pieces(&self, index: usize, taken: usize) -> bool {
        let run = self.pieces.get(index..index + taken).unwrap_or_default();
        let (Some(first), Some(second), Some(place)) = (run.first(), run.get(1), place_of(run)) else {
            return false;
        };
        let joint = second.before;
        let digits = digits_of(run);
        if !has_check_digit(&digits) || run.iter().skip(1).any(|piece| piece.before != joint) {
            return false;
        }
        let has_lengths = |length: usize| run.iter().all(|piece| piece.digits.len() == length);
        let (in_fours, in_ones) = (has_lengths(4), has_lengths(1));
        let parts = |around: Joint, beside: Option<&Piece>| match around {
            // Space between numbers is as good as none, unless what is there is one of the same make, or the first digit
            // of a 法人番号.
            Joint::Space if joint == Joint::Space => {
                in_fours && beside.is_none_or(|beside| !matches!(beside.digits.len(), 1 | 4))
            }
            Joint::Dash | Joint::Dot => !matches!(joint, Joint::Space | Joint::List) && around != joint,
            around => around != joint,
        };
        let before = index.checked_sub(1).and_then(|before| self.pieces.get(before));
        let is_bounded = parts(first.before, before)
            && parts(
                joint_after(self.pieces, index + taken - 1),
                self.pieces.get(index + taken),
            );
        let is_shaped = match joint {
            Joint::List => in_fours || in_ones,
            // `139.983205673`
            Joint::Dot => run.len() > 2,
            _ => true,
        };
        let is_other = self.is_end_of_corporate_number(index, taken)
            || is_part_of_decimal(self.text, &place)
            || (!self.context
                && (is_in_word(self.text, &place)
                    || is_filled_up(&digits)
                    || is_date_and_time(&digits)
                    || is_list(run)
                    || (!in_fours && is_serial_number(run))
                    || is_fixed_line(run, joint)
                    || is_address_of_machine(run, joint)));
        is_bounded && is_shaped && !is_other
    }

    /// Beside the word it may stand in any pieces with anything between; all that are joined count, so that nothing is
    /// found inside of more.
    fn is_number_beside_the_word(&self, index: usize, taken: usize) -> bool {
        let is_alone = self.pieces.get(index).is_some_and(|first| first.before == Joint::Apart)
            && joint_after(self.pieces, index + taken - 1) == Joint::Apart;
        let run = self.pieces.get(index..index + taken).unwrap_or_default();
        self.context && is_alone && has_check_digit(&digits_of(run))
    }

    /// Whether a digit that stands before makes it a 法人番号, as that is printed: `5 9832 0567 3214`.
    fn is_end_of_corporate_number(&self, index: usize, taken: usize) -> bool {
        let (Some(start), Some(first)) = (index.checked_sub(1), self.pieces.get(index)) else {
            return false;
        };
        let run = self.pieces.get(start..index + taken).unwrap_or_default();
        let is_digit = run.first().is_some_and(|piece| piece.digits.len() == 1);
        is_digit && first.before != Joint::Apart && is_corporate_number(&digits_of(run))
    }
}

/// The check digit of 行政手続における特定の個人を識別するための番号: the eleven others weighted 2 to 7 and 2 to 6, counted
/// from the lowest.
pub(super) fn has_check_digit(digits: &str) -> bool {
    let values: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let Some((check, eleven)) = values.split_last() else {
        return false;
    };
    if eleven.len() + 1 != MY_NUMBER || eleven.iter().all(|digit| digit == check) {
        // Twelve equal digits are nobody's: they fill a field.
        return false;
    }
    let weights = (2..=7).chain(2..=6);
    let sum: u32 = eleven
        .iter()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    let remainder = sum % 11;
    *check == if remainder <= 1 { 0 } else { 11 - remainder }
}

/// 法人番号: its first digit checks the twelve others, weighted 1 and 2 in turn from the lowest.
fn is_corporate_number(digits: &str) -> bool {
    let values: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let Some((check, twelve)) = values.split_first().filter(|_| values.len() == CORPORATE_NUMBER) else {
        return false;
    };
    let weighted = twelve.iter().rev().zip([1, 2].into_iter().cycle());
    let sum: u32 = weighted.map(|(digit, weight)| digit * weight).sum();
    *check == 9 - sum % 9
}

/// A serial number filled up with zeros, which one マイナンバー in a million looks like.
fn is_filled_up(digits: &str) -> bool {
    digits.starts_with("000000")
}

/// `09204-0000201`, `20260401-3456`: a part filled up with zeros, or a date before a serial number.
fn is_serial_number(run: &[Piece]) -> bool {
    let is_filled = |piece: &Piece| piece.digits.len() >= 4 && piece.digits.starts_with("00");
    let ends_at = |end: usize| {
        let mut ends = run.iter().scan(0, |digits, piece| {
            *digits += piece.digits.len();
            Some(*digits)
        });
        ends.any(|digits| digits == end)
    };
    run.iter().any(is_filled) || (ends_at(DATE) && is_date(&digits_of(run)))
}

/// `1001、1002、1003`, `0610 0640 0710`, `05 15 20 35 40 55`: numbers or times one after another.
fn is_list(run: &[Piece]) -> bool {
    let Some(length) = run.first().map(|piece| piece.digits.len()) else {
        return false;
    };
    let values: Vec<u32> = run.iter().filter_map(|piece| piece.digits.parse().ok()).collect();
    let is_even = run.iter().all(|piece| piece.digits.len() == length) && values.len() == run.len();
    let ascends = values.is_sorted_by(|one, next| one < next);
    let mut steps = values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(one, next)| next.abs_diff(*one));
    let step = steps.next();
    let is_time = |value: &u32| value / 100 < 24 && value % 100 < 60;
    let are_times = length == 4 && values.iter().all(is_time);
    let many = values.len() >= 6 && length > 1;
    is_even && ascends && (many || are_times || steps.all(|next| Some(next) == step))
}

/// `0287-62-7114-12`: a telephone number of a fixed line with an extension.
fn is_fixed_line(run: &[Piece], joint: Joint) -> bool {
    let line = digits_of(run.get(..3).unwrap_or_default());
    let is_extended = run.len() > 3 && matches!(joint, Joint::Dash | Joint::Parenthesis);
    is_extended && line.len() == FIXED_LINE && line.starts_with('0')
}

/// `192.168.100.101`
fn is_address_of_machine(run: &[Piece], joint: Joint) -> bool {
    let is_byte = |piece: &Piece| piece.digits.parse::<u8>().is_ok();
    joint == Joint::Dot && run.len() == 4 && run.iter().all(is_byte)
}

/// Whether digits begin with a date of this century or the last.
fn is_date(digits: &str) -> bool {
    has_part(digits, 0..4, 1900, 2099) && has_part(digits, 4..6, 1, 12) && has_part(digits, 6..8, 1, 31)
}

/// `202604011230`: a time as files write it, which one number in ten thousand looks like.
fn is_date_and_time(digits: &str) -> bool {
    is_date(digits) && has_part(digits, 8..10, 0, 24) && has_part(digits, 10..12, 0, 59)
}

fn has_part(digits: &str, place: Range<usize>, least: u32, most: u32) -> bool {
    let value = digits.get(place).and_then(|text| text.parse::<u32>().ok());
    value.is_some_and(|value| (least..=most).contains(&value))
}
