//! Reading the metadata of one attribute: what NGSI-LD has a place of its own for, and sub-Properties.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, SystemAttributes};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::strings::string_of;
use super::translator::{TextSeed, Translator};
use super::value::{date_of, typed_property};
use kakehashi_contract::Flaw;

/// What the metadata of an attribute say.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) observed_at: Option<DateTime>,
    pub(super) unit_code: Option<CompactString>,
    pub(super) system: SystemAttributes,
    /// The type of the objects of a Relationship.
    pub(super) entity_type: Option<CompactString>,
    /// Whether the source takes the value for one of no type in particular.
    pub(super) ignores_type: bool,
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
    IgnoreType,
    Other,
}

/// By which a source is told not to look at a value in the way of its type: no place is indexed then.
pub(crate) const IGNORE_TYPE: &str = "ignoreType";

fn role(name: &str) -> Role {
    match name {
        "TimeInstant" | "timestamp" | "observedAt" => Role::ObservedAt,
        "unitCode" => Role::UnitCode,
        "dateCreated" => Role::Created,
        "dateModified" => Role::Modified,
        "previousValue" | "actionType" => Role::Internal,
        "entityType" => Role::EntityType,
        IGNORE_TYPE => Role::IgnoreType,
        _ => Role::Other,
    }
}

/// Whether metadata of that name are not, or not always, sub-Properties.
pub(crate) fn has_own_place(name: &str) -> bool {
    !matches!(role(name), Role::Other | Role::EntityType | Role::IgnoreType)
}

impl<'de> Visitor<'de> for MetadataSeed<'_, '_> {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::default();
        self.0.names.restart_metadata();
        while let Some((role, position)) = map.next_key_seed(NameSeed(&mut *self.0))? {
            if self.0.names.repeats_metadata(position) {
                self.0.flaw.get_or_insert(Flaw::DuplicateMember);
            }
            let Some(Metadatum {
                v2_type,
                value,
                is_repeated,
            }) = map.next_value_seed(MetadatumSeed)?
            else {
                self.0.noticed.unreadable_metadata += 1;
                continue;
            };
            if is_repeated {
                self.0.flaw.get_or_insert(Flaw::DuplicateMember);
            }
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
                Role::IgnoreType => {
                    metadata.ignores_type = value.get() == "true";
                    false
                }
                Role::ObservedAt | Role::UnitCode | Role::Other => false,
            };
            if taken {
                continue;
            }
            let name = self
                .0
                .names
                .get(position)
                .and_then(|name| Some((name.view.clone()?, name.shared)));
            let value = self.0.sound(Some(typed_property(&v2_type, value)));
            if let (Some((name, is_shared)), Some(value)) = (name, value) {
                let known = &metadata.sub_attributes;
                if is_shared && known.iter().any(|known| known.name == name) {
                    continue;
                }
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
    is_repeated: bool,
}

/// Reads one metadata. One that is no object gives nothing, and costs neither its attribute nor the entity: whether it is
/// shown at all is not known here.
struct MetadatumSeed;

impl<'de> DeserializeSeed<'de> for MetadatumSeed {
    type Value = Option<Metadatum<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MetadatumSeed {
    type Value = Option<Metadatum<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one metadata")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut v2_type, mut value, mut is_repeated) = (None, None, false);
        while let Some(key) = map.next_key_seed(TextSeed)? {
            is_repeated |= match key.as_ref() {
                "type" => v2_type.replace(map.next_value_seed(TextSeed)?).is_some(),
                "value" => value.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
        }
        Ok(Some(Metadatum {
            v2_type: v2_type.unwrap_or_default(),
            value,
            is_repeated,
        }))
    }
}
