//! The kind `ngsi-v2`: its keys, how they are read, and its factory.

use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_kind::{
    Address, At, CannotOpen, Floor, Judged, Key, Kind, Opened, Opening, Settings, Table, Transport, Value, WhenAbsent,
    WrongType, http_endpoint, parsed,
};
use ngsi_ld::TypeName;
use ngsi_ld::context::Context;

use super::floor;
use super::names::raw_type;
use super::repeats::{self, IdsRepeat};
use super::translate::ProvidedType;
use super::{
    EVERY_SERVICE_PATH, MAX_SERVICE, MAX_SERVICE_PATHS, NgsiV2Adapter, NgsiV2Settings, is_service_path, is_type_name,
};

/// Sources that speak NGSI-v2.
#[derive(Debug)]
pub struct NgsiV2Kind;

static KEYS: [Key; 5] = [
    Key {
        name: "fiware_service",
        value: Value::Text,
        required: false,
        default: WhenAbsent::Nothing,
        floor: Floor::Judged(Judged {
            allowed: "fiware_services",
            about: "Services of Orion that may be asked; \"\" is none.",
            parse: parse_fiware_service,
            allows: floor::allows_service,
            binds_credential: true,
        }),
        about: "For ngsi-v2: Fiware-Service.",
    },
    Key {
        name: "fiware_servicepath",
        value: Value::Text,
        required: false,
        default: WhenAbsent::Is("\"/#\""),
        floor: Floor::Judged(Judged {
            allowed: "fiware_servicepaths",
            about: "Service paths of Orion inside of which may be asked, such as \"/#\".",
            parse: parse_fiware_servicepath,
            allows: floor::allows_service_paths,
            binds_credential: false,
        }),
        about: "For ngsi-v2: Fiware-ServicePath of reads.",
    },
    Key {
        name: "ids_repeat",
        value: Value::Text,
        required: false,
        default: WhenAbsent::Is("\"find-out\""),
        floor: Floor::Free,
        about: "For ngsi-v2: whether an id stands in several service paths or under several types: no, yes or find-out.",
    },
    Key {
        name: "object_types",
        value: Value::Texts,
        required: false,
        default: WhenAbsent::Nothing,
        floor: Floor::Free,
        about: "For ngsi-v2: of which type what an attribute's Relationships lead to is, such as \"owner=Organization\".",
    },
    Key {
        name: "scope_from_servicepath",
        value: Value::Boolean,
        required: false,
        default: WhenAbsent::Is("false"),
        floor: Floor::Free,
        about: "For ngsi-v2: whether the service path of an entity is its scope.",
    },
];

impl Kind for NgsiV2Kind {
    fn name(&self) -> &'static str {
        "ngsi-v2"
    }

    fn about(&self) -> &'static str {
        "FIWARE Orion and others that speak NGSI-v2"
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

    fn check_type(&self, r#type: &TypeName) -> Result<(), WrongType> {
        provided(r#type).map(drop)
    }

    fn read(&self, table: &dyn Table) -> Option<Arc<dyn Settings>> {
        let fiware_service = parsed(table, "fiware_service", parse_fiware_service);
        let fiware_servicepath = parsed(table, "fiware_servicepath", parse_fiware_servicepath);
        let ids_repeat = parsed(table, "ids_repeat", parse_ids_repeat);
        let object_types = read_object_types(table);
        let scope_from_servicepath = table.boolean("scope_from_servicepath");
        Some(Arc::new(NgsiV2Source {
            endpoint: http_endpoint(table)?,
            // Orion's default service has no name.
            fiware_service: fiware_service.filter(|service| !service.is_empty()),
            fiware_servicepath: fiware_servicepath.unwrap_or_else(|| EVERY_SERVICE_PATH.to_owned()),
            ids_repeat: ids_repeat.unwrap_or_default(),
            object_types,
            scope_from_servicepath: scope_from_servicepath.unwrap_or(false),
        }))
    }
}

/// A type that a source provides, by its name in the source, which may be one that the view escapes.
fn provided(name: &TypeName) -> Result<ProvidedType, WrongType> {
    let context = Context::kakehashi();
    let short = raw_type(context, name).ok_or_else(|| WrongType {
        message: format!(
            "an entity of NGSI-v2 cannot have the type `{}`",
            context.compact(name.as_str())
        ),
        help: "its types are short names: take one that the gateway's context has, or write it as the source does",
    })?;
    Ok(ProvidedType {
        short: short.into(),
        name: name.clone(),
    })
}

