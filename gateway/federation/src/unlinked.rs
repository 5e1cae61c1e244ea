//! Questions without conditions on linked entities: by the strategy that [`super::strategy`] decides on.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use kakehashi_adapters::{AdapterError, Counted, Page, SourceId};
use kakehashi_resources::{Exhausted, Held};
use ngsi_ld::Entity;

use super::entities::{Arriving, Entities, EntityPage};
use super::gather::{self, Request};
use super::looking::{Look, hold};
use super::pages::place::Place;
use super::pages::{Asked, AskedSources, Paging};
use super::plan::{Asker, Plan, SubQuery, plan};
use super::scan::MAX_FROM_ONE_SOURCE;
use super::strategy::Strategy;
use super::warning::Missing;
use super::{Question, Refusal, Warning, merged, ordered, scan, steps, warning};

/// Answers a question without conditions on linked entities.
///
/// # Errors
/// As [`super::query::query`].
pub(super) async fn query(
    question: &Arc<Question>,
    page: Page,
    from: Option<Place>,
    count: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    steps::check(question, request).await?;
    let plan = plan(question, asker, &request.call).await?;
    planned(plan, question, Asked { page, from, count }, asker, request).await
}

/// Answers a question of which it is planned what the sources are asked.
///
/// # Errors
/// As [`super::query::query`].
pub(super) async fn planned(
    mut plan: Plan,
    question: &Arc<Question>,
    asked: Asked,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let Asked { page, from, count } = asked;
    let strategy = Strategy::of(&plan.sub_queries, plan.overloaded.is_empty(), question, page);
    if !matches!(strategy, Strategy::Paged | Strategy::Merged)
        && let [only] = plan.sub_queries.as_mut_slice()
    {
        only.is_only = true;
    }
    let all = AskedSources {
        sub_queries: plan.sub_queries.into_iter().map(Arc::new).collect(),
        overloaded: plan.overloaded,
    };
    match (strategy, &*all.sub_queries) {
        (Strategy::Ordered, [only]) => one_in_order(&all, only, question, asked, asker, request).await,
        (Strategy::Decided(unless), [only]) if from.is_none() && !unless.is_held_by(only, &request.call).await => {
            from_one(Arc::clone(only), question, page, count, request).await
        }
        (Strategy::Merged, _) if question.order.is_some() => in_order(&all, question, asked, asker, request).await,
        (Strategy::Merged, _) => merged::from_many(&all, question, page, count, request).await,
        _ => by_pages(&all, question, asked, asker, request).await,
    }
}

/// The answer of sources of which as much is read as the page needs. Where its entities can be counted by looking at all of
/// them alone, that is done: at the entities themselves where there are few, else at their ids.
async fn by_pages(
    all: &AskedSources,
    question: &Arc<Question>,
    asked: Asked,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let mut paging = Paging::of(all, question, asked, asker, request).await;
    if !asked.count || paging.counts() {
        return paging.page().await;
    }
    let Asked { page, from, .. } = asked;
    let now = Instant::now();
    let time = request.call.deadline.saturating_duration_since(now);
    let mut counting = request.clone();
    counting.call.requests = request.call.requests.again();
    counting.call.deadline = now + time * 3 / 8;
    counting.has_part_of_the_time = true;
    let counted = match &*all.sub_queries {
        // As was found out by others, or for the page before.
        _ if paging.is_large() => Err(Refusal::ScanTooWide),
        [only] if only.is_only => looked_through(only, question, page, true, &counting).await,
        _ => merged::from_many(all, question, page, true, &counting).await,
    };
    let Some(source) = too_much(&counted, all) else {
        let mut answer = counted?;
        if from.is_some() {
            // The page is another one than that which begins there.
            let EntityPage { count, warnings, .. } = answer;
            answer = paging.page().await?;
            answer.count = count;
            warning::add(&mut answer.warnings, warnings);
        }
        return Ok(answer);
    };
    // The rest of the time is for the page, which comes whatever becomes of the count.
    let until = match page.limit {
        0 => request.call.deadline,
        _ => now + time * 3 / 4,
    };
    let known = match takes_too_many_requests(&counted) {
        // Its ids take as many.
        true => None,
        false => paging.know(until).await?,
    };
    if known.is_none() && page.limit == 0 {
        // A count that is not asked for with anything else is the answer, or there is none.
        return Err(counted.err().unwrap_or(Refusal::ScanTooWide));
    }
    let mut answer = paging.page().await?;
    let missing = Missing::Count;
    let uncounted = || vec![Warning { source, missing }];
    warning::add(&mut answer.warnings, known.unwrap_or_else(uncounted));
    Ok(answer)
}

