//! Secrets by reference: `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`. A secret never stands in a file
//! that is committed, and never shows in `Debug`, a finding or a log.

use std::fmt;

use super::Loading;
use super::document::{Node, Value};
use super::section::Section;

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
    let text = match (variable, file) {
        (Some(variable), None) => match loading.environment.variable(variable.value) {
            Some(text) => text.to_owned(),
            None if loading.environment.is_only_to_look() => return Some(Secret::absent()),
            None => {
                let message = format!(
                    "{title} is in the environment variable {}, which is not set",
                    variable.value
                );
                report.error(
                    variable.place,
                    message,
                    format!("set {} before the start", variable.value),
                );
                return None;
            }
        },
        (None, Some(file)) => match std::fs::read_to_string(loading.path(file.value)) {
            Ok(text) => text,
            Err(_) if loading.environment.is_only_to_look() => return Some(Secret::absent()),
            Err(error) => {
                let message = format!(
                    "{title} is in the file {}, which cannot be read: {}",
                    file.value,
                    error.kind()
                );
                report.error(file.place, message, None);
                return None;
            }
        },
        _ => {
            let message = format!("{title} must be exactly one of `{{ env = \"NAME\" }}` and `{{ file = \"...\" }}`");
            report.error(&node.place, message, None);
            return None;
        }
    };
    // Files that hold a secret end in a line break more often than not.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        report.error(&node.place, format!("{title} is empty"), None);
        return None;
    }
    loading.take(text);
    Some(Secret(text.to_owned()))
}
