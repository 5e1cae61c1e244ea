//! The words of a date: numbers in any writing, eras, the signs between them. Spaces end a number and are nothing else.

use super::era::Era;
use crate::Unread;
use crate::characters::{half_width, is_dash};

/// A word of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A whole number, and how many digits it is written with.
    Number(u64, usize),
    Era(Era),
    /// 西暦
    Western,
    /// 元, the first year.
    First,
    /// 年度
    Fiscal,
    /// One of 年 月 日 時 分 秒 半 or `- / . : + T Z ( )`.
    Sign(char),
    /// 午前, AM; the letters know a 12 o'clock.
    Morning {
        letters: bool,
    },
    /// 午後, PM
    Afternoon {
        letters: bool,
    },
    /// 正午
    Noon,
    /// JST
    Japan,
}

/// Digits of the longest number: `20261129090000` has 14, a fraction of a second nine.
const MOST_DIGITS: usize = 14;

/// What may stand in brackets behind a day: 日, 日曜日, 月・祝, 火・休.
const OF_WEEKDAYS: &str = "月火水木金土日曜祝休振替・･,、 ";

/// Words of several characters.
const WORDS: [(&str, Token); 9] = [
    ("西暦", Token::Western),
    ("年度", Token::Fiscal),
    ("午前", Token::Morning { letters: false }),
    ("午後", Token::Afternoon { letters: false }),
    ("正午", Token::Noon),
    ("AM", Token::Morning { letters: true }),
    ("PM", Token::Afternoon { letters: true }),
    ("JST", Token::Japan),
    ("元", Token::First),
];

/// The words of a text.
///
/// # Errors
/// [`Unread::NoDate`]: something else stands in it.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Unread> {
    let folded: Vec<char> = text
        .chars()
        .map(|character| if is_dash(character) { '-' } else { half_width(character) })
        .collect();
    let mut tokens = Vec::new();
    let mut rest = folded.as_slice();
    while let Some((character, after)) = rest.split_first() {
        if character.is_whitespace() {
            rest = after;
        } else if character.is_ascii_digit() {
            rest = digits(rest, &mut tokens)?;
        } else if kanji_digit(*character).is_some() {
            rest = kanji_number(rest, &mut tokens)?;
        } else if let Some(after) = weekday(rest) {
            rest = after;
        } else if let Some((era, after)) = era(rest, tokens.is_empty()) {
            tokens.push(Token::Era(era));
            rest = after;
        } else if let Some((token, after)) = word(rest) {
            tokens.push(token);
            rest = after;
        } else if matches!(
            character,
            '年' | '月' | '日' | '時' | '分' | '秒' | '半' | '-' | '/' | '.' | ':' | '+' | 'T' | 'Z' | '(' | ')'
        ) {
            tokens.push(Token::Sign(*character));
            rest = after;
        } else {
            return Err(Unread::NoDate);
        }
    }
    Ok(tokens)
}

fn digits<'t>(text: &'t [char], tokens: &mut Vec<Token>) -> Result<&'t [char], Unread> {
    let count = text.iter().take_while(|character| character.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count).ok_or(Unread::NoDate)?;
    if count > MOST_DIGITS {
        return Err(Unread::NoDate);
    }
    // A day and a time of it in a row are two numbers.
    let (day, time) = match count {
        12 | 14 => digits.split_at_checked(8).ok_or(Unread::NoDate)?,
        _ => (digits, [].as_slice()),
    };
    for part in [day, time] {
        let value = part.iter().filter_map(|digit| digit.to_digit(10));
        let value = value.fold(0u64, |number, digit| number * 10 + u64::from(digit));
        if !part.is_empty() {
            tokens.push(Token::Number(value, part.len()));
        }
    }
    Ok(rest)
}

fn kanji_digit(character: char) -> Option<u64> {
    Some(match character {
        '〇' | '零' => 0,
        '一' => 1,
        '二' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        '十' => 10,
        '百' => 100,
        '千' => 1000,
        _ => return None,
    })
}

/// 二〇二六, 二千二十六, 十一.
fn kanji_number<'t>(text: &'t [char], tokens: &mut Vec<Token>) -> Result<&'t [char], Unread> {
    /// 二千二十六 is the longest year; longer runs are no part of a date.
    const MOST_CHARACTERS: usize = 8;
    let values: Vec<u64> = text.iter().map_while(|character| kanji_digit(*character)).collect();
    if values.len() > MOST_CHARACTERS {
        return Err(Unread::NoDate);
    }
    let is_positional = values.iter().all(|value| *value < 10);
    let number = if is_positional {
        values.iter().fold(0, |number, digit| number * 10 + digit)
    } else {
        // Each of 千百十 once at most and in this order, with at most one digit before each and behind the last.
        let (mut number, mut digit, mut last_unit) = (0, None, u64::MAX);
        for value in &values {
            match (*value >= 10, digit) {
                (true, _) if *value < last_unit => {
                    number += digit.take().unwrap_or(1) * value;
                    last_unit = *value;
                }
                (false, None) => digit = Some(*value),
                _ => return Err(Unread::NoDate),
            }
        }
        number + digit.unwrap_or(0)
    };
    let written = if is_positional {
        values.len()
    } else {
        number.to_string().len()
    };
    tokens.push(Token::Number(number, written));
    text.get(values.len()..).ok_or(Unread::NoDate)
}

/// What follows a weekday, in brackets or not.
fn weekday(text: &[char]) -> Option<&[char]> {
    if let ['(', inside @ ..] = text {
        let length = inside.iter().position(|character| *character == ')')?;
        let (inside, after) = inside.split_at_checked(length)?;
        let says_days = inside.iter().all(|character| OF_WEEKDAYS.contains(*character));
        return (says_days && !inside.is_empty()).then_some(after.get(1..)?);
    }
    match text {
        [day, '曜', '日', after @ ..] | [day, '曜', after @ ..] if "月火水木金土日".contains(*day) => {
            Some(after)
        }
        _ => None,
    }
}

/// The era that a text begins with. Its letter, and the first of its characters alone, are one at the beginning only and
/// before a number: `T` stands between date and time as well.
fn era(text: &[char], is_first: bool) -> Option<(Era, &[char])> {
    Era::ALL.into_iter().find_map(|era| {
        let (name, ligature, short, letter) = era.names();
        let after = match text {
            [first, second, after @ ..] if name.chars().eq([*first, *second]) => after,
            [first, after @ ..] if *first == ligature => after,
            [first, after @ ..]
                if is_first
                    && (*first == short || first.to_ascii_uppercase() == letter)
                    && begins_with_a_year(after) =>
            {
                after
            }
            _ => return None,
        };
        Some((era, after))
    })
}

fn begins_with_a_year(text: &[char]) -> bool {
    let mut visible = text.iter().skip_while(|character| matches!(character, ' ' | '.'));
    visible
        .next()
        .is_some_and(|character| character.is_ascii_digit() || *character == '元' || kanji_digit(*character).is_some())
}

fn word(text: &[char]) -> Option<(Token, &[char])> {
    WORDS.iter().find_map(|(word, token)| {
        let length = word.chars().count();
        let (begin, after) = text.split_at_checked(length)?;
        let is_it = begin
            .iter()
            .zip(word.chars())
            .all(|(one, other)| one.to_ascii_uppercase() == other);
        is_it.then_some((*token, after))
    })
}
