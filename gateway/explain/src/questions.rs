//! What the sources would be asked, in their own languages, and what would be left for the gateway to decide.

use std::sync::Arc;

use std::time::Instant;

use futures::FutureExt;
use kakehashi_adapters::{AskedRequest, AttributeSelection, Call, Coverage, Page, PushDown};
use kakehashi_config::Config;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::Question;
use kakehashi_federation::discovery::first_asked;
use kakehashi_federation::plan::{Asker, SubQuery, narrow, types_named_here};
use kakehashi_federation::provide::{Destination, Provider, WatchedWrite, Watcher, WriteRefusal};
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_federation::strategy::{Opening, Strategy};
use kakehashi_federation::types::one_for_each_type;
use kakehashi_http::api::command::{Command, ToWrite};
use kakehashi_http::api::refused_order;
use kakehashi_http::problem::Problem;
use kakehashi_runtime::Slots;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Explanation;
use super::cost::{ConditionShown, Cost, conditions, cost};
use super::grants::EVERYTHING;

/// What one source would be asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceQuestion {
    /// Whose data it is.
    pub tenant: String,
    /// The source, or the store of which the tenant has a partition.
    pub source: String,
    /// Entities of these types.
    pub types: Vec<String>,
    /// These attributes of them; `*`: all that the source has, less what is personal.
    pub attributes: Vec<String>,
    /// Where something of the source is kept in memory: what answers, that or the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// What is sent first.
    pub requests: Vec<AskedRequest>,
    /// How many statements to its database are left out of these.
    #[serde(skip_serializing_if = "is_none")]
    pub statements_left_out: usize,
    /// Conditions of the request that the source is not told, because they look at what is not granted.
    pub not_told: Vec<&'static str>,
    /// Conditions that the source is told or not, and that the gateway decides in any case, on what is visible.
    pub decided_here: Vec<&'static str>,
    /// Each condition of the request, and who decides it.
    pub conditions: Vec<ConditionShown>,
    /// What it costs the source.
    pub cost: Cost,
    /// Whether permits cover some of these entities only: the source is asked for as few others as it can tell apart,
    /// and the gateway judges each.
    pub judged_here: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

impl SourceQuestion {
    /// Leaves out what only who knows the database can read.
    pub(super) fn leave_statements_out(&mut self) {
        let before = self.requests.len();
        self.requests
            .retain(|request| !matches!(request, AskedRequest::Sql { .. }));
        self.statements_left_out = before - self.requests.len();
    }
}

/// What would become of one entity that is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteVerdict {
    /// Its id.
    pub entity: String,
    /// The store, or the source, that would take it, or take it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What of it would go where; none where one would take all of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<WrittenPart>,
    /// Why nothing would be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What of an entity would go to one of several sources.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenPart {
    /// Which source.
    pub source: String,
    /// These attributes; `*`: all.
    pub attributes: Vec<String>,
    /// Whether it would take them; no other does where it does not.
    pub is_taken: bool,
}

impl WrittenPart {
    fn of(destination: &Destination<'_>) -> Self {
        Self {
            source: destination.source.id.as_str().to_owned(),
            attributes: match &destination.attributes {
                Some(names) => names.iter().map(compact_attribute).collect(),
                None => vec![EVERYTHING.to_owned()],
            },
            is_taken: destination.takes_writes,
        }
    }
}

