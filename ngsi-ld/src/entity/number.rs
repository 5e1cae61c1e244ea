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
    /// Any other: more digits or a larger exponent than `f64` has. The text is a valid JSON number.
    Text(CompactString),
}

/// Up to this many significant decimal digits survive the way through `f64` and back (IEEE 754 binary64).
const F64_DIGITS: usize = 15;

impl Number {
    /// Reads a number as JSON writes it. `None` when the text is no JSON number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !is_json_number(text.as_bytes()) {
            return None;
        }
        let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if whole && text != "-0" {
            return Some(match text.parse() {
                Ok(integer) => Self::Integer(integer),
                Err(_) => Self::Text(text.into()),
            });
        }
        let kept = text.parse::<f64>().ok().filter(|float| keeps_digits(*float, text));
        Some(kept.map_or_else(|| Self::Text(text.into()), Self::Float))
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
            "1e400",
            "1e-400",
        ];
        for text in kept {
            assert_eq!(Number::parse(text), Some(Number::Text(text.into())));
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
