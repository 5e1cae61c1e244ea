//! One field's JSON text as a value: texts, numbers in any writing, dates, lists.

use std::borrow::Cow;

use ngsi_ld::entity::{AttributeValue, DateTime, Json, Number, Value, render};
use serde_json::value::RawValue;

use super::Finding;
use super::fields::Content;
use crate::language::{Conversion, number_text};
use kakehashi_contract::Flaw;

/// What a field holds. `null` and absent fields do not come this far.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'de> {
    Text(Cow<'de, str>),
    /// The digits, as JSON writes them.
    Number(Cow<'de, str>),
    Boolean(bool),
    /// An array or an object, as JSON text.
    Compound(Cow<'de, str>),
}

impl<'de> Scalar<'de> {
    /// Takes the JSON text of one value.
    ///
    /// # Errors
    /// A text with an escape that means no character.
    pub(super) fn read(json: &'de str) -> Result<Self, Flaw> {
        Ok(match json.as_bytes().first() {
            Some(b'"') => {
                let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
                Self::Text(match inner {
                    Some(inner) if memchr::memchr(b'\\', inner.as_bytes()).is_none() => Cow::Borrowed(inner),
                    _ => Cow::Owned(serde_json::from_str(json).map_err(|_| Flaw::HalfCharacter)?),
                })
            }
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'{' | b'[') => Self::Compound(Cow::Borrowed(json)),
            _ => Self::Number(Cow::Borrowed(json)),
        })
    }

    /// Takes what a field holds.
    ///
    /// # Errors
    /// A text with an escape that means no character.
    pub(super) fn of(content: &Content<'de>) -> Result<Self, Flaw> {
        Ok(match content {
            Content::Json(Cow::Borrowed(json)) => return Self::read(json),
            Content::Json(Cow::Owned(json)) => match Scalar::read(json)? {
                Scalar::Text(text) => Self::Text(Cow::Owned(text.into_owned())),
                Scalar::Number(digits) => Self::Number(Cow::Owned(digits.into_owned())),
                Scalar::Boolean(boolean) => Self::Boolean(boolean),
                Scalar::Compound(json) => Self::Compound(Cow::Owned(json.into_owned())),
            },
            Content::Text(text) => Self::Text(text.clone()),
            Content::Number(digits) => Self::Number(digits.clone()),
            Content::Boolean(boolean) => Self::Boolean(*boolean),
        })
    }

    /// Takes what was made of other fields. A relationship that names several entities is none.
    pub(super) fn made(value: &AttributeValue) -> Option<Self> {
        Some(match value {
            AttributeValue::Property(value) => match value {
                Value::String(text) => Self::Text(Cow::Owned(text.to_string())),
                Value::Number(number) => Self::Number(Cow::Owned(number_text(number))),
                Value::Boolean(boolean) => Self::Boolean(*boolean),
                Value::DateTime(date) => Self::Text(Cow::Owned(date.as_str().to_owned())),
                Value::Temporal { value, .. } => Self::Text(Cow::Owned(value.to_string())),
                Value::Json(json) => Self::Compound(Cow::Owned(json.as_str().to_owned())),
            },
            AttributeValue::GeoProperty(geometry) => Self::Compound(Cow::Owned(render::geo_json(geometry))),
            AttributeValue::Relationship { .. } => match value.objects() {
                [only] => Self::Text(Cow::Owned(only.as_str().to_owned())),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The words that value tables and ids are about. Arrays and objects have none.
    pub(super) fn word(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(digits) => Some(Cow::Borrowed(digits)),
            Self::Boolean(true) => Some(Cow::Borrowed("true")),
            Self::Boolean(false) => Some(Cow::Borrowed("false")),
            Self::Compound(_) => None,
        }
    }

    /// The number that is meant, in degrees for a position.
    pub(super) fn as_f64(&self) -> Option<f64> {
        let number = match self {
            Self::Number(digits) => digits.parse().ok()?,
            Self::Text(text) => Number::parse_f64(&as_json_writes(text)?)?,
            Self::Boolean(_) | Self::Compound(_) => return None,
        };
        number.is_finite().then_some(number)
    }

    pub(super) fn convert(&self, conversion: &Conversion) -> Result<Value, Finding> {
        let unconvertible = Finding::Unconvertible;
        match (conversion, self) {
            (Conversion::Keep | Conversion::Text, Self::Text(text)) => Ok(Value::String(text.as_ref().into())),
            (Conversion::Keep | Conversion::Number, Self::Number(digits)) => {
                let number = Number::read(digits).map_err(|error| Finding::LeavesOut(error.into()))?;
                Ok(Value::Number(number))
            }
            (Conversion::Keep | Conversion::Boolean, Self::Boolean(boolean)) => Ok(Value::Boolean(*boolean)),
            (Conversion::Keep | Conversion::List { .. }, Self::Compound(json)) => {
                if *conversion != Conversion::Keep && !json.starts_with('[') {
                    return Err(unconvertible);
                }
                let raw: &RawValue = serde_json::from_str(json).map_err(|_| unconvertible)?;
                let sound = Json::sound(raw).map_err(|unsound| Finding::LeavesOut(unsound.into()))?;
                Ok(Value::Json(sound))
            }
            (Conversion::Text, _) => self.word().map(|word| Value::String(word.into())).ok_or(unconvertible),
            (Conversion::Number, Self::Text(text)) => written_number(text).map(Value::Number).ok_or(unconvertible),
            (Conversion::Boolean, Self::Text(text)) => match text.trim() {
                word if word.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
                word if word.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
                _ => Err(unconvertible),
            },
            (Conversion::DateTime { zone }, _) => self.as_date_time(*zone).map(Value::DateTime).ok_or(unconvertible),
            (Conversion::List { separator }, Self::Text(text)) => {
                if separator.is_empty() {
                    return list(std::iter::once(&**text)).ok_or(unconvertible);
                }
                let items = text
                    .split(separator.as_str())
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                list(items).ok_or(unconvertible)
            }
            (Conversion::List { .. }, _) => self
                .word()
                .and_then(|word| list(std::iter::once(&*word)))
                .ok_or(unconvertible),
            (Conversion::Number | Conversion::Boolean, _) => Err(unconvertible),
        }
    }

    /// The point in time that a text names.
    pub(super) fn as_date_time(&self, zone: i32) -> Option<DateTime> {
        match self {
            Self::Text(text) => DateTime::parse_lenient(text, zone).ok(),
            _ => None,
        }
    }
}

fn list<'t>(items: impl Iterator<Item = &'t str>) -> Option<Value> {
    let items: Vec<&str> = items.collect();
    let json = serde_json::to_string(&items).ok()?;
    Json::parse(&json).ok().map(Value::Json)
}

/// A number as people write it: full-width digits, a plus sign, leading zeros, commas between groups of three.
pub(crate) fn written_number(text: &str) -> Option<Number> {
    Number::parse(&as_json_writes(text)?)
}

/// The same number as JSON writes it; what comes of a text that is none is none either.
fn as_json_writes(text: &str) -> Option<Cow<'_, str>> {
    let trimmed = text.trim();
    let half_width: Cow<'_, str> = if trimmed.is_ascii() {
        Cow::Borrowed(trimmed)
    } else {
        Cow::Owned(trimmed.chars().map(half_width).collect())
    };
    let (sign, digits) = match half_width.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", half_width.strip_prefix('+').unwrap_or(&half_width)),
    };
    let end_of_whole = digits.bytes().position(|byte| matches!(byte, b'.' | b'e' | b'E'));
    let (written, rest) = digits.split_at_checked(end_of_whole.unwrap_or(digits.len()))?;
    let whole = without_groups(written)?;
    if whole.is_empty() {
        return None;
    }
    let significant = whole.trim_start_matches('0');
    let whole = if significant.is_empty() { "0" } else { significant };
    if sign.len() + whole.len() + rest.len() == half_width.len() {
        return Some(half_width);
    }
    Some(Cow::Owned(format!("{sign}{whole}{rest}")))
}

