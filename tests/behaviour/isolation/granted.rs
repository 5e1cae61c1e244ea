//! What policies grant, of the model: of the part of an entity that one source holds.

use std::collections::BTreeSet;

use super::model::{Caller, Operation, Seen};
use super::world::{
    Action, Area, Class, Comparison, Filter, Head, LINK, NUMBERS, PLACE, Permit, Principal, Resource, Source, Tenant,
    Thing, When, id, named_type, names,
};

impl Caller<'_> {
    /// What is seen of the part of an entity that one source holds.
    pub(super) fn part(
        &self,
        operation: Operation,
        (tenant, source): (usize, &Source),
        (number, has): (usize, &[bool]),
        counting: &[&str],
    ) -> Option<Seen> {
        let thing = &self.world.things[number];
        let held: BTreeSet<&str> = names()
            .into_iter()
            .zip(has)
            .filter(|(_, has)| **has)
            .map(|(name, _)| name)
            .collect();
        let guards = |r#type: &str, name: &str| self.guards(r#type, name);
        let mut covering: Vec<(&str, Vec<&Permit>)> = Vec::new();
        for r#type in &thing.types {
            let mut permits = self.covering(operation, (tenant, source), (number, has), r#type);
            permits.retain(|_| counting.contains(r#type));
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
                && (**name != LINK || self.may_lead_to(operation, (tenant, source), thing.link))
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
            .max()
            .filter(|_| !source.is_undated);
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

    /// Whether more than a permit decides who may have an attribute of a type.
    pub(super) fn guards(&self, r#type: &str, name: &str) -> bool {
        let class = self.world.attribute_class(r#type, name);
        class.is_some_and(|class| !matches!(class, Class::Open | Class::Limited))
    }

    /// The permits that apply to a request about a type and cover an entity of it.
    pub(super) fn covering(
        &self,
        operation: Operation,
        (tenant, source): (usize, &Source),
        (number, has): (usize, &[bool]),
        r#type: &str,
    ) -> Vec<&Permit> {
        let thing = &self.world.things[number];
        let held: Vec<&str> = names()
            .into_iter()
            .zip(has)
            .filter(|(_, has)| **has)
            .map(|(name, _)| name)
            .collect();
        let there = |name: &str| {
            held.contains(&name)
                && self.may_look_at(source, r#type, name)
                && !thing.types.iter().any(|r#type| self.guards(r#type, name))
        };
        let mut permits = self.permits(operation, tenant, source, r#type);
        permits.retain(|permit| {
            permit.q.as_ref().is_none_or(|filter| holds(filter, thing, &there))
                && permit.ids.is_none_or(|pattern| id_is(pattern, number))
                && permit.area.is_none_or(|area| there(PLACE) && lies_in(thing, area))
                && permit
                    .scope
                    .is_none_or(|scope| thing.scopes.iter().any(|own| scope_is(scope, own)))
        });
        permits
    }

    /// Whether a permit grants whatever of a type nobody has classified, too.
    pub(super) fn grants_everything(&self, permit: &Permit, source: &Source, r#type: &str) -> bool {
        let is_to_be_named = |name: &&str| {
            let class = self.world.own_class(r#type, name);
            class.is_some_and(|class| class != Class::Open && !is_personal(class))
        };
        !source.may_be_personal
            && permit.attributes.is_none()
            && permit.without.is_empty()
            && !names().iter().any(is_to_be_named)
    }

    /// What a source is asked for of the attributes that it holds of an entity, when it is asked about one type: what is
    /// granted of that type, and what its permits look at.
    pub(super) fn asked(
        &self,
        operation: Operation,
        (tenant, source): (usize, &Source),
        has: &[bool],
        r#type: &str,
    ) -> Vec<bool> {
        let permits = self.permits(operation, tenant, source, r#type);
        let is_asked = |name: &str| {
            permits.iter().any(|permit| {
                let looks_at = permit.q.as_ref().is_some_and(|filter| looks_at(filter, name))
                    || (permit.area.is_some() && name == PLACE);
                let may_be_judged = looks_at && self.may_look_at(source, r#type, name);
                may_be_judged || self.grants(permit, tenant, source, r#type, name)
            })
        };
        let held = names().into_iter().zip(has);
        held.map(|(name, has)| *has && is_asked(name)).collect()
    }

    /// Whether a Relationship to an id may be shown.
    fn may_lead_to(&self, operation: Operation, (tenant, source): (usize, &Source), number: usize) -> bool {
        let Some(named) = named_type(number) else {
            return true;
        };
        match self.world.type_class(named) {
            None | Some(Class::Open | Class::Limited) => true,
            Some(_) => self.grants_all(operation, (tenant, source), named),
        }
    }

    /// Whether some of each entity of a type is granted.
    pub(super) fn grants_all(&self, operation: Operation, (tenant, source): (usize, &Source), r#type: &str) -> bool {
        let permits = self.permits(operation, tenant, source, r#type);
        permits
            .iter()
            .any(|permit| permit.q.is_none() && permit.scope.is_none() && permit.area.is_none() && permit.ids.is_none())
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
    pub(super) fn grants(&self, permit: &Permit, tenant: usize, source: &Source, r#type: &str, name: &str) -> bool {
        let class = self.world.attribute_class(r#type, name);
        if class.is_some_and(|class| !self.may_leave(permit, tenant, class)) || permit.without.contains(&name) {
            return false;
        }
        match &permit.attributes {
            Some(named) => named.contains(&name) && (class.is_some() || !source.may_be_personal),
            None => {
                // What is limited or stricter has to be named. What nobody has classified is granted where nobody can be meant by it,
                // unless something has to be left out: a source can be asked for everything or for a list.
                match class {
                    Some(class) => class == Class::Open,
                    None => self.grants_everything(permit, source, r#type),
                }
            }
        }
    }

    /// The permits that apply to a request about a type; none: nothing is granted.
    pub(super) fn permits(&self, operation: Operation, tenant: usize, source: &Source, r#type: &str) -> Vec<&Permit> {
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
            Action::Read => !matches!(operation, Operation::Write | Operation::Subscribe),
            Action::Query => operation == Operation::Query,
            Action::Provide => operation == Operation::Write,
            Action::Subscribe => operation == Operation::Subscribe,
            Action::ReadAndSubscribe => operation != Operation::Write,
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
pub(super) fn holds(filter: &Filter, thing: &Thing, sees: &dyn Fn(&str) -> bool) -> bool {
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

/// Whether a filter looks at an attribute.
fn looks_at(filter: &Filter, name: &str) -> bool {
    match filter {
        Filter::And(one, other) | Filter::Or(one, other) => looks_at(one, name) || looks_at(other, name),
        Filter::Condition(known, ..) => *known == name,
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

pub(super) fn lies_in(thing: &Thing, Area([west, south, east, north]): Area) -> bool {
    let (longitude, latitude) = (2 * thing.place.0, 2 * thing.place.1);
    west < longitude && longitude < east && south < latitude && latitude < north
}

/// Whether an id is one that a pattern of [`ID_PATTERNS`](super::world::ID_PATTERNS) speaks of.
pub(super) fn id_is(pattern: &str, number: usize) -> bool {
    let id = id(number);
    pattern
        .strip_suffix('*')
        .map_or(id == pattern, |beginning| id.starts_with(beginning))
}

/// Whether a scope is one that a scope query of [`SCOPE_QUERIES`](super::world::SCOPE_QUERIES) speaks of.
pub(super) fn scope_is(query: &str, scope: &str) -> bool {
    match query {
        "/s0/#" => scope == "/s0" || scope.starts_with("/s0/"),
        "/+/x" => scope == "/s0/x",
        exact => scope == exact,
    }
}
