//! What a comparison says of one row of the index: which kinds of rows, and which values of theirs, are as it asks.

use ngsi_ld::entity::{Number, TemporalType};
use ngsi_ld::query::{Comparand, Operator};

use super::{Binding, Dialect, EXACT_INTEGERS, Statement, Target, in_parentheses};
use crate::index::{date_time_key, kind, time_key};

/// What SQL says of a row of the alias `v`.
pub(super) enum Match {
    /// No row can match: the types differ.
    Never,
    /// The row matches.
    Row(Statement),
    /// SQL would not decide as the evaluator does.
    Unsure,
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
pub(super) fn equal(values: &[Comparand], target: Target) -> Match {
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
pub(super) fn range(from: &Comparand, to: &Comparand, target: Target, dialect: &dyn Dialect) -> Match {
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

pub(super) fn order(operator: Operator, value: &Comparand, target: Target, dialect: &dyn Dialect) -> Match {
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
