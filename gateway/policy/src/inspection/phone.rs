//! Numbers of mobile and IP telephones: eleven digits as they are dialled in Japan, or with the country's code.

use std::ops::Range;

use super::numbers::{Joint, Piece, is_in_word, is_part_of_decimal, joint_after};

/// Digits of a mobile number as it is dialled in Japan.
const MOBILE: usize = 11;

/// Digits of it without the `0` that is left out behind a country's code.
const NATIONAL: usize = MOBILE - 1;

/// Most digits of one with the country's code and whatever is dialled before that: `186` `005345` `010` `81` `0`.
pub(super) const LONGEST: usize = NATIONAL + 15;

/// The country's code.
const CODE: &str = "81";

/// What is dialled in Japan so that the number of who calls is hidden or shown.
const CALLER: [&str; 2] = ["184", "186"];

/// What is dialled in Japan before a country's code.
const ABROAD: &str = "010";

/// What is dialled before a country's code where it begins neither with `00` nor with `01`: in Cuba, in states of the former
/// Soviet Union, in Finland.
const OTHERS_ABROAD: [&str; 5] = ["119", "810", "990", "994", "999"];

/// What mobile and IP telephones' numbers begin with. 060 is given to mobile telephones, too, since 070 ran short.
const PREFIXES: [&str; 5] = ["050", "060", "070", "080", "090"];

/// Words before a number that say what it is, in lower case.
const LABELS: [&str; 9] = [
    "tel",
    "phone",
    "telephone",
    "mobile",
    "cell",
    "fax",
    "keitai",
    "denwa",
    "no",
];

/// Where numbers stand, in order.
pub(super) fn phones(text: &[char], pieces: &[Piece]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut index = 0;
    let mut is_behind_another = false;
    while index < pieces.len() {
        match phone_at(text, pieces, index, is_behind_another) {
            Some((taken, place)) => {
                found.push(place);
                index += taken;
                is_behind_another = true;
            }
            None => {
                index += 1;
                is_behind_another = false;
            }
        }
    }
    found
}

/// A number that begins with a piece: how many pieces it has, and where it stands.
fn phone_at(text: &[char], pieces: &[Piece], index: usize, is_behind_another: bool) -> Option<(usize, Range<usize>)> {
    let first = pieces.get(index)?;
    let plus = place_of_plus(text, first.place.start);
    let mut digits = String::new();
    for (place, piece) in pieces.iter().skip(index).enumerate() {
        if (place > 0 && piece.before == Joint::Apart) || digits.len() > LONGEST {
            return None;
        }
        digits.push_str(&piece.digits);
        let Some(before) = dialled_before(&digits) else {
            continue;
        };
        let run = pieces.get(index..=index + place)?;
        let written = Written {
            text,
            run,
            has_plus: plus.is_some(),
            has_code: !before.is_empty(),
            national: digits.len() - NATIONAL,
            before: if is_behind_another { Joint::Apart } else { first.before },
            after: joint_after(pieces, index + place),
            behind: pieces.get(index + place + 1),
        };
        return written
            .is_phone()
            .then(|| (place + 1, plus.unwrap_or(first.place.start)..piece.place.end));
    }
    None
}

/// Where the `+` stands before a number, spaces between.
fn place_of_plus(text: &[char], start: usize) -> Option<usize> {
    let before = text.get(..start)?;
    let spaces = before
        .iter()
        .rev()
        .take_while(|character| character.is_whitespace())
        .count();
    let at = start.checked_sub(spaces + 1)?;
    (text.get(at) == Some(&'+')).then_some(at)
}

/// What stands before a number, without the `0` that it begins with in Japan, if these digits are all of one.
fn dialled_before(digits: &str) -> Option<&str> {
    let (before, number) = digits.split_at_checked(digits.len().checked_sub(NATIONAL)?)?;
    let is_mobile = PREFIXES
        .iter()
        .any(|prefix| number.starts_with(prefix.trim_start_matches('0')));
    if !is_mobile {
        return None;
    }
    let without_zero = before.strip_suffix('0');
    if let Some(before) = without_zero.filter(|before| is_dialled_in_japan(before)) {
        return Some(before);
    }
    let abroad = [without_zero, Some(before)].into_iter().flatten();
    let mut abroad = abroad.filter(|before| before.strip_suffix(CODE).is_some_and(is_dialled_abroad));
    abroad.next()
}

/// Whether digits may be dialled before a number in Japan: whether it is shown who calls, and who carries the call.
fn is_dialled_in_japan(digits: &str) -> bool {
    let carrier = CALLER.iter().find_map(|caller| digits.strip_prefix(caller));
    let carrier = carrier.unwrap_or(digits);
    carrier.is_empty() || is_carrier(carrier)
}

/// `0036`, `009130`: who carries a call. `0000` fills up a serial number, and `0081` is dialled elsewhere.
fn is_carrier(digits: &str) -> bool {
    let Some(code) = digits.strip_prefix("00").filter(|code| *code != CODE) else {
        return false;
    };
    match code.as_bytes() {
        [b'3'..=b'8', _] | [b'9', b'1', _, _] => true,
        _ => code == "5345",
    }
}

