//! The members of an entity (clause 4.5.1).

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::attribute::{AttributeNames, AttributeSeed};
use super::reader::{Reader, Text, Texts};
use super::removal::RemovableMember;
use super::shared_members::{read_system_attribute, read_type_names, set};
use super::{Fault, MAX_TYPES_OR_SCOPES, NGSI_LD_NULL, Seed};
use crate::entity::{Attribute, Entity, SystemAttributes};
use crate::{EntityId, TypeName};

/// One entity.
pub(super) struct OneEntity;

impl Seed for OneEntity {
    type Output = Entity;

    fn read<'de, D: Deserializer<'de>>(reader: &Reader<'_>, deserializer: D) -> Result<Entity, D::Error> {
        EntitySeed { reader }.deserialize(deserializer)
    }
}

/// An array of entities.
pub(super) struct ManyEntities;

impl Seed for ManyEntities {
    type Output = Vec<Entity>;

    fn read<'de, D: Deserializer<'de>>(reader: &Reader<'_>, deserializer: D) -> Result<Vec<Entity>, D::Error> {
        struct EntitiesVisitor<'s, 'c>(&'s Reader<'c>);
        impl<'de> Visitor<'de> for EntitiesVisitor<'_, '_> {
            type Value = Vec<Entity>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of entities")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Entity>, A::Error> {
                let mut entities = Vec::new();
                loop {
                    let next = elements.next_element_seed(EntitySeed { reader: self.0 });
                    match self.0.within_element(entities.len(), next)? {
                        Some(entity) => entities.push(entity),
                        None => return Ok(entities),
                    }
                }
            }
        }
        reader.expected(
            "an array of entities",
            deserializer.deserialize_seq(EntitiesVisitor(reader)),
        )
    }
}

#[derive(Clone, Copy)]
struct EntitySeed<'s, 'c> {
    reader: &'s Reader<'c>,
}

impl<'de> DeserializeSeed<'de> for EntitySeed<'_, '_> {
    type Value = Entity;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entity, D::Error> {
        self.reader
            .expected("an entity: an object", deserializer.deserialize_map(self))
    }
}

impl<'de> Visitor<'de> for EntitySeed<'_, '_> {
    type Value = Entity;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entity, A::Error> {
        let reader = self.reader;
        let mut members = Members {
            attributes: Vec::with_capacity(USUAL_ATTRIBUTES),
            ..Members::default()
        };
        while let Some(Text(name)) = map.next_key()? {
            let member = members.read(reader, &name, &mut map);
            reader.within(&name, member)?;
        }
        let id = members.id.ok_or_else(|| reader.fail(Fault::Missing("id")))?;
        let types = members.types.ok_or_else(|| reader.fail(Fault::Missing("type")))?;
        Ok(Entity {
            id,
            types,
            scopes: members.scopes.unwrap_or_default(),
            system: members.system,
            attributes: members.attributes,
        })
    }
}

/// Room for the attributes of most entities, so that they need not move while they are read.
const USUAL_ATTRIBUTES: usize = 8;

/// The members of an entity that were read so far.
#[derive(Default)]
pub(super) struct Members {
    pub(super) id: Option<EntityId>,
    pub(super) types: Option<SmallVec<[TypeName; 1]>>,
    pub(super) scopes: Option<SmallVec<[compact_str::CompactString; 1]>>,
    pub(super) system: SystemAttributes,
    has_context: bool,
    pub(super) attributes: Vec<Attribute>,
    names: AttributeNames,
}

impl Members {
    //= 4.5.1-1, 5.2.4-1
    pub(super) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        reader: &Reader<'_>,
        name: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "id" | "@id" => {
                let text = reader.text(map)?;
                reader.check_id(&text)?;
                set(reader, &mut self.id, EntityId::new_unchecked(text.as_ref()))
            }
            "type" | "@type" => {
                let types = read_types(reader, map)?;
                set(reader, &mut self.types, types)
            }
            "scope" => {
                let scopes = read_scopes(reader, map)?;
                if scopes.is_empty() {
                    reader.remove(RemovableMember::Scope);
                }
                set(reader, &mut self.scopes, scopes)
            }
            "@context" => {
                map.next_value::<IgnoredAny>()?;
                if std::mem::replace(&mut self.has_context, true) {
                    return Err(reader.fail(Fault::Duplicate));
                }
                Ok(())
            }
            "createdAt" | "modifiedAt" | "deletedAt" | "expiresAt" => {
                if read_system_attribute(reader, name, &mut self.system, map)? {
                    reader.remove(RemovableMember::ExpiresAt);
                }
                Ok(())
            }
            _ => {
                let seed = AttributeSeed {
                    reader,
                    depth: 0,
                    proof: false,
                };
                self.names.read(&mut self.attributes, name, seed, map)
            }
        }
    }
}

fn read_types<'de, A: MapAccess<'de>>(reader: &Reader<'_>, map: &mut A) -> Result<SmallVec<[TypeName; 1]>, A::Error> {
    let Texts(names) = reader.expected("a type name or an array of them", map.next_value())?;
    read_type_names(reader, &names)
}

//= 4.18-1, 4.18-3
fn read_scopes<'de, A: MapAccess<'de>>(
    reader: &Reader<'_>,
    map: &mut A,
) -> Result<SmallVec<[compact_str::CompactString; 1]>, A::Error> {
    let Texts(texts) = reader.expected("a scope or an array of them", map.next_value())?;
    if matches!(texts.as_slice(), [only] if reader.is_kept_null(only)) {
        return Ok(SmallVec::new());
    }
    let mut scopes = SmallVec::new();
    for text in &texts {
        if text == NGSI_LD_NULL {
            return Err(reader.fail(Fault::Null));
        }
        let relative = text.strip_prefix('/').unwrap_or(text);
        if !relative.split('/').all(is_scope_level) {
            return Err(reader.fail(Fault::Scope));
        }
        let scope = compact_str::format_compact!("/{relative}");
        if !scopes.contains(&scope) {
            if scopes.len() == MAX_TYPES_OR_SCOPES {
                return Err(reader.fail(Fault::TooMany(MAX_TYPES_OR_SCOPES)));
            }
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// `ScopeLevel` of clause 4.18.
//= 4.18-2
fn is_scope_level(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(char::is_alphabetic)
        && characters.all(|character| character == '_' || character.is_alphanumeric())
}
