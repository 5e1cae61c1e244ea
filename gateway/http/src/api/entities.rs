//! `/entities` and `/entities/{entityId}` (clauses 6.4 and 6.5).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kakehashi_contexts::RequestContext;
use kakehashi_federation::entities::Entities;
use kakehashi_federation::linked_retrieval::{self, Form};
use kakehashi_federation::{self, Question, warning};
use kakehashi_policy::Operation;
use kakehashi_resources::{Held, Resources};
use kakehashi_running::Gateway;
use ngsi_ld::Entity;
use ngsi_ld::entity::conformance;
use ngsi_ld::entity::render::{render_entity, render_feature};

use super::entity_list::{EntityList, Joined, counted_body};
use super::preferences::Preferences;
use super::presentation::Presentation;
use super::question::{self, QueryRequest};
use super::respond;
use super::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// Up to so many bytes an entity is rendered without asking for a turn, and not counted until it is sent.
const SMALL: usize = 16 * 1024;

/// Bytes that one rendered entity usually has, so that the body's buffer is made once.
const EXPECTED_ENTITY_BYTES: usize = 2048;

/// `GET /entities`: queryEntity.
pub(super) async fn query(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = MediaType::negotiate(&scope.headers, true)?;
    let context = scope.context().await?;
    let around = scope.surroundings(&context, media_type);
    let request = question::query_request(scope.uri.query(), &around)?;
    answer(&gateway, &scope, context, request).await
}

/// The answer to a queryEntity, however it was asked.
pub(super) async fn answer(
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
    } = request;
    let media_type = presentation.media_type;
    let asker = scope.asker(Operation::QueryEntity);
    let question = Arc::new(question);
    let gathering = scope.gathering(gateway);
    let mut answer = kakehashi_federation::query::query(&question, page, count, &asker, &gathering).await?;
    let mut joined = None;
    if let Some(join) = presentation.join() {
        let (page, linked) = linked_retrieval::of_page(answer, &join, &question, &asker, &gathering).await?;
        answer = page;
        joined = Some(Joined::new(join.form, linked));
    }

    let preferences = Preferences::of(&scope.headers);
    let in_body = context_in_body(preferences, media_type);
    let mut response = respond::rendered(Body::empty(), media_type, &context, in_body);
    let list = EntityList {
        presentation,
        context,
        context_in_body: in_body,
        version: preferences.version,
        joined,
    };
    let written = list.write(answer.entities, answer.count, scope).await?;
    *response.status_mut() = status(written.amended);
    *response.body_mut() = written.body;
    warning::add(&mut answer.warnings, written.warnings);
    respond::add_count(&mut response, written.count);
    let (path, query) = (scope.uri.path(), scope.uri.query().unwrap_or_default());
    respond::add_page_links(&mut response, path, query, page, written.more, media_type);
    respond::add_warnings(&mut response, &answer.warnings, &scope.revision.config);
    Ok(response)
}

/// `GET /entities/{entityId}`: retrieveEntity.
pub(super) async fn retrieve(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = id else {
        let detail = "the entity id is not a URI: its percent-encoded bytes are not UTF-8";
        return Err(Problem::new(ErrorType::BadRequestData, detail));
    };
    let media_type = MediaType::negotiate(&scope.headers, true)?;
    let context = scope.context().await?;
    let around = scope.surroundings(&context, media_type);
    let (presentation, question) = question::retrieve_request(&id, scope.uri.query(), &around)?;

    let asker = scope.asker(Operation::RetrieveEntity);
    let gathering = scope.gathering(&gateway);
    let mut answer = kakehashi_federation::retrieve::retrieve(&question, &asker, &gathering).await?;
    let Some(entity) = answer.entity else {
        // The same words whether the entity does not exist or may not be seen.
        let problem = Problem::new(ErrorType::ResourceNotFound, "no entity of that id is visible to you");
        let mut response = problem.into_response();
        respond::add_warnings(&mut response, &answer.warnings, &scope.revision.config);
        return Ok(response);
    };
    let mut joined = None;
    if let Some(join) = presentation.join() {
        let linking = std::slice::from_ref(&entity);
        let linked = linked_retrieval::linked(linking, &join, &question, &asker, &gathering).await?;
        warning::add(&mut answer.warnings, linked.warnings);
        joined = Some(Joined::new(join.form, linked.entities));
    }
    let mut response = match joined {
        Some(joined) if joined.form == Form::Flat => {
            flattened(entity, joined, &Arc::new(question), &scope, presentation, context).await?
        }
        joined => {
            let one = One {
                entity,
                joined,
                presentation,
                context,
                preferences: Preferences::of(&scope.headers),
            };
            one.render_by(&scope.resources).await?
        }
    };
    respond::add_warnings(&mut response, &answer.warnings, &scope.revision.config);
    Ok(response)
}

