//! `[tenants.<id>.allowed]`: the operator's floor under a tenant, what its administrator may propose over the admin API.
//! What the files of the operator say is not judged by it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use kakehashi_adapters::KINDS;
use kakehashi_adapters::kind::{Floor, Judged, Kind};
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
    /// What is allowed of keys that only sources of one kind have, by the keys that say it.
    pub of_kinds: BTreeMap<&'static str, Vec<String>>,
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
            of_kinds: BTreeMap::new(),
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
        of_kinds: judged_keys()
            .map(|judged| (judged.allowed, parsed(judged.allowed, judged.parse)))
            .collect(),
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
    /// Whether the value of a key that only sources of one kind have is allowed; `None`: the key is absent.
    #[must_use]
    pub fn allows(&self, judged: &Judged, value: Option<&str>) -> bool {
        let texts = self.of_kinds.get(judged.allowed).map_or(&[][..], Vec::as_slice);
        (judged.allows)(texts, value)
    }
}

/// What the operator's floor says of keys that only sources of one kind have, each of its own keys once.
pub(crate) fn judged_keys() -> impl Iterator<Item = &'static Judged> {
    let keys = KINDS.into_iter().flat_map(<dyn Kind>::keys);
    let judged = keys.filter_map(|key| match &key.floor {
        Floor::Judged(judged) => Some(judged),
        Floor::Free | Floor::Given => None,
    });
    let mut seen = BTreeSet::new();
    judged.filter(move |judged| seen.insert(judged.allowed))
}
