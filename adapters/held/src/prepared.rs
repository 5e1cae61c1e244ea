//! One question, answered from memory as the source would answer it, or by the source itself.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use kakehashi_contract::{
    AdapterError, AskedRequest, Call, Counted, EntityStream, Foremost, Page, PreparedQuery, PushDown, SourceQuery,
    Yielded,
};
use kakehashi_index::{Asked, EXACT, Snapshot};
use ngsi_ld::query::Ordering;

use crate::freshness::Answers;
use crate::itself;
use crate::shared::Shared;

/// A question, and what is kept of its source.
#[derive(Debug, Clone)]
pub(crate) struct PreparedHeld {
    shared: Arc<Shared>,
    query: Arc<SourceQuery>,
    /// The same question, as the source takes it.
    itself: OnceLock<Arc<dyn PreparedQuery>>,
}

impl PreparedHeld {
    pub(crate) fn of(shared: &Arc<Shared>, query: &SourceQuery) -> Self {
        Self {
            shared: Arc::clone(shared),
            query: Arc::new(query.clone()),
            itself: OnceLock::new(),
        }
    }

    fn itself(&self) -> &Arc<dyn PreparedQuery> {
        self.itself.get_or_init(|| self.shared.itself.prepare(&self.query))
    }

    /// What was kept, or the question to the source.
    async fn answer(&self, page: Option<Page>, call: &Call) -> Result<EntityStream, AdapterError> {
        match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => {
                let mut want = |wanted| self.shared.want_to_find_by(wanted);
                Ok(self.asked_of(snapshot).stream(page, call, &mut want))
            }
            Answers::Source => Ok(itself::query(
                self.itself(),
                &self.query,
                self.shared.source(),
                page,
                call,
            )),
        }
    }

    async fn answer_in_order(&self, order: &Ordering, call: &Call) -> Result<EntityStream, AdapterError> {
        let source = self.shared.source();
        let snapshot = match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => snapshot,
            Answers::Source => return Ok(itself::ordered(self.itself(), &self.query, source, order, call)),
        };
        let mut want = |wanted| self.shared.want_to_find_by(wanted);
        Ok(self.asked_of(snapshot).ordered(order, call, &mut want))
    }

    fn asked_of(&self, snapshot: Arc<Snapshot>) -> Asked {
        Asked {
            snapshot,
            query: Arc::clone(&self.query),
            source: self.shared.source().clone(),
        }
    }
}

#[async_trait]
impl PreparedQuery for PreparedHeld {
    fn push_down(&self) -> PushDown {
        EXACT
    }

    /// What is asked so that something can be kept: the same whatever the question is.
    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        let mut asked = Vec::new();
        for question in self.shared.holding.questions() {
            asked.extend(self.shared.itself.prepare(&question).asked(None)?);
        }
        Ok(asked)
    }

    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError> {
        let snapshot = match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => snapshot,
            Answers::Source => return self.itself().retrieve(call).await,
        };
        Ok(self.asked_of(snapshot).retrieve())
    }

    fn query(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let (this, call) = (self.clone(), call.clone());
        let answer = async move { this.answer(page, &call).await };
        stream::once(answer).try_flatten().boxed()
    }

    fn ordered(&self, order: &Ordering, first: Foremost, call: &Call) -> Option<EntityStream> {
        if first.sure_below.is_some() {
            return None;
        }
        let (this, order, call) = (self.clone(), order.clone(), call.clone());
        let answer = async move { this.answer_in_order(&order, &call).await };
        Some(stream::once(answer).try_flatten().boxed())
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        let source = self.shared.source();
        match self.shared.what_answers(&self.query, call).await? {
            Answers::Memory(snapshot) => {
                let mut want = |wanted| self.shared.want_to_find_by(wanted);
                self.asked_of(snapshot).count(call, &mut want).await
            }
            Answers::Source => itself::count(self.itself(), &self.query, source, call).await,
        }
    }
}
