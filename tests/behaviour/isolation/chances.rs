//! Chances: any world, as proptest makes it. Small, so that what decides meets often.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::world::{
    Action, Area, Class, Comparison, Consumer, DAYS, Filter, Head, ID_PATTERNS, IDS, Manner, NUMBERS, PURPOSES, Permit,
    Principal, REFERENCES, ROLES, References, Resource, SCOPE_QUERIES, SCOPES, Source, TYPES, Tenant, Thing,
    TypeClasses, When, World, named_type, names,
};

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

pub(super) fn head(consumers: usize, tenants: usize) -> impl Strategy<Value = Head> {
    let action = prop_oneof![
        3 => Just(Action::Any),
        6 => Just(Action::Read),
        1 => Just(Action::Query),
        1 => Just(Action::RetrieveAndTypes),
        1 => Just(Action::Provide),
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

pub(super) fn permit(consumers: usize, tenants: usize) -> impl Strategy<Value = Permit> {
    let all = names();
    let count = all.len();
    let plain = (
        Just(None),
        Just(Vec::new()),
        Just(None),
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
        option::weighted(0.15, select(ID_PATTERNS.as_slice())),
        prop_oneof![6 => Just(Vec::new()), 1 => subsequence(PURPOSES.to_vec(), 1..=2)],
        prop::bool::weighted(0.05),
        prop_oneof![2 => Just(References::default()), 1 => references(2)],
    );
    let narrowing = prop_oneof![plain.boxed(), narrowing.boxed()];
    (head(consumers, tenants), narrowing).prop_map(
        |(head, (attributes, without, q, scope, area, ids, purposes, needs_assurance, references))| Permit {
            head,
            attributes,
            without,
            q,
            scope,
            area,
            ids,
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
                is_store: false,
                provides,
                may_be_personal,
                manner,
                parts,
                flawed: Vec::new(),
                is_undated: false,
            }
        })
}

/// The same world with sources of which some hold what is wrong, and some do not know when attributes were modified.
pub(super) fn imperfect(world: World) -> impl Strategy<Value = World> {
    let flawed = (0..IDS, vec(prop::bool::weighted(0.8), names().len()));
    let of_source = (
        prop_oneof![1 => Just(Vec::new()), 2 => vec(flawed, 1..3)],
        prop::bool::weighted(0.25),
    );
    let sources = world.tenants.iter().map(|tenant| tenant.sources.len()).sum::<usize>();
    vec(of_source, sources).prop_map(move |chances| {
        let mut world = world.clone();
        let sources = world.tenants.iter_mut().flat_map(|tenant| &mut tenant.sources);
        for (source, (mut flawed, is_undated)) in sources.zip(chances) {
            flawed.sort_by_key(|(id, _)| *id);
            flawed.dedup_by_key(|(id, _)| *id);
            flawed.retain(|(id, _)| source.parts.iter().all(|(held, _)| held != id));
            (source.flawed, source.is_undated) = (flawed, is_undated);
        }
        world
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

pub(super) fn thing() -> impl Strategy<Value = Thing> {
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

/// Any world with partitions of the store, in which nothing is that is never loaded, and in which some may write.
pub(super) fn written_world() -> impl Strategy<Value = World> {
    let chances = (
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.7),
        permit(1, 1),
        any::<bool>(),
    );
    (world(), vec(chances, 3), vec(prop::bool::weighted(0.6), IDS)).prop_map(|(mut world, chances, own)| {
        world.shares = true;
        for (number, _) in own.iter().enumerate().filter(|(_, own)| **own) {
            world.things[number].types = match named_type(number) {
                Some(named) => vec![named],
                None => vec![world.things[number].types[0]],
            };
        }
        let known = world.clone();
        for (tenant, (has_store, writes, mut permit, takes_all)) in world.tenants.iter_mut().zip(chances) {
            if writes {
                permit.head.resource = Resource::All;
                permit.head.action = Action::Provide;
                permit.head.principal = Principal::Anybody;
                tenant.permits.push(permit);
            }
            let source = &mut tenant.sources[0];
            if !has_store {
                continue;
            }
            source.is_store = true;
            source.manner = Manner::Decides;
            if takes_all {
                source.provides = TYPES.to_vec();
            }
            let (provides, may_be_personal) = (source.provides.clone(), source.may_be_personal);
            source
                .parts
                .retain(|(number, _)| known.may_be_loaded(*number, &provides, may_be_personal));
        }
        world
    })
}

/// Any world with partitions of the store in which many may subscribe and everybody may write whatever may be written at
/// all: what is hidden from subscribers changes.
pub(super) fn subscribed_world() -> impl Strategy<Value = World> {
    let action = || {
        prop_oneof![
            2 => Just(None),
            1 => Just(Some(Action::Any)),
            1 => Just(Some(Action::Subscribe)),
            3 => Just(Some(Action::ReadAndSubscribe)),
        ]
    };
    let forbidden = prop_oneof![3 => Just(None), 1 => Just(Some(Action::Subscribe))];
    let told = vec((prop::bool::weighted(0.8), permit(1, 1)), 3);
    let chances = (vec(action(), 30), vec(forbidden, 10), prop::bool::weighted(0.5), told);
    (written_world(), chances).prop_map(|(mut world, (actions, forbidden, is_plain, told))| {
        let mut actions = actions.into_iter().cycle();
        let mut forbidden = forbidden.into_iter().cycle();
        if is_plain {
            // So that something is told in every other world.
            world.platform.clear();
        }
        for (tenant, (is_told, mut told)) in world.tenants.iter_mut().zip(told) {
            if is_told {
                told.head.principal = Principal::Anybody;
                told.head.action = Action::ReadAndSubscribe;
                told.head.when = When::Always;
                tenant.permits.push(told);
            }
            for permit in &mut tenant.permits {
                permit.head.action = actions.next().flatten().unwrap_or(permit.head.action);
            }
            for forbid in &mut tenant.forbids {
                forbid.action = forbidden.next().flatten().unwrap_or(forbid.action);
            }
            tenant.permits.push(Permit {
                head: Head {
                    principal: Principal::Anybody,
                    action: Action::Provide,
                    resource: Resource::All,
                    when: When::Always,
                },
                attributes: Some(names()),
                without: Vec::new(),
                q: None,
                scope: None,
                area: None,
                ids: None,
                purposes: Vec::new(),
                needs_assurance: false,
                references: References::default(),
            });
        }
        world
    })
}
