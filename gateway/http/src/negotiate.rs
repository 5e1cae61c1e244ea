//! In which media types the consumer speaks and listens (clause 6.3.4).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::problem::{ErrorType, Problem};

/// The media types of a response with entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`: the @context goes into the Link header.
    Json,
    /// `application/ld+json`: the @context goes into the body.
    JsonLd,
    /// `application/geo+json`
    GeoJson,
}

impl MediaType {
    /// The order of clause 6.3.4: the first that the consumer likes best is taken.
    const PREFERENCE: [Self; 3] = [Self::Json, Self::JsonLd, Self::GeoJson];

    /// Those of what is no entity.
    pub const JSON_AND_JSON_LD: &[Self] = &[Self::Json, Self::JsonLd];

    /// Those of entities.
    pub const ALL: &[Self] = &Self::PREFERENCE;

    /// The name of the media type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLd => "application/ld+json",
            Self::GeoJson => "application/geo+json",
        }
    }

    /// Finds the media type that the consumer likes best among those offered.
    ///
    /// # Errors
    /// 406 with the list of what there is, when none is acceptable.
    //= 6.3.2-6, 6.3.4-3, 6.3.4-4, 6.3.4-6, 6.3.6-1
    pub fn negotiate(headers: &HeaderMap, offered: &[Self]) -> Result<Self, Problem> {
        let accepted: Vec<&str> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .collect();
        if accepted.is_empty() {
            return Ok(Self::Json);
        }
        let mut best: Option<(u16, Self)> = None;
        for kind in Self::PREFERENCE.iter().filter(|kind| offered.contains(kind)) {
            let weight = weight_of(kind.as_str(), &accepted);
            if weight > best.map_or(0, |(weight, _)| weight) {
                best = Some((weight, *kind));
            }
        }
        best.map(|(_, kind)| kind).ok_or_else(|| {
            let available: Vec<&str> = Self::PREFERENCE
                .iter()
                .filter(|kind| offered.contains(kind))
                .map(|kind| kind.as_str())
                .collect();
            let available = available.join(", ");
            Problem::new(
                ErrorType::NotAcceptable,
                format!("available representations: {available}"),
            )
        })
    }
}

/// Refuses a body that says to be in another encoding than JSON is: read as UTF-8 it would be stored as something else.
//= 4.6.1-1
fn check_charset(media_type: &str) -> Result<(), Problem> {
    let charset = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    };
    let named = media_type.split(';').skip(1).find_map(charset);
    if named.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii")) {
        return Ok(());
    }
    let detail =
        "header `Content-Type`: JSON is UTF-8 (RFC 8259 section 8.1); send the body in UTF-8, and no other `charset`";
    Err(Problem::new(ErrorType::UnsupportedMediaType, detail))
}

/// What a PATCH may send (RFC 5789 section 3.1).
pub const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// RFC 7396: that of a PATCH.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The media types of a request with a body (clause 6.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyMediaType {
    /// `application/json`: the @context is in the Link header.
    Json,
    /// `application/merge-patch+json`: read as `application/json` is.
    MergePatch,
    /// `application/ld+json`: the @context is in the body.
    JsonLd,
}

impl BodyMediaType {
    /// The name of the media type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => MediaType::Json.as_str(),
            Self::MergePatch => MERGE_PATCH,
            Self::JsonLd => MediaType::JsonLd.as_str(),
        }
    }

    /// The names of the media types that a request of this method may have.
    #[must_use]
    pub fn names(method: &Method) -> &'static [&'static str] {
        const NAMES: [&str; 3] = ["application/json", "application/ld+json", MERGE_PATCH];
        match *method {
            Method::PATCH => &NAMES,
            _ => NAMES.split_last().map_or(&[], |(_, others)| others),
        }
    }

    /// The media type that the header `Content-Type` names.
    ///
    /// # Errors
    /// 415 when it is none of those, is missing, or stands there twice.
    //= 6.3.2-5, 6.3.4-1
    pub fn of_request(method: &Method, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let only = types.next().filter(|_| types.next().is_none());
        let text = only.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        check_charset(text)?;
        match essence.as_str() {
            "application/json" => Ok(Self::Json),
            // Clause 6.3.4 has it for PATCH alone. ngsijs sends it with what is appended, too: understood, and not advertised.
            MERGE_PATCH if matches!(*method, Method::PATCH | Method::POST) => Ok(Self::MergePatch),
            "application/ld+json" => Ok(Self::JsonLd),
            _ => Err(Self::unsupported(method)),
        }
    }

    /// What is told of a body of another media type: which may be sent (RFC 9110 section 15.5.16, RFC 5789 section 2.2).
    fn unsupported(method: &Method) -> Problem {
        let listed = Self::listed(method);
        let detail = format!("header `Content-Type`: send one of {listed}, and it once");
        let problem = Problem::new(ErrorType::UnsupportedMediaType, detail);
        let name = match *method {
            Method::PATCH => ACCEPT_PATCH,
            _ => header::ACCEPT,
        };
        match HeaderValue::try_from(listed) {
            Ok(value) => problem.with_header(name, value),
            Err(_) => problem,
        }
    }

    /// The names of the media types that a request of this method may have, as a header lists them.
    #[must_use]
    pub fn listed(method: &Method) -> String {
        Self::names(method).join(", ")
    }
}

