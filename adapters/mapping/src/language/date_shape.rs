//! How a platform writes dates and times: the form that one date shows, in which others are written.

use ngsi_ld::entity::DateTime;

/// Digits of a second's fraction, at most (CIM 009 clause 4.6.3).
const FRACTION_DIGITS: usize = 6;

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// The form of a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateShape {
    /// `2026/04/01` in place of `2026-04-01`.
    has_slashes: bool,
    clock: Option<Clock>,
}

/// The form of a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock {
    /// Between the date and the time: `T` or a space.
    has_space: bool,
    precision: Precision,
    zone: Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Minutes,
    Seconds,
    /// As many digits as it takes.
    Fractions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// Not said: that of the mapping.
    Unsaid,
    /// `Z`
    Utc,
    /// `+09:00`, seconds east of UTC.
    Offset(i32),
}

/// Whether a date may be written finer than the form shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finer {
    /// The form is the platform's.
    Never,
    /// The form is that of one date, which may have had nothing to show there.
    WhereNeeded,
}

impl DateShape {
    /// The usual form, in a zone.
    pub fn usual(zone: i32) -> Self {
        Self {
            has_slashes: false,
            clock: Some(Clock {
                has_space: false,
                precision: Precision::Seconds,
                zone: if zone == 0 { Zone::Utc } else { Zone::Offset(zone) },
            }),
        }
    }

    /// The form of a date, if it is one of those that can be written.
    pub fn of(text: &str) -> Option<Self> {
        let (date, clock) = match text.split_at_checked(10)? {
            (date, "") => (date, None),
            (date, rest) => (date, Some(rest)),
        };
        let has_slashes = match date.as_bytes() {
            [y @ .., s1, m1, m2, s2, d1, d2] if s1 == s2 && matches!(s1, b'-' | b'/') => {
                let mut digits = y.iter().chain([m1, m2, d1, d2]);
                digits.all(u8::is_ascii_digit).then_some(*s1 == b'/')?
            }
            _ => return None,
        };
        let clock = match clock {
            None => None,
            Some(rest) => Some(Clock::of(rest)?),
        };
        Some(Self { has_slashes, clock })
    }

    /// A date in this form. `zone`: that of the mapping, in seconds east of UTC. `None`: this form cannot say it.
    pub fn write(self, date: &DateTime, zone: i32, finer: Finer) -> Option<String> {
        let offset = match self.clock.map(|clock| clock.zone) {
            None | Some(Zone::Unsaid) => zone,
            Some(Zone::Utc) => 0,
            Some(Zone::Offset(offset)) => offset,
        };
        let micros = date.unix_micros().checked_add(i64::from(offset) * MICROS)?;
        // What a clock there shows.
        let local = DateTime::from_unix_micros(micros).ok()?;
        let local = local.as_str().strip_suffix('Z')?;
        let (day, time) = local.split_once('T')?;
        let mut text = if self.has_slashes {
            day.replace('-', "/")
        } else {
            day.to_owned()
        };
        let (to_minutes, seconds) = time.split_at_checked(5)?;
        let (whole, fraction) = seconds.split_at_checked(3)?;
        let needed = match (whole, fraction) {
            (":00", "") => Precision::Minutes,
            (_, "") => Precision::Seconds,
            _ => Precision::Fractions,
        };
        let Some(clock) = self.clock else {
            return (needed == Precision::Minutes && to_minutes == "00:00").then_some(text);
        };
        if needed > clock.precision && finer == Finer::Never {
            return None;
        }
        text.push(if clock.has_space { ' ' } else { 'T' });
        text.push_str(to_minutes);
        if clock.precision.max(needed) >= Precision::Seconds {
            text.push_str(whole);
        }
        text.push_str(fraction);
        match clock.zone {
            Zone::Unsaid => {}
            Zone::Utc => text.push('Z'),
            Zone::Offset(offset) => {
                let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
                text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
            }
        }
        Some(text)
    }
}

