//! The rules on the committed cases, every place of an entity, and what the rules find in published files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kakehashi_core::diagnostics::Report;
use kakehashi_documents::vocabulary::expand_attribute;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};
use ngsi_ld::query::Expression;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::my_number::has_check_digit;
use super::text::{hits, is_suspicious, masked};
use super::*;
use crate::classification_file::parse_classification;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    why: String,
    text: String,
    #[serde(default)]
    found: Vec<String>,
    masked: Option<String>,
}

fn cases() -> Vec<Case> {
    toml::from_str::<Cases>(include_str!("cases.toml")).unwrap().case
}

#[test]
fn each_case_is_found_and_masked_and_nothing_else_is() {
    let cases = cases();
    assert!(cases.len() > 60);
    for case in cases {
        let found = hits(&case.text, false);
        let mut names: Vec<String> = found.iter().map(|hit| hit.rule.to_string()).collect();
        names.sort();
        let mut expected = case.found.clone();
        expected.sort();
        assert_eq!(names, expected, "{} {}", case.text, case.why);
        let left = masked(&case.text, found.iter());
        assert_eq!(left, case.masked.unwrap_or(case.text), "{}", case.why);
    }
}

#[test]
fn the_check_digit_is_the_official_one() {
    assert!(has_check_digit("983205673214"));
    assert!(!has_check_digit("983205673210"));
    let valid = (0..10).filter(|last| has_check_digit(&format!("98320567321{last}")));
    assert_eq!(valid.collect::<Vec<_>>(), [4]);
}

#[test]
fn a_name_that_speaks_of_it_makes_any_pieces_a_my_number() {
    assert!(hits("98-3205/6732 14", false).is_empty());
    assert_eq!(hits("98-3205/6732 14", true).len(), 1);
    assert!(hits("98-3205/6732 10", true).is_empty());
    let nested = json!({"three": {"type": "JsonProperty", "json": {"マイナンバー": {"値": ["98-3205/6732 14"], "b": 1}, "c": "98-3205/6732 14"}}});
    let (left, _) = inspected(Actions::default(), &nested);
    let left = left.unwrap();
    assert_eq!(
        left["three"]["json"],
        json!({"マイナンバー": {"値": ["***"], "b": 1}, "c": "98-3205/6732 14"})
    );
}

proptest! {
    #[test]
    fn whatever_a_rule_finds_the_first_look_has_seen(
        before in "[a-z０-９佐野 ー-]{0,6}", number in 0_u64..100_000_000, joint in "[-－ー ]?", behind in "[a-z0-9佐野 .,-]{0,6}",
    ) {
        let text = format!("{before}090{joint}{:04}{joint}{:04}{behind}", number / 10_000, number % 10_000);
        // `hits` asks the same first; what it would have found without asking is the same.
        let normal = super::text::Normal::of(&text);
        if !super::rules::find(&normal.characters, false).is_empty() {
            prop_assert!(is_suspicious(&text), "{}", text);
        }
    }

    #[test]
    fn no_text_panics_and_masking_takes_away_all_of_it(text in "[\\PC０-９0-9@U. -]{0,60}") {
        let found = hits(&text, true);
        let left = masked(&text, found.iter());
        for hit in &found {
            let value = text.get(hit.bytes.clone()).unwrap();
            prop_assert!(!left.contains(value) || value.is_empty(), "{left}");
        }
    }
}

// === entities ===

const CLASSIFICATION: &str = r#"
[contacts]
attributes = ["contactPointPhoneNumber", "contactPointEmailAddress"]
[types.AED]
class = "open"
[types.AED.attributes]
open = ["name", "remarks", "contactPointPhoneNumber", "contactPointEmailAddress"]
"#;

fn classification() -> Classification {
    let report = Report::default();
    let classification = parse_classification("classification.toml", CLASSIFICATION, &report);
    assert!(report.is_empty());
    classification
}

fn entity(members: &Value) -> Entity {
    let mut whole = json!({"id": "urn:ngsi-ld:AED:1", "type": "AED"});
    let members = members.as_object().unwrap().clone();
    whole.as_object_mut().unwrap().extend(members);
    let text = Value::Array(vec![whole]).to_string();
    parse_entities(text.as_bytes(), Context::kakehashi()).unwrap().remove(0)
}

