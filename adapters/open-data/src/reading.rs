//! Files as entities. What may not be kept of a record is dropped before the next is read: it never stands beside others, in no
//! list and in no report.

use std::sync::Arc;

use hashbrown::HashSet;
use kakehashi_client::MOST_LISTED;
use kakehashi_contract::{AttributeSelection, ErrorKind, Flaw, Yielded};
use kakehashi_formats::{Limits, Opened, Opening as FileOpening, Report, open};
use kakehashi_index::{Building, Holding, Judge, Judged, NotHeld, Snapshot, SourceMemory};
use kakehashi_mapping::Mapping;
use kakehashi_mapping::file::read_file;
use kakehashi_mapping::language::TypeMapping;
use kakehashi_mapping::record::{Outside, Projection};
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::{AttributeName, Entity};
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::found::File;
use crate::told::Told;

/// What is needed to read files.
pub(crate) struct Reading {
    pub(crate) mapping: Option<Arc<Mapping>>,
    pub(crate) outside: Outside,
    /// The name of a file that the mapping does not name.
    pub(crate) itself: Option<String>,
    pub(crate) holding: Holding,
    pub(crate) judge: Judge,
    pub(crate) memory: SourceMemory,
    pub(crate) files: Vec<File>,
    pub(crate) begun: Instant,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) snapshot: Snapshot,
    pub(crate) relationships: HashSet<AttributeName>,
    pub(crate) left_out: usize,
    /// What of the files could not be used, each kind in a line.
    pub(crate) told: Vec<String>,
}

/// Why files were not read. Nothing that stands in them is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotRead {
    /// It is not what a file of this source should be.
    Unreadable(String),
    /// There is too much of it, or of all sources.
    NotHeld(NotHeld),
}

impl NotRead {
    pub(crate) fn told(self) -> (ErrorKind, String) {
        match self {
            Self::Unreadable(why) => (ErrorKind::InvalidPayload, why),
            Self::NotHeld(NotHeld::TooMany) => (ErrorKind::TooMany, "the files have too many records".to_owned()),
            Self::NotHeld(why) => (
                ErrorKind::TooLarge,
                format!("what they hold cannot be kept: {}", why.as_str()),
            ),
        }
    }
}

impl From<NotHeld> for NotRead {
    fn from(why: NotHeld) -> Self {
        Self::NotHeld(why)
    }
}

impl Reading {
    /// The entities of all files, type by type. It takes as long as it takes.
    pub(crate) fn read(self) -> Result<Read, NotRead> {
        let mut sorting = Sorting::new(&self.holding, &self.judge);
        match &self.mapping {
            Some(mapping) => {
                for file in &self.files {
                    let path = file.path.as_deref().or(self.itself.as_deref());
                    let name = path.and_then(|path| path.split('?').next()?.rsplit('/').next());
                    let mut outside = self.outside.clone();
                    outside.file = name.map(Into::into);
                    sorting.records(mapping, file, &outside)?;
                }
            }
            None => {
                for file in &self.files {
                    sorting.packed_entities(&file.bytes)?;
                }
            }
        }
        drop(self.files);
        let whole: Judge = Arc::new(|_| Judged::Whole);
        let mut building = Building::new(&self.holding, &whole, &self.memory);
        let Sorting {
            by_type,
            relationships,
            mut left_out,
            met,
            told,
            ..
        } = sorting;
        for (of_type, yielded) in self.holding.types().iter().zip(by_type) {
            building.begin(&of_type.name);
            for one in yielded {
                if let Yielded::Entity(entity) = &one
                    && building.has(&entity.id)
                {
                    // The first of an id is it, as of records of a platform.
                    left_out += 1;
                    continue;
                }
                building.add(one)?;
            }
        }
        Ok(Read {
            snapshot: building.finish(self.begun),
            relationships,
            left_out,
            told: told.lines(&met),
        })
    }
}

/// What was read of files so far, by the types of which something is kept.
struct Sorting<'a> {
    holding: &'a Holding,
    judge: &'a Judge,
    by_type: Vec<Vec<Yielded>>,
    relationships: HashSet<AttributeName>,
    left_out: usize,
    /// What was met in the files, by row and column.
    met: Report,
    /// What of their records could not be used.
    told: Told,
}

impl<'a> Sorting<'a> {
    fn new(holding: &'a Holding, judge: &'a Judge) -> Self {
        Self {
            holding,
            judge,
            by_type: holding.types().iter().map(|_| Vec::new()).collect(),
            relationships: HashSet::new(),
            left_out: 0,
            met: Report::default(),
            told: Told::default(),
        }
    }

