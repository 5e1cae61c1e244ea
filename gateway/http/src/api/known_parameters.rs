//! The parameters of URLs that operations offer: what each is called, means and takes.

use crate::negotiate::MediaType;

/// A parameter that an operation offers.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name in CIM 009.
    pub name: &'static str,
    /// What it means, in a sentence of Markdown.
    pub meaning: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// The one representation of the answer that it is for. None: it is for all.
    pub only_for: Option<MediaType>,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Text, in the language that its meaning names.
    Text,
    /// Texts, separated by commas.
    List,
    /// Some of these, separated by commas.
    ListOf(&'static [&'static str]),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A whole number from this one on.
    Number(u32),
    /// `true` or `false`.
    Boolean,
}

const fn parameter(name: &'static str, takes: Takes, meaning: &'static str) -> Parameter {
    Parameter {
        name,
        meaning,
        takes,
        only_for: None,
    }
}

const FORMATS: &[&str] = &["normalized", "concise", "simplified", "keyValues"];
const OPTIONS_OF_ENTITIES: &[&str] = &["normalized", "concise", "simplified", "keyValues", "sysAttrs", "count"];

pub(super) const TYPE: Parameter = parameter(
    "type",
    Takes::Text,
    "Type names: `A,B` or `A|B` (any of them), `A;B` (all of them), parentheses; `*` means everything in the store.",
);
pub(super) const ID: Parameter = parameter("id", Takes::List, "Ids of entities, at most 200.");
pub(super) const ID_PATTERN: Parameter =
    parameter("idPattern", Takes::Text, "A regular expression to be found in the id.");
pub(super) const ATTRS: Parameter = parameter(
    "attrs",
    Takes::List,
    "Entities with at least one of these attributes, of which only these are shown.",
);
pub(super) const KEEP: Parameter = parameter(
    "keep",
    Takes::List,
    "The entities stay, with these of their attributes alone.",
);
pub(super) const DROP: Parameter = parameter(
    "drop",
    Takes::List,
    "The entities stay, without these of their attributes.",
);
pub(super) const PICK: Parameter = parameter("pick", Takes::Text, "Only these members are shown.");
pub(super) const OMIT: Parameter = parameter("omit", Takes::Text, "All members but these are shown.");
pub(super) const DATASET_ID: Parameter = parameter(
    "datasetId",
    Takes::List,
    "Of attributes with several instances, those of these datasets; `@none` is the one without a dataset.",
);
pub(super) const LANG: Parameter = parameter(
    "lang",
    Takes::Text,
    "Texts in one language, written like `Accept-Language`.",
);
pub(super) const Q: Parameter = parameter("q", Takes::Text, "Conditions on attributes (clause 4.9).");
pub(super) const EXPAND_VALUES: Parameter = parameter(
    "expandValues",
    Takes::List,
    "Attributes whose values in `q` are names of the @context.",
);
pub(super) const JSON_KEYS: Parameter =
    parameter("jsonKeys", Takes::List, "Attributes whose values in `q` are raw JSON.");
pub(super) const SCOPE_Q: Parameter = parameter("scopeQ", Takes::Text, "Scopes (clause 4.19).");
pub(super) const CSF: Parameter = parameter("csf", Takes::Text, "Which sources are asked beside the store.");
pub(super) const GEOREL: Parameter = parameter("georel", Takes::Text, "The geographic relation (clause 4.10).");
pub(super) const GEOMETRY: Parameter = parameter(
    "geometry",
    Takes::Text,
    "The type of the GeoJSON geometry that `coordinates` are of.",
);
pub(super) const COORDINATES: Parameter = parameter(
    "coordinates",
    Takes::Text,
    "GeoJSON coordinates in WGS84, longitude first; `coords` is understood too.",
);
pub(super) const GEOPROPERTY: Parameter = parameter(
    "geoproperty",
    Takes::Text,
    "The GeoProperty that the geo-query is about; `location` by default.",
);
pub(super) const GEO_Q: Parameter = parameter(
    "geoQ",
    Takes::Text,
    "A geo-query in one parameter: its parts joined by `&` and encoded, or the JSON of a GeoQuery.",
);
pub(super) const ORDER_BY: Parameter = parameter("orderBy", Takes::Text, "The order of the list (clause 4.23).");
pub(super) const ORDER_FROM: Parameter = parameter(
    "orderFrom",
    Takes::Text,
    "Coordinates from which distances are measured in `orderBy`.",
);
pub(super) const ORDER_GEOMETRY: Parameter = parameter(
    "orderGeometry",
    Takes::Text,
    "The type of the geometry that `orderFrom` is of; `Point` by default.",
);
pub(super) const COLLATION: Parameter = parameter(
    "collation",
    Takes::Text,
    "The language by whose rules texts are ordered.",
);
pub(super) const JOIN: Parameter = parameter(
    "join",
    Takes::OneOf(&["inline", "flat", "@none"]),
    "With the entities that Relationships lead to (clause 4.5.23).",
);
pub(super) const JOIN_LEVEL: Parameter = parameter(
    "joinLevel",
    Takes::Number(1),
    "How many Relationships are followed; 1 by default, 10 at most.",
);
pub(super) const CONTAINED_BY: Parameter = parameter(
    "containedBy",
    Takes::List,
    "Ids of entities that are met already and do not come along again; with `joinLevel` only.",
);
pub(super) const LIMIT: Parameter = parameter(
    "limit",
    Takes::Number(0),
    "How many are on a page; 0 only together with `count=true`.",
);
pub(super) const OFFSET: Parameter = parameter("offset", Takes::Number(0), "How many come before the page.");
pub(super) const CURSOR: Parameter = parameter(
    "cursor",
    Takes::Text,
    "Where the page begins: taken as it is from the `next` link of the page before it. `offset` says the same for people.",
);
pub(super) const COUNT: Parameter = parameter(
    "count",
    Takes::Boolean,
    "Whether `NGSILD-Results-Count` tells how many there are in all.",
);
pub(super) const FORMAT: Parameter = parameter("format", Takes::OneOf(FORMATS), "The format of attributes.");
pub(super) const OPTIONS: Parameter = parameter(
    "options",
    Takes::ListOf(OPTIONS_OF_ENTITIES),
    "The same names as `format`, `sysAttrs` (with `createdAt` and `modifiedAt`), and `count`.",
);
pub(super) const GEOMETRY_PROPERTY: Parameter = Parameter {
    only_for: Some(MediaType::GeoJson),
    ..parameter(
        "geometryProperty",
        Takes::Text,
        "Which GeoProperty is the geometry; `location` by default.",
    )
};
pub(super) const LOCAL: Parameter = parameter("local", Takes::Boolean, "`true`: the store only (clause 6.3.18).");
pub(super) const SPLIT_ENTITIES: Parameter = parameter(
    "splitEntities",
    Takes::Boolean,
    "`true`: the conditions may be met by parts of an entity from different sources together.",
);

