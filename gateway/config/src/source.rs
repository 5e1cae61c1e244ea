//! `[[tenants.<tenant>.sources]]`: what a tenant brings.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use kakehashi_adapters::SourceId;
use kakehashi_adapters::client::{Credential, SourceLimits, SourceTls};
use kakehashi_adapters::rest::Mapping;
use kakehashi_policy::PersonalData;
use ngsi_ld::TypeName;

use super::Loading;
use super::credential;
use super::gateway::parse_http_url;
use super::provides::{self, ProvidedType, Provides};
use kakehashi_core::diagnostics::{Place, suggest};
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
    /// Its language, and what only that language needs.
    pub kind: SourceKind,
    /// How the gateway proves itself to the source.
    pub credential: Option<Credential>,
    /// Who the gateway is to the source in TLS, and who vouches for the source.
    pub tls: SourceTls,
    /// Whether it may hold personal data.
    pub personal_data: PersonalData,
    /// Whether it takes writes.
    pub writable: bool,
    /// What protects it, and the gateway from it.
    pub limits: SourceLimits,
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

/// The language of a source.
#[derive(Debug, Clone)]
pub enum SourceKind {
    /// A custom platform.
    Rest {
        /// Its address, without a trailing slash.
        endpoint: String,
        /// How its records become entities.
        mapping: Arc<Mapping>,
    },
    /// FIWARE Orion and others that speak NGSI-v2.
    NgsiV2 {
        /// Its address, without a trailing slash.
        endpoint: String,
        /// `Fiware-Service`
        fiware_service: Option<String>,
        /// `Fiware-ServicePath` of reads.
        fiware_servicepath: String,
        /// Whether the service path of an entity is its scope.
        scope_from_servicepath: bool,
    },
    /// The prefecture's own store.
    Store {
        /// The folder with one database per partition.
        folder: PathBuf,
        /// The tenants that have a partition, in the order of the configuration.
        partitions: Vec<TenantId>,
    },
}

impl SourceConfig {
    /// The tenants that own what the source may hold.
    #[must_use]
    pub fn owners(&self) -> &[TenantId] {
        match &self.kind {
            SourceKind::Store { partitions, .. } => partitions,
            _ => std::slice::from_ref(&self.tenant),
        }
    }

    /// What it holds of one of its owners.
    pub fn provided_by(&self, owner: &TenantId) -> impl Iterator<Item = &Provides> {
        let is_own = move |provides: &&Provides| provides.partition.as_ref().is_none_or(|partition| partition == owner);
        self.provides.iter().filter(is_own)
    }
}

/// Which adapter a source asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AdapterName {
    Rest,
    NgsiV2,
    Store,
    /// Named by the documentation, not built yet.
    Later,
}

/// Keys that only some adapters know.
const ADAPTER_KEYS: [&str; 6] = [
    "endpoint",
    "mapping",
    "fiware_service",
    "fiware_servicepath",
    "scope_from_servicepath",
    "partitions",
];

const ADAPTERS: [(&str, AdapterName); 7] = [
    ("rest", AdapterName::Rest),
    ("ngsi-v2", AdapterName::NgsiV2),
    ("store", AdapterName::Store),
    ("ngsi-ld", AdapterName::Later),
    ("open-data", AdapterName::Later),
    ("ckan", AdapterName::Later),
    ("ogc-features", AdapterName::Later),
];

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
    if section.node("adapter").is_none() {
        section.missing("adapter", "\"rest\"");
    }
    let adapter = section.choice("adapter", &ADAPTERS);
    let kind = read_kind(&section, adapter, tenants, loading);
    let (credential, tls) = credential::read(&section, loading);
    check_transport(&section, adapter, credential.as_ref(), &tls, kind.as_ref(), loading);
    let personal_data = section.choice(
        "personal_data",
        &[("present", PersonalData::Present), ("none", PersonalData::None)],
    );
    let writable = section.boolean("writable");
    if let Some(writable) = &writable
        && writable.value
        && adapter.is_some_and(|adapter| adapter != AdapterName::Store)
    {
        let message = format!(
            "`writable = true` in {} is not supported by this version",
            section.title()
        );
        loading
            .report
            .error(writable.place, message, "only the store takes writes".to_owned());
    }
    if let Some(mode) = section.choice(
        "mode",
        &[
            ("inclusive", true),
            ("exclusive", false),
            ("redirect", false),
            ("auxiliary", false),
        ],
    ) && !mode
    {
        section.refuse("mode", "only \"inclusive\", the default");
    }
    if section.duration("poll").is_some() {
        let place = section.key_place("poll").unwrap_or(section.place());
        loading.report.warning(
            place,
            "`poll` has no effect in this version: subscriptions are told of the store alone",
            None,
        );
    }
    let limits = read_limits(&section);
    let partitions = match &kind {
        Some(SourceKind::Store { partitions, .. }) => Some(partitions.as_slice()),
        _ => None,
    };
    let provides = provides::read(&section, partitions, adapter == Some(AdapterName::NgsiV2), loading);
    let named_by = section.choice(
        "named_by",
        &[("operator", NamedBy::Operator), ("tenant", NamedBy::Tenant)],
    );
    if let Some(SourceKind::Rest { mapping, .. }) = &kind {
        check_mapping_makes(&provides, mapping, &section, loading);
    }
    section.finish();
    Some(SourceConfig {
        id: id?,
        tenant: tenant.clone(),
        kind: kind?,
        credential,
        tls,
        personal_data: personal_data.unwrap_or(PersonalData::Present),
        writable: writable.is_some_and(|writable| writable.value),
        limits,
        provides,
        named_by: named_by.unwrap_or(NamedBy::Operator),
        fingerprint: loading.fingerprint(),
    })
}

