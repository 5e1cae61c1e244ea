//! Dates and times as they are written in Japan, of both calendars.
//!
//! Read are 令和8年11月29日, 令和元年5月1日, R8.11.29, 2026年11月29日（日）, 2026/1/9 9:05, 二〇二六年十一月二十九日, 20261129,
//! 202611290900, 午後3時半, 24:00 and their like in any width; [`from_serial`], [`from_epoch`] and [`fiscal_year`] read what
//! only a mapping can know to be a date. Two digits of a year are read behind the name of an era alone, and 09/10/11 not at
//! all: the same column may hold a day first, or a month.

mod era;
mod grammar;
mod numbers;
mod token;

pub use numbers::{Calendar, EpochUnit, from_epoch, from_serial};

use jiff::civil::{Date, DateTime as Local};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use ngsi_ld::entity::DateTime;

use crate::Unread;

/// Longest text that is looked at, in characters: both calendars, weekday and time of day take some forty.
pub const LONGEST: usize = 80;

/// A time of day, from 0:00 to 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
}

/// What a text says of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A day.
    Date(Date),
    /// A time of any day.
    Time(Clock),
    /// A day and a time of it, of a zone that is not said.
    Local(Local),
    /// The same with its zone.
    Instant(Timestamp),
}

/// Reads a date, a time or both.
///
/// # Errors
/// Why the text is none.
pub fn read(text: &str) -> Result<Written, Unread> {
    let text = text.trim();
    if text.chars().nth(LONGEST).is_some() {
        return Err(Unread::TooLong);
    }
    // What systems write, with its zone; with a space in place of the `T` it might be a range of times.
    if text.contains('T')
        && let Ok(instant) = text.parse::<Timestamp>()
    {
        return Ok(Written::Instant(instant));
    }
    grammar::read(&token::tokens(text)?)
}

/// The year in which a fiscal year begins: 令和8年度 and 2026年度 are 2026.
///
/// # Errors
/// Why the text is none.
pub fn fiscal_year(text: &str) -> Result<i16, Unread> {
    let text = text.trim();
    if text.chars().nth(LONGEST).is_some() {
        return Err(Unread::TooLong);
    }
    grammar::fiscal_year(&token::tokens(text)?)
}

/// The first day of a fiscal year, 1 April.
///
/// # Errors
/// [`Unread::NoSuchDay`] for a year that no calendar has.
pub fn first_day_of_fiscal_year(year: i16) -> Result<Date, Unread> {
    Date::new(year, 4, 1).map_err(|_| Unread::NoSuchDay)
}

impl Written {
    /// The point in time, a day being its midnight, in a zone of so many seconds east of UTC where none is said.
    ///
    /// # Errors
    /// [`Unread::HalfDate`] for a time of any day, [`Unread::NoSuchDay`] beyond the years that the view has.
    pub fn date_time(&self, zone: i32) -> Result<DateTime, Unread> {
        let at = |local: Local| {
            let offset = Offset::from_seconds(zone).ok()?;
            offset.to_timestamp(local).ok()
        };
        let instant = match self {
            Self::Date(date) => at(date.to_datetime(jiff::civil::Time::midnight())),
            Self::Local(local) => at(*local),
            Self::Instant(instant) => Some(*instant),
            Self::Time(_) => return Err(Unread::HalfDate),
        };
        let instant = instant.ok_or(Unread::NoSuchDay)?;
        DateTime::from_unix_micros(instant.as_microsecond()).map_err(|_| Unread::NoSuchDay)
    }

    /// The day, in a zone of so many seconds east of UTC.
    ///
    /// # Errors
    /// [`Unread::HalfDate`] for a time of any day.
    pub fn date(&self, zone: i32) -> Result<Date, Unread> {
        match self {
            Self::Date(date) => Ok(*date),
            Self::Local(local) => Ok(local.date()),
            Self::Instant(instant) => Ok(local_of(*instant, zone)?.date()),
            Self::Time(_) => Err(Unread::HalfDate),
        }
    }

    /// The time of day, in a zone of so many seconds east of UTC.
    ///
    /// # Errors
    /// [`Unread::HalfDate`] for a day.
    pub fn time(&self, zone: i32) -> Result<Clock, Unread> {
        match self {
            Self::Time(clock) => Ok(*clock),
            Self::Local(local) => Ok(Clock::of(local.time())),
            Self::Instant(instant) => Ok(Clock::of(local_of(*instant, zone)?.time())),
            Self::Date(_) => Err(Unread::HalfDate),
        }
    }
}

fn local_of(instant: Timestamp, zone: i32) -> Result<Local, Unread> {
    let offset = Offset::from_seconds(zone).map_err(|_| Unread::NoSuchTime)?;
    Ok(offset.to_datetime(instant))
}

impl Clock {
    fn new(hour: u64, minute: u64, second: u64, nanosecond: i32) -> Result<Self, Unread> {
        let is_end_of_day = hour == 24 && minute == 0 && second == 0 && nanosecond == 0;
        if !(hour < 24 || is_end_of_day) || minute > 59 || second > 59 {
            return Err(Unread::NoSuchTime);
        }
        let part = |part: u64| i8::try_from(part).map_err(|_| Unread::NoSuchTime);
        Ok(Self {
            hour: part(hour)?,
            minute: part(minute)?,
            second: part(second)?,
            nanosecond,
        })
    }

    fn of(time: jiff::civil::Time) -> Self {
        Self {
            hour: time.hour(),
            minute: time.minute(),
            second: time.second(),
            nanosecond: time.subsec_nanosecond(),
        }
    }

    /// That time of a day; 24:00 is 0:00 of the next.
    fn on(self, date: Date) -> Result<Local, Unread> {
        let (date, hour) = if self.hour == 24 {
            (date.checked_add(1.day()).map_err(|_| Unread::NoSuchDay)?, 0)
        } else {
            (date, self.hour)
        };
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond);
        Ok(date.to_datetime(time.map_err(|_| Unread::NoSuchTime)?))
    }
}

/// `hh:mm`, and the seconds where there are some.
impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)?;
        if self.second != 0 || self.nanosecond != 0 {
            write!(f, ":{:02}", self.second)?;
        }
        if self.nanosecond != 0 {
            let fraction = format!("{:09}", self.nanosecond);
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
