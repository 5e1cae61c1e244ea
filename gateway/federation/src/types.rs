//! `retrieveEntityTypes` (clause 5.7.5): the types of which the consumer may see at least one entity.

use std::sync::Arc;

use kakehashi_adapters::{AttributeSelection, Call, Page};
use ngsi_ld::query::Query;
use ngsi_ld::{Entity, TypeName};

use super::claimed::Standing;
use super::gather::{self, Found, Request, SourceAnswer};
use super::plan::{Asker, SubQuery, plan};
use super::{Question, Refusal, Warning, scan, warning};

/// Entities of one type that are looked at, where one is not enough: a request to a source that tells a thousand at once.
pub(super) const FIRST: Page = Page { limit: 500, offset: 0 };

/// The types that there are.
#[derive(Debug)]
pub struct AvailableTypes {
    /// Expanded names, each once, in the order of their text.
    pub types: Vec<TypeName>,
    /// The sources whose types are missing.
    pub warnings: Vec<Warning>,
}

/// Asks every source, for each granted type, whether it holds one entity.
///
/// # Errors
/// [`Refusal::TooManySources`], [`Refusal::ScanTooWide`]
pub async fn types(question: &Question, asker: &Asker<'_>, request: &Request) -> Result<AvailableTypes, Refusal> {
    let mut plan = plan(question, asker, &request.call).await?;
    leave_out_absent_types(&mut plan.sub_queries, &request.call).await;
    let mut by_type: Vec<SubQuery> = Vec::new();
    for sub_query in &plan.sub_queries {
        let several = sub_query
            .source
            .adapter
            .has_entities_of_several_types(&[], &request.call)
            .await;
        by_type.extend(one_for_each_type(sub_query, !matches!(several, Ok(false))));
    }
    let by_type: Vec<Arc<SubQuery>> = by_type.into_iter().map(Arc::new).collect();
    let mut answers = gather::gather(&by_type, request).await?;
    // Where the first is left out, or stands with what another tenant says alone, another tells whether there are any.
    let (places, again): (Vec<usize>, Vec<Arc<SubQuery>>) = (by_type.iter().zip(&answers).enumerate())
        .filter_map(|(place, (sub_query, answer))| match is_left_out(answer) {
            true => Some((place, Arc::new(sub_query.unpaged()))),
            false => is_of_others_alone(sub_query, answer).then(|| (place, Arc::new(sub_query.paged(FIRST)))),
        })
        .unzip();
    if !again.is_empty() {
        for (place, answer) in places.into_iter().zip(gather::gather(&again, request).await?) {
            if let Some(first) = answers.get_mut(place) {
                *first = answer;
            }
        }
    }
    if let Some(refusal) = scan::refusal(
        by_type
            .iter()
            .map(|sub_query| &**sub_query)
            .zip(answers.iter().map(|answer| answer.as_ref().err())),
    ) {
        return Err(refusal);
    }
    let mut types: Vec<TypeName> = Vec::new();
    let mut warnings = warning::of_errors(&plan.overloaded);
    for (sub_query, answer) in by_type.iter().zip(answers) {
        match answer {
            Ok(Found { entities, left_out, .. }) => {
                let shown = entities.into_iter().filter(|entity| is_shown(sub_query, entity));
                types.extend(shown.flat_map(|entity| entity.types));
                let told = gather::warning_of_left_out(sub_query, request, &left_out).await;
                warning::add(&mut warnings, told);
            }
            Err(error) => warning::add(&mut warnings, [Warning::from(&error)]),
        }
    }
    types.sort_unstable();
    types.dedup();
    Ok(AvailableTypes { types, warnings })
}

/// Leaves out what a partition of the store need not be asked: types of which it says that it has no entity. To find none of a type
/// it would have to look at all of others.
pub(super) async fn leave_out_absent_types(sub_queries: &mut Vec<SubQuery>, call: &Call) {
    for sub_query in sub_queries.iter_mut().filter(|one| one.source.is_store) {
        let Ok(held) = sub_query.source.adapter.held_types(call).await else {
            continue;
        };
        if !sub_query.query.types.iter().all(|asked| held.contains(asked)) {
            let query = &mut *sub_query.query;
            query.types.retain(|asked| held.contains(asked));
        }
    }
    sub_queries.retain(|one| !one.query.types.is_empty());
}

/// Whether a source holds something of a type, of which nothing can be shown.
fn is_left_out(answer: &SourceAnswer) -> bool {
    let found = answer.as_ref();
    found.is_ok_and(|found| found.entities.is_empty() && !found.left_out.is_empty())
}

/// Whether the first that a source has found only adds to what another tenant says.
fn is_of_others_alone(sub_query: &SubQuery, answer: &SourceAnswer) -> bool {
    let found = answer.as_ref();
    sub_query.page.is_some()
        && found.is_ok_and(|found| {
            let mut entities = found.entities.iter();
            !found.entities.is_empty() && !entities.any(|entity| is_shown(sub_query, entity))
        })
}

/// Whether an entity stands by itself. What only adds to another tenant's stands with that one, whose types are that tenant's to say.
fn is_shown(sub_query: &SubQuery, entity: &Entity) -> bool {
    sub_query.of_one_tenant || sub_query.standing(entity) != Standing::Addition
}

/// The question whether a source holds an entity, for each type that it is asked for. No attribute is needed
/// to know that but those by which permits tell which entities they cover. One entity is enough where nothing may hide
/// the first; otherwise all must be looked at.
pub fn one_for_each_type(sub_query: &SubQuery, any_may_be_hidden: bool) -> Vec<SubQuery> {
    sub_query
        .query
        .types
        .iter()
        .map(|r#type| {
            let mut one = sub_query.paged(Page { limit: 1, offset: 0 });
            let judged = sub_query
                .restriction
                .as_ref()
                .map(|restriction| restriction.attributes.clone());
            let query = &mut *one.query;
            query.types = vec![r#type.clone()];
            query.attributes = AttributeSelection::only(judged.unwrap_or_default());
            if any_may_be_hidden || !one.is_exact(&Query::default()) {
                one.page = None;
            }
            one
        })
        .collect()
}
