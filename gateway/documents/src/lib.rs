//! What administrators write, as text: the files of a revision, read together and each once, and TOML whose findings point
//! at the line.
//!
//! | module | owns |
//! |---|---|
//! | [`files`] | the files of a revision and the hash over all of them |
//! | [`texts`] | the texts of them, by name |
//! | [`named_file`] | reading a file that a configuration names |
//! | [`journal`] | replacing several files so that an apply that was broken off counts as done |
//! | [`document`] | TOML with the place of every key and value |
//! | [`section`] | reading one table: each key once, what is left over is an unknown key |
//! | [`quantity`] | durations, sizes, networks |
//! | [`vocabulary`] | short names of types and attributes |
//! | [`meanings`] | what those of the gateway's own @context mean |
//!
//! It knows no key of any file.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod document;
pub mod files;
pub mod journal;
pub mod meanings;
pub mod named_file;
pub mod quantity;
pub mod section;
pub mod texts;
pub mod vocabulary;
