//! Writes, the rules for them, and how they go over the wire. Whoever writes an entity writes it as it is, with some of its
//! attributes, so that all parts of it agree.
//!
//! 1. An entity is written whole: every type of it is granted and covered, and so are all of its attributes and scopes.
//!    What is replaced or deleted is granted so, too.
//! 2. An id is the writer's if it lies in the namespace of one of the entity's types, of which it may write or see all; or
//!    if a permit names it; or if it lies in no namespace and the writer may write or see all of each type of the partition.
//!    A type that nobody has classified or provides has no namespace. No id names a personal type.
//! 3. What is guarded is not taken in, nor what nobody has classified where it may be about persons, nor what leads to either.
//!    What is replaced or deleted may have nothing that its writer is not granted, whether it has it or not.
//! 4. What is appended to an entity is added to what is seen of it; what is hidden of it stays, and is not written over.
//! 5. What is hidden is absent: the answer is that of a partition without it.
//! 6. Nothing else is changed, and everybody sees what is there then.

use http::Request;
use http::request::Builder;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::harness::encoded;
use super::From;
use super::granted::id_is;
use super::model::{Bound, Caller, Operation};
use super::question::{Question, questions};
use super::world::{Class, IDS, LINK, PLACE, Permit, Source, World, id, named_type, names};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Create,
    Put,
    Append,
    Delete,
}

#[derive(Debug, Clone)]
pub(super) struct Write {
    consumer: usize,
    tenant: Option<usize>,
    purpose: Option<&'static str>,
    pub(super) what: What,
    pub(super) number: usize,
    /// With which attributes, of [`names`].
    pub(super) has: Vec<bool>,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Write(Write),
    Ask(Question),
}

/// A write of some consumer's of a world.
pub(super) fn any_write(world: &World) -> impl Strategy<Value = Write> + use<> {
    let purposes: Vec<Vec<&'static str>> = world
        .consumers
        .iter()
        .map(|consumer| consumer.purposes.clone())
        .collect();
    let what =
        prop_oneof![3 => Just(What::Create), 3 => Just(What::Put), 3 => Just(What::Append), 2 => Just(What::Delete)];
    let has = prop_oneof![
        vec(prop::bool::weighted(0.5), names().len()),
        vec(prop::bool::weighted(0.2), names().len())
    ];
    let write = (
        0..world.consumers.len(),
        option::weighted(0.6, 0..world.tenants.len()),
        any::<prop::sample::Index>(),
        what,
        // Ids that name types, too.
        prop_oneof![0..IDS, IDS - 3..IDS],
        has,
    );
    write.prop_map(move |(consumer, tenant, index, what, number, has)| {
        let own = &purposes[consumer];
        Write {
            consumer,
            tenant,
            purpose: own.get(index.index(own.len() + 1)).copied(),
            what,
            number,
            has,
        }
    })
}

/// What consumers of a world do, one after the other.
pub(super) fn steps(world: &World, count: usize) -> impl Strategy<Value = Vec<Step>> + use<> {
    // Dates of what is written are those of the clock.
    let asked = questions(world, 1).prop_map(|mut questions| {
        let mut question = questions.remove(0);
        question.without_dates();
        Step::Ask(question)
    });
    vec(
        prop_oneof![3 => any_write(world).prop_map(Step::Write), 1 => asked],
        count,
    )
}

impl Write {
    pub(super) fn from(&self) -> From {
        From {
            consumer: self.consumer,
            tenant: self.tenant,
            purpose: self.purpose,
        }
    }

    /// The same to another tenant.
    pub(super) fn in_tenant(self, tenant: usize) -> Self {
        Self {
            tenant: Some(tenant),
            ..self
        }
    }

