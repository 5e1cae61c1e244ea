//! The kind `rest`: its keys, how they are read, and its factory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_kind::{
    Address, At, CannotOpen, Floor, Key, Kind, NamedFile, Opened, Opening, Settings, Table, Transport, Value,
    WhenAbsent, constants, http_endpoint,
};
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};

use super::{RestAdapter, RestSettings};
use kakehashi_mapping::language::{Format, Place};
use kakehashi_mapping::record::{Origin, Outside};
use kakehashi_mapping::try_samples;
use kakehashi_mapping::{Mapping, MappingError};

/// Custom platforms.
#[derive(Debug)]
pub struct RestKind;

static KEYS: [Key; 2] = [
    Key {
        name: "mapping",
        value: Value::Text,
        required: true,
        default: WhenAbsent::Nothing,
        floor: Floor::Given,
        about: "For rest and open-data: the file that says how its records become entities.",
    },
    Key {
        name: "constants",
        value: Value::NamedTexts,
        required: false,
        default: WhenAbsent::Nothing,
        floor: Floor::Free,
        about: "For rest and open-data: texts that a mapping takes into entities by name, as `@source.<name>`.",
    },
];

impl Kind for RestKind {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn about(&self) -> &'static str {
        "custom platforms, described by a mapping file"
    }

    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn transport(&self) -> Transport {
        Transport::Http
    }

    fn takes_writes(&self) -> bool {
        true
    }

    fn read(&self, table: &dyn Table) -> Option<Arc<dyn Settings>> {
        let endpoint = http_endpoint(table);
        let constants = constants(table);
        if !table.has("mapping") {
            table.missing("mapping", "\"mappings/my-source.toml\"");
        }
        let file = table.file("mapping")?;
        let mapping = mapping(table, &file).filter(|mapping| is_of_a_platform(table, &file, mapping));
        Some(Arc::new(RestSource {
            constants: constants?,
            endpoint: endpoint?,
            mapping: mapping?,
            file: file.name,
        }))
    }
}

/// Compiles a mapping, unless it was compiled before: several sources may have one, and few change.
fn mapping(table: &dyn Table, file: &NamedFile) -> Option<Arc<Mapping>> {
    if let Some(made) = table.made_of(file).and_then(|made| made.downcast::<Mapping>().ok()) {
        return Some(made);
    }
    match Mapping::parse(&file.text, &file.name, Context::kakehashi()) {
        Ok(mapping) => {
            let mapping = Arc::new(mapping);
            table.keep(file, Arc::clone(&mapping) as _);
            Some(mapping)
        }
        Err(errors) => {
            for error in errors {
                tell(table, file, error);
            }
            None
        }
    }
}

/// Reports what a mapping has that only files have, and what it lacks to ask a platform.
fn is_of_a_platform(table: &dyn Table, file: &NamedFile, mapping: &Mapping) -> bool {
    let mut is_well = true;
    let mut refuse = |place: &Place, message: String| {
        is_well = false;
        let at = At::File {
            file,
            line: place.line,
            column: place.column,
        };
        let help = "write what a platform answers, or read it as a file, with adapter = \"open-data\"";
        table.wrong(at, message, Some(help.to_owned()));
    };
    for of_type in mapping.type_mappings() {
        let name = &of_type.short_name;
        if matches!(of_type.format, Format::Table(_)) {
            let message =
                format!("types.{name}.format: a platform that is asked by requests answers JSON, and no table");
            refuse(&of_type.path_place, message);
        } else if of_type.path.is_none() {
            let message = format!("types.{name}: `path` is missing: the request for its records");
            refuse(&of_type.path_place, message);
        }
        let of_files = |origin: &Origin| matches!(origin, Origin::File | Origin::Sheet);
        if of_type.fields.slots().any(|(_, origin)| of_files(origin)) {
            let message = format!("types.{name}: `@file` and `@sheet` are of files, and a platform's answer has none");
            refuse(&of_type.path_place, message);
        }
    }
    is_well
}

fn tell(table: &dyn Table, file: &NamedFile, error: MappingError) {
    let field = match error.field.as_str() {
        "" => String::new(),
        field => format!("{field}: "),
    };
    let at = At::File {
        file,
        line: error.line,
        column: error.column,
    };
    let help = error.suggestion.map(|name| format!("did you mean `{name}`?"));
    table.wrong(at, format!("{field}{}", error.message), help);
}

/// What the table of a custom platform says.
#[derive(Debug, Clone)]
pub struct RestSource {
    /// Its address, without a trailing slash.
    pub endpoint: String,
    /// How its records become entities.
    pub mapping: Arc<Mapping>,
    /// What a mapping takes into entities by name.
    constants: Vec<(String, String)>,
    /// The file of the mapping.
    file: String,
}

#[async_trait]
impl Settings for RestSource {
    fn address(&self) -> Option<Address<'_>> {
        Some(Address {
            endpoint: &self.endpoint,
            service: None,
        })
    }

    fn upstream(&self) -> String {
        self.endpoint.clone()
    }

    fn made_types(&self) -> Option<Vec<&TypeName>> {
        Some(self.mapping.types().collect())
    }

    fn makes_attribute(&self, r#type: &TypeName, name: &AttributeName) -> Option<bool> {
        Some(self.mapping.has_attribute(r#type, name))
    }

    fn ids_begin_with(&self, r#type: &TypeName) -> Option<String> {
        self.mapping.ids_begin_with(r#type)
    }

    fn made_attributes(&self, r#type: &TypeName) -> Option<Vec<&AttributeName>> {
        Some(self.mapping.attributes_of(r#type).collect())
    }

    fn written_types(&self) -> Option<Vec<&TypeName>> {
        Some(self.mapping.written_types().collect())
    }

    fn tried_on_samples(&self, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Vec<String> {
        let folder = Path::new(&self.file).parent().unwrap_or(Path::new(""));
        try_samples(&self.mapping, &|sample| read(&folder.join(sample)))
    }

    fn is_read_from(&self, file: &str) -> bool {
        self.file == file
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, CannotOpen> {
        let constants = self.constants.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let settings = RestSettings {
            source: opening.source.clone(),
            endpoint: self.endpoint.clone(),
            mapping: Arc::clone(&self.mapping),
            outside: Outside::of_source(opening.code, opening.name, constants),
            credential: opening.credential,
            limits: opening.limits,
            types: opening.types.to_vec(),
        };
        let adapter = RestAdapter::new(opening.http.clone(), settings).map_err(CannotOpen::because)?;
        Ok(Opened {
            adapter: Arc::new(adapter),
            upkeep: None,
            keeps: None,
        })
    }
}
