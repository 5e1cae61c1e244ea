//! One revision of what administrators write: tenants.toml, the mapping files that it names, and policies/, read
//! together, checked together, immutable from then on. A request keeps the [`Config`] that it began with.
//!
//! It must not know HTTP requests, sources at work, or consumers' questions. Every key of tenants.toml is read
//! here and nowhere else; what a key means is said in `docs/`, and a key that this version cannot honour is
//! refused rather than ignored. What is wrong is told as [`Diagnostics`], all of it at once.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod administrator;
mod advice;
mod allowed;
mod api_keys;
mod checks;
mod claims;
mod client_certificate;
mod consumer;
mod cors;
mod credential;
mod endpoint;
mod environment;
mod expectations;
mod gateway;
mod hold;
mod inspection;
mod issuer;
mod keeping;
mod keys;
mod mode;
mod own_addresses;
mod proof;
mod proofs;
mod provides;
mod same_system;
mod secret;
mod side_by_side;
mod source;
mod source_table;
mod tenant;
#[cfg(test)]
mod tests;
mod tls;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_adapters::SourceId;
use kakehashi_adapters::kind::Made;
pub use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_core::diagnostics::{Masking, Place, Report, SourceFile};
pub use kakehashi_core::names::TenantId;
use kakehashi_documents::document::{Node, Value, parse as parse_document};
pub use kakehashi_documents::files::FileTexts;
use kakehashi_documents::files::{Files, RevisionId};
use kakehashi_documents::section::Section;
use kakehashi_policy::{self, Classification, PolicyEngine};
use sha2::{Digest, Sha256};

pub use self::administrator::{Administrator, AdministratorIndex, AdministratorRole};
pub use self::advice::advice;
pub use self::allowed::{Allowed, HighestLimits};
pub use self::api_keys::KeyRejection;
pub use self::consumer::ConsumerIndex;
pub use self::cors::{Cors, CorsRules, PreflightRules};
pub use self::endpoint::{EndpointParts, EndpointPattern};
pub use self::environment::{ConfigOverrides, Environment, today_in_japan};
pub use self::expectations::{Outcome, run_expectations, run_expectations_while};
pub use self::gateway::{DefaultContext, Extensions, GatewayConfig, RequestLimits};
pub use self::hold::Hold;
pub use self::issuer::Issuer;
pub use self::keys::defaults_of_keys;
pub use self::keys::{Origin, Setting, explain, json_schema};
pub use self::own_addresses::OwnAddresses;
pub use self::proof::Proof;
pub use self::proofs::{Proofs, Proving};
pub use self::provides::{ProvidedType, Provides};
pub use self::same_system::AddressGuard;
pub use self::source::{Fingerprint, NamedBy, SourceConfig};
pub use self::tenant::{Tenant, TenantLimits, TenantRole};
pub use self::tls::{TlsMaterial, TlsPart, TlsProblem, TlsSettings};

pub use self::provides::pattern_lies_within;
pub use self::same_system::shared_by;
pub(crate) use self::secret::Secrets;

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
    /// Who administers.
    pub administrators: AdministratorIndex,
    /// What consumers may see.
    pub policy: PolicyEngine,
    /// The files that it was read from.
    pub files: FileTexts,
    /// What to look at although the revision loads.
    pub warnings: Diagnostics,
    pub(crate) expectations: Vec<expectations::Expectation>,
    tenant_positions: HashMap<TenantId, usize>,
    sources: HashMap<SourceId, Arc<SourceConfig>>,
    guards: HashMap<SourceId, Arc<AddressGuard>>,
    /// What kinds have made of files, by the name that tenants.toml gives them.
    made: HashMap<String, Made>,
    secrets: Secrets,
}

