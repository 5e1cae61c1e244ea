//! Subscriptions, the rules for them, and how they go over the wire. What is written has other values than before.
//!
//! 1. A subscription is accepted if something of what it is about may be read and subscribed to; and unless it is for the
//!    store alone, if no other source has anything of that which its consumer may read.
//! 2. What is seen of an entity is what its consumer may read of it by a query and may subscribe to, both. It is seen as
//!    its partition has it, for the purpose that the subscription was made for.
//! 3. What is hidden is absent, before the change as after it. What appears was created, what disappears was deleted, and
//!    where nothing that is seen changes nothing has happened.
//! 4. Types, ids, `q`, `scopeQ` and `geoQ` are asked of what is seen of the entity as it is now, or was before it went.
//! 5. Told is what is seen now, and what went as null; with `showChanges` what was seen there before.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

use super::From;
use super::chances::{area, filter};
use super::granted::{holds, lies_in, scope_is};
use super::model::{Bound, Caller, Operation};
use super::question::{q, ring};
use super::world::{Area, Filter, IDS, LINK, PLACE, SCOPE_QUERIES, Source, TYPES, Thing, World, id, names};

/// `notificationTrigger`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trigger {
    EntityCreated,
    EntityUpdated,
    EntityDeleted,
    AttributeCreated,
    AttributeUpdated,
    AttributeDeleted,
}

impl Trigger {
    const ALL: [Self; 6] = [
        Self::EntityCreated,
        Self::EntityUpdated,
        Self::EntityDeleted,
        Self::AttributeCreated,
        Self::AttributeUpdated,
        Self::AttributeDeleted,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::EntityCreated => "entityCreated",
            Self::EntityUpdated => "entityUpdated",
            Self::EntityDeleted => "entityDeleted",
            Self::AttributeCreated => "attributeCreated",
            Self::AttributeUpdated => "attributeUpdated",
            Self::AttributeDeleted => "attributeDeleted",
        }
    }
}

/// Which types an entity has that is selected.
#[derive(Debug, Clone)]
enum Types {
    Any,
    OneOf(Vec<&'static str>),
    Every(Vec<&'static str>),
}

/// A member of `entities`.
#[derive(Debug, Clone)]
struct Selector {
    types: Types,
    ids: Vec<usize>,
    /// How an id begins, where none is named.
    beginning: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) consumer: usize,
    tenant: Option<usize>,
    /// As its consumer states it.
    purpose: Option<&'static str>,
    /// For what it is made: whoever has one purpose always asks for that.
    made_for: Option<&'static str>,
    entities: Vec<Selector>,
    watched: Vec<&'static str>,
    /// `None`: it does not say.
    triggers: Option<Vec<Trigger>>,
    filter: Option<Filter>,
    scope: Option<&'static str>,
    area: Option<Area>,
    /// `notification.attributes`; empty: all.
    pub(super) attributes: Vec<&'static str>,
    shows_changes: bool,
    pub(super) dated: bool,
    is_local: bool,
}

/// An entity in a partition; its values are its own.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) thing: Thing,
    pub(super) has: Vec<bool>,
}

/// A write that was done: to which partition, and what was and is there.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) tenant: usize,
    pub(super) number: usize,
    pub(super) before: Option<Held>,
    pub(super) after: Option<Held>,
}

/// What is seen of an entity.
#[derive(Debug, Clone)]
struct View<'a> {
    thing: &'a Thing,
    types: BTreeSet<String>,
    scopes: BTreeSet<String>,
    values: BTreeMap<String, String>,
}

/// What a notification says, attribute by attribute: what it is now, or [`GONE`], and what it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) number: usize,
    pub(super) types: BTreeSet<String>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) attributes: BTreeMap<String, (String, Option<String>)>,
    pub(super) is_deleted: bool,
}

/// NGSI-LD Null.
pub(super) const GONE: &str = "urn:ngsi-ld:null";

fn selector() -> impl Strategy<Value = Selector> {
    let types = prop_oneof![
        2 => Just(Types::Any),
        6 => subsequence(TYPES.to_vec(), 1..=3).prop_map(Types::OneOf),
        1 => subsequence(TYPES.to_vec(), 2).prop_map(Types::Every),
    ];
    let ids = prop_oneof![6 => Just(Vec::new()), 1 => subsequence((0..IDS).collect::<Vec<_>>(), 1..5)];
    let beginning = option::weighted(0.15, select(["urn:iso:", "urn:ngsi-ld:"].as_slice()));
    (types, ids, beginning).prop_map(|(types, ids, beginning)| Selector { types, ids, beginning })
}

