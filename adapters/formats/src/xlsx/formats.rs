//! Number formats: which numbers are shown as dates, and which date each is.

use std::collections::HashMap;

use crate::markup::{Markup, Piece};
use crate::{Cell, FormatError};

/// The last day of a workbook, 9999-12-31, counted since 1900.
const LAST_DAY: f64 = 2_958_465.0;
/// Days from 0000-03-01 to 1899-12-31, the day before the first.
const BEFORE_1900: i64 = 693_900;
/// Days between what 1900 and 1904 begin with.
const FROM_1900_TO_1904: i64 = 1_461;
const DAY_SECONDS: f64 = 86_400.0;

/// How a number is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shown {
    /// As a number.
    #[default]
    Number,
    /// As a date.
    Date,
    /// As a date with a time.
    DateTime,
    /// As a time of day.
    Time,
}

/// How the numbers of each style are shown.
pub(super) struct Formats {
    of_style: Vec<Shown>,
    since_1904: bool,
}

impl Formats {
    pub(super) const fn none(since_1904: bool) -> Self {
        Self {
            of_style: Vec::new(),
            since_1904,
        }
    }

    /// Reads the styles of a workbook.
    pub(super) fn read(text: &str, since_1904: bool) -> Result<Self, FormatError> {
        let mut markup = Markup::new(text, "the styles of the workbook");
        let mut own: HashMap<u32, Shown> = HashMap::new();
        let mut of_style = Vec::new();
        let (mut depth, mut of_cells) = (0_usize, None);
        loop {
            match markup.next()? {
                Piece::Open(tag) => {
                    depth += 1;
                    let id = || {
                        tag.attribute("numFmtId")
                            .and_then(|id| id.parse::<u32>().ok())
                            .unwrap_or_default()
                    };
                    match tag.name() {
                        "numFmt" => {
                            own.insert(id(), shown(&tag.attribute("formatCode").unwrap_or_default()));
                        }
                        "cellXfs" => of_cells = Some(depth),
                        "xf" if of_cells.is_some() => {
                            let id = id();
                            of_style.push(own.get(&id).copied().unwrap_or_else(|| built_in(id)));
                        }
                        _ => {}
                    }
                }
                Piece::Close => {
                    if of_cells == Some(depth) {
                        of_cells = None;
                    }
                    depth = depth.saturating_sub(1);
                }
                Piece::Text(_) => {}
                Piece::End => return Ok(Self { of_style, since_1904 }),
            }
        }
    }

    /// How numbers of a style are shown.
    pub(super) fn shown(&self, style: usize) -> Shown {
        self.of_style.get(style).copied().unwrap_or_default()
    }

    /// The date of a number, or `None` where it is none.
    pub(super) fn date(&self, number: f64, shown: Shown) -> Option<Cell<'static>> {
        if !(0.0..LAST_DAY + 1.0).contains(&number) {
            return None;
        }
        // Excel counts to the second; what is beyond is the error of the fraction.
        let seconds = (number * DAY_SECONDS).round();
        let days = (seconds / DAY_SECONDS).floor();
        #[allow(clippy::cast_possible_truncation)] // within 0 to LAST_DAY, and within a day
        let (day, rest) = (days as i64, (seconds - days * DAY_SECONDS) as i64);
        let time = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
        if shown == Shown::Time && day == 0 {
            return Some(Cell::Time(time.into()));
        }
        let since = match (self.since_1904, day) {
            (true, day) => BEFORE_1900 + FROM_1900_TO_1904 + day,
            // Excel counts a 29th of February 1900, which was none, and a day 0.
            (false, 0 | 60) => return None,
            (false, day) if day < 60 => BEFORE_1900 + day,
            (false, day) => BEFORE_1900 + day - 1,
        };
        let date = civil(since);
        Some(match shown {
            Shown::Date => Cell::Date(date.into()),
            _ => Cell::DateTime(format!("{date}T{time}").into()),
        })
    }
}

