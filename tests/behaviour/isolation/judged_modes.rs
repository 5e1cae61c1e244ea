//! Writes in worlds in which tenants have a second source that takes writes, or is the only place of something, or both: what becomes
//! of each part.
//!
//! 1. An answer is that of a world without the parts that are hidden from the writer, in whichever source they are: of a source that
//!    is registered for some attributes, those of which none of these is granted.
//! 2. What is hidden from the writer of a part stays; so does what a source has and is not registered for, unless the entity goes.
//! 3. Nothing is anywhere afterwards that was not sent, is not granted there, or that the source is not registered for; and what
//!    one source is the only place of is in no other.
//! 4. What was refused whole, or is a source's that takes no writes, or another tenant's, is as it was.

use std::cell::RefCell;
use std::sync::Arc;

use http::StatusCode;
use kakehashi::federation::registry::{Mode, ProvidedIds, RegisteredSource, Registry};
use kakehashi::revision::Revision;
use kakehashi_adapters::AttributeSelection;
use ngsi_ld::EntityId;
use ngsi_ld::context::Context;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use super::chances::written_world;
use super::granted::id_is;
use super::keeping::Keeping;
use super::model::{Bound, Caller, Operation};
use super::sources::{self, Parts};
use super::world::{Action, Head, IDS, Permit, Principal, References, Resource, When, World, id, names};
use super::writes::{What, Write, any_write};
use super::{QUESTIONS, Rig, cases, load, runner, written};

/// How the second source of a tenant stands to the first.
#[derive(Debug, Clone)]
struct Standing {
    mode: Mode,
    /// The one entity that it is registered for.
    only: Option<usize>,
    /// The attributes of [`names`] that it is registered for; `None`: any.
    attributes: Option<Vec<bool>>,
    is_writable: bool,
}

/// What writes were, so that a run in which nothing is met is none.
#[derive(Debug, Default)]
struct Counts {
    done: usize,
    partly: usize,
    refused: usize,
    hidden: usize,
    in_second: usize,
}

fn standing() -> impl Strategy<Value = Standing> {
    let mode = prop_oneof![
        3 => Just(Mode::Inclusive),
        3 => Just(Mode::Redirect),
        3 => Just(Mode::Exclusive),
        1 => Just(Mode::Auxiliary),
    ];
    let some = vec(prop::bool::weighted(0.6), names().len());
    let attributes = prop_oneof![1 => Just(None), 1 => some.clone().prop_map(Some)];
    (mode, 0..IDS, attributes, some, prop::bool::weighted(0.7)).prop_map(
        |(mode, only, attributes, some, is_writable)| Standing {
            only: (mode == Mode::Exclusive).then_some(only),
            attributes: if mode == Mode::Exclusive {
                Some(some)
            } else {
                attributes
            },
            is_writable: is_writable && mode != Mode::Auxiliary,
            mode,
        },
    )
}

impl Standing {
    fn register(&self, source: &mut RegisteredSource) {
        source.registration.mode = self.mode;
        source.writable = self.is_writable;
        for provision in &mut source.provides {
            if let Some(only) = self.only {
                provision.ids = ProvidedIds::Only(EntityId::parse(&id(only)).unwrap());
            }
            if let Some(attributes) = &self.attributes {
                let registered = names().into_iter().zip(attributes).filter(|(_, is)| **is);
                let expanded = registered.map(|(name, _)| Context::kakehashi().expand_attribute(name).unwrap());
                provision.attributes = AttributeSelection::only(expanded);
            }
        }
    }

    fn provides(&self, attribute: usize) -> bool {
        self.attributes.as_ref().is_none_or(|names| names[attribute])
    }

    /// Whether it is the only place of an attribute of an entity.
    fn alone_has(&self, world: &World, tenant: usize, number: usize, attribute: usize) -> bool {
        let provides = &world.tenants[tenant].sources[1].provides;
        let types = &world.things[number].types;
        self.mode.is_proxied()
            && self.only.is_none_or(|only| only == number)
            && types.iter().any(|name| provides.contains(name))
            && self.provides(attribute)
    }
}

