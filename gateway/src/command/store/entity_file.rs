//! A file of entities that is to be loaded: each read for itself, under its own @context where it has one, so that everything
//! that is wrong with the file is told at once. An entity is named by its place: its id may be about a person.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use kakehashi_contexts::OWN_CONTEXT_PATH;
use ngsi_ld::Entity;
use ngsi_ld::context::{Context, ContextBuilder, KAKEHASHI_CONTEXT};
use ngsi_ld::entity::parse::{parse_entities, parse_entity};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Faults of one file that are told. More are counted.
const MOST_FAULTS: usize = 50;

/// Different @contexts of one file that are kept compiled.
const MOST_CONTEXTS: usize = 100;

/// What a file of UTF-16 begins with, in either order.
const MARKS_OF_UTF_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// Where an entity stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stands {
    /// Counted from 1.
    pub(super) position: usize,
    /// Counted from 1.
    pub(super) line: usize,
}

impl fmt::Display for Stands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entity {} (line {})", self.position, self.line)
    }
}

/// What is wrong with a file.
#[derive(Debug, Default)]
pub(super) struct Faults {
    told: Vec<String>,
    more: usize,
}

impl Faults {
    /// Adds one.
    pub(super) fn add(&mut self, fault: String) {
        if self.told.len() < MOST_FAULTS {
            self.told.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.told.as_slice() {
            [only] => write!(f, "nothing was loaded: {only}"),
            all => {
                write!(f, "nothing was loaded, because of {} faults:", all.len() + self.more)?;
                all.iter().try_for_each(|fault| write!(f, "\n  {fault}"))?;
                match self.more {
                    0 => Ok(()),
                    more => write!(f, "\n  ... and {more} more"),
                }
            }
        }
    }
}

/// The @context that an entity brings.
#[derive(Deserialize)]
struct OwnContext<'a> {
    #[serde(rename = "@context", borrow, default)]
    context: Option<&'a RawValue>,
}

/// Reads the entities of a file. What is wrong with single ones goes to the faults.
///
/// # Errors
/// That it is no array of JSON.
pub(super) fn read(json: &[u8], public_url: &str, faults: &mut Faults) -> Result<Vec<(Stands, Entity)>, String> {
    if MARKS_OF_UTF_16.iter().any(|mark| json.starts_with(mark)) {
        return Err("its byte order mark says that it is UTF-16: save it as UTF-8".to_owned());
    }
    let json = ngsi_ld::without_byte_order_mark(json);
    let Ok(parts) = serde_json::from_slice::<Vec<&RawValue>>(json) else {
        // Whoever reads entities says where the text ends to be one.
        return match parse_entities(json, Context::kakehashi()) {
            Err(error) => Err(error.to_string()),
            Ok(_) => Err("it is no JSON array of entities".to_owned()),
        };
    };
    let mut contexts = Contexts::new(public_url);
    let mut entities: Vec<(Stands, Entity)> = Vec::with_capacity(parts.len());
    let mut first: HashMap<String, Stands> = HashMap::new();
    let (mut line, mut counted) = (1, 0);
    for (part, position) in parts.iter().zip(1_usize..) {
        let text = part.get();
        let start = text.as_ptr().addr().saturating_sub(json.as_ptr().addr());
        let before = json.get(counted..start).unwrap_or_default();
        line += before.iter().filter(|byte| **byte == b'\n').count();
        counted = start;
        let stands = Stands { position, line };
        let read = contexts.of(text).and_then(|context| {
            let entity = parse_entity(text.as_bytes(), &context);
            entity.map_err(|error| error.to_string())
        });
        match read {
            Ok(entity) => {
                match first.get(entity.id.as_str()) {
                    Some(earlier) => faults.add(format!(
                        "{earlier} and {stands} have one id: the second would replace the first; leave one of them out"
                    )),
                    None => {
                        first.insert(entity.id.as_str().to_owned(), stands);
                    }
                }
                entities.push((stands, entity));
            }
            Err(fault) => faults.add(format!("{stands}: {fault}")),
        }
    }
    Ok(entities)
}

/// The @contexts that entities of one file bring. None is fetched: this is no request of somebody who waits for an answer, and
/// what an address says today it may not say tomorrow.
pub(in crate::command) struct Contexts<'a> {
    public_url: &'a str,
    compiled: HashMap<String, Result<Arc<Context>, String>>,
}

impl<'a> Contexts<'a> {
    /// Those of the gateway's own are known under this address.
    pub(in crate::command) fn new(public_url: &'a str) -> Self {
        Self {
            public_url,
            compiled: HashMap::new(),
        }
    }

    /// The context of one entity: its own, or the gateway's where it brings none.
    pub(in crate::command) fn of(&mut self, entity: &str) -> Result<Arc<Context>, String> {
        // What is no object, or has the member twice, is told by whoever reads the entity.
        let own = serde_json::from_str::<OwnContext<'_>>(entity).ok();
        let Some(value) = own.and_then(|own| own.context) else {
            return Ok(self.default());
        };
        if let Some(known) = self.compiled.get(value.get()) {
            return known.clone();
        }
        let compiled = self.compile(value.get());
        if self.compiled.len() < MOST_CONTEXTS {
            self.compiled.insert(value.get().to_owned(), compiled.clone());
        }
        compiled
    }

