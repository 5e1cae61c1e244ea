//! Values that are computed of fields: `{ expression = "a > 0 ? 'open' : 'closed'", with = { a = "定員" }, as = "string" }`.

use super::Rule;
use super::error::Diagnostics;
use super::fields::AttributeReader;
use super::toml_table::{Located, TomlTable, text_of};
use crate::expression::{Expression, Sort};
use crate::record::Slot;

/// What the value of an expression may be.
const SORTS: &[(&str, Sort)] = &[
    ("string", Sort::Text),
    ("number", Sort::Number),
    ("boolean", Sort::Boolean),
    ("list", Sort::List),
];

/// An expression, and the fields that its variables are.
#[derive(Debug, Clone)]
pub struct Computed {
    /// The expression.
    pub expression: Expression,
    /// For each of its variables, the field.
    pub slots: Vec<Slot>,
    /// What its value is.
    pub sort: Sort,
}

/// Reads `expression = "..."`.
pub(super) fn read_expression(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    let located = table.text("expression", diagnostics)?;
    let rule = table.field_of("expression");
    let sort = read_sort(table, diagnostics)?;
    let expression = match Expression::compile(located.text, sort) {
        Ok(expression) => expression,
        Err(error) => {
            match &error.unknown {
                Some(name) => {
                    diagnostics.unknown(
                        &located.span,
                        &rule,
                        error.message.clone(),
                        name,
                        Expression::functions(),
                    );
                }
                None => diagnostics.report(&located.span, &rule, error.message),
            }
            return None;
        }
    };
    let with = table.table("with", diagnostics);
    let mut bound: Vec<(&str, Located<'_>)> = Vec::new();
    for entry in with.iter().flat_map(TomlTable::entries) {
        let field = table.field_of("with");
        if !expression.variables().iter().any(|variable| variable == entry.key) {
            let message = format!("the expression has no name `{}`: take it away, or use it", entry.key);
            let known = expression.variables().iter().map(AsRef::as_ref);
            diagnostics.unknown(&entry.key_span, &field, message, entry.key, known);
        }
        bound.push((entry.key, text_of(entry.value, &field, diagnostics)?));
    }
    let mut slots = Vec::with_capacity(expression.variables().len());
    for variable in expression.variables() {
        let slot = match bound.iter().find(|(name, _)| variable == name) {
            Some((_, field)) => reader.slot_of_list(field, &table.field_of("with"), diagnostics)?,
            None => {
                let field = Located {
                    text: variable,
                    span: located.span.clone(),
                };
                reader.slot(&field, &rule, diagnostics)?
            }
        };
        slots.push(slot);
    }
    Some(Rule::Expression(Box::new(Computed {
        expression,
        slots,
        sort,
    })))
}

fn read_sort(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Sort> {
    let names = || SORTS.iter().map(|(name, _)| *name);
    if !table.has("as") {
        let known: Vec<&str> = names().collect();
        let message = format!(
            "`as` is missing: what the expression makes, one of {}",
            known.join(", ")
        );
        diagnostics.report(&table.span, &table.field, message);
        return None;
    }
    let located = table.text("as", diagnostics)?;
    let found = SORTS.iter().find(|(name, _)| *name == located.text);
    if found.is_none() {
        let known: Vec<&str> = names().collect();
        let message = format!(
            "an expression does not make `{}`: expected {}",
            located.text,
            known.join(", ")
        );
        diagnostics.unknown(&located.span, &table.field_of("as"), message, located.text, names());
    }
    found.map(|(_, sort)| *sort)
}
