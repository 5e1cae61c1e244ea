//! `q` over the rows of [`index`](crate::index): SQL where its meaning is exactly the evaluator's, and
//! otherwise the existence of the attribute, which every condition needs; the rest is left to be judged.

mod matching;

use kakehashi_contract::Coverage;
use ngsi_ld::query::{AttributePath, Comparand, Comparison, Condition as QueryCondition, Expression};

use self::matching::{Match, equal, order, range};
use super::{ANY_ROW, Binding, Condition, Dialect, Statement};
use crate::index::kind;

/// Whole numbers up to here are exact as `f64`, so that SQL compares them as the evaluator does.
pub(super) const EXACT_INTEGERS: u64 = 1 << f64::MANTISSA_DIGITS;

/// Most values that one filter may bind. SQLite takes 32,766 in a statement; what has more is judged.
const MAX_BINDINGS: usize = 8_192;

/// Deepest nesting that becomes SQL: SQLite bounds the depth of an expression.
const MAX_DEPTH: usize = 32;

/// What SQL says of a filter: of each part of a conjunction by itself, since any of them may find what the others then look at.
pub(super) struct Compiled {
    pub(super) conditions: Vec<Condition>,
    /// The parts that SQL does not decide.
    pub(super) left: Vec<Expression>,
    /// What is decided when those are judged, too.
    pub(super) coverage: Coverage,
}

pub(super) fn compile(filter: &Expression, dialect: &dyn Dialect) -> Compiled {
    let parts = match filter {
        Expression::And(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut compiled = Compiled {
        conditions: Vec::with_capacity(parts.len()),
        left: Vec::new(),
        coverage: match parts.iter().any(may_meet_what_is_hidden) {
            true => Coverage::Narrows,
            false => Coverage::Exact,
        },
    };
    let mut bindings = 0;
    for part in parts {
        let mut condition = expression(part, dialect, 0);
        bindings += condition.sql.as_ref().map_or(0, |sql| sql.bindings.len());
        if bindings > MAX_BINDINGS {
            condition = Condition::NONE;
        }
        if condition.coverage != Coverage::Exact {
            compiled.left.push(part.clone());
        }
        compiled.conditions.push(condition);
    }
    compiled
}

/// Whether the answer could be another one for whoever does not see all: of linked entities nothing is known here, and an
/// attribute of an attribute may be a Relationship whose target is hidden. The gateway looks at those again.
fn may_meet_what_is_hidden(filter: &Expression) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(may_meet_what_is_hidden),
        Expression::Condition(QueryCondition { path, comparison }) => {
            let is_within = match path.sub_attributes.as_slice() {
                [] => false,
                [only] if core_term(only.as_str()).is_some() => false,
                [_] if !path.members.is_empty() => false,
                [_] => comparison.as_ref().is_none_or(may_be_met_by_a_uri),
                _ => true,
            };
            is_within || path.linked.is_some()
        }
    }
}

/// Whether what leads to an entity may be as the comparison asks: it equals URIs and texts of the same characters, and has no
/// order and no pattern.
fn may_be_met_by_a_uri(comparison: &Comparison) -> bool {
    match comparison {
        Comparison::Equal { negated, values } => {
            *negated
                || values.iter().any(|value| match value {
                    Comparand::Uri(_) => true,
                    Comparand::String(text) => text.contains(':'),
                    _ => false,
                })
        }
        Comparison::Range { negated, .. } => *negated,
        Comparison::Order { .. } | Comparison::Pattern { .. } => false,
    }
}

fn expression(filter: &Expression, dialect: &dyn Dialect, depth: usize) -> Condition {
    if depth == MAX_DEPTH {
        return Condition::NONE;
    }
    let compile_all = |parts: &[Expression]| -> Vec<Condition> {
        parts.iter().map(|part| expression(part, dialect, depth + 1)).collect()
    };
    match filter {
        Expression::And(parts) => all(compile_all(parts)),
        Expression::Or(parts) => any(compile_all(parts)),
        Expression::Condition(condition) => term(condition, dialect),
    }
}

fn joined(parts: impl Iterator<Item = Statement>, between: &str, is_exact: bool) -> Condition {
    let sql = in_parentheses(Statement::join(parts, between));
    match is_exact {
        true => Condition::exact(sql),
        false => Condition::narrows(sql),
    }
}