/// Tries to read files that somebody writes at the same time. Each takes milliseconds; who writes for longer than all
/// of them together is seen again when he has finished.
const TRIES: usize = 5;

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
        Self::load_after(None, tenants_toml, policies, environment, overrides)
    }

    /// As [`Config::load_with`], to take the place of a revision that runs: what a restart alone can change is
    /// refused, and what was made of files that are the same now is taken over.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_after(
        previous: Option<&Self>,
        tenants_toml: &Path,
        policies: &Path,
        environment: &Environment,
        overrides: &ConfigOverrides,
    ) -> Result<Self, Diagnostics> {
        let reading = Reading {
            previous,
            tenants_toml,
            policies,
            environment: &environment.with_secrets(&overrides.secrets),
            overrides,
        };
        for _ in 1..TRIES {
            let files = Files::on_disk(tenants_toml);
            let read = reading.read(&files);
            if !files.have_moved() {
                return read;
            }
        }
        reading.read(&Files::on_disk(tenants_toml))
    }

    /// As [`Config::load_after`], from files that somebody proposes and that are not on the disk.
    ///
    /// # Errors
    /// As [`Config::load`]; a file that nothing reads is an error, too.
    pub fn load_proposed(
        previous: Option<&Self>,
        proposed: FileTexts,
        tenants_toml: &Path,
        policies: &Path,
        environment: &Environment,
        overrides: &ConfigOverrides,
    ) -> Result<Self, Diagnostics> {
        let reading = Reading {
            previous,
            tenants_toml,
            policies,
            environment: &environment.with_secrets(&overrides.secrets),
            overrides,
        };
        let files = Files::proposed(proposed);
        let config = reading.read(&files)?;
        match files.unread().as_slice() {
            [] => Ok(config),
            unread => Err(Diagnostics::error(
                format!("nothing reads {}", unread.join(", ")),
                "a revision holds tenants.toml, the files of policies/, and the mappings that tenants.toml names"
                    .to_owned(),
            )),
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

    /// Under what rule a source is asked; `None`: the operator has named its address.
    #[must_use]
    pub fn guard(&self, source: &SourceConfig) -> Option<Arc<AddressGuard>> {
        let known = || self.guards.get(&source.id).cloned();
        // Without a rule of its own it leads to public addresses alone.
        (source.named_by == NamedBy::Tenant).then(|| known().unwrap_or_default())
    }

    /// All sources of all tenants, in the order of the file.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<SourceConfig>> {
        self.tenants.iter().flat_map(|tenant| &tenant.sources)
    }
}

/// Where a revision is read from.
struct Reading<'a> {
    previous: Option<&'a Config>,
    tenants_toml: &'a Path,
    policies: &'a Path,
    environment: &'a Environment,
    overrides: &'a ConfigOverrides,
}

impl Reading<'_> {
    fn read(&self, files: &Files) -> Result<Config, Diagnostics> {
        let report = Report::default();
        let loaded = read_revision(self, files, &report);
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
}

/// What every reader of the revision needs.
pub(crate) struct Loading<'a> {
    pub report: &'a Report,
    pub environment: &'a Environment,
    pub classification: &'a Classification,
    /// The revision whose place this one takes.
    pub previous: Option<&'a Config>,
    files: &'a Files,
    folder: PathBuf,
    /// What kinds have made of files so far.
    made: RefCell<HashMap<String, Made>>,
    /// What the source that is being read was read from so far.
    taken: RefCell<Sha256>,
    /// The secrets that were read so far.
    secrets: RefCell<Secrets>,
}

