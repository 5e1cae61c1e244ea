//! The kind `ngsi-v2`: its keys, how they are read, and its factory.

use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_kind::{
    Address, CannotOpen, Floor, Judged, Key, Kind, Opened, Opening, Settings, Table, Transport, Value, WhenAbsent,
    WrongType, http_endpoint, parsed,
};
use ngsi_ld::context::Context;

use super::floor;
use super::translate::ProvidedType;
use super::{EVERY_SERVICE_PATH, MAX_SERVICE, MAX_SERVICE_PATHS, NgsiV2Adapter, NgsiV2Settings, is_type_name};

/// Sources that speak NGSI-v2.
#[derive(Debug)]
pub struct NgsiV2Kind;

static KEYS: [Key; 3] = [
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

    fn check_type(&self, short_name: &str) -> Result<(), WrongType> {
        if is_type_name(short_name) {
            return Ok(());
        }
        Err(WrongType {
            message: format!("an entity of NGSI-v2 cannot have the type `{short_name}`"),
            help: "its types are short names: take one that the gateway's context has",
        })
    }

    fn read(&self, table: &dyn Table) -> Option<Arc<dyn Settings>> {
        let fiware_service = parsed(table, "fiware_service", parse_fiware_service);
        let fiware_servicepath = parsed(table, "fiware_servicepath", parse_fiware_servicepath);
        let scope_from_servicepath = table.boolean("scope_from_servicepath");
        Some(Arc::new(NgsiV2Source {
            endpoint: http_endpoint(table)?,
            fiware_service,
            fiware_servicepath: fiware_servicepath.unwrap_or_else(|| EVERY_SERVICE_PATH.to_owned()),
            scope_from_servicepath: scope_from_servicepath.unwrap_or(false),
        }))
    }
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
        let types = opening.types.iter().map(|name| ProvidedType {
            short: context.compact(name.as_str()).into(),
            name: name.clone(),
        });
        let settings = NgsiV2Settings {
            source: opening.source.clone(),
            endpoint: self.endpoint.clone(),
            fiware_service: self.fiware_service.clone(),
            fiware_servicepath: self.fiware_servicepath.clone(),
            types: types.collect(),
            context: Arc::clone(context),
            // Walking everything for each page to find the few ids that stand in two service paths costs
            // more than it is worth by default; repeated ids of one page are united, others reported.
            ids_repeat: false,
            scope_from_servicepath: self.scope_from_servicepath,
        };
        let adapter = NgsiV2Adapter::new(opening.http.clone(), settings, opening.credential, opening.limits);
        Ok(Opened {
            adapter: Arc::new(adapter.map_err(CannotOpen::because)?),
            upkeep: None,
        })
    }
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
    let fits = |path: &&str| {
        let names = path.strip_suffix("/#").unwrap_or(path);
        path.starts_with('/')
            && names
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "_/".contains(character))
    };
    if paths.len() > MAX_SERVICE_PATHS || !paths.iter().all(fits) {
        return Err(format!(
            "\"{text}\" is no Fiware-ServicePath: write one to ten paths such as \"/#\" or \"/park/west\""
        ));
    }
    Ok(paths.join(","))
}
