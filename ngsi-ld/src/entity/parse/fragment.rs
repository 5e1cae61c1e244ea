//! Fragments of entities and of attributes: what an update or a merge changes, NGSI-LD nulls included (clauses 4.5.0, 5.4,
//! 5.5.4, 5.5.8 and 5.5.12).
//!
//! Nothing is applied here. A null that stands for a whole attribute is kept as the clause encodes it, and
//! [`InstancePatch::is_null`] tells it; a null that stands for another member is listed in what has that member.

use std::fmt;

use compact_str::CompactString;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use smallvec::SmallVec;

use super::attribute::concise::read_alone;
use super::attribute::{AttributeSeed, Instances, NOT_READ_YET};
use super::entity::Members;
use super::reader::{Reader, Text};
use super::removal::{FragmentUse, RemovableMember, is_null_list, is_null_text};
use super::reserved::is_reserved;
use super::{Fault, InvalidEntity, NGSI_LD_NULL, Seed, parse_with};
use crate::context::Context;
use crate::entity::{
    Attribute, AttributeKind, AttributeValue, DateTime, Entity, Instance, Json, ObjectTypes, Seal, SystemAttributes,
    Value, is_proof,
};
use crate::{AttributeName, EntityId, Iri, TypeName};

/// What an update or a merge says about an entity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fragment {
    /// `id`, when it is said: it must be that of the entity that is changed.
    pub id: Option<EntityId>,
    /// Types that are added.
    pub types: SmallVec<[TypeName; 1]>,
    /// Scopes that are set or added; `None`: it says nothing of them.
    pub scopes: Option<SmallVec<[CompactString; 1]>>,
    /// `expiresAt`
    pub expires_at: Option<DateTime>,
    /// Attributes that are set, merged, or removed.
    pub attributes: Vec<AttributePatch>,
    /// Members other than attributes that are removed.
    pub removed: SmallVec<[RemovableMember; 1]>,
}

/// What a fragment says about an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributePatch {
    /// Its expanded name.
    pub name: AttributeName,
    /// What it says about its instances: at least one, no two with the same `datasetId`.
    pub instances: SmallVec<[InstancePatch; 1]>,
}

/// What a fragment says about one instance of an attribute. It may say less than an [`Instance`] must.
#[derive(Debug, Clone, PartialEq)]
pub struct InstancePatch {
    /// What it says; `None`: nothing, so that what the instance says stays.
    pub value: Option<AttributeValue>,
    /// The kind that the member `type` names, if there is one.
    pub kind: Option<AttributeKind>,
    /// Whether the value stands alone, without members beside it, so that it says no kind of its own.
    pub is_bare: bool,
    /// What its texts are as the terms of a VocabProperty, where the value stands alone and is merged.
    pub terms: Option<SmallVec<[Iri; 1]>>,
    /// The text of a value that was taken for a geometry and that no member calls one.
    pub json: Option<Json>,
    /// `datasetId`; the default instance has none.
    pub dataset_id: Option<Iri>,
    /// `observedAt`
    pub observed_at: Option<DateTime>,
    /// `unitCode`
    pub unit_code: Option<CompactString>,
    /// `valueType`
    pub value_type: Option<Box<Iri>>,
    /// `objectType`
    pub object_types: ObjectTypes,
    /// What a proof is sealed to.
    pub seal: Option<Box<Seal>>,
    /// `expiresAt`
    pub expires_at: Option<DateTime>,
    /// Members that are removed, attributes of the attribute apart.
    pub removed: SmallVec<[RemovableMember; 1]>,
    /// What it says about attributes of the attribute.
    pub sub_attributes: Vec<AttributePatch>,
}

