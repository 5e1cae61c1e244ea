//! Generated entities of every kind, for property tests.

use proptest::prelude::*;
use smallvec::SmallVec;

use super::{
    Attribute, AttributeValue, DateTime, Entity, Geometry, Instance, Json, Number, Position, Seal, SystemAttributes,
    TemporalType, Value, is_geo_property, is_proof,
};
use crate::{AttributeName, EntityId, Iri, TypeName};

/// What `langString` expands to.
const LANG_STRING: &str = "https://uri.etsi.org/ngsi-ld/default-context/langString";

fn name() -> impl Strategy<Value = Iri> {
    prop_oneof![
        "[a-z][a-zA-Z0-9_]{0,8}".prop_map(|name| Iri::new(format!("{}{name}", crate::context::DEFAULT_VOCABULARY))),
        "[あ-ん]{1,4}".prop_map(|name| Iri::new(format!("{}{name}", crate::context::DEFAULT_VOCABULARY))),
        "[a-z]{1,6}".prop_map(|name| Iri::new(format!("https://kakehashi.example.jp/vocab/{name}"))),
        "[a-z/#]{1,6}".prop_map(|name| Iri::new(format!("https://example.org/{name}"))),
        Just(Iri::new("https://uri.etsi.org/ngsi-ld/location")),
        Just(Iri::new("https://uri.etsi.org/ngsi-ld/ngsildproof")),
        Just(Iri::new("https://smartdatamodels.org/name")),
    ]
}

fn uri() -> impl Strategy<Value = String> {
    "urn:[a-z]{1,4}:[a-zA-Z0-9%あ-ん'()=;]{1,8}"
}

fn date() -> impl Strategy<Value = DateTime> {
    (-62_000_000_000_000_000..=250_000_000_000_000_000_i64)
        .prop_filter_map("within the years of the clause", |micros| {
            DateTime::from_unix_micros(micros).ok()
        })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,40}", any::<String>()]
}

fn position() -> impl Strategy<Value = Position> {
    let degrees = |limit: i32| {
        prop_oneof![
            (-limit * 100_000..=limit * 100_000).prop_map(|value| f64::from(value) / 100_000.0),
            // With every digit that a double has.
            -f64::from(limit)..f64::from(limit),
        ]
    };
    (degrees(180), degrees(90), proptest::option::of(degrees(4000))).prop_map(|(longitude, latitude, altitude)| {
        Position {
            longitude,
            latitude,
            altitude,
        }
    })
}

fn ring() -> impl Strategy<Value = Vec<Position>> {
    proptest::collection::vec(position(), 3..6).prop_map(|mut ring| {
        ring.push(ring[0]);
        ring
    })
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let several = |least| proptest::collection::vec(position(), least..5);
    prop_oneof![
        position().prop_map(Geometry::Point),
        several(1).prop_map(Geometry::MultiPoint),
        several(2).prop_map(Geometry::LineString),
        proptest::collection::vec(several(2), 1..3).prop_map(Geometry::MultiLineString),
        proptest::collection::vec(ring(), 1..3).prop_map(Geometry::Polygon),
        proptest::collection::vec(proptest::collection::vec(ring(), 1..2), 1..3).prop_map(Geometry::MultiPolygon),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<f64>()
            .prop_filter("JSON has no such number", |float| float.is_finite())
            .prop_map(Number::from),
        "-?[1-9][0-9]{18,30}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?".prop_map(|text| Number::parse(&text).unwrap()),
    ]
}

fn json(nulls: bool) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>()
            .prop_map(serde_json::Value::from)
            .prop_filter("JSON has no such number", serde_json::Value::is_number),
        text().prop_map(serde_json::Value::from),
        Just(if nulls {
            serde_json::Value::Null
        } else {
            serde_json::Value::from(1.5)
        }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("type|value|object|coordinates|[a-z@]{0,6}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Value>()),
        ]
    })
}

fn compound(nulls: bool) -> impl Strategy<Value = Json> {
    json(nulls)
        .prop_filter("an object or an array", |value| value.is_object() || value.is_array())
        .prop_filter("a typed value is no JSON", |value| {
            value.get("@value").is_none() && value.get("@type").is_none()
        })
        .prop_map(|value| Json::parse(&value.to_string()).unwrap())
}

