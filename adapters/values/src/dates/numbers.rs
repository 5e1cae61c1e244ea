//! Numbers that a mapping says to be dates.

use jiff::civil::Date;
use jiff::{Span, Timestamp};

use super::{Clock, Written};
use crate::Unread;
use crate::numbers::as_f64;

/// Where a spreadsheet counts its days from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// Day 1 is 1 January 1900, and 29 February 1900, which never was, is day 60.
    From1900,
    /// Day 0 is 1 January 1904: workbooks from old Macintoshes.
    From1904,
}

/// What is counted since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochUnit {
    /// Seconds, with a fraction where there is one.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// Milliseconds of a day: as fine as a spreadsheet shows times.
const DAY: f64 = 86_400_000.0;

/// 31 December 9999, the last day that spreadsheets show.
const LAST_SERIAL: f64 = 2_958_466.0;

/// The day that a spreadsheet takes for 29 February 1900.
const NO_DAY: i64 = 60;

/// Reads the serial number of a spreadsheet: days, and a fraction that is the time of day. A fraction alone is a time.
///
/// # Errors
/// Why the text is none.
pub fn from_serial(text: &str, calendar: Calendar) -> Result<Written, Unread> {
    let serial = as_f64(text)?;
    if !(0.0..LAST_SERIAL).contains(&serial) {
        return Err(Unread::NoSuchDay);
    }
    let milliseconds = (serial * DAY).round();
    let days = whole((milliseconds / DAY).floor()).ok_or(Unread::NoSuchDay)?;
    let of_day = whole(milliseconds % DAY).ok_or(Unread::NoSuchTime)?;
    let clock = clock(of_day)?;
    let date = |year, day, days: i64| {
        let first = Date::new(year, if day == 1 { 1 } else { 12 }, day).map_err(|_| Unread::NoSuchDay)?;
        let span = Span::new().try_days(days).map_err(|_| Unread::NoSuchDay)?;
        first.checked_add(span).map_err(|_| Unread::NoSuchDay)
    };
    let date = match calendar {
        Calendar::From1900 if days == 0 => return Ok(Written::Time(clock)),
        Calendar::From1900 if days == NO_DAY => return Err(Unread::NoSuchDay),
        Calendar::From1900 if days < NO_DAY => date(1899, 31, days)?,
        Calendar::From1900 => date(1899, 30, days)?,
        Calendar::From1904 if serial > 0.0 && days == 0 => return Ok(Written::Time(clock)),
        Calendar::From1904 => date(1904, 1, days)?,
    };
    if of_day == 0 {
        return Ok(Written::Date(date));
    }
    Ok(Written::Local(clock.on(date)?))
}

fn clock(milliseconds: i64) -> Result<Clock, Unread> {
    let part = |part: i64| u64::try_from(part).map_err(|_| Unread::NoSuchTime);
    let seconds = milliseconds / 1_000;
    let nanosecond = i32::try_from(milliseconds % 1_000 * 1_000_000).map_err(|_| Unread::NoSuchTime)?;
    Clock::new(
        part(seconds / 3_600)?,
        part(seconds / 60 % 60)?,
        part(seconds % 60)?,
        nanosecond,
    )
}

/// Reads what counts since 1970.
///
/// # Errors
/// Why the text is none.
pub fn from_epoch(text: &str, unit: EpochUnit) -> Result<Written, Unread> {
    let count = as_f64(text)?;
    let microseconds = match unit {
        EpochUnit::Seconds => count * 1e6,
        EpochUnit::Milliseconds => count * 1e3,
    };
    let microseconds = whole(microseconds.round()).ok_or(Unread::NoSuchDay)?;
    let instant = Timestamp::from_microsecond(microseconds).map_err(|_| Unread::NoSuchDay)?;
    Ok(Written::Instant(instant))
}

/// A whole number that a double holds exactly.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i64> {
    /// 2^53
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.abs() <= EXACT).then_some(number as i64)
}
