//! A generator that writes numbers and addresses in every way that people, programs and forms write them, and shares no
//! code with what looks for them.

#![allow(
    clippy::string_slice,
    reason = "what is cut is of ASCII, and cut where it was put together"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::Rule;
use super::text::hits;

/// Texts that each property writes in every run.
const CASES: u32 = 2_000;

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

const SPACES: [&str; 8] = [" ", "\u{3000}", "\u{A0}", "\u{2009}", "\t", "\n", "  ", "\u{202F}"];
const DASHES: [&str; 22] = [
    "-", "－", "ー", "ｰ", "‐", "‑", "‒", "–", "—", "―", "−", "─", "~", "～", "〜", "_", "の", "﹘", "゠", "\u{2500}",
    " - ", "--",
];
const SIGNS: [&str; 14] = [
    "/", "／", "\\", "|", "*", "+", "=", "#", "→", "★", "'", "\"", " / ", "●",
];
const BRACKETS: [&str; 6] = ["(", ") ", "）", "［", "」", "> "];
const DOTS: [&str; 4] = [".", "．", "。", "｡"];
const LISTS: [&str; 7] = [",", "，", "、", ":", "：", ";", "・"];

/// Texts in which something may stand.
const BEFORE: [&str; 12] = [
    "",
    "鍵 ",
    "TEL:",
    "tel",
    "連絡先は",
    "（",
    "「",
    "電話／",
    "2階、",
    "Key: ",
    "〔控え〕\n",
    "番号=",
];
const BEHIND: [&str; 9] = ["", "まで", "（夜間）", "、", "です。", "\n", " or later", "』", "※"];

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
fn numerals() -> impl Strategy<Value = (&'static str, &'static str, Vec<bool>)> {
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
fn is_in_numerals(written: &str) -> bool {
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
struct Hand {
    forms: Vec<usize>,
    hidden: Vec<Option<char>>,
}

fn hand() -> impl Strategy<Value = Hand> {
    let forms =
        prop_oneof![3 => Just(vec![0]), 2 => Just(vec![1]), 1 => vec(0_usize..6, 1..6), 1 => vec(0..FORMS, 1..4)];
    let none = Just(vec![None]);
    let some = vec(proptest::option::weighted(0.3, select(INVISIBLE.to_vec())), 3..9);
    (forms, prop_oneof![2 => none, 1 => some]).prop_map(|(forms, hidden)| Hand { forms, hidden })
}

impl Hand {
    /// Digits as this hand writes them; whatever is no digit stays.
    fn writes(&self, text: &str) -> String {
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

/// Where a text is cut.
fn in_pieces(digits: &str, lengths: &[usize], joints: &[String]) -> String {
    let mut rest = digits;
    let mut text = String::new();
    for (place, length) in lengths.iter().enumerate() {
        if place > 0 {
            text.push_str(&joints[(place - 1) % joints.len()]);
        }
        let (piece, behind) = rest.split_at(*length);
        text.push_str(piece);
        rest = behind;
    }
    assert!(rest.is_empty(), "{digits} {lengths:?}");
    text
}

fn joints_of(kinds: &[&[&'static str]]) -> impl Strategy<Value = Vec<String>> + use<> {
    let kinds: Vec<Vec<&'static str>> = kinds.iter().map(|kind| kind.to_vec()).collect();
    select(kinds).prop_flat_map(|kind| vec(select(kind).prop_map(str::to_owned), 1..4))
}

/// The last digit, as 番号法 has it computed: by the weights of its ministerial ordinance, from the highest digit down.
fn with_check_digit(eleven: &[u32]) -> String {
    const WEIGHTS: [u32; 11] = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let sum: u32 = eleven.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let check = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    eleven.iter().chain([&check]).map(ToString::to_string).collect()
}

/// Twelve digits that nothing else looks like: no date, no time and no telephone begins with these, and no part is
/// filled up with zeros.
fn plain_my_number() -> impl Strategy<Value = String> {
    (3_u32..10, vec(1_u32..10, 10)).prop_map(|(first, others)| {
        let eleven: Vec<u32> = std::iter::once(first).chain(others).collect();
        with_check_digit(&eleven)
    })
}

/// Any twelve digits but those of a date or a telephone.
fn any_my_number() -> impl Strategy<Value = String> {
    (3_u32..8, vec(0_u32..10, 10)).prop_map(|(first, others)| {
        let eleven: Vec<u32> = std::iter::once(first).chain(others).collect();
        with_check_digit(&eleven)
    })
}

/// Twelve as a sum in any way.
fn groups_of_twelve() -> impl Strategy<Value = Vec<usize>> {
    let any = vec(any::<bool>(), 11).prop_map(|cuts| {
        let mut lengths = vec![1];
        for cut in cuts {
            match lengths.last_mut() {
                Some(length) if !cut => *length += 1,
                _ => lengths.push(1),
            }
        }
        lengths
    });
    prop_oneof![2 => any, 1 => Just(vec![2, 4, 4, 2]), 1 => Just(vec![3; 4]), 1 => Just(vec![2; 6]), 1 => Just(vec![1; 12])]
}

fn my_number() -> impl Strategy<Value = String> {
    let pieces = (
        plain_my_number(),
        groups_of_twelve(),
        joints_of(&[&SPACES, &DASHES, &SIGNS, &BRACKETS, &DOTS]),
    )
        .prop_filter(
            "a decimal number, or a list of numbers that count up",
            |(digits, lengths, joints)| {
                if lengths.len() == 2 && joints.iter().any(|joint| DOTS.contains(&joint.as_str())) {
                    return false;
                }
                let mut rest = digits.as_str();
                let mut values = Vec::new();
                for length in lengths {
                    let (piece, behind) = rest.split_at(*length);
                    values.push(piece.parse::<u64>().unwrap());
                    rest = behind;
                }
                lengths.len() < 2 || !values.is_sorted() || lengths.iter().any(|length| length != &lengths[0])
            },
        )
        .prop_map(|(digits, lengths, joints)| in_pieces(&digits, &lengths, &joints));
    let fours = (any_my_number(), joints_of(&[&SPACES, &DASHES, &SIGNS, &LISTS, &DOTS]))
        .prop_filter("numbers that count up", |(digits, _)| {
            !(digits[0..4] < digits[4..8] && digits[4..8] < digits[8..12])
        })
        .prop_map(|(digits, joints)| in_pieces(&digits, &[4, 4, 4], &joints));
    let beside_the_word = (
        select(vec![
            "マイナンバー：",
            "ﾏｲﾅﾝﾊﾞｰ ",
            "まいなんばー",
            "個人番号は",
            "my number: ",
            "MY_NUMBER=",
            "マイナ\u{200B}ンハ\u{3099}ー",
        ]),
        plain_my_number(),
        groups_of_twelve(),
        vec(joints_of(&[&SPACES, &DASHES, &SIGNS, &BRACKETS, &DOTS, &LISTS]), 3),
    )
        .prop_map(|(word, digits, lengths, joints)| {
            format!("{word}{}", in_pieces(&digits, &lengths, &joints.concat()))
        });
    let lengths = select(vec![vec![12], vec![4, 4, 4], vec![3; 4], vec![2, 4, 4, 2]]);
    let joint = select(vec!["ー", "―", "の", "-", " ", "\u{3000}", "／"]);
    let downwards = (plain_my_number(), numerals(), lengths, joint)
        .prop_map(|(digits, numerals, lengths, joint)| {
            in_numerals(&in_pieces(&digits, &lengths, &[joint.to_owned()]), &numerals)
        })
        .prop_filter("digits that are none", |written| is_in_numerals(written));
    prop_oneof![2 => any_my_number(), 4 => pieces, 2 => fours, 2 => beside_the_word, 2 => downwards]
}

fn phone() -> impl Strategy<Value = String> {
    // 0800 is no person's.
    let digits = (select(vec!["50", "60", "70", "80", "90"]), vec(0_u32..10, 8)).prop_map(|(prefix, others)| {
        let others: String = others.iter().map(ToString::to_string).collect();
        let others = if prefix == "80" && others.starts_with('0') {
            others.replacen('0', "1", 1)
        } else {
            others
        };
        format!("{prefix}{others}")
    });
    let natural = || {
        select(vec![
            vec![2, 4, 4],
            vec![10],
            vec![2, 8],
            vec![6, 4],
            vec![4, 4, 2],
            vec![2, 2, 2, 2, 2],
        ])
    };
    let any_joints = || joints_of(&[&SPACES, &DASHES, &SIGNS, &BRACKETS]);
    let at_home = (digits.clone(), natural(), any_joints()).prop_map(|(digits, mut lengths, joints)| {
        lengths[0] += 1;
        in_pieces(&format!("0{digits}"), &lengths, &joints)
    });
    let usual = (
        digits.clone(),
        vec(joints_of(&[&SPACES, &SIGNS, &BRACKETS, &DOTS, &LISTS]), 2),
    );
    let usual = usual.prop_map(|(digits, joints)| in_pieces(&format!("0{digits}"), &[3, 4, 4], &joints.concat()));
    let in_brackets = (digits.clone(), select(vec!["(0)", "（0）", "(0) "]))
        .prop_map(|(digits, zero)| format!("{zero}{}-{}-{}", &digits[..2], &digits[2..6], &digits[6..]));
    let code = select(vec![
        "+81",
        "＋81",
        "+ 81",
        "(+81)",
        "+81-",
        "+81 ",
        "+81(0)",
        "+81 (0)",
        "+81-0",
        "81-",
        "81 ",
        "81/",
        "81-0",
        "81(0)",
        "0081",
        "0081-",
        "0081 ",
        "010-81-",
        "010 81 ",
        "01081",
        "011-81-",
        "tel:+81-",
        "00181-",
        "001-81-",
        "00181",
        "0011 81 ",
        "00700-81-",
        "810-81-",
        "8-10-81-",
        "119 81 ",
        "999-81-0",
        "014-81-",
        "0041-010-81-",
        "001 010 81 ",
        "003301081",
        "0061-010-81-0",
        "184-010-81-",
        "186010 81 ",
        "186-0046-010-81-",
        "18601081",
    ]);
    // What is dialled before a number at home: whether it is shown, and who carries it.
    let behind_a_prefix = (
        select(vec![
            "184-",
            "186-",
            "184",
            "186",
            "186 ",
            "(184)",
            "184/",
            "186.",
            "0036-",
            "0077",
            "0033 ",
            "184-0039-",
            "1860088",
        ]),
        digits.clone(),
        natural(),
        any_joints(),
    )
        .prop_map(|(before, digits, mut lengths, joints)| {
            lengths[0] += 1;
            format!("{before}{}", in_pieces(&format!("0{digits}"), &lengths, &joints))
        });
    let abroad = (code, digits.clone(), natural(), any_joints())
        .prop_map(|(code, digits, lengths, joints)| format!("{code}{}", in_pieces(&digits, &lengths, &joints)));
    let spaced_out = (digits.clone(), select(vec![" ", "\u{3000}", "-", "・", "、"]))
        .prop_map(|(digits, joint)| in_pieces(&format!("0{digits}"), &[1; 11], &[joint.to_owned()]));
    let joint = select(vec!["", "ー", "―", "の", "・", "-", " "]);
    let downwards = (digits, numerals(), joint, any::<bool>())
        .prop_map(|(digits, numerals, joint, is_abroad)| {
            let digits = if is_abroad {
                format!("81{digits}")
            } else {
                format!("0{digits}")
            };
            // `・` stands between numbers as well.
            let joint = if is_abroad && joint == "・" { "ー" } else { joint };
            let lengths = if is_abroad { [2, 2, 4, 4].as_slice() } else { &[3, 4, 4] };
            in_numerals(&in_pieces(&digits, lengths, &[joint.to_owned()]), &numerals)
        })
        .prop_filter("digits that are none", |written| is_in_numerals(written));
    prop_oneof![4 => at_home, 3 => usual, 1 => in_brackets, 5 => abroad, 2 => behind_a_prefix, 1 => spaced_out, 3 => downwards]
}

fn email() -> impl Strategy<Value = String> {
    let local = prop_oneof![
        4 => "[a-z]{1,6}",
        4 => "[A-Za-z0-9._+-]{0,6}[a-z]",
        1 => "\"[a-z ]{1,5}\"",
        2 => "(佐野|さの|サノー|山田)(\\.?太郎|[-_.]taro)?",
        1 => "(иван|김|ali\\.علي)",
    ];
    let at = select(vec!["@", "＠", "﹫", " @ ", "@ ", "[@]", " （＠） ", "【@】", "<@>"]);
    let domain = select(vec![
        "example.com",
        "EXAMPLE.CO.JP",
        "mail.example.jp",
        "例え.jp",
        "佐野市民.コム.jp",
        "xn--r8jz45g.jp",
        "xn--r8jz45g.xn--q9jyb4c",
        "lg.jp.example.com",
        "notlg.jp",
        "例え.テスト",
        "example.みんな",
        "mail.例え.コム",
        "пример.рф",
        "例子.公司",
    ]);
    let dot = select(vec![
        ".",
        ".",
        ".",
        ".",
        "。",
        "｡",
        "．",
        "[.]",
        "(.)",
        "［.］",
        "[dot]",
        "(DOT)",
        " dot ",
        " [dot] ",
        "（ドット）",
        "=2E",
    ]);
    let plain_dot = select(vec![".", ".", "．", "[.]", "(dot)", " dot ", "=2E"]);
    let as_written = (local, at, domain, dot);
    // Where another word or a space may stand for it, both of its ends have to look like those of an address.
    let plain = "[A-Za-z][A-Za-z0-9._+-]{0,6}[a-z]";
    let worded = (
        plain,
        select(vec![
            "[at]",
            "(at)",
            "{at}",
            "（at）",
            "【at】",
            "[AT]",
            " [at] ",
            "( at )",
            "＜At＞",
            "(アット)",
            "［アットマーク］",
            "[atmark]",
            "[at mark]",
            " @",
            "\u{3000}@",
            "=40",
        ]),
        select(vec![
            "example.com",
            "EXAMPLE.CO.JP",
            "mail.example.jp",
            "example.ne.jp",
            "xn--r8jz45g.com",
            "lg.jp.example.com",
        ]),
        plain_dot,
    )
        .prop_map(|(local, at, domain, dot)| (local, at, domain, dot));
    (prop_oneof![3 => as_written, 2 => worded], any::<bool>()).prop_map(|((local, at, domain, dot), is_wide)| {
        let address = format!("{local}{at}{}", domain.replace('.', dot));
        if is_wide {
            address.chars().map(widen).collect()
        } else {
            address
        }
    })
}

fn widen(character: char) -> char {
    match character {
        '!'..='~' => char::from_u32(u32::from(character) + 0xFEE0).unwrap(),
        other => other,
    }
}

/// How a program writes each character.
const ENCODERS: [fn(char) -> String; 8] = [
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

/// What stands in the text of a page and is not shown.
const TAGS: [&str; 12] = [
    "<b>",
    "</b>",
    "<span class=\"tel\">",
    "</span>",
    "<!-- -->",
    "<wbr>",
    "<WBR/>",
    "<font color='red' size=3>",
    "</FONT>",
    "<x:y>",
    "<a href=\"#1\">",
    "<?php 1 ?>",
];

fn line_id() -> impl Strategy<Value = String> {
    let id = "U[0-9a-fA-F]{32}";
    (id, any::<bool>()).prop_map(|(id, is_wide)| {
        let widen = |character: char| char::from_u32(u32::from(character) + 0xFEE0).unwrap();
        if is_wide { id.chars().map(widen).collect() } else { id }
    })
}

/// Text in which something stands, and the place of what stands there.
fn in_a_text(written: impl Strategy<Value = String>) -> impl Strategy<Value = (String, std::ops::Range<usize>)> {
    let around = (select(BEFORE.to_vec()), select(BEHIND.to_vec()));
    (around, hand(), written).prop_map(|((before, behind), hand, written)| {
        // A label that is no more than letters is one of telephones.
        let before = if before == "tel" && !written.starts_with('0') {
            ""
        } else {
            before
        };
        let written = hand.writes(&written);
        let place = before.len()..before.len() + written.len();
        (format!("{before}{written}{behind}"), place)
    })
}

/// The digits and letters of a place that are in no hit. Words of a label may be there.
fn left(text: &str, place: &std::ops::Range<usize>, rule: Rule) -> String {
    let found = hits(text, false);
    let is_hit = |at: usize| found.iter().any(|hit| hit.rule == rule && hit.bytes.contains(&at));
    let inside = text[place.clone()].char_indices();
    let left = inside.filter(|(at, _)| !is_hit(place.start + at));
    left.map(|(_, character)| character)
        .filter(|character| character.is_numeric() || (rule == Rule::Email && character.is_ascii_alphabetic()))
        .collect()
}

/// What a run writes is the same in each, unless `PROPTEST_RNG_SEED` says otherwise.
pub(super) fn seeded() -> ProptestConfig {
    let said = ProptestConfig::default();
    let rng_seed = match said.rng_seed {
        RngSeed::Random => RngSeed::Fixed(15),
        seed @ RngSeed::Fixed(_) => seed,
    };
    ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        rng_seed,
        ..said
    }
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn a_my_number_is_found_however_it_is_written((text, place) in in_a_text(my_number())) {
        prop_assert_eq!(left(&text, &place, Rule::MyNumber), "", "{:?} {:?}", text, hits(&text, false));
    }

    #[test]
    fn a_telephone_number_is_found_however_it_is_written((text, place) in in_a_text(phone())) {
        prop_assert_eq!(left(&text, &place, Rule::MobilePhone), "", "{:?} {:?}", text, hits(&text, false));
    }

    #[test]
    fn an_address_is_found_however_it_is_written((text, place) in in_a_text(email())) {
        prop_assert_eq!(left(&text, &place, Rule::Email), "", "{:?} {:?}", text, hits(&text, false));
    }

    #[test]
    fn a_line_id_is_found_however_it_is_written((text, place) in in_a_text(line_id())) {
        // Letters before it make it a part of a longer word.
        prop_assume!(!text.starts_with("tel"));
        prop_assert_eq!(left(&text, &place, Rule::LineUserId), "", "{:?}", text);
    }

    #[test]
    fn encoded_it_is_found_too(
        written in prop_oneof![my_number(), phone(), email(), line_id()], encoders in vec(0..ENCODERS.len(), 1..3),
        all in any::<bool>(), beside in any::<bool>(),
    ) {
        // The signs alone, or everything. Without its signs a number is left as it was.
        let all = all || !written.contains(['@', '＠', '﹫']);
        let encode = |text: String, encoder: &usize| {
            let write = |character: char| match character.is_ascii_alphanumeric() && !all {
                true => character.to_string(),
                false => ENCODERS[*encoder](character),
            };
            text.chars().map(write).collect::<String>()
        };
        let encoded = encoders.iter().fold(written, encode);
        let text = if beside { format!("090-1234-5678 {encoded}") } else { encoded };
        let found = hits(&text, false);
        prop_assert!(found.iter().any(|hit| hit.bytes == (0..text.len())), "{} {:?}", text, found);
    }

    #[test]
    fn between_tags_it_is_found_too(
        written in prop_oneof![
            any_my_number().prop_map(|number| (number, Rule::MyNumber)),
            phone().prop_map(|number| (number, Rule::MobilePhone)),
            email().prop_map(|address| (address, Rule::Email)),
            line_id().prop_map(|id| (id, Rule::LineUserId)),
        ],
        tags in vec(proptest::option::weighted(0.4, select(TAGS.to_vec())), 2..9), is_in_table in any::<bool>(),
    ) {
        let (written, rule) = written;
        let mut text = String::new();
        for (place, character) in written.chars().enumerate() {
            text.extend(tags[place % tags.len()]);
            text.push(character);
        }
        if is_in_table {
            text = format!("<tr><td>12</td><td>{text}</td><td>34</td></tr>");
        }
        let found = hits(&text, false);
        prop_assert!(found.iter().any(|hit| hit.rule == rule), "{} {:?}", text, found);
    }
}
