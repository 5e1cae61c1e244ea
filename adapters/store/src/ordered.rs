//! What matches in an order (clause 4.23): by numbers as their index has them, and else by what the ordering itself says of every
//! entity that matches, of which no more are kept than are wanted.

use std::ops::ControlFlow;
use std::task::Poll;

use kakehashi_contract::{AttributeSelection, Call, Foremost, SourceQuery};
use kakehashi_resources::Resources;
use ngsi_ld::query::{Direction, Ordering, OrderingKey, OrderingTarget, Steps};
use ngsi_ld::{AttributeName, EntityId};

use super::StoreError;
use super::backend::Selecting;
use super::backend::sql::{Compiled, EXACT_NUMBERS, Way, has_numbers_beyond};
use super::body::{Part, Row, decode_part};
use super::names::NameTable;
use super::ways::Asking;

/// Most entities that are wanted in an order at once: what of each is kept until the last was looked at must be little.
const MOST: usize = 20_000;

/// Entities beyond the wanted ones that are kept until the first among all of them are picked out again.
const KEPT_BEYOND: usize = 1_024;

/// What is kept of an entity, in bytes: what it is ordered by, mostly a number or a short text, and its id.
const BYTES_OF_A_KEY: usize = 256;

/// Steps between two looks at whether anybody still waits.
const STEPS_BETWEEN_LOOKS: usize = 5_000;

/// An order that the store can put entities in.
#[derive(Debug, Clone)]
pub(super) struct InOrder {
    order: Ordering,
    first: Foremost,
    /// The attributes that it looks at, as far as they are asked for.
    attributes: Vec<AttributeName>,
    dates: bool,
    /// The attribute whose numbers come first, and whether the greatest of them; `None`: it is not that of one attribute.
    by_numbers: Option<(AttributeName, bool)>,
}

impl InOrder {
    /// `None`: it cannot.
    pub(super) fn of(order: &Ordering, first: Foremost, query: &SourceQuery) -> Option<Self> {
        let by_numbers = by_numbers(order).filter(|(name, _)| includes(&query.attributes, name));
        // What is masked may be anywhere in any other order.
        let is_sure = first.sure_below.is_none() || by_numbers.is_some();
        if first.most > MOST || !is_sure || !order.terms().iter().all(|term| is_seen_by_all(&term.target)) {
            return None;
        }
        let names = order.paths().map(|path| &path.attribute);
        Some(Self {
            attributes: names
                .filter(|name| includes(&query.attributes, name))
                .cloned()
                .collect(),
            dates: query.system_attributes,
            order: order.clone(),
            first,
            by_numbers,
        })
    }

    /// Gives the first in the order to `take`.
    pub(super) fn read(
        &self,
        asking: &Asking<'_>,
        call: &Call,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        // Of few entities each is looked at; of more the index of numbers has the first at once.
        let few = asking.least(asking.few.to_sort)?;
        let by_numbers = self.by_numbers.as_ref().filter(|_| few.is_none());
        let by_numbers = match by_numbers {
            Some(found) if !self.are_beyond(found, asking)? => Some(found),
            _ => None,
        };
        match (by_numbers, self.first.sure_below) {
            (Some(found), sure_below) => {
                let taken = self.read_by_numbers(found, asking, take)?;
                let left = self.first.most.saturating_sub(taken);
                if left == 0 || sure_below.is_some() {
                    return Ok(());
                }
                // Everything else comes after all numbers (clause 4.23.2).
                self.read_by_keys(asking.way_to_any()?, Some(&found.0), left, asking, call, take)
            }
            // Whoever asks looks at these few.
            (None, Some(_)) => Ok(()),
            (None, None) => {
                let way = few.map_or_else(|| asking.way_to_any(), |(way, _)| Ok(way))?;
                self.read_by_keys(way, None, self.first.most, asking, call, take)
            }
        }
    }

    /// Whether there are numbers that do not stand where their rows do: those that are not exact there, or that come before all
    /// that are sure.
    fn are_beyond(
        &self,
        (name, is_descending): &(AttributeName, bool),
        asking: &Asking<'_>,
    ) -> Result<bool, StoreError> {
        let (magnitude, ends) = match self.first.sure_below {
            Some(below) => (below, (!is_descending, *is_descending)),
            None => (EXACT_NUMBERS, (true, true)),
        };
        let statement = has_numbers_beyond(name, magnitude, ends, asking.dialect);
        Ok(asking.selecting.number(&statement, asking.names)? != 0)
    }

