//! The sources of a world, in memory: each goes about conditions in a manner of its own.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use kakehashi::core::TenantId;
use kakehashi::federation::flawed::Flawed;
use kakehashi::federation::registry::{OwnIds, Provision, RegisteredSource, Registration};
use kakehashi::policy::inspection::{Actions, Inspection};
use kakehashi::policy::{Classification, PersonalData};
use kakehashi::telemetry::FindingCounter;
use kakehashi_adapters::store::set_system_dates;
use kakehashi_adapters::{
    Adapter, AdapterError, AskedRequest, AttributeSelection, Call, Counted, Coverage, Decision, EntityStream,
    EntityWrite, EntityWriter, Flaw, Page, PreparedQuery, PushDown, SourceId, SourceQuery, WriteError, WriteOffer,
    WriteOperation, Written, Yielded,
};
use ngsi_ld::context::Context;
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Geometry, Instance, SystemAttributes, Value};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::keeping::Keeping;
use super::world::{Class, LAST_DAY, LINK, Manner, PLACE, Source, TYPES, Thing, World, date, id, names};
use super::written::{source_id, tenant_id};

/// What a source holds; that of a partition of the store changes.
pub(super) type Parts = Arc<Mutex<Vec<Entity>>>;

/// A source that holds entities in memory.
#[derive(Debug, Clone)]
struct InMemory {
    id: SourceId,
    manner: Manner,
    parts: Parts,
    /// Those with which something is wrong.
    flawed: Vec<Entity>,
    /// For each type, the attributes that are about persons: nobody may ask for them.
    personal: Vec<(TypeName, Vec<AttributeName>)>,
    wrong: Wrong,
}

/// What sources were asked that nobody may ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrong(Arc<Mutex<Vec<String>>>);

impl Wrong {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    /// What was noted, once.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl InMemory {
    /// What must hold for every question: it names types, and nothing in it is personal in all of them.
    fn check(&self, query: &SourceQuery) {
        if query.types.is_empty() {
            self.wrong.note(format!("{} was asked without a type", self.id));
        }
        let is_personal = |name: &AttributeName| {
            let of = |r#type: &TypeName| self.personal.iter().find(|(known, _)| known == r#type);
            query
                .types
                .iter()
                .all(|r#type| of(r#type).is_some_and(|(_, names)| names.contains(name)))
        };
        let named = match &query.attributes {
            AttributeSelection::All => Vec::new(),
            AttributeSelection::Only(names) => names.to_vec(),
        };
        let conditions = query.filter.iter().flat_map(|filter| filter.attributes());
        let places = query.geo.iter().map(|geo| &geo.property);
        for name in named.iter().chain(&query.any_attribute).chain(conditions).chain(places) {
            if is_personal(name) {
                self.wrong.note(format!(
                    "{} was asked about {name}, which is personal: {query:?}",
                    self.id
                ));
            }
        }
    }

    fn matching(&self, query: &SourceQuery) -> Vec<Entity> {
        self.check(query);
        self.matching_among(query, &self.parts.lock().unwrap())
    }

    /// What it yields: what is wrong comes last, so that it takes nothing else's place on a page.
    fn yielded(&self, query: &SourceQuery) -> impl Iterator<Item = Yielded> + use<> {
        let flawed = self.matching_among(query, &self.flawed).into_iter();
        let found = self.matching(query).into_iter().map(Yielded::Entity);
        found.chain(flawed.map(|_| Yielded::LeftOut(Flaw::Malformed)))
    }

    fn matching_among(&self, query: &SourceQuery, held: &[Entity]) -> Vec<Entity> {
        let decides = matches!(self.manner, Manner::Decides | Manner::Narrows);
        let matches = |part: &&Entity| {
            part.types.iter().any(|r#type| query.types.contains(r#type))
                && (query.ids.is_empty() || query.ids.contains(&part.id))
                && (!decides
                    || (query.filter.as_ref().is_none_or(|filter| filter.matches(part))
                        && query.geo.as_ref().is_none_or(|geo| geo.matches(part))
                        && (query.any_attribute.is_empty()
                            || query.any_attribute.iter().any(|name| part.attribute(name).is_some()))))
        };
        let mut found: Vec<Entity> = held.iter().filter(matches).cloned().collect();
        if self.manner != Manner::Tells {
            for entity in &mut found {
                entity
                    .attributes
                    .retain(|attribute| query.attributes.includes(&attribute.name));
                if !query.system_attributes {
                    entity.system = SystemAttributes::default();
                    let instances = entity
                        .attributes
                        .iter_mut()
                        .flat_map(|attribute| &mut attribute.instances);
                    instances.for_each(|instance| instance.system = SystemAttributes::default());
                }
            }
        }
        found
    }
}

/// A source, and what it is asked.
#[derive(Debug)]
struct AskedOf {
    source: InMemory,
    query: SourceQuery,
}

#[async_trait]
impl Adapter for InMemory {
    fn source(&self) -> &SourceId {
        &self.id
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(AskedOf {
            source: self.clone(),
            query: query.clone(),
        })
    }

    async fn held_types(&self, _: &Call) -> Result<Vec<TypeName>, AdapterError> {
        let parts = self.parts.lock().unwrap();
        let all = parts.iter().chain(&self.flawed);
        let mut types: Vec<TypeName> = all.flat_map(|part| part.types.iter().cloned()).collect();
        types.sort();
        types.dedup();
        Ok(types)
    }

    async fn has_entities_of_several_types(&self, _: &[TypeName], _: &Call) -> Result<bool, AdapterError> {
        let parts = self.parts.lock().unwrap();
        let mut all = parts.iter().chain(&self.flawed);
        Ok(all.any(|part| part.types.len() > 1))
    }

    async fn may_hold_relationships(&self, names: &[AttributeName], _: &Call) -> Result<bool, AdapterError> {
        let is_relationship = |attribute: &Attribute| {
            let mut values = attribute.instances.iter().map(|instance| &instance.value);
            names.contains(&attribute.name) && values.any(|value| !value.objects().is_empty())
        };
        Ok(self
            .parts
            .lock()
            .unwrap()
            .iter()
            .any(|part| part.attributes.iter().any(is_relationship)))
    }

    fn writer(&self) -> Option<&dyn EntityWriter> {
        // Whether writes may go to it its registration says.
        Some(self)
    }
}

#[async_trait]
impl PreparedQuery for AskedOf {
    fn push_down(&self) -> PushDown {
        let if_asked = |is_asked: bool| match (is_asked, self.source.manner) {
            (false, _) | (true, Manner::Decides) => Coverage::Exact,
            (true, Manner::Narrows) => Coverage::Narrows,
            (true, Manner::Lists | Manner::Tells) => Coverage::None,
        };
        PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
            any_attribute: if_asked(!self.query.any_attribute.is_empty()),
            filter: if_asked(self.query.filter.is_some()),
            geo: if_asked(self.query.geo.is_some()),
            scope: if_asked(self.query.scope.is_some()),
        }
    }

    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(Vec::new())
    }