/// Whether digits may be dialled before a country's code.
fn is_dialled_abroad(digits: &str) -> bool {
    let digits = CALLER
        .iter()
        .find_map(|caller| digits.strip_prefix(caller))
        .unwrap_or(digits);
    let carrier = digits.strip_suffix(ABROAD);
    let is_access = |digits: &str| match digits.as_bytes() {
        // `00`, `001`, `0011`, `0041`, `00700`
        [b'0', b'0', others @ ..] => others.len() < 4,
        // `010`, `011`, `014`
        [b'0', b'1', _] => true,
        _ => OTHERS_ABROAD.contains(&digits),
    };
    digits.is_empty() || is_access(digits) || carrier.is_some_and(|carrier| carrier == "001" || is_carrier(carrier))
}

/// Eleven digits in their pieces.
struct Written<'a> {
    text: &'a [char],
    run: &'a [Piece],
    has_plus: bool,
    /// Whether more stands before it than what is dialled in Japan.
    has_code: bool,
    /// How many digits stand before those behind its `0`.
    national: usize,
    before: Joint,
    after: Joint,
    /// The piece behind them.
    behind: Option<&'a Piece>,
}

impl Written<'_> {
    /// Whether they stand as those of a telephone number do, and not within an identifier or another number.
    fn is_phone(&self) -> bool {
        self.is_shaped() && !self.goes_on() && !self.is_free_of_charge()
    }

    fn is_shaped(&self) -> bool {
        let (Some(first), Some(last)) = (self.run.first(), self.run.last()) else {
            return false;
        };
        let whole = first.place.start..last.place.end;
        if is_part_of_decimal(self.text, &whole) {
            return false;
        }
        if self.has_plus && self.has_code {
            return true;
        }
        let lengths: Vec<usize> = self.run.iter().map(|piece| piece.digits.len()).collect();
        let is_usual = matches!(lengths.as_slice(), [3, 4, 4]);
        let is_in_word = is_in_word(self.text, &whole) && !follows_label(self.text, whole.start);
        if is_in_word && !is_usual {
            return false;
        }
        let joints = || self.run.iter().skip(1).map(|piece| piece.before);
        let joint = joints().next();
        let is_even = joints().all(|other| Some(other) == joint);
        let has = |joint: Joint| joints().any(|other| other == joint);
        if self.has_code {
            return (first.digits.len() >= 2 || self.begins_as_in_russia())
                && !has(Joint::List)
                && !self.ascends()
                && !self.is_postal_code();
        }
        match lengths.as_slice() {
            [_] => true,
            _ if is_usual => !self.is_postal_code(),
            // `(0)80-1234-5678`
            [1, 2, 4, 4] => !has(Joint::List) && !has(Joint::Dot),
            // `0900-1700 250` is from when to when, and something else.
            [begin, ..] if *begin >= 3 => {
                let is_one = *begin == 3 || is_even || has(Joint::Parenthesis);
                is_one && !has(Joint::List) && !self.is_decimal() && !self.is_postal_code()
            }
            all => {
                let longest = all.iter().copied().max().unwrap_or_default();
                longest == 1 || (longest == 2 && is_even && !has(Joint::List))
            }
        }
    }

    /// `8-10-81-90-1234-5678`: after the `8` a tone is waited for.
    fn begins_as_in_russia(&self) -> bool {
        let mut pieces = self.run.iter().map(|piece| piece.digits.as_str());
        (pieces.next(), pieces.next()) == (Some("8"), Some("10"))
    }

    /// `8160 8161 8162`: numbers of a list.
    fn ascends(&self) -> bool {
        let mut steps = self.run.iter().zip(self.run.iter().skip(1));
        let is_step = |(one, next): (&Piece, &Piece)| one.digits.len() == next.digits.len() && one.digits < next.digits;
        self.run.len() > 1 && steps.all(is_step)
    }

    /// `050.12345678`
    fn is_decimal(&self) -> bool {
        self.run.len() == 2 && self.run.last().is_some_and(|last| last.before == Joint::Dot)
    }

    /// `〒080-0011 1234番地`, `090-0001 12-34`, `〒815-0000 1000-2`: a postal code, and a house number behind it.
    fn is_postal_code(&self) -> bool {
        let [first, second, third, others @ ..] = self.run else {
            return false;
        };
        let is_code = (first.digits.len(), second.digits.len(), second.before) == (3, 4, Joint::Dash);
        if !is_code || third.before != Joint::Space {
            return false;
        }
        let before = self.text.get(..first.place.start).unwrap_or_default();
        let sign = before.iter().rev().find(|character| !character.is_whitespace());
        let behind = self.text.get(third.place.end);
        !others.is_empty() || sign == Some(&'〒') || matches!(behind, Some('番' | '丁' | '号'))
    }

    /// Whether more digits in the same manner make it another number.
    fn goes_on(&self) -> bool {
        let joint = self.run.get(1).map(|second| second.before);
        let same = |around: Joint| match around {
            Joint::Dash | Joint::Dot => joint.is_none_or(|joint| joint == around),
            _ => false,
        };
        // Unless these are the next one's.
        let is_next = |piece: &Piece| PREFIXES.iter().any(|prefix| piece.digits.starts_with(prefix));
        (same(self.before) && !self.has_plus) || (same(self.after) && !self.behind.is_some_and(is_next))
    }

    /// 0800-123-4567 costs its caller nothing and belongs to no person.
    fn is_free_of_charge(&self) -> bool {
        let digits: String = self.run.iter().map(|piece| piece.digits.as_str()).collect();
        let behind = self.national + "800".len();
        let mut ends = self.run.iter().scan(0, |digits, piece| {
            *digits += piece.digits.len();
            Some(*digits)
        });
        digits.get(self.national..behind) == Some("800") && ends.any(|end| end == behind)
    }
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
    LABELS.contains(&label.as_str())
}
