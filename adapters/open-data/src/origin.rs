//! Where the files of a source are, and whether they have changed since they were read.

use bytes::Bytes;
use kakehashi_contract::{AdapterError, AskedRequest, Call, SourceStatus};

use crate::folder::Folder;
use crate::found::{File, Found, Known};
use crate::web::{Fetched, Web};

/// Where a source's files are.
#[derive(Debug)]
pub(crate) enum Origin {
    /// Somebody's server.
    Web(Box<Web>),
    /// A folder of this machine.
    Folder(Folder),
}

impl Origin {
    /// Reads the files at these paths (none: the origin itself names what there is), unless they are as they were.
    pub(crate) async fn read(
        &self,
        paths: &[String],
        known: Option<&Known>,
        call: &Call,
    ) -> Result<Found, AdapterError> {
        match self {
            Self::Web(web) => read_web(web, paths, known, call).await,
            Self::Folder(folder) => folder.read(paths, known).await,
        }
    }

    /// The name of the file that the origin itself is, where it is one.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Web(web) => web.file_name(),
            Self::Folder(_) => None,
        }
    }

    /// What a server would be asked.
    pub(crate) fn asked(&self, paths: &[String]) -> Result<Vec<AskedRequest>, AdapterError> {
        match self {
            Self::Web(web) => of_paths(paths).map(|path| web.asked(path)).collect(),
            Self::Folder(_) => Ok(Vec::new()),
        }
    }

    /// How exchanges go.
    pub(crate) fn status(&self) -> Option<SourceStatus> {
        match self {
            Self::Web(web) => Some(web.status()),
            Self::Folder(_) => None,
        }
    }
}

fn of_paths(paths: &[String]) -> impl Iterator<Item = &str> {
    let itself = paths.is_empty().then_some("");
    paths.iter().map(String::as_str).chain(itself)
}

async fn read_web(web: &Web, paths: &[String], known: Option<&Known>, call: &Call) -> Result<Found, AdapterError> {
    let known = match known {
        Some(Known::Web(known)) if known.len() == of_paths(paths).count() => known.as_slice(),
        _ => &[],
    };
    let (mut files, mut validators, mut unchanged) = (Vec::new(), Vec::new(), 0);
    for (number, path) in of_paths(paths).enumerate() {
        // Once one has changed all are read: they make one index.
        let as_known = known.get(number).filter(|_| files.is_empty());
        match web.fetch(path, as_known, call).await? {
            Fetched::Unchanged => unchanged += 1,
            Fetched::File(bytes, validator) => {
                for earlier in of_paths(paths).take(unchanged) {
                    if let Fetched::File(bytes, validator) = web.fetch(earlier, None, call).await? {
                        files.push(file(earlier, bytes));
                        validators.push(validator);
                    }
                }
                unchanged = 0;
                files.push(file(path, bytes));
                validators.push(validator);
            }
        }
    }
    if files.is_empty() {
        return Ok(Found::Unchanged);
    }
    Ok(Found::Files(files, Known::Web(validators)))
}

fn file(path: &str, bytes: Bytes) -> File {
    File {
        path: (!path.is_empty()).then(|| path.to_owned()),
        bytes,
    }
}