/// A part that decides nothing leaves the others to narrow, and any of them finds what they find together.
fn all(mut parts: Vec<Condition>) -> Condition {
    let is_exact = parts.iter().all(|part| part.coverage == Coverage::Exact);
    if parts.iter().all(|part| part.sql.is_none()) {
        return Condition::NONE;
    }
    let keys = parts.iter_mut().find_map(|part| part.keys.take());
    Condition {
        keys,
        ..joined(parts.into_iter().filter_map(|part| part.sql), " AND ", is_exact)
    }
}

/// A part that decides nothing lets every entity through.
fn any(mut parts: Vec<Condition>) -> Condition {
    let is_exact = parts.iter().all(|part| part.coverage == Coverage::Exact);
    let keys: Option<Vec<Statement>> = parts.iter_mut().map(|part| part.keys.take()).collect();
    let Some(sql) = parts.into_iter().map(|part| part.sql).collect::<Option<Vec<_>>>() else {
        return Condition::NONE;
    };
    if sql.is_empty() {
        return Condition::exact(never());
    }
    Condition {
        keys: keys.map(|keys| Statement::join(keys, " UNION ALL ")),
        ..joined(sql.into_iter(), " OR ", is_exact)
    }
}

fn in_parentheses(inner: Statement) -> Statement {
    let mut sql = Statement::text("(");
    sql.append(inner);
    sql.push(")");
    sql
}

/// Where the core context puts its terms.
const CORE: &str = "https://uri.etsi.org/ngsi-ld/";

/// The attributes that have no rows because they are dates of the system or members of an instance.
fn core_term(name: &str) -> Option<&str> {
    name.strip_prefix(CORE).filter(|term| {
        matches!(
            *term,
            "observedAt" | "createdAt" | "modifiedAt" | "deletedAt" | "expiresAt" | "unitCode" | "datasetId"
        )
    })
}

/// What the rows of a condition are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The values of an attribute.
    Value,
    /// `observedAt` of its instances.
    ObservedAt,
}

fn term(condition: &QueryCondition, dialect: &dyn Dialect) -> Condition {
    let AttributePath {
        attribute,
        sub_attributes,
        members,
        linked,
    } = &condition.path;
    let name = attribute.as_str();
    if core_term(name).is_some() {
        return Condition::NONE;
    }
    if linked.is_some() {
        return Condition::narrows(has_attribute(name));
    }
    let target = match sub_attributes.as_slice() {
        [] if members.is_empty() => Target::Value,
        [only] if members.is_empty() && core_term(only.as_str()) == Some("observedAt") => Target::ObservedAt,
        _ => return Condition::narrows(has_attribute(name)),
    };
    let Some(comparison) = &condition.comparison else {
        return Condition::exact(exists(name, target));
    };
    match comparison {
        Comparison::Pattern { .. } if target == Target::ObservedAt => Condition::exact(never()),
        // Positive or negated, a pattern needs a text.
        Comparison::Pattern { .. } => {
            let text = Statement::text(&format!("v.kind = {} AND v.element <= 0", kind::STRING));
            Condition::narrows(any_row(name, &text))
        }
        Comparison::Equal { negated, values } => compare(name, target, *negated, equal(values, target)),
        Comparison::Range { negated, from, to } => compare(name, target, *negated, range(from, to, target, dialect)),
        Comparison::Order { operator, value } => compare(name, target, false, order(*operator, value, target, dialect)),
    }
}

fn compare(name: &str, target: Target, negated: bool, matching: Match) -> Condition {
    match (matching, negated) {
        (Match::Unsure, _) => Condition::narrows(exists(name, target)),
        (Match::Never, false) => Condition::exact(never()),
        (Match::Never, true) => Condition::exact(exists(name, target)),
        (Match::Row(row), false) => Condition {
            keys: Some(keys(name, &row)),
            are_keys_exact: true,
            ..Condition::exact(any_row(name, &row))
        },
        (Match::Row(row), true) => {
            let mut sql = head(name, target);
            sql.push(
                " AND NOT EXISTS (SELECT 1 FROM attribute_values v \
                 WHERE v.entity = h.entity AND v.name = h.name AND v.instance = h.instance AND ",
            );
            sql.append(of_one_entity(&row));
            sql.push(")");
            sql.push(ANY_ROW);
            Condition::exact(sql)
        }
    }
}

fn never() -> Statement {
    Statement::text("1 = 0")
}

