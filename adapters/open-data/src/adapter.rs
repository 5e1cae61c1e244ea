//! The contract: every question is answered from what was read, exactly.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, Call, Counted, Coverage, EntityStream, Foremost, Page, PreparedQuery,
    PushDown, SourceId, SourceQuery, SourceStatus, Yielded,
};
use kakehashi_index::{Asked, EXACT, looks_at_what_is_asked_for};
use ngsi_ld::query::Ordering;
use ngsi_ld::{AttributeName, TypeName};

use crate::shared::{Data, Shared};

/// An [`Adapter`] for files that are read at an interval.
#[derive(Debug)]
pub(crate) struct OpenDataAdapter(pub(crate) Arc<Shared>);

#[async_trait]
impl Adapter for OpenDataAdapter {
    fn source(&self) -> &SourceId {
        &self.0.source
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(Prepared::of(&self.0, query))
    }

    async fn has_entities_of_several_types(&self, _: &[TypeName], call: &Call) -> Result<bool, AdapterError> {
        Ok(self.0.what_answers(call).await?.snapshot.has_several_types())
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], call: &Call) -> Result<bool, AdapterError> {
        let data = self.0.what_answers(call).await?;
        Ok(names.iter().any(|name| data.relationships.contains(name)))
    }

    fn status(&self) -> Option<SourceStatus> {
        self.0.origin.status()
    }
}

/// One question.
#[derive(Debug, Clone)]
struct Prepared {
    shared: Arc<Shared>,
    /// With the conditions that are decided here.
    query: Arc<SourceQuery>,
    push_down: PushDown,
}

impl Prepared {
    fn of(shared: &Arc<Shared>, query: &SourceQuery) -> Self {
        let (mut query, mut push_down) = (query.clone(), EXACT);
        if !looks_at_what_is_asked_for(&query) {
            // What stands in the index beside what is asked for decides nothing.
            query.any_attribute = Default::default();
            (query.filter, query.geo) = (None, None);
            push_down = PushDown {
                any_attribute: Coverage::None,
                filter: Coverage::None,
                geo: Coverage::None,
                ..EXACT
            };
        }
        Self {
            shared: Arc::clone(shared),
            query: Arc::new(query),
            push_down,
        }
    }

    fn asked_of(&self, data: &Data) -> Asked {
        Asked {
            snapshot: Arc::clone(&data.snapshot),
            query: Arc::clone(&self.query),
            source: self.shared.source.clone(),
        }
    }

    async fn answer(&self, page: Option<Page>, call: &Call) -> Result<EntityStream, AdapterError> {
        let data = self.shared.what_answers(call).await?;
        // A page is cut only where everything is decided here, so that it is one of the answer.
        let page = page.filter(|_| self.push_down.is_exact());
        let mut want = |wanted| self.shared.want_to_find_by(wanted);
        Ok(self.asked_of(&data).stream(page, call, &mut want))
    }

    async fn answer_in_order(&self, order: &Ordering, call: &Call) -> Result<EntityStream, AdapterError> {
        let data = self.shared.what_answers(call).await?;
        let mut want = |wanted| self.shared.want_to_find_by(wanted);
        Ok(self.asked_of(&data).ordered(order, call, &mut want))
    }
}

#[async_trait]
impl PreparedQuery for Prepared {
    fn push_down(&self) -> PushDown {
        self.push_down
    }

    /// What is asked so that there is something to answer from: the same whatever the question is.
    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        self.shared.origin.asked(&self.shared.paths)
    }

    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        let data = self.shared.what_answers(call).await?;
        Ok(self.asked_of(&data).retrieve())
    }

    fn query(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let (this, call) = (self.clone(), call.clone());
        let answer = async move { this.answer(page, &call).await };
        stream::once(answer).try_flatten().boxed()
    }

    fn ordered(&self, order: &Ordering, first: Foremost, call: &Call) -> Option<EntityStream> {
        if first.sure_below.is_some() || !self.push_down.is_exact() {
            return None;
        }
        let (this, order, call) = (self.clone(), order.clone(), call.clone());
        let answer = async move { this.answer_in_order(&order, &call).await };
        Some(stream::once(answer).try_flatten().boxed())
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        let data = self.shared.what_answers(call).await?;
        let mut want = |wanted| self.shared.want_to_find_by(wanted);
        self.asked_of(&data).count(call, &mut want).await
    }
}
