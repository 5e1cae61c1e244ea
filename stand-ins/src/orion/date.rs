//! Date-times: what Orion takes for one, and how it prints it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Seconds since 1970, or `None` if Orion refuses the text.
///
/// Accepted: a date; a date and a time to the minute, second or fraction; without a zone (UTC), with `Z`,
/// `+hh:mm`, `+hhmm` or `+hh`. Years before 1970 are refused, basic format and week dates too.
pub(crate) fn parsed(text: &str) -> Option<f64> {
    let shaped = |pattern: &str, text: &str| {
        text.len() >= pattern.len()
            && pattern.bytes().zip(text.bytes()).all(|(shape, byte)| match shape {
                b'0' => byte.is_ascii_digit(),
                literal => byte == literal,
            })
    };
    if !shaped("0000-00-00", text) {
        return None;
    }
    let (moment, offset) = match text.split_once('T') {
        None => (text, Offset::UTC),
        Some((_, time)) => {
            if !shaped("00:00", time) {
                return None;
            }
            let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
            let (_, zone) = time.split_at_checked(zone_at)?;
            let (moment, _) = text.split_at_checked(text.len() - zone.len())?;
            (moment, offset(zone)?)
        }
    };
    let civil: DateTime = moment.parse().ok()?;
    let timestamp = offset.to_timestamp(civil).ok()?;
    (timestamp >= Timestamp::UNIX_EPOCH).then(|| seconds(timestamp))
}

/// `2026-01-01T00:00:00.000Z`
pub(crate) fn printed(seconds: f64) -> String {
    // The tenth of a millisecond makes up for what the double cannot hold; then the rest is cut off.
    #[allow(clippy::cast_possible_truncation)]
    let milliseconds = (seconds * 1000.0 + 0.1).floor() as i64;
    Timestamp::from_millisecond(milliseconds)
        .map(|timestamp| timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default()
}

/// The present, in seconds since 1970.
pub(crate) fn now() -> f64 {
    seconds(Timestamp::now())
}

#[allow(clippy::cast_precision_loss)]
fn seconds(timestamp: Timestamp) -> f64 {
    timestamp.as_microsecond() as f64 / 1e6
}

fn offset(zone: &str) -> Option<Offset> {
    let (sign, digits) = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => return Some(Offset::UTC),
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        Some(_) => return None,
    };
    let digits = digits.replacen(':', "", 1);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at_checked(2)?;
    let hours: i32 = hours.parse().ok()?;
    let minutes: i32 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_texts_come_back_in_one_form() {
        for (sent, came_back) in [
            ("2026-01-01", "2026-01-01T00:00:00.000Z"),
            ("2026-01-01T10:00", "2026-01-01T10:00:00.000Z"),
            ("2026-01-01T10:00:00.123456Z", "2026-01-01T10:00:00.123Z"),
            ("2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00.000Z"),
            ("2026-01-01T10:00:00.5-0330", "2026-01-01T13:30:00.500Z"),
            ("2026-01-01T10:00:00+09", "2026-01-01T01:00:00.000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(parsed(sent).map(printed).as_deref(), Some(came_back), "{sent}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "now",
            "2026-W01",
            "20260101T100000Z",
            "2026-02-30T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "2026-01-01T",
            "2026-01-01Tx",
            "2026-01-01T10:00:00+x",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
