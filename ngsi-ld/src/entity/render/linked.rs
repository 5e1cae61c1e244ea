//! Entities that relationships lead to, shown with those that link to them: inside of the relationship (clause
//! 4.5.23.2), or after the linking entities in the same array (4.5.23.3).
//!
//! Relationships are followed where they are attributes of entities and shown; those of attributes are not (annex
//! C.2.2 does not either).

use hashbrown::{HashMap, HashSet};

use super::json::{write_member_name, write_string};
use super::writer::Writer;
use super::{write_array, write_entity, write_one_or_more};
use crate::entity::{Attribute, AttributeValue, Entity};
use crate::projection::Shown;
use crate::{AttributeName, EntityId, TypeName};

/// The entities that were retrieved because others link to them.
#[derive(Debug, Clone, Default)]
pub struct LinkedEntities {
    by_id: HashMap<EntityId, Entity>,
    levels: usize,
}

/// One link of an entity to another.
#[derive(Debug, Clone, Copy)]
pub struct LinkTo<'e> {
    /// The Relationship or ListRelationship.
    pub relationship: &'e AttributeName,
    /// Whereto it leads.
    pub object: &'e EntityId,
    /// The types of what it leads to, as far as it says them.
    pub object_types: &'e [TypeName],
}

/// The links of an entity that are shown, in their order.
pub fn links<'e>(entity: &'e Entity, shown: Shown<'_>) -> impl Iterator<Item = LinkTo<'e>> {
    let attributes = entity.attributes.iter();
    attributes
        .filter(move |attribute| shown.shows_attribute(&attribute.name))
        .flat_map(links_of)
}

/// The links of one attribute, in their order.
pub fn links_of(attribute: &Attribute) -> impl Iterator<Item = LinkTo<'_>> {
    attribute.instances.iter().flat_map(|instance| {
        let objects = instance.value.objects().iter();
        objects.map(|object| LinkTo {
            relationship: &attribute.name,
            object,
            object_types: instance.value.object_types(),
        })
    })
}

impl LinkedEntities {
    /// Entities that are shown up to so many relationships away from a linking entity (`joinLevel`).
    pub fn new(entities: impl IntoIterator<Item = Entity>, levels: usize) -> Self {
        let by_id = entities.into_iter().map(|entity| (entity.id.clone(), entity)).collect();
        Self { by_id, levels }
    }

    /// How many relationships away entities are shown.
    #[must_use]
    pub const fn levels(&self) -> usize {
        self.levels
    }

    /// The linked entity of that id.
    #[must_use]
    pub fn get(&self, id: &EntityId) -> Option<&Entity> {
        self.by_id.get(id)
    }

    /// All of them.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.by_id.values()
    }

    /// All of them, to be changed.
    pub fn entities_mut(&mut self) -> impl Iterator<Item = &mut Entity> {
        self.by_id.values_mut()
    }

    /// The flattened representation: the linking entities, then what they lead to, nearest first; each id once, with
    /// what is shown of it. `shown`: what is shown of the linking entities.
    #[must_use]
    //= 5.7.2.5-6
    pub fn flatten<'e, 'p>(
        &'e self,
        linking: impl IntoIterator<Item = &'e Entity>,
        shown: Shown<'p>,
    ) -> Vec<(&'e Entity, Shown<'p>)> {
        let mut all: Vec<(&Entity, Shown<'p>)> = linking.into_iter().map(|entity| (entity, shown)).collect();
        let mut known: HashSet<&EntityId> = all.iter().map(|(entity, _)| &entity.id).collect();
        let mut level_start = 0;
        for _ in 0..self.levels {
            let level: Vec<(&Entity, Shown<'p>)> = all.iter().skip(level_start).copied().collect();
            level_start = all.len();
            for (entity, shown) in level {
                for link in links(entity, shown) {
                    if let Some(next) = self.next(link, shown).filter(|(linked, _)| known.insert(&linked.id)) {
                        all.push(next);
                    }
                }
            }
        }
        all
    }

    /// How many relationships away from an entity the linked entities are that can be reached from it: 1 or more.
    pub(super) fn distances(&self, from: &Entity, shown: Shown<'_>) -> HashMap<EntityId, usize> {
        let mut distances: HashMap<EntityId, usize> = HashMap::new();
        let mut level = vec![(from, shown)];
        for distance in 1..=self.levels {
            let mut next_level = Vec::new();
            for (entity, shown) in level {
                for link in links(entity, shown) {
                    if *link.object != from.id
                        && !distances.contains_key(link.object)
                        && let Some(next) = self.next(link, shown)
                    {
                        distances.insert(link.object.clone(), distance);
                        next_level.push(next);
                    }
                }
            }
            level = next_level;
        }
        distances
    }

    /// The entity that a link leads to, with what is shown of it, if that is anything.
    fn next<'p>(&self, link: LinkTo<'_>, shown: Shown<'p>) -> Option<(&Entity, Shown<'p>)> {
        let linked = self.get(link.object)?;
        let shown = shown.of_linked(link.relationship);
        shown.leaves_something(linked, None).then_some((linked, shown))
    }
}

/// The members `entity` and `entityList` of a relationship (tables 5.2.6 and 5.2.37); none when no object of it is
/// to be shown. One entity stands alone, several are an array.
//= 5.7.1.5-3, 5.7.2.5-5
pub(super) fn write_linked_members(
    writer: &Writer<'_>,
    relationship: &AttributeName,
    value: &AttributeValue,
    out: &mut Vec<u8>,
) {
    let is_list = matches!(value, AttributeValue::ListRelationship { .. });
    let linked: Vec<&Entity> = value
        .objects()
        .iter()
        .filter_map(|id| writer.linked_entity(id))
        .collect();
    if linked.is_empty() {
        return;
    }
    let write = |entity: &&Entity, out: &mut Vec<u8>| write_linked_entity(writer, relationship, entity, out);
    if is_list {
        write_member_name("entityList", out);
        write_array(out, &linked, write);
    } else {
        write_member_name("entity", out);
        write_one_or_more(out, &linked, write);
    }
}

/// An object of a simplified relationship: the entity where it is to be shown, else its id.
pub(super) fn write_simplified_object(
    writer: &Writer<'_>,
    relationship: &AttributeName,
    id: &EntityId,
    out: &mut Vec<u8>,
) {
    match writer.linked_entity(id) {
        Some(entity) => write_linked_entity(writer, relationship, entity, out),
        None => write_string(id.as_str(), out),
    }
}

//= 4.5.23.2-1
fn write_linked_entity(writer: &Writer<'_>, relationship: &AttributeName, entity: &Entity, out: &mut Vec<u8>) {
    out.push(b'{');
    writer.one_level_deeper(relationship, || write_entity(writer, entity, out));
    out.push(b'}');
}