/// Reads a fragment of an entity, normalized or concise.
///
/// # Errors
/// [`InvalidEntity`] names the member and what is wrong with it. A null where it may not stand is refused as in an
/// entity; so is one for the id, the types or a `datasetId`.
//= 5.6.2.4-3, 5.6.17.4-4
pub fn parse_fragment(json: &[u8], context: &Context, r#use: FragmentUse) -> Result<Fragment, InvalidEntity> {
    parse_with::<OneFragment>(json, |thorough| reader(context, thorough).keeping_nulls(r#use))
}

/// Reads a fragment that adds attributes: it removes nothing, so that it has no nulls (clauses 5.5.4 and 5.6.3).
///
/// # Errors
/// As [`parse_fragment`].
pub fn parse_additions(json: &[u8], context: &Context) -> Result<Fragment, InvalidEntity> {
    parse_with::<OneFragment>(json, |thorough| reader(context, thorough))
}

/// Reads a fragment that is merged and stands in the simplified representation (clauses 4.5.4 and 5.6.17).
///
/// # Errors
/// As [`parse_fragment`].
pub fn parse_simplified_fragment(json: &[u8], context: &Context) -> Result<Fragment, InvalidEntity> {
    parse_with::<OneFragment>(json, |_| {
        reader(context, true).keeping_nulls(FragmentUse::Merge).simplified()
    })
}

/// Reads a fragment of the attribute of that name: members of it, which are laid over those that it has (clause 5.6.4).
///
/// # Errors
/// As [`parse_fragment`]; also a name that no attribute can have.
//= 5.6.4.4-3
pub fn parse_attribute_fragment(json: &[u8], name: &str, context: &Context) -> Result<AttributePatch, InvalidEntity> {
    let reader = reader(context, true).keeping_nulls(FragmentUse::Attribute);
    parse_alone(json, name, reader.of_attribute())
}

/// Reads the attribute of that name, whole, which replaces another (clause 5.6.19).
///
/// # Errors
/// As [`parse_attribute_fragment`].
pub fn parse_attribute(json: &[u8], name: &str, context: &Context) -> Result<AttributePatch, InvalidEntity> {
    parse_alone(json, name, reader(context, true).of_attribute())
}

/// The attribute that a name stands for.
///
/// # Errors
/// [`InvalidEntity`] when no attribute can have it.
//= 5.6.4.4-2, 5.6.19.4-2
pub fn attribute_name(name: &str, context: &Context) -> Result<AttributeName, InvalidEntity> {
    let invalid = |fault| InvalidEntity {
        path: name.to_owned(),
        fault,
    };
    if is_reserved(name) {
        return Err(invalid(Fault::Reserved));
    }
    let iri = context.expand(name).map_err(|error| invalid(error.into()))?;
    Ok(AttributeName::new(iri))
}

fn reader(context: &Context, thorough: bool) -> Reader<'_> {
    match thorough {
        true => Reader::thorough(context),
        false => Reader::streaming(context),
    }
}

/// Reads one instance that is a document of its own.
//= 5.6.4.4-2, 5.6.19.4-2
fn parse_alone(json: &[u8], name: &str, reader: Reader<'_>) -> Result<AttributePatch, InvalidEntity> {
    let invalid = |fault| InvalidEntity {
        path: name.to_owned(),
        fault,
    };
    let text = simdutf8::basic::from_utf8(json).map_err(|_| InvalidEntity::new(Fault::Encoding))?;
    if is_reserved(name) {
        return Err(invalid(Fault::Reserved));
    }
    let iri = reader.expand(name).map_err(|error| invalid(error.into()))?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(invalid(Fault::Expected("an attribute: an object")));
    }
    let mut attribute = Attribute::new(AttributeName::new(iri), Instance::new(NOT_READ_YET));
    let seed = AttributeSeed {
        reader: &reader,
        depth: 0,
        proof: is_proof(&attribute.name),
    };
    let read = read_alone(seed, text.trim_ascii(), &mut Instances::into(&mut attribute.instances));
    if let Err(error) = reader.within(name, read) {
        return Err(reader.into_invalid_entity(&error));
    }
    let patch = AttributePatch::new(attribute, &reader);
    if patch.instances.iter().all(InstancePatch::says_nothing) {
        return Err(invalid(Fault::Expected("at least one member to change")));
    }
    Ok(patch)
}

impl Fragment {
    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: &AttributeName) -> Option<&AttributePatch> {
        self.attributes.iter().find(|attribute| attribute.name == *name)
    }

    /// Whether it removes a member.
    #[must_use]
    pub fn removes(&self, member: RemovableMember) -> bool {
        self.removed.contains(&member)
    }
}

impl From<Entity> for Fragment {
    fn from(mut entity: Entity) -> Self {
        let none = Reader::streaming(Context::core());
        Self {
            scopes: (!entity.scopes.is_empty()).then_some(entity.scopes),
            expires_at: take_expiry(&mut entity.system),
            id: Some(entity.id),
            types: entity.types,
            attributes: AttributePatch::all(entity.attributes, &none),
            removed: SmallVec::new(),
        }
    }
}

impl AttributePatch {
    fn all(attributes: Vec<Attribute>, reader: &Reader<'_>) -> Vec<Self> {
        let mut patches = Vec::with_capacity(attributes.len());
        for (index, attribute) in attributes.into_iter().enumerate() {
            reader.enter(index);
            patches.push(Self::new(attribute, reader));
            reader.leave();
        }
        patches
    }

    /// What was read of an attribute, and noted of the attribute that stands here.
    fn new(attribute: Attribute, reader: &Reader<'_>) -> Self {
        let mut instances = SmallVec::new();
        for (index, instance) in attribute.instances.into_iter().enumerate() {
            reader.enter(index);
            instances.push(InstancePatch::new(instance, reader));
            reader.leave();
        }
        Self {
            name: attribute.name,
            instances,
        }
    }
}

