//! Attributes: their kinds, their instances, and the attributes of attributes (clauses 4.5.2, 4.5.3, 4.5.5,
//! 4.5.18 to 4.5.24).

use compact_str::CompactString;
use smallvec::SmallVec;

use super::{DateTime, Geometry, Json, SystemAttributes, Value};
use crate::{AttributeName, EntityId, Iri, TypeName};

/// One attribute of an entity, with all its instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its expanded name.
    pub name: AttributeName,
    /// Its instances: at least one, no two with the same `dataset_id`.
    pub instances: SmallVec<[Instance; 1]>,
}

impl Attribute {
    /// An attribute with one instance.
    #[must_use]
    pub fn new(name: AttributeName, instance: Instance) -> Self {
        Self {
            name,
            instances: SmallVec::from_buf([instance]),
        }
    }
}

/// One instance of an attribute (clause 4.5.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// What it says, and of which kind it is.
    pub value: AttributeValue,
    /// `datasetId`; the default instance has none.
    pub dataset_id: Option<Iri>,
    /// `observedAt`
    pub observed_at: Option<DateTime>,
    /// `unitCode`, a UN/CEFACT code; Properties only.
    pub unit_code: Option<CompactString>,
    /// `valueType`: the data type of the value; never that of a [`Value::DateTime`] or [`Value::Temporal`]. Kept apart,
    /// as the seal is, because it is rare: the size of an instance is what reading a list costs.
    pub value_type: Option<Box<Iri>>,
    /// What the instance of a proof is sealed to; other attributes have none.
    pub seal: Option<Box<Seal>>,
    /// When it was created, changed, deleted, and when it ceases to be valid.
    pub system: SystemAttributes,
    /// Attributes of this attribute.
    pub sub_attributes: Vec<Attribute>,
}

impl Instance {
    /// An instance that has a value and nothing else.
    #[must_use]
    pub fn new(value: AttributeValue) -> Self {
        Self {
            value,
            dataset_id: None,
            observed_at: None,
            unit_code: None,
            value_type: None,
            seal: None,
            system: SystemAttributes::default(),
            sub_attributes: Vec::new(),
        }
    }

    /// The sub-attribute of that name.
    #[must_use]
    pub fn sub_attribute(&self, name: &AttributeName) -> Option<&Attribute> {
        self.sub_attributes.iter().find(|attribute| attribute.name == *name)
    }
}

/// Which entity a `ngsildproof` proves something of (clause 4.5.2 and annex C.11).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seal {
    /// `entityIdSealed`
    pub entity_id: Option<EntityId>,
    /// `entityTypeSealed`
    pub entity_type: Option<TypeName>,
}

/// `objectType`: the types of the entities that a relationship leads to (clauses 5.2.6 and 5.2.37); none when it does
/// not say. Kept apart because few relationships say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectTypes(Option<Box<SmallVec<[TypeName; 1]>>>);

impl ObjectTypes {
    /// Those types.
    #[must_use]
    pub fn new(types: SmallVec<[TypeName; 1]>) -> Self {
        Self((!types.is_empty()).then(|| Box::new(types)))
    }

    /// The types, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[TypeName] {
        self.0.as_deref().map_or(&[], SmallVec::as_slice)
    }

    /// Whether the relationship does not say them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl FromIterator<TypeName> for ObjectTypes {
    fn from_iter<I: IntoIterator<Item = TypeName>>(types: I) -> Self {
        Self::new(types.into_iter().collect())
    }
}

/// Where the core context has its terms.
const CORE_VOCABULARY: &str = "https://uri.etsi.org/ngsi-ld/";

/// Whether a name is `ngsildproof`, the one attribute that is sealed (clause 4.5.2). Annex B maps it, and the core
/// context as published does not, which leaves it to the default vocabulary.
#[must_use]
pub fn is_proof(name: &AttributeName) -> bool {
    let local = name.as_str().strip_prefix(CORE_VOCABULARY);
    local.is_some_and(|local| local.strip_prefix("default-context/").unwrap_or(local) == "ngsildproof")
}

/// Whether a data type is that of texts with a language, which is what a LanguageProperty holds: that of RDF, when a context
/// says so, or a name of the default vocabulary.
#[must_use]
//= 5.2.32-4
pub fn is_lang_string(value_type: &Iri) -> bool {
    matches!(
        value_type.as_str(),
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
            | "https://uri.etsi.org/ngsi-ld/default-context/langString"
    )
}

/// Whether a name is one of those that are GeoProperties of an entity (clauses 4.7.1 and 5.2.4).
#[must_use]
pub fn is_geo_property(name: &AttributeName) -> bool {
    let local = name.as_str().strip_prefix(CORE_VOCABULARY);
    matches!(local, Some("location" | "observationSpace" | "operationSpace"))
}

