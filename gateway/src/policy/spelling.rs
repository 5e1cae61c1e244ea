//! One spelling of a name, however it is written, and what a longer name may be read as.
//!
//! An attribute does not become harmless by a prefix, by the vocabulary that it is taken from, by the width of its
//! letters, by what stands between its words or by what nobody sees. So a name from outside is compared with guarded
//! names by its letters and digits alone: after what encodes its characters is undone and Unicode's NFKD, in lower case,
//! in katakana, without marks, separators and the lengthening mark. What only looks alike, as a Cyrillic `а` does, is
//! another letter.

use std::sync::LazyLock;

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::escapes::decoded;

/// Most parts at either end of a name from which on, or up to which, it is compared with names that hold `*`. Each is
/// looked through for what stands between.
const MOST_ENDS: usize = 16;

/// Letters behind a name that say in which language or version it is: `managerName_en`, `managerName_v2`. More are another
/// name's.
const LONGEST_MARK: usize = 3;

/// What is more than a mark.
const NO_MARK: usize = LONGEST_MARK + 1;

/// Words behind a name that say how the same is written, and not that it is something else: `managerNameKana`, `sexCode`,
/// `氏名フリガナ`. Each as `spelling` has it, the longer ones first.
static MANNERS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let words = [
        "Kana",
        "Furigana",
        "Hurigana",
        "Yomi",
        "Yomigana",
        "Yomikata",
        "Reading",
        "Phonetic",
        "Pronunciation",
        "Ruby",
        "Romaji",
        "Roomaji",
        "Roman",
        "Romanized",
        "Latin",
        "Alphabet",
        "Kanji",
        "Hiragana",
        "Katakana",
        "Hankaku",
        "Zenkaku",
        "Ja",
        "Jp",
        "Jpn",
        "Japanese",
        "Nihongo",
        "En",
        "Eng",
        "English",
        "Eigo",
        "Text",
        "String",
        "Str",
        "Value",
        "Label",
        "Raw",
        "Code",
        "Cd",
        "Kubun",
        "カナ",
        "仮名",
        "フリガナ",
        "振り仮名",
        "ヨミ",
        "ヨミガナ",
        "読み",
        "読み仮名",
        "読み方",
        "読ミガナ",
        "漢字",
        "ローマ字",
        "英字",
        "英語",
        "英語表記",
        "英字表記",
        "日本語",
        "アルファベット",
        "ひらがな",
        "表記",
        "コード",
        "区分",
        "区分コード",
    ];
    let mut spelled: Vec<String> = words.iter().map(|word| spelling(word)).collect();
    spelled.sort_by_key(|word| std::cmp::Reverse(word.len()));
    spelled
});

/// The letters and digits of a name.
pub(super) fn spelling(name: &str) -> String {
    letters(&decoded(name)).collect()
}

/// The same of a name in which `*` stands for any characters.
pub(super) fn spelling_of_pattern(name: &str) -> String {
    let parts: Vec<String> = name.split('*').map(spelling).collect();
    parts.join("*")
}

/// A name from outside, taken apart. Which of its parts are the vocabulary's and which the name's own is nothing that a
/// name tells.
pub(super) struct NameFromOutside {
    /// All of its parts; the same without what stands between its words or counts it, where it has some.
    variants: SmallVec<[Parts; 2]>,
}

type Parts = SmallVec<[Part; 8]>;

/// Letters, or digits, between which nothing stands.
#[derive(Clone)]
struct Part {
    spelled: String,
    kind: Kind,
    /// Whether a name may end with it. One may begin with any: what a name ends with says what it is, and what stands
    /// before that says which.
    ends: bool,
    /// Whether nothing parts it from the part before but a capital.
    is_joined: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    /// Says how what stands before it is written.
    Manner,
    Number,
    /// `の` between two words.
    Of,
}

impl Part {
    fn begun_with(spelled: String, kind: Kind, is_joined: bool) -> Self {
        Self {
            spelled,
            kind,
            ends: false,
            is_joined,
        }
    }

