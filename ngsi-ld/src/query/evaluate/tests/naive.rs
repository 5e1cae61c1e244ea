//! A second evaluator, over the normalized JSON of entities, written from clause 4.9 alone: it shares no code with the
//! one that it is compared with, but for the parser.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use compact_str::CompactString;
use proptest::prelude::*;
use serde_json::Value;

use crate::context::Context;
use crate::entity::render::{Format, Rendering, render_entity};
use crate::entity::{Attribute, AttributeValue, Instance, Json, Number, ObjectTypes, TemporalType};
use crate::query::fixture::{attribute, date, entity as entity_with, json, read_query, short, type_name};
use crate::query::{AttributePath, Comparand, Comparison, Expression, LinkedEntities, Operator};
use crate::{Entity, EntityId, Iri};

type Entities = BTreeMap<String, Value>;

fn fulfils(entity: &Value, expression: &Expression, all: &Entities) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| fulfils(entity, part, all)),
        Expression::Or(parts) => parts.iter().any(|part| fulfils(entity, part, all)),
        Expression::Condition(condition) => reaches(entity, &condition.path, condition.comparison.as_ref(), all),
    }
}

fn instances(attribute: &Value) -> Vec<&Value> {
    match attribute {
        Value::Array(instances) => instances.iter().collect(),
        Value::Null => Vec::new(),
        instance => vec![instance],
    }
}

fn reaches(entity: &Value, path: &AttributePath, comparison: Option<&Comparison>, all: &Entities) -> bool {
    let attribute = &entity[short(path.attribute.as_str())];
    if let Some(linked) = &path.linked {
        let objects = instances(attribute).into_iter().flat_map(|instance| {
            let single = instances(&instance["object"])
                .into_iter()
                .map(|id| id.as_str().unwrap());
            let listed = instances(&instance["objectList"]);
            single.chain(listed.into_iter().map(|item| item["object"].as_str().unwrap()))
        });
        return objects.filter_map(|id| all.get(id)).any(|target| {
            let types: Vec<_> = instances(&target["type"])
                .into_iter()
                .map(|name| name.as_str().unwrap())
                .collect();
            let fits = linked
                .types
                .iter()
                .any(|name| types.contains(&short(name.as_str()).as_str()));
            (linked.types.is_empty() || fits) && reaches(target, &linked.path, comparison, all)
        });
    }
    let names: Vec<String> = path.sub_attributes.iter().map(|name| short(name.as_str())).collect();
    let members: Vec<&str> = path.members.iter().map(CompactString::as_str).collect();
    if path.attribute == crate::query::fixture::attribute("modifiedAt") {
        let plain = names.is_empty() && members.is_empty();
        return plain && attribute.is_string() && is_so(comparison, &Found::Date(attribute.as_str().unwrap().into()));
    }
    instances(attribute)
        .into_iter()
        .any(|instance| descends(instance, &names, &members, comparison))
}

fn descends(instance: &Value, names: &[String], members: &[&str], comparison: Option<&Comparison>) -> bool {
    let Some((name, rest)) = names.split_first() else {
        return targets(instance, members).is_some_and(|found| is_so(comparison, &found));
    };
    let below = &instance[name];
    let text = below.as_str().map(str::to_owned);
    match (name.as_str(), text) {
        ("observedAt" | "modifiedAt", text) => {
            rest.is_empty() && members.is_empty() && text.is_some_and(|text| is_so(comparison, &Found::Date(text)))
        }
        ("datasetId", text) => {
            rest.is_empty() && members.is_empty() && text.is_some_and(|text| is_so(comparison, &Found::Uri(text)))
        }
        ("unitCode", text) => {
            rest.is_empty() && members.is_empty() && text.is_some_and(|text| is_so(comparison, &Found::Text(text)))
        }
        _ => instances(below)
            .into_iter()
            .any(|sub| descends(sub, rest, members, comparison)),
    }
}

#[derive(Debug)]
enum Found {
    Text(String),
    Uri(String),
    Number(f64),
    Boolean(bool),
    Date(String),
    Day(String),
    Time(String),
    Thing,
    List(Vec<Found>),
    Languages(Vec<Found>),
}

