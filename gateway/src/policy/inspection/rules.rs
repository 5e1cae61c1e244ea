//! The four rules, on the characters of a text after NFKC.
//!
//! A number is looked for as people write it: digits in one piece, or in pieces with hyphens, spaces or parentheses
//! between. A digit more at either end makes it another number: inside the thirteen digits of a 法人番号 nothing is found.

use std::ops::Range;

use super::Rule;
use super::text::LINE_DIGITS;

/// Most characters between two pieces of one number: ` - `.
pub(super) const LONGEST_SEPARATOR: usize = 3;

/// Digits of a マイナンバー, and of a 法人番号.
const MY_NUMBER: usize = 12;
const CORPORATE_NUMBER: usize = 13;

/// Digits of a mobile number as it is dialled in Japan.
const MOBILE: usize = 11;

/// The shortest run of characters after the last dot of a domain.
const SHORTEST_TOP_LEVEL: usize = 2;

/// The domain of local governments: an address below it is an office's, not a person's.
const OFFICIAL_DOMAIN: &str = "lg.jp";

/// Words beside which twelve digits are a マイナンバー in whatever pieces they stand, in lower case and without spaces.
const MY_NUMBER_WORDS: [&str; 6] = [
    "マイナンバー",
    "個人番号",
    "mynumber",
    "my_number",
    "individualnumber",
    "kojinbango",
];

type Found = (Rule, Range<usize>);

/// Everything that the rules find. `context`: whether the name of the text speaks of a マイナンバー.
pub(super) fn find(text: &[char], context: bool) -> Vec<Found> {
    let pieces = pieces(text);
    let mut found: Vec<Found> = Vec::new();
    let context = context || (!pieces.is_empty() && speaks_of_my_number(text.iter().copied()));
    mobile_phones(text, &pieces, &mut found);
    my_numbers(text, &pieces, context, &mut found);
    addresses(text, &mut found);
    line_ids(text, &mut found);
    found
}

/// Whether a text or a name has a word beside which twelve digits are a マイナンバー.
pub(super) fn speaks_of_my_number(text: impl Iterator<Item = char>) -> bool {
    let visible = text.filter(|character| !character.is_whitespace());
    let plain: String = visible.flat_map(char::to_lowercase).collect();
    MY_NUMBER_WORDS.iter().any(|word| plain.contains(word))
}

/// Whether a character may stand between the pieces of one number.
pub(super) fn is_separator(character: char) -> bool {
    is_dash(character) || character.is_whitespace() || matches!(character, '(' | ')' | '.')
}

/// Whatever is written for a hyphen in telephone numbers, the lengthening mark of kana among it.
fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | 'ー' | '\u{30A0}' | '\u{FE58}' | '\u{2500}' | '~'
    )
}

/// Digits in one piece.
#[derive(Debug, Clone)]
struct Piece {
    place: Range<usize>,
    digits: String,
    /// What stands between it and the piece before.
    before: Joint,
}

/// What stands between two pieces of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// Something that parts two numbers.
    Apart,
    Space,
    Dash,
    Parenthesis,
    Dot,
}

fn pieces(text: &[char]) -> Vec<Piece> {
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
    if between.len() > LONGEST_SEPARATOR || !between.iter().all(|character| is_separator(*character)) {
        return Joint::Apart;
    }
    if between.contains(&'.') {
        return Joint::Dot;
    }
    if between.iter().any(|character| is_dash(*character)) {
        return Joint::Dash;
    }
    if between.iter().any(|character| matches!(character, '(' | ')')) {
        return Joint::Parenthesis;
    }
    Joint::Space
}

/// What stands between a piece and the one after it.
fn joint_after(pieces: &[Piece], index: usize) -> Joint {
    pieces.get(index + 1).map_or(Joint::Apart, |next| next.before)
}

/// Whether a piece goes on from the letters before it, or into those behind it, as parts of identifiers do.
fn is_in_word(text: &[char], place: &Range<usize>) -> bool {
    let is_letter = |at: Option<&char>| at.is_some_and(char::is_ascii_alphabetic);
    is_letter(place.start.checked_sub(1).and_then(|before| text.get(before))) || is_letter(text.get(place.end))
}

/// Whether it is the part of a number before or behind a decimal point or a comma.
fn is_part_of_number(text: &[char], place: &Range<usize>) -> bool {
    let is_mark = |at: Option<&char>| at.is_some_and(|character| matches!(character, '.' | ','));
    let is_digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(char::is_ascii_digit);
    let before = place.start.checked_sub(1).and_then(|at| text.get(at));
    (is_mark(before) && is_digit(place.start.checked_sub(2)))
        || (is_mark(text.get(place.end)) && is_digit(Some(place.end + 1)))
}

// === マイナンバー ===

fn my_numbers(text: &[char], pieces: &[Piece], context: bool, found: &mut Vec<Found>) {
    let mut index = 0;
    while index < pieces.len() {
        let (taken, number) = my_number_at(text, pieces, index, context);
        if let Some(place) = number {
            let known = found
                .iter()
                .any(|(_, other)| other.start < place.end && place.start < other.end);
            // What is dialled is no マイナンバー, whatever its digits add up to.
            if !known {
                found.push((Rule::MyNumber, place));
            }
        }
        index += taken.max(1);
    }
}

