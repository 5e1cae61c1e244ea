//! Which entities are meant: the type selection of clause 4.17, and `idPattern`.

mod parse;

pub use self::parse::{MAX_SELECTED_TYPES, MAX_SELECTION_DEPTH};

use compact_str::CompactString;
use smallvec::SmallVec;

use super::SyntaxError;
use super::q::translate_brackets;
use crate::context::Context;
use crate::{Entity, EntityId, TypeName};

/// A selection of entity types: `A`, `A|B` or `A,B` (any), `A;B` (all), with parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeSelection {
    /// The entity has this type.
    Type(TypeName),
    /// Any of them holds. Never empty.
    Any(Vec<TypeSelection>),
    /// All of them hold. Never empty.
    All(Vec<TypeSelection>),
}

impl TypeSelection {
    /// Reads a selection, expanding its names. `*`, which selects every entity, is none: it is no condition.
    ///
    /// # Errors
    /// [`SyntaxError`] at the first place where the text leaves the grammar of clause 4.17 or a limit.
    pub fn parse(text: &str, context: &Context) -> Result<Self, SyntaxError> {
        parse::parse(text, &|name| context.expand_written_type(name).ok())
    }

    /// Whether an entity with these types is selected.
    #[must_use]
    pub fn selects(&self, types: &[TypeName]) -> bool {
        match self {
            Self::Type(name) => types.contains(name),
            Self::Any(parts) => parts.iter().any(|part| part.selects(types)),
            Self::All(parts) => parts.iter().all(|part| part.selects(types)),
        }
    }

    /// Every type that the selection names, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&TypeName> {
        let mut names = Vec::new();
        self.collect_names(&mut names);
        names
    }

    fn collect_names<'a>(&'a self, names: &mut Vec<&'a TypeName>) {
        match self {
            Self::Type(name) if names.contains(&name) => {}
            Self::Type(name) => names.push(name),
            Self::Any(parts) | Self::All(parts) => {
                for part in parts {
                    part.collect_names(names);
                }
            }
        }
    }
}

/// `idPattern`: a regular expression of IEEE 1003.2 that must be found in the id.
#[derive(Debug, Clone)]
pub struct IdPattern {
    text: CompactString,
    regex: regex::Regex,
    size: usize,
}

/// Compiled size of a consumer's regular expression, in bytes. The engine is linear in the input whatever the
/// pattern; this bounds what one request may make it build.
pub const MAX_PATTERN_BYTES: usize = 256 * 1024;

impl IdPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What the regular expression engine says against it.
    pub fn parse(text: &str) -> Result<Self, regex::Error> {
        // IEEE 1003.2 leaves undefined what `a**` means; who writes it has forgotten something.
        if repeats_a_repetition(text) {
            let fault = "a repetition is repeated: write `.*` for anything, `\\*` for the character";
            return Err(regex::Error::Syntax(fault.to_owned()));
        }
        let compile = |text: &str| regex::RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build();
        let Some(translated) = translate_brackets(text) else {
            // The engine says best what is wrong, unless it knows the expression and the standard does not.
            let fault = "a bracket expression that does not end or does not exist";
            return Err(compile(text)
                .err()
                .unwrap_or_else(|| regex::Error::Syntax(fault.to_owned())));
        };
        let regex = compile(&translated)?;
        Ok(Self {
            text: text.into(),
            size: super::q::pattern_size(&translated),
            regex,
        })
    }

    /// The text as the consumer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How large it is when what it repeats is written out.
    pub(in crate::query) const fn size(&self) -> usize {
        self.size
    }

    /// What every id begins with in which the pattern is found, where it says that and nothing else.
    #[must_use]
    pub fn beginning(&self) -> Option<&str> {
        let beginning = self.text.strip_prefix('^')?;
        let means_itself = |character: char| character.is_alphanumeric() || ":-_/".contains(character);
        beginning.chars().all(means_itself).then_some(beginning)
    }

    /// Whether both may be found in one id: two beginnings cannot when neither begins with the other. Of anything else it
    /// cannot be told, and it may be.
    #[must_use]
    pub fn may_meet(&self, other: &Self) -> bool {
        let beginnings = self.beginning().zip(other.beginning());
        beginnings.is_none_or(|(one, other)| one.starts_with(other) || other.starts_with(one))
    }

    /// Whether the pattern is found in the id.
    #[must_use]
    //= 5.2.33-3
    pub fn matches(&self, id: &EntityId) -> bool {
        self.regex.is_match(id.as_str())
    }
}

