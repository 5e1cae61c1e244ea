//! Narrowing a question to what the consumer may see, and splitting it into one sub-query per source.
//!
//! What is not granted is not even asked of a source: neither as an attribute of the answer nor in a
//! condition. Types with different grants in one source are asked separately, so that an attribute that is
//! granted for one type is never asked for another.
//!
//! Where permits cover some entities of a type only, the source is asked for those as far as it can tell them apart:
//! the question is the consumer's and that of the permits. What the permits look at is asked for, too, and taken out
//! again: the gateway judges every entity itself ([`GrantSet::project`]).

use std::borrow::Cow;
use std::sync::Arc;

use futures::future::join_all;
use kakehashi_adapters::{AdapterError, AttributeSelection, Call, Coverage, ErrorKind, SourceId, SourceQuery};
use kakehashi_config::Extensions;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use kakehashi_policy::inspection::may_discern_finds;
use kakehashi_policy::{GrantSet, Operation, PersonalData, PolicyEngine, Selection, Selections};
use ngsi_ld::query::{Expression, GeoQuery, Ordering, Query, ScopeQuery};
use ngsi_ld::{AttributeName, EntityId, TypeName};

use super::asked_attributes::{asked_attributes, needs_system_dates, with_judged};
use super::pages::known_list::KnownLists;
use super::proxied::{NotBelieved, in_both};
use super::registry::{RegisteredSource, Registry};
use super::release::Audit;
pub use super::sub_query::{SubQuery, Told};
use super::tenant_limits::TenantLimiters;
use super::told::{ShownIn, may_find_out_what_is_masked, shown_in, touches_only, without_modified};
use super::{Question, Refusal};

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
    /// What goes beyond the standard.
    pub extensions: Extensions,
    /// The lists that are known for a while.
    pub known_lists: &'a KnownLists,
}

/// The types that a question is about: those that it names or, where it names none, those that somebody else
/// names, and those of which a source without personal data says that it holds them. From other sources a type
/// that nobody has classified is denied anyway.
async fn named_types<'a>(question: &Question, asker: &Asker<'a>, call: &Call) -> Cow<'a, [TypeName]> {
    let named = types_named_here(question, asker.policies);
    if question.query.types.is_some() {
        return named;
    }
    let tells = asker.registry.configured().iter().filter(|source| {
        let may_be_asked = question.tenant.as_ref().is_none_or(|tenant| *tenant == source.tenant);
        may_be_asked && source.holds_any_type() && source.personal_data == PersonalData::None
    });
    let held = join_all(tells.map(|source| source.adapter.held_types(call))).await;
    // A source that fails here fails when it is asked for what is known, too, and is named then.
    let mut held = held.into_iter().flatten().flatten().peekable();
    if held.peek().is_none() {
        return named;
    }
    let mut named: Vec<TypeName> = named.iter().cloned().chain(held).collect();
    named.sort_unstable();
    named.dedup();
    Cow::Owned(named)
}

/// The types that a question is about, as far as no source has to be asked for it: those that it names or, where it
/// names none, those that the classification or a source's configuration names.
#[must_use]
pub fn types_named_here<'a>(question: &Question, policies: &'a PolicyEngine) -> Cow<'a, [TypeName]> {
    match &question.query.types {
        Some(selection) => selection.names().into_iter().cloned().collect(),
        None => Cow::Borrowed(policies.known_types()),
    }
}

/// Narrows and splits a question.
///
/// # Errors
/// [`Refusal::TooManySources`]
//= 5.7.2.4-14
pub async fn plan(question: &Question, asker: &Asker<'_>, call: &Call) -> Result<Plan, Refusal> {
    let named = named_types(question, asker, call).await;
    let mut sub_queries = narrow(question, asker, &named)?;
    if call.no_cache {
        for sub_query in &mut sub_queries {
            sub_query.query.fresh = true;
        }
    }
    let overloaded = take_out_overloaded(&mut sub_queries, asker.tenant_limits);
    Ok(Plan {
        sub_queries,
        overloaded,
    })
}

/// Most sources that are registered while the gateway runs of which one question is judged. How many of them may be asked is
/// another matter: what is granted of each must be known first.
pub(crate) const MOST_MATCHING: usize = 10_000;

