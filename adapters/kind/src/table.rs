//! The table of one source, as a kind reads it. Who has the file implements it, and knows where each key stands.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;

/// The table of one source. Keys that nothing asks for are unknown keys, which whoever has the file reports.
pub trait Table {
    /// What the table is called in messages.
    fn title(&self) -> &str;

    /// Whether the key is there, whatever its value.
    fn has(&self, key: &'static str) -> bool;

    /// A text that is not empty. Anything else is reported.
    fn text(&self, key: &'static str) -> Option<&str>;

    /// `true` or `false`. Anything else is reported.
    fn boolean(&self, key: &'static str) -> Option<bool>;

    /// A list of texts. Anything else is reported.
    fn texts(&self, key: &'static str) -> Option<Vec<&str>>;

    /// A table of texts, each with its name. Anything else is reported.
    fn named_texts(&self, key: &'static str) -> Option<Vec<(&str, &str)>>;

    /// Reports that a key is missing, with what it could be.
    fn missing(&self, key: &'static str, example: &str);

    /// Reports what is wrong, and what would be right.
    fn wrong(&self, at: At<'_>, message: String, help: Option<String>);

    /// Reports a name that is none of those that are known. Help names the nearest.
    fn unknown(&self, at: At<'_>, message: String, name: &str, known: &[&str]);

    /// A path in the configuration, which is relative to its folder.
    fn path(&self, path: &str) -> PathBuf;

    /// The text of the file that a key names; that it cannot be read is reported. It becomes part of what the source was read
    /// from: when it changes, the source has changed.
    fn file(&self, key: &'static str) -> Option<NamedFile>;

    /// What was made of a file before, for another source or for an earlier revision in which it had the same text.
    fn made_of(&self, file: &NamedFile) -> Option<Made>;

    /// Keeps what was made of a file.
    fn keep(&self, file: &NamedFile, made: Made);

    /// Every tenant, in the order of the configuration.
    fn tenants(&self) -> Vec<&str>;
}

/// Where something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At<'a> {
    /// In the value of a key.
    Value(&'static str),
    /// In one item of a list, from 0.
    Item(&'static str, usize),
    /// In a file that the table names.
    File {
        /// The file.
        file: &'a NamedFile,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
}

/// A file that a table names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// As the table names it.
    pub name: String,
    /// What stands in it.
    pub text: Arc<str>,
}

/// What a kind makes of a file, such as a compiled mapping.
pub type Made = Arc<dyn Any + Send + Sync>;

/// A text that is parsed; what the parser says is reported at the text.
pub fn parsed<T>(table: &dyn Table, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    match parse(table.text(key)?) {
        Ok(value) => Some(value),
        Err(reason) => {
            let message = format!("`{key}` in {}: {reason}", table.title());
            table.wrong(At::Value(key), message, None);
            None
        }
    }
}

/// `endpoint` of a source that is asked over HTTP, without a slash at its end.
pub fn http_endpoint(table: &dyn Table) -> Option<String> {
    if !table.has("endpoint") {
        table.missing("endpoint", "\"http://127.0.0.1:9101\"");
        return None;
    }
    parsed(table, "endpoint", |text| {
        http_url(text).map(|_| text.trim_end_matches('/').to_owned())
    })
}

/// Reads an address of an HTTP server. It holds no credential, query or fragment.
///
/// # Errors
/// What would be right.
pub fn http_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text
        .parse()
        .map_err(|_| "no URL: write one such as \"http://127.0.0.1:9101\"".to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("must begin with http:// or https://".to_owned());
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("must hold no user or password: use `credential`".to_owned());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("names no host".to_owned());
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("must have no query and no fragment".to_owned());
    }
    Ok(uri)
}
