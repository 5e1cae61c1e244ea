//! What an ordering looks at in an entity, taken out once, and how two of these stand (clause 4.23.2).

use std::cmp::Ordering as Order;
use std::task::{Poll, ready};

use compact_str::CompactString;
use smallvec::SmallVec;

use super::super::evaluate::{Datum, Target, any_target};
use super::super::geometry::{Asked, Found, Nearest, haversine_of_points};
use super::{Direction, Ordering, OrderingTarget, OrderingTerm};
use crate::entity::{DateTime, Geometry, Number, TemporalType};
use crate::query::Steps;
use crate::{Entity, EntityId};

/// What an ordering looks at in one entity.
#[derive(Debug, Clone)]
pub struct OrderingKey {
    /// One for each term.
    values: SmallVec<[Key; 2]>,
    id: EntityId,
    text_bytes: usize,
}

/// What one term looks at, in the order of clause 4.23.2.
#[derive(Debug, Clone)]
enum Key {
    /// Metres.
    Distance(f64),
    Number(Magnitude),
    Text(CompactString),
    /// JSON text.
    Object(CompactString),
    Array(Vec<Key>),
    Boolean(bool),
    /// To the second, and the fraction without trailing zeros.
    Time(CompactString, CompactString),
    Date(CompactString),
    DateTime(DateTime),
    Null,
    Absent,
}

/// A number with a total order, which sorting needs: whole numbers that are one and the same `f64` still differ.
#[derive(Debug, Clone, Copy)]
struct Magnitude {
    nearest: f64,
    whole: i128,
}

impl Ordering {
    /// What decides where the entity comes. It sees the entity as it is given: hiding what a consumer may not see
    /// comes before.
    #[must_use]
    pub fn key(&self, entity: &Entity) -> OrderingKey {
        let mut evaluation = self.begin_key(entity);
        loop {
            if let Poll::Ready(key) = evaluation.advance(&mut Steps::unbounded()) {
                return key;
            }
        }
    }

    /// Begins to find out what decides where the entity comes.
    #[must_use]
    pub fn begin_key<'a>(&'a self, entity: &'a Entity) -> KeyEvaluation<'a> {
        KeyEvaluation {
            ordering: self,
            entity,
            terms: self.terms.iter(),
            values: SmallVec::new(),
            measured: None,
        }
    }

    /// Which of two entities comes first, by their keys from this ordering.
    #[must_use]
    pub fn compare(&self, a: &OrderingKey, b: &OrderingKey) -> Order {
        let pairs = a.values.iter().zip(&b.values);
        self.terms
            .iter()
            .zip(pairs)
            .map(|(term, (a, b))| self.compare_in(term.direction, a, b))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.id.as_str().cmp(b.id.as_str()))
    }

    /// The entities in this order.
    #[must_use]
    pub fn sort(&self, entities: Vec<Entity>) -> Vec<Entity> {
        let keyed = entities.into_iter().map(|entity| (self.key(&entity), entity)).collect();
        let mut sorting = self.begin_sort(keyed);
        loop {
            if let Poll::Ready(sorted) = sorting.advance(&mut Steps::unbounded()) {
                return sorted;
            }
        }
    }

    /// What a term looks at in an entity, without the geometries whose distance it must know: they are put aside.
    fn key_of_term<'e>(&self, term: &OrderingTerm, entity: &'e Entity, far: &mut Geometries<'e>) -> Key {
        let texts = |texts: &mut dyn Iterator<Item = &str>| {
            let mut keys: Vec<Key> = texts.map(|text| Key::Text(text.into())).collect();
            match keys.pop() {
                None => Key::Absent,
                Some(only) if keys.is_empty() => only,
                Some(last) => {
                    keys.push(last);
                    Key::Array(keys)
                }
            }
        };
        let path = match &term.target {
            OrderingTarget::Id => return Key::Text(entity.id.as_str().into()),
            OrderingTarget::Type => return texts(&mut entity.types.iter().map(crate::TypeName::as_str)),
            OrderingTarget::Scope => return texts(&mut entity.scopes.iter().map(CompactString::as_str)),
            OrderingTarget::Attribute(path) => path,
        };
        let mut foremost = Key::Absent;
        let mut consider = |key: Key| self.consider(term.direction, &mut foremost, key);
        any_target(entity, path, &mut |target| {
            match target {
                Target::One(Datum::Geometry(geometry)) if term.direction.is_by_distance() => far.push(geometry),
                Target::One(datum) => consider(key_of_value(&datum)),
                Target::Array(data) => consider(Key::Array(data.iter().map(key_of_value).collect())),
                Target::Choice(data) => data.iter().map(key_of_value).for_each(&mut consider),
            }
            false
        });
        foremost
    }

    /// Keeps which of two comes first.
    fn consider(&self, direction: Direction, foremost: &mut Key, key: Key) {
        if self.compare_in(direction, &key, foremost).is_lt() {
            *foremost = key;
        }
    }

    /// The order of data types holds in both directions; that of values is reversed.
    fn compare_in(&self, direction: Direction, a: &Key, b: &Key) -> Order {
        a.rank().cmp(&b.rank()).then_with(|| {
            let order = self.compare_values(a, b);
            if direction.is_reversed() {
                order.reverse()
            } else {
                order
            }
        })
    }

    /// How two values of one data type stand.
    fn compare_values(&self, a: &Key, b: &Key) -> Order {
        match (a, b) {
            (Key::Distance(a), Key::Distance(b)) => a.total_cmp(b),
            (Key::Number(a), Key::Number(b)) => a.nearest.total_cmp(&b.nearest).then(a.whole.cmp(&b.whole)),
            (Key::Text(a), Key::Text(b)) => self.collation.compare(a, b),
            (Key::Object(a), Key::Object(b)) | (Key::Date(a), Key::Date(b)) => a.cmp(b),
            (Key::Array(a), Key::Array(b)) => {
                let pairs = a.iter().zip(b);
                pairs
                    .map(|(a, b)| self.compare_in(Direction::Ascending, a, b))
                    .find(|order| order.is_ne())
                    .unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Key::Boolean(a), Key::Boolean(b)) => a.cmp(b),
            (Key::Time(a, a_fraction), Key::Time(b, b_fraction)) => a.cmp(b).then_with(|| a_fraction.cmp(b_fraction)),
            (Key::DateTime(a), Key::DateTime(b)) => a.cmp(b),
            _ => Order::Equal,
        }
    }
}

