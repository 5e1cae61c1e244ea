//! The entities of one page of an answer: at hand, or arriving from the one source that decides everything itself.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use kakehashi_adapters::{AdapterError, EntityStream, Page};
use ngsi_ld::Entity;

use super::Question;
use super::gather::{self, Request, visible_part};
use super::plan::SubQuery;

/// The entities of one page, in an order that is the same for every page. What is not shown of them is left out.
#[derive(Debug)]
pub struct Entities {
    question: Arc<Question>,
    from: From,
}

#[derive(Debug)]
enum From {
    Hand {
        entities: std::vec::IntoIter<Entity>,
        more: bool,
    },
    Source(Box<Arriving>),
}

impl Entities {
    /// Entities that are at hand. `more`: whether others follow after this page.
    pub(crate) fn at_hand(question: &Arc<Question>, entities: Vec<Entity>, more: bool) -> Self {
        Self {
            question: Arc::clone(question),
            from: From::Hand {
                entities: entities.into_iter(),
                more,
            },
        }
    }

    /// Entities that a source is asked for.
    pub(super) fn arriving(question: &Arc<Question>, arriving: Arriving) -> Self {
        Self {
            question: Arc::clone(question),
            from: From::Source(Box::new(arriving)),
        }
    }

    /// The next one; `None` after the last of the page.
    ///
    /// # Errors
    /// The source's. A part of its answer would look like all of it: what was taken before is no answer.
    pub async fn next(&mut self) -> Result<Option<Entity>, AdapterError> {
        let next = match &mut self.from {
            From::Hand { entities, .. } => entities.next(),
            From::Source(arriving) => arriving.next().await?,
        };
        Ok(next.map(|mut entity| {
            self.question.reduce(&mut entity);
            entity
        }))
    }

    /// Whether others follow after this page. Before its last entity was taken the source is asked for its count; where
    /// it does not tell, others may follow.
    pub async fn more(&mut self) -> bool {
        match &mut self.from {
            From::Hand { more, .. } => *more,
            From::Source(arriving) => arriving.more().await,
        }
    }

    /// Whether entities may still arrive, so that they need not all be held at once.
    #[must_use]
    pub fn arrive(&self) -> bool {
        matches!(&self.from, From::Source(arriving) if arriving.outcome.is_none())
    }
}

/// What a source is asked for a page: one more than the page tells whether a next page exists.
pub(crate) fn wanted_page(page: Page) -> Page {
    Page {
        limit: page.limit.saturating_add(1),
        ..page
    }
}

/// A page as its source yields it.
pub(super) struct Arriving {
    /// The question as the source is asked it, without a page.
    sub_query: Arc<SubQuery>,
    request: Request,
    page: Page,
    stream: EntityStream,
    began: Instant,
    /// What was taken from the source and not from here.
    ahead: Option<Entity>,
    /// Entities of the page that the source has yielded.
    yielded: usize,
    /// How it ended; with whether others follow.
    outcome: Option<Result<bool, AdapterError>>,
}

impl std::fmt::Debug for Arriving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arriving")
            .field("sub_query", &self.sub_query)
            .field("page", &self.page)
            .field("yielded", &self.yielded)
            .finish_non_exhaustive()
    }
}

impl Arriving {
    /// Asks the source of a sub-query for a page. Asking begins with the first entity that is taken.
    pub(super) fn new(sub_query: Arc<SubQuery>, page: Page, request: &Request) -> Self {
        let paged = sub_query.paged(wanted_page(page));
        Self {
            stream: paged.source.adapter.query(&paged.query, &request.call),
            sub_query,
            request: request.clone(),
            page,
            began: Instant::now(),
            ahead: None,
            yielded: 0,
            outcome: None,
        }
    }

    /// Takes the first entity from the source, to be handed out later.
    pub(super) async fn begin(&mut self) {
        self.ahead = self.pull().await;
    }

    async fn next(&mut self) -> Result<Option<Entity>, AdapterError> {
        if let Some(entity) = self.ahead.take() {
            return Ok(Some(entity));
        }
        if let Some(entity) = self.pull().await {
            return Ok(Some(entity));
        }
        match &self.outcome {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(None),
        }
    }

    /// The next entity that the consumer may see. `None`: it has ended, as the outcome tells.
    async fn pull(&mut self) -> Option<Entity> {
        while self.outcome.is_none() {
            let deadline = tokio::time::Instant::from_std(self.request.call.deadline);
            let next = tokio::time::timeout_at(deadline, self.stream.next()).await;
            let outcome = match next {
                Ok(Some(Ok(entity))) => {
                    let Some(visible) = visible_part(&self.sub_query, entity) else {
                        continue;
                    };
                    if self.yielded < self.page.limit {
                        self.yielded += 1;
                        return Some(visible);
                    }
                    Ok(true)
                }
                Ok(Some(Err(error))) => Err(error),
                Ok(None) => Ok(false),
                Err(_) => Err(gather::deadline_passed(&self.sub_query)),
            };
            gather::record(&self.sub_query, &self.request, self.began, outcome.as_ref().err());
            self.outcome = Some(outcome);
        }
        None
    }

    async fn more(&mut self) -> bool {
        match &self.outcome {
            Some(Ok(more)) => *more,
            Some(Err(_)) => false,
            None => match gather::count(&self.sub_query, &self.sub_query.query, &self.request).await {
                Ok(total) => (self.page.offset.saturating_add(self.page.limit) as u64) < total,
                Err(_) => true,
            },
        }
    }
}
