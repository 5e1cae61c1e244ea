//! `/entities` and `/entities/{entityId}` (clauses 6.4 and 6.5).

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use ngsi_ld::Entity;
use ngsi_ld::entity::render::{Rendering, render_entities, render_entity, render_feature, render_feature_collection};

use super::negotiate::MediaType;
use super::parameters::Parameters;
use super::problem::{ErrorType, Problem};
use super::question::{self, NOT_OFFERED, Presentation, QUERY_PARAMETERS, RETRIEVE_PARAMETERS};
use super::respond;
use super::scope::Scope;
use crate::Gateway;
use crate::contexts::RequestContext;
use crate::federation;
use crate::policy::Operation;

/// Bytes that one rendered entity usually has, so that the body's buffer is made once.
const EXPECTED_ENTITY_BYTES: usize = 2048;

/// `GET /entities`: queryEntity.
pub(super) async fn query(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = MediaType::negotiate(&scope.headers, true)?;
    let context = scope.context().await?;
    let around = scope.surroundings(&context, media_type);
    let parameters = Parameters::parse(scope.uri.query(), &QUERY_PARAMETERS, &NOT_OFFERED)?;
    let presentation = question::presentation(&parameters, &around)?;
    let question = question::query_question(&parameters, &presentation, &around)?;
    let (page, count) = question::page(&parameters, &around)?;

    let asker = scope.asker(Operation::QueryEntity);
    let answer = federation::query::query(&question, page, count, &asker, &scope.gathering(&gateway)).await?;

    let in_body = context_in_body(&scope, media_type);
    let rendering = rendering(&presentation, &context, in_body);
    let mut body = Vec::with_capacity(answer.entities.len() * EXPECTED_ENTITY_BYTES);
    match media_type {
        MediaType::GeoJson => {
            render_feature_collection(&rendering, &answer.entities, &presentation.geometry_property, &mut body);
        }
        MediaType::Json | MediaType::JsonLd => render_entities(&rendering, &answer.entities, &mut body),
    }
    let mut response = respond::rendered(body, media_type, &context, in_body);
    respond::add_count(&mut response, answer.count);
    let (path, query) = (scope.uri.path(), scope.uri.query().unwrap_or_default());
    respond::add_page_links(&mut response, path, query, page, answer.more, media_type);
    respond::add_warnings(&mut response, &answer.warnings);
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
    let parameters = Parameters::parse(scope.uri.query(), &RETRIEVE_PARAMETERS, &NOT_OFFERED)?;
    let presentation = question::presentation(&parameters, &around)?;
    let question = question::retrieve_question(&id, &parameters, &presentation, &around)?;

    let asker = scope.asker(Operation::RetrieveEntity);
    let answer = federation::retrieve::retrieve(&question, &asker, &scope.gathering(&gateway)).await?;

    let mut response = match &answer.entity {
        Some(entity) => one_entity(entity, &scope, &presentation, &context),
        // The same words whether the entity does not exist or may not be seen.
        None => Problem::new(ErrorType::ResourceNotFound, "no entity of that id is visible to you").into_response(),
    };
    respond::add_warnings(&mut response, &answer.warnings);
    Ok(response)
}

fn one_entity(entity: &Entity, scope: &Scope, presentation: &Presentation, context: &RequestContext) -> Response {
    let media_type = presentation.media_type;
    let in_body = context_in_body(scope, media_type);
    let rendering = rendering(presentation, context, in_body);
    let mut body = Vec::with_capacity(EXPECTED_ENTITY_BYTES);
    match media_type {
        MediaType::GeoJson => {
            render_feature(&rendering, entity, &presentation.geometry_property, &mut body);
        }
        MediaType::Json | MediaType::JsonLd => render_entity(&rendering, entity, &mut body),
    }
    respond::rendered(body, media_type, context, in_body)
}

fn rendering<'a>(presentation: &Presentation, context: &'a RequestContext, context_in_body: bool) -> Rendering<'a> {
    Rendering {
        context: &context.context,
        format: presentation.format,
        system_attributes: presentation.system_attributes,
        context_member: context_in_body.then_some(context.member.get()),
    }
}

/// Whether the @context stands in the body: always in JSON-LD, in GeoJSON unless `Prefer: body=json` (6.3.6).
fn context_in_body(scope: &Scope, media_type: MediaType) -> bool {
    match media_type {
        MediaType::Json => false,
        MediaType::JsonLd => true,
        MediaType::GeoJson => {
            let preferences = scope
                .headers
                .get_all("prefer")
                .iter()
                .filter_map(|value| value.to_str().ok());
            !preferences
                .flat_map(|value| value.split([',', ';']))
                .any(|preference| preference.trim() == "body=json")
        }
    }
}