    /// What it adds to what stands behind a name; what is more than a mark is another name's.
    fn length_of_mark(&self) -> usize {
        match self.kind {
            Kind::Manner | Kind::Of => 0,
            Kind::Number => self.spelled.len(),
            Kind::Word if is_roman_number(&self.spelled) => 1,
            Kind::Word if !self.spelled.is_ascii() || (self.is_joined && self.spelled.len() > 1) => NO_MARK,
            Kind::Word => self.spelled.len(),
        }
    }
}

/// `ii`, `iv`
fn is_roman_number(spelled: &str) -> bool {
    spelled.len() <= 4 && spelled.bytes().all(|letter| matches!(letter, b'i' | b'v' | b'x'))
}

impl NameFromOutside {
    /// With the words of each name apart: `x_managerName` and `xManagerName` may be a name behind another.
    pub(super) fn of(name: &str) -> Self {
        Self::taken_apart(name, true)
    }

    /// With the words of each name together, as a part of an id has to be the name and not to end with it.
    pub(super) fn of_part_of_id(part: &str) -> Self {
        Self::taken_apart(part, false)
    }

    fn taken_apart(name: &str, by_words: bool) -> Self {
        let decoded = decoded(name);
        let mut variants = SmallVec::new();
        add_variants(&plain(&decoded), by_words, &mut variants);
        // A Roman number is letters after NFKD, as which it may stand for them, and counts else.
        if decoded.contains(is_roman_character) {
            let counted = decoded.replace(is_roman_character, "2");
            add_variants(&plain(&counted), by_words, &mut variants);
        }
        Self { variants }
    }

    /// Every spelling under which it may be a guarded name. `begins_one`: whether a guarded name begins so.
    pub(super) fn read(&self, begins_one: &dyn Fn(&str) -> bool, reading: &mut dyn FnMut(&str)) {
        for parts in &self.variants {
            read_from_each_part(parts, begins_one, reading);
            read_ends(parts, reading);
        }
    }
}

fn add_variants(name: &str, by_words: bool, variants: &mut SmallVec<[Parts; 2]>) {
    let parts = parts_of_name(without_host(name), by_words);
    let has = |kind: Kind| parts.iter().any(|part| part.kind == kind);
    let without = |kinds: &[Kind]| -> Parts {
        let left = parts.iter().filter(|part| !kinds.contains(&part.kind));
        left.cloned().collect()
    };
    let has_words = has(Kind::Word) || has(Kind::Manner);
    let of_kinds: &[&[Kind]] = match (has(Kind::Number) && has_words, has(Kind::Of)) {
        (false, false) => &[],
        (true, false) => &[&[Kind::Number]],
        (false, true) => &[&[Kind::Of]],
        (true, true) => &[&[Kind::Number], &[Kind::Of], &[Kind::Number, Kind::Of]],
    };
    let others: SmallVec<[Parts; 3]> = of_kinds.iter().map(|kinds| without(kinds)).collect();
    variants.push(parts);
    variants.extend(others);
}

fn is_roman_character(character: char) -> bool {
    matches!(character, '\u{2160}'..='\u{217F}')
}

/// Without the scheme and the host of an IRI, which name nothing but a vocabulary's owner.
fn without_host(name: &str) -> &str {
    let Some((_, behind)) = name.split_once("://") else {
        return name;
    };
    let path = behind.find(['/', '\\', '?', '#']).and_then(|at| behind.get(at..));
    path.unwrap_or_default()
}

fn parts_of_name(name: &str, by_words: bool) -> Parts {
    let mut parts = Parts::new();
    let mut is_new = true;
    let mut before = ' ';
    let mut rest = name.chars();
    while let Some(character) = rest.next() {
        if parts_names(character) || (by_words && parts_words(character)) {
            if let Some(last) = parts.last_mut().filter(|_| parts_names(character)) {
                last.ends = true;
            }
            is_new = true;
            continue;
        }
        let next = rest
            .clone()
            .find(|next| !is_invisible(*next) && !is_combining_mark(*next));
        if by_words && character == 'の' && is_between_words(before, next) {
            parts.push(Part::begun_with(katakana('の').into(), Kind::Of, false));
            is_new = true;
            before = character;
            continue;
        }
        let is_joined = by_words && !is_new && begins_word(before, character, next);
        is_new |= is_joined;
        // A lengthening mark, and what nobody sees, is no letter.
        for letter in letters(character.encode_utf8(&mut [0; 4])) {
            let kind = if letter.is_numeric() { Kind::Number } else { Kind::Word };
            match parts.last_mut() {
                Some(last) if !is_new && last.kind == kind => last.spelled.push(letter),
                last => {
                    if let Some(last) = last.filter(|last| last.kind == Kind::Number || kind == Kind::Number) {
                        last.ends = true;
                    }
                    parts.push(Part::begun_with(letter.into(), kind, is_joined));
                    is_new = false;
                }
            }
            before = character;
        }
    }
    if by_words {
        parts = with_manners_apart(parts);
    }
    let mut behind = 0;
    for part in parts.iter_mut().rev() {
        let ends = part.ends || behind <= LONGEST_MARK;
        let length = part.length_of_mark();
        behind = if part.ends {
            length
        } else {
            behind.saturating_add(length)
        };
        part.ends = ends;
    }
    parts
}

