//! JSON numbers that keep their meaning: a number that `f64` would change keeps its text.

use std::cmp::Ordering;

use compact_str::CompactString;

/// A JSON number.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// A whole number that fits.
    Integer(i64),
    /// A number that `f64` holds without changing a digit.
    Float(f64),
    /// Any other: more digits than `f64` has. The text is a valid JSON number, finite as `f64`, of at most
    /// [`MAX_NUMBER_LENGTH`] characters.
    Text(CompactString),
}

/// Longest text of a number. It holds every double that is written out without an exponent: the largest has 309 digits, the
/// smallest 325 behind the sign and the point; and whole numbers and decimals of far more digits than any data has. Parsers
/// of consumers give up at 1,000 (Jackson) or 4,300 (Python).
pub const MAX_NUMBER_LENGTH: usize = 400;

/// Why a text is no number of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNumber {
    /// JSON writes none like that.
    #[error("not a JSON number")]
    NoNumber,
    /// More than [`MAX_NUMBER_LENGTH`] characters.
    #[error("a number of more than {MAX_NUMBER_LENGTH} characters")]
    TooLong,
    /// Beyond what a double can hold, which is what most readers take for infinity.
    #[error("a number beyond what a double can hold")]
    NotFinite,
}

/// Up to this many significant decimal digits survive the way through `f64` and back (IEEE 754 binary64).
const F64_DIGITS: usize = 15;

impl Number {
    /// Reads a number as JSON writes it. `None` when the text is no number of the view.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// The same, with what is wrong.
    ///
    /// # Errors
    /// [`InvalidNumber`]
    pub fn read(text: &str) -> Result<Self, InvalidNumber> {
        if !is_json_number(text.as_bytes()) {
            return Err(InvalidNumber::NoNumber);
        }
        if text.len() > MAX_NUMBER_LENGTH {
            return Err(InvalidNumber::TooLong);
        }
        let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if whole
            && text != "-0"
            && let Ok(integer) = text.parse()
        {
            return Ok(Self::Integer(integer));
        }
        let float: f64 = text.parse().map_err(|_| InvalidNumber::NoNumber)?;
        if !float.is_finite() {
            return Err(InvalidNumber::NotFinite);
        }
        if !whole && keeps_digits(float, text) {
            return Ok(Self::Float(float));
        }
        Ok(Self::Text(text.into()))
    }

    /// What [`Number::parse`] and [`Number::as_f64`] make of a text, for those who want nothing else of it.
    #[must_use]
    pub fn parse_f64(text: &str) -> Option<f64> {
        let is_number = is_json_number(text.as_bytes()) && text.len() <= MAX_NUMBER_LENGTH;
        let float: f64 = is_number.then(|| text.parse().ok())??;
        float.is_finite().then_some(float)
    }

    /// The nearest `f64`, for comparison.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest value is what is asked for")]
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Integer(integer) => *integer as f64,
            Self::Float(float) => *float,
            Self::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Compares by value: whole numbers exactly, others as `f64`.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) if a == b => Some(Ordering::Equal),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }
}

impl From<f64> for Number {
    /// A float of a source. A value that JSON cannot say (NaN, infinity) becomes 0; JSON parsers never yield one.
    fn from(float: f64) -> Self {
        Self::Float(if float.is_finite() { float } else { 0.0 })
    }
}

impl From<i64> for Number {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<u64> for Number {
    fn from(integer: u64) -> Self {
        i64::try_from(integer).map_or_else(|_| Self::Text(compact_str::format_compact!("{integer}")), Self::Integer)
    }
}

/// Whether everybody can read a number that JSON has.
///
/// # Errors
/// [`InvalidNumber`], when it is too long or not finite.
pub(super) fn check_number(text: &str) -> Result<(), InvalidNumber> {
    /// Up to here, digits alone are below the largest double, 1.8e308.
    const SURELY_FINITE: usize = 300;
    if text.len() > MAX_NUMBER_LENGTH {
        return Err(InvalidNumber::TooLong);
    }
    let may_be_infinite = text.len() > SURELY_FINITE || text.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    if may_be_infinite && !text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(InvalidNumber::NotFinite);
    }
    Ok(())
}