/// The texts of a LanguageProperty by language tag (clause 4.5.18): a text or a list of texts each, kept in
/// the order of the source.
pub type LanguageMap = Vec<(CompactString, SmallVec<[CompactString; 1]>)>;

/// What an instance says, by the kind of its attribute.
#[derive(Debug, Clone, PartialEq)]
//= 4.2.2-1, 4.2.3-1
pub enum AttributeValue {
    /// `Property` (4.5.2)
    Property(Value),
    /// `Relationship` (4.5.3): one object or several, and the types of the objects when known.
    Relationship {
        /// `object`
        objects: SmallVec<[EntityId; 1]>,
        /// `objectType`
        object_types: ObjectTypes,
    },
    /// `GeoProperty` (4.7)
    GeoProperty(Box<Geometry>),
    /// `LanguageProperty` (4.5.18)
    LanguageProperty(Box<LanguageMap>),
    /// `VocabProperty` (4.5.20): one expanded term or several.
    VocabProperty(SmallVec<[Iri; 1]>),
    /// `JsonProperty` (4.5.24): never interpreted.
    JsonProperty(Json),
    /// `ListProperty` (4.5.21): an ordered JSON array.
    ListProperty(Json),
    /// `ListRelationship` (4.5.22): ordered objects.
    ListRelationship {
        /// `objectList`
        objects: Vec<EntityId>,
        /// `objectType`
        object_types: ObjectTypes,
    },
}

/// The kinds of attribute, as the `type` member names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeKind {
    /// `Property`
    Property,
    /// `Relationship`
    Relationship,
    /// `GeoProperty`
    GeoProperty,
    /// `LanguageProperty`
    LanguageProperty,
    /// `VocabProperty`
    VocabProperty,
    /// `JsonProperty`
    JsonProperty,
    /// `ListProperty`
    ListProperty,
    /// `ListRelationship`
    ListRelationship,
}

impl AttributeKind {
    /// The name in the `type` member.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Property => "Property",
            Self::Relationship => "Relationship",
            Self::GeoProperty => "GeoProperty",
            Self::LanguageProperty => "LanguageProperty",
            Self::VocabProperty => "VocabProperty",
            Self::JsonProperty => "JsonProperty",
            Self::ListProperty => "ListProperty",
            Self::ListRelationship => "ListRelationship",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "Property" => Self::Property,
            "Relationship" => Self::Relationship,
            "GeoProperty" => Self::GeoProperty,
            "LanguageProperty" => Self::LanguageProperty,
            "VocabProperty" => Self::VocabProperty,
            "JsonProperty" => Self::JsonProperty,
            "ListProperty" => Self::ListProperty,
            "ListRelationship" => Self::ListRelationship,
            _ => return None,
        })
    }
}

impl AttributeValue {
    /// A Relationship to one entity.
    #[must_use]
    pub fn relationship(object: EntityId) -> Self {
        Self::Relationship {
            objects: SmallVec::from_buf([object]),
            object_types: ObjectTypes::default(),
        }
    }

    /// The entities that it leads to, in their order; none unless it is that of a Relationship or ListRelationship.
    #[must_use]
    pub fn objects(&self) -> &[EntityId] {
        match self {
            Self::Relationship { objects, .. } => objects,
            Self::ListRelationship { objects, .. } => objects,
            _ => &[],
        }
    }

    /// `objectType`; none unless it is that of a Relationship or ListRelationship.
    #[must_use]
    pub fn object_types(&self) -> &[TypeName] {
        match self {
            Self::Relationship { object_types, .. } | Self::ListRelationship { object_types, .. } => {
                object_types.as_slice()
            }
            _ => &[],
        }
    }

    /// Sets `objectType`; values of other kinds than Relationship and ListRelationship have none and stay as they are.
    pub(crate) fn set_object_types(&mut self, types: ObjectTypes) {
        if let Self::Relationship { object_types, .. } | Self::ListRelationship { object_types, .. } = self {
            *object_types = types;
        }
    }

    /// The kind of attribute that has such a value.
    #[must_use]
    pub const fn kind(&self) -> AttributeKind {
        match self {
            Self::Property(_) => AttributeKind::Property,
            Self::Relationship { .. } => AttributeKind::Relationship,
            Self::GeoProperty(_) => AttributeKind::GeoProperty,
            Self::LanguageProperty(_) => AttributeKind::LanguageProperty,
            Self::VocabProperty(_) => AttributeKind::VocabProperty,
            Self::JsonProperty(_) => AttributeKind::JsonProperty,
            Self::ListProperty(_) => AttributeKind::ListProperty,
            Self::ListRelationship { .. } => AttributeKind::ListRelationship,
        }
    }
}
