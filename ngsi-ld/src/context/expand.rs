//! From names to IRIs (clauses 4.6.2 and 5.5.7).

use super::{Context, DEFAULT_VOCABULARY, Meaning};
use crate::{AttributeName, InvalidIri, Iri, TypeName, check_absolute};

/// Why a text is no name of an entity type or an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The empty text.
    #[error("a name must not be empty")]
    Empty,
    /// A character that clause 4.6.2 forbids.
    #[error(
        "character {character:?} at position {position} is not allowed in a name: it begins with a letter, and \
         letters, numbers and `_` follow"
    )]
    Character {
        /// The offending character.
        character: char,
        /// Characters before it, counted from 0.
        position: usize,
    },
    /// A keyword of JSON-LD, or a term that stands for one.
    #[error("a keyword of JSON-LD cannot be a name")]
    Keyword,
    /// The context maps it to null.
    #[error("the context says that this name has no meaning")]
    Meaningless,
    /// A name with a colon that is no IRI.
    #[error("not an IRI: {0}")]
    Iri(#[from] InvalidIri),
}

impl Context {
    /// The entity type that a name stands for: a term, `prefix:name` or an IRI.
    ///
    /// # Errors
    /// [`InvalidName`] says which character or rule is broken.
    pub fn expand_type(&self, name: &str) -> Result<TypeName, InvalidName> {
        self.expand(name).map(TypeName::new)
    }

    /// The attribute that a name stands for: a term, `prefix:name` or an IRI.
    ///
    /// # Errors
    /// [`InvalidName`] says which character or rule is broken.
    pub fn expand_attribute(&self, name: &str) -> Result<AttributeName, InvalidName> {
        self.expand(name).map(AttributeName::new)
    }

    /// The IRI that a name stands for: a term, `prefix:name` or an IRI.
    ///
    /// # Errors
    /// [`InvalidName`] says which character or rule is broken.
    //= 5.5.7-1
    pub fn expand(&self, name: &str) -> Result<Iri, InvalidName> {
        if let Some(term) = self.terms.get(name) {
            return match &term.meaning {
                Meaning::Iri(iri) => Ok(iri.clone()),
                Meaning::Keyword(_) => Err(InvalidName::Keyword),
                Meaning::Nothing => Err(InvalidName::Meaningless),
            };
        }
        let Some((prefix, rest)) = name.split_once(':') else {
            check_name(name)?;
            return Ok(Iri::new(format!("{DEFAULT_VOCABULARY}{name}")));
        };
        if let Some(namespace) = self.namespace(prefix).filter(|_| !rest.starts_with("//")) {
            let expanded = format!("{namespace}{rest}");
            check_absolute(&expanded)?;
            return Ok(Iri::new(expanded));
        }
        Ok(Iri::parse(name)?)
    }

    /// The IRI that a text stands for where a name of the vocabulary is a value (clause 4.5.20): a term, `prefix:name`, an IRI,
    /// or whatever other text, which is one of the default vocabulary. JSON-LD asks no more of it, and the `non-commercial` of
    /// annex C.2.2 is no name of clause 4.6.2 either.
    ///
    /// # Errors
    /// [`InvalidName`], when it is too long.
    pub fn expand_value(&self, text: &str) -> Result<Iri, InvalidName> {
        match self.expand(text) {
            Err(error @ InvalidName::Iri(InvalidIri::TooLong)) => Err(error),
            Err(_) if text.len() > crate::MAX_IRI_BYTES - DEFAULT_VOCABULARY.len() => {
                Err(InvalidName::Iri(InvalidIri::TooLong))
            }
            Err(_) => Ok(Iri::new(format!("{DEFAULT_VOCABULARY}{text}"))),
            expanded => expanded,
        }
    }

    /// The IRI of a term that the context defines.
    pub(crate) fn iri_of_term(&self, term: &str) -> Option<&Iri> {
        match &self.terms.get(term)?.meaning {
            Meaning::Iri(iri) => Some(iri),
            _ => None,
        }
    }

    /// What a prefix stands for.
    pub(super) fn namespace(&self, prefix: &str) -> Option<&Iri> {
        let term = self.terms.get(prefix).filter(|term| term.prefix)?;
        match &term.meaning {
            Meaning::Iri(iri) => Some(iri),
            _ => None,
        }
    }
}

/// Checks a name of the default vocabulary: the grammar of clause 4.6.2, and percent-encoded octets, which carry
/// the names of sources that have no such restriction.
///
/// # Errors
/// [`InvalidName::Empty`], [`InvalidName::Character`] or [`InvalidName::Keyword`].
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    if name.starts_with('@') {
        return Err(InvalidName::Keyword);
    }
    if name.len() > crate::MAX_IRI_BYTES - DEFAULT_VOCABULARY.len() {
        return Err(InvalidName::Iri(InvalidIri::TooLong));
    }
    let mut characters = name.chars().enumerate().peekable();
    if characters.peek().is_none() {
        return Err(InvalidName::Empty);
    }
    while let Some((position, character)) = characters.next() {
        let allowed = match character {
            '%' => {
                let mut octet_digit = || characters.next_if(|(_, digit)| digit.is_ascii_hexdigit()).is_some();
                octet_digit() && octet_digit()
            }
            '_' => position > 0,
            _ if is_letter(character) => true,
            _ => position > 0 && is_number(character),
        };
        if !allowed {
            return Err(InvalidName::Character { character, position });
        }
    }
    Ok(())
}

/// Unicode category Letter. `char::is_alphabetic` is somewhat wider: it takes in combining vowel signs and
/// circled letters, which many scripts cannot do without.
fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || (!character.is_ascii() && character.is_alphabetic())
}

/// Unicode category Number.
fn is_number(character: char) -> bool {
    character.is_numeric()
}
