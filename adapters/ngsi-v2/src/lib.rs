//! FIWARE Orion, and other platforms that speak NGSI-v2.
//!
//! [`translate`] turns what the source says into the view; the rest turns what the view is asked into requests.
//! A source is never asked without naming types, nor for attributes beyond those that the query names: what it
//! holds beside them may be personal.

mod area;
mod branches;
mod database;
mod emptied;
mod filter;
mod finding_out;
mod floor;
mod ignored_places;
mod kind;
mod names;
mod pages;
mod plan;
mod prepared;
mod repeats;
mod service_paths;
mod told_names;
pub mod translate;
mod united;
mod write;

#[cfg(test)]
mod as_it_is_tests;
#[cfg(test)]
mod repeats_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue};
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};

pub use self::kind::{NgsiV2Kind, NgsiV2Source, parse_fiware_service, parse_fiware_servicepath};
pub use self::names::{view_name, view_type};
pub use self::repeats::IdsRepeat;

use self::database::Database;
use self::finding_out::FindingOut;
use self::ignored_places::IgnoredPlaces;
use self::names::RawNames;
use self::pages::Source;
use self::plan::{Known, NamedType, Plan};
use self::prepared::PreparedNgsiV2;
use self::repeats::Repeats;
use self::told_names::ToldNames;
use self::translate::{IdleTables, ObjectTypes, ProvidedType};
use self::write::Writing;
use kakehashi_client::{Credential, HttpClient, SourceClient, SourceClientError, SourceLimits};
use kakehashi_contract::{
    Adapter, AdapterError, Call, EntityWriter, PreparedQuery, SourceId, SourceQuery, SourceStatus,
};

/// The service path of every entity of a service: what Orion reads when none is named.
pub const EVERY_SERVICE_PATH: &str = "/#";

/// Which paths of a service a request is about.
const SERVICE_PATHS: HeaderName = HeaderName::from_static("fiware-servicepath");

/// Orion answers more with an error.
const MAX_SERVICE_PATHS: usize = 10;

/// Longest name of a service in Orion.
const MAX_SERVICE: usize = 50;

/// One source that speaks NGSI-v2.
#[derive(Debug, Clone)]
pub struct NgsiV2Settings {
    /// Its name in the configuration.
    pub source: SourceId,
    /// Its address, without `/v2`.
    pub endpoint: String,
    /// `Fiware-Service`; `None`: the default service.
    pub fiware_service: Option<String>,
    /// `Fiware-ServicePath`, by default [`EVERY_SERVICE_PATH`].
    pub fiware_servicepath: String,
    /// The types that it holds. It is never asked for others.
    pub types: Vec<ProvidedType>,
    /// What its attributes' names stand for.
    pub context: Arc<Context>,
    /// Whether several of its entities may have one id in the view: the same id in several service paths or of several types.
    pub ids_repeat: IdsRepeat,
    /// Attributes, and the types of what their Relationships lead to, by their names in the source.
    pub object_types: Vec<(Box<str>, Box<str>)>,
    /// Whether the service path of an entity is its scope in the view. The root is none.
    pub scope_from_servicepath: bool,
}

/// Why settings cannot work.
#[derive(Debug, thiserror::Error)]
pub enum InvalidNgsiV2Settings {
    /// Address or credential.
    #[error(transparent)]
    Client(#[from] SourceClientError),
    /// Orion's rule for `Fiware-Service`.
    #[error("fiware_service: expected 1 to {MAX_SERVICE} of a-z, 0-9 and _")]
    Service,
    /// Orion's rule for `Fiware-ServicePath`.
    #[error("fiware_servicepath: expected 1 to {MAX_SERVICE_PATHS} paths like /a/b or /a/#, separated by commas")]
    ServicePath,
    /// The name of a type cannot be one of the source's.
    #[error("type {0:?}: not a name that NGSI-v2 allows")]
    Type(Box<str>),
}

/// An [`Adapter`] for one source that speaks NGSI-v2.
#[derive(Debug)]
pub struct NgsiV2Adapter(Arc<Platform>);

/// What all questions to one source share.
#[derive(Debug)]
struct Platform {
    settings: NgsiV2Settings,
    /// The types of the settings.
    types: Box<[NamedType]>,
    source: Source,
    raw_names: RawNames,
    object_types: Arc<ObjectTypes>,
    tables: Arc<IdleTables>,
    repeats: Repeats,
    ignored_places: Arc<IgnoredPlaces>,
    told_names: ToldNames,
    writing: Writing,
}

impl Platform {
    /// What the source is asked for a query. `is_united`: all entities of an id are needed, whatever each is like.
    fn plan(&self, query: &SourceQuery, is_united: bool) -> Plan {
        Plan::of(
            query,
            is_united,
            &self.settings,
            &Known {
                types: &self.types,
                raw_names: &self.raw_names,
                object_types: &self.object_types,
                tables: &self.tables,
                ignored_places: &self.ignored_places,
            },
        )
    }

