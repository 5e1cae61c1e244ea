//! `POST /entityOperations/query` (clause 6.23): queryEntity with the question in the body, answered by the code of
//! `GET /entities`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::members_of;
use serde_json::{Map, Value};

use super::query_entity;
use crate::api::command::{Command, Written};
use crate::api::known_parameters::{
    CONTAINED_BY, COUNT, CURSOR, DATASET_ID, ENTITY_MAP, ENTITY_MAP_LIFETIME, FORMAT, GEOMETRY_PROPERTY, JOIN,
    JOIN_LEVEL, LANG, LIMIT, LOCAL, OFFSET, OMIT, OPTIONS, PICK, Parameter, SPLIT_ENTITIES,
};
use crate::api::operation::Offered;
use crate::api::query_body::{self, IN_BODY};
use crate::api::question::{QueryRequest, Selection, read_query};
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::surroundings::Surroundings;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `POST /entityOperations/query`: queryEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "queryEntityByPost",
    clause: Some("5.7.2 and 6.23.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entityOperations/query",
    asks: Some(Operation::QueryEntity),
    summary: "the same question in a body",
    parameters: PARAMETERS,
    lacks: &["via"],
    representations: MediaType::ALL,
    body: Some("Query"),
    successes: query_entity::ANSWERS,
    explained: Some(explained),
    route: |method| on(method, answer),
};

/// Those of `GET /entities` but for its conditions, which stand in the body.
pub(super) const PARAMETERS: &[Parameter] = &[
    GEOMETRY_PROPERTY,
    LIMIT,
    OFFSET,
    CURSOR,
    COUNT,
    OPTIONS,
    FORMAT,
    LOCAL,
    SPLIT_ENTITIES,
    PICK,
    OMIT,
    DATASET_ID,
    LANG,
    JOIN,
    JOIN_LEVEL,
    CONTAINED_BY,
    ENTITY_MAP,
    ENTITY_MAP_LIFETIME,
];

/// Reads the query part of the URL and the members of the body.
//= 5.2.23-2
pub(super) fn read(
    query: Option<&str>,
    members: &Map<String, Value>,
    around: &Surroundings<'_>,
) -> Result<QueryRequest, Problem> {
    // A condition in the URL is no unknown parameter: it is told where it stands.
    let parameters = query_entity::OFFERED.parameters(query)?;
    if let Some((name, member)) = IN_BODY.iter().find(|(name, _)| parameters.get(name).is_some()) {
        let detail = format!("parameter `{name}`: of this operation it stands in the body, as member `{member}`");
        return Err(Problem::new(ErrorType::InvalidRequest, detail));
    }
    let posted = query_body::read(parameters, members, around.context)?;
    let selection = Selection {
        any_type: posted.selectors.iter().any(|selector| selector.types.is_none()),
        selectors: posted.selectors,
    };
    read_query(&posted.parameters, selection, around)
}

pub(super) fn explained(written: &Written<'_>) -> Result<Command, Problem> {
    let Some(body) = written.body else {
        let detail = "the body: it is not given, and what is asked stands there";
        return Err(Problem::new(ErrorType::BadRequestData, detail));
    };
    let members = members_of(body)?;
    Ok(query_entity::command(read(written.query, &members, &written.around)?))
}

//= 6.23.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let text = body.bytes().clone();
    let reading = async move { members_of(&text) };
    let members = scope.resources.compute_over(body.bytes().len(), reading).await??;
    let context = body.context(&scope).await?;
    let request = read(scope.uri.query(), &members, &scope.surroundings(&context, media_type))?;
    query_entity::execute(&gateway, &scope, context, request).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_has_the_parameters_of_the_other_but_for_its_conditions() {
        let names = |offered: &Offered| -> BTreeSet<&str> {
            let names = offered.parameters.iter().map(|parameter| parameter.name);
            names.collect()
        };
        let mut all = names(&OFFERED);
        assert!(IN_BODY.iter().all(|(name, _)| all.insert(name)));
        assert_eq!(all, names(&query_entity::OFFERED));
        assert_eq!(OFFERED.lacks, query_entity::OFFERED.lacks);
    }
}
