//! Who speaks for which entities: claims of authority in `provides`. Two tenants cannot claim the same; and where two may
//! hold the same and have claimed nothing, whoever says the newest date wins, which `check` warns of.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use ngsi_ld::TypeName;

use super::provides::{ProvidedType, Provides};
use super::source::SourceConfig;
use super::tenant::Tenant;
use kakehashi_core::diagnostics::{Place, Report, Severity};
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::compact_type;

/// One entry of `provides`, and who would speak by it.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub source: &'a SourceConfig,
    pub owner: &'a TenantId,
    entry: &'a Provides,
}

/// Entries of `provides`, so that those which may meet one are found without looking at all.
#[derive(Default)]
pub(crate) struct Claims<'a> {
    by_type: HashMap<&'a TypeName, ClaimsOfType<'a>>,
    of_any_type: Vec<Claim<'a>>,
}

/// The entries about one type. Two beginnings of ids meet only where one begins with the other, so that thousands of
/// towns are not compared with each other.
#[derive(Default)]
struct ClaimsOfType<'a> {
    by_beginning: BTreeMap<&'a str, Vec<Claim<'a>>>,
    others: Vec<Claim<'a>>,
}

impl<'a> ClaimsOfType<'a> {
    fn all(&self) -> impl Iterator<Item = &Claim<'a>> {
        self.by_beginning.values().flatten().chain(&self.others)
    }

    /// Those that may meet an entry.
    fn near<'b>(&'b self, entry: &'b Provides) -> Vec<&'b Claim<'a>> {
        let Some(beginning) = entry.beginning() else {
            return self.all().collect();
        };
        let longer = self
            .by_beginning
            .range(beginning..)
            .take_while(|(other, _)| other.starts_with(beginning));
        let shorter = beginning.char_indices().filter_map(|(end, _)| {
            let other = beginning.get(..end)?;
            self.by_beginning.get_key_value(other)
        });
        longer
            .chain(shorter)
            .flat_map(|(_, claims)| claims)
            .chain(&self.others)
            .collect()
    }
}

/// The entries of a source, each for every tenant that it speaks for.
fn entries(source: &SourceConfig) -> impl Iterator<Item = Claim<'_>> {
    source.owners().iter().flat_map(move |owner| {
        let entries = source.provided_by(owner);
        entries.map(move |entry| Claim { source, owner, entry })
    })
}

impl<'a> Claims<'a> {
    pub(crate) fn add(&mut self, source: &'a SourceConfig) {
        for claim in entries(source).filter(|claim| claim.entry.authoritative) {
            self.insert(claim);
        }
    }

    fn insert(&mut self, claim: Claim<'a>) {
        let ProvidedType::Type(name) = &claim.entry.r#type else {
            self.of_any_type.push(claim);
            return;
        };
        let claims = self.by_type.entry(name).or_default();
        match claim.entry.beginning() {
            Some(beginning) => claims.by_beginning.entry(beginning).or_default().push(claim),
            None => claims.others.push(claim),
        }
    }

    /// Those that may speak of the same entities as an entry of another tenant's.
    fn meeting<'b>(&'b self, claim: &'b Claim<'_>) -> impl Iterator<Item = &'b Claim<'a>> {
        let near: Vec<&Claim<'a>> = match &claim.entry.r#type {
            ProvidedType::Type(name) => self
                .by_type
                .get(name)
                .map(|claims| claims.near(claim.entry))
                .unwrap_or_default(),
            ProvidedType::Any => self.by_type.values().flat_map(ClaimsOfType::all).collect(),
        };
        let near = near.into_iter().chain(&self.of_any_type);
        near.filter(|other| other.owner != claim.owner && other.entry.overlaps(claim.entry))
    }

    /// The claims of other tenants to what a source claims, each source once, with the tenant that claims it here. The
    /// partitions of one store are of several tenants.
    pub(crate) fn contested(&self, source: &'a SourceConfig) -> Vec<(&'a TenantId, Claim<'a>)> {
        let mut found: Vec<(&TenantId, Claim<'a>)> = Vec::new();
        let mut own = Claims::default();
        for claim in entries(source).filter(|claim| claim.entry.authoritative) {
            for earlier in self.meeting(&claim).chain(own.meeting(&claim)) {
                if found.iter().all(|(_, known)| known.source.id != earlier.source.id) {
                    found.push((claim.owner, *earlier));
                }
            }
            own.insert(claim);
        }
        found
    }
}

/// Warns of sources of two tenants that may hold the same entities of a type, where one of them has no claim to any of that
/// type: then nothing says whose attributes win. Entries of any type (`"*"`) say nothing about one, so that two of them
/// are no finding.
pub(crate) fn check_undecided(tenants: &[Tenant], places: &HashMap<&str, &Place>, report: &Report) {
    let sources = || tenants.iter().flat_map(|tenant| &tenant.sources).map(AsRef::as_ref);
    // Who has said of a type which of its ids are its own, or has said it of all types.
    let claimed: HashSet<(&TenantId, Option<&TypeName>)> = sources()
        .flat_map(entries)
        .filter(|claim| claim.entry.authoritative)
        .map(|claim| (claim.owner, claim.entry.type_name()))
        .collect();
    let has_claimed = |owner, name| claimed.contains(&(owner, None)) || claimed.contains(&(owner, Some(name)));
    let mut unclaimed = Claims::default();
    for source in sources() {
        let undecided = entries(source)
            .filter(|claim| !claim.entry.authoritative)
            .find_map(|claim| {
                unclaimed.meeting(&claim).find_map(|earlier| {
                    let name = claim.entry.type_name().or(earlier.entry.type_name())?;
                    let is_decided = has_claimed(claim.owner, name) && has_claimed(earlier.owner, name);
                    (!is_decided).then_some((claim, *earlier, name))
                })
            });
        if let Some((claim, earlier, name)) = undecided
            && let Some(place) = places.get(source.id.as_str())
        {
            let message = format!(
                "`{}` of tenant `{}` and `{}` of tenant `{}` may hold the same entities of type `{}`, and no claim decides whose attributes win",
                earlier.source.id,
                earlier.owner,
                source.id,
                claim.owner,
                compact_type(name)
            );
            let help =
                "say which ids are whose: `authoritative = true` with an `id_pattern` such as the municipality's code";
            let told = "another tenant may hold the same entities of a type, and no claim decides whose attributes win: say \
                        which ids are yours, and ask the operator for a claim";
            report.between_tenants(Severity::Warning, place, message, help.to_owned(), told);
        }
        for claim in entries(source).filter(|claim| !claim.entry.authoritative) {
            unclaimed.insert(claim);
        }
    }
}
