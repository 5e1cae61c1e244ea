//! Which sources a consumer wants to be asked: `csf`, a filter over what a context source is registered with (clauses
//! 4.9 and 5.7.2.4). A source stands for a registration with the members below; what else is known of it, its address above
//! all, is nobody's business, and a condition on it is met by none.
//!
//! The store is no registered source but the local scope: it is asked whatever the filter says.

use ngsi_ld::entity::Json;
use serde::Serialize;

use super::Question;
use super::registry::RegisteredSource;

/// The members of Table 5.2.9-1 that a source is described by.
#[derive(Serialize)]
struct Registration<'a> {
    id: String,
    r#type: &'static str,
    #[serde(rename = "registrationName")]
    name: &'a str,
    mode: &'static str,
    tenant: &'a str,
}

/// By which registration a source is known; `None`: the store is none.
pub(super) fn registration_of(source: &RegisteredSource) -> Option<String> {
    (!source.is_store).then(|| registration_id(source.id.as_str()))
}

fn registration_id(name: &str) -> String {
    format!("urn:ngsi-ld:ContextSourceRegistration:{name}")
}

/// What a filter sees of a source.
fn described(source: &RegisteredSource) -> Option<Json> {
    let name = source.id.as_str();
    let registration = Registration {
        id: registration_id(name),
        r#type: "ContextSourceRegistration",
        name,
        mode: source.registration.mode.as_str(),
        tenant: source.tenant.as_str(),
    };
    let text = serde_json::to_string(&registration).ok()?;
    Json::parse(&text).ok()
}

impl Question {
    /// Whether a source is one of those that the consumer wants to be asked.
    //= 5.2.23-3, 5.7.2.4-17
    pub(super) fn wants(&self, source: &RegisteredSource) -> bool {
        let Some(filter) = &self.source_filter else {
            return true;
        };
        source.is_store || described(source).is_some_and(|registration| filter.matches(&registration))
    }
}