/// How many pieces were used up, and where a number stands in them.
fn my_number_at(text: &[char], pieces: &[Piece], index: usize, context: bool) -> (usize, Option<Range<usize>>) {
    let Some(first) = pieces.get(index) else {
        return (1, None);
    };
    if first.digits.len() == MY_NUMBER {
        let is_joined = |joint| !matches!(joint, Joint::Apart | Joint::Space);
        let is_bounded = !is_joined(first.before) && !is_joined(joint_after(pieces, index));
        let is_corporate = first.before == Joint::Space
            && index
                .checked_sub(1)
                .and_then(|before| pieces.get(before))
                .is_some_and(|before| {
                    before.digits.len() == 1 && is_corporate_number(&format!("{}{}", before.digits, first.digits))
                });
        let is_other = is_corporate
            || is_part_of_number(text, &first.place)
            || (!context && (is_in_word(text, &first.place) || is_something_else(&first.digits)));
        let is_number = is_bounded && !is_other && has_check_digit(&first.digits);
        return (1, is_number.then(|| first.place.clone()));
    }
    if let Some(place) = my_number_in_fours(text, pieces, index, context) {
        return (3, Some(place));
    }
    // Beside the word it may stand in any pieces; all that are joined count, so that nothing is found inside of more.
    if !context || first.before != Joint::Apart {
        return (1, None);
    }
    let behind = pieces.iter().skip(index + 1);
    let joined = behind.take_while(|piece| piece.before != Joint::Apart).count();
    let run = pieces.get(index..=index + joined).unwrap_or_default();
    let digits: String = run.iter().map(|piece| piece.digits.as_str()).collect();
    let place = run.last().map(|last| first.place.start..last.place.end);
    match place.filter(|_| has_check_digit(&digits)) {
        Some(place) => (run.len(), Some(place)),
        None => (1, None),
    }
}

/// `9832-0567-3214`, `9832 0567 3214`
fn my_number_in_fours(text: &[char], pieces: &[Piece], index: usize, context: bool) -> Option<Range<usize>> {
    let [first, second, third] = pieces.get(index..index + 3)? else {
        return None;
    };
    let joint = second.before;
    let is_shaped = [first, second, third].iter().all(|piece| piece.digits.len() == 4)
        && matches!(joint, Joint::Dash | Joint::Space)
        && third.before == joint;
    let parts = |neighbour| neighbour == Joint::Apart || (neighbour == Joint::Space && joint == Joint::Dash);
    let is_bounded = parts(first.before) && parts(joint_after(pieces, index + 2));
    let digits = format!("{}{}{}", first.digits, second.digits, third.digits);
    let place = first.place.start..third.place.end;
    let is_other = !context && (is_in_word(text, &place) || is_something_else(&digits));
    (is_shaped && is_bounded && !is_other && has_check_digit(&digits)).then_some(place)
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

/// Twelve digits that mean something else in files: a time, or a serial number filled up with zeros, which one
/// マイナンバー in a million looks like.
fn is_something_else(digits: &str) -> bool {
    digits.starts_with("000000") || is_date_and_time(digits)
}

/// `202604011230`: a time as files write it, which one number in ten thousand looks like.
fn is_date_and_time(digits: &str) -> bool {
    let part = |range: Range<usize>| digits.get(range).and_then(|text| text.parse::<u32>().ok());
    let within =
        |range: Range<usize>, least: u32, most: u32| part(range).is_some_and(|value| (least..=most).contains(&value));
    within(0..4, 1900, 2099)
        && within(4..6, 1, 12)
        && within(6..8, 1, 31)
        && within(8..10, 0, 24)
        && within(10..12, 0, 59)
}

// === mobile numbers ===

fn mobile_phones(text: &[char], pieces: &[Piece], found: &mut Vec<Found>) {
    let mut index = 0;
    while index < pieces.len() {
        match mobile_at(text, pieces, index) {
            Some((taken, place)) => {
                found.push((Rule::MobilePhone, place));
                index += taken;
            }
            None => index += 1,
        }
    }
}

/// A mobile number that begins with a piece: how many pieces it has, and where it stands.
fn mobile_at(text: &[char], pieces: &[Piece], index: usize) -> Option<(usize, Range<usize>)> {
    let first = pieces.get(index)?;
    let before = first.place.start.checked_sub(1).and_then(|at| text.get(at));
    let is_international = before == Some(&'+') && first.digits.starts_with("81");
    if matches!(first.before, Joint::Dash | Joint::Dot) && !is_international {
        return None;
    }
    let mut digits = String::new();
    for (taken, piece) in pieces.iter().skip(index).enumerate() {
        if taken > 0 && piece.before == Joint::Apart {
            return None;
        }
        digits.push_str(&piece.digits);
        let national = national_digits(&digits, is_international);
        if national.len() > MOBILE {
            return None;
        }
        if national.len() < MOBILE {
            continue;
        }
        let run = pieces.get(index..=index + taken)?;
        let place = first.place.start - usize::from(is_international)..piece.place.end;
        let goes_on = matches!(joint_after(pieces, index + taken), Joint::Dash | Joint::Dot);
        let is_number = is_mobile(&national) && !goes_on && is_written_as_phone(text, run, is_international);
        return is_number.then_some((taken + 1, place));
    }
    None
}

/// The digits as they are dialled in Japan.
fn national_digits(digits: &str, is_international: bool) -> String {
    match digits.strip_prefix("81").filter(|_| is_international) {
        Some(rest) => format!("0{}", rest.strip_prefix('0').unwrap_or(rest)),
        None => digits.to_owned(),
    }
}

fn is_mobile(national: &str) -> bool {
    ["070", "080", "090", "050"]
        .iter()
        .any(|prefix| national.starts_with(prefix))
}

/// Whether pieces stand as those of a telephone number do, and not within an identifier or a decimal number.
fn is_written_as_phone(text: &[char], run: &[Piece], is_international: bool) -> bool {
    let lengths: Vec<usize> = run.iter().map(|piece| piece.digits.len()).collect();
    let mut joints = run.iter().skip(1).map(|piece| piece.before);
    // 〒080-0011 1234 has another joint between its pieces.
    let is_even = joints.clone().all(|joint| Some(joint) == joints.clone().next())
        || joints.any(|joint| joint == Joint::Parenthesis);
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return false;
    };
    // 0800-123-4567 costs its caller nothing and belongs to no person.
    let is_free = first.digits.len() == 4 && first.digits.starts_with("0800");
    let whole = first.place.start..last.place.end;
    let is_shaped = match lengths.as_slice() {
        _ if is_international => true,
        [_] => !is_in_word(text, &whole) || follows_label(text, whole.start),
        [3, 4, 4] => is_even,
        [begin, ..] => {
            *begin >= 3 && lengths.len() <= 3 && is_even && run.get(1).is_none_or(|piece| piece.before != Joint::Dot)
        }
        [] => false,
    };
    is_shaped && !is_free && !is_part_of_number(text, &whole)
}

