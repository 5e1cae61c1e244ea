//! Numbers of mobile and IP telephones: eleven digits as they are dialled in Japan, or with the country's code.

use std::ops::Range;

use super::numbers::{Joint, Piece, is_in_word, is_part_of_decimal, joint_after};

/// Digits of a mobile number as it is dialled in Japan.
const MOBILE: usize = 11;

/// Most digits of one with the country's code and whatever is dialled before that.
const LONGEST: usize = MOBILE + 5;

/// The country's code, and what is dialled before it: from anywhere, from Japan, from North America.
const CODES: [&str; 4] = ["81", "0081", "01081", "01181"];

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
        let Some(dialled) = dialled(&digits) else {
            continue;
        };
        let run = pieces.get(index..=index + place)?;
        let written = Written {
            text,
            run,
            has_plus: plus.is_some(),
            has_code: !digits.starts_with(&dialled),
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

/// The eleven digits that are dialled in Japan, if these are all of a number.
fn dialled(digits: &str) -> Option<String> {
    let is_dialled = |digits: &str| digits.len() == MOBILE && PREFIXES.iter().any(|prefix| digits.starts_with(prefix));
    if is_dialled(digits) {
        return Some(digits.to_owned());
    }
    let abroad = CODES.iter().filter_map(|code| digits.strip_prefix(code));
    let national = abroad.map(|rest| format!("0{}", rest.strip_prefix('0').unwrap_or(rest)));
    national.into_iter().find(|national| is_dialled(national))
}

/// Eleven digits in their pieces.
struct Written<'a> {
    text: &'a [char],
    run: &'a [Piece],
    has_plus: bool,
    has_code: bool,
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
            return first.digits.len() >= 2 && !has(Joint::List) && !self.ascends() && !self.is_postal_code();
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
        let national = self.run.get(usize::from(self.has_code));
        self.run.len() > 1 && national.is_some_and(|piece| matches!(piece.digits.as_str(), "0800" | "800"))
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