/// What a JsonProperty may hold: an object, or an array of objects.
fn raw_json() -> impl Strategy<Value = Json> {
    let object = || compound(true).prop_filter("an object", |json| json.as_str().starts_with('{'));
    let parse = |text: &str| Json::parse(text).unwrap();
    prop_oneof![
        3 => object(),
        1 => proptest::collection::vec(object(), 0..3).prop_map(move |objects| {
            let texts: Vec<&str> = objects.iter().map(Json::as_str).collect();
            parse(&format!("[{}]", texts.join(",")))
        }),
        // More than a program can hold, kept as it is.
        1 => "[1-9][0-9]{18,30}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?"
            .prop_map(move |number| parse(&format!("{{\"n\":{number}}}"))),
    ]
}

fn array() -> impl Strategy<Value = Json> {
    proptest::collection::vec(json(false), 0..4)
        .prop_filter("types are texts", |values| {
            !serde_json::to_string(values).unwrap().contains("@type")
        })
        .prop_map(|values| Json::parse(&serde_json::Value::from(values).to_string()).unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|text| Value::from(text.as_str())),
        number().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        date().prop_map(Value::DateTime),
        Just(Value::Temporal {
            r#type: TemporalType::Date,
            value: "2024-02-29".into()
        }),
        Just(Value::Temporal {
            r#type: TemporalType::Time,
            value: "23:59:59.5Z".into()
        }),
        compound(false)
            .prop_filter("types are texts", |json| !json.as_str().contains("@type"))
            .prop_map(Value::Json),
    ]
}

/// Any text that a VocabProperty may have.
fn term() -> impl Strategy<Value = Iri> {
    let of_text = |text: String| Iri::new(format!("{}{text}", crate::context::DEFAULT_VOCABULARY));
    prop_oneof![2 => name(), 1 => text().prop_map(of_text), 1 => "[a-z]{1,3}[-:@ ][a-z]{0,3}".prop_map(of_text)]
}

fn ids() -> impl Strategy<Value = Vec<EntityId>> {
    proptest::collection::vec(uri().prop_map(|uri| EntityId::parse(&uri).unwrap()), 1..3)
}

fn attribute_value() -> impl Strategy<Value = AttributeValue> {
    let types = || {
        proptest::collection::btree_set(name(), 0..3).prop_map(|names| names.into_iter().map(TypeName::new).collect())
    };
    let texts = proptest::collection::vec(text().prop_map(Into::into), 0..3);
    prop_oneof![
        4 => value().prop_map(AttributeValue::Property),
        1 => (ids(), types())
            .prop_map(|(objects, object_types)| AttributeValue::Relationship { objects: objects.into(), object_types }),
        1 => geometry().prop_map(|geometry| AttributeValue::GeoProperty(Box::new(geometry))),
        1 => proptest::collection::btree_map("ja|en|ja-Hira|de-1996|@none", texts, 1..3).prop_map(|map| {
            let map = map.into_iter().map(|(language, texts)| (language.into(), SmallVec::from_vec(texts)));
            AttributeValue::LanguageProperty(Box::new(map.collect()))
        }),
        1 => proptest::collection::vec(term(), 1..3).prop_map(|terms| AttributeValue::VocabProperty(terms.into())),
        1 => raw_json().prop_map(AttributeValue::JsonProperty),
        1 => array().prop_map(AttributeValue::ListProperty),
        1 => (ids(), types())
            .prop_map(|(objects, object_types)| AttributeValue::ListRelationship { objects, object_types }),
        1 => Just(AttributeValue::ListRelationship { objects: Vec::new(), object_types: super::ObjectTypes::default() }),
    ]
}

fn system() -> impl Strategy<Value = SystemAttributes> {
    proptest::option::of((date(), proptest::option::of(date()))).prop_map(|dates| {
        let mut system = SystemAttributes::default();
        if let Some((created, expires)) = dates {
            system.dates_mut().created_at = Some(created);
            system.dates_mut().expires_at = expires;
        }
        system
    })
}

