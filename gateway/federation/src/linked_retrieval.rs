//! Linked Entity retrieval (clauses 4.5.23, 5.7.1 and 5.7.2): what the Relationships of an answer lead to, and what
//! theirs lead to, as far as it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashSet;
use ngsi_ld::entity::render::{LinkedEntities, links};
use ngsi_ld::projection::{Projection, Shown};
use ngsi_ld::query::LinkedEntities as _;
use ngsi_ld::{AttributeName, Entity, EntityId};

use super::entities::{Entities, EntityPage};
use super::gather::Request;
use super::linked::{Fetching, WantedEntities, all_of};
use super::plan::Asker;
use super::{Question, Refusal, Warning, warning};

/// Entities that one request may ask for because others link to them. The largest page with one Relationship each; at a
/// few KiB an entity it adds a few MiB to what a request holds.
pub const MAX_LINKED: usize = 1_000;

/// How linked entities are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Inside of the Relationship that leads to them (clause 4.5.23.2).
    Inline,
    /// After the entities that link to them (clause 4.5.23.3).
    Flat,
}

/// Which linked entities are retrieved.
#[derive(Debug, Clone)]
pub struct Join {
    /// How they are shown.
    pub form: Form,
    /// `joinLevel`: up to so many Relationships away.
    pub levels: usize,
    /// `containedBy`: entities that whoever asks has met already.
    pub contained_by: HashSet<EntityId>,
    /// What is shown of the linking entities, and of those that they lead to; `None`: everything.
    pub projection: Option<Projection>,
    /// The attribute that becomes the geometry of a GeoJSON Feature, if linked entities become Features.
    pub geometry: Option<AttributeName>,
}

impl Join {
    /// What is shown of the linking entities.
    #[must_use]
    pub fn shown(&self) -> Shown<'_> {
        self.projection.as_ref().into()
    }

    /// The attributes that must be asked for of an entity of which that is shown.
    fn needed(&self, shown: Shown<'_>) -> Option<Vec<AttributeName>> {
        let mut needed: Vec<AttributeName> = shown.needed_attributes()?.into_iter().cloned().collect();
        needed.extend(self.geometry.clone());
        Some(needed)
    }
}

/// Linked entities, and who failed to tell of them.
#[derive(Debug)]
pub struct Linked {
    /// The entities.
    pub entities: LinkedEntities,
    /// The sources whose part is missing.
    pub warnings: Vec<Warning>,
}

/// Retrieves what entities lead to. Each entity is asked for once, however many lead to it, and loops end.
///
/// # Errors
/// [`Refusal`] when there are too many, or too many sources are needed. A source that fails is no error.
pub async fn linked(
    linking: &[Entity],
    join: &Join,
    question: &Question,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<Linked, Refusal> {
    let mut fetching = Fetching::new(question, asker, request, MAX_LINKED);
    // An entity is followed again where something else is shown of it.
    let mut followed: BTreeMap<EntityId, Vec<Shown<'_>>> = BTreeMap::new();
    let mut level: Vec<(EntityId, Shown<'_>)> = Vec::new();
    let shown_already: HashSet<&EntityId> = match join.form {
        Form::Inline => HashSet::new(),
        Form::Flat => linking.iter().map(|entity| &entity.id).collect(),
    };
    for distance in 1..=join.levels {
        let from: Vec<(&Entity, Shown<'_>)> = if distance == 1 {
            linking.iter().map(|entity| (entity, join.shown())).collect()
        } else {
            let came = level
                .iter()
                .filter_map(|(id, shown)| Some((fetching.linked(id)?, *shown)));
            came.collect()
        };
        let mut wanted = WantedEntities::default();
        let mut next_level = Vec::new();
        for (entity, shown) in from {
            for link in links(entity, shown) {
                if join.contained_by.contains(link.object) || shown_already.contains(link.object) {
                    continue;
                }
                let shown = shown.of_linked(link.relationship);
                wanted.add(link.object, link.object_types, join.needed(shown));
                let known = followed.entry(link.object.clone()).or_default();
                if !known.contains(&shown) {
                    known.push(shown);
                    next_level.push((link.object.clone(), shown));
                }
            }
        }
        if wanted.is_empty() {
            break;
        }
        fetching.fetch(wanted).await?;
        level = next_level;
    }
    let warnings = std::mem::take(&mut fetching.warnings);
    Ok(Linked {
        entities: LinkedEntities::new(fetching.into_entities(), join.levels),
        warnings,
    })
}

/// Retrieves what the entities of a page lead to. The page is then at hand.
///
/// # Errors
/// As [`linked`].
pub async fn of_page(
    mut answer: EntityPage,
    join: &Join,
    question: &Arc<Question>,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<(EntityPage, LinkedEntities), Refusal> {
    let entities = all_of(&mut answer).await?;
    let more = answer.entities.more().await;
    let linked = linked(&entities, join, question, asker, request).await?;
    warning::add(&mut answer.warnings, linked.warnings);
    answer.entities = Entities::at_hand(question, entities, more, None);
    Ok((answer, linked.entities))
}
