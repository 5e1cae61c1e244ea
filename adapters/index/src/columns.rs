//! The values of one attribute in the order of each of their types, so that those that a comparison may be met by are found
//! without looking at all. What has no order of its own, or is looked at in several ways, is always among them: the evaluator
//! decides.

use std::mem::size_of;

use compact_str::CompactString;
use ngsi_ld::entity::{AttributeValue, DateTime, Value};
use ngsi_ld::query::{Comparand, Comparison, Condition, Operator};
use ngsi_ld::{AttributeName, Entity};

/// The values of one attribute, each with the number of its entity.
#[derive(Debug, Default)]
pub(crate) struct Column {
    numbers: Vec<(f64, u32)>,
    texts: Vec<(CompactString, u32)>,
    dates: Vec<(DateTime, u32)>,
    booleans: Vec<(bool, u32)>,
    /// Entities with any other value: lists, objects, links, texts in several languages, dates without a time.
    others: Vec<u32>,
}

/// Entities that may meet a comparison, in parts of a column.
#[derive(Debug, Default)]
pub(crate) struct MayMeet<'c> {
    numbers: Vec<&'c [(f64, u32)]>,
    texts: Vec<&'c [(CompactString, u32)]>,
    dates: Vec<&'c [(DateTime, u32)]>,
    booleans: Vec<&'c [(bool, u32)]>,
    others: &'c [u32],
}

impl Column {
    /// That of some entities, each with its number, in order.
    pub(crate) fn of<'e>(entities: impl Iterator<Item = (u32, &'e Entity)>, name: &AttributeName) -> Self {
        let mut column = Self::default();
        for (number, entity) in entities {
            let instances = entity.attribute(name).map(|attribute| attribute.instances.iter());
            for instance in instances.into_iter().flatten() {
                match &instance.value {
                    AttributeValue::Property(Value::Number(value)) => column.numbers.push((value.as_f64(), number)),
                    AttributeValue::Property(Value::String(text)) => column.texts.push((text.clone(), number)),
                    AttributeValue::Property(Value::DateTime(date)) => column.dates.push((date.clone(), number)),
                    AttributeValue::Property(Value::Boolean(flag)) => column.booleans.push((*flag, number)),
                    _ => column.others.push(number),
                }
            }
        }
        column.numbers.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        column.texts.sort_unstable();
        column.dates.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        column.booleans.sort_unstable();
        column
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let on_heap = |text: &CompactString| if text.is_heap_allocated() { text.len() } else { 0 };
        self.numbers.len() * size_of::<(f64, u32)>()
            + self.texts.len() * size_of::<(CompactString, u32)>()
            + self.texts.iter().map(|(text, _)| on_heap(text)).sum::<usize>()
            + self.dates.len() * size_of::<(DateTime, u32)>() * 2
            + self.booleans.len() * size_of::<(bool, u32)>()
            + self.others.len() * size_of::<u32>()
    }

    /// What may meet a condition on this attribute; `None`: it does not tell.
    pub(crate) fn may_meet(&self, condition: &Condition) -> Option<MayMeet<'_>> {
        let mut found = MayMeet {
            others: &self.others,
            ..MayMeet::default()
        };
        match &condition.comparison {
            // It must exist.
            None => self.add_all(&mut found),
            Some(Comparison::Equal { negated: false, values }) => {
                for value in values {
                    self.add_between(Some(value), Some(value), &mut found);
                }
            }
            Some(Comparison::Range {
                negated: false,
                from,
                to,
            }) => self.add_between(Some(from), Some(to), &mut found),
            Some(Comparison::Order { operator, value }) => match operator {
                Operator::Less | Operator::LessOrEqual => self.add_between(None, Some(value), &mut found),
                Operator::Greater | Operator::GreaterOrEqual => self.add_between(Some(value), None, &mut found),
            },
            Some(Comparison::Equal { .. } | Comparison::Range { .. } | Comparison::Pattern { .. }) => return None,
        }
        Some(found)
    }

    fn add_all<'c>(&'c self, found: &mut MayMeet<'c>) {
        found.numbers.push(&self.numbers);
        found.texts.push(&self.texts);
        found.dates.push(&self.dates);
        found.booleans.push(&self.booleans);
    }

    /// Adds what lies between two ends of one type, both included: what is outside of that is surely unequal, and what is not
    /// of that type has no order with it.
    fn add_between<'c>(&'c self, from: Option<&Comparand>, to: Option<&Comparand>, found: &mut MayMeet<'c>) {
        let Some(one) = from.or(to) else { return };
        match one {
            Comparand::Number(_) => {
                let number = |end: Option<&Comparand>| match end {
                    Some(Comparand::Number(number)) => Some(Some(number.as_f64())),
                    None => Some(None),
                    Some(_) => None,
                };
                if let (Some(from), Some(to)) = (number(from), number(to)) {
                    found.numbers.push(between(
                        &self.numbers,
                        |(value, _)| from.is_some_and(|from| *value < from),
                        |(value, _)| to.is_none_or(|to| *value <= to),
                    ));
                }
            }
            Comparand::String(_) | Comparand::Uri(_) => {
                let text = |end: Option<&Comparand>| match end {
                    Some(Comparand::String(text)) => Some(Some(text.to_string())),
                    Some(Comparand::Uri(uri)) => Some(Some(uri.as_str().to_owned())),
                    None => Some(None),
                    Some(_) => None,
                };
                if let (Some(from), Some(to)) = (text(from), text(to)) {
                    found.texts.push(between(
                        &self.texts,
                        |(value, _)| from.as_deref().is_some_and(|from| value.as_str() < from),
                        |(value, _)| to.as_deref().is_none_or(|to| value.as_str() <= to),
                    ));
                }
            }
            Comparand::DateTime(_) => {
                let date = |end: Option<&Comparand>| match end {
                    Some(Comparand::DateTime(date)) => Some(Some(date.clone())),
                    None => Some(None),
                    Some(_) => None,
                };
                if let (Some(from), Some(to)) = (date(from), date(to)) {
                    found.dates.push(between(
                        &self.dates,
                        |(value, _)| from.as_ref().is_some_and(|from| value < from),
                        |(value, _)| to.as_ref().is_none_or(|to| value <= to),
                    ));
                }
            }
            Comparand::Boolean(flag) => {
                found.booleans.push(between(
                    &self.booleans,
                    |(value, _)| value < flag,
                    |(value, _)| value <= flag,
                ));
            }
            // Those are among the others.
            Comparand::Temporal { .. } => {}
        }
    }
}

