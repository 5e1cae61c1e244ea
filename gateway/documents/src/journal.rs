//! Changing several files at once, so that whoever reads them finds the old or the new and never a mixture, whenever
//! the process that changes them dies (docs/decisions/apply-by-journal.md).
//!
//! The whole change is written to one file beside tenants.toml, and put in its place by one rename: from then on it is
//! done. Readers take what stands in the journal for what the disk does not have yet. Then the files are written one
//! by one, and the journal goes. A file that is neither what it was before the change nor what it becomes by it was
//! changed by somebody else meanwhile, and stays as it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::named_file;
use super::texts::{FileTexts, MAX_FILE_BYTES};

/// The journal's name, beside tenants.toml.
const JOURNAL: &str = ".kakehashi-apply.json";

/// Largest journal, in bytes: everything that a body of the admin API may bring, where each character takes six in JSON.
const MOST_BYTES: u64 = 6 * 64 * 1024 * 1024;

/// What names of files that are being written end in.
const UNFINISHED: &str = ".kakehashi-new";

/// Where the journal of a configuration is.
pub fn path(tenants_toml: &Path) -> PathBuf {
    folder(tenants_toml).join(JOURNAL)
}

fn folder(tenants_toml: &Path) -> &Path {
    match tenants_toml.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where the files of a revision are.
#[derive(Debug, Clone)]
pub struct Places {
    tenants_toml: PathBuf,
    policies: PathBuf,
}

impl Places {
    /// tenants.toml, and the folder of policies.
    #[must_use]
    pub fn new(tenants_toml: &Path, policies: &Path) -> Self {
        Self {
            tenants_toml: tenants_toml.to_owned(),
            policies: policies.to_owned(),
        }
    }

    /// The path of a file that a revision knows by this name.
    pub fn of(&self, name: &str) -> PathBuf {
        if name == "tenants.toml" {
            return self.tenants_toml.clone();
        }
        match name.strip_prefix("policies/") {
            Some(own) => self.policies.join(own),
            None => folder(&self.tenants_toml).join(name),
        }
    }
}

/// A change of several files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    files: BTreeMap<String, Change>,
}

/// The change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    /// The SHA-256 of the file as it was; `None`: there was none.
    before: Option<String>,
    /// What it becomes; `None`: it goes.
    after: Option<Arc<str>>,
}

impl Journal {
    /// The change from one set of files to another.
    pub fn between(before: &FileTexts, after: &FileTexts) -> Self {
        let names = before.keys().chain(after.keys());
        let changed = names.filter(|name| before.get(*name) != after.get(*name));
        let change = |name: &String| Change {
            before: before.get(name).map(|text| hash(text.as_bytes())),
            after: after.get(name).cloned(),
        };
        Self {
            files: changed.map(|name| (name.clone(), change(name))).collect(),
        }
    }

    /// Reads a journal; `None` when there is none. One that cannot be read was never finished, and changes nothing.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&named_file::read(path, MOST_BYTES).ok()?).ok()
    }

    /// The files that it changes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// What counts instead of a file with this content: `Some(None)`: there is none. `None`: the file itself counts.
    pub(crate) fn instead_of(&self, name: &str, content: Option<&[u8]>) -> Option<Option<Arc<str>>> {
        let change = self.files.get(name)?;
        let is_as_before = content.map(hash) == change.before;
        is_as_before.then(|| change.after.clone())
    }

    /// Makes the change: returns when it is on the disk to stay. An error before the journal is in its place has
    /// changed nothing ([`Failed::Nothing`]); after it, the change is done for every reader, and [`finish`] completes
    /// it ([`Failed::Unfinished`]).
    ///
    /// # Errors
    /// [`Failed`]
    pub fn carry_out(&self, places: &Places, step: Step<'_>) -> Result<(), Failed> {
        if self.files.is_empty() {
            return Ok(());
        }
        self.commit(places, step).map_err(Failed::Nothing)?;
        self.write(places, step).map_err(Failed::Unfinished)
    }

    fn commit(&self, places: &Places, step: Step<'_>) -> io::Result<()> {
        for name in self.names() {
            if places.of(name).is_symlink() {
                let message = format!("{name} is a symbolic link: change the file where it comes from");
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        }
        let json = serde_json::to_vec(self)?;
        put(&path(&places.tenants_toml), &json, places, step)
    }

    fn write(&self, places: &Places, step: Step<'_>) -> io::Result<()> {
        for (name, change) in &self.files {
            let target = places.of(name);
            let now = named_file::read(&target, MAX_FILE_BYTES).ok();
            if now.as_deref().map(hash) != change.before {
                if now.as_deref() != change.after.as_ref().map(|text| text.as_bytes()) {
                    tracing::warn!(
                        file = name,
                        "changed by somebody else during an apply; it stays as it is"
                    );
                }
                continue;
            }
            match &change.after {
                Some(text) => put(&target, text.as_bytes(), places, step)?,
                None => {
                    step()?;
                    remove(&target)?;
                }
            }
        }
        step()?;
        let journal = path(&places.tenants_toml);
        remove(&journal)
    }
}

/// Called before each change of the disk; an error breaks off there, as the death of the process would. Tests use it.
pub(crate) type Step<'a> = &'a dyn Fn() -> io::Result<()>;

/// How far a change came.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Nothing was changed.
    #[error("the files cannot be written: {0}")]
    Nothing(io::Error),
    /// It is done for every reader, and not yet on every file.
    #[error("the change is written down, and some files are not written yet: {0}")]
    Unfinished(io::Error),
}

