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
//!    in one of its types, or guarded there and not granted there. A source is asked about types, so that what only others
//!    of its types grant may be missing: then [`Bound`] says between what and what the answer lies.
//! 8. An entity was modified when the newest attribute was that its consumer sees; where it sees none, when the entity
//!    was created.
//! 9. A Relationship leads to what is seen, as if it were asked for by its id, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use super::question::{Asked, Linked, Question};
use super::world::{
    Action, Area, Class, Comparison, Filter, Head, LINK, NUMBERS, PLACE, Permit, Principal, Resource, Source, TYPES,
    Tenant, Thing, When, World, names,
};

/// What is asked of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Query,
    Retrieve,
    Types,
    Create,
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
    NotFound,
}

impl Expected {
    /// The entities that are shown.
    pub(super) fn entities(&self) -> Vec<(usize, &Seen)> {
        match self {
            Self::Page(list, _) | Self::List(list) => list.iter().map(|(id, seen)| (*id, seen)).collect(),
            Self::One(id, seen) => vec![(*id, seen)],
            Self::Types(_) | Self::NotFound => Vec::new(),
        }
    }

    fn entities_mut(&mut self) -> Box<dyn Iterator<Item = &mut Seen> + '_> {
        match self {
            Self::Page(list, _) | Self::List(list) => Box::new(list.iter_mut().map(|(_, seen)| seen)),
            Self::One(_, seen) => Box::new(std::iter::once(seen)),
            Self::Types(_) | Self::NotFound => Box::new(std::iter::empty()),
        }
    }

    /// How many entities, or types, it says that there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Page(_, count) => *count,
            Self::List(list) => list.len(),
            Self::One(..) => 1,
            Self::Types(types) => types.len(),
            Self::NotFound => 0,
        }
    }
}

/// Which types of an entity count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Those alone that its source is asked for: what is surely shown.
    Least,
    /// All of them: nothing more may be shown.
    Most,
}

struct Caller<'a> {
    world: &'a World,
    bound: Bound,
    consumer: usize,
    purpose: Option<&'static str>,
}

/// What the consumer of a question must be answered.
pub(super) fn expected(world: &World, question: &Question, bound: Bound) -> Expected {
    let purposes = &world.consumers[question.consumer].purposes;
    let caller = Caller {
        world,
        bound,
        consumer: question.consumer,
        // Whoever has one purpose always asks for that.
        purpose: question
            .purpose
            .or(if purposes.len() == 1 { Some(purposes[0]) } else { None }),
    };
    if question.tenant.is_some_and(|tenant| !caller.knows(tenant)) {
        return Expected::NotFound;
    }
    let mut expected = answer(&caller, question);
    if !question.dated {
        expected.entities_mut().for_each(|seen| seen.modified = None);
    }
    expected
}

fn answer(caller: &Caller<'_>, question: &Question) -> Expected {
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
        Asked::Query {
            types,
            attributes,
            filter,
            linked,
            since,
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
                    && since.is_none_or(|day| seen.modified >= Some(day))
                    && area.is_none_or(|area| sees(PLACE) && lies_in(thing, area))
            });
            let matching: Vec<(usize, Seen)> = matching.map(|(id, seen)| (id, shown(&seen, attributes))).collect();
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

