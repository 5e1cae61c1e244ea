//! Each line of the tables of what NGSI-v2 says and what the view shows.

use std::sync::Arc;

use ngsi_ld::context::Context;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Geometry, Instance, Json, Number, Position, Value};
use ngsi_ld::{AttributeName, Entity};

use super::*;
use kakehashi_contract::Flaw;

pub(super) fn context_of(types: &[&str]) -> TranslationContext {
    let context = Arc::clone(Context::core());
    let mut context = TranslationContext {
        types: types
            .iter()
            .map(|short| ProvidedType {
                name: context.expand_type(short).unwrap(),
                short: (*short).into(),
            })
            .collect(),
        context,
        attributes: AttributeSelection::All,
        system_attributes: false,
        object_types: Arc::default(),
        scopes: false,
        tables: Arc::default(),
    };
    let declared = [("owner".into(), "Organization".into())];
    context.object_types = Arc::new(ObjectTypes::new(&context.types, &declared));
    context
}

fn translate(entity: &str) -> Entity {
    let body = format!("[{entity}]");
    let mut entities = translate_entities(body.as_bytes(), &context_of(&["Room", "Building"])).unwrap();
    assert_eq!(entities.len(), 1);
    entities.remove(0)
}

fn name(short: &str) -> AttributeName {
    Context::core().expand_attribute(short).unwrap()
}

/// The only instance of the attribute `a` that has this type, value and metadata.
fn instance_named(attribute: &str, r#type: &str, value: &str, metadata: &str) -> Option<Instance> {
    let entity = translate(&format!(
        r#"{{"id":"R1","type":"Room","{attribute}":{{"type":"{type}","value":{value},"metadata":{metadata}}}}}"#
    ));
    let Attribute { instances, .. } = entity.attributes.into_iter().next()?;
    instances.into_iter().next()
}

