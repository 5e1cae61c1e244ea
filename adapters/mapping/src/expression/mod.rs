//! Values that are computed of fields by an expression in CEL, the Common Expression Language.
//!
//! An expression is compiled and judged when the mapping is loaded: every name and function is known, it is of the type that the mapping
//! says, and it cannot cost more than [`MAX_WORK`], whatever the record holds. Evaluating it fails at worst: never with a panic, and
//! never without an end.
//!
//! Numbers are doubles, as in JSON: where CEL would tell whole numbers from others, `a * 2` would fail for the records whose `a` is 1.5.

mod check;
mod functions;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use cel::common::types::{CelBool, CelDouble, CelList, CelNull, CelString};
use cel::common::value::Val;
use cel::{Context, Env, IdedExpr};
use compact_str::CompactString;

/// The longest expression, in characters: what is longer belongs into several derived fields.
pub const MAX_CHARACTERS: usize = 1_000;

/// The longest text that an expression takes or makes, in bytes: descriptions of published files are shorter.
pub const MAX_VALUE: usize = 64 * 1024;

/// The longest list that an expression takes or makes.
pub const MAX_ITEMS: usize = 100;

/// How many bytes all steps of an expression may read and write together in the worst case: about 10 ms of one record.
pub const MAX_WORK: u64 = 32 * 1024 * 1024;

/// A value that an expression takes or makes.
#[derive(Debug, Clone, PartialEq)]
pub enum Held<'v> {
    /// No value.
    Null,
    /// A text.
    Text(Cow<'v, str>),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A list of such.
    List(Vec<Held<'v>>),
}

/// What an expression makes, as the mapping says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Texts.
    Text,
    /// Numbers.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Lists.
    List,
    /// Tables of an expression, in which it looks something up. It makes none.
    Table,
    /// No value.
    Null,
}

impl Sort {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Table => "a table",
            Self::Null => "null",
        }
    }
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidExpression {
    /// What, and what to write instead.
    pub message: String,
    /// The function that there is not: it may be one of [`Expression::functions`], misspelt.
    pub unknown: Option<String>,
}

impl InvalidExpression {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            unknown: None,
        }
    }
}

/// The expression came to nothing with these values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// An expression, compiled.
#[derive(Clone)]
pub struct Expression {
    compiled: Arc<IdedExpr>,
    environment: Arc<Env>,
    variables: Vec<CompactString>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expression")
            .field("variables", &self.variables)
            .finish_non_exhaustive()
    }
}

impl Expression {
    /// Compiles an expression whose value is to be of a sort.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn compile(text: &str, wanted: Sort) -> Result<Self, InvalidExpression> {
        let environment = functions::environment();
        let mut compiled = check::parse(&environment, text)?;
        let variables = check::check(&mut compiled, wanted)?;
        Ok(Self {
            compiled: Arc::new(compiled),
            environment,
            variables,
        })
    }

    /// The names that the expression takes values of, each once.
    #[must_use]
    pub fn variables(&self) -> &[CompactString] {
        &self.variables
    }

    /// The functions that an expression may call.
    #[must_use]
    pub fn functions() -> Vec<&'static str> {
        check::function_names()
    }

    /// The value of the expression for these values of its variables, in the order of [`Self::variables`]. A variable without one is null.
    ///
    /// # Errors
    /// It has none: an operation that these values do not have, a place outside of a list, a text that is no number, a value that is too
    /// large.
    pub fn evaluate<'v>(&self, values: impl IntoIterator<Item = Held<'v>>) -> Result<Held<'static>, Failed> {
        let mut context = Context::with_env(Arc::clone(&self.environment));
        let mut values = values.into_iter();
        for name in &self.variables {
            let value = values.next().unwrap_or(Held::Null);
            context.add_variable_as_val(name.as_str(), given(value, MAX_ITEMS)?);
        }
        let made = context.resolve(&self.compiled).map_err(|_| Failed)?;
        taken(&made)
    }
}

/// A value as the evaluator takes it.
fn given(value: Held<'_>, most: usize) -> Result<Box<dyn Val + '_>, Failed> {
    Ok(match value {
        Held::Null => Box::new(CelNull),
        Held::Text(text) if text.len() > MAX_VALUE => return Err(Failed),
        Held::Text(text) => Box::new(CelString::from(text)),
        Held::Number(number) => Box::new(CelDouble::from(number)),
        Held::Boolean(boolean) => Box::new(CelBool::from(boolean)),
        Held::List(items) if items.len() > most => return Err(Failed),
        Held::List(items) => {
            let total: usize = items.iter().map(size_of_text).sum();
            if total > MAX_VALUE {
                return Err(Failed);
            }
            // Lists are flat: what stands in one is no list.
            let items: Result<Vec<_>, Failed> = items.into_iter().map(|item| given(item, 0)).collect();
            Box::new(CelList::from(items?))
        }
    })
}

fn size_of_text(value: &Held<'_>) -> usize {
    match value {
        Held::Text(text) => text.len(),
        _ => 0,
    }
}

/// A value as the evaluator made it.
fn taken(value: &cel::Value) -> Result<Held<'static>, Failed> {
    Ok(match value {
        cel::Value::Null => Held::Null,
        cel::Value::Bool(boolean) => Held::Boolean(*boolean),
        cel::Value::Float(number) if number.is_finite() => Held::Number(*number),
        cel::Value::String(text) if text.len() <= MAX_VALUE => Held::Text(Cow::Owned(text.as_ref().clone())),
        cel::Value::List(items) if items.len() <= MAX_ITEMS => {
            let is_flat = |item: &cel::Value| !matches!(item, cel::Value::List(_));
            if !items.iter().all(is_flat) {
                return Err(Failed);
            }
            let taken: Vec<Held<'static>> = items.iter().map(taken).collect::<Result<_, Failed>>()?;
            Held::List(taken)
        }
        _ => return Err(Failed),
    })
}