/// Geometries whose distance a term must know.
type Geometries<'e> = SmallVec<[&'e Geometry; 1]>;

/// Finding out what decides where an entity comes. It can be interrupted between any two steps of measuring a distance.
pub struct KeyEvaluation<'a> {
    ordering: &'a Ordering,
    entity: &'a Entity,
    terms: std::slice::Iter<'a, OrderingTerm>,
    values: SmallVec<[Key; 2]>,
    measured: Option<Measured<'a>>,
}

/// A term some of whose distances are not yet known.
struct Measured<'a> {
    direction: Direction,
    foremost: Key,
    far: Geometries<'a>,
    /// What is left of the geometry that is measured, where that is a collection.
    parts: std::slice::Iter<'a, Geometry>,
    /// The distance of its nearest part so far.
    least: Option<Key>,
    nearest: Option<Box<Nearest<'a>>>,
}

impl<'a> KeyEvaluation<'a> {
    /// Goes on until the key is known, or the steps are spent: the next call goes on then.
    pub fn advance(&mut self, steps: &mut Steps) -> Poll<OrderingKey> {
        let ordering = self.ordering;
        loop {
            if let Some(measured) = &mut self.measured {
                ready!(measured.advance(ordering, steps));
                let foremost = std::mem::replace(&mut measured.foremost, Key::Absent);
                self.values.push(foremost);
                self.measured = None;
            }
            if !steps.begin(2) {
                return Poll::Pending;
            }
            let Some(term) = self.terms.next() else {
                let values = std::mem::take(&mut self.values);
                return Poll::Ready(OrderingKey {
                    text_bytes: values.iter().map(Key::text_bytes).sum(),
                    values,
                    id: self.entity.id.clone(),
                });
            };
            let mut far = Geometries::new();
            let foremost = ordering.key_of_term(term, self.entity, &mut far);
            if far.is_empty() {
                self.values.push(foremost);
            } else {
                self.measured = Some(Measured {
                    direction: term.direction,
                    foremost,
                    far,
                    parts: [].iter(),
                    least: None,
                    nearest: None,
                });
            }
        }
    }
}

