//! A generator that writes each guarded name of the committed classification in every way, and shares no code with what
//! recognises them; and that no open name is taken for one.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use kakehashi_adapters::ngsi_v2::view_name;
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, Iri, TypeName};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::classes::committed as read_committed;
use super::repository;
use kakehashi_policy::{Class, Classification};

/// Names that each property writes in every run.
const CASES: u32 = 1_000;

const INVISIBLE: [char; 16] = [
    '\u{AD}',
    '\u{34F}',
    '\u{115F}',
    '\u{180E}',
    '\u{200B}',
    '\u{200C}',
    '\u{200D}',
    '\u{200F}',
    '\u{202E}',
    '\u{2060}',
    '\u{2066}',
    '\u{3164}',
    '\u{FE0F}',
    '\u{FEFF}',
    '\u{E0001}',
    '\u{301}',
];

const BEFORE: [&str; 32] = [
    "",
    "ns:",
    "ex:",
    "_:",
    "a.b.",
    "@",
    "$",
    "x/",
    "ns：",
    "ns#",
    "ns|",
    "ns::",
    "https://x/",
    "https://x/y#",
    "http://schema.org/",
    "https://x/y/?q=",
    "urn:x:",
    "urn:ngsi-ld:attribute:",
    "HTTPS://X/#",
    "https://x/y/#z/",
    "facility.",
    "ns∶",
    "x_",
    "facility-",
    "a_b__",
    "1",
    "01_",
    "２",
    "3.",
    "_x006E_s:",
    "n&#115;&colon;",
    "https://x/a/b/c/",
];

const BEHIND: [&str; 43] = [
    "",
    "",
    "",
    "",
    "#",
    "/",
    "//",
    "/0",
    "[0]",
    "_1",
    "２",
    "@ja",
    "?lang=ja",
    "（漢字）",
    "/v1",
    "/value",
    "/value/0",
    "/shelter#of",
    "\\x",
    "_ja",
    "-v2",
    "2b",
    ".a.b.c.d.e.f.g.h.i.j.k.l.m.n",
    "&num;1",
    "_x0040_ja",
    "Ⅱ",
    "ⅳ",
    "_II",
    "Kana",
    "_kana",
    "-YOMI",
    "Ja",
    "_japanese",
    "Romaji",
    "Code",
    "フリガナ",
    "（ふりがな）",
    "_読み仮名",
    "ローマ字",
    "コード",
    "のコード",
    "のヨミ２",
    "Kana/value",
];

/// Words that stand before a name, beginning with a small letter and with a capital: the name's own is one then.
const WORDS_BEFORE: [&str; 4] = ["", "shelter", "LINE", "facilityKey"];

/// What stands for letters in other styles: the first of an alphabet.
const STYLES: [u32; 6] = [0x1_F150, 0x1_F170, 0x1_F130, 0x1_F1E6, 0x24B6, 0x1_D5D4];
const SMALL_CAPITALS: [char; 26] = [
    'ᴀ', 'ʙ', 'ᴄ', 'ᴅ', 'ᴇ', 'ꜰ', 'ɢ', 'ʜ', 'ɪ', 'ᴊ', 'ᴋ', 'ʟ', 'ᴍ', 'ɴ', 'ᴏ', 'ᴘ', 'ꞯ', 'ʀ', 'ꜱ', 'ᴛ', 'ᴜ', 'ᴠ', 'ᴡ',
    'x', 'ʏ', 'ᴢ',
];

/// How the words of a name are put together.
const JOINTS: [&str; 9] = ["", "_", "-", " ", "\u{3000}", "__", "‐", "－", "\u{A0}"];

/// And its letters.
const BETWEEN_LETTERS: [&str; 7] = [".", "_", "-", "/", "：", "1", " . "];

