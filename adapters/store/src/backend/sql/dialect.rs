//! What differs between databases that speak SQL.

use super::Statement;
use crate::index::Bounds;

/// One database's SQL.
pub(crate) trait Dialect: std::fmt::Debug + Sync {
    /// Writes the placeholder of the binding at `position`, counted from 1.
    fn placeholder(&self, text: &mut String, position: usize);

    /// Appends "is one of these texts", however many there are, with few bindings.
    fn is_any_of(&self, sql: &mut Statement, texts: &mut dyn ExactSizeIterator<Item = &str>);

    /// Appends a column of texts as something that is compared, or ordered by, code point by code point: what the
    /// evaluator does, and what no database does of itself.
    fn by_code_points(&self, sql: &mut Statement, column: &str);

    /// Appends a query for the keys of entities that have an attribute of that name whose bounding box meets these bounds.
    /// `any_longitude`: on every meridian.
    fn located_in(&self, sql: &mut Statement, attribute: &str, bounds: &Bounds, any_longitude: bool);

    /// Appends the function that judges the entity `e`.
    fn judges(&self, sql: &mut Statement);
}
