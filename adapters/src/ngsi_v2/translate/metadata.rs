//! Reading the metadata of one attribute: what NGSI-LD has a place of its own for, and sub-Properties.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, SystemAttributes};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::reader::{TextSeed, Translator};
use super::value::{date_of, string_of, typed_property};

/// What the metadata of an attribute say.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) observed_at: Option<DateTime>,
    pub(super) unit_code: Option<CompactString>,
    pub(super) system: SystemAttributes,
    /// The type of the objects of a Relationship.
    pub(super) entity_type: Option<CompactString>,
    pub(super) sub_attributes: Vec<Attribute>,
}

pub(super) struct MetadataSeed<'t, 'c>(pub(super) &'t mut Translator<'c>);

impl<'de> DeserializeSeed<'de> for MetadataSeed<'_, '_> {
    type Value = Metadata;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Metadata, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// What a metadata's name says about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    ObservedAt,
    UnitCode,
    Created,
    Modified,
    /// About the source's bookkeeping, never shown.
    Internal,
    EntityType,
    Other,
}

fn role(name: &str) -> Role {
    match name {
        "TimeInstant" | "timestamp" | "observedAt" => Role::ObservedAt,
        "unitCode" => Role::UnitCode,
        "dateCreated" => Role::Created,
        "dateModified" => Role::Modified,
        "previousValue" | "actionType" => Role::Internal,
        "entityType" => Role::EntityType,
        _ => Role::Other,
    }
}

/// Whether metadata of that name are not, or not always, sub-Properties.
pub(in crate::ngsi_v2) fn has_own_place(name: &str) -> bool {
    !matches!(role(name), Role::Other | Role::EntityType)
}

impl<'de> Visitor<'de> for MetadataSeed<'_, '_> {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::default();
        while let Some((role, position)) = map.next_key_seed(NameSeed(&mut *self.0))? {
            let Metadatum { v2_type, value } = map.next_value_seed(MetadatumSeed)?;
            let Some(value) = value else { continue };
            let taken = match role {
                Role::ObservedAt if metadata.observed_at.is_none() => {
                    metadata.observed_at = date_of(value);
                    metadata.observed_at.is_some()
                }
                Role::UnitCode if metadata.unit_code.is_none() => {
                    metadata.unit_code = string_of(value.get()).map(CompactString::new);
                    metadata.unit_code.is_some()
                }
                Role::Created | Role::Modified => {
                    metadata.set_date(role, date_of(value).filter(|_| self.0.context.system_attributes));
                    true
                }
                Role::Internal => true,
                Role::EntityType => {
                    metadata.entity_type = string_of(value.get()).map(CompactString::new);
                    false
                }
                Role::ObservedAt | Role::UnitCode | Role::Other => false,
            };
            if taken {
                continue;
            }
            let name = self.0.names.get(position).and_then(|name| name.view.clone());
            let value = typed_property(&v2_type, value);
            if let (Some(name), Some(value)) = (name, value) {
                let instance = Instance::new(AttributeValue::Property(value));
                metadata.sub_attributes.push(Attribute::new(name, instance));
            }
        }
        Ok(metadata)
    }
}

impl Metadata {
    fn set_date(&mut self, role: Role, date: Option<DateTime>) {
        if date.is_none() {
            return;
        }
        let dates = self.system.dates_mut();
        if role == Role::Created {
            dates.created_at = date;
        } else {
            dates.modified_at = date;
        }
    }
}

struct NameSeed<'t, 'c>(&'t mut Translator<'c>);

impl<'de> DeserializeSeed<'de> for NameSeed<'_, '_> {
    type Value = (Role, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_, '_> {
    type Value = (Role, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok((role(key), self.0.names.position(key)))
    }
}

struct Metadatum<'de> {
    v2_type: Cow<'de, str>,
    value: Option<&'de RawValue>,
}

struct MetadatumSeed;

impl<'de> DeserializeSeed<'de> for MetadatumSeed {
    type Value = Metadatum<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MetadatumSeed {
    type Value = Metadatum<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadatum = Metadatum {
            v2_type: Cow::Borrowed(""),
            value: None,
        };
        while let Some(key) = map.next_key_seed(TextSeed)? {
            match key.as_ref() {
                "type" => metadatum.v2_type = map.next_value_seed(TextSeed)?,
                "value" => metadatum.value = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(metadatum)
    }
}
