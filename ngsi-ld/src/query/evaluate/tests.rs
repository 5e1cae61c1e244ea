//! The meaning of queries, by the examples and the rules of clauses 4.9 and 4.10.

use proptest::prelude::*;
use smallvec::smallvec;

use crate::entity::{AttributeValue, Geometry, Instance, Json, Number, TemporalType, Value};
use crate::query::fixture::{attribute, date, entity, json, property, read_query};
use crate::query::{GeoQuery, GeoRelation, Query, TypeSelection, distance_metres};
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
fn texts_compare_by_code_point_and_patterns_match_whole() {
    check(
        "名称",
        property("佐野市役所"),
        &[
            r#"名称=="佐野市役所""#,
            r#"名称!="佐野""#,
            r#"名称>"佐""#,
            r#"名称<"佐野市役所1""#,
            "名称~=佐野.*",
            "名称!~=佐野",
            r#"名称=="あ".."鿿""#,
            r#"名称=="x","佐野市役所""#,
        ],
        &[
            r#"名称=="佐野""#,
            "名称~=佐野",
            "名称!~=.*役所",
            "名称==5",
            "名称>5",
            "名称!=\"佐野市役所\"",
        ],
    );
}

#[test]
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
                object_type: None,
            }
        } else {
            AttributeValue::Relationship {
                objects: objects.into_iter().collect(),
                object_type: None,
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
            "color~=r.*",
            "color!~=b.*",
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
            "color!~=re.*",
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
        .push(crate::entity::Attribute::new(attribute("rawdata"), rawdata));
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

#[test]
fn a_query_asks_for_all_its_parts() {
    let sited = entity([
        ("speed", property(number("40"))),
        (
            "location",
            Instance::new(AttributeValue::GeoProperty(Box::new(
                Geometry::point(139.6, 36.3).unwrap(),
            ))),
        ),
    ]);
    let near = |max| {
        Some(GeoQuery {
            relation: GeoRelation::Near {
                min: None,
                max: Some(max),
            },
            geometry: Geometry::point(139.6, 36.31).unwrap(),
            property: attribute("location"),
        })
    };
    let query = Query {
        types: Some(TypeSelection::Type(crate::query::fixture::type_name("Vehicle"))),
        ids: vec![id("urn:ngsi-ld:Vehicle:1")],
        attributes: vec![attribute("rpm"), attribute("speed")],
        filter: Some(read_query("speed==40")),
        geo: near(2000.0),
        ..Query::default()
    };
    assert!(query.matches(&sited));
    assert!(Query::default().matches(&sited));
    let changed = [
        Query {
            types: Some(TypeSelection::Type(crate::query::fixture::type_name("Bus"))),
            ..query.clone()
        },
        Query {
            ids: vec![id("urn:x")],
            ..query.clone()
        },
        Query {
            attributes: vec![attribute("rpm")],
            ..query.clone()
        },
        Query {
            filter: Some(read_query("speed==41")),
            ..query.clone()
        },
        Query {
            geo: near(1000.0),
            ..query.clone()
        },
    ];
    for query in changed {
        assert!(!query.matches(&sited), "{query:?}");
    }
}

fn geometry(type_name: &str, coordinates: &str) -> Geometry {
    Geometry::from_coordinates(type_name, coordinates).unwrap()
}

fn stands(relation: GeoRelation, target: &Geometry, reference: &Geometry) -> bool {
    let instance = Instance::new(AttributeValue::GeoProperty(Box::new(target.clone())));
    GeoQuery {
        relation,
        geometry: reference.clone(),
        property: attribute("location"),
    }
    .matches(&entity([("location", instance)]))
}

#[test]
fn relations_are_those_of_simple_features() {
    use GeoRelation::{Contains, Disjoint, Equals, Intersects, Overlaps, Within};
    let square = geometry("Polygon", "[[[100,0],[101,0],[101,1],[100,1],[100,0]]]");
    let turned = geometry("Polygon", "[[[101,1],[101,0],[100,0],[100,1],[101,1]]]");
    let shifted = geometry("Polygon", "[[[100.5,0],[101.5,0],[101.5,1],[100.5,1],[100.5,0]]]");
    let ring = geometry(
        "Polygon",
        "[[[99,-1],[102,-1],[102,2],[99,2],[99,-1]],[[100,0],[101,0],[101,1],[100,1],[100,0]]]",
    );
    let (inside, corner, outside) = (
        geometry("Point", "[100.5,0.5]"),
        geometry("Point", "[100,0]"),
        geometry("Point", "[99,0]"),
    );
    let line = geometry("LineString", "[[99,0.5],[102,0.5]]");
    for (relation, target, reference, expected) in [
        (Within, &inside, &square, true),
        (Within, &corner, &square, false),
        (Within, &square, &inside, false),
        (Within, &inside, &ring, false),
        (Contains, &square, &inside, true),
        (Contains, &inside, &square, false),
        (Intersects, &corner, &square, true),
        (Intersects, &line, &square, true),
        (Intersects, &outside, &square, false),
        (Disjoint, &outside, &square, true),
        (Disjoint, &inside, &ring, true),
        (Disjoint, &corner, &square, false),
        (Equals, &square, &turned, true),
        (Equals, &square, &shifted, false),
        (Overlaps, &square, &shifted, true),
        (Overlaps, &square, &turned, false),
        (Overlaps, &square, &line, false),
    ] {
        assert_eq!(stands(relation, target, reference), expected, "{relation:?} {target:?}");
    }
}

#[test]
fn entities_without_a_sound_geometry_never_match() {
    let beyond = Geometry::Point(crate::entity::Position::new(36.0, 139.0));
    let square = geometry("Polygon", "[[[0,0],[1,0],[1,1],[0,1],[0,0]]]");
    let far = GeoRelation::Near {
        min: Some(1.0),
        max: None,
    };
    for relation in [far, GeoRelation::Disjoint] {
        assert!(!stands(relation, &beyond, &square));
        let query = GeoQuery {
            relation,
            geometry: square.clone(),
            property: attribute("location"),
        };
        assert!(!query.matches(&entity([])));
        assert!(!query.matches(&entity([("location", property("[0,0]"))])));
    }
}

#[test]
fn distances_are_those_of_the_ellipsoid() {
    // One degree of latitude at 36 degrees north: 110,967 m (WGS84 meridian arc from 36 to 37).
    let south = geometry("Point", "[139,36]");
    let north = geometry("Point", "[139,37]");
    let degree = distance_metres(&south, &north);
    assert!((degree - 110_963.0).abs() < 20.0, "{degree}");
    // To a line that runs west to east one degree north, wherever its ends are.
    let line = geometry("LineString", "[[130,37],[150,37]]");
    assert!((distance_metres(&south, &line) - degree).abs() < 1.0);
    assert!((distance_metres(&line, &south) - degree).abs() < 1.0);
    // Across the antimeridian.
    let (west, east) = (
        geometry("Point", "[179.99,0]"),
        geometry("LineString", "[[-179.99,-1],[-179.99,1]]"),
    );
    assert!((distance_metres(&west, &east) - 2226.4).abs() < 1.0);
    // Inside, on the edge, and the hole.
    let ring = geometry(
        "Polygon",
        "[[[0,0],[3,0],[3,3],[0,3],[0,0]],[[1,1],[2,1],[2,2],[1,2],[1,1]]]",
    );
    assert!(distance_metres(&geometry("Point", "[0.5,0.5]"), &ring).abs() < f64::EPSILON);
    let to_hole = distance_metres(&geometry("MultiPoint", "[[1.5,1.1],[50,50]]"), &ring);
    assert!((to_hole - 11_057.0).abs() < 10.0, "{to_hole}");
}

#[test]
fn bounds_of_near_are_at_most_and_more_than() {
    let (a, b) = (geometry("Point", "[139,36]"), geometry("Point", "[139.01,36]"));
    let distance = distance_metres(&a, &b);
    let near = |min, max| stands(GeoRelation::Near { min, max }, &a, &b);
    assert!(near(None, Some(distance)));
    assert!(!near(Some(distance), None));
    assert!(near(Some(distance - 1.0), Some(distance + 1.0)));
    assert!(!near(None, Some(distance - 1.0)));
}

/// Geometries on a small grid: rings that cross themselves, lines that fold back, and equal positions abound.
fn any_geometry() -> impl Strategy<Value = Geometry> {
    let position = || (0..4_i8, 0..4_i8).prop_map(|(x, y)| crate::entity::Position::new(x.into(), y.into()));
    let ring = move || {
        prop::collection::vec(position(), 3..7).prop_map(|mut ring| {
            ring.push(ring[0]);
            ring
        })
    };
    let line = move || prop::collection::vec(position(), 2..5);
    prop_oneof![
        position().prop_map(Geometry::Point),
        prop::collection::vec(position(), 1..4).prop_map(Geometry::MultiPoint),
        line().prop_map(Geometry::LineString),
        prop::collection::vec(line(), 1..3).prop_map(Geometry::MultiLineString),
        prop::collection::vec(ring(), 1..3).prop_map(Geometry::Polygon),
        prop::collection::vec(prop::collection::vec(ring(), 1..3), 1..3).prop_map(Geometry::MultiPolygon),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20000))]
    #[test]
    fn no_geometry_makes_a_relation_panic(target in any_geometry(), reference in any_geometry()) {
        use GeoRelation::{Contains, Disjoint, Equals, Intersects, Overlaps, Within};
        for relation in [Within, Contains, Intersects, Equals, Disjoint, Overlaps] {
            stands(relation, &target, &reference);
        }
        prop_assert!(distance_metres(&target, &reference).is_finite());
    }
}
