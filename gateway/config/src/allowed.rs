//! `[tenants.<id>.allowed]`: the operator's floor under a tenant, what its administrator may propose over the admin API.
//! What the files of the operator say is not judged by it.

use std::num::NonZeroU32;
use std::time::Duration;

use kakehashi_adapters::ngsi_v2::{parse_fiware_service, parse_fiware_servicepath};
use kakehashi_policy::PersonalData;

use super::endpoint::EndpointPattern;
use super::gateway::read_networks;
use super::source::{MOST_CONCURRENCY, MOST_PER_SECOND};
use kakehashi_documents::quantity::Network;
use kakehashi_documents::section::Section;

/// What a tenant's administrator may propose that its tenant was not given. By default nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Where sources may be.
    pub endpoints: Vec<EndpointPattern>,
    /// The services of Orion that may be asked; the empty one is none.
    pub fiware_services: Vec<String>,
    /// The paths of Orion that may be asked.
    pub fiware_servicepaths: Vec<String>,
    /// Addresses that are not public, to which endpoints may lead.
    pub egress_allow: Vec<Network>,
    /// Sources that it may have in all, those that the operator's files gave it among them.
    pub sources: usize,
    /// The highest limits of each source.
    pub limits: HighestLimits,
    /// The highest limits of the tenant.
    pub tenant_limits: HighestLimits,
    /// Whether it may say that a source holds no personal data.
    pub personal_data: PersonalData,
    /// Sources of other tenants, whose system and service a source of this tenant may reach, too.
    pub same_system_as: Vec<String>,
}

/// The highest limits that may be proposed; `None`: no higher ones than there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HighestLimits {
    /// Requests per second in the long run.
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests at once after a pause.
    pub burst: Option<NonZeroU32>,
    /// Requests under way at once.
    pub concurrency: Option<NonZeroU32>,
    /// How long one request may take.
    pub timeout: Option<Duration>,
}

/// Sources that a tenant may have where nothing is said: more than any municipality brings today, and far fewer than one
/// request may need (`fan_out`), so that one tenant's do not refuse everybody's questions.
const SOURCES: u32 = 8;

/// Most sources of a tenant that may be allowed: what `fan_out` may be raised to.
pub(crate) const MOST_SOURCES: u32 = 4096;

impl Default for Allowed {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            fiware_services: Vec::new(),
            fiware_servicepaths: Vec::new(),
            egress_allow: Vec::new(),
            sources: SOURCES as usize,
            limits: HighestLimits::default(),
            tenant_limits: HighestLimits::default(),
            personal_data: PersonalData::Present,
            same_system_as: Vec::new(),
        }
    }
}

/// Reads `allowed` of a tenant.
pub(super) fn read(tenant: &Section<'_>) -> Allowed {
    let Some(table) = tenant.section("allowed") else {
        return Allowed::default();
    };
    let texts = |key| table.texts(key).unwrap_or_default();
    let parsed = |key, parse: fn(&str) -> Result<String, String>| {
        let texts = texts(key).into_iter().filter_map(|text| match parse(text.value) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                let message = format!("`{key}` in {}: {reason}", table.title());
                table.report().error(text.place, message, None);
                None
            }
        });
        texts.collect::<Vec<String>>()
    };
    let endpoints = texts("endpoints").into_iter().filter_map(|text| {
        let pattern = EndpointPattern::parse(text.value);
        let refuse = |reason| {
            let message = format!("`endpoints` in {}: {reason}", table.title());
            table.report().error(text.place, message, None);
        };
        pattern.map_err(refuse).ok()
    });
    let limits = |key, of_source: bool| {
        let Some(limits) = table.section(key) else {
            return HighestLimits::default();
        };
        let count = |key, most| limits.count(key, most).and_then(NonZeroU32::new);
        let highest = HighestLimits {
            requests_per_second: count("requests_per_second", MOST_PER_SECOND),
            burst: count("burst", MOST_PER_SECOND),
            concurrency: of_source.then(|| count("concurrency", MOST_CONCURRENCY)).flatten(),
            timeout: of_source.then(|| limits.duration("timeout")).flatten(),
        };
        limits.finish();
        highest
    };
    let allowed = Allowed {
        endpoints: endpoints.collect(),
        fiware_services: parsed("fiware_services", parse_fiware_service),
        fiware_servicepaths: parsed("fiware_servicepaths", parse_fiware_servicepath),
        egress_allow: read_networks(&table, "egress_allow"),
        sources: table.count("sources", MOST_SOURCES).unwrap_or(SOURCES) as usize,
        limits: limits("limits", true),
        tenant_limits: limits("tenant_limits", false),
        personal_data: table
            .choice(
                "personal_data",
                &[("present", PersonalData::Present), ("none", PersonalData::None)],
            )
            .unwrap_or(PersonalData::Present),
        same_system_as: texts("same_system_as")
            .into_iter()
            .map(|name| name.value.to_owned())
            .collect(),
    };
    table.finish();
    allowed
}

