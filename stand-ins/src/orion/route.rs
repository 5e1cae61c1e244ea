//! The addresses of NGSI-v2 and the methods that each allows.

use http::Method;

use crate::server::LoggedRequest;

use super::error::OrionError;
use super::names::has_forbidden;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    Version,
    Index,
    Entities,
    Entity(String),
    Attributes(String),
    Attribute(String, String),
    Value(String, String),
    Types,
    Type(String),
    BatchUpdate,
    BatchQuery,
    BatchNotify,
    Subscriptions,
    Subscription(String),
    Registrations,
    Registration(String),
}

// === impl Resource ===

impl Resource {
    /// Finds what a path names. One trailing slash is ignored; the case of letters is not.
    pub(crate) fn read(request: &LoggedRequest) -> Result<Self, OrionError> {
        let path = request.path.strip_prefix('/').unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<String> = path.split('/').map(crate::server::decoded).collect();
        if segments.iter().any(|segment| has_forbidden(segment)) {
            return Err(OrionError::bad_request("invalid character in URI"));
        }
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let owned = |text: &&str| String::from(*text);
        Ok(match segments.as_slice() {
            _ if segments.contains(&"") => return Err(OrionError::no_such_service()),
            ["version"] => Self::Version,
            ["v2"] => Self::Index,
            ["v2", "entities"] => Self::Entities,
            ["v2", "entities", id] => Self::Entity(owned(id)),
            ["v2", "entities", id, "attrs"] => Self::Attributes(owned(id)),
            ["v2", "entities", id, "attrs", name] => Self::Attribute(owned(id), owned(name)),
            ["v2", "entities", id, "attrs", name, "value"] => Self::Value(owned(id), owned(name)),
            ["v2", "types"] => Self::Types,
            ["v2", "types", kind] => Self::Type(owned(kind)),
            ["v2", "op", "update"] => Self::BatchUpdate,
            ["v2", "op", "query"] => Self::BatchQuery,
            ["v2", "op", "notify"] => Self::BatchNotify,
            ["v2", "subscriptions"] => Self::Subscriptions,
            ["v2", "subscriptions", id] => Self::Subscription(owned(id)),
            ["v2", "registrations"] => Self::Registrations,
            ["v2", "registrations", id] => Self::Registration(owned(id)),
            _ => return Err(OrionError::no_such_service()),
        })
    }

    /// The methods, as `Allow` lists them.
    fn allow(&self) -> &'static str {
        match self {
            Self::Version | Self::Index | Self::Types | Self::Type(_) => "GET",
            Self::Entities | Self::Subscriptions | Self::Registrations => "POST, GET",
            Self::Entity(_) | Self::Registration(_) => "GET, DELETE",
            Self::Attributes(_) => "POST, PUT, PATCH, GET",
            Self::Attribute(..) => "PUT, GET, DELETE",
            Self::Value(..) => "PUT, GET",
            Self::BatchUpdate | Self::BatchQuery | Self::BatchNotify => "POST",
            Self::Subscription(_) => "PATCH, GET, DELETE",
        }
    }

    pub(crate) fn check_method(&self, method: &Method) -> Result<(), OrionError> {
        let allow = self.allow();
        if allow.split(", ").any(|allowed| allowed == method.as_str()) {
            Ok(())
        } else {
            Err(OrionError::method_not_allowed(allow))
        }
    }

    /// Whether the method reads: then a missing service path means everything.
    pub(crate) fn is_read(&self, method: &Method) -> bool {
        method == Method::GET || *self == Self::BatchQuery
    }

    /// Whether a body may be plain text.
    pub(crate) fn takes_text(&self) -> bool {
        matches!(self, Self::Value(..))
    }
}
