//! `GET /entities`: the entities that match a question.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_contexts::RequestContext;
use kakehashi_federation::{linked_retrieval, warning};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::command::{Command, Written};
use crate::api::cursor::Walked;
use crate::api::entity_list::{EntityList, Joined};
use crate::api::entity_maps::{self, OfMap, Reference};
use crate::api::freshness;
use crate::api::hints::{AskedList, Known};
use crate::api::known_parameters::{
    ATTRS, COLLATION, CONTAINED_BY, COORDINATES, COUNT, CSF, CURSOR, DATASET_ID, ENTITY_MAP, ENTITY_MAP_LIFETIME,
    EXPAND_VALUES, FORMAT, GEO_Q, GEOMETRY, GEOMETRY_PROPERTY, GEOPROPERTY, GEOREL, ID, ID_PATTERN, JOIN, JOIN_LEVEL,
    JSON_KEYS, LANG, LIMIT, LOCAL, OFFSET, OMIT, OPTIONS, ORDER_BY, ORDER_FROM, ORDER_GEOMETRY, PICK, Parameter, Q,
    SCOPE_Q, SPLIT_ENTITIES, TYPE,
};
use crate::api::mentioned::mentioned;
use crate::api::operation::{Content, Offered, Success};
use crate::api::preferences::Preferences;
use crate::api::question::{QueryRequest, read_query, selection};
use crate::api::refused_order;
use crate::api::respond::{self, NextPage};
use crate::api::scope::Scope;
use crate::api::surroundings::Surroundings;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `GET /entities`: queryEntity.
//= 6.4.3.2-2
pub(super) static OFFERED: Offered = Offered {
    name: "queryEntity",
    clause: Some("5.7.2 and 6.4.3.2"),
    method: Method::GET,
    path: "/ngsi-ld/v1/entities",
    asks: Some(Operation::QueryEntity),
    summary: "entities that match a question",
    parameters: PARAMETERS,
    lacks: &["via"],
    representations: MediaType::ALL,
    body: None,
    successes: ANSWERS,
    explained: Some(|written: &Written<'_>| Ok(command(read(written.query, &written.around)?))),
    route: |method| on(method, answer),
};

/// What may stand in the URL of a query.
pub(super) const PARAMETERS: &[Parameter] = &[
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
    ORDER_BY,
    ORDER_FROM,
    ORDER_GEOMETRY,
    COLLATION,
    GEOMETRY_PROPERTY,
    LIMIT,
    OFFSET,
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
    CURSOR,
];

/// What may stand in the URL of the question of an entity map: no cursor, the last of all, since nothing is walked there.
pub(super) const PARAMETERS_OF_A_MAP: &[Parameter] = match PARAMETERS.split_last() {
    Some((_, others)) => others,
    None => &[],
};

/// What a queryEntity is answered with, however it was asked.
pub(super) const ANSWERS: &[Success] = &[
    Success {
        status: 200,
        meaning: "The entities of the page.",
        body: Content::Entities("EntityList", "FeatureCollection"),
        headers: PAGED,
    },
    Success {
        status: 201,
        meaning: "The same, and an entity map was made.",
        body: Content::Entities("EntityList", "FeatureCollection"),
        headers: PAGED,
    },
    Success {
        status: 203,
        meaning: "The same, some of them amended for a reader of an earlier version.",
        body: Content::Entities("EntityList", "FeatureCollection"),
        headers: PAGED,
    },
];

const PAGED: &[&str] = &[
    "ETag",
    "NGSILD-EntityMap",
    "NGSILD-Results-Count",
    "NGSILD-Warning",
    "Age",
    "Link",
    "Preference-Applied",
    "Kakehashi-Hint",
];

/// Reads the query part of the URL.
pub(super) fn read(query: Option<&str>, around: &Surroundings<'_>) -> Result<QueryRequest, Problem> {
    let parameters = OFFERED.parameters(query)?;
    let selection = selection(&parameters, around.context)?;
    read_query(&parameters, selection, around)
}

/// What is asked, to be explained.
pub(super) fn command(request: QueryRequest) -> Command {
    Command::Query {
        join: request.presentation.join(),
        mentioned: mentioned(&request.question, request.presentation.projection.as_ref()),
        question: Box::new(request.question),
        page: request.page,
    }
}

//= 6.4.3.2-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let request = read(scope.uri.query(), &scope.surroundings(&context, media_type))?;
    execute(&gateway, &scope, context, request).await
}

