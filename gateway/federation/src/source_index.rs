//! Which sources may hold what, found by types and ids, without looking at the others: one index for those of the configuration,
//! and the same for those that are registered while the gateway runs.
//!
//! It knows numbers of sources and what they provide, and nothing else.

use std::ops::ControlFlow;

use hashbrown::HashMap;
use kakehashi_adapters::AttributeSelection;
use ngsi_ld::query::IdPattern;
use ngsi_ld::{AttributeName, EntityId, TypeName};

use super::registration::{ProvidedIds, Provision};

/// The number of a source: sources with smaller ones take precedence where nothing else decides.
pub(super) type SourceNumber = usize;

/// The sources of each type, and those of any.
#[derive(Debug, Default)]
pub(super) struct SourceIndex {
    by_type: HashMap<TypeName, OfAttributes>,
    of_any_type: OfAttributes,
}

/// Sources by the attributes that they are registered with.
#[derive(Debug, Default)]
struct OfAttributes {
    any: OfIds,
    by_attribute: HashMap<AttributeName, OfIds>,
}

/// Sources by the ids that they are registered with.
#[derive(Debug, Default)]
struct OfIds {
    any: Numbers,
    by_id: HashMap<EntityId, Numbers>,
    by_beginning: HashMap<Box<str>, Numbers>,
    /// How many beginnings there are of each length, in bytes, from the shortest.
    lengths: Vec<(usize, usize)>,
    /// Those of other patterns, which are compared one by one.
    by_pattern: Vec<(SourceNumber, IdPattern)>,
}

/// Numbers in their order, each once.
#[derive(Debug, Default)]
struct Numbers(Vec<SourceNumber>);

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a, T> {
    /// Of any of these types.
    pub(super) types: T,
    /// With any of these ids. Empty: any.
    pub(super) ids: &'a [EntityId],
    /// And any of these attributes; `None`: whichever there are.
    pub(super) attributes: Option<&'a [AttributeName]>,
}

/// Told of each source that is found, perhaps more than once; it may say that this is enough.
type Found<'a> = &'a mut dyn FnMut(SourceNumber) -> ControlFlow<()>;

impl Numbers {
    fn add(&mut self, number: SourceNumber) {
        if let Err(place) = self.0.binary_search(&number) {
            self.0.insert(place, number);
        }
    }

    /// Whether none are left.
    fn remove(&mut self, number: SourceNumber) -> bool {
        if let Ok(place) = self.0.binary_search(&number) {
            self.0.remove(place);
        }
        self.0.is_empty()
    }

    fn tell(&self, found: Found<'_>) -> ControlFlow<()> {
        self.0.iter().copied().try_for_each(found)
    }
}

impl OfIds {
    fn add(&mut self, number: SourceNumber, ids: &ProvidedIds) {
        match ids {
            ProvidedIds::Any => self.any.add(number),
            ProvidedIds::Only(id) => self.by_id.entry_ref(id).or_default().add(number),
            ProvidedIds::Matching(pattern) => match pattern.beginning() {
                Some(beginning) => {
                    if !self.by_beginning.contains_key(beginning) {
                        self.count_length(beginning.len());
                    }
                    self.by_beginning.entry(beginning.into()).or_default().add(number);
                }
                None => self.by_pattern.push((number, pattern.clone())),
            },
        }
    }

    /// Whether nothing is left.
    fn remove(&mut self, number: SourceNumber, ids: &ProvidedIds) -> bool {
        match ids {
            ProvidedIds::Any => {
                self.any.remove(number);
            }
            ProvidedIds::Only(id) => {
                if self.by_id.get_mut(id).is_some_and(|numbers| numbers.remove(number)) {
                    self.by_id.remove(id);
                }
            }
            ProvidedIds::Matching(pattern) => match pattern.beginning() {
                Some(beginning) => {
                    let numbers = self.by_beginning.get_mut(beginning);
                    if numbers.is_some_and(|numbers| numbers.remove(number)) {
                        self.by_beginning.remove(beginning);
                        self.forget_length(beginning.len());
                    }
                }
                None => self
                    .by_pattern
                    .retain(|(other, known)| *other != number || known != pattern),
            },
        }
        self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.any.0.is_empty() && self.by_id.is_empty() && self.by_beginning.is_empty() && self.by_pattern.is_empty()
    }

