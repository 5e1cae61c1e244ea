//! What tests of queries share: short names in the default vocabulary, terms of the core @context, entities.

use crate::entity::{Attribute, AttributeValue, DateTime, Instance, Json, Value};
use crate::{AttributeName, Entity, EntityId, Iri, TypeName};

const NGSI_LD: &str = "https://uri.etsi.org/ngsi-ld/";
const DEFAULT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";
const CORE_TERMS: [&str; 8] = [
    "observedAt",
    "createdAt",
    "modifiedAt",
    "deletedAt",
    "expiresAt",
    "unitCode",
    "datasetId",
    "location",
];

pub(crate) fn expand(name: &str) -> Iri {
    if name.contains(':') {
        Iri::new(name)
    } else if CORE_TERMS.contains(&name) {
        Iri::new(format!("{NGSI_LD}{name}"))
    } else {
        Iri::new(format!("{DEFAULT}{name}"))
    }
}

pub(crate) fn attribute(name: &str) -> AttributeName {
    AttributeName::new(expand(name))
}

pub(crate) fn type_name(name: &str) -> TypeName {
    TypeName::new(expand(name))
}

pub(crate) fn short(name: &str) -> String {
    let short = name.strip_prefix(DEFAULT).or_else(|| name.strip_prefix(NGSI_LD));
    short.unwrap_or(name).to_owned()
}

pub(crate) fn date(text: &str) -> DateTime {
    DateTime::parse(text).unwrap()
}

pub(crate) fn json(text: &str) -> Value {
    Value::Json(Json::parse(text).unwrap())
}

pub(crate) fn property(value: impl Into<Value>) -> Instance {
    Instance::new(AttributeValue::Property(value.into()))
}

/// An entity with one instance of each of these attributes.
pub(crate) fn entity(attributes: impl IntoIterator<Item = (&'static str, Instance)>) -> Entity {
    let mut entity = Entity::new(EntityId::parse("urn:ngsi-ld:Vehicle:1").unwrap(), type_name("Vehicle"));
    for (name, instance) in attributes {
        entity.attributes.push(Attribute::new(attribute(name), instance));
    }
    entity
}

/// A `q` that is well formed.
pub(crate) fn read_query(text: &str) -> super::Expression {
    let names = super::q::Expand {
        attribute: &|name| Some(attribute(name)),
        r#type: &|name| Some(type_name(name)),
        value: &|name| Some(expand(name)),
    };
    super::q::read(text, &names, &super::ValueExpansion::default(), super::Extent::Part)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}
