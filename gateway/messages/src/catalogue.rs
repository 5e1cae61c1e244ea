//! The messages and their Japanese, as PO files, which translators' tools edit. They are a part of the program and are read
//! once, when the first text is looked up.

use std::collections::HashSet;

use polib::message::MessageView;
use polib::po_file::parse_from_reader;

use crate::template::Template;

/// The catalogues by their names: one for each subject.
pub const CATALOGUES: [(&str, &str); CATALOGUE_COUNT] = [
    ("command", include_str!("../ja/command.po")),
    ("config", include_str!("../ja/config.po")),
    ("documents", include_str!("../ja/documents.po")),
    ("explain", include_str!("../ja/explain.po")),
    ("http", include_str!("../ja/http.po")),
    ("policy", include_str!("../ja/policy.po")),
    ("sources", include_str!("../ja/sources.po")),
    ("view", include_str!("../ja/view.po")),
];

const CATALOGUE_COUNT: usize = 8;

/// One message of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The English, as it stands in the code.
    pub english: String,
    /// The Japanese.
    pub japanese: String,
    /// The file whose pieces make it up, where it stands in the code in pieces only.
    pub composed_in: Option<String>,
}

/// What the comment on a message says that stands in the code in pieces only.
const COMPOSED: &str = "in pieces: ";

/// The messages of one catalogue.
///
/// # Errors
/// Why it is no PO file.
pub fn messages_of(catalogue: &str) -> Result<Vec<Message>, String> {
    let parsed = parse_from_reader(catalogue.as_bytes()).map_err(|error| error.to_string())?;
    let read = |message: &dyn MessageView| Message {
        english: message.msgid().to_owned(),
        japanese: message.msgstr().unwrap_or_default().to_owned(),
        composed_in: message
            .extracted_comments()
            .trim()
            .strip_prefix(COMPOSED)
            .map(str::to_owned),
    };
    Ok(parsed.messages().map(read).collect())
}

/// A message, ready to be looked up.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(crate) english: Template,
    pub(crate) japanese: Template,
    /// Whether it stands in the code in pieces only.
    pub(crate) is_composed: bool,
    /// Which gap of the English each gap of the Japanese takes over.
    pub(crate) places: Vec<usize>,
}

/// All messages that can be looked up. What is wrong with one leaves out that one: a test says that none is.
pub(crate) fn translated() -> Vec<Translated> {
    let mut known = HashSet::new();
    let messages = CATALOGUES
        .iter()
        .filter_map(|(_, text)| messages_of(text).ok())
        .flatten();
    let messages = messages.filter(|message| !message.japanese.is_empty() && known.insert(message.english.clone()));
    let messages: Vec<Message> = messages.collect();
    let read = |english: &str, japanese: &str, is_composed| {
        let english = Template::parse(english).ok()?.trimmed();
        let japanese = Template::parse(japanese).ok()?.trimmed();
        let places = japanese.places_in(&english)?;
        Some(Translated {
            english,
            japanese,
            is_composed,
            places,
        })
    };
    let told = |message: Message| {
        let is_composed = message.composed_in.is_some();
        // What is added to a sentence stands by itself where the sentences are told one after the other.
        let added = message.english.strip_prefix(ADDED);
        let added = added.filter(|added| !known.contains(*added));
        let added = added.and_then(|added| {
            let japanese = message.japanese.trim_start_matches(['。', '；']);
            read(added, japanese, is_composed)
        });
        let whole = read(&message.english, &message.japanese, is_composed);
        [whole, added].into_iter().flatten().collect::<Vec<_>>()
    };
    messages.into_iter().flat_map(told).collect()
}

/// What stands before something that is added to a sentence, so that it may as well be told apart from it.
const ADDED: &str = "; ";