/// What a credential or a certificate needs of the endpoint to mean anything.
fn check_transport(
    section: &Section<'_>,
    adapter: Option<AdapterName>,
    credential: Option<&Credential>,
    tls: &SourceTls,
    kind: Option<&SourceKind>,
    loading: &Loading<'_>,
) {
    if adapter == Some(AdapterName::Store) {
        for key in ["credential", "ca"] {
            if let Some(place) = section.key_place(key) {
                let message = format!("`{key}` in {} has no meaning: a store is a folder", section.title());
                loading.report.error(place, message, None);
            }
        }
        return;
    }
    let (Some(SourceKind::Rest { endpoint, .. } | SourceKind::NgsiV2 { endpoint, .. }), Some(place)) =
        (kind, section.node("endpoint").map(|node| &node.place))
    else {
        return;
    };
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
fn read_kind(
    section: &Section<'_>,
    adapter: Option<AdapterName>,
    tenants: &[TenantId],
    loading: &Loading<'_>,
) -> Option<SourceKind> {
    let Some(adapter) = adapter else {
        // Without an adapter nobody knows which of these keys belong here: none is called unknown.
        for key in ADAPTER_KEYS {
            section.node(key);
        }
        return None;
    };
    let own_keys: &[&str] = match adapter {
        AdapterName::Rest => &["mapping"],
        AdapterName::NgsiV2 => &["fiware_service", "fiware_servicepath", "scope_from_servicepath"],
        AdapterName::Store => &["partitions"],
        AdapterName::Later => {
            section.refuse("adapter", "this version has \"rest\", \"ngsi-v2\" and \"store\"");
            for key in ADAPTER_KEYS {
                section.node(key);
            }
            return None;
        }
    };
    for (key, owner) in [
        ("mapping", "rest"),
        ("fiware_service", "ngsi-v2"),
        ("fiware_servicepath", "ngsi-v2"),
        ("scope_from_servicepath", "ngsi-v2"),
        ("partitions", "store"),
    ] {
        if section.node(key).is_some() && !own_keys.contains(&key) {
            let place = section.key_place(key).unwrap_or(section.place());
            let message = format!(
                "`{key}` in {} belongs to sources with adapter = \"{owner}\"",
                section.title()
            );
            loading.report.error(place, message, None);
        }
    }
    match adapter {
        AdapterName::Rest => {
            let endpoint = read_endpoint(section);
            let mapping = read_mapping(section, loading);
            Some(SourceKind::Rest {
                endpoint: endpoint?,
                mapping: mapping?,
            })
        }
        AdapterName::NgsiV2 => {
            let fiware_service = section.parsed("fiware_service", parse_fiware_service);
            let fiware_servicepath = section.parsed("fiware_servicepath", parse_fiware_servicepath);
            let scope_from_servicepath = section.boolean("scope_from_servicepath");
            Some(SourceKind::NgsiV2 {
                endpoint: read_endpoint(section)?,
                fiware_service,
                fiware_servicepath: fiware_servicepath.unwrap_or_else(|| "/#".to_owned()),
                scope_from_servicepath: scope_from_servicepath.is_some_and(|is| is.value),
            })
        }
        AdapterName::Store => read_store(section, tenants, loading),
        AdapterName::Later => None,
    }
}

fn read_endpoint(section: &Section<'_>) -> Option<String> {
    section.required_text("endpoint", "\"http://127.0.0.1:9101\"")?;
    section.parsed("endpoint", |text| {
        parse_http_url(text).map(|_| text.trim_end_matches('/').to_owned())
    })
}

fn read_mapping(section: &Section<'_>, loading: &Loading<'_>) -> Option<Arc<Mapping>> {
    let name = section.required_text("mapping", "\"mappings/my-source.toml\"")?;
    let text = loading.read(name.value, name.place, "mapping")?;
    loading.take(text.as_bytes());
    match loading.mapping(name.value, &text) {
        Ok(mapping) => Some(mapping),
        Err(errors) => {
            for error in errors {
                let field = if error.field.is_empty() {
                    String::new()
                } else {
                    format!("{}: ", error.field)
                };
                let place = loading.place_in(&error.file, &text, error.line, error.column);
                let help = error
                    .suggestion
                    .map(|suggestion| format!("did you mean `{suggestion}`?"));
                loading.report.error(&place, format!("{field}{}", error.message), help);
            }
            None
        }
    }
}

/// What a source provides and its mapping does not make would never be found.
fn check_mapping_makes(provides: &[Provides], mapping: &Mapping, section: &Section<'_>, loading: &Loading<'_>) {
    let made: Vec<&TypeName> = mapping.types().collect();
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

fn read_store(section: &Section<'_>, tenants: &[TenantId], loading: &Loading<'_>) -> Option<SourceKind> {
    section.required_text("endpoint", "\"sqlite:store/\"")?;
    let folder = section.parsed("endpoint", |text| {
        if text.starts_with("postgres") {
            return Err("PostgreSQL is not supported by this version: write \"sqlite:<folder>/\"".to_owned());
        }
        let folder = text.strip_prefix("sqlite:").filter(|folder| !folder.is_empty());
        folder
            .map(|folder| loading.path(folder))
            .ok_or_else(|| "write \"sqlite:<folder>/\"".to_owned())
    });
    let Some(names) = section.texts("partitions") else {
        return Some(SourceKind::Store {
            folder: folder?,
            partitions: tenants.to_vec(),
        });
    };
    let mut partitions: Vec<TenantId> = Vec::new();
    for name in names {
        match tenants.iter().find(|tenant| tenant.as_str() == name.value) {
            Some(tenant) if !partitions.contains(tenant) => partitions.push(tenant.clone()),
            Some(_) => loading.report.error(
                name.place,
                format!("the partition `{}` is named twice", name.value),
                None,
            ),
            None => {
                let message = format!("`partitions` in {}: unknown tenant `{}`", section.title(), name.value);
                let help = suggest(name.value, tenants.iter().map(TenantId::as_str));
                loading.report.error(name.place, message, help);
            }
        }
    }
    Some(SourceKind::Store {
        folder: folder?,
        partitions,
    })
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

/// Tenant names of Orion: lower-cased by it, so that two spellings would be one tenant.
pub(super) fn parse_fiware_service(text: &str) -> Result<String, String> {
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    if text.len() > 50 || !text.chars().all(fits) {
        return Err(format!(
            "\"{text}\" is no Fiware-Service: write a-z, 0-9 and _, at most 50"
        ));
    }
    Ok(text.to_owned())
}

/// Up to ten paths of Orion, separated by commas: with more it answers 200 and an error.
pub(super) fn parse_fiware_servicepath(text: &str) -> Result<String, String> {
    let paths: Vec<&str> = text.split(',').map(str::trim).collect();
    let fits = |path: &&str| {
        let names = path.strip_suffix("/#").unwrap_or(path);
        path.starts_with('/')
            && names
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "_/".contains(character))
    };
    if paths.len() > 10 || !paths.iter().all(fits) {
        return Err(format!(
            "\"{text}\" is no Fiware-ServicePath: write one to ten paths such as \"/#\" or \"/park/west\""
        ));
    }
    Ok(paths.join(","))
}

/// What tells one upstream from another: two sources with the same would give every entity twice.
pub(crate) fn upstream(source: &SourceConfig) -> String {
    match &source.kind {
        SourceKind::Rest { endpoint, .. } => endpoint.clone(),
        SourceKind::NgsiV2 {
            endpoint,
            fiware_service,
            fiware_servicepath,
            ..
        } => format!(
            "{endpoint} {} {fiware_servicepath}",
            fiware_service.as_deref().unwrap_or("")
        ),
        SourceKind::Store { folder, .. } => folder.display().to_string(),
    }
}

/// Where the id of a source stands, for findings about it.
pub(crate) fn id_place(node: &Node) -> &Place {
    node.child("id").map_or(&node.place, |id| &id.place)
}
