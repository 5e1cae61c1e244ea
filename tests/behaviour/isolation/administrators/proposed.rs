//! What administrators of tenants propose: edits of their own part, and of what is not theirs.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

use super::super::chances::{head, permit};
use super::super::question::{Question, questions};
use super::super::world::{Head, Permit, TYPES};
use super::super::written::{self, tenant_id};
use super::chances::{brought, endpoint, entries, limits};
use super::given::{Brought, Endpoint, Entry, Floor, Ids, Limits, Platform, SERVICE_PATHS, SERVICES};
use super::rules::vouching;

/// One edit of a tenant's own part. An [`Index`] says of which source.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Add(Brought),
    /// A source that asks what another tenant's source asks, written in another way.
    Imitate(Index, Brought),
    Copy(Index, Option<Endpoint>),
    Remove(Index),
    Rename(Index),
    /// As a source of another tenant is called.
    NameAsAnother(Index, Index),
    Endpoint(Index, Endpoint),
    Service(Index, Option<&'static str>),
    ServicePath(Index, Option<&'static str>),
    Entries(Index, Vec<Entry>),
    Widen(Index, Entry),
    SayNone(Index, bool),
    Limits(Index, Limits),
    TenantLimits(Option<Limits>),
    Credential(Index, Option<usize>),
    Claim(Index, Entry),
    ClaimAsBefore(Index, Index),
    Policies(Vec<Permit>, Vec<Head>),
    NoPolicies,
}

#[derive(Debug, Clone)]
pub(super) enum Proposed {
    Own(Vec<Edit>),
    /// Something that is not the tenant's, whatever the floor says.
    Foreign(usize, Index),
}

/// What an administrator proposes, and what consumers ask then.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) tenant: usize,
    pub(super) proposed: Proposed,
    pub(super) asked: Vec<Question>,
}

/// Questions after each proposal that was accepted.
const QUESTIONS: usize = 6;

fn edit(consumers: usize, tenants: usize) -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let services = || select(SERVICES.as_slice());
    let claim = (select(TYPES.as_slice()), 0..6_usize).prop_map(|(r#type, number)| Entry {
        r#type,
        ids: Ids::One(number),
        is_claim: true,
    });
    let ids = prop_oneof![2 => Just(Ids::Any), 1 => Just(Ids::Free), 1 => Just(Ids::Named)];
    let wide = (select(TYPES.as_slice()), ids).prop_map(|(r#type, ids)| Entry {
        r#type,
        ids,
        is_claim: false,
    });
    let policies = (
        vec(permit(consumers, tenants), 1..6),
        vec(head(consumers, tenants), 0..2),
    );
    let sources = prop_oneof![
        6 => brought(tenants).prop_map(Edit::Add),
        6 => (at(), brought(tenants)).prop_map(|(at, source)| Edit::Imitate(at, source)),
        3 => (at(), option::of(endpoint())).prop_map(|(at, endpoint)| Edit::Copy(at, endpoint)),
        2 => at().prop_map(Edit::Remove),
        2 => at().prop_map(Edit::Rename),
        1 => (at(), at()).prop_map(|(at, other)| Edit::NameAsAnother(at, other)),
        2 => (at(), endpoint()).prop_map(|(at, endpoint)| Edit::Endpoint(at, endpoint)),
        2 => (at(), services()).prop_map(|(at, service)| Edit::Service(at, service)),
        1 => (at(), select(SERVICE_PATHS.as_slice())).prop_map(|(at, paths)| Edit::ServicePath(at, paths)),
    ];
    let others = prop_oneof![
        2 => (at(), entries()).prop_map(|(at, entries)| Edit::Entries(at, entries)),
        3 => (at(), wide).prop_map(|(at, entry)| Edit::Widen(at, entry)),
        3 => (at(), prop::bool::weighted(0.8)).prop_map(|(at, says)| Edit::SayNone(at, says)),
        2 => (at(), limits()).prop_map(|(at, limits)| Edit::Limits(at, limits)),
        1 => option::of(limits()).prop_map(Edit::TenantLimits),
        1 => (at(), option::of(0..tenants)).prop_map(|(at, whose)| Edit::Credential(at, whose)),
        2 => (at(), claim).prop_map(|(at, claim)| Edit::Claim(at, claim)),
        1 => (at(), at()).prop_map(|(at, of)| Edit::ClaimAsBefore(at, of)),
        4 => policies.prop_map(|(permits, forbids)| Edit::Policies(permits, forbids)),
        1 => Just(Edit::NoPolicies),
    ];
    prop_oneof![3 => sources, 2 => others]
}