fn targets(instance: &Value, members: &[&str]) -> Option<Found> {
    let uris = |value: &Value| {
        let mut uris: Vec<Found> = instances(value)
            .into_iter()
            .map(|uri| Found::Uri(uri.as_str().unwrap().to_owned()))
            .collect();
        if uris.len() == 1 {
            uris.remove(0)
        } else {
            Found::List(uris)
        }
    };
    match instance["type"].as_str()? {
        "Property" => within(&instance["value"], members, true),
        "JsonProperty" => within(&instance["json"], members, false),
        "ListProperty" => within(&instance["valueList"], members, true),
        "LanguageProperty" => {
            let asked = match members {
                [] | ["*"] => None,
                [tag] => Some(*tag),
                _ => return None,
            };
            let map = instance["languageMap"].as_object()?;
            let texts: Vec<Found> = map
                .iter()
                .filter(|(tag, _)| asked.is_none_or(|asked| asked.eq_ignore_ascii_case(tag)))
                .flat_map(|(_, texts)| instances(texts))
                .map(|text| Found::Text(text.as_str().unwrap().to_owned()))
                .collect();
            (!texts.is_empty()).then_some(Found::Languages(texts))
        }
        _ if !members.is_empty() => None,
        "Relationship" => Some(uris(&instance["object"])),
        "VocabProperty" => Some(uris(&instance["vocab"])),
        "ListRelationship" => Some(Found::List(
            instances(&instance["objectList"])
                .into_iter()
                .map(|item| uris(&item["object"]))
                .collect(),
        )),
        other => panic!("{other}"),
    }
}

fn within(value: &Value, members: &[&str], typed: bool) -> Option<Found> {
    let mut value = value;
    for name in members {
        value = value.as_object()?.get(*name)?;
    }
    Some(match value {
        Value::Array(elements) => Found::List(elements.iter().map(|element| single(element, typed)).collect()),
        value => single(value, typed),
    })
}

fn single(value: &Value, typed: bool) -> Found {
    match value {
        Value::String(text) => Found::Text(text.clone()),
        Value::Number(number) => Found::Number(number.as_f64().unwrap()),
        Value::Bool(boolean) => Found::Boolean(*boolean),
        Value::Object(object) if typed => {
            let text = |name| object.get(name).and_then(Value::as_str);
            match (text("@type"), text("@value")) {
                (Some("DateTime"), Some(value)) => Found::Date(value.to_owned()),
                (Some("Date"), Some(value)) => Found::Day(value.to_owned()),
                (Some("Time"), Some(value)) => Found::Time(value.to_owned()),
                _ => Found::Thing,
            }
        }
        _ => Found::Thing,
    }
}

/// Digits that compare as the time does.
fn digits(time: &str) -> String {
    let time = time.trim_end_matches('Z');
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}{fraction:0<6}")
}

fn stand(found: &Found, value: &Comparand) -> Option<Ordering> {
    match (found, value) {
        (Found::Text(a), Comparand::String(b)) => Some(a.chars().cmp(b.chars())),
        (Found::Number(a), Comparand::Number(b)) => a.partial_cmp(&b.as_f64()),
        (Found::Date(a), Comparand::DateTime(b)) => Some(digits(a).cmp(&digits(b.as_str()))),
        (
            Found::Day(a),
            Comparand::Temporal {
                r#type: TemporalType::Date,
                value,
            },
        ) => Some(a.as_str().cmp(value)),
        (
            Found::Time(a),
            Comparand::Temporal {
                r#type: TemporalType::Time,
                value,
            },
        ) => Some(digits(a).cmp(&digits(value))),
        _ => None,
    }
}

fn same(found: &Found, value: &Comparand) -> bool {
    match (found, value) {
        (Found::Boolean(a), Comparand::Boolean(b)) => a == b,
        (Found::Uri(a), Comparand::String(b)) => a == b.as_str(),
        (Found::Uri(a) | Found::Text(a), Comparand::Uri(b)) => a == b.as_str(),
        _ => stand(found, value) == Some(Ordering::Equal),
    }
}

fn is_so(comparison: Option<&Comparison>, found: &Found) -> bool {
    let Some(comparison) = comparison else {
        return true;
    };
    let (all, is_list): (Vec<&Found>, bool) = match found {
        Found::List(elements) => (elements.iter().collect(), true),
        Found::Languages(texts) => (texts.iter().collect(), false),
        one => (vec![one], false),
    };
    match comparison {
        Comparison::Equal { negated, values } => {
            let any = all.iter().any(|found| values.iter().any(|value| same(found, value)));
            any != *negated
        }
        Comparison::Range { negated, from, to } => {
            let between = |found: &&Found| {
                matches!(stand(found, from), Some(Ordering::Greater | Ordering::Equal))
                    && matches!(stand(found, to), Some(Ordering::Less | Ordering::Equal))
            };
            let any = !is_list && all.iter().any(between);
            any != *negated
        }
        Comparison::Order { operator, value } => {
            let accepted: &[Ordering] = match operator {
                Operator::Less => &[Ordering::Less],
                Operator::LessOrEqual => &[Ordering::Less, Ordering::Equal],
                Operator::Greater => &[Ordering::Greater],
                Operator::GreaterOrEqual => &[Ordering::Greater, Ordering::Equal],
            };
            !is_list
                && all
                    .iter()
                    .any(|found| stand(found, value).is_some_and(|order| accepted.contains(&order)))
        }
        Comparison::Pattern { negated, pattern } => {
            let regex = regex::Regex::new(&format!("(?s:{})", pattern.as_str())).unwrap();
            let matched = |found: &&Found| match found {
                Found::Text(text) => Some(regex.is_match(text)),
                _ => None,
            };
            if is_list {
                false
            } else if *negated {
                all.iter().all(|found| matched(found) == Some(false))
            } else {
                all.iter().any(|found| matched(found) == Some(true))
            }
        }
    }
}