/// Whether the number that was read from the text still has all of its digits.
fn keeps_digits(float: f64, text: &str) -> bool {
    let significant = significant_digits(text).count();
    if !float.is_finite() || (float == 0.0 && significant > 0) {
        return false;
    }
    // Beyond, some texts are what `f64` itself would write.
    significant <= F64_DIGITS
        || significant_digits(zmij::Buffer::new().format_finite(float)).eq(significant_digits(text))
}

/// The digits of a JSON number without sign, point, exponent, and the zeros before the first and after the last.
fn significant_digits(text: &str) -> impl Iterator<Item = u8> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_padding = |character| matches!(character, '0' | '.' | '-');
    let digits = mantissa.trim_matches(is_padding).bytes();
    digits.filter(u8::is_ascii_digit)
}

/// Whether the bytes follow RFC 8259 section 6.
fn is_json_number(bytes: &[u8]) -> bool {
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let integer_digits = digits(at);
    if integer_digits == 0 || (integer_digits > 1 && bytes.get(at) == Some(&b'0')) {
        return false;
    }
    at += integer_digits;
    if bytes.get(at) == Some(&b'.') {
        let fraction_digits = digits(at + 1);
        if fraction_digits == 0 {
            return false;
        }
        at += 1 + fraction_digits;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent_digits = digits(at);
        if exponent_digits == 0 {
            return false;
        }
        at += exponent_digits;
    }
    at == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_where_f64_would_change_it() {
        assert_eq!(Number::parse("21.5"), Some(Number::Float(21.5)));
        assert_eq!(Number::parse("-7"), Some(Number::Integer(-7)));
        assert_eq!(Number::parse("0.30000000000000004"), Some(Number::Float(0.1 + 0.2)));
        assert_eq!(Number::parse("-0.0"), Some(Number::Float(-0.0)));
        assert_eq!(Number::parse("100.00"), Some(Number::Float(100.0)));
        let kept = [
            "18446744073709551616",
            "3.14159265358979323846",
            "0.30000000000000005",
            "1e-400",
        ];
        for text in kept {
            assert_eq!(Number::parse(text), Some(Number::Text(text.into())));
        }
    }

    #[test]
    fn what_nobody_can_read_is_no_number() {
        for text in [
            "1e400",
            "-1e309",
            "1.7976931348623159e308",
            &"9".repeat(309),
            &format!("1{}", "0".repeat(399)),
        ] {
            assert_eq!(Number::read(text), Err(InvalidNumber::NotFinite), "{text}");
            assert_eq!(check_number(text), Err(InvalidNumber::NotFinite), "{text}");
        }
        for text in [
            "1".repeat(401),
            format!("0.{}1", "0".repeat(10_000)),
            format!("1e{}", "9".repeat(400)),
        ] {
            assert_eq!(Number::read(&text), Err(InvalidNumber::TooLong), "{text}");
            assert_eq!(check_number(&text), Err(InvalidNumber::TooLong), "{text}");
        }
    }

    #[test]
    fn every_double_is_a_number_also_when_it_is_written_out() {
        for float in [
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            -f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            0.1,
        ] {
            for text in [format!("{float}"), format!("{float:e}")] {
                let read = Number::read(&text).unwrap();
                assert_eq!(read.as_f64(), float, "{text}");
                assert_eq!(check_number(&text), Ok(()), "{text}");
            }
        }
        for whole in [u64::MAX.to_string(), i64::MIN.to_string(), u128::MAX.to_string()] {
            assert!(Number::read(&whole).is_ok() && check_number(&whole).is_ok(), "{whole}");
        }
    }

    #[test]
    fn what_is_no_json_number_is_refused() {
        for text in ["", "-", "01", "1.", ".5", "1e", "+1", "1 ", "0x1", "NaN", "１"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn comparison_goes_by_value() {
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(number("1").compare(&number("1.0")), Some(Ordering::Equal));
        assert_eq!(
            number("9007199254740993").compare(&number("9007199254740992")),
            Some(Ordering::Greater)
        );
        assert_eq!(number("1e2").compare(&number("99")), Some(Ordering::Greater));
    }
}
