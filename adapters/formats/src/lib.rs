//! Files as people publish them: what a file is, told by its content; encodings, gzip and ZIP; tables in text and workbooks; JSON lines,
//! Shapefiles and KML as JSON. Bounded, whatever is in the file; what was met is told by row and column, never with a value.
//!
//! | module | owns |
//! |---|---|
//! | `opening` | a file, unpacked and known for what it is |
//! | `kind` | what a file is, by its content |
//! | `archive` | gzip and ZIP |
//! | [`encoding`] | from bytes to text |
//! | `characters` | characters that make a cell doubtful |
//! | `delimited` | CSV and TSV as rows |
//! | `table` | cells and rows, and where in them a table stands |
//! | `json` | JSON lines as one array |
//! | [`xlsx`] | workbooks: the rows of a sheet |
//! | [`shapefile`], [`kml`], `geojson` | places with what is said of them, as the Features of GeoJSON |
//! | `markup`, `parts` | XML and the parts of an archive, bounded |
//! | [`limits`] | how much of a file is read |
//! | `error`, [`report`] | why a file cannot be read, and what was met in one that was read |

mod archive;
mod characters;
mod delimited;
pub mod encoding;
mod error;
mod geojson;
mod json;
mod kind;
pub mod kml;
pub mod limits;
mod markup;
mod opening;
mod parts;
pub mod report;
pub mod shapefile;
mod table;
pub mod xlsx;

pub use delimited::{Delimited, delimited, separator_of};
pub use error::FormatError;
pub use json::json;
pub use kind::Kind;
pub use limits::Limits;
pub use opening::{Opened, Opening, Text, open};
pub use report::{Finding, Report, What, letters};
pub use table::{Cell, Row, RowSource, Table, Wanted};
