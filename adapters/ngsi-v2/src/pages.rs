//! Walking over the pages of an answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::stream::{self, StreamExt, TryStreamExt};
use hashbrown::HashSet;
use http::{HeaderName, HeaderValue};
use kakehashi_resources::Held;
use ngsi_ld::EntityId;

use super::SERVICE_PATHS;
use super::database::Database;
use super::plan::Plan;
use super::repeats::{OfTypes, RepeatedIds};
use super::translate::{Noticed, TranslatedPage, TranslationError, translate_page};
use super::united::{id_of, united};
use kakehashi_client::{Response, SourceClient, Walked};
use kakehashi_contract::{
    AdapterError, AskedRequest, Call, EntityStream, ErrorKind, Flaw, Page, PlaceStream, Reshaped, SourceStatus, Yielded,
};

/// Orion refuses larger pages.
pub(super) const MAX_PAGE: usize = 1000;

/// Bodies beyond this are not translated on the thread of the connection that they are asked for: smaller ones take less
/// than half a millisecond.
const LARGE_BODY: usize = 128 * 1024;

/// What an id of an entity takes in a set of them, about.
const BYTES_OF_AN_ID: usize = 96;

/// The source, and the headers that every request to it carries.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) client: SourceClient,
    pub(super) headers: Arc<[(HeaderName, HeaderValue)]>,
    pub(super) database: Arc<Database>,
    /// What is known of the ids that several of its entities have, where that is found out.
    pub(super) watched: Option<Arc<OfTypes>>,
    /// Entities of these ids are no part of its list.
    pub(super) without: Option<Arc<RepeatedIds>>,
    /// Whether each of several entities that are one in the view is handed out by itself.
    pub(super) keeps_each: bool,
    /// Places that the view has in another form.
    pub(super) reshaped: Arc<Mutex<Reshaped>>,
}

impl Source {
    pub(super) fn new(
        client: SourceClient,
        headers: Arc<[(HeaderName, HeaderValue)]>,
        database: Arc<Database>,
    ) -> Self {
        Self {
            client,
            headers,
            database,
            reshaped: Arc::default(),
            watched: None,
            without: None,
            keeps_each: false,
        }
    }

    /// The source, with a list that entities of some ids are no part of.
    pub(super) fn without(&self, ids: &Arc<RepeatedIds>) -> Self {
        Self {
            without: Some(Arc::clone(ids)),
            ..self.clone()
        }
    }

    /// The source, asked about the service paths of a plan only.
    pub(super) fn within(&self, plan: &Plan) -> Self {
        let narrower = plan.service_paths.as_deref().map(HeaderValue::from_str);
        let Some(Ok(narrower)) = narrower else {
            return self.clone();
        };
        let headers = self.headers.iter().map(|(name, value)| {
            let value = if *name == SERVICE_PATHS { &narrower } else { value };
            (name.clone(), value.clone())
        });
        Self {
            headers: headers.collect(),
            ..self.clone()
        }
    }

    /// How the source is doing.
    pub(super) fn status(&self) -> SourceStatus {
        SourceStatus {
            reshaped: *self.reshaped.lock().unwrap_or_else(PoisonError::into_inner),
            ..self.client.status()
        }
    }

    /// The path and the parameters of one page. `counted`: the source is to say how many entities there are in all.
    fn page_path(request: &str, page: Page, counted: bool) -> String {
        let count = if counted { "&options=count" } else { "" };
        let (limit, offset) = (page.limit.to_string(), page.offset.to_string());
        [request, count, "&limit=", &limit, "&offset=", &offset].concat()
    }

    /// The first page of each request of a plan, as [`Source::walk`] would ask for it.
    pub(super) fn asked(&self, plan: &Plan, page: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        let offset = page.map_or(0, |page| page.offset);
        let wanted = page.map(|page| page.limit);
        let limit = page_limit(wanted);
        let requests = plan.requests.iter().filter(|_| limit > 0);
        requests
            .map(|request| {
                let path = Self::page_path(request, Page { limit, offset }, is_counted(wanted));
                self.client.asked(&path, &self.headers)
            })
            .collect()
    }

