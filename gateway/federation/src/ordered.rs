//! The entities of one source in an order that the consumer has asked for (clause 4.23). It is decided here, on what the
//! consumer may see of each, so that what is hidden moves nothing; a source is never told of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use kakehashi_adapters::{AdapterError, Page, SourceId};
use kakehashi_resources::{Exhausted, Held};
use ngsi_ld::Entity;
use ngsi_ld::query::OrderingKey;

use super::entities::{Entities, EntityPage};
use super::gather::{self, Request};
use super::looking::{Look, hold};
use super::plan::SubQuery;
use super::scan::MAX_FROM_ONE_SOURCE;
use super::{Question, Refusal, scan, steps};

/// Entities beyond the wanted ones that are kept until the first among all of them are picked out again: sorting for
/// every entity that arrives would cost its square.
const KEPT_BEYOND: usize = 256;

/// The answer of one source: its entities are looked at as they arrive, and only as many of them are held as come before
/// the end of the page.
///
/// # Errors
/// [`Refusal::TooManyCandidates`] when the page lies so far behind that more would have to be held than one request may;
/// [`Refusal::ScanTooWide`].
pub(super) async fn from_one(
    only: &Arc<SubQuery>,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let first = First {
        question: Arc::clone(question),
        source: only.source.id.clone(),
        page,
        matching: 0,
        too_many: false,
        kept: Vec::new(),
        held: request.call.resources.held(),
    };
    let looked = gather::look_through(only, request, first).await;
    if let Some(refusal) = scan::refusal([(&**only, looked.as_ref().err())]) {
        return Err(refusal);
    }
    let (first, left_out) = match looked {
        Ok(looked) => looked,
        // A part of its answer would look like all of it.
        Err(error) => return Ok(EntityPage::failed(question, count, &error)),
    };
    if first.too_many {
        return Err(Refusal::TooManyCandidates {
            allowed: MAX_FROM_ONE_SOURCE,
        });
    }
    let matching = first.matching;
    let sorting = async move { first.sorted() };
    let (entities, held) = request
        .call
        .resources
        .compute(sorting)
        .await
        .map_err(Refusal::Exhausted)?;
    let entities: Vec<Entity> = entities.into_iter().skip(page.offset).collect();
    let more = page.limit > 0 && matching > page.offset.saturating_add(entities.len());
    Ok(EntityPage {
        entities: Entities::at_hand(question, entities, more, Some(held)),
        count: count.then_some(matching as u64),
        warnings: gather::warnings_of(only, request, &left_out).await,
        next: None,
    })
}

/// The first of many entities in the order of a question, up to the end of a page.
struct First {
    question: Arc<Question>,
    source: SourceId,
    page: Page,
    matching: usize,
    /// Whether more would have to be held than one request may.
    too_many: bool,
    kept: Vec<(OrderingKey, Entity)>,
    /// What is counted of them for the request.
    held: Held,
}

impl Look for First {
    async fn look(&mut self, entity: Entity) -> Result<ControlFlow<()>, AdapterError> {
        let exhausted = |exhausted| AdapterError::exhausted(&self.source, exhausted);
        if !self.question.selects(&entity).await.map_err(exhausted)? {
            return Ok(ControlFlow::Continue(()));
        }
        self.matching += 1;
        let far = self.page.limit > 0 && self.wanted() > MAX_FROM_ONE_SOURCE;
        self.too_many = far && self.matching > MAX_FROM_ONE_SOURCE;
        if self.too_many {
            return Ok(ControlFlow::Break(()));
        }
        if self.page.limit > 0 {
            self.add(entity)
                .await
                .map_err(|exhausted| AdapterError::exhausted(&self.source, exhausted))?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl First {
    fn wanted(&self) -> usize {
        self.page.offset.saturating_add(self.page.limit)
    }

    async fn add(&mut self, entity: Entity) -> Result<(), Exhausted> {
        let Some(order) = &self.question.order else {
            return Ok(());
        };
        hold(&mut self.held, &entity)?;
        self.kept.push((steps::key(order, &entity).await, entity));
        if self.kept.len() >= self.wanted().saturating_add(KEPT_BEYOND) {
            self.sort();
            let weight = self.kept.iter().map(|(_, entity)| entity.weight()).sum();
            self.held.become_of(weight)?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        if let Some(order) = &self.question.order {
            // Most of them are in order already, of which this sort makes use.
            self.kept.sort_by(|(a, _), (b, _)| order.compare(a, b));
        }
        self.kept.truncate(self.wanted());
    }

    fn sorted(mut self) -> (Vec<Entity>, Held) {
        self.sort();
        (self.kept.into_iter().map(|(_, entity)| entity).collect(), self.held)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use kakehashi_resources::Resources;
    use ngsi_ld::context::Context;
    use ngsi_ld::entity::parse::parse_entity;
    use ngsi_ld::query::Ordering;

    use super::*;

    #[tokio::test]
    async fn as_many_are_kept_as_are_wanted_and_they_are_the_first() {
        let order = Ordering::parse("height;desc", None, None, None, Context::core()).unwrap();
        let question = Question {
            order: Some(order),
            ..Question::default()
        };
        let mut first = First {
            question: Arc::new(question),
            source: SourceId::new("s"),
            page: Page { limit: 3, offset: 2 },
            matching: 0,
            too_many: false,
            kept: Vec::new(),
            held: Resources::uncounted(Instant::now()).held(),
        };
        // In an order that visits every number once: 7 and 5000 have no common divisor.
        for number in 0..5000_u32 {
            let height = number * 7 % 5000;
            let json = format!(
                r#"{{"id": "urn:ngsi-ld:T:{number}", "type": "T", "height": {{"type": "Property", "value": {height}}}}}"#
            );
            let entity = parse_entity(json.as_bytes(), Context::core()).unwrap();
            first.add(entity).await.unwrap();
            assert!(first.kept.len() < 5 + KEPT_BEYOND);
        }
        let heights = Context::core().expand_attribute("height").unwrap();
        let texts: Vec<String> = first
            .sorted()
            .0
            .iter()
            .map(|entity| format!("{:?}", entity.attribute(&heights).unwrap().instances[0].value))
            .collect();
        assert_eq!(texts.len(), 5);
        for (text, height) in texts.iter().zip((4995..5000).rev()) {
            assert!(text.contains(&height.to_string()), "{texts:?}");
        }
    }
}
