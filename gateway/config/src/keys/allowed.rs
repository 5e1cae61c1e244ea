//! The keys of `allowed` of a tenant: what its administrator may propose over the admin API.

use super::Fallback::{Is, Nothing};
use super::Kind::{Choice, Count, Duration, Texts};
use super::kinds::OF_ALLOWED;
use super::{Kind, Table, key, of_kinds};
use crate::allowed::MOST_SOURCES;
use crate::source::{MOST_CONCURRENCY, MOST_PER_SECOND};

pub(super) static ALLOWED: Table = Table {
    keys: &[
        key(
            "endpoints",
            Texts,
            Is("[]"),
            "Where its sources may be: scheme, host, port and the beginning of the path; `*.` before a host means any below it.",
        ),
        of_kinds(&OF_ALLOWED),
        key(
            "egress_allow",
            Texts,
            Is("[]"),
            "Addresses in ranges that are not public, to which its endpoints may lead.",
        ),
        key(
            "sources",
            Count(MOST_SOURCES),
            Is("8"),
            "Sources that it may have in all, if it adds some.",
        ),
        key(
            "limits",
            Kind::Table(&HIGHEST_LIMITS),
            Nothing,
            "The highest limits of each source.",
        ),
        key(
            "tenant_limits",
            Kind::Table(&HIGHEST_TENANT_LIMITS),
            Nothing,
            "The highest limits of the tenant.",
        ),
        key(
            "personal_data",
            Choice(&["present", "none"]),
            Is("\"present\""),
            "none: it may say that a source holds no personal data.",
        ),
        key(
            "same_system_as",
            Texts,
            Is("[]"),
            "Sources of other tenants, whose system and service a source of this tenant may reach, too.",
        ),
    ],
};

pub(super) static HIGHEST_LIMITS: Table = Table {
    keys: &[
        key(
            "requests_per_second",
            Count(MOST_PER_SECOND),
            Nothing,
            "The most requests per second in the long run.",
        ),
        key(
            "burst",
            Count(MOST_PER_SECOND),
            Nothing,
            "The most requests at once after a pause.",
        ),
        key(
            "concurrency",
            Count(MOST_CONCURRENCY),
            Nothing,
            "The most requests under way at once.",
        ),
        key(
            "timeout",
            Duration,
            Nothing,
            "The longest that one request to it may take.",
        ),
    ],
};

pub(super) static HIGHEST_TENANT_LIMITS: Table = Table {
    keys: &[
        key(
            "requests_per_second",
            Count(MOST_PER_SECOND),
            Nothing,
            "The most questions per second in the long run.",
        ),
        key(
            "burst",
            Count(MOST_PER_SECOND),
            Nothing,
            "The most questions at once after a pause.",
        ),
    ],
};