impl InstancePatch {
    fn new(mut instance: Instance, reader: &Reader<'_>) -> Self {
        let notes = reader.take_notes();
        Self {
            kind: notes
                .kind
                .or((reader.fragment.is_none()).then(|| instance.value.kind())),
            is_bare: notes.is_bare,
            terms: notes.terms,
            json: notes.json,
            object_types: notes.object_types.unwrap_or_default(),
            removed: notes.removed,
            value: (!notes.lacks_value).then_some(instance.value),
            dataset_id: instance.dataset_id,
            observed_at: instance.observed_at,
            unit_code: instance.unit_code,
            value_type: instance.value_type,
            seal: instance.seal,
            expires_at: take_expiry(&mut instance.system),
            sub_attributes: AttributePatch::all(instance.sub_attributes, reader),
        }
    }

    /// Whether it is an NGSI-LD null: the instance is to be removed (clause 4.5.0).
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value.as_ref().is_some_and(AttributeValue::is_null)
    }

    /// Whether it removes a member.
    #[must_use]
    pub fn removes(&self, member: RemovableMember) -> bool {
        self.removed.contains(&member)
    }

    /// Whether it would change nothing of any instance.
    fn says_nothing(&self) -> bool {
        self.kind.is_none()
            && self.value.is_none()
            && self.dataset_id.is_none()
            && self.observed_at.is_none()
            && self.unit_code.is_none()
            && self.value_type.is_none()
            && self.object_types.is_empty()
            && self.seal.is_none()
            && self.expires_at.is_none()
            && self.removed.is_empty()
            && self.sub_attributes.is_empty()
    }
}

/// What else the system keeps is not for a writer to say.
fn take_expiry(system: &mut SystemAttributes) -> Option<DateTime> {
    system.dates()?;
    system.dates_mut().expires_at.take()
}

impl AttributeValue {
    /// Whether it is an NGSI-LD null (clause 4.5.0).
    fn is_null(&self) -> bool {
        match self {
            Self::Property(Value::String(text)) => text == NGSI_LD_NULL,
            Self::Property(_) | Self::GeoProperty(_) => false,
            Self::Relationship { objects, .. } => {
                matches!(objects.as_slice(), [only] if only.as_str() == NGSI_LD_NULL)
            }
            Self::ListRelationship { objects, .. } => {
                matches!(objects.as_slice(), [only] if only.as_str() == NGSI_LD_NULL)
            }
            Self::LanguageProperty(map) => {
                let is_null = |texts: &[CompactString]| matches!(texts, [text] if text == NGSI_LD_NULL);
                matches!(map.as_slice(), [(language, texts)] if language == "@none" && is_null(texts))
            }
            Self::VocabProperty(terms) => {
                matches!(terms.as_slice(), [only] if only.as_str() == NGSI_LD_NULL)
            }
            Self::JsonProperty(json) => is_null_text(json.as_str()),
            Self::ListProperty(json) => is_null_list(json.as_str()),
        }
    }
}

impl Instance {
    /// Whether it is an NGSI-LD null (clause 4.5.0). Only fragments, notifications and temporal evolutions have such
    /// instances.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }
}

struct OneFragment;

impl Seed for OneFragment {
    type Output = Fragment;

    fn read<'de, D: Deserializer<'de>>(reader: &Reader<'_>, deserializer: D) -> Result<Fragment, D::Error> {
        let fragment = deserializer.deserialize_map(FragmentVisitor { reader });
        reader.expected("a fragment of an entity: an object", fragment)
    }
}

struct FragmentVisitor<'s, 'c> {
    reader: &'s Reader<'c>,
}

impl<'de> Visitor<'de> for FragmentVisitor<'_, '_> {
    type Value = Fragment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a fragment of an entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fragment, A::Error> {
        let reader = self.reader;
        let mut members = Members::default();
        while let Some(Text(name)) = map.next_key()? {
            let member = members.read(reader, &name, &mut map);
            reader.within(&name, member)?;
        }
        Ok(members.into_fragment(reader))
    }
}

impl Members {
    /// What they say as a fragment.
    fn into_fragment(mut self, reader: &Reader<'_>) -> Fragment {
        let notes = reader.take_notes();
        Fragment {
            id: self.id,
            types: self.types.unwrap_or_default(),
            scopes: self.scopes.filter(|_| !notes.removed.contains(&RemovableMember::Scope)),
            expires_at: take_expiry(&mut self.system),
            attributes: AttributePatch::all(self.attributes, reader),
            removed: notes.removed,
        }
    }
}

#[cfg(test)]
mod tests;
