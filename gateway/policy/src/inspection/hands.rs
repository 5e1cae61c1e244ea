//! How people, forms and programs write digits and other characters, for the generators; shares no code with what looks
//! for numbers.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What takes up no room, by what it is good for.
const INVISIBLE: [char; 30] = [
    '\u{AD}',
    '\u{34F}',
    '\u{61C}',
    '\u{115F}',
    '\u{1160}',
    '\u{17B4}',
    '\u{180E}',
    '\u{200B}',
    '\u{200C}',
    '\u{200D}',
    '\u{200E}',
    '\u{202A}',
    '\u{202E}',
    '\u{2060}',
    '\u{2063}',
    '\u{2066}',
    '\u{2069}',
    '\u{206F}',
    '\u{3164}',
    '\u{FE0E}',
    '\u{FE0F}',
    '\u{FEFF}',
    '\u{FFA0}',
    '\u{FFF9}',
    '\u{E0020}',
    '\u{7F}',
    '\u{1}',
    '\u{336}',
    '\u{20E3}',
    '\u{301}',
];

/// The zeros of other scripts and styles; nine digits follow each.
const ZEROS: [u32; 22] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xBE6, 0xE50, 0xF20, 0x1040, 0x17E0, 0x1810, 0x19D0, 0xA620, 0xA9D0, 0xABF0,
    0x1_04A0, 0x1_1066, 0x1_D7EC, 0x1_D7F6, 0x1_E950, 0x1_FBF0, 0xFF10,
];

/// Digits in circles and the like, zero first.
const ENCLOSED: [&str; 6] = [
    "⓪①②③④⑤⑥⑦⑧⑨",
    "⓿❶❷❸❹❺❻❼❽❾",
    "🄋➀➁➂➃➄➅➆➇➈",
    "🄌➊➋➌➍➎➏➐➑➒",
    "⓪⓵⓶⓷⓸⓹⓺⓻⓼⓽",
    "0፩፪፫፬፭፮፯፰፱",
];

/// Forms of one digit.
const FORMS: usize = 6 + ENCLOSED.len() + ZEROS.len();

/// Numerals of digits, each kind by itself.
pub(super) const NUMERALS: [&str; 10] = [
    "〇一二三四五六七八九",
    "零壱弐参四五六七八九",
    "零壹貳參肆伍陸漆捌玖",
    "零壹贰叁肆伍陆柒捌玖",
    "〇〡〢〣〤〥〦〧〨〩",
    "〇㊀㊁㊂㊃㊄㊅㊆㊇㊈",
    "영일이삼사오육칠팔구",
    "공일이삼사오륙칠팔구",
    "0ⅠⅡⅢⅣⅤⅥⅦⅧⅨ",
    "0ⅰⅱⅲⅳⅴⅵⅶⅷⅸ",
];

/// What is written for a zero among numerals.
const ZERO_AMONG_NUMERALS: [&str; 8] = ["〇", "○", "◯", "零", "0", "０", "공", "영"];

/// Digits as numerals, some of them as digits.
pub(super) fn numerals() -> impl Strategy<Value = (&'static str, &'static str, Vec<bool>)> {
    let mixed = prop_oneof![2 => Just(vec![false]), 1 => vec(any::<bool>(), 2..5)];
    (select(NUMERALS.to_vec()), select(ZERO_AMONG_NUMERALS.to_vec()), mixed)
}

pub(super) fn in_numerals(digits: &str, (kind, zero, mixed): &(&'static str, &'static str, Vec<bool>)) -> String {
    let kind: Vec<char> = kind.chars().collect();
    let write = |(place, digit): (usize, char)| match digit.to_digit(10) {
        Some(0) => (*zero).to_owned(),
        Some(value) if !mixed[place % mixed.len()] => kind[value as usize].to_string(),
        _ => digit.to_string(),
    };
    digits.chars().enumerate().map(write).collect()
}

/// Whether somebody reads it as a number in numerals: `一` alone among digits is a dash to most, one circle after
/// another a blank, and `Ⅱ` before digits counts them.
pub(super) fn is_in_numerals(written: &str) -> bool {
    let is_numeral = |character: char| NUMERALS.iter().any(|kind| kind.contains(character));
    written
        .chars()
        .skip(usize::from(
            written.starts_with(|first: char| NUMERALS[8..].concat().contains(first)),
        ))
        .any(|character| is_numeral(character) && !"〇一零0".contains(character))
}

/// One digit in one of its forms.
fn digit(value: u32, form: usize) -> char {
    let of = |zero: u32| char::from_u32(zero + value).unwrap();
    match form {
        1 => of(0xFF10),
        2 => of(0x1_D7CE),
        3 => of(0x1_D7E2),
        4 if value > 3 => of(0x2070),
        5 => of(0x2080),
        6.. if form < 6 + ENCLOSED.len() => ENCLOSED[form - 6].chars().nth(value as usize).unwrap(),
        6.. if form < FORMS => of(ZEROS[form - 6 - ENCLOSED.len()]),
        _ => of(0x30),
    }
}

/// How a text is written: which forms its digits have, and what nobody sees between them.
#[derive(Debug, Clone)]
pub(super) struct Hand {
    forms: Vec<usize>,
    hidden: Vec<Option<char>>,
}

pub(super) fn hand() -> impl Strategy<Value = Hand> {
    let forms =
        prop_oneof![3 => Just(vec![0]), 2 => Just(vec![1]), 1 => vec(0_usize..6, 1..6), 1 => vec(0..FORMS, 1..4)];
    let none = Just(vec![None]);
    let some = vec(proptest::option::weighted(0.3, select(INVISIBLE.to_vec())), 3..9);
    (forms, prop_oneof![2 => none, 1 => some]).prop_map(|(forms, hidden)| Hand { forms, hidden })
}

impl Hand {
    /// Digits as this hand writes them; whatever is no digit stays.
    pub(super) fn writes(&self, text: &str) -> String {
        let mut written = String::new();
        for (place, character) in text.chars().enumerate() {
            match character.to_digit(10) {
                Some(value) => written.push(digit(value, self.forms[place % self.forms.len()])),
                None => written.push(character),
            }
            written.extend(self.hidden[place % self.hidden.len()]);
        }
        written
    }
}

pub(super) fn widen(character: char) -> char {
    match character {
        '!'..='~' => char::from_u32(u32::from(character) + 0xFEE0).unwrap(),
        other => other,
    }
}

/// How a program writes each character.
pub(super) const ENCODERS: [fn(char) -> String; 8] = [
    |character| {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).bytes();
        bytes.map(|byte| format!("%{byte:02X}")).collect()
    },
    |character| ENCODERS[0](character).chars().map(widen).collect(),
    |character| format!("&#{};", u32::from(character)),
    |character| format!("&#x{:x};", u32::from(character)),
    |character| match character {
        '@' => "&commat;".to_owned(),
        '.' => "&period;".to_owned(),
        ' ' => "&nbsp;".to_owned(),
        '(' => "&lpar;".to_owned(),
        ')' => "&rpar;".to_owned(),
        other => format!("&#{};", u32::from(other)),
    },
    |character| {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04X}")).collect()
    },
    |character| match u32::from(character) {
        code @ ..0x100 => format!("\\x{code:02x}"),
        code => format!("\\u{{{code:x}}}"),
    },
    |character| match u32::from(character) {
        code @ ..0x1_0000 => format!("_x{code:04X}_"),
        code => format!("_x{code:08X}_"),
    },
];
