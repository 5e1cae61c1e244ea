//! How old an answer is, in `Age` and `NGSILD-Warning` (RFC 9111 section 5.1, CIM 009 clause 6.3.17).

use axum::response::Response;
use http::{HeaderValue, header};
use kakehashi_adapters::Freshness;

use super::respond::WARNING;

/// Says how old an answer is, where the sources were not asked for all of it, and whose part is older than it should be.
//= 6.3.17-1
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
    //= 6.3.17-1
    fn an_answer_says_its_age_and_whose_part_is_too_old() {
        let freshness = Freshness::of_request();
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
