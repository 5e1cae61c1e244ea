//! One revision of what administrators write: tenants.toml, the mapping files that it names, and policies/, read
//! together, checked together, immutable from then on. A request keeps the [`Config`] that it began with.
//!
//! It must not know HTTP requests, sources at work, or consumers' questions. Every key of tenants.toml is read
//! here and nowhere else; what a key means is said in `docs/`, and a key that this version cannot honour is
//! refused rather than ignored. What is wrong is told as [`Diagnostics`], all of it at once.

mod checks;
mod client_certificate;
mod consumer;
mod credential;
mod diagnostics;
mod document;
mod environment;
mod files;
mod gateway;
mod issuer;
mod keys;
mod later;
mod names;
mod provides;
mod quantity;
mod secret;
mod section;
mod source;
mod tenant;
#[cfg(test)]
mod tests;
mod tls;
mod vocabulary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_adapters::SourceId;
use kakehashi_adapters::rest::{Mapping, MappingError};
use ngsi_ld::context::Context;

pub use self::consumer::{ANONYMOUS, Affiliation, Consumer, ConsumerIndex, ConsumerLimits, KeyRejection};
pub use self::diagnostics::{Diagnostic, Diagnostics, Location, Severity};
pub use self::environment::{ConfigOverrides, Environment, today_in_japan};
pub use self::files::RevisionId;
pub use self::gateway::{DefaultContext, GatewayConfig, RequestLimits};
pub use self::issuer::Issuer;
pub use self::keys::{Origin, Setting, explain, json_schema};
pub use self::names::{ConsumerId, LocalGovernmentCode, RoleName, TenantId};
pub use self::provides::{ProvidedType, Provides};
pub use self::quantity::{Network, Size};
pub use self::source::{SourceConfig, SourceKind};
pub use self::tenant::{Tenant, TenantLimits, TenantRole};
pub use self::tls::{TlsMaterial, TlsPart, TlsProblem, TlsSettings};

pub(crate) use self::diagnostics::{Masking, Place, Report, SourceFile, nearest, suggest};
pub(crate) use self::document::{Node, Value, parse as parse_document};
pub(crate) use self::files::Files;
pub(crate) use self::section::{Placed, Section};
pub(crate) use self::vocabulary::{compact_attribute, compact_type, expand_attribute, expand_type};

use crate::policy::{self, Classification, PolicyEngine};

/// One immutable revision.
#[derive(Debug)]
pub struct Config {
    /// Identifies its content.
    pub revision: RevisionId,
    /// `[gateway]`
    pub gateway: GatewayConfig,
    /// Who shares the platform, in the order of the file.
    pub tenants: Vec<Tenant>,
    /// Who signs tokens of consumers.
    pub issuers: Vec<Arc<Issuer>>,
    /// Who may call.
    pub consumers: ConsumerIndex,
    /// What they may see.
    pub policy: PolicyEngine,
    /// What to look at although the revision loads.
    pub warnings: Diagnostics,
    pub(crate) expectations: Vec<policy::Expectation>,
    tenant_positions: HashMap<TenantId, usize>,
    sources: HashMap<SourceId, Arc<SourceConfig>>,
}

impl Config {
    /// Reads a revision: tenants.toml, what it names, and the folder of policies. Paths in tenants.toml are
    /// relative to it.
    ///
    /// # Errors
    /// Everything that is wrong with the revision, with file, line and what would be right.
    pub fn load(tenants_toml: &Path, policies: &Path, environment: &Environment) -> Result<Self, Diagnostics> {
        Self::load_with(tenants_toml, policies, environment, &ConfigOverrides::default())
    }

    /// As [`Config::load`], with some values put in the place of what the files say before anything is checked.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(
        tenants_toml: &Path,
        policies: &Path,
        environment: &Environment,
        overrides: &ConfigOverrides,
    ) -> Result<Self, Diagnostics> {
        let report = Report::default();
        let environment = environment.with_secrets(&overrides.secrets);
        let files = Files::default();
        let loaded = read_revision(tenants_toml, policies, &environment, overrides, &files, &report);
        let refused = report.has_errors();
        let findings = report.finish();
        match loaded {
            Some(mut config) if !refused => {
                config.warnings = findings;
                Ok(config)
            }
            _ => Err(findings),
        }
    }

    /// The tenant of that id.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Option<&Tenant> {
        let position = self.tenant_positions.get(id)?;
        self.tenants.get(*position)
    }

    /// The source of that id.
    #[must_use]
    pub fn source(&self, id: &SourceId) -> Option<&Arc<SourceConfig>> {
        self.sources.get(id)
    }

    /// All sources of all tenants, in the order of the file.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<SourceConfig>> {
        self.tenants.iter().flat_map(|tenant| &tenant.sources)
    }
}

