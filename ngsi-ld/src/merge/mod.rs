//! Joining the parts of one entity that came from several sources (clauses 4.5.5 and 4.18).
//!
//! It owns the rules of which part says what. It knows neither sources nor policies: which part is authoritative,
//! and what time it is, the caller says.
//!
//! - Types and scopes are united, in the order of the parts.
//! - An attribute that an authoritative part has comes from authoritative parts alone, with all its instances:
//!   nobody overrides the owner with a newer date.
//! - Of several instances with one `datasetId` that differ, expired ones are discarded; then the most recent
//!   `observedAt` wins, then the most recent `modifiedAt`, then the first part. Where all have expired, none is
//!   left. An instance without a date is older than one with a date, and one whose date lies in the future, by more than
//!   [`SKEW`], is older than both: nobody wins by a date that cannot be true.
//! - `expiresAt` of an entity binds the attributes of that part, unless every part says the same. The entity keeps
//!   the latest of them if every part has one.
//! - `createdAt` is the earliest, `modifiedAt` the latest that does not lie in the future, `deletedAt` the latest if every
//!   part has one.

mod instances;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hashbrown::HashMap;
use smallvec::SmallVec;

use self::instances::{Candidate, choose};
use crate::entity::{Attribute, DateTime, SystemDates};
use crate::{AttributeName, Entity};

/// What one source says about an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The entity, as far as the source holds it and the consumer may see it.
    pub entity: Entity,
    /// Whether the source is authoritative for the entity.
    pub authoritative: bool,
}

/// How far ahead of the gateway's clock a date may lie and still be believed: clocks of municipal servers that are set by
/// hand differ by minutes. Whoever lies within it wins for as long as anybody else who says "now".
pub const SKEW: Duration = Duration::from_mins(5);

/// What time it is, for comparing dates. Made once for a question, and not for each of its entities.
#[derive(Debug, Clone)]
pub struct Clock {
    now: DateTime,
    /// The latest date that is believed.
    latest: DateTime,
}

impl Clock {
    /// A clock that stands at that time.
    #[must_use]
    pub fn at(now: DateTime) -> Self {
        let skew = i64::try_from(SKEW.as_micros()).unwrap_or(i64::MAX);
        let latest = DateTime::from_unix_micros(now.unix_micros().saturating_add(skew));
        Self {
            latest: latest.unwrap_or_else(|_| now.clone()),
            now,
        }
    }

    fn believes(&self, date: &DateTime) -> bool {
        *date <= self.latest
    }
}

/// Joins the parts of one entity; the clock decides what has expired and what lies in the future.
///
/// The parts have one id. A part with another id than the first is left out: two entities never mix. `None` when
/// there is no part.
#[must_use]
//= 4.3.6.1-2, 4.5.5.2-1, 5.7.1.4-8
pub fn merge_parts(mut parts: Vec<Part>, clock: &Clock) -> Option<Entity> {
    let (first, others) = parts.split_first()?;
    if others.iter().any(|other| other.entity.id != first.entity.id) {
        let id = first.entity.id.clone();
        parts.retain(|part| part.entity.id == id);
    }
    if parts.len() == 1 {
        return parts.pop().map(|only| only.entity);
    }
    bind_attributes_to_expiry(&mut parts);
    let system = merge_dates(&parts, clock);
    let mut parts = parts.into_iter();
    let first = parts.next()?;
    let mut gathered = Gathered::default();
    let mut merged = first.entity;
    gathered.add(std::mem::take(&mut merged.attributes), first.authoritative);
    for part in parts {
        extend_distinct(&mut merged.types, part.entity.types);
        extend_distinct(&mut merged.scopes, part.entity.scopes);
        gathered.add(part.entity.attributes, part.authoritative);
    }
    merged.attributes = gathered.resolve(clock);
    if let Some(dates) = system {
        *merged.system.dates_mut() = dates;
    } else {
        merged.system = crate::entity::SystemAttributes::default();
    }
    Some(merged)
}

