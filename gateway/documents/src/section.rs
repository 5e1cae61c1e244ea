//! Reading one table: each key once, with its type; what is left over is an unknown key.

use std::cell::RefCell;
use std::time::Duration;

use super::document::{Entry, Node, Value};
use super::quantity::parse_duration;
use kakehashi_core::diagnostics::{Place, Report, suggest};

/// A table that is being read.
pub struct Section<'a> {
    title: String,
    place: Place,
    entries: &'a [Entry],
    known: RefCell<Vec<&'static str>>,
    report: &'a Report,
}

/// A value that was read, with its place for later findings.
#[derive(Debug, Clone)]
pub struct Placed<'a, T> {
    /// What was read.
    pub value: T,
    /// Where it stands.
    pub place: &'a Place,
}

impl<'a> Section<'a> {
    /// Begins to read a table; anything else is an error and reads as an empty table.
    pub fn new(title: impl Into<String>, node: &'a Node, report: &'a Report) -> Self {
        let title = title.into();
        let entries = if let Value::Table(entries) = &node.value {
            entries.as_slice()
        } else {
            let kind = node.value.kind();
            let help = "write its keys in braces, `{ ... }`, or under a heading of their own, `[...]`".to_owned();
            report.error(&node.place, format!("{title} must be a table, not {kind}"), help);
            &[]
        };
        Self {
            title,
            place: node.place.clone(),
            entries,
            known: RefCell::default(),
            report,
        }
    }

