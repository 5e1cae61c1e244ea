//! The regular expressions of `~=` and `!~=`.
//!
//! Clause 4.9: the value must be in the language of the expression, so the whole value must match, not a part of
//! it. `~=^abc` matches nothing but `abc`; what begins with it is `~=abc.*`. The syntax is that of the extended
//! expressions of IEEE 1003.2, and beyond it what the `regex` crate knows (`\d`, `\p{Han}`, `(?i)`); a dot matches every
//! character. Neither text nor pattern is normalized: `が` in one code point is not `が` in two.

use compact_str::CompactString;
use regex::RegexBuilder;

use super::super::MAX_PATTERN_BYTES;
use super::{bracket, pattern_size};

/// A regular expression, compiled when the query was parsed.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: CompactString,
    matcher: Matcher,
    size: usize,
}

/// How a value is matched.
#[derive(Debug, Clone)]
enum Matcher {
    /// Plain text and `.*`, which is what nearly all patterns are: compiling one takes longer than all the rest of a
    /// query.
    Plain(Plain),
    Regex(regex::Regex),
}

/// Texts that must follow each other, with anything between them.
#[derive(Debug, Clone)]
struct Plain {
    first: CompactString,
    between: Vec<CompactString>,
    /// `None`: nothing comes after `first`.
    last: Option<CompactString>,
}

impl Pattern {
    /// Compiles a pattern that must match a whole value.
    ///
    /// # Errors
    /// When the text is no regular expression, or one that would take more than
    /// [`MAX_PATTERN_BYTES`](crate::query::MAX_PATTERN_BYTES).
    pub fn parse(text: &str) -> Result<Self, regex::Error> {
        let (matcher, size) = match Plain::of(text) {
            Some(plain) => (Matcher::Plain(plain), 0),
            None => {
                let (regex, size) = compile(text)?;
                (Matcher::Regex(regex), size)
            }
        };
        Ok(Self {
            text: text.into(),
            matcher,
            size,
        })
    }

    /// The text as the consumer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How large it is when what it repeats is written out; 0: it is plain text.
    pub(in crate::query) const fn size(&self) -> usize {
        self.size
    }

    /// Whether the whole value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match &self.matcher {
            Matcher::Plain(plain) => plain.matches(value),
            Matcher::Regex(regex) => regex.is_match(value),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// The compiled expression, and its size.
fn compile(text: &str) -> Result<(regex::Regex, usize), regex::Error> {
    let translated = bracket::translate(text)
        .ok_or_else(|| regex::Error::Syntax("a bracket expression that does not end or does not exist".to_owned()))?;
    // On its own first: `a)|(b` would become something else between the parentheses below.
    let ast = regex_syntax::ast::parse::Parser::new()
        .parse(&translated)
        .map_err(|error| regex::Error::Syntax(error.to_string()))?;
    let regex = RegexBuilder::new(&format!(r"\A(?:{translated})\z"))
        .dot_matches_new_line(true)
        .size_limit(MAX_PATTERN_BYTES)
        .build()?;
    Ok((regex, pattern_size::of(&ast)))
}

impl Plain {
    /// The pattern, if it is plain text with `.*` in it, perhaps between anchors.
    fn of(pattern: &str) -> Option<Self> {
        let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
        let pattern = pattern.strip_suffix('$').unwrap_or(pattern);
        let mut parts: Vec<&str> = pattern.split(".*").collect();
        let is_plain =
            |text: &str| !text.contains(['\\', '.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$']);
        if !parts.iter().copied().all(is_plain) {
            return None;
        }
        let last = if parts.len() > 1 { parts.pop() } else { None };
        let mut parts = parts.into_iter();
        Some(Self {
            first: parts.next()?.into(),
            between: parts.filter(|text| !text.is_empty()).map(CompactString::from).collect(),
            last: last.map(CompactString::from),
        })
    }

    fn matches(&self, value: &str) -> bool {
        let Some(last) = &self.last else {
            return self.first == value;
        };
        let inside = value.strip_prefix(self.first.as_str());
        let Some(mut inside) = inside.and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        // The first place of each leaves the most room for the next.
        self.between.iter().all(|text| match inside.split_once(text.as_str()) {
            Some((_, rest)) => {
                inside = rest;
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(value)
    }

    #[test]
    fn the_whole_value_must_match() {
        assert!(matches("a|ab", "ab"));
        assert!(matches("佐野.*", "佐野市\n役所"));
        assert!(matches("^佐野$", "佐野"));
        assert!(!matches("佐野", "佐野市"));
        assert!(!matches("^佐野", "佐野市"));
        assert!(!matches("佐野$", "旧佐野"));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
    }

    #[test]
    fn extended_expressions_mean_what_ieee_1003_2_says() {
        for (pattern, matching, others) in [
            ("ab*c", "ac abbc", "ab abc2"),
            ("ab+c?", "ab abbc", "a ac"),
            ("(ab|c)d", "abd cd", "ad abcd"),
            ("a{2}b{1,}c{0,2}", "aab aabbcc", "ab aabccc"),
            ("[a-c]x[^0-9]", "axy bx-", "dxy ax1"),
            ("[[:alpha:]]+[0-9]{3}", "abc123 佐野001", "123 a12"),
            (r"a\.b\*", "a.b*", "axb* a.b"),
            ("[.]", ".", "a"),
            ("(^a|b$)", "a b", "ab"),
            ("a()b", "ab", "a"),
            ("(a|ab)(c|bcd)", "abcd abc ac", "abbc"),
        ] {
            for value in matching.split(' ') {
                assert!(matches(pattern, value), "{pattern} {value}");
            }
            for value in others.split(' ') {
                assert!(!matches(pattern, value), "{pattern} {value}");
            }
        }
    }

    #[test]
    fn characters_of_every_script_are_single_characters() {
        for (pattern, matching, others) in [
            ("佐野.", "佐野市", "佐野 佐野市役"),
            (".", "🍣 ん א", "か\u{3099} ab"),
            ("か.", "か\u{3099}", "が"),
            ("が", "が", "か\u{3099}"),
            ("م.*ا", "مرحبا", "مرحب"),
            (r"\p{Han}+", "漢字", "かな 漢カ"),
            ("[ぁ-ん]+", "ひらがな", "カタカナ"),
            ("👩.*", "👩\u{200d}🚒", "🚒"),
        ] {
            for value in matching.split(' ') {
                assert!(matches(pattern, value), "{pattern} {value}");
            }
            for value in others.split(' ') {
                assert!(!matches(pattern, value), "{pattern} {value}");
            }
        }
    }

    #[test]
    fn what_is_no_expression_or_too_large_is_refused() {
        for pattern in [
            "(",
            "a)|(b",
            "[",
            "*",
            "(?x)a # comment",
            r"(a)\1",
            "a{1000}{1000}",
            "[[:x:]]",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn plain_patterns_match_as_the_engine_does(
            pattern in "\\^?([ab佐]{0,2}(\\.\\*)?){0,4}\\$?",
            value in "[ab佐\n]{0,6}",
        ) {
            prop_assert!(Plain::of(&pattern).is_some());
            let (engine, _) = compile(&pattern).unwrap();
            prop_assert_eq!(matches(&pattern, &value), engine.is_match(&value), "{}", pattern);
        }
    }
}