/// Clause 4.5.5.2: where the parts disagree on when the entity expires, what a part says of its attributes does
/// not outlive the part.
fn bind_attributes_to_expiry(parts: &mut [Part]) {
    let agreed = parts.windows(2).all(|pair| match pair {
        [one, other] => one.entity.system.expires_at() == other.entity.system.expires_at(),
        _ => true,
    });
    if agreed {
        return;
    }
    for part in parts {
        let Some(entity_expires) = part.entity.system.expires_at().cloned() else {
            continue;
        };
        for attribute in &mut part.entity.attributes {
            for instance in &mut attribute.instances {
                if instance.system.expires_at().is_none_or(|own| *own > entity_expires) {
                    instance.system.dates_mut().expires_at = Some(entity_expires.clone());
                }
            }
        }
    }
}

/// The dates of the joined entity; `None` when it has none.
fn merge_dates(parts: &[Part], clock: &Clock) -> Option<SystemDates> {
    let empty = SystemDates::default();
    let all = || parts.iter().map(|part| part.entity.system.dates().unwrap_or(&empty));
    // The latest of all; none where one of them is missing.
    let latest_if_all = |date: fn(&SystemDates) -> Option<&DateTime>| {
        all().map(date).collect::<Option<Vec<_>>>()?.into_iter().max().cloned()
    };
    let dates = SystemDates {
        created_at: all().filter_map(|dates| dates.created_at.as_ref()).min().cloned(),
        modified_at: latest_believed(all().filter_map(|dates| dates.modified_at.as_ref()), clock).cloned(),
        deleted_at: latest_if_all(|dates| dates.deleted_at.as_ref()),
        expires_at: latest_if_all(|dates| dates.expires_at.as_ref()),
    };
    (dates != empty).then_some(dates)
}

/// The latest date that is believed; where all lie in the future, the earliest of them.
fn latest_believed<'a>(dates: impl Iterator<Item = &'a DateTime>, clock: &Clock) -> Option<&'a DateTime> {
    dates.reduce(|best, next| {
        let is_better = match (clock.believes(best), clock.believes(next)) {
            (true, true) => next > best,
            (false, false) => next < best,
            (believed, _) => !believed,
        };
        if is_better { next } else { best }
    })
}

fn extend_distinct<T: PartialEq>(all: &mut SmallVec<[T; 1]>, more: SmallVec<[T; 1]>) {
    for item in more {
        if !all.contains(&item) {
            all.push(item);
        }
    }
}

/// The instances of every attribute from all parts, attributes and instances in the order of their first
/// appearance.
#[derive(Default)]
struct Gathered {
    attributes: Vec<(AttributeName, Vec<Candidate>)>,
    /// Filled when there are too many to compare them one by one.
    places: HashMap<AttributeName, usize>,
}

/// Up to here, comparing names one by one is quicker than a table.
const MANY_ATTRIBUTES: usize = 32;

impl Gathered {
    fn add(&mut self, attributes: Vec<Attribute>, authoritative: bool) {
        // Parts of one entity mostly have the same attributes, in the same order.
        let mut expected = 0;
        for attribute in attributes {
            let instances = attribute.instances.into_iter();
            let candidates = instances.map(|instance| Candidate {
                instance,
                authoritative,
            });
            let place = self.place(&attribute.name, expected);
            match place.and_then(|place| self.attributes.get_mut(place)) {
                Some((_, gathered)) => gathered.extend(candidates),
                None => self.push(attribute.name, candidates.collect()),
            }
            expected = place.map_or(self.attributes.len(), |place| place + 1);
        }
    }

    /// Where an attribute is, which is probably at that place.
    fn place(&self, name: &AttributeName, expected: usize) -> Option<usize> {
        if self.attributes.get(expected).is_some_and(|(known, _)| known == name) {
            return Some(expected);
        }
        if self.places.is_empty() {
            return self.attributes.iter().position(|(known, _)| known == name);
        }
        self.places.get(name).copied()
    }

    fn push(&mut self, name: AttributeName, candidates: Vec<Candidate>) {
        if self.attributes.len() == MANY_ATTRIBUTES {
            let names = self.attributes.iter().map(|(name, _)| name.clone());
            self.places.extend(names.zip(0..));
        }
        if self.attributes.len() >= MANY_ATTRIBUTES {
            self.places.insert(name.clone(), self.attributes.len());
        }
        self.attributes.push((name, candidates));
    }

    fn resolve(self, clock: &Clock) -> Vec<Attribute> {
        let attributes = self.attributes.into_iter().map(|(name, candidates)| Attribute {
            name,
            instances: choose(candidates, clock),
        });
        attributes.filter(|attribute| !attribute.instances.is_empty()).collect()
    }
}
