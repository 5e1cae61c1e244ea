//! What one reading has brought: the entities in the source's own order, by id, and what finds those that may meet a condition.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use kakehashi_contract::{AttributeSelection, Flaw, SourceQuery, Yielded};
use ngsi_ld::entity::{Attribute, Instance, SystemAttributes};
use ngsi_ld::query::{Condition, Expression};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use tokio::time::Instant;

use crate::columns::{Column, MayMeet};
use crate::finders::FoundByAttribute;
use crate::holding::{Holding, Judge, Judged, NotHeld};
use crate::memory::{Kept, SourceMemory};
use crate::places::Places;

/// What a place in the lists takes beside its entity, about: in the map of ids, and its number.
const BYTES_OF_A_PLACE: usize = 64;

/// What a source said at one time.
#[derive(Debug)]
pub struct Snapshot {
    /// When the reading began: nothing of it is older.
    pub begun: Instant,
    /// How long it took.
    pub took: Duration,
    places: Box<[Place]>,
    /// Where the entities of each type are; `None`: some have several.
    by_type: Option<Vec<(TypeName, Range<usize>)>>,
    by_id: HashMap<EntityId, u32>,
    /// The places of those that are wrong.
    flawed: Box<[u32]>,
    /// Attributes of which something is not here that few may see.
    reduced: HashSet<AttributeName>,
    found_by: RwLock<FoundBy>,
    kept: Kept,
}

/// One place in the source's list.
#[derive(Debug)]
pub(crate) enum Place {
    Entity(Entity),
    /// Something is wrong with it; it is of this type.
    LeftOut(Flaw, TypeName),
}

#[derive(Debug)]
struct FoundBy {
    columns: HashMap<AttributeName, Arc<Column>>,
    places: HashMap<AttributeName, Arc<Places>>,
    /// What was too large, or made of nothing.
    kept: Kept,
}

/// Places that may hold what is asked for.
#[derive(Debug)]
pub(crate) enum Candidates {
    All,
    These(Vec<u32>),
}

/// A reading under way.
pub struct Building<'a> {
    holding: &'a Holding,
    judge: &'a Judge,
    memory: &'a SourceMemory,
    places: Vec<Place>,
    by_type: Vec<(TypeName, Range<usize>)>,
    has_several_types: bool,
    by_id: HashMap<EntityId, u32>,
    flawed: Vec<u32>,
    reduced: HashSet<AttributeName>,
    kept: Kept,
}

impl<'a> Building<'a> {
    /// Nothing was read yet. What is kept is counted as this memory says.
    #[must_use]
    pub fn new(holding: &'a Holding, judge: &'a Judge, memory: &'a SourceMemory) -> Self {
        Self {
            holding,
            judge,
            memory,
            places: Vec::new(),
            by_type: Vec::new(),
            has_several_types: false,
            by_id: HashMap::new(),
            flawed: Vec::new(),
            reduced: HashSet::new(),
            kept: Kept::nothing_of(memory),
        }
    }

    /// What is added from now on was sent for a question about this type.
    pub fn begin(&mut self, name: &TypeName) {
        let begin = self.places.len();
        self.by_type.push((name.clone(), begin..begin));
    }

    /// Whether an entity of that id was added.
    #[must_use]
    pub fn has(&self, id: &EntityId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Adds what the source has sent of the question.
    ///
    /// # Errors
    /// [`NotHeld`], when what the source holds cannot be kept.
    pub fn add(&mut self, yielded: Yielded) -> Result<(), NotHeld> {
        if self.places.len() >= self.memory.bounds().entities {
            return Err(NotHeld::TooMany);
        }
        let number = u32::try_from(self.places.len()).map_err(|_| NotHeld::TooMany)?;
        let Some((name, of_type)) = self.by_type.last_mut() else {
            return Err(NotHeld::SeveralTypes);
        };
        let place = match yielded {
            Yielded::LeftOut(flaw) => {
                self.flawed.push(number);
                Place::LeftOut(flaw, name.clone())
            }
            Yielded::Entity(mut entity) => {
                if !self.holding.are_alike(&entity.types) {
                    return Err(NotHeld::SeveralTypes);
                }
                if let Some(earlier) = self.by_id.get(&entity.id) {
                    let earlier = self.places.get(*earlier as usize);
                    // What has several types was sent for another of them, too.
                    let is_same = matches!(earlier, Some(Place::Entity(earlier)) if earlier.types == entity.types);
                    return if is_same && entity.types.len() > 1 {
                        Ok(())
                    } else {
                        Err(NotHeld::RepeatedId)
                    };
                }
                match (self.judge)(&mut entity) {
                    Judged::Whole => {}
                    Judged::Without(names) => self.reduced.extend(names),
                    Judged::Nothing => return Err(NotHeld::Guarded),
                }
                self.kept.grow(entity.weight() + BYTES_OF_A_PLACE)?;
                self.by_id.insert(entity.id.clone(), number);
                self.has_several_types |= entity.types.len() > 1;
                Place::Entity(entity)
            }
        };
        self.places.push(place);
        of_type.end = self.places.len();
        Ok(())
    }

    /// What was read, of a reading that began then.
    #[must_use]
    pub fn finish(self, begun: Instant) -> Snapshot {
        Snapshot {
            begun,
            took: begun.elapsed(),
            places: self.places.into(),
            by_type: (!self.has_several_types).then_some(self.by_type),
            by_id: self.by_id,
            flawed: self.flawed.into(),
            reduced: self.reduced,
            found_by: RwLock::new(FoundBy {
                columns: HashMap::new(),
                places: HashMap::new(),
                kept: Kept::nothing_of(self.memory),
            }),
            kept: self.kept,
        }
    }
}

impl Snapshot {
    /// Whether it has no place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether some entity has several types.
    #[must_use]
    pub const fn has_several_types(&self) -> bool {
        self.by_type.is_none()
    }

