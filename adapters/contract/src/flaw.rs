//! What a source yields for each of its entities: the entity or, where it cannot be shown, why it was left out.
//!
//! One entity that is wrong costs itself alone: the source has not failed, and its other entities are as good as ever.
//! Whoever takes what a source yields says of what was left out how much it was, never what was in it.

use std::fmt;

use futures::{Stream, StreamExt as _};
use ngsi_ld::Entity;
use ngsi_ld::entity::{InvalidNumber, Unsound};

use crate::error::AdapterError;

/// What a source yields in the place of one of its entities.
#[derive(Debug, Clone, PartialEq)]
pub enum Yielded {
    /// The entity.
    Entity(Entity),
    /// There is one, and it was left out.
    LeftOut(Flaw),
}

/// What is wrong with an entity that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// It is none of the source's protocol or of its mapping.
    Malformed,
    /// The record has no id, as its mapping makes it.
    NoId,
    /// A number of it has more than [`MAX_NUMBER_LENGTH`](ngsi_ld::entity::MAX_NUMBER_LENGTH) characters.
    NumberTooLong,
    /// A number of it is infinite as a double, or is none at all (`NaN`).
    NumberNotFinite,
    /// A member stands twice in one of its objects.
    DuplicateMember,
    /// A text of it holds one half of a pair of surrogates.
    HalfCharacter,
    /// A value of it is nested deeper than a consumer may send.
    TooDeep,
    /// A text of it is not UTF-8.
    NotUtf8,
    /// It alone is larger than an answer of its source may be.
    TooLarge,
    /// Another tenant speaks for its id, and what that one says of it is not there to add to.
    OwnerMissing,
}

impl Flaw {
    /// Every flaw.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::NoId,
        Self::NumberTooLong,
        Self::NumberNotFinite,
        Self::DuplicateMember,
        Self::HalfCharacter,
        Self::TooDeep,
        Self::NotUtf8,
        Self::TooLarge,
        Self::OwnerMissing,
    ];

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NoId => "no_id",
            Self::NumberTooLong => "number_too_long",
            Self::NumberNotFinite => "number_not_finite",
            Self::DuplicateMember => "duplicate_member",
            Self::HalfCharacter => "half_character",
            Self::TooDeep => "too_deep",
            Self::NotUtf8 => "not_utf8",
            Self::TooLarge => "too_large",
            Self::OwnerMissing => "owner_missing",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Unsound> for Flaw {
    fn from(unsound: Unsound) -> Self {
        match unsound {
            Unsound::NumberTooLong => Self::NumberTooLong,
            Unsound::NumberNotFinite => Self::NumberNotFinite,
            Unsound::DuplicateMember => Self::DuplicateMember,
            Unsound::HalfCharacter => Self::HalfCharacter,
            Unsound::TooDeep => Self::TooDeep,
        }
    }
}

impl From<InvalidNumber> for Flaw {
    fn from(error: InvalidNumber) -> Self {
        match error {
            InvalidNumber::NoNumber => Self::Malformed,
            InvalidNumber::TooLong => Self::NumberTooLong,
            InvalidNumber::NotFinite => Self::NumberNotFinite,
        }
    }
}

/// How many entities were left out, by what is wrong with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut([u64; Flaw::ALL.len()]);

/// How many entities of a source match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Those that can be shown. Where a source counts by itself, what it would have to leave out is among them.
    pub entities: u64,
    /// Those that were found to be wrong in counting.
    pub left_out: LeftOut,
}

// === impl Yielded ===

impl Yielded {
    /// The entity, unless it was left out.
    #[must_use]
    pub fn entity(self) -> Option<Entity> {
        match self {
            Self::Entity(entity) => Some(entity),
            Self::LeftOut(_) => None,
        }
    }
}

impl From<Entity> for Yielded {
    fn from(entity: Entity) -> Self {
        Self::Entity(entity)
    }
}

/// The entities among what a source yields, for whoever has nobody to tell what was left out.
pub fn entities_of(
    yielded: impl Stream<Item = Result<Yielded, AdapterError>>,
) -> impl Stream<Item = Result<Entity, AdapterError>> {
    yielded.filter_map(|yielded| std::future::ready(yielded.map(Yielded::entity).transpose()))
}

// === impl LeftOut ===

impl LeftOut {
    /// Counts one.
    pub fn add(&mut self, flaw: Flaw) {
        if let Some((_, count)) = Flaw::ALL.iter().zip(&mut self.0).find(|(known, _)| **known == flaw) {
            *count = count.saturating_add(1);
        }
    }

    /// Counts those that were counted elsewhere.
    pub fn add_all(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(other);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |total, count| total.saturating_add(*count))
    }

    /// How many there are with this flaw.
    #[must_use]
    pub fn of(&self, flaw: Flaw) -> u64 {
        self.iter()
            .find_map(|(known, count)| (known == flaw).then_some(count))
            .unwrap_or_default()
    }

    /// Those with this flaw.
    #[must_use]
    pub fn only(&self, flaw: Flaw) -> Self {
        let mut only = *self;
        for (known, count) in Flaw::ALL.iter().zip(&mut only.0) {
            if *known != flaw {
                *count = 0;
            }
        }
        only
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// The flaws that were found, with how many entities have them.
    pub fn iter(&self) -> impl Iterator<Item = (Flaw, u64)> {
        let counts = Flaw::ALL.into_iter().zip(self.0);
        counts.filter(|(_, count)| *count > 0)
    }
}

impl FromIterator<Flaw> for LeftOut {
    fn from_iter<I: IntoIterator<Item = Flaw>>(flaws: I) -> Self {
        let mut left_out = Self::default();
        flaws.into_iter().for_each(|flaw| left_out.add(flaw));
        left_out
    }
}

// === impl Counted ===

impl Counted {
    /// So many entities, none of them found wrong.
    #[must_use]
    pub fn entities(entities: u64) -> Self {
        Self {
            entities,
            left_out: LeftOut::default(),
        }
    }

    /// Counts one that the source yields.
    pub fn add(&mut self, yielded: &Yielded) {
        match yielded {
            Yielded::Entity(_) => self.entities = self.entities.saturating_add(1),
            Yielded::LeftOut(flaw) => self.left_out.add(*flaw),
        }
    }

    /// Adds what was counted elsewhere.
    pub fn add_all(&mut self, other: &Self) {
        self.entities = self.entities.saturating_add(other.entities);
        self.left_out.add_all(&other.left_out);
    }

    /// The places that they take up in the source's pages, shown or not.
    #[must_use]
    pub fn places(&self) -> u64 {
        self.entities.saturating_add(self.left_out.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_counted_by_kind() {
        let mut left_out: LeftOut = Flaw::ALL.into_iter().chain([Flaw::Malformed]).collect();
        let all = Flaw::ALL.len() as u64;
        assert_eq!(left_out.total(), all + 1);
        assert!(left_out.iter().any(|counted| counted == (Flaw::Malformed, 2)));
        left_out.add_all(&left_out.clone());
        assert_eq!(left_out.total(), 2 * (all + 1));
        let malformed = left_out.only(Flaw::Malformed);
        assert_eq!((malformed.of(Flaw::Malformed), malformed.total()), (4, 4));
        assert!(LeftOut::default().is_empty() && LeftOut::default().iter().next().is_none());
    }
}
