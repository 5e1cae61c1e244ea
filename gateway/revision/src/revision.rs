//! From a checked [`Config`] to a revision that answers: every source with its adapter, every context
//! compiled.

use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_adapters::client::{AddressRule, HttpClient, HttpClientSettings, TlsSetupError};
use kakehashi_adapters::held::{HeldMemory, HeldSource};
use kakehashi_adapters::kind::{CannotOpen, Keeping, Keeps, Memory, Opening, Settings, memory_of_read};
use kakehashi_adapters::{Adapter, AttributeSelection, SourceId};
use kakehashi_config::{AddressGuard, Config, Hold, ProvidedType, SourceConfig};
use kakehashi_contexts::Contexts;
use kakehashi_contexts::resolver::CannotHaveContexts;
use kakehashi_core::names::TenantId;
use kakehashi_egress::sources::SourceEgress;
use kakehashi_federation::flawed::Flawed;
use kakehashi_federation::pages::known_list::KnownLists;
use kakehashi_federation::registry::{
    OwnIds, ProvidedIds, Provision, RegisteredSource, Registration, Registrations, Registry,
};
use kakehashi_federation::tenant_limits::TenantLimiters;
use kakehashi_policy::Classification;
use kakehashi_policy::inspection::{Actions, Inspection};
use kakehashi_runtime::{Spawner, Tasks};
use kakehashi_state::{State, StateError};
use kakehashi_telemetry::{FindingCounter, MetricsError};
use ngsi_ld::TypeName;

use crate::reading::{ReadBy, ReadSource, ReadSources, WhereKept};

/// One immutable revision, ready to answer. A request keeps the one that it began with.
#[derive(Debug)]
pub struct Revision {
    /// What the files say, with the policies.
    pub config: Config,
    /// The sources.
    pub registry: Registry,
    /// How many questions may touch a tenant's sources.
    pub tenant_limits: TenantLimiters,
    /// The lists that are known for a while; they end with the revision.
    pub known_lists: KnownLists,
    /// The contexts of requests.
    pub contexts: Arc<Contexts>,
    /// What inspection has found.
    pub findings: FindingCounter,
    /// The sources of which something is kept in memory.
    held: HashMap<SourceId, Arc<HeldSource>>,
    memory: HeldMemory,
    /// The sources that answer from what they have read.
    read: ReadSources,
    read_memory: Memory,
    http: HttpClient,
    tasks: Tasks,
    state: State,
}

