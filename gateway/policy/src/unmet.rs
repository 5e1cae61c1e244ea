//! Why a permit that covers a type does not apply.

use std::fmt;
use std::sync::Arc;

use super::classification::Class;

/// Why a permit that covers a type does not apply to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// `@purpose`: the request states another, or none.
    Purpose,
    /// `@ial`: whoever holds the token was not identified so surely, or nobody says so.
    IdentityAssurance,
    /// `@aal`: the same of how the holder was authenticated.
    AuthenticationAssurance,
    /// `@contract`: the consumer has none of these.
    Contract,
    /// `@consent`: the consumer has none of these.
    Consent,
    /// The class of the type asks for more than this permit.
    Class(Class),
    /// `@q` or `@area` looks at an attribute that is neither open nor limited in this type.
    HiddenAttribute,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contract => "the consumer does not have its contract",
            Self::Consent => "the consumer does not have its consent",
            Self::Class(Class::PersonRelated) => "the type is person-related, and it names no consent",
            Self::Class(Class::Anonymised) => "the type is anonymised, and it names no contract",
            Self::Class(_) => "the type is for its owner's own consumers alone",
            Self::Purpose => "the request does not state its purpose",
            Self::IdentityAssurance => "the consumer was not verified to have its level of identity assurance",
            Self::AuthenticationAssurance => {
                "the consumer was not verified to have its level of authentication assurance"
            }
            Self::HiddenAttribute => {
                "its condition looks at an attribute that is neither open nor limited in this type"
            }
        })
    }
}

/// A permit that covers a type and does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetPermit {
    /// The file and line of the permit: `sano.cedar:12`.
    pub policy: Arc<str>,
    /// Why.
    pub reason: Unmet,
}
