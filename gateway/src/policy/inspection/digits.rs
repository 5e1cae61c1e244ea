//! Digits in whatever script, and numerals that stand for digits where numbers are written downwards or in contracts.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Circles that stand for a zero among numerals, and for what is left blank in a form.
const CIRCLES: [char; 3] = ['〇', '○', '◯'];

/// So many circles after another are a blank, unless numerals stand beside them.
const BLANK: usize = 3;

/// The decimal digits of Unicode (Nd), as the newest table at hand has them: scripts one after another, each from its zero
/// to its nine.
static DIGITS: LazyLock<Vec<RangeInclusive<char>>> = LazyLock::new(|| {
    let class = regex_syntax::parse(r"\d").ok();
    let class = class.and_then(|class| match class.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        _ => None,
    });
    let ranges = class.iter().flat_map(regex_syntax::hir::ClassUnicode::ranges);
    ranges.map(|range| range.start()..=range.end()).collect()
});

/// The digit of ASCII that a digit of another script is; anything else as it is.
pub(super) fn ascii_digit(character: char) -> char {
    if character.is_ascii() || !character.is_numeric() {
        return character;
    }
    let after = DIGITS.partition_point(|digits| *digits.start() <= character);
    let digits = after.checked_sub(1).and_then(|place| DIGITS.get(place));
    let value = digits
        .filter(|digits| digits.contains(&character))
        .map(|digits| (u32::from(character) - u32::from(*digits.start())) % 10);
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(character)
}

/// Whether a character is a digit, and not of ASCII.
pub(super) fn is_digit_of_other_script(character: char) -> bool {
    ascii_digit(character) != character
}

/// The digit that a numeral stands for; anything else as it is.
pub(super) fn as_digit(character: char) -> char {
    match character {
        '〇' | '○' | '◯' | '零' => '0',
        '一' | '壱' | '壹' | '弌' | '〡' => '1',
        '二' | '弐' | '貳' | '貮' | '弍' | '〢' => '2',
        '三' | '参' | '參' | '弎' | '〣' => '3',
        '四' | '肆' | '〤' => '4',
        '五' | '伍' | '〥' => '5',
        '六' | '陸' | '〦' => '6',
        '七' | '漆' | '〧' => '7',
        '八' | '捌' | '〨' => '8',
        '九' | '玖' | '〩' => '9',
        _ => character,
    }
}

/// Whether a character is such a numeral.
pub(super) fn is_numeral(character: char) -> bool {
    as_digit(character) != character
}

/// Whether what stands in a number's place is no number, or not for sure: what is left blank, `○` before a number, `一` for a
/// dash. `is_plain`: whether nothing else than its digits says that it is one.
pub(super) fn is_doubtful(written: &[char], is_plain: bool) -> bool {
    let is_circle = |character: &char| CIRCLES.contains(character);
    let is_sure = |character: &char| is_numeral(*character) && !is_circle(character);
    let has_blank = written.windows(BLANK).any(|some| some.iter().all(is_circle));
    if has_blank && !written.iter().any(is_sure) {
        return true;
    }
    let has_digits = written.iter().any(char::is_ascii_digit);
    let is_dash = |character: &char| *character == '一' || is_circle(character);
    let numerals = || written.iter().filter(|character| is_numeral(**character));
    let is_marked = written.first().is_some_and(is_circle) || written.contains(&'一');
    is_plain && has_digits && is_marked && numerals().all(is_dash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_of_any_script_is_its_value() {
        assert!(DIGITS.len() > 50);
        for zero in [
            '0',
            '\u{660}',
            '\u{6F0}',
            '\u{966}',
            '\u{E50}',
            '\u{FF10}',
            '\u{1D7CE}',
            '\u{1D7D8}',
            '\u{1D7F6}',
            '\u{1FBF0}',
        ] {
            for value in 0..10 {
                let digit = char::from_u32(u32::from(zero) + value).unwrap();
                assert_eq!(ascii_digit(digit).to_digit(10), Some(value), "{digit}");
            }
        }
        for other in ['a', '一', '①', '½', 'Ⅳ', '〇'] {
            assert_eq!(ascii_digit(other), other);
        }
    }
}
