//! The record that says what an entity is to say: what is different is written into the record as it stands, and the mapping reads
//! it back. What would come back as something else is refused by the attribute that is written.
//!
//! Whoever writes may not see all attributes. So what a write would change beside is told by the name of what is written, and never
//! by the name of what it would change.

use kakehashi_contract::{AttributeSelection, Flaw, WriteOperation, Yielded};
use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Instance, SystemAttributes};
use ngsi_ld::{AttributeName, Entity};

use super::inverse::{Inverse, is_same_value};
use super::lost::{Lost, LostWhole, Refused};
use super::tree::Node;
use crate::language::{AttributeMapping, DateRule, JsonPath, TypeMapping, WriteMapping};
use crate::record::{DocumentPaths, Outside, Projection, Slot};
use crate::translate::{Unheard, read_records};

/// What an entity is to become.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// How its records become entities.
    pub mapping: &'a TypeMapping,
    /// How they are written.
    pub write: &'a WriteMapping,
    /// What is known beside the record.
    pub outside: &'a Outside,
    /// The entity as it stands, with its record.
    pub standing: Option<(&'a Entity, &'a str)>,
    /// The entity as it is to be.
    pub after: &'a Entity,
    /// What is done to it.
    pub operation: WriteOperation,
}

/// What the mapping makes of a record.
///
/// # Errors
/// Why it is no entity.
pub fn read_back(mapping: &TypeMapping, outside: &Outside, record: &str) -> Result<Entity, Flaw> {
    let paths = DocumentPaths {
        records: JsonPath { steps: Vec::new() },
        total: None,
        pages: None,
        next: None,
    };
    let projection = Projection::new(mapping, &AttributeSelection::All, true);
    let page = read_records(mapping, &paths, outside, &projection, record.as_bytes(), &mut Unheard);
    let page = page.map_err(|_| Flaw::Malformed)?;
    match page.yielded.into_iter().next() {
        Some(Yielded::Entity(entity)) => Ok(entity),
        Some(Yielded::LeftOut(flaw)) => Err(flaw),
        None => Err(Flaw::Malformed),
    }
}

