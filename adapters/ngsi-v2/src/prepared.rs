//! One question to one source, prepared: the requests are written, and pages are put to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use kakehashi_resources::Held;
use ngsi_ld::EntityId;

use super::Platform;
use super::finding_out::FindingOut;
use super::pages::Source;
use super::plan::Plan;
use super::repeats::{IdsRepeat, OfTypes, Repeated, RepeatedIds};
use super::united::{has_several_of_one, united};
use kakehashi_contract::{
    AdapterError, AskedRequest, Call, Counted, Coverage, EntityStream, ErrorKind, Page, PlaceStream, PreparedQuery,
    PushDown, SourceQuery, Yielded,
};

/// What one source is asked, and how its answers are read.
#[derive(Debug, Clone)]
pub(super) struct PreparedNgsiV2 {
    /// The source, asked about the service paths of the plan only.
    source: Source,
    plan: Arc<Plan>,
    /// The ids that are meant; empty: any.
    ids: Arc<[EntityId]>,
    unity: Unity,
}

/// Whether several entities of the source may be one in the view, and what is done about it.
#[derive(Debug, Clone)]
enum Unity {
    /// None may.
    Apart,
    /// All that match are read and united; with the question for all of them.
    United(Arc<FindingOut>),
    /// Which are is found out.
    FoundOut(Arc<FindingOut>),
}

impl PreparedNgsiV2 {
    pub(super) fn of(platform: &Arc<Platform>, query: &SourceQuery) -> Self {
        let finds_out = platform.settings.ids_repeat == IdsRepeat::FindOut;
        let united_by =
            |known: &Arc<OfTypes>| Unity::United(Arc::new(FindingOut::new(platform, query, Arc::clone(known))));
        let unity = match platform.may_repeat(&query.types) {
            false => Unity::Apart,
            // Of ids that are known there are few entities, and all of them are read anyway.
            true if !finds_out || !query.ids.is_empty() => united_by(&platform.repeats.nothing),
            true => {
                let known = platform.repeats.of(&query.types, !query.beyond_open);
                match known.known() {
                    Some(Repeated::Many) => united_by(&known),
                    _ => Unity::FoundOut(Arc::new(FindingOut::new(platform, query, known))),
                }
            }
        };
        let mut plan = platform.plan(query, matches!(unity, Unity::United(_)));
        if let Unity::FoundOut(finding_out) = &unity
            && matches!(finding_out.known().known(), Some(Repeated::These(_)))
        {
            // In some of its places is nothing: an offset is no number of entities.
            plan.push_down.selection = Coverage::Narrows;
        }
        let mut source = platform.source.within(&plan);
        source.keeps_each = matches!(unity, Unity::United(_));
        if let Unity::FoundOut(finding_out) = &unity {
            source.watched = Some(Arc::clone(finding_out.known()));
        }
        Self {
            source,
            plan: Arc::new(plan),
            ids: query.ids.as_slice().into(),
            unity,
        }
    }

    /// Whether its answer is one list, in which a page can begin anywhere: several requests bring the same entity, or are one
    /// list after the other.
    fn is_one_list(&self) -> bool {
        self.plan.requests.len() <= 1 && !matches!(self.unity, Unity::United(_))
    }

    /// The page that the source is asked for. One of candidates would be no page of the answer.
    fn sent_page(&self, page: Option<Page>) -> Option<Page> {
        page.filter(|_| self.plan.push_down.is_exact())
    }

    /// What the source lists, where no entity of it is one with another.
    fn listed(&self, page: Option<Page>, call: &Call) -> EntityStream {
        let yielded = self.source.clone().walk(Arc::clone(&self.plan), page, call.clone());
        if self.ids.is_empty() {
            return yielded;
        }
        let ids = Arc::clone(&self.ids);
        let meant = yielded.try_filter(move |one| std::future::ready(is_meant(one, &ids)));
        meant.boxed()
    }

    /// Entities, each by itself, made one where several are one in the view: those are asked for again with their dates, of which the
    /// newest holds.
    async fn united(&self, each: Vec<Yielded>, call: &Call) -> Result<Vec<Yielded>, AdapterError> {
        match &self.unity {
            Unity::United(finding_out) if has_several_of_one(&each) => {
                let mut united = finding_out.of_its_ids(call).await?;
                united.retain(|one| self.ids.is_empty() || is_meant(one, &self.ids));
                Ok(united)
            }
            _ => Ok(united(each).0),
        }
    }

