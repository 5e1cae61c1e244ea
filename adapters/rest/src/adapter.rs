//! The adapter: a platform and its mapping behind the contract.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ngsi_ld::{AttributeName, TypeName};

use super::pages::smallest_path;
use super::prepared::PreparedRest;
use super::source::{ACCEPTED, Source};
use kakehashi_client::{Credential, HttpClient, SourceClient, SourceClientError, SourceLimits};
use kakehashi_contract::{
    Adapter, AdapterError, Call, EntityWriter, PreparedQuery, SourceId, SourceQuery, SourceStatus,
};
use kakehashi_mapping::language::{Mapping, Rule};
use kakehashi_mapping::record::{Finding, Outside};

/// What makes a platform a source.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// Its name in the configuration.
    pub source: SourceId,
    /// Its address; the paths of the mapping are joined to it.
    pub endpoint: String,
    /// How its records become entities.
    pub mapping: Arc<Mapping>,
    /// What is known of it beside its records.
    pub outside: Outside,
    /// How the gateway proves itself to it.
    pub credential: Option<Credential>,
    /// What protects it.
    pub limits: SourceLimits,
    /// The types that it provides. A type without a mapping is never asked for.
    pub types: Vec<TypeName>,
}

/// The adapter for custom platforms.
pub struct RestAdapter {
    pub(crate) source: Arc<Source>,
}

impl fmt::Debug for RestAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestAdapter")
            .field("source", self.source.client.source())
            .finish_non_exhaustive()
    }
}

// === impl RestAdapter ===

impl RestAdapter {
    /// An adapter for one platform.
    ///
    /// # Errors
    /// [`SourceClientError`] when the address or the credential cannot be used.
    pub fn new(http: HttpClient, settings: RestSettings) -> Result<Self, SourceClientError> {
        let RestSettings {
            source,
            endpoint,
            mapping,
            outside,
            credential,
            limits,
            types,
        } = settings;
        let base_path = endpoint
            .parse::<http::Uri>()
            .map_or_else(|_| "/".to_owned(), |uri| uri.path().to_owned());
        let mut client = SourceClient::new(http, source, &endpoint, credential, limits)?;
        if let Some(first) = mapping
            .type_mappings()
            .iter()
            .find(|mapping| types.contains(&mapping.name))
        {
            client = client.probing(&smallest_path(first), &[ACCEPTED]);
        }
        Ok(Self {
            source: Arc::new(Source::new(client, base_path, mapping, outside, &types)),
        })
    }

    /// The client of the source, for metrics.
    #[must_use]
    pub fn client(&self) -> &SourceClient {
        &self.source.client
    }

    /// How often something in a record did not become part of the view, since the start.
    #[must_use]
    pub fn findings(&self, finding: Finding) -> u64 {
        self.source.findings(finding)
    }
}

#[async_trait]
impl Adapter for RestAdapter {
    fn source(&self) -> &SourceId {
        self.source.client.source()
    }

    fn status(&self) -> Option<SourceStatus> {
        Some(self.source.client.status())
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(PreparedRest::of(&self.source, query))
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        let is_written = self.source.provided().any(|mapping| mapping.write.is_some());
        is_written.then_some(self as &dyn EntityWriter)
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], _: &Call) -> Result<bool, AdapterError> {
        let mut attributes = self
            .source
            .mapping
            .type_mappings()
            .iter()
            .flat_map(|mapping| &mapping.attributes);
        Ok(attributes
            .any(|attribute| matches!(attribute.rule, Rule::Relationship { .. }) && names.contains(&attribute.name)))
    }
}
