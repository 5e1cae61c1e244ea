//! A world: tenants with sources and policies, classes of names, consumers, entities. Small, so that chances meet, and
//! plain, so that the model can be read next to the rules.

/// Types of entities. The gateway's own context knows them, so that ids can name those, too, that nobody has classified.
pub(super) const TYPES: [&str; 4] = ["AED", "EvacuationSite", "PublicToilet", "VacantHouse"];
/// Attributes with numbers. The last one has a class in every type that does not say otherwise.
pub(super) const NUMBERS: [&str; 5] = ["alpha", "beta", "gamma", "delta", "omega"];
/// The attribute with a place.
pub(super) const PLACE: &str = "location";
/// The Relationship to another entity.
pub(super) const LINK: &str = "next";
pub(super) const EVERYWHERE: &str = "omega";
pub(super) const ROLES: [&str; 2] = ["r0", "r1"];
pub(super) const PURPOSES: [&str; 2] = ["p0", "p1"];
/// What permits and consumers name of contracts, and of consents.
pub(super) const REFERENCES: [&str; 2] = ["2026-1", "2026-2"];
pub(super) const SCOPES: [&str; 3] = ["/s0", "/s0/x", "/s1"];
/// What permits may ask of scopes.
pub(super) const SCOPE_QUERIES: [&str; 4] = ["/s0", "/s0/#", "/s1", "/+/x"];
/// What permits may say of ids.
pub(super) const ID_PATTERNS: [&str; 3] = ["urn:iso:*", "urn:iso:2", "urn:ngsi-ld:AED:*"];
/// Entities of all sources share ids, so that they meet.
pub(super) const IDS: usize = 9;
/// So many of the ids name no type.
const FREE_IDS: usize = 6;

/// The id of an entity.
pub(super) fn id(number: usize) -> String {
    named_type(number).map_or_else(
        || format!("urn:iso:{number}"),
        |name| format!("urn:ngsi-ld:{name}:{number}"),
    )
}

/// The type that an id names, whatever has it.
pub(super) fn named_type(number: usize) -> Option<&'static str> {
    TYPES.get(number.checked_sub(FREE_IDS)?).copied()
}

pub(super) fn names() -> Vec<&'static str> {
    NUMBERS.into_iter().chain([PLACE, LINK]).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Open,
    Limited,
    PersonRelated,
    Anonymised,
    Pseudonymised,
    Personal,
    SpecialCare,
}

impl Class {
    pub(super) const ALL: [Self; 7] = [
        Self::Open,
        Self::Limited,
        Self::PersonRelated,
        Self::Anonymised,
        Self::Pseudonymised,
        Self::Personal,
        Self::SpecialCare,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Limited => "limited",
            Self::PersonRelated => "person-related",
            Self::Anonymised => "anonymised",
            Self::Pseudonymised => "pseudonymised",
            Self::Personal => "personal",
            Self::SpecialCare => "special-care",
        }
    }
}

/// What classification.toml says of one type.
#[derive(Debug, Clone)]
pub(super) struct TypeClasses {
    pub(super) class: Class,
    /// Of each of [`names`].
    pub(super) attributes: Vec<Option<Class>>,
}

