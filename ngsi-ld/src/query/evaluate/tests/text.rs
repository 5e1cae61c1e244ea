//! Texts of every script. RFC 8259 section 8.3: texts are equal when they are equal code unit by code unit, after
//! escapes are undone; nothing is normalized, folded or reordered.

use crate::entity::{AttributeValue, Instance};
use crate::query::fixture::{entity, json, property, read_query};

/// `が` in one code point (NFC) and in two (NFD).
const COMPOSED: &str = "が";
const DECOMPOSED: &str = "か\u{3099}";

fn matches(query: &str, value: &str) -> bool {
    read_query(query).matches(&entity([("名称", property(value))]))
}

#[test]
fn texts_are_equal_code_point_by_code_point() {
    for (query, value) in [
        (r#"名称=="佐野市""#, "佐野市"),
        (r#"名称=="\u4f50\u91ce\u5e02""#, "佐野市"),
        (r#"名称=="🍣""#, "🍣"),
        (r#"名称=="\ud83c\udf63""#, "🍣"),
        (r#"名称=="👩‍🚒""#, "👩\u{200d}🚒"),
        (r#"名称=="مرحبا""#, "مرحبا"),
        (r#"名称=="שלום עולם""#, "שלום עולם"),
        (r#"名称=="a\"\\\/\n\u0000""#, "a\"\\/\n\0"),
    ] {
        assert!(matches(query, value), "{query}");
        assert!(!matches(&query.replacen("==", "!=", 1), value), "{query}");
    }
}

#[test]
fn what_only_looks_alike_is_not_equal() {
    for (asked, value) in [
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        ("é", "e\u{301}"),
        // A CJK compatibility ideograph and what it stands for.
        ("\u{fa19}", "神"),
        ("ｱｷﾞ", "アギ"),
        ("ＡＢＣ", "ABC"),
        ("abc", "ABC"),
        ("ひら", "ヒラ"),
        ("佐野市", "佐野市 "),
        ("髙", "高"),
        // With and without the mark for right-to-left text.
        ("\u{200f}שלום", "שלום"),
        ("👩\u{1f3fb}", "👩"),
    ] {
        assert!(!matches(&format!(r#"名称=="{asked}""#), value), "{asked} {value}");
        assert!(matches(&format!(r#"名称!="{asked}""#), value), "{asked} {value}");
        assert!(!matches(&format!(r#"名称~="^{asked}$""#), value), "{asked} {value}");
    }
}

#[test]
//= 4.9-9
fn texts_are_ordered_by_code_point() {
    // Not by UTF-16, where the emoji, a pair of surrogates, comes before the private use area.
    let ascending = ["", "A", "Z", "a", "é", "あ", "ア", "佐", "\u{e000}", "🍣"];
    for (smaller, greater) in ascending.iter().zip(&ascending[1..]) {
        assert!(matches(&format!(r#"名称<"{greater}""#), smaller), "{smaller} {greater}");
        assert!(
            !matches(&format!(r#"名称>="{greater}""#), smaller),
            "{smaller} {greater}"
        );
    }
}

#[test]
fn members_and_languages_have_names_of_every_script() {
    let value =
        format!(r#"{{"市区町村":"佐野","{COMPOSED}":1,"{DECOMPOSED}":2,"🏠":{{"階":3}},"שם":4,"2階":5,"a b":6}}"#);
    let place = entity([("住所", property(json(&value)))]);
    for query in [
        r#"住所[市区町村]=="佐野""#.to_owned(),
        format!("住所[{COMPOSED}]==1"),
        format!("住所[{DECOMPOSED}]==2"),
        "住所[🏠.階]==3".to_owned(),
        "住所[שם]==4".to_owned(),
        "住所[2階]==5".to_owned(),
    ] {
        assert!(read_query(&query).matches(&place), "{query}");
    }
    let texts = [("ja", "佐野"), ("ja-Hira", "さの"), ("@none", "Sano")];
    let map = texts.map(|(tag, text)| (tag.into(), [text.into()].into_iter().collect()));
    let named = entity([(
        "名",
        Instance::new(AttributeValue::LanguageProperty(Box::new(map.into_iter().collect()))),
    )]);
    for query in [
        r#"名[ja]=="佐野""#,
        r#"名[JA-hira]=="さの""#,
        r#"名[@none]=="Sano""#,
        r#"名[*]=="さの""#,
    ] {
        assert!(read_query(query).matches(&named), "{query}");
    }
    assert!(!read_query(r#"名[ja]=="さの""#).matches(&named));
}