impl Loading<'_> {
    /// A path in tenants.toml is relative to it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Reads a file that tenants.toml names.
    pub(crate) fn read(&self, name: &str, place: &Place, what: &str) -> Option<Arc<str>> {
        match self.files.read(&self.path(name), name) {
            Ok(text) => Some(text),
            Err(reason) => {
                let help =
                    "its path is taken from the folder of tenants.toml; see whether it is spelt so, and may be read"
                        .to_owned();
                self.report
                    .error(place, format!("the {what} {name} cannot be read: {reason}"), help);
                None
            }
        }
    }

    /// What a kind has made of a file: several sources may name one, and few change.
    pub(crate) fn made_of(&self, name: &str, text: &str) -> Option<Made> {
        if let Some(made) = self.made.borrow().get(name) {
            return Some(Arc::clone(made));
        }
        let is_same = |previous: &&Config| previous.files.get(name).is_some_and(|known| **known == *text);
        let made = Arc::clone(self.previous.filter(is_same)?.made.get(name)?);
        self.keep(name, Arc::clone(&made));
        Some(made)
    }

    /// Keeps what a kind has made of a file.
    pub(crate) fn keep(&self, name: &str, made: Made) {
        self.made.borrow_mut().insert(name.to_owned(), made);
    }

    /// Begins the fingerprint of a source.
    fn begin_fingerprint(&self, tenant: &TenantId, node: &Node) {
        let mut hasher = Sha256::new();
        hasher.update(tenant.as_str());
        node.add_to(&mut hasher);
        self.taken.replace(hasher);
    }

    /// Whatever a source takes from outside of its table must come past here, or a change of it would go unseen.
    pub(crate) fn take(&self, text: &[u8]) {
        let mut taken = self.taken.borrow_mut();
        taken.update(text.len().to_be_bytes());
        taken.update(text);
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.taken.take().finalize().into())
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
fn read_revision(reading: &Reading<'_>, files: &Files, report: &Report) -> Option<Config> {
    let Reading {
        previous,
        tenants_toml,
        policies,
        environment,
        overrides,
    } = *reading;
    let classification = kakehashi_policy::read_classification(policies, files, report);
    let name = tenants_toml.display().to_string();
    let text = match files.read(tenants_toml, "tenants.toml") {
        Ok(text) => text,
        Err(reason) => {
            let help = "begin with `kakehashi demo --write DIR`, or name the file with --config".to_owned();
            report.error(&Place::Caller, format!("{name} cannot be read: {reason}"), help);
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
        previous,
        files,
        folder: tenants_toml.parent().unwrap_or(Path::new("")).to_owned(),
        made: RefCell::default(),
        taken: RefCell::default(),
        secrets: RefCell::default(),
    };
    let top = Section::new("tenants.toml", &root, report);
    let absent = Node::new(Value::Table(Vec::new()), &root.place);
    let table = |key| Section::new(format!("[{key}]"), top.node(key).unwrap_or(&absent), report);
    let gateway = gateway::read(table("gateway"), &loading);
    let issuers = issuer::read(&table("issuers"));
    let tenants_table = table("tenants");
    let (tenants, places) = tenant::read(&tenants_table, &loading);
    if tenants.is_empty() {
        let help = "begin with `[tenants.<id>]`, the organisation that runs the platform".to_owned();
        report.error(&root.place, "there is no tenant", help);
    }
    checks::check_sources(&tenants, &places, report);
    checks::check_operator(&tenants, tenants_table.place(), report);
    let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id.clone()).collect();
    let without_tenant = root
        .child("gateway")
        .and_then(|gateway| gateway.child("without_tenant"));
    if let (Some(named), Some(node)) = (&gateway.without_tenant, without_tenant) {
        checks::check_without_tenant(named, &ids, &node.place, report);
    }
    // What is wrong with `tls` is told already; nothing is to be concluded from it.
    let certificates_checked = root
        .child("gateway")
        .and_then(|gateway| gateway.child("tls")?.child("client_ca"));
    let consumers = consumer::read(
        &table("consumers"),
        &ids,
        &issuers,
        certificates_checked.is_some(),
        &gateway.cors,
        &loading,
    );
    let administrators = administrator::read(&table("administrators"), &ids, &issuers, &consumers, &loading);
    let (made, secrets) = (loading.made.take(), loading.secrets.take());
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
        expectations::read_expectations(policies, &tenants, &consumers, files, report)
    };
    let referents = kakehashi_policy::Names {
        tenants: &ids,
        consumers: consumers.all(),
    };
    let earlier = previous.map(|previous| &previous.policy);
    let policy = kakehashi_policy::load(policies, &referents, classification, provided, files, earlier, report)?;
    if !report.has_errors() {
        // A policy that was refused may be the one that speaks of the role.
        checks::check_roles(&root, &policy.principals(), report);
    }
    let texts = files.texts(previous.map(|previous| &previous.files));
    let tenant_positions = ids
        .into_iter()
        .enumerate()
        .map(|(position, id)| (id, position))
        .collect();
    let sources = tenants.iter().flat_map(|tenant| &tenant.sources);
    let sources = sources.map(|source| (source.id.clone(), Arc::clone(source))).collect();
    let guards = same_system::guards(&tenants);
    Some(Config {
        revision: RevisionId::of(&texts),
        gateway,
        tenants,
        issuers,
        consumers,
        administrators,
        policy,
        files: texts,
        warnings: Diagnostics::default(),
        expectations,
        tenant_positions,
        sources,
        guards,
        made,
        secrets,
    })
}
