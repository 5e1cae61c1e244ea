//! The entities of one page of an answer: at hand, or arriving from the one source that decides everything itself.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::ReadyChunks;
use kakehashi_adapters::{AdapterError, Counted, EntityStream, ErrorKind, LeftOut, Page, Yielded};
use kakehashi_resources::{Held, pause};
use ngsi_ld::Entity;

use super::gather::{self, Request, WaitedFor};
use super::looking::{Arrived, TOGETHER, visible_part};
use super::pages::place::Place;
use super::plan::SubQuery;
use super::{Question, Warning, warning};

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
        /// What is counted of them for the request.
        _held: Option<Held>,
    },
    Source(Box<Arriving>),
}

impl Entities {
    /// Entities that are at hand. `more`: whether others follow after this page. `held`: what is counted of them for the
    /// request.
    pub fn at_hand(question: &Arc<Question>, entities: Vec<Entity>, more: bool, held: Option<Held>) -> Self {
        Self {
            question: Arc::clone(question),
            from: From::Hand {
                entities: entities.into_iter(),
                more,
                _held: held,
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

    /// The next ones, as many as have arrived and are handled together, of which what is not shown is to be left out
    /// ([`Question::reduce`]); none after the last of the page.
    ///
    /// # Errors
    /// The source's. A part of its answer would look like all of it: what was taken before is no answer.
    pub async fn next(&mut self) -> Result<Vec<Entity>, AdapterError> {
        match &mut self.from {
            From::Hand { entities, .. } => Ok(entities.take(TOGETHER).collect()),
            From::Source(arriving) => arriving.next().await,
        }
    }

    /// How many there are, where they are at hand.
    #[must_use]
    pub fn at_hand_count(&self) -> Option<usize> {
        match &self.from {
            From::Hand { entities, .. } => Some(entities.len()),
            From::Source(_) => None,
        }
    }

    /// Those that are at hand; none of those that arrive.
    pub(super) fn into_at_hand(self) -> Vec<Entity> {
        match self.from {
            From::Hand { entities, .. } => entities.collect(),
            From::Source(_) => Vec::new(),
        }
    }

    /// The question that they answer.
    #[must_use]
    pub fn question(&self) -> &Arc<Question> {
        &self.question
    }

    /// Whether others follow after this page. Before its last entity was taken the source is asked for its count; where
    /// it does not tell, others may follow.
    pub async fn more(&mut self) -> bool {
        match &mut self.from {
            From::Hand { more, .. } => *more,
            From::Source(arriving) => arriving.more().await,
        }
    }

    /// Whether entities may still arrive, so that they need not all be held at once. Where the source has lately had some
    /// that were left out, they must: what is left out is told before the first is sent.
    #[must_use]
    pub fn arrive(&self) -> bool {
        matches!(&self.from, From::Source(arriving) if arriving.outcome.is_none() && !arriving.is_flawed())
    }

    /// The entities that follow are sent as they arrive. Nothing can be told of them any more: an entity that would have
    /// to be left out, and told, is an error from here on.
    pub fn begin_sending(&mut self) {
        if let From::Source(arriving) = &mut self.from {
            arriving.is_sent = true;
        }
    }

    /// How many entities match in all, and what is to be told of those that were left out, as far as the entities have
    /// been taken. `count`: what was counted, if that was asked for.
    pub async fn settle(&mut self, count: Option<u64>) -> (Option<u64>, Vec<Warning>) {
        match &mut self.from {
            From::Hand { .. } => (count, Vec::new()),
            From::Source(arriving) => arriving.settle().await,
        }
    }
}

/// One page of an answer.
#[derive(Debug)]
pub struct EntityPage {
    /// The entities of the page.
    pub entities: Entities,
    /// How many match in all, if that was asked for.
    pub count: Option<u64>,
    /// The sources whose part is missing.
    pub warnings: Vec<Warning>,
    /// Where the next page begins, where that is known better than by its offset.
    pub next: Option<Place>,
}

impl EntityPage {
    /// That of a source that has failed: nothing, and a warning.
    pub(super) fn failed(question: &Arc<Question>, count: bool, error: &AdapterError) -> Self {
        Self {
            entities: Entities::at_hand(question, Vec::new(), false, None),
            count: count.then_some(0),
            warnings: warning::of_errors([error]),
            next: None,
        }
    }
}

/// What becomes of a total that a source has given.
enum Judged {
    Believed,
    /// There are so many.
    Known(u64),
    ToBeLookedAt,
}

/// What a source is asked for a page: one more than the page tells whether a next page exists.
pub fn wanted_page(page: Page) -> Page {
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
    stream: ReadyChunks<EntityStream>,
    waited_for: WaitedFor,
    /// How many match in all, if that was asked for and could be told.
    counted: Option<Counted>,
    /// What was taken from the source and not from here.
    ahead: Vec<Entity>,
    /// Places of the page that the source has filled, with what is shown and what is not. What it would have filled the
    /// next one with is the first of the next page.
    places: usize,
    /// What is wrong with entities of the page.
    left_out: LeftOut,
    /// Whether the page is being sent.
    is_sent: bool,
    /// How it ended; with whether others follow.
    outcome: Option<Outcome>,
}

impl std::fmt::Debug for Arriving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arriving")
            .field("sub_query", &self.sub_query)
            .field("page", &self.page)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

/// How a page has ended; with whether others follow.
type Outcome = Result<bool, AdapterError>;

/// What was looked at.
struct Looked {
    shown: Vec<Entity>,
    /// Places of the page that were filled, with what is shown and what is not.
    places: usize,
    left_out: LeftOut,
    /// What it has ended with.
    error: Option<AdapterError>,
}

/// Looks at what has arrived, up to the first error.
async fn looked(sub_query: Arc<SubQuery>, arrived: Arrived) -> Looked {
    let mut looked = Looked {
        shown: Vec::with_capacity(arrived.len()),
        places: 0,
        left_out: LeftOut::default(),
        error: None,
    };
    for yielded in arrived {
        match yielded {
            Ok(Yielded::Entity(entity)) => match visible_part(&sub_query, entity) {
                Some(Yielded::Entity(visible)) => looked.shown.push(visible),
                Some(Yielded::LeftOut(flaw)) => looked.left_out.add(flaw),
                None => {}
            },
            Ok(Yielded::LeftOut(flaw)) => looked.left_out.add(flaw),
            Err(error) => {
                looked.error = Some(error);
                break;
            }
        }
        looked.places += 1;
        pause().await;
    }
    looked
}

impl Arriving {
    /// Asks the source of a sub-query for a page. Asking begins with the first entity that is taken.
    pub(super) fn new(sub_query: Arc<SubQuery>, page: Page, request: &Request) -> Self {
        let stream = sub_query.prepared().query(Some(wanted_page(page)), &request.call);
        let waited_for = WaitedFor::begin(&sub_query, request);
        Self {
            stream: stream.ready_chunks(TOGETHER),
            sub_query,
            request: request.clone(),
            page,
            waited_for,
            counted: None,
            ahead: Vec::new(),
            places: 0,
            left_out: LeftOut::default(),
            is_sent: false,
            outcome: None,
        }
    }

    /// Takes the first entities from the source, to be handed out later.
    pub(super) async fn begin(&mut self) {
        self.ahead = self.pull().await;
    }

    /// Why it has ended, if it has failed.
    pub(super) fn error(&self) -> Option<&AdapterError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    /// So many match in all.
    pub(super) fn set_counted(&mut self, counted: Counted) {
        self.counted = Some(counted);
    }

    fn is_flawed(&self) -> bool {
        self.sub_query.source.flawed.includes_any(&self.sub_query.query.types)
    }

    /// What the page itself says of a total that the source has given: how many there are, if it is the last one, or that
    /// they must be counted by looking, because the total counts what is left out or cannot be true.
    fn judge(&self, counted: Counted) -> Judged {
        let until = self.page.offset.saturating_add(self.places) as u64;
        let is_last = match &self.outcome {
            _ if !counted.left_out.is_empty() => return Judged::Believed,
            _ if !self.left_out.is_empty() => return Judged::ToBeLookedAt,
            Some(Err(_)) => return Judged::Believed,
            Some(Ok(more)) => !more,
            None => false,
        };
        let is_within = self.places > 0 || self.page.offset == 0;
        let is_more = matches!(self.outcome, Some(Ok(true)));
        let least = until.saturating_add(u64::from(is_more));
        match counted.places() {
            total if is_last && is_within && total != until => Judged::Known(until),
            total if is_last && !is_within && total > until => Judged::ToBeLookedAt,
            total if !is_last && total < least => Judged::ToBeLookedAt,
            _ => Judged::Believed,
        }
    }

    async fn settle(&mut self) -> (Option<u64>, Vec<Warning>) {
        let mut warnings = Vec::new();
        let judged = self.counted.map(|counted| self.judge(counted));
        if let Some(Judged::Known(total)) = judged {
            self.counted = Some(Counted::entities(total));
        }
        if let Some(Judged::ToBeLookedAt) = judged {
            self.counted = match gather::count_shown(&self.sub_query, &self.request).await {
                Ok(counted) => Some(counted),
                Err(error) => {
                    warnings.push(Warning::from(&error));
                    None
                }
            };
        }
        // What was found wrong in counting holds what is wrong on the page.
        let in_all = self.counted.map(|counted| counted.left_out);
        let left_out = in_all.filter(|all| all.total() > self.left_out.total());
        let left_out = left_out.unwrap_or(self.left_out);
        warnings.extend(gather::warning_of_left_out(&self.sub_query, &self.request, &left_out).await);
        (self.counted.map(|counted| counted.entities), warnings)
    }

    async fn next(&mut self) -> Result<Vec<Entity>, AdapterError> {
        let mut next = std::mem::take(&mut self.ahead);
        if next.is_empty() {
            next = self.pull().await;
        }
        match &self.outcome {
            Some(Err(error)) if next.is_empty() => Err(error.clone()),
            _ => Ok(next),
        }
    }

    /// The next entities that the consumer may see. None: it has ended, as the outcome tells.
    async fn pull(&mut self) -> Vec<Entity> {
        while self.outcome.is_none() {
            let deadline = tokio::time::Instant::from_std(self.request.call.deadline);
            let outcome = match tokio::time::timeout_at(deadline, self.stream.next()).await {
                Ok(Some(arrived)) => match self.look_at(arrived).await {
                    Ok((shown, outcome)) => {
                        if let Some(outcome) = outcome {
                            self.end(outcome);
                        }
                        if !shown.is_empty() {
                            return shown;
                        }
                        continue;
                    }
                    Err(error) => Err(error),
                },
                Ok(None) => Ok(false),
                Err(_) => Err(gather::deadline_passed(&self.sub_query)),
            };
            self.end(outcome);
        }
        Vec::new()
    }

    fn end(&mut self, outcome: Result<bool, AdapterError>) {
        self.waited_for.ended(outcome.as_ref().err());
        self.outcome = Some(outcome);
    }

    /// What the consumer may see of what has arrived and belongs to the page, and how that ends it.
    async fn look_at(&mut self, mut arrived: Arrived) -> Result<(Vec<Entity>, Option<Outcome>), AdapterError> {
        let room = self.page.limit.saturating_sub(self.places);
        // Whatever comes in the next place is of the next page; an error is not.
        let is_beyond = arrived.get(room).is_some_and(Result::is_ok);
        arrived.truncate(if is_beyond { room } else { room.saturating_add(1) });
        let resources = &self.request.call.resources;
        let looked = looked(Arc::clone(&self.sub_query), arrived);
        let looked = resources
            .compute_over_held(looked)
            .await
            .map_err(|exhausted| AdapterError::exhausted(&self.sub_query.source.id, exhausted))?;
        self.places = self.places.saturating_add(looked.places);
        if !looked.left_out.is_empty() {
            self.left_out.add_all(&looked.left_out);
            gather::note_left_out(&self.sub_query, &self.request, &looked.left_out);
            let told = gather::told_of_left_out(&self.sub_query, &self.request, &looked.left_out).await;
            if self.is_sent && !told.is_empty() {
                let detail = "an entity had to be left out of an answer that had begun";
                return Err(AdapterError::new(
                    &self.sub_query.source.id,
                    ErrorKind::InvalidPayload,
                    detail,
                ));
            }
        }
        let outcome = looked.error.map(Err).or(is_beyond.then_some(Ok(true)));
        Ok((looked.shown, outcome))
    }

    async fn more(&mut self) -> bool {
        match &self.outcome {
            Some(Ok(more)) => *more,
            Some(Err(_)) => false,
            None => match gather::count_of_source(&self.sub_query, &self.request).await {
                // What is left out has its place in the source's pages.
                Ok(total) => (self.page.offset.saturating_add(self.page.limit) as u64) < total.places(),
                Err(_) => true,
            },
        }
    }
}
