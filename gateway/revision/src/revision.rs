//! From a checked [`Config`] to a revision that answers: every source with its adapter, every context
//! compiled.

use std::path::Path;
use std::sync::Arc;

use kakehashi_adapters::client::{AddressRule, HttpClient, HttpClientSettings, SourceClientError, TlsSetupError};
use kakehashi_adapters::ngsi_v2::translate::ProvidedType as V2Type;
use kakehashi_adapters::ngsi_v2::{InvalidNgsiV2Settings, NgsiV2Adapter, NgsiV2Settings};
use kakehashi_adapters::rest::{RestAdapter, RestSettings};
use kakehashi_adapters::store::{StoreAdapter, StoreError, StoreOptions, StorePartition, UnopenedPartition};
use kakehashi_adapters::{Adapter, SourceId};
use kakehashi_config::{AddressGuard, Config, ProvidedType, SourceConfig, SourceKind};
use kakehashi_contexts::Contexts;
use kakehashi_contexts::resolver::CannotHaveContexts;
use kakehashi_core::names::TenantId;
use kakehashi_egress::sources::SourceEgress;
use kakehashi_federation::flawed::Flawed;
use kakehashi_federation::registry::{Provision, RegisteredSource, Registry};
use kakehashi_federation::tenant_limits::TenantLimiters;
use kakehashi_policy::inspection::{Actions, Inspection};
use kakehashi_runtime::{Spawner, Tasks};
use kakehashi_state::State;
use kakehashi_telemetry::{FindingCounter, MetricsError};
use ngsi_ld::TypeName;
use ngsi_ld::context::Context;

/// One immutable revision, ready to answer. A request keeps the one that it began with.
#[derive(Debug)]
pub struct Revision {
    /// What the files say, with the policies.
    pub config: Config,
    /// The sources.
    pub registry: Registry,
    /// How many questions may touch a tenant's sources.
    pub tenant_limits: TenantLimiters,
    /// The contexts of requests.
    pub contexts: Arc<Contexts>,
    /// What inspection has found.
    pub findings: FindingCounter,
    http: HttpClient,
    tasks: Tasks,
}

/// Why a configuration that was read without fault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CannotBuild {
    /// The outbound TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// A source's address or credential cannot be used.
    #[error("source {source_id}: {error}")]
    Source {
        /// Which.
        source_id: SourceId,
        /// Why.
        error: SourceClientError,
    },
    /// The settings of an NGSI-v2 source cannot work.
    #[error("source {source_id}: {error}")]
    NgsiV2 {
        /// Which.
        source_id: SourceId,
        /// Why.
        error: InvalidNgsiV2Settings,
    },
    /// The contexts of requests cannot be set up.
    #[error(transparent)]
    Contexts(#[from] CannotHaveContexts),
    /// What inspection finds cannot be counted.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A partition of the store cannot be opened.
    #[error("source {source_id}: {error}")]
    Store {
        /// Which.
        source_id: SourceId,
        /// Why.
        error: StoreError,
    },
}

impl Revision {
    /// Builds every part. What these do beside requests is run as these tasks.
    ///
    /// # Errors
    /// [`CannotBuild`], naming the source.
    pub async fn build(config: Config, state: &State, tasks: &Tasks) -> Result<Self, CannotBuild> {
        let kept = Kept {
            http: HttpClient::new(&HttpClientSettings::default())?,
            contexts: Arc::new(Contexts::new(&config.gateway, state, tasks.contexts.clone())?),
            findings: FindingCounter::new()?,
            tasks: tasks.clone(),
        };
        Self::assemble(config, None, kept, &TenantLimiters::default()).await
    }

    /// Builds what takes the place of another revision. What an edit does not touch is taken over with everything it
    /// remembers: connections, circuit breakers, what is left of limits, downloaded contexts.
    ///
    /// # Errors
    /// [`CannotBuild`], naming the source.
    pub async fn build_after(earlier: &Self, config: Config) -> Result<Self, CannotBuild> {
        let kept = Kept {
            http: earlier.http.clone(),
            contexts: Arc::clone(&earlier.contexts),
            findings: earlier.findings.clone(),
            tasks: earlier.tasks.clone(),
        };
        Self::assemble(config, Some(earlier), kept, &earlier.tenant_limits).await
    }

    /// The sources of a configuration, to see what they would be asked. No file is made or opened and nothing is sent:
    /// a partition of the store answers nothing.
    ///
    /// # Errors
    /// [`CannotBuild`], naming the source.
    pub async fn unopened_sources(config: &Config) -> Result<Registry, CannotBuild> {
        let http = HttpClient::new(&HttpClientSettings::default())?;
        let findings = FindingCounter::new()?;
        let inspecting = Inspecting {
            config,
            findings: &findings,
        };
        let sources = sources_of(&inspecting, None, &http, &Partitions::Unopened).await?;
        Ok(Registry::new(sources))
    }

