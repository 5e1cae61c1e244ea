//! What is shown of entities: one language, chosen members, linked entities.

use super::*;
use crate::entity::parse::parse_entity;
use crate::projection::{DatasetSelection, MemberList};

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
            projection: Some(&only_name),
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
            projection: Some(&projection),
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
            .flatten([&first])
            .into_iter()
            .skip(1)
            .cloned()
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
    let ids = |entities: Vec<&Entity>| {
        entities
            .iter()
            .map(|entity| entity.id.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(linked.flatten([&first])), ["urn:e:1", "urn:e:2", "urn:e:3"]);
    let other = linked
        .get(&first.attributes[0].instances[0].value.objects()[0])
        .unwrap();
    assert_eq!(
        ids(linked.flatten([&first, other])),
        ["urn:e:1", "urn:e:2", "urn:e:3", "urn:e:4"]
    );
}
