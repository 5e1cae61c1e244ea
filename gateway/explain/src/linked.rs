//! Which sources would be asked for linked entities. Their ids stand in answers that nobody has, so that no request can
//! be shown.

use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::Question;
use kakehashi_federation::linked::question_about;
use kakehashi_federation::linked_conditions::MAX_CONDITION_TARGETS;
use kakehashi_federation::linked_retrieval::{Form, Join, MAX_LINKED};
use kakehashi_federation::plan::{Asker, narrow, types_named_here};
use ngsi_ld::TypeName;
use ngsi_ld::query::{AttributePath, Expression, Query, TypeSelection};
use serde::Serialize;

use super::Explanation;

/// Linked entities that would be asked for by their ids.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedQuestion {
    /// What asks for them: the parameter and what it says.
    pub because: String,
    /// What they must be of; none: they may be of any type, unless `objectType` of the Relationship says more.
    pub types: Vec<String>,
    /// The sources that would be asked, as far as they may hold an id.
    pub sources: Vec<LinkedSource>,
    /// How many entities may be asked for.
    pub at_most: usize,
}

/// A source that would be asked for linked entities.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedSource {
    /// Whose data it is.
    pub tenant: String,
    /// The source, or the store of which the tenant has a partition.
    pub source: String,
}

/// Adds what a read would ask of linked entities.
pub(super) fn of_reading(question: &Question, join: Option<&Join>, asker: &Asker<'_>, explanation: &mut Explanation) {
    let mut hints = Vec::new();
    if let Some(filter) = &question.query.filter {
        collect(filter, &mut hints);
    }
    for (path, types) in hints {
        add(
            format!("q, {path}"),
            types,
            MAX_CONDITION_TARGETS,
            question,
            asker,
            explanation,
        );
    }
    if let Some(join) = join {
        let form = match join.form {
            Form::Inline => "inline",
            Form::Flat => "flat",
        };
        let because = format!("join={form}, up to joinLevel={}", join.levels);
        add(because, Vec::new(), MAX_LINKED, question, asker, explanation);
    }
}

fn add(
    because: String,
    types: Vec<TypeName>,
    at_most: usize,
    question: &Question,
    asker: &Asker<'_>,
    explanation: &mut Explanation,
) {
    let shown_types = types.iter().map(compact_type).collect();
    let selection =
        (!types.is_empty()).then(|| TypeSelection::Any(types.into_iter().map(TypeSelection::Type).collect()));
    let query = Query {
        types: selection,
        ..Query::default()
    };
    let question = question_about(question, query, None);
    let named = types_named_here(&question, asker.policies);
    match narrow(&question, asker, &named) {
        Ok(sub_queries) => {
            let mut sources: Vec<LinkedSource> = sub_queries
                .iter()
                .map(|sub_query| LinkedSource {
                    tenant: sub_query.source.tenant.as_str().to_owned(),
                    source: sub_query.source.id.as_str().to_owned(),
                })
                .collect();
            sources.dedup();
            explanation.linked.push(LinkedQuestion {
                because,
                types: shown_types,
                sources,
                at_most,
            });
        }
        Err(refusal) => explanation
            .notes
            .push(format!("{because}: the request would be refused with 403: {refusal}")),
    }
}

/// The Relationships that conditions follow, each as a path with the types of what it leads to.
fn collect(filter: &Expression, hints: &mut Vec<(String, Vec<TypeName>)>) {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => {
            for part in parts {
                collect(part, hints);
            }
        }
        Expression::Condition(condition) => collect_path(&condition.path, &mut String::new(), hints),
    }
}

fn collect_path(path: &AttributePath, before: &mut String, hints: &mut Vec<(String, Vec<TypeName>)>) {
    let Some(linked) = &path.linked else { return };
    before.push_str(&compact_attribute(&path.attribute));
    let hint = (before.clone(), linked.types.clone());
    if !hints.contains(&hint) {
        hints.push(hint);
    }
    before.push('.');
    collect_path(&linked.path, before, hints);
}