impl Caller<'_> {
    /// Whether a tenant shows that it exists.
    fn knows(&self, tenant: usize) -> bool {
        let grants_some = |source: &Source| {
            source.provides.iter().any(|r#type| {
                [Operation::Query, Operation::Create]
                    .into_iter()
                    .any(|operation| !self.permits(operation, tenant, source, r#type).is_empty())
            })
        };
        self.world.consumers[self.consumer].tenant == Some(tenant)
            || self.world.tenants[tenant].sources.iter().any(grants_some)
    }

    /// What is seen of each entity, from all sources that are asked.
    fn joined(&self, operation: Operation, only: Option<usize>, types: &[&str]) -> BTreeMap<usize, Seen> {
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
                    counting.retain(|r#type| is_asked(&r#type));
                    if counting.is_empty() {
                        continue;
                    }
                    if self.bound == Bound::Most {
                        counting.clone_from(&thing.types);
                    }
                    if let Some(seen) = self.part(operation, (tenant, source), thing, has, &counting) {
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

    /// What is seen of the part of an entity that one source holds.
    fn part(
        &self,
        operation: Operation,
        (tenant, source): (usize, &Source),
        thing: &Thing,
        has: &[bool],
        counting: &[&str],
    ) -> Option<Seen> {
        let held: BTreeSet<&str> = names()
            .into_iter()
            .zip(has)
            .filter(|(_, has)| **has)
            .map(|(name, _)| name)
            .collect();
        let guards = |r#type: &str, name: &str| {
            let class = self.world.attribute_class(r#type, name);
            class.is_some_and(|class| !matches!(class, Class::Open | Class::Limited))
        };
        let covers = |r#type: &str, permit: &Permit| {
            let there = |name: &str| {
                held.contains(name)
                    && self.may_look_at(source, r#type, name)
                    && !thing.types.iter().any(|r#type| guards(r#type, name))
            };
            permit.q.as_ref().is_none_or(|filter| holds(filter, thing, &there))
                && permit.area.is_none_or(|area| there(PLACE) && lies_in(thing, area))
                && permit
                    .scope
                    .is_none_or(|scope| thing.scopes.iter().any(|own| scope_is(scope, own)))
        };
        let mut covering: Vec<(&str, Vec<&Permit>)> = Vec::new();
        for r#type in &thing.types {
            let mut permits = self.permits(operation, tenant, source, r#type);
            permits.retain(|permit| counting.contains(r#type) && covers(r#type, permit));
            let needs_some = match self.world.type_class(r#type) {
                Some(class) if is_personal(class) => return None,
                None if source.may_be_personal => return None,
                class => !matches!(class, None | Some(Class::Open | Class::Limited)),
            };
            match (permits.is_empty(), needs_some) {
                (true, true) => return None,
                (true, false) => {}
                (false, _) => covering.push((r#type, permits)),
            }
        }
        if covering.is_empty() {
            return None;
        }
        let grants = |r#type: &str, name: &str| {
            let mut of_type = covering.iter().filter(|(known, _)| *known == r#type);
            of_type.any(|(_, permits)| {
                permits
                    .iter()
                    .any(|permit| self.grants(permit, tenant, source, r#type, name))
            })
        };
        let granted = |name: &&&str| {
            let mut types = thing.types.iter();
            types.clone().any(|r#type| grants(r#type, name))
                && types.all(|r#type| !guards(r#type, name) || grants(r#type, name))
        };
        let speaks = |scope: &str| {
            let mut permits = covering.iter().flat_map(|(_, permits)| permits);
            permits.any(|permit| permit.scope.is_none_or(|asked| scope_is(asked, scope)))
        };
        let attributes: BTreeSet<String> = held.iter().filter(granted).map(|name| (*name).to_owned()).collect();
        let dates = names().into_iter().zip(&thing.modified);
        let newest = dates
            .filter(|(name, _)| attributes.contains(*name))
            .map(|(_, day)| *day)
            .max();
        Some(Seen {
            modified: newest.or(Some(thing.created)),
            types: covering.iter().map(|(r#type, _)| (*r#type).to_owned()).collect(),
            attributes,
            scopes: thing
                .scopes
                .iter()
                .filter(|scope| speaks(scope))
                .map(|scope| (*scope).to_owned())
                .collect(),
        })
    }

    /// Whether the conditions of permits may look at an attribute of a type.
    fn may_look_at(&self, source: &Source, r#type: &str, name: &str) -> bool {
        match self.world.attribute_class(r#type, name) {
            Some(class) => matches!(class, Class::Open | Class::Limited),
            None => !source.may_be_personal,
        }
    }

    /// Whether a permit of a tenant's can let something of a class out.
    fn may_leave(&self, permit: &Permit, tenant: usize, class: Class) -> bool {
        let is_own = self.world.consumers[self.consumer].tenant == Some(tenant);
        match class {
            Class::Open | Class::Limited => true,
            Class::PersonRelated => is_own || !permit.references.consents.is_empty(),
            Class::Anonymised => is_own || !permit.references.contracts.is_empty(),
            Class::Pseudonymised => is_own,
            Class::Personal | Class::SpecialCare => false,
        }
    }

    /// Whether a permit grants an attribute of a type.
    fn grants(&self, permit: &Permit, tenant: usize, source: &Source, r#type: &str, name: &str) -> bool {
        let class = self.world.attribute_class(r#type, name);
        if class.is_some_and(|class| !self.may_leave(permit, tenant, class)) || permit.without.contains(&name) {
            return false;
        }
        match &permit.attributes {
            Some(named) => named.contains(&name) && (class.is_some() || !source.may_be_personal),
            None => {
                // What is limited or stricter has to be named. What nobody has classified is granted where nobody can be meant by it,
                // unless something has to be left out: a source can be asked for everything or for a list.
                let is_to_be_named = |name: &&str| {
                    let class = self.world.own_class(r#type, name);
                    class.is_some_and(|class| class != Class::Open && !is_personal(class))
                };
                let everything =
                    !source.may_be_personal && permit.without.is_empty() && !names().iter().any(is_to_be_named);
                match class {
                    Some(class) => class == Class::Open,
                    None => everything,
                }
            }
        }
    }

    /// The permits that apply to a request about a type; none: nothing is granted.
    fn permits(&self, operation: Operation, tenant: usize, source: &Source, r#type: &str) -> Vec<&Permit> {
        let owner: &Tenant = &self.world.tenants[tenant];
        let class = self.world.type_class(r#type);
        let absent = match class {
            Some(class) => is_personal(class),
            None => source.may_be_personal,
        };
        let applies = |head: &Head| self.applies(head, operation, r#type, class);
        let forbidden = owner.forbids.iter().chain(&self.world.platform).any(applies);
        if absent || !owner.has_policies || forbidden {
            return Vec::new();
        }
        let met = |permit: &&Permit| {
            let purpose = permit.purposes.is_empty() || self.purpose.is_some_and(|own| permit.purposes.contains(&own));
            let may_look_at = |name: &str| self.may_look_at(source, r#type, name);
            let has = |own: &[&str], needed: &[&str]| needed.is_empty() || needed.iter().any(|one| own.contains(one));
            let own = &self.world.consumers[self.consumer].references;
            let on_paper = has(&own.contracts, &permit.references.contracts)
                && has(&own.consents, &permit.references.consents)
                && class.is_none_or(|class| self.may_leave(permit, tenant, class));
            let can_hold = permit.q.as_ref().is_none_or(|filter| can_hold(filter, &may_look_at))
                && (permit.area.is_none() || may_look_at(PLACE));
            purpose && !permit.needs_assurance && on_paper && can_hold
        };
        owner
            .permits
            .iter()
            .filter(|permit| applies(&permit.head))
            .filter(met)
            .collect()
    }

    fn applies(&self, head: &Head, operation: Operation, r#type: &str, class: Option<Class>) -> bool {
        let consumer = &self.world.consumers[self.consumer];
        let principal = match &head.principal {
            Principal::Anybody => true,
            Principal::Role(role) => consumer.roles.contains(role),
            Principal::Consumer(index) => *index == self.consumer,
            Principal::Tenant(tenant) => consumer.tenant == Some(*tenant),
        };
        let action = match head.action {
            Action::Any => true,
            Action::Read => operation != Operation::Create,
            Action::Query => operation == Operation::Query,
            Action::RetrieveAndTypes => matches!(operation, Operation::Retrieve | Operation::Types),
        };
        let resource = match head.resource {
            Resource::All => true,
            Resource::Type(name) => name == r#type,
        };
        let when = match head.when {
            When::Always => true,
            When::Class(wanted) => class == Some(wanted),
            When::UnlessClass(unwanted) => class != Some(unwanted),
            When::Unclassified => class.is_none(),
            When::Purpose(purpose) => self.purpose == Some(purpose),
        };
        principal && action && resource && when
    }
}

fn is_personal(class: Class) -> bool {
    matches!(class, Class::Personal | Class::SpecialCare)
}

/// Whether a filter holds, where `sees` says which attributes there are. No condition holds of what is not there.
fn holds(filter: &Filter, thing: &Thing, sees: &dyn Fn(&str) -> bool) -> bool {
    match filter {
        Filter::And(one, other) => holds(one, thing, sees) && holds(other, thing, sees),
        Filter::Or(one, other) => holds(one, thing, sees) || holds(other, thing, sees),
        Filter::Condition(name, comparison, value) => {
            let index = NUMBERS.iter().position(|known| known == name).unwrap();
            let own = thing.numbers[index];
            sees(name)
                && match comparison {
                    Comparison::Exists => true,
                    Comparison::Equal => own == *value,
                    Comparison::NotEqual => own != *value,
                    Comparison::Less => own < *value,
                    Comparison::GreaterOrEqual => own >= *value,
                }
        }
    }
}

/// Whether a filter could hold of something, where some attributes may not be looked at.
fn can_hold(filter: &Filter, may_look_at: &dyn Fn(&str) -> bool) -> bool {
    match filter {
        Filter::And(one, other) => can_hold(one, may_look_at) && can_hold(other, may_look_at),
        Filter::Or(one, other) => can_hold(one, may_look_at) || can_hold(other, may_look_at),
        Filter::Condition(name, ..) => may_look_at(name),
    }
}

fn lies_in(thing: &Thing, Area([west, south, east, north]): Area) -> bool {
    let (longitude, latitude) = (2 * thing.place.0, 2 * thing.place.1);
    west < longitude && longitude < east && south < latitude && latitude < north
}

/// Whether a scope is one that a scope query of [`SCOPE_QUERIES`](super::world::SCOPE_QUERIES) speaks of.
fn scope_is(query: &str, scope: &str) -> bool {
    match query {
        "/s0/#" => scope == "/s0" || scope.starts_with("/s0/"),
        "/+/x" => scope == "/s0/x",
        exact => scope == exact,
    }
}