    /// The ids of all entities, in no order.
    pub fn ids(&self) -> impl Iterator<Item = &EntityId> {
        self.by_id.keys()
    }

    /// How many places it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let found_by = self.found_by.read().unwrap_or_else(PoisonError::into_inner);
        self.kept.bytes() + found_by.kept.bytes()
    }

    /// The places of entities of some types, in order: other places may be among them.
    pub(crate) fn places_of_types(&self, types: &[TypeName]) -> Vec<Range<usize>> {
        match &self.by_type {
            Some(by_type) => {
                let asked = by_type.iter().filter(|(name, _)| types.contains(name));
                asked.map(|(_, places)| places.clone()).collect()
            }
            None => std::iter::once(0..self.places.len()).collect(),
        }
    }

    /// The places of those that are wrong.
    pub(crate) fn flawed(&self) -> impl Iterator<Item = &Place> {
        self.flawed.iter().filter_map(|number| self.place(*number as usize))
    }

    /// What stands at a place.
    pub(crate) fn place(&self, number: usize) -> Option<&Place> {
        self.places.get(number)
    }

    /// The entity of an id.
    #[must_use]
    pub fn entity(&self, id: &EntityId) -> Option<&Entity> {
        match self.place(*self.by_id.get(id)? as usize)? {
            Place::Entity(entity) => Some(entity),
            Place::LeftOut(..) => None,
        }
    }

    /// Whether a question cannot be answered from it after all: somebody may see what is not here, or an entity that is asked
    /// for by its id may be one of those with which something is wrong.
    #[must_use]
    pub fn lacks_something_of(&self, query: &SourceQuery) -> bool {
        let is_reduced = || match &query.attributes {
            AttributeSelection::All => !self.reduced.is_empty(),
            AttributeSelection::Only(names) => names.iter().any(|name| self.reduced.contains(name)),
        };
        (query.beyond_open && is_reduced())
            || (!self.flawed.is_empty() && query.ids.iter().any(|id| !self.by_id.contains_key(id)))
    }

    /// The places that may hold what a question asks for, in their order. What would have found them is wanted, if it is not
    /// there.
    pub(crate) fn candidates(&self, query: &SourceQuery, want: &mut dyn FnMut(FoundByAttribute)) -> Candidates {
        if !query.ids.is_empty() {
            let mut numbers: Vec<u32> = query.ids.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            return Candidates::These(numbers);
        }
        let by_place = query.geo.as_ref().and_then(|geo| {
            geo.surroundings()?;
            let places = self.boxes_of(&geo.property);
            if places.is_none() {
                want(FoundByAttribute::Place(geo.property.clone()));
            }
            places?.may_meet(geo)
        });
        let by_value = self.found_by_value(query, want);
        let fewest = match (by_place, by_value) {
            (Some(by_place), Some(by_value)) if by_value.len() < by_place.len() => Some(by_value),
            (Some(by_place), _) => Some(by_place),
            (None, by_value) => by_value,
        };
        let Some(mut numbers) = fewest else {
            return Candidates::All;
        };
        if !self.flawed.is_empty() {
            // Whether those would meet the conditions nobody knows.
            numbers.extend_from_slice(&self.flawed);
            numbers.sort_unstable();
            numbers.dedup();
        }
        Candidates::These(numbers)
    }