/// Where the pages beside one are.
enum Linked {
    /// In the list, the next one where a cursor leads.
    InWalk(Option<String>),
    /// In an entity map.
    InMap(OfMap),
}

/// The answer to a queryEntity, however it was asked.
pub(super) async fn execute(
    gateway: &Gateway,
    scope: &Scope,
    context: RequestContext,
    request: QueryRequest,
) -> Result<Response, Problem> {
    let QueryRequest {
        presentation,
        question,
        page,
        count,
        cursor,
        map,
    } = request;
    let media_type = presentation.media_type;
    let asker = scope.asker(Operation::QueryEntity);
    let question = Arc::new(question);
    let gathering = scope.gathering(gateway);
    let of_map = entity_maps::Asked {
        question: &question,
        page,
        count,
        wish: map,
        reference: Reference::of(&scope.headers, cursor.as_deref())?,
    };
    let (mut answer, linked) = if of_map.is_by_map()? {
        let (page, of_map) = Box::pin(entity_maps::answer(of_map, gateway, scope, &asker, &gathering)).await?;
        (page, Linked::InMap(of_map))
    } else {
        let walked = || Walked::of(&question, asker.consumer, scope.revision.config.revision.as_str());
        let from = cursor.map(|cursor| walked().opened(&cursor)).transpose()?;
        let answered = kakehashi_federation::query::query(&question, page, from, count, &asker, &gathering).await;
        let answer = answered.map_err(|refusal| refused_order::problem(refusal, &question, &asker))?;
        let cursor = answer.next.and_then(|next| walked().sealed(next));
        (answer, Linked::InWalk(cursor))
    };
    let shown = answer.entities.at_hand_count();
    let mut joined = None;
    if let Some(join) = presentation.join() {
        let of_page = linked_retrieval::of_page(answer, &join, &question, &asker, &gathering);
        let (page, linked) = Box::pin(of_page).await?;
        answer = page;
        joined = Some(Joined::new(join.form, linked));
    }

    let preferences = Preferences::of(&scope.headers);
    let in_body = preferences.context_in_body(media_type);
    let mut response = respond::rendered(Body::empty(), media_type, &context, in_body);
    let list = EntityList {
        presentation,
        context,
        context_in_body: in_body,
        version: preferences.version,
        joined,
    };
    let written = list.write(answer.entities, answer.count, scope).await?;
    *response.status_mut() = respond::status(written.amended);
    *response.body_mut() = written.body;
    warning::add(&mut answer.warnings, written.warnings);
    respond::add_count(&mut response, written.count);
    match linked {
        Linked::InWalk(cursor) => {
            let (path, query) = (scope.uri.path(), scope.uri.query().unwrap_or_default());
            let next = NextPage::of(written.more, cursor, shown);
            respond::add_page_links(&mut response, path, query, page, next, media_type);
        }
        Linked::InMap(of_map) => of_map.tell(&mut response, scope, page.limit, media_type),
    }
    respond::add_warnings(&mut response, &answer.warnings, &scope.revision.config);
    freshness::say(&mut response, &gathering.call.freshness);
    if let Some(list) = written.empty {
        respond::add_retry_after(&mut response, &answer.warnings, &scope.revision.config);
        let asked = AskedList {
            mentioned: &mentioned(&question, list.presentation.projection.as_ref()),
            question: &question,
            page,
            context: &list.context.context,
            asker: &asker,
        };
        let hints = asked.hints(Known {
            count: written.count,
            is_incomplete: !answer.warnings.is_empty(),
        });
        respond::add_hints(&mut response, &hints);
    }
    Ok(response)
}
