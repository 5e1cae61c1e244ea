//! What the official standards of open data call their columns, and a mapping proposed by it.
//!
//! The knowledge stands in `columns.toml`, beside this file.

mod propose;
mod sample;
mod sample_file;
#[cfg(test)]
mod tests;
mod words;
mod writing;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

pub use self::propose::{Proposal, Unrecognised, propose};
pub use self::sample::{NotRecords, Sample, SampleColumn, SampleShape};
pub use self::sample_file::UnreadableSample;
use self::words::same_name;

/// The columns of every standard.
#[derive(Debug, Default, Deserialize)]
pub struct Standards {
    /// The words of each table of values, by what they mean.
    tables: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    persons: Persons,
    parts: BTreeMap<String, BTreeMap<String, Columns>>,
    datasets: BTreeMap<String, Dataset>,
}

#[derive(Debug, Default, Deserialize)]
struct Persons {
    words: Vec<String>,
}

/// One dataset of the standards.
#[derive(Debug, Deserialize)]
pub struct Dataset {
    /// What people call it.
    pub title: String,
    parts: Vec<String>,
    words: Vec<String>,
    attributes: BTreeMap<String, Columns>,
}

/// The columns that stand for an attribute.
#[derive(Debug, Deserialize)]
struct Columns {
    columns: Vec<String>,
    r#as: Option<String>,
    separator: Option<String>,
    table: Option<String>,
    unit_code: Option<String>,
    #[serde(default)]
    joined: Vec<String>,
}

impl Standards {
    /// What this version knows.
    #[must_use]
    pub fn known() -> &'static Self {
        static KNOWN: OnceLock<Standards> = OnceLock::new();
        // The file is part of the program: a test reads it, and without it nothing is recognised.
        KNOWN.get_or_init(|| toml::from_str(include_str!("columns.toml")).unwrap_or_default())
    }

    /// The datasets: the type of their entities, and what people call them.
    pub fn datasets(&self) -> impl Iterator<Item = (&str, &Dataset)> {
        self.datasets.iter().map(|(name, dataset)| (name.as_str(), dataset))
    }

    /// The attributes of a dataset, those of its own first.
    fn attributes<'s>(&'s self, dataset: &'s Dataset) -> Vec<(&'s str, &'s Columns)> {
        let parts = dataset.parts.iter().filter_map(|part| self.parts.get(part));
        let mut attributes: Vec<(&str, &Columns)> = Vec::new();
        for (name, columns) in std::iter::once(&dataset.attributes).chain(parts).flatten() {
            if !attributes.iter().any(|(other, _)| other == name) {
                attributes.push((name, columns));
            }
        }
        attributes
    }

    /// Whether a column is about a person, by its name.
    fn is_of_a_person(&self, column: &str) -> bool {
        self.persons.words.iter().any(|word| column.contains(word.as_str()))
    }

    /// The dataset that has most of these columns, by columns that no other has; `None`: none has any.
    fn recognised(&self, columns: &[SampleColumn]) -> Option<(&str, &Dataset)> {
        let has = |name: &String| columns.iter().any(|column| same_name(&column.name, name));
        let scored = self.datasets().map(|(name, dataset)| {
            let own = dataset.words.iter().filter(|word| has(word)).count();
            let attributes = self.attributes(dataset);
            let all = attributes
                .iter()
                .filter(|(_, attribute)| attribute.columns.iter().any(has))
                .count();
            (own, all, name, dataset)
        });
        let (own, _, name, dataset) = scored.max_by_key(|(own, all, _, _)| (*own, *all))?;
        (own > 0).then_some((name, dataset))
    }
}

impl Columns {
    /// The column of a sample that stands for the attribute: the newest name that it has, or the attribute's own.
    fn column<'c>(&self, attribute: &str, columns: &'c [SampleColumn]) -> Option<&'c SampleColumn> {
        let names = self
            .columns
            .iter()
            .map(String::as_str)
            .chain(std::iter::once(attribute));
        names
            .into_iter()
            .find_map(|name| columns.iter().find(|column| same_name(&column.name, name)))
    }
}
