//! One spelling of a name, however it is written, and what a longer name may be read as.
//!
//! An attribute does not become harmless by a prefix, by the vocabulary that it is taken from, by the width of its
//! letters, by what stands between its words or by what nobody sees. So a name from outside is compared with guarded
//! names by its letters and digits alone: after its percent-encoding is undone and Unicode's NFKD, in lower case, in
//! katakana, without marks, separators and the lengthening mark. What only looks alike, as a Cyrillic `а` does, is
//! another letter.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How often percent-encoding is undone: a source may encode what was encoded before.
const MOST_ENCODINGS: usize = 4;

/// Most parts at either end of a name that are read together. Names have two or three; the others are read alone.
const MOST_PARTS: usize = 8;

/// Whatever a name may be read as.
pub(super) type Readings = SmallVec<[String; 4]>;

/// The letters and digits of a name.
pub(super) fn spelling(name: &str) -> String {
    letters(&decoded(name)).collect()
}

/// The same of a name in which `*` stands for any characters.
pub(super) fn spelling_of_pattern(name: &str) -> String {
    let parts: Vec<String> = name.split('*').map(spelling).collect();
    parts.join("*")
}

/// Every spelling under which a name from outside is looked up: its last part and what ends or begins with it. Which of
/// its parts are the vocabulary's and which the name's own is nothing that a name tells.
pub(super) fn readings(name: &str) -> Readings {
    let name: String = decoded(name).nfkd().collect();
    let (path, behind) = name.find(['#', '?']).map_or((&*name, ""), |at| name.split_at(at));
    // A number, or nothing at all, is the place in a list or the end of a folder.
    let is_name = |segment: &&str| letters(segment).any(|letter| !letter.is_numeric());
    let segment = path.rsplit(['/', '\\']).find(is_name).unwrap_or_default();
    let parts: SmallVec<[String; 4]> = parts(segment).chain(parts(behind)).collect();
    let mut readings = Readings::new();
    let mut add = |reading: String| {
        let unnumbered = reading.trim_end_matches(char::is_numeric);
        if !unnumbered.is_empty() && unnumbered.len() < reading.len() {
            readings.push(unnumbered.to_owned());
        }
        readings.push(reading);
    };
    for length in 2..=parts.len().min(MOST_PARTS) {
        add(parts.iter().take(length).map(String::as_str).collect());
        add(parts.iter().skip(parts.len() - length).map(String::as_str).collect());
    }
    parts.into_iter().for_each(add);
    readings
}

/// The spellings of what an id consists of, as `Resident` in `urn:ngsi-ld:Resident:1`.
pub(super) fn parts_of_id(id: &str) -> impl Iterator<Item = String> {
    let decoded = decoded(id);
    let spelled: SmallVec<[String; 8]> = parts(&decoded).collect();
    spelled.into_iter()
}

/// The spellings of the parts between which something stands that no name of one word has.
fn parts(text: &str) -> impl Iterator<Item = String> {
    let spelled = text.split(parts_names).map(|part| letters(part).collect::<String>());
    spelled.filter(|part| !part.is_empty())
}

/// Whether a character ends one name and begins another. What joins words, and what nobody sees, does not.
fn parts_names(character: char) -> bool {
    let joins_words = character.is_whitespace() || is_dash(character) || character == '_';
    !character.is_alphanumeric() && !joins_words && !is_invisible(character) && !is_combining_mark(character)
}

/// Letters and digits, each in one way.
fn letters(text: &str) -> impl Iterator<Item = char> {
    // Most names are of ASCII, which is its own NFKD.
    let (plain, other) = if text.is_ascii() { (text, "") } else { ("", text) };
    let all = plain.chars().chain(other.nfkd()).flat_map(char::to_lowercase);
    all.filter(|character| {
        character.is_alphanumeric()
            && !is_invisible(*character)
            && !is_combining_mark(*character)
            && *character != LENGTHENING
    })
    .map(katakana)
}

