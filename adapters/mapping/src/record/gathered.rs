//! Several records that make one entity: their attributes, gathered as the mapping says.

use std::cmp::Ordering;
use std::hash::RandomState;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use ngsi_ld::entity::{Attribute, AttributeValue, Json, Number, Value};
use ngsi_ld::{Entity, EntityId};

use super::findings::{Finding, Findings};
use super::value::json_of;
use crate::language::{Gather, Rows, TypeMapping, number_text};

/// The entities so far, in the order of their first records.
#[derive(Debug)]
pub struct Gathered<'m> {
    mapping: &'m TypeMapping,
    entities: Vec<Gathering>,
    places: HashMap<EntityId, usize, RandomState>,
}

/// One of them.
#[derive(Debug)]
struct Gathering {
    entity: Entity,
    /// For each attribute that is counted or listed, by its place in the mapping, what came so far.
    lists: Vec<(usize, List)>,
}

#[derive(Debug)]
struct List {
    /// Elements as JSON, with commas between them.
    json: String,
    count: i64,
}

impl<'m> Gathered<'m> {
    /// Nothing so far; `None`: each record of the type makes an entity by itself.
    pub fn of(mapping: &'m TypeMapping) -> Option<Self> {
        (mapping.rows == Rows::Several).then(|| Self {
            mapping,
            entities: Vec::new(),
            places: HashMap::with_hasher(RandomState::new()),
        })
    }

    /// Adds what one record says of an entity.
    pub fn add(&mut self, mut entity: Entity, findings: &mut dyn Findings) {
        let place = match self.places.entry(entity.id.clone()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let attributes = std::mem::take(&mut entity.attributes);
                vacant.insert(self.entities.len());
                self.entities.push(Gathering {
                    entity: entity.clone(),
                    lists: Vec::new(),
                });
                entity.attributes = attributes;
                self.entities.len() - 1
            }
        };
        let Some(gathering) = self.entities.get_mut(place) else {
            return;
        };
        for attribute in entity.attributes {
            let mut mapped = self.mapping.attributes.iter().enumerate();
            let Some((place, mapped)) = mapped.find(|(_, mapped)| mapped.name == attribute.name) else {
                continue;
            };
            if gathering.add(place, mapped.gather, attribute).is_none() {
                findings.note(&mapped.short_name, Finding::Unconvertible);
            }
        }
    }

    /// The entities, in the order of the mapping's attributes.
    pub fn finish(self) -> Vec<Entity> {
        let order = |name: &ngsi_ld::AttributeName| self.mapping.attributes.iter().position(|one| one.name == *name);
        let entities = self.entities.into_iter().map(|gathering| {
            let mut entity = gathering.entity;
            for (place, list) in gathering.lists {
                let Some(mapped) = self.mapping.attributes.get(place) else {
                    continue;
                };
                let value = match mapped.gather {
                    Gather::Count => Some(Value::Number(Number::Integer(list.count))),
                    _ => Json::parse(&format!("[{}]", list.json)).ok().map(Value::Json),
                };
                let attribute = entity.attributes.iter_mut().find(|one| one.name == mapped.name);
                let instance = attribute.and_then(|attribute| attribute.instances.first_mut());
                if let (Some(instance), Some(value)) = (instance, value) {
                    instance.value = AttributeValue::Property(value);
                }
            }
            entity.attributes.sort_by_key(|attribute| order(&attribute.name));
            entity
        });
        entities.collect()
    }
}

impl Gathering {
    /// `None`: the value cannot be gathered so.
    fn add(&mut self, place: usize, gather: Gather, attribute: Attribute) -> Option<()> {
        let mut known = self.entity.attributes.iter_mut();
        let Some(known) = known.find(|known| known.name == attribute.name) else {
            let value = &attribute.instances.first()?.value;
            match gather {
                Gather::First | Gather::Last => {}
                Gather::Sum => {
                    number(value)?;
                }
                Gather::Least | Gather::Greatest => {
                    compared(value, value)?;
                }
                Gather::List | Gather::Count => {
                    let json = match gather {
                        Gather::List => element(value)?,
                        _ => String::new(),
                    };
                    self.lists.push((place, List { json, count: 1 }));
                }
            }
            self.entity.attributes.push(attribute);
            return Some(());
        };
        let (old, new) = (known.instances.first_mut()?, attribute.instances.first()?);
        match gather {
            Gather::First => {}
            Gather::Last => *known = attribute,
            Gather::Sum => {
                let sum = sum(number(&old.value)?, number(&new.value)?)?;
                old.value = AttributeValue::Property(Value::Number(sum));
            }
            Gather::Least | Gather::Greatest => {
                let wanted = match gather {
                    Gather::Least => Ordering::Less,
                    _ => Ordering::Greater,
                };
                if compared(&new.value, &old.value)? == wanted {
                    *known = attribute;
                }
            }
            Gather::List | Gather::Count => {
                let (_, list) = self.lists.iter_mut().find(|(other, _)| *other == place)?;
                if gather == Gather::List {
                    list.json.push(',');
                    list.json.push_str(&element(&new.value)?);
                }
                list.count += 1;
            }
        }
        Some(())
    }
}

fn property(value: &AttributeValue) -> Option<&Value> {
    match value {
        AttributeValue::Property(value) => Some(value),
        _ => None,
    }
}

fn number(value: &AttributeValue) -> Option<&Number> {
    match property(value)? {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

fn sum(one: &Number, other: &Number) -> Option<Number> {
    if let (Number::Integer(one), Number::Integer(other)) = (one, other)
        && let Some(sum) = one.checked_add(*other)
    {
        return Some(Number::Integer(sum));
    }
    let float = |number: &Number| number_text(number).parse::<f64>().ok();
    let sum = float(one)? + float(other)?;
    sum.is_finite().then_some(Number::Float(sum))
}

/// What of two values is less; `None`: they cannot be compared.
fn compared(one: &AttributeValue, other: &AttributeValue) -> Option<Ordering> {
    match (property(one)?, property(other)?) {
        (Value::Number(one), Value::Number(other)) => one.compare(other),
        // Dates of one zone and texts of times are in the order of their texts.
        (Value::DateTime(one), Value::DateTime(other)) => Some(one.cmp(other)),
        (Value::Temporal { value: one, .. }, Value::Temporal { value: other, .. }) => Some(one.cmp(other)),
        _ => None,
    }
}

/// A value as an element of a list.
fn element(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::Property(value) => Some(json_of(value)),
        AttributeValue::Relationship { .. } => match value.objects() {
            [only] => Some(serde_json::Value::from(only.as_str()).to_string()),
            _ => None,
        },
        _ => None,
    }
}
