//! `retrieveEntity` (clause 5.7.1): one entity, from every source that may hold a part of it.

use std::time::SystemTime;

use futures::future::join_all;
use kakehashi_adapters::{LeftOut, Yielded};
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;
use ngsi_ld::merge::{Clock, merge_parts};

use super::additions::{PartsOfOne, RankedPart, in_rank, take_out_ownerless};
use super::gather::{self, Request};
use super::plan::{Asker, SubQuery, plan};
use super::{Question, Refusal, Warning, scan, warning};

/// The entity, or the lack of one.
#[derive(Debug)]
pub struct RetrievedEntity<T> {
    /// The entity; `None` when no source that answered has one for this consumer.
    pub entity: Option<Entity>,
    /// What was made of all that the consumer sees of it; `None` where not all of that was asked for.
    pub tag: Option<T>,
    /// The sources whose part is missing.
    pub warnings: Vec<Warning>,
}

/// Answers a question that names exactly one id. `tag` is made of the entity as the consumer sees it, before anything of it is
/// chosen to be shown.
///
/// # Errors
/// [`Refusal::TooManySources`]
//= 5.7.1.4-5
pub async fn retrieve<T>(
    question: &Question,
    asker: &Asker<'_>,
    request: &Request,
    tag: impl FnOnce(&Entity) -> T,
) -> Result<RetrievedEntity<T>, Refusal> {
    let plan = plan(question, asker, &request.call).await?;
    let by_id = plan.sub_queries.into_iter().map(SubQuery::into_by_id);
    let mut sub_queries: Vec<SubQuery> = by_id.collect();
    if let [only] = sub_queries.as_mut_slice() {
        only.is_only = true;
    }
    let answers = match sub_queries.as_slice() {
        // One source, as most often, needs no bookkeeping of several.
        [only] => vec![gather::retrieve(only, request).await],
        several => join_all(several.iter().map(|sub_query| gather::retrieve(sub_query, request))).await,
    };
    let mut parts = PartsOfOne::new();
    let mut warnings = warning::of_errors(&plan.overloaded);
    for ((rank, sub_query), answer) in sub_queries.iter().enumerate().zip(answers) {
        match answer {
            // A source that answers with another id was not asked for it.
            Ok(Some(Yielded::Entity(entity))) if question.query.ids.contains(&entity.id) => {
                parts.push(RankedPart::new(rank, sub_query, entity));
            }
            Ok(Some(Yielded::LeftOut(flaw))) => {
                let left_out = LeftOut::from_iter([flaw]);
                let told = gather::warning_of_left_out(sub_query, request, &left_out).await;
                warning::add(&mut warnings, told);
            }
            Ok(_) => {}
            Err(error) => {
                if let Some(refusal) = scan::exhausted(&error) {
                    return Err(refusal);
                }
                warning::add(&mut warnings, [Warning::from(&error)]);
            }
        }
    }
    let asked: Vec<&SubQuery> = sub_queries.iter().collect();
    for part in take_out_ownerless(&mut parts, &asked) {
        let told = asked
            .get(part.rank)
            .and_then(|asked| gather::ownerless(asked, request, 1));
        warning::add(&mut warnings, told);
    }
    // One part is the entity.
    let merged = if parts.len() > 1 {
        merge_parts(
            in_rank(parts),
            &Clock::at(DateTime::from_system_time(SystemTime::now())),
        )
    } else {
        parts.pop().map(|only| only.entity)
    };
    let Some(mut entity) = merged else {
        return Ok(RetrievedEntity {
            entity: None,
            tag: None,
            warnings,
        });
    };
    let tag = question.asks_for_the_whole(asker).then(|| tag(&entity));
    // Clause 5.7.1.4: first `datasetId`; what it leaves must have one of `attrs`. The whole entity must meet both.
    if let Some(datasets) = &question.datasets {
        datasets.apply(&mut entity);
    }
    let is_selected = question.selects(&entity).await.map_err(Refusal::Exhausted)?;
    question.reduce(&mut entity);
    Ok(RetrievedEntity {
        entity: is_selected.then_some(entity),
        tag,
        warnings,
    })
}
