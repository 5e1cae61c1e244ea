//! What a row of words says: a date, a time, both, or a fiscal year.

use jiff::civil::Date;
use jiff::tz::Offset;

use super::era::Era;
use super::token::Token;
use super::{Clock, Written};
use crate::Unread;

/// Years that are believed of digits in a row, which might be any number.
const YEARS_OF_BARE_DIGITS: std::ops::RangeInclusive<i16> = 1800..=2999;

/// Reads all of the words.
pub(super) fn read(tokens: &[Token]) -> Result<Written, Unread> {
    let mut words = Words { rest: tokens };
    let date = words.date()?;
    let is_compact = match (date, words.rest) {
        (Some(_), [Token::Sign('T'), rest @ ..]) => {
            words.rest = rest;
            true
        }
        (Some((_, is_compact)), _) => is_compact,
        (None, _) => false,
    };
    let clock = words.clock(is_compact)?;
    let zone = if clock.is_some() && date.is_some() {
        words.zone()?
    } else {
        None
    };
    if !words.rest.is_empty() {
        return Err(Unread::NoDate);
    }
    match (date, clock, zone) {
        (Some((date, _)), None, _) => Ok(Written::Date(date)),
        (None, Some(clock), _) => Ok(Written::Time(clock)),
        (Some((date, _)), Some(clock), None) => Ok(Written::Local(clock.on(date)?)),
        (Some((date, _)), Some(clock), Some(zone)) => {
            let instant = zone.to_timestamp(clock.on(date)?);
            instant.map(Written::Instant).map_err(|_| Unread::NoSuchDay)
        }
        (None, None, _) => Err(Unread::NoDate),
    }
}

/// Reads all of the words as a fiscal year.
pub(super) fn fiscal_year(tokens: &[Token]) -> Result<i16, Unread> {
    let mut words = Words { rest: tokens };
    let year = words.year()?.ok_or(Unread::NoDate)?.western()?;
    let _ = words.eat(Token::Fiscal) || words.eat(Token::Sign('年'));
    if words.eat(Token::Sign('(')) {
        let second = words.year()?.ok_or(Unread::NoDate)?.western()?;
        let _ = words.eat(Token::Fiscal) || words.eat(Token::Sign('年'));
        if !words.eat(Token::Sign(')')) {
            return Err(Unread::NoDate);
        }
        if second != year {
            return Err(Unread::YearsDiffer);
        }
    }
    if words.rest.is_empty() {
        Ok(year)
    } else {
        Err(Unread::NoDate)
    }
}

/// A year as it is written.
#[derive(Clone, Copy)]
struct Year {
    era: Option<Era>,
    number: u64,
    digits: usize,
}

impl Year {
    fn western(self) -> Result<i16, Unread> {
        match self.era {
            Some(era) => era.year(self.number),
            None if self.digits <= 2 => Err(Unread::AmbiguousDate),
            None if self.digits != 4 => Err(Unread::NoDate),
            None => i16::try_from(self.number).map_err(|_| Unread::NoDate),
        }
    }

    /// A day of it.
    fn day(self, month: u64, day: u64) -> Result<Date, Unread> {
        let year = self.western()?;
        let (month, day) = (i8::try_from(month), i8::try_from(day));
        let (Ok(month), Ok(day)) = (month, day) else {
            return Err(Unread::NoSuchDay);
        };
        let date = Date::new(year, month, day).map_err(|_| Unread::NoSuchDay)?;
        self.era.map_or(Ok(()), |era| era.check(date))?;
        Ok(date)
    }
}

struct Words<'t> {
    rest: &'t [Token],
}

