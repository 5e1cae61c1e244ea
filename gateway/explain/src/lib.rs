//! What would become of a request, and why: who asks, what the policies grant of each tenant's data and by which
//! lines, and what each source would be asked. No source is contacted and nothing is written.
//!
//! It decides nothing itself: the request is read by the code of its operation, judged by `policy`, narrowed and split by
//! `federation`, and put into the source's language by its adapter, each as for a request that comes over the wire.
//!
//! | module | owns |
//! |---|---|
//! | [`grants`] | what is granted, and by which policies |
//! | [`questions`] | what the sources would be asked |
//! | [`judged_names`] | each name that is mentioned: whether it is granted, and why |
//! | `hints` | what the consumer would be told of an empty list |
//! | [`cost`] | who decides which condition, and what that costs |
//! | [`linked`] | which sources would be asked for linked entities |
//! | [`text`] | all of it for people |
//! | [`alike`] | consumers that are decided alike |
//! | [`who_can_see`] | who sees a type or an attribute, and why the others do not |
//! | [`unseen`] | what nobody would see of entities that are to be kept |

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod alike;
pub mod cost;
pub mod grants;
mod hints;
pub mod judged_names;
pub mod linked;
pub mod questions;
pub mod text;
pub mod unseen;
pub mod who_can_see;

use std::sync::Arc;

use kakehashi_config::{Config, DefaultContext};
use kakehashi_core::consumer::{Affiliation, AssuranceLevels, Consumer};
use kakehashi_core::names::{RoleName, TenantId};
use kakehashi_federation::pages::known_list::KnownLists;
use kakehashi_federation::plan::Asker;
use kakehashi_federation::registry::Registry;
use kakehashi_federation::tenant_limits::TenantLimiters;
use kakehashi_http::api::command::Command;
use kakehashi_http::api::written::{WrittenRequest, read};
use kakehashi_http::edge::tenant::may_see_something;
use ngsi_ld::context::Context;
use serde::Serialize;

use grants::OwnerGrants;
use judged_names::JudgedName;
use linked::LinkedQuestion;
use questions::{SourceQuestion, WriteVerdict};

/// A request to be explained.
#[derive(Debug, Clone, Copy)]
pub struct ToExplain<'a> {
    /// Who asks, by its id in tenants.toml.
    pub consumer: &'a str,
    /// Roles that its token would bring.
    pub token_roles: &'a [String],
    /// `acr` that its token would say.
    pub assurance: Option<&'a str>,
    /// The purpose that the request states.
    pub purpose: Option<&'a str>,
    /// `GET`, `POST` or `DELETE`.
    pub method: &'a str,
    /// Path and query, or a whole URL.
    pub target: &'a str,
    /// The body of a write; `None`: it is not known.
    pub body: Option<&'a [u8]>,
    /// `NGSILD-Tenant`
    pub tenant: Option<&'a str>,
    /// Whether the statements to databases are told.
    pub verbose: bool,
    /// The tenant whose administrator is told, and told nothing of the consumers of others but what its own policies name;
    /// `None`: whoever may see everything.
    pub told_to: Option<&'a TenantId>,
}

/// What would become of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The revision that it holds for.
    pub revision: String,
    /// Who asks.
    pub consumer: ConsumerShown,
    /// The operation, as policies name it.
    pub operation: &'static str,
    /// The tenant whose data is meant; `None`: that of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What is granted of each owner's data in each source, in the order of the configuration.
    pub grants: Vec<OwnerGrants>,
    /// Each type and attribute that a read mentions, and whether it is granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<JudgedName>,
    /// What the consumer would be told if the list were empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// What the sources would be asked. Of a read alone.
    pub questions: Vec<SourceQuestion>,
    /// What linked entities would be asked for, once the answers tell their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<LinkedQuestion>,
    /// What would become of a write, entity by entity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<WriteVerdict>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// Who asks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerShown {
    /// Its id.
    pub id: String,
    /// Its roles, with those that its token would bring.
    pub roles: Vec<String>,
    /// The tenant that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The organisation that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// `acr` of its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assurance: Option<String>,
    /// What it asks data for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// Why a request cannot be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotExplain {
    /// There is no such consumer.
    #[error("no consumer is called `{0}`{1}")]
    Consumer(String, String),
    /// There is no such tenant.
    #[error("no tenant is called `{0}`{1}")]
    Tenant(String, String),
    /// The consumer may not ask for this purpose.
    #[error("`{0}` is no purpose of the consumer's{1}")]
    Purpose(String, String),
    /// The gateway would refuse it before any policy is asked, with this problem.
    #[error("the request would be refused with {status}: {detail}")]
    Request {
        /// The status of the answer.
        status: u16,
        /// What the consumer would be told.
        detail: String,
    },
}

