//! What queries mean: whole ones here, filters and geo-queries in their own modules.

mod collections;
mod examples;
mod filter;
mod geo;
mod naive;
mod text;

use crate::context::Context;
use crate::entity::{AttributeValue, Geometry, Instance, Number, Value};
use crate::query::fixture::{attribute, entity, property, read_query, type_name};
use crate::query::{Expression, GeoQuery, GeoRelation, LinkedEntities, Query, ScopeQuery, TypeSelection};
use crate::{Entity, EntityId};

#[test]
//= 4.17-1
fn a_query_asks_for_all_its_parts() {
    let sited = entity([
        ("speed", property(Value::Number(Number::Integer(40)))),
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
            geometry: Geometry::point(139.6, 36.31).unwrap().into(),
            property: attribute("location"),
        })
    };
    let query = Query {
        types: Some(TypeSelection::Type(type_name("Vehicle"))),
        ids: vec![EntityId::parse("urn:ngsi-ld:Vehicle:1").unwrap()],
        attributes: vec![attribute("rpm"), attribute("speed")],
        filter: Some(read_query("speed==40")),
        geo: near(2000.0),
        ..Query::default()
    };
    assert!(query.matches(&sited));
    assert!(Query::default().matches(&sited));
    let changed = [
        Query {
            types: Some(TypeSelection::Type(type_name("Bus"))),
            ..query.clone()
        },
        Query {
            ids: vec![EntityId::parse("urn:x").unwrap()],
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
            scope: Some(ScopeQuery::parse("/elsewhere").unwrap()),
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

#[test]
//= 4.9-4
fn names_are_those_of_the_context() {
    let context =
        Context::from_document(r#"{"@context":{"速度":"https://uri.etsi.org/ngsi-ld/default-context/speed"}}"#)
            .unwrap();
    let filter = Expression::parse("速度==40;速度.observedAt|createdAt", &context).unwrap();
    assert_eq!(filter.to_text(&context), "(速度==40;速度.observedAt)|createdAt");
    assert_eq!(filter.attributes(), [&attribute("speed"), &attribute("createdAt")]);
    let mut vehicle = entity([("speed", property(Value::Number(Number::Integer(40))))]);
    assert!(!filter.matches(&vehicle));
    vehicle.attributes[0].instances[0].observed_at = Some(crate::query::fixture::date("2026-01-01T00:00:00Z"));
    assert!(filter.matches(&vehicle));

    assert_eq!(Expression::parse("速度==40;id==1", &context).unwrap_err().position, 7);
    let selection = TypeSelection::parse("Vehicle|避難所", &context).unwrap();
    assert_eq!(selection.names(), [&type_name("Vehicle"), &type_name("避難所")]);
    let geo = GeoQuery::parse("near;maxDistance==5", "Point", "[139,36]", None, &context).unwrap();
    assert_eq!(geo.property, attribute("location"));
}

#[test]
fn conditions_reach_into_the_entities_that_relationships_lead_to() {
    struct One(Entity);

    impl LinkedEntities for One {
        fn linked(&self, id: &EntityId) -> Option<&Entity> {
            (*id == self.0.id).then_some(&self.0)
        }
    }

    let leads_to = |ids: &[&str]| {
        let objects = ids.iter().map(|id| EntityId::parse(id).unwrap()).collect();
        let value = AttributeValue::Relationship {
            objects,
            object_types: Default::default(),
        };
        entity([("sensor", Instance::new(value))])
    };
    let mut device = entity([("humidity", property(Value::Number(Number::Integer(40))))]);
    device.id = EntityId::parse("urn:ngsi-ld:Device:345").unwrap();
    device.types = [type_name("Device")].into_iter().collect();
    let linked = One(device);
    let station = leads_to(&["urn:ngsi-ld:Device:1", "urn:ngsi-ld:Device:345"]);
    for (query, expected) in [
        ("sensor{humidity}==40", true),
        ("sensor{Device:humidity}==40", true),
        ("sensor{Room,Device:humidity}", true),
        ("sensor{Room:humidity}==40", false),
        ("sensor{humidity}==41", false),
        ("sensor{temperature}", false),
        ("humidity==40", false),
    ] {
        assert_eq!(read_query(query).matches_linked(&station, &linked), expected, "{query}");
        assert!(!read_query(query).matches(&station), "{query}");
    }
    let elsewhere = leads_to(&["urn:ngsi-ld:Device:1"]);
    assert!(!read_query("sensor{humidity}").matches_linked(&elsewhere, &linked));
}