/// `TEL09012345678`
fn follows_label(text: &[char], start: usize) -> bool {
    let letters = text
        .iter()
        .take(start)
        .rev()
        .take_while(|character| character.is_ascii_alphabetic());
    let mut label: Vec<char> = letters.map(char::to_ascii_lowercase).collect();
    label.reverse();
    let label: String = label.into_iter().collect();
    ["tel", "phone", "mobile", "fax"].contains(&label.as_str())
}

// === e-mail addresses ===

fn addresses(text: &[char], found: &mut Vec<Found>) {
    for (at, _) in text.iter().enumerate().filter(|(_, character)| **character == '@') {
        let before = text.get(..at).unwrap_or_default().iter().rev();
        let local = before.clone().take_while(|character| is_local(**character)).count();
        let quoted = before.clone().next() == Some(&'"');
        let local = if quoted {
            before
                .skip(1)
                .position(|character| *character == '"')
                .map_or(0, |length| length + 2)
        } else {
            local
        };
        let behind = text.get(at + 1..).unwrap_or_default();
        let domain: String = behind.iter().take_while(|character| is_domain(**character)).collect();
        let domain = domain.trim_end_matches(['.', '-']);
        if local > 0 && is_host(domain) && !is_official(domain) {
            found.push((Rule::Email, at - local..at + 1 + domain.len()));
        }
    }
}

/// RFC 5322 `atext` and the dot, without what stands before an address in a URL and in no address that exists.
fn is_local(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%'*+-^_`{|}~.".contains(character)
}

fn is_domain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.')
}

fn is_host(domain: &str) -> bool {
    let mut labels = domain.rsplit('.');
    let top_level = labels.next().unwrap_or_default();
    let is_top_level =
        top_level.starts_with("xn--") || top_level.chars().all(|character| character.is_ascii_alphabetic());
    let mut others = labels.peekable();
    is_top_level
        && top_level.len() >= SHORTEST_TOP_LEVEL
        && others.peek().is_some()
        && others.all(|label| !label.is_empty())
}

fn is_official(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    domain == OFFICIAL_DOMAIN
        || domain
            .strip_suffix(OFFICIAL_DOMAIN)
            .is_some_and(|rest| rest.ends_with('.'))
}

// === LINE ===

fn line_ids(text: &[char], found: &mut Vec<Found>) {
    for (start, _) in text.iter().enumerate().filter(|(_, character)| **character == 'U') {
        let is_word = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(char::is_ascii_alphanumeric);
        let behind = text.get(start + 1..).unwrap_or_default();
        let digits = behind
            .iter()
            .take_while(|character| character.is_ascii_hexdigit())
            .count();
        let end = start + 1 + LINE_DIGITS;
        if digits == LINE_DIGITS && !is_word(start.checked_sub(1)) && !is_word(Some(end)) {
            found.push((Rule::LineUserId, start..end));
        }
    }
}
