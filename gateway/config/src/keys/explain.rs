//! Which value of every key is in effect, and where it comes from. Secrets are masked; so is whatever stands under a
//! key that nobody knows.

use std::path::Path;

use kakehashi_core::diagnostics::{Diagnostics, Place, Report, mask_passwords_in_addresses};
use kakehashi_documents::document::{Node, Value, parse};
use kakehashi_documents::files::Files;
use serde::Serialize;

use super::{Key, Kind, Surroundings, Table, tables};
use crate::environment::{Environment, apply_environment};

/// In the place of a secret.
const MASKED: &str = "***";

/// The value of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key with all tables before it, such as `gateway.limits.page`. A source is known by its id.
    pub key: String,
    /// As TOML; `None`: it is not set and has no default.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Origin {
    /// Nobody has said anything.
    Default,
    /// A line of a file.
    File {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A line of a file, under a key that the gateway does not know.
    Unknown {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment { variable } => write!(f, "environment: {variable}"),
            Self::Unknown { file, line } => write!(f, "{file}:{line}, an unknown key"),
        }
    }
}

/// Explains tenants.toml as it would be loaded now. It need not be without fault: what is wrong with it is told by
/// `kakehashi check`.
///
/// # Errors
/// What keeps the file from being read at all.
pub fn explain(tenants_toml: &Path, environment: &Environment) -> Result<Vec<Setting>, Diagnostics> {
    let report = Report::default();
    let name = tenants_toml.display().to_string();
    let root = match Files::on_disk(tenants_toml).read(tenants_toml, "tenants.toml") {
        Ok(text) => parse(&name, &text, &report),
        Err(reason) => {
            report.error(&Place::Caller, format!("{name} cannot be read: {reason}"), None);
            None
        }
    };
    let Some(mut root) = root else {
        return Err(report.finish());
    };
    apply_environment(&mut root, environment, &report);
    if report.has_errors() {
        return Err(report.finish());
    }
    let mut walk = Walk {
        root: &root,
        settings: Vec::new(),
    };
    walk.table(&tables::ROOT, Some(&root), "", "");
    Ok(walk.settings)
}

struct Walk<'a> {
    root: &'a Node,
    settings: Vec<Setting>,
}

impl<'a> Walk<'a> {
    fn table(&mut self, table: &'static Table, node: Option<&'a Node>, path: &str, name: &str) {
        for key in table.keys() {
            let path = joined(path, key.name);
            match node.and_then(|node| node.child(key.name)) {
                Some(value) => self.present(key, value, &path, name),
                None => self.absent(key, node, &path, name),
            }
        }
        let Some(Node {
            value: Value::Table(entries),
            ..
        }) = node
        else {
            return;
        };
        for entry in entries
            .iter()
            .filter(|entry| table.keys().all(|key| key.name != entry.key))
        {
            self.settings.push(Setting {
                key: joined(path, &entry.key),
                value: Some(MASKED.to_owned()),
                origin: unknown(&entry.key_place),
            });
        }
    }

    fn present(&mut self, key: &'static Key, node: &'a Node, path: &str, name: &str) {
        match (key.kind, &node.value) {
            (Kind::Table(table) | Kind::OneOrList(table) | Kind::ChoiceOrTable(_, table), Value::Table(_)) => {
                self.table(table, Some(node), path, name);
            }
            (Kind::Named(table), Value::Table(entries)) => {
                for entry in entries {
                    self.table(table, Some(&entry.node), &joined(path, &entry.key), &entry.key);
                }
            }
            (Kind::List(table) | Kind::OneOrList(table), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let named = ["id", "name", "type"]
                        .iter()
                        .find_map(|key| item.child(key).and_then(Node::as_text));
                    let label = named.map_or_else(|| index.to_string(), str::to_owned);
                    self.table(table, Some(item), &format!("{path}[{label}]"), named.unwrap_or(name));
                }
            }
            _ => self.settings.push(Setting {
                key: path.to_owned(),
                value: Some(shown(key.kind, node)),
                origin: origin(&node.place),
            }),
        }
    }

    fn absent(&mut self, key: &'static Key, table: Option<&'a Node>, path: &str, name: &str) {
        let surroundings = Surroundings {
            root: self.root,
            table,
            name,
        };
        let value = key.fallback.within(&surroundings);
        match key.kind {
            Kind::Refused => {}
            // Limits have defaults of their own while the table is absent.
            Kind::Table(keys) | Kind::ChoiceOrTable(_, keys) if keys.has_defaults() => {
                self.table(keys, None, path, name);
            }
            _ => self.settings.push(Setting {
                key: path.to_owned(),
                value,
                origin: Origin::Default,
            }),
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn origin(place: &Place) -> Origin {
    match place {
        Place::File(file, span) => Origin::File {
            file: file.name().to_owned(),
            line: file.line_of(span.start),
        },
        Place::Variable(name) => Origin::Environment {
            variable: name.to_string(),
        },
        Place::Caller => Origin::Default,
    }
}

fn unknown(place: &Place) -> Origin {
    match origin(place) {
        Origin::File { file, line } => Origin::Unknown { file, line },
        other => other,
    }
}

fn shown(kind: Kind, node: &Node) -> String {
    match (kind, &node.value) {
        // A reference names a variable or a file; whatever else stands here was meant to be one.
        (Kind::Secret, Value::Table(entries)) => {
            let parts: Vec<String> = entries
                .iter()
                .map(|entry| match entry.key.as_str() {
                    "env" | "file" => format!("{} = {}", entry.key, plain(&entry.node)),
                    key => format!("{key} = {MASKED}"),
                })
                .collect();
            format!("{{ {} }}", parts.join(", "))
        }
        (
            Kind::Text
            | Kind::Listen
            | Kind::Choice(_)
            | Kind::ChoiceOrTable(..)
            | Kind::Boolean
            | Kind::Count(_)
            | Kind::Duration
            | Kind::Size
            | Kind::Date
            | Kind::Texts
            | Kind::Choices(_),
            _,
        ) => plain(node),
        (Kind::NamedTexts, Value::Table(entries)) => {
            let parts = entries
                .iter()
                .map(|entry| format!("{} = {}", entry.key, plain(&entry.node)));
            format!("{{ {} }}", parts.collect::<Vec<_>>().join(", "))
        }
        // So is what should be a table and is none: it may be a secret that stands a level too high.
        _ => MASKED.to_owned(),
    }
}

fn plain(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => toml::Value::String(mask_passwords_in_addresses(text)).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float => "a number with a fraction".to_owned(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(_) => MASKED.to_owned(),
    }
}
