//! `[[tenants.<tenant>.sources]]`: what a tenant brings.

use std::num::NonZeroU32;
use std::sync::Arc;

use kakehashi_adapters::client::{Credential, SourceLimits, SourceTls};
use kakehashi_adapters::held::Holding;
use kakehashi_adapters::kind::{Kind, Settings, Transport};
use kakehashi_adapters::{KINDS, SourceId};
use kakehashi_policy::PersonalData;
use ngsi_ld::TypeName;

use super::Loading;
use super::credential;
use super::hold::{self, Hold};
use super::keeping;
use super::mode;
use super::provides::{self, ProvidedType, Provides};
use super::secret;
use super::source_table::SourceTable;
use kakehashi_core::diagnostics::Place;
use kakehashi_core::mode::Mode;
use kakehashi_core::names::{TenantId, check_name};
use kakehashi_documents::document::Node;
use kakehashi_documents::section::Section;
use kakehashi_documents::vocabulary::compact_type;

/// Most requests per second that a limit may allow: more is the same as none.
pub(crate) const MOST_PER_SECOND: u32 = 1_000_000;
/// Most requests under way at once to one source.
pub(crate) const MOST_CONCURRENCY: u32 = 10_000;

/// One source.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Its name, unique among all tenants.
    pub id: SourceId,
    /// Who brings it. Of what the store holds, the owner is the partition's tenant.
    pub tenant: TenantId,
    /// Its language.
    pub kind: &'static dyn Kind,
    /// What only that language needs.
    pub settings: Arc<dyn Settings>,
    /// The tenants of which it holds a part each, in the order of the configuration; `None`: it is its tenant's.
    pub partitions: Option<Vec<TenantId>>,
    /// How the gateway proves itself to the source.
    pub credential: Option<Credential>,
    /// Where its secret is kept: `the environment variable SANO_API_KEY`.
    pub credential_from: Option<Arc<str>>,
    /// Who the gateway is to the source in TLS, and who vouches for the source.
    pub tls: SourceTls,
    /// Whether it may hold personal data.
    pub personal_data: PersonalData,
    /// Whether no other source holds an entity of the same id.
    pub owns_ids: bool,
    /// How it stands to the others of its tenant.
    pub mode: Mode,
    /// Whether it takes writes.
    pub writable: bool,
    /// What protects it, and the gateway from it.
    pub limits: SourceLimits,
    /// For how long what is open of it is kept in memory, and what that is; `None`: nothing is kept.
    pub hold: Option<Hold>,
    /// What may be kept of it, where its kind answers from what it has read.
    pub keeping: Option<Holding>,
    /// What it holds.
    pub provides: Vec<Provides>,
    /// Who has named its address.
    pub named_by: NamedBy,
    /// The same for two revisions if everything about the source is the same in both.
    pub fingerprint: Fingerprint,
}

/// Who has named the address of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// Whoever writes the files: it may be any.
    Operator,
    /// The tenant's administrator, over the admin API: it leads to public addresses and to those that the operator allows.
    Tenant,
}

/// Stands for everything that a source was read from: its table, its mapping, its secrets. It is for comparing alone,
/// and does not show: a short secret could be found from it by trying.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(***)")
    }
}

impl SourceConfig {
    /// The tenants that own what the source may hold.
    #[must_use]
    pub fn owners(&self) -> &[TenantId] {
        self.partitions.as_deref().unwrap_or(std::slice::from_ref(&self.tenant))
    }

    /// What it holds of one of its owners.
    pub fn provided_by(&self, owner: &TenantId) -> impl Iterator<Item = &Provides> {
        let is_own = move |provides: &&Provides| provides.partition.as_ref().is_none_or(|partition| partition == owner);
        self.provides.iter().filter(is_own)
    }
}

/// Kinds that the documentation names and this version does not have.
const LATER: [&str; 3] = ["ngsi-ld", "ckan", "ogc-features"];

