//! Answering one query: which requests it takes, and which of the entities are part of the answer.
//!
//! At most [`PAGES_IN_FLIGHT`] pages are under way and one waits to be taken, whatever the platform holds.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use futures::{StreamExt, future, stream};
use hashbrown::HashSet;
use kakehashi_resources::Held;
use ngsi_ld::{Entity, EntityId};
use tokio::sync::mpsc;

use super::pages::{Following, MAX_PAGES, Window, first_path, following, linked_path, path_at, window};
use super::source::{Answer, Asked, Source, TypeReading};
use kakehashi_contract::{AdapterError, Call, Coverage, ErrorKind, Flaw, Page, SourceQuery, Yielded};
use kakehashi_mapping::language::TypeMapping;
use kakehashi_mapping::translate::RecordPage;

/// Pages of one walk that are asked for at once: the next one arrives while one is read.
const PAGES_IN_FLIGHT: usize = 2;

/// Single records of one query that are asked for at once.
const RECORDS_IN_FLIGHT: usize = 4;

/// Up to so many ids are asked for one by one; more cost the platform more than a walk through its pages.
const MAX_SINGLE_RECORDS: usize = 16;

/// Empty pages after which nothing more is expected, whatever was declared. After the first, the next one tells whether it
/// was only lost.
const EMPTY_PAGES_AT_THE_END: usize = 2;

/// Which part of the list a walk hands out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// `None`: all of it.
    pub(super) page: Option<Page>,
    /// Whether the rest of what the platform's last page holds comes, too: it need not be asked for again.
    pub(super) has_whole_pages: bool,
}

/// What a walk hands out.
pub(super) enum Message {
    /// Entities of the answer, what was left out of it, and what is counted of both for the request.
    Yielded(Vec<Yielded>, Vec<Held>),
    /// The answer is complete.
    End,
    /// Nothing more comes.
    Failed(AdapterError),
}

/// Why a walk ends early.
pub(super) enum Stop {
    /// Nobody listens any more, or everything that was wanted has been handed out.
    Enough,
    Failed(AdapterError),
}

impl From<AdapterError> for Stop {
    fn from(error: AdapterError) -> Self {
        Self::Failed(error)
    }
}

/// Answers a query into a channel.
pub(super) async fn answer(
    source: Arc<Source>,
    asked: Arc<Asked>,
    part: Part,
    call: Call,
    sender: mpsc::Sender<Message>,
) {
    let message = match walk_types(&source, &asked, part, &call, &sender).await {
        Ok(()) | Err(Stop::Enough) => Message::End,
        Err(Stop::Failed(error)) => Message::Failed(error),
    };
    // Nobody listens any more: nothing is left to tell.
    let _ = sender.send(message).await;
}

async fn walk_types(
    source: &Arc<Source>,
    asked: &Asked,
    part: Part,
    call: &Call,
    sender: &mpsc::Sender<Message>,
) -> Result<(), Stop> {
    let page = part.page;
    let mut output = Output {
        query: &asked.query,
        sender,
        has_whole_pages: part.has_whole_pages,
        skip: page.map_or(0, |page| page.offset),
        room: page.map(|page| page.limit),
        seen: HashSet::new(),
        hasher: RandomState::new(),
    };
    if output.is_full() {
        return Ok(());
    }
    for prepared in &asked.types {
        let reading = TypeReading::new(source, prepared);
        output.seen.clear();
        walk_type(&reading, asked, page, call, &mut output).await?;
    }
    Ok(())
}

async fn walk_type(
    reading: &Arc<TypeReading>,
    asked: &Asked,
    page: Option<Page>,
    call: &Call,
    output: &mut Output<'_>,
) -> Result<(), Stop> {
    let wanted = page.map(|_| Page {
        offset: output.skip,
        limit: output.room.unwrap_or(0),
    });
    match Beginning::of(reading, asked, wanted) {
        Beginning::Nothing => Ok(()),
        Beginning::Records(requests) => walk_records(reading, requests, call, output).await,
        Beginning::Window(window) => match read_window(reading, window, call).await? {
            Some(direct) => output.take_window(direct).await,
            None => walk_pages(reading, call, output).await,
        },
        Beginning::Pages => walk_pages(reading, call, output).await,
    }
}

/// How the reading of one type begins.
enum Beginning {
    /// The type has no entity of these ids.
    Nothing,
    /// By single records: the id and the path of each.
    Records(Vec<(EntityId, String)>),
    /// By the pages that hold a window of the view.
    Window(Window),
    /// By the first of all pages.
    Pages,
}