    /// One page, with how many entities there are in all, if that is to be `counted` and the source says it.
    async fn page(
        &self,
        plan: &Plan,
        request: &str,
        page: Page,
        counted: bool,
        walked: &Walked,
        call: &Call,
    ) -> Result<Translated, AdapterError> {
        let url = Self::page_path(request, page, counted);
        let response = self.client.get(&url, &self.headers, call).await?;
        self.check(&response)?;
        walked.count(response.body.len(), &self.client)?;
        let mut translated = self.translated(response, plan, call).await?;
        if translated.page.listed == 0 && page.offset == 0 && self.must_be_empty(plan, call).await? {
            // What came back meanwhile has an answer now.
            let response = self.client.get(&url, &self.headers, call).await?;
            self.check(&response)?;
            walked.count(response.body.len(), &self.client)?;
            translated = self.translated(response, plan, call).await?;
            if translated.page.listed == 0 && self.must_be_empty(plan, call).await? {
                self.were_deleted(plan);
            }
        }
        if translated.page.listed > 0 {
            self.database.has(&translated.page.yielded, Instant::now());
        }
        Ok(translated)
    }

    /// What an answer says. Its entities take about as much memory as their text.
    async fn translated(&self, mut response: Response, plan: &Plan, call: &Call) -> Result<Translated, AdapterError> {
        let exhausted = |exhausted| AdapterError::exhausted(self.client.source(), exhausted);
        let total = total_count(&response);
        let length = response.body.len();
        response.held.grow(length).map_err(exhausted)?;
        let page = if length <= LARGE_BODY {
            translate_page(&response.body, &plan.translation)
        } else {
            let (body, translation) = (response.body.clone(), Arc::clone(&plan.translation));
            let translating = async move { translate_page(&body, &translation) };
            call.resources.compute_elsewhere(translating).await.map_err(exhausted)?
        };
        let page = page.map_err(|error| self.refused(&response, error))?;
        self.client.understood(&response);
        let mut held = response.held;
        // Entities of a few characters take more than their text.
        let entities = page.yielded.len() * size_of::<Yielded>();
        held.become_of(length.max(entities)).map_err(exhausted)?;
        Ok(Translated { page, total, held })
    }

    /// What the source lists in one page, each of several entities that are one in the view by itself, and how many it has in all.
    pub(super) async fn listed(
        &self,
        plan: &Plan,
        request: &str,
        page: Page,
        walked: &Walked,
        call: &Call,
    ) -> Result<(TranslatedPage, Option<u64>), AdapterError> {
        let Translated { page, total, .. } = self.page(plan, request, page, true, walked, call).await?;
        Ok((page, total))
    }

    /// Everything that a plan brings, each of several entities that are one in the view by itself.
    pub(super) async fn each(&self, plan: &Plan, call: &Call) -> Result<(Vec<Yielded>, Held), AdapterError> {
        let exhausted = |exhausted| AdapterError::exhausted(self.client.source(), exhausted);
        let (walked, mut held) = (Walked::default(), call.resources.held());
        let mut each = Vec::new();
        for request in &plan.requests {
            let mut offset = 0;
            for _ in 0..MAX_PAGES {
                let part = Page {
                    limit: MAX_PAGE,
                    offset,
                };
                let Translated {
                    page, held: of_page, ..
                } = self.page(plan, request, part, false, &walked, call).await?;
                held.grow(of_page.bytes()).map_err(exhausted)?;
                offset += page.listed;
                each.extend(page.yielded);
                if page.listed < MAX_PAGE {
                    break;
                }
            }
        }
        Ok((each, held))
    }

