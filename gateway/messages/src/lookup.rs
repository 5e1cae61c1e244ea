//! A text in Japanese: the template that it was made from is found, and what stands in its gaps is looked up again, since
//! errors stand in errors. A text comes from anybody, a request's own values in it: what is looked at is bounded, and a
//! template holds for a text as a whole or not at all, so that no value is taken for what the gateway says.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::catalogue::{Translated, translated};
use crate::template::Fuel;

/// Longer texts stay as they are, in bytes: no message is as long, save for what it quotes.
const LONGEST: usize = 8 * 1024;

/// A message that is a text of several lines has fewer line breaks than this.
const FEW_LINES: usize = 4;

/// How deep messages stand in messages.
const DEEPEST: usize = 8;

/// Searches for one text and all that stands in it.
const SEARCHES: u32 = 3000;

/// A template with fewer letters than this outside of its gaps fits too much: it is no message by itself, except where
/// the catalogue says in so many words what it is made of.
const LIGHTEST: usize = 4;

/// What stands between the parts of a text, from the strongest, and what stands there in Japanese.
const MARKS: [(&str, &str); 3] = [("\n", "\n"), (". ", "。"), ("; ", "；")];

/// What stands between the items of a list, which a colon is stronger than.
const LIST: (&str, &str) = (", ", ", ");

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// How well a template has to fit a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It has words, and in its gaps is such as was meant to stand there.
    Meant,
    /// The same of one that has marks between its gaps and no words: it fits much that is said otherwise.
    Mute,
    /// It fits.
    Any,
}

/// The messages by what is said in them.
struct Index {
    /// Those without gaps.
    whole: HashMap<String, String>,
    /// Those with gaps.
    templates: Vec<Translated>,
    /// Finds the longest piece of each template in a text; `None`: there is none.
    finder: Option<AhoCorasick>,
    /// The templates of each piece.
    of_piece: Vec<Vec<usize>>,
}