impl Beginning {
    /// `page`: what of this type is still wanted, where the platform's positions may be those of the view.
    fn of(reading: &TypeReading, asked: &Asked, page: Option<Page>) -> Self {
        let query = &asked.query;
        let Some(mapping) = reading.mapping() else {
            return Self::Nothing;
        };
        if !query.ids.is_empty() {
            // Named twice, an id is asked for once: a record that comes twice looks like pages that repeat.
            let mut named = HashSet::new();
            let candidates: Vec<&EntityId> = query
                .ids
                .iter()
                .filter(|id| mapping.id.template.invert(id.as_str()).is_some() && named.insert(*id))
                .collect();
            if candidates.is_empty() {
                return Self::Nothing;
            }
            if mapping.record_path.is_some() && candidates.len() <= MAX_SINGLE_RECORDS {
                let requests = candidates
                    .into_iter()
                    .filter_map(|id| Some((id.clone(), mapping.record_request(id)?)));
                return Self::Records(requests.collect());
            }
        }
        if let Some(page) = page
            && is_everything(asked)
            && !reading.is_irregular()
            && let Some(window) = window(mapping, page.offset as u64, page.limit as u64)
        {
            return Self::Window(window);
        }
        Self::Pages
    }

    /// The paths that are asked for before any answer is known.
    fn paths(self, reading: &TypeReading) -> Vec<String> {
        let mapping = reading.mapping();
        match self {
            Self::Nothing => Vec::new(),
            Self::Records(requests) => requests.into_iter().map(|(_, path)| path).collect(),
            Self::Window(window) => mapping
                .and_then(|mapping| window_path(mapping, window, window.first))
                .into_iter()
                .collect(),
            Self::Pages => mapping
                .map(|mapping| reading.filtered(first_path(mapping)))
                .into_iter()
                .collect(),
        }
    }
}

/// The paths that a platform would be asked for first. Of several types, each begins where the one before it has
/// ended: what is told of a page is told as if the first had none of it.
pub(super) fn asked_paths(source: &Arc<Source>, asked: &Asked, page: Option<Page>) -> Vec<String> {
    let page = sent_page(asked, page);
    if page.is_some_and(|page| page.limit == 0) {
        return Vec::new();
    }
    let readings = asked.types.iter().map(|prepared| TypeReading::new(source, prepared));
    readings
        .flat_map(|reading| Beginning::of(&reading, asked, page).paths(&reading))
        .collect()
}

/// The page of the answer; one of candidates would be none.
pub(super) fn sent_page(asked: &Asked, page: Option<Page>) -> Option<Page> {
    page.filter(|_| asked.push_down.is_exact())
}

/// The path of one page of a window.
fn window_path(mapping: &TypeMapping, window: Window, index: u64) -> Option<String> {
    path_at(mapping, index, index.saturating_mul(window.size), window.size)
}

/// Whether every entity of the types is handed out: of all conditions none, or none but those that are left for the gateway.
pub(super) fn is_everything(asked: &Asked) -> bool {
    let Asked { query, push_down, .. } = asked;
    query.ids.is_empty()
        && query.id_pattern.is_none()
        && query.any_attribute.is_empty()
        && (query.filter.is_none() || push_down.filter == Coverage::None)
        && (query.geo.is_none() || push_down.geo == Coverage::None)
}

/// Asks for single records.
async fn walk_records(
    reading: &Arc<TypeReading>,
    requests: Vec<(EntityId, String)>,
    call: &Call,
    output: &mut Output<'_>,
) -> Result<(), Stop> {
    let mut answers = stream::iter(requests)
        .map(|(id, path)| async move { (id, reading.fetch(&path, Answer::One, call).await) })
        .buffered(RECORDS_IN_FLIGHT);
    while let Some((id, answer)) = answers.next().await {
        let Some(mut page) = answer? else {
            continue;
        };
        // A platform that answers with another record, or with one that has no id, has none of this id.
        page.yielded.retain(|one| match one {
            Yielded::Entity(entity) => entity.id == id,
            Yielded::LeftOut(flaw) => *flaw != Flaw::NoId,
        });
        output.take(reading, page).await?;
    }
    Ok(())
}

