//! Several entities of the source that are one in the view, made one.

use hashbrown::{HashMap, HashSet};
use ngsi_ld::{Entity, EntityId};

use kakehashi_contract::Yielded;

/// The id, unless it was left out.
pub(super) fn id_of(yielded: &Yielded) -> Option<&EntityId> {
    match yielded {
        Yielded::Entity(entity) => Some(&entity.id),
        Yielded::LeftOut(_) => None,
    }
}

/// The entities with those of one id made one, and how many were taken up by others. The first one's attributes
/// win. What was left out stays in its place.
pub(super) fn united(yielded: Vec<Yielded>) -> (Vec<Yielded>, usize) {
    let listed = yielded.iter().filter_map(id_of).count();
    if listed < 2 {
        return (yielded, 0);
    }
    let distinct = yielded.iter().filter_map(id_of).collect::<HashSet<_>>().len();
    if distinct == listed {
        return (yielded, 0);
    }
    let mut positions: HashMap<EntityId, usize> = HashMap::with_capacity(distinct);
    let mut united: Vec<Yielded> = Vec::with_capacity(yielded.len());
    for one in yielded {
        let Yielded::Entity(entity) = one else {
            united.push(one);
            continue;
        };
        match positions.get(&entity.id).and_then(|position| united.get_mut(*position)) {
            Some(Yielded::Entity(first)) => unite(first, entity),
            _ => {
                positions.insert(entity.id.clone(), united.len());
                united.push(Yielded::Entity(entity));
            }
        }
    }
    (united, listed - distinct)
}

fn unite(first: &mut Entity, other: Entity) {
    for scope in other.scopes {
        if !first.scopes.contains(&scope) {
            first.scopes.push(scope);
        }
    }
    for r#type in other.types {
        if !first.has_type(&r#type) {
            first.types.push(r#type);
        }
    }
    for attribute in other.attributes {
        if first.attribute(&attribute.name).is_none() {
            first.attributes.push(attribute);
        }
    }
}
