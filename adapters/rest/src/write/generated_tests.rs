//! Whatever the adapter takes comes back from a platform as it was written, and what it refuses it names.

use ngsi_ld::Entity;
use proptest::prelude::*;
use serde_json::{Value as Tree, json};

use super::register::Register;
use super::tests::{MAPPING, entity, held, put, started};
use super::*;
use kakehashi_mapping::back::is_same;

const ID: &str = "urn:ngsi-ld:EvacuationSite:092045:7";

fn number() -> impl Strategy<Value = Tree> {
    prop_oneof![
        any::<i64>().prop_map(Tree::from),
        (-100_000_i64..100_000).prop_map(Tree::from),
        any::<f64>().prop_filter_map("finite", |float| serde_json::Number::from_f64(float).map(Tree::Number)),
    ]
}

fn text() -> impl Strategy<Value = Tree> {
    prop_oneof![
        3 => "[ -~あ-ん漢字]{1,12}".prop_map(Tree::from),
        1 => any::<String>().prop_map(Tree::from),
        1 => prop::sample::select(vec!["", "-", " - ", "学", "公", "school", "hall", "true", "1"]).prop_map(Tree::from),
    ]
}

fn date() -> impl Strategy<Value = String> {
    (1_i32..9999, 1..13, 1..29, 0..24, 0..60, prop::option::of("[0-9]{1,6}")).prop_map(
        |(year, month, day, hour, second, fraction)| {
            let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:30:{second:02}{fraction}Z")
        },
    )
}

fn property(value: impl Strategy<Value = Tree>, unit: &'static str, dated: bool) -> impl Strategy<Value = Tree> {
    (value, prop::option::of(date())).prop_map(move |(value, date)| {
        let mut property = json!({"type": "Property", "value": value});
        if !unit.is_empty() {
            property["unitCode"] = unit.into();
        }
        if let Some(date) = date.filter(|_| dated) {
            property["observedAt"] = date.into();
        }
        property
    })
}

/// Attributes as the mapping makes them, and some that it cannot.
fn attribute() -> impl Strategy<Value = (&'static str, Tree)> {
    let tree = prop::collection::vec(prop_oneof![number(), text(), any::<bool>().prop_map(Tree::from)], 0..4);
    let degrees = |most: f64| -most..most;
    prop_oneof![
        property(text(), "", false).prop_map(|one| ("name", one)),
        property(text(), "", false).prop_map(|one| ("alternateName", one)),
        property(prop_oneof![text(), number(), any::<bool>().prop_map(Tree::from)], "", false).prop_map(|one| ("description", one)),
        property(number(), "C62", false).prop_map(|one| ("maxCapacity", one)),
        property(number(), "", true).prop_map(|one| ("waterLevel", one)),
        property(any::<bool>().prop_map(Tree::from), "", false).prop_map(|one| ("opened", one)),
        property(text(), "", false).prop_map(|one| ("siteType", one)),
        property(prop::collection::vec(text(), 0..4).prop_map(Tree::from), "", false).prop_map(|one| ("tags", one)),
        property(tree.prop_map(|list| json!({"a": list, "b": list.len()})), "", false).prop_map(|one| ("more", one)),
        property(date().prop_map(|date| json!({"@type": "DateTime", "@value": date})), "", false)
            .prop_map(|one| ("dateOpened", one)),
        (degrees(180.0), degrees(90.0)).prop_map(|(longitude, latitude)| {
            let point = json!({"type": "Point", "coordinates": [longitude, latitude]});
            ("location", json!({"type": "GeoProperty", "value": point}))
        }),
        (122.0..154.0, 20.0..46.0).prop_map(|(longitude, latitude)| {
            let point = json!({"type": "Point", "coordinates": [longitude, latitude]});
            ("location", json!({"type": "GeoProperty", "value": point}))
        }),
        (degrees(90.0), degrees(80.0)).prop_map(|(longitude, latitude)| {
            let line = json!({"type": "LineString", "coordinates": [[longitude, latitude], [longitude + 1.0, latitude + 0.1]]});
            ("area", json!({"type": "GeoProperty", "value": line}))
        }),
        "urn:ngsi-ld:(Organization|Person):[a-z0-9%あ]{1,5}"
            .prop_map(|object| ("owner", json!({"type": "Relationship", "object": object}))),
    ]
}

