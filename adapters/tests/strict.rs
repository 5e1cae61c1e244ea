//! Whatever text a source sends as one of its entities: what leaves the gateway is read by every reader of JSON, also by
//! one that wants each name once, each number finite and each character whole; and the entities beside it are there.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use hashbrown::HashSet;
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, render_entity, render_feature};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use kakehashi_contract::AttributeSelection;
use kakehashi_contract::{Flaw, Yielded};
use kakehashi_mapping::{Mapping, translate_records};
use kakehashi_ngsi_v2::translate::{ProvidedType, TranslatedPage, TranslationContext, translate_page};

/// JSON that is read as strict readers read it.
struct Strict;

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> serde::de::Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, Self)) = map.next_entry::<String, Self>()? {
            if !names.insert(name) {
                return Err(serde::de::Error::custom("a name stands twice"));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while let Some(Self) = elements.next_element()? {}
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

/// Writes an entity in every way in which it may leave, and reads it strictly.
fn leaves_well(entity: &Entity) -> Result<(), TestCaseError> {
    let context = Context::core();
    let location = context.expand_attribute("location").unwrap();
    for format in [Format::Normalized, Format::Concise, Format::Simplified] {
        for system_attributes in [false, true] {
            let rendering = Rendering {
                system_attributes,
                ..Rendering::new(context, format)
            };
            let (mut json, mut feature) = (Vec::new(), Vec::new());
            render_entity(&rendering, entity, &mut json);
            render_feature(&rendering, entity, &location, &mut feature);
            for text in [json, feature] {
                let read: Result<Strict, _> = serde_json::from_slice(&text);
                let text = String::from_utf8_lossy(&text).into_owned();
                prop_assert!(read.is_ok(), "{}: {}", read.err().unwrap(), text);
                prop_assert!(longest_number(&text) <= ngsi_ld::entity::MAX_NUMBER_LENGTH, "{}", text);
            }
        }
    }
    Ok(())
}

/// Characters of the longest number outside of texts.
fn longest_number(json: &str) -> usize {
    let (mut in_text, mut escaped) = (false, false);
    let outside: String = json
        .chars()
        .map(|character| {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = !in_text,
                _ => {}
            }
            if in_text { ' ' } else { character }
        })
        .collect();
    let runs = outside.split(|character: char| !matches!(character, '0'..='9' | '.' | '-' | '+' | 'e' | 'E'));
    runs.map(str::len).max().unwrap_or_default()
}

/// A text of JSON, with escapes that mean something and others.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "b",
        "refRoom",
        "location",
        "name",
        "type",
        "value",
        "id",
        "observedAt",
        "unitCode",
        "TimeInstant",
        "dateCreated",
        "dateModified",
        "dateExpires",
        "servicePath",
        "metadata",
        "scope",
        "object",
        "datasetId",
        "createdAt",
        "entityType",
        "@type",
        "@value",
        "@context",
        "%61",
        "a%62",
        "\\u0061",
        "\\ud83d",
        "\\ude00",
        "\\ud83d\\ude00",
        "\\n",
        "\\\\ud83d",
        "避難所",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00",
        "36.5,139.5",
        "",
        "urn:ngsi-ld:null",
        "http://purl.org/dc/terms/title",
        "title",
        "[{\\\"",
        "DateTime",
    ];
    prop::sample::select(words.to_vec()).prop_map(|word| format!("\"{word}\""))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(
            &[
                "0",
                "-0",
                "1",
                "-1.5",
                "1e2",
                "1e400",
                "-1e999",
                "1e-400",
                "18446744073709551616",
                "NaN",
                "-Infinity"
            ][..]
        )
        .prop_map(str::to_owned),
        (1usize..600).prop_map(|digits| "9".repeat(digits)),
        (1usize..600).prop_map(|digits| format!("0.{}", "3".repeat(digits))),
    ]
}

/// JSON as a writer without care makes it.
fn value() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&["true", "false", "null", " ", "nul"][..]).prop_map(str::to_owned);
    let leaf = prop_oneof![4 => text(), 3 => number(), 1 => word];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(", "))),
            members(inner),
        ]
    })
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    members_named(text(), value)
}

/// A name that is likely to stand twice.
fn name() -> impl Strategy<Value = String> {
    let common = prop::sample::select(
        &[
            "\"a\"",
            "\"b\"",
            "\"\\u0061\"",
            "\"title\"",
            "\"http://purl.org/dc/terms/title\"",
        ][..],
    );
    prop_oneof![1 => common.prop_map(str::to_owned), 1 => text()]
}

fn members_named(
    name: impl Strategy<Value = String>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let member = (name, value).prop_map(|(name, value)| format!("{name}:{value}"));
    prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(",")))
}

