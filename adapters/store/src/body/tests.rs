use ngsi_ld::entity::{
    Attribute, AttributeValue, DateTime, Geometry, Instance, Json, Number, ObjectTypes, Position, Value,
};
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};
use proptest::prelude::*;

use super::super::samples::entities;
use super::{DecodeError, MAX_DEPTH, NotEncoded, Row, Wanted, decode, decode_with_dates};
use crate::names::NameTable;

/// Encodes, with numbers for the names that have none.
fn encode(entity: &Entity, names: &mut NameTable) -> Result<Vec<u8>, NotEncoded> {
    match super::encode(entity, names) {
        Err(NotEncoded::UnknownNames(unknown)) => {
            for name in unknown {
                if names.key(&name).is_none() {
                    assert!(names.add(names.last_key() + 1, name));
                }
            }
            super::encode(entity, names)
        }
        encoded => encoded,
    }
}

const CREATED: &str = "2026-01-01T00:00:00Z";
const MODIFIED: &str = "2026-02-01T00:00:00Z";

fn row<'a>(entity: &'a Entity, body: &'a [u8]) -> Row<'a> {
    Row {
        id: entity.id.as_str(),
        created_at: CREATED,
        modified_at: MODIFIED,
        body,
    }
}

/// Sets the dates that the store keeps, where there are none.
fn dated(mut entity: Entity) -> Entity {
    fn date_attributes(attributes: &mut [Attribute]) {
        for instance in attributes.iter_mut().flat_map(|attribute| &mut attribute.instances) {
            let dates = instance.system.dates_mut();
            dates.created_at.get_or_insert(DateTime::parse(CREATED).unwrap());
            dates.modified_at.get_or_insert(DateTime::parse(MODIFIED).unwrap());
            date_attributes(&mut instance.sub_attributes);
        }
    }
    entity.system.dates_mut().created_at = Some(DateTime::parse(CREATED).unwrap());
    entity.system.dates_mut().modified_at = Some(DateTime::parse(MODIFIED).unwrap());
    date_attributes(&mut entity.attributes);
    entity
}

fn name(text: &str) -> AttributeName {
    AttributeName::new(Iri::new(text))
}

fn entity_with(attribute: Attribute) -> Entity {
    let mut entity = Entity::new(EntityId::parse("urn:x:1").unwrap(), TypeName::new(Iri::new("urn:T")));
    entity.attributes.push(attribute);
    dated(entity)
}

fn value(value: AttributeValue) -> Instance {
    Instance::new(value)
}

