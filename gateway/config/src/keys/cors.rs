//! The keys of `cors`: which pages of other origins may ask. A consumer's table stands in the place of the gateway's, key by
//! key, so that it has no defaults of its own.

use super::Fallback::{Is, Nothing};
use super::Kind::{Choices, Duration, Texts};
use super::{Table, key};

const ORIGINS: &str =
    "The origins, such as https://map.example.jp or http://localhost:*; `*` in [consumers.anonymous] alone.";
const METHODS_ABOUT: &str = "The methods that they may use.";
const HEADERS: &str = "Headers that they may send, beside those that the gateway reads.";
const EXPOSED: &str = "Headers of answers that they may read, beside those that the gateway sends.";
const MAX_AGE: &str = "How long a browser may remember what it was told.";

/// `METHODS` of the reader.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"];

pub(super) static OF_GATEWAY: Table = Table {
    keys: &[
        key("origins", Texts, Is("[]"), ORIGINS),
        key(
            "methods",
            Choices(METHODS),
            Is("[\"GET\", \"HEAD\", \"POST\", \"PATCH\", \"PUT\", \"DELETE\"]"),
            METHODS_ABOUT,
        ),
        key("headers", Texts, Is("[]"), HEADERS),
        key("exposed_headers", Texts, Is("[]"), EXPOSED),
        key("max_age", Duration, Is("\"10m\""), MAX_AGE),
    ],
};

pub(super) static OF_CONSUMER: Table = Table {
    keys: &[
        key("origins", Texts, Nothing, ORIGINS),
        key("methods", Choices(METHODS), Nothing, METHODS_ABOUT),
        key("headers", Texts, Nothing, HEADERS),
        key("exposed_headers", Texts, Nothing, EXPOSED),
        key("max_age", Duration, Nothing, MAX_AGE),
    ],
};
