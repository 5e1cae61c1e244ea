//! The files of one folder, and no others: what is opened is opened below the folder's own descriptor, by a name without a
//! separator, and is no link. So nothing that somebody puts there leads out of it.

use std::ffi::OsString;
use std::fs::File as OpenFile;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kakehashi_contract::{AdapterError, ErrorKind, Origin as Whose, SourceId};
use rustix::fs::{Mode, OFlags, openat};

use crate::found::{File, Found, Known, Stamp};

/// Files of one folder: a town's open data has some hundred.
const MOST_FILES: usize = 1_000;

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) source: SourceId,
    pub(crate) path: PathBuf,
    /// Bytes of all of its files together.
    pub(crate) most_bytes: usize,
}

/// Why the files of a folder were not read. No name of a file is in it.
enum Trouble {
    Io(io::ErrorKind),
    TooMany,
    TooLarge,
    Path,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl Folder {
    pub(crate) async fn read(&self, paths: &[String], known: Option<&Known>) -> Result<Found, AdapterError> {
        let (path, most, paths) = (self.path.clone(), self.most_bytes, paths.to_vec());
        let known = match known {
            Some(Known::Folder(known)) => Some(known.clone()),
            _ => None,
        };
        // A disk answers when it likes.
        let read = tokio::task::spawn_blocking(move || read(&path, most, &paths, known.as_deref()));
        let read = read.await.unwrap_or(Err(Trouble::Io(io::ErrorKind::Interrupted)));
        read.map_err(|trouble| {
            let (kind, detail) = match trouble {
                Trouble::Io(kind) => (
                    ErrorKind::Unreachable,
                    format!("the folder or a file of it cannot be read: {kind}"),
                ),
                Trouble::TooMany => (
                    ErrorKind::TooMany,
                    format!("the folder has more than {MOST_FILES} files"),
                ),
                Trouble::TooLarge => (
                    ErrorKind::TooLarge,
                    format!("the files of the folder have more than {most} bytes"),
                ),
                Trouble::Path => (
                    ErrorKind::Internal,
                    "a path of the mapping names no file of the folder itself".to_owned(),
                ),
            };
            AdapterError::new(&self.source, kind, detail).of(Whose::Gateway)
        })
    }
}

fn read(folder: &Path, most: usize, paths: &[String], known: Option<&[Stamp]>) -> Result<Found, Trouble> {
    let own: OwnedFd = OpenFile::open(folder)?.into();
    let names = if paths.is_empty() {
        names_of(folder)?.into_iter().map(|name| (name, None)).collect()
    } else {
        let mut named = Vec::new();
        for path in paths {
            let name = path.trim_start_matches('/');
            if name.is_empty() || name.contains(['/', '\\', '\0']) || name == ".." || name == "." {
                return Err(Trouble::Path);
            }
            named.push((OsString::from(name), Some(path.clone())));
        }
        named
    };
    let (mut open, mut stamps) = (Vec::new(), Vec::new());
    for (name, path) in names {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file: OpenFile = match openat(&own, name.as_os_str(), flags, Mode::empty()) {
            Ok(file) => OpenFile::from(file),
            // A link.
            Err(rustix::io::Errno::LOOP) if path.is_none() => continue,
            Err(error) => return Err(error.into()),
        };
        let about = file.metadata()?;
        if !about.is_file() {
            if path.is_none() {
                continue;
            }
            return Err(Trouble::Io(io::ErrorKind::InvalidInput));
        }
        stamps.push(Stamp {
            name,
            length: about.len(),
            modified: about.modified().ok(),
        });
        open.push((file, path));
    }
    if known.is_some_and(|known| known == stamps) {
        return Ok(Found::Unchanged);
    }
    let (mut files, mut left) = (Vec::new(), most);
    for (file, path) in open {
        let mut bytes = Vec::new();
        let limit = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit).read_to_end(&mut bytes)?;
        left = left.checked_sub(bytes.len()).ok_or(Trouble::TooLarge)?;
        files.push(File {
            path,
            bytes: Bytes::from(bytes),
        });
    }
    Ok(Found::Files(files, Known::Folder(stamps)))
}

/// The names of what is in it, in order; what begins with a dot is somebody's else.
fn names_of(folder: &Path) -> Result<Vec<OsString>, Trouble> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if names.len() >= MOST_FILES {
            return Err(Trouble::TooMany);
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}