/// The kind that a source names: `None` within for one of [`LATER`].
fn read_adapter(section: &Section<'_>) -> Option<Option<&'static dyn Kind>> {
    if section.node("adapter").is_none() {
        section.missing("adapter", "\"rest\"");
    }
    let mut choices: Vec<(&'static str, Option<&'static dyn Kind>)> = Vec::new();
    choices.extend(KINDS.map(|kind| (kind.name(), Some(kind))));
    choices.extend(LATER.map(|name| (name, None)));
    section.choice("adapter", &choices)
}

/// Names for a message: `"rest", "ngsi-v2" and "store"`.
fn listed(kinds: impl IntoIterator<Item = &'static dyn Kind>) -> String {
    let names: Vec<String> = kinds.into_iter().map(|kind| format!("\"{}\"", kind.name())).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, names)) => format!("{} and {last}", names.join(", ")),
        None => String::new(),
    }
}

/// Reads one source of a tenant. `tenants` are all tenants, for the partitions of the store.
pub(crate) fn read(
    node: &Node,
    tenant: &TenantId,
    tenants: &[TenantId],
    loading: &Loading<'_>,
) -> Option<SourceConfig> {
    loading.begin_fingerprint(tenant, node);
    let title = match node.child("id").and_then(Node::as_text) {
        Some(id) => format!("source `{id}`"),
        None => format!("a source of tenant `{tenant}`"),
    };
    let section = Section::new(title, node, loading.report);
    let id = section
        .required_text("id", "\"my-source\"")
        .and_then(|id| match check_name(id.value) {
            Ok(()) => Some(SourceId::new(id.value)),
            Err(reason) => {
                loading.report.error(id.place, reason, None);
                None
            }
        });
    let adapter = read_adapter(&section);
    let settings = read_settings(&section, adapter, tenants, loading);
    let kind = adapter.flatten();
    let credential_from = section.node("credential").and_then(secret::place_of_first);
    let (credential, tls) = credential::read(&section, loading);
    check_transport(&section, kind, credential.as_ref(), &tls, settings.as_deref(), loading);
    let personal_data = section.choice(
        "personal_data",
        &[("present", PersonalData::Present), ("none", PersonalData::None)],
    );
    let owns_ids = section.choice("ids", &[("shared", false), ("own", true)]);
    let writable = section.boolean("writable");
    if let Some(writable) = &writable
        && writable.value
        && adapter.is_some_and(|kind| kind.is_none_or(|kind| !kind.takes_writes()))
    {
        let message = format!(
            "`writable = true` in {}: it is of a kind that takes no writes",
            section.title()
        );
        let kinds = KINDS.into_iter().filter(|kind| kind.takes_writes());
        let kinds: Vec<String> = kinds.map(|kind| format!("\"{}\"", kind.name())).collect();
        let help = format!(
            "take it out; sources whose adapter is {} can be written to",
            kinds.join(", ")
        );
        loading.report.error(writable.place, message, help);
    }
    let mode = mode::read(&section, kind);
    if section.duration("poll").is_some() {
        let place = section.key_place("poll").unwrap_or(section.place());
        loading.report.warning(
            place,
            "`poll` has no effect in this version: subscriptions are told of the store alone",
            None,
        );
    }
    let limits = read_limits(&section);
    let partitions = settings.as_deref().and_then(|settings| partitions(settings, tenants));
    let provides = provides::read(&section, partitions.as_deref(), kind, loading);
    mode::check(
        &section,
        mode,
        &provides,
        writable.as_ref().is_some_and(|writable| writable.value),
    );
    let keeping = settings
        .as_deref()
        .and_then(|settings| keeping::read(&section, settings, credential.as_ref(), &provides, loading));
    let hold = settings.as_deref().filter(|_| keeping.is_none()).and_then(|settings| {
        let read = hold::ReadSource {
            kind,
            settings,
            credential: credential.as_ref(),
            personal_data: personal_data.unwrap_or(PersonalData::Present),
            provides: &provides,
        };
        hold::read(&section, &read, loading)
    });
    if hold.is_some() && writable.as_ref().is_some_and(|writable| writable.value) {
        let message = format!(
            "`hold` in {} does not go with `writable = true`: what is written would not be seen until it is read anew",
            section.title()
        );
        let place = section.key_place("hold").unwrap_or(section.place());
        loading
            .report
            .error(place, message, "take one of the two out".to_owned());
    }
    let named_by = section.choice(
        "named_by",
        &[("operator", NamedBy::Operator), ("tenant", NamedBy::Tenant)],
    );
    if let Some(made) = settings.as_deref().and_then(Settings::made_types) {
        check_made(&provides, &made, &section, loading);
    }
    if let Some(writable) = writable.as_ref().filter(|writable| writable.value)
        && let Some(written) = settings.as_deref().and_then(Settings::written_types)
    {
        check_written(&provides, &written, &section, writable.place, loading);
    }
    section.finish();
    Some(SourceConfig {
        id: id?,
        tenant: tenant.clone(),
        kind: kind?,
        settings: settings?,
        partitions,
        credential,
        credential_from,
        tls,
        personal_data: personal_data.unwrap_or(PersonalData::Present),
        owns_ids: owns_ids.unwrap_or(false),
        mode,
        writable: writable.is_some_and(|writable| writable.value),
        limits,
        hold,
        keeping,
        provides,
        named_by: named_by.unwrap_or(NamedBy::Operator),
        fingerprint: loading.fingerprint(),
    })
}