impl Index {
    fn new() -> Self {
        let mut whole = HashMap::new();
        let mut templates = Vec::new();
        for message in translated() {
            match (message.english.literals(), message.japanese.literals()) {
                ([english], [japanese]) => {
                    whole.insert(english.clone(), japanese.clone());
                }
                _ => templates.push(message),
            }
        }
        // The weightiest comes first: it says the most of what the text says.
        templates.sort_by_key(|message| {
            (
                std::cmp::Reverse(message.english.weight()),
                message.english.gaps().len(),
            )
        });
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, message) in templates.iter().enumerate() {
            let piece = message.english.literals().iter().max_by_key(|literal| literal.len());
            let is_said = message.is_composed || message.english.letters() >= LIGHTEST;
            if let Some(piece) = piece.filter(|_| is_said) {
                places.entry(piece).or_default().push(place);
            }
        }
        let (pieces, of_piece): (Vec<&str>, Vec<Vec<usize>>) = places.into_iter().unzip();
        let finder = AhoCorasick::new(pieces).ok();
        Self {
            whole,
            templates,
            finder,
            of_piece,
        }
    }

    /// The templates that a text may have been made from, the weightiest first.
    fn candidates(&self, text: &str) -> Vec<usize> {
        let Some(finder) = &self.finder else {
            return Vec::new();
        };
        let mut pieces: Vec<usize> = finder
            .find_overlapping_iter(text)
            .map(|found| found.pattern().as_usize())
            .collect();
        pieces.sort_unstable();
        pieces.dedup();
        let of_pieces = pieces.into_iter().filter_map(|piece| self.of_piece.get(piece));
        let mut places: Vec<usize> = of_pieces.flatten().copied().collect();
        places.sort_unstable();
        places
    }

    /// The Japanese of a text that is a message as a whole, made from one that fits so far.
    fn whole(&self, text: &str, fit: Fit, depth: usize, fuel: &mut Fuel) -> Option<String> {
        if let Some(japanese) = self.whole.get(text) {
            return Some(japanese.clone());
        }
        for place in self.candidates(text) {
            let message = self.templates.get(place)?;
            let is_mute = message.english.letters() == 0;
            if is_mute != matches!(fit, Fit::Mute) && fit != Fit::Any {
                continue;
            }
            let Some(held) = message.english.matches(text, fuel) else {
                continue;
            };
            if fit != Fit::Any && !message.english.is_meant(&held) {
                continue;
            }
            // So little says something of one thing, and what stands in a list are several.
            let is_light = message.english.letters() < LIGHTEST && !message.english.stands_in_brackets();
            if is_light && held.iter().any(|held| held.contains(LIST.0)) {
                continue;
            }
            let mut told = String::new();
            let mut places = message.places.iter();
            for literal in message.japanese.literals() {
                push(&mut told, literal);
                let Some(place) = places.next() else { break };
                let (Some(gap), Some(held)) = (message.english.gaps().get(*place), held.get(*place)) else {
                    continue;
                };
                match gap.may_be_a_message() {
                    true => push(&mut told, &self.told(held, depth + 1, fuel)),
                    false if gap.is_quoted() => told.push_str(held),
                    false => push(&mut told, held),
                }
            }
            return Some(told);
        }
        None
    }

    /// A text in Japanese, as far as it is known: as a whole, or line by line, or sentence by sentence, or one item of a list
    /// after the other.
    fn told<'t>(&self, text: &'t str, depth: usize, fuel: &mut Fuel) -> Cow<'t, str> {
        // One word within a message is a name.
        let is_name = depth > 0 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if depth > DEEPEST || is_name || !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Cow::Borrowed(text);
        }
        // A value is told only where the gateway itself writes one, as an example.
        if is_quoted(text) {
            return self.whole.get(text).cloned().map_or(Cow::Borrowed(text), Cow::Owned);
        }
        let inside = text.trim();
        if inside.len() < text.len() {
            return match self.told(inside, depth, fuel) {
                Cow::Borrowed(_) => Cow::Borrowed(text),
                Cow::Owned(told) => {
                    let (before, after) = text.split_once(inside).unwrap_or_default();
                    Cow::Owned(format!("{before}{told}{after}"))
                }
            };
        }
        if fuel.burn().is_none() {
            return Cow::Borrowed(text);
        }
        // What is a message as it was meant, or is wholly made of such, is preferred to what only may be one.
        let meant = self
            .whole(text, Fit::Meant, depth, fuel)
            .or_else(|| self.told_apart(text, true, depth, fuel));
        let told = meant
            .or_else(|| self.whole(text, Fit::Mute, depth, fuel))
            .or_else(|| self.whole(text, Fit::Any, depth, fuel))
            .or_else(|| self.told_apart(text, false, depth, fuel));
        told.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// A text of several parts. `wholly`: only where each is known.
    fn told_apart(&self, text: &str, wholly: bool, depth: usize, fuel: &mut Fuel) -> Option<String> {
        // Where backquotes have no other, nobody knows what is a name and what was said of it.
        if text.bytes().filter(|byte| *byte == b'`').count() % 2 == 1 {
            return None;
        }
        let mut parts = MARKS
            .iter()
            .filter_map(|(mark, shown)| self.told_in_parts(text, (mark, shown), wholly, depth, fuel));
        let told = parts.next();
        told.or_else(|| self.told_after_colon(text, wholly, depth, fuel))
            .or_else(|| self.told_in_parts(text, LIST, wholly, depth, fuel))
    }

    /// A text whose parts are messages; `None`: none of them is, or not each, or it has no parts.
    fn told_in_parts(
        &self,
        text: &str,
        (mark, shown): (&str, &str),
        wholly: bool,
        depth: usize,
        fuel: &mut Fuel,
    ) -> Option<String> {
        let parts = parts(text, mark);
        if parts.len() < 2 {
            return None;
        }
        let told: Vec<Cow<'_, str>> = parts.iter().map(|part| self.told(part, depth + 1, fuel)).collect();
        let is_known = |part: &Cow<'_, str>| matches!(part, Cow::Owned(_));
        // Lines are told each for itself, whatever stands in the others.
        let each = wholly && mark != "\n";
        let is_enough = if each {
            told.iter().all(is_known)
        } else {
            told.iter().any(is_known)
        };
        if !is_enough {
            return None;
        }
        let mut joined = String::with_capacity(text.len());
        for (place, part) in told.iter().enumerate() {
            // A sentence that has ended needs no other mark.
            if place > 0 && (shown == "\n" || !joined.ends_with('。')) {
                joined.push_str(shown);
            }
            joined.push_str(part);
        }
        Some(joined)
    }

    /// What something is about, and what is said of it. `wholly`: only where it is known what it is about.
    fn told_after_colon(&self, text: &str, wholly: bool, depth: usize, fuel: &mut Fuel) -> Option<String> {
        let about = parts(text, ": ")
            .first()
            .copied()
            .filter(|about| about.len() < text.len())?;
        let said = text.get(about.len() + ": ".len()..)?;
        let told = self.told(about, depth + 1, fuel);
        if wholly && matches!(told, Cow::Borrowed(_)) {
            return None;
        }
        match (told, self.told(said, depth + 1, fuel)) {
            (Cow::Borrowed(_), Cow::Borrowed(_)) => None,
            (Cow::Borrowed(about), said) => Some(format!("{about}: {said}")),
            (Cow::Owned(about), said) => Some(format!("{about}：{said}")),
        }
    }
}

