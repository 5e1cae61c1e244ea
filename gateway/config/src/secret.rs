//! Secrets by reference: `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`. A secret never stands in a file
//! that is committed, and never shows in `Debug`, a finding or a log.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Loading;
use kakehashi_core::diagnostics::Severity;
use kakehashi_documents::document::{Node, Value};
use kakehashi_documents::named_file;
use kakehashi_documents::section::Section;

/// Largest file of a secret, in bytes: a private key with its whole chain is a tenth of it.
const MOST_BYTES: u64 = 64 * 1024;

/// What a secret is that is not there.
const ABSENT: &str = "absent";

/// A secret's text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Stands for one that is not there, where nobody will be sent it.
    fn absent() -> Self {
        Self(ABSENT.to_owned())
    }

    /// Whether it is not there.
    pub(crate) fn is_absent(&self) -> bool {
        self.0 == ABSENT
    }

    /// The text itself, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Where secrets were read, each with the SHA-256 of its text, which tells one text from another.
pub(crate) type Secrets = HashMap<SecretPlace, [u8; 32]>;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum SecretPlace {
    Variable(String),
    File(PathBuf),
}

/// Where the first secret of a table is kept, in words; `None`: it has none.
pub(crate) fn place_of_first(node: &Node) -> Option<Arc<str>> {
    let Value::Table(entries) = &node.value else {
        return None;
    };
    let text = |key| {
        node.child(key).and_then(|child| match &child.value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    };
    match (text("env"), text("file")) {
        (Some(variable), None) => Some(format!("the environment variable {variable}").into()),
        (None, Some(file)) => Some(format!("the file {file}").into()),
        _ => entries.iter().find_map(|entry| place_of_first(&entry.node)),
    }
}

/// Follows a reference to a secret.
pub(crate) fn resolve(title: &str, node: &Node, loading: &Loading<'_>) -> Option<Secret> {
    let report = loading.report;
    if !matches!(node.value, Value::Table(_)) {
        let help = "write `{ env = \"NAME\" }` or `{ file = \"/run/secrets/name\" }`";
        let message = format!("{title} is a secret and must not stand in this file");
        report.error(&node.place, message, help.to_owned());
        return None;
    }
    let section = Section::new(title, node, report);
    let variable = section.text("env");
    let file = section.text("file");
    section.finish();
    let named = match (&variable, &file) {
        (Some(variable), None) => SecretPlace::Variable(variable.value.to_owned()),
        (None, Some(file)) => SecretPlace::File(loading.path(file.value)),
        _ => {
            let message = format!("{title} must be exactly one of `{{ env = \"NAME\" }}` and `{{ file = \"...\" }}`");
            report.error(&node.place, message, None);
            return None;
        }
    };
    if !loading.environment.reads_secrets() {
        return Some(unread(title, node, &named, loading));
    }
    let read = match &named {
        SecretPlace::Variable(name) => variable_of(name, loading),
        SecretPlace::File(path) => file_of(path),
    };
    let text = match read {
        Ok(text) => text,
        Err(_) if loading.environment.is_only_to_look() => return Some(Secret::absent()),
        Err(reason) => {
            let (message, help) = match (&named, file) {
                (SecretPlace::Variable(name), _) => (
                    format!("{title} is in the environment variable {name}, which {reason}"),
                    Some(format!("set {name} before the start")),
                ),
                (SecretPlace::File(_), file) => {
                    let name = file.map_or("", |file| file.value);
                    (
                        format!("{title} is in the file {name}, which cannot be read: {reason}"),
                        None,
                    )
                }
            };
            // Where it is told says no more than what is told.
            report.of_secret(Severity::Error, &node.place, message, help);
            return None;
        }
    };
    // Files that hold a secret end in a line break more often than not.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        report.of_secret(Severity::Error, &node.place, format!("{title} is empty"), None);
        return None;
    }
    let digest: [u8; 32] = Sha256::digest(text).into();
    loading.take(&digest);
    loading.secrets.borrow_mut().insert(named, digest);
    Some(Secret(text.to_owned()))
}

fn variable_of(name: &str, loading: &Loading<'_>) -> Result<String, String> {
    let text = loading.environment.variable(name).ok_or("is not set")?;
    Ok(text.to_owned())
}

fn file_of(path: &Path) -> Result<String, String> {
    let bytes = named_file::read(path, MOST_BYTES).map_err(|unreadable| unreadable.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Stands for a secret that is not read, because whoever proposes the revision may not apply it: whether a file or a
/// variable is there, and what is in it, is not theirs to find out.
fn unread(title: &str, node: &Node, named: &SecretPlace, loading: &Loading<'_>) -> Secret {
    match loading.previous.and_then(|running| running.secrets.get(named)) {
        // What runs has read it, so that the source is the same.
        Some(digest) => loading.take(digest),
        None => {
            let message = format!(
                "{title} is one that the running revision does not have: it is not read before somebody applies this"
            );
            loading.report.warning(&node.place, message, None);
        }
    }
    Secret::absent()
}
