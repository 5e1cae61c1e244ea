//! The instances of an attribute, and their members (clauses 4.5.2, 4.5.3, 4.5.5, 4.5.18 to 4.5.24).

use std::fmt;

use compact_str::CompactString;
use hashbrown::HashSet;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::concise::read_text;
use super::entity::{read_system_attribute, set};
use super::fragment::RemovableMember;
use super::json::{Nulls, check_json};
use super::reader::{Reader, Text, Texts};
use super::reserved::{OUTPUT_ONLY, is_reserved, may_have_output};
use super::value::{ValueMember, read_value};
use super::{Fault, MAX_ATTRIBUTE_DEPTH, MAX_INSTANCES};
use crate::entity::{
    Attribute, AttributeKind, AttributeValue, DateTime, Instance, Seal, SystemAttributes, Value, is_geo_property,
    is_proof,
};
use crate::{AttributeName, EntityId, Iri, TypeName};

/// All instances of one attribute.
pub(super) type Instances = SmallVec<[Instance; 1]>;

/// Attributes, each name once.
#[derive(Default)]
pub(super) struct AttributesByName {
    attributes: Vec<Attribute>,
    /// Filled when there are too many to compare them one by one.
    names: Option<Box<HashSet<AttributeName>>>,
}

/// Up to here, comparing names one by one is quicker than a table.
const MANY_ATTRIBUTES: usize = 32;

impl AttributesByName {
    /// For so many attributes to begin with.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            attributes: Vec::with_capacity(capacity),
            names: None,
        }
    }

    /// Reads the attribute whose name was read.
    pub(super) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        seed: AttributeSeed<'_, '_>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let reader = seed.reader;
        if is_reserved(name) {
            return Err(reader.fail(Fault::Reserved));
        }
        let name = AttributeName::new(reader.expand(name).map_err(|error| reader.fail(error))?);
        if self.contains(&name) {
            return Err(reader.fail(Fault::Duplicate));
        }
        // Instances are made where they stay: moving them was a good part of the time of reading.
        self.attributes.push(Attribute {
            name,
            instances: Instances::new(),
        });
        let Some(attribute) = self.attributes.last_mut() else {
            return Ok(());
        };
        let proof = is_proof(&attribute.name);
        reader.enter(&attribute.name);
        map.next_value_seed(InstancesSeed {
            attribute: AttributeSeed { proof, ..seed },
            instances: &mut attribute.instances,
        })?;
        reader.leave();
        if seed.depth == 0 && is_geo_property(&attribute.name) {
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

    fn contains(&mut self, name: &AttributeName) -> bool {
        if self.attributes.len() < MANY_ATTRIBUTES {
            return self.attributes.iter().any(|attribute| attribute.name == *name);
        }
        let attributes = &self.attributes;
        let known = || Box::new(attributes.iter().map(|attribute| attribute.name.clone()).collect());
        !self.names.get_or_insert_with(known).insert(name.clone())
    }

    pub(super) fn into_vec(self) -> Vec<Attribute> {
        self.attributes
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
    instances: &'i mut Instances,
}

impl<'de> DeserializeSeed<'de> for InstancesSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let AttributeSeed { reader, depth, .. } = self.attribute;
        if depth > MAX_ATTRIBUTE_DEPTH {
            return Err(reader.fail(Fault::TooDeep));
        }
        if reader.thorough {
            let text: &RawValue = serde::Deserialize::deserialize(deserializer)?;
            read_text(self.attribute, text.get(), self.instances).map_err(|error| reader.outwards(error))
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

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let seed = InstanceSeed {
            attribute: self.attribute,
            inferred: None,
            instances: self.instances,
        };
        seed.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { attribute, instances } = self;
        loop {
            let seed = InstanceSeed {
                attribute,
                inferred: None,
                instances: &mut *instances,
            };
            if elements.next_element_seed(seed)?.is_none() {
                break;
            }
        }
        if instances.is_empty() {
            return Err(attribute.reader.fail(Fault::Expected("at least one instance")));
        }
        Ok(())
    }
}

/// Reads one instance and adds it to the others.
pub(super) struct InstanceSeed<'s, 'c, 'i> {
    pub(super) attribute: AttributeSeed<'s, 'c>,
    /// The kind of an instance without the member `type`.
    pub(super) inferred: Option<AttributeKind>,
    pub(super) instances: &'i mut Instances,
}

