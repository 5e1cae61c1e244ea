//! Whatever the adapter takes comes back from a stand-in for Orion as it was written, and what it refuses it names.

use std::cmp::Ordering;

use ngsi_ld::Entity;
use ngsi_ld::entity::{Attribute, AttributeValue, Value};
use proptest::prelude::*;
use serde_json::{Value as Tree, json};

use super::super::tests::{all, of_id, with};
use super::tests::{entity, put};
use super::*;

fn number() -> impl Strategy<Value = Tree> {
    prop_oneof![
        any::<i64>().prop_map(Tree::from),
        (-100_000_i64..100_000).prop_map(Tree::from),
        any::<f64>().prop_filter_map("finite", |float| serde_json::Number::from_f64(float).map(Tree::Number)),
        (-1_000_000_000_i64..1_000_000_000, 0..12).prop_map(|(digits, places)| {
            // Decimals of a few digits, as people write them.
            let float: f64 = format!("{digits}e-{places}").parse().unwrap();
            Tree::from(float)
        }),
    ]
}

fn text() -> impl Strategy<Value = Tree> {
    prop_oneof![
        "[ -~あ-ん漢字]{0,12}".prop_map(Tree::from),
        any::<String>().prop_map(Tree::from),
        "[a-z <>\"'=;()]{0,6}".prop_map(Tree::from),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Tree::from),
        number(),
        "[a-z漢 =;]{0,4}".prop_map(Tree::from)
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::from),
            prop::collection::btree_map("[a-z漢.$=(]{0,4}", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

fn date() -> impl Strategy<Value = String> {
    (1960..2100, 1..13, 1..29, 0..24, prop::option::of("[0-9]{1,6}")).prop_map(|(year, month, day, hour, fraction)| {
        let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:30:00{fraction}Z")
    })
}

fn attribute() -> impl Strategy<Value = Tree> {
    let decimal = |most: f64| {
        (-most..most, 0..12_i32).prop_map(|(float, places)| {
            let scale = 10_f64.powi(places);
            (float * scale).round() / scale
        })
    };
    let value = prop_oneof![
        3 => text(),
        3 => number(),
        2 => tree(),
        1 => any::<bool>().prop_map(Tree::from),
        2 => date().prop_map(|date| json!({"@type": "DateTime", "@value": date})),
    ];
    let property = (
        value,
        prop::option::of(date()),
        prop::option::of("[A-Z(]{1,3}"),
        prop::option::of(text()),
    );
    let property = property.prop_map(|(value, observed_at, unit_code, note)| {
        let mut property = json!({"type": "Property", "value": value});
        if let Some(date) = observed_at {
            property["observedAt"] = date.into();
        }
        if let Some(code) = unit_code {
            property["unitCode"] = code.into();
        }
        if let Some(note) = note {
            property["note"] = json!({"type": "Property", "value": note});
        }
        property
    });
    prop_oneof![
        6 => property,
        1 => "urn:x:[a-z;(]{1,4}".prop_map(|object| json!({"type": "Relationship", "object": object})),
        1 => prop::collection::vec("urn:x:[a-z]{1,4}", 1..4)
            .prop_map(|objects| json!({"type": "Relationship", "object": objects})),
        1 => (decimal(180.0), decimal(90.0)).prop_map(|(longitude, latitude)| {
            json!({"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}})
        }),
    ]
}

/// Whether two attributes say the same. A number may be written otherwise.
fn say_the_same(one: &Attribute, other: &Attribute) -> bool {
    let ([one], [other]) = (one.instances.as_slice(), other.instances.as_slice()) else {
        return false;
    };
    let values = match (&one.value, &other.value) {
        (AttributeValue::Property(Value::Number(one)), AttributeValue::Property(Value::Number(other))) => {
            one.compare(other) == Some(Ordering::Equal)
        }
        (AttributeValue::Property(Value::Json(one)), AttributeValue::Property(Value::Json(other))) => {
            trees_say_the_same(
                &serde_json::from_str(one.as_str()).unwrap(),
                &serde_json::from_str(other.as_str()).unwrap(),
            )
        }
        (one, other) => one == other,
    };
    let notes = one.sub_attributes.len() == other.sub_attributes.len()
        && one
            .sub_attributes
            .iter()
            .zip(&other.sub_attributes)
            .all(|(one, other)| say_the_same(one, other));
    values && notes && one.observed_at == other.observed_at && one.unit_code == other.unit_code
}

fn trees_say_the_same(one: &Tree, other: &Tree) -> bool {
    match (one, other) {
        (Tree::Number(one), Tree::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        (Tree::Array(one), Tree::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| trees_say_the_same(one, other))
        }
        (Tree::Object(one), Tree::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, one)| other.get(name).is_some_and(|other| trees_say_the_same(one, other)))
        }
        (one, other) => one == other,
    }
}

fn assert_same(wanted: &Entity, back: &Entity) {
    assert_eq!(back.attributes.len(), wanted.attributes.len(), "{wanted:?}\n{back:?}");
    for attribute in &wanted.attributes {
        let came = back.attribute(&attribute.name).unwrap();
        assert!(say_the_same(attribute, came), "{attribute:?}\n{came:?}");
    }
}

#[test]
fn whatever_is_taken_comes_back_and_what_is_refused_is_named() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (orion, adapter) = runtime.block_on(with("[]"));
    orion.log_requests(false);
    let taken = std::cell::Cell::new(0);
    let names = prop_oneof![4 => "[a-z]{1,8}", 1 => "[a-z]{0,3}(%2D|%2C|%5F|漢)[a-z]{0,3}"];
    let drawn = prop::collection::btree_map(names, attribute(), 1..4);
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&drawn, |attributes| {
            let mut json = json!({"id": "urn:x:1", "type": "Room"});
            for (name, attribute) in &attributes {
                if json.get(name).is_none() {
                    json[name] = attribute.clone();
                }
            }
            let parsed = ngsi_ld::entity::parse::parse_entities(
                format!("[{json}]").as_bytes(),
                ngsi_ld::context::Context::core(),
            );
            prop_assume!(parsed.is_ok());
            let wanted = entity(&json.to_string());
            runtime.block_on(async {
                // Over whatever an earlier case has left.
                match put(&adapter, WriteOperation::Replace, &wanted).await {
                    Ok(_) => {
                        taken.set(taken.get() + 1);
                        let back = all(&adapter, &of_id("urn:x:1", &["Room"])).await.unwrap();
                        assert_same(&wanted, &back[0]);
                    }
                    Err(WriteError::CannotHold(reason)) => {
                        let named = attributes.keys().any(|name| reason.starts_with(&format!("`{name}`: ")));
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
