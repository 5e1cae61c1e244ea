//! The regular expressions of `~=` and `!~=`.
//!
//! A consumer's is looked for anywhere in the value, and `^` and `$` hold it to the ends: what every broker does, though
//! clause 4.9 has the value in the language of the expression (docs/decisions/patterns-are-found-anywhere.md). A permit's
//! must match the whole value, as the clause says, so that no grant grows by how consumers' are read. The syntax is that of
//! the extended expressions of IEEE 1003.2, and beyond it what the `regex` crate knows (`\d`, `\p{Han}`, `(?i)`); a dot
//! matches every character. Neither text nor pattern is normalized: `が` in one code point is not `が` in two.

use std::borrow::Cow;

use compact_str::CompactString;
use regex::RegexBuilder;

use super::super::MAX_PATTERN_BYTES;
use super::{bracket, pattern_size};

/// How much of a value a regular expression must match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// Any part of it.
    #[default]
    Part,
    /// All of it.
    Whole,
}

/// A regular expression, compiled when the query was parsed.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: CompactString,
    extent: Extent,
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
    /// What the value begins with.
    first: CompactString,
    between: Vec<CompactString>,
    /// What it ends with; `None`: nothing comes after `first`.
    last: Option<CompactString>,
}

/// What a pattern of plain text and `.*` says, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainParts<'p> {
    /// The texts that must follow each other, with anything between them; some may be empty. There is one at least.
    pub texts: Vec<&'p str>,
    /// Whether the value must begin with the first.
    pub from_start: bool,
    /// Whether the value must end with the last.
    pub to_end: bool,
}

impl Pattern {
    /// Compiles a pattern that is looked for anywhere in a value.
    ///
    /// # Errors
    /// When the text is no regular expression, or one that would take more than
    /// [`MAX_PATTERN_BYTES`](crate::query::MAX_PATTERN_BYTES).
    pub fn parse(text: &str) -> Result<Self, regex::Error> {
        Self::parse_as(text, Extent::Part)
    }

    /// The same of one that must match so much.
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn parse_as(text: &str, extent: Extent) -> Result<Self, regex::Error> {
        let (matcher, size) = match PlainParts::of(text, extent) {
            Some(parts) => (Matcher::Plain(Plain::of(parts)), 0),
            None => {
                let (regex, size) = compile(text, extent)?;
                (Matcher::Regex(regex), size)
            }
        };
        Ok(Self {
            text: text.into(),
            extent,
            matcher,
            size,
        })
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text of a pattern that is looked for anywhere and finds the same.
    #[must_use]
    pub fn as_part(&self) -> Cow<'_, str> {
        let finds_the_same = |parts: PlainParts<'_>| {
            let of_part = PlainParts::of(&self.text, Extent::Part);
            let ends_open = parts.texts.first() == Some(&"") && parts.texts.last() == Some(&"");
            of_part.is_some_and(|part| part == parts) || (ends_open && parts.texts.len() > 1)
        };
        match self.extent {
            Extent::Part => Cow::Borrowed(&self.text),
            Extent::Whole if self.plain_parts().is_some_and(finds_the_same) => Cow::Borrowed(&self.text),
            Extent::Whole => Cow::Owned(format!("^({})$", self.text)),
        }
    }

    /// The parts of a pattern that is plain text and `.*`; `None` of any other.
    #[must_use]
    pub fn plain_parts(&self) -> Option<PlainParts<'_>> {
        PlainParts::of(&self.text, self.extent)
    }

    /// How large it is when what it repeats is written out; 0: it is plain text.
    pub(in crate::query) const fn size(&self) -> usize {
        self.size
    }

    /// Whether the value matches.
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
        self.text == other.text && self.extent == other.extent
    }
}

/// The compiled expression, and its size.
//= 4.9-2
fn compile(text: &str, extent: Extent) -> Result<(regex::Regex, usize), regex::Error> {
    let translated = bracket::translate(text)
        .ok_or_else(|| regex::Error::Syntax("a bracket expression that does not end or does not exist".to_owned()))?;
    // On its own first: `a)|(b` would become something else between the parentheses below.
    let ast = regex_syntax::ast::parse::Parser::new()
        .parse(&translated)
        .map_err(|error| regex::Error::Syntax(error.to_string()))?;
    let anchored = match extent {
        Extent::Part => format!("(?:{translated})"),
        Extent::Whole => format!(r"\A(?:{translated})\z"),
    };
    let regex = RegexBuilder::new(&anchored)
        .dot_matches_new_line(true)
        .size_limit(MAX_PATTERN_BYTES)
        .build()?;
    Ok((regex, pattern_size::of(&ast)))
}

