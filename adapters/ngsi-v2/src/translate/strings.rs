//! Texts of JSON.

use std::borrow::Cow;

use serde::Deserialize;

/// The text of a JSON string; `None` when it is no string, or one of half a surrogate pair.
pub(super) fn string_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// Reads what a text says as a list of texts.
pub(super) fn strings_of(json: &str) -> Option<Vec<Cow<'_, str>>> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    let texts: Vec<Borrowed<'_>> = serde_json::from_str(json).ok()?;
    Some(texts.into_iter().map(|text| text.0).collect())
}
