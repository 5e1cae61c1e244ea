//! Whether an entity meets the conditions of a question, as the evaluator of `ngsi_ld::query` says it.

use std::task::Poll;
use std::time::SystemTime;

use kakehashi_contract::{Coverage, PushDown, SourceQuery};
use kakehashi_resources::{Exhausted, pause};
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;
use ngsi_ld::query::Steps;

/// Steps between two looks at whether others wait, of some 100 ns each.
const AT_ONCE: usize = 2_000;

/// Nothing is decided yet.
pub const UNDECIDED: PushDown = PushDown {
    selection: Coverage::None,
    id_pattern: Coverage::None,
    any_attribute: Coverage::None,
    filter: Coverage::None,
    geo: Coverage::None,
    scope: Coverage::None,
};

/// Whether an entity meets what of a question is not decided yet.
///
/// # Errors
/// [`Exhausted::Steps`] where that cannot be found out in a bounded number of steps.
pub async fn meets(query: &SourceQuery, decided: &PushDown, entity: &Entity) -> Result<bool, Exhausted> {
    let open = |coverage: Coverage| coverage != Coverage::Exact;
    if open(decided.selection)
        && !(query.types.iter().any(|name| entity.has_type(name))
            && (query.ids.is_empty() || query.ids.contains(&entity.id)))
    {
        return Ok(false);
    }
    let id_pattern = query.id_pattern.as_ref().filter(|_| open(decided.id_pattern));
    let any_attribute = Some(&query.any_attribute).filter(|names| !names.is_empty() && open(decided.any_attribute));
    let scope = query.scope.as_ref().filter(|_| open(decided.scope));
    let filter = query.filter.as_ref().filter(|_| open(decided.filter));
    if id_pattern.is_some_and(|pattern| !pattern.matches(&entity.id))
        || any_attribute.is_some_and(|names| !names.iter().any(|name| entity.attribute(name).is_some()))
        || scope.is_some_and(|scope| !scope.matches(&entity.scopes))
        || filter.is_some_and(|filter| !filter.matches(entity))
    {
        return Ok(false);
    }
    let Some(geo) = query.geo.as_ref().filter(|_| open(decided.geo)) else {
        return Ok(true);
    };
    let mut evaluation = geo.begin(entity);
    let matches = to_the_end(|steps| evaluation.advance(steps)).await;
    matches.map_err(|_| Exhausted::Steps)
}

/// Goes on with something until it has ended.
pub(crate) async fn to_the_end<T>(mut advance: impl FnMut(&mut Steps) -> Poll<T>) -> T {
    loop {
        let mut steps = Steps::new(AT_ONCE);
        if let Poll::Ready(end) = advance(&mut steps) {
            return end;
        }
        pause().await;
    }
}

/// Whether an entity has ceased to be valid since it was read: its source would not send it any more.
pub(crate) fn has_expired(entity: &Entity) -> bool {
    let expires = entity.system.expires_at();
    expires.is_some_and(|expires| *expires <= DateTime::from_system_time(SystemTime::now()))
}
