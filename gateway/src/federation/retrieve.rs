//! `retrieveEntity` (clause 5.7.1): one entity, from every source that may hold a part of it.

use std::time::SystemTime;

use futures::future::join_all;
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;
use ngsi_ld::merge::{Part, merge_parts};

use super::gather::{self, Request};
use super::plan::{Asker, SubQuery, plan};
use super::{Question, Refusal, Warning};

/// The entity, or the lack of one.
#[derive(Debug)]
pub struct Answer {
    /// The entity; `None` when no source that answered has one for this consumer.
    pub entity: Option<Entity>,
    /// The sources whose part is missing.
    pub warnings: Vec<Warning>,
}

/// Answers a question that names exactly one id.
///
/// # Errors
/// [`Refusal::TooManySources`]
pub async fn retrieve(question: &Question, asker: &Asker<'_>, request: &Request) -> Result<Answer, Refusal> {
    let plan = plan(question, asker, &request.call).await?;
    let one_id = |sub_query: &SubQuery| sub_query.by_id(question.query.ids.clone());
    let sub_queries: Vec<SubQuery> = plan.sub_queries.iter().map(one_id).collect();
    let answers = join_all(sub_queries.iter().map(|sub_query| gather::retrieve(sub_query, request))).await;
    let mut parts = Vec::new();
    let mut errors = plan.overloaded;
    for (sub_query, answer) in sub_queries.iter().zip(answers) {
        match answer {
            // A source that answers with another id was not asked for it.
            Ok(Some(entity)) if question.query.ids.contains(&entity.id) => {
                let authoritative = sub_query.source.is_authoritative_for(&entity);
                parts.push(Part { entity, authoritative });
            }
            Ok(_) => {}
            Err(error) => errors.push(error),
        }
    }
    // One part is the entity.
    let merged = if parts.len() > 1 {
        merge_parts(parts, &DateTime::from_system_time(SystemTime::now()))
    } else {
        parts.pop().map(|only| only.entity)
    };
    let entity = merged.and_then(|mut entity| {
        // Clause 5.7.1.4: first `datasetId`; what it leaves must have one of `attrs`. The whole entity must meet both.
        if let Some(datasets) = &question.datasets {
            datasets.apply(&mut entity);
        }
        let is_selected = question.selects(&entity);
        question.reduce(&mut entity);
        is_selected.then_some(entity)
    });
    Ok(Answer {
        entity,
        warnings: gather::warnings(&errors),
    })
}
