//! Narrowing a question to what the consumer may see, and splitting it into one sub-query per source.
//!
//! What is not granted is not even asked of a source: neither as an attribute of the answer nor in a
//! condition. Types with different grants in one source are asked separately, so that an attribute that is
//! granted for one type is never asked for another.

use std::sync::Arc;

use futures::future::join_all;
use kakehashi_adapters::{AdapterError, AttributeSelection, Call, Coverage, ErrorKind, SourceQuery};
use ngsi_ld::query::{Expression, Query};
use ngsi_ld::{AttributeName, TypeName};

use super::registry::{RegisteredSource, Registry};
use super::release::Audit;
use super::tenant_limits::TenantLimiters;
use super::{Question, Refusal, is_system_date};
use crate::config::{Consumer, TenantId};
use crate::policy::{GrantSet, Operation, PersonalData, PolicyEngine};

/// What one source is asked, and what may be shown of its answer.
#[derive(Debug)]
pub struct SubQuery {
    /// Whom.
    pub source: Arc<RegisteredSource>,
    /// What.
    pub query: SourceQuery,
    /// The grants of the source's owner.
    pub grants: Arc<GrantSet>,
    /// What inspection finds.
    pub audit: Arc<Audit>,
}

/// A question, narrowed and split.
#[derive(Debug)]
pub struct Plan {
    /// What the sources are asked, in the order of the configuration. None at all when nothing is granted or no
    /// source matches.
    pub sub_queries: Vec<SubQuery>,
    /// Sources that are not asked, although they could hold a part: their tenant's limit is used up.
    pub overloaded: Vec<AdapterError>,
}

/// Who asks, and by what rules.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The consumer.
    pub consumer: &'a Arc<Consumer>,
    /// The operation, as the policies name it.
    pub operation: Operation,
    /// The policies.
    pub policies: &'a PolicyEngine,
    /// The sources.
    pub registry: &'a Registry,
    /// How many questions may touch a tenant's sources.
    pub tenant_limits: &'a TenantLimiters,
    /// Sources that one request may need.
    pub fan_out: usize,
}

/// The types that a question is about: those that it names or, where it names none, those that somebody else
/// names, and those of which a source without personal data says that it holds them. From other sources a type
/// that nobody has classified is denied anyway.
async fn named_types(question: &Question, asker: &Asker<'_>, call: &Call) -> Vec<TypeName> {
    if let Some(selection) = &question.query.types {
        return selection.names().into_iter().cloned().collect();
    }
    let mut named = asker.policies.known_types().to_vec();
    let tells = asker.registry.sources().iter().filter(|source| {
        let may_be_asked = question.tenant.as_ref().is_none_or(|tenant| *tenant == source.tenant);
        may_be_asked && source.holds_any_type() && source.personal_data == PersonalData::None
    });
    let held = join_all(tells.map(|source| source.adapter.held_types(call))).await;
    // A source that fails here fails when it is asked for what is known, too, and is named then.
    named.extend(held.into_iter().flatten().flatten());
    named.sort_unstable();
    named.dedup();
    named
}

/// Narrows and splits a question.
///
/// # Errors
/// [`Refusal::TooManySources`]
pub async fn plan(question: &Question, asker: &Asker<'_>, call: &Call) -> Result<Plan, Refusal> {
    let named = named_types(question, asker, call).await;
    let mut sub_queries = Vec::new();
    for source in asker.registry.holding(&named) {
        let asked_tenant = question.tenant.as_ref().is_none_or(|tenant| *tenant == source.tenant);
        if asked_tenant && (source.is_store || !question.local) {
            split_by_grant(source, &named, question, asker, &mut sub_queries);
        }
    }
    let mut sources: Vec<*const RegisteredSource> = sub_queries
        .iter()
        .map(|sub_query| Arc::as_ptr(&sub_query.source))
        .collect();
    sources.dedup();
    if sources.len() > asker.fan_out {
        return Err(Refusal::TooManySources {
            needed: sources.len(),
            allowed: asker.fan_out,
        });
    }
    if sources.len() > 1 {
        // Where nothing else decides which of two parts is newer, `modifiedAt` does (clause 4.5.5.3).
        for sub_query in &mut sub_queries {
            sub_query.query.system_attributes = true;
        }
    }
    let overloaded = take_out_overloaded(&mut sub_queries, asker.tenant_limits);
    Ok(Plan {
        sub_queries,
        overloaded,
    })
}