/// The lengthening mark of kana, which is written or left out, and typed for a hyphen.
const LENGTHENING: char = 'ー';

/// Hiragana as katakana.
fn katakana(character: char) -> char {
    match u32::from(character) {
        code @ 0x3041..=0x3096 => char::from_u32(code + 0x60).unwrap_or(character),
        _ => character,
    }
}

/// The text with its percent-encoding undone, however often.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_ENCODINGS {
        let Cow::Owned(decoded) = percent_decode_str(&text).decode_utf8_lossy() else {
            break;
        };
        text = Cow::Owned(decoded);
    }
    text
}

/// Whatever is written for a hyphen, the lengthening mark of kana among it.
pub(super) fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '~' | LENGTHENING | '\u{58A}' | '\u{5BE}' | '\u{1806}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{207B}'
                | '\u{208B}'
                | '\u{2212}'
                | '\u{2500}'
                | '\u{2501}'
                | '\u{2E3A}'
                | '\u{2E3B}'
                | '\u{301C}'
                | '\u{3030}'
                | '\u{30A0}'
                | '\u{FE31}'
                | '\u{FE32}'
                | '\u{FE58}'
                | '\u{FE63}'
                | '\u{FF0D}'
                | '\u{FF5E}'
                | '\u{FF70}'
    )
}

/// Characters that take up no room on paper: the default-ignorable ones of Unicode, and control characters that are no
/// spaces. Put between digits or letters they would hide a number or a name.
pub(super) fn is_invisible(character: char) -> bool {
    match u32::from(character) {
        0x09..=0x0D | 0x20..=0x7E => false,
        0x00..=0x1F | 0x7F..=0x9F => character != '\u{85}',
        code => matches!(
            code,
            0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
                | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
                | 0x1_BCA0..=0x1_BCA3 | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_0FFF
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_spelling() {
        for name in [
            "fullName",
            "full_name",
            "FULL-NAME",
            "full\u{200B}Name",
            "full%4Eame",
            "full%254Eame",
            "ｆｕｌｌＮａｍｅ",
        ] {
            assert_eq!(spelling(name), "fullname", "{name}");
        }
        assert_eq!(spelling("%E6%B0%8F%E5%90%8D"), "氏名");
        for name in ["氏名(ｶﾅ)", "氏名_かな", "氏名（カナ）", "氏名・カナ"] {
            assert_eq!(spelling(name), spelling("氏名カナ"), "{name}");
        }
        for name in ["ﾏｲﾅﾝﾊﾞｰ", "マイナンハ\u{3099}ー", "マイナンハ゛－", "まいなんばー"]
        {
            assert_eq!(spelling(name), spelling("マイナンバー"), "{name}");
        }
        assert_eq!(spelling_of_pattern("*Mobile_Phone*"), "*mobilephone*");
    }

    #[test]
    fn a_longer_name_may_be_read_in_several_ways() {
        let reads = |name: &str, reading: &str| readings(name).iter().any(|known| known == reading);
        for name in [
            "managerName",
            "ns:managerName",
            "ns%3AmanagerName",
            "ns%253Amanager_name",
            "https://x/managerName",
            "https%3A%2F%2Fx%2FmanagerName",
            "https://x/a#managerName",
            "https://x/managerName#",
            "https://x/managerName/",
            "https://x/managerName/0",
            "https://x/managerName?lang=ja",
            "facility.managerName",
            "manager.name",
            "ns：managerName",
            "managerName[0]",
            "managerName_2",
            "managerName@ja",
        ] {
            assert!(reads(name, "managername"), "{name}: {:?}", readings(name));
        }
        assert!(reads("氏名（漢字）", "氏名") && reads("氏名１", "氏名"));
        for name in [
            "https://managerName/x",
            "https://x/managerName/shelter",
            "managerNameOfShelter",
            "",
        ] {
            assert!(!reads(name, "managername"), "{name}: {:?}", readings(name));
        }
        let long = format!("https://x/{}", "a.".repeat(1000));
        assert!(readings(&long).len() < 1100);
    }
}
