//! Texts out of several fields: `{ text = "{都道府県}{市区町村}" }`.

use super::error::Diagnostics;
use super::fields::AttributeReader;
use super::toml_table::{Located, TomlTable};
use super::Rule;
use crate::record::Slot;

/// A part of such a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPart {
    /// Fixed text.
    Fixed(Box<str>),
    /// What a field holds.
    Field(Slot),
}

impl TextPart {
    /// The field.
    pub fn field(&self) -> Option<Slot> {
        match self {
            Self::Field(slot) => Some(*slot),
            Self::Fixed(_) => None,
        }
    }
}

/// Reads `text = "..."`.
pub(super) fn read_text(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Rule> {
    let located = table.text("text", diagnostics)?;
    let rule = table.field_of("text");
    let mut refuse = |message: &str| diagnostics.report(&located.span, &rule, message);
    let mut named: Vec<(&str, Option<&str>)> = Vec::new();
    let mut rest = located.text;
    loop {
        let (fixed, tail) = match rest.split_once('{') {
            None => (rest, None),
            Some((fixed, after)) => match after.split_once('}') {
                Some((name, tail)) if !name.is_empty() && !name.contains('{') => (fixed, Some((name, tail))),
                _ => {
                    refuse("a `{` without the name of a field and its `}`");
                    return None;
                }
            },
        };
        if fixed.contains('}') {
            refuse("a `}` without its `{`");
            return None;
        }
        named.push((fixed, tail.map(|(name, _)| name)));
        match tail {
            Some((_, tail)) => rest = tail,
            None => break,
        }
    }
    if named.iter().all(|(_, name)| name.is_none()) {
        refuse("names no field: add a {field}, or write `constant`");
        return None;
    }
    let mut parts = Vec::new();
    for (fixed, name) in named {
        if !fixed.is_empty() {
            parts.push(TextPart::Fixed(fixed.into()));
        }
        if let Some(name) = name {
            let field = Located {
                text: name,
                span: located.span.clone(),
            };
            parts.push(TextPart::Field(reader.slot(&field, &rule, diagnostics)?));
        }
    }
    Some(Rule::Text { parts })
}
