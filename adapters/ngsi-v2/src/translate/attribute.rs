//! Reading one attribute.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use ngsi_ld::entity::{AttributeValue, Instance};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::geometry::is_geometry_type;
use super::metadata::{Metadata, MetadataSeed};
use super::translator::{TextSeed, Translator};
use super::value::attribute_value;
use kakehashi_contract::{Flaw, Reshaped};

/// Reads an attribute. Gives nothing where the view shows none.
pub(super) struct AttributeSeed<'t, 'c> {
    pub(super) translator: &'t mut Translator<'c>,
    /// Its name's place in the table.
    pub(super) position: usize,
}

impl<'de> DeserializeSeed<'de> for AttributeSeed<'_, '_> {
    type Value = Option<Instance>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AttributeSeed<'_, '_> {
    type Value = Option<Instance>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut v2_type: Option<Cow<'de, str>> = None;
        let mut value: Option<&'de RawValue> = None;
        let mut metadata: Option<Metadata> = None;
        while let Some(member) = map.next_key_seed(PartSeed)? {
            let is_repeated = match member {
                Part::Type => v2_type.replace(map.next_value_seed(TextSeed)?).is_some(),
                Part::Value => value.replace(map.next_value()?).is_some(),
                Part::Metadata => {
                    let read = map.next_value_seed(MetadataSeed(&mut *self.translator))?;
                    metadata.replace(read).is_some()
                }
                Part::Other => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if is_repeated {
                self.translator.flaw.get_or_insert(Flaw::DuplicateMember);
            }
        }
        let metadata = metadata.unwrap_or_default();
        let object_type = || self.object_type(&metadata);
        let v2_type = v2_type.unwrap_or_default();
        let mut reshaped = Reshaped::default();
        let read = value.map(|value| attribute_value(&v2_type, value, object_type, &mut reshaped));
        let noticed = &mut self.translator.noticed;
        noticed.reshaped.add_all(&reshaped);
        noticed.ignores_a_place |= metadata.ignores_type && is_geometry_type(&v2_type);
        let Some(value) = self.translator.sound(read) else {
            return Ok(None);
        };
        let mut instance = Instance::new(value);
        instance.observed_at = metadata.observed_at;
        instance.system = metadata.system;
        instance.sub_attributes = metadata.sub_attributes;
        // Only Properties have units (clause 4.5.2).
        if matches!(instance.value, AttributeValue::Property(_)) {
            instance.unit_code = metadata.unit_code;
        }
        Ok(Some(instance))
    }
}

impl AttributeSeed<'_, '_> {
    /// What the source says of the type of a Relationship's object by the metadata `entityType`, or what else is known of it.
    fn object_type(&self, metadata: &Metadata) -> Option<CompactString> {
        if let Some(said) = &metadata.entity_type {
            return Some(said.clone());
        }
        let name = self.translator.names.get(self.position)?;
        self.translator
            .context
            .object_types
            .of(name.raw())
            .map(CompactString::from)
    }
}

enum Part {
    Type,
    Value,
    Metadata,
    Other,
}

struct PartSeed;

impl<'de> DeserializeSeed<'de> for PartSeed {
    type Value = Part;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Part, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for PartSeed {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member of an attribute")
    }

    fn visit_str<E>(self, key: &str) -> Result<Part, E> {
        Ok(match key {
            "type" => Part::Type,
            "value" => Part::Value,
            "metadata" => Part::Metadata,
            _ => Part::Other,
        })
    }
}