/// Explains a request under a configuration and the sources that were made of it.
///
/// # Errors
/// [`CannotExplain`]
pub fn explain(config: &Config, registry: &Registry, asked: &ToExplain<'_>) -> Result<Explanation, CannotExplain> {
    let mut notes = Vec::new();
    let consumer = consumer(config, asked)?;
    let tenant = tenant(config, asked)?;
    let context = match &config.gateway.default_context {
        DefaultContext::Kakehashi => Context::kakehashi(),
        DefaultContext::Core => Context::core(),
        DefaultContext::Url(_) => {
            notes.push(
                "the default @context is a URL, which is not fetched here: names are read in the gateway's own; write \
                 IRIs where that makes a difference"
                    .to_owned(),
            );
            Context::kakehashi()
        }
    };
    let command = read(&WrittenRequest {
        method: asked.method,
        target: asked.target,
        body: asked.body.map(ngsi_ld::without_byte_order_mark),
        tenant: tenant.as_ref(),
        context,
        largest_page: config.gateway.limits.page,
        split_entities: config.gateway.split_entities,
    });
    let command = command.map_err(|problem| CannotExplain::Request {
        status: problem.error_type.status().as_u16(),
        detail: problem.detail,
    })?;
    let (limits, known_lists) = (TenantLimiters::default(), KnownLists::default());
    let asker = Asker {
        consumer: &consumer,
        operation: command.operation(),
        policies: &config.policy,
        registry,
        tenant_limits: &limits,
        fan_out: config.gateway.limits.fan_out,
        extensions: config.gateway.extensions,
        known_lists: &known_lists,
    };
    // The default tenant hides itself from nobody.
    if let Some(tenant) = tenant.as_ref().filter(|_| asked.tenant.is_some())
        && !may_see_something(&config.policy, registry, &consumer, tenant)
    {
        notes.push(format!(
            "`{tenant}` hides itself from this consumer, because nothing of it is granted: NGSILD-Tenant is answered with 404"
        ));
    }
    if let Some(purpose) = asked.purpose
        && is_own_matter(purpose, &consumer, config, asked)
    {
        notes.push(format!(
            "your policies do not name the purpose `{purpose}`, and whether the consumer has it is not told to you: it changes nothing here"
        ));
    }
    let mut explanation = Explanation {
        revision: config.revision.as_str().to_owned(),
        consumer: shown(&consumer, config, asked),
        operation: command.operation().as_str(),
        tenant: tenant.as_ref().map(|tenant| tenant.as_str().to_owned()),
        grants: Vec::new(),
        names: Vec::new(),
        hints: Vec::new(),
        questions: Vec::new(),
        linked: Vec::new(),
        writes: Vec::new(),
        notes,
    };
    match &command {
        Command::Query { question, .. }
        | Command::Retrieve { question, .. }
        | Command::Types(question)
        | Command::Details(_, question) => {
            grants::of_reading(question, &asker, &mut explanation);
            judged_names::of_reading(command.mentioned(), question, &asker, &mut explanation);
            let is_known = is_known_to(&consumer, asked);
            hints::of_reading(&command, question, context, &asker, is_known, &mut explanation);
            questions::of_reading(&command, question, &asker, config, &mut explanation);
            linked::of_reading(question, command.join(), &asker, &mut explanation);
        }
        Command::Write(_, entities) => {
            let types = entities.as_ref().map(|entities| {
                let read = entities.iter().filter_map(|one| one.entity.as_ref().ok());
                read.flat_map(|entity| entity.types.iter().cloned()).collect::<Vec<_>>()
            });
            let owner = written_tenant(&consumer, tenant, &mut explanation);
            if let Some(owner) = owner {
                grants::of_writing(types, &owner, &asker, &mut explanation);
                questions::of_writing(
                    entities.as_deref().unwrap_or_default(),
                    &owner,
                    &asker,
                    &mut explanation,
                );
            }
        }
        Command::Delete(_, types) => {
            let types = types.as_ref().map(|types| types.names().into_iter().cloned().collect());
            if let Some(owner) = written_tenant(&consumer, tenant, &mut explanation) {
                grants::of_writing(types, &owner, &asker, &mut explanation);
            }
        }
    }
    if !asked.verbose {
        explanation
            .questions
            .iter_mut()
            .for_each(questions::SourceQuestion::leave_statements_out);
    }
    Ok(explanation)
}