/// The sources that a question about these types is about: those of the configuration in its order, then those that are
/// registered beside it.
///
/// # Errors
/// [`Refusal::TooManySources`] where more than 10,000 are registered for it.
//= 4.3.6.4-2, 5.5.10-1, 6.3.18-2
pub fn sources_of(
    question: &Question,
    asker: &Asker<'_>,
    named: &[TypeName],
) -> Result<Vec<Arc<RegisteredSource>>, Refusal> {
    let attributes = attributes_named(question);
    let (ids, registry) = (&question.query.ids, asker.registry);
    let Some(mut sources) = registry.holding(named, ids, attributes.as_deref(), MOST_MATCHING) else {
        return Err(Refusal::TooManySources {
            needed: MOST_MATCHING.saturating_add(1),
            allowed: asker.fan_out,
        });
    };
    sources.retain(|source| {
        let asked_tenant = question.tenant.as_ref().is_none_or(|tenant| *tenant == source.tenant);
        asked_tenant
            && (source.is_store || !question.local)
            && (source.writable || !question.takes_writes)
            && source.registration.admits(asker.operation, &question.query)
            && question.wants(source)
            && question
                .held_by
                .as_ref()
                .is_none_or(|holders| holders.contains(&source.id))
    });
    Ok(sources)
}

/// The attributes that a question names, where it names those that it wants (clause 5.12); `None`: it wants whichever there
/// are.
fn attributes_named(question: &Question) -> Option<Vec<AttributeName>> {
    let shown = question.shown.as_ref()?;
    let Query {
        attributes,
        filter,
        geo,
        ..
    } = &question.query;
    let conditions = filter.iter().flat_map(Expression::attributes);
    let places = geo.iter().map(|geo| &geo.property);
    let paths = question.order.iter().flat_map(Ordering::paths);
    let ordering = paths.map(|path| &path.attribute);
    let named = shown
        .iter()
        .chain(attributes)
        .chain(conditions)
        .chain(places)
        .chain(ordering);
    Some(named.cloned().collect())
}

/// Questions to sources that several selectors of one request may become: each selector is one of its own to every source
/// that may hold what it selects, and they are asked at the same time. Fifty selectors about five sources each.
pub(crate) const MAX_SELECTED_QUESTIONS: usize = 256;