/// What is tried one after the other.
pub(super) fn steps(platform: &Platform, count: usize) -> impl Strategy<Value = Vec<Step>> + use<> {
    let (consumers, tenants) = (platform.world.consumers.len(), platform.world.tenants.len());
    let own = prop_oneof![4 => vec(edit(consumers, tenants), 1), 1 => vec(edit(consumers, tenants), 2..4)];
    let proposed = prop_oneof![
        8 => own.prop_map(Proposed::Own),
        1 => (0..FOREIGN, any::<Index>()).prop_map(|(kind, at)| Proposed::Foreign(kind, at)),
    ];
    let step =
        (0..tenants, proposed, questions(&platform.world, QUESTIONS)).prop_map(|(tenant, proposed, asked)| Step {
            tenant,
            proposed,
            asked,
        });
    vec(step, count)
}

/// The platform with what an administrator proposes for its tenant. `None`: there is nothing of which it is said.
pub(super) fn proposed(before: &Platform, tenant: usize, edits: &[Edit]) -> Option<Platform> {
    let mut after = before.clone();
    for edit in edits {
        apply(edit, before, &mut after, tenant)?;
    }
    after.world = written::allowed(after.world);
    let earlier = &before.parts[tenant].sources;
    let sources = &mut after.parts[tenant].sources;
    if let Some(vouching) = vouching(earlier, sources) {
        for (source, voucher) in sources.iter_mut().zip(vouching) {
            source.named_by_tenant = voucher.is_none_or(|voucher| voucher.named_by_tenant);
        }
    }
    Some(after)
}

fn apply(edit: &Edit, before: &Platform, after: &mut Platform, tenant: usize) -> Option<()> {
    let others = before.parts.iter().enumerate().filter(|(other, _)| *other != tenant);
    let others: Vec<&Brought> = others.flat_map(|(_, part)| &part.sources).collect();
    let another = |at: &Index| (!others.is_empty()).then(|| others[at.index(others.len())]);
    let count = after.parts[tenant].sources.len();
    let place = |at: &Index| (count > 0).then(|| at.index(count));
    let part = &mut after.parts[tenant];
    // Names that nobody has, so that a name is taken only where that is tried.
    let taken: Vec<String> = part
        .sources
        .iter()
        .chain(others.iter().copied())
        .map(|source| source.id.clone())
        .collect();
    let free = || {
        let mut names = (0..).map(|number| format!("t{tenant}-n{number}"));
        names.find(|name| !taken.contains(name))
    };
    match edit {
        Edit::Add(source) => part.sources.push(Brought {
            id: free()?,
            ..source.clone()
        }),
        Edit::Imitate(at, source) => {
            let other = another(at)?;
            // Now and then in other letters, which Orion would not tell apart.
            let mut services = SERVICES.into_iter();
            let service = services.find(|service| {
                let lower = |service: Option<&str>| service.map(str::to_lowercase);
                source.limits != Limits::default()
                    && *service != other.service
                    && lower(*service) == lower(other.service)
            });
            part.sources.push(Brought {
                id: free()?,
                endpoint: Endpoint {
                    machine: other.endpoint.machine,
                    path: match source.endpoint.path {
                        0 | 1 => other.endpoint.path,
                        path => path,
                    },
                    ..source.endpoint
                },
                service: service.unwrap_or(other.service),
                service_path: None,
                credential: None,
                limits: Limits::default(),
                says_none: true,
                entries: TYPES
                    .map(|r#type| Entry {
                        r#type,
                        ids: Ids::Any,
                        is_claim: false,
                    })
                    .to_vec(),
                ..source.clone()
            });
        }
        Edit::Copy(at, endpoint) => {
            let own = part.sources[place(at)?].clone();
            part.sources.push(Brought {
                id: free()?,
                endpoint: endpoint.unwrap_or(own.endpoint),
                ..own
            });
        }
        Edit::Remove(at) => {
            part.sources.remove(place(at)?);
        }
        Edit::Rename(at) => part.sources[place(at)?].id = free()?,
        Edit::NameAsAnother(at, other) => part.sources[place(at)?].id = another(other)?.id.clone(),
        Edit::Endpoint(at, endpoint) => part.sources[place(at)?].endpoint = *endpoint,
        Edit::Service(at, service) => part.sources[place(at)?].service = *service,
        Edit::ServicePath(at, paths) => part.sources[place(at)?].service_path = *paths,
        Edit::Entries(at, entries) => part.sources[place(at)?].entries.clone_from(entries),
        Edit::Widen(at, entry) | Edit::Claim(at, entry) => widen(&mut part.sources[place(at)?], *entry),
        Edit::SayNone(at, says) => part.sources[place(at)?].says_none = *says,
        Edit::Limits(at, limits) => part.sources[place(at)?].limits = *limits,
        Edit::TenantLimits(limits) => {
            part.limits = limits.filter(|limits| limits.rate.is_some()).map(|limits| Limits {
                concurrency: None,
                timeout: None,
                ..limits
            });
        }
        Edit::Credential(at, whose) => part.sources[place(at)?].credential = *whose,
        Edit::ClaimAsBefore(at, of) => {
            let entries = before.parts[tenant].sources.iter().flat_map(|source| &source.entries);
            let claims: Vec<Entry> = entries.filter(|entry| entry.is_claim).copied().collect();
            let claim = (!claims.is_empty()).then(|| claims[of.index(claims.len())])?;
            widen(&mut part.sources[place(at)?], claim);
        }
        Edit::Policies(permits, forbids) => {
            let own = &mut after.world.tenants[tenant];
            own.has_policies = true;
            own.permits.clone_from(permits);
            own.forbids.clone_from(forbids);
        }
        Edit::NoPolicies => after.world.tenants[tenant].has_policies = false,
    }
    Some(())
}