    fn places(&self, page: Page, call: &Call) -> PlaceStream {
        let places = self.source.clone().places(Arc::clone(&self.plan), page, call.clone());
        if self.ids.is_empty() {
            return places;
        }
        let ids = Arc::clone(&self.ids);
        let meant = places.map_ok(move |place| place.filter(|one| is_meant(one, &ids)));
        meant.boxed()
    }

    /// What matches of a source in which some ids repeat.
    async fn found_out(
        self,
        finding_out: Arc<FindingOut>,
        page: Option<Page>,
        call: Call,
    ) -> Result<EntityStream, AdapterError> {
        let repeated = match finding_out.found(&call).await {
            Repeated::None => return Ok(self.listed(page, &call)),
            Repeated::Many => {
                let page = page.unwrap_or(EVERYTHING);
                let (whole, held) = finding_out.whole(&call).await?;
                let of_page = whole.into_iter().skip(page.offset).take(page.limit);
                return Ok(counted_until_taken(of_page, held).boxed());
            }
            Repeated::These(repeated) => repeated,
        };
        if let Some(page) = page {
            return Ok(self.page_found_out(finding_out, repeated, page, call));
        }
        let listed = Self {
            source: self.source.without(&repeated),
            ..self
        };
        let listed = listed.listed(None, &call);
        // They are asked for when the list has ended, so that nobody waits for them who does not need them.
        let rest = async move {
            let (each, held) = finding_out.each_of(&repeated, &call).await?;
            Ok(counted_until_taken(finding_out.united(each).into_iter(), held))
        };
        Ok(listed.chain(stream::once(rest).try_flatten()).boxed())
    }

    /// A page of a list that the source decides whole, of which nobody knew yet that some ids repeat: where in the source's list it
    /// begins is found by reading from the first. What repeats comes behind all others.
    fn page_found_out(
        self,
        finding_out: Arc<FindingOut>,
        repeated: Arc<RepeatedIds>,
        page: Page,
        call: Call,
    ) -> EntityStream {
        let places = self.places_found_out(finding_out, repeated, EVERYTHING, call);
        let entities = places.try_filter_map(|place| std::future::ready(Ok(place)));
        entities.skip(page.offset).take(page.limit).boxed()
    }

    /// The places of a part of the source's list. In those of what repeats is nothing.
    fn places_of_others(self, repeated: &Arc<RepeatedIds>, page: Page, call: &Call) -> PlaceStream {
        let others = Self {
            source: self.source.without(repeated),
            ..self
        };
        others.places(page, call)
    }

    /// The places of a part of the list: those of the source, in which what repeats is nothing, and after the last of them what
    /// repeats.
    fn places_found_out(
        self,
        finding_out: Arc<FindingOut>,
        repeated: Arc<RepeatedIds>,
        page: Page,
        call: Call,
    ) -> PlaceStream {
        let (listed, places) = counting(self.clone().places_of_others(&repeated, page, &call));
        let rest = async move {
            let listed = listed.load(Ordering::Relaxed);
            let room = page.limit.saturating_sub(listed);
            if room == 0 {
                // There may be more of the list.
                return Ok(stream::empty().left_stream());
            }
            let before = match page.offset {
                0 => 0,
                _ if listed > 0 => 0,
                offset => offset.saturating_sub(self.length(&call).await?),
            };
            let (each, held) = finding_out.each_of(&repeated, &call).await?;
            let places = finding_out.united(each).into_iter().skip(before).take(room);
            Ok(counted_until_taken(places, held).map_ok(Some).right_stream())
        };
        places.chain(stream::once(rest).try_flatten()).boxed()
    }

    /// How many places the source's list has.
    async fn length(&self, call: &Call) -> Result<usize, AdapterError> {
        if let [request] = self.plan.requests.as_slice()
            // Totals of places near another were seen wrong.
            && !self.plan.has_geo_query
            && let Some(total) = self.source.total(&self.plan, request, call).await?
        {
            return Ok(usize::try_from(total).unwrap_or(usize::MAX));
        }
        let count = |length: usize, _| std::future::ready(Ok(length + 1));
        self.places(EVERYTHING, call).try_fold(0, count).await
    }