#[test]
fn every_kind_of_value_survives() {
    let ring = vec![
        Position::new(0.0, 0.0),
        Position::new(1.0, 0.0),
        Position {
            altitude: Some(-3.5),
            ..Position::new(1.0, 1.0)
        },
        Position::new(0.0, 0.0),
    ];
    let object = |text| EntityId::parse(text).unwrap();
    let json = || Json::parse(r#"{"a":[1,null,"\"é"]}"#).unwrap();
    let values = [
        AttributeValue::Property(Value::Number(Number::Integer(i64::MIN))),
        AttributeValue::Property(Value::Number(Number::Integer(-1))),
        AttributeValue::Property(Value::Number(Number::Float(-0.1))),
        AttributeValue::Property(Value::Number(Number::Text("1e-400".into()))),
        AttributeValue::Property(Value::Json(json())),
        AttributeValue::JsonProperty(json()),
        AttributeValue::ListProperty(Json::parse("[1,2]").unwrap()),
        AttributeValue::Relationship {
            objects: [object("urn:a:1"), object("urn:a:2")].into_iter().collect(),
            object_types: ["urn:Other", "urn:Another"]
                .map(|name| TypeName::new(Iri::new(name)))
                .into_iter()
                .collect(),
        },
        AttributeValue::relationship(object("urn:a:1")),
        AttributeValue::ListRelationship {
            objects: vec![object("urn:a:2")],
            object_types: ObjectTypes::default(),
        },
        AttributeValue::LanguageProperty(Box::new(vec![
            ("ja".into(), ["避難所".into()].into_iter().collect()),
            ("en".into(), ["shelter".into(), "refuge".into()].into_iter().collect()),
        ])),
        AttributeValue::VocabProperty([Iri::new("urn:v:1"), Iri::new("urn:v:2")].into_iter().collect()),
        AttributeValue::GeoProperty(Box::new(Geometry::MultiPoint(ring.clone()))),
        AttributeValue::GeoProperty(Box::new(Geometry::LineString(ring.clone()))),
        AttributeValue::GeoProperty(Box::new(Geometry::MultiLineString(vec![ring.clone()]))),
        AttributeValue::GeoProperty(Box::new(Geometry::Polygon(vec![ring.clone()]))),
        AttributeValue::GeoProperty(Box::new(Geometry::MultiPolygon(vec![vec![ring]]))),
    ];
    for each in values {
        let entity = entity_with(Attribute::new(name("urn:p"), value(each)));
        let mut names = NameTable::default();
        let body = encode(&entity, &mut names).unwrap();
        assert_eq!(decode(row(&entity, &body), &names, &Wanted::EVERYTHING), Ok(entity));
    }
}

#[test]
fn only_wanted_attributes_and_dates_are_decoded() {
    let mut entity = entity_with(Attribute::new(
        name("urn:p"),
        value(AttributeValue::Property(true.into())),
    ));
    entity.attributes.push(Attribute::new(
        name("urn:q"),
        value(AttributeValue::Property("x".into())),
    ));
    let mut names = NameTable::default();
    let body = encode(&entity, &mut names).unwrap();
    let wanted = Wanted {
        attributes: Some(vec![name("urn:q"), name("urn:unknown")]),
        system_attributes: false,
    };
    let decoded = decode(row(&entity, &body), &names, &wanted).unwrap();
    assert_eq!(decoded.attributes.len(), 1);
    assert!(decoded.attribute(&name("urn:q")).is_some());
    assert_eq!(decoded.system.dates(), None);
    assert_eq!(decoded.attributes[0].instances[0].system.dates(), None);
}

#[test]
fn attributes_that_nest_too_deep_are_refused() {
    let nested = |levels: usize| {
        let mut attribute = Attribute::new(name("urn:p"), value(AttributeValue::Property(true.into())));
        for _ in 1..levels {
            let mut outer = value(AttributeValue::Property(true.into()));
            outer.sub_attributes.push(attribute);
            attribute = Attribute::new(name("urn:p"), outer);
        }
        entity_with(attribute)
    };
    let mut names = NameTable::default();
    let deepest = nested(MAX_DEPTH);
    let body = encode(&deepest, &mut names).unwrap();
    assert_eq!(decode(row(&deepest, &body), &names, &Wanted::EVERYTHING), Ok(deepest));
    assert!(encode(&nested(MAX_DEPTH + 1), &mut names).is_err());
}

#[test]
fn a_row_of_another_layout_or_with_new_names_says_so() {
    let entity = entity_with(Attribute::new(
        name("urn:p"),
        value(AttributeValue::Property(true.into())),
    ));
    let mut names = NameTable::default();
    let mut body = encode(&entity, &mut names).unwrap();
    assert_eq!(
        decode(row(&entity, &body), &NameTable::default(), &Wanted::EVERYTHING),
        Err(DecodeError::UnknownName)
    );
    body[0] = 9;
    assert_eq!(
        decode(row(&entity, &body), &names, &Wanted::EVERYTHING),
        Err(DecodeError::Layout(9))
    );
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(entity in entities()) {
        let entity = dated(entity);
        let mut names = NameTable::default();
        let body = encode(&entity, &mut names).unwrap();
        let with_dates = super::encode_with_dates(&entity, &names).unwrap();
        prop_assert_eq!(&decode_with_dates(entity.id.as_str(), &with_dates, &names), &Ok(entity.clone()));
        prop_assert_eq!(decode(row(&entity, &body), &names, &Wanted::EVERYTHING), Ok(entity));
    }

    #[test]
    fn a_damaged_row_is_an_error_or_another_entity_but_never_a_panic(
        entity in entities(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut names = NameTable::default();
        let mut body = encode(&entity, &mut names).unwrap();
        let position = at.index(body.len());
        body[position] = byte;
        let _ = decode(row(&entity, &body), &names, &Wanted::EVERYTHING);
        body.truncate(cut.index(body.len()));
        let _ = decode(row(&entity, &body), &names, &Wanted::EVERYTHING);
    }
}