impl Rig {
    fn enter_standing(&self, world: &World, standings: &[Standing]) -> Result<Vec<Vec<Parts>>, TestCaseError> {
        let running = self.gateway.revision();
        let config = load(&self.folder, Some(&running.config), written::files(world));
        let config = config.map_err(|refusal| TestCaseError::fail(format!("the world is refused: {refusal}")))?;
        let mut revision = self.runtime.block_on(Revision::build_after(&running, config)).unwrap();
        let keeping = Keeping {
            classification: revision.config.policy.classification().clone(),
            runtime: self.runtime.handle().clone(),
        };
        let (mut registered, held) = sources::of(world, &self.wrong, &keeping);
        for (tenant, standing) in standings.iter().enumerate().take(world.tenants.len()) {
            let name = written::source_id(tenant, 1);
            let second = registered.iter_mut().find(|source| source.id.as_str() == name);
            second.into_iter().for_each(|source| standing.register(source));
        }
        revision.registry = Registry::new(registered);
        self.gateway.replace(Arc::new(revision));
        Ok(held)
    }
}

/// What everybody may write of a tenant, beside what its policies say.
#[derive(Debug, Clone, Copy)]
enum Open {
    Nothing,
    /// One attribute of [`names`].
    One(usize),
    All,
}

fn open() -> impl Strategy<Value = Open> {
    prop_oneof![1 => Just(Open::Nothing), 1 => (0..names().len()).prop_map(Open::One), 2 => Just(Open::All)]
}

/// The same world, in which the second sources hold to begin with what they provide and others may be told the ids of, and some
/// tenants let everybody write whatever may be written at all, or one attribute.
fn loaded(mut world: World, open: &[Open]) -> World {
    let known = world.clone();
    for (tenant, open) in world.tenants.iter_mut().zip(open) {
        let attributes = match *open {
            Open::Nothing => continue,
            Open::One(attribute) => vec![names()[attribute]],
            Open::All => names(),
        };
        tenant.has_policies = true;
        tenant.permits.push(Permit {
            head: Head {
                principal: Principal::Anybody,
                action: Action::Provide,
                resource: Resource::All,
                when: When::Always,
            },
            attributes: Some(attributes),
            without: Vec::new(),
            q: None,
            scope: None,
            area: None,
            ids: None,
            purposes: Vec::new(),
            needs_assurance: false,
            references: References::default(),
        });
    }
    for source in world.tenants.iter_mut().filter_map(|tenant| tenant.sources.get_mut(1)) {
        let (provides, may_be_personal) = (source.provides.clone(), source.may_be_personal);
        let parts = &mut source.parts;
        parts.retain(|(number, _)| known.may_be_loaded(*number, &provides, may_be_personal));
    }
    world
}

/// The same writes, of which every other is of what a second source has or is the only place of.
fn aimed(world: &World, standings: &mut [Standing], mut writes: Vec<Write>) -> Vec<Write> {
    let with_second = world.tenants.iter().enumerate();
    let with_second = with_second.filter(|(_, tenant)| tenant.sources.len() > 1 && tenant.sources[0].is_store);
    for (index, (write, (tenant, of))) in writes.iter_mut().step_by(2).zip(with_second.cycle()).enumerate() {
        *write = write.clone().in_tenant(tenant);
        let parts = &of.sources[1].parts;
        if !parts.is_empty() {
            write.number = parts[index % parts.len()].0;
        }
        if index % 4 == 0 {
            standings[tenant].only = standings[tenant].only.map(|_| write.number);
        }
    }
    writes
}

/// What the sources of a world hold, as the world says it.
fn take_over(world: &mut World, held: &[Vec<Parts>]) {
    let expand = |name: &str| Context::kakehashi().expand_attribute(name).unwrap();
    for (tenant, held) in world.tenants.iter_mut().zip(held) {
        for (source, parts) in tenant.sources.iter_mut().zip(held) {
            let parts = parts.lock().unwrap();
            source.parts = (0..IDS)
                .filter_map(|number| {
                    let part = parts.iter().find(|part| part.id.as_str() == id(number))?;
                    let has = names().into_iter().map(|name| part.attribute(&expand(name)).is_some());
                    Some((number, has.collect()))
                })
                .collect();
        }
    }
}