/// The pages that hold a window, whole. `None` when the platform's positions turn out not to be the view's.
async fn read_window(
    reading: &Arc<TypeReading>,
    window: Window,
    call: &Call,
) -> Result<Option<WindowPages>, AdapterError> {
    let mut pages = WindowPages {
        yielded: Vec::new(),
        held: Vec::new(),
        total: 0,
        skip: window.skip,
    };
    let mut index = window.first;
    loop {
        let skipped = index.saturating_mul(window.size);
        let Some(path) = reading
            .mapping()
            .and_then(|mapping| window_path(mapping, window, index))
        else {
            return Ok(None);
        };
        let Some(page) = reading.fetch(&path, Answer::Many, call).await? else {
            return Ok(None);
        };
        let Some(total) = page
            .envelope
            .total
            .filter(|total| is_as_declared(&page, *total, skipped, window.size))
        else {
            reading.note_irregular();
            return Ok(None);
        };
        pages.total = total;
        pages.yielded.extend(page.yielded);
        pages.held.extend(page.held);
        index += 1;
        if index > window.last || index.saturating_mul(window.size) >= total {
            return Ok(Some(pages));
        }
    }
}

/// Whether a page holds as many records as its size and the declared total say.
pub(super) fn is_as_declared(page: &RecordPage, total: u64, skipped: u64, size: u64) -> bool {
    page.envelope.records as u64 == total.saturating_sub(skipped).min(size)
}

/// What the pages that hold a window yield.
struct WindowPages {
    yielded: Vec<Yielded>,
    /// What is counted of it for the request.
    held: Vec<Held>,
    /// Records of the type in all pages.
    total: u64,
    /// Records at the beginning that lie before the window.
    skip: u64,
}

/// Walks through all pages until the output has enough.
async fn walk_pages(reading: &Arc<TypeReading>, call: &Call, output: &mut Output<'_>) -> Result<(), Stop> {
    let Some(mapping) = reading.mapping() else {
        return Ok(());
    };
    let path = reading.filtered(first_path(mapping));
    let nothing_there = || reading.error(ErrorKind::Status(404), "the platform has nothing at the mapping's path");
    let first = reading
        .fetch(&path, Answer::Many, call)
        .await?
        .ok_or_else(nothing_there)?;
    match following(mapping, &first.envelope) {
        Following::Nothing => output.take(reading, first).await,
        Following::Linked => walk_links(reading, path, first, call, output).await,
        Following::UntilEmpty => walk_until_empty(reading, first, call, output).await,
        Following::Pages { pages, records } => {
            output.take(reading, first).await?;
            let path = |index: u64| path_at(mapping, index, index.saturating_mul(records), mapping.paging.size);
            let paths = (1..pages).filter_map(path).map(|path| reading.filtered(path));
            let mut rest = stream::iter(paths)
                .map(|path| async move { reading.fetch(&path, Answer::Many, call).await })
                .buffered(PAGES_IN_FLIGHT);
            let mut empty = 0;
            while let Some(page) = rest.next().await {
                // Records may have gone since the first page was read; then the last pages are empty, or not there.
                let Some(page) = page?.filter(|page| page.envelope.records > 0) else {
                    empty += 1;
                    if empty == EMPTY_PAGES_AT_THE_END {
                        break;
                    }
                    continue;
                };
                if empty > 0 {
                    return Err(reading
                        .error(ErrorKind::InvalidPayload, "a page is missing between others")
                        .into());
                }
                output.take(reading, page).await?;
            }
            Ok(())
        }
    }
}

async fn walk_until_empty(
    reading: &Arc<TypeReading>,
    first: RecordPage,
    call: &Call,
    output: &mut Output<'_>,
) -> Result<(), Stop> {
    let Some(mapping) = reading.mapping() else {
        return Ok(());
    };
    let mut page = first;
    let mut skipped = 0_u64;
    for index in 1..MAX_PAGES {
        skipped = skipped.saturating_add(page.envelope.records as u64);
        let Some(path) = path_at(mapping, index, skipped, mapping.paging.size) else {
            return output.take(reading, page).await;
        };
        let path = reading.filtered(path);
        let (taken, next) = future::join(output.take(reading, page), reading.fetch(&path, Answer::Many, call)).await;
        taken?;
        match next? {
            Some(next) if next.envelope.records > 0 => page = next,
            _ => return Ok(()),
        }
    }
    Err(endless(reading).into())
}