    fn count_length(&mut self, length: usize) {
        match self.lengths.binary_search_by_key(&length, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, count)) = self.lengths.get_mut(place) {
                    *count += 1;
                }
            }
            Err(place) => self.lengths.insert(place, (length, 1)),
        }
    }

    fn forget_length(&mut self, length: usize) {
        self.lengths.retain_mut(|(known, count)| {
            if *known == length {
                *count -= 1;
            }
            *count > 0
        });
    }

    //= 5.12-1
    fn find(&self, ids: &[EntityId], found: Found<'_>) -> ControlFlow<()> {
        self.any.tell(found)?;
        if ids.is_empty() {
            self.by_id.values().try_for_each(|numbers| numbers.tell(found))?;
            self.by_beginning.values().try_for_each(|numbers| numbers.tell(found))?;
            return self.by_pattern.iter().map(|(number, _)| *number).try_for_each(found);
        }
        for id in ids {
            if let Some(numbers) = self.by_id.get(id) {
                numbers.tell(found)?;
            }
            for (length, _) in &self.lengths {
                let beginning = id.as_str().get(..*length);
                if let Some(numbers) = beginning.and_then(|beginning| self.by_beginning.get(beginning)) {
                    numbers.tell(found)?;
                }
            }
            for (number, pattern) in &self.by_pattern {
                if pattern.matches(id) {
                    found(*number)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl OfAttributes {
    fn add(&mut self, number: SourceNumber, provision: &Provision) {
        match &provision.attributes {
            AttributeSelection::All => self.any.add(number, &provision.ids),
            AttributeSelection::Only(names) => {
                for name in names.iter() {
                    let of_name = self.by_attribute.entry_ref(name).or_default();
                    of_name.add(number, &provision.ids);
                }
            }
        }
    }

    /// Whether nothing is left.
    fn remove(&mut self, number: SourceNumber, provision: &Provision) -> bool {
        match &provision.attributes {
            AttributeSelection::All => {
                self.any.remove(number, &provision.ids);
            }
            AttributeSelection::Only(names) => {
                for name in names.iter() {
                    let of_name = self.by_attribute.get_mut(name);
                    if of_name.is_some_and(|of_name| of_name.remove(number, &provision.ids)) {
                        self.by_attribute.remove(name);
                    }
                }
            }
        }
        self.any.is_empty() && self.by_attribute.is_empty()
    }

    fn find<T>(&self, wanted: &Wanted<'_, T>, found: Found<'_>) -> ControlFlow<()> {
        self.any.find(wanted.ids, found)?;
        if self.by_attribute.is_empty() {
            return ControlFlow::Continue(());
        }
        match wanted.attributes {
            None => {
                let mut all = self.by_attribute.values();
                all.try_for_each(|of_name| of_name.find(wanted.ids, found))
            }
            Some(names) => {
                let mut asked = names.iter().filter_map(|name| self.by_attribute.get(name));
                asked.try_for_each(|of_name| of_name.find(wanted.ids, found))
            }
        }
    }
}

impl SourceIndex {
    /// Adds what one source provides.
    pub(super) fn add(&mut self, number: SourceNumber, provides: &[Provision]) {
        for provision in provides {
            let of_type = match &provision.r#type {
                Some(name) => self.by_type.entry_ref(name).or_default(),
                None => &mut self.of_any_type,
            };
            of_type.add(number, provision);
        }
    }

    /// Takes out what was added of a source.
    pub(super) fn remove(&mut self, number: SourceNumber, provides: &[Provision]) {
        for provision in provides {
            let Some(name) = &provision.r#type else {
                self.of_any_type.remove(number, provision);
                continue;
            };
            let of_type = self.by_type.get_mut(name);
            if of_type.is_some_and(|of_type| of_type.remove(number, provision)) {
                self.by_type.remove(name);
            }
        }
    }

    /// Tells of the sources that may hold what is wanted, each at least once, until somebody has enough.
    pub(super) fn find<'t, T>(&self, wanted: &Wanted<'_, T>, found: Found<'_>) -> ControlFlow<()>
    where
        T: IntoIterator<Item = &'t TypeName> + Clone,
    {
        self.of_any_type.find(wanted, found)?;
        for r#type in wanted.types.clone() {
            if let Some(of_type) = self.by_type.get(r#type) {
                of_type.find(wanted, found)?;
            }
        }
        ControlFlow::Continue(())
    }
}