    /// Method, path and headers, and the body.
    pub(super) fn request(&self, world: &World) -> (Builder, String) {
        let thing = &world.things[self.number];
        let mut entity = json!({"id": id(self.number), "type": thing.types});
        if !thing.scopes.is_empty() {
            entity["scope"] = json!(thing.scopes);
        }
        for (index, name) in names().into_iter().enumerate().filter(|(index, _)| self.has[*index]) {
            entity[name] = match name {
                PLACE => {
                    let place = [thing.place.0, thing.place.1];
                    json!({"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}})
                }
                LINK => json!({"type": "Relationship", "object": id(thing.link)}),
                _ => json!({"type": "Property", "value": thing.numbers[index]}),
            };
        }
        let (request, body) = match self.what {
            What::Create => (Request::post("/ngsi-ld/v1/entities"), entity),
            What::Put => (Request::post("/ngsi-ld/v1/entityOperations/upsert"), json!([entity])),
            What::Append => {
                let path = format!("/ngsi-ld/v1/entities/{}/attrs", encoded(&id(self.number)));
                let attributes = entity.as_object_mut().unwrap();
                attributes.retain(|name, _| names().contains(&name.as_str()));
                (Request::post(path), entity)
            }
            What::Delete => {
                let path = format!("/ngsi-ld/v1/entities/{}", encoded(&id(self.number)));
                return (Request::delete(path), String::new());
            }
        };
        (with_length(request, &body), body.to_string())
    }

    /// The tenant to whose partition it goes, and that partition.
    pub(super) fn partition(&self, world: &World) -> Option<usize> {
        let tenant = self.tenant.or(world.consumers[self.consumer].tenant)?;
        world.tenants[tenant].sources[0].is_store.then_some(tenant)
    }

    /// What the rules say of it.
    pub(super) fn ruled(&self, world: &World) -> Ruled {
        let Some(tenant) = self.partition(world) else {
            return Ruled::Refused;
        };
        let caller = Caller::new(world, Bound::Most, self.consumer, self.purpose);
        if self.tenant.is_some_and(|tenant| !caller.knows(tenant)) {
            return Ruled::Refused;
        }
        let source = &world.tenants[tenant].sources[0];
        let existing = source.parts.iter().find(|(number, _)| *number == self.number);
        let existing = existing.map(|(_, has)| has.as_slice());
        let writer = Writer {
            caller,
            partition: (tenant, source),
            number: self.number,
        };
        let may_replace = existing.is_none_or(|has| writer.may_write(has) && writer.is_granted_all(has));
        if self.what == What::Append {
            return writer.appends(existing, &self.has);
        }
        match (self.what, existing) {
            (What::Delete, Some(_)) if may_replace && writer.is_id_sure() => Ruled::Done,
            (What::Delete, Some(_)) if may_replace => Ruled::Either,
            (What::Put, _) | (What::Create, None)
                if may_replace && writer.may_write(&self.has) && writer.is_taken(&self.has) =>
            {
                match (writer.is_id_sure(), writer.is_id_own()) {
                    (true, _) => Ruled::Done,
                    (false, true) => Ruled::Either,
                    (false, false) => Ruled::Refused,
                }
            }
            _ => Ruled::Refused,
        }
    }

    /// Whether something has the id that it names, in the partition, which is hidden from the writer.
    pub(super) fn meets(&self, world: &World) -> Met {
        let Some(tenant) = self.partition(world) else {
            return Met::Nothing;
        };
        let source = &world.tenants[tenant].sources[0];
        let caller = Caller::new(world, Bound::Most, self.consumer, self.purpose);
        let mut parts = source.parts.iter();
        let Some((number, has)) = parts.find(|(number, _)| *number == self.number) else {
            return Met::Nothing;
        };
        let types = &world.things[*number].types;
        let is_seen = [Operation::Query, Operation::Retrieve, Operation::Write]
            .into_iter()
            .any(|operation| {
                caller
                    .part(operation, (tenant, source), (*number, has), types)
                    .is_some()
            });
        // Writers whose permits name the same ids find out which are taken.
        let is_named = types.iter().any(|r#type| {
            let permits = caller.permits(Operation::Write, tenant, source, r#type);
            permits
                .iter()
                .any(|permit| permit.ids.is_some_and(|pattern| id_is(pattern, *number)))
        });
        match (is_seen, is_named) {
            (true, _) => Met::Nothing,
            (false, true) => Met::HiddenInOwn,
            (false, false) => Met::Hidden,
        }
    }

    /// The world after it was done.
    pub(super) fn apply(&self, world: &mut World) {
        let tenant = self.partition(world).unwrap();
        let parts = &mut world.tenants[tenant].sources[0].parts;
        if self.what == What::Append {
            let (_, has) = parts.iter_mut().find(|(number, _)| *number == self.number).unwrap();
            has.iter_mut().zip(&self.has).for_each(|(has, more)| *has |= more);
            return;
        }
        parts.retain(|(number, _)| *number != self.number);
        if self.what != What::Delete {
            parts.push((self.number, self.has.clone()));
        }
    }
}

fn with_length(request: Builder, body: &Value) -> Builder {
    request
        .header("content-type", "application/json")
        .header("content-length", body.to_string().len())
}

/// What a write meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// Nothing, or what its writer may see or write something of.
    Nothing,
    /// What is hidden from it.
    Hidden,
    /// What is hidden, where a permit names the id: that it is refused tells that the id is taken, and nothing tells more.
    HiddenInOwn,
}

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruled {
    Done,
    Refused,
    /// The rules do not say it of such an id.
    Either,
}

struct Writer<'a> {
    caller: Caller<'a>,
    partition: (usize, &'a Source),
    number: usize,
}

impl Writer<'_> {
    /// Whether all of the entity is granted.
    fn may_write(&self, has: &[bool]) -> bool {
        let thing = &self.caller.world.things[self.number];
        let part = self
            .caller
            .part(Operation::Write, self.partition, (self.number, has), &thing.types);
        part.is_some_and(|part| {
            part.types.len() == thing.types.len()
                && part.scopes.len() == thing.scopes.len()
                && part.attributes.len() == has.iter().filter(|has| **has).count()
        })
    }

