//! Several entities of the source that are one in the view, made one.

use std::time::SystemTime;

use hashbrown::{HashMap, HashSet};
use ngsi_ld::EntityId;
use ngsi_ld::entity::{DateTime, SystemAttributes};
use ngsi_ld::merge::{Clock, Part, merge_parts};

use kakehashi_contract::Yielded;

/// The id, unless it was left out.
pub(super) fn id_of(yielded: &Yielded) -> Option<&EntityId> {
    match yielded {
        Yielded::Entity(entity) => Some(&entity.id),
        Yielded::LeftOut(_) => None,
    }
}

/// Whether several of them are one in the view.
pub(super) fn has_several_of_one(yielded: &[Yielded]) -> bool {
    let mut seen = HashSet::new();
    !yielded.iter().filter_map(id_of).all(|id| seen.insert(id))
}

/// The entities with those of one id made one, and how many were taken up by others: what each says is merged as what several
/// sources say is, so that the newest holds, and without dates what comes first. What was left out stays in its place.
pub(super) fn united(yielded: Vec<Yielded>) -> (Vec<Yielded>, usize) {
    let listed = yielded.iter().filter_map(id_of).count();
    if listed < 2 {
        return (yielded, 0);
    }
    let distinct = yielded.iter().filter_map(id_of).collect::<HashSet<_>>().len();
    if distinct == listed {
        return (yielded, 0);
    }
    let clock = Clock::at(DateTime::from_system_time(SystemTime::now()));
    let mut positions: HashMap<EntityId, usize> = HashMap::with_capacity(distinct);
    let mut parts: Vec<Result<Vec<Part>, Yielded>> = Vec::with_capacity(yielded.len());
    for one in yielded {
        let Yielded::Entity(entity) = one else {
            parts.push(Err(one));
            continue;
        };
        let part = |entity| Part {
            entity,
            authoritative: false,
        };
        match positions.get(&entity.id).and_then(|position| parts.get_mut(*position)) {
            Some(Ok(of_one)) => of_one.push(part(entity)),
            _ => {
                positions.insert(entity.id.clone(), parts.len());
                parts.push(Ok(vec![part(entity)]));
            }
        }
    }
    let merged = parts.into_iter().filter_map(|parts| match parts {
        Ok(parts) => merge_parts(parts, &clock).map(Yielded::Entity),
        Err(left_out) => Some(left_out),
    });
    (merged.collect(), listed - distinct)
}

/// The same without the dates that the source keeps, where they were asked for to merge alone.
pub(super) fn without_dates(mut yielded: Vec<Yielded>, are_wanted: bool) -> Vec<Yielded> {
    if !are_wanted {
        for one in &mut yielded {
            if let Yielded::Entity(entity) = one {
                entity.system = SystemAttributes::default();
                for attribute in &mut entity.attributes {
                    for instance in &mut attribute.instances {
                        instance.system = SystemAttributes::default();
                    }
                }
            }
        }
    }
    yielded
}