/// The digits before the decimal point without the commas between groups of three.
fn without_groups(whole: &str) -> Option<Cow<'_, str>> {
    if !whole.contains(',') {
        return Some(Cow::Borrowed(whole));
    }
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let well_formed = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    well_formed.then(|| Cow::Owned(whole.replace(',', "")))
}

/// The ASCII form of a full-width character (U+FF01 to U+FF5E stand in the order of ASCII).
fn half_width(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        // The minus sign, and the full-width forms of it that keyboards make.
        '\u{2212}' | '\u{2010}' | '\u{30FC}' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, number) in [
            ("36.4", "36.4"),
            (" 120 ", "120"),
            ("１２０", "120"),
            ("－１．５", "-1.5"),
            ("+7", "7"),
            ("007", "7"),
            ("1,200", "1200"),
            ("１，２００", "1200"),
            ("0.5", "0.5"),
            ("00", "0"),
        ] {
            assert_eq!(written_number(text), Number::parse(number), "{text}");
        }
        for text in [
            "", "-", "1,20", "12人", "1.", "一", ",100", "1 2", "--1", "0x10", "NaN", "inf",
        ] {
            assert_eq!(written_number(text), None, "{text}");
        }
    }

    #[test]
    fn values_become_what_the_mapping_says_or_nothing() {
        let convert = |json, conversion: &Conversion| Scalar::read(json).unwrap().convert(conversion);
        let japan = Conversion::DateTime { zone: 9 * 3600 };
        let list = Conversion::List { separator: ";".into() };
        assert_eq!(convert(r#""a\"b""#, &Conversion::Keep), Ok("a\"b".into()));
        assert_eq!(convert("12", &Conversion::Text), Ok("12".into()));
        assert_eq!(convert("\"TRUE\"", &Conversion::Boolean), Ok(true.into()));
        assert_eq!(
            convert("\"2026-04-01 09:00:00\"", &japan),
            Ok(Value::DateTime(DateTime::parse("2026-04-01T00:00:00Z").unwrap()))
        );
        assert_eq!(
            convert("\"内科; 外科;\"", &list),
            Ok(Value::Json(Json::parse(r#"["内科","外科"]"#).unwrap()))
        );
        assert_eq!(convert("\"many\"", &Conversion::Number), Err(Finding::Unconvertible));
        assert_eq!(convert("1", &japan), Err(Finding::Unconvertible));
        assert_eq!(convert("{}", &list), Err(Finding::Unconvertible));
        let long = "1".repeat(401);
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for (json, flaw) in [
            (deep.as_str(), Flaw::TooDeep),
            (r#"{"a":1,"a":2}"#, Flaw::DuplicateMember),
            (r#"["\ud800"]"#, Flaw::HalfCharacter),
            ("[1e400]", Flaw::NumberNotFinite),
            ("-1e999", Flaw::NumberNotFinite),
            (long.as_str(), Flaw::NumberTooLong),
        ] {
            assert_eq!(
                convert(json, &Conversion::Keep),
                Err(Finding::LeavesOut(flaw)),
                "{json}"
            );
        }
        // What is written as a text is a text, and no number where the mapping wants one.
        assert_eq!(convert("\"1e400\"", &Conversion::Keep), Ok("1e400".into()));
        assert_eq!(convert("\"1e400\"", &Conversion::Number), Err(Finding::Unconvertible));
    }

    #[test]
    fn an_escape_that_is_no_character_makes_no_text() {
        assert_eq!(Scalar::read(r#""\ud800""#), Err(Flaw::HalfCharacter));
    }
}
