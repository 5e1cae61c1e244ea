//! What no table can see alone: sources that contradict each other.

use hashbrown::HashMap;
use ngsi_ld::TypeName;

use super::diagnostics::{Place, Report};
use super::provides::{ProvidedType, Provides};
use super::source::{SourceConfig, upstream};
use super::tenant::{Tenant, TenantRole};

/// What is known of a source, with the place of its id.
type Placed<'a> = (&'a SourceConfig, &'a Place);

/// Compares the sources with each other. `places` are those of their ids, in the same order. Two thousand tenants
/// bring thousands of sources, so that only those are compared which can contradict each other.
pub(crate) fn check_sources(tenants: &[Tenant], places: &[&Place], report: &Report) {
    let sources: Vec<Placed<'_>> = tenants
        .iter()
        .flat_map(|tenant| &tenant.sources)
        .map(AsRef::as_ref)
        .zip(places.iter().copied())
        .collect();
    let mut by_id: HashMap<&str, Placed<'_>> = HashMap::new();
    let mut by_upstream: HashMap<String, Placed<'_>> = HashMap::new();
    let mut claims = Claims::default();
    for (source, place) in sources {
        if let Some((earlier, _)) = by_id.get(source.id.as_str()) {
            let message = format!(
                "two sources are called `{}`, of tenants `{}` and `{}`",
                source.id, earlier.tenant, source.tenant
            );
            report.error(place, message, "every source has a name of its own".to_owned());
            continue;
        }
        by_id.insert(source.id.as_str(), (source, place));
        if let Some((earlier, _)) = by_upstream.get(&upstream(source)) {
            let message = format!("sources `{}` and `{}` ask the same endpoint", earlier.id, source.id);
            report.warning(place, message, None);
        } else {
            by_upstream.insert(upstream(source), (source, place));
        }
        for earlier in claims.contested(source) {
            let message = format!(
                "`{}` of tenant `{}` and `{}` of tenant `{}` both claim to be authoritative for the same entities",
                earlier.id, earlier.tenant, source.id, source.tenant
            );
            let help = "give each claim an `id_pattern` that the other cannot match, such as the municipality's code";
            report.error(place, message, help.to_owned());
        }
        claims.add(source);
    }
}

/// The claims to authority so far, by type.
#[derive(Default)]
struct Claims<'a> {
    by_type: HashMap<&'a TypeName, Vec<(&'a SourceConfig, &'a Provides)>>,
    of_any_type: Vec<(&'a SourceConfig, &'a Provides)>,
}

impl<'a> Claims<'a> {
    fn add(&mut self, source: &'a SourceConfig) {
        for claim in source.provides.iter().filter(|provides| provides.authoritative) {
            let claims = match &claim.r#type {
                ProvidedType::Type(name) => self.by_type.entry(name).or_default(),
                ProvidedType::Any => &mut self.of_any_type,
            };
            claims.push((source, claim));
        }
    }

    /// The sources of other tenants that claim what this one claims, each once.
    fn contested(&self, source: &SourceConfig) -> Vec<&'a SourceConfig> {
        let mut found: Vec<&SourceConfig> = Vec::new();
        for claim in source.provides.iter().filter(|provides| provides.authoritative) {
            let of_type: Vec<_> = match &claim.r#type {
                ProvidedType::Type(name) => self.by_type.get(name).into_iter().flatten().collect(),
                ProvidedType::Any => self.by_type.values().flatten().collect(),
            };
            for (earlier, other) in of_type.into_iter().chain(&self.of_any_type) {
                let is_new = found.iter().all(|known| known.id != earlier.id);
                if is_new && earlier.tenant != source.tenant && other.overlaps(claim) {
                    found.push(earlier);
                }
            }
        }
        found
    }
}

/// One tenant, and only one, runs the platform.
pub(crate) fn check_operator(tenants: &[Tenant], place: &Place, report: &Report) {
    let operators: Vec<&str> = tenants
        .iter()
        .filter(|tenant| tenant.role == TenantRole::Operator)
        .map(|tenant| tenant.id.as_str())
        .collect();
    if operators.len() > 1 {
        let message = format!("several tenants have role = \"operator\": {}", operators.join(", "));
        report.error(
            place,
            message,
            "one of them runs the platform; the others are members".to_owned(),
        );
    }
}
