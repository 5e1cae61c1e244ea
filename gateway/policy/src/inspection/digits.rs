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

/// Digits of scripts that count without a zero, by the first of them and how many they are.
const WITHOUT_ZERO: [(char, u32); 5] = [
    ('\u{1369}', 9),
    ('\u{19DA}', 1),
    ('\u{1_0A40}', 4),
    ('\u{1_0E60}', 9),
    ('\u{1_1052}', 9),
];

/// The digit of ASCII that a digit of another script is; anything else as it is.
pub(super) fn ascii_digit(character: char) -> char {
    if character.is_ascii() || !character.is_numeric() {
        return character;
    }
    for (one, count) in WITHOUT_ZERO {
        let value = u32::from(character).wrapping_sub(u32::from(one));
        if value < count {
            return char::from_digit(value + 1, 10).unwrap_or(character);
        }
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

/// Numbers in circles that NFKC leaves as they are, as those that it makes digits: `❶` as `①`.
pub(super) fn in_plain_circle(character: char) -> char {
    let code = u32::from(character);
    let counted_from_one = match code {
        0x24FF | 0x1_F10B | 0x1_F10C => return '⓪',
        0x24EB..=0x24F4 => code - 0x24EB + 10,
        0x24F5..=0x24FE => code - 0x24F5,
        0x2776..=0x277F => code - 0x2776,
        0x2780..=0x2789 => code - 0x2780,
        0x278A..=0x2793 => code - 0x278A,
        _ => return character,
    };
    char::from_u32(u32::from('①') + counted_from_one).unwrap_or(character)
}

/// The digit that a numeral stands for; anything else as it is.
pub(super) fn as_digit(character: char) -> char {
    match character {
        '〇' | '○' | '◯' | '零' | '영' | '공' | '령' => '0',
        '一' | '壱' | '壹' | '弌' | '〡' | '일' | 'Ⅰ' | 'ⅰ' => '1',
        '二' | '弐' | '貳' | '貮' | '贰' | '弍' | '〢' | '이' | 'Ⅱ' | 'ⅱ' => '2',
        '三' | '参' | '參' | '叁' | '叄' | '弎' | '〣' | '삼' | 'Ⅲ' | 'ⅲ' => '3',
        '四' | '肆' | '〤' | '사' | 'Ⅳ' | 'ⅳ' => '4',
        '五' | '伍' | '〥' | '오' | 'Ⅴ' | 'ⅴ' => '5',
        '六' | '陸' | '陆' | '〦' | '육' | '륙' | 'Ⅵ' | 'ⅵ' => '6',
        '七' | '漆' | '柒' | '〧' | '칠' | 'Ⅶ' | 'ⅶ' => '7',
        '八' | '捌' | '〨' | '팔' | 'Ⅷ' | 'ⅷ' => '8',
        '九' | '玖' | '〩' | '구' | 'Ⅸ' | 'ⅸ' => '9',
        _ => character,
    }
}

/// Whether a numeral is a Roman one, of which NFKC makes letters.
fn is_roman(character: char) -> bool {
    matches!(character, '\u{2160}'..='\u{217F}')
}

/// Whether a character is such a numeral.
pub(super) fn is_numeral(character: char) -> bool {
    as_digit(character) != character
}

/// Whether what stands in a number's place is no number, or not for sure: what is left blank, `○` or `Ⅱ` before a number, `一`
/// for a dash. `is_plain`: whether nothing else than its digits says that it is one.
pub(super) fn is_doubtful(written: &[char], is_plain: bool) -> bool {
    let is_circle = |character: &char| CIRCLES.contains(character);
    let is_sure = |character: &char| is_numeral(*character) && !is_circle(character);
    let has_blank = written.windows(BLANK).any(|some| some.iter().all(is_circle));
    if has_blank && !written.iter().any(is_sure) {
        return true;
    }
    let has_digits = written.iter().any(char::is_ascii_digit);
    let is_dash = |character: &char| *character == '一' || is_circle(character);
    let counts = written.first().is_some_and(|first| is_roman(*first));
    let mut numerals = written
        .iter()
        .skip(usize::from(counts))
        .filter(|character| is_numeral(**character));
    let is_marked = counts || written.first().is_some_and(is_circle) || written.contains(&'一');
    is_plain && has_digits && is_marked && numerals.all(is_dash)
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
        for other in ['a', '一', '①', '½', 'Ⅳ', '〇', '፲'] {
            assert_eq!(ascii_digit(other), other);
        }
        assert_eq!((ascii_digit('፩'), ascii_digit('፱')), ('1', '9'));
    }

    #[test]
    fn numbers_in_circles_are_those_in_plain_ones() {
        let plain: Vec<char> = "⓪①②③④⑤⑥⑦⑧⑨⑩".chars().collect();
        for styled in ["⓿❶❷❸❹❺❻❼❽❾❿", "🄋➀➁➂➃➄➅➆➇➈➉", "🄌➊➋➌➍➎➏➐➑➒➓", "⓪⓵⓶⓷⓸⓹⓺⓻⓼⓽⓾"]
        {
            let styled: Vec<char> = styled.chars().map(in_plain_circle).collect();
            assert_eq!(styled, plain);
        }
        assert_eq!((in_plain_circle('⓫'), in_plain_circle('⓴')), ('⑪', '⑳'));
    }
}
