//! `@ids` of a permit: which entities it covers by their ids.

use std::sync::Arc;

use ngsi_ld::EntityId;

/// `@ids` of a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdsCondition {
    /// As it is written.
    pub text: Arc<str>,
    /// Any of these.
    pub(super) patterns: Vec<IdPrefix>,
}

/// One id, or all that begin in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IdPrefix {
    Exactly(Box<str>),
    Beginning(Box<str>),
}

impl IdPrefix {
    /// Reads `urn:ngsi-ld:AED:yaita:*` or an id.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (beginning, is_open) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text, false),
        };
        if beginning.contains('*') {
            return Err("`*` may stand at its end only");
        }
        // `*`, and what ends within a scheme, would be everybody's ids.
        let has_scheme = beginning.split_once(':').is_some_and(|(_, rest)| !rest.is_empty());
        if !has_scheme || beginning.chars().any(char::is_whitespace) {
            return Err("it does not begin as a URI does");
        }
        match is_open {
            true => Ok(Self::Beginning(beginning.into())),
            false if EntityId::parse(beginning).is_err() => Err("it is no URI"),
            false => Ok(Self::Exactly(beginning.into())),
        }
    }

    fn matches(&self, id: &EntityId) -> bool {
        match self {
            Self::Exactly(exactly) => id.as_str() == &**exactly,
            Self::Beginning(beginning) => id.as_str().starts_with(&**beginning),
        }
    }

    /// What every id that matches begins with.
    pub(super) fn beginning(&self) -> &str {
        match self {
            Self::Exactly(beginning) | Self::Beginning(beginning) => beginning,
        }
    }
}

impl IdsCondition {
    /// Whether the id is one of them.
    pub(super) fn matches(&self, id: &EntityId) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_an_id_or_the_beginning_of_one() {
        for (text, matching, others) in [
            (
                "urn:ngsi-ld:AED:yaita:*",
                "urn:ngsi-ld:AED:yaita:1",
                "urn:ngsi-ld:AED:yaita",
            ),
            ("urn:ngsi-ld:AED:1", "urn:ngsi-ld:AED:1", "urn:ngsi-ld:AED:12"),
            ("https://a.jp/*", "https://a.jp/", "https://a.jp.example/"),
        ] {
            let pattern = IdPrefix::parse(text).unwrap();
            assert!(pattern.matches(&EntityId::parse(matching).unwrap()), "{text}");
            assert!(!pattern.matches(&EntityId::parse(others).unwrap()), "{text}");
        }
        for text in ["*", "", "urn:*", "urn:*:AED", "AED*", "urn:a b*", "urn:a:**", "no uri"] {
            assert!(IdPrefix::parse(text).is_err(), "{text}");
        }
    }
}
