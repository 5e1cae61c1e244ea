//! One question to one platform, prepared: what it decides, and the walks through its records.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use kakehashi_resources::Held;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::pages::{path_at, window};
use super::source::{ACCEPTED, Answer, Asked, PreparedType, Source, TypeReading};
use super::walk::{self, Message, Part};
use kakehashi_contract::{
    AdapterError, AskedRequest, AttributeSelection, Call, Counted, Coverage, EntityStream, ErrorKind, Page,
    PlaceStream, PreparedQuery, PushDown, SourceQuery, Yielded,
};

/// One platform, and what it is asked.
#[derive(Debug)]
pub(super) struct PreparedRest {
    source: Arc<Source>,
    asked: Arc<Asked>,
}

impl PreparedRest {
    pub(super) fn of(source: &Arc<Source>, query: &SourceQuery) -> Self {
        let types = source.types(query);
        Self {
            source: Arc::clone(source),
            asked: Arc::new(Asked {
                query: query.clone(),
                push_down: push_down(query, &types),
                types,
            }),
        }
    }

    /// Whether a part of the platform's list can be asked for.
    fn has_windows(&self, prepared: &Arc<PreparedType>) -> bool {
        let reading = TypeReading::new(&self.source, prepared);
        let mapping = reading.mapping().filter(|_| !reading.is_irregular());
        mapping.is_some_and(|mapping| window(mapping, 0, mapping.paging.size).is_some())
    }

    fn walk(&self, asked: Arc<Asked>, part: Part, call: &Call) -> EntityStream {
        let (source, call) = (Arc::clone(&self.source), call.clone());
        let start = async move { Walk::start(source, asked, part, call) };
        Box::pin(stream::once(start).flatten())
    }
}

/// A platform decides nothing but the type. What can be decided by looking at ids and names alone is decided by the
/// adapter; conditions on values and places are left to the gateway, narrowed by the parameters that the mapping declares.
fn push_down(query: &SourceQuery, types: &[Arc<PreparedType>]) -> PushDown {
    let of_condition = |is_asked: bool, narrows: bool| match (is_asked, narrows) {
        (false, _) => Coverage::Exact,
        (true, true) => Coverage::Narrows,
        (true, false) => Coverage::None,
    };
    let by_value = types.iter().any(|prepared| prepared.parameters.by_value);
    let by_place = types.iter().any(|prepared| prepared.parameters.by_place);
    PushDown {
        selection: Coverage::Exact,
        id_pattern: Coverage::Exact,
        any_attribute: Coverage::Exact,
        filter: of_condition(query.filter.is_some(), by_value),
        geo: of_condition(query.geo.is_some(), by_place),
        scope: of_condition(query.scope.is_some(), false),
    }
}

/// The number of a type's records, if the platform declares it and its first page bears it out.
async fn declared_count(reading: &Arc<TypeReading>, call: &Call) -> Result<Option<u64>, AdapterError> {
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

#[async_trait]
impl PreparedQuery for PreparedRest {
    fn push_down(&self) -> PushDown {
        self.asked.push_down
    }

    fn asked(&self, page: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        let paths = walk::asked_paths(&self.source, &self.asked, page).into_iter();
        paths.map(|path| self.source.client.asked(&path, &[ACCEPTED])).collect()
    }

    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        self.query(None, call).next().await.transpose()
    }

    fn query(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let part = Part {
            page: walk::sent_page(&self.asked, page),
            has_whole_pages: false,
        };
        self.walk(Arc::clone(&self.asked), part, call)
    }

    fn candidates(&self, page: Page, call: &Call) -> Option<PlaceStream> {
        // A platform whose pages cannot be asked for one by one is read from its beginning, once.
        let has_places = walk::is_everything(&self.asked) && self.asked.types.iter().all(|one| self.has_windows(one));
        let part = Part {
            page: Some(page),
            has_whole_pages: true,
        };
        has_places.then(|| self.walk(Arc::clone(&self.asked), part, call).map_ok(Some).boxed())
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        let query = &self.asked.query;
        // Only ids and what conditions look at need to be read.
        let attributes = AttributeSelection::only(query.any_attribute.iter().cloned());
        let mut counted = Counted::default();
        for prepared in &self.asked.types {
            let Some(of_type) = prepared.with_attributes(&self.source, query, &attributes) else {
                continue;
            };
            let of_type = Arc::new(of_type);
            if walk::is_everything(&self.asked)
                && let Some(declared) = declared_count(&TypeReading::new(&self.source, &of_type), call).await?
            {
                counted.add_all(&Counted::entities(declared));
                continue;
            }
            let asked = Arc::new(Asked {
                query: query.clone(),
                types: vec![of_type],
                push_down: self.asked.push_down,
            });
            let all = Part {
                page: None,
                has_whole_pages: false,
            };
            let mut yielded = self.walk(asked, all, call);
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
    fn start(source: Arc<Source>, asked: Arc<Asked>, part: Part, call: Call) -> Self {
        // One batch waits while the next is read.
        let (sender, messages) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(walk::answer(Arc::clone(&source), asked, part, call, sender));
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
