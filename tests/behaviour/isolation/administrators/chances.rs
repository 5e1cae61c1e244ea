//! Chances: any platform, of any world.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::chances::world;
use super::super::world::{IDS, TYPES, names};
use super::super::written::{self, source_id};
use super::given::{
    Brought, CELLS, Endpoint, Entry, Floor, Ids, Limits, MACHINES, PATHS, Part, Platform, RANGES, SERVICE_PATHS,
    SERVICES,
};
use super::proposed::some;

pub(super) fn endpoint() -> impl Strategy<Value = Endpoint> {
    let path = prop_oneof![5 => 0..2_usize, 3 => 2..PATHS.len()];
    (0..MACHINES.len(), 0..6_usize, path, prop::bool::weighted(0.05)).prop_map(|(machine, spelling, path, is_https)| {
        Endpoint {
            machine,
            // As it is usually written, most of the time.
            spelling: spelling % MACHINES[machine].len(),
            path,
            is_https,
        }
    })
}

/// Rates that no test reaches.
pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let rate = || option::weighted(0.4, 100_000..100_004_u32);
    let timeout = option::weighted(0.3, 1..6_u32);
    (rate(), rate(), option::weighted(0.3, 20..50_u32), timeout).prop_map(|(rate, burst, concurrency, timeout)| {
        Limits {
            rate,
            burst: burst.filter(|_| rate.is_some()),
            concurrency,
            timeout,
        }
    })
}

pub(super) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let ids = prop_oneof![4 => Just(Ids::Any), 1 => Just(Ids::Free), 1 => Just(Ids::Named)];
    let entry = (select(TYPES.as_slice()), ids).prop_map(|(r#type, ids)| Entry {
        r#type,
        ids,
        is_claim: false,
    });
    vec(entry, 1..4).prop_map(|mut entries| {
        let mut known: Vec<Entry> = Vec::new();
        entries.retain(|entry| {
            let is_new = !known.contains(entry);
            known.push(*entry);
            is_new
        });
        entries
    })
}

pub(super) fn brought(tenants: usize) -> impl Strategy<Value = Brought> {
    (
        endpoint(),
        prop_oneof![12 => select(&SERVICES[..3]), 1 => select(&SERVICES[3..])],
        prop_oneof![3 => Just(None), 1 => select(SERVICE_PATHS.as_slice())],
        option::weighted(0.1, 0..tenants),
        prop::bool::weighted(0.6),
        entries(),
        prop_oneof![3 => Just(Limits::default()), 1 => limits()],
    )
        .prop_map(
            |(endpoint, service, service_path, credential, says_none, entries, limits)| Brought {
                id: String::new(),
                endpoint,
                service,
                service_path,
                credential,
                says_none,
                entries,
                limits,
                named_by_tenant: true,
            },
        )
}

/// Mostly nothing is said of limits, because with a ceiling a new source has to name its own.
fn ceilings() -> impl Strategy<Value = Limits> {
    prop_oneof![3 => Just(Limits::default()), 1 => limits()]
}

fn floor() -> impl Strategy<Value = Floor> {
    let endpoints: Vec<(usize, usize)> = (0..MACHINES.len())
        .flat_map(|machine| [0, 1, 2].map(|path| (machine, path)))
        .collect();
    let all: Vec<(usize, usize)> = (0..MACHINES.len()).map(|machine| (machine, 2)).collect();
    let some_endpoints =
        prop_oneof![2 => some(&endpoints).boxed(), 5 => Just(all).boxed(), 1 => Just(Vec::new()).boxed()];
    let services = prop_oneof![
        1 => some(&["", "city", "town"]).boxed(),
        4 => Just(vec!["", "city", "town"]).boxed()];
    let paths = prop_oneof![1 => some(&["/#", "/p/#", "/p", "/q"]).boxed(), 3 => Just(vec!["/#"]).boxed()];
    let ranges = prop_oneof![
        2 => some(&[0, 1, 2]).boxed(),
        1 => Just(Vec::new()).boxed(),
        4 => Just((0..RANGES.len()).collect::<Vec<_>>()).boxed(),
    ];
    (
        some_endpoints,
        services,
        paths,
        ranges,
        option::weighted(0.2, 1..4_usize),
        ceilings(),
        ceilings(),
        prop::bool::weighted(0.6),
    )
        .prop_map(
            |(endpoints, services, service_paths, ranges, sources, limits, tenant_limits, may_say_none)| Floor {
                endpoints,
                services,
                service_paths,
                ranges,
                sources,
                limits,
                tenant_limits: Limits {
                    concurrency: None,
                    timeout: None,
                    ..tenant_limits
                },
                may_say_none,
                same_system_as: Vec::new(),
            },
        )
}

/// Any platform. What each system holds is its tenant's alone.
pub(super) fn platform() -> impl Strategy<Value = Platform> {
    world().prop_flat_map(|world| {
        let tenants = world.tenants.len();
        let parts = (
            floor(),
            option::weighted(0.3, limits()),
            vec(brought(tenants), 1..3),
            vec(any::<Index>(), 2),
            prop::bool::weighted(0.15),
        );
        let has = vec(prop::bool::weighted(0.8), names().len());
        let held = vec(vec((0..IDS, has), 0..5), CELLS);
        (Just(world), vec(parts, tenants), held).prop_map(move |(mut world, parts, mut held)| {
            world.shares = true;
            for thing in &mut world.things {
                thing.types.truncate(1);
            }
            for cell in &mut held {
                cell.sort_by_key(|(number, _)| *number);
                cell.dedup_by_key(|(number, _)| *number);
                for (_, has) in cell {
                    has[0] |= !has.contains(&true);
                }
            }
            let mut given: Vec<Part> = Vec::new();
            for (tenant, (floor, limits, sources, claimed, is_shared)) in parts.into_iter().enumerate() {
                let mut own: Vec<Brought> = Vec::new();
                for (place, mut source) in sources.into_iter().enumerate() {
                    source.id = source_id(tenant, place);
                    source.named_by_tenant = false;
                    source.service = source.service.filter(|service| *service == service.to_lowercase());
                    // A tenant has its own secret.
                    source.credential = source.credential.map(|_| tenant);
                    // Which ids it claims: each tenant others.
                    let number = tenant + tenants * claimed[place].index(IDS);
                    if number < 6 {
                        source.entries.push(Entry {
                            r#type: world.things[number].types[0],
                            ids: Ids::One(number),
                            is_claim: true,
                        });
                        let cell = &mut held[source.cells()[0]];
                        cell.retain(|(known, _)| *known != number);
                        cell.push((number, vec![true; names().len()]));
                        cell.sort_by_key(|(number, _)| *number);
                    }
                    let mut others = given.iter().flat_map(|part| &part.sources);
                    if !others.any(|other| other.reaches_what(&source)) {
                        own.push(source);
                    }
                }
                let limits = limits.filter(|limits| limits.rate.is_some()).map(|limits| Limits {
                    concurrency: None,
                    timeout: None,
                    ..limits
                });
                let mut floor = floor;
                if is_shared {
                    floor.same_system_as = vec![source_id((tenant + 1) % tenants, 0)];
                }
                given.push(Part {
                    floor,
                    limits,
                    sources: own,
                });
            }
            Platform {
                world: written::allowed(world),
                parts: given,
                held,
            }
        })
    })
}
