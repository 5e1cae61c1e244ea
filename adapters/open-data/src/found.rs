//! What was found of the files of a source, and what tells whether they have changed.

use std::ffi::OsString;
use std::time::SystemTime;

use bytes::Bytes;

use crate::web::Validator;

/// What tells whether a file has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) name: OsString,
    pub(crate) length: u64,
    pub(crate) modified: Option<SystemTime>,
}

/// One file, as it was read.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path as the mapping names it; `None`: the mapping names none.
    pub(crate) path: Option<String>,
    pub(crate) bytes: Bytes,
}

/// What tells whether files have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    Web(Vec<Validator>),
    Folder(Vec<Stamp>),
}

/// What there is now.
#[derive(Debug)]
pub(crate) enum Found {
    /// What there was.
    Unchanged,
    Files(Vec<File>, Known),
}
