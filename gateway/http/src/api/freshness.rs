//! How old an answer may be, as its request says it in `Cache-Control`, and how old it is, in `Age` and `NGSILD-Warning`
//! (RFC 9111 sections 5.1 and 5.2.1, CIM 009 clause 6.3.17).

use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use kakehashi_adapters::Freshness;

use super::respond::WARNING;

/// That of a request: `no-cache`, and `max-age=0`, which asks for the same, want the sources themselves to be asked. Other
/// directives want nothing that what is kept of sources would not fulfil.
pub(super) fn of_request(headers: &HeaderMap) -> Freshness {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    let directives = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let is_demanded = directives.map(str::trim).any(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let seconds = value.trim().trim_matches('"').parse();
        name.trim().eq_ignore_ascii_case("no-cache")
            || (name.trim().eq_ignore_ascii_case("max-age") && seconds == Ok(0_u64))
    });
    Freshness::of_request(is_demanded)
}

/// Says how old an answer is, where the sources were not asked for all of it, and whose part is older than it should be.
pub(super) fn say(response: &mut Response, freshness: &Freshness) {
    let Some(age) = freshness.age() else {
        return;
    };
    let headers = response.headers_mut();
    headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
    for source in freshness.stale() {
        let warning =
            format!("110 {source} \"the source's part is older than it should be: the source was not read anew\"");
        if let Ok(warning) = HeaderValue::try_from(warning) {
            headers.append(WARNING, warning);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use kakehashi_adapters::SourceId;

    use super::*;

    #[test]
    fn no_cache_asks_for_the_sources_themselves() {
        for (value, demanded) in [
            ("no-cache", true),
            ("max-stale, No-Cache", true),
            ("max-age=0", true),
            ("max-age=\"0\"", true),
            ("max-age=60", false),
            ("no-store", false),
            ("x-no-cache", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static("max-stale"));
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static(value));
            assert_eq!(of_request(&headers).is_demanded(), demanded, "{value}");
        }
        assert!(!of_request(&HeaderMap::new()).is_demanded());
    }

    #[test]
    fn an_answer_says_its_age_and_whose_part_is_too_old() {
        let freshness = Freshness::of_request(false);
        let mut response = Response::new(Body::empty());
        say(&mut response, &freshness);
        assert!(response.headers().is_empty());
        freshness.note(&SourceId::new("a"), Duration::from_millis(1_900), false);
        freshness.note(&SourceId::new("b"), Duration::from_secs(70), true);
        say(&mut response, &freshness);
        assert_eq!(response.headers()[header::AGE], "70");
        let warning = response.headers()[WARNING].to_str().unwrap();
        assert!(warning.starts_with("110 b \""), "{warning}");
    }
}
