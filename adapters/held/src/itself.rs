//! A question that was to be answered from memory, where the source has to be asked after all: it was prepared when nobody knew
//! that yet. What the source does not decide is decided here, as from memory.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, future, stream};
use kakehashi_contract::{
    AdapterError, Call, Counted, EntityStream, ErrorKind, Page, PreparedQuery, SourceId, SourceQuery, Yielded,
};
use kakehashi_index::{key, meets, sorted};
use ngsi_ld::query::Ordering;

use crate::memory::MOST_ENTITIES;

/// The entities that match, or a page of them.
pub(crate) fn query(
    itself: &Arc<dyn PreparedQuery>,
    query: &Arc<SourceQuery>,
    source: &SourceId,
    page: Option<Page>,
    call: &Call,
) -> EntityStream {
    let decided = itself.push_down();
    if decided.is_exact() {
        return itself.query(page, call);
    }
    let (query, source, mut looked) = (Arc::clone(query), source.clone(), 0_usize);
    let all = itself.query(None, call);
    let matching = all.try_filter_map(move |yielded| {
        looked += 1;
        let (query, source, is_too_many) = (Arc::clone(&query), source.clone(), looked > MOST_ENTITIES);
        async move {
            if is_too_many {
                let detail = "the source has more entities than are looked through for a question";
                return Err(AdapterError::new(&source, ErrorKind::TooMany, detail));
            }
            let Yielded::Entity(entity) = &yielded else {
                return Ok(Some(yielded));
            };
            let meets = meets(&query, &decided, entity).await;
            let meets = meets.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))?;
            Ok(meets.then_some(yielded))
        }
    });
    match page {
        None => matching.boxed(),
        Some(Page { limit, offset }) => {
            // An error is none of those that are skipped.
            let mut skipped = 0;
            let of_page = matching.try_filter(move |_| {
                let is_before = skipped < offset;
                skipped += usize::from(is_before);
                future::ready(!is_before)
            });
            of_page.take(limit).boxed()
        }
    }
}

/// All that match, in an order.
pub(crate) fn ordered(
    itself: &Arc<dyn PreparedQuery>,
    asked: &Arc<SourceQuery>,
    source: &SourceId,
    order: &Ordering,
    call: &Call,
) -> EntityStream {
    let (all, order) = (query(itself, asked, source, None, call), order.clone());
    let (source, resources) = (source.clone(), call.resources.clone());
    let in_order = async move {
        let all: Vec<Yielded> = all.try_collect().await?;
        let sorting = async move {
            let (mut left_out, mut keyed) = (Vec::new(), Vec::new());
            for one in all {
                match one {
                    Yielded::Entity(entity) => keyed.push((key(&order, &entity).await, entity)),
                    flawed @ Yielded::LeftOut(_) => left_out.push(flawed),
                }
            }
            let sorted = sorted(&order, keyed).await;
            left_out
                .into_iter()
                .chain(sorted.into_iter().map(Yielded::Entity))
                .map(Ok)
                .collect::<Vec<_>>()
        };
        let sorted = resources.compute(sorting).await;
        let sorted = sorted.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))?;
        Ok(stream::iter(sorted))
    };
    stream::once(in_order).try_flatten().boxed()
}

/// How many match.
pub(crate) async fn count(
    itself: &Arc<dyn PreparedQuery>,
    asked: &Arc<SourceQuery>,
    source: &SourceId,
    call: &Call,
) -> Result<Counted, AdapterError> {
    if itself.push_down().is_exact() {
        return itself.count(call).await;
    }
    let add = |mut counted: Counted, one: Yielded| {
        counted.add(&one);
        future::ready(Ok(counted))
    };
    query(itself, asked, source, None, call)
        .try_fold(Counted::default(), add)
        .await
}
