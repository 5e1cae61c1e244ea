//! Problem details (RFC 7807) with the error types of CIM 009 Table 6.3.2-1: the one table that turns causes
//! into responses. A problem never carries a source's text or a value of an entity.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use kakehashi_messages::Language;
use kakehashi_state::{Reason, StateError};
use serde::Serialize;

use crate::in_language::InLanguages;

/// The error types of CIM 009 (clauses 5.5.2 and 6.3.2), and those of HTTP that the gateway adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// 400: the request is syntactically wrong.
    InvalidRequest,
    /// 400: the request's data does not meet the operation's requirements.
    BadRequestData,
    /// 401: a credential is missing, unknown or expired.
    Unauthorized,
    /// 403: the query needs more than one request may cost.
    TooComplexQuery,
    /// 403: the query yields more than one request may hold.
    TooManyResults,
    /// 404: no such entity or resource for this consumer.
    ResourceNotFound,
    /// 404: no such tenant for this consumer.
    NonexistentTenant,
    /// 405: the resource does not know this method.
    MethodNotAllowed,
    /// 406: none of the representations is acceptable.
    NotAcceptable,
    /// 403: the policies do not permit the consumer to do this.
    Forbidden,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 409: there is an entity of that id.
    AlreadyExists,
    /// 409: what is to be written is held by a source alone that does not take it.
    Conflict,
    /// 412: what the request is conditioned on is not so.
    PreconditionFailed,
    /// 411: a body does not say how long it is.
    LengthRequired,
    /// 413: the body is larger than the limit.
    ContentTooLarge,
    /// 415: the body is neither JSON nor JSON-LD.
    UnsupportedMediaType,
    /// 422: an operation or option of CIM 009 that this version does not offer.
    OperationNotSupported,
    /// 429: over the rate limit.
    TooManyRequests,
    /// 431: the head of the request is larger than the limit.
    HeadTooLarge,
    /// 500: a fault of the gateway.
    InternalError,
    /// 502: the only source of what was to be written has failed.
    BadGateway,
    /// 503: too much to do; try again.
    Unavailable,
    /// 507: there is no room left for what is to be written.
    InsufficientStorage,
    /// 504: an @context could not be had.
    LdContextNotAvailable,
    /// 504: the request took longer than the deadline.
    Timeout,
}

impl ErrorType {
    /// The HTTP status (Table 6.3.2-1).
    #[must_use]
    //= 6.3.2-1
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::BadRequestData => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::TooComplexQuery | Self::TooManyResults | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::ResourceNotFound | Self::NonexistentTenant => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::AlreadyExists | Self::Conflict => StatusCode::CONFLICT,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::ContentTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::OperationNotSupported => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InsufficientStorage => StatusCode::INSUFFICIENT_STORAGE,
            Self::LdContextNotAvailable | Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The URI in the `type` member. What CIM 009 has no type for is `about:blank`, as RFC 7807 says.
    #[must_use]
    //= 6.3.2-1
    pub const fn uri(self) -> &'static str {
        match self {
            Self::AlreadyExists => "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists",
            Self::InvalidRequest => "https://uri.etsi.org/ngsi-ld/errors/InvalidRequest",
            Self::BadRequestData => "https://uri.etsi.org/ngsi-ld/errors/BadRequestData",
            Self::TooComplexQuery => "https://uri.etsi.org/ngsi-ld/errors/TooComplexQuery",
            Self::TooManyResults => "https://uri.etsi.org/ngsi-ld/errors/TooManyResults",
            Self::ResourceNotFound => "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound",
            Self::NonexistentTenant => "https://uri.etsi.org/ngsi-ld/errors/NonexistentTenant",
            Self::OperationNotSupported => "https://uri.etsi.org/ngsi-ld/errors/OperationNotSupported",
            Self::InternalError => "https://uri.etsi.org/ngsi-ld/errors/InternalError",
            Self::LdContextNotAvailable => "https://uri.etsi.org/ngsi-ld/errors/LdContextNotAvailable",
            Self::Unauthorized
            | Self::MethodNotAllowed
            | Self::NotAcceptable
            | Self::Forbidden
            | Self::RequestTimeout
            | Self::HeadTooLarge
            | Self::Conflict
            | Self::BadGateway
            | Self::LengthRequired
            | Self::PreconditionFailed
            | Self::ContentTooLarge
            | Self::UnsupportedMediaType
            | Self::TooManyRequests
            | Self::Unavailable
            | Self::InsufficientStorage
            | Self::Timeout => "about:blank",
        }
    }

    //= 5.5.3-2
    const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is syntactically invalid",
            Self::BadRequestData => "The request holds data that the operation cannot accept",
            Self::Unauthorized => "Unauthorized",
            Self::TooComplexQuery => "The query is too complex",
            Self::TooManyResults => "The query yields too many results",
            Self::ResourceNotFound => "No such resource",
            Self::NonexistentTenant => "No such tenant",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::NotAcceptable => "Not Acceptable",
            Self::Forbidden => "Forbidden",
            Self::RequestTimeout => "Request Timeout",
            Self::AlreadyExists => "It already exists",
            Self::Conflict => "Conflict",
            Self::BadGateway => "Bad Gateway",
            Self::LengthRequired => "Length Required",
            Self::PreconditionFailed => "Precondition Failed",
            Self::ContentTooLarge => "Content Too Large",
            Self::UnsupportedMediaType => "Unsupported Media Type",
            Self::OperationNotSupported => "The operation is not supported",
            Self::TooManyRequests => "Too Many Requests",
            Self::HeadTooLarge => "Request Header Fields Too Large",
            Self::InternalError => "Internal error",
            Self::Unavailable => "Service Unavailable",
            Self::InsufficientStorage => "Insufficient Storage",
            Self::LdContextNotAvailable => "The @context is not available",
            Self::Timeout => "Gateway Timeout",
        }
    }
}