/// A subscription of some consumer's of a world.
pub(super) fn any_subscription(world: &World) -> impl Strategy<Value = Subscription> + use<> {
    let purposes: Vec<Vec<&'static str>> = world
        .consumers
        .iter()
        .map(|consumer| consumer.purposes.clone())
        .collect();
    let from = (
        0..world.consumers.len(),
        option::weighted(0.25, 0..world.tenants.len()),
        any::<Index>(),
    );
    let about = (
        prop_oneof![5 => vec(selector(), 1..3), 1 => Just(Vec::new())],
        prop_oneof![2 => Just(Vec::new()), 1 => subsequence(names(), 1..4)],
        option::weighted(0.6, subsequence(Trigger::ALL.to_vec(), 1..=6)),
        option::weighted(0.25, filter()),
        option::weighted(0.1, select(SCOPE_QUERIES.as_slice())),
        option::weighted(0.15, area()),
        prop::bool::weighted(0.8),
    );
    let notification = (
        prop_oneof![2 => Just(Vec::new()), 1 => subsequence(names(), 1..5)],
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.3),
    );
    (from, about, notification).prop_map(
        move |(
            (consumer, tenant, index),
            (entities, watched, triggers, filter, scope, area, is_local),
            (attributes, shows_changes, dated),
        )| {
            let own = &purposes[consumer];
            let purpose = own.get(index.index(own.len() + 1)).copied();
            Subscription {
                consumer,
                tenant,
                purpose,
                made_for: purpose.or_else(|| (own.len() == 1).then(|| own[0])),
                // It has to say what it is about, or that it is for the store alone.
                is_local: is_local || (entities.is_empty() && watched.is_empty()),
                entities,
                watched,
                triggers,
                filter,
                scope,
                area,
                attributes,
                shows_changes,
                dated,
            }
        },
    )
}

impl Selector {
    fn to_json(&self) -> Value {
        let types = match &self.types {
            Types::Any => "*".to_owned(),
            Types::OneOf(names) => names.join("|"),
            Types::Every(names) => names.join(";"),
        };
        let mut selector = json!({"type": types});
        if !self.ids.is_empty() {
            selector["id"] = self.ids.iter().map(|number| id(*number)).collect();
        }
        if let Some(beginning) = self.beginning {
            selector["idPattern"] = format!("^{beginning}").into();
        }
        selector
    }

    fn selects(&self, number: usize, view: &View<'_>) -> bool {
        let is_one = |name: &&str| view.types.contains(*name);
        let of_type = match &self.types {
            Types::Any => true,
            Types::OneOf(names) => names.iter().any(is_one),
            Types::Every(names) => names.iter().all(is_one),
        };
        let of_id = match self.beginning {
            _ if !self.ids.is_empty() => self.ids.contains(&number),
            beginning => beginning.is_none_or(|beginning| id(number).starts_with(beginning)),
        };
        of_type && of_id
    }
}

impl Subscription {
    pub(super) fn from(&self) -> From {
        From {
            consumer: self.consumer,
            tenant: self.tenant,
            purpose: self.purpose,
        }
    }

    /// As it is sent; `lane`: its number, and where it is told.
    pub(super) fn to_json(&self, (lane, endpoint): (usize, &str)) -> Value {
        // A test that is held up is no endpoint that is slow.
        let endpoint = json!({"uri": endpoint, "timeout": 20_000});
        let mut body = json!({
            "id": format!("urn:iso:subscription:{lane}"),
            "type": "Subscription",
            "notification": {"endpoint": endpoint, "showChanges": self.shows_changes, "sysAttrs": self.dated},
        });
        if !self.attributes.is_empty() {
            body["notification"]["attributes"] = json!(self.attributes);
        }
        if !self.entities.is_empty() {
            body["entities"] = self.entities.iter().map(Selector::to_json).collect();
        }
        if !self.watched.is_empty() {
            body["watchedAttributes"] = json!(self.watched);
        }
        if let Some(triggers) = &self.triggers {
            body["notificationTrigger"] = triggers.iter().map(|trigger| trigger.word()).collect();
        }
        if let Some(filter) = &self.filter {
            body["q"] = q(filter).into();
        }
        if let Some(scope) = self.scope {
            body["scopeQ"] = scope.into();
        }
        if let Some(area) = self.area {
            let ring: Value = serde_json::from_str(&ring(area)).unwrap();
            body["geoQ"] = json!({"georel": "within", "geometry": "Polygon", "coordinates": ring});
        }
        if self.is_local {
            body["localOnly"] = true.into();
        }
        body
    }