    /// The context of an entity that brings none: the gateway's own.
    #[expect(clippy::unused_self, reason = "which one it is, is theirs to say")]
    pub(in crate::command) fn default(&self) -> Arc<Context> {
        Arc::clone(Context::kakehashi())
    }

    fn compile(&self, value: &str) -> Result<Arc<Context>, String> {
        let wrong = |error: ngsi_ld::context::ContextError| format!("its @context: {error}");
        let mut builder: ContextBuilder = Context::builder().value(value).map_err(wrong)?;
        let mut unknown = Vec::new();
        for url in builder.missing() {
            let own = url
                .strip_prefix(self.public_url)
                .is_some_and(|path| path == OWN_CONTEXT_PATH);
            if own {
                builder = builder.remote(&url, KAKEHASHI_CONTEXT).map_err(wrong)?;
            } else {
                unknown.push(url);
            }
        }
        if !unknown.is_empty() {
            return Err(format!(
                "its @context names {}, which is not fetched here: only the core contexts of ETSI and {}{OWN_CONTEXT_PATH} are \
                 known; put what that context says in its place, or write names as they are in the gateway's own and leave \
                 @context out",
                unknown.join(" and "),
                self.public_url
            ));
        }
        builder.build().map(Arc::new).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://gateway.example";

    fn read_all(json: &str) -> (Vec<(Stands, Entity)>, Vec<String>) {
        let mut faults = Faults::default();
        let entities = read(json.as_bytes(), URL, &mut faults).unwrap();
        (entities, faults.told)
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_twice_the_same_id_with_both() {
        let json = "[\n {\"id\": \"urn:a:1\", \"type\": \"AED\"},\n {\"id\": \"urn:a:2\"},\n\n {\"id\": \"no uri\", \
                    \"type\": \"AED\"},\n {\"id\": \"urn:a:1\", \"type\": \"AED\"}]";
        let (entities, faults) = read_all(json);
        assert_eq!(entities.len(), 2);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("entity 2 (line 3): "), "{faults:?}");
        assert!(faults[1].starts_with("entity 3 (line 5): "), "{faults:?}");
        assert!(
            faults[2].starts_with("entity 1 (line 2) and entity 4 (line 6) have one id"),
            "{faults:?}"
        );
        assert!(!faults.concat().contains("urn:a:1"), "an id may be about a person");
    }

    #[test]
    fn a_byte_order_mark_of_utf_8_is_no_fault_and_one_of_utf_16_says_what_to_do() {
        let (entities, faults) = read_all("\u{feff}[\n{\"id\": \"urn:a:1\", \"type\": \"AED\"}, {}]");
        assert_eq!(entities.len(), 1);
        assert!(faults[0].starts_with("entity 2 (line 2): "), "{faults:?}");
        for wide in [b"\xFF\xFE[\0]\0", b"\xFE\xFF\0[\0]"] {
            let refused = read(wide, URL, &mut Faults::default()).unwrap_err();
            assert!(refused.contains("UTF-16: save it as UTF-8"), "{refused}");
        }
    }

    #[test]
    fn more_faults_than_anybody_reads_are_counted() {
        let many = vec!["{}"; MOST_FAULTS + 7].join(",");
        let mut faults = Faults::default();
        read(format!("[{many}]").as_bytes(), URL, &mut faults).unwrap();
        assert!(faults.to_string().ends_with("... and 7 more"), "{faults}");
    }

    #[test]
    fn an_entity_is_read_under_its_own_context_or_refused_with_the_address_that_is_not_known() {
        let with = |context: &str| format!("[{{\"@context\": {context}, \"id\": \"urn:a:1\", \"type\": \"AED\"}}]");
        let of = |context: &str| {
            let (entities, faults) = read_all(&with(context));
            entities
                .first()
                .map(|(_, entity)| entity.types[0].as_str().to_owned())
                .ok_or(faults)
        };
        let kakehashi = Context::kakehashi().expand_type("AED").unwrap();
        assert_eq!(
            of("\"https://gateway.example/ngsi-ld/v1/jsonldContexts/kakehashi\"").as_deref(),
            Ok(kakehashi.as_str())
        );
        assert_eq!(of("{\"AED\": \"urn:own:AED\"}").as_deref(), Ok("urn:own:AED"));
        let core = Context::core().expand_type("AED").unwrap();
        let url = "\"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld\"";
        assert_eq!(of(url).as_deref(), Ok(core.as_str()));
        let refused = of("[\"https://elsewhere.example/c.jsonld\"]").unwrap_err();
        assert!(
            refused[0].contains("names https://elsewhere.example/c.jsonld, which is not fetched"),
            "{refused:?}"
        );
    }
}
