//! The meaning of `q`, by the examples and the rules of clause 4.9.

use smallvec::smallvec;

use crate::entity::{Attribute, AttributeValue, Geometry, Instance, Json, Number, ObjectTypes, TemporalType, Value};
use crate::query::fixture::{attribute, date, entity, json, property, read_query};
use crate::{Entity, EntityId, Iri};

/// Which of the queries match an entity with one attribute.
fn check(name: &'static str, instance: Instance, matching: &[&str], others: &[&str]) {
    check_entity(&entity([(name, instance)]), matching, others);
}

fn check_entity(entity: &Entity, matching: &[&str], others: &[&str]) {
    for query in matching {
        assert!(read_query(query).matches(entity), "{query} should match");
    }
    for query in others {
        assert!(!read_query(query).matches(entity), "{query} should not match");
    }
}

fn id(text: &str) -> EntityId {
    EntityId::parse(text).unwrap()
}

fn number(text: &str) -> Value {
    Value::Number(Number::parse(text).unwrap())
}

fn date_time(text: &str) -> Value {
    Value::DateTime(date(text))
}

#[test]
//= 4.9-10
fn a_missing_target_matches_nothing_not_even_what_is_negated() {
    let queries = [
        "a",
        "a==1",
        "a!=1",
        "a<1",
        "a>=1",
        "a~=.*",
        "a!~=x",
        "a==1..2",
        "a!=1..2",
        "speed.a",
        "speed.a!=1",
        "speed[a]",
        "speed[a]!=1",
        "speed.observedAt",
        "modifiedAt",
        "createdAt!=2020-01-01T00:00:00Z",
    ];
    check("speed", property(number("5")), &["speed"], &queries);
}

#[test]
fn numbers_compare_by_value() {
    check(
        "speed",
        property(number("50.0")),
        &[
            "speed==50",
            "speed==5e1",
            "speed!=51",
            "speed>49.9",
            "speed>=50",
            "speed<=50",
            "speed<51",
            "speed==10..50",
            "speed==50..50",
            "speed!=10..49",
            "speed==1,50",
            "speed!=1,2",
            r#"speed!="50""#,
            "speed!=true",
        ],
        &[
            "speed==51",
            "speed>50",
            "speed<50",
            "speed!=50",
            "speed==51..60",
            "speed!=50..51",
            "speed==60..40",
            r#"speed=="50""#,
            r#"speed>"4""#,
            "speed~=50",
            "speed!~=50",
            "speed!=1,50",
            "speed==1..\"z\"",
        ],
    );
}

#[test]
fn texts_compare_by_code_point_and_patterns_are_found_anywhere() {
    check(
        "名称",
        property("佐野市役所"),
        &[
            r#"名称=="佐野市役所""#,
            r#"名称!="佐野""#,
            r#"名称>"佐""#,
            r#"名称<"佐野市役所1""#,
            "名称~=佐野",
            "名称~=野市",
            "名称~=^佐野.*所$",
            "名称!~=^佐野$",
            "名称!~=旧",
            r#"名称=="あ".."鿿""#,
            r#"名称=="x","佐野市役所""#,
        ],
        &[
            r#"名称=="佐野""#,
            "名称~=^佐野$",
            "名称~=^市",
            "名称~=市$",
            "名称!~=野",
            "名称!~=役所$",
            "名称==5",
            "名称>5",
            "名称!=\"佐野市役所\"",
        ],
    );
}

#[test]
//= 4.9-9, 4.9-13
fn booleans_dates_and_times_compare_within_their_type() {
    check(
        "open",
        property(true),
        &["open==true", "open!=false", "open!=1"],
        &["open==false", "open==1", "open!=true"],
    );
    check(
        "at",
        property(date_time("2026-01-01T10:00:00.5Z")),
        &[
            "at==2026-01-01T10:00:00.500Z",
            "at>2026-01-01T10:00:00Z",
            "at<=2026-01-01T10:00:01Z",
            "at==2026-01-01T00:00:00Z..2026-02-01T00:00:00Z",
            "at!=2026-01-01",
            r#"at!="2026-01-01T10:00:00.5Z""#,
        ],
        &[
            "at==2026-01-01",
            "at>2026-01-01",
            r#"at=="2026-01-01T10:00:00.5Z""#,
            "at~=2026.*",
            "at!~=2025.*",
        ],
    );
    let temporal = |r#type, text: &str| {
        property(Value::Temporal {
            r#type,
            value: text.into(),
        })
    };
    check(
        "day",
        temporal(TemporalType::Date, "2026-04-01"),
        &[
            "day==2026-04-01",
            "day>2026-03-31",
            "day==2026-04-01..2026-05-01",
            "day<2026-04-02",
        ],
        &["day<2026-04-01", "day==04:00:00Z"],
    );
    check(
        "time",
        temporal(TemporalType::Time, "10:00:00.50Z"),
        &["time==10:00:00,5Z", "time>10:00:00.09Z", "time==10:00:00Z..11:00:00Z"],
        &["time>10:00:00.5Z", "time==2026-01-01"],
    );
}

