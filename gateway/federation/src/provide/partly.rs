//! What became of a write of which a part failed (clauses 5.2.16 to 5.2.19).

use ngsi_ld::AttributeName;

use super::{EntityChanged, UpdateResult, WriteRefusal};

/// What several sources have made of one write, of which not all have done their part.
#[derive(Debug, Clone, PartialEq)]
pub struct Partly {
    /// What those have done that have not failed.
    pub done: EntityChanged,
    /// The attributes that were written somewhere.
    pub written: Vec<AttributeName>,
    /// The parts that failed.
    pub failed: Vec<FailedPart>,
}

/// A part of a write that failed.
#[derive(Debug, Clone)]
pub struct FailedPart {
    /// The registration of the source that it was for; `None`: the store, which is none.
    pub registration: Option<String>,
    /// Its attributes; none: it is about the entity.
    pub attributes: Vec<AttributeName>,
    /// Why it failed.
    pub refusal: WriteRefusal,
}

impl PartialEq for FailedPart {
    fn eq(&self, other: &Self) -> bool {
        self.registration == other.registration
            && self.attributes == other.attributes
            && self.refusal.to_string() == other.refusal.to_string()
    }
}

impl EntityChanged {
    /// What two sources have made of one write, as one.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Updated(mut one), Self::Updated(other)) => {
                one.add(*other);
                Self::Updated(one)
            }
            // That something is new is told, whatever was changed elsewhere.
            (Self::Created, _) | (_, Self::Created) => Self::Created,
            (Self::Updated(one), _) | (_, Self::Updated(one)) => Self::Updated(one),
            (one, _) => one,
        }
    }
}

impl UpdateResult {
    /// What was left as it is at one of the sources is told so, wherever else it was changed.
    fn add(&mut self, other: Self) {
        for name in other.updated {
            if !self.updated.contains(&name) {
                self.updated.push(name);
            }
        }
        for left in other.not_updated {
            if !self.not_updated.contains(&left) {
                self.not_updated.push(left);
            }
        }
        let left = &self.not_updated;
        self.updated
            .retain(|name| left.iter().all(|left| left.attribute != *name));
    }
}