/// The answer of several sources in an order: of few all is read and put in it, of more than can be held what the order looks at.
async fn in_order(
    all: &AskedSources,
    question: &Arc<Question>,
    asked: Asked,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let mut paging = Paging::of(all, question, asked, asker, request).await;
    if let Some(page) = paging.page_in_order().await? {
        return Ok(page);
    }
    let is_held_whole = asked.page.offset.saturating_add(asked.page.limit) < MAX_FROM_ONE_SOURCE;
    if is_held_whole && paging.sources_are_apart().await {
        return ordered::from_many_apart(all, question, asked.page, asked.count, request).await;
    }
    let time = request.call.deadline.saturating_duration_since(Instant::now());
    let mut merging = request.clone();
    merging.call.requests = request.call.requests.again();
    merging.call.deadline = Instant::now() + time * 3 / 8;
    merging.has_part_of_the_time = true;
    let merged = merged::from_many(all, question, asked.page, asked.count, &merging).await;
    if too_much(&merged, all).is_none() || takes_too_many_requests(&merged) {
        return merged;
    }
    let until = Instant::now() + request.call.deadline.saturating_duration_since(Instant::now()) * 4 / 5;
    let Some(warnings) = paging.know(until).await? else {
        return merged;
    };
    match paging.page_in_order().await? {
        Some(mut page) => {
            warning::add(&mut page.warnings, warnings);
            Ok(page)
        }
        None => merged,
    }
}

/// The answer of one source in an order. A page that lies too far behind for all before it to be held is found by what the order
/// looks at alone.
async fn one_in_order(
    all: &AskedSources,
    only: &Arc<SubQuery>,
    question: &Arc<Question>,
    asked: Asked,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let Asked { page, count, .. } = asked;
    if page.limit == 0 || page.offset.saturating_add(page.limit) <= MAX_FROM_ONE_SOURCE {
        return ordered::from_one(only, question, page, count, request).await;
    }
    let mut paging = Paging::of(all, question, asked, asker, request).await;
    if let Some(page) = paging.page_in_order().await? {
        return Ok(page);
    }
    let refusal = match ordered::from_one(only, question, page, count, request).await {
        Err(refusal @ Refusal::TooManyCandidates { .. }) => refusal,
        answered => return answered,
    };
    let until = Instant::now() + request.call.deadline.saturating_duration_since(Instant::now()) * 4 / 5;
    let Some(warnings) = paging.know(until).await? else {
        return Err(refusal);
    };
    let mut answer = paging.page_in_order().await?.ok_or(refusal)?;
    warning::add(&mut answer.warnings, warnings);
    Ok(answer)
}

/// Whether an answer was more than may be held because of how many requests it takes.
fn takes_too_many_requests(answer: &Result<EntityPage, Refusal>) -> bool {
    match answer {
        Ok(answer) => answer.warnings.iter().any(Warning::is_of_requests),
        Err(refusal) => matches!(refusal, Refusal::TooManyRequests { .. }),
    }
}

/// The source that is named, where an answer was more than may be held, or than there was time for.
fn too_much(answer: &Result<EntityPage, Refusal>, all: &AskedSources) -> Option<SourceId> {
    match answer {
        Ok(answer) => answer.warnings.iter().find_map(Warning::of_too_many),
        Err(
            Refusal::ScanTooWide
            | Refusal::TooManyCandidates { .. }
            | Refusal::TooManyRequests { .. }
            | Refusal::Exhausted(Exhausted::Request { .. }),
        ) => all.sub_queries.first().map(|first| first.source.id.clone()),
        Err(_) => None,
    }
}