/// Whether a capital begins a word: `managerName`, `LINEUser`.
fn begins_word(before: char, character: char, next: Option<char>) -> bool {
    character.is_uppercase()
        && (before.is_lowercase() || (before.is_uppercase() && next.is_some_and(char::is_lowercase)))
}

/// Whether what stands around a `の` are words, and it is no letter of one: `管理者の氏名`, and not `その他`.
fn is_between_words(before: char, next: Option<char>) -> bool {
    let is_of_word = |character: char| character.is_alphanumeric() && !matches!(character, '\u{3041}'..='\u{3096}');
    is_of_word(before) && next.is_some_and(is_of_word)
}

/// With what says how a name is written apart from the name, however it is joined to it.
fn with_manners_apart(parts: Parts) -> Parts {
    let mut apart = Parts::new();
    for mut part in parts {
        let mut manners: SmallVec<[Part; 2]> = SmallVec::new();
        while part.kind == Kind::Word {
            let Some(manner) = MANNERS.iter().find(|manner| part.spelled.ends_with(manner.as_str())) else {
                break;
            };
            if part.spelled.len() == manner.len() {
                part.kind = Kind::Manner;
                break;
            }
            part.spelled.truncate(part.spelled.len() - manner.len());
            let mut behind = Part::begun_with(manner.clone(), Kind::Manner, true);
            behind.ends = std::mem::take(&mut part.ends);
            manners.push(behind);
        }
        apart.push(part);
        apart.extend(manners.into_iter().rev());
    }
    apart
}

/// What begins with a part, as long as a guarded name begins so: most parts begin none.
fn read_from_each_part(parts: &[Part], begins_one: &dyn Fn(&str) -> bool, reading: &mut dyn FnMut(&str)) {
    let mut together = String::new();
    for first in 0..parts.len() {
        together.clear();
        for part in parts.iter().skip(first) {
            together.push_str(&part.spelled);
            if part.ends {
                reading(&together);
            }
            if !begins_one(&together) {
                break;
            }
        }
    }
}

/// What ends with the whole name, or begins with it.
fn read_ends(parts: &[Part], reading: &mut dyn FnMut(&str)) {
    let mut starts = Vec::with_capacity(parts.len());
    let mut whole = String::new();
    for part in parts {
        starts.push(whole.len());
        whole.push_str(&part.spelled);
    }
    let is_near_end = |place: usize| place < MOST_ENDS || place + MOST_ENDS >= parts.len();
    let near_ends = parts
        .iter()
        .zip(&starts)
        .enumerate()
        .filter(|(place, _)| is_near_end(*place));
    for (_, (part, start)) in near_ends {
        let (before, behind) = whole.split_at_checked(*start).unwrap_or_default();
        reading(behind);
        if part.ends
            && let Some(both) = whole.get(..before.len() + part.spelled.len())
        {
            reading(both);
        }
    }
}

/// The spellings of what an id consists of, as `Resident` in `urn:ngsi-ld:Resident:1`.
pub(super) fn parts_of_id(id: &str) -> impl Iterator<Item = String> {
    let decoded = decoded(id);
    let spelled: SmallVec<[String; 8]> = decoded.split(parts_names).map(|part| letters(part).collect()).collect();
    spelled.into_iter().filter(|part: &String| !part.is_empty())
}

