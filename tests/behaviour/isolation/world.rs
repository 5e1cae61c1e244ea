//! A world: tenants with sources and policies, classes of names, consumers, entities. Small, so that chances meet, and
//! plain, so that the model can be read next to the rules.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Types of entities. No context knows them, and some are classified by nobody, so that they go by their whole names.
pub(super) const TYPES: [&str; 4] = ["urn:iso-type:A", "urn:iso-type:B", "urn:iso-type:C", "urn:iso-type:D"];
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
/// Entities of all sources share ids, so that they meet.
pub(super) const IDS: usize = 9;

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
    pub(super) provides: Vec<&'static str>,
    pub(super) may_be_personal: bool,
    pub(super) manner: Manner,
    /// Which entity, and which of its attributes (of [`names`]) this source holds.
    pub(super) parts: Vec<(usize, Vec<bool>)>,
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
    /// The days on which what it has, of [`names`], was modified. The thing itself was on the last day of all.
    pub(super) modified: Vec<u32>,
}

/// The days on which things are modified.
const DAYS: std::ops::Range<u32> = 5..25;
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

// === chances ===

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        6 => Just(Class::Open),
        3 => Just(Class::Limited),
        2 => guarded(),
        1 => Just(Class::Personal),
        1 => Just(Class::SpecialCare),
    ]
}

/// A class between limited and personal.
fn guarded() -> impl Strategy<Value = Class> {
    select([Class::PersonRelated, Class::Anonymised, Class::Pseudonymised].as_slice())
}

/// `none`: how often there are none, of four times.
fn references(none: u32) -> impl Strategy<Value = References> {
    let some = move || prop_oneof![none => Just(Vec::new()), 4 - none => subsequence(REFERENCES.to_vec(), 1..=2)];
    (some(), some()).prop_map(|(contracts, consents)| References { contracts, consents })
}

fn type_classes() -> impl Strategy<Value = Option<TypeClasses>> {
    let type_class = prop_oneof![
        20 => Just(Class::Open),
        5 => Just(Class::Limited),
        3 => guarded(),
        1 => Just(Class::Personal),
        1 => Just(Class::SpecialCare),
    ];
    // Where nothing is limited a whole type may be asked for, which is where something is forgotten soonest.
    let plain = vec(option::weighted(0.8, Just(Class::Open)), names().len());
    let mixed = vec(option::weighted(0.8, class()), names().len());
    let of_type = (type_class, prop_oneof![plain.boxed(), mixed.boxed()]);
    option::weighted(
        0.9,
        of_type.prop_map(|(class, mut attributes)| {
            // Mostly what has a class everywhere is not said otherwise.
            if attributes[4] != Some(Class::Open) {
                attributes[4] = None;
            }
            TypeClasses { class, attributes }
        }),
    )
}

fn principal(consumers: usize, tenants: usize) -> impl Strategy<Value = Principal> {
    prop_oneof![
        4 => Just(Principal::Anybody),
        4 => select(ROLES.as_slice()).prop_map(Principal::Role),
        2 => (0..consumers).prop_map(Principal::Consumer),
        1 => (0..tenants).prop_map(Principal::Tenant),
    ]
}

fn head(consumers: usize, tenants: usize) -> impl Strategy<Value = Head> {
    let action = prop_oneof![
        2 => Just(Action::Any),
        6 => Just(Action::Read),
        1 => Just(Action::Query),
        1 => Just(Action::RetrieveAndTypes)
    ];
    let resource = prop_oneof![3 => Just(Resource::All), 2 => select(TYPES.as_slice()).prop_map(Resource::Type)];
    let when = prop_oneof![
        10 => Just(When::Always),
        2 => class().prop_map(When::Class),
        1 => class().prop_map(When::UnlessClass),
        1 => Just(When::Unclassified),
        1 => select(PURPOSES.as_slice()).prop_map(When::Purpose),
    ];
    (principal(consumers, tenants), action, resource, when).prop_map(|(principal, action, resource, when)| Head {
        principal,
        action,
        resource,
        when,
    })
}

/// A filter on numbers.
pub(super) fn filter() -> impl Strategy<Value = Filter> {
    let comparison = select(vec![
        Comparison::Exists,
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::GreaterOrEqual,
    ]);
    let condition = (select(NUMBERS.as_slice()), comparison, 0..4_i64);
    let condition = condition.prop_map(|(name, comparison, value)| Filter::Condition(name, comparison, value));
    condition.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Filter::And(Box::new(one), Box::new(other))),
            (inner.clone(), inner).prop_map(|(one, other)| Filter::Or(Box::new(one), Box::new(other))),
        ]
    })
}

/// A box: its edges lie on halves of degrees, where no place is.
pub(super) fn area() -> impl Strategy<Value = Area> {
    (0..3_i64, 2..5_i64, 0..3_i64, 2..5_i64).prop_map(|(west, width, south, height)| {
        Area([
            2 * west - 1,
            2 * south - 1,
            2 * (west + width) - 1,
            2 * (south + height) - 1,
        ])
    })
}

