//! Trying the way back on a sample: whether the entities of its records make those records again.

use std::fmt;

use kakehashi_contract::WriteOperation;
use ngsi_ld::Entity;

use super::lost::Refused;
use super::made::Wanted;
use super::tree::Node;
use crate::language::{DateShape, TypeMapping, WriteMapping};
use crate::record::{Fields, Outside};

/// Something that would not be written as the sample has it. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotBack {
    /// The attribute or the field that it is about, as the mapping names it.
    pub what: String,
    /// Why.
    pub why: Why,
    /// In how many records.
    pub records: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is refused: in the words that whoever writes is told.
    Refused(String),
    /// A text that would be a number.
    IsText,
    /// A number that would be a text.
    IsNumber,
    /// A date that would be written in another form.
    OtherDate,
}

impl fmt::Display for NotBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, why, records } = self;
        match why {
            Why::Refused(why) => write!(
                f,
                "write: `{what}` of {records} records could not be written as it is read: {why}"
            ),
            Why::IsText => write!(
                f,
                "write: the field `{what}` of {records} records is a text and would be created as a number: name it in `texts`"
            ),
            Why::IsNumber => write!(
                f,
                "write: the field `{what}` of {records} records is a number and would be created as a text: name it in `numbers`"
            ),
            Why::OtherDate => write!(
                f,
                "write: the field `{what}` of {records} records has its dates in another form than they would be created in: \
                 write one of them in `date`"
            ),
        }
    }
}

/// The way back, and where it has led so far.
#[derive(Debug)]
pub(crate) struct WriteTrial<'m> {
    mapping: &'m TypeMapping,
    write: &'m WriteMapping,
    outside: Outside,
    not_back: Vec<NotBack>,
}

impl<'m> WriteTrial<'m> {
    /// `None`: entities of the type are not created.
    pub(crate) fn of(mapping: &'m TypeMapping) -> Option<Self> {
        let write = mapping.write.as_ref()?;
        write.create.as_ref()?;
        Some(Self {
            mapping,
            write,
            outside: Outside::default(),
            not_back: Vec::new(),
        })
    }

    /// Tries it on an entity and the fields of its record.
    pub(crate) fn try_on(&mut self, entity: &Entity, fields: &Fields<'_>) {
        let mut entity = self.without_platforms(entity);
        // Each attempt leaves one attribute out.
        for _ in 0..=entity.attributes.len() {
            let wanted = Wanted {
                mapping: self.mapping,
                write: self.write,
                outside: &self.outside,
                standing: None,
                after: &entity,
                operation: WriteOperation::Create,
            };
            match wanted.record() {
                Ok(record) => {
                    self.compare(&record, fields);
                    return;
                }
                Err(Refused::Attribute(name, lost)) => {
                    let mut attributes = self.mapping.attributes.iter();
                    let mapped = attributes.find(|attribute| attribute.name == name);
                    let what = mapped.map_or_else(|| name.to_string(), |mapped| mapped.short_name.clone());
                    self.note(what, Why::Refused(lost.to_string()));
                    entity.attributes.retain(|attribute| attribute.name != name);
                }
                Err(Refused::Whole(lost)) => {
                    self.note("id".to_owned(), Why::Refused(lost.to_string()));
                    return;
                }
            }
        }
    }

    /// What was found, each thing once.
    pub(crate) fn finish(self) -> Vec<NotBack> {
        self.not_back
    }

    /// What a writer says of the entity: not what the platform sets.
    fn without_platforms(&self, entity: &Entity) -> Entity {
        let mut written = entity.clone();
        let is_platforms = |slot: &crate::record::Slot| self.write.set_by_platform.contains(slot);
        for mapped in &self.mapping.attributes {
            if mapped.value_slots().iter().any(is_platforms) || mapped.is_computed(self.write) {
                written.attributes.retain(|attribute| attribute.name != mapped.name);
            }
            if mapped.observed_at.is_some_and(|rule| is_platforms(&rule.slot)) {
                let attributes = written.attributes.iter_mut();
                let dated = attributes.filter(|attribute| attribute.name == mapped.name);
                for instance in dated.flat_map(|attribute| &mut attribute.instances) {
                    instance.observed_at = None;
                }
            }
        }
        written
    }

    /// Whether the fields are written as the sample has them.
    fn compare(&mut self, record: &Node, fields: &Fields<'_>) {
        let mut seen = Vec::new();
        for used in &self.mapping.uses {
            let (Some(was), Some(is)) = (fields.json(used.slot), record.find(&used.path.steps)) else {
                continue;
            };
            if seen.contains(&used.slot) {
                continue;
            }
            seen.push(used.slot);
            let is_text = |json: &str| json.starts_with('"');
            let is_number = |json: &str| json.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
            let shape = |json: &str| DateShape::of(&serde_json::from_str::<String>(json).ok()?);
            let why = match (was, is.as_str()) {
                (was, is) if is_text(was) && is_number(is) => Why::IsText,
                (was, is) if is_number(was) && is_text(is) => Why::IsNumber,
                (was, is) if was != is && shape(was).zip(shape(is)).is_some_and(|(was, is)| was != is) => {
                    Why::OtherDate
                }
                _ => continue,
            };
            self.note(used.field.to_string(), why);
        }
    }

    fn note(&mut self, what: String, why: Why) {
        match self
            .not_back
            .iter_mut()
            .find(|known| known.what == what && known.why == why)
        {
            Some(known) => known.records += 1,
            None => self.not_back.push(NotBack { what, why, records: 1 }),
        }
    }
}
