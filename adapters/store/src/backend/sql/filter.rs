//! `q` over the rows of [`index`](crate::index): SQL where its meaning is exactly the evaluator's, and
//! otherwise the existence of the attribute, which every condition needs.

use ngsi_ld::entity::{Number, TemporalType};
use ngsi_ld::query::{AttributePath, Comparand, Comparison, Condition as QueryCondition, Expression, Operator};

use super::{ANY_ROW, Binding, Candidates, Condition, Dialect, Statement};
use crate::index::{date_time_key, kind, time_key};
use kakehashi_contract::Coverage;

/// Whole numbers up to here are exact as `f64`, so that SQL compares them as the evaluator does.
const EXACT_INTEGERS: u64 = 1 << f64::MANTISSA_DIGITS;

/// Most values that one filter may bind. SQLite takes 32,766 in a statement; a filter with more is evaluated
/// by the gateway.
const MAX_BINDINGS: usize = 8_192;

/// Deepest nesting that becomes SQL: SQLite bounds the depth of an expression.
const MAX_DEPTH: usize = 32;

pub(super) fn compile(filter: &Expression, candidates: Candidates, dialect: &dyn Dialect) -> Condition {
    let condition = expression(filter, candidates, dialect, 0);
    match &condition.sql {
        Some(sql) if sql.bindings.len() > MAX_BINDINGS => Condition::NONE,
        _ => condition,
    }
}

fn expression(filter: &Expression, candidates: Candidates, dialect: &dyn Dialect, depth: usize) -> Condition {
    if depth == MAX_DEPTH {
        return Condition::NONE;
    }
    let compile_all = |parts: &[Expression]| -> Vec<Condition> {
        parts
            .iter()
            .map(|part| expression(part, candidates, dialect, depth + 1))
            .collect()
    };
    match filter {
        Expression::And(parts) => all(compile_all(parts)),
        Expression::Or(parts) => any(compile_all(parts)),
        Expression::Condition(condition) => term(condition, candidates, dialect),
    }
}

/// A part that decides nothing leaves the others to narrow.
fn all(parts: Vec<Condition>) -> Condition {
    let is_exact = parts.iter().all(|part| part.coverage == Coverage::Exact);
    let sql: Vec<Statement> = parts.into_iter().filter_map(|part| part.sql).collect();
    if sql.is_empty() {
        return Condition::NONE;
    }
    let joined = in_parentheses(Statement::join(sql, " AND "));
    if is_exact {
        Condition::exact(joined)
    } else {
        Condition::narrows(joined)
    }
}

/// A part that decides nothing lets every entity through.
fn any(parts: Vec<Condition>) -> Condition {
    let is_exact = parts.iter().all(|part| part.coverage == Coverage::Exact);
    let Some(sql) = parts.into_iter().map(|part| part.sql).collect::<Option<Vec<_>>>() else {
        return Condition::NONE;
    };
    if sql.is_empty() {
        return Condition::exact(never());
    }
    let joined = in_parentheses(Statement::join(sql, " OR "));
    if is_exact {
        Condition::exact(joined)
    } else {
        Condition::narrows(joined)
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

fn term(condition: &QueryCondition, candidates: Candidates, dialect: &dyn Dialect) -> Condition {
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
            Condition::narrows(any_row(name, text, candidates != Candidates::All))
        }
        Comparison::Equal { negated, values } => {
            let finds_few = !values.iter().any(|value| matches!(value, Comparand::Boolean(_)));
            let one_by_one = candidates == Candidates::Few || (candidates == Candidates::Page && !finds_few);
            compare(name, target, *negated, equal(values, target), one_by_one)
        }
        Comparison::Range { negated, from, to } => {
            let one_by_one = candidates != Candidates::All;
            compare(name, target, *negated, range(from, to, target, dialect), one_by_one)
        }
        Comparison::Order { operator, value } => {
            let one_by_one = candidates != Candidates::All;
            compare(
                name,
                target,
                false,
                order(*operator, value, target, dialect),
                one_by_one,
            )
        }
    }
}

/// What SQL says of a row of the alias `v`.
enum Match {
    /// No row can match: the types differ.
    Never,
    /// The row matches.
    Row(Statement),
    /// SQL would not decide as the evaluator does.
    Unsure,
}

