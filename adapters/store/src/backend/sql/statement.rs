//! SQL text under construction, with what is bound to it.

use std::sync::Arc;

use super::Dialect;
use crate::judged::Judged;

/// A value that is bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Binding {
    Text(String),
    Number(f64),
    Integer(i64),
}

impl std::fmt::Display for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => number.fmt(f),
            Self::Integer(integer) => integer.fmt(f),
        }
    }
}

/// Where a binding belongs, until the dialect writes its placeholder. SQL of this module has no other use for
/// the character.
const PLACE: char = '?';

/// SQL text, the values of its placeholders in order, and what judges the rows that it asks about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) judged: Option<Arc<Judged>>,
}

impl Statement {
    pub(crate) fn text(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// Several statements with a text between each two.
    pub(crate) fn join(parts: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let mut joined = Self::default();
        for (position, part) in parts.into_iter().enumerate() {
            if position > 0 {
                joined.push(between);
            }
            joined.append(part);
        }
        joined
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.bindings.extend(other.bindings);
    }

    /// Appends what stays where it is, for other statements.
    pub(crate) fn append_shared(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.bindings.extend_from_slice(&other.bindings);
    }

    pub(crate) fn bind(&mut self, binding: Binding) {
        self.text.push(PLACE);
        self.bindings.push(binding);
    }

    pub(crate) fn bind_text(&mut self, text: &str) {
        self.bind(Binding::Text(text.to_owned()));
    }

    /// Writes the placeholders as the dialect does.
    pub(crate) fn finish(self, dialect: &dyn Dialect) -> Self {
        let mut text = String::with_capacity(self.text.len());
        for (position, part) in self.text.split(PLACE).enumerate() {
            if position > 0 {
                dialect.placeholder(&mut text, position);
            }
            text.push_str(part);
        }
        Self { text, ..self }
    }
}