/// After how many seconds it is worth trying again where nobody knows better: a file that could not be written is tried
/// every second.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The longest that a consumer is told to wait because a source has said so: one that believed a whole day would not see
/// that the source is back.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// What a source has said of when to ask again, as a consumer is told: in whole seconds, and one at least.
#[must_use]
pub fn retry_after(said: Duration) -> HeaderValue {
    let said = said.min(LONGEST_RETRY_AFTER);
    let begun = u64::from(said.subsec_nanos() > 0);
    HeaderValue::from(said.as_secs().saturating_add(begun).max(1))
}

/// A failed request, as the consumer is told of it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What kind of failure.
    pub error_type: ErrorType,
    /// What exactly, where, and what to do.
    pub detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    is_busy: bool,
}

/// Left with an answer that says that the gateway is busy, for those who count.
#[derive(Debug, Clone, Copy)]
pub struct Busy;

/// When somebody who was not let in may come back, in seconds: what is under way is over soon.
const COME_BACK_AFTER: u64 = 1;

/// The members of RFC 7807, as they go over the wire.
#[derive(Debug, Serialize)]
pub struct ProblemDetails<'a> {
    r#type: &'a str,
    title: Cow<'a, str>,
    status: u16,
    detail: Cow<'a, str>,
}

impl Problem {
    /// A problem of some type.
    #[must_use]
    pub fn new(error_type: ErrorType, detail: impl Into<String>) -> Self {
        Self {
            error_type,
            detail: detail.into(),
            headers: Vec::new(),
            is_busy: false,
        }
    }

    /// Something that cannot be done now and will be possible again by itself: 503 with `Retry-After`.
    #[must_use]
    pub fn later(detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Unavailable, detail).with_header(header::RETRY_AFTER, RETRY_AFTER)
    }

    /// The same, because of a source that may have said when.
    #[must_use]
    pub fn later_as_said(detail: impl Into<String>, said: Option<Duration>) -> Self {
        let after = said.map_or(RETRY_AFTER, retry_after);
        Self::new(ErrorType::Unavailable, detail).with_header(header::RETRY_AFTER, after)
    }

    /// The gateway has as much to do as it may have, or as much for this consumer as it may have beside others (RFC 9110
    /// section 15.6.4).
    #[must_use]
    pub fn busy() -> Self {
        let detail = "the gateway is busy; try again after the time in Retry-After";
        let problem = Self::new(ErrorType::Unavailable, detail);
        Self {
            is_busy: true,
            ..problem.with_header(header::RETRY_AFTER, HeaderValue::from(COME_BACK_AFTER))
        }
    }

    /// A fault in one parameter of the request: names the parameter, and the place in its value in characters from 0.
    #[must_use]
    pub fn parameter(name: &str, position: usize, detail: impl std::fmt::Display) -> Self {
        let detail = format!("parameter `{name}` at position {position}: {detail}");
        Self::new(ErrorType::BadRequestData, detail)
    }

    /// A fault in one member of the body: names its path, and the place in its value in characters from 0.
    #[must_use]
    pub fn member(path: &str, position: usize, detail: impl std::fmt::Display) -> Self {
        let detail = format!("member `{path}` at position {position}: {detail}");
        Self::new(ErrorType::BadRequestData, detail)
    }

    /// The members as they go over the wire to somebody of a language.
    #[must_use]
    //= 5.5.3-1
    pub fn details(&self, language: Language) -> ProblemDetails<'_> {
        ProblemDetails {
            r#type: self.error_type.uri(),
            title: language.of(self.error_type.title()),
            status: self.error_type.status().as_u16(),
            detail: language.of(&self.detail),
        }
    }

    /// The body of the answer. Four texts and a number always serialize; an empty body would still carry the status.
    fn body(&self, language: Language) -> Vec<u8> {
        serde_json::to_vec(&self.details(language)).unwrap_or_default()
    }

    /// The same, as another kind of failure.
    #[must_use]
    pub fn of_type(mut self, error_type: ErrorType) -> Self {
        self.error_type = error_type;
        self
    }

    /// The same, with a header in the response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        match &error {
            StateError::Unwritable(trouble) if trouble.reason == Reason::Full => Self::new(
                ErrorType::InsufficientStorage,
                "nothing was stored: the disk of what the gateway keeps is full; once there is room the same request works",
            ),
            StateError::Unwritable(_) => {
                Self::later("nothing was stored: what the gateway keeps cannot be written now; try again")
            }
            StateError::Timeout => {
                Self::later("nothing was stored: what the gateway keeps is being written for others; try again")
            }
            error if error.is_passing() => Self::later("what the gateway keeps cannot be read now; try again"),
            _ => {
                tracing::error!(error = %error, "the state cannot be used");
                Self::new(ErrorType::InternalError, "what the gateway keeps cannot be used now")
            }
        }
    }
}

impl IntoResponse for Problem {
    //= 5.5.3-3, 6.3.3-1, 6.3.6-6
    fn into_response(self) -> Response {
        let status = self.error_type.status();
        let mut response = Response::new(Body::from(self.body(Language::English)));
        *response.status_mut() = status;
        // Clause 6.3.3 asks for application/json, whatever the Accept header says.
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        if self.is_busy {
            response.extensions_mut().insert(Busy);
        }
        let in_languages = InLanguages::by(move |language| self.body(language));
        response.extensions_mut().insert(in_languages);
        response
    }
}
