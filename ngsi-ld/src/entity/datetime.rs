//! DateTime of clause 4.6.3: a calendar date and a time of day in UTC.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

/// A point in time, kept as the text that the view shows: `YYYY-MM-DDThh:mm:ss[.ffffff]Z`.
///
/// Translations read and write thousands of these per answer, and most arrive in that very form: keeping the
/// text costs a check instead of a conversion there and back. Two of them compare by time.
#[derive(Clone)]
pub struct DateTime(CompactString);

/// Why a text is no DateTime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a DateTime: expected YYYY-MM-DDThh:mm:ss[.ffffff]Z")]
pub struct InvalidDateTime;

/// Bytes of `YYYY-MM-DDThh:mm:ss`.
const TO_SECONDS: usize = 19;

/// Clause 4.6.3: at most six digits of a second's fraction.
const MAX_FRACTION_DIGITS: usize = 6;

impl DateTime {
    /// Reads the form of clause 4.6.3: UTC with a trailing `Z`, a comma allowed for the decimal point.
    ///
    /// # Errors
    /// [`InvalidDateTime`] when the text has another form or names no real date.
    //= 4.6.3-2
    pub fn parse(text: &str) -> Result<Self, InvalidDateTime> {
        let bytes = text.as_bytes();
        read_date_and_time(bytes)?;
        let fraction = bytes.get(TO_SECONDS..).ok_or(InvalidDateTime)?;
        match fraction {
            [b'Z'] => Ok(Self(text.into())),
            [point @ (b'.' | b','), digits @ .., b'Z']
                if (1..=MAX_FRACTION_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) =>
            {
                Ok(Self(if *point == b'.' {
                    text.into()
                } else {
                    text.replace(',', ".").into()
                }))
            }
            _ => Err(InvalidDateTime),
        }
    }

    /// Reads the same, and one with an offset from UTC (`+09:00`) instead of the `Z`, as the instant that it is. Clause 4.6.3
    /// has no offsets in what is written; in a question it does no harm.
    ///
    /// # Errors
    /// [`InvalidDateTime`] when the text has another form or names no real date.
    pub fn parse_with_offset(text: &str) -> Result<Self, InvalidDateTime> {
        /// Bytes of `+09:00`.
        const OFFSET: usize = 6;
        let parsed = Self::parse(text);
        let Some((local, offset)) = text.len().checked_sub(OFFSET).and_then(|at| text.split_at_checked(at)) else {
            return parsed;
        };
        let [b'+' | b'-', h1, h2, b':', m1, m2] = offset.as_bytes() else {
            return parsed;
        };
        if ![h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit()) {
            return Err(InvalidDateTime);
        }
        let local = Self::parse(&format!("{local}Z"))?;
        let local = local.as_str().strip_suffix('Z').unwrap_or_default();
        let instant = jiff::Timestamp::from_str(&format!("{local}{offset}")).map_err(|_| InvalidDateTime)?;
        Self::from_timestamp(instant)
    }

    /// Reads what systems other than NGSI-LD write: an offset instead of `Z`, no zone at all (then
    /// `zone_offset_seconds` says which), a space for the `T`, seconds or the whole time left out, a finer
    /// fraction (cut to microseconds).
    ///
    /// # Errors
    /// [`InvalidDateTime`] when the text names no real date and time.
    pub fn parse_lenient(text: &str, zone_offset_seconds: i32) -> Result<Self, InvalidDateTime> {
        if let Ok(exact) = Self::parse(text) {
            return Ok(exact);
        }
        let text = text.trim();
        let local = match written_by_a_database(text) {
            Some(local) => local,
            None => match jiff::Timestamp::from_str(text) {
                Ok(timestamp) => return Self::from_timestamp(timestamp),
                Err(_) => jiff::civil::DateTime::from_str(&text.replace('/', "-")).map_err(|_| InvalidDateTime)?,
            },
        };
        let offset = jiff::tz::Offset::from_seconds(zone_offset_seconds).map_err(|_| InvalidDateTime)?;
        Self::from_timestamp(offset.to_timestamp(local).map_err(|_| InvalidDateTime)?)
    }

    /// A point in time from microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`InvalidDateTime`] outside of the years 0000 to 9999.
    pub fn from_unix_micros(micros: i64) -> Result<Self, InvalidDateTime> {
        Self::from_timestamp(jiff::Timestamp::from_microsecond(micros).map_err(|_| InvalidDateTime)?)
    }

