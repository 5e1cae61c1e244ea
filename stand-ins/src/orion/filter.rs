//! The Simple Query Language of NGSI-v2: `q` over attributes, `mq` over their metadata.

use std::cmp::Ordering;

use regex::Regex;

use super::date;
use super::entity::Entity;
use super::error::OrionError;
use super::json::Json;
use super::names::{has_forbidden, is_forbidden};

/// What `q` and `mq` look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Attributes,
    Metadata,
}

/// One statement of a query; a query is their conjunction.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    subject: Subject,
    /// The attribute, then (`mq`) the metadata, then members of the value.
    path: Vec<String>,
    /// A quoted path was seen never to match.
    unmatchable: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Missing,
    In(Vec<Range>),
    NotIn(Vec<Range>),
    Ordered(Literal, fn(Ordering) -> bool),
    /// `None`: the pattern does not compile and matches nothing.
    Matches(Option<Regex>),
}

/// A value, or everything between two.
#[derive(Debug, Clone)]
enum Range {
    One(Literal),
    Between(Literal, Literal),
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    /// A number, or a date-time in seconds: the database does not tell them apart.
    Number(f64),
    Text(String),
}

/// Reads `q` or `mq`.
pub(crate) fn read(subject: Subject, query: &str) -> Result<Vec<Statement>, OrionError> {
    statements(query)
        .into_iter()
        .map(|statement| Statement::read(subject, statement.trim()))
        .collect()
}

/// Splits at `;` outside quotes.
fn statements(query: &str) -> Vec<&str> {
    let mut quoted = false;
    query
        .split(|character| {
            quoted ^= character == '\'';
            character == ';' && !quoted
        })
        .collect()
}

const OPERATORS: [&str; 9] = ["==", "!=", "~=", "<=", ">=", "<", ">", ":", "="];

// === impl Statement ===

impl Statement {
    fn read(subject: Subject, text: &str) -> Result<Self, OrionError> {
        let operator = text
            .char_indices()
            .filter_map(|(at, _)| text.split_at_checked(at))
            .find_map(|(left, rest)| {
                let operator = OPERATORS.iter().find(|name| rest.starts_with(**name))?;
                Some((left, *operator, rest.strip_prefix(operator)?))
            });
        let Some((left, operator, right)) = operator else {
            let (name, test) = match text.strip_prefix('!') {
                Some(name) => (name, Test::Missing),
                None => (text, Test::Exists),
            };
            return Self::new(subject, name, test);
        };
        let right = right.trim();
        if left.contains(|character| is_forbidden(character) && character != '\'') {
            return Err(Self::bad_name(subject));
        }
        // A lone `=` belongs to the name, where it is forbidden.
        if operator == "=" {
            return Err(Self::bad_name(subject));
        }
        if right.is_empty() {
            return Err(OrionError::bad_request("empty right-hand-side in q-item"));
        }
        let ordered = |holds: fn(Ordering) -> bool| Ok::<_, OrionError>(Test::Ordered(literal(right)?, holds));
        let test = match operator {
            "!=" => Test::NotIn(ranges(right)?),
            "~=" => Test::Matches(pattern(right)?),
            "<=" => ordered(Ordering::is_le)?,
            ">=" => ordered(Ordering::is_ge)?,
            "<" => ordered(Ordering::is_lt)?,
            ">" => ordered(Ordering::is_gt)?,
            _ => Test::In(ranges(right)?),
        };
        Self::new(subject, left, test)
    }

    fn new(subject: Subject, name: &str, test: Test) -> Result<Self, OrionError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(OrionError::bad_request("empty left-hand-side in q-item"));
        }
        let unmatchable = name.contains('\'');
        if name.contains(|character| is_forbidden(character) && character != '\'') {
            return Err(Self::bad_name(subject));
        }
        Ok(Self {
            subject,
            path: name.split('.').map(str::to_owned).collect(),
            unmatchable,
            test,
        })
    }

    fn bad_name(subject: Subject) -> OrionError {
        let parameter = match subject {
            Subject::Attributes => "q",
            Subject::Metadata => "mq",
        };
        OrionError::bad_request(format!("invalid character found in URI param /{parameter}/"))
    }

    /// Whether the entity fulfils the statement.
    pub(crate) fn holds(&self, entity: &Entity) -> bool {
        let value = if self.unmatchable { None } else { self.value(entity) };
        match (&self.test, value) {
            (Test::Missing, value) => value.is_none(),
            (_, None) => false,
            (Test::Exists, Some(_)) => true,
            (Test::In(ranges), Some(value)) => value.any(|value| in_ranges(ranges, value)),
            (Test::NotIn(ranges), Some(value)) => !value.any(|value| in_ranges(ranges, value)),
            (Test::Ordered(literal, accepts), Some(value)) => {
                value.any(|value| compared(value, literal).is_some_and(accepts))
            }
            (Test::Matches(pattern), Some(value)) => value.any(|value| match (pattern, value) {
                (Some(pattern), Value::Json(Json::String(text))) => pattern.is_match(text),
                _ => false,
            }),
        }
    }

    fn value<'e>(&self, entity: &'e Entity) -> Option<Value<'e>> {
        let mut path = self.path.iter().map(String::as_str);
        let name = path.next()?;
        let attribute = match (self.subject, name) {
            (Subject::Attributes, "dateCreated") => return Some(Value::Number(entity.created)),
            (Subject::Attributes, "dateModified") => return Some(Value::Number(entity.modified)),
            _ => entity.attributes.get(name)?,
        };
        let (json, comparable) = match self.subject {
            Subject::Attributes => (&attribute.value, attribute.comparable()),
            Subject::Metadata => {
                let metadatum = attribute.metadata.get(path.next()?)?;
                (&metadatum.value, metadatum.comparable())
            }
        };
        let mut json = json;
        let mut comparable = comparable;
        for member in path {
            json = json.get(member)?;
            comparable = json.number();
        }
        Some(comparable.map_or(Value::Json(json), Value::Number))
    }
}