    async fn assemble(
        config: Config,
        earlier: Option<&Self>,
        kept: Kept,
        limits: &TenantLimiters,
    ) -> Result<Self, CannotBuild> {
        let Kept {
            http,
            contexts,
            findings,
            tasks,
        } = kept;
        let inspecting = Inspecting {
            config: &config,
            findings: &findings,
        };
        let partitions = Partitions::Open(tasks.upkeep.clone());
        let sources = sources_of(&inspecting, earlier, &http, &partitions).await?;
        Ok(Self {
            registry: Registry::new(sources),
            tenant_limits: TenantLimiters::after(limits, &config.tenants),
            contexts,
            findings,
            http,
            tasks,
            config,
        })
    }
}

/// What a revision has, whatever its files say, and the next has after it.
struct Kept {
    http: HttpClient,
    contexts: Arc<Contexts>,
    findings: FindingCounter,
    tasks: Tasks,
}

/// What becomes of partitions of the store.
#[derive(Debug)]
enum Partitions {
    /// They are opened, and this runs what removes what has expired in them.
    Open(Spawner),
    /// They stay as they are.
    Unopened,
}

/// Every source with its adapter, in the order of the configuration.
async fn sources_of(
    inspecting: &Inspecting<'_>,
    earlier: Option<&Revision>,
    http: &HttpClient,
    partitions: &Partitions,
) -> Result<Vec<RegisteredSource>, CannotBuild> {
    let mut sources = Vec::new();
    for source in inspecting.config.sources() {
        let guard = inspecting.config.guard(source);
        let earlier = Earlier::new(earlier, source, guard.as_ref());
        let own = (guard.is_some() || !source.tls.is_usual())
            .then(|| {
                let rule = guard.map(|guard| Arc::new(SourceEgress::new(&guard)) as Arc<dyn AddressRule>);
                HttpClient::under_rule(&HttpClientSettings::default(), &source.tls, rule)
            })
            .transpose()?;
        let http = own.as_ref().unwrap_or(http);
        match (&source.kind, partitions) {
            (SourceKind::Store { partitions: owners, .. }, Partitions::Unopened) => {
                sources.extend(owners.iter().map(|owner| {
                    let adapter = Arc::new(UnopenedPartition::new(source.id.clone()));
                    registered(source, owner, inspecting, adapter)
                }));
            }
            (SourceKind::Store { folder, partitions }, Partitions::Open(upkeep)) => {
                for tenant in partitions {
                    let adapter = match earlier.partition(source, folder, tenant) {
                        Some(adapter) => adapter,
                        None => opened(source, folder, tenant, upkeep).await?,
                    };
                    sources.push(registered(source, tenant, inspecting, adapter));
                }
            }
            _ => register(source, http, &earlier, inspecting, &mut sources)?,
        }
    }
    Ok(sources)
}

/// What an earlier revision has of a source.
struct Earlier<'a> {
    registry: Option<&'a Registry>,
    config: Option<&'a SourceConfig>,
    is_same: bool,
}

impl<'a> Earlier<'a> {
    fn new(revision: Option<&'a Revision>, source: &SourceConfig, guard: Option<&Arc<AddressGuard>>) -> Self {
        let config = revision
            .and_then(|revision| revision.config.source(&source.id))
            .map(AsRef::as_ref);
        Self {
            registry: revision.map(|revision| &revision.registry),
            config,
            // The rule that it is asked under follows from other tables, too.
            is_same: config.is_some_and(|earlier| {
                let earlier_guard = revision.and_then(|revision| revision.config.guard(earlier));
                earlier.fingerprint == source.fingerprint && earlier_guard.as_ref() == guard
            }),
        }
    }

    /// The adapter, if nothing about the source has changed.
    fn adapter(&self, source: &SourceConfig) -> Option<Arc<dyn Adapter>> {
        self.registered(source, &source.tenant).filter(|_| self.is_same)
    }

    /// The adapter of a partition: its file is the same however the source's table has changed, and a file is opened
    /// once.
    fn partition(&self, source: &SourceConfig, folder: &Path, tenant: &TenantId) -> Option<Arc<dyn Adapter>> {
        let was_here = matches!(&self.config?.kind, SourceKind::Store { folder: earlier, .. } if earlier == folder);
        self.registered(source, tenant).filter(|_| was_here)
    }

    fn registered(&self, source: &SourceConfig, owner: &TenantId) -> Option<Arc<dyn Adapter>> {
        let found = self.registry?.find(&source.id, owner)?;
        Some(Arc::clone(&found.adapter))
    }
}

