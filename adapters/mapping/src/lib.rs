//! Mapping files: how the records of a platform or a file become entities of the view, and entities records again.
//!
//! | module | owns |
//! |---|---|
//! | [`language`] | the mapping file: its format, its checks, its compiled form |
//! | [`expression`] | values that are computed of fields, in CEL |
//! | [`record`] | finding records in a body and building entities from them |
//! | [`standard`] | what the official standards call their columns, and mappings proposed by it |
//! | [`translate`] | one body as entities |
//! | [`mod@file`] | one file as entities, whatever it is packed in and written as |
//! | [`back`] | entities of the view back to records |
//! | `trial` | trying a mapping on a sample, without a platform |
//!
//! It asks nobody and opens no file: kinds of sources that are described by a mapping do that.

pub mod back;
pub mod expression;
pub mod file;
pub mod language;
pub mod record;
pub mod standard;
pub mod translate;
mod trial;
mod trial_members;
mod trial_shown;

pub use back::NotBack;
pub use language::{Mapping, MappingError};
pub use record::{Finding, UnreadableBody};
pub use translate::translate_records;
pub use trial::{AbsentField, TryReport, TryWarning, try_mapping, try_mapping_of, try_samples};
pub use trial_shown::{Lacking, Shown};
