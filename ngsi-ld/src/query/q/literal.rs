//! Values on the right side of an operator (clause 4.9): what they look like and where they end.
//!
//! A value without quotes ends at `;`, `|`, `)`, `,`, white space or the end. URIs may hold the first ones; such a
//! URI must be quoted, which means the same.

use compact_str::CompactString;

use super::super::SyntaxError;
use super::super::cursor::Cursor;
use super::{Comparand, MAX_LISTED_VALUES};
use crate::entity::{DateTime, InvalidNumber, Number, TemporalType};
use crate::{Iri, check_absolute};

const COMPARABLE_VALUE: &str = "a number, a date, a time or a text in double quotes";
const EQUALITY_VALUE: &str = "a number, true, false, a date, a time, a URI or a text in double quotes";

/// What stands right of `==` or `!=`.
pub(super) enum EqualityValue {
    Values(Vec<Comparand>),
    Range(Comparand, Comparand),
}

/// How a value that is a name of the @context becomes an IRI.
pub(super) type ExpandValue<'c> = &'c dyn Fn(&str) -> Option<Iri>;

/// Reads what may follow `==` and `!=`: a value, a list or a range. With `expand`, texts and words are names of the
/// @context.
pub(super) fn parse_equality_value(
    cursor: &mut Cursor<'_>,
    expand: Option<ExpandValue<'_>>,
) -> Result<EqualityValue, SyntaxError> {
    let first = parse_any_value(cursor, expand)?;
    let comparable = !matches!(first, Comparand::Boolean(_) | Comparand::Uri(_));
    if comparable && cursor.eat_str("..") {
        return Ok(EqualityValue::Range(first, parse_comparable_value(cursor)?));
    }
    let mut values = vec![first];
    loop {
        let before_space = *cursor;
        cursor.skip_space();
        if !cursor.eat(',') {
            *cursor = before_space;
            return Ok(EqualityValue::Values(values));
        }
        cursor.skip_space();
        if values.len() == MAX_LISTED_VALUES {
            return Err(cursor.expected("at most 1024 values in a list"));
        }
        values.push(parse_any_value(cursor, expand)?);
    }
}

/// Reads what may follow `<`, `<=`, `>`, `>=` and stand in a range: anything that has an order.
//= 4.9-1
pub(super) fn parse_comparable_value(cursor: &mut Cursor<'_>) -> Result<Comparand, SyntaxError> {
    match parse_unless_word(cursor)? {
        Some(value) => Ok(value),
        None => Err(cursor.expected(COMPARABLE_VALUE)),
    }
}

fn parse_any_value(cursor: &mut Cursor<'_>, expand: Option<ExpandValue<'_>>) -> Result<Comparand, SyntaxError> {
    let start = *cursor;
    if let Some(value) = parse_unless_word(cursor)? {
        return match (expand, value) {
            (Some(expand), Comparand::String(name)) => expand(&name)
                .map(Comparand::Uri)
                .ok_or_else(|| start.expected("a name of the @context")),
            (_, value) => Ok(value),
        };
    }
    let mut after = *cursor;
    let word = after.take_while(|character| !ends_value(character));
    let value = match word {
        "true" => Comparand::Boolean(true),
        "false" => Comparand::Boolean(false),
        "" => return Err(cursor.expected(EQUALITY_VALUE)),
        word if let Some(expand) = expand => {
            Comparand::Uri(expand(word).ok_or_else(|| start.expected("a name of the @context"))?)
        }
        uri if check_absolute(uri).is_ok() => Comparand::Uri(Iri::new(uri)),
        text if can_be_nothing_but_text(text) => Comparand::String(text.into()),
        _ => return Err(cursor.expected(EQUALITY_VALUE)),
    };
    *cursor = after;
    Ok(value)
}

/// Reads a quoted text, a date, a time or a number. `None`, and no step taken, when something else comes.
fn parse_unless_word(cursor: &mut Cursor<'_>) -> Result<Option<Comparand>, SyntaxError> {
    if cursor.peek() == Some('"') {
        return Ok(Some(Comparand::String(parse_quoted(cursor)?)));
    }
    let ahead = cursor.rest();
    let found = match temporal_prefix(ahead) {
        None => number_prefix(ahead).map_err(|error| match error {
            InvalidNumber::TooLong => cursor.expected("a number of at most 400 characters"),
            _ => cursor.expected("a number that a double can hold"),
        })?,
        found => found,
    };
    Ok(found.map(|(length, value)| {
        cursor.take(length);
        value
    }))
}

/// Whether a word without quotes is a text, such as `in-use`: with a hyphen it is no name of the @context (clause 4.6.2), and
/// with a letter before it neither a number nor a date. A word that could be a name may have been meant as one, and must be
/// told from it by quotes.
fn can_be_nothing_but_text(word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    word.contains('-') && word.starts_with(char::is_alphabetic) && word.chars().all(is_part)
}

/// What ends a value without quotes.
pub(super) fn ends_value(character: char) -> bool {
    matches!(character, ';' | '|' | ')' | ',') || character.is_whitespace()
}