/// How a program writes a character that it does not write as it is.
const ENCODERS: [fn(char) -> String; 9] = [
    |character| {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).bytes();
        bytes.map(|byte| format!("%{byte:02x}")).collect()
    },
    |character| {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).bytes();
        let digits = bytes.map(|byte| format!("%{byte:02X}")).collect::<String>();
        digits.chars().map(wide).collect()
    },
    |character| format!("&#{};", u32::from(character)),
    |character| format!("&#x{:04X};", u32::from(character)),
    |character| format!("＆#{};", u32::from(character)),
    |character| {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    },
    |character| format!("\\u{{{:x}}}", u32::from(character)),
    |character| match u32::from(character) {
        code @ ..0x1_0000 => format!("_x{code:04X}_"),
        code => format!("_x{code:08X}_"),
    },
    |character| format!("_x{:08X}_", u32::from(character)),
];

fn wide(character: char) -> char {
    match character {
        '!'..='~' => char::from_u32(u32::from(character) + 0xFEE0).unwrap(),
        other => other,
    }
}

static COMMITTED: LazyLock<Classification> = LazyLock::new(read_committed);

/// What a run writes is the same in each, unless `PROPTEST_RNG_SEED` says otherwise.
fn seeded() -> ProptestConfig {
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

fn file() -> toml::Table {
    let text = std::fs::read_to_string(repository().join("policies/classification.toml")).unwrap();
    text.parse().unwrap()
}

fn texts(value: Option<&toml::Value>) -> Vec<String> {
    let list = value.and_then(toml::Value::as_array).into_iter().flatten();
    list.map(|name| name.as_str().unwrap().to_owned()).collect()
}

const GUARDED: [&str; 5] = [
    "person-related",
    "anonymised",
    "pseudonymised",
    "personal",
    "special-care",
];

/// Guarded names of attributes, with something in the place of `*`.
fn guarded_attributes() -> Vec<String> {
    let everywhere = &file()["attributes"];
    let names = GUARDED.iter().flat_map(|class| texts(everywhere.get(class)));
    names.map(|name| name.replace('*', "X")).collect()
}

fn guarded_types() -> Vec<String> {
    let types = file()["types"].as_table().unwrap().clone();
    let guarded = types
        .into_iter()
        .filter(|(_, entry)| GUARDED.contains(&entry["class"].as_str().unwrap()));
    let names = guarded.flat_map(|(name, entry)| [vec![name], texts(entry.get("aliases"))].concat());
    names.map(|name| name.replace('*', "X")).collect()
}

/// The words of `familyNameKana`: each begins with a capital.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_small = false;
    for character in name.chars() {
        if words.is_empty() || (was_small && character.is_ascii_uppercase()) {
            words.push(String::new());
        }
        was_small = character.is_ascii_lowercase();
        words.last_mut().unwrap().push(character);
    }
    words
}

#[derive(Debug, Clone)]
struct Manner {
    before: &'static str,
    behind: &'static str,
    joint: &'static str,
    case: usize,
    width: usize,
    /// A word before it, and the style of its letters.
    word: &'static str,
    style: usize,
    hidden: Vec<Option<char>>,
    /// Between its letters.
    spaced: &'static str,
    encoded: Vec<(usize, bool)>,
}

fn manner() -> impl Strategy<Value = Manner> {
    let hidden = prop_oneof![
        2 => Just(vec![None]),
        1 => prop::collection::vec(prop::option::weighted(0.3, select(INVISIBLE.to_vec())), 2..7),
    ];
    (
        select(BEFORE.to_vec()),
        select(BEHIND.to_vec()),
        select(JOINTS.to_vec()),
        0_usize..5,
        0_usize..4,
        (
            prop_oneof![3 => Just(""), 1 => select(WORDS_BEFORE.to_vec())],
            prop_oneof![4 => Just(STYLES.len() + 1), 1 => 0..=STYLES.len()],
        ),
        hidden,
        prop_oneof![4 => Just(""), 1 => select(BETWEEN_LETTERS.to_vec())],
        // View names encode once more.
        prop::collection::vec((0..ENCODERS.len(), any::<bool>()), 0..3),
    )
        .prop_map(
            |(before, behind, joint, case, width, (word, style), hidden, spaced, encoded)| Manner {
                before,
                behind,
                joint,
                case,
                width,
                word,
                style,
                hidden,
                spaced,
                encoded,
            },
        )
}

