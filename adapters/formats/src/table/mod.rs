//! The table model that every format of tables shares: cells, rows, and where in the rows of a file its table stands.

mod cell;
mod find;
mod source;
#[cfg(test)]
mod tests;

pub use cell::{Cell, Row};
pub use find::{Table, Wanted};
pub use source::RowSource;
