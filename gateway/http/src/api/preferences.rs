//! What a consumer would like, in the header `Prefer` (RFC 7240): where the @context of GeoJSON stands, and for which
//! version of NGSI-LD it reads (clauses 6.3.6 and 4.3.6.8). Preferences that nobody knows here are ignored, as that RFC
//! asks.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ngsi_ld::entity::conformance::SpecificationVersion;

use crate::negotiate::MediaType;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preferences of one request that are known here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// `body=json`: GeoJSON without a member `@context`.
    context_in_link: bool,
    /// `ngsi-ld=1.6`
    pub version: Option<SpecificationVersion>,
}

impl Preferences {
    /// Reads the headers. Of a preference that is given twice the first counts (RFC 7240 section 2).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut body: Option<String> = None;
        let mut version: Option<String> = None;
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| split_unquoted(value, ',')) {
            let name_and_value = split_unquoted(preference, ';').into_iter().next().unwrap_or_default();
            let Some((name, value)) = name_and_value.split_once('=') else {
                continue;
            };
            let slot = match name.trim().to_ascii_lowercase().as_str() {
                "body" => &mut body,
                "ngsi-ld" => &mut version,
                _ => continue,
            };
            slot.get_or_insert_with(|| unquoted(value.trim()));
        }
        Self {
            context_in_link: body.as_deref() == Some("json"),
            version: version.and_then(|text| text.parse().ok()),
        }
    }

    /// Whether the @context stands in the body: always in JSON-LD, in GeoJSON unless `Prefer: body=json` (6.3.6).
    //= 6.3.6-4, 6.3.6-5
    pub(super) fn context_in_body(self, media_type: MediaType) -> bool {
        match media_type {
            MediaType::Json => false,
            MediaType::JsonLd => true,
            MediaType::GeoJson => !self.context_in_link,
        }
    }

    /// Says in a successful answer with a body which preference was applied (clause 6.3.6).
    //= 5.7.1.4-12, 6.3.6-3, 6.4.3.2-10, 6.5.3.1-7, 6.23.3.1-2
    pub(super) fn say_what_was_applied(self, response: &mut Response) {
        let has_body = response.status().is_success() && response.status() != StatusCode::NO_CONTENT;
        if let Some(version) = self.version.filter(|_| has_body) {
            let applied = format!("ngsi-ld={}", version.conformant());
            if let Ok(applied) = HeaderValue::try_from(applied) {
                response.headers_mut().insert(PREFERENCE_APPLIED, applied);
            }
        }
    }
}

/// The parts between separators outside of quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    let parts = text.split(|character| {
        let was_escaped = std::mem::take(&mut escaped);
        match character {
            '\\' if quoted => escaped = !was_escaped,
            '"' if !was_escaped => quoted = !quoted,
            _ => {}
        }
        character == separator && !quoted
    });
    parts.collect()
}

/// A word: a token as it is, a quoted string without its quotes (RFC 9110 section 5.6.4).
fn unquoted(word: &str) -> String {
    let Some(inner) = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return word.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> (bool, Option<String>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_static(value));
        }
        let preferences = Preferences::of(&headers);
        let version = preferences.version.map(|version| version.to_string());
        (preferences.context_in_link, version)
    }

    #[test]
    fn preferences_are_a_list_of_names_with_values() {
        assert_eq!(read(&[]), (false, None));
        assert_eq!(read(&["body=json"]), (true, None));
        assert_eq!(read(&["body=ld+json"]), (false, None));
        assert_eq!(
            read(&["respond-async, BODY = \"json\" ; x=1, NGSI-LD=1.6"]),
            (true, Some("1.6".into()))
        );
        assert_eq!(read(&["ngsi-ld=\"1.5\";q=0.1"]), (false, Some("1.5".into())));
        assert_eq!(
            read(&["wait=\"a,body=json\"", "ngsi-ld=1.3"]),
            (false, Some("1.3".into()))
        );
        assert_eq!(read(&["x=\"\\\",\"; y, body=json"]), (true, None));
        assert_eq!(
            read(&["ngsi-ld=1.3, ngsi-ld=1.5"]),
            (false, Some("1.3".into())),
            "the first counts"
        );
        assert_eq!(read(&["ngsi-ld=newest", "x-body=json"]), (false, None));
    }
}