impl<'p> PlainParts<'p> {
    /// The pattern, if it is plain text with `.*` in it, perhaps between anchors.
    fn of(pattern: &'p str, extent: Extent) -> Option<Self> {
        let after_anchor = pattern.strip_prefix('^');
        let pattern = after_anchor.unwrap_or(pattern);
        let before_anchor = pattern.strip_suffix('$');
        let texts: Vec<&str> = before_anchor.unwrap_or(pattern).split(".*").collect();
        let is_plain =
            |text: &str| !text.contains(['\\', '.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$']);
        texts.iter().copied().all(is_plain).then_some(Self {
            texts,
            from_start: after_anchor.is_some() || extent == Extent::Whole,
            to_end: before_anchor.is_some() || extent == Extent::Whole,
        })
    }
}

impl Plain {
    fn of(parts: PlainParts<'_>) -> Self {
        let PlainParts {
            mut texts,
            from_start,
            to_end,
        } = parts;
        // Where the value may go on, any text stands there, and nothing behind that.
        if !to_end {
            texts.push("");
        }
        if !from_start {
            texts.insert(0, "");
        }
        let last = if texts.len() > 1 { texts.pop() } else { None };
        let mut texts = texts.into_iter();
        Self {
            first: texts.next().unwrap_or_default().into(),
            between: texts.filter(|text| !text.is_empty()).map(CompactString::from).collect(),
            last: last.map(CompactString::from),
        }
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
        Pattern::parse_as(pattern, Extent::Whole).unwrap().matches(value)
    }

    #[test]
    fn a_pattern_is_found_anywhere_unless_anchors_hold_it() {
        for (pattern, matching, others) in [
            ("小学校", "小学校 佐野小学校 小学校跡 佐野小学校跡", "小学 中学校"),
            ("^佐野", "佐野 佐野市", "旧佐野"),
            ("校$", "校 小学校", "小学校跡"),
            ("^佐野$", "佐野", "佐野市 旧佐野"),
            ("^佐.*校$", "佐校 佐野小学校", "旧佐野小学校 佐野小学校跡"),
            ("佐.*校", "旧佐野小学校跡", "校佐"),
            ("a|^b", "xa b ab", "xb"),
            ("(^a|b$)", "ax xb", "xa bx"),
            ("a+b", "xaabx", "xax"),
            ("[0-9]{3}", "x123 1234", "12"),
            ("(?i)SANO", "in-sano", "san"),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            for value in matching.split(' ') {
                assert!(pattern.matches(value), "{pattern:?} {value}");
            }
            for value in others.split(' ') {
                assert!(!pattern.matches(value), "{pattern:?} {value}");
            }
        }
        for all in ["", "^", "$", ".*"] {
            assert!(Pattern::parse(all).unwrap().matches("x\ny"), "{all}");
        }
        assert!(!Pattern::parse("^$").unwrap().matches("a"));
        assert!(Pattern::parse("a.*b").unwrap().matches("xa\nbx"));
    }

    #[test]
    fn one_of_a_whole_value_is_written_as_one_that_is_found_anywhere() {
        for (whole, part) in [
            (".*小学校.*", ".*小学校.*"),
            ("^小学校$", "^小学校$"),
            (".*", ".*"),
            ("佐野.*", "^(佐野.*)$"),
            ("a|b", "^(a|b)$"),
        ] {
            assert_eq!(Pattern::parse_as(whole, Extent::Whole).unwrap().as_part(), part);
        }
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
    //= 4.9-2
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
            for extent in [Extent::Part, Extent::Whole] {
                assert!(Pattern::parse_as(pattern, extent).is_err(), "{pattern}");
            }
        }
    }

    proptest! {
        #[test]
        fn plain_patterns_match_as_the_engine_does(
            pattern in "\\^?([ab佐]{0,2}(\\.\\*)?){0,4}\\$?",
            value in "[ab佐\n]{0,6}",
        ) {
            for extent in [Extent::Part, Extent::Whole] {
                let plain = Pattern::parse_as(&pattern, extent).unwrap();
                prop_assert!(plain.plain_parts().is_some());
                let (engine, _) = compile(&pattern, extent).unwrap();
                prop_assert_eq!(plain.matches(&value), engine.is_match(&value), "{:?}", plain);
                let part = Pattern::parse(&plain.as_part()).unwrap();
                prop_assert_eq!(part.matches(&value), plain.matches(&value), "{:?} {:?}", plain, part);
            }
        }
    }
}