/// What a credential or a certificate needs of the endpoint to mean anything.
fn check_transport(
    section: &Section<'_>,
    kind: Option<&dyn Kind>,
    credential: Option<&Credential>,
    tls: &SourceTls,
    settings: Option<&dyn Settings>,
    loading: &Loading<'_>,
) {
    if kind.is_some_and(|kind| kind.transport() == Transport::Local) {
        for key in ["credential", "ca"] {
            if let Some(place) = section.key_place(key) {
                let message = format!("`{key}` in {} has no meaning: a store is a folder", section.title());
                loading.report.error(place, message, None);
            }
        }
        return;
    }
    let address = settings.and_then(Settings::address);
    let (Some(address), Some(place)) = (address, section.node("endpoint").map(|node| &node.place)) else {
        return;
    };
    let endpoint = address.endpoint;
    if !endpoint.starts_with("http://") {
        return;
    }
    if !tls.is_usual() {
        let message = format!("{} has certificates, but its endpoint is not https", section.title());
        loading
            .report
            .error(place, message, "begin the endpoint with https://".to_owned());
    }
    if matches!(credential, Some(Credential::PassThrough)) && !is_on_this_machine(endpoint) {
        let message = format!("{} would be shown consumers' tokens in plain text", section.title());
        loading
            .report
            .error(place, message, "begin the endpoint with https://".to_owned());
    }
}

fn is_on_this_machine(endpoint: &str) -> bool {
    let uri: Option<http::Uri> = endpoint.parse().ok();
    uri.as_ref()
        .and_then(http::Uri::host)
        .is_some_and(credential::is_this_machine)
}

/// Reads the keys that depend on the adapter, and reports those of another adapter.
fn read_settings(
    section: &Section<'_>,
    adapter: Option<Option<&'static dyn Kind>>,
    tenants: &[TenantId],
    loading: &Loading<'_>,
) -> Option<Arc<dyn Settings>> {
    let Some(Some(kind)) = adapter else {
        if adapter.is_some() {
            section.refuse("adapter", &format!("this version has {}", listed(KINDS)));
        }
        // Without an adapter nobody knows which of these keys belong here: none is called unknown.
        section.node("endpoint");
        for key in KINDS.into_iter().flat_map(<dyn Kind>::keys) {
            section.node(key.name);
        }
        return None;
    };
    let is_own = |name: &str| kind.keys().iter().any(|key| key.name == name);
    let mut others: Vec<&'static str> = Vec::new();
    for key in KINDS.into_iter().flat_map(<dyn Kind>::keys) {
        if is_own(key.name) || others.contains(&key.name) {
            continue;
        }
        others.push(key.name);
        if section.node(key.name).is_some() {
            let place = section.key_place(key.name).unwrap_or(section.place());
            let having = KINDS
                .into_iter()
                .filter(|kind| kind.keys().iter().any(|own| own.name == key.name));
            let message = format!(
                "`{}` in {} belongs to sources with adapter = {}",
                key.name,
                section.title(),
                listed(having)
            );
            loading.report.error(place, message, None);
        }
    }
    let table = SourceTable {
        section,
        tenants,
        loading,
    };
    kind.read(&table)
}

