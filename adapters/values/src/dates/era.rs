//! The eras (元号) since the calendar is the one of today.

use jiff::civil::Date;

use crate::Unread;

/// An era.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Meiji,
    Taisho,
    Showa,
    Heisei,
    Reiwa,
}

/// The last year of the old calendar, 明治5年, is 1872; 3 December of it became 1 January 1873.
const FIRST_YEAR_OF_THIS_CALENDAR: i16 = 1873;

impl Era {
    pub(super) const ALL: [Self; 5] = [Self::Meiji, Self::Taisho, Self::Showa, Self::Heisei, Self::Reiwa];

    /// Two characters, the one character of Unicode for both, the first alone, and the letter.
    pub(super) const fn names(self) -> (&'static str, char, char, char) {
        match self {
            Self::Meiji => ("明治", '㍾', '明', 'M'),
            Self::Taisho => ("大正", '㍽', '大', 'T'),
            Self::Showa => ("昭和", '㍼', '昭', 'S'),
            Self::Heisei => ("平成", '㍻', '平', 'H'),
            Self::Reiwa => ("令和", '㋿', '令', 'R'),
        }
    }

    /// Its first day, and its last year.
    const fn span(self) -> ((i16, i8, i8), i16) {
        match self {
            Self::Meiji => ((1868, 10, 23), 1912),
            Self::Taisho => ((1912, 7, 30), 1926),
            Self::Showa => ((1926, 12, 25), 1989),
            Self::Heisei => ((1989, 1, 8), 2019),
            Self::Reiwa => ((2019, 5, 1), 9999),
        }
    }

    /// The year of a year of it. A year is the era's until its end: forms that say 平成31年 were in use until the last
    /// day of 2019, and which day is meant is clear.
    pub(super) fn year(self, year: u64) -> Result<i16, Unread> {
        let ((first, _, _), last) = self.span();
        let of_era = i16::try_from(year).map_err(|_| Unread::OutsideOfEra)?;
        let western = first.checked_add(of_era).and_then(|sum| sum.checked_sub(1));
        western
            .filter(|western| of_era >= 1 && *western <= last)
            .ok_or(Unread::OutsideOfEra)
    }

    /// Whether a day, of a year of it, is not before its first.
    pub(super) fn check(self, date: Date) -> Result<(), Unread> {
        let ((year, month, day), _) = self.span();
        if date.year() < FIRST_YEAR_OF_THIS_CALENDAR {
            return Err(Unread::OldCalendar);
        }
        if (date.year(), date.month(), date.day()) < (year, month, day) {
            return Err(Unread::OutsideOfEra);
        }
        Ok(())
    }
}