/// Whether a value may end before this text.
fn value_ends(rest: &str) -> bool {
    rest.starts_with("..") || rest.chars().next().is_none_or(ends_value)
}

/// Reads a JSON string with its quotes (RFC 8259 section 7).
fn parse_quoted(cursor: &mut Cursor<'_>) -> Result<CompactString, SyntaxError> {
    let ahead = cursor.rest();
    let Some(length) = quoted_length(ahead) else {
        return Err(cursor.expected("a text that ends with a double quote"));
    };
    let quoted = ahead.get(..length).unwrap_or_default();
    let text = serde_json::from_str(quoted)
        .map_err(|_| cursor.expected("a text in double quotes with the escapes of JSON (RFC 8259)"))?;
    cursor.take(length);
    Ok(text)
}

/// Bytes up to and with the closing quote of a text that begins with a quote.
pub(super) fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (offset, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(offset + 1),
            _ => {}
        }
    }
    None
}

/// Bytes of `YYYY-MM-DD`.
const DATE: usize = 10;
/// Bytes of `hh:mm:ss`.
const TIME: usize = 8;
/// A day and a time that complete the other to a DateTime, whose check then serves all three types.
const SOME_DAY: &str = "2000-01-01T";
const MIDNIGHT: &str = "T00:00:00Z";

/// The DateTime, Date or Time of clause 4.6.3 that the text begins with, and its length in bytes.
fn temporal_prefix(text: &str) -> Option<(usize, Comparand)> {
    if let Some(length) = clock_length(text, DATE + 1 + TIME)
        && let Ok(date_time) = DateTime::parse(text.get(..length)?)
    {
        return value_ends(text.get(length..)?).then_some((length, Comparand::DateTime(date_time)));
    }
    if let Some((length, date_time)) = with_offset(text) {
        return value_ends(text.get(length..)?).then_some((length, Comparand::DateTime(date_time)));
    }
    if let Some(length) = clock_length(text, TIME)
        && let Ok(date_time) = DateTime::parse(&format!("{SOME_DAY}{}", text.get(..length)?))
    {
        let value = CompactString::from(date_time.as_str().get(SOME_DAY.len()..)?);
        let r#type = TemporalType::Time;
        return value_ends(text.get(length..)?).then_some((length, Comparand::Temporal { r#type, value }));
    }
    let (date, rest) = text.split_at_checked(DATE)?;
    // Most values are no date: that is seen without making a text of them.
    if date.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    DateTime::parse(&format!("{date}{MIDNIGHT}")).ok()?;
    let (r#type, value) = (TemporalType::Date, CompactString::from(date));
    value_ends(rest).then_some((DATE, Comparand::Temporal { r#type, value }))
}

/// Bytes of an offset from UTC: `+09:00`.
const OFFSET: usize = 6;

/// The DateTime with an offset from UTC that the text begins with, and its length in bytes. In a URL whose `+` is not encoded
/// a space arrives, and nothing else can be meant by it.
fn with_offset(text: &str) -> Option<(usize, DateTime)> {
    let fraction = text.as_bytes().get(DATE + 1 + TIME..)?;
    let digits = match fraction {
        [b'.' | b',', digits @ ..] => 1 + digits.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let (local, rest) = text.split_at_checked(DATE + 1 + TIME + digits)?;
    let offset = rest.get(..OFFSET)?;
    let written = match offset.strip_prefix(' ') {
        Some(ahead) => DateTime::parse_with_offset(&format!("{local}+{ahead}")),
        None => DateTime::parse_with_offset(&format!("{local}{offset}")),
    };
    Some((local.len() + OFFSET, written.ok()?))
}

/// Length of a text whose seconds end at `seconds_end` and that goes on with a fraction, perhaps, and `Z`.
fn clock_length(text: &str, seconds_end: usize) -> Option<usize> {
    let rest = text.as_bytes().get(seconds_end..)?;
    match rest {
        [b'Z', ..] => Some(seconds_end + 1),
        [b'.' | b',', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (fraction.get(digits) == Some(&b'Z')).then_some(seconds_end + 1 + digits + 1)
        }
        _ => None,
    }
}

/// The JSON number (RFC 8259 section 6) that the text begins with, and its length in bytes. An error, where it is one that
/// nobody can read.
fn number_prefix(text: &str) -> Result<Option<(usize, Comparand)>, InvalidNumber> {
    let is_number_byte = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let longest = text.bytes().take_while(|byte| is_number_byte(*byte)).count();
    let candidate = text.get(..longest).unwrap_or_default();
    let length = candidate.find("..").unwrap_or(longest);
    let (candidate, rest) = text.split_at_checked(length).unwrap_or_default();
    if !value_ends(rest) {
        return Ok(None);
    }
    match Number::read(candidate) {
        Ok(number) => Ok(Some((length, Comparand::Number(number)))),
        Err(InvalidNumber::NoNumber) => Ok(None),
        Err(error) => Err(error),
    }
}
