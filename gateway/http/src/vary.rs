//! `Vary`: on which headers of the request an answer depends (RFC 9110 section 12.5.5).

use http::{HeaderMap, HeaderValue, header};

/// Adds to `Vary`, which stays one field: some clients look at the first alone.
pub(crate) fn add_to_vary(headers: &mut HeaderMap, name: &'static str) {
    let varies = headers.get_all(header::VARY).iter();
    let varies: Vec<&str> = varies.filter_map(|value| value.to_str().ok()).chain([name]).collect();
    if let Ok(value) = HeaderValue::try_from(varies.join(", ")) {
        headers.insert(header::VARY, value);
    }
}