impl<'de> DeserializeSeed<'de> for InstanceSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InstanceSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let reader = self.attribute.reader;
        let mut members = Members::default();
        while let Some(Text(name)) = map.next_key()? {
            let member = members.read(self.attribute, &name, &mut map);
            reader.within(&name, member)?;
        }
        members.add_to(&mut self)
    }
}

/// The members of an instance that were read so far.
#[derive(Default)]
struct Members<'de> {
    kind: Option<AttributeKind>,
    value: Option<(ValueMember, &'de RawValue)>,
    object_type: Option<TypeName>,
    value_type: Option<Iri>,
    /// Whether `valueType` is that of texts with a language.
    says_lang_string: bool,
    seal: Option<Box<Seal>>,
    /// `None` inside: the default instance, said explicitly.
    dataset_id: Option<Option<Iri>>,
    observed_at: Option<DateTime>,
    unit_code: Option<CompactString>,
    system: SystemAttributes,
    sub_attributes: AttributesByName,
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
    ) -> Result<(), A::Error> {
        let reader = seed.reader;
        if let Some(member) = ValueMember::from_name(name) {
            let text = map.next_value::<&'de RawValue>()?;
            if self.value.is_some_and(|(other, _)| other != member) {
                return Err(reader.fail(Fault::Prohibited("an attribute with another value")));
            }
            return set(reader, &mut self.value, (member, text));
        }
        match name {
            "type" | "@type" => {
                let text = reader.text(map)?;
                let kind = AttributeKind::from_name(&text).ok_or_else(|| reader.fail(Fault::AttributeType))?;
                set(reader, &mut self.kind, kind)
            }
            "observedAt" => match reader.date_or_null(name, map)? {
                Some(date) => set(reader, &mut self.observed_at, date),
                None => self.remove(reader, RemovableMember::ObservedAt),
            },
            "unitCode" => {
                let text = reader.text(map)?;
                if reader.is_kept_null(&text) {
                    return self.remove(reader, RemovableMember::UnitCode);
                }
                set(reader, &mut self.unit_code, text.as_ref().into())
            }
            "datasetId" => {
                let text = reader.text(map)?;
                let dataset_id = read_dataset_id(reader, &text)?;
                set(reader, &mut self.dataset_id, dataset_id)
            }
            "objectType" => {
                let Texts(names) = reader.expected("a type name", map.next_value())?;
                // The model of the view holds one.
                let [name] = names.as_slice() else {
                    return Err(reader.fail(Fault::Expected("one type name")));
                };
                if reader.is_kept_null(name) {
                    return self.remove(reader, RemovableMember::ObjectType);
                }
                let iri = reader.expand(name).map_err(|error| reader.fail(error))?;
                set(reader, &mut self.object_type, TypeName::new(iri))
            }
            "valueType" => {
                let text = reader.text(map)?;
                if reader.is_kept_null(&text) {
                    return self.remove(reader, RemovableMember::ValueType);
                }
                let iri = reader.expand(&text).map_err(|error| reader.fail(error))?;
                self.says_lang_string = text == "langString" || LANG_STRING.contains(&iri.as_str());
                set(reader, &mut self.value_type, iri)
            }
            "entityIdSealed" if seed.proof => {
                let text = reader.text(map)?;
                reader.check_uri(&text)?;
                let seal = self.seal.get_or_insert_default();
                set(reader, &mut seal.entity_id, EntityId::new_unchecked(text.as_ref()))
            }
            "entityTypeSealed" if seed.proof => {
                let text = reader.text(map)?;
                let iri = reader.expand(&text).map_err(|error| reader.fail(error))?;
                let seal = self.seal.get_or_insert_default();
                set(reader, &mut seal.entity_type, TypeName::new(iri))
            }
            "createdAt" | "modifiedAt" | "deletedAt" | "expiresAt" => {
                if read_system_attribute(reader, name, &mut self.system, map)? {
                    return self.remove(reader, RemovableMember::ExpiresAt);
                }
                Ok(())
            }
            "@context" => Err(reader.fail(Fault::EmbeddedContext)),
            _ if let Some(output) = OUTPUT_ONLY.iter().find(|output| **output == name) => {
                // Ignored, but not unread: what follows it must not hide behind a name that stands twice.
                let text = map.next_value::<&'de RawValue>()?;
                check_json(text.get(), Nulls::Allowed).map_err(|fault| reader.fail(fault))?;
                if self.outputs.contains(output) {
                    return Err(reader.fail(Fault::Duplicate));
                }
                self.outputs.push(output);
                Ok(())
            }
            _ => {
                let depth = seed.depth + 1;
                let proof = false;
                self.sub_attributes
                    .read(name, AttributeSeed { reader, depth, proof }, map)
            }
        }
    }

    fn remove<E: Error>(&mut self, reader: &Reader<'_>, member: RemovableMember) -> Result<(), E> {
        if self.removed.contains(&member) {
            return Err(reader.fail(Fault::Duplicate));
        }
        self.removed.push(member);
        Ok(())
    }

    fn add_to<E: Error>(self, seed: &mut InstanceSeed<'_, '_, '_>) -> Result<(), E> {
        let reader = seed.attribute.reader;
        let kind = self.kind.or(seed.inferred);
        let kind = kind.ok_or_else(|| reader.fail(Fault::Missing("type")))?;
        let own_member = ValueMember::of(kind);
        let (member, text) = self
            .value
            .ok_or_else(|| reader.fail(Fault::Missing(own_member.as_str())))?;
        let prohibited = |name: &str| reader.within(name, Err(reader.fail(Fault::Prohibited(kind.as_str()))));
        if member != own_member {
            return prohibited(member.as_str());
        }
        if let Some(output) = self.outputs.iter().find(|output| !may_have_output(kind, output)) {
            return prohibited(output);
        }
        let is_relationship = matches!(kind, AttributeKind::Relationship | AttributeKind::ListRelationship);
        if self.unit_code.is_some() && !matches!(kind, AttributeKind::Property | AttributeKind::ListProperty) {
            return prohibited("unitCode");
        }
        if self.object_type.is_some() && !is_relationship {
            return prohibited("objectType");
        }
        if self.value_type.is_some() && is_relationship {
            return prohibited("valueType");
        }
        if kind == AttributeKind::LanguageProperty && self.value_type.is_some() && !self.says_lang_string {
            return reader.within("valueType", Err(reader.fail(Fault::NotLangString)));
        }
        let value = read_value(reader, kind, text.get(), self.object_type, self.value_type.as_ref());
        let value = reader.within(member.as_str(), value)?;
        let is_object = |value: &Value| matches!(value, Value::Json(json) if json.as_str().starts_with('{'));
        if seed.attribute.proof
            && !matches!(&value, AttributeValue::Property(value) if is_object(value) || is_kept_null(reader, value))
        {
            return reader.within(member.as_str(), Err(reader.fail(Fault::Proof)));
        }
        let says_its_type = matches!(
            value,
            AttributeValue::Property(Value::DateTime(_) | Value::Temporal { .. })
        );
        let dataset_id = self.dataset_id.flatten();
        if seed.instances.iter().any(|other| other.dataset_id == dataset_id) {
            return Err(reader.fail(Fault::DuplicateInstance));
        }
        if seed.instances.len() == MAX_INSTANCES {
            return Err(reader.fail(Fault::TooMany(MAX_INSTANCES)));
        }
        for member in self.removed {
            reader.remove(member, dataset_id.as_ref());
        }
        seed.instances.push(Instance {
            value,
            dataset_id,
            observed_at: self.observed_at,
            unit_code: self.unit_code,
            value_type: self.value_type.filter(|_| !says_its_type),
            seal: self.seal,
            system: self.system,
            sub_attributes: self.sub_attributes.into_vec(),
        });
        Ok(())
    }
}

/// What `langString` expands to: the data type of RDF, when a context says so, or a name of the default vocabulary.
const LANG_STRING: [&str; 2] = [
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString",
    "https://uri.etsi.org/ngsi-ld/default-context/langString",
];

fn is_kept_null(reader: &Reader<'_>, value: &Value) -> bool {
    matches!(value, Value::String(text) if reader.is_kept_null(text))
}

/// A `datasetId`: a URI, or `@none` for the default instance (clause 4.5.5).
fn read_dataset_id<E: Error>(reader: &Reader<'_>, text: &str) -> Result<Option<Iri>, E> {
    if text == "@none" {
        return Ok(None);
    }
    reader.check_uri(text)?;
    Ok(Some(Iri::new(text)))
}
