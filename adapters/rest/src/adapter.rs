//! The adapter: a platform and its mapping behind the contract.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::{Stream, StreamExt, stream};
use kakehashi_resources::Held;
use ngsi_ld::query::{Expression, GeoQuery};
use ngsi_ld::{AttributeName, TypeName};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::filter::parameters;
use super::mapping::{Mapping, Rule};
use super::pages::{path_at, window};
use super::record::Finding;
use super::source::{ACCEPTED, Answer, Source, TypeReading};
use super::walk::{self, Message};
use kakehashi_client::{Credential, HttpClient, SourceClient, SourceClientError, SourceLimits};
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, AttributeSelection, Call, Counted, Coverage, EntityStream, ErrorKind,
    PushDown, SourceId, SourceQuery, SourceStatus, Yielded,
};

/// What makes a platform a source.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// Its name in the configuration.
    pub source: SourceId,
    /// Its address; the paths of the mapping are joined to it.
    pub endpoint: String,
    /// How its records become entities.
    pub mapping: Arc<Mapping>,
    /// How the gateway proves itself to it.
    pub credential: Option<Credential>,
    /// What protects it.
    pub limits: SourceLimits,
    /// The types that it provides. A type without a mapping is never asked for.
    pub types: Vec<TypeName>,
}

/// The adapter for custom platforms.
pub struct RestAdapter {
    source: Arc<Source>,
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
            credential,
            limits,
            types,
        } = settings;
        let base_path = endpoint
            .parse::<http::Uri>()
            .map_or_else(|_| "/".to_owned(), |uri| uri.path().to_owned());
        let client = SourceClient::new(http, source, &endpoint, credential, limits)?;
        Ok(Self {
            source: Arc::new(Source::new(client, base_path, mapping, types)),
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

    /// The number of a type's records, if the platform declares it and its first page bears it out.
    async fn declared_count(&self, reading: &Arc<TypeReading>, call: &Call) -> Result<Option<u64>, AdapterError> {
        let Some(mapping) = reading.mapping().filter(|_| !reading.has_irregular_total()) else {
            return Ok(None);
        };
        let size = mapping.paging.size;
        let (Some(_), Some(path)) = (window(mapping, 0, size), path_at(mapping, 0, 0, size)) else {
            return Ok(None);
        };
        let Some(page) = reading.fetch(&path, Answer::Many, call).await? else {
            return Ok(None);
        };
        Ok(page
            .envelope
            .total
            .filter(|total| page.is_complete() && walk::is_as_declared(&page, *total, 0, size)))
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

    /// A platform decides nothing but the type. What can be decided by looking at ids and names alone is
    /// decided by the adapter; conditions on values and places are left to the gateway, narrowed by the parameters
    /// that the mapping declares.
    fn push_down(&self, query: &SourceQuery) -> PushDown {
        let unless_asked = |is_asked: bool| if is_asked { Coverage::None } else { Coverage::Exact };
        let narrows = |filter: Option<&Expression>, geo: Option<&GeoQuery>| {
            let mappings = self.source.mapping.type_mappings();
            let mut asked = self
                .source
                .places(query)
                .into_iter()
                .filter_map(|place| mappings.get(place));
            asked.any(|mapping| !parameters(mapping, filter, geo).is_empty())
        };
        let by_value = query.filter.is_some() && narrows(query.filter.as_deref(), None);
        let by_place = query.geo.is_some() && narrows(None, query.geo.as_deref());
        PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
            any_attribute: Coverage::Exact,
            filter: if by_value {
                Coverage::Narrows
            } else {
                unless_asked(query.filter.is_some())
            },
            geo: if by_place {
                Coverage::Narrows
            } else {
                unless_asked(query.geo.is_some())
            },
            scope: unless_asked(query.scope.is_some()),
        }
    }

    fn asked(&self, query: &SourceQuery) -> Result<Vec<AskedRequest>, AdapterError> {
        let paths = walk::asked_paths(&self.source, query).into_iter();
        paths.map(|path| self.source.client.asked(&path, &[ACCEPTED])).collect()
    }

    async fn retrieve(&self, query: &SourceQuery, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        self.query(query, call).next().await.transpose()
    }

    fn query(&self, query: &SourceQuery, call: &Call) -> EntityStream {
        let (source, query, call) = (Arc::clone(&self.source), query.clone(), call.clone());
        let start = async move { Walk::start(source, query, call) };
        Box::pin(stream::once(start).flatten())
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

    async fn count(&self, query: &SourceQuery, call: &Call) -> Result<Counted, AdapterError> {
        let mut counted = Counted::default();
        for place in self.source.places(query) {
            let mut of_type = query.clone();
            of_type.page = None;
            // Only ids and what conditions look at need to be read.
            of_type.attributes = AttributeSelection::only(query.any_attribute.clone());
            let Some(reading) = TypeReading::new(&self.source, place, &of_type) else {
                continue;
            };
            if walk::is_unconditional(query)
                && let Some(declared) = self.declared_count(&reading, call).await?
            {
                counted.add_all(&Counted::entities(declared));
                continue;
            }
            of_type.types = reading
                .mapping()
                .map(|mapping| mapping.name.clone())
                .into_iter()
                .collect();
            let mut yielded = self.query(&of_type, call);
            while let Some(one) = yielded.next().await {
                counted.add(&one?);
            }
        }
        Ok(counted)
    }
}

/// The entities of one query, as a task of its own reads them. Dropping it ends the task.
struct Walk {
    source: Arc<Source>,
    messages: mpsc::Receiver<Message>,
    batch: std::vec::IntoIter<Yielded>,
    /// What is counted of the batch for the request.
    held: Vec<Held>,
    has_ended: bool,
    _task: JoinSet<()>,
}

impl Walk {
    fn start(source: Arc<Source>, query: SourceQuery, call: Call) -> Self {
        // One batch waits while the next is read.
        let (sender, messages) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(walk::answer(Arc::clone(&source), query, call, sender));
        Self {
            source,
            messages,
            batch: Vec::new().into_iter(),
            held: Vec::new(),
            has_ended: false,
            _task: task,
        }
    }
}

impl Stream for Walk {
    type Item = Result<Yielded, AdapterError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(yielded) = self.batch.next() {
                return Poll::Ready(Some(Ok(yielded)));
            }
            if self.has_ended {
                return Poll::Ready(None);
            }
            let error = match std::task::ready!(self.messages.poll_recv(context)) {
                Some(Message::Yielded(yielded, held)) => {
                    self.batch = yielded.into_iter();
                    self.held = held;
                    continue;
                }
                Some(Message::End) => {
                    self.has_ended = true;
                    continue;
                }
                Some(Message::Failed(error)) => error,
                // The task is gone without a last word: what came so far must not pass for the whole.
                None => self
                    .source
                    .client
                    .error(ErrorKind::Internal, "the reading of the pages was broken off"),
            };
            self.has_ended = true;
            return Poll::Ready(Some(Err(error)));
        }
    }
}