/// Adds the questions of a read.
pub(super) fn of_reading(
    command: &Command,
    question: &Question,
    asker: &Asker<'_>,
    config: &Config,
    explanation: &mut Explanation,
) {
    let scan = config.gateway.limits.scan;
    let page = match command {
        Command::Query { page, .. } => *page,
        _ => Page { limit: 0, offset: 0 },
    };
    let opening = Opening::of(question, page);
    let whole = question;
    let question = opening.question(whole);
    let named = types_named_here(question, asker.policies);
    let sub_queries = match narrow(question, asker, &named) {
        Ok(sub_queries) => sub_queries,
        Err(refusal) => {
            let Problem { error_type, detail, .. } = refused_order::problem(refusal, question, asker);
            let status = error_type.status().as_u16();
            explanation
                .notes
                .push(format!("the request would be refused with {status}: {detail}"));
            return;
        }
    };
    if sub_queries.is_empty() {
        explanation.notes.push("no source is asked".to_owned());
    }
    if question.order.is_some() {
        let note =
            "the gateway orders what matches, on what is visible: sources are asked for all of it and not for one page";
        explanation.notes.push(note.to_owned());
    }
    if matches!(command, Command::Query { .. }) {
        explanation.notes.extend(of_shared_ids(&sub_queries));
    }
    let sent: Vec<SubQuery> = match command {
        Command::Retrieve { .. } => sub_queries.into_iter().map(SubQuery::into_by_id).collect(),
        Command::Types(_) => {
            // Whether a store has entities of several types is not looked up.
            let by_type = |sub_query: &SubQuery| one_for_each_type(sub_query, sub_query.source.is_store);
            sub_queries.iter().flat_map(by_type).collect()
        }
        Command::Details(..) => first_asked(&sub_queries, question),
        Command::Query { .. } => {
            strategy(&sub_queries, question, opening.page, explanation).asks(sub_queries, opening.page)
        }
        Command::Write(..) | Command::Delete(..) => Vec::new(),
    };
    for sub_query in &sent {
        let asked = sub_query.asked();
        let requests = asked.unwrap_or_else(|error| {
            explanation.notes.push(error.to_string());
            Vec::new()
        });
        let push_down = sub_query.push_down();
        let by_id = matches!(command, Command::Retrieve { .. });
        let all_candidates = opening.candidates.is_some();
        let is_decided = sub_query.is_exact(&question.query);
        let cost = cost(
            sub_query,
            by_id,
            all_candidates,
            is_decided,
            &requests,
            &push_down,
            scan,
        );
        explanation
            .questions
            .push(shown(sub_query, whole, requests, &push_down, cost, config));
    }
}

/// What is said of ids that several of the sources may have; `None`: there is one source.
fn of_shared_ids(sub_queries: &[SubQuery]) -> Option<String> {
    let named = |one: &SubQuery| match one.source.is_store {
        true => format!("`{}` of {}", one.source.id, one.source.tenant),
        false => format!("`{}`", one.source.id),
    };
    let is_one_source = sub_queries
        .windows(2)
        .all(|pair| matches!(pair, [one, next] if Arc::ptr_eq(&one.source, &next.source)));
    if is_one_source {
        return None;
    }
    let shares = |one: &&SubQuery| sub_queries.iter().any(|other| one.may_share_ids_with(other));
    let mut sharing: Vec<String> = sub_queries.iter().filter(shares).map(named).collect();
    sharing.dedup();
    Some(if sharing.is_empty() {
        "no two of these sources have an id in common: none is asked for what another has found".to_owned()
    } else {
        format!(
            "{} may have the same ids: what one finds the others are asked for, and a count reads the ids of all",
            sharing.join(", ")
        )
    })
}

/// How a query goes, as far as it can be told without looking into the store.
fn strategy(sub_queries: &[SubQuery], question: &Question, page: Page, explanation: &mut Explanation) -> Strategy {
    let strategy = Strategy::of(sub_queries, true, question, page);
    let (Strategy::Decided(unless), [only]) = (&strategy, sub_queries) else {
        return strategy;
    };
    if only.source.is_store {
        let note = "if the store holds entities of several types, or Relationships that the conditions look at, it is asked for \
                    all that match and not for one page";
        explanation.notes.push(note.to_owned());
        return strategy;
    }
    match unless.is_held_by(only, &nobodys_call()).now_or_never() {
        Some(false) => strategy,
        Some(true) | None => Strategy::LookedThrough,
    }
}

/// Nothing is sent, so that nothing is waited for.
fn nobodys_call() -> Call {
    Call::until(Instant::now())
}

