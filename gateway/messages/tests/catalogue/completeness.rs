//! Every text has its Japanese, and the catalogue has no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kakehashi_messages::{CATALOGUES, Message, messages_of};

use super::reading::{SOURCE, by_english, root};

/// The catalogue that the messages of a file belong to, by how its path begins; the longest beginning counts.
const BELONGS: [(&str, &str); 18] = [
    ("ngsi-ld/", "view"),
    ("adapters/", "sources"),
    ("gateway/federation/", "sources"),
    ("gateway/contexts/", "http"),
    ("gateway/certificates/", "config"),
    ("gateway/config/", "config"),
    ("gateway/core/", "documents"),
    ("gateway/documents/", "documents"),
    ("gateway/policy/", "policy"),
    ("gateway/explain/", "explain"),
    ("gateway/diff/", "explain"),
    ("gateway/http/", "http"),
    ("gateway/admin/", "command"),
    ("gateway/reload/", "command"),
    ("gateway/src/", "command"),
    ("gateway/subscriptions/", "http"),
    ("gateway/server/", "http"),
    ("gateway/", "command"),
];

fn catalogue_of(file: &str) -> &'static str {
    let fitting = BELONGS.iter().filter(|(begin, _)| file.starts_with(begin));
    fitting.max_by_key(|(begin, _)| begin.len()).unwrap().1
}

fn messages() -> Vec<(&'static str, Message)> {
    let of = |(name, text): &(&'static str, &str)| {
        let messages = messages_of(text).unwrap_or_else(|error| panic!("{name}.po: {error}"));
        let name = *name;
        messages
            .into_iter()
            .map(move |message| (name, message))
            .collect::<Vec<_>>()
    };
    CATALOGUES.iter().flat_map(of).collect()
}

/// Whether a text is a piece of a message that stands in pieces in the same file.
fn is_piece(english: &str, file: &str, composed: &[(&str, Message)]) -> bool {
    let piece = english.trim();
    let of_file = composed
        .iter()
        .filter(|(_, message)| message.composed_in.as_deref() == Some(file));
    of_file
        .map(|(_, message)| &message.english)
        .any(|whole| whole.contains(piece))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
}

#[test]
fn every_text_that_a_person_can_be_told_has_its_japanese() {
    let (composed, whole): (Vec<_>, Vec<_>) = messages()
        .into_iter()
        .partition(|(_, message)| message.composed_in.is_some());
    let known: BTreeSet<&str> = whole
        .iter()
        .filter(|(_, message)| !message.japanese.is_empty())
        .map(|(_, message)| message.english.as_str())
        .collect();
    let mut missing: BTreeMap<&str, String> = BTreeMap::new();
    let mut count = 0;
    for (english, said) in by_english() {
        if !known.contains(english) && !is_piece(english, &said.file, &composed) {
            let entry = missing.entry(catalogue_of(&said.file)).or_default();
            count += 1;
            write!(
                entry,
                "# {}:{}\nmsgid \"{}\"\nmsgstr \"\"\n\n",
                said.file,
                said.line,
                escaped(english)
            )
            .unwrap();
        }
    }
    if let Ok(folder) = std::env::var("MISSING_MESSAGES") {
        for (name, text) in &missing {
            std::fs::write(format!("{folder}/{name}.po"), text).unwrap();
        }
    }
    let told: Vec<String> = missing
        .iter()
        .map(|(name, text)| format!("in gateway/messages/ja/{name}.po:\n\n{text}"))
        .collect();
    assert!(
        count == 0,
        "{count} texts have no Japanese yet; write it\n{}",
        told.join("\n")
    );
}

#[test]
fn the_catalogue_has_no_message_that_nobody_says() {
    let known = by_english();
    let mut nobodys = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, message) in messages() {
        let is_said = match &message.composed_in {
            None => known.contains_key(message.english.as_str()),
            Some(file) => SOURCE.said.iter().any(|said| said.file == *file) || root().join(file).exists(),
        };
        if !is_said {
            nobodys.push(format!("{name}.po: {:?}: no source says it any more", message.english));
        }
        if !seen.insert(message.english.clone()) {
            nobodys.push(format!("{name}.po: {:?}: it stands twice", message.english));
        }
    }
    assert!(nobodys.is_empty(), "{}", nobodys.join("\n"));
}
