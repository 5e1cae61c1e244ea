//! `DELETE /entities`: every entity that meets conditions goes, or is reduced.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_federation::provide::Purged;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::AttributeName;
use ngsi_ld::context::Context;

use crate::api::batch::{PARTLY_FAILED, purged};
use crate::api::command::{Command, Written};
use crate::api::entity_maps::{self, Reference};
use crate::api::known_parameters::{
    ATTRS, COORDINATES, CSF, DROP, EXPAND_VALUES, GEO_Q, GEOMETRY, GEOPROPERTY, GEOREL, ID, ID_PATTERN, JSON_KEYS,
    KEEP, LOCAL, Q, SCOPE_Q, TYPE,
};
use crate::api::operation::{Content, Offered, Success};
use crate::api::parameters::{Parameters, expand_attribute};
use crate::api::question::{read_query, selection};
use crate::api::scope::Scope;
use crate::api::surroundings::Surroundings;
use crate::api::writing::purge;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// Members of entities that are no attributes, and that no purge takes away.
const NO_ATTRIBUTES: [&str; 9] = [
    "id",
    "@id",
    "type",
    "@type",
    "@context",
    "scope",
    "createdAt",
    "modifiedAt",
    "expiresAt",
];

/// `DELETE /entities`: purgeEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "purgeEntity",
    clause: Some("5.6.21 and 6.4.3.3"),
    method: Method::DELETE,
    path: "/ngsi-ld/v1/entities",
    asks: Some(Operation::PurgeEntity),
    summary: "delete or reduce all entities that match conditions",
    parameters: &[
        TYPE,
        ID,
        ID_PATTERN,
        ATTRS,
        Q,
        SCOPE_Q,
        CSF,
        EXPAND_VALUES,
        JSON_KEYS,
        GEOREL,
        GEOMETRY,
        COORDINATES,
        GEOPROPERTY,
        GEO_Q,
        KEEP,
        DROP,
        LOCAL,
    ],
    lacks: &["geometryProperty", "via"],
    representations: &[],
    body: None,
    successes: &[
        Success {
            status: 204,
            meaning: "Whatever met the conditions is purged, which may be nothing.",
            body: Content::Nothing,
            headers: &["NGSILD-EntityMap"],
        },
        PARTLY_FAILED,
    ],
    explained: Some(|written: &Written<'_>| {
        let (question, _) = read(written.query, &written.around)?;
        Ok(Command::Delete(Operation::PurgeEntity, question.query.types))
    }),
    route: |method| on(method, answer),
};

/// Reads the query part of the URL.
//= 5.6.21.4-8, 5.6.21.4-9
fn read(query: Option<&str>, around: &Surroundings<'_>) -> Result<(kakehashi_federation::Question, Purged), Problem> {
    let parameters = OFFERED.parameters(query)?;
    let selection = selection(&parameters, around.context)?;
    let request = read_query(&parameters, selection, around)?;
    let dropped = names("drop", &parameters, around.context)?;
    let kept = names("keep", &parameters, around.context)?;
    let purged = match (dropped, kept) {
        (Some(_), Some(_)) => {
            let detail = "`drop` and `keep` at once: name what is to go, or what is to stay";
            return Err(Problem::new(ErrorType::BadRequestData, detail));
        }
        (Some(dropped), None) => Purged::Attributes(dropped),
        (None, Some(kept)) => Purged::AllBut(kept),
        (None, None) => Purged::Entities,
    };
    let mut question = request.question;
    question.shown = None;
    Ok((question, purged))
}

/// The attributes that a parameter lists; `None`: it is not given.
//= 5.6.21.4-3
fn names(
    parameter: &str,
    parameters: &Parameters<'_>,
    context: &Context,
) -> Result<Option<Vec<AttributeName>>, Problem> {
    if parameters.text(parameter)?.is_none() {
        return Ok(None);
    }
    let mut names = Vec::new();
    for (position, name) in parameters.list(parameter)? {
        if NO_ATTRIBUTES.contains(&name) {
            let detail = format_args!("`{name}` is no attribute; name attributes");
            return Err(parameters.fault(parameter, position, detail));
        }
        names.push(expand_attribute(parameters, parameter, position, name, context)?);
    }
    Ok(Some(names))
}

//= 6.4.3.3-1, 6.4.3.3-3
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    let context = scope.context().await?;
    let (question, what) = read(scope.uri.query(), &scope.surroundings(&context, MediaType::Json))?;
    let map = match Reference::of(&scope.headers, None)? {
        Some(reference) => Some(entity_maps::of_purge(&question, &reference, &gateway, &scope)?),
        None => None,
    };
    let among = map.as_ref().map(|map| map.ids());
    let outcomes = purge(&gateway, &scope, question, what, among).await?;
    let mut response = purged(outcomes, &scope).await?;
    if let Some(map) = map {
        entity_maps::tell(&mut response, &map);
    }
    Ok(response)
}