    /// Those that may meet the one of the conditions that fewest do.
    fn found_by_value(&self, query: &SourceQuery, want: &mut dyn FnMut(FoundByAttribute)) -> Option<Vec<u32>> {
        let mut columns: Vec<(Arc<Column>, &Condition)> = Vec::new();
        for condition in query.filter.as_deref().map(necessary).unwrap_or_default() {
            let name = &condition.path.attribute;
            match self.column_of(name) {
                Some(column) => columns.push((column, condition)),
                None => want(FoundByAttribute::Value(name.clone())),
            }
        }
        let found = columns
            .iter()
            .filter_map(|(column, condition)| column.may_meet(condition));
        found.min_by_key(MayMeet::len).map(|found| found.numbers())
    }

    fn column_of(&self, name: &AttributeName) -> Option<Arc<Column>> {
        let found_by = self.found_by.read().unwrap_or_else(PoisonError::into_inner);
        found_by.columns.get(name).cloned()
    }

    /// Where the entities are by a GeoProperty.
    pub(crate) fn boxes_of(&self, name: &AttributeName) -> Option<Arc<Places>> {
        let found_by = self.found_by.read().unwrap_or_else(PoisonError::into_inner);
        found_by.places.get(name).cloned()
    }

    /// Whether there is what finds entities by an attribute.
    #[must_use]
    pub fn finds_by(&self, wanted: &FoundByAttribute) -> bool {
        match wanted {
            FoundByAttribute::Value(name) => self.column_of(name).is_some(),
            FoundByAttribute::Place(name) => self.boxes_of(name).is_some(),
        }
    }

    /// Makes what finds entities by an attribute, if it is not there yet and there is room for it.
    pub fn find_by(&self, wanted: &FoundByAttribute) {
        let entities = || {
            let numbered = self.places.iter().zip(0_u32..);
            numbered.filter_map(|(place, number)| match place {
                Place::Entity(entity) => Some((number, entity)),
                Place::LeftOut(..) => None,
            })
        };
        let keep = |weight: usize, put: &dyn Fn(&mut FoundBy)| {
            let mut found_by = self.found_by.write().unwrap_or_else(PoisonError::into_inner);
            if found_by.kept.grow(weight).is_ok() {
                put(&mut found_by);
            }
        };
        match wanted {
            FoundByAttribute::Value(name) if self.column_of(name).is_none() => {
                let column = Arc::new(Column::of(entities(), name));
                keep(column.weight(), &|found_by| {
                    found_by.columns.insert(name.clone(), Arc::clone(&column));
                });
            }
            FoundByAttribute::Place(name) if self.boxes_of(name).is_none() => {
                let places = Arc::new(Places::of(entities(), name));
                keep(places.weight(), &|found_by| {
                    found_by.places.insert(name.clone(), Arc::clone(&places));
                });
            }
            FoundByAttribute::Value(_) | FoundByAttribute::Place(_) => {}
        }
    }
}

/// The conditions that must be met, each on the value of an attribute itself.
fn necessary(filter: &Expression) -> Vec<&Condition> {
    let is_plain = |condition: &&Condition| {
        let path = &condition.path;
        path.sub_attributes.is_empty()
            && path.members.is_empty()
            && path.linked.is_none()
            && !path.attribute.is_system_date()
    };
    match filter {
        Expression::And(parts) => parts.iter().flat_map(necessary).collect(),
        Expression::Condition(condition) => Some(condition).into_iter().filter(is_plain).collect(),
        Expression::Or(_) => Vec::new(),
    }
}

/// What a question asks for of an entity, as the source would send it.
pub(crate) fn shown(entity: &Entity, query: &SourceQuery) -> Entity {
    let asked = entity
        .attributes
        .iter()
        .filter(|attribute| query.attributes.includes(&attribute.name));
    let mut shown = Entity {
        id: entity.id.clone(),
        types: entity.types.clone(),
        scopes: entity.scopes.clone(),
        system: entity.system.clone(),
        attributes: asked.cloned().collect(),
    };
    if !query.system_attributes {
        shown.system = SystemAttributes::default();
        shown.attributes.iter_mut().for_each(without_dates);
    }
    shown
}

fn without_dates(attribute: &mut Attribute) {
    for instance in &mut attribute.instances {
        let Instance {
            system, sub_attributes, ..
        } = instance;
        *system = SystemAttributes::default();
        sub_attributes.iter_mut().for_each(without_dates);
    }
}