#[test]
//= 4.9-11
fn arrays_contain_or_do_not_contain_and_have_no_order() {
    for instance in [
        property(json(r#"["blue","red","green",["gold"],{"a":"grey"},null]"#)),
        Instance::new(AttributeValue::ListProperty(
            Json::parse(r#"["blue","red","green"]"#).unwrap(),
        )),
    ] {
        check(
            "color",
            instance,
            &[
                "color",
                r#"color=="red""#,
                r#"color=="black","red""#,
                r#"color!="black""#,
                r#"color!="black","x""#,
            ],
            &[
                r#"color=="black""#,
                r#"color=="gold""#,
                r#"color=="grey""#,
                r#"color!="red""#,
                r#"color!="black","red""#,
                r#"color>"a""#,
                r#"color=="a".."z""#,
                "color~=red",
                "color!~=black",
            ],
        );
    }
    check(
        "x",
        property(json(
            "[1,2.0,{\"@type\":\"DateTime\",\"@value\":\"2026-01-01T00:00:00Z\"}]",
        )),
        &["x==2", "x==2026-01-01T00:00:00.0Z", "x!=3", "x!=0..9"],
        &["x>0", "x==0..9"],
    );
    check("x", property(json("[]")), &["x", "x!=3"], &["x==3"]);
}

#[test]
//= 4.9-5
fn one_instance_is_enough() {
    let mut vehicle = entity([("speed", property(number("50")))]);
    let mut gps = property(number("60"));
    gps.dataset_id = Some(Iri::new("urn:gps"));
    gps.unit_code = Some("KMH".into());
    gps.observed_at = Some(date("2026-01-01T00:00:00Z"));
    vehicle.attributes[0].instances.push(gps);
    check_entity(
        &vehicle,
        &[
            "speed==50",
            "speed==60",
            "speed!=50",
            "speed.datasetId==urn:gps",
            r#"speed.datasetId=="urn:gps""#,
            "speed.unitCode==\"KMH\"",
            "speed.observedAt>=2026-01-01T00:00:00Z",
        ],
        &[
            "speed!=50..60",
            "speed.datasetId!=urn:gps",
            "speed.unitCode.x",
            "speed.unitCode[x]",
            "speed.datasetId>1",
        ],
    );
}

#[test]
fn relationships_equal_texts_and_uris_and_nothing_else() {
    let parking = "urn:ngsi-ld:OffStreetParking:Downtown1";
    let one = AttributeValue::relationship(id(parking));
    let several = |list: bool| {
        let objects = [id("urn:x"), id(parking)];
        if list {
            AttributeValue::ListRelationship {
                objects: objects.to_vec(),
                object_types: ObjectTypes::default(),
            }
        } else {
            AttributeValue::Relationship {
                objects: objects.into_iter().collect(),
                object_types: ObjectTypes::default(),
            }
        }
    };
    for value in [one, several(false), several(true)] {
        check(
            "isParked",
            Instance::new(value),
            &[
                "isParked",
                r#"isParked=="urn:ngsi-ld:OffStreetParking:Downtown1""#,
                "isParked==urn:ngsi-ld:OffStreetParking:Downtown1",
                "isParked!=urn:y",
                "isParked==urn:y,urn:ngsi-ld:OffStreetParking:Downtown1",
            ],
            &[
                "isParked==urn:y",
                r#"isParked!="urn:ngsi-ld:OffStreetParking:Downtown1""#,
                r#"isParked>"a""#,
                r#"isParked<="z""#,
                "isParked~=.*",
                "isParked!~=x",
                r#"isParked=="a".."z""#,
                "isParked[object]",
            ],
        );
    }
}

#[test]
//= 4.9-5, 5.2.35-2
fn vocabulary_terms_are_expanded_uris() {
    let terms = AttributeValue::VocabProperty(smallvec![
        Iri::new("http://example.org/Male"),
        Iri::new("http://example.org/Tall")
    ]);
    check(
        "gender",
        Instance::new(terms),
        &[
            "gender==http://example.org/Male",
            r#"gender=="http://example.org/Tall""#,
            "gender!=http://example.org/X",
        ],
        &[r#"gender=="Male""#, "gender!=http://example.org/Male", "gender~=.*Male"],
    );
}

#[test]
fn languages_are_chosen_or_any() {
    let texts = |texts: &[(&str, &[&str])]| {
        let map = texts
            .iter()
            .map(|(tag, texts)| ((*tag).into(), texts.iter().map(|text| (*text).into()).collect()));
        Instance::new(AttributeValue::LanguageProperty(Box::new(map.collect())))
    };
    check(
        "color",
        texts(&[("fr", &["rouge"]), ("en", &["red"]), ("de", &["rot"])]),
        &[
            r#"color[en]=="red""#,
            r#"color[EN]=="red""#,
            r#"color[*]=="red""#,
            r#"color=="red""#,
            r#"color[en]!="rouge""#,
            "color[fr]",
            "color~=^re",
            "color!~=b",
            r#"color>"rot""#,
            r#"color=="s".."a"|color=="rea".."ree""#,
        ],
        &[
            r#"color[fr]=="red""#,
            r#"color[en]!="red""#,
            r#"color[*]!="red""#,
            r#"color!="red""#,
            "color[ja]",
            r#"color[ja]!="赤""#,
            "color!~=e",
            "color[en.x]",
        ],
    );
    check(
        "color",
        texts(&[
            ("fr", &["chat", "rouge"]),
            ("en", &["red", "cat"]),
            ("de", &["rote", "Katze"]),
        ]),
        &[r#"color[en]=="red""#, r#"color[*]=="Katze""#, r#"color[en]!="rouge""#],
        &[r#"color[en]!="cat""#, r#"color[*]!="chat""#, r#"color[fr]=="red""#],
    );
}

#[test]
//= 4.9-7
fn members_lead_into_values() {
    check(
        "address",
        property(json(
            r#"{"city":"x","street":{"name":"Ulrich \"Strasse\"","n":[1,2]},"empty":null,"市":"佐野","city":"Berlin"}"#,
        )),
        &[
            "address",
            r#"address[city]=="Berlin""#,
            r#"address[street.name]=="Ulrich \"Strasse\"""#,
            "address[street.n]==2",
            "address[empty]",
            "address[empty]!=1",
            r#"address[市]=="佐野""#,
            "address[street]!=1",
            "address!=1",
        ],
        &[
            r#"address[city]=="x""#,
            "address[town]",
            "address[town]!=1",
            "address[city.x]",
            "address[street.n.x]",
            "address[empty]==1",
            "address.city",
            "address==1",
            "address[street]==1",
        ],
    );
    let mut sensor = property(number("40"));
    let mut rawdata = property(json(r#"{"airquality":{"particulate":40,"PM20":85}}"#));
    rawdata.system.dates_mut().modified_at = Some(date("2026-01-01T00:00:00Z"));
    sensor
        .sub_attributes
        .push(Attribute::new(attribute("rawdata"), rawdata));
    check(
        "sensor",
        sensor,
        &[
            "sensor.rawdata[airquality.particulate]==40",
            "sensor==40",
            "sensor.rawdata",
            "sensor.rawdata.modifiedAt<2026-01-02T00:00:00Z",
        ],
        &[
            "sensor[airquality.particulate]==40",
            "sensor.rawdata[particulate]",
            "sensor.rawdata.createdAt",
        ],
    );
    let ticket = Json::parse(r#"{"id":"85a6cc52-0589-45f9","value":"Overstay 60 minutes"}"#).unwrap();
    check(
        "parkingTickets",
        Instance::new(AttributeValue::JsonProperty(ticket)),
        &[r#"parkingTickets[value]=="Overstay 60 minutes""#],
        &["parkingTickets[json]"],
    );
    check(
        "location",
        Instance::new(AttributeValue::GeoProperty(Box::new(
            Geometry::point(139.5, 36.0).unwrap(),
        ))),
        &[
            "location",
            r#"location[type]=="Point""#,
            "location[coordinates]==139.5",
            "location!=1",
        ],
        &["location[coordinates]==1", "location[bbox]", "location==1"],
    );
}

#[test]
fn dates_of_the_entity_can_be_asked_for() {
    let mut vehicle = entity([]);
    vehicle.system.dates_mut().modified_at = Some(date("2026-01-01T00:00:00Z"));
    check_entity(
        &vehicle,
        &["modifiedAt", "modifiedAt>2025-01-01T00:00:00Z"],
        &["createdAt", "modifiedAt.x", "modifiedAt[x]", "observedAt", "unitCode"],
    );
}

#[test]
fn and_or_and_the_examples_of_the_clause_decide() {
    let mut vehicle = entity([
        ("speed", property(number("40"))),
        ("rpm", property(number("3500"))),
        ("brandName", property("Mercedes")),
        ("temperature", property(number("22"))),
    ]);
    vehicle.attributes[3].instances[0].observed_at = Some(date("2017-12-24T12:00:00Z"));
    check_entity(
        &vehicle,
        &[
            r#"((speed>50|rpm>3000);brandName=="Mercedes")"#,
            "(temperature>=20;temperature<=25)|capacity<=10",
            "temperature.observedAt>=2017-12-24T12:00:00Z",
            "temperature==10..30",
            "capacity|speed;rpm",
        ],
        &[
            r#"speed>50;brandName!="Mercedes""#,
            "(capacity|speed);capacity",
            "temperature.observedAt>2017-12-24T12:00:00Z",
        ],
    );
}
