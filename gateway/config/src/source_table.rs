//! The table of one source, as its kind reads it: the kind says which key, item or line it means, and here is known where
//! that stands in the files.

use std::path::PathBuf;

use kakehashi_adapters::kind::{At, Made, NamedFile, Table};

use kakehashi_core::diagnostics::suggest;
use kakehashi_core::names::TenantId;
use kakehashi_documents::section::Section;

use super::Loading;

/// A source's table, for its kind.
pub(super) struct SourceTable<'a> {
    pub(super) section: &'a Section<'a>,
    /// All tenants.
    pub(super) tenants: &'a [TenantId],
    pub(super) loading: &'a Loading<'a>,
}

impl Table for SourceTable<'_> {
    fn title(&self) -> &str {
        self.section.title()
    }

    fn has(&self, key: &'static str) -> bool {
        self.section.node(key).is_some()
    }

    fn text(&self, key: &'static str) -> Option<&str> {
        self.section.text(key).map(|text| text.value)
    }

    fn boolean(&self, key: &'static str) -> Option<bool> {
        self.section.boolean(key).map(|boolean| boolean.value)
    }

    fn texts(&self, key: &'static str) -> Option<Vec<&str>> {
        let texts = self.section.texts(key)?;
        Some(texts.into_iter().map(|text| text.value).collect())
    }

    fn named_texts(&self, key: &'static str) -> Option<Vec<(&str, &str)>> {
        self.section.named_texts(key)
    }

    fn missing(&self, key: &'static str, example: &str) {
        self.section.missing(key, example);
    }

    fn wrong(&self, at: At<'_>, message: String, help: Option<String>) {
        let of_key = |key| self.section.node(key).map(|node| &node.place);
        let place = match at {
            At::Value(key) => of_key(key).unwrap_or(self.section.place()).clone(),
            At::Item(key, position) => {
                let items = self.section.items(key).unwrap_or_default();
                let item = items.get(position).map(|item| &item.place);
                item.or(of_key(key)).unwrap_or(self.section.place()).clone()
            }
            At::File { file, line, column } => self.loading.place_in(&file.name, &file.text, line, column),
        };
        self.loading.report.error(&place, message, help);
    }

    fn unknown(&self, at: At<'_>, message: String, name: &str, known: &[&str]) {
        self.wrong(at, message, suggest(name, known.iter().copied()));
    }

    fn path(&self, path: &str) -> PathBuf {
        self.loading.path(path)
    }

    fn file(&self, key: &'static str) -> Option<NamedFile> {
        let name = self.section.text(key)?;
        let text = self.loading.read(name.value, name.place, key)?;
        self.loading.take(text.as_bytes());
        Some(NamedFile {
            name: name.value.to_owned(),
            text,
        })
    }

    fn made_of(&self, file: &NamedFile) -> Option<Made> {
        self.loading.made_of(&file.name, &file.text)
    }

    fn keep(&self, file: &NamedFile, made: Made) {
        self.loading.keep(&file.name, made);
    }

    fn tenants(&self) -> Vec<&str> {
        self.tenants.iter().map(TenantId::as_str).collect()
    }
}