/// A partition of the store.
async fn opened(
    source: &SourceConfig,
    folder: &Path,
    tenant: &TenantId,
    upkeep: &Spawner,
) -> Result<Arc<dyn Adapter>, CannotBuild> {
    let partition = StorePartition::open(folder, tenant.as_str(), StoreOptions::default());
    let partition = partition.await.map_err(|error| CannotBuild::Store {
        source_id: source.id.clone(),
        error,
    })?;
    let expiring = partition.expiring();
    let removing = upkeep.keep_running(move || expiring.clone().remove_from_time_to_time());
    if let Err(error) = removing {
        tracing::error!(source_id = %source.id, %error, "what expires is removed when somebody asks for it, and not before");
    }
    Ok(Arc::new(StoreAdapter::new(source.id.clone(), partition)))
}

/// Adds a source.
fn register(
    source: &SourceConfig,
    http: &HttpClient,
    earlier: &Earlier<'_>,
    inspecting: &Inspecting<'_>,
    sources: &mut Vec<RegisteredSource>,
) -> Result<(), CannotBuild> {
    let cannot = |error| CannotBuild::Source {
        source_id: source.id.clone(),
        error,
    };
    let context = Context::kakehashi();
    if let Some(adapter) = earlier.adapter(source) {
        sources.push(registered(source, &source.tenant, inspecting, adapter));
        return Ok(());
    }
    match &source.kind {
        SourceKind::Rest { endpoint, mapping } => {
            let settings = RestSettings {
                source: source.id.clone(),
                endpoint: endpoint.clone(),
                mapping: Arc::clone(mapping),
                credential: source.credential.clone(),
                limits: source.limits.clone(),
                types: provided_types(source).cloned().collect(),
            };
            let adapter = RestAdapter::new(http.clone(), settings).map_err(cannot)?;
            sources.push(registered(source, &source.tenant, inspecting, Arc::new(adapter)));
        }
        SourceKind::NgsiV2 {
            endpoint,
            fiware_service,
            fiware_servicepath,
            scope_from_servicepath,
        } => {
            let settings = NgsiV2Settings {
                source: source.id.clone(),
                endpoint: endpoint.clone(),
                fiware_service: fiware_service.clone(),
                fiware_servicepath: fiware_servicepath.clone(),
                types: provided_types(source)
                    .map(|name| V2Type {
                        short: context.compact(name.as_str()).into(),
                        name: name.clone(),
                    })
                    .collect(),
                context: Arc::clone(context),
                // Walking everything for each page to find the few ids that stand in two service paths costs
                // more than it is worth by default; repeated ids of one page are united, others reported.
                ids_repeat: false,
                scope_from_servicepath: *scope_from_servicepath,
            };
            let adapter = NgsiV2Adapter::new(http.clone(), settings, source.credential.clone(), source.limits.clone())
                .map_err(|error| CannotBuild::NgsiV2 {
                    source_id: source.id.clone(),
                    error,
                })?;
            sources.push(registered(source, &source.tenant, inspecting, Arc::new(adapter)));
        }
        // Its partitions are opened, or left as they are.
        SourceKind::Store { .. } => {}
    }
    Ok(())
}

/// The types that a source names one by one, each once: an entry may stand beside a claim to some of the same.
fn provided_types(source: &SourceConfig) -> impl Iterator<Item = &TypeName> {
    let names = source.provides.iter().filter_map(|provides| match &provides.r#type {
        ProvidedType::Type(name) => Some(name),
        ProvidedType::Any => None,
    });
    let mut types: Vec<&TypeName> = Vec::new();
    for name in names {
        if !types.contains(&name) {
            types.push(name);
        }
    }
    types.into_iter()
}

/// What inspection needs to know of a revision.
struct Inspecting<'a> {
    config: &'a Config,
    findings: &'a FindingCounter,
}

impl Inspecting<'_> {
    /// As the owner of what a source holds wants it.
    fn of(&self, owner: &TenantId) -> Inspection {
        let tenant = self.config.tenant(owner.as_str());
        let actions = tenant.map_or_else(Actions::default, |tenant| tenant.inspection);
        Inspection::new(actions, self.config.policy.classification())
    }
}

fn registered(
    source: &SourceConfig,
    owner: &TenantId,
    inspecting: &Inspecting<'_>,
    adapter: Arc<dyn Adapter>,
) -> RegisteredSource {
    let provides = source.provided_by(owner).map(|provides| Provision {
        r#type: match &provides.r#type {
            ProvidedType::Type(name) => Some(name.clone()),
            ProvidedType::Any => None,
        },
        id_pattern: provides.id_pattern.clone(),
        authoritative: provides.authoritative,
    });
    RegisteredSource {
        id: source.id.clone(),
        tenant: owner.clone(),
        provides: provides.collect(),
        personal_data: source.personal_data,
        is_store: matches!(source.kind, SourceKind::Store { .. }),
        writable: source.writable,
        inspection: inspecting.of(owner),
        findings: inspecting.findings.clone(),
        flawed: Flawed::default(),
        adapter,
    }
}
