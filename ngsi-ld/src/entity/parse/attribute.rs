//! The instances of an attribute, and their members (clauses 4.5.2, 4.5.3, 4.5.5, 4.5.18 to 4.5.24).

pub(super) mod concise;
mod instances;

use std::fmt;

use hashbrown::HashSet;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use self::concise::read_text;
pub(super) use self::instances::{Instances, NOT_READ_YET};
use super::json::{Nulls, check_json};
use super::reader::{Reader, Text, Texts};
use super::removal::{FragmentUse, RemovableMember};
use super::reserved::{OUTPUT_ONLY, is_reserved, may_have_output};
use super::shared_members::{read_system_attribute, read_type_names, set};
use super::value::{ValueMember, read_relationship, read_value};
use super::{Fault, MAX_ATTRIBUTE_DEPTH, MAX_INSTANCES};
use crate::entity::geometry_json::GeometryInPlace;
use crate::entity::{
    Attribute, AttributeKind, AttributeValue, Instance, Json, ObjectTypes, Value, is_geo_property, is_lang_string,
    is_proof,
};
use crate::{AttributeName, EntityId, Iri, TypeName};

/// Reads attributes, each name once.
#[derive(Default)]
pub(super) struct AttributeNames {
    /// Filled when there are too many to compare them one by one.
    many: Option<Box<HashSet<AttributeName>>>,
}

/// Up to here, comparing names one by one is quicker than a table.
const MANY_ATTRIBUTES: usize = 32;

impl AttributeNames {
    /// Reads the attribute whose name was read, and adds it to the others.
    pub(super) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        attributes: &mut Vec<Attribute>,
        name: &str,
        seed: AttributeSeed<'_, '_>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let reader = seed.reader;
        if is_reserved(name) {
            return Err(reader.fail(Fault::Reserved));
        }
        let name = AttributeName::new(reader.expand(name).map_err(|error| reader.fail(error))?);
        if self.has(attributes, &name) {
            return Err(reader.fail(Fault::Duplicate));
        }
        attributes.push(Attribute::new(name, Instance::new(NOT_READ_YET)));
        let index = attributes.len().saturating_sub(1);
        let Some(attribute) = attributes.last_mut() else {
            return Ok(());
        };
        let proof = is_proof(&attribute.name);
        reader.enter(index);
        map.next_value_seed(InstancesSeed {
            attribute: AttributeSeed { proof, ..seed },
            instances: Instances::into(&mut attribute.instances),
        })?;
        reader.leave();
        // What is merged is judged once it is: it may have no value, or one that says no kind.
        if seed.depth == 0 && is_geo_property(&attribute.name) && reader.fragment != Some(FragmentUse::Merge) {
            let is_geometry = |instance: &Instance| instance.value.kind() == AttributeKind::GeoProperty;
            let is_removed = |instance: &Instance| reader.fragment.is_some() && instance.is_null();
            if !attribute
                .instances
                .iter()
                .all(|instance| is_geometry(instance) || is_removed(instance))
            {
                return Err(reader.fail(Fault::NotGeoProperty));
            }
        }
        Ok(())
    }

    fn has(&mut self, attributes: &[Attribute], name: &AttributeName) -> bool {
        if attributes.len() < MANY_ATTRIBUTES {
            return attributes.iter().any(|attribute| attribute.name == *name);
        }
        let known = || Box::new(attributes.iter().map(|attribute| attribute.name.clone()).collect());
        !self.many.get_or_insert_with(known).insert(name.clone())
    }
}

/// Where an attribute is read.
#[derive(Clone, Copy)]
pub(super) struct AttributeSeed<'s, 'c> {
    pub(super) reader: &'s Reader<'c>,
    /// How many attributes are around it.
    pub(super) depth: usize,
    /// Whether it is `ngsildproof`.
    pub(super) proof: bool,
}

/// Reads an attribute into its instances: one, or an array of them.
struct InstancesSeed<'s, 'c, 'i> {
    attribute: AttributeSeed<'s, 'c>,
    instances: Instances<'i>,
}

