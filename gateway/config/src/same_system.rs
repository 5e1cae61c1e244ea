//! Sources of two tenants that would reach one system and service: what one tenant hides would be read as the other's.
//! The operator's word for it is `same_system_as` in `[tenants.<id>.allowed]`.
//!
//! Systems are compared as they compare: hosts without regard to letters, to how an address is written and to which of this
//! machine's addresses it is, paths with what
//! dots and percent signs mean, services of Orion in lower case. What a name leads to is looked at when it is asked
//! (`egress`): nothing is resolved here.

use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_adapters::SourceId;
use url::Host;

use super::endpoint::EndpointParts;
use super::own_addresses::OwnAddresses;
use super::source::{NamedBy, SourceConfig};
use super::tenant::Tenant;
use kakehashi_core::diagnostics::{Place, Report, Severity};
use kakehashi_core::names::TenantId;
use kakehashi_documents::quantity::Network;

/// Where a source is asked, taken apart.
#[derive(Clone)]
struct Asked<'a> {
    source: &'a SourceConfig,
    owner: &'a Tenant,
    parts: EndpointParts,
    /// The service behind the address, such as one of Orion, in lower case; `None`: the adapter names none, or may name any.
    service: Option<String>,
}

impl<'a> Asked<'a> {
    /// `None` for the store, which has no address.
    fn of(owner: &'a Tenant, source: &'a SourceConfig) -> Option<Self> {
        let address = source.settings.address()?;
        Some(Self {
            source,
            owner,
            parts: EndpointParts::parse(address.endpoint).ok()?,
            service: address.service.map(str::to_ascii_lowercase),
        })
    }

    /// Whether both are the same, if their hosts are.
    fn meets(&self, other: &Self) -> bool {
        let services_meet = match (&self.service, &other.service) {
            (Some(one), Some(other)) => one == other,
            // What asks a system without the adapter that names services may name any.
            _ => true,
        };
        self.owner.id != other.owner.id && services_meet && self.parts.may_share_paths_with(&other.parts)
    }

    /// Whether this one would reach what is the other tenant's, and the operator has not said that it may. What is said of the
    /// other is no word for this one: whoever names a source as that word has it would be excused by its name.
    fn intrudes_on(&self, other: &Self) -> bool {
        self.meets(other) && !self.is_excused(other)
    }

    fn is_excused(&self, other: &Self) -> bool {
        let names = &self.owner.allowed.same_system_as;
        names.iter().any(|name| *name == other.source.id.as_str())
    }
}

/// Where a host is, as far as nobody has to be asked for it.
#[derive(PartialEq, Eq, Hash)]
enum Machine {
    /// This one, by whichever of its addresses.
    Here,
    Elsewhere(Host<String>),
}

impl Machine {
    fn of(host: &Host<String>, here: &OwnAddresses) -> Self {
        if here.are_of(host) {
            Self::Here
        } else {
            Self::Elsewhere(host.clone())
        }
    }
}

/// All sources that have an address, in the order of the file.
fn asked(tenants: &[Tenant]) -> Vec<Asked<'_>> {
    let sources = tenants
        .iter()
        .flat_map(|tenant| tenant.sources.iter().map(move |source| (tenant, source)));
    sources.filter_map(|(owner, source)| Asked::of(owner, source)).collect()
}

/// Two sources of two tenants that reach one system and service, the later one first.
fn shared(tenants: &[Tenant]) -> Vec<(&SourceConfig, &SourceConfig)> {
    // Only those at one host and port are compared, and each is told once.
    let here = OwnAddresses::now();
    let mut by_address: HashMap<(Machine, u16), Vec<Asked<'_>>> = HashMap::new();
    let mut found = Vec::new();
    for asked in asked(tenants) {
        let address = (Machine::of(asked.parts.host(), &here), asked.parts.port());
        let earlier = by_address.entry(address).or_default();
        // In the operator's own files its word for one of both is enough.
        let is_told = |other: &&Asked<'_>| asked.intrudes_on(other) && other.intrudes_on(&asked);
        if let Some(other) = earlier.iter().find(is_told) {
            found.push((asked.source, other.source));
        }
        earlier.push(asked);
    }
    found
}

/// The sources of a tenant that reach the system and service of another tenant's.
pub fn shared_by<'a>(tenants: &'a [Tenant], tenant: &TenantId) -> Vec<&'a SourceConfig> {
    let here = OwnAddresses::now();
    let machine = |asked: &Asked<'_>| Machine::of(asked.parts.host(), &here);
    let all = asked(tenants);
    let own = all.iter().filter(|asked| asked.owner.id == *tenant);
    let reaching = own.filter(|own| {
        let own_machine = machine(own);
        let mut others = all.iter().filter(|other| machine(other) == own_machine);
        others.any(|other| own.intrudes_on(other))
    });
    reaching.map(|own| own.source).collect()
}

/// Warns of them, in the operator's files. `places` are those of the ids of all sources.
pub(crate) fn check(tenants: &[Tenant], places: &HashMap<&str, &Place>, report: &Report) {
    for (source, other) in shared(tenants) {
        let Some(place) = places.get(source.id.as_str()) else {
            continue;
        };
        let message = format!(
            "`{}` of tenant `{}` and `{}` of tenant `{}` ask one system and service: what one of them hides may be read as the other's",
            other.id, other.tenant, source.id, source.tenant
        );
        let help = format!(
            "if it is meant, say so: `same_system_as = [\"{}\"]` in [tenants.{}.allowed]",
            other.id, source.tenant
        );
        let told = "a source of another tenant asks the same system and service: ask the operator";
        report.between_tenants(Severity::Warning, place, message, help, told);
    }
    let known = |name: &str| places.contains_key(name);
    for tenant in tenants {
        for name in tenant.allowed.same_system_as.iter().filter(|name| !known(name)) {
            let message = format!(
                "`same_system_as` in [tenants.{}.allowed] names `{name}`, which is no source",
                tenant.id
            );
            let place = tenant.sources.first().and_then(|source| places.get(source.id.as_str()));
            report.warning(place.copied().unwrap_or(&Place::Caller), message, None);
        }
    }
}

/// Under what rule a source is asked whose address a tenant's administrator has named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressGuard {
    /// Addresses that are not public, to which it may lead all the same.
    pub egress_allow: Vec<Network>,
    /// The hosts of other tenants' sources that would be the same system, if its name led there.
    pub rivals: Vec<Host<String>>,
}

/// The guards of all sources that are named by tenants.
pub(crate) fn guards(tenants: &[Tenant]) -> HashMap<SourceId, Arc<AddressGuard>> {
    let is_guarded = |asked: &&Asked<'_>| asked.source.named_by == NamedBy::Tenant;
    let all = asked(tenants);
    let mut by_port: HashMap<u16, Vec<&Asked<'_>>> = HashMap::new();
    if all.iter().any(|asked| is_guarded(&asked)) {
        for asked in &all {
            by_port.entry(asked.parts.port()).or_default().push(asked);
        }
    }
    let guarded = all.iter().filter(is_guarded).map(|own| {
        let others = by_port.get(&own.parts.port()).into_iter().flatten();
        let mut rivals: Vec<Host<String>> = others
            .filter(|other| own.intrudes_on(other))
            .map(|other| other.parts.host().clone())
            .collect();
        rivals.sort();
        rivals.dedup();
        let guard = AddressGuard {
            egress_allow: own.owner.allowed.egress_allow.clone(),
            rivals,
        };
        (own.source.id.clone(), Arc::new(guard))
    });
    guarded.collect()
}
