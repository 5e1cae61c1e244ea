//! The keys of `credential` of a source: what the gateway shows of itself to it.

use super::Fallback::{Is, Nothing};
use super::Kind::{Boolean, Choice, Secret, Text};
use super::{Kind, Table, key, required};

pub(super) static CREDENTIAL: Table = Table {
    keys: &[
        key("header", Text, Nothing, "The header that carries `value`."),
        key(
            "query",
            Text,
            Nothing,
            "The parameter of the query that carries `value`.",
        ),
        key("value", Secret, Nothing, "The value of `header` or `query`."),
        key("bearer", Secret, Nothing, "A constant token."),
        key("basic", Kind::Table(&BASIC), Nothing, "User and password."),
        key(
            "oauth2",
            Kind::Table(&OAUTH2),
            Nothing,
            "Client credentials of OAuth 2.0 (RFC 6749 section 4.4).",
        ),
        key(
            "pass_through",
            Boolean,
            Nothing,
            "The consumer's own token is passed on to the source.",
        ),
        key(
            "client_certificate",
            Kind::Table(&CLIENT_IDENTITY),
            Nothing,
            "The certificate that the gateway presents in TLS.",
        ),
    ],
};

pub(super) static BASIC: Table = Table {
    keys: &[
        required("username", Text, "The user."),
        required("password", Secret, "The password."),
    ],
};

pub(super) static OAUTH2: Table = Table {
    keys: &[
        required("token_url", Text, "The address of the token endpoint."),
        required("client_id", Text, "Who the gateway is there."),
        required("client_secret", Secret, "Its secret."),
        key("scope", Text, Nothing, "What the token is to be good for."),
        key("audience", Text, Nothing, "Whom the token is for."),
        key(
            "client_authentication",
            Choice(&["basic", "body"]),
            Is("\"basic\""),
            "Where id and secret stand: in Authorization, or in the body.",
        ),
        key(
            "ca",
            Text,
            Nothing,
            "The PEM file of those who sign the endpoint's certificate.",
        ),
    ],
};

pub(super) static CLIENT_IDENTITY: Table = Table {
    keys: &[
        required("certificate", Text, "The PEM file of the certificate, then its chain."),
        required("key", Secret, "Its private key."),
    ],
};
