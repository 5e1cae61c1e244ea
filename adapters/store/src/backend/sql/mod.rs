//! From a [`SourceQuery`] to SQL: pure, no I/O.
//!
//! Every condition becomes a piece of SQL that at least all matching entities fulfil, together with what it
//! decides ([`Coverage`]): exactly what the evaluator in `ngsi_ld::query` would, or only that what it leaves
//! out is out. What SQL leaves open is [judged](crate::judged) where the statement runs, for each entity that meets everything
//! else. Texts of a query are bound, never written into the statement; the statement's text depends on
//! the shape of the query alone, so that a database's prepared statements are found again.
//!
//! A condition may also find entities by itself, by an index. Which [`Way`] is taken is for whoever runs it to say: it
//! changes no answer.
//!
//! Every backend that speaks SQL has the same tables, and what differs between them is behind [`Dialect`].

mod compiled;
mod dialect;
mod filter;
mod geo;
mod id_pattern;
mod scope;
mod statement;

use std::sync::Arc;

use ngsi_ld::{AttributeName, TypeName};

pub(crate) use self::compiled::{Compiled, Start, Way};
pub(crate) use self::dialect::Dialect;
pub(crate) use self::statement::{Binding, Statement};
use crate::judged::{Judged, Left};
use kakehashi_contract::{Coverage, PushDown, SourceQuery};

/// A piece of SQL that is true at least for all entities that match, and what it decides.
struct Condition {
    /// About the entity `e`; `None`: no entity is left out.
    sql: Option<Statement>,
    /// A query for the keys of entities, at least of all that match: how an index finds them. They may come more than once.
    keys: Option<Statement>,
    /// Whether those are the entities that match, and no others.
    are_keys_exact: bool,
    coverage: Coverage,
}

impl Condition {
    /// Nothing is decided.
    const NONE: Self = Self {
        sql: None,
        keys: None,
        are_keys_exact: false,
        coverage: Coverage::None,
    };

    fn exact(sql: Statement) -> Self {
        Self {
            sql: Some(sql),
            keys: None,
            are_keys_exact: false,
            coverage: Coverage::Exact,
        }
    }

    fn narrows(sql: Statement) -> Self {
        Self {
            coverage: Coverage::Narrows,
            ..Self::exact(sql)
        }
    }

    /// Whether something is left to be judged.
    fn leaves_something(&self) -> bool {
        self.coverage != Coverage::Exact
    }
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
    let mut left = Left::default();
    let mut conditions = vec![types(query, dialect)];
    let mut ranges: Vec<Statement> = ids(query, dialect).into_iter().collect();
    if let Some(pattern) = &query.id_pattern {
        let condition = id_pattern::compile(pattern, dialect);
        left.id_pattern = condition.leaves_something().then(|| pattern.clone());
        ranges.extend(condition.sql);
    }
    conditions.extend(any_attribute(&query.any_attribute, dialect));
    let mut of_filter = Coverage::Exact;
    if let Some(filter) = &query.filter {
        let compiled = filter::compile(filter, dialect);
        of_filter = compiled.coverage;
        left.filter = compiled.left;
        conditions.extend(compiled.conditions);
    }
    if let Some(scope) = &query.scope {
        let condition = scope::compile(scope, dialect);
        left.scope = condition.leaves_something().then(|| Arc::clone(scope));
        conditions.push(condition);
    }
    if let Some(geo) = &query.geo {
        let condition = geo::compile(geo, dialect);
        left.geo = condition.leaves_something().then(|| Arc::clone(geo));
        conditions.push(condition);
    }
    let is_of_type_alone = conditions.len() == 1 && ranges.is_empty() && left.id_pattern.is_none();
    let only_type = query
        .types
        .first()
        .filter(|_| is_of_type_alone && query.types.len() == 1);
    Compiled {
        ranges,
        finds_few: !query.ids.is_empty(),
        only_type: only_type.cloned(),
        judged: Judged::of(left, query).map(Arc::new),
        conditions,
        push_down: PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
            any_attribute: Coverage::Exact,
            filter: of_filter,
            geo: Coverage::Exact,
            scope: Coverage::Exact,
        },
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

/// Which entities have one of the types. Types are few and their entities many, so that each candidate is mostly
/// looked up: a set of all entities of a type took 34 ms among 100,000, this takes none that is felt.
fn types(query: &SourceQuery, dialect: &dyn Dialect) -> Condition {
    let is_one = |sql: &mut Statement| is_any_name(sql, query.types.iter().map(TypeName::as_str), dialect);
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM entity_types t WHERE t.entity = e.key AND t.type ");
    is_one(&mut sql);
    sql.push(ANY_ROW);
    let mut keys = Statement::text("SELECT t.entity FROM entity_types t WHERE t.type ");
    is_one(&mut keys);
    Condition {
        keys: Some(keys),
        are_keys_exact: true,
        ..Condition::exact(sql)
    }
}

fn any_attribute(names: &[AttributeName], dialect: &dyn Dialect) -> Option<Condition> {
    if names.is_empty() {
        return None;
    }
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM attribute_values v WHERE v.entity = e.key AND v.name ");
    is_any_name(&mut sql, names.iter().map(AttributeName::as_str), dialect);
    sql.push(ANY_ROW);
    Some(Condition::exact(sql))
}

/// Whole numbers up to here are exact as they stand in rows, so that their order is that of the rows.
#[expect(clippy::cast_precision_loss, reason = "a power of two")]
pub(crate) const EXACT_NUMBERS: f64 = filter::EXACT_INTEGERS as f64;

/// The statement that tells whether an attribute has a number of so great a magnitude: a negative one, a positive one.
pub(crate) fn has_numbers_beyond(
    name: &AttributeName,
    magnitude: f64,
    (below, above): (bool, bool),
    dialect: &dyn Dialect,
) -> Statement {
    filter::has_numbers_beyond(name.as_str(), magnitude, below, above).finish(dialect)
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