impl<'a> Measured<'a> {
    //= 4.23.1-3
    fn advance(&mut self, ordering: &'a Ordering, steps: &mut Steps) -> Poll<()> {
        loop {
            let key = if let Some(nearest) = &mut self.nearest {
                let found = ready!(nearest.advance(steps));
                self.nearest = None;
                match found {
                    Found::Metres(metres) => Key::Distance(metres),
                    // A geometry that RFC 7946 excludes.
                    Found::NoGeometry | Found::IsNear(_) => NO_DISTANCE,
                }
            } else {
                if !steps.begin(2) {
                    return Poll::Pending;
                }
                if self.parts.len() == 0 {
                    let Some(geometry) = self.far.pop() else {
                        return Poll::Ready(());
                    };
                    self.parts = geometry.uniform().iter();
                }
                let Some(geometry) = self.parts.next() else {
                    continue;
                };
                match ordering
                    .reference
                    .as_ref()
                    .map(|reference| (reference, reference.geometry()))
                {
                    None => NO_DISTANCE,
                    Some((reference, from)) => {
                        let (Geometry::Point(a), Geometry::Point(b)) = (geometry, from) else {
                            let nearest = Nearest::new(geometry, reference.index(), Asked::Haversine);
                            self.nearest = Some(Box::new(nearest));
                            continue;
                        };
                        match geometry.check() {
                            Ok(()) => Key::Distance(haversine_of_points(*a, *b)),
                            Err(_) => NO_DISTANCE,
                        }
                    }
                }
            };
            let key = match self.least.take() {
                Some(least) => nearer(least, key),
                None => key,
            };
            if self.parts.len() == 0 {
                ordering.consider(self.direction, &mut self.foremost, key);
            } else {
                self.least = Some(key);
            }
        }
    }
}

/// The lesser of two distances: a collection is as far away as the nearest of its geometries.
fn nearer(one: Key, other: Key) -> Key {
    match (one, other) {
        (Key::Distance(one), Key::Distance(other)) => Key::Distance(one.min(other)),
        (Key::Distance(metres), _) | (_, Key::Distance(metres)) => Key::Distance(metres),
        (one, _) => one,
    }
}

/// A geometry that is no distance away: an object, and equal to every other.
const NO_DISTANCE: Key = Key::Object(CompactString::const_new(""));

impl OrderingKey {
    /// The id of its entity.
    #[must_use]
    pub const fn id(&self) -> &EntityId {
        &self.id
    }

    /// How far away the first term has found it, in metres; `None`: it does not order by distance, or there is none.
    #[must_use]
    pub fn metres(&self) -> Option<f64> {
        match self.values.first() {
            Some(Key::Distance(metres)) => Some(*metres),
            _ => None,
        }
    }

    /// How many bytes its texts have: what comparing it with another may take.
    pub(super) const fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

impl Key {
    fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Object(text) => text.len(),
            Self::Array(keys) => keys.iter().map(Self::text_bytes).sum(),
            _ => 0,
        }
    }

    /// Its place in the order of data types.
    //= 4.23.2-1, 4.23.2-2
    const fn rank(&self) -> u8 {
        match self {
            Self::Distance(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
            Self::Object(_) => 3,
            Self::Array(_) => 4,
            Self::Boolean(_) => 5,
            Self::Time(..) => 6,
            Self::Date(_) => 7,
            Self::DateTime(_) => 8,
            Self::Null => 9,
            Self::Absent => 10,
        }
    }
}

impl Magnitude {
    fn of(number: &Number) -> Self {
        // Adding makes 0 of -0, which the total order of floats would put before it.
        let nearest = number.as_f64() + 0.0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "beyond the range the order is that of `nearest`"
        )]
        let whole = match number {
            Number::Integer(integer) => i128::from(*integer),
            Number::Float(_) | Number::Text(_) => nearest as i128,
        };
        Self { nearest, whole }
    }
}

fn key_of_value(datum: &Datum<'_>) -> Key {
    match datum {
        Datum::String(text) => Key::Text(text.as_ref().into()),
        Datum::Uri(uri) => Key::Text((*uri).into()),
        Datum::Number(number) => Key::Number(Magnitude::of(number)),
        Datum::Boolean(boolean) => Key::Boolean(*boolean),
        Datum::DateTime(date_time) => Key::DateTime(date_time.as_ref().clone()),
        Datum::Temporal(TemporalType::Date, date) => Key::Date(date.as_ref().into()),
        Datum::Temporal(TemporalType::Time, time) => {
            let (seconds, fraction) = super::super::evaluate::clock(time);
            Key::Time(seconds.into(), fraction.into())
        }
        Datum::Geometry(_) => NO_DISTANCE,
        Datum::Structure("null") => Key::Null,
        // One level is enough to tell arrays from objects: what is deeper compares as text.
        Datum::Structure(json) if json.starts_with('[') => Key::Array(vec![Key::Object((*json).into())]),
        Datum::Structure(json) => Key::Object((*json).into()),
    }
}
