//! The body of a list of entities. Most are written whole and sent with their length. A large one whose entities arrive
//! from one source is sent as they arrive, so that it is never held as a whole.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures::stream;
use kakehashi_contexts::RequestContext;
use kakehashi_federation::entities::Entities;
use kakehashi_federation::linked_retrieval::Form;
use kakehashi_federation::{Question, Refusal, Warning, scan};
use kakehashi_resources::{Exhausted, Held, Resources, pause};
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::conformance::{self, SpecificationVersion};
use ngsi_ld::entity::render::{
    LinkedEntities, Representation, ShortNames, open_feature_collection, render_entity, render_feature,
};
use ngsi_ld::projection::Shown;

use super::presentation::Presentation;
use super::scope::Scope;
use crate::edge::RequestId;
use crate::negotiate::MediaType;

/// From this size on, in bytes, a body is sent before it is complete. Nearly all pages are smaller, and a failure of
/// their source is then told in a warning; afterwards it can only be told by breaking off.
const SENT_FROM: usize = 512 * 1024;

/// Bytes of a body that are sent at once, about: enough that sending costs little for each.
const CHUNK: usize = 64 * 1024;

/// How a list of entities looks.
#[derive(Debug)]
pub(super) struct EntityList {
    /// The representation.
    pub presentation: Presentation,
    /// The context of its names.
    pub context: RequestContext,
    /// Whether the `@context` stands in the body.
    pub context_in_body: bool,
    /// The version that its reader knows (clause 4.3.6.8).
    pub version: Option<SpecificationVersion>,
    /// The entities that those of the list link to, where they are shown. The list is then at hand.
    pub joined: Option<Joined>,
}

/// Linked entities, and how they are shown.
#[derive(Debug)]
pub(super) struct Joined {
    /// How.
    pub form: Form,
    /// Which.
    pub linked: LinkedEntities,
}

impl Joined {
    pub(super) const fn new(form: Form, linked: LinkedEntities) -> Self {
        Self { form, linked }
    }

    /// About how many bytes of memory they take.
    pub(super) fn weight(&self) -> usize {
        self.linked.entities().map(Entity::weight).sum()
    }

    /// Amends them for a reader of an earlier version; whether that changed any.
    pub(super) fn amend(&mut self, version: SpecificationVersion, context: &Context) -> bool {
        let mut amended = false;
        for entity in self.linked.entities_mut() {
            amended |= conformance::amend(entity, version, context);
        }
        amended
    }
}

/// A list that was written, or whose writing has begun.
#[derive(Debug)]
pub(super) struct Written {
    /// The body.
    pub body: Body,
    /// Whether entities follow after this page.
    pub more: bool,
    /// Whether an entity was amended for a reader of an earlier version.
    pub amended: bool,
    /// The list, where it holds no entity: how it would look.
    pub empty: Option<Box<EntityList>>,
    /// How many entities match in all, if that was asked for and can be told.
    pub count: Option<u64>,
    /// The source that failed, so that the list is empty, and what was left out.
    pub warnings: Vec<Warning>,
}

