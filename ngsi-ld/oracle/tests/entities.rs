//! What is written of an entity means to a JSON-LD processor what the entity says: its types, the names of its
//! attributes, the objects of relationships and the terms of VocabProperties (clauses 4.4 and 5.5.7).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod reference;

use std::collections::BTreeMap;

use ngsi_ld::context::DEFAULT_VOCABULARY;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};
use ngsi_ld::entity::{Attribute, AttributeValue, Entity, Instance, Json, Number, Value};
use ngsi_ld::{AttributeName, EntityId, Iri, TypeName};
use proptest::prelude::*;
use reference::{expanded, ours, with_core};
use serde_json::json;

fn iri() -> impl Strategy<Value = Iri> {
    let namespace = prop_oneof![
        Just(DEFAULT_VOCABULARY),
        Just("https://example.org/"),
        Just("https://example.com/deep#"),
        Just("urn:vocab:"),
    ];
    (namespace, "[a-d]{1,2}").prop_map(|(namespace, name)| Iri::new(format!("{namespace}{name}")))
}

fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        any::<i32>().prop_map(|number| AttributeValue::Property(Value::Number(Number::from(i64::from(number))))),
        iri().prop_map(|object| AttributeValue::relationship(EntityId::parse(object.as_str()).unwrap())),
        iri().prop_map(|term| AttributeValue::VocabProperty([term].into())),
        proptest::collection::btree_map("ja|en|de-1996", "[a-zあ-ん<\"]{0,4}", 1..3).prop_map(|map| {
            let texts = map
                .into_iter()
                .map(|(language, text)| (language.into(), [text.into()].into_iter().collect()));
            AttributeValue::LanguageProperty(Box::new(texts.collect()))
        }),
        raw().prop_map(|json| AttributeValue::JsonProperty(Json::parse(&json.to_string()).unwrap())),
        proptest::collection::vec(any::<i32>(), 2..4)
            .prop_map(|list| AttributeValue::ListProperty(Json::parse(&json!(list).to_string()).unwrap())),
    ]
}

/// Raw JSON, with names that a context may define.
fn raw() -> impl Strategy<Value = serde_json::Value> {
    proptest::collection::btree_map("[a-d]{1,2}|type|value", any::<bool>(), 0..3).prop_map(|map| json!(map))
}

/// Terms and prefixes, and a vocabulary that they use.
fn context() -> impl Strategy<Value = serde_json::Value> {
    let meaning = prop_oneof![
        3 => iri().prop_map(|iri| iri.as_str().to_owned()),
        2 => Just("https://example.org/".to_owned()),
        1 => Just("https://example.com/deep#".to_owned()),
    ];
    proptest::collection::btree_map("[a-d]{1,2}", meaning, 0..6).prop_map(|terms| json!(terms))
}

/// The values of an expanded member: one alone, or an array.
fn several(value: &serde_json::Value) -> &[serde_json::Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_written_entity_means_what_it_says(
        user in proptest::collection::vec(context(), 1..3),
        types in proptest::collection::btree_set(iri(), 1..3),
        attributes in proptest::collection::btree_map(iri(), value(), 0..4),
    ) {
        let Ok(context) = ours(&user) else { return Ok(()); };
        let mut entity = Entity::new(EntityId::parse("urn:e:1").unwrap(), TypeName::new(types.first().unwrap().clone()));
        entity.types = types.iter().cloned().map(TypeName::new).collect();
        entity.attributes = attributes
            .iter()
            .map(|(name, value)| Attribute::new(AttributeName::new(name.clone()), Instance::new(value.clone())))
            .collect();
        let member = with_core(&user).to_string();
        let rendering = Rendering { context_member: Some(&member), ..Rendering::new(&context, Format::Normalized) };
        let mut out = Vec::new();
        render_entity(&rendering, &entity, &mut out);
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let reference = expanded(&document).map_err(|error| TestCaseError::fail(format!("{error}: {document}")))?;

        let mut types_read: Vec<String> = match &reference["@type"] {
            serde_json::Value::Array(several) => several.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
            one => vec![one.as_str().unwrap().to_owned()],
        };
        types_read.sort();
        prop_assert_eq!(types_read, types.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>());
        let attributes_read: BTreeMap<&str, &serde_json::Value> = reference.as_object().unwrap().iter()
            .filter(|(name, _)| !name.starts_with('@'))
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        prop_assert_eq!(attributes_read.len(), attributes.len(), "{}", document);
        for (name, value) in &attributes {
            let read = attributes_read[name.as_str()];
            let core = |name: &str| format!("https://uri.etsi.org/ngsi-ld/{name}");
            prop_assert_eq!(&read["@type"], &json!(core(value.kind().as_str())));
            match value {
                AttributeValue::Relationship { objects, .. } => {
                    prop_assert_eq!(&read[core("hasObject")]["@id"], &json!(objects[0].as_str()));
                }
                AttributeValue::VocabProperty(terms) => {
                    prop_assert_eq!(&read[core("hasVocab")]["@id"], &json!(terms[0].as_str()), "{}", document);
                }
                AttributeValue::LanguageProperty(map) => {
                    let mut texts: Vec<(&str, &str)> = several(&read[core("hasLanguageMap")]).iter()
                        .map(|text| (text["@language"].as_str().unwrap(), text["@value"].as_str().unwrap()))
                        .collect();
                    texts.sort_unstable();
                    let expected: Vec<(&str, &str)> =
                        map.iter().map(|(language, texts)| (language.as_str(), texts[0].as_str())).collect();
                    prop_assert_eq!(texts, expected, "{}", document);
                }
                AttributeValue::JsonProperty(json) => {
                    let raw: serde_json::Value = serde_json::from_str(json.as_str()).unwrap();
                    let literal = json!({ "@type": "@json", "@value": raw });
                    prop_assert_eq!(&read[core("hasJSON")], &literal, "{}", document);
                }
                AttributeValue::ListProperty(json) => {
                    let list: serde_json::Value = serde_json::from_str(json.as_str()).unwrap();
                    prop_assert_eq!(&read[core("hasValueList")], &json!({ "@list": list }), "{}", document);
                }
                _ => prop_assert!(read[core("hasValue")].is_number()),
            }
        }
    }
}
