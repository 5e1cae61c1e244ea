//! What a consumer says about answers that were not made for its request alone (`Cache-Control`, RFC 9111 section 5.2.1).

use http::{HeaderMap, header};

/// Whether it wants none of them: `no-cache`, wherever it stands.
pub(super) fn is_no_cache(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::CACHE_CONTROL).iter();
    let mut directives = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','));
    directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn no_cache_is_found_wherever_it_stands_and_nothing_else_is_taken_for_it() {
        let says = |fields: &[&'static str]| {
            let fields = fields.iter().map(|field| HeaderValue::from_static(field));
            let headers: HeaderMap = fields.map(|field| (header::CACHE_CONTROL, field)).collect();
            is_no_cache(&headers)
        };
        for fields in [
            &["no-cache"][..],
            &["max-age=0, No-Cache ,x"],
            &["max-age=3", "NO-CACHE"],
        ] {
            assert!(says(fields), "{fields:?}");
        }
        for fields in [&[][..], &["max-age=0"], &["no-cache=x", "no-store"], &["x-no-cache"]] {
            assert!(!says(fields), "{fields:?}");
        }
    }
}