fn widen(source: &mut Brought, entry: Entry) {
    if !source.entries.contains(&entry) {
        source.entries.push(entry);
    }
}

/// The body of the proposal that makes one platform of another.
pub(super) fn body(before: &Platform, after: &Platform, tenant: usize, folder: &str) -> Value {
    let mut files = json!({ "tenants.toml": after.table(tenant, "", folder) });
    let name = policy_file(tenant);
    let (earlier, now) = (written::files(&before.world), written::files(&after.world));
    if earlier.get(&name) != now.get(&name) {
        files[&name] = now.get(&name).map(ToString::to_string).into();
    }
    json!({ "files": files })
}

pub(super) fn policy_file(tenant: usize) -> String {
    format!("policies/{}.cedar", tenant_id(tenant))
}

/// How many kinds of what is not a tenant's there are.
const FOREIGN: usize = 18;

/// A proposal of something that is not the tenant's, and the word that must stand in the refusal.
pub(super) fn foreign(platform: &Platform, tenant: usize, kind: usize, at: Index, folder: &str) -> (Value, String) {
    let tenants = platform.parts.len();
    let other = (0..tenants)
        .filter(|other| *other != tenant)
        .nth(at.index(tenants) % (tenants - 1).max(1));
    let other = other.map_or("another".to_owned(), tenant_id);
    let own = tenant_id(tenant);
    let part = |keys: &str| platform.table(tenant, keys, folder);
    let with = |text: &str| format!("{}{text}", part(""));
    let source = |more: &str| {
        with(&format!(
            "[[tenants.{own}.sources]]\nid = \"{own}-more\"\nprovides = [{{ type = \"urn:x:more\" }}]\n{more}\n"
        ))
    };
    let file = |name: &str, text: Option<&str>| (json!({ "files": { name: text } }), name.to_owned());
    let tenants_toml = |text: String, word: &str| (json!({ "files": { "tenants.toml": text } }), word.to_owned());
    let orion = "adapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:1026\"\n";
    match kind {
        0 => {
            let text = format!("permit (principal, action, resource in Tenant::\"{other}\");");
            file(&format!("policies/{other}.cedar"), Some(&text))
        }
        1 => file("policies/platform.cedar", None),
        2 => file("policies/classification.toml", Some("")),
        3 => file("policies/schema.cedarschema", Some("")),
        4 => file(&format!("policies/areas/{own}.geojson"), Some("{}")),
        5 => file("../tenants.toml", Some("")),
        6 => tenants_toml(with("[gateway]\nlisten = \"0.0.0.0:80\"\n"), "[gateway]"),
        7 => tenants_toml(with("[consumers.more]\nroles = [\"r0\"]\n"), "[consumers]"),
        8 => tenants_toml(with("[administrators.more]\nrole = \"operator\"\n"), "[administrators]"),
        9 => tenants_toml(
            with(&format!("[tenants.{other}]\nname = \"mine\"\n")),
            &format!("[tenants.{other}]"),
        ),
        10 => {
            let mut wider = platform.clone();
            wider.parts[tenant].floor = Floor {
                sources: Some(4000),
                ..wider.parts[tenant].floor.clone()
            };
            tenants_toml(wider.table(tenant, "", folder), "`allowed`")
        }
        11 if tenant == 0 => tenants_toml(part("").replace("role = \"operator\"\n", ""), "`role`"),
        11 => tenants_toml(part("role = \"operator\"\n"), "`role`"),
        12 => tenants_toml(part("inspection = \"report\"\n"), "`inspection`"),
        13 => tenants_toml(
            source(&format!(
                "adapter = \"store\"\nendpoint = \"sqlite:x/\"\npartitions = [\"{other}\"]"
            )),
            "the store",
        ),
        14 => tenants_toml(
            source("adapter = \"rest\"\nendpoint = \"http://127.0.0.1:1026\"\nmapping = \"mappings/x.toml\""),
            "`mapping`",
        ),
        15 => tenants_toml(source(&format!("{orion}ca = \"x.pem\"")), "`ca`"),
        16 => tenants_toml(source(&format!("{orion}named_by = \"operator\"")), "`named_by`"),
        _ => {
            let text = format!("permit (principal, action, resource in Tenant::\"{other}\");");
            (json!({ "files": { policy_file(tenant): text } }), other)
        }
    }
}

/// Some of what there is.
pub(super) fn some<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    subsequence(all.to_vec(), 0..=all.len())
}
