//! Lists of tags, as `If-Match` and `If-None-Match` hold them (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2).

use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use crate::problem::{ErrorType, Problem};

/// A tag that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'h> {
    /// Whether it is a weak one.
    pub is_weak: bool,
    /// It, without its quotes.
    pub opaque: &'h [u8],
}

/// What a header names.
#[derive(Debug, PartialEq, Eq)]
pub enum Tags<'h> {
    /// `*`
    Any,
    /// These: one at least.
    These(SmallVec<[Named<'h>; 1]>),
}

/// A header is no list of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MalformedTags;

/// Tags that one request may name: each is compared.
const MOST_TAGS: usize = 100;

impl<'h> Tags<'h> {
    /// Those that a header of a request names; `None`: it is not there.
    ///
    /// # Errors
    /// 400 where it is no list of tags.
    pub fn of(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(name).iter().peekable();
        if values.peek().is_none() {
            return Ok(None);
        }
        let read = Self::read(values.map(http::HeaderValue::as_bytes));
        read.map(Some).map_err(|MalformedTags| {
            let name = if *name == http::header::IF_MATCH { "If-Match" } else { "If-None-Match" };
            let detail = format!(
                "header `{name}`: expected `*`, or up to {MOST_TAGS} tags as the header ETag of an answer gives them, in their quotes \
                 and with commas between them"
            );
            Problem::new(ErrorType::InvalidRequest, detail)
        })
    }

    /// Reads the lines of a header.
    fn read(lines: impl Iterator<Item = &'h [u8]>) -> Result<Self, MalformedTags> {
        let mut tags = SmallVec::new();
        let mut is_any = false;
        for line in lines {
            if line.trim_ascii() == b"*" {
                is_any = true;
                continue;
            }
            read_line(line, &mut tags)?;
        }
        match (is_any, tags.is_empty()) {
            (true, true) => Ok(Self::Any),
            (false, false) if tags.len() <= MOST_TAGS => Ok(Self::These(tags)),
            _ => Err(MalformedTags),
        }
    }
}

/// Reads one line. Empty elements are nothing (RFC 9110 section 5.6.1).
fn read_line<'h>(line: &'h [u8], tags: &mut SmallVec<[Named<'h>; 1]>) -> Result<(), MalformedTags> {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if let [b',', after @ ..] = rest {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let (is_weak, quoted) = match rest {
            [b'W', b'/', after @ ..] => (true, after),
            strong => (false, strong),
        };
        let [b'"', inner @ ..] = quoted else {
            return Err(MalformedTags);
        };
        let end = inner.iter().position(|byte| *byte == b'"').ok_or(MalformedTags)?;
        let (opaque, behind) = inner.split_at_checked(end).ok_or(MalformedTags)?;
        if !opaque.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)) {
            return Err(MalformedTags);
        }
        tags.push(Named { is_weak, opaque });
        rest = behind.strip_prefix(b"\"").unwrap_or(behind).trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return Err(MalformedTags);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Result<Vec<(bool, &'static str)>, MalformedTags> {
        match Tags::read(lines.iter().map(|line| line.as_bytes()))? {
            Tags::Any => Ok(vec![(false, "*")]),
            Tags::These(tags) => Ok(tags
                .iter()
                .map(|tag| (tag.is_weak, std::str::from_utf8(tag.opaque).unwrap()))
                .collect()),
        }
    }

    #[test]
    fn lists_are_read_as_their_grammar_has_them() {
        for (lines, expected) in [
            (&["\"a\""][..], vec![(false, "a")]),
            (&["W/\"a\""], vec![(true, "a")]),
            (
                &[" \"a\" , W/\"b,c\",,\"\""],
                vec![(false, "a"), (true, "b,c"), (false, "")],
            ),
            (&["\"a\"", "\"b\""], vec![(false, "a"), (false, "b")]),
            (&["*"], vec![(false, "*")]),
            (&[" * "], vec![(false, "*")]),
            (&["\"*\""], vec![(false, "*")]),
        ] {
            assert_eq!(read(lines), Ok(expected), "{lines:?}");
        }
        for lines in [
            &[""][..],
            &[","],
            &["a"],
            &["\"a"],
            &["w/\"a\""],
            &["W/ \"a\""],
            &["\"a\" \"b\""],
            &["\"a\"\"b\""],
            &["\"a b\""],
            &["*, \"a\""],
            &["*", "\"a\""],
            &["'a'"],
        ] {
            assert_eq!(read(lines), Err(MalformedTags), "{lines:?}");
        }
        let many = vec!["\"a\""; MOST_TAGS + 1].join(",");
        assert_eq!(Tags::read([many.as_bytes()].into_iter()), Err(MalformedTags));
    }
}
