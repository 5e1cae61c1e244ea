//! Files as people publish them: what a file is, told by its content; encodings, gzip and ZIP; tables in text and workbooks; JSON lines,
//! Shapefiles and KML as JSON. Bounded, whatever is in the file; what was met is told by row and column, never with a value.
//!
//! | module | owns |
//! |---|---|
//! | `kind` | what a file is |
//! | `limits` | how much of one is read |
//! | [`encoding`] | from bytes to text |
//! | `table` | cells and rows, and where in them a table stands |
//! | `error`, `report` | why a file cannot be read, and what was met in one that was read |

pub mod encoding;
mod error;
mod kind;
mod limits;
mod report;
mod table;

pub use error::FormatError;
pub use kind::Kind;
pub use limits::Limits;
pub use report::{Finding, Report, What, letters};
pub use table::{Cell, Row, RowSource};