/// Whether a character ends one name and begins another. What joins words, and what nobody sees, does not.
fn parts_names(character: char) -> bool {
    !character.is_alphanumeric() && !joins_words(character) && !is_invisible(character) && !is_combining_mark(character)
}

fn joins_words(character: char) -> bool {
    character.is_whitespace() || is_dash(character) || character == '_'
}

/// Whether a character stands between words, and is no lengthening mark of one.
fn parts_words(character: char) -> bool {
    joins_words(character) && character != LENGTHENING
}

/// After Unicode's NFKD, with letters of styles that it leaves as they are in plain ones.
fn plain(text: &str) -> String {
    text.chars().map(without_style).nfkd().collect()
}

/// Small capitals, which phonetic alphabets have, from `a` to `z`; `*`: there is none.
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡ*ʏᴢ";

/// The plain letter that one in another style is, where NFKD does not say so: small capitals, letters in black circles and
/// squares, those of flags, and the dotless `ı`, which is what a Turkish program makes of `I`.
fn without_style(character: char) -> char {
    let alphabet = match u32::from(character) {
        ..0x80 => return character,
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
fn letters(text: &str) -> impl Iterator<Item = char> {
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
fn katakana(character: char) -> char {
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

    fn reads(name: &str, wanted: &str) -> bool {
        let mut is_read = false;
        NameFromOutside::of(name).read(&|start| wanted.starts_with(start), &mut |reading| {
            is_read |= reading == wanted;
        });
        is_read
    }

    #[test]
    fn a_longer_name_may_be_read_in_several_ways() {
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
            "https://x/managerName/shelter",
            "https://x/managerName/v1",
            "managerName/value",
            "x_managerName",
            "x-manager-name",
            "1managerName",
            "01_managerName",
            "２managerName３",
            "manager_1_name",
            "managerName_ja",
            "managerName-v12",
            "m.a.n.a.g.e.r.N.a.m.e",
            "ns:m_a_n_a_g_e_r_N_a_m_e@ja",
            "ns.ma-na.ge.rN.am.e.x.y.z.a.b.c.d.e.f",
            "&#109;anagerName",
            "_x006D_anagerName",
            "manager\\u004eame",
            "manager&lowbar;name",
            "shelterManagerName",
            "URLManagerName",
            "managerNameⅡ",
            "managerName_II",
            "managerNameIV",
            "managerNameB",
            "managerNameKana",
            "managernamekana",
            "managerName_kana",
            "MANAGER_NAME_YOMI",
            "managerNameKanaJa2",
            "managerNameRomaji/value",
            "ᴍᴀɴᴀɢᴇʀɴᴀᴍᴇ",
            "🅼🅐🄽🅰🅶🅴🇷_🅽🅰🅼🅴",
            "ⅿanagerName",
            "mAnAgErNaMe",
        ] {
            assert!(reads(name, "managername"), "{name}");
        }
        for name in [
            "氏名（漢字）",
            "氏名１",
            "緊急連絡先_氏名",
            "氏名フリガナ",
            "氏名よみがな",
            "氏名のローマ字",
            "管理者の氏名",
            "管理者の氏名（よみ）",
            "氏名コード",
        ] {
            assert!(reads(name, "氏名"), "{name}");
        }
        assert!(reads("鍵の管理者", "鍵管理者") && reads("LINEのユーザーID", "lineユサid"));
        for name in [
            "https://managerName/x",
            "https://managerName",
            "managerNameOfShelter",
            "manager_name_of_shelter",
            "氏名_公表区分",
            "氏名公表区分",
            "氏名の公表区分",
            "managerNameOfShelterKana",
            "managerNameApp",
            "managerNames",
            "",
            "1",
        ] {
            assert!(!reads(name, "managername") && !reads(name, "氏名"), "{name}");
        }
        assert!(!reads("カバー所見", "所見"), "the lengthening mark is part of a word");
    }

    #[test]
    fn reading_a_long_name_takes_no_longer_than_its_length() {
        for long in ["a.", "ma.", "m.a.n.", "1a", "a_", "管_理_"] {
            let name = NameFromOutside::of(&long.repeat(50_000));
            let mut read = 0;
            name.read(&|start| "managername".starts_with(start), &mut |_| read += 1);
            assert!(read < 50_000 * 20, "{long}: {read}");
        }
    }
}
