//! From a [`SourceQuery`] to SQL: pure, no I/O.
//!
//! Every condition becomes a piece of SQL that at least all matching entities fulfil, together with what it
//! decides ([`Coverage`]): exactly what the evaluator in `ngsi_ld::query` would, or only that what it leaves
//! out is out. Texts of a query are bound, never written into the statement; the statement's text depends on
//! the shape of the query alone, so that a database's prepared statements are found again.
//!
//! Every backend that speaks SQL has the same tables, and what differs between them is behind [`Dialect`].

mod dialect;
mod filter;
mod geo;
mod id_pattern;
mod scope;
mod statement;

use ngsi_ld::{AttributeName, EntityId, TypeName};

pub(crate) use self::dialect::Dialect;
pub(crate) use self::statement::{Binding, Statement};
use kakehashi_contract::{Coverage, Page, PushDown, SourceQuery};

/// A piece of SQL that is true at least for all entities that match, and what it decides.
struct Condition {
    /// `None`: no entity is left out.
    sql: Option<Statement>,
    coverage: Coverage,
}

impl Condition {
    /// Nothing is decided.
    const NONE: Self = Self {
        sql: None,
        coverage: Coverage::None,
    };

    /// There is no condition.
    const ABSENT: Self = Self {
        sql: None,
        coverage: Coverage::Exact,
    };

    fn exact(sql: Statement) -> Self {
        Self {
            sql: Some(sql),
            coverage: Coverage::Exact,
        }
    }

    fn narrows(sql: Statement) -> Self {
        Self {
            sql: Some(sql),
            coverage: Coverage::Narrows,
        }
    }
}

/// How many entities a condition on values will be tried on, as far as the query's shape tells. Neither way
/// changes what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Candidates {
    /// Ids or an area leave few: each is looked at.
    Few,
    /// In the order of ids, until a page is full: each is looked at, unless the condition alone finds few.
    Page,
    /// All of them: the index on values finds those that match.
    All,
}

impl Candidates {
    /// Of everything that matches, not of one page.
    fn of(query: &SourceQuery) -> Self {
        let is_narrow = !query.ids.is_empty() || query.geo.as_deref().is_some_and(geo::narrows_to_an_area);
        if is_narrow { Self::Few } else { Self::All }
    }
}

/// A query as far as SQL can say it.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// What follows `WHERE`, about the entity `e`.
    conditions: Statement,
    /// What it decides.
    pub(crate) push_down: PushDown,
    /// The query, where a page of it is found by conditions that say the same in another way: they are compiled for whoever
    /// wants one.
    of_page: Option<Box<SourceQuery>>,
}

/// The end of every `EXISTS`. The limit says what is meant anyway; without it SQLite (3.51) turns the subquery
/// into a join, and with an `OFFSET` an entity that has two of the types then came twice.
const ANY_ROW: &str = " LIMIT 1)";

/// The columns that [`Compiled::select`] asks for, in order. Dates rest without their `Z`, so that they sort.
pub(crate) const COLUMNS: &str = "e.id, e.created_at || 'Z', e.modified_at || 'Z', e.body";

/// Every entity, in no order.
pub(crate) fn everything() -> Statement {
    Statement::text(&format!("SELECT {COLUMNS} FROM entities e"))
}

/// Compiles the conditions of a query, and says what they decide.
pub(crate) fn compile(query: &SourceQuery, dialect: &dyn Dialect) -> Compiled {
    let candidates = Candidates::of(query);
    let (conditions, push_down) = conditions(query, candidates, dialect);
    let has_ways = query.filter.is_some() || query.scope.is_some();
    let differs = candidates == Candidates::All && has_ways && push_down.is_exact();
    Compiled {
        conditions,
        push_down,
        of_page: differs.then(|| Box::new(query.clone())),
    }
}

/// What follows `WHERE`, and what it decides.
fn conditions(query: &SourceQuery, candidates: Candidates, dialect: &dyn Dialect) -> (Statement, PushDown) {
    let id_pattern = query
        .id_pattern
        .as_ref()
        .map_or(Condition::ABSENT, |pattern| id_pattern::compile(pattern, dialect));
    let any_attribute = any_attribute(&query.any_attribute, dialect);
    let filter = query
        .filter
        .as_ref()
        .map_or(Condition::ABSENT, |filter| filter::compile(filter, candidates, dialect));
    let geo = query
        .geo
        .as_ref()
        .map_or(Condition::ABSENT, |geo| geo::compile(geo, dialect));
    let scope = query
        .scope
        .as_ref()
        .map_or(Condition::ABSENT, |scope| scope::compile(scope, candidates, dialect));
    let push_down = PushDown {
        selection: Coverage::Exact,
        id_pattern: id_pattern.coverage,
        any_attribute: any_attribute.coverage,
        filter: filter.coverage,
        geo: geo.coverage,
        scope: scope.coverage,
    };
    let parts = [
        ids(query, dialect),
        Some(types(query, dialect)),
        id_pattern.sql,
        any_attribute.sql,
        filter.sql,
        geo.sql,
        scope.sql,
    ];
    (Statement::join(parts.into_iter().flatten(), " AND "), push_down)
}

