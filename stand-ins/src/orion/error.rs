//! Orion's errors: the status, the word and the text of each, as recorded.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::server::response;

use super::json::write_text;

/// An error as it goes over the wire: `{"error": word, "description": text}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrionError {
    pub(crate) status: StatusCode,
    word: &'static str,
    description: String,
    content_type: &'static str,
    allow: Option<&'static str>,
}

// === impl OrionError ===

impl OrionError {
    fn new(status: StatusCode, word: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            word,
            description: description.into(),
            content_type: "application/json",
            allow: None,
        }
    }

    pub(crate) fn bad_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", description)
    }

    /// Selection by place: its errors carry a prefix.
    pub(crate) fn bad_geo_query(description: &str) -> Self {
        Self::bad_request(format!("Invalid query: {description}"))
    }

    pub(crate) fn parse_error() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "ParseError",
            "Errors found in incoming JSON buffer",
        )
    }

    pub(crate) fn no_such_service() -> Self {
        Self::bad_request("Service not found. Check your URL as probably it is wrong.")
    }

    pub(crate) fn not_found(description: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", description)
    }

    pub(crate) fn entity_not_found() -> Self {
        Self::not_found("The requested entity has not been found. Check type and id")
    }

    pub(crate) fn attribute_not_found() -> Self {
        Self::not_found("The entity does not have such an attribute")
    }

    pub(crate) fn too_many_results() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "TooManyResults",
            "More than one matching entity. Please refine your query",
        )
    }

    pub(crate) fn unprocessable(description: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable", description)
    }

    pub(crate) fn partial_update(description: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "PartialUpdate", description)
    }

    pub(crate) fn second_location() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "NoResourcesAvailable",
            "You cannot use more than one geo location attribute when creating an entity. \
             Use ignoreType metadata if you want to add additional informative locations.",
        )
    }

    pub(crate) fn length_required() -> Self {
        Self::new(
            StatusCode::LENGTH_REQUIRED,
            "ContentLengthRequired",
            "Zero/No Content-Length in PUT/POST/PATCH request",
        )
    }

    pub(crate) fn unsupported_media_type(description: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", description)
    }

    pub(crate) fn not_acceptable(description: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", description)
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "method not allowed")
        }
    }

    /// What the database refuses comes back with its own text, HTML-escaped.
    pub(crate) fn database(description: &str) -> Self {
        let escaped = description
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('(', "&#40;")
            .replace(')', "&#41;")
            .replace('\'', "&#39;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", escaped)
    }

    /// The one error that Orion sends with 200.
    pub(crate) fn with_ok_status(self) -> Self {
        Self {
            status: StatusCode::OK,
            ..self
        }
    }

    pub(crate) fn in_plain_text(self) -> Self {
        Self {
            content_type: "text/plain",
            ..self
        }
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        let mut body = String::from(r#"{"error":"#);
        write_text(self.word, &mut body);
        body.push_str(r#","description":"#);
        write_text(&self.description, &mut body);
        body.push('}');
        let mut answer = response(self.status, self.content_type, body);
        if let Some(allow) = self.allow {
            answer
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        answer
    }
}