    /// The source's own total.
    pub(super) async fn total(&self, plan: &Plan, request: &str, call: &Call) -> Result<Option<u64>, AdapterError> {
        // A limit of 0 is refused by older versions.
        let url = format!("{request}&options=count&limit=1");
        let mut response = self.one_of_all(&url, call).await;
        if let Ok(first) = &response
            && !is_list_of_something(&first.body)
            && self.must_be_empty(plan, call).await?
        {
            // What came back meanwhile has an answer now.
            response = self.one_of_all(&url, call).await;
            if let Ok(second) = &response
                && !is_list_of_something(&second.body)
                && self.must_be_empty(plan, call).await?
            {
                self.were_deleted(plan);
            }
        }
        match response {
            Ok(response) => Ok(total_count(&response)),
            // The one entity is too large: it is left out, and the others are counted by looking.
            Err(error) if error.kind == ErrorKind::TooLarge => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn one_of_all(&self, url: &str, call: &Call) -> Result<Response, AdapterError> {
        let response = self.client.get(url, &self.headers, call).await?;
        self.check(&response)?;
        if !response.body.trim_ascii_start().starts_with(b"[") {
            return Err(self.refused(&response, TranslationError::NotAList));
        }
        self.client.understood(&response);
        Ok(response)
    }

    pub(super) fn check(&self, response: &Response) -> Result<(), AdapterError> {
        if response.status.is_success() {
            return Ok(());
        }
        Err(self.client.refusal(response, "the request was refused"))
    }

    /// An answer that is no list. Orion sends some of its errors with status 200.
    fn refused(&self, response: &Response, error: TranslationError) -> AdapterError {
        if error == TranslationError::TooMany {
            return self.client.error(ErrorKind::TooMany, error.to_string());
        }
        let is_error =
            error == TranslationError::NotAList && response.body.trim_ascii_start().starts_with(b"{\"error\"");
        if is_error {
            return self
                .client
                .error(ErrorKind::Status(400), "the request was refused with status 200");
        }
        self.client.not_understood(response, error.to_string())
    }

    /// All entities of one part of the answer, page by page.
    pub(super) fn walk(self, plan: Arc<Plan>, page: Option<Page>, call: Call) -> EntityStream {
        let walk = Box::new(Walk::begin(self, plan, page, call));
        stream::try_unfold(walk, |mut walk| async move {
            let next = walk.next_page().await?;
            Ok(next.map(|next| (next.yielded, walk)))
        })
        .map_ok(|yielded| stream::iter(yielded.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
    }

    /// What stands in each place of a part of the source's list.
    pub(super) fn places(self, plan: Arc<Plan>, page: Page, call: Call) -> PlaceStream {
        let mut walk = Box::new(Walk::begin(self, plan, Some(page), call));
        walk.tells_places = true;
        stream::try_unfold(walk, |mut walk| async move {
            let next = walk.next_page().await?;
            Ok(next.map(|next| (next.in_places(), walk)))
        })
        .map_ok(|places| stream::iter(places.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
    }

    /// All entities at once: those of one id are few.
    pub(super) async fn whole(self, plan: Arc<Plan>, call: Call) -> Result<Vec<Yielded>, AdapterError> {
        let mut walk = Walk::begin(self, plan, None, call);
        let mut whole = Vec::new();
        while let Some(page) = walk.next_page().await? {
            if whole.is_empty() {
                whole = page.yielded;
            } else {
                whole.extend(page.yielded);
            }
        }
        Ok(whole)
    }
}

/// Whether the body is a list that is not empty, as far as its beginning tells.
pub(super) fn is_list_of_something(body: &[u8]) -> bool {
    let inside = body.trim_ascii_start().strip_prefix(b"[");
    inside.is_some_and(|inside| !matches!(inside.trim_ascii_start().first(), None | Some(b']')))
}

fn total_count(response: &Response) -> Option<u64> {
    let total = response.headers.get("fiware-total-count")?;
    total.to_str().ok()?.trim().parse().ok()
}

/// How many entities of a page are asked for, when so many are still wanted; `None`: all.
fn page_limit(remaining: Option<usize>) -> usize {
    remaining.map_or(MAX_PAGE, |remaining| remaining.min(MAX_PAGE))
}

/// Whether the source is to say how many there are in all, when so many are still wanted: where that is more than a page
/// can hold, the total tells whether there is another page, so that nobody asks for one that is empty.
fn is_counted(remaining: Option<usize>) -> bool {
    remaining.is_some_and(|remaining| remaining > MAX_PAGE)
}

/// A walk over the pages of several requests, one after the other.
struct Walk {
    source: Source,
    plan: Arc<Plan>,
    call: Call,
    /// The place in the plan of the request that is under way.
    request: usize,
    offset: usize,
    /// How many entities are still wanted; `None`: all.
    remaining: Option<usize>,
    /// The ids of earlier pages: a list that changes while it is walked shows an entity twice.
    seen: HashSet<EntityId>,
    repeated: usize,
    /// Metadata that were left out.
    unreadable_metadata: usize,
    /// Entities that a page may have for its answer not to be too large, as far as that is known.
    fitting: usize,
    /// Answers that were too large.
    too_large: usize,
    pages: usize,
    walked: Walked,
    /// What is counted for the request of the page that was handed out last.
    held: Held,
    /// What is counted of `seen`.
    held_ids: Held,
    /// Whether it tells what stands in each place.
    tells_places: bool,
}

/// One page of the view, as the source has sent it.
struct Translated {
    page: TranslatedPage,
    total: Option<u64>,
    /// What is counted of its entities for the request.
    held: Held,
}

/// What is new of a page.
struct NewOfPage {
    yielded: Vec<Yielded>,
    /// The id in each place of the source's page, as far as there is one; empty where nobody asks for places.
    places: Vec<Option<EntityId>>,
}

impl NewOfPage {
    /// What stands in each place.
    fn in_places(self) -> Vec<Option<Yielded>> {
        let mut new = self.yielded.into_iter().peekable();
        let places = self.places.into_iter();
        places.map(|id| new.next_if(|one| id_of(one) == id.as_ref())).collect()
    }
}

/// A page whose answer is too large is asked for again with so many times fewer entities, so that one that is too large by
/// itself is found among [`MAX_PAGE`] with four requests.
const FEWER_BY: usize = 8;

/// Answers of one walk that may be too large. A source that answers like that to everything is not asked for each of its
/// entities.
const MOST_TOO_LARGE: usize = 32;

/// Pages of one walk: with [`MAX_PAGE`] entities each, far more than a request may hold.
const MAX_PAGES: usize = 1_000;

impl Walk {
    fn begin(source: Source, plan: Arc<Plan>, page: Option<Page>, call: Call) -> Self {
        Self {
            source,
            plan,
            request: 0,
            offset: page.map_or(0, |page| page.offset),
            remaining: page.map(|page| page.limit),
            seen: HashSet::new(),
            repeated: 0,
            unreadable_metadata: 0,
            fitting: MAX_PAGE,
            too_large: 0,
            pages: 0,
            walked: Walked::default(),
            held: call.resources.held(),
            held_ids: call.resources.held(),
            tells_places: false,
            call,
        }
    }

    /// What the next page holds, which may be nothing; `None` after the last.
    async fn next_page(&mut self) -> Result<Option<NewOfPage>, AdapterError> {
        let limit = page_limit(self.remaining);
        if limit == 0 || self.request >= self.plan.requests.len() {
            self.report();
            return Ok(None);
        }
        let (limit, Translated { page, total, held }) = self.fitting_page(limit).await?;
        let counted = is_counted(self.remaining);
        let TranslatedPage {
            mut yielded,
            listed,
            noticed,
        } = page;
        self.note(&noticed);
        if let Some(beside) = &self.plan.beside
            && beside.request == self.request
            && self.offset == 0
            && listed == 0
        {
            self.plan.ignored_places.found_nothing(beside);
        }
        self.held = held;
        self.offset = self.offset.saturating_add(listed);
        self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(listed));
        // A total of less than was sent is not believed.
        let is_all = counted && total.is_some_and(|total| total == self.offset as u64);
        let is_last = listed < limit || is_all;
        let is_end = (is_last && self.request + 1 == self.plan.requests.len()) || self.remaining == Some(0);
        let has_entities = yielded.iter().any(|one| matches!(one, Yielded::Entity(_)));
        let mut places: Vec<Option<EntityId>> = Vec::new();
        if self.tells_places {
            places.extend(yielded.iter().map(|one| id_of(one).cloned()));
            places.resize(listed.max(places.len()), None);
        }
        let mut left_out = false;
        if let Some(without) = &self.source.without {
            let all = yielded.len();
            yielded.retain(|one| id_of(one).is_none_or(|id| !without.include(id)));
            left_out = yielded.len() < all;
        }
        let yielded = self.new_of(yielded, is_end)?;
        let has_new = left_out || yielded.iter().any(|one| id_of(one).is_some());
        self.pages += 1;
        // Of alternatives a whole page may have come with another one.
        let repeats = has_entities && !has_new && !is_last && !self.plan.are_alternatives;
        if repeats || self.pages > MAX_PAGES {
            let client = &self.source.client;
            return Err(client.error(ErrorKind::InvalidPayload, "the pages of the list repeat or do not end"));
        }
        if is_last {
            self.request += 1;
            self.offset = 0;
        }
        Ok(Some(NewOfPage { yielded, places }))
    }

    /// The next page, of as many of `limit` entities as fit into an answer, and how many were asked for. An entity that does not
    /// fit by itself costs itself: without it the source is walked on.
    async fn fitting_page(&mut self, limit: usize) -> Result<(usize, Translated), AdapterError> {
        let counted = is_counted(self.remaining);
        loop {
            let page = Page {
                limit: limit.min(self.fitting),
                offset: self.offset,
            };
            let request = self.plan.requests.get(self.request).map_or("", String::as_str);
            let asked = self
                .source
                .page(&self.plan, request, page, counted, &self.walked, &self.call);
            match asked.await {
                Ok(translated) => {
                    self.fitting = self.fitting.saturating_mul(2).min(MAX_PAGE);
                    return Ok((page.limit, translated));
                }
                Err(error) if error.kind == ErrorKind::TooLarge && self.too_large < MOST_TOO_LARGE => {
                    self.too_large += 1;
                    if page.limit == 1 {
                        return Ok((1, self.too_large_alone()));
                    }
                    self.fitting = (page.limit / FEWER_BY).max(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A page of one entity, which is left out.
    fn too_large_alone(&self) -> Translated {
        Translated {
            page: TranslatedPage {
                yielded: vec![Yielded::LeftOut(Flaw::TooLarge)],
                listed: 1,
                noticed: Noticed::default(),
            },
            total: None,
            held: self.call.resources.held(),
        }
    }

    fn note(&mut self, noticed: &Noticed) {
        self.unreadable_metadata += noticed.unreadable_metadata;
        if noticed.ignores_a_place {
            self.plan.ignored_places.saw_one();
        }
        if !noticed.reshaped.is_empty() {
            let mut reshaped = self.source.reshaped.lock().unwrap_or_else(PoisonError::into_inner);
            reshaped.add_all(&noticed.reshaped);
        }
    }

    /// The entities of a page that no earlier page had, each once.
    fn new_of(&mut self, yielded: Vec<Yielded>, is_end: bool) -> Result<Vec<Yielded>, AdapterError> {
        if self.source.keeps_each {
            return Ok(yielded);
        }
        let (mut yielded, repeated) = united(yielded);
        self.repeated += repeated;
        if repeated > 0
            && let Some(watched) = &self.source.watched
        {
            watched.doubt();
        }
        if !self.seen.is_empty() {
            let before = yielded.len();
            yielded.retain(|one| id_of(one).is_none_or(|id| !self.seen.contains(id)));
            if !self.plan.are_alternatives {
                self.repeated += before - yielded.len();
            }
        }
        if !is_end {
            let ids = self.held_ids.grow(yielded.len() * BYTES_OF_AN_ID);
            ids.map_err(|exhausted| AdapterError::exhausted(self.source.client.source(), exhausted))?;
            self.seen.extend(yielded.iter().filter_map(id_of).cloned());
        }
        Ok(yielded)
    }

    fn report(&self) {
        if self.unreadable_metadata > 0 {
            tracing::warn!(
                source = %self.source.client.source(),
                metadata = self.unreadable_metadata,
                "metadata of the source are no objects and were left out; what has them is shown without"
            );
        }
        if self.repeated > 0 && self.source.watched.is_none() {
            tracing::warn!(
                source = %self.source.client.source(),
                repeated = self.repeated,
                "entities of the source share an id in the view, although its ids_repeat is \"no\""
            );
        }
    }
}
