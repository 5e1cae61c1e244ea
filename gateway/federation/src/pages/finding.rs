//! Whether a source finds an entity by what it says of it alone.
//!
//! A source may narrow its answer by conditions that it does not decide exactly, and may hold a part of an entity that does not
//! meet them. Which of several sources is the first to find an entity must not depend on that: an entity is found by a source
//! if the source's own part meets the conditions that the source narrows by.

use kakehashi_adapters::Coverage;
use kakehashi_resources::Exhausted;
use kakehashi_runtime::steps::to_the_end;
use ngsi_ld::Entity;
use ngsi_ld::query::Query;

use crate::Question;
use crate::plan::SubQuery;
use crate::told::without_modified;

/// What the part of a source must meet.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The conditions; `None`: the source narrows by none.
    conditions: Option<Query>,
    /// Whether the source itself finds what meets them and nothing else.
    is_exact: bool,
}

impl Finding {
    /// That of one source.
    pub(crate) fn of(sub_query: &SubQuery, question: &Question) -> Self {
        let push_down = sub_query.push_down();
        let mut is_exact = true;
        let mut narrows = |is_told: bool, coverage: Coverage| {
            let narrows = is_told && coverage != Coverage::None;
            is_exact &= !narrows || coverage == Coverage::Exact;
            narrows
        };
        let filter = narrows(sub_query.told.filter != Coverage::None, push_down.filter)
            .then(|| question.query.filter.as_ref().and_then(without_modified))
            .flatten();
        let geo = narrows(sub_query.told.geo, push_down.geo).then(|| question.query.geo.clone());
        let scope = narrows(sub_query.told.scope, push_down.scope).then(|| question.query.scope.clone());
        let any = &sub_query.query.any_attribute;
        let attributes = narrows(!any.is_empty(), push_down.any_attribute).then(|| any.clone());
        let conditions = Query {
            filter: filter.map(std::borrow::Cow::into_owned),
            geo: geo.flatten(),
            scope: scope.flatten(),
            attributes: attributes.unwrap_or_default(),
            ..Query::default()
        };
        let is_none = conditions == Query::default();
        Self {
            conditions: (!is_none).then_some(conditions),
            is_exact,
        }
    }

    /// Whether the source finds an entity that has this part there.
    pub(crate) async fn finds(&self, part: &Entity) -> Result<bool, Exhausted> {
        let Some(conditions) = &self.conditions else {
            return Ok(true);
        };
        let mut evaluation = conditions.begin(part);
        let meets = to_the_end(|steps| evaluation.advance(steps)).await;
        meets.map_err(|_| Exhausted::Steps)
    }

    /// The same of what the source has sent as an answer.
    pub(crate) async fn has_found(&self, part: &Entity) -> Result<bool, Exhausted> {
        if self.is_exact {
            Ok(true)
        } else {
            self.finds(part).await
        }
    }
}