    async fn retrieve(&self, _: &Call) -> Result<Option<Yielded>, AdapterError> {
        Ok(self.source.yielded(&self.query).next())
    }

    fn query(&self, page: Option<Page>, _: &Call) -> EntityStream {
        let everything = Page {
            limit: usize::MAX,
            offset: 0,
        };
        let page = page.filter(|_| self.push_down().is_exact()).unwrap_or(everything);
        let page = self.source.yielded(&self.query).skip(page.offset).take(page.limit);
        futures::stream::iter(page.map(Ok).collect::<Vec<_>>()).boxed()
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        let mut counted = Counted::default();
        self.source.yielded(&self.query).for_each(|one| counted.add(&one));
        Ok(counted)
    }
}

/// Pages come by id.
pub(super) fn add(parts: &mut Vec<Entity>, entity: Entity) {
    let place = parts.partition_point(|part| part.id.as_str() < entity.id.as_str());
    parts.insert(place, entity);
}

#[async_trait]
impl EntityWriter for InMemory {
    fn offer(&self) -> WriteOffer {
        WriteOffer {
            operations: WriteOperation::ALL,
            is_atomic: true,
        }
    }

    async fn write(&self, writes: &[EntityWrite<'_>], now: &DateTime, _: &Call) -> Vec<Result<Written, WriteError>> {
        let mut parts = self.parts.lock().unwrap();
        let mut written = Vec::new();
        for write in writes {
            let place = parts.iter().position(|part| part.id == *write.id);
            let decision = (write.decide)(place.map(|place| &parts[place]));
            written.push(Ok(match (decision, place) {
                (Decision::Leave, _) | (Decision::Delete, None) => Written::Left,
                (Decision::Delete, Some(place)) => {
                    parts.remove(place);
                    Written::Deleted(None)
                }
                (Decision::Write(mut entity), Some(place)) => {
                    set_system_dates(&mut entity, Some(&parts[place]), now);
                    parts[place] = *entity;
                    Written::Replaced(None)
                }
                (Decision::Write(mut entity), None) => {
                    set_system_dates(&mut entity, None, now);
                    add(&mut parts, *entity);
                    Written::Created(None)
                }
            }));
        }
        written
    }
}

/// The sources of all tenants, in the order of tenants.toml, and for each tenant what its sources hold.
pub(super) fn of(world: &World, wrong: &Wrong, keeping: &Keeping) -> (Vec<RegisteredSource>, Vec<Vec<Parts>>) {
    let mut sources = Vec::new();
    let mut held = vec![Vec::new(); world.tenants.len()];
    for (index, tenant) in world.tenants.iter().enumerate() {
        for (place, source) in tenant.sources.iter().enumerate() {
            let parts = Arc::new(Mutex::new(held_by(world, source, &source.parts)));
            held[index].push(Arc::clone(&parts));
            let mut registered = registered(world, source, parts, &source_id(index, place), &tenant_id(index), wrong);
            // Every other one that is no partition, whatever it is like.
            if (index + place) % 2 == 0 && !source.is_store {
                keeping.keep(&mut registered);
            }
            sources.push(registered);
        }
    }
    (sources, held)
}

fn held_by(world: &World, source: &Source, parts: &[(usize, Vec<bool>)]) -> Vec<Entity> {
    let mut held: Vec<Entity> = parts
        .iter()
        .map(|(number, has)| part(*number, &world.things[*number], has))
        .collect();
    if source.is_undated {
        let attributes = held.iter_mut().flat_map(|entity| &mut entity.attributes);
        let instances = attributes.flat_map(|attribute| &mut attribute.instances);
        instances.for_each(|instance| instance.system = SystemAttributes::default());
    }
    held
}

fn registered(
    world: &World,
    source: &Source,
    parts: Parts,
    name: &str,
    tenant: &str,
    wrong: &Wrong,
) -> RegisteredSource {
    let id = SourceId::new(name);
    RegisteredSource {
        id: id.clone(),
        tenant: TenantId::new(tenant),
        provides: source
            .provides
            .iter()
            .map(|name| Provision::of_type(type_name(name)))
            .collect(),
        registration: Registration::default(),
        personal_data: if source.may_be_personal {
            PersonalData::Present
        } else {
            PersonalData::None
        },
        is_store: source.is_store,
        writable: source.is_store,
        inspection: Inspection::new(Actions::default(), &Classification::default()),
        findings: FindingCounter::new().unwrap(),
        flawed: Flawed::default(),
        owns_ids: OwnIds::default(),
        credential_from: None,
        adapter: Arc::new(InMemory {
            id,
            manner: source.manner,
            parts,
            flawed: held_by(world, source, &source.flawed),
            personal: personal(world),
            wrong: wrong.clone(),
        }),
    }
}

/// An adapter of what is held in memory.
pub(super) fn adapter(world: &World, name: &str, manner: Manner, parts: Parts, wrong: &Wrong) -> Arc<dyn Adapter> {
    Arc::new(InMemory {
        id: SourceId::new(name),
        manner,
        parts,
        flawed: Vec::new(),
        personal: personal(world),
        wrong: wrong.clone(),
    })
}

fn personal(world: &World) -> Vec<(TypeName, Vec<AttributeName>)> {
    let of = |r#type: &str| {
        let is_personal = |name: &&str| {
            let class = world.attribute_class(r#type, name);
            matches!(class, Some(Class::Personal | Class::SpecialCare))
        };
        let names = names().into_iter().filter(is_personal);
        names
            .map(|name| Context::kakehashi().expand_attribute(name).unwrap())
            .collect()
    };
    TYPES.iter().map(|r#type| (type_name(r#type), of(r#type))).collect()
}

fn type_name(name: &str) -> TypeName {
    Context::kakehashi().expand_type(name).unwrap()
}

fn set_dates(system: &mut SystemAttributes, created: u32, modified: u32) {
    let dates = system.dates_mut();
    dates.created_at = Some(DateTime::parse(&date(created)).unwrap());
    dates.modified_at = Some(DateTime::parse(&date(modified)).unwrap());
}

/// The part of an entity that a source holds.
pub(super) fn part(number: usize, thing: &Thing, has: &[bool]) -> Entity {
    let mut entity = Entity::new(EntityId::parse(&id(number)).unwrap(), type_name(thing.types[0]));
    entity.types.extend(thing.types[1..].iter().map(|name| type_name(name)));
    entity.scopes.extend(thing.scopes.iter().map(|scope| (*scope).into()));
    set_dates(&mut entity.system, thing.created, LAST_DAY);
    for (index, name) in names().into_iter().enumerate().filter(|(index, _)| has[*index]) {
        let value = if name == PLACE {
            let (longitude, latitude) = thing.place;
            AttributeValue::GeoProperty(Box::new(Geometry::point(longitude as f64, latitude as f64).unwrap()))
        } else if name == LINK {
            AttributeValue::relationship(EntityId::parse(&id(thing.link)).unwrap())
        } else {
            AttributeValue::Property(Value::Number(thing.numbers[index].into()))
        };
        let name = Context::kakehashi().expand_attribute(name).unwrap();
        let mut instance = Instance::new(value);
        set_dates(&mut instance.system, thing.created, thing.modified[index]);
        entity.attributes.push(Attribute::new(name, instance));
    }
    entity
}
