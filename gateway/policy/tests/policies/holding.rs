//! What of an entity may be kept in memory.

use kakehashi_adapters::held::Judged;
use kakehashi_core::diagnostics::Report;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;

use super::attribute;
use kakehashi_policy::{Classification, PersonalData, parse_classification};
use ngsi_ld::Entity;

const CLASSES: &str = r#"
[attributes]
personal = ["fullName"]
[types.AED]
class = "open"
[types.AED.attributes]
open = ["name", "location", "remarks", "seeAlso"]
limited = ["owner"]
pseudonymised = ["visitor"]
[types.PublicToilet]
class = "open"
[types.PublicToilet.attributes]
open = ["name"]
[types.Resident]
class = "personal"
[types.CareRecord]
class = "pseudonymised"
[types.VacantHouse]
class = "limited"
"#;

fn classification() -> Classification {
    let report = Report::default();
    let classification = parse_classification("classification.toml", CLASSES, &report);
    let findings = report.finish();
    assert!(findings.is_empty(), "{findings}");
    classification
}

fn entity(r#type: &str, id: &str, attributes: &str) -> Entity {
    let text = format!(r#"{{"id": "{id}", "type": {type}{attributes}}}"#);
    parse_entity(text.as_bytes(), Context::kakehashi()).unwrap()
}

/// What is kept of an AED with these attributes, and what it is without.
fn kept(attributes: &str, personal_data: PersonalData) -> (Judged, String) {
    let mut entity = entity("\"AED\"", "urn:ngsi-ld:AED:1", attributes);
    let judged = classification().keep_open(&mut entity, personal_data);
    (judged, format!("{entity:?}"))
}

#[test]
fn what_is_open_is_kept_as_it_is() {
    let attributes = r#", "name": {"type": "Property", "value": "a", "remarks": {"type": "Property", "value": "b"}},
        "seeAlso": {"type": "Relationship", "object": ["urn:ngsi-ld:AED:2", "urn:ngsi-ld:VacantHouse:1"]}"#;
    let (judged, text) = kept(attributes, PersonalData::Present);
    assert_eq!(judged, Judged::Whole);
    for value in ["\"a\"", "\"b\"", "AED:2", "VacantHouse:1"] {
        assert!(text.contains(value), "{text}");
    }
}

#[test]
fn what_nobody_is_shown_is_not_kept_and_not_missed() {
    let attributes = r#", "name": {"type": "Property", "value": "a", "fullName": {"type": "Property", "value": "hidden-1"},
            "nobodyKnows": {"type": "Property", "value": "hidden-2"},
            "remarks": {"type": "Property", "value": "b", "fullName": {"type": "Property", "value": "hidden-3"}}},
        "owner": {"type": "Property", "value": "hidden-4"},
        "seeAlso": {"type": "Relationship", "object": ["urn:ngsi-ld:Resident:hidden-5", "urn:ngsi-ld:AED:2"]},
        "remarks": {"type": "Relationship", "object": "urn:x:hidden-6", "objectType": "Resident"}"#;
    let (judged, text) = kept(attributes, PersonalData::Present);
    assert_eq!(judged, Judged::Whole);
    assert!(!text.contains("hidden-"), "{text}");
    // What becomes of a Relationship to somebody follows from whom it leads to, and that can still be told.
    assert!(
        text.contains("AED:2") && text.matches("urn:ngsi-ld:Resident:hidden").count() == 2,
        "{text}"
    );
}

#[test]
fn what_some_are_shown_is_not_kept_and_it_is_told_where() {
    let attributes = r#", "name": {"type": "Property", "value": "a", "owner": {"type": "Property", "value": "hidden-1"}},
        "remarks": {"type": "Property", "value": "b", "name": {"type": "Property", "value": "c"}},
        "seeAlso": {"type": "Relationship", "object": "urn:ngsi-ld:CareRecord:hidden-2"}"#;
    let (judged, text) = kept(attributes, PersonalData::Present);
    assert_eq!(judged, Judged::Without(vec![attribute("name"), attribute("seeAlso")]));
    assert!(!text.contains("hidden-"), "{text}");
}

#[test]
fn where_anybody_may_be_shown_what_is_not_kept_nothing_is() {
    let unknown = r#", "name": {"type": "Property", "value": "a", "nobodyKnows": {"type": "Property", "value": 1}}"#;
    assert_eq!(kept(unknown, PersonalData::None).0, Judged::Nothing);
    for (types, id) in [
        ("\"Resident\"", "urn:x:1"),
        ("\"VacantHouse\"", "urn:x:1"),
        ("\"Unheard\"", "urn:x:1"),
        ("[\"AED\", \"Resident\"]", "urn:x:1"),
        // An id tells of a person, whatever it is the id of.
        ("\"AED\"", "urn:ngsi-ld:Resident:1"),
    ] {
        let mut one = entity(types, id, "");
        let judged = classification().keep_open(&mut one, PersonalData::Present);
        assert_eq!(judged, Judged::Nothing, "{types} {id}");
    }
    // What is open in one type and not in the other is not kept.
    let attributes = r#", "name": {"type": "Property", "value": "a"}, "remarks": {"type": "Property", "value": "b"}"#;
    let mut both = entity("[\"AED\", \"PublicToilet\"]", "urn:x:1", attributes);
    assert_eq!(
        classification().keep_open(&mut both, PersonalData::Present),
        Judged::Whole
    );
    assert!(both.attribute(&attribute("name")).is_some() && both.attribute(&attribute("remarks")).is_none());
}
