//! Reads the workspace's source for the texts in it that people are told. A text is every string of two words and more that
//! stands in an expression, in `#[error]`, or in what `--help` shows, except what `outside` names with its reason: what is
//! only logged, and what machines read.

mod outside;
mod visitor;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use visitor::Visitor;

/// A text in the code.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The file, from the workspace's folder.
    pub(super) file: String,
    pub(super) line: usize,
    /// As a template: what is no template in the code has its braces doubled.
    pub(super) english: String,
}

/// An error or warning, or a problem that a consumer is told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// What it may say.
    pub(super) messages: Vec<String>,
    /// What it may say of what to do; `None`: it is told without.
    pub(super) help: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Error,
    Warning,
    Problem,
    Cause,
    Command,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) said: Vec<Said>,
    pub(super) told: Vec<Told>,
}

pub(super) static SOURCE: LazyLock<Source> = LazyLock::new(read);

/// The workspace's folder.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read() -> Source {
    let root = root();
    let mut files = Vec::new();
    for folder in ["ngsi-ld", "adapters", "gateway"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut source = Source::default();
    for path in files {
        let file = path.strip_prefix(&root).unwrap().display().to_string();
        if outside::is_outside(&file) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut visitor = Visitor::new(&file);
        syn::visit::Visit::visit_file(&mut visitor, &parsed);
        source.said.extend(
            visitor
                .source
                .said
                .into_iter()
                .filter(|said| !outside::is_no_text(said)),
        );
        source.told.extend(visitor.source.told);
    }
    source
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["tests", "target", "benches", "examples", "oracle"].contains(&name.as_str())
                && !name.ends_with("_tests")
            {
                collect(&path, files);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" && !name.ends_with("_tests.rs") {
            files.push(path);
        }
    }
}

/// The texts by what they say, each with where it stands first.
pub(super) fn by_english() -> BTreeMap<&'static str, &'static Said> {
    let mut known = BTreeMap::new();
    for said in &SOURCE.said {
        known.entry(said.english.as_str()).or_insert(said);
    }
    known
}