    fn caller<'a>(&self, world: &'a World) -> Caller<'a> {
        Caller::new(world, Bound::Most, self.consumer, self.made_for)
    }

    /// The types that it may be about.
    fn types(&self) -> Vec<&'static str> {
        let named = self.entities.iter().map(|selector| match &selector.types {
            Types::Any => TYPES.to_vec(),
            Types::OneOf(names) | Types::Every(names) => names.clone(),
        });
        let named = named.collect::<Vec<_>>().concat();
        if named.is_empty() { TYPES.to_vec() } else { named }
    }

    /// The status that its consumer is answered with.
    pub(super) fn status(&self, world: &World) -> u16 {
        let caller = self.caller(world);
        if self.tenant.is_some_and(|tenant| !caller.knows(tenant)) {
            return 404;
        }
        let types = self.types();
        let grants = |operation, tenant, source: &Source| {
            let permits = |r#type: &&str| !caller.permits(operation, tenant, source, r#type).is_empty();
            source.provides.iter().filter(|name| types.contains(name)).any(permits)
        };
        let owners = world.tenants.iter().enumerate();
        let meant = owners.filter(|(tenant, _)| self.tenant.is_none_or(|only| only == *tenant));
        let sources: Vec<_> = meant
            .flat_map(|(tenant, owner)| owner.sources.iter().map(move |source| (tenant, source)))
            .collect();
        let is_any_type = self
            .entities
            .iter()
            .any(|selector| matches!(selector.types, Types::Any));
        let is_silent =
            |(tenant, source): (usize, &Source)| !source.is_store && grants(Operation::Query, tenant, source);
        if !self.is_local && !is_any_type && sources.iter().copied().any(is_silent) {
            return 422;
        }
        let is_granted =
            |(tenant, source)| grants(Operation::Subscribe, tenant, source) && grants(Operation::Query, tenant, source);
        if sources.into_iter().any(is_granted) { 201 } else { 403 }
    }

    /// What it is told of a write, of what its consumer is granted in a world.
    pub(super) fn told(&self, world: &World, done: &Done) -> Option<Told> {
        let own = world.consumers.get(self.consumer)?;
        if self.made_for.is_some_and(|purpose| !own.purposes.contains(&purpose)) {
            return None;
        }
        let before = done.before.as_ref().and_then(|held| self.seen(world, done, held));
        let after = done.after.as_ref().and_then(|held| self.seen(world, done, held));
        self.notice(done.number, before.as_ref(), after.as_ref())
    }

    /// What it would be told if nothing were hidden.
    pub(super) fn told_of_all(&self, done: &Done) -> Option<Told> {
        if self.tenant.is_some_and(|only| only != done.tenant) {
            return None;
        }
        let (before, after) = (
            done.before.as_ref().map(View::whole),
            done.after.as_ref().map(View::whole),
        );
        self.notice(done.number, before.as_ref(), after.as_ref())
    }

    fn seen<'h>(&self, world: &World, done: &Done, held: &'h Held) -> Option<View<'h>> {
        let source = &world.tenants[done.tenant].sources[0];
        let thing = &held.thing;
        let is_asked = self.tenant.is_none_or(|only| only == done.tenant);
        if !is_asked || !thing.types.iter().any(|r#type| source.provides.contains(r#type)) {
            return None;
        }
        let mut world = world.clone();
        world.things[done.number] = thing.clone();
        let caller = self.caller(&world);
        let granted = |operation| caller.part(operation, (done.tenant, source), (done.number, &held.has), &thing.types);
        let (read, subscribed) = (granted(Operation::Query)?, granted(Operation::Subscribe)?);
        let both = |one: BTreeSet<String>, other: BTreeSet<String>| one.intersection(&other).cloned().collect();
        let types: BTreeSet<String> = both(read.types, subscribed.types);
        let scopes = both(read.scopes, subscribed.scopes);
        let attributes = both(read.attributes, subscribed.attributes);
        (!types.is_empty()).then(|| View::new(thing, (types, scopes, attributes)))
    }

    fn watches(&self, name: &str) -> bool {
        self.watched.is_empty() || self.watched.contains(&name)
    }

    fn is_about(&self, number: usize, view: &View<'_>) -> bool {
        let has_watched = self.watched.is_empty() || view.values.keys().any(|name| self.watches(name));
        let sees = |name: &str| view.values.contains_key(name);
        let mut selectors = self.entities.iter();
        (if self.entities.is_empty() {
            has_watched
        } else {
            selectors.any(|selector| selector.selects(number, view))
        }) && self
            .filter
            .as_ref()
            .is_none_or(|filter| holds(filter, view.thing, &sees))
            && self
                .scope
                .is_none_or(|asked| view.scopes.iter().any(|scope| scope_is(asked, scope)))
            && self.area.is_none_or(|area| sees(PLACE) && lies_in(view.thing, area))
    }

    fn notice(&self, number: usize, before: Option<&View<'_>>, after: Option<&View<'_>>) -> Option<Told> {
        let now = after.or(before)?;
        if !self.is_about(number, now) {
            return None;
        }
        let values = |view: Option<&View<'_>>| view.map(|view| view.values.clone()).unwrap_or_default();
        let (old, new) = (values(before), values(after));
        let mut happened: BTreeMap<&str, Trigger> = BTreeMap::new();
        for name in names() {
            match (old.get(name), new.get(name)) {
                (None, Some(_)) => happened.insert(name, Trigger::AttributeCreated),
                (Some(_), None) => happened.insert(name, Trigger::AttributeDeleted),
                (Some(old), Some(new)) if old != new => happened.insert(name, Trigger::AttributeUpdated),
                _ => None,
            };
        }
        let usual = vec![Trigger::AttributeCreated, Trigger::AttributeUpdated];
        let triggers = self.triggers.as_ref().unwrap_or(&usual);
        let of_entity = match (before, after) {
            (None, _) => Trigger::EntityCreated,
            (_, None) => Trigger::EntityDeleted,
            _ => Trigger::EntityUpdated,
        };
        let watched: Vec<Trigger> = happened
            .iter()
            .filter(|(name, _)| self.watches(name))
            .map(|(_, kind)| *kind)
            .collect();
        let concerns_entity = match of_entity {
            Trigger::EntityUpdated => !watched.is_empty(),
            _ => self.watched.is_empty() || now.values.keys().any(|name| self.watches(name)),
        };
        let by_entity = triggers.contains(&of_entity) && concerns_entity;
        if !by_entity && !watched.iter().any(|kind| triggers.contains(kind)) {
            return None;
        }
        let is_shown = |name: &str| self.attributes.is_empty() || self.attributes.contains(&name);
        let mut told = Told {
            number,
            types: now.types.clone(),
            scopes: after.map(|after| after.scopes.clone()).unwrap_or_default(),
            attributes: BTreeMap::new(),
            is_deleted: after.is_none(),
        };
        for name in names().into_iter().filter(|name| is_shown(name)) {
            let was = old.get(name).cloned().filter(|_| self.shows_changes);
            let was = was.filter(|_| happened.contains_key(name));
            if let Some(value) = new.get(name) {
                told.attributes.insert(name.to_owned(), (value.clone(), was));
                continue;
            }
            // Of an entity that went nothing more is told, unless its attributes were asked about.
            let is_told = after.is_some() || self.shows_changes || (!by_entity && self.watches(name));
            if old.contains_key(name) && is_told {
                told.attributes.insert(name.to_owned(), (GONE.to_owned(), was));
            }
        }
        Some(told)
    }
}

impl<'a> View<'a> {
    fn whole(held: &'a Held) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut there = names();
        let mut has = held.has.iter();
        there.retain(|_| has.next() == Some(&true));
        Self::new(
            &held.thing,
            (owned(&held.thing.types), owned(&held.thing.scopes), owned(&there)),
        )
    }

    fn new(
        thing: &'a Thing,
        (types, scopes, attributes): (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>),
    ) -> Self {
        let value = |name: &str| match name {
            PLACE => format!("{},{}", thing.place.0, thing.place.1),
            LINK => id(thing.link),
            name => {
                let index = names().iter().position(|known| *known == name).unwrap();
                thing.numbers[index].to_string()
            }
        };
        let values = attributes
            .into_iter()
            .map(|name| (name.clone(), value(&name)))
            .collect();
        Self {
            thing,
            types,
            scopes,
            values,
        }
    }
}