/// The attribute exists, whatever its value.
pub(super) fn has_attribute(name: &str) -> Statement {
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM attribute_values h WHERE h.entity = e.key AND h.name = ");
    push_name(&mut sql, name);
    sql.push(ANY_ROW);
    sql
}

/// The attribute is a number, in one of its instances.
pub(super) fn has_a_number(name: &str) -> Statement {
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM attribute_values o WHERE o.entity = e.key AND o.name = ");
    push_name(&mut sql, name);
    sql.push(&format!(" AND o.element = 0 AND +o.kind = {}", kind::NUMBER));
    sql.push(ANY_ROW);
    sql
}

/// The row `o` is the number of an entity's attribute that comes first of all numbers of its instances.
pub(super) fn is_foremost_number(name: &str, is_descending: bool, below: Option<f64>) -> Statement {
    let mut sql = Statement::text("o.name = ");
    push_name(&mut sql, name);
    sql.push(&format!(
        " AND o.kind = {} AND o.number IS NOT NULL AND o.element = 0",
        kind::NUMBER
    ));
    if let Some(below) = below {
        sql.push(" AND o.number > ");
        sql.bind(Binding::Number(-below));
        sql.push(" AND o.number < ");
        sql.bind(Binding::Number(below));
    }
    sql.push(&format!(
        " AND NOT EXISTS (SELECT 1 FROM attribute_values p WHERE p.entity = o.entity AND p.name = o.name \
         AND p.element = 0 AND +p.kind = {} \
         AND (p.number {} o.number OR (p.number = o.number AND p.instance < o.instance)) LIMIT 1)",
        kind::NUMBER,
        if is_descending { ">" } else { "<" },
    ));
    sql
}

/// Whether an attribute has a number at the ends from a magnitude on: below, and above.
pub(super) fn has_numbers_beyond(name: &str, magnitude: f64, below: bool, above: bool) -> Statement {
    let mut sql = Statement::text("SELECT 0");
    for (is_asked, operator, bound) in [(below, "<=", -magnitude), (above, ">=", magnitude)] {
        if is_asked {
            sql.push(" OR EXISTS (SELECT 1 FROM attribute_values o WHERE o.name = ");
            push_name(&mut sql, name);
            sql.push(&format!(" AND o.kind = {} AND o.number {operator} ", kind::NUMBER));
            sql.bind(Binding::Number(bound));
            sql.push(ANY_ROW);
        }
    }
    sql
}

/// The target exists: `q` finds something in the attribute.
fn exists(name: &str, target: Target) -> Statement {
    let mut sql = head(name, target);
    sql.push(ANY_ROW);
    sql
}

/// An instance that has the target, up to its end.
fn head(name: &str, target: Target) -> Statement {
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM attribute_values h WHERE h.entity = e.key AND h.name = ");
    push_name(&mut sql, name);
    sql.push(&match target {
        Target::Value => format!(" AND h.element = 0 AND h.kind <> {}", kind::NOTHING),
        Target::ObservedAt => format!(" AND h.kind = {}", kind::OBSERVED_AT),
    });
    sql
}

/// The entity has a row of the attribute that is as `row` says.
fn any_row(name: &str, row: &Statement) -> Statement {
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM attribute_values v WHERE v.entity = e.key AND v.name = ");
    push_name(&mut sql, name);
    sql.push(" AND ");
    sql.append(of_one_entity(row));
    sql.push(ANY_ROW);
    sql
}

/// The entities that have such a row, as the index on values finds them.
fn keys(name: &str, row: &Statement) -> Statement {
    let mut sql = Statement::text("SELECT v.entity FROM attribute_values v WHERE v.name = ");
    push_name(&mut sql, name);
    sql.push(" AND ");
    sql.append_shared(row);
    sql
}

/// The same of the few rows of one entity, so that no index on values is looked through for each entity anew: without
/// statistics, which nobody has made of a partition that entities are written to one by one, SQLite would (29 ms for a page of
/// 1,000 entities, where the rows themselves take 0.5).
fn of_one_entity(row: &Statement) -> Statement {
    Statement {
        text: row.text.replace("v.kind", "+v.kind"),
        ..row.clone()
    }
}

fn push_name(sql: &mut Statement, name: &str) {
    sql.push("(SELECT n.key FROM names n WHERE n.name = ");
    sql.bind_text(name);
    sql.push(")");
}