/// What each source is asked of a question about these types, whatever is left of limits. No source is asked for it.
///
/// # Errors
/// [`Refusal::TooManySources`], [`Refusal::TooManyQuestions`]
//= 5.7.2.4-6
pub fn narrow(question: &Question, asker: &Asker<'_>, named: &[TypeName]) -> Result<Vec<SubQuery>, Refusal> {
    let question = &*question.of_the_whole(asker);
    let mut sub_queries = Vec::new();
    for (part, named) in question.of_each_selector(named) {
        let prepared = Prepared::of(&part);
        let sources = sources_of(&part, asker, &named)?;
        sub_queries.reserve(sources.len());
        for source in &sources {
            let not_believed = NotBelieved::of(source, &sources);
            split_by_grant(
                source,
                not_believed.as_ref(),
                &named,
                &prepared,
                asker,
                &mut sub_queries,
            );
        }
    }
    if question.selectors.len() > 1 {
        sub_queries.sort_by_key(|sub_query| asker.registry.position(&sub_query.source));
    }
    if !question.selectors.is_empty() && sub_queries.len() > MAX_SELECTED_QUESTIONS {
        return Err(Refusal::TooManyQuestions {
            needed: sub_queries.len(),
            allowed: MAX_SELECTED_QUESTIONS,
        });
    }
    // Clause 5.7.2.4: where nothing but the store is asked, the execution is limited to the local scope, said or not.
    let is_local = || sub_queries.iter().all(|sub_query| sub_query.source.is_store);
    if question.order.is_some() && !asker.extensions.federated_order && !is_local() {
        return Err(Refusal::OrderedBeyondLocal);
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
    Ok(sub_queries)
}

/// The sources beside the store that a question asks, were it not for its order. None is asked for it.
#[must_use]
pub fn beyond_local(question: &Question, asker: &Asker<'_>) -> Vec<SourceId> {
    let question = Question {
        order: None,
        ..question.clone()
    };
    let named = types_named_here(&question, asker.policies);
    let sub_queries = narrow(&question, asker, &named).unwrap_or_default();
    let sources = sub_queries.iter().map(|sub_query| &sub_query.source);
    let mut beyond: Vec<SourceId> = sources
        .filter(|source| !source.is_store)
        .map(|source| source.id.clone())
        .collect();
    beyond.dedup();
    beyond
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

/// A question, with what is found out about it once for all sources.
struct Prepared<'q> {
    question: &'q Question,
    /// What sources may be told of `q`, shared by all that are.
    filter: Option<Arc<Expression>>,
    /// Whether that is all of it.
    is_whole_filter: bool,
    /// The geo-query, shared likewise.
    geo: Option<Arc<GeoQuery>>,
    /// `scopeQ`, shared likewise.
    scope: Option<Arc<ScopeQuery>>,
    /// Whether `q` could tell one masked value from another.
    discerns_finds: bool,
    needs_system_dates: bool,
}

impl<'q> Prepared<'q> {
    fn of(question: &'q Question) -> Self {
        let filter = question.query.filter.as_ref().and_then(without_modified);
        Self {
            question,
            discerns_finds: filter.as_deref().is_some_and(may_discern_finds),
            is_whole_filter: matches!(filter, Some(Cow::Borrowed(_))),
            filter: filter.map(|filter| Arc::new(filter.into_owned())),
            geo: question.query.geo.clone().map(Arc::new),
            scope: question.query.scope.clone().map(Arc::new),
            needs_system_dates: needs_system_dates(question),
        }
    }
}

/// Adds the sub-queries for one source: one for each group of types with the same granted attributes.
fn split_by_grant(
    source: &Arc<RegisteredSource>,
    not_believed: Option<&Arc<NotBelieved>>,
    named: &[TypeName],
    prepared: &Prepared<'_>,
    asker: &Asker<'_>,
    sub_queries: &mut Vec<SubQuery>,
) {
    let question = prepared.question;
    let ids = &question.query.ids;
    let may_hold = |r#type: &&TypeName| {
        let is_elsewhere = not_believed.is_some_and(|not| not.is_all_of(r#type));
        source.may_hold(r#type, ids) && !is_elsewhere
    };
    let held: Cow<'_, [TypeName]> = match named.iter().all(|r#type| may_hold(&r#type)) {
        true => Cow::Borrowed(named),
        false => named.iter().filter(may_hold).cloned().collect(),
    };
    let grants = Arc::new(asker.policies.grants(
        asker.consumer,
        asker.operation,
        &source.tenant,
        &held,
        source.personal_data,
    ));
    let audit = Arc::new(Audit::new(&asker.consumer.id, source));
    let mut groups = Selections::new();
    for mut granted in of_each_provision(grants.by_selection(), source, ids) {
        let asked = asked_attributes(question, prepared.needs_system_dates, &granted, &grants);
        granted.attributes = provided(asked, &granted.types, source, ids);
        let is_same = |earlier: &&mut Selection| {
            earlier.attributes == granted.attributes && earlier.restriction == granted.restriction
        };
        match groups.iter_mut().find(is_same) {
            Some(earlier) => earlier.types.extend(granted.types),
            None => groups.push(granted),
        }
    }
    for group in groups {
        let restriction = group.restriction.clone();
        let (query, told) = source_query(prepared, group, &grants, source, not_believed.map(|not| &**not));
        sub_queries.push(SubQuery {
            source: Arc::clone(source),
            query: query.into(),
            page: None,
            grants: Arc::clone(&grants),
            audit: Arc::clone(&audit),
            restriction,
            told,
            claimed: Arc::clone(asker.registry.claimed()),
            of_one_tenant: question.tenant.is_some(),
            is_only: false,
            not_believed: not_believed.cloned(),
        });
    }
}

/// The selections, each of one type where the source provides different attributes of different types.
fn of_each_provision(selections: Selections, source: &RegisteredSource, ids: &[EntityId]) -> Selections {
    if source.provides_every_attribute() {
        return selections;
    }
    let each = selections.into_iter().flat_map(|selection| {
        let types = selection.types.clone();
        types.into_iter().map(move |r#type| Selection {
            types: vec![r#type],
            ..selection.clone()
        })
    });
    // What is granted and not provided is not there.
    each.filter(|one| one.types.iter().all(|r#type| source.may_hold(r#type, ids)))
        .collect()
}

/// The attributes of a selection that the source provides of all of these types.
fn provided(
    asked: AttributeSelection,
    types: &[TypeName],
    source: &RegisteredSource,
    ids: &[EntityId],
) -> AttributeSelection {
    if source.provides_every_attribute() {
        return asked;
    }
    let each = types.iter().map(|r#type| source.provided_attributes(r#type, ids));
    each.fold(asked, |asked, provided| in_both(asked, &provided))
}

/// The question for one source. A condition that touches a hidden attribute stays with the gateway, which
/// evaluates it on what is left after projection: as if no entity had the attribute.
//= 5.7.2.4-10
fn source_query(
    prepared: &Prepared<'_>,
    group: Selection,
    grants: &GrantSet,
    source: &RegisteredSource,
    not_believed: Option<&NotBelieved>,
) -> (SourceQuery, Told) {
    let Selection {
        types,
        attributes,
        restriction,
    } = group;
    let question = prepared.question;
    let Query {
        ids,
        id_pattern,
        attributes: any_attribute,
        ..
    } = &question.query;
    let pushed = !question.split_entities;
    // Where every attribute is asked for, the classification still hides some: a source that decides by one of those
    // would tell of it.
    let is_believed = |name: &AttributeName| not_believed.is_none_or(|not| !not.may_be(name));
    let shown = |name: &AttributeName| match attributes.includes(name) && is_believed(name) {
        true => shown_in(&types, name, grants),
        false => ShownIn::None,
    };
    let any_visible: Vec<AttributeName> = if any_attribute.iter().any(|name| shown(name) == ShownIn::Some) {
        // Without one that some of the types show, the source would leave out entities that have nothing else.
        Vec::new()
    } else {
        any_attribute
            .iter()
            .filter(|name| shown(name) == ShownIn::All)
            .cloned()
            .collect()
    };
    let may_be_told = |name: &AttributeName| shown(name) == ShownIn::All;
    let filter = prepared
        .filter
        .as_ref()
        .filter(|filter| pushed && touches_only(filter, &may_be_told, grants))
        .filter(|filter| !may_find_out_what_is_masked(filter, prepared.discerns_finds, grants, source));
    let geo = prepared.geo.as_ref().filter(|geo| pushed && may_be_told(&geo.property));
    let scope = prepared
        .scope
        .as_ref()
        .filter(|_| pushed && !grants.may_hide_scopes())
        .filter(|scope| !source.inspection.may_be_guessed_by_scope(scope));
    let told = Told {
        filter: match filter {
            None => Coverage::None,
            Some(_) if prepared.is_whole_filter => Coverage::Exact,
            Some(_) => Coverage::Narrows,
        },
        geo: geo.is_some(),
        scope: scope.is_some(),
    };
    let restriction = restriction.as_deref();
    let query = SourceQuery {
        ids: ids.clone(),
        id_pattern: id_pattern.clone(),
        // None of them visible: no entity of this source matches, which the gateway finds out by itself.
        any_attribute: if pushed { any_visible } else { Vec::new() },
        filter: both(filter, restriction.and_then(|restriction| restriction.filter.as_ref())),
        // A source takes one geo-query. The consumer's narrows more than the box around a municipality.
        geo: geo.cloned().or_else(|| {
            restriction
                .and_then(|restriction| restriction.geo.clone())
                .map(Arc::new)
        }),
        scope: scope.cloned(),
        // A condition on a system date is evaluated on what the source says of it.
        system_attributes: prepared.needs_system_dates
            || restriction.is_some_and(|restriction| restriction.system_attributes),
        attributes: match restriction {
            Some(restriction) => {
                let judged = with_judged(attributes, &restriction.attributes);
                provided(judged, &types, source, ids)
            }
            None => attributes,
        },
        types,
        fresh: false,
        beyond_open: grants.may_show_beyond_open(),
    };
    (query, told)
}

/// What fulfils both filters.
fn both(one: Option<&Arc<Expression>>, other: Option<&Expression>) -> Option<Arc<Expression>> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let parts = [&**one, other].into_iter().flat_map(|filter| match filter {
                Expression::And(parts) => parts.clone(),
                other => vec![other.clone()],
            });
            Some(Arc::new(Expression::And(parts.collect())))
        }
        (Some(one), None) => Some(Arc::clone(one)),
        (None, other) => other.cloned().map(Arc::new),
    }
}
