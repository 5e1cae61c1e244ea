//! An API key as a parameter of the query, which some platforms ask for. It shows in no log of ours; what the platform
//! and the proxies before it log is theirs, which is why a header is better wherever there is a choice.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use kakehashi_contract::HIDDEN;

/// What may stand in a query as it is (RFC 3986 section 2.3).
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Name and value, percent-encoded.
#[derive(Clone)]
pub struct QueryKey {
    name: Arc<str>,
    value: Arc<str>,
}

impl fmt::Debug for QueryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryKey({}=***)", self.name)
    }
}

impl QueryKey {
    /// From plain texts.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Self {
        let encode = |text| utf8_percent_encode(text, &ENCODED).to_string().into();
        Self {
            name: encode(name),
            value: encode(value),
        }
    }

    /// The same with nothing to hide in it.
    pub(super) fn hidden(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            value: HIDDEN.into(),
        }
    }

    /// The address with the key as its last parameter, in the place of one of the same name: platforms repeat the key
    /// in their links to further pages. `None`: the whole is no URL any more.
    pub(super) fn added_to(&self, uri: &Uri) -> Option<Uri> {
        let mut query = String::new();
        let others = uri.query().unwrap_or_default().split('&').filter(|parameter| {
            let name = parameter.split_once('=').map_or(*parameter, |(name, _)| name);
            !parameter.is_empty() && name != &*self.name
        });
        for parameter in others {
            query.push_str(parameter);
            query.push('&');
        }
        let path_and_query = format!("{}?{query}{}={}", uri.path(), self.name, self.value);
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_last_parameter_and_stands_there_once() {
        let key = QueryKey::new("api key", "s&c=r é+t");
        for (before, after) in [
            ("http://a/b", "http://a/b?api%20key=s%26c%3Dr%20%C3%A9%2Bt"),
            (
                "http://a/b?page=2&api%20key=old&x",
                "http://a/b?page=2&x&api%20key=s%26c%3Dr%20%C3%A9%2Bt",
            ),
        ] {
            assert_eq!(key.added_to(&before.parse().unwrap()).unwrap().to_string(), after);
        }
        assert!(!format!("{key:?}").contains("s%26"));
    }
}