fn any_value() -> impl Strategy<Value = AttributeValue> {
    use crate::entity::Value as Plain;
    let text = || prop::sample::select(vec!["a", "b", "ab", "佐野", "urn:ngsi-ld:E:1", ""]);
    let day = || Plain::Temporal {
        r#type: TemporalType::Date,
        value: "2026-01-02".into(),
    };
    let time = || Plain::Temporal {
        r#type: TemporalType::Time,
        value: "10:00:00.50Z".into(),
    };
    let compound = prop::sample::select(vec![
        r#"{"m":1,"n":{"m":"a"}}"#,
        r#"{"m":[1,2,"a"]}"#,
        r#"{"m":{"@type":"DateTime","@value":"2026-01-02T00:00:00Z"},"n":true}"#,
        r#"[1,"a",{"m":1},[2]]"#,
        r#"["a","b"]"#,
        r#"{"n":"b"}"#,
    ]);
    let ids = || prop::collection::vec((0..4_u8).prop_map(id), 1..3);
    prop_oneof![
        3 => text().prop_map(|text| AttributeValue::Property(Plain::from(text))),
        3 => (-1..3_i64).prop_map(|integer| AttributeValue::Property(Plain::Number(Number::Integer(integer)))),
        1 => Just(AttributeValue::Property(Plain::Number(Number::Float(0.5)))),
        1 => any::<bool>().prop_map(|boolean| AttributeValue::Property(Plain::from(boolean))),
        1 => Just(AttributeValue::Property(Plain::DateTime(date("2026-01-02T00:00:00.5Z")))),
        1 => Just(AttributeValue::Property(day())),
        1 => Just(AttributeValue::Property(time())),
        2 => compound.clone().prop_map(|text| AttributeValue::Property(json(text))),
        1 => compound.prop_map(|text| AttributeValue::JsonProperty(Json::parse(text).unwrap())),
        1 => prop::sample::select(vec![r#"["a",1]"#, "[]", r#"["b"]"#])
            .prop_map(|text| AttributeValue::ListProperty(Json::parse(text).unwrap())),
        1 => prop::collection::btree_map("ja|en|fr", prop::collection::vec(text().prop_map(Into::into), 1..3), 1..3)
            .prop_map(|map| {
                let map = map.into_iter().map(|(tag, texts)| (tag.into(), texts.into()));
                AttributeValue::LanguageProperty(Box::new(map.collect()))
            }),
        1 => prop::collection::vec(prop::sample::select(vec!["urn:t:1", "urn:t:2"]).prop_map(Iri::new), 1..3)
            .prop_map(|terms| AttributeValue::VocabProperty(terms.into())),
        3 => ids().prop_map(|objects| AttributeValue::Relationship {
            objects: objects.into(),
            object_types: ObjectTypes::default(),
        }),
        1 => ids().prop_map(|objects| AttributeValue::ListRelationship {
            objects,
            object_types: ObjectTypes::default(),
        }),
    ]
}

fn id(number: u8) -> EntityId {
    EntityId::parse(&format!("urn:ngsi-ld:E:{number}")).unwrap()
}

fn any_instance(depth: u32) -> BoxedStrategy<Instance> {
    let sub_attributes = if depth == 0 {
        Just(Vec::new()).boxed()
    } else {
        prop::collection::btree_map("a|b", any_instance(depth - 1), 0..2)
            .prop_map(|map| {
                let named = map.into_iter();
                named
                    .map(|(name, instance)| Attribute::new(attribute(&name), instance))
                    .collect()
            })
            .boxed()
    };
    let at = prop::option::of(prop::sample::select(vec![
        "2026-01-01T00:00:00Z",
        "2026-01-02T00:00:00.50Z",
    ]));
    (any_value(), at, any::<bool>(), sub_attributes)
        .prop_map(|(value, at, has_unit, sub_attributes)| {
            let mut instance = Instance::new(value);
            instance.observed_at = at.map(date);
            if matches!(instance.value, AttributeValue::Property(_)) {
                instance.unit_code = has_unit.then(|| "CEL".into());
            }
            instance.sub_attributes = sub_attributes;
            instance
        })
        .boxed()
}

fn any_entity(number: u8) -> impl Strategy<Value = Entity> {
    let attributes = prop::collection::btree_map("a|b|c", prop::collection::vec(any_instance(1), 1..3), 0..4);
    (attributes, any::<bool>(), any::<bool>()).prop_map(move |(attributes, is_site, is_dated)| {
        let mut entity = entity_with([]);
        entity.id = id(number);
        entity.types = [type_name(if is_site { "Site" } else { "Device" })]
            .into_iter()
            .collect();
        if is_dated {
            entity.system.dates_mut().modified_at = Some(date("2026-01-02T00:00:00Z"));
        }
        for (name, instances) in attributes {
            let mut instances = instances.into_iter();
            let mut built = Attribute::new(attribute(&name), instances.next().unwrap());
            for (mut instance, dataset) in instances.zip(1..) {
                instance.dataset_id = Some(Iri::new(format!("urn:d:{dataset}")));
                built.instances.push(instance);
            }
            entity.attributes.push(built);
        }
        entity
    })
}

fn any_query() -> impl Strategy<Value = String> {
    let plain = "[abc](\\.(a|b|observedAt|datasetId|unitCode))?(\\[(m|n|n\\.m|ja|JA|\\*)\\])?|modifiedAt";
    let path = prop_oneof![
        4 => plain.prop_map(|path| path),
        1 => "[abc]\\{(Site:|Site,Device:)?[abc](\\.observedAt|\\[m\\])?\\}",
        1 => "[abc]\\{[abc]\\{Device:[abc]\\}\\}",
    ];
    let value = prop::sample::select(vec![
        "1",
        "0.5",
        "2",
        "-1",
        "true",
        "\"a\"",
        "\"ab\"",
        "\"佐野\"",
        "\"urn:t:1\"",
        "urn:t:1",
        "urn:ngsi-ld:E:1",
        "urn:d:1",
        "\"CEL\"",
        "2026-01-02T00:00:00.5Z",
        "2026-01-02T00:00:00Z",
        "2026-01-02",
        "10:00:00,5Z",
    ]);
    let ordered = prop::sample::select(vec![
        "0",
        "1",
        "\"a\"",
        "\"b\"",
        "2026-01-02T00:00:00Z",
        "2026-01-02",
        "10:00:00Z",
    ]);
    let operator = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let equal = prop::sample::select(vec!["==", "!="]);
    let pattern = prop::sample::select(vec![
        "~=a",
        "!~=a",
        "~=^a",
        "~=b$",
        "!~=^a$",
        "~=a.*b",
        "~=[ab]+",
        "!~=^[^a]*$",
        "~=\".野\"",
        "~=\"a|^b\"",
    ]);
    let comparison = prop_oneof![
        2 => Just(String::new()),
        4 => (equal.clone(), prop::collection::vec(value, 1..3)).prop_map(|(equal, values)| equal.to_owned() + &values.join(",")),
        2 => (equal, ordered.clone(), ordered.clone()).prop_map(|(equal, from, to)| format!("{equal}{from}..{to}")),
        2 => (operator, ordered).prop_map(|(operator, value)| format!("{operator}{value}")),
        1 => pattern.prop_map(str::to_owned),
    ];
    let term = (path, comparison).prop_map(|(path, comparison)| path + &comparison);
    (term.clone(), term.clone(), term, 0..5_u8).prop_map(|(a, b, c, form)| match form {
        0 => format!("{a};{b}|{c}"),
        1 => format!("({a}|{b});{c}"),
        _ => a,
    })
}

struct Three<'e>(&'e [Entity]);

impl LinkedEntities for Three<'_> {
    fn linked(&self, id: &EntityId) -> Option<&Entity> {
        self.0.iter().find(|entity| entity.id == *id)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn two_evaluators_agree(
        entities in (any_entity(0), any_entity(1), any_entity(2)),
        query in any_query(),
    ) {
        let entities = [entities.0, entities.1, entities.2];
        let expression = read_query(&query);
        let all: Entities = entities
            .iter()
            .map(|entity| {
                let rendering = Rendering {
                    system_attributes: true,
                    ..Rendering::new(Context::core(), Format::Normalized)
                };
                let mut normalized = Vec::new();
                render_entity(&rendering, entity, &mut normalized);
                (entity.id.as_str().to_owned(), serde_json::from_slice(&normalized).unwrap())
            })
            .collect();
        for entity in &entities {
            let json = &all[entity.id.as_str()];
            prop_assert_eq!(
                expression.matches_linked(entity, &Three(&entities)),
                fulfils(json, &expression, &all),
                "{} over {}", query, json
            );
            prop_assert_eq!(expression.matches(entity), fulfils(json, &expression, &Entities::new()), "{}", query);
        }
    }
}