fn permit(consumers: usize, tenants: usize) -> impl Strategy<Value = Permit> {
    let all = names();
    let count = all.len();
    let plain = (
        Just(None),
        Just(Vec::new()),
        Just(None),
        Just(None),
        Just(None),
        Just(Vec::new()),
        Just(false),
        Just(References::default()),
    );
    let narrowing = (
        option::weighted(0.5, subsequence(all.clone(), 1..count)),
        prop_oneof![3 => Just(Vec::new()), 1 => subsequence(all, 1..3)],
        option::weighted(0.3, filter()),
        option::weighted(0.15, select(SCOPE_QUERIES.as_slice())),
        option::weighted(0.25, area()),
        prop_oneof![6 => Just(Vec::new()), 1 => subsequence(PURPOSES.to_vec(), 1..=2)],
        prop::bool::weighted(0.05),
        prop_oneof![2 => Just(References::default()), 1 => references(2)],
    );
    let narrowing = prop_oneof![plain.boxed(), narrowing.boxed()];
    (head(consumers, tenants), narrowing).prop_map(
        |(head, (attributes, without, q, scope, area, purposes, needs_assurance, references))| Permit {
            head,
            attributes,
            without,
            q,
            scope,
            area,
            purposes,
            needs_assurance,
            references,
        },
    )
}

fn source() -> impl Strategy<Value = Source> {
    let manner = prop_oneof![
        2 => Just(Manner::Decides),
        1 => Just(Manner::Narrows),
        1 => Just(Manner::Lists),
        1 => Just(Manner::Tells)
    ];
    let has = vec(prop::bool::weighted(0.8), names().len());
    let part = (0..IDS, has);
    (
        subsequence(TYPES.to_vec(), 1..=TYPES.len()),
        prop::bool::weighted(0.4),
        manner,
        vec(part, 2..8),
    )
        .prop_map(|(provides, may_be_personal, manner, mut parts)| {
            parts.sort_by_key(|(id, _)| *id);
            parts.dedup_by_key(|(id, _)| *id);
            // The date of what has no attributes is its source's own.
            for (_, has) in &mut parts {
                has[0] |= !has.contains(&true);
            }
            Source {
                provides,
                may_be_personal,
                manner,
                parts,
            }
        })
}

fn tenant(consumers: usize, tenants: usize) -> impl Strategy<Value = Tenant> {
    (
        prop::bool::weighted(0.95),
        vec(permit(consumers, tenants), 1..10),
        prop_oneof![5 => Just(Vec::new()), 1 => vec(head(consumers, tenants), 1..3)],
        vec(source(), 1..3),
    )
        .prop_map(|(has_policies, permits, forbids, sources)| Tenant {
            has_policies,
            permits,
            forbids,
            sources,
        })
}

fn consumer(tenants: usize) -> impl Strategy<Value = Consumer> {
    (
        option::of(0..tenants),
        prop_oneof![1 => Just(Vec::new()), 6 => subsequence(ROLES.to_vec(), 1..=2)],
        subsequence(PURPOSES.to_vec(), 0..=2),
        references(1),
    )
        .prop_map(|(tenant, roles, purposes, references)| Consumer {
            tenant,
            roles,
            purposes,
            references,
        })
}

fn thing() -> impl Strategy<Value = Thing> {
    (
        prop_oneof![
            3 => select(TYPES.as_slice()).prop_map(|r#type| vec![r#type]),
            1 => subsequence(TYPES.to_vec(), 2),
        ],
        vec(0..4_i64, NUMBERS.len()),
        (0..4_i64, 0..4_i64),
        subsequence(SCOPES.to_vec(), 0..=2),
        0..IDS,
        1..DAYS.start,
        vec(DAYS, names().len()),
    )
        .prop_map(|(types, numbers, place, scopes, link, created, modified)| Thing {
            types,
            numbers,
            place,
            scopes,
            link,
            created,
            modified,
        })
}

/// A day on which something may have been modified.
pub(super) fn day() -> impl Strategy<Value = u32> {
    DAYS
}

/// Any world.
pub(super) fn world() -> impl Strategy<Value = World> {
    (1..4_usize, 1..4_usize).prop_flat_map(|(tenants, consumers)| {
        (
            vec(type_classes(), TYPES.len()),
            prop_oneof![3 => Just(Class::Personal), 1 => Just(Class::SpecialCare), 2 => guarded()],
            vec(tenant(consumers, tenants), tenants),
            prop_oneof![8 => Just(Vec::new()), 1 => vec(head(consumers, tenants), 1)],
            vec(consumer(tenants), consumers),
            vec(thing(), IDS),
            prop::bool::weighted(0.3),
        )
            .prop_map(
                |(classes, everywhere, mut tenants, platform, consumers, things, shares)| {
                    if !shares {
                        let mut taken = [false; IDS];
                        for source in tenants.iter_mut().flat_map(|tenant| &mut tenant.sources) {
                            source.parts.retain(|(id, _)| !std::mem::replace(&mut taken[*id], true));
                        }
                    }
                    World {
                        classes,
                        everywhere,
                        tenants,
                        platform,
                        consumers,
                        things,
                        shares,
                    }
                },
            )
    })
}
