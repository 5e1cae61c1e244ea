//! Numbers that Orion gives back as they were. It keeps doubles and prints nine decimals of them; whole numbers it prints as they
//! are, as long as every one of them is a double.

use std::cmp::Ordering;

use ngsi_ld::entity::Number;

/// Beyond, not every whole number is a double.
const WHOLE: u64 = 1 << 53;

/// The same, as a double.
const WHOLE_FLOAT: f64 = 9_007_199_254_740_992.0;

/// The number as Orion prints it; `None`: it would print another.
pub(super) fn kept(number: &Number) -> Option<String> {
    match number {
        Number::Integer(integer) => (integer.unsigned_abs() <= WHOLE).then(|| integer.to_string()),
        Number::Float(float) => kept_float(*float),
        // More digits than a double has.
        Number::Text(_) => None,
    }
}

fn kept_float(float: f64) -> Option<String> {
    if float.fract() == 0.0 {
        // Added to zero, that below zero is zero itself.
        return (float.abs() <= WHOLE_FLOAT).then(|| format!("{:.0}", float + 0.0));
    }
    let text = printed(float);
    let is_same = Number::parse(&text)?.compare(&Number::Float(float)) == Some(Ordering::Equal);
    // Its parser of JSON was seen to miss the nearest double by one.
    let is_certain = printed(float.next_down()) == text && printed(float.next_up()) == text;
    (is_same && is_certain).then_some(text)
}

fn printed(float: f64) -> String {
    let text = format!("{float:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_where_orion_was_recorded_to_give_them_back() {
        for (text, expected) in [
            ("1", Some("1")),
            ("1.0", Some("1")),
            ("1e3", Some("1000")),
            ("0.1", Some("0.1")),
            ("-12.5", Some("-12.5")),
            ("1e-7", Some("0.0000001")),
            ("-0.0", Some("0")),
            ("9007199254740992", Some("9007199254740992")),
            ("1e-10", None),
            ("123456789.123456789", None),
            ("9007199254740993", None),
            ("9223372036854775807", None),
            ("18446744073709551616", None),
            ("1795174359.2887611", None),
            ("3.14159265358979", None),
            ("43.462879859445884", None),
        ] {
            assert_eq!(kept(&Number::parse(text).unwrap()).as_deref(), expected, "{text}");
        }
    }
}