/// The date of a day counted from 0000-03-01, in the calendar of today.
fn civil(days: i64) -> String {
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// What the numbers of formats mean that no file writes out, the Japanese ones (27 to 36, 50 to 58) among them.
const fn built_in(id: u32) -> Shown {
    match id {
        14..=17 | 27..=31 | 34..=36 | 50..=58 => Shown::Date,
        18..=21 | 32 | 33 | 45..=47 => Shown::Time,
        22 => Shown::DateTime,
        _ => Shown::Number,
    }
}

/// What a format's code shows, by the first of its sections, which is that of positive numbers.
fn shown(code: &str) -> Shown {
    let lower = code.to_ascii_lowercase();
    if lower.starts_with("general") || lower.starts_with("g/") {
        return Shown::Number;
    }
    let (mut date, mut time, mut month, mut elapsed) = (false, false, false, false);
    let mut characters = lower.chars();
    while let Some(character) = characters.next() {
        match character {
            ';' => break,
            '"' => {
                let _ = characters.by_ref().find(|end| *end == '"');
            }
            '\\' | '_' | '*' => {
                let _ = characters.next();
            }
            '[' => {
                let inside: String = characters.by_ref().take_while(|end| *end != ']').collect();
                elapsed |= !inside.is_empty() && inside.chars().all(|unit| matches!(unit, 'h' | 'm' | 's'));
            }
            // `0.00E+00` is a number; in dates `e` is the year of a Japanese era.
            'e' if matches!(characters.as_str().chars().next(), Some('+' | '-')) => return Shown::Number,
            'y' | 'd' | 'g' | 'e' => date = true,
            'h' | 's' => time = true,
            'm' => month = true,
            _ => {}
        }
    }
    match (date, time) {
        // A time that has passed is a number of days; only within a day it is one of a clock as well.
        _ if elapsed => Shown::Number,
        (true, true) => Shown::DateTime,
        (true, false) => Shown::Date,
        (false, true) => Shown::Time,
        (false, false) if month => Shown::Date,
        (false, false) => Shown::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_says_whether_a_number_is_a_date() {
        for (code, expected) in [
            ("General", Shown::Number),
            ("0.00E+00", Shown::Number),
            ("#,##0\"m\"", Shown::Number),
            ("[Red]0.0", Shown::Number),
            ("[h]:mm", Shown::Number),
            ("yyyy/m/d", Shown::Date),
            ("[$-411]ggge\"年\"m\"月\"d\"日\";@", Shown::Date),
            ("m\"月\"", Shown::Date),
            ("yyyy/m/d h:mm", Shown::DateTime),
            ("h:mm AM/PM", Shown::Time),
            ("mm:ss.000", Shown::Time),
        ] {
            assert_eq!(shown(code), expected, "{code}");
        }
    }

    #[test]
    fn days_are_counted_as_excel_counts_them() {
        let since_1900 = Formats::none(false);
        let date =
            |formats: &Formats, number: f64| formats.date(number, Shown::Date).map(|cell| cell.as_str().to_owned());
        assert_eq!(date(&since_1900, 1.0).as_deref(), Some("1900-01-01"));
        assert_eq!(date(&since_1900, 59.0).as_deref(), Some("1900-02-28"));
        assert_eq!(date(&since_1900, 60.0), None);
        assert_eq!(date(&since_1900, 61.0).as_deref(), Some("1900-03-01"));
        assert_eq!(date(&since_1900, 45_658.0).as_deref(), Some("2025-01-01"));
        assert_eq!(date(&since_1900, LAST_DAY).as_deref(), Some("9999-12-31"));
        assert_eq!(date(&since_1900, LAST_DAY + 1.0), None);
        assert_eq!(date(&Formats::none(true), 0.0).as_deref(), Some("1904-01-01"));
        assert_eq!(date(&Formats::none(true), 44_196.0).as_deref(), Some("2025-01-01"));
        let at = since_1900.date(45_658.378_472_222_2, Shown::DateTime);
        assert_eq!(at, Some(Cell::DateTime("2025-01-01T09:05:00".into())));
        assert_eq!(since_1900.date(0.5, Shown::Time), Some(Cell::Time("12:00:00".into())));
    }
}