fn shown(entity: &Entity) -> Value {
    let mut out = Vec::new();
    let rendering = Rendering::new(Context::kakehashi(), Format::Normalized);
    render_entity(&rendering, entity, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// What leaves of an entity with these members, and what was found, by rule and attribute.
fn inspected(actions: Actions, members: &Value) -> (Option<Value>, Vec<Finding>) {
    let mut found = Vec::new();
    let inspection = Inspection::new(actions, &classification());
    let left = inspection.inspect(entity(members), &mut |finding| found.push(finding));
    (left.as_ref().map(shown), found)
}

#[test]
fn whatever_kind_of_value_it_stands_in_it_is_masked() {
    let number = "983205673214";
    let members = json!({
        "remarks": {"type": "Property", "value": format!("控え {number}")},
        "one": {"type": "Property", "value": 983_205_673_214_u64},
        "oneMore": {"type": "Property", "value": {"a": [983_205_673_214.0]}},
        "two": {"type": "Property", "value": ["x", number, 983_205_673_214_u64, {"deep": [format!("<{number}>")]}]},
        "three": {"type": "Property", "value": {"番号": "\u{ff19}8320567321\u{ff14}", number: 1}},
        "four": {"type": "LanguageProperty", "languageMap": {"ja": number, "en": ["a", number]}},
        "five": {"type": "Relationship", "object": [format!("urn:ngsi-ld:Person:{number}"), "urn:ngsi-ld:Person:a"]},
        "six": {"type": "JsonProperty", "json": {"a": {"b": number}}},
        "seven": {"type": "ListProperty", "valueList": ["a", number]},
        "eight": {"type": "ListRelationship", "objectList": [{"object": format!("urn:ngsi-ld:Person:{number}")}]},
        "nine": {"type": "VocabProperty", "vocab": format!("https://example.jp/{number}")},
        "types": {"type": "Relationship", "object": "urn:ngsi-ld:Person:a", "objectType": [format!("https://example.jp/{number}"),
            "AED"]},
        "typesOfList": {"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:Person:a"}],
            "objectType": format!("https://example.jp/{number}")},
        "place": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [140.0, 36.0, 983_205_673_214_u64]}},
        "line": {"type": "GeoProperty", "value": {"type": "LineString", "coordinates": [[140.0, 36.0, 120.5],
            [140.0, 36.0, 983_205_673_214_u64]]}},
        "ten": {"type": "Property", "value": 1, "unitCode": number, "inner": {"type": "Property", "value": number,
            "innermost": {"type": "Property", "value": number}}},
    });
    let (left, found) = inspected(Actions::default(), &members);
    let left = left.unwrap();
    let text = left.to_string();
    assert!(!text.contains("8320567321"), "{text}");
    assert_eq!(left["remarks"]["value"], "控え ***");
    assert_eq!(left["one"]["value"], "***");
    assert_eq!(left["oneMore"]["value"], json!({"a": ["***"]}));
    assert_eq!(left["two"]["value"], json!(["x", "***", "***", {"deep": ["<***>"]}]));
    assert_eq!(left["three"]["value"], json!({"番号": "***", "***": 1}));
    assert_eq!(left["four"]["languageMap"], json!({"ja": "***", "en": ["a", "***"]}));
    assert_eq!(
        left["five"]["object"],
        json!(["urn:kakehashi:masked", "urn:ngsi-ld:Person:a"])
    );
    assert_eq!(left["six"]["json"], json!({"a": {"b": "***"}}));
    assert_eq!(left["seven"]["valueList"], json!(["a", "***"]));
    assert_eq!(left["ten"]["inner"]["innermost"]["value"], "***");
    assert!(left["ten"].get("unitCode").is_none(), "{left}");
    assert_eq!(
        (&left["types"]["objectType"], left["typesOfList"].get("objectType")),
        (&json!("AED"), None)
    );
    assert_eq!(left["place"]["value"]["coordinates"], json!([140.0, 36.0]));
    assert_eq!(
        left["line"]["value"]["coordinates"],
        json!([[140.0, 36.0, 120.5], [140.0, 36.0]])
    );
    assert!(
        found
            .iter()
            .all(|finding| (finding.rule, finding.action) == (Rule::MyNumber, Action::Mask))
    );
    // Names that nobody has classified are not told: they are a source's own text.
    let remarks = expand_attribute("remarks").unwrap();
    let told: Vec<&AttributeName> = found.iter().filter_map(|finding| finding.attribute.as_ref()).collect();
    assert_eq!(told, [&remarks]);
}