pub(super) const ENTITY_MAP: Parameter = parameter(
    "entityMap",
    Takes::Boolean,
    "`true`: an entity map is made of what is found now, and `NGSILD-EntityMap` tells it: walking on by it visits each of its \
     entities once (clause 5.5.9.3).",
);
pub(super) const ENTITY_MAP_LIFETIME: Parameter = parameter(
    "entityMapLifetime",
    Takes::Text,
    "How long the entity map is to live: a duration of ISO 8601 such as `PT30M`; `PT10M` by default, an hour at most.",
);

/// `type`, where entities are chosen by their id as well.
pub(super) const TYPE_OF_ONE: Parameter = parameter(
    "type",
    Takes::Text,
    "Only if the entity has these types, written as in a query.",
);
pub(super) const UPSERT_OPTIONS: Parameter = parameter(
    "options",
    Takes::OneOf(&["replace", "update"]),
    "What becomes of entities that there are: `replace`, which is the default, or `update`: the attributes that are sent are \
     laid over theirs.",
);
pub(super) const NO_OVERWRITE: Parameter = parameter(
    "options",
    Takes::OneOf(&["noOverwrite"]),
    "`noOverwrite`: attributes that are there stay as they are, and are named in the answer.",
);
pub(super) const FORMAT_OF_BODY: Parameter = parameter(
    "format",
    Takes::OneOf(FORMATS),
    "How the attributes of the body are written; `simplified` (or `keyValues`): as values alone. Anything else says it itself.",
);
pub(super) const FORMAT_AS_OPTION: Parameter = parameter("options", Takes::ListOf(FORMATS), "The same as `format`.");
pub(super) const LANG_OF_BODY: Parameter = parameter(
    "lang",
    Takes::Text,
    "The language of texts that stand alone for those of a LanguageProperty.",
);
pub(super) const OBSERVED_AT: Parameter = parameter(
    "observedAt",
    Takes::Text,
    "A DateTime: the `observedAt` of attributes that have one and are sent without.",
);
pub(super) const DATASET_OF_ATTRIBUTE: Parameter = parameter(
    "datasetId",
    Takes::Text,
    "The instance of this dataset; without it the instance that is of none.",
);
pub(super) const DELETE_ALL: Parameter =
    parameter("deleteAll", Takes::Boolean, "`true`: all instances of the attribute.");
pub(super) const LOCAL_WRITE: Parameter = parameter(
    "local",
    Takes::Boolean,
    "`true`: nothing is handed on to a source beside the store (clause 6.3.18).",
);
pub(super) const TYPE_DETAILS: Parameter = parameter(
    "details",
    Takes::Boolean,
    "`true`: each type with the names of its attributes.",
);
pub(super) const ATTRIBUTE_DETAILS: Parameter = parameter(
    "details",
    Takes::Boolean,
    "`true`: each attribute with the names of the types that have it.",
);
pub(super) const SUBSCRIPTION_OPTIONS: Parameter = parameter(
    "options",
    Takes::ListOf(&["sysAttrs", "count"]),
    "`sysAttrs`: with `createdAt` and `modifiedAt`.",
);
pub(super) const CONTEXT_DETAILS: Parameter = parameter(
    "details",
    Takes::Boolean,
    "Whether what is known of it is shown in its place.",
);
pub(super) const CONTEXT_KIND: Parameter = parameter(
    "kind",
    Takes::OneOf(&["Cached", "Hosted", "ImplicitlyCreated"]),
    "Only those of this kind.",
);
/// None of CIM 009: whoever is told of a stored context may read it.
pub(super) const PUBLIC: Parameter = parameter(
    "public",
    Takes::Boolean,
    "`true`: everybody who knows the address that it gets may read it, without a credential.",
);
pub(super) const RELOAD: Parameter = parameter(
    "reload",
    Takes::Boolean,
    "`true`: a copy is downloaded again in the place of being deleted.",
);
