//! The rules, as a small program of their own: what a consumer sees of a world. It shares no code with the gateway.
//!
//! 1. A type classed personal or special-care is absent. So is one without a class where its source may hold personal
//!    data. What is pseudonymised is for the owner's own consumers; what is anonymised or person-related for them, and
//!    for others by a permit that names a contract, or a consent.
//! 2. A forbid that applies takes the whole type; without a permit that applies nothing is granted.
//! 3. A permit applies to requests that state its purpose and that reach its assurance (keys reach none), of consumers
//!    that have a contract and a consent which it names, where it names any.
//! 4. Each permit covers the entities, as their source holds them, that fulfil all of its conditions. What a condition
//!    looks at and may not look at is absent for it: what is stricter than limited, or unclassified where the source may
//!    hold personal data.
//! 5. An entity is visible if one permit covers it, with the attributes that those grant which cover it.
//! 6. What is hidden is absent for every purpose: the parts of all owners are joined, and then the question is asked.
//! 7. An entity of several types is shown under those of which a permit covers it, with what any of these grants. It is
//!    absent if one of its types is, or is guarded and no permit covers it; and so is an attribute of it that is personal
//!    in one of its types, or guarded there and not granted there. A source is asked about types, and about each for what
//!    is granted of it or looked at by its permits, so that what only others of its types grant, or what is judged by
//!    attributes that may only be asked of others, may be missing: then [`Bound`] says between what and what the answer lies.
//! 8. An entity was modified when the newest attribute was that its consumer sees; where it sees none, or its source knows
//!    of none when that was, when the entity was created.
//! 9. A Relationship leads to what is seen, as if it were asked for by its id, and nowhere else. One to an id that names a
//!    type is absent where that type is personal, or guarded and not all of it is granted.
//! 10. That something is wrong with an entity is told to whom every entity of its types is shown, and to nobody else.

use std::collections::{BTreeMap, BTreeSet};

use super::granted::{holds, lies_in};
use super::question::{Asked, Linked, Modified, Question};
use super::world::{Filter, LINK, PLACE, Source, TYPES, World};
use super::written::source_id;

/// What is asked of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Query,
    Retrieve,
    Types,
    /// The other operations that tell which types and attributes there are.
    Known,
    Write,
    Subscribe,
}

/// An entity as somebody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    pub(super) types: BTreeSet<String>,
    pub(super) attributes: BTreeSet<String>,
    pub(super) scopes: BTreeSet<String>,
    /// The day on which it was modified, as it is shown.
    pub(super) modified: Option<u32>,
}

/// What the gateway must answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// A list of one page, by id, and how many there are in all.
    Page(Vec<(usize, Seen)>, usize),
    One(usize, Seen),
    /// An entity and what it leads to.
    List(Vec<(usize, Seen)>),
    Types(BTreeSet<String>),
    /// Names, each with the names that belong to it, and how many there are where that is told.
    Known(BTreeMap<String, BTreeSet<String>>, usize),
    NotFound,
}

impl Expected {
    /// The entities that are shown.
    pub(super) fn entities(&self) -> Vec<(usize, &Seen)> {
        match self {
            Self::Page(list, _) | Self::List(list) => list.iter().map(|(id, seen)| (*id, seen)).collect(),
            Self::One(id, seen) => vec![(*id, seen)],
            Self::Types(_) | Self::Known(..) | Self::NotFound => Vec::new(),
        }
    }

    fn entities_mut(&mut self) -> Box<dyn Iterator<Item = &mut Seen> + '_> {
        match self {
            Self::Page(list, _) | Self::List(list) => Box::new(list.iter_mut().map(|(_, seen)| seen)),
            Self::One(_, seen) => Box::new(std::iter::once(seen)),
            Self::Types(_) | Self::Known(..) | Self::NotFound => Box::new(std::iter::empty()),
        }
    }

    /// How many entities, or types, it says that there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Page(_, count) => *count,
            Self::List(list) => list.len(),
            Self::One(..) => 1,
            Self::Types(types) => types.len(),
            Self::Known(names, count) => names.values().map(BTreeSet::len).sum::<usize>() + names.len() + count,
            Self::NotFound => 0,
        }
    }
}

/// Which types of an entity count, and what is known of it when it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Those alone that its source is asked for, each by a question of its own about what may be asked of that type: what
    /// is surely shown.
    Least,
    /// All of them: nothing more may be shown.
    Most,
}

pub(super) struct Caller<'a> {
    pub(super) world: &'a World,
    pub(super) bound: Bound,
    pub(super) consumer: usize,
    pub(super) purpose: Option<&'static str>,
}

