//! How long a downloaded copy is good, by what its origin says (RFC 9111), within bounds of our own.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// No copy is taken as good for longer, whatever its origin says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// For a copy whose origin says nothing (the heuristic that clause 5.13.1 asks for): contexts change rarely, and an
/// hour is what an editor will wait.
const UNSAID: Duration = Duration::from_secs(60 * 60);

/// What an origin says about a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// How long it is good without asking again.
    pub lifetime: Duration,
    /// Whether it may be kept at all.
    pub keep: bool,
}

impl Freshness {
    /// Reads `Cache-Control`, `Age`, `Expires` and `Date`.
    //= 6.3.16-1
    pub fn of_response(headers: &HeaderMap, now: Timestamp) -> Self {
        let mut max_age = None;
        let mut shared_max_age = None;
        let mut fresh = true;
        let mut keep = true;
        let controls = headers.get_all(header::CACHE_CONTROL).iter();
        let directives = controls
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        for directive in directives.map(str::trim) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.to_ascii_lowercase().as_str() {
                "no-store" => keep = false,
                "no-cache" => fresh = false,
                "max-age" => max_age = Some(value.trim_matches('"').parse().unwrap_or(0)),
                // What is kept here serves every consumer, which is what is meant by a shared cache (RFC 9111 section 5.2.2.10).
                "s-maxage" => shared_max_age = Some(value.trim_matches('"').parse().unwrap_or(0)),
                _ => {}
            }
        }
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &http::HeaderValue| value.to_str().ok())
        };
        let stated = match (shared_max_age.or(max_age), text(header::EXPIRES)) {
            (Some(seconds), _) => {
                let age: u64 = text(header::AGE).and_then(|age| age.parse().ok()).unwrap_or(0);
                Some(Duration::from_secs(seconds).saturating_sub(Duration::from_secs(age)))
            }
            (None, Some(expires)) => {
                // An origin's clock may be wrong; its own Date says how much it means.
                let date = text(header::DATE).and_then(http_date).unwrap_or(now);
                // What cannot be read counts as the past.
                let left = http_date(expires).map_or(0, |expires| expires.as_second() - date.as_second());
                Some(Duration::from_secs(left.max(0).unsigned_abs()))
            }
            (None, None) => None,
        };
        let lifetime = stated.unwrap_or(UNSAID).min(LONGEST);
        Self {
            lifetime: if fresh && keep { lifetime } else { Duration::ZERO },
            keep,
        }
    }
}

/// A date of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    static DATES: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    DATES.parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const NOW: &str = "1994-11-06T08:49:37Z";

    fn freshness(headers: &[(HeaderName, &'static str)]) -> Freshness {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)))
            .collect();
        Freshness::of_response(&map, NOW.parse().unwrap())
    }

    fn seconds(headers: &[(HeaderName, &'static str)]) -> u64 {
        freshness(headers).lifetime.as_secs()
    }

    #[test]
    //= 6.3.16-1
    fn the_origin_says_how_long() {
        use header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
        assert_eq!(seconds(&[(CACHE_CONTROL, "public, max-age=60")]), 60);
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=60"), (AGE, "50")]), 10);
        assert_eq!(seconds(&[(CACHE_CONTROL, "Max-Age=60"), (AGE, "500")]), 0);
        assert_eq!(seconds(&[(EXPIRES, "Sun, 06 Nov 1994 08:51:37 GMT")]), 120);
        let clock_is_ahead = [
            (EXPIRES, "Sun, 06 Nov 1994 09:50:37 GMT"),
            (DATE, "Sun, 06 Nov 1994 09:49:37 GMT"),
        ];
        assert_eq!(seconds(&clock_is_ahead), 60);
        assert_eq!(seconds(&[(EXPIRES, "0")]), 0);
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=soon")]), 0);
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=0, s-maxage=60")]), 60);
        assert_eq!(seconds(&[(CACHE_CONTROL, "s-maxage=5, max-age=60"), (AGE, "2")]), 3);
        assert_eq!(seconds(&[(CACHE_CONTROL, "s-maxage=soon, max-age=60")]), 0);
    }

    #[test]
    fn our_bounds_hold() {
        assert_eq!(
            seconds(&[(header::CACHE_CONTROL, "max-age=31536000")]),
            LONGEST.as_secs()
        );
        assert_eq!(seconds(&[]), UNSAID.as_secs());
    }

    #[test]
    fn what_may_not_be_kept_is_not() {
        let no_cache = freshness(&[(header::CACHE_CONTROL, "no-cache, max-age=60")]);
        assert_eq!((no_cache.lifetime, no_cache.keep), (Duration::ZERO, true));
        let no_store = freshness(&[(header::CACHE_CONTROL, "max-age=60, no-store")]);
        assert_eq!((no_store.lifetime, no_store.keep), (Duration::ZERO, false));
    }
}