#[test]
fn what_is_dropped_takes_the_instance_with_it_and_no_more() {
    let members = json!({
        "remarks": {"type": "Property", "value": "090-1234-5678"},
        "name": {"type": "Property", "value": "a", "by": {"type": "Property", "value": "a@example.com"}},
        "two": [{"type": "Property", "value": "a"}, {"type": "Property", "value": ["a@example.com"], "datasetId": "urn:x:1"}],
    });
    let (left, found) = inspected(Actions::all(Action::Drop), &members);
    let left = left.unwrap();
    assert!(
        left.get("remarks").is_none() && left["name"].get("by").is_none(),
        "{left}"
    );
    assert_eq!(
        (&left["name"]["value"], &left["two"]["value"]),
        (&json!("a"), &json!("a"))
    );
    assert_eq!(found.len(), 3);
}

#[test]
fn what_is_reported_leaves_as_it_is_and_is_told() {
    let members = json!({"remarks": {"type": "Property", "value": "090-1234-5678 a@example.com"}});
    let (left, found) = inspected(Actions::all(Action::Report), &members);
    assert_eq!(left.unwrap()["remarks"]["value"], "090-1234-5678 a@example.com");
    let rules: Vec<Rule> = found.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::MobilePhone, Rule::Email]);
}

#[test]
fn a_facility_may_have_a_mobile_number_and_no_my_number() {
    let members = json!({
        "contactPointPhoneNumber": {"type": "Property", "value": "090-1234-5678"},
        "contactPointEmailAddress": {"type": "Property", "value": "a@example.com 983205673214"},
        "remarks": {"type": "Property", "value": "090-1234-5678"},
    });
    let (left, found) = inspected(Actions::default(), &members);
    let left = left.unwrap();
    assert_eq!(left["contactPointPhoneNumber"]["value"], "090-1234-5678");
    assert_eq!(left["contactPointEmailAddress"]["value"], "a@example.com ***");
    assert_eq!(left["remarks"]["value"], "***");
    assert_eq!(found.len(), 4, "all of them are told");
    let (left, _) = inspected(Actions::all(Action::Mask), &members);
    assert_eq!(left.unwrap()["contactPointPhoneNumber"]["value"], "***");
}

#[test]
fn an_entity_that_is_named_after_somebody_does_not_leave_and_a_name_that_is_takes_its_attribute() {
    let named = |id: &str| {
        let mut entity = entity(&json!({}));
        entity.id = ngsi_ld::EntityId::parse(id).unwrap();
        Inspection::new(Actions::default(), &classification()).inspect(entity, &mut |_| {})
    };
    assert!(named("urn:ngsi-ld:AED:983205673214").is_none());
    assert!(named("urn:ngsi-ld:AED:%EF%BC%99%EF%BC%98320567321%EF%BC%94").is_none());
    assert!(named("urn:ngsi-ld:AED:taro%40example.com").is_none());
    assert!(named("urn:ngsi-ld:AED:U0123456789abcdef0123456789abcdef").is_none());
    assert!(named("urn:ngsi-ld:AED:E0920400000201").is_some());
    let members = json!({
        "U0123456789abcdef0123456789abcdef": {"type": "Property", "value": 1},
        "name": {"type": "Property", "value": 1, "datasetId": "urn:x:983205673214"},
        "remarks": {"type": "Property", "value": "a"},
        "scope": ["/a", "/a/U0123456789abcdef0123456789abcdef"],
    });
    let (left, _) = inspected(Actions::default(), &members);
    let left = left.unwrap();
    assert_eq!(
        left,
        json!({"id": "urn:ngsi-ld:AED:1", "type": "AED", "scope": "/a", "remarks": {"type": "Property", "value": "a"}})
    );
}

#[test]
fn an_entity_without_any_is_handed_on_untouched() {
    let members = json!({"name": {"type": "Property", "value": "佐野市立第1小学校（体育館）"},
        "identifier": {"type": "Property", "value": "E0920400000201"}, "n": {"type": "Property", "value": [1, 2.5, "x"]}});
    let before = entity(&members);
    let inspection = Inspection::new(Actions::all(Action::Drop), &classification());
    let after = inspection.inspect(before.clone(), &mut |finding| panic!("{finding:?}"));
    assert_eq!(after, Some(before));
}

