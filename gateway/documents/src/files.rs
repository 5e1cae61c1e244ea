//! Reading the files of a revision, and the hash over all of them. They come from the disk, where an apply that was
//! broken off counts as done (see [`super::journal`]), or from a document that somebody proposes.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ngsi_ld::text_without_byte_order_mark;
use sha2::{Digest, Sha256};

use super::journal::{self, Journal};
use super::named_file;
pub use super::texts::FileTexts;
use super::texts::MAX_FILE_BYTES;

/// Identifies the content of a revision: the SHA-256 over all files that it was read from. Secrets are no part.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RevisionId(Arc<str>);

impl RevisionId {
    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a revision with these files.
    #[must_use]
    pub fn of(texts: &FileTexts) -> Self {
        let mut hasher = Sha256::new();
        for (name, text) in texts {
            hasher.update(name.len().to_be_bytes());
            hasher.update(name);
            hasher.update(Sha256::digest(text.as_bytes()));
        }
        Self(hex::encode(hasher.finalize()).into())
    }

    /// An id that was written down.
    pub fn written(text: &str) -> Self {
        Self(text.into())
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
#[derive(Debug)]
pub struct Files {
    origin: Origin,
    read: Mutex<FileTexts>,
}

#[derive(Debug)]
enum Origin {
    Disk {
        /// An apply that was broken off, if there is one.
        journal: Option<Journal>,
        /// What everything looked like when it was looked at first.
        stamps: Mutex<BTreeMap<PathBuf, Option<Stamp>>>,
    },
    Proposed(FileTexts),
}

/// What changes when a file or a folder is changed or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl Files {
    /// Those on the disk, around this tenants.toml.
    pub fn on_disk(tenants_toml: &Path) -> Self {
        let path = journal::path(tenants_toml);
        let stamps = BTreeMap::from([(path.clone(), Stamp::of(&path))]);
        Self {
            origin: Origin::Disk {
                journal: Journal::read(&path),
                stamps: Mutex::new(stamps),
            },
            read: Mutex::default(),
        }
    }

    /// Those that somebody proposes. The disk is not looked at.
    pub fn proposed(texts: FileTexts) -> Self {
        Self {
            origin: Origin::Proposed(texts),
            read: Mutex::default(),
        }
    }

    /// Reads a text file; the error is a sentence without the file's name.
    pub fn read(&self, path: &Path, name: &str) -> Result<Arc<str>, String> {
        let text: Arc<str> = match &self.origin {
            Origin::Proposed(texts) => {
                let text = texts.get(name).ok_or_else(|| "there is no such file".to_owned())?;
                unmarked(text)
            }
            Origin::Disk { journal, stamps } => {
                remember(stamps, path);
                let bytes = read_bytes(path);
                match journal
                    .as_ref()
                    .and_then(|journal| journal.instead_of(name, bytes.as_deref().ok()))
                {
                    Some(Some(text)) => text,
                    Some(None) => return Err("there is no such file".to_owned()),
                    None => text_of(bytes?)?,
                }
            }
        };
        locked(&self.read).insert(name.to_owned(), Arc::clone(&text));
        Ok(text)
    }

    /// Whether there is such a file.
    pub fn exists(&self, path: &Path, name: &str) -> bool {
        match &self.origin {
            Origin::Proposed(texts) => texts.contains_key(name),
            Origin::Disk { journal, stamps } => {
                remember(stamps, path);
                let instead = journal
                    .as_ref()
                    .and_then(|journal| journal.instead_of(name, read_bytes(path).as_deref().ok()));
                instead.map_or_else(|| path.exists(), |text| text.is_some())
            }
        }
    }

    /// The files of a folder whose names end so, in order. `name` is what the revision calls the folder.
    pub fn names_in(&self, path: &Path, name: &str, end: &str) -> Vec<String> {
        let prefix = format!("{name}/");
        let in_folder = |known: &str| {
            let own = known.strip_prefix(&prefix)?;
            (own.ends_with(end) && !own.contains('/')).then(|| own.to_owned())
        };
        let mut names: Vec<String> = match &self.origin {
            Origin::Proposed(texts) => texts.keys().filter_map(|known| in_folder(known)).collect(),
            Origin::Disk { journal, stamps } => {
                remember(stamps, path);
                let entries = std::fs::read_dir(path).into_iter().flatten();
                let listed = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                // What begins with a dot is an editor's, or what an apply has not finished.
                let listed = listed.filter(|listed| listed.ends_with(end) && !listed.starts_with('.'));
                let added = journal.iter().flat_map(Journal::names).filter_map(in_folder);
                let all = listed
                    .chain(added)
                    .filter(|own| journal.is_none() || self.exists(&path.join(own), &format!("{prefix}{own}")));
                all.collect()
            }
        };
        names.sort();
        names.dedup();
        names
    }

    /// Whether something was changed since it was read, so that what was read may be half of one state and half of
    /// another.
    pub fn have_moved(&self) -> bool {
        match &self.origin {
            Origin::Proposed(_) => false,
            Origin::Disk { stamps, .. } => {
                let stamps = locked(stamps);
                stamps.iter().any(|(path, stamp)| Stamp::of(path) != *stamp)
            }
        }
    }

    /// The text of a file that was read.
    pub fn text(&self, name: &str) -> Option<Arc<str>> {
        locked(&self.read).get(name).cloned()
    }

    /// Those that are proposed and that nothing has read.
    pub fn unread(&self) -> Vec<String> {
        let read = locked(&self.read);
        match &self.origin {
            Origin::Proposed(texts) => texts.keys().filter(|name| !read.contains_key(*name)).cloned().collect(),
            Origin::Disk { .. } => Vec::new(),
        }
    }

    /// Everything that was read. Texts that an earlier revision has as well are kept once.
    pub fn texts(&self, earlier: Option<&FileTexts>) -> FileTexts {
        let shared = |name: &String, text: &Arc<str>| {
            let known = earlier
                .and_then(|earlier| earlier.get(name))
                .filter(|known| **known == *text);
            (name.clone(), Arc::clone(known.unwrap_or(text)))
        };
        locked(&self.read)
            .iter()
            .map(|(name, text)| shared(name, text))
            .collect()
    }
}

/// Nobody leaves these half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(stamps: &Mutex<BTreeMap<PathBuf, Option<Stamp>>>, path: &Path) {
    let mut stamps = locked(stamps);
    if !stamps.contains_key(path) {
        stamps.insert(path.to_owned(), Stamp::of(path));
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    named_file::read(path, MAX_FILE_BYTES).map_err(|unreadable| unreadable.to_string())
}

fn text_of(bytes: Vec<u8>) -> Result<Arc<str>, String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        format!("it is not UTF-8, at byte {position}: save it as UTF-8")
    })?;
    Ok(Arc::from(text_without_byte_order_mark(&text)))
}

/// The text without the mark before it. Nearly none has one, and those are shared.
fn unmarked(text: &Arc<str>) -> Arc<str> {
    match text_without_byte_order_mark(text) {
        same if same.len() == text.len() => Arc::clone(text),
        without => Arc::from(without),
    }
}