    /// The report that findings go to.
    pub fn report(&self) -> &'a Report {
        self.report
    }

    /// Where the table stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What the table is called in messages.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// All keys of a table whose keys are names that an administrator chose.
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// The value of a key, whatever it is.
    pub fn node(&self, key: &'static str) -> Option<&'a Node> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The place of a key, for a finding about the key itself.
    pub fn key_place(&self, key: &str) -> Option<&'a Place> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.key_place)
    }

    /// A table under a key.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        Some(Section::new(format!("`{key}` of {}", self.title), node, self.report))
    }

    fn mismatch<T>(&self, key: &str, node: &Node, wanted: &str) -> Option<T> {
        let message = format!("`{key}` in {} must be {wanted}, not {}", self.title, node.value.kind());
        let help = match (wanted, &node.value) {
            ("a text", Value::Integer(_) | Value::Float | Value::Boolean(_) | Value::Date(_)) => Some(format!(
                "write it in quotation marks, leading zeros among them: `{key} = \"...\"`"
            )),
            (_, Value::Text(_)) if wanted.starts_with("a list") => {
                Some(format!("write it in brackets: `{key} = [\"...\"]`"))
            }
            ("true or false" | "a number" | "a whole number", Value::Text(_)) => {
                Some(format!("write it without quotation marks: `{key} = ...`"))
            }
            _ => None,
        };
        self.report.error(&node.place, message, help);
        None
    }

    /// A text that is not empty.
    pub fn text(&self, key: &'static str) -> Option<Placed<'a, &'a str>> {
        let node = self.node(key)?;
        let Value::Text(value) = &node.value else {
            return self.mismatch(key, node, "a text");
        };
        if value.trim().is_empty() {
            let message = format!("`{key}` in {} is empty", self.title);
            self.report.error(&node.place, message, None);
            return None;
        }
        Some(Placed {
            value,
            place: &node.place,
        })
    }

    /// A table of texts, under names of its own.
    pub fn named_texts(&self, key: &'static str) -> Option<Vec<(&'a str, &'a str)>> {
        let node = self.node(key)?;
        let Value::Table(entries) = &node.value else {
            return self.mismatch(key, node, "a table of texts");
        };
        let named = entries.iter().map(|entry| match &entry.node.value {
            Value::Text(text) => Some((entry.key.as_str(), text.as_str())),
            _ => self.mismatch(&format!("{key}.{}", entry.key), &entry.node, "a text"),
        });
        named.collect()
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &'static str, example: &str) -> Option<Placed<'a, &'a str>> {
        if self.node(key).is_none() {
            self.missing(key, example);
            return None;
        }
        self.text(key)
    }

    /// Says that a key is missing.
    pub fn missing(&self, key: &str, example: &str) {
        let message = format!("{} has no `{key}`", self.title);
        self.report
            .error(&self.place, message, format!("add `{key} = {example}`"));
    }

    /// A text that is parsed; an error of the parser is reported at the text.
    pub fn parsed<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        match parse(text.value) {
            Ok(value) => Some(value),
            Err(reason) => {
                let message = format!("`{key}` in {}: {reason}", self.title);
                self.report.error(text.place, message, None);
                None
            }
        }
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let words = choices.iter().map(|(word, _)| *word);
            let message = format!("`{key}` in {} cannot be \"{}\"", self.title, text.value);
            self.report.error(text.place, message, suggest(text.value, words));
        }
        found.map(|(_, value)| *value)
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &'static str) -> Option<Placed<'a, bool>> {
        let node = self.node(key)?;
        match node.value {
            Value::Boolean(value) => Some(Placed {
                value,
                place: &node.place,
            }),
            _ => self.mismatch(key, node, "true or false"),
        }
    }

    /// A whole number of at least 1: a limit of 0 would refuse everything.
    pub fn count(&self, key: &'static str, most: u32) -> Option<u32> {
        let node = self.node(key)?;
        let Value::Integer(number) = node.value else {
            return self.mismatch(key, node, "a whole number");
        };
        match u32::try_from(number) {
            Ok(number) if (1..=most).contains(&number) => Some(number),
            _ => {
                let message = format!("`{key}` in {} must be from 1 to {most}", self.title);
                let help =
                    (number == 0).then(|| "0 would refuse everything; leave the key out for its default".to_owned());
                self.report.error(&node.place, message, help);
                None
            }
        }
    }

    /// A time span such as "3s".
    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        self.parsed(key, parse_duration)
    }

    /// A list, item by item.
    pub fn items(&self, key: &'static str) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        match &node.value {
            Value::Array(items) => Some(items),
            _ => self.mismatch(key, node, "a list"),
        }
    }

    /// A list of texts.
    pub fn texts(&self, key: &'static str) -> Option<Vec<Placed<'a, &'a str>>> {
        let items = self.items(key)?;
        let texts = items.iter().filter_map(|item| match &item.value {
            Value::Text(value) => Some(Placed {
                value: value.as_str(),
                place: &item.place,
            }),
            _ => self.mismatch(key, item, "a list of texts"),
        });
        Some(texts.collect())
    }

    /// Refuses a key that this version cannot honour; being silent about it would promise what does not happen.
    pub fn refuse(&self, key: &'static str, why: &str) -> bool {
        let present = self.node(key).is_some();
        if let Some(place) = self.key_place(key) {
            self.report.error(
                place,
                format!("`{key}` in {} is not supported by this version", self.title),
                why.to_owned(),
            );
        }
        present
    }

    /// Reports every key that nothing has asked for.
    pub fn finish(self) {
        let known = self.known.borrow();
        #[cfg(feature = "remember-reads")]
        READ.with_borrow_mut(|read| read.push((self.title.clone(), known.clone())));
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("unknown key `{}` in {}", entry.key, self.title);
            self.report
                .error(&entry.key_place, message, suggest(&entry.key, known.iter().copied()));
        }
    }
}

#[cfg(feature = "remember-reads")]
thread_local! {
    /// The tables that this thread has read, and the keys that their readers know.
    static READ: RefCell<Vec<(String, Vec<&'static str>)>> = const { RefCell::new(Vec::new()) };
}

/// The tables that this thread has read since the last time, and the keys that their readers know.
#[cfg(feature = "remember-reads")]
#[must_use]
pub fn take_read() -> Vec<(String, Vec<&'static str>)> {
    READ.take()
}