/// An entity and those that it links to: always an array, or a FeatureCollection (clauses 4.5.23.3 and 5.7.1.5).
async fn flattened(
    entity: Entity,
    joined: Joined,
    question: &Arc<Question>,
    scope: &Scope,
    presentation: Presentation,
    context: RequestContext,
) -> Result<Response, Problem> {
    let media_type = presentation.media_type;
    let preferences = Preferences::of(&scope.headers);
    let in_body = context_in_body(preferences, media_type);
    let mut response = respond::rendered(Body::empty(), media_type, &context, in_body);
    let list = EntityList {
        presentation,
        context,
        context_in_body: in_body,
        version: preferences.version,
        joined: Some(joined),
    };
    let entities = Entities::at_hand(question, vec![entity], false, None);
    let written = list.write(entities, None, scope).await?;
    *response.status_mut() = status(written.amended);
    *response.body_mut() = written.body;
    Ok(response)
}

/// One entity, and how it is to look.
struct One {
    entity: Entity,
    joined: Option<Joined>,
    presentation: Presentation,
    context: RequestContext,
    preferences: Preferences,
}

impl One {
    /// The answer that shows it. What is large is rendered by turns with others, and counted until it is sent.
    async fn render_by(self, resources: &Resources) -> Result<Response, Problem> {
        let joined = self.joined.as_ref().map_or(0, Joined::weight);
        let weight = self.entity.weight().saturating_add(joined);
        if weight <= SMALL {
            return Ok(self.render(None));
        }
        // The text is about as large as what it is made of.
        let held = resources.hold(weight)?;
        Ok(resources
            .compute_over(weight, async move { self.render(Some(held)) })
            .await?)
    }

    fn render(self, held: Option<Held>) -> Response {
        let Self {
            mut entity,
            mut joined,
            presentation,
            context,
            preferences,
        } = self;
        let media_type = presentation.media_type;
        let mut amended = false;
        if let Some(version) = preferences.version {
            amended = conformance::amend(&mut entity, version, &context.context);
            if let Some(joined) = &mut joined {
                amended |= joined.amend(version, &context.context);
            }
        }
        let in_body = context_in_body(preferences, media_type);
        let mut representation = presentation.representation(&context.context, in_body.then_some(context.member.get()));
        representation.linked = joined.as_ref().map(|joined| &joined.linked);
        let mut body = Vec::with_capacity(EXPECTED_ENTITY_BYTES);
        match media_type {
            MediaType::GeoJson => {
                render_feature(representation, &entity, &presentation.geometry_property, &mut body);
            }
            MediaType::Json | MediaType::JsonLd => render_entity(representation, &entity, &mut body),
        }
        let mut response = respond::rendered(counted_body(body, held), media_type, &context, in_body);
        *response.status_mut() = status(amended);
        response
    }
}

/// Whether the @context stands in the body: always in JSON-LD, in GeoJSON unless `Prefer: body=json` (6.3.6).
fn context_in_body(preferences: Preferences, media_type: MediaType) -> bool {
    match media_type {
        MediaType::Json => false,
        MediaType::JsonLd => true,
        MediaType::GeoJson => !preferences.context_in_link,
    }
}

/// The status of an answer, which tells whether it was amended (table 6.4.3.2-3).
const fn status(amended: bool) -> StatusCode {
    if amended {
        StatusCode::NON_AUTHORITATIVE_INFORMATION
    } else {
        StatusCode::OK
    }
}