impl<'de> DeserializeSeed<'de> for InstancesSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        let AttributeSeed { reader, depth, .. } = self.attribute;
        if depth > MAX_ATTRIBUTE_DEPTH {
            return Err(reader.fail(Fault::TooDeep));
        }
        if reader.thorough {
            let text: &RawValue = serde::Deserialize::deserialize(deserializer)?;
            read_text(self.attribute, text.get(), &mut self.instances).map_err(|error| reader.outwards(error))
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for InstancesSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let seed = InstanceSeed {
            attribute: self.attribute,
            inferred: None,
            instances: &mut self.instances,
        };
        seed.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self {
            attribute,
            mut instances,
        } = self;
        loop {
            let seed = InstanceSeed {
                attribute,
                inferred: None,
                instances: &mut instances,
            };
            if elements.next_element_seed(seed)?.is_none() {
                break;
            }
        }
        if instances.filled == 0 {
            return Err(attribute.reader.fail(Fault::Expected("at least one instance")));
        }
        Ok(())
    }
}

/// Reads one instance and adds it to the others.
pub(super) struct InstanceSeed<'s, 'c, 'a, 'i> {
    pub(super) attribute: AttributeSeed<'s, 'c>,
    /// The kind of an instance without the member `type`.
    pub(super) inferred: Option<AttributeKind>,
    pub(super) instances: &'a mut Instances<'i>,
}

impl<'de> DeserializeSeed<'de> for InstanceSeed<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InstanceSeed<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.attribute.reader;
        let too_many = || reader.fail(Fault::TooMany(MAX_INSTANCES));
        let (index, instance, others) = self.instances.next().ok_or_else(too_many)?;
        reader.enter(index);
        let mut members = Members::default();
        while let Some(Text(name)) = map.next_key()? {
            let member = members.read(self.attribute, &name, &mut map, instance);
            reader.within(&name, member)?;
        }
        members.complete(self.attribute, self.inferred, instance, others)?;
        reader.leave();
        Ok(())
    }
}

/// What was read of an instance so far, beside what is in it already. It is small, because it is made and dropped for
/// each instance.
#[derive(Default)]
struct Members<'de> {
    kind: Option<AttributeKind>,
    /// Without a text: it was read already.
    value: Option<(ValueMember, Option<&'de RawValue>)>,
    says_dataset_id: bool,
    sub_attributes: AttributeNames,
    rare: Option<Box<RareMembers>>,
}