impl Manner {
    fn write(&self, name: &str) -> String {
        let words: Vec<String> = words(name).iter().map(|word| self.cased(word)).collect();
        let mut name = words.join(self.joint);
        if !self.word.is_empty() && name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            // The capital is what parts them.
            let (first, others) = name.split_at(1);
            name = [self.word, &first.to_ascii_uppercase(), &others.to_ascii_lowercase()].concat();
        }
        let mut written = String::new();
        for (place, character) in self.widened(&self.styled(&name)).chars().enumerate() {
            if place > 0 && character.is_alphanumeric() {
                written.push_str(self.spaced);
            }
            written.push(character);
            written.extend(self.hidden[place % self.hidden.len()]);
        }
        let whole = format!("{}{written}{}", self.before, self.behind);
        // Everything is encoded, or what is no letter.
        let encode = |text: String, (encoder, all): &(usize, bool)| {
            let write = |character: char| match character.is_ascii_alphanumeric() && !all {
                true => character.to_string(),
                false => ENCODERS[*encoder](character),
            };
            text.chars().map(write).collect()
        };
        self.encoded.iter().fold(whole, encode)
    }

    fn styled(&self, text: &str) -> String {
        // What parts words by capitals is lost in styles that have none.
        if !self.word.is_empty() {
            return text.to_owned();
        }
        let styled = |character: char| match u32::from(character.to_ascii_uppercase()).wrapping_sub(u32::from('A')) {
            letter @ 0..26 => match STYLES.get(self.style) {
                Some(first) => char::from_u32(first + letter).unwrap(),
                None if self.style == STYLES.len() => SMALL_CAPITALS[letter as usize],
                None => character,
            },
            _ => character,
        };
        text.chars().map(styled).collect()
    }

    fn cased(&self, word: &str) -> String {
        match self.case {
            1 => word.to_uppercase(),
            2 => word.to_lowercase(),
            3 => {
                let mut letters = word.chars();
                let first = letters.next().map(|first| first.to_uppercase().to_string());
                first.unwrap_or_default() + letters.as_str()
            }
            _ => word.to_owned(),
        }
    }

    fn widened(&self, text: &str) -> String {
        let wide = |character: char| match character {
            // Half-width kana of those that the names have.
            'カ' => 'ｶ',
            'ナ' => 'ﾅ',
            'マ' => 'ﾏ',
            'イ' => 'ｲ',
            'ン' => 'ﾝ',
            'ユ' => 'ﾕ',
            'ー' => 'ｰ',
            other => wide(other),
        };
        match self.width {
            1 => text.chars().map(wide).collect(),
            // Marks on their own.
            2 => text
                .replace('バ', "ハ\u{3099}")
                .replace('ザ', "サ゛")
                .replace('ポ', "ﾎﾟ"),
            3 => text
                .chars()
                .map(|character| match u32::from(character) {
                    code @ 0x30A1..=0x30F6 => char::from_u32(code - 0x60).unwrap(),
                    _ => character,
                })
                .collect(),
            _ => text.to_owned(),
        }
    }
}

