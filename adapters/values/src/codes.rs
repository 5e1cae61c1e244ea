//! Codes with a check digit: 全国地方公共団体コード, 法人番号.

use std::fmt;

use crate::Unread;
use crate::characters::half_width;

/// Longest code that is looked at, in bytes, spaces around it included.
pub const LONGEST: usize = 64;

/// The code of a local government: two digits of the prefecture, three of the municipality, the check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalGovernmentCode([u8; 6]);

/// Prefectures are 01 (北海道) to 47 (沖縄県).
const PREFECTURES: std::ops::RangeInclusive<u8> = 1..=47;

impl LocalGovernmentCode {
    /// Reads a code of six digits, of five (without its check digit), or of two (a prefecture's); with one fewer where a
    /// spreadsheet has taken the zero of 01 to 09. `prefecture`: which one is meant where five digits can be two places,
    /// as 12211 can.
    ///
    /// # Errors
    /// Why the text is none.
    pub fn read(text: &str, prefecture: Option<u8>) -> Result<Self, Unread> {
        if text.len() > LONGEST {
            return Err(Unread::TooLong);
        }
        let folded: String = text.trim().chars().map(half_width).collect();
        // A spreadsheet's number as another program writes it.
        let digits = folded.strip_suffix(".0").unwrap_or(&folded);
        let digits: Option<Vec<u8>> = digits
            .chars()
            .map(|character| character.to_digit(10).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        match digits.as_deref() {
            Some([a, b, c, d, e, check]) => Self::checked([*a, *b, *c, *d, *e], *check),
            Some([a, b, c, d, e]) => Self::of_five([*a, *b, *c, *d, *e], prefecture),
            Some([a, b, c, d]) => Self::completed([0, *a, *b, *c, *d]),
            Some([a, b]) => Self::completed([*a, *b, 0, 0, 0]),
            _ => Err(Unread::NoCode),
        }
    }

    /// Five digits: all but the check digit, or all but the zero.
    fn of_five(digits: [u8; 5], prefecture: Option<u8>) -> Result<Self, Unread> {
        let [a, b, c, d, e] = digits;
        let without_check = Self::completed(digits);
        let without_zero = Self::checked([0, a, b, c, d], e);
        match (without_check, without_zero) {
            (Ok(one), Ok(other)) => match prefecture {
                Some(meant) if one.prefecture() == meant => Ok(one),
                Some(meant) if other.prefecture() == meant => Ok(other),
                _ => Err(Unread::AmbiguousCode),
            },
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
            (Err(_), Err(reason)) => Err(reason),
        }
    }

    /// The code with its check digit.
    fn completed(digits: [u8; 5]) -> Result<Self, Unread> {
        let [a, b, c, d, e] = digits;
        let municipality = u16::from(c) * 100 + u16::from(d) * 10 + u16::from(e);
        // 000 is the prefecture, wards of large cities begin at 101.
        if !PREFECTURES.contains(&(a * 10 + b)) || (1..=99).contains(&municipality) {
            return Err(Unread::NoCode);
        }
        Ok(Self([a, b, c, d, e, check_digit(digits)]))
    }

    fn checked(digits: [u8; 5], check: u8) -> Result<Self, Unread> {
        let code = Self::completed(digits)?;
        match code.0 {
            [.., last] if last == check => Ok(code),
            _ => Err(Unread::CheckDigit),
        }
    }

    /// The number of its prefecture, 1 to 47.
    #[must_use]
    pub const fn prefecture(&self) -> u8 {
        let [a, b, ..] = self.0;
        a * 10 + b
    }
}

/// Weighed 6 to 2, taken from the next multiple of eleven; the last digit of that.
fn check_digit(digits: [u8; 5]) -> u8 {
    let sum: u16 = (2..=6)
        .rev()
        .zip(digits)
        .map(|(weight, digit)| weight * u16::from(digit))
        .sum();
    u8::try_from((11 - sum % 11) % 10).unwrap_or_default()
}

/// Six digits.
impl fmt::Display for LocalGovernmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}

