//! Numbers as people write them.
//!
//! Any width, a sign in front (`▲` and `△` are minus in accounts), commas between groups of three, 万 and 億, and a unit
//! behind where a table of the caller knows it. The digits are computed with as they are: 1.2 km are 1200 m, not
//! 1199.9999999999998.

use std::borrow::Cow;

use ngsi_ld::entity::Number;

use crate::Unread;
use crate::characters::{Folding, half_width, is_dash, name_key};

/// Longest number that is looked at, in bytes: the longest of the view, and a unit.
pub const LONGEST: usize = 480;

/// Units by their names, each with what a number of it is multiplied by.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Units(Vec<(String, Decimal)>);

impl Units {
    /// A table of units. `None`: one of the factors is no number that can be computed with.
    pub fn new<'u>(units: impl IntoIterator<Item = (&'u str, f64)>) -> Option<Self> {
        units
            .into_iter()
            .map(|(name, factor)| {
                let factor = factor.is_finite().then(|| factor.to_string())?;
                Some((name_key(name).into_owned(), Decimal::parse(&factor)?))
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }

    fn factor(&self, name: &str) -> Option<Decimal> {
        let name = name_key(name);
        self.0.iter().find(|(unit, _)| *unit == name).map(|(_, factor)| *factor)
    }
}

/// Reads a number.
///
/// # Errors
/// Why the text is none.
pub fn read(text: &str) -> Result<Number, Unread> {
    number(&json_text(text, None)?)
}

/// Reads a number with the unit that may stand behind it. A number without a unit stays what it is.
///
/// # Errors
/// Why the text is none; [`Unread::UnknownUnit`]: its unit is not of the table.
pub fn read_with_units(text: &str, units: &Units) -> Result<Number, Unread> {
    number(&json_text(text, Some(units))?)
}

/// Reads a number as the nearest double.
///
/// # Errors
/// Why the text is none.
pub fn as_f64(text: &str) -> Result<f64, Unread> {
    Number::parse_f64(&json_text(text, None)?).ok_or(Unread::NumberTooLarge)
}

/// Digits with zeros before them to a width: identifiers that a spreadsheet took for numbers. Longer ones, and what is not
/// digits alone, stay as they are.
#[must_use]
pub fn padded(text: &str, width: usize) -> Cow<'_, str> {
    /// No identifier that is counted is longer.
    const WIDEST: usize = 64;
    let text = text.trim();
    let is_half = text.bytes().all(|byte| byte.is_ascii_digit());
    let digits: Cow<'_, str> = if is_half {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(half_width).collect())
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() >= width.min(WIDEST) {
        return if is_number { digits } else { Cow::Borrowed(text) };
    }
    Cow::Owned(format!("{digits:0>width$}", width = width.min(WIDEST)))
}

fn number(json: &str) -> Result<Number, Unread> {
    Number::read(json).map_err(|error| match error {
        ngsi_ld::entity::InvalidNumber::NoNumber => Unread::NoNumber,
        _ => Unread::NumberTooLarge,
    })
}

