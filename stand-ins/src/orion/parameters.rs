//! URI parameters: read and checked in one place. Unknown ones are ignored, as Orion does.

use std::collections::HashMap;

use crate::server::LoggedRequest;

use super::entity::draft::Form;
use super::entity::render::{Representation, View};
use super::error::OrionError;
use super::filter::{self, Subject};
use super::geometry::Place;
use super::names::has_forbidden;
use super::query::{Order, Query, Selector};

const DEFAULT_LIMIT: usize = 20;
const GREATEST_LIMIT: usize = 1000;

/// Parameters whose syntax uses characters that are forbidden elsewhere; their own readers check them.
const WITH_SYNTAX: [&str; 7] = ["q", "mq", "georel", "geometry", "coords", "idPattern", "typePattern"];

const OPTIONS: [&str; 18] = [
    "count",
    "normalized",
    "values",
    "keyValues",
    "unique",
    "append",
    "upsert",
    "skipInitialNotification",
    "forcedUpdate",
    "flowControl",
    "overrideMetadata",
    "overrideAttributes",
    "skipForwarding",
    "noAttrDetail",
    "fullCounters",
    "dateCreated",
    "dateModified",
    "lax",
];

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Parameters {
    values: HashMap<String, String>,
    options: Vec<String>,
}

// === impl Parameters ===

impl Parameters {
    pub(crate) fn read(request: &LoggedRequest) -> Result<Self, OrionError> {
        let mut values = HashMap::new();
        for (name, value) in request.parameters() {
            if value.is_empty() {
                return Err(OrionError::bad_request(format!(
                    "Empty right-hand-side for URI param /{name}/"
                )));
            }
            if !WITH_SYNTAX.contains(&name.as_str()) && has_forbidden(&value) {
                return Err(OrionError::bad_request("invalid character in URI parameter"));
            }
            values.insert(name, value);
        }
        let options: Vec<String> = values.get("options").map(|text| list(text)).unwrap_or_default();
        let representations = ["normalized", "values", "keyValues", "unique"];
        let chosen = options
            .iter()
            .filter(|option| representations.contains(&option.as_str()))
            .count();
        let all_known = options.iter().all(|option| OPTIONS.contains(&option.as_str()));
        if chosen > 1 || !all_known {
            return Err(OrionError::bad_request("Invalid value for URI param /options/"));
        }
        Ok(Self { values, options })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(crate) fn has_option(&self, option: &str) -> bool {
        self.options.iter().any(|given| given == option)
    }

    /// How the body of a write is to be read.
    pub(crate) fn form(&self) -> Form {
        if self.has_option("keyValues") {
            Form::KeyValues
        } else {
            Form::Normalized
        }
    }

    fn list(&self, name: &str) -> Option<Vec<String>> {
        self.get(name).map(list)
    }

    /// What of an entity is to be shown.
    pub(crate) fn view(&self) -> View {
        let representation = if self.has_option("keyValues") {
            Representation::KeyValues
        } else if self.has_option("values") {
            Representation::Values
        } else if self.has_option("unique") {
            Representation::Unique
        } else {
            Representation::Normalized
        };
        View {
            representation,
            attributes: self.list("attrs"),
            metadata: self.list("metadata"),
        }
    }

    /// Which entities are to be listed, as the URI alone says it.
    pub(crate) fn query(&self) -> Result<Query, OrionError> {
        for (name, pattern, shown) in [
            ("id", "idPattern", "id, IdPattern"),
            ("type", "typePattern", "type, typePattern"),
        ] {
            if self.get(name).is_some() && self.get(pattern).is_some() {
                return Err(OrionError::bad_request(format!("Incompatible parameters: {shown}")));
            }
        }
        let mut query = Query {
            selectors: vec![Selector {
                ids_as_pattern: self.list("id").and_then(|ids| Selector::ids_as_pattern(&ids)),
                ids: self.list("id"),
                id_pattern: self.get("idPattern").map(Selector::pattern),
                types: self.list("type"),
                type_pattern: self.get("typePattern").map(Selector::pattern),
            }],
            place: Place::read(self.get("georel"), self.get("geometry"), self.get("coords"))?,
            ..self.page()?
        };
        query.filter(Subject::Attributes, self.get("q"))?;
        query.filter(Subject::Metadata, self.get("mq"))?;
        Ok(query)
    }

    /// A query for everything, with this request's page and order.
    pub(crate) fn page(&self) -> Result<Query, OrionError> {
        Ok(Query {
            limit: self.limit()?,
            offset: self.offset()?,
            order: self
                .get("orderBy")
                .map(|keys| keys.split(',').map(Order::read).collect())
                .unwrap_or_default(),
            count: self.has_option("count"),
            ..Query::default()
        })
    }

    fn limit(&self) -> Result<usize, OrionError> {
        let Some(text) = self.get("limit") else {
            return Ok(DEFAULT_LIMIT);
        };
        let limit = whole_number(text).ok_or_else(|| {
            OrionError::bad_request(format!(
                "Bad pagination limit: /{text}/ [must be a positive integer number]"
            ))
        })?;
        if limit > GREATEST_LIMIT {
            return Err(OrionError::bad_request(format!(
                "Bad pagination limit: /{text}/ [max: {GREATEST_LIMIT}]"
            )));
        }
        Ok(limit)
    }

    fn offset(&self) -> Result<usize, OrionError> {
        self.get("offset").map_or(Ok(0), |text| {
            whole_number(text).ok_or_else(|| {
                OrionError::bad_request(format!("Bad pagination offset: /{text}/ [must be a decimal number]"))
            })
        })
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn whole_number(text: &str) -> Option<usize> {
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    digits_only.then(|| text.parse().ok()).flatten()
}

impl Query {
    /// Adds the statements of `q` or `mq`.
    pub(crate) fn filter(&mut self, subject: Subject, text: Option<&str>) -> Result<(), OrionError> {
        if let Some(text) = text {
            self.statements.extend(filter::read(subject, text)?);
        }
        Ok(())
    }
}
