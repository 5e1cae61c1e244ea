//! The body of a list of entities. Most are written whole and sent with their length. A large one whose entities arrive
//! from one source is sent as they arrive, so that it is never held as a whole.

use axum::body::{Body, Bytes};
use futures::stream;
use kakehashi_adapters::AdapterError;
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::conformance::{self, SpecificationVersion};
use ngsi_ld::entity::render::{LinkedEntities, Representation, open_feature_collection, render_entity, render_feature};
use ngsi_ld::projection::Shown;

use super::negotiate::MediaType;
use super::presentation::Presentation;
use crate::contexts::RequestContext;
use crate::edge::RequestId;
use crate::federation::Warning;
use crate::federation::entities::Entities;
use crate::federation::linked_retrieval::Form;

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
    /// How many entities match in all, if that was asked for and can be told.
    pub count: Option<u64>,
    /// The source that failed, so that the list is empty, and what was left out.
    pub warnings: Vec<Warning>,
}

impl EntityList {
    /// Writes a list, or begins to. `count`: how many match in all, as was counted before the entities were taken.
    pub(super) async fn write(mut self, mut entities: Entities, count: Option<u64>, request_id: &RequestId) -> Written {
        let flattened = self.joined.take_if(|joined| joined.form == Form::Flat);
        let mut linking = Vec::new();
        let mut writing = Writing::begin(self);
        loop {
            match entities.next().await {
                Ok(Some(entity)) if flattened.is_some() => linking.push(entity),
                Ok(Some(entity)) => writing.add(entity),
                Ok(None) => break,
                Err(error) => {
                    return Written {
                        body: Writing::begin(writing.list).finish(),
                        more: false,
                        amended: false,
                        count,
                        warnings: vec![Warning::from(&error)],
                    };
                }
            }
            // Whether it was amended is said before the body.
            if writing.body.len() >= SENT_FROM && entities.arrive() && writing.list.version.is_none() {
                let (count, warnings) = entities.settle(count).await;
                entities.begin_sending();
                return Written {
                    more: entities.more().await,
                    amended: false,
                    count,
                    warnings,
                    body: writing.continue_with(entities, request_id.clone()),
                };
            }
        }
        if let Some(Joined { linked, .. }) = &flattened {
            let projection = writing.list.presentation.projection.clone();
            for (entity, shown) in linked.flatten(&linking, Shown::from(projection.as_ref())) {
                writing.add_shown(entity.clone(), Some(shown));
            }
        }
        let (count, warnings) = entities.settle(count).await;
        Written {
            more: entities.more().await,
            amended: writing.amended,
            count,
            warnings,
            body: writing.finish(),
        }
    }

    fn representation(&self) -> Representation<'_> {
        let member = self.context_in_body.then(|| self.context.member.get());
        let mut representation = self.presentation.representation(&self.context.context, member);
        representation.linked = self.joined.as_ref().map(|joined| &joined.linked);
        representation
    }

    fn is_geo_json(&self) -> bool {
        self.presentation.media_type == MediaType::GeoJson
    }
}

/// A list that is being written.
struct Writing {
    list: EntityList,
    /// What was written and not sent.
    body: Vec<u8>,
    is_empty: bool,
    amended: bool,
}

impl Writing {
    fn begin(mut list: EntityList) -> Self {
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
            is_empty: true,
            amended,
        }
    }

    fn add(&mut self, entity: Entity) {
        self.add_shown(entity, None);
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

    /// The whole body.
    fn finish(mut self) -> Body {
        self.close();
        Body::from(self.body)
    }

    /// A body that is written on as entities arrive.
    fn continue_with(self, entities: Entities, request_id: RequestId) -> Body {
        let under_way = UnderWay {
            writing: self,
            entities,
            request_id,
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
    request_id: RequestId,
}

impl UnderWay {
    /// The next bytes, and what is left to be written.
    async fn next_chunk(mut self) -> Result<(Bytes, Option<Self>), AdapterError> {
        while self.writing.body.len() < CHUNK {
            match self.entities.next().await {
                Ok(Some(entity)) => self.writing.add(entity),
                Ok(None) => {
                    self.writing.close();
                    return Ok((Bytes::from(self.writing.body), None));
                }
                // Without its end nobody takes the part for the whole.
                Err(error) => {
                    let request_id = self.request_id.as_str();
                    tracing::warn!(request_id, source_id = %error.source_id, "an answer was broken off");
                    return Err(error);
                }
            }
        }
        let chunk = std::mem::replace(&mut self.writing.body, Vec::with_capacity(CHUNK + CHUNK / 4));
        Ok((Bytes::from(chunk), Some(self)))
    }
}