#[derive(Debug, Clone, Copy)]
enum Value<'e> {
    Number(f64),
    Json(&'e Json),
}

// === impl Value ===

impl<'e> Value<'e> {
    /// Tries the value and, if it is a list, each of its items.
    fn any(self, test: impl Fn(Value<'e>) -> bool) -> bool {
        match self {
            Value::Json(Json::Array(items)) => items
                .iter()
                .any(|item| test(item.number().map_or(Value::Json(item), Value::Number))),
            value => test(value),
        }
    }
}

fn in_ranges(ranges: &[Range], value: Value<'_>) -> bool {
    ranges.iter().any(|range| match range {
        Range::One(literal) => compared(value, literal).is_some_and(Ordering::is_eq),
        Range::Between(low, high) => {
            compared(value, low).is_some_and(Ordering::is_ge) && compared(value, high).is_some_and(Ordering::is_le)
        }
    })
}

/// Only values of one kind compare.
fn compared(value: Value<'_>, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::Number(number), Literal::Number(wanted)) => number.partial_cmp(wanted),
        (Value::Json(Json::String(text)), Literal::Text(wanted)) => Some(text.as_str().cmp(wanted.as_str())),
        (Value::Json(Json::Bool(flag)), Literal::Bool(wanted)) => Some(flag.cmp(wanted)),
        (Value::Json(Json::Null), Literal::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

fn ranges(text: &str) -> Result<Vec<Range>, OrionError> {
    let mut quoted = false;
    text.split(|character| {
        quoted ^= character == '\'';
        character == ',' && !quoted
    })
    .map(range)
    .collect()
}

/// Quotes do not keep two dots from making a range; then its ends must be numbers or dates.
fn range(item: &str) -> Result<Range, OrionError> {
    let item = item.trim();
    let forced = item.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let Some((low, high)) = forced.unwrap_or(item).split_once("..") else {
        return Ok(Range::One(literal(item)?));
    };
    let (low, high) = (literal(low)?, literal(high)?);
    let is_end = |literal: &Literal| matches!(literal, Literal::Number(_));
    if forced.is_some() && !(is_end(&low) && is_end(&high)) {
        return Err(OrionError::bad_request("invalid range"));
    }
    Ok(Range::Between(low, high))
}

fn literal(text: &str) -> Result<Literal, OrionError> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('\'') {
        let forced = rest
            .strip_suffix('\'')
            .ok_or_else(|| OrionError::bad_request("non-terminated forced string"))?;
        check_literal(forced)?;
        return Ok(Literal::Text(forced.to_owned()));
    }
    check_literal(text)?;
    Ok(match text {
        "null" => Literal::Null,
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        _ => {
            // Rust also reads "inf" and "nan" as numbers; Orion does not.
            let number = text
                .parse()
                .ok()
                .filter(|_| !text.contains(|letter: char| letter.is_alphabetic() && !matches!(letter, 'e' | 'E')));
            match number.or_else(|| date::parsed(text)) {
                Some(number) => Literal::Number(number),
                None => Literal::Text(text.to_owned()),
            }
        }
    })
}

fn check_literal(text: &str) -> Result<(), OrionError> {
    if has_forbidden(text) || text.contains('|') {
        return Err(OrionError::bad_request("forbidden characters in String Filter"));
    }
    Ok(())
}

fn pattern(text: &str) -> Result<Option<Regex>, OrionError> {
    if has_forbidden(text) {
        return Err(OrionError::bad_request("forbidden characters in String Filter"));
    }
    Ok(Regex::new(text).ok())
}