/// The name in the view, as adapters make it of a source's own, and of an IRI.
fn names_of(written: &str) -> Vec<AttributeName> {
    let mut names: Vec<AttributeName> = view_name(Context::kakehashi(), written).into_iter().collect();
    names.extend(Iri::parse(written).ok().map(AttributeName::new));
    names
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn each_guarded_attribute_is_guarded_however_it_is_written(name in select(guarded_attributes()), manner in manner()) {
        let classification = &*COMMITTED;
        let written = manner.write(&name);
        for expanded in names_of(&written) {
            for r#type in ["AED", "Unheard"] {
                let r#type = TypeName::new(Iri::new(format!("https://x/{type}")));
                let class = classification.attribute_class(&r#type, &expanded);
                prop_assert!(class.is_some_and(Class::is_guarded), "{}: {} as {} is {:?}", name, written, expanded, class);
            }
        }
    }

    #[test]
    fn each_guarded_type_is_guarded_however_it_is_written(name in select(guarded_types()), manner in manner()) {
        let classification = &*COMMITTED;
        let written = manner.write(&name);
        for expanded in names_of(&written) {
            let r#type = TypeName::new(Iri::new(expanded.as_str()));
            let class = classification.type_class(&r#type);
            prop_assert!(class.is_some_and(Class::is_guarded), "{}: {} as {} is {:?}", name, written, expanded, class);
        }
    }
}

/// Names of columns that are published and that nobody has classified, and names that only begin as somebody's do.
const NOBODYS: [&str; 66] = [
    "Installer",
    "N03_004",
    "Name",
    "TEL",
    "availableDate",
    "availableDateNote",
    "equipmentForChildren",
    "id",
    "installationPosition",
    "telephoneNumber",
    "type",
    "№",
    "その他市町村長が必要と認める事項",
    "オストメイト設置トイレ有無",
    "バリアフリートイレ数",
    "公共施設　",
    "内水氾濫",
    "利用終了時間",
    "区分",
    "問い合わせ先（市の担当課）",
    "問い合わせ先名",
    "土曜開放終了時刻",
    "土砂災害警戒区域",
    "地域防災計画分類",
    "場所名称",
    "大規模な火事",
    "女性トイレ数（和式）",
    "女性トイレ総数",
    "定員",
    "家屋倒壊危険区域",
    "対象",
    "市独自区分",
    "引用元",
    "所管課",
    "指定日",
    "指定暑熱避難施設の名称",
    "指定暑熱避難施設の開放により受け入れることが可能であると見込まれる人数",
    "指定避難所との住所同一",
    "料金",
    "施設の種類　",
    "施設・場所名",
    "施設管理者名",
    "管理担当連絡先",
    "津波浸水レベル",
    "洪水浸水レベル（最大）",
    "申込期間",
    "男女共用トイレ総数",
    "男性トイレ数（小便器）",
    "画像_ライセンス",
    "行事名",
    "要配慮者利用施設名称",
    "車椅子使用者用トイレ有無",
    "避難確保計画対象",
    "開催日",
    "携帯トイレ数",
    "管理者",
    "管理者区分コード",
    "管理の区分",
    "mobileApplication",
    "mobilityScooterRental",
    "managerNameOfShelter",
    "sexualHealthClinic",
    "stationNameKana",
    "riverNameⅡ",
    "nameKana2",
    "familyRestroom",
];

/// Open names under other vocabularies are unclassified, and not taken for somebody's.
#[test]
fn no_open_name_is_taken_for_a_guarded_one() {
    let classification = &*COMMITTED;
    let file = file();
    let tables = [&file["groups"], &file["types"]].map(|table| table.as_table().unwrap().clone());
    let mut names = BTreeSet::new();
    for (_, entry) in tables.into_iter().flatten() {
        names.extend(texts(entry.get("open")));
        names.extend(texts(
            entry.get("attributes").and_then(|attributes| attributes.get("open")),
        ));
    }
    assert!(names.len() > 200);
    names.extend(NOBODYS.map(str::to_owned));
    let unheard = TypeName::new(Iri::new("https://x/Unheard"));
    for name in names {
        for prefix in ["", "ns:", "https://x/"] {
            for expanded in names_of(&format!("{prefix}{name}")) {
                let class = classification.attribute_class(&unheard, &expanded);
                assert!(class.is_none(), "{prefix}{name} is {class:?}");
            }
        }
    }
    for (name, entry) in file["types"].as_table().unwrap() {
        let class = classification.type_class(&TypeName::new(Iri::new(format!("https://x/y#{name}"))));
        let is_guarded = GUARDED.contains(&entry["class"].as_str().unwrap());
        assert_eq!(class.is_some_and(Class::is_guarded), is_guarded, "{name}");
    }
}
