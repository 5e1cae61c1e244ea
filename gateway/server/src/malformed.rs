//! What makes a request none of HTTP, before anything of it means something. Each is answered, and ends its connection:
//! where one reader of a connection sees another request than the next, somebody's request becomes somebody else's
//! (request smuggling).

use std::fmt;

/// Why a request is refused as HTTP: an extension of the request that stands in its place, to be answered by whoever
/// answers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub fault: Fault,
    /// The line of the request's head that it is wrong in, from 1, the request line; `None`: in no single one.
    pub line: Option<usize>,
}

/// What is wrong with a request as HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A line ends with LF alone.
    BareLineFeed,
    /// CR without LF.
    BareCarriageReturn,
    /// A character that no head may hold, such as NUL.
    ControlCharacter,
    /// No method, target and version.
    RequestLine,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    Version,
    /// A space within the target.
    SpaceInTarget,
    /// `#` in the target.
    Fragment,
    /// A target that is no URI.
    Target,
    /// A field line that goes on in the next line.
    FoldedLine,
    /// A space between the name of a field and its colon.
    SpaceBeforeColon,
    /// What should be the name of a field.
    FieldName,
    /// A `Content-Length` that is no number of bytes.
    ContentLength,
    /// `Content-Length` twice.
    SecondContentLength,
    /// A transfer coding other than `chunked`, or `chunked` twice.
    TransferCoding,
    /// `Content-Length` and `Transfer-Encoding`.
    LengthAndCoding,
    /// `Transfer-Encoding` in HTTP/1.0, which has none.
    CodingInHttp10,
    /// A head that is too large.
    HeadTooLarge,
    /// Too many fields.
    TooManyFields,
    /// A large head, while too many others of them are on their way.
    NoRoomForHead,
    /// A head that takes too long.
    HeadTooSlow,
    /// No `Host`, or no `:authority`.
    NoHost,
    /// `Host` twice.
    SecondHost,
    /// A `Host` that is no host and port.
    InvalidHost,
    /// A target in absolute form, or `:authority`, that names another host than `Host`.
    OtherHost,
    /// A target with a user or password.
    UserInformation,
    /// A target in absolute form that is neither `http` nor `https`.
    Scheme,
    /// A target that is a host and port alone, of a method other than CONNECT.
    AuthorityForm,
    /// `*` as the target of a method other than OPTIONS.
    AsteriskForm,
    /// CONNECT, which asks for a proxy.
    Connect,
}

impl Malformed {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(self) -> http::StatusCode {
        match self.fault {
            Fault::NoRoomForHead => http::StatusCode::SERVICE_UNAVAILABLE,
            Fault::HeadTooSlow => http::StatusCode::REQUEST_TIMEOUT,
            Fault::HeadTooLarge | Fault::TooManyFields => http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => http::StatusCode::BAD_REQUEST,
        }
    }
}

impl From<Fault> for Malformed {
    fn from(fault: Fault) -> Self {
        Self { fault, line: None }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} of the request's head: {}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLineFeed => "it ends with a bare line feed; every line ends with CR LF (RFC 9112 section 2.2)",
            Self::BareCarriageReturn => "CR without LF; every line ends with CR LF (RFC 9112 section 2.2)",
            Self::ControlCharacter => "the request's head holds a control character (RFC 9110 section 5.5)",
            Self::RequestLine => "expected a request line `METHOD target HTTP/1.1` (RFC 9112 section 3)",
            Self::Version => "expected HTTP/1.1 or HTTP/1.0 at the end of the request line (RFC 9112 section 2.3)",
            Self::SpaceInTarget => "the target holds a space; write %20 (RFC 9112 section 3.2)",
            Self::Fragment => "the target holds `#`, which ends it; write %23 (RFC 9112 section 3.2)",
            Self::Target => "the target is no URI; percent-encode what stands for itself (RFC 9112 section 3.2)",
            Self::FoldedLine => {
                "it goes on with the field line above; write each field in one line (RFC 9112 section 5.2)"
            }
            Self::SpaceBeforeColon => "a space before the colon (RFC 9112 section 5.1)",
            Self::FieldName => "expected the name of a field and a colon (RFC 9112 section 5)",
            Self::ContentLength => "`Content-Length` is no number of bytes (RFC 9110 section 8.6)",
            Self::SecondContentLength => "`Content-Length` stands there twice (RFC 9110 section 8.6)",
            Self::TransferCoding => "of the transfer codings only `chunked` is understood, once (RFC 9112 section 6.1)",
            Self::LengthAndCoding => {
                "both `Content-Length` and `Transfer-Encoding`; leave the first out (RFC 9112 section 6.2)"
            }
            Self::CodingInHttp10 => "HTTP/1.0 has no `Transfer-Encoding` (RFC 9112 section 6.1)",
            Self::HeadTooLarge => "the request's head is too large; send fewer or shorter fields",
            Self::TooManyFields => "the request has too many header fields",
            Self::NoRoomForHead => "too many large heads are on their way; try again, or send a smaller one",
            Self::HeadTooSlow => "the request's head did not arrive in time",
            Self::NoHost => "a request says which host it asks, in one `Host` field (RFC 9112 section 3.2)",
            Self::SecondHost => "`Host` stands there twice (RFC 9112 section 3.2)",
            Self::InvalidHost => "`Host` is no host with or without a port (RFC 9110 section 7.2)",
            Self::OtherHost => "the target names another host than `Host` does (RFC 9112 section 3.2.2)",
            Self::UserInformation => "the target holds a user or password (RFC 9110 section 4.2.4)",
            Self::Scheme => "the target must begin with `/`, `http:` or `https:` (RFC 9112 section 3.2)",
            Self::AuthorityForm => "a host and port alone are the target of CONNECT only (RFC 9112 section 3.2.3)",
            Self::AsteriskForm => "`*` is the target of OPTIONS only (RFC 9112 section 3.2.4)",
            Self::Connect => "CONNECT asks for a proxy; this is none (RFC 9110 section 9.3.6)",
        })
    }
}