/// The same with attributes that are made of several fields, and of what stands beside the record.
fn computing() -> String {
    MAPPING.replace(
        "[types.EvacuationSite.attributes]\n",
        r#"
[types.EvacuationSite.fields]
machi = { text = "{shi}{@source.name}" }
[types.EvacuationSite.attributes]
areaServed = { text = "{machi}" }
alternateName = { field = ["tsusho", "namae"] }
"#,
    )
}

fn assert_same(wanted: &Entity, back: &Entity) {
    let context = ngsi_ld::context::Context::kakehashi();
    let short = |attribute: &ngsi_ld::entity::Attribute| context.compact(attribute.name.as_str()).to_string();
    // What comes by itself stands there, too, and what is made of others where these are.
    let by_itself: Vec<String> = back
        .attributes
        .iter()
        .filter(|attribute| wanted.attribute(&attribute.name).is_none())
        .map(short)
        .collect();
    let has_name = back.attributes.iter().any(|attribute| short(attribute) == "name");
    for (name, is_there) in [
        ("localGovernmentCode", true),
        ("commonId", true),
        ("areaServed", true),
        ("alternateName", has_name),
    ] {
        assert_eq!(by_itself.iter().any(|one| one == name), is_there, "{name}: {back:?}");
    }
    assert_eq!(by_itself.len(), 3 + usize::from(has_name), "{back:?}");
    for attribute in &wanted.attributes {
        let (wanted, came) = (
            &attribute.instances[0],
            &back.attribute(&attribute.name).unwrap().instances[0],
        );
        assert!(is_same(&wanted.value, &came.value), "{wanted:?}\n{came:?}");
        assert_eq!(
            (&wanted.observed_at, &wanted.unit_code),
            (&came.observed_at, &came.unit_code)
        );
    }
}

#[test]
fn whatever_is_taken_comes_back_and_what_is_refused_is_named() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let taken = std::cell::Cell::new(0);
    let drawn = (prop::collection::vec(attribute(), 1..5), any::<bool>());
    let running = runtime.block_on(started(Register::default(), &computing()));
    running.server.log_requests(false);
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&drawn, |(attributes, is_text)| {
            let mut json = json!({"id": ID, "type": "EvacuationSite"});
            for (name, attribute) in &attributes {
                json[name] = attribute.clone();
            }
            let list = format!("[{json}]");
            let context = ngsi_ld::context::Context::kakehashi();
            prop_assume!(ngsi_ld::entity::parse::parse_entities(list.as_bytes(), context).is_ok());
            let wanted = entity(&json.to_string());
            // Over a record that holds texts, or over one that holds nothing.
            running.put_record(
                "7",
                match is_text {
                    true => {
                        r#"{"no":7,"shi":"092045","ninzu":"1,200","ido":"36.5","keido":"139","kaisetsubi":"2026/04/01 09:00:00","kaijo":"1"}"#
                    }
                    false => r#"{"no":7,"shi":"092045"}"#,
                },
            );
            runtime.block_on(async {
                match put(&running, WriteOperation::Replace, &wanted).await {
                    Ok(_) => {
                        taken.set(taken.get() + 1);
                        assert_same(&wanted, &held(&running).await.unwrap());
                    }
                    Err(WriteError::CannotHold(reason)) => {
                        let named = attributes.iter().any(|(name, _)| reason.starts_with(&format!("`{name}`: ")));
                        assert!(named, "{reason}\n{json}");
                    }
                    Err(other) => panic!("{other:?}\n{json}"),
                }
            });
            Ok(())
        })
        .unwrap();
    assert!(taken.get() > 0, "some are taken");
}