/// The number as JSON writes it.
fn json_text<'t>(text: &'t str, units: Option<&Units>) -> Result<Cow<'t, str>, Unread> {
    if text.len() > LONGEST {
        return Err(Unread::TooLong);
    }
    // Most numbers are written as JSON writes them.
    if units.is_none() && Number::parse_f64(text).is_some() {
        return Ok(Cow::Borrowed(text));
    }
    let folded = Folding::SPACES.fold(text);
    let folded: String = folded
        .chars()
        .map(|character| match character {
            'ー' => '-',
            other if is_dash(other) => '-',
            other => half_width(other),
        })
        .collect();
    let (sign, rest) = signed(&folded);
    let end = rest
        .find(|character: char| !matches!(character, '0'..='9' | ',' | '.'))
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(end).ok_or(Unread::NoNumber)?;
    if digits.is_empty() {
        return Err(without_digits(rest));
    }
    let (whole, fraction) = parts(digits)?;
    let (exponent, rest) = exponent(rest);
    let has_more = !rest.is_empty();
    if !has_more && units.is_none() {
        let point = if fraction.is_some() { "." } else { "" };
        let fraction = fraction.unwrap_or_default();
        return Ok(Cow::Owned(format!("{sign}{whole}{point}{fraction}{exponent}")));
    }
    let mut value = Decimal::parse(&format!("{whole}.{}", fraction.unwrap_or("0"))).ok_or(Unread::NumberTooLarge)?;
    let mut rest = rest.trim_start();
    // 千円 of the table is a unit before it is a thousand 円.
    let is_unit = units.is_some_and(|units| units.factor(rest).is_some());
    if exponent.is_empty() && !is_unit {
        (value, rest) = with_myriads(value, rest)?;
    }
    let factor = match (rest, units) {
        ("", _) => Decimal::ONE,
        (unit, Some(units)) => units.factor(unit).ok_or_else(|| behind_a_number(unit))?,
        (unit, None) => return Err(behind_a_number(unit)),
    };
    if !exponent.is_empty() && factor != Decimal::ONE {
        return Err(Unread::NoNumber);
    }
    let product = value.times(factor).ok_or(Unread::NumberTooLarge)?;
    let (product_sign, product) = product.written();
    let sign = match (sign, product_sign, product == "0") {
        (_, _, true) => "",
        (one, other, _) if one == other => "",
        _ => "-",
    };
    Ok(Cow::Owned(format!("{sign}{product}{exponent}")))
}

/// The sign that a number begins with, as JSON writes it.
fn signed(text: &str) -> (&'static str, &str) {
    let after = |sign| text.strip_prefix(sign).map(str::trim_start);
    if let Some(rest) = ['▲', '△'].into_iter().find_map(after) {
        return ("-", rest);
    }
    match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(rest), _) => ("-", rest),
        (None, Some(rest)) => ("", rest),
        (None, None) => ("", text),
    }
}

/// The digits before the decimal point, without leading zeros and commas, and those behind.
fn parts(digits: &str) -> Result<(String, Option<&str>), Unread> {
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let is_fraction = |fraction: &str| !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !fraction.is_none_or(is_fraction) {
        return Err(Unread::NoNumber);
    }
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = whole.contains(',');
    if is_grouped && !((1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)) {
        return Err(Unread::NoNumber);
    }
    let whole = whole.replace(',', "");
    let significant = whole.trim_start_matches('0');
    Ok((
        if significant.is_empty() { "0" } else { significant }.to_owned(),
        fraction,
    ))
}

/// `e-3` and what is behind.
fn exponent(text: &str) -> (&str, &str) {
    let Some(power) = text.strip_prefix(['e', 'E']) else {
        return ("", text);
    };
    let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    let end = digits
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(digits.len());
    if end == 0 {
        return ("", text);
    }
    let length = text.len() - digits.len() + end;
    text.split_at_checked(length).unwrap_or(("", text))
}

/// 1.5万, 3億5000万, 1万2千 and what is behind.
fn with_myriads(first: Decimal, text: &str) -> Result<(Decimal, &str), Unread> {
    const MYRIADS: [(char, u32); 4] = [('兆', 12), ('億', 8), ('万', 4), ('千', 3)];
    let (mut value, mut rest, mut sum) = (first, text, Decimal::ZERO);
    let mut last = u32::MAX;
    loop {
        let unit = MYRIADS
            .iter()
            .find_map(|(name, power)| Some((*power, rest.strip_prefix(*name)?)));
        let Some((power, after)) = unit else {
            let sum = sum.plus(value).ok_or(Unread::NumberTooLarge)?;
            return Ok((sum, rest));
        };
        if power >= last {
            return Err(Unread::NoNumber);
        }
        last = power;
        let part = value.times_power_of_ten(power).ok_or(Unread::NumberTooLarge)?;
        sum = sum.plus(part).ok_or(Unread::NumberTooLarge)?;
        let end = after
            .find(|character: char| !matches!(character, '0'..='9' | ',' | '.'))
            .unwrap_or(after.len());
        let (digits, behind) = after.split_at_checked(end).ok_or(Unread::NoNumber)?;
        if digits.is_empty() {
            return Ok((sum, behind.trim_start()));
        }
        let (whole, fraction) = parts(digits)?;
        value = Decimal::parse(&format!("{whole}.{}", fraction.unwrap_or("0"))).ok_or(Unread::NumberTooLarge)?;
        rest = behind;
    }
}

