//! How far an import has come, in a file beside the one that is imported: after a stop it goes on there. What was imported and is
//! not written down yet is imported once more, which changes nothing.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::{Failure, output};

/// What the name of the file ends with.
const SUFFIX: &str = ".kakehashi-import";

/// How far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upto {
    /// Records that were read and are imported or refused.
    pub(super) records: u64,
    /// What their texts are, in one number.
    pub(super) digest: String,
}

/// What is there of an import that was stopped.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    /// It has come so far, into the same place.
    StoppedAt(Upto),
    /// It was one into another place, of the tenant that is named.
    OfAnother(PathBuf, String),
    /// Nobody knows.
    Unreadable(PathBuf, String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    tenant: String,
    into: String,
    #[serde(flatten)]
    upto: Upto,
}

/// The file beside the one that is imported.
#[derive(Debug)]
pub(super) struct Resuming {
    file: Option<PathBuf>,
    tenant: String,
    into: String,
}

impl Resuming {
    /// `imported`: `None` where it is no file that could be read again.
    pub(super) fn beside(imported: Option<&Path>, tenant: &str, into: &str) -> Self {
        let beside = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(SUFFIX);
            PathBuf::from(name)
        };
        Self {
            file: imported.map(beside),
            tenant: tenant.to_owned(),
            into: into.to_owned(),
        }
    }

    /// What is written down of an import of the file that was stopped.
    pub(super) fn found(&self) -> Found {
        let Some(file) = &self.file else { return Found::Nothing };
        let unreadable = |error: &dyn std::fmt::Display| Found::Unreadable(file.clone(), error.to_string());
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Nothing,
            Err(error) => return unreadable(&error),
        };
        match serde_json::from_slice::<Written>(&text) {
            Ok(written) if written.tenant == self.tenant && written.into == self.into => Found::StoppedAt(written.upto),
            Ok(written) => Found::OfAnother(file.clone(), written.tenant),
            Err(error) => unreadable(&error),
        }
    }

    /// Writes down how far it has come. Where that is not possible it is said once, and the import goes on.
    pub(super) fn note(&mut self, upto: &Upto) {
        let Some(file) = &self.file else { return };
        let written = Written {
            tenant: self.tenant.clone(),
            into: self.into.clone(),
            upto: upto.clone(),
        };
        let mut new = file.as_os_str().to_owned();
        new.push(".new");
        let noted = serde_json::to_vec(&written)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(&new, text))
            .and_then(|()| std::fs::rename(&new, file));
        if let Err(error) = noted {
            output::note(format_args!(
                "note: how far it has come cannot be written down beside the file, so that a stopped import begins anew: {error}"
            ));
            self.file = None;
        }
    }

    /// It has come to its end.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::other(&format!("cannot remove {}", file.display()), error))
            }
            _ => Ok(()),
        }
    }
}