#[derive(Debug, Clone)]
pub(super) enum Principal {
    Anybody,
    Role(&'static str),
    Consumer(usize),
    Tenant(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Any,
    Read,
    Query,
    RetrieveAndTypes,
    Provide,
    Subscribe,
    ReadAndSubscribe,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Resource {
    /// Everything of whoever wrote it; of everybody, in the operator's file.
    All,
    Type(&'static str),
}

#[derive(Debug, Clone)]
pub(super) enum When {
    Always,
    Class(Class),
    UnlessClass(Class),
    Unclassified,
    Purpose(&'static str),
}

/// The head of a policy.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) principal: Principal,
    pub(super) action: Action,
    pub(super) resource: Resource,
    pub(super) when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Exists,
    Equal,
    NotEqual,
    Less,
    GreaterOrEqual,
}

#[derive(Debug, Clone)]
pub(super) enum Filter {
    Condition(&'static str, Comparison, i64),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

/// A box whose edges no place lies on: from west and south, to east and north, in halves of degrees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area(pub(super) [i64; 4]);

#[derive(Debug, Clone)]
pub(super) struct Permit {
    pub(super) head: Head,
    pub(super) attributes: Option<Vec<&'static str>>,
    pub(super) without: Vec<&'static str>,
    pub(super) q: Option<Filter>,
    pub(super) scope: Option<&'static str>,
    pub(super) area: Option<Area>,
    pub(super) ids: Option<&'static str>,
    pub(super) purposes: Vec<&'static str>,
    pub(super) needs_assurance: bool,
    pub(super) references: References,
}

/// What is said on paper: by a permit, which it needs; by a consumer, which it has.
#[derive(Debug, Clone, Default)]
pub(super) struct References {
    pub(super) contracts: Vec<&'static str>,
    pub(super) consents: Vec<&'static str>,
}

/// How a source goes about conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It decides all of them, as the store does.
    Decides,
    /// It leaves out what does not match, and cannot be relied on, as Orion.
    Narrows,
    /// It knows types alone, as a custom platform.
    Lists,
    /// As that, and it answers with attributes that it was not asked for.
    Tells,
}

#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Whether it is a partition of the store, which takes writes.
    pub(super) is_store: bool,
    pub(super) provides: Vec<&'static str>,
    pub(super) may_be_personal: bool,
    pub(super) manner: Manner,
    /// Which entity, and which of its attributes (of [`names`]) this source holds.
    pub(super) parts: Vec<(usize, Vec<bool>)>,
    /// The same of entities with which something is wrong, so that nobody can be shown them.
    pub(super) flawed: Vec<(usize, Vec<bool>)>,
    /// Whether it knows of its entities alone when they were modified, and of no attribute.
    pub(super) is_undated: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) has_policies: bool,
    pub(super) permits: Vec<Permit>,
    pub(super) forbids: Vec<Head>,
    pub(super) sources: Vec<Source>,
}

#[derive(Debug, Clone)]
pub(super) struct Consumer {
    pub(super) tenant: Option<usize>,
    pub(super) roles: Vec<&'static str>,
    pub(super) purposes: Vec<&'static str>,
    pub(super) references: References,
}

/// An entity, whichever source holds a part of it: all parts agree on what they have.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    /// One or two, in the order of [`TYPES`].
    pub(super) types: Vec<&'static str>,
    /// Of [`NUMBERS`].
    pub(super) numbers: Vec<i64>,
    /// Longitude and latitude, in whole degrees.
    pub(super) place: (i64, i64),
    pub(super) scopes: Vec<&'static str>,
    /// Whereto its [`LINK`] leads.
    pub(super) link: usize,
    /// The day on which it and all in it was created.
    pub(super) created: u32,
    /// The days on which what it has, of [`names`], was modified. The thing itself was on the last day of all: then
    /// something of it was that nobody sees.
    pub(super) modified: Vec<u32>,
}

/// The days on which things are modified.
pub(super) const DAYS: std::ops::Range<u32> = 5..25;
/// The day on which something of each entity was modified that nobody sees.
pub(super) const LAST_DAY: u32 = 28;

/// The date of a day.
pub(super) fn date(day: u32) -> String {
    format!("2026-01-{day:02}T00:00:00Z")
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) classes: Vec<Option<TypeClasses>>,
    /// The class of [`EVERYWHERE`].
    pub(super) everywhere: Class,
    pub(super) tenants: Vec<Tenant>,
    pub(super) platform: Vec<Head>,
    pub(super) consumers: Vec<Consumer>,
    pub(super) things: Vec<Thing>,
    /// Whether several sources may hold parts of one entity. Then questions say that parts may meet conditions together
    /// (`splitEntities`): by default some source's part must meet them alone, as far as that source can tell.
    pub(super) shares: bool,
}

impl World {
    /// Whether a source that holds a part of an entity does not know when its attributes were modified.
    pub(super) fn is_undated(&self, number: usize) -> bool {
        let mut sources = self.tenants.iter().flat_map(|tenant| &tenant.sources);
        sources.any(|source| source.is_undated && source.parts.iter().any(|(held, _)| *held == number))
    }

    /// The class of a type; `None`: nobody has classified it.
    pub(super) fn type_class(&self, r#type: &str) -> Option<Class> {
        Some(self.classes_of(r#type)?.class)
    }

    fn classes_of(&self, r#type: &str) -> Option<&TypeClasses> {
        let index = TYPES.iter().position(|name| *name == r#type).unwrap();
        self.classes[index].as_ref()
    }

    /// The class of an attribute in entities of a type.
    pub(super) fn attribute_class(&self, r#type: &str, name: &str) -> Option<Class> {
        let own = self.own_class(r#type, name);
        own.or((name == EVERYWHERE).then_some(self.everywhere))
    }

    /// Whether anybody has named a type.
    pub(super) fn knows_type(&self, r#type: &str) -> bool {
        let mut sources = self.tenants.iter().flat_map(|tenant| &tenant.sources);
        self.type_class(r#type).is_some() || sources.any(|source| source.provides.contains(&r#type))
    }

    /// Whether a partition of the store may be given an entity to begin with: nothing guarded where others give ids.
    pub(super) fn may_be_loaded(&self, number: usize, provides: &[&str], may_be_personal: bool) -> bool {
        let types = &self.things[number].types;
        let is_guarded = |r#type: &str| match self.type_class(r#type) {
            Some(class) => !matches!(class, Class::Open | Class::Limited),
            None => may_be_personal,
        };
        let is_in_place = named_type(number).is_none_or(|named| {
            types.contains(&named) && types.iter().all(|r#type| *r#type == named || !is_guarded(r#type))
        });
        is_in_place && types.iter().all(|r#type| provides.contains(r#type))
    }

    /// What the type itself says of an attribute.
    pub(super) fn own_class(&self, r#type: &str, name: &str) -> Option<Class> {
        let index = names().iter().position(|known| *known == name).unwrap();
        self.classes_of(r#type)?.attributes[index]
    }

    /// Whether a permit may ask this of entities at all: `check` refuses conditions on what is stricter than limited or unclassified.
    pub(super) fn may_ask(&self, resource: Resource, name: &str) -> bool {
        let is_said = |class: Option<Class>| matches!(class, Some(Class::Open | Class::Limited));
        match resource {
            Resource::Type(r#type) => is_said(self.attribute_class(r#type, name)),
            Resource::All => name != EVERYWHERE && TYPES.iter().any(|r#type| is_said(self.own_class(r#type, name))),
        }
    }
}
