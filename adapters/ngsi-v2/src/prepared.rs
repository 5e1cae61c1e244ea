//! One question to one source, prepared: the requests are written, and pages are put to them.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt, TryStreamExt};
use ngsi_ld::EntityId;

use super::pages::{Source, united};
use super::plan::Plan;
use kakehashi_contract::{
    AdapterError, AskedRequest, Call, Counted, EntityStream, ErrorKind, Page, PlaceStream, PreparedQuery, PushDown,
    Yielded,
};

/// What one source is asked, and how its answers are read.
#[derive(Debug)]
pub(super) struct PreparedNgsiV2 {
    /// The source, asked about the service paths of the plan only.
    pub(super) source: Source,
    pub(super) plan: Arc<Plan>,
    /// The ids that are meant; empty: any.
    pub(super) ids: Arc<[EntityId]>,
    /// Whether several entities of the source may be one in the view.
    pub(super) ids_repeat: bool,
}

impl PreparedNgsiV2 {
    /// Whether its answer is one list, in which a page can begin anywhere: several requests bring the same entity, or are one
    /// list after the other.
    fn is_one_list(&self) -> bool {
        self.plan.requests.len() <= 1 && !self.ids_repeat
    }

    /// The page that the source is asked for. One of candidates would be no page of the answer.
    fn sent_page(&self, page: Option<Page>) -> Option<Page> {
        page.filter(|_| self.plan.push_down.is_exact())
    }
}

#[async_trait]
impl PreparedQuery for PreparedNgsiV2 {
    fn push_down(&self) -> PushDown {
        self.plan.push_down
    }

    fn asked(&self, page: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        let page = page.filter(|_| self.is_one_list() || self.plan.push_down.is_exact());
        self.source.asked(&self.plan, page)
    }

    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        let found = match self.source.clone().whole(Arc::clone(&self.plan), call.clone()).await {
            Ok(found) => found,
            // Lists are never "not found" in Orion, but others may answer so.
            Err(error) if error.kind == ErrorKind::Status(404) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (found, _) = united(found);
        // Of several entities that are one in the view none stands for all of them.
        let left_out = found.iter().position(|one| matches!(one, Yielded::LeftOut(_)));
        let mut found = found.into_iter();
        if let Some(position) = left_out {
            return Ok(found.nth(position));
        }
        Ok(found.find(|one| is_meant(one, &self.ids)))
    }

    fn query(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let page = self.sent_page(page);
        let yielded = self.source.clone().walk(Arc::clone(&self.plan), page, call.clone());
        let yielded = if self.ids.is_empty() {
            yielded
        } else {
            let ids = Arc::clone(&self.ids);
            let meant = yielded.try_filter(move |one| std::future::ready(is_meant(one, &ids)));
            meant.boxed()
        };
        if !self.ids_repeat {
            return yielded;
        }
        let united = async move {
            let (yielded, _) = united(yielded.try_collect().await?);
            Ok(stream::iter(yielded.into_iter().map(Ok)))
        };
        stream::once(united).try_flatten().boxed()
    }

    fn candidates(&self, page: Page, call: &Call) -> Option<PlaceStream> {
        if !self.is_one_list() {
            return None;
        }
        let places = self.source.clone().places(Arc::clone(&self.plan), page, call.clone());
        if self.ids.is_empty() {
            return Some(places);
        }
        let ids = Arc::clone(&self.ids);
        let meant = places.map_ok(move |place| place.filter(|one| is_meant(one, &ids)));
        Some(meant.boxed())
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        let total = match self.plan.requests.as_slice() {
            [] => Some(0),
            [request] if self.plan.push_down.is_exact() => self.source.total(request, call).await?,
            _ => None,
        };
        match total {
            Some(total) => Ok(Counted::entities(total)),
            // The source does not say, or would count what is not meant.
            None => {
                let add = |mut counted: Counted, one: Yielded| {
                    counted.add(&one);
                    std::future::ready(Ok(counted))
                };
                self.query(None, call).try_fold(Counted::default(), add).await
            }
        }
    }
}

/// Whether it is, or may be, an entity of one of these ids.
fn is_meant(yielded: &Yielded, ids: &[EntityId]) -> bool {
    match yielded {
        Yielded::Entity(entity) => ids.contains(&entity.id),
        Yielded::LeftOut(_) => true,
    }
}