/// Why a text that begins with no digit is no number.
fn without_digits(text: &str) -> Unread {
    let follows = |word: &str| text.strip_prefix(word).is_some_and(begins_with_a_digit);
    if ["約", "およそ", "概ね"].into_iter().any(follows) {
        return Unread::Rough;
    }
    if text.strip_prefix(['~', '～', '〜']).is_some_and(begins_with_a_digit) {
        return Unread::Range;
    }
    Unread::NoNumber
}

fn begins_with_a_digit(text: &str) -> bool {
    text.trim_start()
        .starts_with(|character: char| character.is_ascii_digit())
}

/// Why a number with this behind it is none.
fn behind_a_number(text: &str) -> Unread {
    const ROUGH: [&str; 9] = ["以上", "以下", "未満", "以内", "程度", "前後", "超", "余", "弱"];
    if text.contains(['~', '～', '〜']) || text.strip_prefix('-').is_some_and(begins_with_a_digit) {
        Unread::Range
    } else if ROUGH.iter().any(|word| text.ends_with(word)) {
        Unread::Rough
    } else if text
        .chars()
        .any(|character| character.is_ascii_digit() || character.is_ascii_punctuation())
        && text.starts_with(|character: char| !character.is_alphabetic() && !matches!(character, '%' | '°' | '¥' | '$'))
    {
        // Dates, telephone numbers, addresses.
        Unread::NoNumber
    } else {
        Unread::UnknownUnit
    }
}