/// Whether a text is a 法人番号: thirteen digits of which the first is computed from the others.
#[must_use]
pub fn is_corporate_number(text: &str) -> bool {
    const DIGITS: usize = 13;
    if text.len() > LONGEST {
        return false;
    }
    let digits: Option<Vec<u32>> = text
        .trim()
        .chars()
        .map(|character| half_width(character).to_digit(10))
        .collect();
    let Some([check, rest @ ..]) = digits.as_deref() else {
        return false;
    };
    // From the lowest digit: weights 1, 2, 1, 2 ...
    let sum: u32 = rest
        .iter()
        .rev()
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .sum();
    rest.len() + 1 == DIGITS && *check == 9 - sum % 9
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Result<String, Unread> {
        LocalGovernmentCode::read(text, None).map(|code| code.to_string())
    }

    /// 総務省 全国地方公共団体コード, cut to Tochigi, as redistributed in motohasystem/jp-shelter-api.
    const TOCHIGI: &str = include_str!("../tests/tochigi_local_government_codes.json");

    fn published() -> Vec<String> {
        let table: serde_json::Value = serde_json::from_str(TOCHIGI).unwrap();
        let cities = table["09"]["cities"].as_object().unwrap();
        cities
            .values()
            .map(|city| city["code"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_published_code_is_read_with_what_is_left_of_it() {
        let codes = published();
        assert_eq!(codes.len(), 26);
        for published in codes {
            let five = published.get(..5).unwrap();
            for text in [&published, published.get(1..).unwrap(), five, five.get(1..).unwrap()] {
                assert_eq!(code(text).as_deref(), Ok(published.as_str()), "{text}");
            }
        }
    }

    #[test]
    fn codes_of_other_prefectures_are_read() {
        for (text, expected) in [
            ("222127", "222127"),
            ("22212", "222127"),
            ("１３１０１６", "131016"),
            ("13101", "131016"),
            ("011002", "011002"),
            ("11002", "011002"),
            ("1100", "011002"),
            ("09", "090000"),
            ("47", "470007"),
            ("92011.0", "092011"),
            (" 092011\u{3000}", "092011"),
        ] {
            assert_eq!(code(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_code_says_why() {
        for (text, reason) in [
            ("092012", Unread::CheckDigit),
            ("92012", Unread::CheckDigit),
            ("480001", Unread::NoCode),
            ("", Unread::NoCode),
            ("9", Unread::NoCode),
            ("0920110", Unread::NoCode),
            ("栃木県", Unread::NoCode),
            ("-92011", Unread::NoCode),
            ("090506", Unread::NoCode),
        ] {
            assert_eq!(code(text), Err(reason), "{text}");
        }
        assert_eq!(code("12211"), Err(Unread::AmbiguousCode));
        let of = |prefecture| LocalGovernmentCode::read("12211", Some(prefecture)).map(|code| code.to_string());
        assert_eq!(of(12).as_deref(), Ok("122114"));
        assert_eq!(of(1).as_deref(), Ok("012211"));
        assert_eq!(of(9), Err(Unread::AmbiguousCode));
        assert_eq!(code(&" ".repeat(LONGEST + 1)), Err(Unread::TooLong));
    }

    #[test]
    fn a_corporate_number_has_its_check_digit_in_front() {
        // 国税庁
        assert!(is_corporate_number("7000012050002"));
        assert!(!is_corporate_number("7000012050003"));
        assert!(!is_corporate_number("700001205000"));
        assert!(!is_corporate_number(""));
    }

    proptest! {
        #[test]
        fn every_code_is_found_again_where_it_can_be_one_place_only(prefecture in 1u8..=47, municipality in 100u16..1000) {
            let five = format!("{prefecture:02}{municipality}");
            let whole = LocalGovernmentCode::completed(five.bytes().map(|digit| digit - b'0').collect::<Vec<_>>().try_into().unwrap());
            let whole = whole.unwrap();
            prop_assert_eq!(LocalGovernmentCode::read(&whole.to_string(), None), Ok(whole));
            let shown = whole.to_string();
            let seen_as_number = shown.trim_start_matches('0');
            prop_assert_eq!(LocalGovernmentCode::read(&five, Some(prefecture)), Ok(whole));
            prop_assert_eq!(LocalGovernmentCode::read(seen_as_number, Some(prefecture)), Ok(whole));
        }

        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            let _ = (LocalGovernmentCode::read(&text, None), is_corporate_number(&text));
        }
    }
}
