//! A TOML text as a tree in which every key and value knows its place, so that a finding can point at it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use kakehashi_core::diagnostics::{Masking, Place, Report, SourceFile};

/// Keys whose text values are, or by mistake may be, secrets.
const SECRET_KEYS: [&str; 10] = [
    "bearer",
    "client_secret",
    "key",
    "key_value",
    "passphrase",
    "password",
    "secret",
    "sha256",
    "token",
    "value",
];

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// A key with its place, and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// Its value.
    pub node: Node,
}

impl Entry {
    /// An entry that stands in no file.
    pub fn new(key: &str, value: Value, place: &Place) -> Self {
        Self {
            key: key.to_owned(),
            key_place: place.clone(),
            node: Node::new(value, place),
        }
    }
}

impl Node {
    /// A value that stands somewhere.
    pub fn new(value: Value, place: &Place) -> Self {
        Self {
            place: place.clone(),
            value,
        }
    }

    /// Adds what it says, wherever it stands, to a hash: the same for the same value, different for another.
    pub fn add_to(&self, hasher: &mut Sha256) {
        let text = |hasher: &mut Sha256, kind: u8, text: &str| {
            hasher.update([kind]);
            hasher.update(text.len().to_be_bytes());
            hasher.update(text);
        };
        match &self.value {
            Value::Text(value) => text(hasher, b't', value),
            Value::Integer(value) => text(hasher, b'i', &value.to_string()),
            Value::Float => hasher.update(b"f"),
            Value::Boolean(value) => text(hasher, b'b', &value.to_string()),
            Value::Date(value) => text(hasher, b'd', &value.to_string()),
            Value::Array(items) => {
                text(hasher, b'[', &items.len().to_string());
                for item in items {
                    item.add_to(hasher);
                }
            }
            Value::Table(entries) => {
                text(hasher, b'{', &entries.len().to_string());
                for entry in entries {
                    text(hasher, b'k', &entry.key);
                    entry.node.add_to(hasher);
                }
            }
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key, if this is a table that has it.
    pub fn child(&self, key: &str) -> Option<&Node> {
        let Value::Table(entries) = &self.value else {
            return None;
        };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value of a key, to be changed.
    pub fn child_mut(&mut self, key: &str) -> Option<&mut Node> {
        let Value::Table(entries) = &mut self.value else {
            return None;
        };
        let entry = entries.iter_mut().find(|entry| entry.key == key);
        entry.map(|entry| &mut entry.node)
    }

    /// All values of a table, to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Node> {
        match &mut self.value {
            Value::Table(entries) => entries.iter_mut().map(|entry| &mut entry.node).collect(),
            _ => Vec::new(),
        }
    }

    /// All values of a list, to be changed.
    pub fn items_mut(&mut self) -> Vec<&mut Node> {
        match &mut self.value {
            Value::Array(items) => items.iter_mut().collect(),
            _ => Vec::new(),
        }
    }

    /// Puts a value under a path of keys; tables that are missing are made. What is no table stays as it is,
    /// so that the reader finds it wrong.
    pub fn set(&mut self, path: &[&str], value: Value, place: &Place) {
        let Some((key, rest)) = path.split_first() else {
            *self = Self::new(value, place);
            return;
        };
        let Value::Table(entries) = &mut self.value else {
            return;
        };
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
            entry.node.set(rest, value, place);
            return;
        }
        let mut entry = Entry::new(key, Value::Table(Vec::new()), place);
        entry.node.set(rest, value, place);
        entries.push(entry);
    }
}

/// What TOML can say.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number, which no key takes.
    Float,
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both.
    Date(toml::value::Datetime),
    /// An array.
    Array(Vec<Node>),
    /// A table, in the order in which it is written.
    Table(Vec<Entry>),
}

impl Value {
    /// What it is, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) | Self::Float => "a number",
            Self::Boolean(_) => "true or false",
            Self::Date(_) => "a date",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Parses a text. Syntax errors go to the report, all of them, and there is no tree then.
pub fn parse(name: &str, text: &str, report: &Report) -> Option<Node> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let file = SourceFile::new(name, text, Masking::Guess);
        for error in errors {
            // Some errors of the parser have a second line, with what it expected.
            let (message, help) = match error.message().split_once('\n') {
                Some((message, help)) => (message, Some(help.replace('\n', "; "))),
                None => (error.message(), None),
            };
            let place = Place::File(Arc::clone(&file), error.span().unwrap_or(0..0));
            report.error(&place, format!("not TOML: {message}"), help);
        }
        return None;
    }
    let mut secrets = Vec::new();
    find_secrets(root.get_ref(), false, &mut secrets);
    let file = SourceFile::new(name, text, Masking::Ranges(secrets));
    let span = root.span();
    Some(Node {
        place: Place::File(Arc::clone(&file), span.start..span.start),
        value: Value::Table(entries(root.get_ref(), &file)),
    })
}