impl Clock {
    /// What follows the date.
    fn of(rest: &str) -> Option<Self> {
        let has_space = match rest.split_at_checked(1)? {
            ("T", _) => false,
            (" ", _) => true,
            _ => return None,
        };
        let (time, zone) = zone_of(rest.get(1..)?)?;
        let (to_minutes, seconds) = time.split_at_checked(5)?;
        let is_two = |digits: &str| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (hours, minutes) = to_minutes.split_once(':')?;
        if !is_two(hours) || !is_two(minutes) {
            return None;
        }
        let precision = match seconds.strip_prefix(':') {
            None if seconds.is_empty() => Precision::Minutes,
            None => return None,
            Some(seconds) => match seconds.split_once('.') {
                None if is_two(seconds) => Precision::Seconds,
                Some((whole, fraction))
                    if is_two(whole)
                        && (1..=FRACTION_DIGITS).contains(&fraction.len())
                        && fraction.bytes().all(|byte| byte.is_ascii_digit()) =>
                {
                    Precision::Fractions
                }
                _ => return None,
            },
        };
        Some(Self {
            has_space,
            precision,
            zone,
        })
    }
}

/// A time of day without its zone, and that.
fn zone_of(time: &str) -> Option<(&str, Zone)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, Zone::Utc));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, Zone::Unsaid));
    };
    let (time, offset) = time.split_at_checked(at)?;
    super::fields::parse_zone(offset).map(|zone| (time, Zone::Offset(zone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAPAN: i32 = 9 * 3600;

    #[test]
    fn a_date_is_written_as_the_platform_writes_others_and_means_the_same() {
        let date = DateTime::parse("2026-03-31T15:04:00Z").unwrap();
        for (example, written) in [
            ("2020-01-01 00:00:00", "2026-04-01 00:04:00"),
            ("2020/01/01 00:00", "2026/04/01 00:04"),
            ("2020-01-01T00:00:00+09:00", "2026-04-01T00:04:00+09:00"),
            ("2020-01-01T00:00:00.5-03:30", "2026-03-31T11:34:00-03:30"),
            ("2020-01-01T00:00:00Z", "2026-03-31T15:04:00Z"),
        ] {
            let shape = DateShape::of(example).unwrap();
            assert_eq!(shape.write(&date, JAPAN, Finer::Never).unwrap(), written);
            assert_eq!(DateTime::parse_lenient(written, JAPAN).unwrap(), date, "{written}");
        }
        let usual = DateShape::usual(JAPAN).write(&date, JAPAN, Finer::WhereNeeded);
        assert_eq!(usual.as_deref(), Some("2026-04-01T00:04:00+09:00"));
    }

    #[test]
    fn what_a_form_cannot_say_is_not_written_in_it() {
        let date = |text| DateTime::parse(text).unwrap();
        let write = |example, text, finer| DateShape::of(example).unwrap().write(&date(text), JAPAN, finer);
        let fine = "2026-03-31T15:04:05.25Z";
        assert_eq!(write("2020-01-01 00:00", fine, Finer::Never), None);
        assert_eq!(write("2020-01-01 00:00:00", fine, Finer::Never), None);
        assert_eq!(
            write("2020-01-01 00:00", fine, Finer::WhereNeeded).as_deref(),
            Some("2026-04-01 00:04:05.25")
        );
        assert_eq!(write("2020/01/01", fine, Finer::WhereNeeded), None);
        assert_eq!(
            write("2020/01/01", "2026-03-31T15:00:00Z", Finer::Never).as_deref(),
            Some("2026/04/01")
        );
        for text in [
            "",
            "2020",
            "令和8年4月1日 00:00",
            "20200101",
            "2020-01-01 9:00",
            "2020-1-1",
            "01-01-2020",
        ] {
            assert_eq!(DateShape::of(text), None, "{text}");
        }
    }
}
