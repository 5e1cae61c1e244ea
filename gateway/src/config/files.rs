//! Reading the files of a revision, and the hash over all of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Largest file of a revision, in bytes: the tenants.toml of 2,000 tenants is one tenth of it.
const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// Identifies the content of a revision: the SHA-256 over all files that it was read from. Secrets are no part.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RevisionId(Arc<str>);

impl RevisionId {
    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The files that were read so far.
#[derive(Debug, Default)]
pub(crate) struct Files {
    read: RefCell<BTreeMap<String, [u8; 32]>>,
}

impl Files {
    /// Reads a text file; the error is a sentence without the file's name.
    pub(crate) fn read(&self, path: &Path, name: &str) -> Result<String, String> {
        let metadata = std::fs::metadata(path).map_err(|error| reason(&error))?;
        if !metadata.is_file() {
            return Err("it is no file".to_owned());
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20));
        }
        let bytes = std::fs::read(path).map_err(|error| reason(&error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let position = error.utf8_error().valid_up_to();
            format!("it is not UTF-8, at byte {position}: save it as UTF-8")
        })?;
        // Editors on Windows put a mark in front that no parser wants.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        self.read
            .borrow_mut()
            .insert(name.to_owned(), Sha256::digest(&text).into());
        Ok(text)
    }

    /// The hash over everything that was read.
    pub(crate) fn revision(&self) -> RevisionId {
        let mut hasher = Sha256::new();
        for (name, content) in self.read.borrow().iter() {
            hasher.update(name.len().to_be_bytes());
            hasher.update(name);
            hasher.update(content);
        }
        RevisionId(hex::encode(hasher.finalize()).into())
    }
}

/// What the operating system says, in words.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => kind.to_string(),
    }
}