/// What the table of a source says that speaks NGSI-v2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NgsiV2Source {
    /// Its address, without a trailing slash.
    pub endpoint: String,
    /// `Fiware-Service`
    pub fiware_service: Option<String>,
    /// `Fiware-ServicePath` of reads.
    pub fiware_servicepath: String,
    /// Whether several of its entities may have one id in the view.
    pub ids_repeat: IdsRepeat,
    /// Attributes, and the types of what their Relationships lead to.
    pub object_types: Vec<(Box<str>, Box<str>)>,
    /// Whether the service path of an entity is its scope.
    pub scope_from_servicepath: bool,
}

#[async_trait]
impl Settings for NgsiV2Source {
    fn address(&self) -> Option<Address<'_>> {
        Some(Address {
            endpoint: &self.endpoint,
            service: Some(self.fiware_service.as_deref().unwrap_or("")),
        })
    }

    fn upstream(&self) -> String {
        let service = self.fiware_service.as_deref().unwrap_or("");
        format!("{} {service} {}", self.endpoint, self.fiware_servicepath)
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, CannotOpen> {
        let context = Context::kakehashi();
        let types: Result<Vec<ProvidedType>, WrongType> = opening.types.iter().map(provided).collect();
        let types = types.map_err(|wrong| CannotOpen::because(wrong.message))?;
        let settings = NgsiV2Settings {
            source: opening.source.clone(),
            endpoint: self.endpoint.clone(),
            fiware_service: self.fiware_service.clone(),
            fiware_servicepath: self.fiware_servicepath.clone(),
            types,
            context: Arc::clone(context),
            ids_repeat: self.ids_repeat,
            object_types: self.object_types.clone(),
            scope_from_servicepath: self.scope_from_servicepath,
        };
        let adapter = NgsiV2Adapter::new(opening.http.clone(), settings, opening.credential, opening.limits);
        Ok(Opened {
            adapter: Arc::new(adapter.map_err(CannotOpen::because)?),
            upkeep: None,
            keeps: None,
        })
    }
}

/// The list `object_types`: an attribute and a type in each text.
fn read_object_types(table: &dyn Table) -> Vec<(Box<str>, Box<str>)> {
    let mut declared: Vec<(Box<str>, Box<str>)> = Vec::new();
    for text in table.texts("object_types").unwrap_or_default() {
        let parts = text.split_once('=').filter(|(attribute, r#type)| {
            let is_named = |name: &str| is_type_name(name.trim());
            is_named(attribute) && is_named(r#type)
        });
        let wrong = |reason: String| {
            let message = format!("`object_types` in {}: {reason}", table.title());
            table.wrong(At::Value("object_types"), message, None);
        };
        let Some((attribute, r#type)) = parts else {
            wrong(format!(
                "\"{text}\" names no attribute and type of NGSI-v2: write them as \"owner=Organization\""
            ));
            continue;
        };
        let (attribute, r#type) = (attribute.trim(), r#type.trim());
        if declared.iter().any(|(known, _)| **known == *attribute) {
            wrong(format!("`{attribute}` stands twice: keep one of them"));
            continue;
        }
        declared.push((attribute.into(), r#type.into()));
    }
    declared
}

/// `no`, `yes` or `find-out`.
///
/// # Errors
/// What would be right.
fn parse_ids_repeat(text: &str) -> Result<IdsRepeat, String> {
    let known = repeats::VALUES.iter().find(|(name, _)| *name == text);
    known
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("\"{text}\" is not known: write \"no\", \"yes\" or \"find-out\""))
}

/// Tenant names of Orion: lower-cased by it, so that two spellings would be one tenant.
///
/// # Errors
/// What would be right.
pub fn parse_fiware_service(text: &str) -> Result<String, String> {
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    if text.len() > MAX_SERVICE || !text.chars().all(fits) {
        return Err(format!(
            "\"{text}\" is no Fiware-Service: write a-z, 0-9 and _, at most {MAX_SERVICE}"
        ));
    }
    Ok(text.to_owned())
}

/// Up to ten paths of Orion, separated by commas: with more it answers 200 and an error.
///
/// # Errors
/// What would be right.
pub fn parse_fiware_servicepath(text: &str) -> Result<String, String> {
    let paths: Vec<&str> = text.split(',').map(str::trim).collect();
    if paths.len() > MAX_SERVICE_PATHS || !paths.iter().all(|path| is_service_path(path)) {
        return Err(format!(
            "\"{text}\" is no Fiware-ServicePath: write one to ten paths such as \"/#\" or \"/park/west\""
        ));
    }
    Ok(paths.join(","))
}
