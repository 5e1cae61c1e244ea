//! The regular expressions of `~=` and `!~=`.
//!
//! Clause 4.9: the value must be in the language of the expression, so the whole value must match, not a part of
//! it. `~=^abc` matches nothing but `abc`; what begins with it is `~=abc.*`. The syntax is that of the `regex`
//! crate, which covers the extended expressions of IEEE 1003.2 except collating symbols; a dot matches every
//! character.

use compact_str::CompactString;
use regex::RegexBuilder;

use super::super::MAX_PATTERN_BYTES;

/// A regular expression, compiled when the query was parsed.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: CompactString,
    regex: regex::Regex,
}

impl Pattern {
    /// Compiles a pattern that must match a whole value.
    ///
    /// # Errors
    /// When the text is no regular expression, or one that would take more than
    /// [`MAX_PATTERN_BYTES`](crate::query::MAX_PATTERN_BYTES).
    pub fn parse(text: &str) -> Result<Self, regex::Error> {
        // On its own first: `a)|(b` would become something else between the parentheses below.
        regex_syntax::ast::parse::Parser::new()
            .parse(text)
            .map_err(|error| regex::Error::Syntax(error.to_string()))?;
        let regex = RegexBuilder::new(&format!(r"\A(?:{text})\z"))
            .dot_matches_new_line(true)
            .size_limit(MAX_PATTERN_BYTES)
            .build()?;
        Ok(Self {
            text: text.into(),
            regex,
        })
    }

    /// Takes the text as written, and its compiled form, which must match whole values only.
    #[must_use]
    pub fn new(text: impl Into<CompactString>, regex: regex::Regex) -> Self {
        Self {
            text: text.into(),
            regex,
        }
    }

    /// The compiled form. It matches whole values only.
    #[must_use]
    pub fn regex(&self) -> &regex::Regex {
        &self.regex
    }

    /// The text as the consumer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_must_match() {
        let matches = |pattern, value| Pattern::parse(pattern).unwrap().matches(value);
        assert!(matches("a|ab", "ab"));
        assert!(matches("佐野.*", "佐野市\n役所"));
        assert!(matches("^佐野$", "佐野"));
        assert!(!matches("佐野", "佐野市"));
        assert!(!matches("^佐野", "佐野市"));
        assert!(matches("", ""));
    }

    #[test]
    fn what_is_no_expression_or_too_large_is_refused() {
        for pattern in ["(", "a)|(b", "[", "*", "(?x)a # comment", r"(a)\1", "a{1000}{1000}"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
