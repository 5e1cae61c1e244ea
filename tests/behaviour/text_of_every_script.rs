//! Texts of every script in values and patterns: what is in the store and what is in Orion is decided alike, code point by
//! code point.

use serde_json::{Value, json};

use super::harness::Platform;

/// Who asks Orion.
const SERVICE: &str = "nasushiobara";

/// `が` as one code point and as two, a compatibility ideograph, widths, emoji of several code points, right-to-left
/// texts with and without marks, and what could be taken for one of them.
const NAMES: [&str; 20] = [
    "佐野市役所",
    "ながれ公園",
    "なか\u{3099}れ公園",
    "神社前",
    "\u{fa19}社前",
    "ｱｷﾞﾀﾞ広場",
    "アギダ広場",
    "ＡＢＣ会館",
    "ABC会館",
    "abc会館",
    "髙橋宅前",
    "高橋宅前",
    "🍣の駅",
    "👩\u{200d}🚒詰所",
    "👩🚒詰所",
    "مركز الإيواء",
    "\u{200f}مركز الإيواء",
    "מקלט",
    "Café e\u{301}toile",
    "Cafe\u{301} étoile",
];

fn id(place: &str, index: usize) -> String {
    format!("urn:ngsi-ld:EvacuationSite:text-{place}-{index:02}")
}

async fn platform() -> Platform {
    let stored: Vec<Value> = NAMES
        .iter()
        .enumerate()
        .map(|(index, name)| {
            json!({
                "id": id("store", index),
                "type": "EvacuationSite",
                "name": { "type": "Property", "value": name },
            })
        })
        .collect();
    let platform = Platform::builder()
        .await
        .log("info")
        .store("yaita", Value::from(stored).to_string())
        .start()
        .await;
    let in_orion: Vec<Value> = NAMES
        .iter()
        .enumerate()
        .map(|(index, name)| {
            json!({
                "id": id("orion", index),
                "type": "EvacuationSite",
                "name": { "type": "Text", "value": name },
            })
        })
        .collect();
    let in_orion = Value::from(in_orion).to_string();
    platform.demo().orion().load(SERVICE, "/disaster", &in_orion).unwrap();
    platform
}

async fn finds(platform: &Platform, q: &str, holds: impl Fn(&str) -> bool) {
    let indexes = (0..NAMES.len()).filter(|index| holds(NAMES[*index]));
    let mut wanted: Vec<String> = indexes
        .flat_map(|index| [id("orion", index), id("store", index)])
        .collect();
    wanted.sort();
    let answer = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("idPattern", ":text-"),
            ("q", q),
            ("count", "true"),
            ("limit", "1000"),
        ])
        .await
        .ok();
    let mut found = answer.ids();
    found.sort();
    assert_eq!(found, wanted, "{q}");
    assert_eq!(answer.count(), wanted.len(), "{q}");
    assert_eq!(answer.warnings(), [""; 0], "{q}");
}

#[tokio::test]
//= 4.6.1-1
async fn a_text_equals_itself_and_nothing_that_looks_like_it() {
    let platform = platform().await;
    for name in NAMES {
        finds(&platform, &format!("name==\"{name}\""), |other| other == name).await;
    }
    for name in [NAMES[1], NAMES[2], NAMES[13], NAMES[16]] {
        finds(&platform, &format!("name!=\"{name}\""), |other| other != name).await;
        let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        finds(&platform, &format!("name==\"{escaped}\""), |other| other == name).await;
    }
    finds(&platform, "name==\"ながれ公園\",\"🍣の駅\"", |name| {
        [NAMES[1], "🍣の駅"].contains(&name)
    })
    .await;
}

#[tokio::test]
async fn a_pattern_takes_characters_as_they_are() {
    let platform = platform().await;
    let begins = |name: &str, characters: &[char]| name.starts_with(characters);
    finds(&platform, "name~=な.れ公園", |name| name == NAMES[1]).await;
    finds(&platform, "name~=な..れ公園", |name| name == NAMES[2]).await;
    finds(&platform, "name~=会館$", |name| name.ends_with("会館")).await;
    finds(&platform, "name~=^[A-Z]+会館$", |name| name == "ABC会館").await;
    finds(&platform, "name~=^[高髙]橋", |name| begins(name, &['高', '髙'])).await;
    finds(&platform, "name~=^👩", |name| name.starts_with('👩')).await;
    finds(&platform, "name~=🚒", |name| name.contains('🚒')).await;
    finds(&platform, "name~=^م", |name| name.starts_with('م')).await;
    finds(&platform, "name~=\"^(.*הגנה|מקלט)$\"", |name| name == "מקלט").await;
    finds(&platform, "name!~=[a-zé]", |name| {
        !name.contains(|character: char| character.is_ascii_lowercase() || character == 'é')
    })
    .await;
    finds(&platform, "name~=^[[:alpha:]]+$", |name| {
        name.chars().all(char::is_alphabetic)
    })
    .await;
}

#[tokio::test]
async fn texts_are_in_the_order_of_their_code_points() {
    let platform = platform().await;
    for bound in ["abc会館", "ん", "神社前", "髙", "🍣", "\u{200f}"] {
        finds(&platform, &format!("name<\"{bound}\""), |name| name < bound).await;
        finds(&platform, &format!("name>=\"{bound}\""), |name| name >= bound).await;
    }
    finds(&platform, "name==\"A\"..\"z\"", |name| ("A"..="z").contains(&name)).await;
}