/// The consumer, as its token would make it.
fn consumer(config: &Config, asked: &ToExplain<'_>) -> Result<Arc<Consumer>, CannotExplain> {
    let Some(consumer) = config.consumers.get(asked.consumer) else {
        let named = asked.told_to.map(|own| config.policy.named_by(own).consumers);
        let is_named = |id: &str| named.as_ref().is_none_or(|named| named.contains(id));
        let known = config.consumers.iter();
        let known = known.filter(|consumer| is_known_to(consumer, asked) || is_named(consumer.id.as_str()));
        let known = known.map(|consumer| consumer.id.as_str());
        return Err(CannotExplain::Consumer(
            asked.consumer.to_owned(),
            hint(asked.consumer, known),
        ));
    };
    let roles: Vec<RoleName> = asked
        .token_roles
        .iter()
        .map(|role| RoleName::new(role.as_str()))
        .collect();
    let assurance: Option<Arc<str>> = asked.assurance.map(Arc::from);
    let consumer = consumer.with_token(&roles, assurance.as_ref(), levels(config, assurance.as_ref()));
    let Some(purpose) = asked.purpose else {
        return Ok(consumer);
    };
    let is_known = is_known_to(&consumer, asked);
    if is_own_matter(purpose, &consumer, config, asked) {
        return Ok(consumer.with_purpose(purpose));
    }
    consumer.for_purpose(purpose).ok_or_else(|| {
        let known = consumer.purposes.iter().filter(|_| is_known).map(|purpose| &**purpose);
        CannotExplain::Purpose(purpose.to_owned(), hint(purpose, known))
    })
}

/// The levels that issuers mean by a value of `acr`. Which issuer signs a consumer's tokens is not kept with it; where
/// several know the value, the first that says something counts.
fn levels(config: &Config, assurance: Option<&Arc<str>>) -> AssuranceLevels {
    let mut levels = config.issuers.iter().map(|issuer| issuer.levels(assurance));
    levels
        .find(|levels| *levels != AssuranceLevels::default())
        .unwrap_or_default()
}

fn tenant(config: &Config, asked: &ToExplain<'_>) -> Result<Option<TenantId>, CannotExplain> {
    let Some(name) = asked.tenant else {
        return Ok(config.gateway.without_tenant.clone());
    };
    let known = config.tenants.iter().map(|tenant| tenant.id.as_str());
    match config.tenant(name) {
        Some(tenant) => Ok(Some(tenant.id.clone())),
        None => Err(CannotExplain::Tenant(name.to_owned(), hint(name, known))),
    }
}

fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = kakehashi_core::diagnostics::nearest(name, known);
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Whose partition a write goes to.
fn written_tenant(consumer: &Consumer, named: Option<TenantId>, explanation: &mut Explanation) -> Option<TenantId> {
    let owner = named.or_else(|| consumer.tenant().cloned());
    if owner.is_none() {
        let note = "the consumer belongs to no tenant: without NGSILD-Tenant a write is refused with 403";
        explanation.notes.push(note.to_owned());
    }
    owner
}

/// Whether a purpose of another's consumer is its own matter: it decides nothing of what the policies of the tenant say that is
/// told.
fn is_own_matter(purpose: &str, consumer: &Consumer, config: &Config, asked: &ToExplain<'_>) -> bool {
    let is_named = |own| config.policy.purposes_named_by(own).contains(purpose);
    !is_known_to(consumer, asked) && asked.told_to.is_some_and(|own| !is_named(own))
}

/// Whether what a consumer is, is known to whoever is told.
fn is_known_to(consumer: &Consumer, asked: &ToExplain<'_>) -> bool {
    asked.told_to.is_none_or(|own| consumer.tenant() == Some(own))
}

fn shown(consumer: &Consumer, config: &Config, asked: &ToExplain<'_>) -> ConsumerShown {
    if let Some(own) = asked.told_to.filter(|_| !is_known_to(consumer, asked)) {
        let named = config.policy.named_by(own).roles;
        let roles = consumer.roles.iter().map(|role| role.as_str().to_owned());
        return ConsumerShown {
            id: consumer.id.as_str().to_owned(),
            roles: roles
                .filter(|role| named.contains(role) || asked.token_roles.contains(role))
                .collect(),
            tenant: None,
            organisation: None,
            assurance: asked.assurance.map(str::to_owned),
            purpose: asked.purpose.map(str::to_owned),
        };
    }
    let organisation = match &consumer.affiliation {
        Some(Affiliation::Organisation(organisation)) => Some(organisation.to_string()),
        _ => None,
    };
    ConsumerShown {
        id: consumer.id.as_str().to_owned(),
        roles: consumer.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        tenant: consumer.tenant().map(|tenant| tenant.as_str().to_owned()),
        organisation,
        assurance: consumer.assurance.as_deref().map(str::to_owned),
        purpose: consumer.purpose.as_deref().map(str::to_owned),
    }
}
