//! Which way a question takes through a partition: by what some condition finds, where that is little, and else in the order of
//! ids. How much a condition finds is asked of its index, and no further than it matters.

use std::ops::ControlFlow;
use std::sync::Arc;

use ngsi_ld::EntityId;

use super::StoreError;
use super::backend::Selecting;
use super::backend::sql::{Compiled, Dialect, Start, Statement, Way};
use super::body::Row;
use super::long_statements::Few;
use super::names::NameTable;
use kakehashi_contract::Page;

/// As many entities of a type are counted at least, to see whether they are few.
const FEW_OF_TYPE: i64 = 32;

/// So many are looked at, rather than all that there are.
const MANY: i64 = 1_000_000;

/// Offsets below this are walked.
const NEAR: usize = 256;

/// What may be spent on choosing, and on what then follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Where a request arrived.
    Little,
    /// Apart.
    Much,
}

/// The question of a statement, with whoever answers it.
pub(super) struct Asking<'a> {
    pub(super) selecting: &'a dyn Selecting,
    pub(super) names: &'a Arc<NameTable>,
    pub(super) compiled: &'a Compiled,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) few: Few,
}

impl Asking<'_> {
    /// The condition that finds fewest entities, and fewer than so many; with how many it finds.
    pub(super) fn least(&self, most: i64) -> Result<Option<(Way, i64)>, StoreError> {
        let mut least = None;
        let mut most = most;
        for way in self.compiled.ways() {
            // To count what is mostly many is mostly in vain.
            let worth = if way.is_by_types() {
                most.min(FEW_OF_TYPE.max(most / 8))
            } else {
                most
            };
            let Some(statement) = self.compiled.estimate(way, worth, self.dialect) else {
                continue;
            };
            let found = self.selecting.number(&statement, self.names)?;
            if found < worth {
                most = found;
                least = Some((way, found));
            }
            if found == 0 {
                break;
            }
        }
        Ok(least)
    }

    /// The way to everything that matches in no order, or to how much that is: whatever finds less than all.
    pub(super) fn way_to_any(&self) -> Result<Way, StoreError> {
        let least = match self.least(self.few.apart)? {
            Some(least) => Some(least),
            None => self.least(MANY)?,
        };
        Ok(least.map_or(Way::InOrder, |(way, _)| way))
    }

    /// The way to everything that matches, in the order of ids.
    pub(super) fn way_to_all(&self) -> Result<Way, StoreError> {
        Ok(self.least(self.few.to_sort)?.map_or(Way::InOrder, |(way, _)| way))
    }

    /// The way to a page that is tried first.
    pub(super) fn way_to_page(&self, patience: Patience) -> Result<Way, StoreError> {
        let few = match patience {
            Patience::Little => self.few.in_place,
            Patience::Much => self.few.apart,
        };
        Ok(self.least(few)?.map_or(Way::InOrder, |(way, _)| way))
    }

    /// Gives the entities of a page to `take`, in the order of ids. Where that order leads through too many that are none of them
    /// the way is changed: what was given before stands, and the rest follows.
    pub(super) fn page_apart(
        &self,
        page: Page,
        take: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let way = self.way_to_page(Patience::Much)?;
        let statement = self.page(way, page)?;
        if way != Way::InOrder || self.compiled.ways().count() < 2 {
            return self.selecting.look_through(&statement, self.names, take);
        }
        let (mut given, mut last) = (0_usize, None);
        let mut taking = |row: Row<'_>| {
            given += 1;
            last = Some(EntityId::new_unchecked(row.id));
            take(row)
        };
        if self
            .selecting
            .look_through_little(&statement, self.names, &mut taking)?
        {
            return Ok(());
        }
        let way = self.least(MANY)?.map_or(Way::InOrder, |(way, _)| way);
        let statement = match &last {
            None => self.page(way, page)?,
            Some(last) => {
                let start = Start {
                    id: last.as_str(),
                    is_behind: true,
                };
                let rest = Page {
                    limit: page.limit.saturating_sub(given),
                    offset: 0,
                };
                self.compiled.select_from(way, start, Some(rest), self.dialect)
            }
        };
        self.selecting.look_through(&statement, self.names, take)
    }

    /// The statement for a page by that way. Where nothing is asked but a type, what lies before it is counted and not walked.
    pub(super) fn page(&self, way: Way, page: Page) -> Result<Statement, StoreError> {
        if way == Way::InOrder
            && page.offset >= NEAR
            && let Some(r#type) = self.compiled.only_type()
        {
            let place = self.selecting.place_of_type(r#type, page.offset)?;
            // Behind the last one there is nothing.
            let (id, offset, limit) = place.map_or((String::new(), 0, 0), |(id, offset)| (id, offset, page.limit));
            let start = Start {
                id: &id,
                is_behind: false,
            };
            let rest = Page { limit, offset };
            return Ok(self.compiled.select_from(way, start, Some(rest), self.dialect));
        }
        Ok(self.compiled.select(way, Some(page), self.dialect))
    }

    /// The statement for all that comes behind an entity, in the order of ids.
    pub(super) fn behind(&self, way: Way, id: &EntityId) -> Statement {
        let start = Start {
            id: id.as_str(),
            is_behind: true,
        };
        self.compiled.select_from(way, start, None, self.dialect)
    }

    /// How many match.
    pub(super) fn count(&self, patience: Patience) -> Result<u64, StoreError> {
        if let Some(r#type) = self.compiled.only_type() {
            return self.selecting.count_of_type(r#type);
        }
        let way = match patience {
            Patience::Little => self.way_to_page(patience)?,
            Patience::Much => self.way_to_any()?,
        };
        let statement = self.compiled.count(way, self.dialect);
        let number = self.selecting.number(&statement, self.names)?;
        u64::try_from(number).map_err(|_| StoreError::Row("a count is negative".to_owned()))
    }
}
