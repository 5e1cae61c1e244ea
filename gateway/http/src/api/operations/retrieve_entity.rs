//! `GET /entities/{entityId}`: one entity.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::Method;
use kakehashi_contexts::RequestContext;
use kakehashi_federation::entities::Entities;
use kakehashi_federation::linked_retrieval::{self, Form};
use kakehashi_federation::{Question, warning};
use kakehashi_policy::Operation;
use kakehashi_resources::{Held, Resources};
use kakehashi_running::Gateway;
use ngsi_ld::Entity;
use ngsi_ld::entity::conformance;
use ngsi_ld::entity::render::{render_entity, render_feature};

use crate::api::command::{Command, Written};
use crate::api::entity_list::{EntityList, Joined, counted_body};
use crate::api::entity_maps::{self, Reference, Wish};
use crate::api::freshness;
use crate::api::known_parameters::{
    ATTRS, CONTAINED_BY, DATASET_ID, ENTITY_MAP, ENTITY_MAP_LIFETIME, FORMAT, GEOMETRY_PROPERTY, JOIN, JOIN_LEVEL,
    LANG, LOCAL, OMIT, OPTIONS, PICK, TYPE_OF_ONE,
};
use crate::api::mentioned::mentioned;
use crate::api::operation::{Content, Offered, Success};
use crate::api::preferences::Preferences;
use crate::api::presentation::Presentation;
use crate::api::question::{not_utf8, retrieve_question};
use crate::api::respond;
use crate::api::scope::Scope;
use crate::api::surroundings::Surroundings;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};
use crate::tags::EntityTag;

/// Up to so many bytes an entity is rendered without asking for a turn, and not counted until it is sent.
const SMALL: usize = 16 * 1024;

/// Bytes that one rendered entity usually has, so that the body's buffer is made once.
const EXPECTED_ENTITY_BYTES: usize = 2048;

/// `GET /entities/{entityId}`: retrieveEntity.
//= 6.5.3.1-2
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveEntity",
    clause: Some("5.7.1 and 6.5.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/entities/{entityId}",
    asks: Some(Operation::RetrieveEntity),
    summary: "one entity",
    parameters: &[
        TYPE_OF_ONE,
        ATTRS,
        PICK,
        OMIT,
        DATASET_ID,
        LANG,
        JOIN,
        JOIN_LEVEL,
        CONTAINED_BY,
        OPTIONS,
        FORMAT,
        GEOMETRY_PROPERTY,
        LOCAL,
        ENTITY_MAP,
        ENTITY_MAP_LIFETIME,
    ],
    lacks: &["via"],
    representations: MediaType::ALL,
    body: None,
    successes: &[
        Success {
            status: 200,
            meaning: "The entity; with `join=flat` a list of it and those that it links to.",
            body: Content::Entities("EntityOrList", "FeatureOrCollection"),
            headers: OF_ONE,
        },
        Success {
            status: 203,
            meaning: "The same, amended for a reader of an earlier version.",
            body: Content::Entities("EntityOrList", "FeatureOrCollection"),
            headers: OF_ONE,
        },
    ],
    explained: Some(|written: &Written<'_>| {
        let (presentation, question, _) = read(written.id, written.query, &written.around)?;
        Ok(Command::Retrieve {
            join: presentation.join(),
            mentioned: mentioned(&question, presentation.projection.as_ref()),
            question: Box::new(question),
        })
    }),
    route: |method| on(method, answer),
};

/// What may be told of one entity.
const OF_ONE: &[&str] = &[
    "ETag",
    "NGSILD-EntityMap",
    "NGSILD-Warning",
    "Age",
    "Preference-Applied",
    "Retry-After",
];

/// Reads the query part of the URL, with the id in its path.
fn read(id: &str, query: Option<&str>, around: &Surroundings<'_>) -> Result<(Presentation, Question, Wish), Problem> {
    let parameters = OFFERED.parameters(query)?;
    let presentation = Presentation::read(&parameters, around)?;
    let question = retrieve_question(id, &parameters, &presentation, around)?;
    Ok((presentation, question, Wish::read(&parameters)?))
}

//= 5.7.1.4-4, 6.5.3.1-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|_| not_utf8())?;
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let around = scope.surroundings(&context, media_type);
    let (presentation, mut question, wish) = read(&id, scope.uri.query(), &around)?;
    let reference = Reference::of(&scope.headers, None)?;
    let by_map = entity_maps::of_one(&mut question, wish, reference, &gateway, &scope)?;

    let asker = scope.asker(Operation::RetrieveEntity);
    let gathering = scope.gathering(&gateway);
    let consumer = scope.caller.0.id.as_str();
    let tag = |seen: &Entity| EntityTag::of(consumer, seen);
    let mut answer = kakehashi_federation::retrieve::retrieve(&question, &asker, &gathering, tag).await?;
    warning::add(&mut answer.warnings, by_map.lacks().iter().cloned());
    let Some(entity) = answer.entity else {
        // The same words whether the entity does not exist or may not be seen.
        let problem = Problem::new(ErrorType::ResourceNotFound, "no entity of that id is visible to you");
        let mut response = problem.into_response();
        respond::add_warnings(&mut response, &answer.warnings, &scope.revision.config);
        respond::add_retry_after(&mut response, &answer.warnings, &scope.revision.config);
        freshness::say(&mut response, &gathering.call.freshness);
        return Ok(response);
    };
    let question = Arc::new(question);
    let map = Box::pin(by_map.made(&question, &gateway, &scope, &asker, &gathering)).await?;
    let mut joined = None;
    if let Some(join) = presentation.join() {
        let linking = std::slice::from_ref(&entity);
        // Rare, and large: it has no room in what every answer takes.
        let linked = Box::pin(linked_retrieval::linked(linking, &join, &question, &asker, &gathering)).await?;
        warning::add(&mut answer.warnings, linked.warnings);
        joined = Some(Joined::new(join.form, linked.entities));
    }
    let is_list = joined.as_ref().is_some_and(|joined| joined.form == Form::Flat);
    let mut response = match joined {
        Some(joined) if joined.form == Form::Flat => {
            Box::pin(flattened(entity, joined, &question, &scope, presentation, context)).await?
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
    if let Some(tag) = answer.tag.flatten().filter(|_| !is_list) {
        response.extensions_mut().insert(tag);
    }
    if let Some(map) = map {
        entity_maps::tell(&mut response, &map);
    }
    respond::add_warnings(&mut response, &answer.warnings, &scope.revision.config);
    freshness::say(&mut response, &gathering.call.freshness);
    Ok(response)
}

/// An entity and those that it links to: always an array, or a FeatureCollection (clauses 4.5.23.3 and 5.7.1.5).
//= 4.5.23.3-1, 5.7.1.5-4
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
    let in_body = preferences.context_in_body(media_type);
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
    *response.status_mut() = respond::status(written.amended);
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

    //= 5.7.1.4-12
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
        let in_body = preferences.context_in_body(media_type);
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
        *response.status_mut() = respond::status(amended);
        response
    }
}
