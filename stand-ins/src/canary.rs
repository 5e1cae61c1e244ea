//! Looking for personal values in whatever was written: files of any kind, in any of the forms that software gives text.
//!
//! A [`Scan`] knows the values; it tells where it found which of them and in what form, and never repeats the value.
//! Two ways lead from a value to its form in a file. Forms that begin and end with the value (base64, UTF-16, CP932,
//! hexadecimal, a hash) are searched as patterns. Forms that may encode any part of it and leave the rest
//! (percent-encoding, JSON escapes) are undone before the search, alone and one inside the other. What was packed (gzip,
//! zlib, deflate) is unpacked and searched in the same way.

mod forms;
mod packed;
mod unescape;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;

use forms::Form;
use unescape::Unescaped;

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Bytes from its beginning.
    pub offset: usize,
    /// Which of the values, counted from 0.
    pub value: usize,
    /// In what form, such as `base64` or `JSON-escaped UTF-8`.
    pub form: String,
}

/// What a scan of folders found.
#[derive(Debug, Default)]
pub struct Report {
    /// Every place in which a value stands, each once per value.
    pub findings: Vec<Finding>,
    /// How many files were read.
    pub files: usize,
    /// How many bytes they hold.
    pub bytes: u64,
}

/// The values to look for, made ready.
#[derive(Debug)]
pub struct Scan {
    searcher: AhoCorasick,
    /// By pattern: the value and its form.
    meanings: Vec<(usize, Form)>,
}

// === impl Scan ===

impl Scan {
    /// Makes the patterns of these values.
    ///
    /// # Panics
    /// Never for fewer than some millions of values.
    #[must_use]
    pub fn for_values(values: &[String]) -> Self {
        let mut patterns = Vec::new();
        let mut meanings = Vec::new();
        for (index, value) in values.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
            for (form, pattern) in forms::of(value) {
                patterns.push(pattern);
                meanings.push((index, form));
            }
        }
        // The only failure is a number of patterns beyond what 32 bits count; then nothing must pass as scanned.
        #[expect(
            clippy::expect_used,
            reason = "a scan that silently looks for nothing is worse than none"
        )]
        let searcher = AhoCorasick::new(&patterns).expect("a few thousand patterns");
        Self { searcher, meanings }
    }

    /// Reads every file below a folder (or the one file that is given).
    ///
    /// # Errors
    /// A file or folder cannot be read: what was not read is not known to be clean.
    pub fn folder(&self, folder: &Path) -> io::Result<Report> {
        let mut report = Report::default();
        self.walk(folder, &mut report)?;
        Ok(report)
    }

    fn walk(&self, path: &Path, report: &mut Report) -> io::Result<()> {
        let kind = fs::symlink_metadata(path)
            .map_err(|error| naming(path, &error))?
            .file_type();
        if kind.is_dir() {
            let mut entries = fs::read_dir(path)
                .and_then(Iterator::collect::<io::Result<Vec<_>>>)
                .map_err(|error| naming(path, &error))?;
            entries.sort_by_key(fs::DirEntry::file_name);
            return entries.iter().try_for_each(|entry| self.walk(&entry.path(), report));
        }
        if kind.is_file() {
            let content = fs::read(path).map_err(|error| naming(path, &error))?;
            report.files += 1;
            report.bytes += content.len() as u64;
            report.findings.extend(self.named(path, &content));
        }
        // A name is written to disk as well.
        let name = path
            .file_name()
            .map(|name| name.as_encoded_bytes().to_vec())
            .unwrap_or_default();
        report.findings.extend(self.named(path, &name).map(|finding| Finding {
            form: format!("{} in the name", finding.form),
            ..finding
        }));
        Ok(())
    }

    fn named(&self, path: &Path, content: &[u8]) -> impl Iterator<Item = Finding> {
        let found = self.bytes(content).into_iter();
        found.map(|(offset, value, form)| Finding {
            file: path.to_owned(),
            offset,
            value,
            form,
        })
    }

    /// Looks through bytes: offset, value and form of what stands there. In what was packed, the offset is that of the
    /// stream.
    #[must_use]
    pub fn bytes(&self, content: &[u8]) -> Vec<(usize, usize, String)> {
        let mut found = self.unpacked(content);
        for outer in packed::all(content) {
            let mut inner = self.unpacked(&outer.bytes);
            // An answer that was packed for its way may be in a file that was packed to be kept.
            for innermost in packed::all(&outer.bytes) {
                inner.extend(self.unpacked(&innermost.bytes));
            }
            let named = |(_, value, form)| (outer.offset, value, format!("{}{form}", outer.name));
            found.extend(inner.into_iter().map(named));
        }
        found
    }

    /// The first value in bytes as they stand, and its form: nothing is undone first, which takes a moment only.
    #[must_use]
    pub fn first(&self, content: &[u8]) -> Option<(usize, String)> {
        let hit = self.searcher.find(content)?;
        let (value, form) = self.meanings.get(hit.pattern().as_usize())?;
        Some((*value, form.to_string()))
    }

    /// The same, as it stands.
    fn unpacked(&self, content: &[u8]) -> Vec<(usize, usize, String)> {
        let mut found: Vec<(usize, usize, String)> = Vec::new();
        for view in Unescaped::all(content) {
            for hit in self.searcher.find_overlapping_iter(view.bytes()) {
                let Some((value, form)) = self.meanings.get(hit.pattern().as_usize()) else {
                    continue;
                };
                let offset = view.offset(hit.start());
                // The plainest way to read a place is the one to report.
                if !found
                    .iter()
                    .any(|(place, earlier, _)| (*place, earlier) == (offset, value))
                {
                    found.push((offset, *value, format!("{}{form}", view.name())));
                }
            }
        }
        found
    }
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