    /// Those that have a number, in the order of these; as many as were taken.
    fn read_by_numbers(
        &self,
        (name, is_descending): &(AttributeName, bool),
        asking: &Asking<'_>,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<usize, StoreError> {
        let statement = asking
            .compiled
            .select_by_numbers(name, *is_descending, self.first.sure_below, asking.dialect);
        let mut ids = Vec::new();
        let mut taking = |id: &str| {
            ids.push(EntityId::new_unchecked(id));
            match ids.len() < self.first.most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        asking
            .selecting
            .look_through_ids(&statement, asking.names, &mut taking)?;
        give(ids.iter(), asking, take)?;
        Ok(ids.len())
    }

    /// The first of all that match, by their keys.
    fn read_by_keys(
        &self,
        way: Way,
        without: Option<&AttributeName>,
        most: usize,
        asking: &Asking<'_>,
        call: &Call,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let _held = held(&call.resources, most)?;
        let statement = asking.compiled.select_all(way, without, asking.dialect);
        let mut foremost = First {
            order: &self.order,
            most,
            kept: Vec::new(),
            is_full: false,
        };
        let part = self.part(asking.names);
        let mut failure = None;
        let mut looking = |row: Row<'_>| match self.key(row, &part, asking.names, asking.selecting) {
            Ok(key) => {
                foremost.add(key);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        };
        asking.selecting.look_through(&statement, asking.names, &mut looking)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        foremost.pick();
        give(foremost.kept.iter().map(OrderingKey::id), asking, take)
    }

    fn part(&self, names: &NameTable) -> Part {
        let is_by = |target: &OrderingTarget| self.order.terms().iter().any(|term| term.target == *target);
        Part {
            attributes: self
                .attributes
                .iter()
                .filter_map(|name| names.key(name.iri()))
                .collect(),
            types: is_by(&OrderingTarget::Type),
            scopes: is_by(&OrderingTarget::Scope),
            dates: self.dates,
        }
    }

    fn key(
        &self,
        row: Row<'_>,
        part: &Part,
        names: &NameTable,
        selecting: &dyn Selecting,
    ) -> Result<OrderingKey, StoreError> {
        let entity = decode_part(row, names, part)?;
        let mut evaluation = self.order.begin_key(&entity);
        loop {
            match evaluation.advance(&mut Steps::new(STEPS_BETWEEN_LOOKS)) {
                Poll::Ready(key) => return Ok(key),
                Poll::Pending if selecting.is_over() => return Err(StoreError::Timeout),
                Poll::Pending => {}
            }
        }
    }
}

/// What is counted for the request of what is kept meanwhile.
fn held(resources: &Resources, most: usize) -> Result<kakehashi_resources::Held, StoreError> {
    Ok(resources.hold(most.saturating_add(KEPT_BEYOND).saturating_mul(BYTES_OF_A_KEY))?)
}

/// The first of many keys.
struct First<'o> {
    order: &'o Ordering,
    most: usize,
    kept: Vec<OrderingKey>,
    /// Whether as many as are wanted were picked out, the last of which is the last that may come.
    is_full: bool,
}

impl First<'_> {
    fn add(&mut self, key: OrderingKey) {
        let last = self.most.checked_sub(1).and_then(|last| self.kept.get(last));
        if self.is_full && last.is_none_or(|last| self.order.compare(&key, last).is_gt()) {
            return;
        }
        self.kept.push(key);
        if self.kept.len() >= self.most.saturating_add(KEPT_BEYOND) {
            self.pick();
            self.is_full = true;
        }
    }

    fn pick(&mut self) {
        let order = self.order;
        self.kept.sort_by(|a, b| order.compare(a, b));
        self.kept.truncate(self.most);
    }
}

/// Gives the entities of these ids to `take`, in that order.
fn give<'i>(
    ids: impl Iterator<Item = &'i EntityId>,
    asking: &Asking<'_>,
    take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    for id in ids {
        let statement = Compiled::select_named(std::slice::from_ref(id), asking.dialect);
        let mut is_enough = false;
        let mut taking = |row: Row<'_>| {
            let flow = take(row);
            is_enough = flow.is_break();
            flow
        };
        asking.selecting.look_through(&statement, asking.names, &mut taking)?;
        if is_enough {
            break;
        }
    }
    Ok(())
}

fn includes(attributes: &AttributeSelection, name: &AttributeName) -> bool {
    attributes.includes(name) || name.is_system_date()
}

/// The attribute by whose value alone entities are ordered, and whether the greatest come first.
fn by_numbers(order: &Ordering) -> Option<(AttributeName, bool)> {
    let [only] = order.terms() else {
        return None;
    };
    let OrderingTarget::Attribute(path) = &only.target else {
        return None;
    };
    let is_plain = path.sub_attributes.is_empty() && path.members.is_empty() && !is_of_the_core(&path.attribute);
    let is_descending = match only.direction {
        Direction::Ascending => false,
        Direction::Descending => true,
        Direction::Nearest | Direction::Farthest => return None,
    };
    is_plain.then(|| (path.attribute.clone(), is_descending))
}

/// Where the core context puts its terms.
const CORE: &str = "https://uri.etsi.org/ngsi-ld/";

fn is_of_the_core(name: &AttributeName) -> bool {
    let term = name.as_str().strip_prefix(CORE);
    term.is_some_and(|term| !term.contains('/'))
}

/// Whether a target is what the store holds for everybody who is asked about: when something was modified depends on what is seen
/// of it, and an attribute of an attribute may be a Relationship to what is hidden.
fn is_seen_by_all(target: &OrderingTarget) -> bool {
    let OrderingTarget::Attribute(path) = target else {
        return true;
    };
    let mut names = std::iter::once(&path.attribute).chain(&path.sub_attributes);
    let is_modified = names.any(|name| name.as_str().strip_prefix(CORE) == Some("modifiedAt"));
    !is_modified && path.sub_attributes.iter().all(is_of_the_core) && path.linked.is_none()
}