/// Why a configuration that was read without fault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CannotBuild {
    /// The outbound TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// A source cannot be made of what its table says: its address, its credential, a partition of the store.
    #[error("source {source_id}: {error}")]
    Source {
        /// Which.
        source_id: SourceId,
        /// Why.
        error: CannotOpen,
    },
    /// What the gateway keeps cannot be opened.
    #[error(transparent)]
    State(#[from] StateError),
    /// The contexts of requests cannot be set up.
    #[error(transparent)]
    Contexts(#[from] CannotHaveContexts),
    /// What inspection finds cannot be counted.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
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
            registrations: Registrations::default(),
            memory: HeldMemory::default(),
            read_memory: memory_of_read(),
            state: state.clone(),
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
            registrations: earlier.registry.registrations().clone(),
            memory: earlier.memory.clone(),
            read_memory: earlier.read_memory.clone(),
            state: earlier.state.clone(),
        };
        Self::assemble(config, Some(earlier), kept, &earlier.tenant_limits).await
    }

    /// Says to the sources that keep what was changed what of it may rest from now on. Those of an earlier revision in which
    /// the same may know it already.
    pub(crate) fn say_what_may_rest(&self, earlier: Option<&Self>) {
        let classification = self.config.policy.classification();
        let is_same = |source: &RegisteredSource, earlier: &Self| {
            let before = earlier.registry.find(&source.id, &source.tenant);
            before.is_some_and(|before| {
                Arc::ptr_eq(&before.adapter, &source.adapter) && before.personal_data == source.personal_data
            }) && earlier
                .config
                .policy
                .classification()
                .lets_the_same_rest(classification)
        };
        for source in self.registry.configured() {
            let Some(notifies) = source.adapter.notifies() else {
                continue;
            };
            if earlier.is_some_and(|earlier| is_same(source, earlier)) {
                continue;
            }
            let (classification, personal_data) = (classification.clone(), source.personal_data);
            notifies.let_rest(Arc::new(move |entity| classification.may_rest(entity, personal_data)));
        }
    }

    /// Forgets what another revision keeps of sources and this one does not, or not in the same way.
    pub(crate) fn erase_what_is_not_held_after(&self, earlier: &Self) {
        for (id, held) in &earlier.held {
            let goes_on = self.held.get(id).is_some_and(|other| Arc::ptr_eq(held, other));
            if !goes_on {
                held.erase();
            }
        }
        for (id, read) in &earlier.read {
            let goes_on = self
                .read
                .get(id)
                .is_some_and(|other| Arc::ptr_eq(&read.keeps, &other.keeps));
            if !goes_on {
                read.keeps.erase();
            }
        }
    }

    /// The sources that answer from what they have read, in no order.
    pub fn read(&self) -> impl Iterator<Item = (&SourceId, &dyn Keeps)> {
        self.read.iter().map(|(id, read)| (id, &*read.keeps))
    }

    /// What answers from what it has read of a source.
    #[must_use]
    pub fn read_of(&self, source: &SourceId) -> Option<&dyn Keeps> {
        self.read.get(source).map(|read| &*read.keeps)
    }

    /// The sources of which something is kept in memory, in no order.
    pub fn held(&self) -> impl Iterator<Item = (&SourceId, &HeldSource)> {
        self.held.iter().map(|(id, held)| (id, &**held))
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
        let (memory, read_memory) = (HeldMemory::default(), memory_of_read());
        let kept = WhereKept {
            memory: &read_memory,
            state: None,
            findings: &findings,
        };
        let made = sources_of(&inspecting, None, &http, &Partitions::Unopened, &memory, &kept).await?;
        Ok(Registry::new(made.sources))
    }

    /// What beginning to answer would find wrong with the files that a configuration names, without making or changing any: the
    /// gateway's state and the partitions of stores.
    ///
    /// # Errors
    /// [`CannotBuild`], naming the source.
    pub async fn examine_files(config: &Config) -> Result<(), CannotBuild> {
        State::examine(&config.gateway.state).await?;
        for source in config.sources() {
            for owner in source.owners() {
                let examined = source.settings.examine(owner.as_str()).await;
                examined.map_err(|error| CannotBuild::Source {
                    source_id: source.id.clone(),
                    error,
                })?;
            }
        }
        Ok(())
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
            registrations,
            memory,
            read_memory,
            state,
        } = kept;
        let inspecting = Inspecting {
            config: &config,
            findings: &findings,
        };
        let partitions = Partitions::Open(tasks.upkeep.clone());
        let kept = WhereKept {
            memory: &read_memory,
            state: Some(&state),
            findings: &findings,
        };
        let SourcesMade { sources, held, read } =
            sources_of(&inspecting, earlier, &http, &partitions, &memory, &kept).await?;
        Ok(Self {
            registry: Registry::beside(sources, registrations),
            tenant_limits: TenantLimiters::after(limits, &config.tenants),
            known_lists: KnownLists::default(),
            contexts,
            findings,
            held,
            memory,
            read,
            read_memory,
            http,
            tasks,
            state,
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
    registrations: Registrations,
    memory: HeldMemory,
    read_memory: Memory,
    state: State,
}

/// What becomes of partitions of the store.
#[derive(Debug)]
enum Partitions {
    /// They are opened, and this runs what removes what has expired in them.
    Open(Spawner),
    /// They stay as they are.
    Unopened,
}

/// The sources of which something is kept.
type Held = HashMap<SourceId, Arc<HeldSource>>;

/// What was made of the sources of a configuration.
struct SourcesMade {
    sources: Vec<RegisteredSource>,
    held: Held,
    read: ReadSources,
}

/// Every source with its adapter, in the order of the configuration, and those of which something is kept.
async fn sources_of(
    inspecting: &Inspecting<'_>,
    earlier: Option<&Revision>,
    http: &HttpClient,
    partitions: &Partitions,
    memory: &HeldMemory,
    kept: &WhereKept<'_>,
) -> Result<SourcesMade, CannotBuild> {
    let mut sources = Vec::new();
    let mut held = Held::new();
    let mut read = ReadSources::new();
    let classification = inspecting.config.policy.classification();
    for source in inspecting.config.sources() {
        let guard = inspecting.config.guard(source);
        let earlier = Earlier::new(earlier, inspecting.config, source, guard.as_ref());
        let own = (guard.is_some() || !source.tls.is_usual())
            .then(|| {
                let rule = guard.map(|guard| Arc::new(SourceEgress::new(&guard)) as Arc<dyn AddressRule>);
                HttpClient::under_rule(&HttpClientSettings::default(), &source.tls, rule)
            })
            .transpose()?;
        let http = own.as_ref().unwrap_or(http);
        for owner in source.owners() {
            let by = ReadBy::of(inspecting.config, source);
            let earlier_read = earlier.read(source, by.as_ref());
            let before = match partitions {
                Partitions::Open(_) if by.is_some() && earlier_read.is_none() => None,
                Partitions::Open(_) => earlier.adapter(source, owner),
                Partitions::Unopened => source.settings.unopened(&source.id),
            };
            let adapter = match before {
                Some(adapter) => {
                    if let Some(earlier_read) = earlier_read {
                        read.insert(source.id.clone(), earlier_read.clone());
                    }
                    adapter
                }
                None => {
                    let keeping = by
                        .as_ref()
                        .map(|by| by.keeping(inspecting.config, source, kept))
                        .transpose()?;
                    let (adapter, keeps) = opened(source, owner, inspecting.config, http, partitions, keeping).await?;
                    if let Some((keeps, by)) = keeps.zip(by) {
                        read.insert(source.id.clone(), ReadSource { keeps, by });
                    }
                    adapter
                }
            };
            let adapter = match &source.hold {
                Some(hold) => {
                    let holding = Holder {
                        source,
                        hold,
                        classification,
                        memory,
                        partitions,
                    }
                    .around(adapter, &earlier);
                    held.insert(source.id.clone(), Arc::clone(&holding));
                    holding
                }
                None => adapter,
            };
            sources.push(registered(source, owner, inspecting, adapter));
        }
    }
    Ok(SourcesMade { sources, held, read })
}

/// What an earlier revision has of a source.
struct Earlier<'a> {
    revision: Option<&'a Revision>,
    registry: Option<&'a Registry>,
    config: Option<&'a SourceConfig>,
    is_same: bool,
}

