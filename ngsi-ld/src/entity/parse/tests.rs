use proptest::prelude::*;

use super::*;
use crate::entity::generated::entity;
use crate::entity::render::{Format, Rendering, render_entity};
use crate::entity::{AttributeKind, AttributeValue, Geometry, Instance, Number, Value};

/// Reads an entity with this text among its members.
fn parse_members(members: &str) -> Result<Entity, InvalidEntity> {
    let json = format!(r#"{{"id":"urn:a:1","type":"T",{members}}}"#);
    parse_entity(json.as_bytes(), Context::core())
}

/// The only instance of attribute `a` with this text.
fn attribute(json: &str) -> Instance {
    let entity = parse_members(&format!("\"a\":{json}")).unwrap();
    assert_eq!(entity.attributes[0].instances.len(), 1);
    entity.attributes[0].instances[0].clone()
}

/// Where and what is wrong with attribute `a` of this text.
fn fault(json: &str) -> (String, Fault) {
    let error = parse_members(&format!("\"a\":{json}")).unwrap_err();
    (error.path, error.fault)
}

fn at(path: &str, fault: Fault) -> (String, Fault) {
    (path.to_owned(), fault)
}

#[test]
fn numbers_keep_their_digits_in_both_representations() {
    let digits = Value::Number(Number::Text("3.14159265358979323846".into()));
    for json in [
        r#"{"type":"Property","value":3.14159265358979323846}"#,
        r#"{"value":3.14159265358979323846}"#,
        "3.14159265358979323846",
    ] {
        assert_eq!(attribute(json).value, AttributeValue::Property(digits.clone()));
    }
    let large = AttributeValue::Property(Value::Number(Number::Text("18446744073709551616".into())));
    assert_eq!(attribute("18446744073709551616").value, large);
}

#[test]
//= 4.5.2.3-1, 4.5.2.3-2, 4.5.3.3-1, 4.5.18.3-1, 4.5.20.3-1, 4.5.21.3-1, 4.5.22.3-1, 4.5.24.3-1, 4.7.3-1, 4.7.3-2
fn concise_attributes_say_their_kind_by_their_member_or_value() {
    let kind = |json| attribute(json).value.kind();
    assert_eq!(kind("\"text\""), AttributeKind::Property);
    assert_eq!(kind("[1,{\"value\":2}]"), AttributeKind::Property);
    assert_eq!(kind("[]"), AttributeKind::Property);
    assert_eq!(kind(r#"{"street":"x","no":1}"#), AttributeKind::Property);
    assert_eq!(kind(r#"{"value":1,"unitCode":"MTR"}"#), AttributeKind::Property);
    assert_eq!(
        kind(r#"{"type":"Point","coordinates":[1,2]}"#),
        AttributeKind::GeoProperty
    );
    assert_eq!(
        kind(r#"{"value":{"type":"Point","coordinates":[1,2]}}"#),
        AttributeKind::GeoProperty
    );
    assert_eq!(kind(r#"{"object":"urn:b:1"}"#), AttributeKind::Relationship);
    assert_eq!(kind(r#"{"languageMap":{"ja":"x"}}"#), AttributeKind::LanguageProperty);
    assert_eq!(kind(r#"{"vocab":["x","y"]}"#), AttributeKind::VocabProperty);
    assert_eq!(kind(r#"{"json":{"a":null}}"#), AttributeKind::JsonProperty);
    assert_eq!(kind(r#"{"valueList":[1]}"#), AttributeKind::ListProperty);
    assert_eq!(
        kind(r#"{"objectList":["urn:b:1",{"object":"urn:b:2"}]}"#),
        AttributeKind::ListRelationship
    );
}

#[test]
fn several_instances_are_told_from_a_list_value() {
    let entity = parse_members(r#""a":[{"value":1},{"value":2,"datasetId":"urn:d:1"}],"b":[{"x":1},{"x":2}]"#).unwrap();
    assert_eq!(entity.attributes[0].instances.len(), 2);
    assert!(matches!(
        entity.attributes[1].instances.as_slice(),
        [Instance {
            value: AttributeValue::Property(Value::Json(_)),
            ..
        }]
    ));
    assert_eq!(
        fault(r#"[{"value":1},{"value":2}]"#),
        at("a[1]", Fault::DuplicateInstance)
    );
    assert_eq!(
        fault(r#"[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"@none"}]"#),
        at("a[1]", Fault::DuplicateInstance)
    );
}

#[test]
//= 4.5.2.2-3, 4.5.2.3-4, 5.2.5-3
fn typed_values_are_read_by_either_way_to_say_the_type() {
    let date = Value::DateTime(crate::entity::DateTime::parse("2026-01-01T00:00:00Z").unwrap());
    for json in [
        r#"{"type":"Property","value":{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}}"#,
        r#"{"type":"Property","value":"2026-01-01T00:00:00Z","valueType":"DateTime"}"#,
        r#"{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}"#,
    ] {
        assert_eq!(attribute(json).value, AttributeValue::Property(date.clone()), "{json}");
        assert_eq!(attribute(json).value_type, None);
    }
    let other = attribute(r#"{"type":"Property","value":"1","valueType":"urn:t:Roman"}"#);
    assert_eq!(other.value_type.unwrap().as_str(), "urn:t:Roman");
    let wrong = r#"{"type":"Property","value":{"@type":"Date","@value":"2026-02-30"}}"#;
    assert!(matches!(fault(wrong), (path, Fault::Expected(_)) if path == "a.value"));
}

#[test]
//= 4.7.2-1
fn geometries_may_stand_in_a_string() {
    let json = r#"{"type":"GeoProperty","value":"{\"type\":\"Point\",\"coordinates\":[1,2]}"}"#;
    assert_eq!(
        attribute(json).value,
        AttributeValue::GeoProperty(Box::new(Geometry::point(1.0, 2.0).unwrap()))
    );
}

#[test]
//= 5.2.2-2
fn what_only_the_system_makes_is_ignored_and_its_dates_are_kept() {
    let entity = parse_members(
        r#""createdAt":"2026-01-01T00:00:00Z","a":{"type":"Property","value":1,"instanceId":"urn:i:1","previousValue":2,
            "modifiedAt":"2026-01-02T00:00:00Z"}"#,
    )
    .unwrap();
    assert!(entity.system.dates().unwrap().created_at.is_some());
    assert!(entity.attributes[0].instances[0].system.modified_at().is_some());
    assert!(entity.attributes[0].instances[0].sub_attributes.is_empty());
}

#[test]
fn id_and_type_may_be_keywords_and_scopes_get_their_slash() {
    let json = r#"{"@id":"urn:a:1","@type":["A","B","A"],"scope":["Sano","/Tochigi/Oyama"],"@context":{"x":[1]}}"#;
    let entity = parse_entity(json.as_bytes(), Context::core()).unwrap();
    assert_eq!(entity.types.len(), 2);
    assert_eq!(entity.scopes.as_slice(), ["/Sano", "/Tochigi/Oyama"]);
}

#[test]
//= 5.2.1-4, 5.5.4-3
fn nulls_are_refused_wherever_they_hide() {
    for (json, path) in [
        ("null", "a"),
        ("\"urn:ngsi-ld:null\"", "a"),
        (r#"{"type":"Property","value":null}"#, "a.value"),
        (r#"{"type":"Property","value":"urn:ngsi-ld:null"}"#, "a.value"),
        (
            r#"{"type":"Property","value":{"x":[{"y":"urn:ngsi-ld:null"}]}}"#,
            "a.value.x[0].y",
        ),
        (r#"{"type":"Property","value":{"x":null}}"#, "a.value.x"),
        (r#"{"type":"Relationship","object":"urn:ngsi-ld:null"}"#, "a.object"),
        (
            r#"{"type":"LanguageProperty","languageMap":{"@none":"urn:ngsi-ld:null"}}"#,
            "a.languageMap",
        ),
        (r#"{"type":"VocabProperty","vocab":"urn:ngsi-ld:null"}"#, "a.vocab"),
        (
            r#"{"type":"ListProperty","valueList":["urn:ngsi-ld:null"]}"#,
            "a.valueList[0]",
        ),
        (
            r#"{"type":"ListRelationship","objectList":["urn:ngsi-ld:null"]}"#,
            "a.objectList",
        ),
    ] {
        assert_eq!(fault(json), at(path, Fault::Null), "{json}");
    }
    let literal = r#"{"type":"Property","value":{"x":{"@type":"@json","@value":null}}}"#;
    assert_eq!(attribute(literal).value.kind(), AttributeKind::Property);
}

#[test]
//= 4.6.4-2
fn faults_name_the_member_and_the_reason() {
    assert_eq!(
        fault(r#"{"type":"Propety","value":1}"#),
        at("a.type", Fault::AttributeType)
    );
    assert_eq!(fault(r#"{"type":"Property"}"#), at("a", Fault::Missing("value")));
    assert_eq!(
        fault(r#"{"type":"Property","object":"urn:a:1"}"#),
        at("a.object", Fault::Prohibited("Property"))
    );
    assert_eq!(
        fault(r#"{"type":"Relationship","object":"urn:a:1","unitCode":"MTR"}"#),
        at("a.unitCode", Fault::Prohibited("Relationship"))
    );
    assert!(matches!(fault(r#"{"value":1,"vocab":"x"}"#), (path, Fault::Prohibited(_)) if path == "a.vocab"));
    assert_eq!(
        fault(r#"{"value":1,"b":{"value":2,"observedAt":"yesterday"}}"#),
        at("a.b.observedAt", Fault::DateTime(InvalidDateTime))
    );
    assert!(matches!(
        fault(r#"{"type":"Relationship","object":["urn:a:1","b"]}"#),
        (path, Fault::Iri(InvalidIri::NoScheme)) if path == "a.object"
    ));
    assert_eq!(
        fault(r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[36,139]}}"#),
        at("a.value", Fault::Geometry(InvalidGeometry::Swapped))
    );
    assert_eq!(
        fault(r#"{"type":"LanguageProperty","languageMap":{"日本":"x"}}"#),
        at("a.languageMap", Fault::LanguageTag)
    );
    assert_eq!(
        fault(r#"{"value":1,"@context":{}}"#),
        at("a.@context", Fault::EmbeddedContext)
    );
    assert_eq!(
        fault(r#"{"value":1,"datasetId":"x"}"#),
        at("a.datasetId", Fault::Iri(InvalidIri::NoScheme))
    );
    assert_eq!(
        fault(r#"{"type":"Property","value":1,"observedAt":5}"#),
        at("a.observedAt", Fault::Expected("a text"))
    );
    assert_eq!(fault(r#"{"value":{"x":1,"x":2}}"#), at("a.value.x", Fault::Duplicate));
    assert_eq!(fault(r#"{"value":1,"value":2}"#), at("a.value", Fault::Duplicate));
    assert_eq!(
        fault(r#"{"value":1,"type":"Property","type":"Property"}"#),
        at("a.type", Fault::Duplicate)
    );
    let fault_of = |members| {
        parse_members(members)
            .map_err(|error| (error.path, error.fault))
            .unwrap_err()
    };
    assert_eq!(fault_of(r#""a":1,"a":2"#), at("a", Fault::Duplicate));
    assert_eq!(
        fault_of(r#""description":1,"http://purl.org/dc/terms/description":2"#),
        at("http://purl.org/dc/terms/description", Fault::Duplicate)
    );
    assert_eq!(fault_of(r#""observedAt":1"#), at("observedAt", Fault::Reserved));
    assert_eq!(fault_of(r#""scope":"/1""#), at("scope", Fault::Scope));
    assert!(matches!(fault_of(r#""a b":1"#), (path, Fault::Name(_)) if path == "a b"));
    assert_eq!(fault_of(r#""id":"urn:a:2""#), at("id", Fault::Duplicate));
}

#[test]
fn a_number_that_nobody_can_read_is_refused_where_it_stands() {
    let long = "7".repeat(10_000);
    for (number, invalid) in [
        ("1e400", InvalidNumber::NotFinite),
        ("-1E+999", InvalidNumber::NotFinite),
        (&"9".repeat(310), InvalidNumber::NotFinite),
        (&long, InvalidNumber::TooLong),
    ] {
        for (attribute, path) in [
            ("#", "a"),
            (r#"{"type":"Property","value":#}"#, "a.value"),
            (r#"{"value":1,"b":{"value":#}}"#, "a.b.value"),
            (r#"{"type":"Property","value":{"x":[1,{"y":#}]}}"#, "a.value.x[1].y"),
            (r#"[1,#]"#, "a[1]"),
            (r#"{"type":"JsonProperty","json":{"x":#}}"#, "a.json.x"),
            (r#"{"type":"ListProperty","valueList":[#]}"#, "a.valueList[0]"),
            (
                r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2],"bbox":[#]}}"#,
                "a.value.bbox[0]",
            ),
        ] {
            let read = parse_members(&format!("\"a\":{}", attribute.replace('#', number)));
            if path.contains("bbox") {
                // What a geometry has beside its coordinates is not read, whatever it is.
                assert!(read.is_ok(), "{attribute}");
                continue;
            }
            let error = read.unwrap_err();
            assert_eq!(
                (error.path, error.fault),
                at(path, Fault::Number(invalid)),
                "{attribute}"
            );
        }
    }
    assert_eq!(
        fault(r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[1e400,2]}}"#),
        at("a.value.coordinates[0]", Fault::Number(InvalidNumber::NotFinite))
    );
}

#[test]
fn members_that_stand_twice_are_named_wherever_they_are() {
    for (attribute, path) in [
        (r#"{"value":{"x":[1,{"y":1,"z":2,"y":3}]}}"#, "a.value.x[1].y"),
        (r#"{"value":{"x":1,"\u0078":2}}"#, "a.value.x"),
        (r#"{"json":{"x":{"y":1,"y":1}}}"#, "a.json.x.y"),
        (r#"{"valueList":[1,{"y":1,"y":1}]}"#, "a.valueList[1].y"),
        (r#"{"languageMap":{"ja":"a","en":"b","ja":"c"}}"#, "a.languageMap.ja"),
        (
            r#"{"type":"Point","coordinates":[1,2],"coordinates":[1,2]}"#,
            "a.coordinates",
        ),
        (
            r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2],"type":"Point"}}"#,
            "a.value.type",
        ),
        (
            r#"{"type":"Relationship","object":"urn:a:1","object":"urn:a:1"}"#,
            "a.object",
        ),
        (r#"{"value":1,"unitCode":"MTR","unitCode":"MTR"}"#, "a.unitCode"),
        (
            r#"{"value":1,"observedAt":"2026-01-01T00:00:00Z","observedAt":"2026-01-01T00:00:00Z"}"#,
            "a.observedAt",
        ),
        (r#"{"value":1,"b":1,"b":2}"#, "a.b"),
        (
            r#"{"value":{"@type":"DateTime","@value":"2026-01-01T00:00:00Z","@value":1}}"#,
            "a.value.@value",
        ),
    ] {
        assert_eq!(fault(attribute), at(path, Fault::Duplicate), "{attribute}");
    }
}

#[test]
fn whole_documents_are_judged_too() {
    let parse = |json: &[u8]| parse_entity(json, Context::core()).unwrap_err();
    assert_eq!(parse(br#"{"type":"T"}"#), InvalidEntity::new(Fault::Missing("id")));
    assert_eq!(
        parse(br#"{"id":"urn:a:1"}"#),
        InvalidEntity::new(Fault::Missing("type"))
    );
    assert_eq!(parse(br#"{"id":"a","type":"T"}"#).path, "id");
    assert_eq!(parse(b"\xff").fault, Fault::Encoding);
    assert!(matches!(
        parse(b"{\"id\":\n1,}").fault,
        Fault::Expected(_) | Fault::Json { line: 2, .. }
    ));
    for malformed in [
        "",
        "{",
        r#"{"id":"urn:a:1","type":"T"} x"#,
        r#"{"id":"urn:a:1","type":"T","a":tru}"#,
    ] {
        assert!(parse(malformed.as_bytes()).is_malformed_json(), "{malformed}");
    }
    assert!(!parse(b"[]").is_malformed_json());
    let second = br#"[{"id":"urn:a:1","type":"T"},{"id":"urn:a:2","type":"T","a":{"type":"Property"}}]"#;
    assert_eq!(parse_entities(second, Context::core()).unwrap_err().path, "[1].a");
}

#[test]
fn depth_is_bounded() {
    let mut deep_attribute = "1".to_owned();
    for _ in 0..=MAX_ATTRIBUTE_DEPTH {
        deep_attribute = format!(r#"{{"type":"Property","value":1,"a":{deep_attribute}}}"#);
    }
    assert_eq!(fault(&deep_attribute).1, Fault::TooDeep);
    let deep_value = format!("{}{}", "[".repeat(MAX_VALUE_DEPTH + 1), "]".repeat(MAX_VALUE_DEPTH + 1));
    assert_eq!(
        fault(&format!(r#"{{"type":"Property","value":{deep_value}}}"#)).1,
        Fault::TooDeep
    );
    let deepest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse_members(&format!("\"a\":{deepest}")).is_err());
    assert!(
        parse_members(&format!(
            r#""a":{{"type":"GeoProperty","value":{{"type":"Polygon","coordinates":{deepest}}}}}"#
        ))
        .is_err()
    );
}

#[test]
fn what_is_compared_one_by_one_is_bounded() {
    let list = |count: usize, element: &dyn Fn(usize) -> String| (0..count).map(element).collect::<Vec<_>>().join(",");
    let scope = |number: usize| format!("\"/s{number}\"");
    let scopes = |count| parse_members(&format!("\"scope\":[{}]", list(count, &scope)));
    assert_eq!(scopes(MAX_TYPES_OR_SCOPES).unwrap().scopes.len(), MAX_TYPES_OR_SCOPES);
    assert_eq!(
        scopes(MAX_TYPES_OR_SCOPES + 1).unwrap_err().fault,
        Fault::TooMany(MAX_TYPES_OR_SCOPES)
    );
    let types = format!(
        r#"{{"id":"urn:a:1","type":[{}]}}"#,
        list(101, &|number| format!("\"T{number}\""))
    );
    assert_eq!(
        parse_entity(types.as_bytes(), Context::core()).unwrap_err().path,
        "type"
    );
    let instance = |number| format!(r#"{{"value":1,"datasetId":"urn:d:{number}"}}"#);
    assert_eq!(
        fault(&format!("[{}]", list(MAX_INSTANCES + 1, &instance))).1,
        Fault::TooMany(MAX_INSTANCES)
    );
}

#[test]
fn many_attributes_stay_distinct() {
    let members = (0..100)
        .map(|number| format!("\"a{number}\":1"))
        .collect::<Vec<_>>()
        .join(",");
    assert_eq!(parse_members(&members).unwrap().attributes.len(), 100);
    assert_eq!(
        parse_members(&format!("{members},\"a7\":1")).unwrap_err().fault,
        Fault::Duplicate
    );
}

proptest! {
    #[test]
    fn both_passes_read_the_same(entity in entity()) {
        let mut json = Vec::new();
        let rendering = Rendering { system_attributes: true, ..Rendering::new(Context::core(), Format::Normalized) };
        render_entity(&rendering, &entity, &mut json);
        let text = std::str::from_utf8(&json).unwrap();
        let fast = read_whole::<OneEntity>(text, &Reader::streaming(Context::core()));
        prop_assert_eq!(fast.as_ref().ok(), Some(&entity));
        let thorough = read_whole::<OneEntity>(text, &Reader::thorough(Context::core()));
        prop_assert_eq!(thorough.as_ref().ok(), Some(&entity));
    }

    #[test]
    fn any_text_gives_an_entity_or_an_error(
        members in "([{}\\[\\],:\"]|\"type\":|\"value\":|\"Property\"|\"a\":|null|1|\\PC){0,24}",
    ) {
        let _ = parse_members(&members).map_err(|error| error.to_string());
        let _ = parse_entity(members.as_bytes(), Context::core());
    }

    #[test]
    fn a_cut_document_is_malformed(entity in entity(), cut in any::<proptest::sample::Index>()) {
        let mut json = Vec::new();
        render_entity(&Rendering::new(Context::core(), Format::Normalized), &entity, &mut json);
        json.truncate(cut.index(json.len()));
        prop_assert!(parse_entity(&json, Context::core()).is_err());
    }
}