    /// Whether whatever such an entity may have in the store is granted.
    fn is_granted_all(&self, has: &[bool]) -> bool {
        let (tenant, source) = self.partition;
        let world = self.caller.world;
        world.things[self.number].types.iter().all(|r#type| {
            let covering = self
                .caller
                .covering(Operation::Write, self.partition, (self.number, has), r#type);
            let grants = |name: &str| {
                let grants = |permit: &&Permit| self.caller.grants(permit, tenant, source, r#type, name);
                covering.iter().any(grants)
            };
            let is_known = |name: &&str| {
                let class = world.attribute_class(r#type, name);
                class.is_some_and(|class| matches!(class, Class::Open | Class::Limited))
            };
            names().into_iter().filter(is_known).all(grants)
                && covering.iter().any(|permit| permit.scope.is_none())
                && (source.may_be_personal
                    || covering
                        .iter()
                        .any(|permit| self.caller.grants_everything(permit, source, r#type)))
        })
    }

    /// Whether an entity may be taken in.
    fn is_taken(&self, has: &[bool]) -> bool {
        let (_, source) = self.partition;
        let world = self.caller.world;
        let thing = &world.things[self.number];
        let rests = |class: Option<Class>| match class {
            Some(class) => matches!(class, Class::Open | Class::Limited),
            None => !source.may_be_personal,
        };
        let is_guarded = |number: usize| {
            let class = named_type(number).and_then(|named| world.type_class(named));
            class.is_some_and(|class| !matches!(class, Class::Open | Class::Limited))
        };
        let mut held = names().into_iter().zip(has).filter(|(_, has)| **has);
        !is_guarded(self.number)
            && thing.types.iter().all(|r#type| rests(world.type_class(r#type)))
            && held.all(|(name, _)| {
                let mut types = thing.types.iter();
                types.all(|r#type| rests(world.attribute_class(r#type, name)))
                    && (name != LINK || !is_guarded(thing.link))
            })
    }

    /// What becomes of attributes that are appended.
    fn appends(&self, existing: Option<&[bool]>, more: &[bool]) -> Ruled {
        let world = self.caller.world;
        let thing = &world.things[self.number];
        let Some(has) = existing else {
            return Ruled::Refused;
        };
        let seen = self
            .caller
            .part(Operation::Write, self.partition, (self.number, has), &thing.types);
        let Some(seen) = seen else {
            return Ruled::Refused;
        };
        if !more.contains(&true) {
            return Ruled::Either;
        }
        let is_seen: Vec<bool> = names().iter().map(|name| seen.attributes.contains(*name)).collect();
        let is_hidden = has.iter().zip(&is_seen).map(|(has, seen)| *has && !seen);
        let writes_over_hidden = is_hidden.zip(more).any(|(hidden, more)| hidden && *more);
        let new: Vec<bool> = more.iter().zip(&is_seen).map(|(more, seen)| *more && !seen).collect();
        let after: Vec<bool> = more.iter().zip(&is_seen).map(|(more, seen)| *more || *seen).collect();
        // As its writer sees it, it is an entity of the types and scopes that it sees.
        let mut seen_world = world.clone();
        let as_seen = &mut seen_world.things[self.number];
        as_seen.types.retain(|name| seen.types.contains(*name));
        as_seen.scopes.retain(|scope| seen.scopes.contains(*scope));
        let writer = Writer {
            caller: Caller::new(&seen_world, Bound::Most, self.caller.consumer, self.caller.purpose),
            partition: self.partition,
            number: self.number,
        };
        match !writes_over_hidden && writer.may_write(&after) && self.is_taken(&new) {
            false => Ruled::Refused,
            true if self.is_id_sure() => Ruled::Done,
            true => Ruled::Either,
        }
    }

    /// Whether nothing of a type is hidden.
    fn sees_all(&self, r#type: &str) -> bool {
        let mut operations = [Operation::Write, Operation::Retrieve].into_iter();
        operations.any(|operation| self.caller.grants_all(operation, self.partition, r#type))
    }

    /// Whether the id may be the writer's.
    fn is_id_own(&self) -> bool {
        let (tenant, source) = self.partition;
        let types = &self.caller.world.things[self.number].types;
        let is_named = types.iter().any(|r#type| {
            let permits = self.caller.permits(Operation::Write, tenant, source, r#type);
            permits
                .iter()
                .any(|permit| permit.ids.is_some_and(|pattern| id_is(pattern, self.number)))
        });
        let sees_every_type = source.provides.iter().all(|r#type| self.sees_all(r#type));
        let world = self.caller.world;
        match named_type(self.number).filter(|named| world.knows_type(named)) {
            None => is_named || sees_every_type,
            Some(named) => {
                let class = world.type_class(named);
                let is_hidden = match class {
                    None | Some(Class::Open | Class::Limited) => false,
                    Some(Class::Personal | Class::SpecialCare) => true,
                    Some(_) => !self.sees_all(named),
                };
                !is_hidden && types.contains(&named) && (self.sees_all(named) || is_named || sees_every_type)
            }
        }
    }

    /// Whether it surely is: that of an entity of one type that is guarded from nobody, in the namespace of that type.
    fn is_id_sure(&self) -> bool {
        let (_, source) = self.partition;
        let types = &self.caller.world.things[self.number].types;
        let class = named_type(self.number).map(|named| self.caller.world.type_class(named));
        named_type(self.number).is_some_and(|named| *types == [named] && self.sees_all(named))
            && matches!(class, Some(Some(Class::Open | Class::Limited)))
            && source.provides.contains(&types[0])
    }
}
