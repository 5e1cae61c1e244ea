//! Links to the next page. A link never leads away from the platform: only its path and query count.

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

/// The path and query that a link means, relative to the endpoint whose path is `base_path`. `current` is the
/// path of the page that holds the link, relative too. `None` when the link is no reference to a page.
pub(super) fn next_path(link: &str, current: &str, base_path: &str) -> Option<String> {
    let link = link.split('#').next().unwrap_or_default();
    let base = base_path.trim_end_matches('/');
    let current_path = current.split('?').next().unwrap_or_default();
    let path = if link.starts_with("http://") || link.starts_with("https://") || link.starts_with("//") {
        let absolute = link
            .strip_prefix("//")
            .map_or_else(|| link.to_owned(), |rest| format!("http://{rest}"));
        let uri: Uri = absolute.parse().ok()?;
        without_base(uri.path_and_query()?.as_str(), base).to_owned()
    } else if link.starts_with('/') {
        without_base(link, base).to_owned()
    } else if link.starts_with('?') {
        format!("{current_path}{link}")
    } else {
        let (folder, _) = current_path.rsplit_once('/')?;
        format!("{folder}/{link}")
    };
    let stays_below = path.split('?').next()?.split('/').all(is_plain);
    let is_path = path.starts_with('/') && stays_below && PathAndQuery::try_from(path.as_str()).is_ok();
    is_path.then_some(path)
}

/// Whether a part of a path is a name for everybody who reads it: some servers undo what encodes characters, and leave away
/// what stands behind `;`, before they follow `..` out of the endpoint, with its credential.
fn is_plain(part: &str) -> bool {
    let decoded = percent_decode_str(part).decode_utf8_lossy();
    let is_name = |text: &str| !matches!(text, "." | "..");
    is_name(&decoded)
        && decoded.split(';').next().is_none_or(is_name)
        && !decoded.contains(['/', '\\', '%', char::REPLACEMENT_CHARACTER])
        && !decoded.chars().any(char::is_control)
}

/// The path below the endpoint's. A platform behind a proxy may not know the proxy's prefix.
fn without_base<'p>(path: &'p str, base: &str) -> &'p str {
    match path.strip_prefix(base) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_every_form_lead_to_the_page() {
        let next = |link| next_path(link, "/api/items?page=1", "/base/");
        for link in [
            "https://platform.example/base/api/items?page=2",
            "http://inside:8080/api/items?page=2",
            "//platform.example/base/api/items?page=2#top",
            "/base/api/items?page=2",
            "/api/items?page=2",
            "?page=2",
            "items?page=2",
        ] {
            assert_eq!(next(link).as_deref(), Some("/api/items?page=2"), "{link}");
        }
    }

    #[test]
    fn names_that_are_encoded_stay_names() {
        for link in [
            "/api/%E6%96%BD%E8%A8%AD?page=2",
            "/api/items;v=1?page=../2",
            "/api/a..b/.well-known",
        ] {
            assert_eq!(next_path(link, "/api/items", "/").as_deref(), Some(link));
        }
    }

    #[test]
    fn what_is_no_page_of_the_platform_is_no_path() {
        for link in [
            "https://",
            "/a b",
            "../admin",
            "/api/../admin",
            "http://[",
            "/施設\u{7f}",
            "/api/%2e%2e/admin",
            "/api/%2E./admin",
            "/api/..;/admin",
            "/api/..;a=b/admin",
            "/api/..%2fadmin",
            "/api/x%5c..%5c..%5cadmin",
            "/api/%252e%252e/admin",
            "/api/%00",
            "https://platform.example/%2e%2e/admin",
            "%2e%2e/admin",
        ] {
            assert_eq!(next_path(link, "/api/items", "/"), None, "{link}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_link_gives_a_path_or_nothing(link in "\\PC{0,40}", base in "/?[a-z/]{0,6}") {
            if let Some(path) = next_path(&link, "/a/b?c", &base) {
                proptest::prop_assert!(path.starts_with('/'));
            }
        }
    }
}
