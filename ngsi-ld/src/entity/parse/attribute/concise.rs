//! Attributes whose text is at hand: it tells a normalized or concise attribute, an array of instances, and a
//! concise value apart (clauses 4.5.2.3, 4.5.3.3 and the like).

mod simplified;

use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::reader::Text;
use super::super::removal::is_null_text;
use super::super::value::{ValueMember, read_value};
use super::super::{Fault, MAX_INSTANCES};
use super::{AttributeSeed, InstanceSeed, Instances};
use crate::entity::{AttributeKind, Geometry, Json};

type ReadResult<T> = Result<T, serde_json::Error>;

/// Reads an attribute from its text.
pub(super) fn read_text(seed: AttributeSeed<'_, '_>, text: &str, instances: &mut Instances<'_>) -> ReadResult<()> {
    if seed.reader.simplified {
        return simplified::read(seed, text, instances);
    }
    match text.as_bytes().first() {
        Some(b'{') => read_object(seed, text, instances),
        Some(b'[') => read_array(seed, text, instances),
        _ => read_concise_value(seed, AttributeKind::Property, text, instances),
    }
}

/// An array: of instances when its elements look like attributes with the same right, else a concise Property.
fn read_array(seed: AttributeSeed<'_, '_>, text: &str, instances: &mut Instances<'_>) -> ReadResult<()> {
    if !are_instances(text)? {
        return read_concise_value(seed, AttributeKind::Property, text, instances);
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    for (index, element) in elements.iter().enumerate() {
        let instance = read_object(seed, element.get(), instances);
        seed.reader.within_element(index, instance)?;
    }
    Ok(())
}

/// Whether all elements of an array say that they are attributes.
fn are_instances(array: &str) -> ReadResult<bool> {
    let elements: Vec<&RawValue> = serde_json::from_str(array)?;
    for element in &elements {
        let is_object = element.get().starts_with('{');
        if !is_object || matches!(Shape::of(element.get())?, Shape::Value | Shape::Geometry) {
            return Ok(false);
        }
    }
    Ok(!elements.is_empty())
}

fn read_object(seed: AttributeSeed<'_, '_>, text: &str, instances: &mut Instances<'_>) -> ReadResult<()> {
    let inferred = match Shape::of(text)? {
        Shape::Typed => None,
        Shape::Inferred(kind) => Some(kind),
        Shape::Geometry => return read_concise_value(seed, AttributeKind::GeoProperty, text, instances),
        Shape::Value => return read_concise_value(seed, AttributeKind::Property, text, instances),
    };
    let seed = InstanceSeed {
        attribute: seed,
        inferred,
        instances,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut deserializer)
}

//= 4.5.2.3-1, 4.7.3-2
fn read_concise_value(
    seed: AttributeSeed<'_, '_>,
    kind: AttributeKind,
    text: &str,
    instances: &mut Instances<'_>,
) -> ReadResult<()> {
    let value = read_value(seed.reader, kind, text, None)?;
    // An object without a type, or the null of a fragment.
    let is_removed = seed.reader.fragment.is_some() && is_null_text(text);
    if seed.proof && !(kind == AttributeKind::Property && text.starts_with('{') || is_removed) {
        return Err(seed.reader.fail(Fault::Proof));
    }
    let next = instances.next();
    let (index, instance, _) = next.ok_or_else(|| seed.reader.fail(Fault::TooMany(MAX_INSTANCES)))?;
    instance.value = value;
    seed.reader.enter(index);
    seed.reader.note(|notes| {
        notes.is_bare = true;
        notes.terms = seed.reader.terms(text);
        notes.json = match kind {
            AttributeKind::GeoProperty => Json::parse(text).ok(),
            _ => None,
        };
    });
    seed.reader.leave();
    Ok(())
}

/// Reads an attribute from its text, which is one object, in a fragment of its own.
pub(in crate::entity::parse) fn read_alone(
    seed: AttributeSeed<'_, '_>,
    text: &str,
    instances: &mut Instances<'_>,
) -> ReadResult<()> {
    let inferred = match Shape::of(text)? {
        Shape::Inferred(kind) => Some(kind),
        Shape::Typed | Shape::Geometry | Shape::Value => None,
    };
    let seed = InstanceSeed {
        attribute: seed,
        inferred,
        instances,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Whether a value is read as itself where it stands for a whole concise Property.
pub(crate) fn reads_as_concise_value(json: &str) -> bool {
    match json.as_bytes().first() {
        Some(b'{') => matches!(Shape::of(json), Ok(Shape::Value)),
        Some(b'[') => !matches!(are_instances(json), Ok(true)),
        _ => true,
    }
}

/// Whether a JSON text is a GeoJSON geometry.
//= 4.5.2.3-2, 4.7.3-1
pub(crate) fn is_geometry(json: &str) -> bool {
    json.starts_with('{') && Geometry::parse(json).is_ok()
}

/// What an object stands for, as its member names say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// It says its attribute type.
    Typed,
    /// It has the value member of that kind.
    Inferred(AttributeKind),
    /// A GeoJSON geometry.
    Geometry,
    /// A value.
    Value,
}

impl Shape {
    fn of(object: &str) -> ReadResult<Self> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut shape = Shape::Value;
                while let Some(Text(name)) = map.next_key()? {
                    if name == "type" {
                        let value: &RawValue = map.next_value()?;
                        shape = if is_geometry_type(value.get()) {
                            Shape::Geometry
                        } else {
                            Shape::Typed
                        };
                        continue;
                    }
                    let Some(member) = ValueMember::from_name(&name).filter(|_| shape == Shape::Value) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let value: &RawValue = map.next_value()?;
                    shape = Shape::Inferred(member.inferred_kind(value.get()));
                }
                Ok(shape)
            }
        }
        serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_str(object), ShapeVisitor)
    }
}

/// Whether a JSON text is the name of a geometry type.
fn is_geometry_type(json: &str) -> bool {
    matches!(
        json,
        r#""Point""#
            | r#""MultiPoint""#
            | r#""LineString""#
            | r#""MultiLineString""#
            | r#""Polygon""#
            | r#""MultiPolygon""#
    )
}

impl ValueMember {
    /// The kind of an attribute without `type` that has this member. A `value` that is a geometry makes a
    /// GeoProperty (clause 4.5.2.3).
    //= 4.5.3.3-1, 4.5.18.3-1, 4.5.20.3-1, 4.5.21.3-1, 4.5.22.3-1, 4.5.24.3-1
    fn inferred_kind(self, value: &str) -> AttributeKind {
        match self {
            Self::Value if is_geometry(value) => AttributeKind::GeoProperty,
            Self::Value => AttributeKind::Property,
            Self::Object => AttributeKind::Relationship,
            Self::LanguageMap => AttributeKind::LanguageProperty,
            Self::Vocab => AttributeKind::VocabProperty,
            Self::Json => AttributeKind::JsonProperty,
            Self::ValueList => AttributeKind::ListProperty,
            Self::ObjectList => AttributeKind::ListRelationship,
        }
    }
}

impl super::super::reader::Reader<'_> {
    /// Carries an error of an inner document outwards: its fault is kept here already, unless it is one of
    /// type.
    pub(super) fn outwards<E: Error>(&self, _inner: serde_json::Error) -> E {
        self.fail(Fault::Expected("an attribute"))
    }
}