/// The answer of one source that decides everything itself: its page is the page, and is handed on as it arrives.
///
/// # Errors
/// [`Refusal::ScanTooWide`], [`Refusal::TooManyRequests`], [`Refusal::Exhausted`]
async fn from_one(
    only: Arc<SubQuery>,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let total = async {
        if count {
            Some(gather::count(&only, request).await)
        } else {
            None
        }
    };
    if page.limit == 0 {
        let (counted, error) = ended(total.await)?;
        let mut warnings = warning::of_errors(&error);
        if let Some(counted) = &counted {
            warning::add(
                &mut warnings,
                gather::warnings_of(&only, request, &counted.left_out).await,
            );
        }
        return Ok(EntityPage {
            entities: Entities::at_hand(question, Vec::new(), false, None),
            count: counted.map(|counted| counted.entities),
            warnings,
            next: None,
        });
    }
    let mut arriving = Arriving::new(Arc::clone(&only), page, request);
    let ((), total) = futures::join!(arriving.begin(), total);
    if let Some(refusal) = arriving.error().and_then(scan::refusal_of_the_only) {
        return Err(refusal);
    }
    let (counted, error) = ended(total)?;
    if let Some(counted) = counted {
        arriving.set_counted(counted);
    }
    Ok(EntityPage {
        entities: Entities::arriving(question, arriving),
        count: counted.map(|counted| counted.entities),
        warnings: warning::of_errors(&error),
        next: None,
    })
}

/// A count that was asked for, or why there is none.
fn ended(total: Option<Result<Counted, AdapterError>>) -> Result<(Option<Counted>, Option<AdapterError>), Refusal> {
    match total {
        Some(Ok(counted)) => Ok((Some(counted), None)),
        Some(Err(error)) => scan::exhausted(&error).map_or(Ok((None, Some(error))), Err),
        None => Ok((None, None)),
    }
}

/// The answer of one source that does not decide everything itself: its entities are looked at as they arrive, in its
/// order, and only those of the page are held. There is nothing to merge.
///
/// # Errors
/// [`Refusal::ScanTooWide`]
async fn looked_through(
    only: &Arc<SubQuery>,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let of_page = OfPage {
        question: Arc::clone(question),
        source: only.source.id.clone(),
        page,
        count,
        matching: 0,
        entities: Vec::new(),
        held: request.call.resources.held(),
    };
    let looked = gather::look_through(only, request, of_page).await;
    if let Some(refusal) = scan::refusal([(&**only, looked.as_ref().err())]) {
        return Err(refusal);
    }
    Ok(match looked {
        Ok((of_page, left_out)) => {
            let OfPage {
                matching,
                entities,
                held,
                ..
            } = of_page;
            let more = page.limit > 0 && matching > page.offset.saturating_add(entities.len());
            EntityPage {
                entities: Entities::at_hand(question, entities, more, Some(held)),
                count: count.then_some(matching as u64),
                warnings: gather::warnings_of(only, request, &left_out).await,
                next: None,
            }
        }
        // A part of its answer would look like all of it.
        Err(error) => EntityPage::failed(question, count, &error),
    })
}

/// Picks the entities of a page out of all that come.
struct OfPage {
    question: Arc<Question>,
    source: SourceId,
    page: Page,
    count: bool,
    matching: usize,
    entities: Vec<Entity>,
    held: Held,
}

impl Look for OfPage {
    async fn look(&mut self, entity: Entity) -> Result<ControlFlow<()>, AdapterError> {
        let exhausted = |exhausted| AdapterError::exhausted(&self.source, exhausted);
        if !self.question.selects(&entity).await.map_err(exhausted)? {
            return Ok(ControlFlow::Continue(()));
        }
        self.matching += 1;
        if self.matching <= self.page.offset {
            return Ok(ControlFlow::Continue(()));
        }
        if self.entities.len() < self.page.limit {
            hold(&mut self.held, &entity).map_err(exhausted)?;
            self.entities.push(entity);
            return Ok(ControlFlow::Continue(()));
        }
        // One more than the page is known of; how many more there are, only who counts wants to know.
        Ok(if self.count {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }
}
