//! The table of one source as a text of TOML, for tests: what a kind finds wrong is kept, and what it asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use kakehashi_adapters::kind::{At, Made, NamedFile, Table};

/// A table, and the files beside it.
pub(crate) struct Written {
    table: toml::Table,
    files: BTreeMap<&'static str, Arc<str>>,
    made: RefCell<BTreeMap<String, Made>>,
    asked: RefCell<BTreeSet<&'static str>>,
    findings: RefCell<Vec<String>>,
}

impl Written {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            table: text.parse().unwrap(),
            files: BTreeMap::new(),
            made: RefCell::default(),
            asked: RefCell::default(),
            findings: RefCell::default(),
        }
    }

    /// The same, with a file that it may name.
    pub(crate) fn with_file(mut self, name: &'static str, text: &str) -> Self {
        self.files.insert(name, text.into());
        self
    }

    /// What was found wrong: where, what, and the help.
    pub(crate) fn findings(&self) -> Vec<String> {
        self.findings.borrow().clone()
    }

    /// The keys that were asked for.
    #[allow(dead_code, reason = "one of the two suites that read tables looks at it")]
    pub(crate) fn asked(&self) -> BTreeSet<&'static str> {
        self.asked.borrow().clone()
    }

    fn value(&self, key: &'static str) -> Option<&toml::Value> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    fn tell(&self, finding: String) {
        self.findings.borrow_mut().push(finding);
    }

    fn read<'a, T>(&'a self, key: &'static str, as_type: impl Fn(&'a toml::Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let read = as_type(value);
        if read.is_none() {
            self.tell(format!("{key}: of another type"));
        }
        read
    }
}

impl Table for Written {
    fn title(&self) -> &str {
        "source `written`"
    }

    fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    fn text(&self, key: &'static str) -> Option<&str> {
        self.read(key, |value| value.as_str().filter(|text| !text.is_empty()))
    }

    fn boolean(&self, key: &'static str) -> Option<bool> {
        self.read(key, toml::Value::as_bool)
    }

    fn texts(&self, key: &'static str) -> Option<Vec<&str>> {
        self.read(key, |value| value.as_array()?.iter().map(toml::Value::as_str).collect())
    }

    fn named_texts(&self, key: &'static str) -> Option<Vec<(&str, &str)>> {
        self.read(key, |value| {
            let entries = value.as_table()?.iter();
            entries
                .map(|(name, text)| Some((name.as_str(), text.as_str()?)))
                .collect()
        })
    }

    fn missing(&self, key: &'static str, example: &str) {
        self.tell(format!("{key}: missing; add `{key} = {example}`"));
    }

    fn wrong(&self, at: At<'_>, message: String, help: Option<String>) {
        let at = match at {
            At::Value(key) => key.to_owned(),
            At::Item(key, position) => format!("{key}[{position}]"),
            At::File { file, line, column } => format!("{}:{line}:{column}", file.name),
        };
        let help = help.map_or_else(String::new, |help| format!("; {help}"));
        self.tell(format!("{at}: {message}{help}"));
    }

    fn unknown(&self, at: At<'_>, message: String, _name: &str, known: &[&str]) {
        self.wrong(at, message, Some(format!("known: {}", known.join(", "))));
    }

    fn path(&self, path: &str) -> PathBuf {
        PathBuf::from("/configuration").join(path)
    }

    fn file(&self, key: &'static str) -> Option<NamedFile> {
        let name = self.text(key)?;
        let Some(text) = self.files.get(name) else {
            self.tell(format!("{key}: {name} cannot be read"));
            return None;
        };
        Some(NamedFile {
            name: name.to_owned(),
            text: Arc::clone(text),
        })
    }

    fn made_of(&self, file: &NamedFile) -> Option<Made> {
        self.made.borrow().get(&file.name).cloned()
    }

    fn keep(&self, file: &NamedFile, made: Made) {
        self.made.borrow_mut().insert(file.name.clone(), made);
    }

    fn tenants(&self) -> Vec<&str> {
        vec!["tochigi", "sano", "yaita"]
    }
}