/// Whether a text under this key may be a secret.
fn is_secret_key(key: &str) -> bool {
    SECRET_KEYS.contains(&key)
}

fn find_secrets(table: &DeTable<'_>, in_secret: bool, secrets: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        // A reference to a secret names a variable or a file: that may be shown.
        let is_reference = matches!(key.get_ref().as_ref(), "env" | "file");
        let secret = !is_reference && (in_secret || is_secret_key(key.get_ref()));
        find_secrets_in_value(value, secret, secrets);
    }
}

fn find_secrets_in_value(value: &Spanned<DeValue<'_>>, secret: bool, secrets: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => find_secrets(table, secret, secrets),
        DeValue::Array(items) => {
            for item in items {
                find_secrets_in_value(item, secret, secrets);
            }
        }
        _ if secret => secrets.push(value.span()),
        _ => {}
    }
}

fn entries(table: &DeTable<'_>, file: &Arc<SourceFile>) -> Vec<Entry> {
    let mut entries: Vec<(usize, Entry)> = table
        .iter()
        .map(|(key, value)| {
            let entry = Entry {
                key: key.get_ref().to_string(),
                key_place: Place::File(Arc::clone(file), key.span()),
                node: node(value, file),
            };
            (key.span().start, entry)
        })
        .collect();
    // In the order of the file: tenants and consumers are listed as their administrator wrote them.
    entries.sort_by_key(|(start, _)| *start);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn node(value: &Spanned<DeValue<'_>>, file: &Arc<SourceFile>) -> Node {
    let read = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            // Numbers beyond 64 bits are out of every range that a key may have.
            let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
            Value::Integer(parsed.unwrap_or(i64::MAX))
        }
        // No key takes one.
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(date) => Value::Date(*date),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| node(item, file)).collect()),
        DeValue::Table(table) => Value::Table(entries(table, file)),
    };
    Node {
        place: Place::File(Arc::clone(file), value.span()),
        value: read,
    }
}

/// The lines and columns, both from 1, at which each key and value of a tenant stands in a tenants.toml, in the order of
/// the table; none if it is no TOML. Two texts that say the same of the tenant have as many, in the same order.
pub fn places_of_tenant(text: &str, tenant: &str) -> Vec<(usize, usize)> {
    let mut offsets = Vec::new();
    let root = parse("tenants.toml", text, &Report::default());
    let tenants = root.as_ref().and_then(|root| root.child("tenants"));
    if let Some(Value::Table(entries)) = tenants.map(|tenants| &tenants.value) {
        for entry in entries.iter().filter(|entry| entry.key == tenant) {
            collect_offsets(entry, &mut offsets);
        }
    }
    let wanted: HashSet<usize> = offsets.iter().copied().collect();
    let mut places = HashMap::new();
    let (mut line, mut column) = (1, 1);
    for (offset, character) in text.char_indices() {
        if wanted.contains(&offset) {
            places.insert(offset, (line, column));
        }
        (line, column) = if character == '\n' {
            (line + 1, 1)
        } else {
            (line, column + 1)
        };
    }
    let place = |offset: usize| places.get(&offset).copied().unwrap_or((line, column));
    offsets.into_iter().map(place).collect()
}

fn collect_offsets(entry: &Entry, offsets: &mut Vec<usize>) {
    offsets.extend(offset_of(&entry.key_place));
    collect_offsets_in(&entry.node, offsets);
}

fn collect_offsets_in(node: &Node, offsets: &mut Vec<usize>) {
    offsets.extend(offset_of(&node.place));
    match &node.value {
        Value::Array(items) => items.iter().for_each(|item| collect_offsets_in(item, offsets)),
        Value::Table(entries) => entries.iter().for_each(|entry| collect_offsets(entry, offsets)),
        _ => {}
    }
}

fn offset_of(place: &Place) -> Option<usize> {
    match place {
        Place::File(_, span) => Some(span.start),
        Place::Variable(_) | Place::Caller => None,
    }
}