/// Spends one token of each tenant that the question touches, and takes out the sources of those without any.
fn take_out_overloaded(sub_queries: &mut Vec<SubQuery>, limits: &TenantLimiters) -> Vec<AdapterError> {
    let mut admitted: Vec<(TenantId, bool)> = Vec::new();
    let mut overloaded = Vec::new();
    sub_queries.retain(|sub_query| {
        let tenant = &sub_query.source.tenant;
        let known = admitted
            .iter()
            .find(|(earlier, _)| earlier == tenant)
            .map(|(_, admitted)| *admitted);
        let is_admitted = known.unwrap_or_else(|| {
            let is_admitted = limits.admit(tenant);
            admitted.push((tenant.clone(), is_admitted));
            is_admitted
        });
        if !is_admitted {
            let detail = "the limit of the source's tenant is used up";
            overloaded.push(AdapterError::new(&sub_query.source.id, ErrorKind::Overloaded, detail));
        }
        is_admitted
    });
    overloaded
}

/// Adds the sub-queries for one source: one for each group of types with the same granted attributes.
fn split_by_grant(
    source: &Arc<RegisteredSource>,
    named: &[TypeName],
    question: &Question,
    asker: &Asker<'_>,
    sub_queries: &mut Vec<SubQuery>,
) {
    let held: Vec<TypeName> = named
        .iter()
        .filter(|r#type| source.may_hold(r#type, &question.query.ids))
        .cloned()
        .collect();
    let grants = Arc::new(asker.policies.grants(
        asker.consumer,
        asker.operation,
        &source.tenant,
        &held,
        source.personal_data,
    ));
    let audit = Arc::new(Audit::new(&asker.consumer.id, source));
    let mut groups: Vec<(AttributeSelection, Vec<TypeName>)> = Vec::new();
    for (types, granted) in grants.by_selection() {
        let attributes = asked_attributes(question, &granted);
        match groups.iter_mut().find(|(earlier, _)| *earlier == attributes) {
            Some((_, earlier)) => earlier.extend(types),
            None => groups.push((attributes, types)),
        }
    }
    for (attributes, types) in groups {
        sub_queries.push(SubQuery {
            source: Arc::clone(source),
            query: source_query(question, types, attributes, &grants),
            grants: Arc::clone(&grants),
            audit: Arc::clone(&audit),
        });
    }
}

/// The granted attributes that the question needs: those that are shown, and those that a condition looks at.
fn asked_attributes(question: &Question, granted: &AttributeSelection) -> AttributeSelection {
    let Some(shown) = &question.shown else {
        return granted.clone();
    };
    let mut needed: Vec<AttributeName> = Vec::new();
    let conditions = question.query.filter.iter().flat_map(Expression::attributes);
    let place = question.query.geo.iter().map(|geo| &geo.property);
    for name in shown
        .iter()
        .chain(&question.query.attributes)
        .chain(conditions)
        .chain(place)
    {
        if granted.includes(name) && !needed.contains(name) {
            needed.push(name.clone());
        }
    }
    AttributeSelection::only(needed)
}

/// The question for one source. A condition that touches a hidden attribute stays with the gateway, which
/// evaluates it on what is left after projection: as if no entity had the attribute.
fn source_query(
    question: &Question,
    types: Vec<TypeName>,
    attributes: AttributeSelection,
    grants: &GrantSet,
) -> SourceQuery {
    let Query {
        ids,
        id_pattern,
        attributes: any_attribute,
        filter,
        geo,
        ..
    } = &question.query;
    let pushed = !question.split_entities;
    let any_visible: Vec<AttributeName> = any_attribute
        .iter()
        .filter(|name| attributes.includes(name))
        .cloned()
        .collect();
    SourceQuery {
        ids: ids.clone(),
        id_pattern: id_pattern.clone(),
        // None of them visible: no entity of this source matches, which the gateway finds out by itself.
        any_attribute: if pushed { any_visible } else { Vec::new() },
        filter: filter
            .clone()
            .filter(|filter| pushed && touches_only(filter, &attributes, grants)),
        geo: geo.clone().filter(|geo| pushed && attributes.includes(&geo.property)),
        // A condition on a system date is evaluated on what the source says of it.
        system_attributes: question.system_attributes || filter.as_ref().is_some_and(touches_system_dates),
        page: None,
        types,
        attributes,
    }
}

/// Whether every attribute and every attribute of an attribute that the filter looks at is granted, so that a
/// source may be told of it.
fn touches_only(filter: &Expression, attributes: &AttributeSelection, grants: &GrantSet) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().all(|part| touches_only(part, attributes, grants))
        }
        Expression::Condition(condition) => {
            let path = &condition.path;
            attributes.includes(&path.attribute)
                && path
                    .sub_attributes
                    .iter()
                    .all(|name| grants.includes_sub_attribute(name))
        }
    }
}