/// What every reader of the revision needs.
pub(crate) struct Loading<'a> {
    pub(crate) report: &'a Report,
    pub(crate) environment: &'a Environment,
    pub(crate) classification: &'a Classification,
    files: &'a Files,
    folder: PathBuf,
}

impl Loading<'_> {
    /// A path in tenants.toml is relative to it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Reads a file that tenants.toml names.
    pub(crate) fn read(&self, name: &str, place: &Place, what: &str) -> Option<String> {
        match self.files.read(&self.path(name), name) {
            Ok(text) => Some(text),
            Err(reason) => {
                self.report
                    .error(place, format!("the {what} {name} cannot be read: {reason}"), None);
                None
            }
        }
    }

    /// Reads a mapping.
    pub(crate) fn mapping(&self, name: &str, text: &str) -> Result<Mapping, Vec<MappingError>> {
        Mapping::parse(text, name, Context::kakehashi())
    }

    /// The place of a line and a column, both from 1, in another file.
    pub(crate) fn place_in(&self, name: &str, text: &str, line: usize, column: usize) -> Place {
        let file = SourceFile::new(name, text, Masking::Ranges(Vec::new()));
        let start = file.offset_of_line(line);
        let in_line = text.get(start..).unwrap_or("").chars().take(column.saturating_sub(1));
        let offset = start + in_line.map(char::len_utf8).sum::<usize>();
        Place::File(file, offset..offset)
    }
}

/// Reads everything; what is wrong goes to the report, and reading goes on as far as it can.
fn read_revision(
    tenants_toml: &Path,
    policies: &Path,
    environment: &Environment,
    overrides: &ConfigOverrides,
    files: &Files,
    report: &Report,
) -> Option<Config> {
    let classification = policy::read_classification(policies, files, report);
    let name = tenants_toml.display().to_string();
    let text = match files.read(tenants_toml, "tenants.toml") {
        Ok(text) => text,
        Err(reason) => {
            report.error(&Place::Caller, format!("{name} cannot be read: {reason}"), None);
            return None;
        }
    };
    let mut root = parse_document(&name, &text, report)?;
    environment::apply_environment(&mut root, environment, report);
    overrides.apply(&mut root, report);

    let loading = Loading {
        report,
        environment,
        classification: &classification,
        files,
        folder: tenants_toml.parent().unwrap_or(Path::new("")).to_owned(),
    };
    let top = Section::new("tenants.toml", &root, report);
    let absent = Node::new(Value::Table(Vec::new()), &root.place);
    let table = |key| Section::new(format!("[{key}]"), top.node(key).unwrap_or(&absent), report);
    let gateway = gateway::read(table("gateway"), &loading);
    let issuers = issuer::read(&table("issuers"));
    later::check_administrators(&table("administrators"), report);
    let tenants_table = table("tenants");
    let (tenants, places) = tenant::read(&tenants_table, &loading);
    if tenants.is_empty() {
        let help = "begin with `[tenants.<id>]`, the organisation that runs the platform".to_owned();
        report.error(&root.place, "there is no tenant", help);
    }
    checks::check_sources(&tenants, &places, report);
    checks::check_operator(&tenants, tenants_table.place(), report);
    let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id.clone()).collect();
    // What is wrong with `tls` is told already; nothing is to be concluded from it.
    let certificates_checked = root
        .child("gateway")
        .and_then(|gateway| gateway.child("tls")?.child("client_ca"));
    let consumers = consumer::read(
        &table("consumers"),
        &ids,
        &issuers,
        certificates_checked.is_some(),
        &loading,
    );
    top.finish();

    let provided = tenants
        .iter()
        .flat_map(|tenant| &tenant.sources)
        .flat_map(|source| &source.provides);
    let provided = provided.filter_map(|provides| match &provides.r#type {
        ProvidedType::Type(name) => Some(name.clone()),
        ProvidedType::Any => None,
    });
    let provided = provided.collect();
    // What the expectations speak of may be missing only because it is wrong itself, which is told already.
    let expectations = if report.has_errors() {
        Vec::new()
    } else {
        policy::read_expectations(policies, &tenants, &consumers, files, report)
    };
    let policy = policy::load(policies, &ids, &consumers, classification, provided, files, report)?;
    if !report.has_errors() {
        // A policy that was refused may be the one that speaks of the role.
        checks::check_roles(&root, &policy.principals(), report);
    }
    let tenant_positions = ids
        .into_iter()
        .enumerate()
        .map(|(position, id)| (id, position))
        .collect();
    let sources = tenants.iter().flat_map(|tenant| &tenant.sources);
    let sources = sources.map(|source| (source.id.clone(), Arc::clone(source))).collect();
    Some(Config {
        revision: files.revision(),
        gateway,
        tenants,
        issuers,
        consumers,
        policy,
        warnings: Diagnostics::default(),
        expectations,
        tenant_positions,
        sources,
    })
}
