//! The entities of one source in an order that the consumer has asked for (clause 4.23). It is decided here, on what the
//! consumer may see of each, so that what is hidden moves nothing; a source is never told of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::join_all;
use kakehashi_adapters::{AdapterError, EntityStream, Foremost, LeftOut, Page, SourceId};
use kakehashi_policy::inspection::TWELVE_DIGITS;
use kakehashi_resources::{Exhausted, Held};
use kakehashi_runtime::steps::to_the_end;
use ngsi_ld::Entity;
use ngsi_ld::query::{AttributePath, OrderingKey, OrderingTarget};

use super::entities::{Entities, EntityPage};
use super::gather::{self, Request};
use super::hidden_targets::depended_on;
use super::looking::{Look, hold};
use super::pages::AskedSources;
use super::plan::SubQuery;
use super::scan::MAX_FROM_ONE_SOURCE;
use super::strategy::{Unless, decides_every_condition};
use super::told::{ShownIn, shown_in};
use super::{Question, Refusal, Warning, scan, steps, warning};

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
    let top = match top(only, question, page, count, request).await {
        Ok(top) => top,
        Err(error) => match scan::refusal([(&**only, Some(&error))]) {
            Some(refusal) => return Err(refusal),
            // A part of its answer would look like all of it.
            None => return Ok(EntityPage::failed(question, count, &error)),
        },
    };
    let left_out = top.left_out;
    let mut answer = page_of(vec![top], question, page, count, request).await?;
    warning::add(
        &mut answer.warnings,
        gather::warnings_of(only, request, &left_out).await,
    );
    Ok(answer)
}

/// The answer of several sources that have no entity in common: the first of each, put together.
///
/// # Errors
/// As [`from_one`].
pub(super) async fn from_many_apart(
    all: &AskedSources,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let sub_queries = &all.sub_queries;
    let asking = sub_queries.iter().map(|one| top(one, question, page, count, request));
    let answers = join_all(asking).await;
    let errors = sub_queries.iter().zip(&answers);
    if let Some(refusal) = scan::refusal(errors.map(|(one, answer)| (&**one, answer.as_ref().err()))) {
        return Err(refusal);
    }
    let mut warnings = warning::of_errors(&all.overloaded);
    let mut tops = Vec::with_capacity(answers.len());
    for (one, answer) in sub_queries.iter().zip(answers) {
        match answer {
            Ok(top) => {
                warning::add(&mut warnings, gather::warnings_of(one, request, &top.left_out).await);
                tops.push(top);
            }
            Err(error) => warning::add(&mut warnings, [Warning::from(&error)]),
        }
    }
    let mut answer = page_of(tops, question, page, count, request).await?;
    warning::add(&mut answer.warnings, warnings);
    Ok(answer)
}

/// The page of what the sources have first.
//= 4.23.1-1, 5.2.43-4, 5.7.2.5-1
async fn page_of(
    tops: Vec<Top>,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    if tops.iter().any(|top| top.too_many) {
        return Err(Refusal::TooManyCandidates {
            allowed: MAX_FROM_ONE_SOURCE,
        });
    }
    let matching = tops.iter().map(Top::matching).fold(0, usize::saturating_add);
    let order = question.order.clone();
    let sorting = async move {
        let mut held = None;
        let mut kept = Vec::new();
        for top in tops {
            kept.extend(top.kept);
            match &mut held {
                None => held = Some(top.held),
                Some(held) => held.absorb(top.held),
            }
        }
        let entities: Vec<Entity> = match order {
            Some(order) => {
                let mut sorting = order.begin_sort(kept);
                to_the_end(|steps| sorting.advance(steps)).await
            }
            None => kept.into_iter().map(|(_, entity)| entity).collect(),
        };
        (entities, held)
    };
    let sorted = request.call.resources.compute(sorting).await;
    let (entities, held) = sorted.map_err(Refusal::Exhausted)?;
    let entities: Vec<Entity> = entities.into_iter().skip(page.offset).take(page.limit).collect();
    let more = page.limit > 0 && matching > page.offset.saturating_add(entities.len());
    Ok(EntityPage {
        entities: Entities::at_hand(question, entities, more, held),
        count: count.then_some(matching as u64),
        warnings: Vec::new(),
        next: None,
    })
}