    /// A point in time of the system's clock, to the microsecond. Times that the text cannot say (before 1970,
    /// after 9999) become the nearest that it can.
    #[must_use]
    pub fn from_system_time(time: std::time::SystemTime) -> Self {
        let micros = time
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX));
        Self::from_unix_micros(micros).unwrap_or_else(|_| Self(CompactString::const_new("9999-12-31T23:59:59Z")))
    }

    fn from_timestamp(timestamp: jiff::Timestamp) -> Result<Self, InvalidDateTime> {
        let utc = jiff::tz::Offset::UTC.to_datetime(timestamp);
        if !(0..=9999).contains(&utc.year()) {
            return Err(InvalidDateTime);
        }
        let two = |part: u8| [b'0' + part / 10, b'0' + part % 10];
        let year = utc.year().unsigned_abs();
        let ([y1, y2], [y3, y4]) = (two((year / 100) as u8), two((year % 100) as u8));
        let [[mo1, mo2], [d1, d2]] = [utc.month(), utc.day()].map(|part| two(part.unsigned_abs()));
        let [[h1, h2], [mi1, mi2], [s1, s2]] =
            [utc.hour(), utc.minute(), utc.second()].map(|part| two(part.unsigned_abs()));
        let to_seconds: [u8; TO_SECONDS] = [
            y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2,
        ];
        let mut text = CompactString::from_utf8(to_seconds).map_err(|_| InvalidDateTime)?;
        let micros = utc.subsec_nanosecond() / 1000;
        if micros != 0 {
            let fraction = format!("{micros:06}");
            text.push('.');
            text.push_str(fraction.trim_end_matches('0'));
        }
        text.push('Z');
        Ok(Self(text))
    }

    /// The text, as clause 4.6.3 writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Microseconds since 1970-01-01T00:00:00Z. The last day of the year 9999, which lies beyond what can be counted
    /// with every offset, is later than everything.
    #[must_use]
    pub fn unix_micros(&self) -> i64 {
        jiff::Timestamp::from_str(&self.0).map_or(i64::MAX, jiff::Timestamp::as_microsecond)
    }

    /// The text to the second, and the digits of the fraction without what does not count.
    fn key(&self) -> (&[u8], &[u8]) {
        let (seconds, rest) = self.0.as_bytes().split_at_checked(TO_SECONDS).unwrap_or_default();
        let mut digits = rest.strip_suffix(b"Z").unwrap_or(rest);
        digits = digits.strip_prefix(b".").unwrap_or(digits);
        while let Some(shorter) = digits.strip_suffix(b"0") {
            digits = shorter;
        }
        (seconds, digits)
    }
}