/// What few instances have.
#[derive(Default)]
struct RareMembers {
    object_types: Option<ObjectTypes>,
    /// Whether `valueType` is that of texts with a language.
    says_lang_string: bool,
    /// Members that only the system makes.
    outputs: SmallVec<[&'static str; 1]>,
    /// Members that a fragment removes.
    removed: SmallVec<[RemovableMember; 1]>,
}

impl<'de> Members<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        seed: AttributeSeed<'_, '_>,
        name: &str,
        map: &mut A,
        instance: &mut Instance,
    ) -> Result<(), A::Error> {
        let reader = seed.reader;
        // Nearly every instance has it: it is looked for first.
        if name == "type" {
            return self.read_kind(reader, map);
        }
        if let Some(member) = ValueMember::from_name(name) {
            let text = self.next_value(reader, member, map, instance)?;
            if self.value.is_some_and(|(other, _)| other != member) {
                return Err(reader.fail(Fault::Prohibited("an attribute with another value")));
            }
            return set(reader, &mut self.value, (member, text));
        }
        match name {
            "@type" => self.read_kind(reader, map),
            "observedAt" => match reader.date_or_null(name, map)? {
                Some(date) => set(reader, &mut instance.observed_at, date),
                None => self.remove(reader, RemovableMember::ObservedAt),
            },
            "unitCode" => {
                let text = reader.text(map)?;
                if reader.is_kept_null(&text) {
                    return self.remove(reader, RemovableMember::UnitCode);
                }
                set(reader, &mut instance.unit_code, text.as_ref().into())
            }
            "datasetId" => {
                let text = reader.text(map)?;
                instance.dataset_id = read_dataset_id(reader, &text)?;
                if std::mem::replace(&mut self.says_dataset_id, true) {
                    return Err(reader.fail(Fault::Duplicate));
                }
                Ok(())
            }
            "objectType" => {
                let Texts(names) = reader.expected("a type name or an array of them", map.next_value())?;
                if matches!(names.as_slice(), [only] if reader.is_kept_null(only)) {
                    return self.remove(reader, RemovableMember::ObjectType);
                }
                let types = read_type_names(reader, &names)?;
                set(reader, &mut self.rare().object_types, ObjectTypes::new(types))
            }
            "valueType" => {
                let text = reader.text(map)?;
                if reader.is_kept_null(&text) {
                    return self.remove(reader, RemovableMember::ValueType);
                }
                let iri = reader.expand(&text).map_err(|error| reader.fail(error))?;
                self.rare().says_lang_string = text == "langString" || is_lang_string(&iri);
                set(reader, &mut instance.value_type, Box::new(iri))
            }
            "entityIdSealed" if seed.proof => {
                let text = reader.text(map)?;
                reader.check_uri(&text)?;
                let seal = instance.seal.get_or_insert_default();
                set(reader, &mut seal.entity_id, EntityId::new_unchecked(text.as_ref()))
            }
            "entityTypeSealed" if seed.proof => {
                let text = reader.text(map)?;
                let iri = reader.expand(&text).map_err(|error| reader.fail(error))?;
                let seal = instance.seal.get_or_insert_default();
                set(reader, &mut seal.entity_type, TypeName::new(iri))
            }
            "createdAt" | "modifiedAt" | "deletedAt" | "expiresAt" => {
                if read_system_attribute(reader, name, &mut instance.system, map)? {
                    return self.remove(reader, RemovableMember::ExpiresAt);
                }
                Ok(())
            }
            "@context" if reader.is_attribute && seed.depth == 0 => map.next_value::<IgnoredAny>().map(drop),
            "@context" => Err(reader.fail(Fault::EmbeddedContext)),
            _ if let Some(output) = OUTPUT_ONLY.iter().find(|output| **output == name) => {
                // Ignored, but not unread: what follows it must not hide behind a name that stands twice.
                let text = map.next_value::<&'de RawValue>()?;
                check_json(text.get(), Nulls::Allowed).map_err(|inside| reader.fail_inside(inside))?;
                let outputs = &mut self.rare().outputs;
                if outputs.contains(output) {
                    return Err(reader.fail(Fault::Duplicate));
                }
                outputs.push(output);
                Ok(())
            }
            _ => {
                let depth = seed.depth + 1;
                let proof = false;
                let seed = AttributeSeed { reader, depth, proof };
                self.sub_attributes.read(&mut instance.sub_attributes, name, seed, map)
            }
        }
    }

    fn read_kind<A: MapAccess<'de>>(&mut self, reader: &Reader<'_>, map: &mut A) -> Result<(), A::Error> {
        let text = reader.text(map)?;
        let kind = AttributeKind::from_name(&text).ok_or_else(|| reader.fail(Fault::AttributeType))?;
        set(reader, &mut self.kind, kind)
    }

    /// The text of a value member, to be read once all members are known. The quick reader reads values of one form,
    /// whose kind is known, at once, and leaves everything else about them to the thorough one.
    fn next_value<A: MapAccess<'de>>(
        &self,
        reader: &Reader<'_>,
        member: ValueMember,
        map: &mut A,
        instance: &mut Instance,
    ) -> Result<Option<&'de RawValue>, A::Error> {
        let kind = self.kind.filter(|_| reader.is_quick());
        match (kind, member) {
            (Some(AttributeKind::GeoProperty), ValueMember::Value) => {
                let GeometryInPlace(geometry) = map.next_value()?;
                instance.value = AttributeValue::GeoProperty(Box::new(geometry));
            }
            (Some(AttributeKind::Relationship), ValueMember::Object) => {
                let Texts(texts) = map.next_value()?;
                instance.value = read_relationship(reader, &texts)?;
            }
            _ => return map.next_value().map(Some),
        }
        Ok(None)
    }

    fn remove<E: Error>(&mut self, reader: &Reader<'_>, member: RemovableMember) -> Result<(), E> {
        let removed = &mut self.rare().removed;
        if removed.contains(&member) {
            return Err(reader.fail(Fault::Duplicate));
        }
        removed.push(member);
        Ok(())
    }

    fn rare(&mut self) -> &mut RareMembers {
        self.rare.get_or_insert_default()
    }

    /// Checks the members against each other, and reads the value as its kind asks for.
    //= 4.5.2.2-1, 4.5.2.2-4, 4.5.2.3-5, 4.5.3.2-3, 4.5.3.3-3, 4.5.18.2-2, 4.5.18.3-2, 4.5.20.2-1, 4.5.21.2-1
    //= 4.5.22.2-1, 4.5.24.2-1, 5.2.5-1
    fn complete<E: Error>(
        self,
        seed: AttributeSeed<'_, '_>,
        inferred: Option<AttributeKind>,
        instance: &mut Instance,
        others: &[Instance],
    ) -> Result<(), E> {
        let reader = seed.reader;
        reader.note(|notes| notes.kind = self.kind);
        if self.value.is_none() && reader.may_lack_value(seed.depth, self.kind.is_some()) {
            return self.complete_without_value(reader, instance, others);
        }
        let kind = self.kind.or(inferred);
        let kind = kind.ok_or_else(|| reader.fail(Fault::Missing("type")))?;
        let own_member = ValueMember::of(kind);
        let (member, text) = self
            .value
            .ok_or_else(|| reader.fail(Fault::Missing(own_member.as_str())))?;
        let prohibited = |name: &str| reader.within(name, Err(reader.fail(Fault::Prohibited(kind.as_str()))));
        if member != own_member {
            return prohibited(member.as_str());
        }
        let rare = self.rare.as_deref();
        if let Some(output) = rare.and_then(|rare| rare.outputs.iter().find(|output| !may_have_output(kind, output))) {
            return prohibited(output);
        }
        let is_relationship = matches!(kind, AttributeKind::Relationship | AttributeKind::ListRelationship);
        if instance.unit_code.is_some() && !matches!(kind, AttributeKind::Property | AttributeKind::ListProperty) {
            return prohibited("unitCode");
        }
        if !is_relationship && rare.is_some_and(|rare| rare.object_types.is_some()) {
            return prohibited("objectType");
        }
        if instance.value_type.is_some() && is_relationship {
            return prohibited("valueType");
        }
        let says_lang_string = rare.is_some_and(|rare| rare.says_lang_string);
        if kind == AttributeKind::LanguageProperty && instance.value_type.is_some() && !says_lang_string {
            return reader.within("valueType", Err(reader.fail(Fault::NotLangString)));
        }
        if let Some(text) = text {
            let value = read_value(reader, kind, text.get(), instance.value_type.as_deref());
            instance.value = reader.within(member.as_str(), value)?;
            if self.kind.is_none() && kind == AttributeKind::GeoProperty {
                reader.note(|notes| notes.json = Json::parse(text.get()).ok());
            }
        }
        if seed.proof && !may_be_proof(reader, &instance.value) {
            return reader.within(member.as_str(), Err(reader.fail(Fault::Proof)));
        }
        if let AttributeValue::Property(Value::DateTime(_) | Value::Temporal { .. }) = instance.value {
            // The value says it itself.
            instance.value_type = None;
        }
        if others.iter().any(|other| other.dataset_id == instance.dataset_id) {
            return Err(reader.fail(Fault::DuplicateInstance));
        }
        if let Some(rare) = self.rare {
            instance.value.set_object_types(rare.object_types.unwrap_or_default());
            for member in rare.removed {
                reader.remove(member);
            }
        }
        Ok(())
    }

    /// Of a fragment: what has the value knows what it may have.
    fn complete_without_value<E: Error>(
        self,
        reader: &Reader<'_>,
        instance: &Instance,
        others: &[Instance],
    ) -> Result<(), E> {
        if others.iter().any(|other| other.dataset_id == instance.dataset_id) {
            return Err(reader.fail(Fault::DuplicateInstance));
        }
        reader.note(|notes| {
            notes.lacks_value = true;
            if let Some(rare) = self.rare {
                notes.object_types = rare.object_types;
                notes.removed = rare.removed;
            }
        });
        Ok(())
    }
}

/// Whether a value may be that of a proof: an object, or the null of a fragment (clause 4.5.2).
//= 4.5.2.2-2, 4.5.2.3-3, 4.5.3.2-2, 4.5.3.3-2, 5.2.5-2, 5.2.6-2, 5.2.7-2, 5.2.32-3, 5.2.35-3, 5.2.36-2, 5.2.37-2
//= 5.2.38-3
fn may_be_proof(reader: &Reader<'_>, value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Property(Value::Json(json)) => json.as_str().starts_with('{'),
        AttributeValue::Property(Value::String(text)) => reader.is_kept_null(text),
        _ => false,
    }
}

/// A `datasetId`: a URI, or `@none` for the default instance (clause 4.5.5).
fn read_dataset_id<E: Error>(reader: &Reader<'_>, text: &str) -> Result<Option<Iri>, E> {
    if text == "@none" {
        return Ok(None);
    }
    reader.check_uri(text)?;
    Ok(Some(Iri::new(text)))
}
