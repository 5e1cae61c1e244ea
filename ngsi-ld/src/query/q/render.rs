//! Writing `q`: for explanations, and to prove that the parser loses nothing.

use std::fmt::Write;

use super::{AttributePath, Comparand, Comparison, Condition, Expression, LinkedPath, Operator};
use crate::entity::Number;

/// How an expanded name is shown.
pub(in crate::query) type Compact<'c> = dyn Fn(&str) -> String + 'c;

/// The text of an expression. Parsing it gives the same expression, where `compact` gives short names.
pub(super) fn to_text(expression: &Expression, compact: &Compact<'_>) -> String {
    let mut text = String::new();
    write_expression(&mut text, expression, compact);
    text
}

fn write_expression(text: &mut String, expression: &Expression, compact: &Compact<'_>) {
    match expression {
        Expression::And(parts) => write_joined(text, parts, ';', compact),
        Expression::Or(parts) => write_joined(text, parts, '|', compact),
        Expression::Condition(condition) => write_condition(text, condition, compact),
    }
}

fn write_joined(text: &mut String, parts: &[Expression], operator: char, compact: &Compact<'_>) {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push(operator);
        }
        if matches!(part, Expression::Condition(_)) {
            write_expression(text, part, compact);
        } else {
            text.push('(');
            write_expression(text, part, compact);
            text.push(')');
        }
    }
}

fn write_condition(text: &mut String, condition: &Condition, compact: &Compact<'_>) {
    write_path(text, &condition.path, compact);
    match &condition.comparison {
        None => {}
        Some(Comparison::Equal { negated, values }) => {
            text.push_str(if *negated { "!=" } else { "==" });
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_comparand(text, value);
            }
        }
        Some(Comparison::Range { negated, from, to }) => {
            text.push_str(if *negated { "!=" } else { "==" });
            write_comparand(text, from);
            text.push_str("..");
            write_comparand(text, to);
        }
        Some(Comparison::Order { operator, value }) => {
            text.push_str(operator.as_str());
            write_comparand(text, value);
        }
        Some(Comparison::Pattern { negated, pattern }) => {
            text.push_str(if *negated { "!~=" } else { "~=" });
            text.push('"');
            for character in pattern.as_part().chars() {
                if matches!(character, '"' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
            text.push('"');
        }
    }
}

/// Writes a path.
pub(in crate::query) fn write_path(text: &mut String, path: &AttributePath, compact: &Compact<'_>) {
    text.push_str(&compact(path.attribute.as_str()));
    write_after_first(text, path, compact);
}

fn write_after_first(text: &mut String, path: &AttributePath, compact: &Compact<'_>) {
    for name in &path.sub_attributes {
        text.push('.');
        text.push_str(&compact(name.as_str()));
    }
    for (index, member) in path.members.iter().enumerate() {
        text.push(if index == 0 { '[' } else { '.' });
        text.push_str(member);
    }
    if !path.members.is_empty() {
        text.push(']');
    }
    if let Some(linked) = &path.linked {
        text.push('{');
        write_linked(text, linked, compact);
        text.push('}');
    }
}

fn write_linked(text: &mut String, linked: &LinkedPath, compact: &Compact<'_>) {
    for (index, name) in linked.types.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(&compact(name.as_str()));
    }
    let name = compact(linked.path.attribute.as_str());
    if !linked.types.is_empty() {
        text.push(':');
        text.push_str(&name);
    } else if name.contains(':') {
        // `prefix:name` would be read as a type and a name.
        text.push_str(linked.path.attribute.as_str());
    } else {
        text.push_str(&name);
    }
    write_after_first(text, &linked.path, compact);
}

fn write_comparand(text: &mut String, value: &Comparand) {
    match value {
        Comparand::String(string) => write_quoted(text, string),
        Comparand::Number(number) => write_number(text, number),
        Comparand::Boolean(boolean) => text.push_str(if *boolean { "true" } else { "false" }),
        Comparand::DateTime(date_time) => text.push_str(date_time.as_str()),
        Comparand::Temporal { value, .. } => text.push_str(value),
        Comparand::Uri(uri) => text.push_str(uri.as_str()),
    }
}

/// A JSON string with its quotes.
fn write_quoted(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\0'..='\x1f' => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}

/// A number with the digits that reading it needs to give the same number.
fn write_number(text: &mut String, number: &Number) {
    match number {
        Number::Integer(integer) => text.push_str(&integer.to_string()),
        Number::Text(digits) => text.push_str(digits),
        Number::Float(float) => text.push_str(zmij::Buffer::new().format_finite(*float)),
    }
}

impl Operator {
    /// The operator as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}