/// Several patterns, of which those that are found in an id are told at once: with thousands of them one walk through the
/// id costs about what a single pattern does.
#[derive(Debug, Clone)]
pub struct IdPatterns(Together);

#[derive(Debug, Clone)]
enum Together {
    Set(regex::RegexSet),
    /// Together they are larger than the engine takes.
    OneByOne(Vec<IdPattern>),
}

impl IdPatterns {
    /// All of these, by their places.
    pub fn of<'a>(patterns: impl Iterator<Item = &'a IdPattern> + Clone) -> Self {
        let set = regex::RegexSet::new(patterns.clone().map(|pattern| pattern.regex.as_str()));
        Self(match set {
            Ok(set) => Together::Set(set),
            Err(_) => Together::OneByOne(patterns.cloned().collect()),
        })
    }

    /// The places of those that are found in the id.
    #[must_use]
    pub fn found_in(&self, id: &EntityId) -> SmallVec<[usize; 2]> {
        match &self.0 {
            Together::Set(set) => set.matches(id.as_str()).iter().collect(),
            Together::OneByOne(patterns) => {
                let found = patterns.iter().enumerate().filter(|(_, pattern)| pattern.matches(id));
                found.map(|(place, _)| place).collect()
            }
        }
    }
}

/// Whether `*` or `+` follows a repetition. `?` after one makes it lazy, as clients know it from elsewhere.
fn repeats_a_repetition(pattern: &str) -> bool {
    let mut after_repetition = false;
    let mut escaped = false;
    let mut in_brackets = false;
    for character in pattern.chars() {
        let repeats = !escaped && !in_brackets && matches!(character, '*' | '+');
        if repeats && after_repetition {
            return true;
        }
        match character {
            _ if escaped => {}
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        after_repetition = repeats;
        escaped = character == '\\' && !escaped;
    }
    false
}

impl PartialEq for IdPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl super::Query {
    /// Whether the entity is one of those that `id`, `idPattern` and `type` mean.
    #[must_use]
    //= 4.17-1, 5.7.2.3-1, 5.7.2.4-9, 5.7.2.4-12
    pub fn selects(&self, entity: &Entity) -> bool {
        (self.ids.is_empty() || self.ids.contains(&entity.id))
            && self
                .id_pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&entity.id))
            && self.types.as_ref().is_none_or(|types| types.selects(&entity.types))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_those_of_ieee_1003_2() {
        let id = |text: &str| EntityId::parse(text).unwrap();
        for (pattern, matching, other) in [
            ("AED:[[:digit:]]+$", "urn:ngsi-ld:AED:12", "urn:ngsi-ld:AED:x"),
            ("AED:[[.-.]x]", "urn:ngsi-ld:AED:-1", "urn:ngsi-ld:AED:1"),
            ("AED:[]x]", "urn:ngsi-ld:AED:x", "urn:ngsi-ld:AED:1"),
        ] {
            let compiled = IdPattern::parse(pattern).unwrap();
            assert!(compiled.matches(&id(matching)), "{pattern}");
            assert!(!compiled.matches(&id(other)), "{pattern}");
            assert_eq!(compiled.as_str(), pattern);
        }
        assert!(IdPattern::parse("[a").is_err() && IdPattern::parse("[[:none:]]").is_err());
    }

    #[test]
    fn a_repetition_is_not_repeated() {
        for wrong in ["invalid**", "a*+", "a+*", ".*b++"] {
            assert!(IdPattern::parse(wrong).is_err(), "{wrong}");
        }
        for right in ["a*b*", r"a\**", "[*][+]*", "[**]", ".*?x", r"a*\*", "(a*)*"] {
            assert!(IdPattern::parse(right).is_ok(), "{right}");
        }
    }
}
