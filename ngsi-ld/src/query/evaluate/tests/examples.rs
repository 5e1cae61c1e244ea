//! The examples of clause 4.9, each with the entity that it speaks of.

use crate::context::Context;
use crate::entity::parse::parse_entity;
use crate::query::{Expression, LinkedEntities, ValueExpansion};
use crate::{Entity, EntityId};

fn context() -> Context {
    let document = r#"{"@context":{"Male":"http://example.org/Male","Female":"http://example.org/Female"}}"#;
    Context::from_document(document).unwrap()
}

fn entity(json: &str) -> Entity {
    parse_entity(json.as_bytes(), &context()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// An entity with these members besides `id` and `type`.
fn with(members: &str) -> Entity {
    entity(&format!(
        r#"{{"id":"urn:ngsi-ld:Vehicle:A1","type":"Vehicle",{members}}}"#
    ))
}

fn read(q: &str) -> Expression {
    Expression::parse(q, &context()).unwrap_or_else(|error| panic!("{q}: {error}"))
}

fn check(q: &str, matching: &[Entity], others: &[Entity]) {
    let expression = read(q);
    for entity in matching {
        assert!(expression.matches(entity), "{q}: {entity:?}");
    }
    for entity in others {
        assert!(!expression.matches(entity), "{q}: {entity:?}");
    }
}

#[test]
//= 4.9-6
fn example_0_checks_for_existence() {
    check(
        "temperature",
        &[with(r#""temperature":{"type":"Property","value":0}"#)],
        &[with(r#""humidity":{"type":"Property","value":20}"#)],
    );
}

#[test]
fn example_1_compares_a_number() {
    check(
        "temperature==20",
        &[with(r#""temperature":{"type":"Property","value":20.0}"#)],
        &[
            with(r#""temperature":{"type":"Property","value":21}"#),
            with(r#""temperature":{"type":"Property","value":"20"}"#),
        ],
    );
}

#[test]
fn example_2_excludes_a_text() {
    check(
        r#"brandName!="Mercedes""#,
        &[with(r#""brandName":{"type":"Property","value":"Volvo"}"#)],
        &[
            with(r#""brandName":{"type":"Property","value":"Mercedes"}"#),
            with(r#""a":{"type":"Property","value":1}"#),
        ],
    );
}

#[test]
fn example_3_compares_where_a_relationship_leads_to() {
    let parked = |id: &str| with(&format!(r#""isParked":{{"type":"Relationship","object":"{id}"}}"#));
    check(
        r#"isParked=="urn:ngsi-ld:OffStreetParking:Downtown1""#,
        &[parked("urn:ngsi-ld:OffStreetParking:Downtown1")],
        &[parked("urn:ngsi-ld:OffStreetParking:Downtown2")],
    );
}

#[test]
fn example_4_asks_for_both() {
    let car = |speed: i32, brand: &str| {
        with(&format!(
            r#""speed":{{"type":"Property","value":{speed}}},"brandName":{{"type":"Property","value":"{brand}"}}"#
        ))
    };
    check(
        r#"speed>50;brandName!="Mercedes""#,
        &[car(51, "Volvo")],
        &[car(50, "Volvo"), car(51, "Mercedes")],
    );
}

#[test]
fn example_5_checks_that_a_relationship_exists() {
    check(
        "isMonitoredBy",
        &[with(
            r#""isMonitoredBy":{"type":"Relationship","object":"urn:ngsi-ld:Camera:1"}"#,
        )],
        &[with(r#""speed":{"type":"Property","value":1}"#)],
    );
}

#[test]
fn example_6_associates_in_parentheses() {
    let car = |speed: i32, rpm: i32, brand: &str| {
        with(&format!(
            r#""speed":{speed},"rpm":{rpm},"brandName":{{"type":"Property","value":"{brand}"}}"#
        ))
    };
    check(
        r#"((speed>50|rpm>3000);brandName=="Mercedes")"#,
        &[car(60, 0, "Mercedes"), car(0, 3001, "Mercedes")],
        &[car(50, 3000, "Mercedes"), car(60, 0, "Volvo")],
    );
}

#[test]
fn example_7_takes_and_before_or() {
    let room = |temperature: i32, capacity: i32| with(&format!(r#""temperature":{temperature},"capacity":{capacity}"#));
    check(
        "(temperature>=20;temperature<=25)|capacity<=10",
        &[room(20, 99), room(25, 99), room(0, 10)],
        &[room(19, 11), room(26, 11)],
    );
}

#[test]
fn example_8_follows_the_dots() {
    let at = |time: &str| {
        with(&format!(
            r#""temperature":{{"type":"Property","value":1,"observedAt":"{time}"}}"#
        ))
    };
    check(
        "temperature.observedAt>=2017-12-24T12:00:00Z",
        &[at("2017-12-24T12:00:00Z"), at("2017-12-24T12:00:00.000001Z")],
        &[
            at("2017-12-24T11:59:59.999Z"),
            with(r#""temperature":{"type":"Property","value":1}"#),
        ],
    );
}

#[test]
fn example_9_goes_into_a_compound_value() {
    let place = |city: &str| {
        entity(&format!(
            r#"{{"id":"urn:ngsi-ld:placedescription:123","type":"PlaceDescription",
                "address":{{"type":"Property","value":{{"city":"{city}","street":"Ulrich Strasse"}}}}}}"#
        ))
    };
    check(r#"address[city]=="Berlin""#, &[place("Berlin")], &[place("Bonn")]);
}

#[test]
fn example_10_goes_into_the_value_of_a_sub_attribute() {
    let measured = |particulate: i32| {
        entity(&format!(
            r#"{{"id":"urn:ngsi-ld:particulatemeasurement:345","type":"ParticulateMeasurement",
                "sensor":{{"type":"Property","value":40,
                    "rawdata":{{"type":"Property","value":{{"airquality":{{"particulate":{particulate},"PM20":85}}}}}}}}}}"#
        ))
    };
    check(
        "sensor.rawdata[airquality.particulate]==40",
        &[measured(40)],
        &[measured(41)],
    );
}

#[test]
//= 4.9-14
fn example_11_looks_into_json_as_it_is() {
    let car = |value: &str| {
        entity(&format!(
            r#"{{"id":"urn:ngsi-ld:Car:6152s","type":"Car","parkingTickets":{{"type":"JsonProperty",
                "json":{{"id":"85a6cc52-0589-45f9","value":"{value}","at":{{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}}}}}}}}"#
        ))
    };
    let values = ValueExpansion {
        expand: Vec::new(),
        json: vec![context().expand_attribute("parkingTickets").unwrap()],
    };
    let ticket = |q: &str| Expression::parse_with(q, &context(), &values).unwrap();
    let overstay = ticket(r#"parkingTickets[value]=="Overstay 60 minutes""#);
    assert!(overstay.matches(&car("Overstay 60 minutes")));
    assert!(!overstay.matches(&car("No ticket")));
    // What is a typed value elsewhere is an object here.
    assert!(!ticket("parkingTickets[at]==2026-01-01T00:00:00Z").matches(&car("x")));
    assert!(ticket(r#"parkingTickets[at.@value]=="2026-01-01T00:00:00Z""#).matches(&car("x")));
    let property =
        with(r#""at":{"type":"Property","value":{"x":{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}}}"#);
    assert!(read("at[x]==2026-01-01T00:00:00Z").matches(&property));
}

#[test]
//= 4.9-14, 5.7.2.3-2, 6.4.3.2-8
fn example_12_expands_the_value_first() {
    let person = |gender: &str| {
        entity(&format!(
            r#"{{"id":"urn:ngsi-ld:Person:678","type":"Person","gender":{{"type":"VocabProperty","vocab":{gender}}}}}"#
        ))
    };
    let values = ValueExpansion {
        expand: vec![context().expand_attribute("gender").unwrap()],
        json: Vec::new(),
    };
    for (q, male, female, both) in [
        ("gender==Male", true, false, true),
        (r#"gender=="Male""#, true, false, true),
        ("gender!=Male", false, true, false),
        (r#"gender==Male,"Female""#, true, true, true),
        ("gender==http://example.org/Male", true, false, true),
    ] {
        let expression = Expression::parse_with(q, &context(), &values).unwrap_or_else(|error| panic!("{q}: {error}"));
        assert_eq!(expression.matches(&person(r#""Male""#)), male, "{q}");
        assert_eq!(expression.matches(&person(r#""Female""#)), female, "{q}");
        assert_eq!(expression.matches(&person(r#"["Female","Male"]"#)), both, "{q}");
    }
    // Without `expandValues` a text is a text, and a term of the vocabulary is an IRI.
    assert!(!read(r#"gender=="Male""#).matches(&person(r#""Male""#)));
    assert!(read("gender==http://example.org/Male").matches(&person(r#""Male""#)));
    assert!(Expression::parse("gender==Male", &context()).is_err());
}

struct Devices(Vec<Entity>);

impl LinkedEntities for Devices {
    fn linked(&self, id: &EntityId) -> Option<&Entity> {
        self.0.iter().find(|entity| entity.id == *id)
    }
}

fn station_and_device() -> (Entity, Devices) {
    let station = entity(
        r#"{"id":"urn:ngsi-ld:WeatherStation:123","type":"WeatherStation",
            "sensor":{"type":"Relationship","objectType":"Device","object":"urn:ngsi-ld:Device:345"}}"#,
    );
    let device = entity(
        r#"{"id":"urn:ngsi-ld:Device:345","type":"Device","humidity":{"type":"Property","value":40},
            "madeBy":{"type":"ListRelationship","objectList":[{"object":"urn:ngsi-ld:Maker:1"},{"object":"urn:ngsi-ld:Maker:2"}]}}"#,
    );
    let maker = entity(r#"{"id":"urn:ngsi-ld:Maker:2","type":"Maker","name":{"type":"Property","value":"佐野計器"}}"#);
    (station, Devices(vec![device, maker]))
}

#[test]
//= 4.9-8
fn example_13_follows_a_relationship() {
    let (station, devices) = station_and_device();
    for (q, expected) in [
        ("sensor{humidity}==40", true),
        ("sensor{humidity}", true),
        ("sensor{humidity}!=41", true),
        ("sensor{humidity}==41", false),
        ("sensor{temperature}", false),
        ("sensor{temperature}!=1", false),
        (r#"sensor{madeBy{name}}=="佐野計器""#, true),
        (r#"sensor{madeBy{name}}=="別の会社""#, false),
    ] {
        assert_eq!(read(q).matches_linked(&station, &devices), expected, "{q}");
    }
    assert!(!read("sensor{humidity}==40").matches_linked(&station, &Devices(Vec::new())));
}

#[test]
fn example_14_takes_the_type_as_a_hint() {
    let (station, devices) = station_and_device();
    for (q, expected) in [
        ("sensor{Device:humidity}==40", true),
        ("sensor{Room,Device:humidity}==40", true),
        ("sensor{Room:humidity}==40", false),
        (r#"sensor{Device:madeBy{Maker:name}}~=佐野.*"#, true),
        (r#"sensor{Device:madeBy{Device:name}}~=佐野.*"#, false),
    ] {
        assert_eq!(read(q).matches_linked(&station, &devices), expected, "{q}");
    }
}
