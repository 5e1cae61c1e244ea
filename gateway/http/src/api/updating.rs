//! What the operations share that change an entity which is there (clauses 6.5 to 6.7): what their URL names, and what they
//! answer.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kakehashi_federation::provide::{EntityChange, EntityChanged, FailedPart, Partly, UpdateResult};
use kakehashi_messages::Language;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::Fragment;
use ngsi_ld::query::TypeSelection;
use ngsi_ld::update::{SCOPE, Update};
use ngsi_ld::{AttributeName, Entity, EntityId};
use serde::Serialize;

use super::batch::partly;
use super::command::{Command, Written};
use super::operation::{Content, Offered, Success};
use super::parameters::{Parameters, unknown_value};
use super::question::{entity_id, types};
use super::scope::Scope;
use super::writing::{problem, write_one};
use crate::in_language::InLanguages;
use crate::problem::{ErrorType, Problem};

/// It was done.
pub(super) const UPDATED: Success = Success {
    status: 204,
    meaning: "It was done.",
    body: Content::Nothing,
    headers: &[],
};

/// Some attributes stay as they are.
pub(super) const SOME_LEFT: Success = Success {
    status: 207,
    meaning: "Which attributes were changed, and which were left as they are, and why.",
    body: Content::Json("UpdateResult"),
    headers: &[],
};

/// Which entity an operation changes.
#[derive(Debug)]
pub(super) struct Target {
    id: EntityId,
    types: Option<TypeSelection>,
}

impl Target {
    /// The one that the path and the parameter `type` name.
    ///
    /// # Errors
    /// 400
    pub(super) fn read(id: &str, parameters: &Parameters<'_>, context: &Context) -> Result<Self, Problem> {
        Ok(Self {
            id: entity_id(id)?,
            types: types(parameters, context)?.0,
        })
    }

    /// Refuses a body that is about another entity (clause 5.4).
    ///
    /// # Errors
    /// 400
    //= 5.4-1
    pub(super) fn check_is_of(&self, id: Option<&EntityId>) -> Result<(), Problem> {
        if id.is_none_or(|id| *id == self.id) {
            return Ok(());
        }
        let detail = "member `id`: it is not the id in the path; leave it out, or write the same";
        Err(Problem::new(ErrorType::BadRequestData, detail))
    }

    /// The entity that a body says whole.
    ///
    /// # Errors
    /// 400
    pub(super) fn whole(&self, fragment: Fragment) -> Result<Entity, Problem> {
        self.check_is_of(fragment.id.as_ref())?;
        let Some(first) = fragment.types.first() else {
            let detail = "the entity: the member \"type\" is missing";
            return Err(Problem::new(ErrorType::BadRequestData, detail));
        };
        let mut bare = Entity::new(self.id.clone(), first.clone());
        bare.types.clone_from(&fragment.types);
        let update = Update::Append {
            fragment,
            overwrite: true,
        };
        let applied = update.apply(&bare);
        let applied = applied.map_err(|refused| Problem::new(ErrorType::BadRequestData, refused.to_string()))?;
        Ok(applied.entity)
    }
}

/// Changes an entity, and answers.
///
/// # Errors
/// Why nothing was changed.
//= 6.3.6-8
pub(super) async fn update(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    operation: Operation,
    target: Target,
    update: Update,
) -> Result<Response, Problem> {
    let id = target.id.clone();
    let change = EntityChange::Update {
        id: target.id,
        types: target.types,
        update: Box::new(update),
        otherwise: None,
    };
    match write_one(gateway, scope, operation, change).await? {
        EntityChanged::Updated(result) if !result.not_updated.is_empty() => {
            some_left(move |language| told(&result, &[], language))
        }
        EntityChanged::Partly(parts)
            if operation == Operation::ReplaceEntity || operation == Operation::MergeEntity =>
        {
            partly(&id, parts, scope).await
        }
        EntityChanged::Partly(parts) => some_left(move |language| told_of_parts(&parts, language)),
        _ => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Reads one that is to be explained. What it would do to an entity is for the entity to say; what may be done to those of
/// its types is not.
///
/// # Errors
/// 400
pub(super) fn explained(offered: &Offered, operation: Operation, written: &Written<'_>) -> Result<Command, Problem> {
    let parameters = offered.parameters(written.query)?;
    let (types, _) = types(&parameters, written.around.context)?;
    Ok(Command::Delete(operation, types))
}

/// Whether what is there is overwritten.
///
/// # Errors
/// 400
//= 5.6.3.4-6, 6.6.3.1-2
pub(super) fn overwrites(parameters: &Parameters<'_>) -> Result<bool, Problem> {
    match parameters.text("options")? {
        None => Ok(true),
        Some("noOverwrite") => Ok(false),
        Some(other) => Err(unknown_value("options", 0, other, "expected `noOverwrite`")),
    }
}

/// UpdateResult (clause 5.2.18). Its names are IRIs: the answer has no @context that short ones could be of.
#[derive(Debug, Serialize)]
//= 5.2.18-1
struct Told<'a> {
    updated: Vec<&'a str>,
    #[serde(rename = "notUpdated")]
    not_updated: Vec<NotUpdatedDetails<'a>>,
}

/// NotUpdatedDetails (clause 5.2.19).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
//= 5.2.19-1
struct NotUpdatedDetails<'a> {
    attribute_name: &'a str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<&'a str>,
}

fn some_left(
    told: impl Fn(Language) -> serde_json::Result<Vec<u8>> + Send + Sync + 'static,
) -> Result<Response, Problem> {
    let body = told(Language::English);
    let body =
        body.map_err(|_| Problem::new(ErrorType::InternalError, "the result of the update cannot be written"))?;
    let mut response = (StatusCode::MULTI_STATUS, body).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    let in_languages = InLanguages::by(move |language| told(language).unwrap_or_default());
    response.extensions_mut().insert(in_languages);
    Ok(response)
}

/// What several sources have updated, and what some of them have not.
fn told_of_parts(parts: &Partly, language: Language) -> serde_json::Result<Vec<u8>> {
    let result = match &parts.done {
        EntityChanged::Updated(result) => UpdateResult::clone(result),
        _ => UpdateResult {
            updated: parts.written.clone(),
            not_updated: Vec::new(),
        },
    };
    told(&result, &parts.failed, language)
}

fn told(result: &UpdateResult, failed: &[FailedPart], language: Language) -> serde_json::Result<Vec<u8>> {
    let left = result.not_updated.iter().map(|left| NotUpdatedDetails {
        attribute_name: short(left.attribute.as_str()),
        reason: language.of(&left.reason.to_string()).into_owned(),
        registration_id: None,
    });
    let of_parts = failed.iter().flat_map(|part| {
        let names: Vec<&str> = match part.attributes.is_empty() {
            true => vec![SCOPE],
            false => part.attributes.iter().map(AttributeName::as_str).collect(),
        };
        let reason = language.of(&problem(&part.refusal).detail).into_owned();
        names.into_iter().map(move |name| NotUpdatedDetails {
            attribute_name: short(name),
            reason: reason.clone(),
            registration_id: part.registration.as_deref(),
        })
    });
    let is_updated = |name: &&AttributeName| !failed.iter().any(|part| part.attributes.contains(*name));
    serde_json::to_vec(&Told {
        updated: result
            .updated
            .iter()
            .filter(is_updated)
            .map(AttributeName::as_str)
            .collect(),
        not_updated: left.chain(of_parts).collect(),
    })
}

/// A member, and no attribute, is told as it is written.
fn short(name: &str) -> &str {
    match name {
        SCOPE => "scope",
        name => name,
    }
}