impl<'a> Earlier<'a> {
    fn new(
        revision: Option<&'a Revision>,
        now: &Config,
        source: &SourceConfig,
        guard: Option<&Arc<AddressGuard>>,
    ) -> Self {
        let config = revision
            .and_then(|revision| revision.config.source(&source.id))
            .map(AsRef::as_ref);
        Self {
            revision,
            registry: revision.map(|revision| &revision.registry),
            config,
            // The rule that it is asked under follows from other tables, too.
            is_same: config.is_some_and(|earlier| {
                // What it makes may say whose it is.
                let is_known_alike = source.owners().iter().all(|owner| {
                    let before = revision.and_then(|revision| revision.config.tenant(owner.as_str()));
                    let now = now.tenant(owner.as_str());
                    before
                        .zip(now)
                        .is_some_and(|(before, now)| (&before.name, &before.code) == (&now.name, &now.code))
                });
                let earlier_guard = revision.and_then(|revision| revision.config.guard(earlier));
                is_known_alike && earlier.fingerprint == source.fingerprint && earlier_guard.as_ref() == guard
            }),
        }
    }

    /// The adapter, if nothing about the source has changed, or nothing that matters to it.
    fn adapter(&self, source: &SourceConfig, owner: &TenantId) -> Option<Arc<dyn Adapter>> {
        let earlier: &dyn Settings = &*self.config?.settings;
        if !self.is_same && !source.settings.keeps_adapter_of(earlier) {
            return None;
        }
        if let Some(held) = self.held(source) {
            return Some(Arc::clone(held.itself()));
        }
        let found = self.registry?.find(&source.id, owner)?;
        Some(Arc::clone(&found.adapter))
    }

    /// What it answers from that it has read, if the same may be kept of the same source.
    fn read(&self, source: &SourceConfig, by: Option<&ReadBy>) -> Option<&'a ReadSource> {
        let earlier = self.revision?.read.get(&source.id)?;
        (self.is_same && by?.keeps_the_same_as(&earlier.by)).then_some(earlier)
    }

    /// What is kept of the source.
    fn held(&self, source: &SourceConfig) -> Option<&'a Arc<HeldSource>> {
        self.revision?.held.get(&source.id)
    }
}

/// Something of a source is kept in memory.
struct Holder<'a> {
    source: &'a SourceConfig,
    hold: &'a Hold,
    classification: &'a Classification,
    memory: &'a HeldMemory,
    partitions: &'a Partitions,
}