/// Whether the filter looks at dates that the system keeps (clause 4.8).
fn touches_system_dates(filter: &Expression) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(touches_system_dates),
        Expression::Condition(condition) => {
            is_system_date(&condition.path.attribute) || condition.path.sub_attributes.iter().any(is_system_date)
        }
    }
}

impl SubQuery {
    /// Whether the source decides the whole question by itself, so that its pages and counts are those of the
    /// view: it evaluates every condition, and nothing that it answers is left out afterwards. `question` is the
    /// question before it was narrowed. What remains to be asked is whether it has entities of several types, of
    /// which one may hide them.
    #[must_use]
    pub fn is_exact(&self, question: &Query) -> bool {
        let all_pushed = self.query.filter.is_some() == question.filter.is_some()
            && self.query.geo.is_some() == question.geo.is_some()
            && self.query.any_attribute.len() == question.attributes.len();
        let types_decided = question
            .types
            .as_ref()
            .is_none_or(|selection| selects_each(selection, &self.query.types));
        let all_provided = self.query.types.iter().all(|r#type| self.source.provides_every(r#type));
        all_pushed && types_decided && all_provided && self.source.adapter.push_down(&self.query).is_exact()
    }

    /// Whether the source leaves entities out because of their attributes, so that a part of an entity that
    /// another source has found may be missing from its answer.
    #[must_use]
    pub fn filters_parts(&self) -> bool {
        let push_down = self.source.adapter.push_down(&self.query);
        let conditional = |given: bool, coverage: Coverage| given && coverage != Coverage::None;
        conditional(self.query.filter.is_some(), push_down.filter)
            || conditional(self.query.geo.is_some(), push_down.geo)
            || conditional(!self.query.any_attribute.is_empty(), push_down.any_attribute)
    }

    /// The same question, for one page of the answer.
    #[must_use]
    pub fn paged(&self, page: kakehashi_adapters::Page) -> Self {
        Self {
            source: Arc::clone(&self.source),
            grants: Arc::clone(&self.grants),
            audit: Arc::clone(&self.audit),
            query: SourceQuery {
                page: Some(page),
                ..self.query.clone()
            },
        }
    }

    /// The same question without the conditions on attributes, for some ids only.
    #[must_use]
    pub fn completing(&self, ids: Vec<ngsi_ld::EntityId>) -> Self {
        Self {
            source: Arc::clone(&self.source),
            grants: Arc::clone(&self.grants),
            audit: Arc::clone(&self.audit),
            query: SourceQuery {
                ids,
                any_attribute: Vec::new(),
                filter: None,
                geo: None,
                page: None,
                ..self.query.clone()
            },
        }
    }
}

/// Whether each of these types alone satisfies the selection, so that asking for any of them decides it.
fn selects_each(selection: &ngsi_ld::query::TypeSelection, types: &[TypeName]) -> bool {
    types
        .iter()
        .all(|r#type| selection.selects(std::slice::from_ref(r#type)))
}