impl Wanted<'_> {
    /// The record.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn record(&self) -> Result<Node, Refused> {
        self.check_whole()?;
        let mut record = Node::of(self.standing.map_or("null", |(_, record)| record));
        if self.standing.is_none() {
            self.set_id(&mut record)?;
        }
        let mut changed = Vec::new();
        for attribute in &self.after.attributes {
            if self
                .was(&attribute.name)
                .is_some_and(|was| says(was) == says(attribute))
            {
                continue;
            }
            changed.push(&attribute.name);
            self.set(attribute, &mut record)
                .map_err(|lost| Refused::Attribute(attribute.name.clone(), lost))?;
        }
        for was in self.standing.iter().flat_map(|(entity, _)| &entity.attributes) {
            if self.after.attribute(&was.name).is_none() && !self.stays_by_itself(&was.name) {
                changed.push(&was.name);
                self.clear(&was.name, &mut record)
                    .map_err(|lost| Refused::Attribute(was.name.clone(), lost))?;
            }
        }
        self.check_shared(&record, &changed)?;
        self.check(&record, &changed)?;
        Ok(record)
    }

    fn was(&self, name: &AttributeName) -> Option<&Attribute> {
        self.standing?.0.attribute(name)
    }

    /// When an attribute was observed, as it stands.
    fn was_dated(&self, name: &AttributeName) -> Option<&DateTime> {
        self.was(name)?.instances.first()?.observed_at.as_ref()
    }

    fn mapped(&self, name: &AttributeName) -> Option<&AttributeMapping> {
        self.mapping.attributes.iter().find(|attribute| attribute.name == *name)
    }

    /// What of an entity no record says.
    fn check_whole(&self) -> Result<(), LostWhole> {
        match self.standing {
            None if self.after.types.as_slice() != std::slice::from_ref(&self.mapping.name) => Err(LostWhole::Types),
            Some((standing, _)) if standing.types != self.after.types => Err(LostWhole::TypeChanged),
            _ if !self.after.scopes.is_empty() => Err(LostWhole::Scope),
            _ if self.after.system.expires_at().is_some() => Err(LostWhole::Expires),
            _ => Ok(()),
        }
    }

    fn inverse<'n>(&'n self, record: &'n Node) -> Inverse<'n> {
        Inverse {
            mapping: self.mapping,
            write: self.write,
            record,
        }
    }

    fn set_id(&self, record: &mut Node) -> Result<(), LostWhole> {
        let template = &self.mapping.id;
        let refused = || LostWhole::Id(template.template.to_string());
        let given = self.inverse(record).template(template, self.after.id.as_str());
        let given = given.and_then(Result::ok).ok_or_else(refused)?;
        for (slot, json) in given {
            self.put(record, slot, &json).map_err(|_| refused())?;
        }
        Ok(())
    }

    /// Writes an attribute into the record.
    fn set(&self, attribute: &Attribute, record: &mut Node) -> Result<(), Lost> {
        let mapped = self.mapped(&attribute.name).ok_or(Lost::Unknown)?;
        let instance = only_instance(attribute)?;
        if instance.unit_code != mapped.unit_code {
            return Err(Lost::Unit);
        }
        if mapped.is_computed(self.write) {
            return Err(Lost::Computed);
        }
        let is_platforms = |slot: &Slot| self.write.set_by_platform.contains(slot);
        if mapped.value_slots().iter().any(is_platforms) {
            return Err(Lost::SetByPlatform);
        }
        let given = self.inverse(record).value(mapped, &instance.value)?;
        // What the id is made of stands there already: what else it would be is found when it is read back.
        let given = given
            .into_iter()
            .filter(|(slot, _)| !self.mapping.id.slots.contains(slot));
        for (slot, json) in given {
            self.put(record, slot, &json)?;
        }
        self.set_date(attribute, mapped, instance.observed_at.as_ref(), record)
    }

    fn set_date(
        &self,
        attribute: &Attribute,
        mapped: &AttributeMapping,
        date: Option<&DateTime>,
        record: &mut Node,
    ) -> Result<(), Lost> {
        match (mapped.observed_at, date) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Lost::Undated),
            (Some(rule), date) if self.write.set_by_platform.contains(&rule.slot) => {
                let is_as_it_was = date.is_none() || date == self.was_dated(&attribute.name);
                is_as_it_was.then_some(()).ok_or(Lost::DatedByPlatform)
            }
            // What is so already stays as it is written.
            (Some(_), Some(date)) if self.was_dated(&attribute.name) == Some(date) => Ok(()),
            (Some(rule), Some(date)) => {
                let json = self.inverse(record).date(rule.slot, rule.zone, date)?;
                self.put(record, rule.slot, &json)
            }
            (Some(rule), None) if self.is_shared(rule) => Ok(()),
            (Some(rule), None) => self.put_nothing(record, rule.slot),
        }
    }

    /// Whether several attributes have this date.
    fn is_shared(&self, rule: DateRule) -> bool {
        let attributes = self.mapping.attributes.iter();
        let dated = attributes.filter(|attribute| attribute.observed_at.is_some_and(|own| own.slot == rule.slot));
        dated.count() > 1
    }

    /// Takes an attribute out of the record.
    fn clear(&self, name: &AttributeName, record: &mut Node) -> Result<(), Lost> {
        let mapped = self.mapped(name).ok_or(Lost::Unknown)?;
        if mapped.is_given(&self.mapping.id) {
            return Err(Lost::Given);
        }
        if mapped.is_computed(self.write) {
            return Err(Lost::Computed);
        }
        if !mapped.is_written(self.write, &self.mapping.id) {
            return Err(Lost::SetByPlatform);
        }
        for slot in mapped.value_slots() {
            if !self.mapping.id.slots.contains(&slot) {
                self.put_nothing(record, slot)?;
            }
        }
        match mapped.observed_at {
            Some(rule) if !self.is_shared(rule) && !self.write.set_by_platform.contains(&rule.slot) => {
                self.put_nothing(record, rule.slot)
            }
            _ => Ok(()),
        }
    }

    /// Whether an attribute is there whatever a writer of the whole entity says.
    fn stays_by_itself(&self, name: &AttributeName) -> bool {
        let is_whole = matches!(self.operation, WriteOperation::Create | WriteOperation::Replace);
        is_whole && self.comes_by_itself(name)
    }

    /// Whether the mapping, the id or the platform says what it is.
    fn comes_by_itself(&self, name: &AttributeName) -> bool {
        let mapped = self.mapped(name);
        mapped.is_some_and(|mapped| !mapped.is_written(self.write, &self.mapping.id))
    }

    fn put(&self, record: &mut Node, slot: Slot, json: &str) -> Result<(), Lost> {
        let path = self.mapping.fields.path(slot).ok_or(Lost::Otherwise)?;
        record.set(&path.steps, json).map_err(|_| Lost::Otherwise)
    }

    fn put_nothing(&self, record: &mut Node, slot: Slot) -> Result<(), Lost> {
        let path = self.mapping.fields.path(slot).ok_or(Lost::Otherwise)?;
        match record.find(&path.steps) {
            None => Ok(()),
            Some(json) if json == "null" => Ok(()),
            Some(_) => record.set(&path.steps, &self.write.empty).map_err(|_| Lost::Otherwise),
        }
    }

    /// Whether a field is changed of which an attribute is made that is not changed.
    ///
    /// Whoever writes may not see that attribute: so this is decided by the mapping and by the fields, and never by whether the record
    /// has the attribute. Who makes or replaces an entity is granted all that it has, and is answered by what comes back.
    fn check_shared(&self, record: &Node, changed: &[&AttributeName]) -> Result<(), Refused> {
        let before = match self.standing {
            Some((_, before)) if self.operation != WriteOperation::Replace => before,
            _ => return Ok(()),
        };
        let different = record.differing(before);
        let before = Node::of(before);
        let is_other = |slot: &Slot| {
            let steps = self.mapping.fields.path(*slot).map(|path| &path.steps);
            let now = steps.and_then(|steps| different.find(steps));
            let was = steps.and_then(|steps| before.find(steps));
            now.is_some_and(|now| now != was.as_deref().unwrap_or("null"))
        };
        for mapped in &self.mapping.attributes {
            if !changed.contains(&&mapped.name)
                && let Some(slot) = mapped.slots().flat_map(|slot| self.mapping.roots(slot)).find(is_other)
            {
                return Err(self.blame_for(slot, mapped, changed));
            }
        }
        Ok(())
    }

    /// Who is told that a field is not its own.
    fn blame_for(&self, slot: Slot, other: &AttributeMapping, changed: &[&AttributeName]) -> Refused {
        let dates = |mapped: &AttributeMapping| mapped.observed_at.is_some_and(|rule| rule.slot == slot);
        let has_field = |name: &&&AttributeName| {
            let mapped = self.mapped(name);
            mapped.is_some_and(|mapped| mapped.slots().any(|own| own == slot))
        };
        let Some(name) = changed.iter().find(has_field).or(changed.first()) else {
            return LostWhole::Unreadable(Flaw::Malformed.as_str()).into();
        };
        let lost = match dates(other) && self.mapped(name).is_some_and(dates) {
            true => Lost::SharedDate,
            false => Lost::Shared,
        };
        Refused::Attribute((**name).clone(), lost)
    }

    /// Whether the record reads back as what is wanted.
    fn check(&self, record: &Node, changed: &[&AttributeName]) -> Result<(), Refused> {
        let refused = |flaw: Flaw| LostWhole::Unreadable(flaw.as_str());
        let back = read_back(self.mapping, self.outside, &record.to_string()).map_err(refused)?;
        if back.id != self.after.id {
            return Err(LostWhole::Id(self.mapping.id.template.to_string()).into());
        }
        for mapped in &self.mapping.attributes {
            let (wanted, back) = (self.after.attribute(&mapped.name), back.attribute(&mapped.name));
            let lost = match (wanted, back) {
                (None, None) => None,
                (None, Some(_)) if self.standing.is_none() && self.comes_by_itself(&mapped.name) => None,
                (None, Some(_)) if self.stays_by_itself(&mapped.name) => None,
                (Some(wanted), Some(back)) => self.lost_of(mapped, wanted, back),
                (Some(_), None) | (None, Some(_)) => Some(Lost::Otherwise),
            };
            if let Some(lost) = lost {
                return Err(self.blame(mapped, lost, changed));
            }
        }
        Ok(())
    }

    /// What of an attribute comes back as something else.
    fn lost_of(&self, mapped: &AttributeMapping, wanted: &Attribute, back: &Attribute) -> Option<Lost> {
        let ([wanted], [back]) = (wanted.instances.as_slice(), back.instances.as_slice()) else {
            return Some(Lost::Instances);
        };
        if !is_same(&wanted.value, &back.value) {
            return Some(match mapped.is_given(&self.mapping.id) {
                true => Lost::Given,
                false => Lost::Otherwise,
            });
        }
        let is_platforms = |rule: DateRule| self.write.set_by_platform.contains(&rule.slot);
        if wanted.observed_at == back.observed_at || mapped.observed_at.is_some_and(is_platforms) {
            return None;
        }
        match mapped.observed_at {
            Some(rule) if self.is_shared(rule) => Some(Lost::SharedDate),
            _ => Some(Lost::Date),
        }
    }

    /// Who is told that an attribute would come back as something else.
    fn blame(&self, lost_one: &AttributeMapping, lost: Lost, changed: &[&AttributeName]) -> Refused {
        let slots = lost_one.value_slots();
        let shares = |name: &&&AttributeName| {
            let mapped = self.mapped(name);
            **name != &lost_one.name
                && mapped.is_some_and(|mapped| mapped.value_slots().iter().any(|slot| slots.contains(slot)))
        };
        let sharing = changed.iter().find(shares);
        let is_about_the_date = lost == Lost::SharedDate;
        match (changed.contains(&&lost_one.name), sharing, changed.first()) {
            (true, Some(_), _) if !is_about_the_date => Refused::Attribute(lost_one.name.clone(), Lost::Shared),
            (true, ..) => Refused::Attribute(lost_one.name.clone(), lost),
            (false, Some(other), _) if !is_about_the_date => Refused::Attribute((**other).clone(), Lost::Shared),
            (false, _, Some(first)) => {
                let lost = if is_about_the_date { lost } else { Lost::Shared };
                Refused::Attribute((**first).clone(), lost)
            }
            // Nothing was changed: it did not say so before.
            (false, _, None) => LostWhole::Unreadable(Flaw::Malformed.as_str()).into(),
        }
    }
}

fn only_instance(attribute: &Attribute) -> Result<&Instance, Lost> {
    let [instance] = attribute.instances.as_slice() else {
        return Err(Lost::Instances);
    };
    if instance.dataset_id.is_some() {
        return Err(Lost::Instances);
    }
    let has_more = instance.value_type.is_some()
        || instance.seal.is_some()
        || instance.system.expires_at().is_some()
        || !instance.value.object_types().is_empty()
        || !instance.sub_attributes.is_empty();
    (!has_more).then_some(instance).ok_or(Lost::Members)
}

/// What an attribute says, whoever wrote it when.
fn says(attribute: &Attribute) -> Attribute {
    let mut said = attribute.clone();
    for instance in &mut said.instances {
        let expires_at = instance.system.expires_at().cloned();
        instance.system = SystemAttributes::default();
        if expires_at.is_some() {
            instance.system.dates_mut().expires_at = expires_at;
        }
    }
    said
}

/// Whether two values are one to whoever reads them.
pub fn is_same(one: &AttributeValue, other: &AttributeValue) -> bool {
    match (one, other) {
        (AttributeValue::Property(one), AttributeValue::Property(other)) => is_same_value(one, other),
        _ => one == other,
    }
}