/// What a source of the world has of an entity.
fn part(world: &World, tenant: usize, place: usize, number: usize) -> Option<&[bool]> {
    let mut parts = world.tenants[tenant].sources.get(place)?.parts.iter();
    parts.find(|(held, _)| *held == number).map(|(_, has)| has.as_slice())
}

/// The sources of the tenant that have a part which is hidden from the writer; `None`: a permit names the id, so that it finds out
/// which are taken.
fn hiding(world: &World, standings: &[Standing], tenant: usize, write: &Write) -> Option<Vec<usize>> {
    let from = write.from();
    let caller = Caller::new(world, Bound::Most, from.consumer, from.purpose);
    let types = &world.things[write.number].types;
    let mut hiding = Vec::new();
    for (place, source) in world.tenants[tenant].sources.iter().enumerate() {
        let Some(has) = part(world, tenant, place, write.number) else {
            continue;
        };
        let sees = |operation| {
            let part = |has: &[bool]| caller.part(operation, (tenant, source), (write.number, has), types);
            match standings[tenant].attributes.as_ref().filter(|_| place == 1) {
                None => part(has).is_some(),
                // Of a part of some attributes it is hidden by what it is registered for, whatever else it has.
                Some(registered) => [has, &vec![true; has.len()]].into_iter().any(|has| {
                    let seen = part(has).map(|seen| seen.attributes).unwrap_or_default();
                    let mut registered = names().into_iter().zip(registered);
                    registered.any(|(name, is)| *is && seen.contains(name))
                }),
            }
        };
        if [Operation::Query, Operation::Retrieve, Operation::Write]
            .into_iter()
            .any(sees)
        {
            continue;
        }
        let is_named = types.iter().any(|name| {
            let permits = caller.permits(Operation::Write, tenant, source, name);
            permits
                .iter()
                .any(|permit| permit.ids.is_some_and(|ids| id_is(ids, write.number)))
        });
        if is_named {
            return None;
        }
        hiding.push(place);
    }
    Some(hiding)
}

/// Whether nothing of a write was done.
fn is_refused(status: StatusCode, told: &str) -> bool {
    let body = told.split_once("} {").map(|(_, rest)| format!("{{{rest}"));
    let body: Option<Value> = body.and_then(|body| serde_json::from_str(&body).ok());
    let body = body.unwrap_or_default();
    match status {
        StatusCode::MULTI_STATUS => body["success"] == serde_json::json!([]),
        status => !status.is_success(),
    }
}

fn judge_write(
    rig: &Rig,
    world: &mut World,
    standings: &[Standing],
    held: &[Vec<Parts>],
    write: &Write,
    counts: &mut Counts,
) -> Result<(), TestCaseError> {
    let from = write.from();
    let number = write.number;
    let tenant = from.tenant.or(world.consumers[from.consumer].tenant);
    let hiding = tenant
        .and_then(|tenant| hiding(world, standings, tenant, write))
        .unwrap_or_default();
    let without = (!hiding.is_empty()).then(|| {
        let held = &held[tenant.unwrap()];
        let before: Vec<_> = held.iter().map(|parts| parts.lock().unwrap().clone()).collect();
        for place in &hiding {
            held[*place]
                .lock()
                .unwrap()
                .retain(|part| part.id.as_str() != id(number));
        }
        let told = rig.write(world, write);
        for (parts, before) in held.iter().zip(before) {
            *parts.lock().unwrap() = before;
        }
        told
    });
    let (status, told) = rig.write(world, write);
    let before = world.clone();
    take_over(world, held);
    let said = format!(
        "{write:?} of {:?} by {standings:?}: {status} {told}\n{}",
        world.things[number],
        written::shown(world)
    );
    if let Some(without) = without {
        counts.hidden += 1;
        prop_assert_eq!(without, (status, told.clone()), "told of something hidden: {}", said);
    }
    match (status, is_refused(status, &told)) {
        (_, true) => counts.refused += 1,
        (StatusCode::MULTI_STATUS, false) => counts.partly += 1,
        (_, false) => counts.done += 1,
    }
    for (index, owner) in world.tenants.iter().enumerate() {
        for (place, source) in owner.sources.iter().enumerate() {
            let old = &before.tenants[index].sources[place].parts;
            let is_written = match place {
                0 => source.is_store,
                1 => standings[index].is_writable,
                _ => false,
            };
            let others = |parts: &[(usize, Vec<bool>)]| {
                let others = parts.iter().filter(|(held, _)| *held != number);
                others.cloned().collect::<Vec<_>>()
            };
            prop_assert_eq!(others(&source.parts), others(old), "{}", said);
            if tenant != Some(index) || !is_written || is_refused(status, &told) {
                prop_assert_eq!(&source.parts, old, "{}", said);
                continue;
            }
            judge_part(&before, world, standings, write, (index, place), &said)?;
            counts.in_second += usize::from(place == 1 && source.parts != *old);
        }
    }
    Ok(())
}

