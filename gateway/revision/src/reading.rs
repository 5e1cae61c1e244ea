//! What a source is given that answers from what it has read: what may be kept of it, by the classes that hold now and after the
//! inspection of its tenant, and what is remembered of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use hashbrown::HashMap;
use kakehashi_adapters::client::{AddressRule, HttpClient, HttpClientSettings, SourceTls, TlsSetupError};
use kakehashi_adapters::held::{Holding, Judged};
use kakehashi_adapters::kind::{Keeping, Keeps, Memory, Remembers};
use kakehashi_adapters::{SourceId, held::Judge};
use kakehashi_config::{AddressGuard, Config, SourceConfig};
use kakehashi_core::names::TenantId;
use kakehashi_egress::sources::SourceEgress;
use kakehashi_policy::inspection::{Actions, Inspection};
use kakehashi_policy::{Classification, PersonalData};
use kakehashi_state::State;
use kakehashi_telemetry::FindingCounter;
use ngsi_ld::Entity;

/// A source that answers from what it has read.
#[derive(Debug, Clone)]
pub(crate) struct ReadSource {
    pub(crate) keeps: Arc<dyn Keeps>,
    pub(crate) by: ReadBy,
}

/// All of them.
pub(crate) type ReadSources = HashMap<SourceId, ReadSource>;

/// What decides what is kept: where one of these changes, what was read is gone.
#[derive(Debug, Clone)]
pub(crate) struct ReadBy {
    holding: Holding,
    classification: Classification,
    actions: Actions,
}

impl ReadBy {
    /// As a configuration says it; `None`: the source keeps nothing.
    pub(crate) fn of(config: &Config, source: &SourceConfig) -> Option<Self> {
        let tenant = config.tenant(source.tenant.as_str());
        Some(Self {
            holding: source.keeping.clone()?,
            classification: config.policy.classification().clone(),
            actions: tenant.map_or_else(Actions::default, |tenant| tenant.inspection),
        })
    }

    /// Whether the same is kept.
    pub(crate) fn keeps_the_same_as(&self, other: &Self) -> bool {
        self.holding == other.holding
            && self.actions == other.actions
            && self.classification.lets_the_same_rest(&other.classification)
    }

    /// What the source is given.
    pub(crate) fn keeping(
        &self,
        config: &Config,
        source: &SourceConfig,
        kept: &WhereKept<'_>,
    ) -> Result<Keeping, TlsSetupError> {
        let remembers: Arc<dyn Remembers> = match kept.state {
            Some(state) => Arc::new(InState {
                state: state.clone(),
                source: source.id.clone(),
            }),
            None => Arc::new(kakehashi_adapters::kind::Forgets),
        };
        let elsewhere = source.settings.asks_other_hosts().then(|| {
            let guard = config.guard(source).map_or_else(
                || AddressGuard {
                    egress_allow: config.gateway.egress_allow.clone(),
                    ..AddressGuard::default()
                },
                |guard| (*guard).clone(),
            );
            let rule: Arc<dyn AddressRule> = Arc::new(SourceEgress::new(&guard));
            HttpClient::under_rule(&HttpClientSettings::default(), &SourceTls::default(), Some(rule))
        });
        Ok(Keeping {
            holding: self.holding.clone(),
            judge: self.judge(&source.tenant, kept.findings),
            memory: kept.memory.clone(),
            remembers,
            elsewhere: elsewhere.transpose()?,
        })
    }

    /// Leaves of an entity what may rest, as inspection lets it leave. What nobody has classified is not kept, whatever the
    /// source may hold.
    fn judge(&self, tenant: &TenantId, findings: &FindingCounter) -> Judge {
        let classification = self.classification.clone();
        let inspection = Inspection::new(self.actions, &self.classification);
        let (tenant, findings) = (tenant.clone(), findings.clone());
        Arc::new(move |entity: &mut Entity| {
            let resting = classification.may_rest(entity, PersonalData::Present);
            let inspected = resting
                .and_then(|resting| inspection.inspect(resting, &mut |finding| findings.count(&tenant, &finding)));
            match inspected {
                Some(inspected) => {
                    *entity = inspected;
                    Judged::Whole
                }
                None => Judged::Nothing,
            }
        })
    }
}

/// Where what was read is kept, and what is remembered of it.
pub(crate) struct WhereKept<'a> {
    pub(crate) memory: &'a Memory,
    /// `None`: nothing is remembered.
    pub(crate) state: Option<&'a State>,
    pub(crate) findings: &'a FindingCounter,
}

/// What is remembered in the gateway's state.
#[derive(Debug)]
struct InState {
    state: State,
    source: SourceId,
}

#[async_trait]
impl Remembers for InState {
    async fn recall(&self) -> Option<String> {
        match self.state.files().files_of(self.source.as_str()).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(source_id = %self.source, %error, "what the files of the source were like is not known now");
                None
            }
        }
    }

    async fn remember(&self, text: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        if let Err(error) = self.state.files().remember_files(self.source.as_str(), at, text).await {
            tracing::warn!(source_id = %self.source, %error, "what the files of the source are like is not remembered");
        }
    }
}