/// A decimal number, exact: `digits` times ten to the power of `-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    const ZERO: Self = Self { digits: 0, scale: 0 };
    const ONE: Self = Self { digits: 1, scale: 0 };

    /// Reads `-12.5`.
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let fraction = fraction.trim_end_matches('0');
        Some(Self {
            digits: format!("{whole}{fraction}").parse().ok()?,
            scale: u32::try_from(fraction.len()).ok()?,
        })
    }

    fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            digits: self.digits.checked_mul(other.digits)?,
            scale: self.scale.checked_add(other.scale)?,
        })
    }

    fn times_power_of_ten(self, power: u32) -> Option<Self> {
        let kept = self.scale.checked_sub(power);
        Some(match kept {
            Some(scale) => Self { scale, ..self },
            None => Self {
                digits: self.digits.checked_mul(10i128.checked_pow(power - self.scale)?)?,
                scale: 0,
            },
        })
    }

    fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let at_scale = |one: Self| one.digits.checked_mul(10i128.checked_pow(scale - one.scale)?);
        Some(Self {
            digits: at_scale(self)?.checked_add(at_scale(other)?)?,
            scale,
        })
    }

    /// Its sign, and the rest without zeros that say nothing.
    fn written(self) -> (&'static str, String) {
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = self.digits.unsigned_abs().to_string();
        let scale = usize::try_from(self.scale).unwrap_or(usize::MAX);
        let digits = format!("{digits:0>width$}", width = scale.saturating_add(1).min(LONGEST));
        let (whole, fraction) = digits
            .split_at_checked(digits.len().saturating_sub(scale))
            .unwrap_or((&digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        (sign, format!("{whole}{point}{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_read_as_people_write_it() {
        for (text, number) in [
            ("36.4", "36.4"),
            (" 120\u{3000}", "120"),
            ("１２０", "120"),
            ("－１．５", "-1.5"),
            ("−2", "-2"),
            ("ー3", "-3"),
            ("+7", "7"),
            ("007", "7"),
            ("1,200", "1200"),
            ("１，２００", "1200"),
            ("0.5", "0.5"),
            ("00", "0"),
            ("▲1,200", "-1200"),
            ("△ 5", "-5"),
            ("1.5万", "15000"),
            ("1万2千", "12000"),
            ("1万2345", "12345"),
            ("3億5,000万", "350000000"),
            ("-2千", "-2000"),
            ("1e3", "1e3"),
            ("１Ｅ３", "1E3"),
        ] {
            assert_eq!(read(text), Ok(Number::parse(number).unwrap()), "{text}");
        }
    }

    #[test]
    fn a_unit_of_the_table_is_taken_into_account() {
        let units = Units::new([
            ("m", 1.0),
            ("km", 1000.0),
            ("cm", 0.01),
            ("㎡", 1.0),
            ("千円", 1000.0),
            ("人", 1.0),
        ])
        .unwrap();
        for (text, number) in [
            ("1.2km", "1200"),
            ("1.1 ｋｍ", "1100"),
            ("3cm", "0.03"),
            ("12人", "12"),
            ("1,234.5㎡", "1234.5"),
            ("80m2", "80"),
            ("5千円", "5000"),
            ("2万人", "20000"),
            ("▲3km", "-3000"),
            ("0m", "0"),
            ("-0km", "0"),
            ("40", "40"),
            ("4.50", "4.5"),
        ] {
            assert_eq!(
                read_with_units(text, &units),
                Ok(Number::parse(number).unwrap()),
                "{text}"
            );
        }
        assert_eq!(read_with_units("12台", &units), Err(Unread::UnknownUnit));
        assert_eq!(read_with_units("km", &units), Err(Unread::NoNumber));
        assert!(Units::new([("m", f64::NAN)]).is_none());
    }

    #[test]
    fn what_is_no_number_says_why() {
        for (text, reason) in [
            ("10～20", Unread::Range),
            ("10〜20人", Unread::Range),
            ("10-20", Unread::Range),
            ("～20", Unread::Range),
            ("約100", Unread::Rough),
            ("100以上", Unread::Rough),
            ("100人程度", Unread::Rough),
            ("12人", Unread::UnknownUnit),
            ("35℃", Unread::UnknownUnit),
            ("80%", Unread::UnknownUnit),
            ("", Unread::NoNumber),
            ("-", Unread::NoNumber),
            ("1,20", Unread::NoNumber),
            ("1.", Unread::NoNumber),
            ("一", Unread::NoNumber),
            (",100", Unread::NoNumber),
            ("1 2", Unread::NoNumber),
            ("--1", Unread::NoNumber),
            ("NaN", Unread::NoNumber),
            ("1/2", Unread::NoNumber),
            ("9:05", Unread::NoNumber),
            ("10²", Unread::UnknownUnit),
            ("①", Unread::NoNumber),
            ("1千2万", Unread::NoNumber),
            ("1e400", Unread::NumberTooLarge),
        ] {
            assert_eq!(read(text), Err(reason), "{text}");
        }
        assert_eq!(read(&"1".repeat(LONGEST + 1)), Err(Unread::TooLong));
        assert_eq!(read(&format!("{}万", "9".repeat(40))), Err(Unread::NumberTooLarge));
    }

    #[test]
    fn digits_are_filled_up_with_zeros() {
        assert_eq!(padded("285", 6), "000285");
        assert_eq!(padded(" ２８５ ", 6), "000285");
        assert_eq!(padded("1234567", 6), "1234567");
        assert_eq!(padded("A1", 6), "A1");
        assert_eq!(padded("", 6), "");
    }

    proptest! {
        #[test]
        fn a_number_is_the_same_in_every_width_and_with_commas(number in any::<i64>()) {
            let plain = number.to_string();
            let wide: String = plain
                .chars()
                .map(|character| char::from_u32(u32::from(character) + 0xFEE0).unwrap())
                .collect();
            let mut grouped = String::new();
            let digits = number.unsigned_abs().to_string();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place) % 3 == 0 {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            let grouped = format!("{}{grouped}", if number < 0 { "▲" } else { "" });
            for text in [plain.as_str(), &wide, &grouped] {
                prop_assert_eq!(read(text), Ok(Number::Integer(number)), "{}", text);
            }
        }

        #[test]
        fn a_unit_multiplies_exactly(hundredths in 0i64..1_000_000_000) {
            let units = Units::new([("km", 1000.0)]).unwrap();
            let text = format!("{}.{:02}km", hundredths / 100, hundredths % 100);
            prop_assert_eq!(read_with_units(&text, &units), Ok(Number::Integer(hundredths * 10)));
        }

        #[test]
        fn no_text_is_too_odd(text in any::<String>(), close in "[0-9０-９,.万億千▲e+-]{0,30}[a-z人]{0,3}") {
            let units = Units::new([("m", 1e12), ("人", 1e-12)]).unwrap();
            for text in [text, close] {
                let _ = (read(&text), read_with_units(&text, &units), as_f64(&text), padded(&text, 12));
            }
        }
    }
}
