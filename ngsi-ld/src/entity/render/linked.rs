//! Entities that relationships lead to, shown with those that link to them: inside of the relationship (clause
//! 4.5.23.2), or after the linking entities in the same array (4.5.23.3).

use hashbrown::{HashMap, HashSet};

use super::json::{write_member_name, write_string};
use super::writer::Writer;
use super::{write_array, write_entity, write_one_or_more};
use crate::EntityId;
use crate::entity::{Attribute, AttributeValue, Entity};

/// The entities that were retrieved because others link to them.
#[derive(Debug, Clone, Default)]
pub struct LinkedEntities {
    by_id: HashMap<EntityId, Entity>,
    levels: usize,
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

    /// The flattened representation: the linking entities, then what they lead to, nearest first; each id once.
    #[must_use]
    pub fn flatten<'e>(&'e self, linking: impl IntoIterator<Item = &'e Entity>) -> Vec<&'e Entity> {
        let mut all: Vec<&Entity> = linking.into_iter().collect();
        let mut shown: HashSet<&EntityId> = all.iter().map(|entity| &entity.id).collect();
        let mut level_start = 0;
        for _ in 0..self.levels {
            let level: Vec<&Entity> = all.iter().skip(level_start).copied().collect();
            level_start = all.len();
            for entity in level {
                for id in entity.attributes.iter().flat_map(objects_of) {
                    if let Some(linked) = self.get(id).filter(|linked| shown.insert(&linked.id)) {
                        all.push(linked);
                    }
                }
            }
        }
        all
    }
}

/// The ids that an attribute leads to.
fn objects_of(attribute: &Attribute) -> impl Iterator<Item = &EntityId> {
    attribute.instances.iter().flat_map(|instance| instance.value.objects())
}

/// The members `entity` and `entityList` of a relationship (tables 5.2.6 and 5.2.38); none when no object of it is
/// to be shown. One entity stands alone, several are an array.
pub(super) fn write_linked_members(writer: &Writer<'_>, value: &AttributeValue, out: &mut Vec<u8>) {
    let is_list = matches!(value, AttributeValue::ListRelationship { .. });
    let linked: Vec<&Entity> = value
        .objects()
        .iter()
        .filter_map(|id| writer.linked_entity(id))
        .collect();
    if linked.is_empty() {
        return;
    }
    let write = |entity: &&Entity, out: &mut Vec<u8>| write_linked_entity(writer, entity, out);
    if is_list {
        write_member_name("entityList", out);
        write_array(out, &linked, write);
    } else {
        write_member_name("entity", out);
        write_one_or_more(out, &linked, write);
    }
}

/// An object of a simplified relationship: the entity where it is to be shown, else its id.
pub(super) fn write_simplified_object(writer: &Writer<'_>, id: &EntityId, out: &mut Vec<u8>) {
    match writer.linked_entity(id) {
        Some(entity) => write_linked_entity(writer, entity, out),
        None => write_string(id.as_str(), out),
    }
}

fn write_linked_entity(writer: &Writer<'_>, entity: &Entity, out: &mut Vec<u8>) {
    out.push(b'{');
    writer.one_level_deeper(|| write_entity(writer, entity, out));
    out.push(b'}');
}