    /// The records of a file, as the mapping of each type that is kept makes entities of them.
    fn records(&mut self, mapping: &Mapping, file: &File, outside: &Outside) -> Result<(), NotRead> {
        let holding = self.holding;
        for (place, of_type) in holding.types().iter().enumerate() {
            let mappings = mapping.type_mappings().iter().filter(|one| one.name == of_type.name);
            let is_its = |one: &&TypeMapping| match (&file.path, &one.path) {
                (Some(file), Some(path)) => file == path.as_str(),
                (None, Some(_)) => false,
                (_, None) => true,
            };
            for one in mappings.filter(is_its) {
                // What is not kept is not even looked for in a record.
                let attributes = AttributeSelection::Only(of_type.attributes.clone());
                let projection = Projection::new(one, &attributes, true);
                let file = kakehashi_mapping::file::File {
                    bytes: &file.bytes,
                    outside,
                    limits: Limits::default(),
                };
                let mut report = Report::default();
                let mut told = std::mem::take(&mut self.told);
                let read = read_file(one, file, &projection, (&mut told, &mut report), &mut |yielded| {
                    self.take(place, yielded);
                });
                self.told = told;
                read.map_err(|error| NotRead::Unreadable(error.to_string()))?;
                self.met.absorb(report);
            }
        }
        Ok(())
    }

    /// The entities of a file that may be packed.
    fn packed_entities(&mut self, bytes: &[u8]) -> Result<(), NotRead> {
        let unreadable = |error: &dyn std::fmt::Display| NotRead::Unreadable(error.to_string());
        match open(bytes, &FileOpening::default()).map_err(|error| unreadable(&error))? {
            Opened::Json(text) => self.entities(text.text.as_bytes()),
            other => Err(NotRead::Unreadable(format!(
                "NGSI-LD as JSON was expected, and this is {}: name a `mapping` that says what its records are",
                other.name()
            ))),
        }
    }

    /// The entities of a text: an array, or one after the other.
    fn entities(&mut self, bytes: &[u8]) -> Result<(), NotRead> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = str::from_utf8(text).map_err(|_| NotRead::Unreadable("the file is no UTF-8".to_owned()))?;
        let unreadable = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            NotRead::Unreadable(format!("the file is no JSON at line {line}, column {column}"))
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        if text.trim_start().starts_with('[') {
            Elements(&mut |one| self.entity(one))
                .deserialize(&mut reader)
                .map_err(unreadable)?;
            return reader.end().map_err(unreadable);
        }
        for one in reader.into_iter::<&RawValue>() {
            self.entity(one.map_err(unreadable)?);
        }
        Ok(())
    }

    fn entity(&mut self, text: &RawValue) {
        let Ok(mut entity) = parse_entity(text.get().as_bytes(), Context::kakehashi()) else {
            self.left_out += 1;
            if self.by_type.len() == 1 {
                self.take(0, Yielded::LeftOut(Flaw::Malformed));
            }
            return;
        };
        let types = self.holding.types();
        let Some(place) = types.iter().position(|of_type| entity.has_type(&of_type.name)) else {
            // Nobody has said that the source has it.
            return;
        };
        if !self.holding.are_alike(&entity.types) {
            self.left_out += 1;
            return;
        }
        if let Some(of_type) = types.get(place) {
            let kept = &of_type.attributes;
            entity
                .attributes
                .retain(|attribute| kept.binary_search(&attribute.name).is_ok());
        }
        self.take(place, Yielded::Entity(entity));
    }

    fn take(&mut self, place: usize, mut yielded: Yielded) {
        match &mut yielded {
            Yielded::Entity(entity) => {
                if (self.judge)(entity) == Judged::Nothing {
                    self.left_out += 1;
                    return;
                }
                self.note_relationships(entity);
            }
            Yielded::LeftOut(_) => {
                let flaws = self.by_type.get(place).map_or(0, Vec::len);
                if flaws >= MOST_LISTED {
                    return;
                }
            }
        }
        if let Some(of_type) = self.by_type.get_mut(place) {
            of_type.push(yielded);
        }
    }

    fn note_relationships(&mut self, entity: &Entity) {
        for attribute in &entity.attributes {
            let leads = |instance: &ngsi_ld::entity::Instance| !instance.value.objects().is_empty();
            if attribute.instances.iter().any(leads) && !self.relationships.contains(&attribute.name) {
                self.relationships.insert(attribute.name.clone());
            }
        }
    }
}

/// The elements of an array, one by one.
struct Elements<'a>(&'a mut dyn FnMut(&RawValue));

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            (self.0)(element);
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
