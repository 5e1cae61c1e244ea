//! Values of Properties (clause 4.6.3).

use compact_str::CompactString;
use serde_json::value::RawValue;

use super::soundness::{self, Density, Unsound};
use super::{DateTime, Number, nulls};

/// The value of a Property.
#[derive(Debug, Clone, PartialEq)]
//= 4.2.3-1, 4.6.3-1
pub enum Value {
    /// A text.
    String(CompactString),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Boolean(bool),
    /// `{"@type": "DateTime", "@value": "...Z"}`
    DateTime(DateTime),
    /// `{"@type": "Date" | "Time", "@value": "..."}`: a calendar date, or a time of day in UTC.
    Temporal {
        /// Which of the two.
        r#type: TemporalType,
        /// The text, as clause 4.6.3 writes it.
        value: CompactString,
    },
    /// An object or an array, as JSON text.
    Json(Json),
}

/// The temporal JSON-LD types other than DateTime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemporalType {
    /// `Date`
    Date,
    /// `Time`
    Time,
}

impl TemporalType {
    /// The short name of the type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Date => "Date",
            Self::Time => "Time",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

/// Well-formed JSON text without space between its tokens. It is taken apart only where a query looks inside.
#[derive(Debug, Clone)]
pub struct Json(Box<RawValue>);

/// A text that is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct InvalidJson(#[from] serde_json::Error);

impl Json {
    /// Checks a text and takes it over, without the space between tokens.
    ///
    /// # Errors
    /// [`InvalidJson`] when it is not one JSON value.
    pub fn parse(text: &str) -> Result<Self, InvalidJson> {
        let raw: Box<RawValue> = serde_json::from_str(text)?;
        Ok(Self::from_raw(raw))
    }

    /// Takes over what a parser has checked, without the space between tokens.
    #[must_use]
    //= 4.6.4-1
    pub fn from_raw(raw: Box<RawValue>) -> Self {
        match without_space(raw.get()) {
            None => Self(raw),
            // Removing space outside of strings leaves JSON; the original serves if that were ever untrue.
            Some(dense) => Self(RawValue::from_string(dense).unwrap_or(raw)),
        }
    }

    /// Takes over as the value of a Property what a parser has checked, unless some readers of it would read something else or
    /// nothing. It has no null then (clause 4.5.0): members that are null are left out, elements become null literals.
    ///
    /// # Errors
    /// [`Unsound`]
    pub fn sound(raw: &RawValue) -> Result<Self, Unsound> {
        let sound = soundness::check(raw.get())?;
        // What was checked is JSON, and so is what is left of it; the original serves if that were ever untrue.
        let without_nulls = |raw: &RawValue| RawValue::from_string(nulls::without_nulls(raw.get())?).ok();
        Ok(match Some(raw).filter(|_| sound.has_null).and_then(without_nulls) {
            Some(without_nulls) => Self::from_raw(without_nulls),
            None => Self::dense(raw, sound.density),
        })
    }

    /// The same as a JSON literal, such as the value of a JsonProperty, which may have nulls.
    ///
    /// # Errors
    /// [`Unsound`]
    pub fn sound_literal(raw: &RawValue) -> Result<Self, Unsound> {
        let sound = soundness::check(raw.get())?;
        Ok(Self::dense(raw, sound.density))
    }

    fn dense(raw: &RawValue, density: Density) -> Self {
        match density {
            Density::Dense => Self(raw.to_owned()),
            Density::Spaced => Self::from_raw(raw.to_owned()),
        }
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// The text without the white space between its tokens; `None` when there is none.
fn without_space(json: &str) -> Option<String> {
    let mut tokens = Tokens::default();
    if json.bytes().all(|byte| tokens.keeps(byte)) {
        return None;
    }
    let mut tokens = Tokens::default();
    Some(
        json.chars()
            .filter(|character| u8::try_from(*character).map_or(true, |byte| tokens.keeps(byte)))
            .collect(),
    )
}

/// Where in a JSON text a reader is: inside a string or between tokens.
#[derive(Default)]
struct Tokens {
    in_string: bool,
    escaped: bool,
}

impl Tokens {
    /// Whether this next byte belongs to a token. Bytes of multi-byte characters occur in strings only.
    fn keeps(&mut self, byte: u8) -> bool {
        if !self.in_string {
            self.in_string = byte == b'"';
            return !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        }
        if self.escaped {
            self.escaped = false;
        } else {
            self.escaped = byte == b'\\';
            self.in_string = byte != b'"';
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_between_tokens_goes_and_space_in_strings_stays() {
        let json = Json::parse("{ \"a b\" : [ 1 ,\n \"c \\\" d\" ] }").unwrap();
        assert_eq!(json.as_str(), r#"{"a b":[1,"c \" d"]}"#);
        assert!(Json::parse("{").is_err());
    }
}