impl Allowed {
    /// Whether a source of Orion may be asked for this service; `None`: for none.
    pub fn allows_service(&self, service: Option<&str>) -> bool {
        let service = service.unwrap_or("");
        let mut allowed = self.fiware_services.iter();
        allowed.any(|allowed| allowed.eq_ignore_ascii_case(service))
    }

    /// Whether a source of Orion may be asked for these paths: each lies inside of one that is allowed.
    pub fn allows_service_paths(&self, paths: &str) -> bool {
        let allowed = || self.fiware_servicepaths.iter().flat_map(|paths| paths.split(','));
        paths
            .split(',')
            .all(|path| allowed().any(|allowed| lies_inside(path.trim(), allowed)))
    }
}

/// Whether everything below one path of Orion is below another; `/#` at the end means whatever is below.
fn lies_inside(path: &str, allowed: &str) -> bool {
    let (path, asks_below) = taken_apart(path);
    let (allowed, allows_below) = taken_apart(allowed);
    if allows_below {
        path.starts_with(&allowed)
    } else {
        !asks_below && path == allowed
    }
}

fn taken_apart(path: &str) -> (Vec<&str>, bool) {
    let (names, is_below) = match path.strip_suffix('#') {
        Some(names) => (names, true),
        None => (path, false),
    };
    (names.split('/').filter(|name| !name.is_empty()).collect(), is_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_orion_lie_inside_of_those_that_are_allowed() {
        let allowed = |paths: &[&str]| Allowed {
            fiware_servicepaths: paths.iter().map(|path| (*path).to_owned()).collect(),
            ..Allowed::default()
        };
        for (given, path, is_allowed) in [
            (&[][..], "/", false),
            (&["/#"], "/#", true),
            (&["/#"], "/park/west,/office/#", true),
            (&["/park/#"], "/park", true),
            (&["/park/#"], "/park/west/#", true),
            (&["/park/#"], "/parking", false),
            (&["/park/#"], "/#", false),
            (&["/park/#"], "/park, /office", false),
            (&["/park/#", "/office"], "/park, /office/", true),
            (&["/park,/office"], "/office", true),
            (&["/park"], "/park/#", false),
            (&["/park"], "/park/west", false),
            (&["/park"], "/Park", false),
            (&["/"], "/#", false),
        ] {
            assert_eq!(
                allowed(given).allows_service_paths(path),
                is_allowed,
                "{given:?} {path}"
            );
        }
    }

    #[test]
    fn services_are_compared_as_orion_compares_them() {
        let allowed = Allowed {
            fiware_services: vec!["sano".to_owned()],
            ..Allowed::default()
        };
        assert!(allowed.allows_service(Some("Sano")));
        assert!(!allowed.allows_service(Some("nasushiobara")));
        assert!(!allowed.allows_service(None));
        let without = Allowed {
            fiware_services: vec![String::new()],
            ..Allowed::default()
        };
        assert!(without.allows_service(None) && !without.allows_service(Some("sano")));
        assert!(!Allowed::default().allows_service(None));
    }
}
