//! `GET /attributes/{attrId}`: one attribute, which types have it, of which kinds, and how often.

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
use ngsi_ld::query::Query;

use crate::api::command::{Command, Written};
use crate::api::discovery::{Attribute, Telling, by_attribute, expanded, is_no_attribute, not_found};
use crate::api::known_parameters::LOCAL;
use crate::api::operation::{Content, Offered, Success};
use crate::api::question::not_utf8;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `GET /attributes/{attrId}`: retrieveAttrTypeInfo.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveAttrTypeInfo",
    clause: Some("5.7.10 and 6.28.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/attributes/{attrId}",
    asks: Some(Operation::RetrieveAttrTypeInfo),
    summary: "one attribute: which types have it, of which kinds it is, and how often you see it",
    parameters: &[LOCAL],
    lacks: &["options"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The attribute.",
        body: Content::Negotiated("Attribute"),
        headers: &["ETag", "NGSILD-Warning", "Age"],
    }],
    explained: Some(|written: &Written<'_>| {
        let (id, around) = (written.id, &written.around);
        match read(id, written.query, around.context, around.tenant)? {
            Some(question) => Ok(Command::Details(Operation::RetrieveAttrTypeInfo, Box::new(question))),
            None => Err(Problem::new(ErrorType::ResourceNotFound, NOT_FOUND)),
        }
    }),
    route: |method| on(method, answer),
};

/// The same words whether nobody has the attribute or it may not be seen.
const NOT_FOUND: &str = "no entity with that attribute is visible to you";

/// Reads the query part of the URL, with the name in its path; `None`: that can be no attribute.
fn read(
    name: &str,
    query: Option<&str>,
    context: &Context,
    tenant: Option<&TenantId>,
) -> Result<Option<Question>, Problem> {
    let parameters = OFFERED.parameters(query)?;
    let local = parameters.boolean("local")?.unwrap_or(false);
    let name = expanded(context.expand_written_attribute(name))?;
    let name = name.filter(|name| !is_no_attribute(name));
    Ok(name.map(|name| Question {
        query: Query {
            attributes: vec![name.clone()],
            ..Query::default()
        },
        shown: Some(vec![name]),
        tenant: tenant.cloned(),
        local,
        ..Question::default()
    }))
}

//= 6.28.3.1-1
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
    let asker = scope.asker(Operation::RetrieveAttrTypeInfo);
    let found = discover(&question, false, &asker, &gathering).await?;
    let seen = by_attribute(&found.types);
    let Some((name, of)) = seen.first_key_value() else {
        return Ok(not_found(NOT_FOUND, &found.warnings, &scope, &gathering));
    };
    let telling = Telling {
        context: &context,
        media_type,
    };
    let attribute = Attribute::whole(name, of, &telling);
    telling.answer(&attribute, &found.warnings, &scope, &gathering)
}
