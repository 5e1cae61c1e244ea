//! What a name from outside may be read as: which of its parts are the vocabulary's, count it or say how it is written, and
//! which are the name's own, is nothing that it tells. So it is compared with guarded names in several ways.

use std::sync::LazyLock;

use smallvec::SmallVec;
use unicode_normalization::char::is_combining_mark;

use super::escapes::decoded;
use super::spelling::{is_invisible, katakana, letters, parts_names, parts_words, plain, spelling};

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
        "日本語",
        "アルファベット",
        "ひらがな",
        "表記",
        "コード",
        "区分",
    ];
    let mut spelled: Vec<String> = words.iter().map(|word| spelling(word)).collect();
    spelled.sort_by_key(|word| std::cmp::Reverse(word.len()));
    spelled
});

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
            Kind::Word if is_roman_number(&self.spelled) => 1,
            Kind::Word if !self.spelled.is_ascii() || (self.is_joined && self.spelled.len() > 1) => NO_MARK,
            Kind::Number | Kind::Word => self.spelled.len(),
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
        // Of several: `managerNames`.
        if let Some(one) = decoded.strip_suffix(['s', 'S', 'ｓ', 'Ｓ']) {
            add_variants(&plain(one), by_words, &mut variants);
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
        let mut manners: SmallVec<[Part; 4]> = SmallVec::new();
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
            // `ゆーざのコード`: among hiragana it is a letter, unless such a word follows.
            let of = katakana('の');
            if part.spelled.len() > of.len_utf8() && part.spelled.ends_with(of) {
                part.spelled.pop();
                manners.push(Part::begun_with(of.into(), Kind::Of, true));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

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
            "managerNames",
            "MANAGER_NAMES",
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
            "managerNamesOfShelters",
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
