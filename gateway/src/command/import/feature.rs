//! A Feature of NGSI-LD's GeoJSON (clauses 4.5.16 and 5.2.29) as the entity that it shows. Its text is taken apart and put together again,
//! so that every digit stays.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a Feature is that comes from elsewhere, and what to do.
pub(super) const PLAIN: &str = "it is plain GeoJSON and not that of NGSI-LD: a Feature of an entity has an `id`, which is a URI, and a \
    `type` of the entity among its `properties`, as GET /ngsi-ld/v1/entities with `Accept: application/geo+json` answers; give \
    it both, or let the file be read as a source with a mapping (docs/mappings.md)";

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type", default)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    geometry: Option<&'a RawValue>,
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
    #[serde(borrow, rename = "@context", default)]
    context: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow, rename = "type", default)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    location: Option<&'a RawValue>,
    #[serde(borrow, rename = "@context", default)]
    context: Option<&'a RawValue>,
}

/// The text of the entity that a Feature shows; `None`: it is no Feature.
///
/// # Errors
/// That it is one of plain GeoJSON.
pub(super) fn entity_of(record: &[u8], collection: Option<&RawValue>) -> Option<Result<Vec<u8>, &'static str>> {
    let members: Members<'_> = serde_json::from_slice(record).ok()?;
    if members.r#type.map(RawValue::get) != Some("\"Feature\"") {
        return None;
    }
    let properties = members.properties?;
    let inside = serde_json::from_str::<Properties<'_>>(properties.get()).ok();
    let Some((id, inside)) = members.id.zip(inside).filter(|(_, inside)| inside.r#type.is_some()) else {
        return Some(Err(PLAIN));
    };
    let mut entity = Vec::with_capacity(record.len());
    entity.extend_from_slice(b"{\"id\":");
    // A string always serializes.
    entity.extend_from_slice(&serde_json::to_vec(&id).unwrap_or_default());
    let context = members.context.or(collection);
    if let Some(context) = context.filter(|_| inside.context.is_none()) {
        entity.extend_from_slice(b",\"@context\":");
        entity.extend_from_slice(context.get().as_bytes());
    }
    let geometry = members.geometry.filter(|geometry| geometry.get() != "null");
    if let Some(geometry) = geometry.filter(|_| inside.location.is_none()) {
        entity.extend_from_slice(b",\"location\":{\"type\":\"GeoProperty\",\"value\":");
        entity.extend_from_slice(geometry.get().as_bytes());
        entity.push(b'}');
    }
    let members = properties.get().trim().trim_start_matches('{');
    entity.push(b',');
    entity.extend_from_slice(members.as_bytes());
    Some(Ok(entity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(feature: &str) -> Option<Result<String, &'static str>> {
        let context: Box<RawValue> = serde_json::from_str("[\"c\"]").unwrap();
        let entity = entity_of(feature.as_bytes(), Some(&context))?;
        Some(entity.map(|entity| String::from_utf8(entity).unwrap()))
    }

    #[test]
    fn a_feature_is_the_entity_that_it_shows_with_every_digit() {
        let feature = "{\"id\":\"urn:a:1\",\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[139.10,36.0]},\
                       \"properties\":{\"type\":\"AED\",\"name\":{\"type\":\"Property\",\"value\":1.50}}}";
        let shown = "{\"id\":\"urn:a:1\",\"@context\":[\"c\"],\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\
                     \"coordinates\":[139.10,36.0]}},\"type\":\"AED\",\"name\":{\"type\":\"Property\",\"value\":1.50}}";
        assert_eq!(entity(feature), Some(Ok(shown.to_owned())));
    }

    #[test]
    fn what_comes_from_elsewhere_is_told_apart() {
        for plain in [
            "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"type\":\"AED\"}}",
            "{\"type\":\"Feature\",\"id\":\"x\",\"properties\":{\"name\":\"x\"}}",
        ] {
            assert_eq!(entity(plain), Some(Err(PLAIN)));
        }
        for none in ["{\"type\":\"AED\",\"id\":\"urn:a:1\"}", "17", "{\"type\":\"Feature\"}"] {
            assert_eq!(entity(none), None);
        }
    }
}
