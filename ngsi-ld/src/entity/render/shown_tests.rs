//! What is shown of entities: one language, chosen members, linked entities.

use super::*;
use crate::entity::parse::parse_entity;
use crate::projection::{DatasetSelection, MemberList, Projection};

fn entity(json: &str) -> Entity {
    parse_entity(json.as_bytes(), Context::core()).unwrap()
}

fn representation(format: Format) -> Representation<'static> {
    (&Rendering::new(Context::core(), format)).into()
}

fn render(representation: Representation<'_>, entity: &Entity) -> String {
    let mut out = Vec::new();
    render_entity(representation, entity, &mut out);
    String::from_utf8(out).unwrap()
}

const SHELTER: &str = r#"{"id":"urn:s:1","type":"Shelter","scope":"/Sano","createdAt":"2026-01-01T00:00:00Z",
    "name":{"type":"LanguageProperty","languageMap":{"ja":"佐野小学校","en":["Sano School","Sano"]},
        "note":{"type":"LanguageProperty","languageMap":{"ja":"注"}},"unitOf":{"type":"Property","value":1}},
    "capacity":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d:1"}]}"#;

#[test]
fn language_properties_become_properties_of_one_language_in_every_format() {
    let filter = LanguageFilter::parse("en-GB").unwrap();
    let only_name = Projection {
        picked: Some(MemberList::parse("id,name", Context::core()).unwrap()),
        ..Projection::default()
    };
    for (format, expected) in [
        (
            Format::Normalized,
            concat!(
                r#"{"id":"urn:s:1","name":{"type":"Property","value":["Sano School","Sano"],"lang":"en","#,
                r#""note":{"type":"Property","value":"注","lang":"ja"},"unitOf":{"type":"Property","value":1}}}"#
            ),
        ),
        (
            Format::Concise,
            concat!(
                r#"{"id":"urn:s:1","name":{"value":["Sano School","Sano"],"lang":"en","#,
                r#""note":{"value":"注","lang":"ja"},"unitOf":1}}"#
            ),
        ),
        (Format::Simplified, r#"{"id":"urn:s:1","name":["Sano School","Sano"]}"#),
    ] {
        let shown = Representation {
            language: Some(&filter),
            shown: (&only_name).into(),
            ..representation(format)
        };
        assert_eq!(render(shown, &entity(SHELTER)), expected);
        let mut feature = Vec::new();
        let location = Context::core().expand_attribute("location").unwrap();
        render_feature(shown, &entity(SHELTER), &location, &mut feature);
        let feature: serde_json::Value = serde_json::from_slice(&feature).unwrap();
        let whole: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(feature["properties"]["name"], whole["name"]);
    }
}

#[test]
fn members_that_are_not_picked_or_are_omitted_leave_no_trace() {
    let list = |text| Some(MemberList::parse(text, Context::core()).unwrap());
    let normalized = representation(Format::Simplified);
    for (picked, omitted, expected) in [
        (
            list("capacity"),
            None,
            r#"{"capacity":{"dataset":{"@none":1,"urn:d:1":2}}}"#,
        ),
        (list("scope"), None, r#"{"scope":"/Sano"}"#),
        (list("unknown"), None, "{}"),
        (None, list("id,name,capacity"), r#"{"type":"Shelter","scope":"/Sano"}"#),
        (list("id,type"), list("type"), r#"{"id":"urn:s:1"}"#),
    ] {
        let projection = Projection {
            picked,
            omitted,
            attributes: None,
        };
        let shown = Representation {
            shown: (&projection).into(),
            ..normalized
        };
        assert_eq!(render(shown, &entity(SHELTER)), expected);
        let with_context = Representation {
            rendering: Rendering {
                context_member: Some("[]"),
                ..normalized.rendering
            },
            ..shown
        };
        let text = render(with_context, &entity(SHELTER));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}

#[test]
fn one_instance_that_is_left_of_several_stands_alone() {
    let mut shelter = entity(SHELTER);
    DatasetSelection::parse("urn:d:1").unwrap().apply(&mut shelter);
    assert_eq!(
        render(representation(Format::Concise), &shelter),
        r#"{"id":"urn:s:1","type":"Shelter","scope":"/Sano","capacity":{"value":2,"datasetId":"urn:d:1"}}"#
    );
}

/// 1 leads to 2 and 3, 2 back to 1 and on to 4.
fn graph() -> (Entity, LinkedEntities) {
    let first = entity(
        r#"{"id":"urn:e:1","type":"T","to":{"type":"Relationship","object":["urn:e:2","urn:e:9"],"objectType":"T"},
            "list":{"type":"ListRelationship","objectList":["urn:e:3","urn:e:2"]}}"#,
    );
    let others = [
        r#"{"id":"urn:e:2","type":"T","on":{"type":"Relationship","object":"urn:e:4"},"back":{"type":"Relationship","object":"urn:e:1"}}"#,
        r#"{"id":"urn:e:3","type":"T","a":1}"#,
        r#"{"id":"urn:e:4","type":"T"}"#,
    ];
    (first, LinkedEntities::new(others.map(entity), 1))
}

#[test]
fn linked_entities_stand_inside_of_their_relationship_once_and_not_too_far() {
    let (first, linked) = graph();
    let shown = |format| Representation {
        linked: Some(&linked),
        ..representation(format)
    };
    assert_eq!(
        render(shown(Format::Concise), &first),
        concat!(
            r#"{"id":"urn:e:1","type":"T","to":{"object":["urn:e:2","urn:e:9"],"objectType":"T","#,
            r#""entity":{"id":"urn:e:2","type":"T","on":{"object":"urn:e:4"},"back":{"object":"urn:e:1"}}},"#,
            r#""list":{"objectList":["urn:e:3","urn:e:2"],"entityList":[{"id":"urn:e:3","type":"T","a":1}]}}"#
        )
    );
    assert_eq!(
        render(shown(Format::Simplified), &first),
        concat!(
            r#"{"id":"urn:e:1","type":"T","to":[{"id":"urn:e:2","type":"T","on":"urn:e:4","back":"urn:e:1"},"urn:e:9"],"#,
            r#""list":[{"id":"urn:e:3","type":"T","a":1},"urn:e:2"]}"#
        )
    );
    let farther = LinkedEntities::new(
        linked
            .flatten([&first], Shown::default())
            .into_iter()
            .skip(1)
            .map(|(entity, _)| entity.clone())
            .chain([entity(r#"{"id":"urn:e:4","type":"T"}"#)]),
        2,
    );
    let two_levels = Representation {
        linked: Some(&farther),
        ..representation(Format::Normalized)
    };
    let text = render(two_levels, &first);
    assert!(
        text.contains(r#""on":{"type":"Relationship","object":"urn:e:4","entity":{"id":"urn:e:4","type":"T"}}"#),
        "{text}"
    );
    // What the system adds is not read back as data.
    assert_eq!(parse_entity(text.as_bytes(), Context::core()).unwrap(), first);
}

#[test]
fn flattened_entities_follow_those_that_link_to_them() {
    let (first, linked) = graph();
    let ids = |entities: Vec<(&Entity, Shown<'_>)>| {
        entities
            .iter()
            .map(|(entity, _)| entity.id.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    let all = Shown::default();
    assert_eq!(ids(linked.flatten([&first], all)), ["urn:e:1", "urn:e:2", "urn:e:3"]);
    let other = linked
        .get(&first.attributes[0].instances[0].value.objects()[0])
        .unwrap();
    assert_eq!(
        ids(linked.flatten([&first, other], all)),
        ["urn:e:1", "urn:e:2", "urn:e:3", "urn:e:4"]
    );
}

fn to(id: &str, attributes: &[(&str, &str)]) -> Entity {
    let attributes: String = attributes
        .iter()
        .map(|(name, object)| format!(r#","{name}":{{"object":"{object}"}}"#))
        .collect();
    entity(&format!(r#"{{"id":"{id}","type":"T"{attributes}}}"#))
}

#[test]
fn each_linked_entity_stands_where_the_fewest_relationships_lead_to_it() {
    let first = to("urn:e:1", &[("a", "urn:e:2"), ("b", "urn:e:3")]);
    let linked = LinkedEntities::new(
        [
            to("urn:e:2", &[("c", "urn:e:3"), ("d", "urn:e:1")]),
            to("urn:e:3", &[("e", "urn:e:4")]),
            to("urn:e:4", &[("f", "urn:e:5")]),
            to("urn:e:5", &[]),
        ],
        2,
    );
    let shown = Representation {
        linked: Some(&linked),
        ..representation(Format::Simplified)
    };
    let expected = concat!(
        r#"{"id":"urn:e:1","type":"T","a":{"id":"urn:e:2","type":"T","c":"urn:e:3","d":"urn:e:1"},"#,
        r#""b":{"id":"urn:e:3","type":"T","e":{"id":"urn:e:4","type":"T","f":"urn:e:5"}}}"#
    );
    assert_eq!(render(shown, &first), expected);
    // Each entity of a list is whole on its own, whatever stands before it.
    let mut twice = Vec::new();
    render_entities(shown, [&first, &first], &mut twice);
    assert_eq!(String::from_utf8(twice).unwrap(), format!("[{expected},{expected}]"));
}

#[test]
fn relationships_of_attributes_are_not_followed() {
    let first = entity(
        r#"{"id":"urn:e:1","type":"T","a":{"value":1,"by":{"object":"urn:e:2"}},"b":{"object":"urn:e:9","by":{"object":"urn:e:2"}}}"#,
    );
    let linked = LinkedEntities::new([to("urn:e:2", &[])], 2);
    let plain = representation(Format::Normalized);
    let shown = Representation {
        linked: Some(&linked),
        ..plain
    };
    assert_eq!(render(shown, &first), render(plain, &first));
    assert_eq!(linked.flatten([&first], Shown::default()).len(), 1);
}

#[test]
fn braces_choose_what_is_shown_of_linked_entities() {
    let place = entity(r#"{"id":"urn:p:1","type":"P","name":"佐野","isIn":{"object":"urn:c:1"},"size":1}"#);
    let country = entity(r#"{"id":"urn:c:1","type":"C","name":"日本","code":"JP"}"#);
    let building = entity(r#"{"id":"urn:b:1","type":"B","name":"役場","at":{"object":"urn:p:1"}}"#);
    let linked = LinkedEntities::new([place, country], 2);
    let chosen = |text| Some(MemberList::parse_linked(text, Context::core(), 2).unwrap());
    for (picked, omitted, inline, flat) in [
        (
            chosen("id,at{id,name}"),
            None,
            r#"{"id":"urn:b:1","at":{"id":"urn:p:1","name":"佐野"}}"#,
            r#"[{"id":"urn:b:1","at":"urn:p:1"},{"id":"urn:p:1","name":"佐野"}]"#,
        ),
        (
            chosen("id,at{isIn{code}}"),
            None,
            r#"{"id":"urn:b:1","at":{"isIn":{"code":"JP"}}}"#,
            r#"[{"id":"urn:b:1","at":"urn:p:1"},{"isIn":"urn:c:1"},{"code":"JP"}]"#,
        ),
        (
            chosen("id,name"),
            None,
            r#"{"id":"urn:b:1","name":"役場"}"#,
            r#"[{"id":"urn:b:1","name":"役場"}]"#,
        ),
        (
            None,
            chosen("type,name,at{type,size,isIn{name,code}}"),
            r#"{"id":"urn:b:1","at":{"id":"urn:p:1","name":"佐野","isIn":{"id":"urn:c:1","type":"C"}}}"#,
            r#"[{"id":"urn:b:1","at":"urn:p:1"},{"id":"urn:p:1","name":"佐野","isIn":"urn:c:1"},{"id":"urn:c:1","type":"C"}]"#,
        ),
        (
            chosen("id,at"),
            chosen("at{isIn}"),
            r#"{"id":"urn:b:1","at":{"id":"urn:p:1","type":"P","name":"佐野","size":1}}"#,
            r#"[{"id":"urn:b:1","at":"urn:p:1"},{"id":"urn:p:1","type":"P","name":"佐野","size":1}]"#,
        ),
        (
            // Of what is chosen the linked entity has nothing.
            chosen("id,at{unknown}"),
            None,
            r#"{"id":"urn:b:1","at":"urn:p:1"}"#,
            r#"[{"id":"urn:b:1","at":"urn:p:1"}]"#,
        ),
    ] {
        let projection = Projection {
            picked,
            omitted,
            attributes: None,
        };
        let shown = Representation {
            shown: (&projection).into(),
            ..representation(Format::Simplified)
        };
        let joined = Representation {
            linked: Some(&linked),
            ..shown
        };
        assert_eq!(render(joined, &building), inline);
        let flattened = linked.flatten([&building], (&projection).into());
        let written: Vec<String> = flattened
            .into_iter()
            .map(|(entity, chosen)| render(Representation { shown: chosen, ..shown }, entity))
            .collect();
        assert_eq!(format!("[{}]", written.join(",")), flat);
    }
}