impl EntityList {
    /// Writes a list, or begins to. `count`: how many match in all, as was counted before the entities were taken. What is
    /// long is written by turns with others.
    ///
    /// # Errors
    /// [`Refusal`], when what the request may use is used up, or its only source has more than may be had of it.
    //= 5.7.2.4-19
    pub(super) async fn write(
        mut self,
        mut entities: Entities,
        count: Option<u64>,
        scope: &Scope,
    ) -> Result<Written, Refusal> {
        let resources = &scope.resources;
        let question = Arc::clone(entities.question());
        let flattened = self.joined.take_if(|joined| joined.form == Form::Flat);
        let mut linking: Vec<Entity> = Vec::new();
        let mut writing = Writing::begin(self, resources.held());
        loop {
            match entities.next().await {
                Ok(next) if next.is_empty() => break,
                Ok(next) if flattened.is_some() => linking.extend(next.into_iter().map(|mut entity| {
                    question.reduce(&mut entity);
                    entity
                })),
                Ok(next) => writing = writing.continued(next, &question, resources).await?,
                Err(error) => {
                    if let Some(refusal) = scan::refusal_of_the_only(&error) {
                        return Err(refusal);
                    }
                    let (body, empty) = Writing::begin(writing.list, resources.held()).finish();
                    return Ok(Written {
                        body,
                        more: false,
                        amended: false,
                        empty,
                        count,
                        warnings: vec![Warning::from(&error)],
                    });
                }
            }
            // Whether it was amended is said before the body.
            if writing.body.len() >= SENT_FROM && entities.arrive() && writing.list.version.is_none() {
                let (count, warnings) = entities.settle(count).await;
                entities.begin_sending();
                return Ok(Written {
                    more: entities.more().await,
                    amended: false,
                    empty: None,
                    count,
                    warnings,
                    body: writing.continue_with(entities, scope),
                });
            }
        }
        if let Some(flattened) = flattened {
            let adding = writing.add_flattened(linking, flattened);
            writing = resources.compute_over_held(adding).await??;
        }
        let (count, warnings) = entities.settle(count).await;
        let (more, amended) = (entities.more().await, writing.amended);
        let (body, empty) = writing.finish();
        Ok(Written {
            more,
            amended,
            empty,
            count,
            warnings,
            body,
        })
    }

    fn representation(&self) -> Representation<'_> {
        let member = self.context_in_body.then(|| self.context.member.get());
        let mut representation = self.presentation.representation(&self.context.context, member);
        representation.linked = self.joined.as_ref().map(|joined| &joined.linked);
        representation
    }

    //= 6.3.15-1
    fn is_geo_json(&self) -> bool {
        self.presentation.media_type == MediaType::GeoJson
    }
}

/// A body that is counted until its last byte has left.
pub(super) fn counted_body(body: Vec<u8>, held: Option<Held>) -> Body {
    match held {
        Some(held) => Body::from(counted(body, held)),
        None => Body::from(body),
    }
}

fn counted(body: Vec<u8>, held: Held) -> Bytes {
    Bytes::from_owner(Counted { body, _held: held })
}

/// Bytes that are counted.
struct Counted {
    body: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// A list that is being written.
struct Writing {
    list: EntityList,
    /// What was written and not sent.
    body: Vec<u8>,
    /// What is counted of it for the request.
    held: Held,
    is_empty: bool,
    amended: bool,
    /// All of it is written under one context.
    short_names: ShortNames,
}

impl Writing {
    fn begin(mut list: EntityList, held: Held) -> Self {
        let mut amended = false;
        if let (Some(version), Some(joined)) = (list.version, &mut list.joined) {
            amended = joined.amend(version, &list.context.context);
        }
        let mut body = Vec::new();
        if list.is_geo_json() {
            open_feature_collection(list.representation(), &mut body);
        }
        body.push(b'[');
        Self {
            list,
            body,
            held,
            is_empty: true,
            amended,
            short_names: ShortNames::default(),
        }
    }

    /// The same with more entities, of which what is not shown is left out.
    async fn continued(
        self,
        entities: Vec<Entity>,
        question: &Arc<Question>,
        resources: &Resources,
    ) -> Result<Self, Exhausted> {
        let adding = self.add_all(entities, Arc::clone(question));
        resources.compute_over_held(adding).await?
    }

    async fn add_all(mut self, entities: Vec<Entity>, question: Arc<Question>) -> Result<Self, Exhausted> {
        let (before, others) = (self.body.len(), entities.len().saturating_sub(1));
        for (place, mut entity) in entities.into_iter().enumerate() {
            question.reduce(&mut entity);
            self.add_shown(entity, None);
            if place == 0 {
                // The others are about as long.
                let expected = (self.body.len() - before).saturating_mul(others);
                self.body.reserve(expected.saturating_add(expected / 8).min(SENT_FROM));
            }
            pause().await;
        }
        self.count()?;
        Ok(self)
    }