/// How the body of a request is packed (RFC 9110 section 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyCoding {
    /// Not at all.
    Identity,
    /// `gzip`
    Gzip,
}

impl BodyCoding {
    /// What is understood.
    const NAMES: &str = "gzip, identity";

    /// The coding that the header `Content-Encoding` names.
    ///
    /// # Errors
    /// 415 when it is another one, or there are several.
    pub fn of_request(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut codings = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
        let (first, second) = (codings.next(), codings.next());
        let is_gzip = |coding: &[u8]| coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip");
        match (first, second) {
            (None, _) => Ok(Self::Identity),
            (Some(coding), None) if is_gzip(coding) => Ok(Self::Gzip),
            _ => {
                let detail = "header `Content-Encoding`: send the body as it is, or packed by gzip, and by nothing else beside it";
                let problem = Problem::new(ErrorType::UnsupportedMediaType, detail);
                Err(problem.with_header(header::ACCEPT_ENCODING, HeaderValue::from_static(Self::NAMES)))
            }
        }
    }
}

/// The weight, in thousandths, that the most specific matching range gives a media type (RFC 9110 12.5.1).
fn weight_of(media_type: &str, accepted: &[&str]) -> u16 {
    let mut found: Option<(u8, u16)> = None;
    for range in accepted {
        let mut parts = range.split(';').map(str::trim);
        let Some(name) = parts.next() else { continue };
        let specificity = match name {
            "*/*" => 0,
            _ if name.eq_ignore_ascii_case("application/*") => 1,
            _ if name.eq_ignore_ascii_case(media_type) => 2,
            _ => continue,
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1000, parse_weight);
        if found.is_none_or(|(earlier, _)| specificity > earlier) {
            found = Some((specificity, weight));
        }
    }
    found.map_or(0, |(_, weight)| weight)
}

fn parse_weight(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let thousandths = format!("{fraction:0<3}");
    match (whole, thousandths.parse::<u16>()) {
        ("0", Ok(weight)) if thousandths.len() == 3 => weight,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        MediaType::negotiate(&headers, MediaType::ALL).ok()
    }

    #[test]
    //= 6.3.4-4
    fn the_order_of_the_clause_decides_between_equals() {
        assert_eq!(negotiated("*/*"), Some(MediaType::Json));
        assert_eq!(
            negotiated("application/geo+json, application/ld+json"),
            Some(MediaType::JsonLd)
        );
        assert_eq!(
            negotiated("application/*;q=0.5, application/geo+json"),
            Some(MediaType::GeoJson)
        );
        assert_eq!(
            negotiated("application/json;q=0.1, application/ld+json;q=0.2"),
            Some(MediaType::JsonLd)
        );
        assert_eq!(negotiated("application/json;q=0, */*"), Some(MediaType::JsonLd));
        assert_eq!(negotiated("APPLICATION/*"), Some(MediaType::Json));
        assert_eq!(negotiated("Application/LD+JSON"), Some(MediaType::JsonLd));
        assert_eq!(negotiated("text/html"), None);
        assert_eq!(
            MediaType::negotiate(&HeaderMap::new(), MediaType::ALL).ok(),
            Some(MediaType::Json)
        );
    }

    fn body_type(method: &Method, content_type: &str) -> Option<BodyMediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        BodyMediaType::of_request(method, &headers).ok()
    }

    #[test]
    //= 6.3.4-1
    fn bodies_are_json_or_json_ld() {
        let json = Some(BodyMediaType::Json);
        assert_eq!(body_type(&Method::POST, "application/json"), json);
        assert_eq!(body_type(&Method::POST, "Application/JSON; charset=utf-8"), json);
        assert_eq!(body_type(&Method::POST, "application/json; charset=\"UTF-8\""), json);
        assert_eq!(body_type(&Method::POST, "application/json; charset=shift_jis"), None);
        assert_eq!(
            body_type(&Method::POST, "application/ld+json"),
            Some(BodyMediaType::JsonLd)
        );
        let merge_patch = Some(BodyMediaType::MergePatch);
        assert_eq!(body_type(&Method::PATCH, MERGE_PATCH), merge_patch);
        assert_eq!(body_type(&Method::POST, MERGE_PATCH), merge_patch);
        assert!(!BodyMediaType::names(&Method::POST).contains(&MERGE_PATCH));
        assert_eq!(body_type(&Method::PUT, MERGE_PATCH), None);
        assert_eq!(body_type(&Method::POST, "application/geo+json"), None);
        assert!(BodyMediaType::of_request(&Method::POST, &HeaderMap::new()).is_err());
        for method in [Method::POST, Method::PATCH] {
            for name in BodyMediaType::names(&method) {
                assert!(body_type(&method, name).is_some(), "{method} {name}");
            }
        }
    }
}