/// `one_by_one`: each candidate is looked at, rather than the index on values.
fn compare(name: &str, target: Target, negated: bool, matching: Match, one_by_one: bool) -> Condition {
    match (matching, negated) {
        (Match::Unsure, _) => Condition::narrows(exists(name, target)),
        (Match::Never, false) => Condition::exact(never()),
        (Match::Never, true) => Condition::exact(exists(name, target)),
        (Match::Row(row), false) => Condition::exact(any_row(name, row, one_by_one)),
        (Match::Row(row), true) => {
            let mut sql = head(name, target);
            sql.push(
                " AND NOT EXISTS (SELECT 1 FROM attribute_values v \
                 WHERE v.entity = h.entity AND v.name = h.name AND v.instance = h.instance AND ",
            );
            sql.append(of_one_entity(row));
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
fn any_row(name: &str, row: Statement, one_by_one: bool) -> Statement {
    let mut sql = Statement::text(if one_by_one {
        "EXISTS (SELECT 1 FROM attribute_values v WHERE v.entity = e.key AND v.name = "
    } else {
        "e.key IN (SELECT v.entity FROM attribute_values v WHERE v.name = "
    });
    push_name(&mut sql, name);
    sql.push(" AND ");
    sql.append(if one_by_one { of_one_entity(row) } else { row });
    sql.push(if one_by_one { ANY_ROW } else { ")" });
    sql
}

/// The same of the few rows of one entity, so that no index on values is looked through for each entity anew: without
/// statistics, which nobody has made of a partition that entities are written to one by one, SQLite would (29 ms for a page of
/// 1,000 entities, where the rows themselves take 0.5).
fn of_one_entity(row: Statement) -> Statement {
    Statement {
        text: row.text.replace("v.kind", "+v.kind"),
        ..row
    }
}

fn push_name(sql: &mut Statement, name: &str) {
    sql.push("(SELECT n.key FROM names n WHERE n.name = ");
    sql.bind_text(name);
    sql.push(")");
}

/// A comparand as the rows hold it.
struct Key {
    /// Which kinds of rows may equal it.
    equal_kinds: &'static [i64],
    /// Which kind of row has an order with it.
    ordered_kind: Option<i64>,
    column: Column,
    binding: Binding,
}

/// The column that holds a value.
#[derive(Debug, Clone, Copy)]
enum Column {
    Text,
    Number,
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
        }
    }
}

impl Key {
    /// `Err`: `Never` or `Unsure`.
    fn of(value: &Comparand, target: Target) -> Result<Self, Match> {
        if target == Target::ObservedAt {
            return match value {
                Comparand::DateTime(date) => Ok(Self::text(
                    &[kind::OBSERVED_AT],
                    Some(kind::OBSERVED_AT),
                    date_time_key(date),
                )),
                _ => Err(Match::Never),
            };
        }
        Ok(match value {
            // A text equals a URI of the same characters, but has no order with it.
            Comparand::String(text) => Self::text(&[kind::STRING, kind::URI], Some(kind::STRING), text.to_string()),
            Comparand::Uri(uri) => Self::text(&[kind::STRING, kind::URI], None, uri.as_str().to_owned()),
            Comparand::Number(Number::Integer(integer)) if integer.unsigned_abs() >= EXACT_INTEGERS => {
                return Err(Match::Unsure);
            }
            Comparand::Number(number) => Self::number(&[kind::NUMBER], Some(kind::NUMBER), number.as_f64()),
            Comparand::Boolean(boolean) => Self::number(&[kind::BOOLEAN], None, f64::from(u8::from(*boolean))),
            Comparand::DateTime(date) => Self::text(&[kind::DATE_TIME], Some(kind::DATE_TIME), date_time_key(date)),
            Comparand::Temporal { r#type, value } => match r#type {
                TemporalType::Date => Self::text(&[kind::DATE], Some(kind::DATE), value.to_string()),
                TemporalType::Time => Self::text(&[kind::TIME], Some(kind::TIME), time_key(value)),
            },
        })
    }

    fn text(equal_kinds: &'static [i64], ordered_kind: Option<i64>, text: String) -> Self {
        Self {
            equal_kinds,
            ordered_kind,
            column: Column::Text,
            binding: Binding::Text(text),
        }
    }

    fn number(equal_kinds: &'static [i64], ordered_kind: Option<i64>, number: f64) -> Self {
        Self {
            equal_kinds,
            ordered_kind,
            column: Column::Number,
            binding: Binding::Number(number),
        }
    }
}

/// Any of the values, in any element.
fn equal(values: &[Comparand], target: Target) -> Match {
    // Values of one kind share an IN list.
    let mut lists: Vec<(&'static [i64], Column, Vec<Binding>)> = Vec::new();
    for value in values {
        let key = match Key::of(value, target) {
            Ok(key) => key,
            Err(Match::Never) => continue,
            Err(unsure) => return unsure,
        };
        match lists.iter_mut().find(|(kinds, ..)| *kinds == key.equal_kinds) {
            Some((_, _, bindings)) => bindings.push(key.binding),
            None => lists.push((key.equal_kinds, key.column, vec![key.binding])),
        }
    }
    if lists.is_empty() {
        return Match::Never;
    }
    let rows = lists.into_iter().map(|(kinds, column, bindings)| {
        let kinds: Vec<String> = kinds.iter().map(i64::to_string).collect();
        let mut sql = Statement::text(&format!("v.kind IN ({}) AND v.{} ", kinds.join(", "), column.name()));
        push_list(&mut sql, bindings);
        sql
    });
    Match::Row(in_parentheses(Statement::join(rows, " OR ")))
}

/// `= ?` or `IN (?, ...)`. Longer lists repeat their last value up to a power of two, so that few texts of
/// statements serve lists of every length.
fn push_list(sql: &mut Statement, bindings: Vec<Binding>) {
    let Some(last) = bindings.last().cloned() else {
        return;
    };
    let length = bindings.len();
    sql.push(if length == 1 { "= " } else { "IN (" });
    let padding = std::iter::repeat_n(last, length.next_power_of_two() - length);
    for (position, binding) in bindings.into_iter().chain(padding).enumerate() {
        if position > 0 {
            sql.push(", ");
        }
        sql.bind(binding);
    }
    if length > 1 {
        sql.push(")");
    }
}

/// Both ends, which must be of one type, in a single value.
fn range(from: &Comparand, to: &Comparand, target: Target, dialect: &dyn Dialect) -> Match {
    let (from, to) = match (Key::of(from, target), Key::of(to, target)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(Match::Unsure), _) | (_, Err(Match::Unsure)) => return Match::Unsure,
        _ => return Match::Never,
    };
    match (from.ordered_kind, to.ordered_kind) {
        (Some(kind), Some(other)) if kind == other => {
            let mut sql = Statement::text(&format!("v.kind = {kind}{} AND ", single(target)));
            push_ordered(&mut sql, from.column, dialect);
            sql.push(" >= ");
            sql.bind(from.binding);
            sql.push(" AND ");
            push_ordered(&mut sql, to.column, dialect);
            sql.push(" <= ");
            sql.bind(to.binding);
            Match::Row(sql)
        }
        _ => Match::Never,
    }
}

fn order(operator: Operator, value: &Comparand, target: Target, dialect: &dyn Dialect) -> Match {
    let key = match Key::of(value, target) {
        Ok(key) => key,
        Err(other) => return other,
    };
    let Some(kind) = key.ordered_kind else {
        return Match::Never;
    };
    let operator = match operator {
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
    };
    let mut sql = Statement::text(&format!("v.kind = {kind}{} AND ", single(target)));
    push_ordered(&mut sql, key.column, dialect);
    sql.push(&format!(" {operator} "));
    sql.bind(key.binding);
    Match::Row(sql)
}

/// A column of values, in their order.
fn push_ordered(sql: &mut Statement, column: Column, dialect: &dyn Dialect) {
    match column {
        Column::Text => dialect.by_code_points(sql, "v.text"),
        Column::Number => sql.push("v.number"),
    }
}

/// Order and range look at single values, not at the elements of an array.
fn single(target: Target) -> &'static str {
    match target {
        Target::Value => " AND v.element <= 0",
        Target::ObservedAt => "",
    }
}
