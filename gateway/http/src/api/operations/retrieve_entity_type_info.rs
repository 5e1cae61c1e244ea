//! `GET /types/{type}`: one entity type, its attributes, and how many entities of it there are.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_core::names::TenantId;
use kakehashi_federation::Question;
use kakehashi_federation::discovery::discover;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::context::Context;
use ngsi_ld::query::{Query, TypeSelection};

use crate::api::command::{Command, Written};
use crate::api::discovery::{EntityTypeInfo, Telling, expanded, not_found};
use crate::api::known_parameters::LOCAL;
use crate::api::operation::{Content, Offered, Success};
use crate::api::question::not_utf8;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `GET /types/{type}`: retrieveEntityTypeInfo.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveEntityTypeInfo",
    clause: Some("5.7.7 and 6.26.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/types/{type}",
    asks: Some(Operation::RetrieveEntityTypeInfo),
    summary: "one type: its attributes as you see them, and how many entities of it you see",
    parameters: &[LOCAL],
    lacks: &["options"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The type.",
        body: Content::Negotiated("EntityTypeInfo"),
        headers: &["ETag", "NGSILD-Warning", "Age"],
    }],
    explained: Some(|written: &Written<'_>| {
        let (id, around) = (written.id, &written.around);
        match read(id, written.query, around.context, around.tenant)? {
            Some(question) => Ok(Command::Details(Operation::RetrieveEntityTypeInfo, Box::new(question))),
            None => Err(Problem::new(ErrorType::ResourceNotFound, NOT_FOUND)),
        }
    }),
    route: |method| on(method, answer),
};

/// The same words whether nobody has the type or it may not be seen.
const NOT_FOUND: &str = "no entity of that type is visible to you";

/// Reads the query part of the URL, with the name in its path; `None`: that can be no type.
fn read(
    name: &str,
    query: Option<&str>,
    context: &Context,
    tenant: Option<&TenantId>,
) -> Result<Option<Question>, Problem> {
    let parameters = OFFERED.parameters(query)?;
    let local = parameters.boolean("local")?.unwrap_or(false);
    let name = expanded(context.expand_written_type(name))?;
    Ok(name.map(|name| Question {
        query: Query {
            types: Some(TypeSelection::Type(name)),
            ..Query::default()
        },
        tenant: tenant.cloned(),
        local,
        ..Question::default()
    }))
}

//= 6.26.3.1-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    name: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| not_utf8())?;
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let question = read(&name, scope.uri.query(), &context.context, scope.tenant.as_ref())?;
    let gathering = scope.gathering(&gateway);
    let Some(question) = question else {
        return Ok(not_found(NOT_FOUND, &[], &scope, &gathering));
    };
    let asker = scope.asker(Operation::RetrieveEntityTypeInfo);
    let found = discover(&question, true, &asker, &gathering).await?;
    let Some((name, seen)) = found.types.first_key_value() else {
        return Ok(not_found(NOT_FOUND, &found.warnings, &scope, &gathering));
    };
    let telling = Telling {
        context: &context,
        media_type,
    };
    let info = EntityTypeInfo::of(name, seen, &telling);
    telling.answer(&info, &found.warnings, &scope, &gathering)
}
