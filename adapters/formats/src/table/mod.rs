//! The table model that every format of tables shares.

mod cell;
mod source;

pub use cell::{Cell, Row};
pub use source::RowSource;