/// Completes a change that was broken off; `false` when there was none.
///
/// # Errors
/// When a file cannot be written. Readers find the change done all the same.
pub fn finish(places: &Places) -> io::Result<bool> {
    let Some(journal) = Journal::read(&path(&places.tenants_toml)) else {
        return Ok(false);
    };
    journal.write(places, &|| Ok(()))?;
    Ok(true)
}

/// Writes a file whole: into another beside it, which then takes its place. Who may read it stays as it was; a new file
/// may be read by whoever may read tenants.toml.
fn put(target: &Path, content: &[u8], places: &Places, step: Step<'_>) -> io::Result<()> {
    let name = target.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)?;
    }
    // Another gateway on the same volume may be completing the same change: each writes a file of its own.
    let number: u64 = rand::rng().random();
    let name = name.trim_start_matches('.');
    let unfinished = target.with_file_name(format!(".{name}.{number:016x}{UNFINISHED}"));
    step()?;
    let mut file = File::create(&unfinished)?;
    let like = std::fs::metadata(target).or_else(|_| std::fs::metadata(&places.tenants_toml));
    if let Ok(metadata) = like {
        file.set_permissions(metadata.permissions())?;
    }
    let (first, second) = content.split_at_checked(content.len() / 2).unwrap_or((content, &[]));
    file.write_all(first)?;
    step()?;
    file.write_all(second)?;
    file.sync_all()?;
    step()?;
    std::fs::rename(&unfinished, target)?;
    sync_folder(target)
}

/// Removes a file, if nobody else has.
fn remove(target: &Path) -> io::Result<()> {
    match std::fs::remove_file(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(target),
    }
}

/// Makes a rename or a removal survive a power cut.
fn sync_folder(of: &Path) -> io::Result<()> {
    File::open(folder(of))?.sync_all()
}

/// Without the mark in front that some editors write: readers do not see it either.
fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::files::Files;
    use super::*;

    const BEFORE: [(&str, &str); 4] = [
        ("tenants.toml", "old tenants"),
        ("policies/a.cedar", "old a"),
        ("policies/b.cedar", "b"),
        ("policies/gone.cedar", "goes"),
    ];
    const AFTER: [(&str, &str); 4] = [
        ("tenants.toml", "new tenants"),
        ("policies/a.cedar", "new a"),
        ("policies/b.cedar", "b"),
        ("mappings/new.toml", "comes"),
    ];

    fn texts(files: &[(&str, &str)]) -> FileTexts {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Arc::from(*text)))
            .collect()
    }

    /// What a reader finds.
    fn found(places: &Places) -> FileTexts {
        let files = Files::on_disk(&places.of("tenants.toml"));
        for name in ["tenants.toml", "mappings/new.toml"] {
            let _absent = files.read(&places.of(name), name);
        }
        for own in files.names_in(&places.of("policies/"), "policies", ".cedar") {
            let name = format!("policies/{own}");
            files.read(&places.of(&name), &name).unwrap();
        }
        files.texts(None)
    }

    fn laid_out() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::new(&folder.path().join("tenants.toml"), &folder.path().join("policies"));
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        for (name, text) in BEFORE {
            std::fs::write(places.of(name), text).unwrap();
        }
        (folder, places)
    }

    /// Carries the change out and dies before the step of that number; `None` when there are fewer steps.
    fn die_before(step: usize, places: &Places) -> Option<Failed> {
        let taken = Cell::new(0);
        let death = || {
            taken.set(taken.get() + 1);
            if taken.get() > step {
                Err(io::Error::other("death"))
            } else {
                Ok(())
            }
        };
        let journal = Journal::between(&texts(&BEFORE), &texts(&AFTER));
        journal.carry_out(places, &death).err()
    }

    #[test]
    fn wherever_it_dies_readers_find_the_old_or_the_new_and_the_next_start_completes_it() {
        let (old, new) = (texts(&BEFORE), texts(&AFTER));
        let mut outcomes = Vec::new();
        for step in 0.. {
            let (_folder, places) = laid_out();
            let failed = die_before(step, &places);
            let is_new = match &failed {
                Some(Failed::Nothing(_)) => false,
                Some(Failed::Unfinished(_)) | None => true,
            };
            let expected = if is_new { &new } else { &old };
            assert_eq!(found(&places), *expected, "read after dying before step {step}");
            finish(&places).unwrap();
            assert_eq!(found(&places), *expected, "completed after dying before step {step}");
            assert!(!path(&places.of("tenants.toml")).exists());
            outcomes.push(is_new);
            if failed.is_none() {
                break;
            }
        }
        // Three steps lead to the commit; each of three files is written or removed after it.
        assert!(outcomes.len() > 8 && !outcomes[2] && outcomes[3], "{outcomes:?}");
    }

    #[test]
    fn what_somebody_has_changed_after_the_death_stays() {
        let (_folder, places) = laid_out();
        // After the journal is in its place, before the first file.
        assert!(matches!(die_before(3, &places), Some(Failed::Unfinished(_))));
        std::fs::write(places.of("policies/a.cedar"), "by hand").unwrap();
        finish(&places).unwrap();
        let mut expected = texts(&AFTER);
        expected.insert("policies/a.cedar".into(), "by hand".into());
        assert_eq!(found(&places), expected);
    }

    #[test]
    fn a_journal_that_is_no_journal_changes_nothing() {
        let (_folder, places) = laid_out();
        std::fs::write(path(&places.of("tenants.toml")), "{\"files\": {").unwrap();
        assert_eq!(found(&places), texts(&BEFORE));
    }
}
