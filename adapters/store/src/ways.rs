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

/// One entity that a condition finds and that is read to be judged takes as long as so many that are walked past: what is found
/// lies anywhere, a walk goes from one end to the other (with a million entities 34 against 1 microseconds each).
const WALKED_INSTEAD_OF_ONE: i64 = 32;

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
        self.least_of(most, most)
    }

    /// The same, where the types are worth another number. What they find lies in the order in which it is read.
    fn least_of(&self, most: i64, most_of_types: i64) -> Result<Option<(Way, i64)>, StoreError> {
        let mut least = None;
        let (mut most, mut most_of_types) = (most, most_of_types);
        for way in self.compiled.ways() {
            // To count what is mostly many is mostly in vain.
            let worth = if way.is_by_types() {
                most_of_types.min(FEW_OF_TYPE.max(most_of_types / 8))
            } else {
                most
            };
            let Some(statement) = self.compiled.estimate(way, worth, self.dialect) else {
                continue;
            };
            let found = self.selecting.number(&statement, self.names)?;
            if found < worth {
                (most, most_of_types) = (found, found);
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
            None if self.compiled.is_judged() => {
                let all = i64::try_from(self.selecting.count_of_all()?).unwrap_or(MANY);
                self.least_of(MANY.min(all / WALKED_INSTEAD_OF_ONE), MANY)?
            }
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

#[cfg(test)]
mod tests {
    use kakehashi_contract::SourceQuery;
    use ngsi_ld::TypeName;
    use ngsi_ld::entity::Geometry;
    use ngsi_ld::query::{Expression, GeoQuery, GeoRelation};

    use super::*;
    use crate::backend::sql::{Binding, compile};
    use crate::backend::sqlite::Sqlite;
    use crate::samples::{name, type_name};

    /// A partition of a million entities of one type, in which every other condition finds so many.
    struct Million {
        found: i64,
    }

    impl Selecting for Million {
        fn names_beyond(&self, known: &NameTable) -> Result<NameTable, StoreError> {
            Ok(known.clone())
        }

        fn look_through(
            &self,
            _: &Statement,
            _: &Arc<NameTable>,
            _: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
        ) -> Result<(), StoreError> {
            Ok(())
        }

        fn look_through_little(
            &self,
            _: &Statement,
            _: &Arc<NameTable>,
            _: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
        ) -> Result<bool, StoreError> {
            Ok(true)
        }

        fn look_through_ids(
            &self,
            _: &Statement,
            _: &Arc<NameTable>,
            _: &mut dyn FnMut(&str) -> ControlFlow<()>,
        ) -> Result<(), StoreError> {
            Ok(())
        }

        /// No more is counted than the statement wants to know.
        fn number(&self, statement: &Statement, _: &Arc<NameTable>) -> Result<i64, StoreError> {
            let is_of_types = statement.text.contains("FROM entity_types");
            let there_are = if is_of_types { 1_000_000 } else { self.found };
            match statement.bindings.last() {
                Some(Binding::Integer(most)) => Ok(there_are.min(*most)),
                _ => panic!("{}", statement.text),
            }
        }

        fn count_of_all(&self) -> Result<u64, StoreError> {
            Ok(1_000_000)
        }

        fn count_of_type(&self, _: &TypeName) -> Result<u64, StoreError> {
            Ok(1_000_000)
        }

        fn place_of_type(&self, _: &TypeName, _: usize) -> Result<Option<(String, usize)>, StoreError> {
            Ok(None)
        }

        fn is_over(&self) -> bool {
            false
        }
    }

    fn way_to_any(query: &SourceQuery, found: i64) -> Way {
        let asking = Asking {
            selecting: &Million { found },
            names: &Arc::default(),
            compiled: &compile(query, &Sqlite),
            dialect: &Sqlite,
            few: Few::USUAL,
        };
        asking.way_to_any().unwrap()
    }

    #[test]
    fn what_a_box_finds_is_read_one_by_one_only_where_a_walk_would_take_longer() {
        let near = SourceQuery {
            geo: Some(Arc::new(GeoQuery {
                relation: GeoRelation::Near {
                    min: None,
                    max: Some(50_000.0),
                },
                geometry: Geometry::point(139.0, 36.5).unwrap().into(),
                property: name(2),
            })),
            ..SourceQuery::of_types(vec![type_name(0)])
        };
        for (found, is_by_box) in [(500, true), (20_000, true), (40_000, false), (337_364, false)] {
            let way = way_to_any(&near, found);
            assert_eq!(way, if is_by_box { Way::By(1) } else { Way::InOrder }, "{found}");
        }
        // What nobody has to judge is counted by its index, without reading an entity.
        let context = r#"{"@context": {"number": "https://example.org/attribute/0"}}"#;
        let context = ngsi_ld::context::Context::from_document(context).unwrap();
        let above = SourceQuery {
            filter: Some(Expression::parse("number>5", &context).unwrap().into()),
            ..SourceQuery::of_types(vec![type_name(0)])
        };
        assert_eq!(way_to_any(&above, 337_364), Way::By(1));
    }
}