/// What one source has first.
struct Top {
    kept: Vec<(OrderingKey, Entity)>,
    /// How many match, as far as that was found out: more than are wanted, if there are more.
    matching: usize,
    /// How many match, where the source has counted them.
    counted: Option<u64>,
    /// Whether more would have to be held than one request may.
    too_many: bool,
    held: Held,
    left_out: LeftOut,
}

impl Top {
    fn matching(&self) -> usize {
        let counted = self.counted.and_then(|counted| usize::try_from(counted).ok());
        counted.unwrap_or(self.matching)
    }
}

/// What one source has first: as many as come before the end of the page. `count`: how many match is to be known.
async fn top(
    one: &Arc<SubQuery>,
    question: &Arc<Question>,
    page: Page,
    count: bool,
    request: &Request,
) -> Result<Top, AdapterError> {
    let first = |is_in_order: bool| First {
        question: Arc::clone(question),
        source: one.source.id.clone(),
        page,
        matching: 0,
        too_many: false,
        is_in_order,
        kept: Vec::new(),
        held: request.call.resources.held(),
    };
    let mut looked = None;
    let mut counted = None;
    if let Some(in_order) = in_its_order(one, question, page, request).await {
        let found = gather::look_through_stream(one, request, in_order.stream, first(true)).await?;
        let is_whole = in_order.is_whole || found.0.matching > found.0.wanted();
        looked = Some(found).filter(|_| is_whole);
        if count && looked.is_some() {
            // What its own pages would count, too.
            counted = Some(gather::count(one, request).await?.entities);
        }
    }
    let (mut first, left_out) = match looked {
        Some(looked) => looked,
        None => gather::look_through(one, request, first(false)).await?,
    };
    first.sort();
    Ok(Top {
        kept: first.kept,
        matching: first.matching,
        counted,
        too_many: first.too_many,
        held: first.held,
        left_out,
    })
}

/// What comes in an order.
struct InItsOrder {
    stream: EntityStream,
    /// Whether that is everything, and not only what is the first whatever is masked.
    is_whole: bool,
}

/// The candidates in the order that is asked for, where the source can put them in it, and what the consumer may see of them is
/// all that it looks at; so that what is hidden moves nothing.
async fn in_its_order(one: &SubQuery, question: &Question, page: Page, request: &Request) -> Option<InItsOrder> {
    let order = question.order.as_ref()?;
    let is_shown = |path: &AttributePath| {
        let types = &one.query.types;
        shown_in(types, &path.attribute, &one.grants) == ShownIn::All
            && path
                .sub_attributes
                .iter()
                .all(|name| one.grants.includes_sub_attribute(name))
    };
    // A text or a number may be masked; how far something is cannot, nor which id it has.
    let is_never_masked = order.terms().iter().all(|term| {
        let is_id = matches!(term.target, OrderingTarget::Id);
        is_id || term.direction.is_distance() || !one.source.inspection.hides_finds()
    });
    let are_scopes_shown = order
        .terms()
        .iter()
        .all(|term| term.target != OrderingTarget::Scope || !one.grants.may_hide_scopes());
    let is_all_shown = one.restriction.is_none() && order.paths().all(is_shown) && are_scopes_shown;
    if !is_all_shown || !decides_every_condition(one, question) {
        return None;
    }
    let mut names = depended_on(&question.query);
    names.extend(order.paths().map(|path| path.attribute.clone()));
    if Unless::of_relationships(names).is_held_by(one, &request.call).await {
        return None;
    }
    let first = Foremost {
        most: page.offset.saturating_add(page.limit).saturating_add(1),
        sure_below: (!is_never_masked).then_some(TWELVE_DIGITS),
    };
    let stream = one.prepared().ordered(order, first, &request.call)?;
    Some(InItsOrder {
        stream,
        is_whole: is_never_masked,
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
    /// Whether they come in their order, so that no other is needed behind the page.
    is_in_order: bool,
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
        if self.is_in_order && self.matching > self.wanted() {
            // One more than the page is known of.
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
            is_in_order: false,
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
        first.sort();
        let texts: Vec<String> = first
            .kept
            .iter()
            .map(|(_, entity)| format!("{:?}", entity.attribute(&heights).unwrap().instances[0].value))
            .collect();
        assert_eq!(texts.len(), 5);
        for (text, height) in texts.iter().zip((4995..5000).rev()) {
            assert!(text.contains(&height.to_string()), "{texts:?}");
        }
    }
}