/// What the consumer of a question must be answered.
pub(super) fn expected(world: &World, question: &Question, bound: Bound) -> Expected {
    expected_in(world, question, bound, &[])
}

/// The same, where lists are in this order: which source comes first with an entity is not the model's business.
pub(super) fn expected_in(world: &World, question: &Question, bound: Bound, order: &[usize]) -> Expected {
    let caller = Caller::new(world, bound, question.consumer, question.purpose);
    if question.tenant.is_some_and(|tenant| !caller.knows(tenant)) {
        return Expected::NotFound;
    }
    let mut expected = answer(&caller, question, order);
    if !question.dated {
        expected.entities_mut().for_each(|seen| seen.modified = None);
    }
    expected
}

/// The sources of which its consumer may be told that something is wrong with some of their entities.
pub(super) fn told_of(world: &World, question: &Question) -> BTreeSet<String> {
    let caller = Caller::new(world, Bound::Most, question.consumer, question.purpose);
    let operation = match question.asked {
        Asked::Query { .. } => Operation::Query,
        Asked::Retrieve { .. } => Operation::Retrieve,
        Asked::Types => Operation::Types,
        Asked::Known(_) => Operation::Known,
    };
    let mut told = BTreeSet::new();
    for (tenant, owner) in world.tenants.iter().enumerate() {
        for (place, source) in owner.sources.iter().enumerate() {
            if caller.may_be_told_of(operation, (tenant, source)) {
                told.insert(source_id(tenant, place));
            }
        }
    }
    told
}

fn answer(caller: &Caller<'_>, question: &Question, order: &[usize]) -> Expected {
    let world = caller.world;
    match &question.asked {
        Asked::Retrieve { id, attributes, join } => {
            let all = caller.joined(Operation::Retrieve, question.tenant, &TYPES);
            match all.get(id).filter(|seen| has_one(seen, attributes)) {
                Some(seen) if *join > 0 => {
                    Expected::List(with_linked(world, vec![(*id, shown(seen, attributes))], &all, *join))
                }
                Some(seen) => Expected::One(*id, shown(seen, attributes)),
                None => Expected::NotFound,
            }
        }
        Asked::Types => {
            let seen = caller.joined(Operation::Types, question.tenant, &TYPES);
            Expected::Types(seen.into_values().flat_map(|seen| seen.types).collect())
        }
        Asked::Known(known) => caller.known(question.tenant, *known),
        Asked::Query {
            types,
            attributes,
            filter,
            linked,
            modified,
            area,
            join,
            limit,
            offset,
        } => {
            let asked: &[&str] = if types.is_empty() { &TYPES } else { types };
            let seen = caller.joined(Operation::Query, question.tenant, asked);
            let all = caller.joined(Operation::Query, question.tenant, &TYPES);
            let matching = seen.into_iter().filter(|(id, seen)| {
                let thing = &world.things[*id];
                let sees = |name: &str| seen.attributes.contains(name);
                seen.types.iter().any(|r#type| asked.contains(&&**r#type))
                    && has_one(seen, attributes)
                    && q_holds(filter.as_ref(), linked.as_ref(), (*id, seen), world, &all)
                    && modified.is_none_or(|modified| match modified {
                        Modified::Since(day) => seen.modified >= Some(day),
                        Modified::Before(day) => seen.modified < Some(day),
                    })
                    && area.is_none_or(|area| sees(PLACE) && lies_in(thing, area))
            });
            let mut matching: Vec<(usize, Seen)> = matching.map(|(id, seen)| (id, shown(&seen, attributes))).collect();
            let place = |id: usize| order.iter().position(|listed| *listed == id).unwrap_or(order.len());
            matching.sort_by_key(|(id, _)| place(*id));
            let page = matching.iter().skip(*offset).take(*limit).cloned().collect();
            Expected::Page(with_linked(world, page, &all, *join), matching.len())
        }
    }
}

/// What is seen of the entity that another leads to.
fn next<'a>(world: &World, id: usize, seen: &Seen, all: &'a BTreeMap<usize, Seen>) -> Option<(usize, &'a Seen)> {
    let target = world.things[id].link;
    let is_seen = seen.attributes.contains(LINK);
    all.get(&target).filter(|_| is_seen).map(|seen| (target, seen))
}

/// The entities, and after them what they lead to, each once.
fn with_linked(
    world: &World,
    linking: Vec<(usize, Seen)>,
    all: &BTreeMap<usize, Seen>,
    levels: usize,
) -> Vec<(usize, Seen)> {
    let mut list = linking;
    let mut level = 0;
    for _ in 0..levels {
        let end = list.len();
        for place in level..end {
            let (id, seen) = list[place].clone();
            if let Some((target, seen)) = next(world, id, &seen, all)
                && list.iter().all(|(known, _)| *known != target)
            {
                list.push((target, seen.clone()));
            }
        }
        level = end;
    }
    list
}