impl Compiled {
    /// The statement that selects the candidates, ordered by id: all of them, or a page.
    pub(crate) fn select(&self, page: Option<Page>, dialect: &dyn Dialect) -> Statement {
        let of_page = page.and(self.of_page.as_deref());
        let of_page = of_page.map(|query| conditions(query, Candidates::Page, dialect).0);
        Self::selecting(of_page.as_ref().unwrap_or(&self.conditions), page, dialect)
    }

    /// The same page, found by the conditions and not by the order: what is short where few entities meet them. `None`: there is
    /// but one way.
    pub(crate) fn select_by_conditions(&self, page: Page, dialect: &dyn Dialect) -> Option<Statement> {
        self.of_page.as_ref()?;
        Some(Self::selecting(&self.conditions, Some(page), dialect))
    }

    fn selecting(conditions: &Statement, page: Option<Page>, dialect: &dyn Dialect) -> Statement {
        let mut statement = Statement::text("SELECT ");
        statement.push(COLUMNS);
        statement.push(" FROM entities e WHERE ");
        statement.append_shared(conditions);
        statement.push(" ORDER BY ");
        dialect.by_code_points(&mut statement, "e.id");
        if let Some(page) = page {
            statement.push(" LIMIT ");
            statement.bind(Binding::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX)));
            statement.push(" OFFSET ");
            statement.bind(Binding::Integer(i64::try_from(page.offset).unwrap_or(i64::MAX)));
        }
        statement.finish(dialect)
    }

    /// The statement that selects the candidates behind one, ordered by id.
    pub(crate) fn select_behind(&self, id: &EntityId, dialect: &dyn Dialect) -> Statement {
        let mut statement = Statement::text("SELECT ");
        statement.push(COLUMNS);
        statement.push(" FROM entities e WHERE ");
        dialect.by_code_points(&mut statement, "e.id");
        statement.push(" > ");
        statement.bind_text(id.as_str());
        statement.push(" AND ");
        statement.append_shared(&self.conditions);
        statement.push(" ORDER BY ");
        dialect.by_code_points(&mut statement, "e.id");
        statement.finish(dialect)
    }

    /// The statement that counts the matching entities.
    pub(crate) fn count(&self, dialect: &dyn Dialect) -> Statement {
        let mut statement = Statement::text("SELECT count(*) FROM entities e WHERE ");
        statement.append_shared(&self.conditions);
        statement.finish(dialect)
    }
}

fn ids(query: &SourceQuery, dialect: &dyn Dialect) -> Option<Statement> {
    if query.ids.is_empty() {
        return None;
    }
    let mut sql = Statement::text("e.id ");
    dialect.is_any_of(&mut sql, &mut query.ids.iter().map(ngsi_ld::EntityId::as_str));
    Some(sql)
}

/// Which entities have one of the types. Types are few and their entities many, so that each candidate is
/// looked up: a set of all entities of a type took 34 ms among 100,000, this takes none that is felt.
fn types(query: &SourceQuery, dialect: &dyn Dialect) -> Statement {
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM entity_types t WHERE t.entity = e.key AND t.type ");
    is_any_name(&mut sql, query.types.iter().map(TypeName::as_str), dialect);
    sql.push(ANY_ROW);
    sql
}

fn any_attribute(names: &[AttributeName], dialect: &dyn Dialect) -> Condition {
    if names.is_empty() {
        return Condition::ABSENT;
    }
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM attribute_values v WHERE v.entity = e.key AND v.name ");
    is_any_name(&mut sql, names.iter().map(AttributeName::as_str), dialect);
    sql.push(ANY_ROW);
    Condition::exact(sql)
}

/// `= (the number of the name)` or `IN (the numbers of the names)`. A name without a number equals nothing.
fn is_any_name<'a>(sql: &mut Statement, mut names: impl ExactSizeIterator<Item = &'a str>, dialect: &dyn Dialect) {
    sql.push(if names.len() == 1 { "= " } else { "IN " });
    sql.push("(SELECT n.key FROM names n WHERE n.name ");
    dialect.is_any_of(sql, &mut names);
    sql.push(")");
}

#[cfg(test)]
mod tests;
