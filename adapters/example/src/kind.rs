//! The kind `entity-file`: its one key, how its table is read, and its factory.

use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_kind::{
    Address, At, CannotOpen, Floor, Key, Kind, Opened, Opening, Settings, Table, Transport, Value, WhenAbsent, parsed,
};
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entities;

use crate::adapter::FileAdapter;

/// Entities in one file.
#[derive(Debug)]
pub struct FileKind;

static KEYS: [Key; 1] = [Key {
    name: "entities",
    value: Value::Text,
    required: true,
    default: WhenAbsent::Nothing,
    floor: Floor::Given,
    about: "For entity-file: the file with an array of entities.",
}];

impl Kind for FileKind {
    fn name(&self) -> &'static str {
        "entity-file"
    }

    fn about(&self) -> &'static str {
        "entities of NGSI-LD in one file"
    }

    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn transport(&self) -> Transport {
        Transport::Local
    }

    fn read(&self, table: &dyn Table) -> Option<Arc<dyn Settings>> {
        // It is no other system, and says so.
        let here = parsed(table, "endpoint", |text| match text {
            "file:" => Ok(()),
            _ => Err("write \"file:\"; `entities` names the file".to_owned()),
        });
        if !table.has("entities") {
            table.missing("entities", "\"sites.json\"");
        }
        let file = table.file("entities")?;
        let entities = match parse_entities(file.text.as_bytes(), Context::kakehashi()) {
            Ok(entities) => entities,
            Err(error) => {
                // The reader of entities names members, not lines: the whole file is meant.
                let at = At::File {
                    file: &file,
                    line: 1,
                    column: 1,
                };
                table.wrong(at, error.to_string(), None);
                return None;
            }
        };
        here?;
        Some(Arc::new(FileSource {
            file: file.name,
            entities: entities.into(),
        }))
    }
}

/// What the table of such a source says.
#[derive(Debug)]
struct FileSource {
    file: String,
    entities: Arc<[Entity]>,
}

#[async_trait]
impl Settings for FileSource {
    fn address(&self) -> Option<Address<'_>> {
        None
    }

    fn upstream(&self) -> String {
        self.file.clone()
    }

    fn is_read_from(&self, file: &str) -> bool {
        self.file == file
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, CannotOpen> {
        let adapter = FileAdapter::new(opening.source.clone(), Arc::clone(&self.entities), opening.types);
        Ok(Opened {
            adapter: Arc::new(adapter),
            upkeep: None,
            keeps: None,
        })
    }
}