async fn walk_links(
    reading: &Arc<TypeReading>,
    first_path: String,
    first: RecordPage,
    call: &Call,
    output: &mut Output<'_>,
) -> Result<(), Stop> {
    let (mut path, mut page) = (first_path, first);
    for _ in 0..MAX_PAGES {
        let Some((link, mapping)) = page.envelope.next.take().zip(reading.mapping()) else {
            return output.take(reading, page).await;
        };
        let filtered = |path| reading.filtered(path);
        let next = linked_path(mapping, &link, &path, &reading.source.base_path, filtered);
        let next = next.filter(|next| *next != path);
        let unusable = || {
            reading.error(
                ErrorKind::InvalidPayload,
                "the link to the next page cannot be followed",
            )
        };
        path = next.ok_or_else(unusable)?;
        let (taken, next) = future::join(output.take(reading, page), reading.fetch(&path, Answer::Many, call)).await;
        taken?;
        page = next?.ok_or_else(unusable)?;
    }
    Err(endless(reading).into())
}

fn endless(reading: &TypeReading) -> AdapterError {
    reading.error(ErrorKind::InvalidPayload, "the platform hands out pages without an end")
}

/// Chooses the entities of the answer, and hands them out.
struct Output<'q> {
    query: &'q SourceQuery,
    sender: &'q mpsc::Sender<Message>,
    /// Entities of the answer that are still to be skipped.
    skip: usize,
    /// How many more are wanted; `None`: all.
    room: Option<usize>,
    /// Whether the rest of a page of the platform comes beyond these.
    has_whole_pages: bool,
    /// Hashes of the ids of this type that have been seen: records that stand twice, or slip from one page to
    /// the next while the walk goes on. A hash takes a fifth of an id's memory; two ids share one by chance
    /// once in about a billion walks through 100,000 records.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Output<'_> {
    fn is_full(&self) -> bool {
        self.room == Some(0)
    }

    fn takes_more(&self) -> bool {
        self.has_whole_pages || !self.is_full()
    }

    /// Takes over a page's entities in their order.
    async fn take(&mut self, reading: &TypeReading, page: RecordPage) -> Result<(), Stop> {
        let mut chosen = Vec::new();
        let (mut duplicates, mut left_out) = (0, 0);
        for one in page.yielded {
            let is_part = match &one {
                Yielded::Entity(entity) if !self.seen.insert(self.hasher.hash_one(entity.id.as_str())) => {
                    duplicates += 1;
                    false
                }
                Yielded::Entity(entity) => self.accepts(entity),
                Yielded::LeftOut(_) => {
                    left_out += 1;
                    true
                }
            };
            if is_part && self.takes_more() {
                self.choose(one, &mut chosen);
            }
        }
        if duplicates > 0 {
            reading.note_duplicates(duplicates);
            // A platform that ignores the parameters of a page sends the first one again and again.
            if duplicates as usize + left_out == page.envelope.records {
                return Err(reading
                    .error(ErrorKind::InvalidPayload, "a page repeats the records before it")
                    .into());
            }
        }
        self.hand_out(chosen, page.held.into_iter().collect()).await
    }

    /// Takes over the pages that hold the window of the answer.
    async fn take_window(&mut self, pages: WindowPages) -> Result<(), Stop> {
        let before = (self.skip as u64).min(pages.total);
        // What the window skips of this type lies before the pages, or at their beginning.
        self.skip = self.skip.saturating_sub(usize::try_from(before).unwrap_or(usize::MAX));
        let skip = usize::try_from(pages.skip).unwrap_or(usize::MAX);
        let mut chosen = Vec::new();
        for one in pages.yielded.into_iter().skip(skip) {
            if self.takes_more() {
                self.choose(one, &mut chosen);
            }
        }
        self.hand_out(chosen, pages.held).await
    }

    /// Takes the next place of the answer. What is left out has one, as in the platform's own pages.
    fn choose(&mut self, one: Yielded, chosen: &mut Vec<Yielded>) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if let Some(room) = &mut self.room {
            *room = room.saturating_sub(1);
        }
        chosen.push(one);
    }

    async fn hand_out(&mut self, chosen: Vec<Yielded>, held: Vec<Held>) -> Result<(), Stop> {
        if !chosen.is_empty() {
            self.sender
                .send(Message::Yielded(chosen, held))
                .await
                .map_err(|_| Stop::Enough)?;
        }
        if self.is_full() { Err(Stop::Enough) } else { Ok(()) }
    }

    fn accepts(&self, entity: &Entity) -> bool {
        let query = self.query;
        (query.ids.is_empty() || query.ids.contains(&entity.id))
            && query
                .id_pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&entity.id))
            && (query.any_attribute.is_empty()
                || query.any_attribute.iter().any(|name| entity.attribute(name).is_some()))
    }
}