/// Adds to a text; between words in Japanese and a name, in backquotes, in brackets or in letters, stands a space.
fn push(text: &mut String, added: &str) {
    let is_word = |character: char| matches!(character, '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
    let ends_name = |character: char| matches!(character, '`' | ']') || character.is_ascii_alphanumeric();
    let begins_name = |character: char| matches!(character, '`' | '[') || character.is_ascii_alphanumeric();
    let (last, first) = (text.chars().next_back(), added.chars().next());
    if let (Some(last), Some(first)) = (last, first)
        && ((ends_name(last) && is_word(first)) || (is_word(last) && begins_name(first)))
    {
        text.push(' ');
    }
    // A sentence in brackets, or with something said of it, ends elsewhere.
    if text.ends_with('。') && added.starts_with(['（', '）', '：', '、', '。']) {
        text.pop();
    }
    text.push_str(added);
}

/// Whether a text is a value in double quotes and nothing else.
fn is_quoted(text: &str) -> bool {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.is_some_and(|inside| !inside.contains('"'))
}

/// A text in its parts; a mark within backquotes, or within double quotes that have their other, divides nothing.
fn parts<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let count = |text: &str, mark: u8| text.bytes().filter(|byte| *byte == mark).count();
    let has_values = count(text, b'"') % 2 == 0;
    let (mut is_name, mut is_value) = (false, false);
    let mut from = 0;
    for (end, _) in text.match_indices(mark) {
        let between = text.get(from..end).unwrap_or_default();
        is_name ^= count(between, b'`') % 2 == 1;
        is_value ^= has_values && count(between, b'"') % 2 == 1;
        from = end;
        if !is_name && !is_value {
            parts.extend(text.get(begin..end));
            begin = end + mark.len();
        }
    }
    parts.extend(text.get(begin..));
    parts
}

/// What an English text says, in Japanese: the template that it was made from, with the text's own parts in it. What was made
/// from none stays as it is.
#[must_use]
pub fn in_japanese(english: &str) -> Cow<'_, str> {
    let of_one = |text| match text {
        text if str::len(text) > LONGEST => Cow::Borrowed(text),
        text => INDEX.told(text, 0, &mut Fuel::new(SEARCHES)),
    };
    if english.bytes().filter(|byte| *byte == b'\n').take(FEW_LINES).count() < FEW_LINES {
        return of_one(english);
    }
    // What a command prints: line by line, however long it is.
    let lines: Vec<Cow<'_, str>> = english.split('\n').map(of_one).collect();
    Cow::Owned(lines.join("\n"))
}
