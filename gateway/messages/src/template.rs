//! A message with gaps, written as in the code: `` the key `{key}` is unknown ``. Whether a text was made from it, and with
//! what in its gaps.

use std::fmt;

/// A message with gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The text before each gap, and the one after the last.
    literals: Vec<String>,
    gaps: Vec<Gap>,
}

/// A gap, which something stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its name in the code; `None`: the next argument.
    pub name: Option<String>,
    /// The quotation mark on both sides of it.
    quote: Option<char>,
    /// Whether it is shown as Rust shows values to programmers.
    is_debug: bool,
}

/// What stands before something that is added to a sentence.
const ADDING: [&str; 3] = ["; ", ", ", ": "];

/// What stands between sentences, and between what something is about and what is said of it.
const BEYOND: [&str; 4] = ["\n", ". ", "; ", ": "];

/// What opens a bracket.
const BRACKET: &str = " (";

/// How often one lookup may look for something: what a text could have been made from is found long before.
#[derive(Debug)]
pub struct Fuel(u32);

impl Fuel {
    /// For so many searches.
    #[must_use]
    pub fn new(searches: u32) -> Self {
        Self(searches)
    }

    /// Takes one; `None`: there is none left.
    pub fn burn(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }
}

/// It is no template: a brace stands alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Unbalanced;

impl fmt::Display for Unbalanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a brace stands alone")
    }
}

