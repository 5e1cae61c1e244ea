//! Subscriptions and registrations: documents under ids that Orion gives.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;

use crate::server::{empty, response};

use super::error::OrionError;
use super::json::Json;

/// The length of an id: the hexadecimal form of a database's object id.
const ID_LENGTH: usize = 24;

/// Documents in the order of their creation.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    documents: Vec<(String, Json)>,
    created: u64,
}

// === impl Documents ===

impl Documents {
    /// Keeps a document and gives its new id.
    pub(crate) fn insert(&mut self, document: Json) -> String {
        self.created += 1;
        let seconds = Timestamp::now().as_second();
        let id = format!("{seconds:08x}{:016x}", self.created);
        self.documents.push((id.clone(), document));
        id
    }

    /// All of them as a JSON array, and their number.
    pub(crate) fn list(&self) -> (String, usize) {
        let shown: Vec<String> = self
            .documents
            .iter()
            .map(|(id, document)| with_id(id, document))
            .collect();
        (format!("[{}]", shown.join(",")), shown.len())
    }

    /// One of them; `what` is what Orion calls it in its errors.
    pub(crate) fn get(&self, what: &str, id: &str) -> Result<Response<Bytes>, OrionError> {
        let position = self.position(what, id)?;
        let (id, document) = self.documents.get(position).ok_or_else(|| missing(what))?;
        Ok(response(StatusCode::OK, "application/json", with_id(id, document)))
    }

    pub(crate) fn change(
        &mut self,
        what: &str,
        id: &str,
        change: impl FnOnce(&Json) -> Result<Json, OrionError>,
    ) -> Result<(), OrionError> {
        let position = self.position(what, id)?;
        if let Some((_, document)) = self.documents.get_mut(position) {
            *document = change(document)?;
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, what: &str, id: &str) -> Result<Response<Bytes>, OrionError> {
        let position = self.position(what, id)?;
        self.documents.remove(position);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn position(&self, what: &str, id: &str) -> Result<usize, OrionError> {
        if id.len() != ID_LENGTH {
            return Err(OrionError::bad_request(format!(
                "Invalid {what} ID: bad length - {ID_LENGTH} chars expected"
            )));
        }
        self.documents
            .iter()
            .position(|(other, _)| other == id)
            .ok_or_else(|| missing(what))
    }
}

fn missing(what: &str) -> OrionError {
    OrionError::not_found(format!("The requested {what} has not been found. Check id"))
}

fn with_id(id: &str, document: &Json) -> String {
    let mut members = vec![(String::from("id"), Json::String(id.to_owned()))];
    members.extend(document.members().unwrap_or_default().iter().cloned());
    Json::Object(members).to_string()
}