    /// Whether several entities of these types may have one id, as far as the settings tell. An entity of Orion is told apart by
    /// its id, its type and its service path.
    fn may_repeat(&self, types: &[TypeName]) -> bool {
        let is_one_path = || !self.settings.fiware_servicepath.contains(['#', ',']);
        match self.settings.ids_repeat {
            IdsRepeat::No => false,
            IdsRepeat::Yes => true,
            IdsRepeat::FindOut => types.len() > 1 || !is_one_path(),
        }
    }
}

impl NgsiV2Adapter {
    /// An adapter for one source.
    ///
    /// # Errors
    /// [`InvalidNgsiV2Settings`] names the setting that cannot work.
    pub fn new(
        http: HttpClient,
        settings: NgsiV2Settings,
        credential: Option<Credential>,
        limits: SourceLimits,
    ) -> Result<Self, InvalidNgsiV2Settings> {
        let headers = headers(&settings)?;
        if let Some(wrong) = settings.types.iter().find(|provided| !is_type_name(&provided.short)) {
            return Err(InvalidNgsiV2Settings::Type(wrong.short.clone()));
        }
        let types: Box<[NamedType]> = settings.types.iter().map(NamedType::of).collect();
        let mut client = SourceClient::new(http, settings.source.clone(), &settings.endpoint, credential, limits)?;
        if let Some(first) = types.first() {
            client = client.probing(&first.one_entity(), &headers);
        }
        let database = Arc::new(Database::of(&types));
        let object_types = Arc::new(ObjectTypes::new(&settings.types, &settings.object_types));
        Ok(Self(Arc::new(Platform {
            types,
            writing: Writing::of(&settings, &object_types),
            object_types,
            settings,
            source: Source::new(client, headers, database),
            raw_names: RawNames::default(),
            tables: Arc::default(),
            repeats: Repeats::default(),
            ignored_places: Arc::default(),
            told_names: ToldNames::default(),
        })))
    }

    /// How the source is doing, for metrics.
    #[must_use]
    pub fn status(&self) -> SourceStatus {
        self.0.source.status()
    }
}

#[async_trait]
impl Adapter for NgsiV2Adapter {
    fn source(&self) -> &SourceId {
        &self.0.settings.source
    }

    fn status(&self) -> Option<SourceStatus> {
        Some(self.0.source.status())
    }

    async fn has_entities_of_several_types(&self, among: &[TypeName], call: &Call) -> Result<bool, AdapterError> {
        if among.len() < 2 {
            return Ok(false);
        }
        match self.0.settings.ids_repeat {
            IdsRepeat::No => Ok(false),
            IdsRepeat::Yes => Ok(true),
            IdsRepeat::FindOut => {
                let known = self.0.repeats.of(among, false);
                let finding_out = FindingOut::new(&self.0, &SourceQuery::of_types(among.to_vec()), Arc::clone(&known));
                finding_out.found(call).await;
                // As long as it could not be found out, some may.
                Ok(known.across_types().unwrap_or(true))
            }
        }
    }

    async fn told_attributes(&self, of: &TypeName, call: &Call) -> Result<Option<Vec<AttributeName>>, AdapterError> {
        let Platform {
            types,
            settings,
            source,
            told_names,
            ..
        } = &*self.0;
        let Some(named) = types.iter().find(|named| named.name() == of) else {
            return Ok(None);
        };
        let told = told_names.of(named, &settings.context, source, call).await?;
        Ok(told.map(|names| names.to_vec()))
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        Some(self)
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(PreparedNgsiV2::of(&self.0, query))
    }
}

/// The headers of every request: what the configuration says, nothing of a consumer's.
fn headers(settings: &NgsiV2Settings) -> Result<Arc<[(HeaderName, HeaderValue)]>, InvalidNgsiV2Settings> {
    let mut headers = vec![(ACCEPT, HeaderValue::from_static("application/json"))];
    if let Some(service) = &settings.fiware_service {
        let is_name = (1..=MAX_SERVICE).contains(&service.len())
            && service
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let value = HeaderValue::from_str(service).ok().filter(|_| is_name);
        headers.push((
            HeaderName::from_static("fiware-service"),
            value.ok_or(InvalidNgsiV2Settings::Service)?,
        ));
    }
    let paths: Vec<&str> = settings.fiware_servicepath.split(',').map(str::trim).collect();
    let are_paths = paths.len() <= MAX_SERVICE_PATHS && paths.iter().all(|path| is_service_path(path));
    let value = HeaderValue::from_str(&paths.join(",")).ok().filter(|_| are_paths);
    headers.push((SERVICE_PATHS, value.ok_or(InvalidNgsiV2Settings::ServicePath)?));
    Ok(headers.into())
}

fn is_service_path(path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else {
        return false;
    };
    let path = path.strip_suffix('#').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_step =
        |step: &str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    path.is_empty() || path.split('/').all(is_step)
}

/// Whether entities of NGSI-v2 can have a type of that name: its identifiers, without the comma that parts types in a question.
fn is_type_name(name: &str) -> bool {
    names::is_identifier(name) && !name.contains(',')
}