impl PartialEq for DateTime {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for DateTime {}

impl PartialOrd for DateTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DateTime {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digits of equal weight stand at equal places, so bytes compare like numbers.
        self.key().cmp(&other.key())
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A date and a time of no zone as most databases write them: `YYYY-MM-DD hh:mm:ss`, or with `/` or `T`. Others, and what is
/// no date at all, are left to a reader of more forms, which takes ten times as long.
fn written_by_a_database(text: &str) -> Option<jiff::civil::DateTime> {
    let mut bytes: [u8; TO_SECONDS] = text.as_bytes().try_into().ok()?;
    let [_, _, _, _, after_year, _, _, after_month, _, _, after_date, ..] = &mut bytes;
    for separator in [after_year, after_month] {
        if *separator == b'/' {
            *separator = b'-';
        }
    }
    if *after_date == b' ' {
        *after_date = b'T';
    }
    let [year, month, day, hour, minute, second] = read_date_and_time(&bytes).ok()?;
    let part = |part: u16| i8::try_from(part).ok();
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, part(month)?, part(day)?).ok()?;
    let time = jiff::civil::Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()?;
    Some(date.to_datetime(time))
}

/// Reads `YYYY-MM-DDThh:mm:ss` at the start of the bytes: year, month, day, hour, minute and second.
//= 4.6.3-3, 4.6.3-4
fn read_date_and_time(bytes: &[u8]) -> Result<[u16; 6], InvalidDateTime> {
    let Some(
        &[
            y1,
            y2,
            y3,
            y4,
            b'-',
            mo1,
            mo2,
            b'-',
            d1,
            d2,
            b'T',
            h1,
            h2,
            b':',
            mi1,
            mi2,
            b':',
            s1,
            s2,
        ],
    ) = bytes.first_chunk::<TO_SECONDS>()
    else {
        return Err(InvalidDateTime);
    };
    let two = |tens: u8, ones: u8| match (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0')) {
        (tens @ 0..=9, ones @ 0..=9) => Ok(u16::from(tens) * 10 + u16::from(ones)),
        _ => Err(InvalidDateTime),
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(mo1, mo2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(mi1, mi2)?, two(s1, s2)?);
    let leap_year = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u16::from(leap_year),
        _ => return Err(InvalidDateTime),
    };
    let real = (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if real {
        Ok([year, month, day, hour, minute, second])
    } else {
        Err(InvalidDateTime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_databases_write_is_what_a_reader_of_more_forms_reads(
            text in "(00|19|20|99)[0-9]{2}[-/][01][0-9][-/][0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]",
        ) {
            let read = jiff::civil::DateTime::from_str(&text.replace('/', "-")).ok();
            // A leap second is read by the other alone.
            let is_leap = text.ends_with(":60");
            prop_assert_eq!(written_by_a_database(&text), read.filter(|_| !is_leap), "{}", text);
        }

        #[test]
        fn a_point_in_time_is_written_as_it_is_read(micros in -62_167_219_200_000_000..253_370_764_800_000_000_i64) {
            let date = DateTime::from_unix_micros(micros).unwrap();
            let again = DateTime::parse(date.as_str()).unwrap();
            prop_assert_eq!(again.as_str(), date.as_str());
            prop_assert_eq!(date.unix_micros(), micros);
        }
    }

    #[test]
    fn the_last_day_that_there_is_is_later_than_now() {
        let micros = |text| DateTime::parse(text).unwrap().unix_micros();
        assert_eq!(micros("1970-01-01T00:00:01Z"), 1_000_000);
        assert!(micros("0000-01-01T00:00:00Z") < 0);
        for last in ["9999-12-30T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
            assert!(micros(last) > micros("9999-01-01T00:00:00Z"), "{last}");
        }
    }

    #[test]
    fn the_form_of_the_clause_is_kept() {
        for text in [
            "2026-01-01T10:00:00Z",
            "2024-02-29T23:59:59.120Z",
            "2026-01-01T10:00:00.123456Z",
        ] {
            assert_eq!(DateTime::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(
            DateTime::parse("2026-01-01T10:00:00,5Z").unwrap().as_str(),
            "2026-01-01T10:00:00.5Z"
        );
    }

    #[test]
    fn other_forms_and_unreal_dates_are_refused() {
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T10:00Z",
            "2026-01-01T10:00:00",
            "2026-01-01T10:00:00+09:00",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00.1234567Z",
            "２026-01-01T10:00:00Z",
            "2026-01-01t10:00:00z",
        ] {
            assert!(DateTime::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_offset_is_taken_out_where_it_may_stand() {
        let read = |text| DateTime::parse_with_offset(text).map(|date| date.as_str().to_owned());
        for (text, utc) in [
            ("2026-04-01T09:00:00+09:00", "2026-04-01T00:00:00Z"),
            ("2026-04-01T00:00:00.25-03:30", "2026-04-01T03:30:00.25Z"),
            ("2026-04-01T09:00:00,5+00:00", "2026-04-01T09:00:00.5Z"),
            ("2026-04-01T09:00:00.120Z", "2026-04-01T09:00:00.120Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(utc), "{text}");
        }
        for text in [
            "2026-04-01T09:00:00",
            "2026-04-01T09:00:00+09",
            "2026-04-01T09:00:00+0900",
            "2026-04-01T09:00:00+9a:00",
            "2026-04-01T09:00:00+30:00",
            "2026-04-01T09:00:00Z+09:00",
            "2026-02-30T09:00:00+09:00",
            "2026-04-01 09:00:00+09:00",
            "+09:00",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_systems_are_read_in_their_zone() {
        let japan = 9 * 3600;
        let read = |text| DateTime::parse_lenient(text, japan).map(|date| date.as_str().to_owned());
        assert_eq!(read("2026-04-01 09:00:00").as_deref(), Ok("2026-04-01T00:00:00Z"));
        assert_eq!(read("2026/04/01 09:00").as_deref(), Ok("2026-04-01T00:00:00Z"));
        assert_eq!(read("2026-04-01T09:00:00+09:00").as_deref(), Ok("2026-04-01T00:00:00Z"));
        assert_eq!(read("2026-04-01T09:00:00.5Z").as_deref(), Ok("2026-04-01T09:00:00.5Z"));
        assert_eq!(read("2026-04-01").as_deref(), Ok("2026-03-31T15:00:00Z"));
        assert!(read("令和8年4月1日").is_err());
    }

    #[test]
    fn comparison_goes_by_time() {
        let date = |text| DateTime::parse(text).unwrap();
        assert!(date("2026-01-01T10:00:00.5Z") > date("2026-01-01T10:00:00Z"));
        assert_eq!(date("2026-01-01T10:00:00.500Z"), date("2026-01-01T10:00:00.5Z"));
        assert!(date("2026-01-01T10:00:00.09Z") < date("2026-01-01T10:00:00.1Z"));
    }
}