fn instance(depth: u32) -> BoxedStrategy<Instance> {
    let sub_attributes = if depth == 0 {
        Just(Vec::new()).boxed()
    } else {
        attributes(depth - 1, 2, false).boxed()
    };
    let unit_code = proptest::option::of("[A-Z0-9]{2,3}");
    let value_type = proptest::option::of(name());
    (
        attribute_value(),
        proptest::option::of(date()),
        unit_code,
        value_type,
        system(),
        sub_attributes,
    )
        .prop_map(|(value, observed_at, unit_code, value_type, system, sub_attributes)| {
            let has_unit = matches!(value, AttributeValue::Property(_) | AttributeValue::ListProperty(_));
            let is_relation = matches!(
                value,
                AttributeValue::Relationship { .. } | AttributeValue::ListRelationship { .. }
            );
            let is_typed = matches!(
                value,
                AttributeValue::Property(Value::DateTime(_) | Value::Temporal { .. })
            ) || is_relation;
            let value_type = match value {
                AttributeValue::LanguageProperty(_) => value_type.map(|_| Iri::new(LANG_STRING)),
                _ => value_type.filter(|_| !is_typed),
            };
            Instance {
                observed_at,
                unit_code: unit_code.filter(|_| has_unit).map(Into::into),
                value_type: value_type.map(Box::new),
                system,
                sub_attributes,
                ..Instance::new(value)
            }
        })
        .boxed()
}

/// The names that ask for a kind have it: `ngsildproof` everywhere, those of GeoProperties in an entity.
fn fit(attribute: &mut Attribute, is_member_of_entity: bool, proof: &Json, seal: Option<&Seal>) {
    for instance in &mut attribute.instances {
        if is_proof(&attribute.name) {
            instance.value = AttributeValue::Property(Value::Json(proof.clone()));
            instance.value_type = None;
            instance.seal = seal.cloned().map(Box::new);
        } else if is_member_of_entity && is_geo_property(&attribute.name) {
            if !matches!(instance.value, AttributeValue::GeoProperty(_)) {
                instance.value = AttributeValue::GeoProperty(Box::new(Geometry::point(139.5, 36.25).unwrap()));
            }
            instance.unit_code = None;
        }
    }
}

fn seal() -> impl Strategy<Value = Option<Seal>> {
    let id = proptest::option::of(uri().prop_map(|uri| EntityId::parse(&uri).unwrap()));
    let r#type = proptest::option::of(name().prop_map(TypeName::new));
    (id, r#type).prop_map(|(entity_id, entity_type)| {
        let is_sealed = entity_id.is_some() || entity_type.is_some();
        is_sealed.then_some(Seal { entity_id, entity_type })
    })
}

fn attributes(depth: u32, most: usize, are_members_of_entity: bool) -> impl Strategy<Value = Vec<Attribute>> {
    let instances = proptest::collection::vec((instance(depth), uri()), 1..3).prop_map(|instances| {
        let mut distinct: SmallVec<[Instance; 1]> = SmallVec::new();
        for (index, (mut instance, dataset_id)) in instances.into_iter().enumerate() {
            instance.dataset_id = (index > 0).then(|| Iri::new(dataset_id));
            distinct.push(instance);
        }
        distinct
    });
    let proof = compound(false).prop_filter("an object without types", |json| {
        json.as_str().starts_with('{') && !json.as_str().contains("@type")
    });
    let attributes = proptest::collection::btree_map(name(), instances, 0..=most);
    (attributes, proof, seal()).prop_map(move |(attributes, proof, seal)| {
        let named = |(name, instances)| {
            let name = AttributeName::new(name);
            let mut attribute = Attribute { name, instances };
            fit(&mut attribute, are_members_of_entity, &proof, seal.as_ref());
            attribute
        };
        attributes.into_iter().map(named).collect()
    })
}

/// Entities with attributes of every kind, nested up to three deep.
pub(crate) fn entity() -> impl Strategy<Value = Entity> {
    let types = proptest::collection::btree_set(name().prop_map(TypeName::new), 1..3);
    let scopes = proptest::collection::btree_set("(/[a-zA-Zあ-ん][a-z0-9_]{0,4}){1,3}", 0..3);
    (uri(), types, scopes, system(), attributes(2, 5, true)).prop_map(|(id, types, scopes, system, attributes)| {
        Entity {
            id: EntityId::parse(&id).unwrap(),
            types: types.into_iter().collect(),
            scopes: scopes.into_iter().map(Into::into).collect(),
            system,
            attributes,
        }
    })
}