#[test]
fn a_condition_that_could_discern_a_masked_value_is_not_left_to_a_source() {
    let question = |q: &str| Query {
        filter: Some(Expression::parse(q, Context::kakehashi()).unwrap()),
        ..Query::default()
    };
    let default = Inspection::new(Actions::default(), &classification());
    let strict = Inspection::new(Actions::all(Action::Drop), &classification());
    let lenient = Inspection::new(Actions::all(Action::Report), &classification());
    // What is found anywhere may be found in what is masked. Of words alone that are asked for a source is told all the same: it
    // leaves out nothing that would be shown.
    for q in [
        "name~=\"小学校\"",
        "name~=\".*小学校.*\"",
        "name~=\"^佐野.*学校$\"",
        "remarks~=\"の\";maxCapacity>=350",
    ] {
        let filter = question(q).filter.unwrap();
        assert!(default.may_decide(&question(q)), "{q}");
        assert!(!may_discern_finds(&filter), "{q}");
    }
    for (q, may_decide) in [
        ("remarks~=\"090-1\"", true),
        ("remarks~=\".*taro.*\"", true),
        ("remarks~=\".{5}小学校\"", true),
        ("remarks~=\"一二\"", true),
        ("remarks!~=\"９\"", true),
        ("remarks!~=\"小学校\"", true),
        ("remarks~=\"^[*]\"", true),
        // A masked number is a text, which these tell from a number.
        ("number~=\".*\"", true),
        ("number~=\".\"", true),
        ("number~=\"^\"", true),
        ("number~=\"$\"", true),
        ("number!~=\".*\"", true),
        ("name==\"a\"|remarks==\"090-1234-5678\"", true),
        ("remarks!=\"a@example.com\"", true),
        ("remarks>\"0\"", true),
        ("number==983205673214", true),
        ("number>900000000000", true),
        ("remarks==\"a\"..\"b\"", true),
        ("name==\"佐野市役所\"", false),
        ("maxCapacity>=350;name", false),
        ("alsoForShelter==true", false),
        ("temperature.observedAt>=2026-04-01T00:00:00Z", false),
    ] {
        assert_eq!(default.may_decide(&question(q)), may_decide, "{q}");
        for (inspection, may_guess) in [(&default, may_decide), (&strict, may_decide), (&lenient, false)] {
            let filter = question(q).filter.unwrap();
            assert_eq!(inspection.hides_finds() && may_discern_finds(&filter), may_guess, "{q}");
        }
        assert!(strict.may_decide(&question(q)), "{q}");
        assert!(!lenient.may_decide(&question(q)), "{q}");
    }
    let by_pattern = Query {
        id_pattern: Some(ngsi_ld::query::IdPattern::parse("AED:9").unwrap()),
        ..Query::default()
    };
    assert!(default.may_decide(&by_pattern) && !lenient.may_decide(&by_pattern));
    assert!(!strict.may_decide(&Query::default()));
}

// === published files ===

fn repository(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

/// The texts of a file: the strings of JSON, the fields of CSV.
fn texts_of(file: &Path) -> Vec<String> {
    fn strings(value: Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) => texts.push(text),
            Value::Number(number) => texts.push(number.to_string()),
            Value::Array(items) => items.into_iter().for_each(|item| strings(item, texts)),
            Value::Object(members) => members.into_iter().for_each(|(_, item)| strings(item, texts)),
            Value::Null | Value::Bool(_) => {}
        }
    }
    let bytes = std::fs::read(file).unwrap();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let mut texts = Vec::new();
    if file.extension().is_some_and(|extension| extension == "csv") {
        let fields = text.lines().flat_map(|line| line.split(','));
        texts.extend(fields.map(|field| field.trim_matches('"').to_owned()));
    } else if let Ok(value) = serde_json::from_str(&text) {
        strings(value, &mut texts);
    }
    texts
}

/// How many texts a folder of published files has, and how many hits of each rule.
fn measured(folder: &Path) -> (usize, BTreeMap<Rule, usize>) {
    let mut counts = BTreeMap::new();
    let mut texts = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for text in files
        .iter()
        .filter(|file| file.is_file())
        .flat_map(|file| texts_of(file))
    {
        texts += 1;
        for hit in hits(&text, false) {
            *counts.entry(hit.rule).or_insert(0) += 1;
        }
    }
    (texts, counts)
}

/// docs/privacy.md states this number. A folder of other files, in UTF-8, may be named in `KAKEHASHI_PUBLISHED_FILES`: what is
/// found in it is told by the failure.
#[test]
fn in_the_published_files_of_the_demo_nothing_is_found_by_mistake() {
    let other = std::env::var_os("KAKEHASHI_PUBLISHED_FILES").map(PathBuf::from);
    let (texts, counts) = measured(&other.unwrap_or_else(|| repository("stand-ins/data")));
    assert_eq!(counts, BTreeMap::new(), "in {texts} texts");
    assert!(texts > 3000, "{texts} texts say little");
}