impl Template {
    /// Reads a template, as `format!` does.
    ///
    /// # Errors
    /// A brace stands alone.
    pub fn parse(text: &str) -> Result<Self, Unbalanced> {
        let mut literals = vec![String::new()];
        let mut gaps: Vec<Gap> = Vec::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let twice = characters.peek() == Some(&character);
            match character {
                '{' | '}' if twice => {
                    characters.next();
                    push(&mut literals, character);
                }
                '{' => {
                    let inside: String = characters.by_ref().take_while(|character| *character != '}').collect();
                    let (name, form) = inside.split_once(':').unwrap_or((&inside, ""));
                    gaps.push(Gap {
                        name: Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
                        quote: None,
                        is_debug: form.ends_with('?'),
                    });
                    literals.push(String::new());
                }
                '}' => return Err(Unbalanced),
                other => push(&mut literals, other),
            }
        }
        for (gap, around) in gaps.iter_mut().zip(literals.windows(2)) {
            if let [before, after] = around {
                let mark = before
                    .chars()
                    .next_back()
                    .filter(|mark| ['`', '"', '\''].contains(mark));
                gap.quote = mark.filter(|mark| after.starts_with(*mark));
            }
        }
        Ok(Self { literals, gaps })
    }

    /// The gaps in their order.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The text around the gaps.
    #[must_use]
    pub fn literals(&self) -> &[String] {
        &self.literals
    }

    /// How much of it is said whatever is in the gaps, in characters that are no spaces.
    #[must_use]
    pub fn weight(&self) -> usize {
        let literals = self.literals.iter().flat_map(|literal| literal.chars());
        literals.filter(|character| !character.is_whitespace()).count()
    }

    /// How many letters stand in it whatever is in the gaps.
    #[must_use]
    pub fn letters(&self) -> usize {
        let literals = self.literals.iter().flat_map(|literal| literal.chars());
        literals.filter(|character| character.is_alphabetic()).count()
    }

    /// The same without the space around it.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        if let Some(first) = self.literals.first_mut() {
            *first = first.trim_start().to_owned();
        }
        if let Some(last) = self.literals.last_mut() {
            *last = last.trim_end().to_owned();
        }
        self
    }

    /// What stands in the gaps of a text that was made from this as a whole; `None`: it was not.
    #[must_use]
    pub fn matches<'t>(&self, text: &'t str, fuel: &mut Fuel) -> Option<Vec<&'t str>> {
        let (first, rest) = self.literals.split_first()?;
        let text = text.strip_prefix(first.as_str())?;
        let Some((last, between)) = rest.split_last() else {
            return text.is_empty().then(Vec::new);
        };
        let text = text.strip_suffix(last.as_str())?;
        let mut held = Vec::with_capacity(self.gaps.len());
        self.fill(&self.gaps, between, text, fuel, &mut held).then_some(held)
    }

    /// Fills the gaps from the left, each with as little as will do.
    fn fill<'t>(
        &self,
        gaps: &[Gap],
        between: &[String],
        text: &'t str,
        fuel: &mut Fuel,
        held: &mut Vec<&'t str>,
    ) -> bool {
        let Some((gap, gaps)) = gaps.split_first() else {
            return false;
        };
        let Some((next, between)) = between.split_first() else {
            held.push(text);
            return gap.may_hold(text);
        };
        if next.is_empty() {
            // Two gaps side by side: the second holds what is added to a sentence, or nothing.
            let end = ADDING
                .iter()
                .filter_map(|mark| text.find(mark))
                .min()
                .unwrap_or(text.len());
            let (inside, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            held.push(inside);
            return gap.may_hold(inside) && self.fill(gaps, between, rest, fuel, held);
        }
        let mut from = 0;
        while fuel.burn().is_some() {
            let Some(found) = text.get(from..).and_then(|rest| rest.find(next.as_str())) else {
                return false;
            };
            let end = from + found;
            let (Some(inside), Some(rest)) = (text.get(..end), text.get(end + next.len()..)) else {
                return false;
            };
            if gap.may_hold(inside) {
                held.push(inside);
                let filled = held.len();
                if self.fill(gaps, between, rest, fuel, held) {
                    return true;
                }
                held.truncate(filled - 1);
            } else if gap.quote.is_some() {
                // Nothing longer would be without the mark.
                return false;
            }
            let step = text
                .get(end..)
                .and_then(|rest| rest.chars().next())
                .map_or(1, char::len_utf8);
            from = end + step;
        }
        false
    }

    /// Whether what stands in the gaps is such as was meant to stand there: nothing that goes beyond a part of a sentence,
    /// except after a colon.
    #[must_use]
    pub fn is_meant(&self, held: &[&str]) -> bool {
        // What a text begins with is said of all of it, as "error: " is.
        let begins_beyond = |held: &&str| BEYOND.iter().any(|mark| held.contains(mark));
        let has_beginning = self.literals.first().is_some_and(|first| !first.is_empty());
        let is_message = self.gaps.first().is_some_and(Gap::may_be_a_message);
        if !has_beginning && is_message && held.first().is_some_and(begins_beyond) {
            return false;
        }
        // Where most of the text is the template's own, nothing else was meant.
        if held.iter().map(|held| held.len()).sum::<usize>() < self.weight() {
            return true;
        }
        let gaps = self.gaps.iter().zip(&self.literals).zip(held);
        gaps.enumerate().all(|(place, ((gap, before), held))| {
            let is_added = place > 0 && before.is_empty();
            let stands_alone = before.ends_with(": ") || before.ends_with(BRACKET);
            let may_go_beyond = !gap.may_be_a_message() || is_added || stands_alone;
            may_go_beyond || !BEYOND.iter().any(|mark| held.contains(mark))
        })
    }

    /// Whether one of its gaps is in brackets, so that what stands in it ends where they do, with commas or without.
    #[must_use]
    pub fn stands_in_brackets(&self) -> bool {
        let pairs = self.literals.iter().zip(self.literals.iter().skip(1));
        pairs
            .into_iter()
            .any(|(before, after)| before.ends_with(BRACKET) && after.starts_with(')'))
    }

    /// Which gap of another template each gap of this one means: by name, by number from 0, or the next one without a name.
    #[must_use]
    pub fn places_in(&self, other: &Self) -> Option<Vec<usize>> {
        let mut nameless =
            (0..other.gaps.len()).filter(|place| other.gaps.get(*place).is_some_and(|gap| gap.name.is_none()));
        let place = |gap: &Gap| match &gap.name {
            None => nameless.next(),
            Some(name) => {
                let named = other.gaps.iter().position(|known| known.name.as_ref() == Some(name));
                named.or_else(|| name.parse().ok().filter(|place| *place < other.gaps.len()))
            }
        };
        self.gaps.iter().map(place).collect()
    }
}

impl Gap {
    /// Whether something may stand in it: what stands within quotation marks has none of them, except between the names of a
    /// list; whatever else has its backquotes in pairs.
    fn may_hold(&self, text: &str) -> bool {
        match self.quote {
            Some('`') => !text.replace("`, `", "").contains('`'),
            Some(mark) => !text.contains(mark),
            None => text.bytes().filter(|byte| *byte == b'`').count() % 2 == 0,
        }
    }

    /// Whether quotation marks stand around it.
    pub(crate) const fn is_quoted(&self) -> bool {
        self.quote.is_some()
    }

    /// Whether what stands in it may itself be a text for people; otherwise it is a name or a value.
    #[must_use]
    pub fn may_be_a_message(&self) -> bool {
        self.quote.is_none() && !self.is_debug
    }
}

fn push(literals: &mut [String], character: char) {
    if let Some(last) = literals.last_mut() {
        last.push(character);
    }
}