/// Whether `q` holds of an entity and of what it leads to.
fn q_holds(
    filter: Option<&Filter>,
    linked: Option<&Linked>,
    (id, seen): (usize, &Seen),
    world: &World,
    all: &BTreeMap<usize, Seen>,
) -> bool {
    let own = filter.map(|filter| holds(filter, &world.things[id], &|name| seen.attributes.contains(name)));
    let Some(linked) = linked else {
        return own.unwrap_or(true);
    };
    let mut target = Some((id, seen));
    for _ in 0..linked.links {
        target = target.and_then(|(id, seen)| next(world, id, seen, all));
    }
    let of_target = target.is_some_and(|(id, seen)| {
        holds(&linked.condition, &world.things[id], &|name| {
            seen.attributes.contains(name)
        })
    });
    match own {
        None => of_target,
        Some(own) if linked.alone_is_enough => own || of_target,
        Some(own) => own && of_target,
    }
}

fn has_one(seen: &Seen, attributes: &[&str]) -> bool {
    attributes.is_empty() || attributes.iter().any(|name| seen.attributes.contains(*name))
}

fn shown(seen: &Seen, attributes: &[&str]) -> Seen {
    let mut shown = seen.clone();
    if !attributes.is_empty() {
        shown.attributes.retain(|name| attributes.contains(&&**name));
    }
    shown
}

impl<'a> Caller<'a> {
    pub(super) fn new(world: &'a World, bound: Bound, consumer: usize, purpose: Option<&'static str>) -> Self {
        let purposes = &world.consumers[consumer].purposes;
        // Whoever has one purpose always asks for that.
        let only = (purposes.len() == 1).then(|| purposes[0]);
        Self {
            world,
            bound,
            consumer,
            purpose: purpose.or(only),
        }
    }

    /// Whether a tenant shows that it exists.
    pub(super) fn knows(&self, tenant: usize) -> bool {
        let grants_some = |source: &Source| {
            source.provides.iter().any(|r#type| {
                [Operation::Query, Operation::Write]
                    .into_iter()
                    .any(|operation| !self.permits(operation, tenant, source, r#type).is_empty())
            })
        };
        self.world.consumers[self.consumer].tenant == Some(tenant)
            || self.world.tenants[tenant].sources.iter().any(grants_some)
    }

    /// Whether it may be told that something is wrong with entities of a source.
    fn may_be_told_of(&self, operation: Operation, (tenant, source): (usize, &Source)) -> bool {
        source.flawed.iter().any(|(id, has)| {
            let types = &self.world.things[*id].types;
            let all = types
                .iter()
                .all(|r#type| self.grants_all(operation, (tenant, source), r#type));
            all && self.part(operation, (tenant, source), (*id, has), types).is_some()
        })
    }

    /// What is seen of each entity, from all sources that are asked.
    pub(super) fn joined(&self, operation: Operation, only: Option<usize>, types: &[&str]) -> BTreeMap<usize, Seen> {
        let mut all: BTreeMap<usize, Seen> = BTreeMap::new();
        for (tenant, owner) in self.world.tenants.iter().enumerate() {
            if only.is_some_and(|only| only != tenant) {
                continue;
            }
            for source in &owner.sources {
                for (id, has) in &source.parts {
                    let thing = &self.world.things[*id];
                    // A source is asked for the types that it provides and of which something is granted.
                    let is_asked = |r#type: &&str| {
                        types.contains(r#type)
                            && source.provides.contains(r#type)
                            && !self.permits(operation, tenant, source, r#type).is_empty()
                    };
                    let mut counting = thing.types.clone();
                    counting.retain(|r#type| is_asked(r#type));
                    if counting.is_empty() {
                        continue;
                    }
                    let answers: Vec<Vec<bool>> = match self.bound {
                        Bound::Most => {
                            counting.clone_from(&thing.types);
                            vec![has.clone()]
                        }
                        Bound::Least => {
                            let asked = |r#type| self.asked(operation, (tenant, source), has, r#type);
                            counting.iter().copied().map(asked).collect()
                        }
                    };
                    for has in answers {
                        let Some(seen) = self.part(operation, (tenant, source), (*id, &has), &counting) else {
                            continue;
                        };
                        let joined = all.entry(*id).or_default();
                        joined.types.extend(seen.types);
                        joined.attributes.extend(seen.attributes);
                        joined.scopes.extend(seen.scopes);
                        joined.modified = joined.modified.max(seen.modified);
                    }
                }
            }
        }
        all
    }
}