/// The part of an ordered list behind what is before it, as far as it reaches.
fn between<T>(all: &[T], is_before: impl Fn(&T) -> bool, is_within: impl Fn(&T) -> bool) -> &[T] {
    let begin = all.partition_point(is_before);
    let rest = all.get(begin..).unwrap_or_default();
    let length = rest.partition_point(is_within);
    rest.get(..length).unwrap_or_default()
}

impl MayMeet<'_> {
    /// How many there are, some of them perhaps several times.
    pub(crate) fn len(&self) -> usize {
        self.others.len()
            + self.numbers.iter().map(|part| part.len()).sum::<usize>()
            + self.texts.iter().map(|part| part.len()).sum::<usize>()
            + self.dates.iter().map(|part| part.len()).sum::<usize>()
            + self.booleans.iter().map(|part| part.len()).sum::<usize>()
    }

    /// Their numbers, in order, each once.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(self.len());
        numbers.extend_from_slice(self.others);
        numbers.extend(self.numbers.iter().copied().flatten().map(|(_, number)| *number));
        numbers.extend(self.texts.iter().copied().flatten().map(|(_, number)| *number));
        numbers.extend(self.dates.iter().copied().flatten().map(|(_, number)| *number));
        numbers.extend(self.booleans.iter().copied().flatten().map(|(_, number)| *number));
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;
    use ngsi_ld::entity::parse::parse_entity;
    use ngsi_ld::query::Expression;

    use super::*;

    /// Values as JSON, and as the query language writes those that it can.
    const VALUES: [(&str, Option<&str>); 13] = [
        ("-1.5", Some("-1.5")),
        ("7", Some("7")),
        ("9007199254740993", Some("9007199254740993")),
        (r#""7""#, Some(r#""7""#)),
        (r#""b""#, Some(r#""b""#)),
        (r#""urn:x:1""#, Some("urn:x:1")),
        ("true", Some("true")),
        ("false", Some("false")),
        (
            r#"{"@type": "DateTime", "@value": "2026-01-01T00:00:00Z"}"#,
            Some("2026-01-01T00:00:00Z"),
        ),
        (
            r#"{"@type": "DateTime", "@value": "2026-01-01T00:00:00.5Z"}"#,
            Some("2026-01-01T00:00:00.5Z"),
        ),
        (r#"{"@type": "Date", "@value": "2026-01-01"}"#, Some("2026-01-01")),
        (r#"[7, "b"]"#, None),
        (r#"{"c": 7}"#, None),
    ];

    #[test]
    fn whatever_meets_a_comparison_is_among_what_may() {
        let name = Context::core().expand_attribute("a").unwrap();
        let entities: Vec<Entity> = VALUES
            .iter()
            .map(|(value, _)| {
                let text = format!(r#"{{"id": "urn:e", "type": "T", "a": {{"type": "Property", "value": {value}}}}}"#);
                parse_entity(text.as_bytes(), Context::core()).unwrap()
            })
            .collect();
        let column = Column::of((0..).zip(&entities), &name);
        let mut narrowed = 0;
        for one in VALUES.iter().filter_map(|(_, value)| *value) {
            let mut asked: Vec<String> = ["==", "<", "<=", ">", ">="]
                .map(|operator| format!("a{operator}{one}"))
                .into();
            asked.push("a".to_owned());
            for other in VALUES.iter().filter_map(|(_, value)| *value) {
                asked.extend([format!("a=={one}..{other}"), format!("a=={one},{other}")]);
            }
            // Not every one is a text of the language.
            for q in asked {
                let Ok(Expression::Condition(condition)) = Expression::parse(&q, Context::core()) else {
                    continue;
                };
                let found = column.may_meet(&condition).unwrap();
                let numbers = found.numbers();
                assert!(found.len() >= numbers.len());
                for (number, entity) in (0..).zip(&entities) {
                    assert!(
                        !condition.matches(entity) || numbers.contains(&number),
                        "{q}: {entity:?}"
                    );
                }
                narrowed += usize::from(numbers.len() < entities.len());
            }
        }
        assert!(narrowed > 200, "{narrowed}");
    }
}