/// What became of the part of one source.
fn judge_part(
    before: &World,
    world: &World,
    standings: &[Standing],
    write: &Write,
    (tenant, place): (usize, usize),
    said: &str,
) -> Result<(), TestCaseError> {
    let number = write.number;
    let types = &world.things[number].types;
    let from = write.from();
    let own = |place: usize, attribute: usize| place == 0 || standings[tenant].provides(attribute);
    let (old, new) = (part(before, tenant, place, number), part(world, tenant, place, number));
    let seen_in = |world: &World, has: &[bool]| {
        let caller = Caller::new(world, Bound::Most, from.consumer, from.purpose);
        let source = &world.tenants[tenant].sources[place];
        let part = caller.part(Operation::Write, (tenant, source), (number, has), types);
        part.map(|part| part.attributes).unwrap_or_default()
    };
    for (attribute, name) in names().into_iter().enumerate() {
        let had = old.is_some_and(|has| has[attribute]);
        let has = new.is_some_and(|has| has[attribute]);
        if had && !has {
            let was_seen = old.is_some_and(|has| seen_in(before, has).contains(name));
            prop_assert!(was_seen, "{} was hidden, and is gone: {}", name, said);
            prop_assert!(
                new.is_none() || own(place, attribute),
                "{} is not its own: {}",
                name,
                said
            );
        }
        if has && !had {
            prop_assert!(write.has[attribute], "{} was not sent: {}", name, said);
            let is_granted = new.is_some_and(|has| seen_in(world, has).contains(name));
            prop_assert!(is_granted, "{} is not granted: {}", name, said);
            prop_assert!(own(place, attribute), "{} is not provided: {}", name, said);
            let has_second = world.tenants[tenant].sources.len() > 1;
            let is_elsewhere = place == 0
                && has_second
                && matches!(write.what, What::Create | What::Put)
                && standings[tenant].alone_has(world, tenant, number, attribute);
            prop_assert!(!is_elsewhere, "another alone has {}: {}", name, said);
        }
    }
    Ok(())
}

#[test]
fn whatever_is_written_to_several_sources_stands_where_their_modes_say_and_tells_of_nothing_hidden() {
    let cases = cases() / 4;
    let mut runner = runner(cases, "modes.txt");
    let rig = Rig::new();
    let worlds = (written_world(), vec(open(), 3));
    let worlds = worlds.prop_map(|(world, open)| loaded(written::allowed(world), &open));
    let any = worlds.prop_flat_map(|world| {
        let writes = vec(any_write(&world), QUESTIONS);
        (Just(world), vec(standing(), 3), writes)
    });
    let any = any.prop_map(|(world, mut standings, writes)| {
        let writes = aimed(&world, &mut standings, writes);
        (world, standings, writes)
    });
    let met = RefCell::new(Counts::default());
    let outcome = runner.run(&any, |(mut world, standings, writes)| {
        let held = rig.enter_standing(&world, &standings)?;
        for write in &writes {
            judge_write(&rig, &mut world, &standings, &held, write, &mut met.borrow_mut())?;
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let met = met.into_inner();
    assert!(
        met.done * 40 > cases && met.refused * 20 > cases && met.hidden * 100 > cases,
        "{met:?}"
    );
    assert!(met.partly * 500 > cases && met.in_second * 200 > cases, "{met:?}");
}
