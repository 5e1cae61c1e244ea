//! By which attributes entities are to be found: what questions have asked for, remembered from one reading to the next.

use std::sync::{Mutex, PoisonError};

use ngsi_ld::AttributeName;

/// Attributes by whose values entities are found: what people look for has few.
const MOST_COLUMNS: usize = 32;

/// What finds entities by one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FoundByAttribute {
    /// Their values in order.
    Value(AttributeName),
    /// The boxes around their places.
    Place(AttributeName),
}

/// All that entities of one source are to be found by.
#[derive(Debug, Default)]
pub struct Finders(Mutex<Vec<FoundByAttribute>>);

impl Finders {
    /// Entities are to be found by an attribute, now and after each further reading. Whether that is new.
    pub fn want(&self, wanted: FoundByAttribute) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !all.contains(&wanted) && all.len() < MOST_COLUMNS;
        if is_new {
            all.push(wanted);
        }
        is_new
    }

    /// What entities are to be found by.
    #[must_use]
    pub fn all(&self) -> Vec<FoundByAttribute> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