    /// Adds entities and those that they link to, each as it is shown.
    async fn add_flattened(mut self, linking: Vec<Entity>, joined: Joined) -> Result<Self, Exhausted> {
        let projection = self.list.presentation.projection.clone();
        for (entity, shown) in joined.linked.flatten(&linking, Shown::from(projection.as_ref())) {
            self.add_shown(entity.clone(), Some(shown));
            pause().await;
        }
        self.count()?;
        Ok(self)
    }

    /// Counts what was written.
    fn count(&mut self) -> Result<(), Exhausted> {
        self.held.become_of(self.body.capacity())
    }

    /// Adds an entity; `shown`: what is shown of it in the place of what the list shows.
    fn add_shown(&mut self, mut entity: Entity, shown: Option<Shown<'_>>) {
        if let Some(version) = self.list.version {
            self.amended |= conformance::amend(&mut entity, version, &self.list.context.context);
        }
        if !std::mem::replace(&mut self.is_empty, false) {
            self.body.push(b',');
        }
        let mut representation = self.list.representation();
        representation.short_names = Some(&self.short_names);
        representation.shown = shown.unwrap_or(representation.shown);
        if self.list.is_geo_json() {
            // It stands in the collection.
            representation.rendering.context_member = None;
            let geometry_property = &self.list.presentation.geometry_property;
            render_feature(representation, &entity, geometry_property, &mut self.body);
        } else {
            render_entity(representation, &entity, &mut self.body);
        }
    }

    fn close(&mut self) {
        self.body.push(b']');
        if self.list.is_geo_json() {
            self.body.push(b'}');
        }
    }

    /// The whole body; and the list, where it is empty.
    fn finish(mut self) -> (Body, Option<Box<EntityList>>) {
        self.close();
        let empty = self.is_empty.then(|| Box::new(self.list));
        (Body::from(counted(self.body, self.held)), empty)
    }

    /// A body that is written on as entities arrive.
    fn continue_with(self, entities: Entities, scope: &Scope) -> Body {
        let under_way = UnderWay {
            writing: self,
            entities,
            resources: scope.resources.clone(),
            request_id: scope.id.clone(),
        };
        Body::from_stream(stream::try_unfold(Some(under_way), |under_way| async move {
            match under_way {
                Some(under_way) => under_way.next_chunk().await.map(Some),
                None => Ok(None),
            }
        }))
    }
}

/// A body that is sent while it is written.
struct UnderWay {
    writing: Writing,
    entities: Entities,
    resources: Resources,
    request_id: RequestId,
}

impl UnderWay {
    /// The next bytes, and what is left to be written.
    async fn next_chunk(mut self) -> Result<(Bytes, Option<Self>), BrokenOff> {
        let question = Arc::clone(self.entities.question());
        while self.writing.body.len() < CHUNK {
            match self.entities.next().await {
                Ok(next) if next.is_empty() => {
                    self.writing.close();
                    return Ok((counted(self.writing.body, self.writing.held), None));
                }
                Ok(next) => {
                    let continued = self.writing.continued(next, &question, &self.resources).await;
                    self.writing = continued.map_err(|exhausted| {
                        let request_id = self.request_id.as_str();
                        tracing::warn!(request_id, reason = %exhausted, "an answer was broken off");
                        BrokenOff
                    })?;
                }
                // Without its end nobody takes the part for the whole.
                Err(error) => {
                    let request_id = self.request_id.as_str();
                    // That the source has failed is told where it was asked, and not for every request.
                    tracing::debug!(request_id, source_id = %error.source_id, "an answer was broken off");
                    return Err(BrokenOff);
                }
            }
        }
        let chunk = std::mem::replace(&mut self.writing.body, Vec::with_capacity(CHUNK + CHUNK / 4));
        let held = std::mem::replace(&mut self.writing.held, self.resources.held());
        Ok((counted(chunk, held), Some(self)))
    }
}

/// An answer that has begun cannot be finished.
#[derive(Debug, thiserror::Error)]
#[error("the answer was broken off")]
struct BrokenOff;