    /// How many match of a source that counts every entity by itself; `None`: it does not say.
    async fn counted(&self, call: &Call) -> Result<Option<Counted>, AdapterError> {
        let request = match self.plan.requests.as_slice() {
            [] => return Ok(Some(Counted::default())),
            [request] if self.plan.push_down.is_exact() => request,
            _ => return Ok(None),
        };
        let repeated = match &self.unity {
            Unity::FoundOut(finding_out) => match finding_out.found(call).await {
                Repeated::None => None,
                Repeated::Many => return Ok(None),
                Repeated::These(repeated) => Some((finding_out, repeated)),
            },
            Unity::Apart | Unity::United(_) => None,
        };
        let Some(total) = self.source.total(&self.plan, request, call).await? else {
            return Ok(None);
        };
        let Some((finding_out, repeated)) = repeated else {
            return Ok(Some(Counted::entities(total)));
        };
        let (each, _held) = finding_out.each_of(&repeated, call).await?;
        let mut counted = Counted::entities(total.saturating_sub(each.len() as u64));
        for one in finding_out.united(each) {
            counted.add(&one);
        }
        Ok(Some(counted))
    }
}

/// Entities that were read whole, counted for the request until the last of them was taken.
fn counted_until_taken(
    entities: impl Iterator<Item = Yielded> + Send,
    held: Held,
) -> impl Stream<Item = Result<Yielded, AdapterError>> + Send {
    stream::iter(entities.map(move |one| {
        let _until_taken = &held;
        Ok(one)
    }))
}

/// The same places, and how many of them have come.
fn counting(places: PlaceStream) -> (Arc<AtomicUsize>, PlaceStream) {
    let come = Arc::new(AtomicUsize::new(0));
    let until_now = Arc::clone(&come);
    let places = places.inspect(move |_| {
        until_now.fetch_add(1, Ordering::Relaxed);
    });
    (come, places.boxed())
}

/// The first entity of a list.
const FIRST: Page = Page { limit: 1, offset: 0 };

/// All of a list.
const EVERYTHING: Page = Page {
    limit: usize::MAX,
    offset: 0,
};

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
        let found = self.united(found, call).await?;
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
        match &self.unity {
            // Whether there is any entity, whichever it is.
            Unity::FoundOut(_) if page == Some(FIRST) && self.plan.shows_no_attribute => self.listed(page, call),
            Unity::Apart => self.listed(page, call),
            Unity::United(_) => {
                let (prepared, call) = (self.clone(), call.clone());
                let yielded = self.listed(page, &call);
                let united = async move {
                    let yielded = prepared.united(yielded.try_collect().await?, &call).await?;
                    Ok(stream::iter(yielded.into_iter().map(Ok)))
                };
                stream::once(united).try_flatten().boxed()
            }
            Unity::FoundOut(finding_out) => {
                let found = self.clone().found_out(Arc::clone(finding_out), page, call.clone());
                stream::once(found).try_flatten().boxed()
            }
        }
    }

    fn candidates(&self, page: Page, call: &Call) -> Option<PlaceStream> {
        if !self.is_one_list() {
            return None;
        }
        let Unity::FoundOut(finding_out) = &self.unity else {
            return Some(self.places(page, call));
        };
        let (prepared, finding_out, call) = (self.clone(), Arc::clone(finding_out), call.clone());
        let places = async move {
            Ok(match finding_out.found(&call).await {
                Repeated::None => prepared.places(page, &call),
                // Whoever counts a list that the source decides whole counts its places.
                Repeated::These(repeated) if prepared.plan.push_down.is_exact() => {
                    let entities = prepared.page_found_out(finding_out, repeated, page, call);
                    entities.map_ok(Some).boxed()
                }
                Repeated::These(repeated) => prepared.places_found_out(finding_out, repeated, page, call),
                Repeated::Many => {
                    let (whole, held) = finding_out.whole(&call).await?;
                    let places = whole.into_iter().skip(page.offset).take(page.limit);
                    counted_until_taken(places, held).map_ok(Some).boxed()
                }
            })
        };
        Some(stream::once(places).try_flatten().boxed())
    }

    async fn count(&self, call: &Call) -> Result<Counted, AdapterError> {
        if let Some(counted) = self.counted(call).await? {
            return Ok(counted);
        }
        // The source does not say, or would count what is not meant.
        let add = |mut counted: Counted, one: Yielded| {
            counted.add(&one);
            std::future::ready(Ok(counted))
        };
        self.query(None, call).try_fold(Counted::default(), add).await
    }
}

/// Whether it is, or may be, an entity of one of these ids.
fn is_meant(yielded: &Yielded, ids: &[EntityId]) -> bool {
    match yielded {
        Yielded::Entity(entity) => ids.contains(&entity.id),
        Yielded::LeftOut(_) => true,
    }
}