impl Holder<'_> {
    /// What keeps it, around the adapter. What an earlier revision keeps goes on where the same may be kept of the same
    /// source in the same way.
    fn around(&self, adapter: Arc<dyn Adapter>, earlier: &Earlier<'_>) -> Arc<HeldSource> {
        let Hold { duration, holding, .. } = self.hold;
        let is_same = |held: &&Arc<HeldSource>| {
            let before = earlier.revision.map(|revision| revision.config.policy.classification());
            Arc::ptr_eq(held.itself(), &adapter)
                && held.hold() == *duration
                && held.holding() == holding
                && before.is_some_and(|before| before.lets_the_same_rest(self.classification))
        };
        if let Some(held) = earlier.held(self.source).filter(is_same) {
            return Arc::clone(held);
        }
        let (classification, personal_data) = (self.classification.clone(), self.source.personal_data);
        let judge = Arc::new(move |entity: &mut _| classification.keep_open(entity, personal_data));
        let (held, upkeep) = HeldSource::new(adapter, *duration, holding.clone(), judge, self.memory);
        if let Partitions::Open(spawner) = self.partitions
            && let Err(error) = spawner.keep_running(upkeep)
        {
            tracing::error!(source_id = %self.source.id, %error, "the source is not read, so as to keep it in memory");
        }
        Arc::new(held)
    }
}

/// The adapter of a source, or of one of its partitions, and what it needs beside requests.
async fn opened(
    source: &SourceConfig,
    owner: &TenantId,
    config: &Config,
    http: &HttpClient,
    partitions: &Partitions,
    keeping: Option<Keeping>,
) -> Result<(Arc<dyn Adapter>, Option<Arc<dyn Keeps>>), CannotBuild> {
    let tenant = config.tenant(owner.as_str());
    let code = tenant.and_then(|tenant| tenant.code.as_ref()).map(ToString::to_string);
    let opening = Opening {
        source: &source.id,
        owner: owner.as_str(),
        code: code.as_deref(),
        name: tenant.map(|tenant| tenant.name.as_str()),
        http,
        credential: source.credential.clone(),
        limits: source.limits.clone(),
        types: &provided_types(source),
        keeping,
    };
    let opened = source.settings.open(opening).await;
    let opened = opened.map_err(|error| CannotBuild::Source {
        source_id: source.id.clone(),
        error,
    })?;
    if let (Some(begin), Partitions::Open(upkeep)) = (opened.upkeep, partitions)
        && let Err(error) = upkeep.keep_running(begin)
    {
        tracing::error!(source_id = %source.id, %error, "what the source needs beside requests is not run");
    }
    Ok((opened.adapter, opened.keeps))
}

/// The types that a source names one by one, each once: an entry may stand beside a claim to some of the same.
fn provided_types(source: &SourceConfig) -> Vec<TypeName> {
    let names = source.provides.iter().filter_map(|provides| match &provides.r#type {
        ProvidedType::Type(name) => Some(name),
        ProvidedType::Any => None,
    });
    let mut types: Vec<TypeName> = Vec::new();
    for name in names {
        if !types.contains(name) {
            types.push(name.clone());
        }
    }
    types
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
        ids: match &provides.id {
            Some(id) => ProvidedIds::Only(id.clone()),
            None => provides.id_pattern.clone().into(),
        },
        attributes: match &provides.attributes {
            Some(names) => AttributeSelection::only(names.iter().cloned()),
            None => AttributeSelection::All,
        },
        authoritative: provides.authoritative,
    });
    let types = provided_types(source);
    let beginnings = types.into_iter().filter_map(|r#type| {
        let beginning = source.settings.ids_begin_with(&r#type)?;
        Some((r#type, beginning.into()))
    });
    RegisteredSource {
        id: source.id.clone(),
        tenant: owner.clone(),
        provides: provides.collect(),
        registration: Registration {
            mode: source.mode,
            ..Registration::default()
        },
        personal_data: source.personal_data,
        is_store: source.partitions.is_some(),
        writable: source.writable,
        inspection: inspecting.of(owner),
        findings: inspecting.findings.clone(),
        flawed: Flawed::default(),
        owns_ids: OwnIds::said(source.owns_ids).beginning(beginnings),
        credential_from: source.credential_from.clone(),
        adapter,
    }
}