impl Words<'_> {
    fn eat(&mut self, token: Token) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == token => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// A number, with how many digits it has.
    fn number(&mut self) -> Option<(u64, usize)> {
        match self.rest {
            [Token::Number(value, digits), rest @ ..] => {
                self.rest = rest;
                Some((*value, *digits))
            }
            _ => None,
        }
    }

    /// A number with a sign behind it.
    fn number_before(&mut self, sign: char) -> Option<u64> {
        match self.rest {
            [Token::Number(value, digits), Token::Sign(found), rest @ ..] if *found == sign && *digits <= 2 => {
                self.rest = rest;
                Some(*value)
            }
            _ => None,
        }
    }

    fn year(&mut self) -> Result<Option<Year>, Unread> {
        let is_western = self.eat(Token::Western);
        let era = match self.rest {
            [Token::Era(era), rest @ ..] if !is_western => {
                self.rest = rest;
                // `R.8.11.29`
                self.eat(Token::Sign('.'));
                Some(*era)
            }
            _ => None,
        };
        if era.is_some() && self.eat(Token::First) {
            return Ok(Some(Year {
                era,
                number: 1,
                digits: 1,
            }));
        }
        match self.number() {
            Some((number, digits)) => Ok(Some(Year { era, number, digits })),
            None if is_western || era.is_some() => Err(Unread::NoDate),
            None => Ok(None),
        }
    }

    /// The date that the words begin with, and whether it was digits in a row. `None`: they begin with a time.
    fn date(&mut self) -> Result<Option<(Date, bool)>, Unread> {
        let before = self.rest;
        let Some(year) = self.year()? else {
            return Ok(None);
        };
        match self.rest {
            [Token::Sign(':' | '時'), ..] if year.era.is_none() => {
                self.rest = before;
                Ok(None)
            }
            [Token::Fiscal, ..] => Err(Unread::FiscalYear),
            [Token::Sign('年' | '('), ..] => self.date_in_kanji(year).map(|date| Some((date, false))),
            [Token::Sign('月'), ..] => Err(Unread::IncompleteDate),
            [Token::Sign(sign @ ('-' | '/' | '.')), ..] => {
                self.separated_date(year, *sign).map(|date| Some((date, false)))
            }
            _ => self.date_in_digits(year).map(|date| Some((date, true))),
        }
    }

    fn date_in_kanji(&mut self, year: Year) -> Result<Date, Unread> {
        let mut is_said = self.eat(Token::Sign('年'));
        if self.eat(Token::Sign('(')) {
            let second = self.year()?.ok_or(Unread::NoDate)?;
            self.eat(Token::Sign('年'));
            if !self.eat(Token::Sign(')')) {
                return Err(Unread::NoDate);
            }
            if second.western()? != year.western()? {
                return Err(Unread::YearsDiffer);
            }
            is_said = self.eat(Token::Sign('年')) || is_said;
        }
        if !is_said {
            return Err(Unread::NoDate);
        }
        if self.rest.is_empty() {
            return Err(Unread::IncompleteDate);
        }
        let month = self.number_before('月').ok_or(Unread::NoDate)?;
        if self.rest.is_empty() {
            return Err(Unread::IncompleteDate);
        }
        let day = self.number_before('日').ok_or(Unread::NoDate)?;
        year.day(month, day)
    }

    fn separated_date(&mut self, year: Year, sign: char) -> Result<Date, Unread> {
        self.eat(Token::Sign(sign));
        let (month, month_digits) = self.number().ok_or(Unread::NoDate)?;
        let says_year = year.era.is_some() || year.digits == 4;
        if !self.eat(Token::Sign(sign)) {
            // `9.5` and `10-20` may be anything.
            let is_month = says_year && self.rest.is_empty();
            return Err(if is_month {
                Unread::IncompleteDate
            } else {
                Unread::NoDate
            });
        }
        let (day, day_digits) = self.number().ok_or(Unread::NoDate)?;
        if !says_year {
            let may_be =
                [year.digits, month_digits].into_iter().all(|digits| digits <= 2) && matches!(day_digits, 1 | 2 | 4);
            return Err(if may_be { Unread::AmbiguousDate } else { Unread::NoDate });
        }
        if month_digits > 2 || day_digits > 2 {
            return Err(Unread::NoDate);
        }
        year.day(month, day)
    }

    /// `20261129`, `202611290905`, `20261129090500`, `R081129`.
    fn date_in_digits(&mut self, written: Year) -> Result<Date, Unread> {
        const DAY: u64 = 100;
        const MONTH: u64 = 10_000;
        let Year { era, number, digits } = written;
        if era.is_some() {
            return match digits {
                6 => Year {
                    era,
                    number: number / MONTH,
                    digits: 2,
                }
                .day(number / DAY % 100, number % DAY),
                1 | 2 if self.rest.is_empty() => Err(Unread::IncompleteDate),
                _ => Err(Unread::NoDate),
            };
        }
        match digits {
            8 => {}
            4 | 6 if self.rest.is_empty() => {
                let year = if digits == 4 { number } else { number / DAY };
                let is_year = i16::try_from(year).is_ok_and(|year| YEARS_OF_BARE_DIGITS.contains(&year));
                return Err(if is_year {
                    Unread::IncompleteDate
                } else {
                    Unread::NoDate
                });
            }
            _ => return Err(Unread::NoDate),
        }
        let year = Year {
            era: None,
            number: number / MONTH,
            digits: 4,
        };
        if !YEARS_OF_BARE_DIGITS.contains(&year.western()?) {
            return Err(Unread::NoDate);
        }
        year.day(number / DAY % 100, number % DAY)
    }

    /// The time that the words begin with. `is_compact`: it may be digits in a row.
    fn clock(&mut self, is_compact: bool) -> Result<Option<Clock>, Unread> {
        if self.eat(Token::Noon) {
            return Clock::new(12, 0, 0, 0).map(Some);
        }
        let before = self.half_of_day();
        let Some((hour, digits)) = self.number() else {
            return if before.is_some() {
                Err(Unread::NoDate)
            } else {
                Ok(None)
            };
        };
        let (mut minute, mut second, mut nanosecond) = (0, 0, 0);
        let mut hour = hour;
        match self.rest {
            [Token::Sign(':'), Token::Number(minutes, 2), rest @ ..] if digits <= 2 => {
                (minute, self.rest) = (*minutes, rest);
                if let [Token::Sign(':'), Token::Number(seconds, 2), rest @ ..] = self.rest {
                    (second, self.rest) = (*seconds, rest);
                    nanosecond = self.fraction()?;
                }
            }
            [Token::Sign('時'), rest @ ..] if digits <= 2 => {
                self.rest = rest;
                if self.eat(Token::Sign('半')) {
                    minute = 30;
                } else if let Some(minutes) = self.number_before('分') {
                    minute = minutes;
                    second = self.number_before('秒').unwrap_or(0);
                }
            }
            _ if is_compact && digits == 4 => (hour, minute) = (hour / 100, hour % 100),
            _ if is_compact && digits == 6 => {
                (hour, minute, second) = (hour / 10_000, hour / 100 % 100, hour % 100);
                nanosecond = self.fraction()?;
            }
            _ => return Err(Unread::NoDate),
        }
        let half = match before {
            Some(half) => Some(half),
            None => self.half_of_day(),
        };
        let hour = half.map_or(Ok(hour), |half| half.hour(hour))?;
        Clock::new(hour, minute, second, nanosecond).map(Some)
    }

    /// The fraction of a second, to the nanosecond.
    fn fraction(&mut self) -> Result<i32, Unread> {
        /// Digits of a nanosecond.
        const DIGITS: usize = 9;
        let [Token::Sign('.'), Token::Number(value, digits), rest @ ..] = self.rest else {
            return Ok(0);
        };
        let scale = DIGITS
            .checked_sub(*digits)
            .and_then(|missing| u32::try_from(missing).ok());
        let nanoseconds = scale.and_then(|scale| value.checked_mul(10u64.pow(scale)));
        self.rest = rest;
        nanoseconds
            .and_then(|value| i32::try_from(value).ok())
            .ok_or(Unread::NoDate)
    }

    fn half_of_day(&mut self) -> Option<Half> {
        let (is_afternoon, letters) = match self.rest.first()? {
            Token::Morning { letters } => (false, *letters),
            Token::Afternoon { letters } => (true, *letters),
            _ => return None,
        };
        self.rest = self.rest.get(1..)?;
        Some(Half { is_afternoon, letters })
    }

    /// `Z`, `JST`, `+09:00`. An offset to the west would read like the end of a range of times.
    fn zone(&mut self) -> Result<Option<Offset>, Unread> {
        let (hours, minutes, rest) = match self.rest {
            [Token::Sign('Z'), rest @ ..] => (0, 0, rest),
            [Token::Japan, rest @ ..] => (9, 0, rest),
            [
                Token::Sign('+'),
                Token::Number(hours, 2),
                Token::Sign(':'),
                Token::Number(minutes, 2),
                rest @ ..,
            ] => (*hours, *minutes, rest),
            [Token::Sign('+'), Token::Number(both, 4), rest @ ..] => (both / 100, both % 100, rest),
            _ => return Ok(None),
        };
        if minutes > 59 {
            return Err(Unread::NoSuchTime);
        }
        self.rest = rest;
        let seconds = i32::try_from(hours * 3600 + minutes * 60).map_err(|_| Unread::NoSuchTime)?;
        Offset::from_seconds(seconds).map(Some).map_err(|_| Unread::NoSuchTime)
    }
}

/// A half of the day.
#[derive(Clone, Copy)]
struct Half {
    is_afternoon: bool,
    /// Written AM or PM, where 12 comes before 1.
    letters: bool,
}

impl Half {
    fn hour(self, hour: u64) -> Result<u64, Unread> {
        let of_half = match hour {
            12 if self.letters => 0,
            // 午後12時 is midnight by the law of 1872, and noon to most who write it.
            12 => return Err(Unread::AmbiguousDate),
            0..12 => hour,
            _ => return Err(Unread::NoSuchTime),
        };
        Ok(if self.is_afternoon { of_half + 12 } else { of_half })
    }
}
