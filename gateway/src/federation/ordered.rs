//! The entities of one source in an order that the consumer has asked for (clause 4.23). It is decided here, on what the
//! consumer may see of each, so that what is hidden moves nothing; a source is never told of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use kakehashi_adapters::Page;
use ngsi_ld::Entity;
use ngsi_ld::query::{AttributePath, Ordering, OrderingKey};

use super::entities::Entities;
use super::gather::{self, MAX_FROM_ONE_SOURCE, Request};
use super::plan::SubQuery;
use super::query::{Answer, split, warnings_of};
use super::{Question, Refusal, is_system_date, scan};
use crate::config::Extensions;

/// Entities beyond the wanted ones that are kept until the first among all of them are picked out again: sorting for
/// every entity that arrives would cost its square.
const KEPT_BEYOND: usize = 256;

/// Refuses an order over more than the local scope (clause 5.7.2.4). Where nothing but the store is asked, the execution is
/// limited to that, said or not.
///
/// # Errors
/// [`Refusal::OrderedBeyondLocal`]
pub(super) fn check_is_local(
    question: &Question,
    sub_queries: &[SubQuery],
    extensions: Extensions,
) -> Result<(), Refusal> {
    let is_local = || sub_queries.iter().all(|sub_query| sub_query.source.is_store);
    if question.order.is_none() || extensions.federated_order || is_local() {
        return Ok(());
    }
    Err(Refusal::OrderedBeyondLocal)
}

/// Whether an order looks at dates that the system keeps (clause 4.8).
pub(super) fn looks_at_system_dates(order: &Ordering) -> bool {
    let is_date =
        |path: &AttributePath| is_system_date(&path.attribute) || path.sub_attributes.iter().any(is_system_date);
    order.paths().any(is_date)
}

/// The answer of one source: its entities are looked at as they arrive, and only as many of them are held as come before
/// the end of the page.
///
/// # Errors
/// [`Refusal::TooManyCandidates`] when the page lies so far behind that more would have to be held than one request may;
/// [`Refusal::ScanTooWide`].
pub(super) async fn from_one(
    only: &SubQuery,
    question: &Arc<Question>,
    order: &Ordering,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<Answer, Refusal> {
    let mut first = First {
        order,
        wanted: page.offset.saturating_add(page.limit),
        kept: Vec::new(),
    };
    let mut matching: usize = 0;
    let mut too_many = false;
    let looked = gather::look_through(only, request, |entity| {
        if !question.selects(&entity) {
            return ControlFlow::Continue(());
        }
        matching += 1;
        too_many = page.limit > 0 && first.wanted > MAX_FROM_ONE_SOURCE && matching > MAX_FROM_ONE_SOURCE;
        if too_many {
            return ControlFlow::Break(());
        }
        if page.limit > 0 {
            first.add(entity);
        }
        ControlFlow::Continue(())
    });
    let (left_out, error) = split(looked.await);
    if too_many {
        return Err(Refusal::TooManyCandidates {
            allowed: MAX_FROM_ONE_SOURCE,
        });
    }
    if let Some(refusal) = scan::refusal([(only, error.as_ref())]) {
        return Err(refusal);
    }
    if error.is_some() {
        // A part of its answer would look like all of it.
        first.kept.clear();
        matching = 0;
    }
    let entities: Vec<Entity> = first.sorted().into_iter().skip(page.offset).collect();
    let more = page.limit > 0 && matching > page.offset.saturating_add(entities.len());
    Ok(Answer {
        entities: Entities::at_hand(question, entities, more),
        count: count.then_some(matching as u64),
        warnings: warnings_of(only, &left_out, error.as_ref()),
    })
}

/// The first of many entities in an order.
struct First<'o> {
    order: &'o Ordering,
    wanted: usize,
    kept: Vec<(OrderingKey, Entity)>,
}

impl First<'_> {
    fn add(&mut self, entity: Entity) {
        self.kept.push((self.order.key(&entity), entity));
        if self.kept.len() >= self.wanted.saturating_add(KEPT_BEYOND) {
            self.sort();
        }
    }

    fn sort(&mut self) {
        let order = self.order;
        self.kept.sort_unstable_by(|(a, _), (b, _)| order.compare(a, b));
        self.kept.truncate(self.wanted);
    }

    fn sorted(mut self) -> Vec<Entity> {
        self.sort();
        self.kept.into_iter().map(|(_, entity)| entity).collect()
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;
    use ngsi_ld::entity::parse::parse_entity;

    use super::*;

    #[test]
    fn as_many_are_kept_as_are_wanted_and_they_are_the_first() {
        let order = Ordering::parse("height;desc", None, None, None, Context::core()).unwrap();
        let mut first = First {
            order: &order,
            wanted: 5,
            kept: Vec::new(),
        };
        // In an order that visits every number once: 7 and 5000 have no common divisor.
        for number in 0..5000_u32 {
            let height = number * 7 % 5000;
            let json = format!(
                r#"{{"id": "urn:ngsi-ld:T:{number}", "type": "T", "height": {{"type": "Property", "value": {height}}}}}"#
            );
            first.add(parse_entity(json.as_bytes(), Context::core()).unwrap());
            assert!(first.kept.len() < 5 + KEPT_BEYOND);
        }
        let heights = Context::core().expand_attribute("height").unwrap();
        let texts: Vec<String> = first
            .sorted()
            .iter()
            .map(|entity| format!("{:?}", entity.attribute(&heights).unwrap().instances[0].value))
            .collect();
        assert_eq!(texts.len(), 5);
        for (text, height) in texts.iter().zip((4995..5000).rev()) {
            assert!(text.contains(&height.to_string()), "{texts:?}");
        }
    }

    #[test]
    fn dates_of_the_system_are_asked_for_where_they_order() {
        let looks = |order_by: &str| {
            let order = Ordering::parse(order_by, None, None, None, Context::core()).unwrap();
            looks_at_system_dates(&order)
        };
        assert!(looks("createdAt") && looks("name,modifiedAt;desc") && looks("name.createdAt"));
        assert!(!looks("name,id") && !looks("name.observedAt"));
    }
}