fn value(r#type: &str, value: &str) -> Option<AttributeValue> {
    instance_named("a", r#type, value, "{}").map(|instance| instance.value)
}

fn property(value: Value) -> Option<AttributeValue> {
    Some(AttributeValue::Property(value))
}

fn date(text: &str) -> DateTime {
    DateTime::parse(text).unwrap()
}

#[test]
fn a_recorded_entity_of_orion_is_the_entity_of_the_view() {
    let entity = translate(
        r#"{"id":"urn:ngsi-ld:Room:001","type":"Room","location":{"type":"geo:json","value":{"type":"Point","coordinates":[24.94,60.17]},"metadata":{}},"name":{"type":"Text","value":"lab","metadata":{}},"nothing":{"type":"None","value":null,"metadata":{}},"open":{"type":"Boolean","value":true,"metadata":{}},"refBuilding":{"type":"Relationship","value":"urn:ngsi-ld:Building:9","metadata":{}},"tags":{"type":"StructuredValue","value":["a",1,{"x":2}],"metadata":{}},"temperature":{"type":"Number","value":21.5,"metadata":{"observedAt":{"type":"DateTime","value":"2026-01-01T10:00:00.000Z"},"unitCode":{"type":"Text","value":"CEL"}}}}"#,
    );
    let attribute = |short, value| Attribute::new(name(short), Instance::new(value));
    let mut expected = Entity::new(
        ngsi_ld::EntityId::parse("urn:ngsi-ld:Room:001").unwrap(),
        Context::core().expand_type("Room").unwrap(),
    );
    let mut temperature = Instance::new(AttributeValue::Property(Value::Number(Number::Float(21.5))));
    temperature.observed_at = Some(date("2026-01-01T10:00:00Z"));
    temperature.unit_code = Some("CEL".into());
    let building = ngsi_ld::EntityId::parse("urn:ngsi-ld:Building:9").unwrap();
    expected.attributes = vec![
        attribute(
            "location",
            AttributeValue::GeoProperty(Box::new(Geometry::point(24.94, 60.17).unwrap())),
        ),
        attribute("name", AttributeValue::Property("lab".into())),
        attribute("open", AttributeValue::Property(true.into())),
        attribute("refBuilding", AttributeValue::relationship(building)),
        attribute(
            "tags",
            AttributeValue::Property(Value::Json(Json::parse(r#"["a",1,{"x":2}]"#).unwrap())),
        ),
        Attribute::new(name("temperature"), temperature),
    ];
    assert_eq!(entity, expected);
}

#[test]
fn an_id_that_is_no_uri_becomes_a_urn() {
    assert_eq!(
        translate(r#"{"id":"R 1","type":"Room"}"#).id.as_str(),
        "urn:ngsi-ld:Room:R%201"
    );
}

#[test]
fn values_are_properties_of_their_own_kind() {
    assert_eq!(value("Text", r#""佐野\n\"市\"""#), property("佐野\n\"市\"".into()));
    assert_eq!(value("Text", r#""""#), property("".into()));
    assert_eq!(value("Number", "-3"), property(Value::Number(Number::Integer(-3))));
    let large = "9.2233720368547758e+18";
    assert_eq!(
        value("Number", large),
        property(Value::Number(Number::Text(large.into())))
    );
    assert_eq!(value("Boolean", "false"), property(false.into()));
    assert_eq!(value("TextUnrestricted", r#""a<b;c""#), property("a<b;c".into()));
    assert_eq!(value("MyType", "7"), property(Value::Number(Number::Integer(7))));
    let json = Json::parse(r#"{"x":[1,{"@type":"@json","@value":null}]}"#).unwrap();
    assert_eq!(
        value("StructuredValue", r#"{ "x" : [ 1, null ], "y": null }"#),
        property(Value::Json(json))
    );
}

#[test]
fn null_is_left_out_whatever_its_type() {
    for r#type in [
        "None",
        "Text",
        "Number",
        "DateTime",
        "geo:json",
        "geo:point",
        "Relationship",
        "X",
    ] {
        assert_eq!(value(r#type, "null"), None, "{type}");
    }
    let without_value = translate(r#"{"id":"R1","type":"Room","a":{"type":"Number"}}"#);
    assert_eq!(without_value.attributes, []);
}

#[test]
fn dates_end_in_z_and_a_time_without_zone_is_utc() {
    for (text, utc) in [
        ("2026-01-01T10:00:00.000Z", "2026-01-01T10:00:00Z"),
        ("2026-01-01T10:00:00+09:00", "2026-01-01T01:00:00Z"),
        ("2026-01-01T10:00:00", "2026-01-01T10:00:00Z"),
        ("2026-01-01", "2026-01-01T00:00:00Z"),
    ] {
        for r#type in ["DateTime", "ISO8601"] {
            assert_eq!(
                value(r#type, &format!("\"{text}\"")),
                property(Value::DateTime(date(utc))),
                "{text}"
            );
        }
        assert_eq!(value("Text", &format!("\"{text}\"")), property(text.into()));
    }
    assert_eq!(value("DateTime", r#""soon""#), property("soon".into()));
}

#[test]
fn places_are_geometries_with_the_longitude_first() {
    let geo = |r#type: &str, json: &str| match value(r#type, json) {
        Some(AttributeValue::GeoProperty(geometry)) => Some(*geometry),
        None => None,
        other => panic!("{other:?}"),
    };
    let at = Position::new;
    assert_eq!(
        geo("geo:point", r#""60.2055, 24.6559""#),
        Some(Geometry::Point(at(24.6559, 60.2055)))
    );
    assert_eq!(
        geo("geo:line", r#"["60.1, 24.5","60.3,25.1"]"#),
        Some(Geometry::LineString(vec![at(24.5, 60.1), at(25.1, 60.3)]))
    );
    assert_eq!(
        geo("geo:box", r#"["60.5, 25.5","60.0, 24.0"]"#),
        Some(Geometry::Polygon(vec![vec![
            at(24.0, 60.0),
            at(25.5, 60.0),
            at(25.5, 60.5),
            at(24.0, 60.5),
            at(24.0, 60.0)
        ]]))
    );
    assert_eq!(
        geo("geo:polygon", r#"["0,0","0,1","1,1","0,0"]"#),
        Some(Geometry::Polygon(vec![vec![
            at(0.0, 0.0),
            at(1.0, 0.0),
            at(1.0, 1.0),
            at(0.0, 0.0)
        ]]))
    );
    let feature = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}"#;
    assert_eq!(geo("geo:json", feature), Some(Geometry::Point(at(1.0, 2.0))));
    assert_eq!(
        geo("geo:json", r#"{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}"#),
        Some(Geometry::MultiPoint(vec![at(1.0, 2.0), at(3.0, 4.0)]))
    );
    for impossible in [r#""139.6, 36.4""#, r#""north""#, "5", r#"["1,2"]"#] {
        assert_eq!(geo("geo:point", impossible), None, "{impossible}");
    }
}

#[test]
fn relationships_have_objects_that_lead_back() {
    let objects =
        |attribute: &str, json: &str, metadata: &str| match instance_named(attribute, "Relationship", json, metadata)
            .unwrap()
            .value
        {
            AttributeValue::Relationship { objects, .. } => objects
                .iter()
                .map(|object| object.as_str().to_owned())
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
    assert_eq!(objects("a", r#""urn:x:1""#, "{}"), ["urn:x:1"]);
    assert_eq!(objects("a", r#"["urn:x:1","urn:x:2"]"#, "{}"), ["urn:x:1", "urn:x:2"]);
    assert_eq!(objects("a", r#""B9""#, "{}"), ["urn:ngsi-ld:Thing:B9"]);
    assert_eq!(objects("refBuilding", r#""B9""#, "{}"), ["urn:ngsi-ld:Building:B9"]);
    assert_eq!(
        objects("refHall", r#""B9""#, "{}"),
        ["urn:ngsi-ld:Thing:B9"],
        "not of this source"
    );
    assert_eq!(objects("owner", r#""B9""#, "{}"), ["urn:ngsi-ld:Organization:B9"]);
    let said = r#"{"entityType":{"type":"Text","value":"Hall"}}"#;
    assert_eq!(objects("refBuilding", r#""B9""#, said), ["urn:ngsi-ld:Hall:B9"]);
    assert_eq!(value("Relationship", "5"), property(Value::Number(Number::Integer(5))));
}

#[test]
fn metadata_become_what_the_view_has_for_them() {
    let instance = instance_named(
        "a",
        "Number",
        "1",
        r#"{"TimeInstant":{"type":"ISO8601","value":"2026-01-01T10:00:00+09:00"},"unitCode":{"type":"Text","value":"CEL"},"accuracy":{"type":"Number","value":0.5},"nothing":{"type":"Text","value":null},"value":{"type":"Text","value":"x"},"observedAt":{"type":"Text","value":"yesterday"},"dateCreated":{"type":"DateTime","value":"2026-01-01T10:00:00.000Z"}}"#,
    )
    .unwrap();
    assert_eq!(instance.observed_at, Some(date("2026-01-01T01:00:00Z")));
    assert_eq!(instance.unit_code.as_deref(), Some("CEL"));
    assert_eq!(instance.system.dates(), None, "not asked for");
    let shown: Vec<_> = instance
        .sub_attributes
        .iter()
        .map(|sub_attribute| Context::core().compact(sub_attribute.name.as_str()).into_owned())
        .collect();
    assert_eq!(shown, ["accuracy", "%76alue", "%6FbservedAt"]);
}

#[test]
fn builtin_dates_are_system_attributes_where_they_are_wanted() {
    let body = br#"[{"id":"R1","type":"Room","dateCreated":{"type":"DateTime","value":"2026-01-01T10:00:00.000Z","metadata":{}},"dateModified":{"type":"DateTime","value":"2026-01-02T10:00:00.000Z","metadata":{}},"dateExpires":{"type":"DateTime","value":"2027-01-01T00:00:00.000Z","metadata":{}},"a":{"type":"Number","value":1,"metadata":{"dateModified":{"type":"DateTime","value":"2026-01-02T10:00:00.000Z"}}}}]"#;
    let mut context = context_of(&["Room"]);
    let plain = translate_entities(body, &context).unwrap();
    assert_eq!((plain[0].system.dates(), plain[0].attributes.len()), (None, 1));
    context.system_attributes = true;
    let entity = &translate_entities(body, &context).unwrap()[0];
    let dates = entity.system.dates().unwrap();
    assert_eq!(dates.created_at, Some(date("2026-01-01T10:00:00Z")));
    assert_eq!(dates.modified_at, Some(date("2026-01-02T10:00:00Z")));
    assert_eq!(dates.expires_at, Some(date("2027-01-01T00:00:00Z")));
    let attribute = &entity.attributes[0].instances[0];
    assert_eq!(attribute.system.modified_at(), Some(&date("2026-01-02T10:00:00Z")));
}

#[test]
fn the_order_of_members_does_not_matter() {
    let usual = r#"{"id":"R1","type":"Room","a":{"type":"geo:point","value":"1,2","metadata":{"x":{"type":"DateTime","value":"2026-01-01"}}}}"#;
    let turned = r#"{"a":{"metadata":{"x":{"value":"2026-01-01","type":"DateTime"}},"value":"1,2","type":"geo:point"},"type":"Room","id":"R1"}"#;
    assert_eq!(translate(usual), translate(turned));
}

#[test]
fn two_terms_for_one_attribute_are_one_attribute() {
    let document = r#"{"@context":{"x":"https://example.org/a","y":"https://example.org/a"}}"#;
    let context = TranslationContext {
        context: Arc::new(Context::from_document(document).unwrap()),
        ..context_of(&["Room"])
    };
    let body = br#"[{"id":"1","type":"Room","x":{"value":1},"y":{"value":2}},{"id":"2","type":"Room","y":{"value":2},"x":{"value":1}},{"id":"3","type":"Room","y":{"value":3}}]"#;
    let entities = translate_entities(body, &context).unwrap();
    let values: Vec<_> = entities
        .iter()
        .map(|entity| {
            assert_eq!(entity.attributes.len(), 1);
            entity.attributes[0].instances[0].value.clone()
        })
        .collect();
    let number = |number: i64| AttributeValue::Property(Value::Number(number.into()));
    assert_eq!(values, [number(1), number(2), number(3)]);
    let body = br#"[{"id":"1","type":"Room","a":{"value":0,"metadata":{"y":{"value":2},"x":{"value":1}}}}]"#;
    let metadata = translate_entities(body, &context).unwrap()[0].attributes[0].instances[0]
        .sub_attributes
        .clone();
    assert_eq!(metadata.len(), 1, "also of an attribute");
    assert_eq!(metadata[0].instances[0].value, number(2));
}

#[test]
fn what_is_not_wanted_is_left_out() {
    let body = br#"[{"id":"1","type":"Room","a":{"type":"Number","value":1},"b":{"type":"Number","value":2}},{"id":"2","type":"Resident","a":{"type":"Number","value":1}}]"#;
    let mut context = context_of(&["Room"]);
    context.attributes = AttributeSelection::only(vec![name("b")]);
    let page = translate_page(body, &context).unwrap();
    assert_eq!((page.listed, page.yielded.len()), (2, 1));
    let entity = page.yielded.into_iter().find_map(Yielded::entity).unwrap();
    let names: Vec<_> = entity.attributes.iter().map(|attribute| &attribute.name).collect();
    assert_eq!(names, [&name("b")]);
    context.attributes = AttributeSelection::only(vec![]);
    assert_eq!(translate_entities(body, &context).unwrap()[0].attributes, []);
}

#[test]
fn a_list_has_no_more_elements_than_one_answer_may() {
    let list_of = |element: &str, count: usize| format!("[{}]", vec![element; count].join(","));
    for element in [
        "0",
        "{}",
        "[]",
        r#"{"id":"a","type":"T"}"#,
        r#"{"id":"a","type":"Other"}"#,
    ] {
        let too_many = list_of(element, MOST_LISTED + 1);
        let read = translate_page(too_many.as_bytes(), &context_of(&["T"]));
        assert_eq!(
            read.map(|page| page.listed),
            Err(TranslationError::TooMany),
            "{element}"
        );
    }
    let all = list_of("{}", MOST_LISTED);
    assert_eq!(
        translate_page(all.as_bytes(), &context_of(&["T"])).unwrap().listed,
        MOST_LISTED
    );
}

#[test]
fn what_is_no_answer_is_an_error_that_quotes_nothing() {
    let fails = |body: &[u8]| translate_entities(body, &context_of(&["Room"])).unwrap_err();
    assert_eq!(fails(b""), TranslationError::Empty);
    assert_eq!(fails(b" \n"), TranslationError::Empty);
    assert_eq!(fails(b"<html>"), TranslationError::NotAList);
    assert_eq!(fails(br#"{"error":"BadRequest"}"#), TranslationError::NotAList);
    assert_eq!(fails(b"[\"\xff\""), TranslationError::Encoding);
    assert_eq!(fails(b"\"\xff\""), TranslationError::Encoding);
    for broken in [
        r#"[{"id":"#,
        "[]x",
        r#"[{"id":"1","type":"Room"}"#,
        r#"[{"id":"1","type":"Room"},,{"id":"2","type":"Room"}]"#,
        r#"["canary"]]"#,
    ] {
        let error = fails(broken.as_bytes());
        assert!(matches!(error, TranslationError::Malformed { .. }), "{broken}: {error}");
        assert!(!error.to_string().contains("canary"));
    }
}

#[test]
fn an_entity_that_is_wrong_costs_itself_alone() {
    for wrong in [
        r#"{"id":1,"type":"Room"}"#,
        r#"{"id":"2"}"#,
        r#"{"id":"2","type":["Room"]}"#,
        r#"{"id":"2","type":"Room","a":21}"#,
        r#"{"id":"2","type":"Room","a":{"type":5,"value":1}}"#,
        r#"{"id":"2","type":"Room","a":{"value":1,"metadata":[]}}"#,
        r#"{"id":"2","type":"Room","\ud800":{"value":1}}"#,
        r#"{"id":"2","type":"Room",}"#,
        r#"{"id":"2""type":"Room"}"#,
        "null",
        "7",
    ] {
        let entity = |id: &str| format!(r#"{{"id":"{id}","type":"Room","a":{{"value":"]}},{{"}}}}"#);
        for list in [
            [wrong, &entity("1"), &entity("3")],
            [&entity("1"), wrong, &entity("3")],
            [&entity("1"), &entity("3"), wrong],
        ] {
            let place = list.iter().position(|text| *text == wrong).unwrap();
            let page =
                translate_page(format!(" [ {} ] ", list.join(" , ")).as_bytes(), &context_of(&["Room"])).unwrap();
            assert_eq!((page.listed, page.yielded.len()), (3, 3), "{wrong}");
            assert_eq!(page.yielded[place], Yielded::LeftOut(Flaw::Malformed), "{wrong}");
            let ids: Vec<_> = page
                .yielded
                .into_iter()
                .filter_map(Yielded::entity)
                .map(|entity| entity.id)
                .collect();
            assert_eq!(ids.len(), 2, "{wrong}");
        }
        let alone = translate_page(format!("[{wrong}]").as_bytes(), &context_of(&["Room"])).unwrap();
        assert_eq!(alone.yielded, [Yielded::LeftOut(Flaw::Malformed)], "{wrong}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let flaw = |list: &[u8]| {
        let mut page = translate_page(list, &context_of(&["Room"])).unwrap();
        match page.yielded.pop() {
            Some(Yielded::LeftOut(flaw)) if page.yielded.is_empty() => flaw,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(flaw(br#"[{"type":"Room"}]"#), Flaw::NoId);
    assert_eq!(flaw(b"[{}]"), Flaw::NoId);
    assert_eq!(flaw(b"[{\"id\":\"\xff\",\"type\":\"Room\"}]"), Flaw::NotUtf8);
    assert_eq!(
        flaw(br#"[{"id":"1","type":"Room","a":{"value":NaN}}]"#),
        Flaw::NumberNotFinite
    );
    // What some programs write before every text is no fault.
    assert_eq!(
        translate_entities(b"\xEF\xBB\xBF[]", &context_of(&["Room"])),
        Ok(Vec::new())
    );
}

#[test]
fn features_become_places_and_what_is_no_place_stays_what_it_says() {
    let read = |json: &str| {
        let body = format!(r#"[{{"id":"1","type":"Room","a":{{"type":"geo:json","value":{json}}}}}]"#);
        let page = translate_page(body.as_bytes(), &context_of(&["Room"])).unwrap();
        let entity = page.yielded.into_iter().find_map(Yielded::entity).unwrap();
        let value = entity
            .attributes
            .into_iter()
            .next()
            .map(|mut one| one.instances.remove(0).value);
        (value.unwrap(), page.noticed.reshaped)
    };
    let point = r#"{"type":"Point","coordinates":[1,2]}"#;
    let line = r#"{"type":"LineString","coordinates":[[1,2],[3,4]]}"#;
    let feature = |geometry: &str| format!(r#"{{"type":"Feature","properties":{{"a":null}},"geometry":{geometry}}}"#);
    let features = |all: &[String]| format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, all.join(","));
    let collection = |all: &[&str]| format!(r#"{{"geometries":[{}],"type":"GeometryCollection"}}"#, all.join(","));
    let both = || Geometry::collected(vec![Geometry::parse(point).unwrap(), Geometry::parse(line).unwrap()]).unwrap();
    for (json, geometry, became) in [
        (feature(point), Geometry::parse(point).unwrap(), "geometry"),
        (features(&[feature(point)]), Geometry::parse(point).unwrap(), "geometry"),
        (
            features(&[feature("null"), feature(point)]),
            Geometry::parse(point).unwrap(),
            "geometry",
        ),
        (features(&[feature(point), feature(line)]), both(), "collection"),
        (features(&[feature(&collection(&[point, line]))]), both(), "collection"),
        (collection(&[point, line]), both(), ""),
        (collection(&[&collection(&[point]), line]), both(), ""),
        (collection(&[point]), Geometry::parse(point).unwrap(), ""),
    ] {
        let (value, reshaped) = read(&json);
        assert_eq!(value, AttributeValue::GeoProperty(Box::new(geometry)), "{json}");
        let counted = reshaped.by_name().map(|(name, count)| (name, count > 0));
        assert!(
            counted
                .into_iter()
                .all(|(name, is_counted)| is_counted == (name == became)),
            "{json}: {counted:?}"
        );
    }
    let deep = (0..20).fold(point.to_owned(), |inner, _| collection(&[&inner]));
    for json in [
        feature("null"),
        features(&[]),
        features(&[feature("null")]),
        features(&[feature(point), feature(r#"{"type":"Point","coordinates":[1,95]}"#)]),
        features(&[point.to_owned()]),
        collection(&[]),
        collection(&["5"]),
        deep,
        r#"{"type":"Point","coordinates":[500,2]}"#.to_owned(),
        r#"{"name":"somewhere","x":null}"#.to_owned(),
        "[1,2]".to_owned(),
    ] {
        let (value, reshaped) = read(&json);
        assert_eq!(
            value,
            AttributeValue::JsonProperty(Json::parse(&json).unwrap()),
            "{json}"
        );
        assert_eq!(
            (reshaped.json, reshaped.geometry, reshaped.collection),
            (1, 0, 0),
            "{json}"
        );
    }
}

#[test]
fn a_place_that_the_source_ignores_is_noticed() {
    for (kind, said, is_ignored) in [
        ("geo:point", "true", true),
        ("geo:json", "true", true),
        ("geo:point", "false", false),
        ("geo:point", r#""true""#, false),
        ("Text", "true", false),
    ] {
        let body = format!(
            r#"[{{"id":"1","type":"Room","a":{{"metadata":{{"ignoreType":{{"type":"Boolean","value":{said}}}}},"type":"{kind}","value":"1,2"}}}}]"#
        );
        let page = translate_page(body.as_bytes(), &context_of(&["Room"])).unwrap();
        assert_eq!(page.noticed.ignores_a_place, is_ignored, "{kind} {said}");
    }
}

#[test]
fn metadata_that_is_no_object_costs_neither_its_attribute_nor_the_entity() {
    for wrong in ["\"架空山\"", "7", "-7", "1.5", "true", "null", "[]", "[{\"value\":1}]"] {
        let list = format!(
            r#"[{{"id":"1","type":"Room","a":{{"value":1,"metadata":{{"managerName":{wrong},"accuracy":{{"value":2}}}}}}}}]"#
        );
        let page = translate_page(list.as_bytes(), &context_of(&["Room"])).unwrap();
        assert_eq!(page.noticed.unreadable_metadata, 1, "{wrong}");
        let entity = page.yielded.into_iter().find_map(Yielded::entity).unwrap();
        let inner = &entity.attributes[0].instances[0].sub_attributes;
        assert_eq!(inner.len(), 1, "{wrong}");
        assert!(inner[0].name.as_str().ends_with("accuracy"));
    }
}
