//! `Retry-After` of a source (RFC 9110 section 10.2.3): seconds, or a date.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// A source that says to come back later than that says nothing that a consumer could wait for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the source wants to be left alone; `None`: it does not say, or nothing that can be understood.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are very long.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        // A date that has passed: at once.
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(after.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_nothing_else() {
        let now = httpdate::parse_http_date("Fri, 31 Dec 1999 23:59:59 GMT").unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (text, expected) in [
            ("0", seconds(0)),
            ("120", seconds(120)),
            (" 5 ", seconds(5)),
            ("99999999999999999999999", Some(LONGEST)),
            ("Sat, 01 Jan 2000 00:00:09 GMT", seconds(10)),
            ("Fri, 31 Dec 1999 23:59:00 GMT", seconds(0)),
            ("Sat, 01 Jan 2050 00:00:00 GMT", Some(LONGEST)),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("1.5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