fn shown(
    sub_query: &SubQuery,
    question: &Question,
    requests: Vec<AskedRequest>,
    push_down: &PushDown,
    cost: Cost,
    config: &Config,
) -> SourceQuestion {
    let SubQuery { source, query, .. } = sub_query;
    let hold = config.source(&source.id).and_then(|source| source.hold.as_ref());
    // Of an entity whose id is known everything is asked for, and the conditions are for the gateway.
    let conditions = conditions(sub_query, question, push_down);
    let not_told: Vec<&'static str> = not_told(sub_query, question);
    let has_residual = conditions.iter().filter(|shown| shown.residual.is_some());
    let decided_here = has_residual.map(|shown| shown.condition).collect();
    SourceQuestion {
        tenant: source.tenant.as_str().to_owned(),
        source: source.id.as_str().to_owned(),
        types: query.types.iter().map(compact_type).collect(),
        attributes: match &query.attributes {
            AttributeSelection::All => vec![EVERYTHING.to_owned()],
            AttributeSelection::Only(names) => {
                let mut names: Vec<String> = names.iter().map(compact_attribute).collect();
                names.sort();
                names
            }
        },
        answered_by: hold.map(|hold| hold.what_answers(query)),
        requests,
        statements_left_out: 0,
        not_told,
        conditions,
        cost,
        decided_here,
        judged_here: sub_query.restriction.is_some(),
    }
}

/// The conditions that the source is not told of.
fn not_told(sub_query: &SubQuery, question: &Question) -> Vec<&'static str> {
    let (asked, query, told) = (&question.query, &sub_query.query, &sub_query.told);
    let conditions = [
        ("attrs", !asked.attributes.is_empty() && query.any_attribute.is_empty()),
        ("q", asked.filter.is_some() && told.filter == Coverage::None),
        ("geo-query", asked.geo.is_some() && !told.geo),
        ("idPattern", asked.id_pattern.is_some() && query.id_pattern.is_none()),
        ("scopeQ", asked.scope.is_some() && !told.scope),
    ];
    let kept = conditions.into_iter().filter(|(_, is_kept)| *is_kept);
    kept.map(|(name, _)| name).collect()
}

/// Adds what would become of each entity that is written to the data of a tenant.
pub(super) fn of_writing(entities: &[ToWrite], owner: &TenantId, asker: &Asker<'_>, explanation: &mut Explanation) {
    let (call, caller) = (nobodys_call(), CancellationToken::new());
    let provider = Provider {
        asker,
        tenant: owner,
        call: &call,
        watcher: &Nobody,
        caller: &caller,
        until: call.deadline,
        local: false,
    };
    for ToWrite { id, entity } in entities {
        let judged = match entity {
            Ok(entity) => provider.judge(entity).map_err(|refusal| words(&refusal)),
            Err(problem) => Err(problem.detail.clone()),
        };
        let (source, parts, refused) = match judged {
            Ok(destinations) => {
                let parts: Vec<WrittenPart> = destinations.iter().map(WrittenPart::of).collect();
                match &*destinations {
                    [only] if !only.takes_writes => (None, parts, Some(words(&WriteRefusal::Conflict))),
                    [only] if only.attributes.is_none() => (Some(only.source.id.as_str().to_owned()), Vec::new(), None),
                    _ => (parts.first().map(|part| part.source.clone()), parts, None),
                }
            }
            Err(reason) => (None, Vec::new(), Some(reason)),
        };
        explanation.writes.push(WriteVerdict {
            entity: id.clone(),
            source,
            parts,
            refused,
        });
    }
}

fn words(refusal: &WriteRefusal) -> String {
    use kakehashi_federation::ungranted::Ungranted;
    match refusal {
        WriteRefusal::Forbidden(Ungranted::Type(name, why)) => {
            format!("{refusal} ({why}): {}", compact_type(name))
        }
        WriteRefusal::Forbidden(Ungranted::Attribute(name, why) | Ungranted::SubAttribute(name, why)) => {
            format!("{refusal} ({why}): {}", compact_attribute(name))
        }
        WriteRefusal::NotTaken(not_taken) => match not_taken.names() {
            (Some(of), Some(name)) => {
                format!("{refusal} ({}): {}", compact_type(of), compact_attribute(name))
            }
            (Some(of), None) => format!("{refusal}: {}", compact_type(of)),
            (None, _) => refusal.to_string(),
        },
        other => other.to_string(),
    }
}

/// Nobody is told of what is not written.
#[derive(Debug)]
struct Nobody;

impl Watcher for Nobody {
    fn turns(&self, _: &RegisteredSource) -> Slots {
        Slots::new(1, 1)
    }

    fn begun(&self, _: &Arc<RegisteredSource>) -> Option<Box<dyn WatchedWrite>> {
        None
    }
}
