//! What takes many steps, taken so that others have their turn in between; and what would take too many.

use std::sync::Arc;
use std::time::Instant;

use kakehashi_resources::{Exhausted, pause};
use kakehashi_runtime::steps::to_the_end;
use ngsi_ld::Entity;
use ngsi_ld::query::{Complexity, Ordering, OrderingKey};

use super::gather::Request;
use super::{Question, Refusal};

/// Positions of geometries that one request is taken to look at, where it looks at geometries at all: a hundred of them in
/// each of ten thousand entities. It is a bound that is stated, not what some source holds.
const POSITIONS: usize = 1_000_000;

/// What a position costs to be made ready for comparisons, as if it were so many bytes of JSON.
const BYTES_OF_A_POSITION: usize = 128;

/// How many steps there are in a second of one processor.
const STEPS_IN_A_SECOND: f64 = 10_000_000.0;

/// What decides where an entity comes.
pub(super) async fn key(order: &Ordering, entity: &Entity) -> OrderingKey {
    let mut evaluation = order.begin_key(entity);
    to_the_end(|steps| evaluation.advance(steps)).await
}

/// Entities in their order.
pub(super) async fn sorted(order: &Ordering, entities: Vec<Entity>) -> Vec<Entity> {
    let mut keyed = Vec::with_capacity(entities.len());
    for entity in entities {
        keyed.push((key(order, &entity).await, entity));
        pause().await;
    }
    let mut sorting = order.begin_sort(keyed);
    to_the_end(|steps| sorting.advance(steps)).await
}

/// Refuses what could not be decided in time, as far as the question alone tells: by the entities that one request may look
/// at, whatever there are.
///
/// # Errors
/// [`Refusal::TooComplex`], [`Refusal::Exhausted`]
pub(super) async fn check(question: &Arc<Question>, request: &Request) -> Result<(), Refusal> {
    let of_geo = question.query.geo.as_ref();
    let of_geo = of_geo.map_or(0, |geo| geo.geometry.geometry().count_positions());
    let positions = of_geo.max(question.order.as_ref().map_or(0, Ordering::count_positions));
    let complexity = if positions > 1 {
        // To know what a geometry costs it has to be made ready, which is needed anyway.
        let asked = Arc::clone(question);
        let finding = async move { asked.complexity() };
        let bytes = positions.saturating_mul(BYTES_OF_A_POSITION);
        let found = request.call.resources.compute_over(bytes, finding).await;
        found.map_err(Refusal::Exhausted)?
    } else {
        question.complexity()
    };
    let left = request.call.deadline.saturating_duration_since(Instant::now());
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let needed = complexity.steps(request.scan, POSITIONS) as f64;
    if needed > left.as_secs_f64() * STEPS_IN_A_SECOND {
        return Err(Refusal::TooComplex);
    }
    Ok(())
}

impl Question {
    fn complexity(&self) -> Complexity {
        let order = self.order.as_ref().map(Ordering::complexity).unwrap_or_default();
        self.query.complexity().and(order)
    }

    /// Whether an entity meets the conditions, and something of it is shown. Others have their turn in between.
    ///
    /// # Errors
    /// [`Exhausted::Steps`] when it cannot be found out in a bounded number of steps.
    //= 5.7.2.4-21
    pub(super) async fn selects(&self, entity: &Entity) -> Result<bool, Exhausted> {
        let mut evaluation = self.query.begin(entity);
        let matches = to_the_end(|steps| evaluation.advance(steps)).await;
        let matches = matches.map_err(|_| Exhausted::Steps)?;
        Ok(matches && self.is_chosen(entity) && self.leaves_something(entity))
    }
}