/// The tenants of which a source holds a part each.
fn partitions(settings: &dyn Settings, tenants: &[TenantId]) -> Option<Vec<TenantId>> {
    let names = settings.partitions()?.iter();
    let named = names.filter_map(|name| tenants.iter().find(|tenant| tenant.as_str() == &**name));
    Some(named.cloned().collect())
}

/// What a source provides and its mapping does not make would never be found.
fn check_made(provides: &[Provides], made: &[&TypeName], section: &Section<'_>, loading: &Loading<'_>) {
    for entry in provides {
        let ProvidedType::Type(name) = &entry.r#type else {
            continue;
        };
        if !made.contains(&name) {
            let place = section.key_place("provides").unwrap_or(section.place());
            let message = format!(
                "{} provides `{}`, which its mapping does not make",
                section.title(),
                compact_type(name)
            );
            let made: Vec<String> = made.iter().map(|name| format!("`{}`", compact_type(name))).collect();
            loading
                .report
                .error(place, message, format!("it makes {}", made.join(", ")));
        }
    }
}

/// What a source provides and its mapping does not write is only read.
fn check_written(
    provides: &[Provides],
    written: &[&TypeName],
    section: &Section<'_>,
    place: &Place,
    loading: &Loading<'_>,
) {
    let provided = provides.iter().filter_map(|entry| match &entry.r#type {
        ProvidedType::Type(name) => Some(name),
        _ => None,
    });
    let (mut some, mut others) = (Vec::new(), Vec::new());
    for name in provided {
        let side = if written.contains(&name) {
            &mut some
        } else {
            &mut others
        };
        // A type may be provided in several entries.
        if !side.contains(&name) {
            side.push(name);
        }
    }
    let Some(first) = others.first() else { return };
    let others: Vec<String> = others.iter().map(|name| format!("`{}`", compact_type(name))).collect();
    let help = format!(
        "say in its mapping how they are written, [types.{}.write], or take `writable` out",
        compact_type(first)
    );
    let others = others.join(", ");
    if some.is_empty() {
        let message = format!(
            "`writable = true` in {}: its mapping says of none of its types how they are written",
            section.title()
        );
        loading.report.error(place, message, help);
    } else {
        let message = format!(
            "`writable = true` in {}: its mapping does not say how {others} are written, which stay read-only",
            section.title()
        );
        loading.report.warning(place, message, help);
    }
}

fn read_limits(section: &Section<'_>) -> SourceLimits {
    let mut limits = SourceLimits::default();
    if let Some(timeout) = section.duration("timeout") {
        limits.timeout = timeout;
    }
    if let Some(table) = section.section("limits") {
        limits.requests_per_second = table
            .count("requests_per_second", MOST_PER_SECOND)
            .and_then(NonZeroU32::new);
        limits.burst = table.count("burst", MOST_PER_SECOND).and_then(NonZeroU32::new);
        if limits.burst.is_some() && table.node("requests_per_second").is_none() {
            table.missing("requests_per_second", "20");
        }
        if let Some(concurrency) = table.count("concurrency", MOST_CONCURRENCY) {
            limits.concurrency = concurrency as usize;
        }
        table.finish();
    }
    limits
}

/// Where the id of a source stands, for findings about it.
pub(crate) fn id_place(node: &Node) -> &Place {
    node.child("id").map_or(&node.place, |id| &id.place)
}
