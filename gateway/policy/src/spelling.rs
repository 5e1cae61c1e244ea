//! One spelling of a name, however it is written.
//!
//! An attribute does not become harmless by a prefix, by the vocabulary that it is taken from, by the width of its
//! letters, by what stands between its words or by what nobody sees. So a name from outside is compared with guarded
//! names by its letters and digits alone: after what encodes its characters is undone and Unicode's NFKD, in lower case,
//! in katakana, without marks, separators and the lengthening mark. What only looks alike, as a Cyrillic `а` does, is
//! another letter.

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::escapes::decoded;

/// The letters and digits of a name.
pub(super) fn spelling(name: &str) -> String {
    letters(&decoded(name)).collect()
}

/// The same of a name in which `*` stands for any characters.
pub(super) fn spelling_of_pattern(name: &str) -> String {
    let parts: Vec<String> = name.split('*').map(spelling).collect();
    parts.join("*")
}

/// The spellings of what an id consists of, as `Resident` in `urn:ngsi-ld:Resident:1`.
pub(super) fn parts_of_id(id: &str) -> impl Iterator<Item = String> {
    let decoded = decoded(id);
    let spelled: SmallVec<[String; 8]> = decoded.split(parts_names).map(|part| letters(part).collect()).collect();
    spelled.into_iter().filter(|part: &String| !part.is_empty())
}

/// Whether a character ends one name and begins another. What joins words, and what nobody sees, does not.
pub(super) fn parts_names(character: char) -> bool {
    !character.is_alphanumeric() && !joins_words(character) && !is_invisible(character) && !is_combining_mark(character)
}

fn joins_words(character: char) -> bool {
    character.is_whitespace() || is_dash(character) || character == '_'
}

/// Whether a character stands between words, and is no lengthening mark of one.
pub(super) fn parts_words(character: char) -> bool {
    joins_words(character) && character != LENGTHENING
}

/// After Unicode's NFKD, with letters of styles that it leaves as they are in plain ones.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(without_style).nfkd().collect()
}

/// Small capitals, which phonetic alphabets have, from `a` to `z`; `*`: there is none.
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡ*ʏᴢ";

/// The plain letter that one in another style is, where NFKD does not say so: small capitals, letters in black circles and
/// squares, those of flags, and the dotless `ı`, which is what a Turkish program makes of `I`.
fn without_style(character: char) -> char {
    let alphabet = match u32::from(character) {
        0x131 => return 'i',
        code @ 0x1_F150..=0x1_F169 => code - 0x1_F150,
        code @ 0x1_F170..=0x1_F189 => code - 0x1_F170,
        code @ 0x1_F1E6..=0x1_F1FF => code - 0x1_F1E6,
        0x262..=0x29F | 0x1D00..=0x1D22 | 0xA730..=0xA731 | 0xA7AF => {
            let place = SMALL_CAPITALS.chars().position(|capital| capital == character);
            match place.and_then(|place| u32::try_from(place).ok()) {
                Some(place) => place,
                None => return character,
            }
        }
        _ => return character,
    };
    char::from_u32(u32::from('a') + alphabet).unwrap_or(character)
}

/// Letters and digits, each in one way.
pub(super) fn letters(text: &str) -> impl Iterator<Item = char> {
    // Most names are of ASCII, which is its own NFKD.
    let (plain, other) = if text.is_ascii() { (text, "") } else { ("", text) };
    let other = other.chars().map(without_style).nfkd();
    let all = plain.chars().chain(other).flat_map(char::to_lowercase);
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
pub(super) fn katakana(character: char) -> char {
    match u32::from(character) {
        code @ 0x3041..=0x3096 => char::from_u32(code + 0x60).unwrap_or(character),
        _ => character,
    }
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
}