/// What stands in the place of an attribute of NGSI-v2, or of its metadata.
fn typed(metadata: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let types = [
        "Text",
        "Number",
        "DateTime",
        "Relationship",
        "geo:json",
        "geo:point",
        "geo:box",
        "StructuredValue",
    ];
    let member = prop_oneof![
        4 => prop::sample::select(types.to_vec()).prop_map(|r#type| format!("\"type\":\"{type}\"")),
        6 => value().prop_map(|value| format!("\"value\":{value}")),
        2 => metadata.prop_map(|metadata| format!("\"metadata\":{metadata}")),
        1 => (text(), value()).prop_map(|(name, value)| format!("{name}:{value}")),
    ];
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn entity_of_ngsi_v2() -> impl Strategy<Value = String> {
    let plain = || Just(r#"{"type":"Number","value":1}"#.to_owned());
    let metadata = || {
        let one = prop_oneof![3 => plain(), 1 => typed(Just("{}".to_owned()))];
        members_named(name(), one)
    };
    let with_metadata = metadata().prop_map(|metadata| format!("{{\"value\":1,\"metadata\":{metadata}}}"));
    let attribute = prop_oneof![9 => typed(metadata()), 9 => plain(), 5 => with_metadata, 1 => value()];
    let attribute = (name(), attribute).prop_map(|(name, value)| format!("{name}:{value}"));
    let head = prop_oneof![
        9 => Just(vec!["\"id\":\"R1\"".to_owned(), "\"type\":\"Room\"".to_owned()]),
        1 => prop::collection::vec((text(), value()).prop_map(|(name, value)| format!("{name}:{value}")), 0..3),
    ];
    (head, prop::collection::vec(attribute, 0..6)).prop_map(|(mut members, attributes)| {
        members.extend(attributes);
        format!("{{{}}}", members.join(","))
    })
}

fn translation() -> TranslationContext {
    let context = Arc::clone(Context::core());
    TranslationContext {
        types: vec![ProvidedType {
            name: context.expand_type("Room").unwrap(),
            short: "Room".into(),
        }],
        context,
        attributes: AttributeSelection::All,
        system_attributes: true,
        object_types: Arc::default(),
        scopes: true,
        tables: Arc::default(),
    }
}

fn is_balanced(text: &str) -> bool {
    let list = format!("[{text}]");
    let mut elements = kakehashi_ngsi_v2::translate::ElementSplitter::new(list.len());
    elements.push(list.as_bytes());
    let mut count = 0;
    while let Ok(Some(_)) = elements.next_element() {
        count += 1;
    }
    count == 1 && elements.finish().is_ok()
}

const RECORDS: &str = r#"
[types.Room]
path = "/rooms"
records = "$.items[*]"
id = "urn:x:{id}"
observed_at = "time"
[types.Room.attributes]
a = "a"
b = { field = "$.b.c", as = "number" }
text = { field = "a", as = "string" }
list = { field = "value", as = "list", separator = ";" }
location = { geometry = "location" }
whole = "metadata"
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_a_broker_sends_as_an_entity_what_leaves_is_read_by_everybody(sent in entity_of_ngsi_v2()) {
        let good = r#"{"id":"R0","type":"Room","a":{"type":"Text","value":"good"}}"#;
        let list = format!("[{good},{sent},{good}]");
        match translate_page(list.as_bytes(), &translation()) {
            Ok(TranslatedPage { yielded, listed, .. }) => {
                prop_assert_eq!(listed, 3);
                let entities: Vec<Entity> = yielded.into_iter().filter_map(Yielded::entity).collect();
                let is_good = |entity: &&Entity| entity.id.as_str() == "urn:ngsi-ld:Room:R0";
                prop_assert!(entities.iter().filter(is_good).count() >= 2, "{}", sent);
                for entity in &entities {
                    leaves_well(entity)?;
                }
            }
            Err(error) => prop_assert!(!is_balanced(&sent), "{}: {}", error, sent),
        }
    }

    #[test]
    fn whatever_a_platform_sends_as_a_record_what_leaves_is_read_by_everybody(
        sent in members(value()), id in value(),
    ) {
        let good = r#"{"id":"0","a":"good"}"#;
        let sent = sent.replacen('{', &format!("{{\"id\":{id},"), 1).replace(",}", "}");
        let list = format!("{{\"items\":[{good},{sent},{good}]}}");
        let mapping = Mapping::parse(RECORDS, "rooms.toml", Context::core()).unwrap();
        let r#type = mapping.types().next().unwrap().clone();
        let read = translate_records(&mapping, &r#type, &AttributeSelection::All, list.as_bytes());
        // Its words for numbers that are none are no JSON, and are read all the same.
        let written = kakehashi_contract::not_finite::with_numbers(&list).unwrap_or_else(|| list.clone());
        match read {
            Ok(entities) => {
                let is_good = |entity: &&Entity| entity.id.as_str() == "urn:x:0";
                prop_assert!(entities.iter().filter(is_good).count() >= 2, "{}", sent);
                for entity in &entities {
                    leaves_well(entity)?;
                }
            }
            Err(error) => {
                let is_json = serde_json::from_str::<&serde_json::value::RawValue>(&written).is_ok();
                prop_assert!(!is_json, "{}: {}", error, sent);
            }
        }
    }
}

#[test]
fn each_flaw_of_a_value_costs_its_entity_alone() {
    let long = "7".repeat(10_000);
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for (value, flaw) in [
        ("1e400", Flaw::NumberNotFinite),
        ("NaN", Flaw::NumberNotFinite),
        ("[1,-Infinity]", Flaw::NumberNotFinite),
        (r#"{"x":[1e999]}"#, Flaw::NumberNotFinite),
        (long.as_str(), Flaw::NumberTooLong),
        (r#"{"x":1,"y":{"z":1,"z":2}}"#, Flaw::DuplicateMember),
        (r#""\ud83d""#, Flaw::HalfCharacter),
        (r#"["\ude00"]"#, Flaw::HalfCharacter),
        (r#"{"\ud83d":1}"#, Flaw::HalfCharacter),
        (deep.as_str(), Flaw::TooDeep),
    ] {
        for (r#type, metadata) in [
            ("Text", "{}"),
            ("StructuredValue", "{}"),
            ("DateTime", "{}"),
            ("Relationship", "{}"),
            ("geo:json", "{}"),
        ] {
            if r#type == "geo:json"
                && matches!(flaw, Flaw::HalfCharacter | Flaw::NumberNotFinite | Flaw::NumberTooLong)
                && !value.starts_with(['{', '[', '"'])
            {
                continue;
            }
            let broken =
                format!(r#"{{"id":"R2","type":"Room","a":{{"type":"{type}","value":{value},"metadata":{metadata}}}}}"#);
            left_out(&broken, flaw);
        }
        let of_metadata = format!(
            r#"{{"id":"R2","type":"Room","a":{{"type":"Text","value":"x","metadata":{{"m":{{"type":"Text","value":{value}}}}}}}}}"#
        );
        left_out(&of_metadata, flaw);
        record_left_out(&format!(r#"{{"id":"2","a":{value}}}"#));
    }
    for repeated in [
        r#"{"id":"R2","id":"R2","type":"Room"}"#,
        r#"{"id":"R2","type":"Room","type":"Room"}"#,
        r#"{"id":"R2","type":"Room","a":{"value":1},"a":{"value":2}}"#,
        r#"{"id":"R2","type":"Room","a":{"value":1},"b":{"value":1,"metadata":{"a":{"value":1}}},"a":{"value":1}}"#,
        r#"{"id":"R2","type":"Room","a":{"value":1,"value":1}}"#,
        r#"{"id":"R2","type":"Room","a":{"value":1,"type":"Text","type":"Text"}}"#,
        r#"{"id":"R2","type":"Room","a":{"value":1,"metadata":{},"metadata":{}}}"#,
        r#"{"id":"R2","type":"Room","a":{"value":1,"metadata":{"m":{"value":1},"m":{"value":1}}}}"#,
        r#"{"id":"R2","type":"Room","a":{"value":1,"metadata":{"m":{"value":1,"value":2}}}}"#,
    ] {
        left_out(repeated, Flaw::DuplicateMember);
    }
    record_left_out(r#"{"id":"2","a":1,"a":1}"#);
    record_left_out(r#"{"id":"2","id":"2"}"#);
    record_left_out(r#"{"id":"2","b":{"c":1,"c":2}}"#);
}

/// Of a list, this one alone is left out, for that.
#[track_caller]
fn left_out(entity: &str, flaw: Flaw) {
    let good = r#"{"id":"R0","type":"Room","a":{"type":"Text","value":"good","metadata":{"a":{"value":1}}}}"#;
    let page = translate_page(format!("[{good},{entity},{good}]").as_bytes(), &translation()).unwrap();
    assert_eq!(page.yielded.len(), 3, "{entity}");
    assert_eq!(page.yielded[1], Yielded::LeftOut(flaw), "{entity}");
    assert!(
        page.yielded.into_iter().filter_map(Yielded::entity).count() == 2,
        "{entity}"
    );
}

/// Of records, this one alone is left out.
#[track_caller]
fn record_left_out(record: &str) {
    let mapping = Mapping::parse(RECORDS, "rooms.toml", Context::core()).unwrap();
    let r#type = mapping.types().next().unwrap().clone();
    let list = format!(r#"{{"items":[{{"id":"0","a":"good"}},{record},{{"id":"1","a":"good"}}]}}"#);
    let entities = translate_records(&mapping, &r#type, &AttributeSelection::All, list.as_bytes()).unwrap();
    let ids: Vec<&str> = entities.iter().map(|entity| entity.id.as_str()).collect();
    assert_eq!(ids, ["urn:x:0", "urn:x:1"], "{record}");
}
