//! What is asked of a platform: paths and pages.

use std::fmt::Write as _;

use http::uri::PathAndQuery;

use super::error::Diagnostics;
use super::toml_table::{Located, TomlTable};

/// The path and the fixed query of a request, relative to the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath(String);

impl RequestPath {
    /// Reads a path as the mapping writes it.
    pub(super) fn read(located: &Located<'_>, field: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Self> {
        check_path(located.text, located, field, diagnostics)?;
        Some(Self(located.text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with further parameters.
    pub fn with(&self, parameters: &[(&str, u64)]) -> String {
        let mut path = self.0.clone();
        for (name, value) in parameters {
            let separator = if path.contains('?') { '&' } else { '?' };
            // Writing into a String cannot fail.
            let _ = write!(path, "{separator}{name}={value}");
        }
        path
    }

    fn has_parameter(&self, name: &str) -> bool {
        let query = self.0.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|pair| pair.split('=').next() == Some(name))
    }
}

/// Reports a text that is no path with an optional query.
pub(super) fn check_path(
    text: &str,
    located: &Located<'_>,
    field: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<()> {
    let mut refuse = |message: &str| {
        diagnostics.report(&located.span, field, message);
        None
    };
    if !text.starts_with('/') || text.starts_with("//") {
        return refuse("expected a path that begins with one `/`; the address stands in tenants.toml");
    }
    if text.contains('#') {
        return refuse("a path holds no `#`");
    }
    if !text.is_ascii() || PathAndQuery::try_from(text).is_err() {
        return refuse("not a path of a URL: write other characters percent-encoded");
    }
    if text.split(['/', '?']).any(|segment| matches!(segment, "." | "..")) {
        return refuse("a path holds no `.` or `..`");
    }
    Some(())
}

/// How many records are asked for at once where the mapping does not say.
const DEFAULT_PAGE_SIZE: u64 = 100;

/// How a platform hands out many records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// By which parameters.
    pub style: PagingStyle,
    /// Records asked for at once: the platform's maximum.
    pub size: u64,
}

/// The parameters of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagingStyle {
    /// All records come at once.
    None,
    /// The number of the page, and its size.
    Page {
        /// The parameter that holds the number.
        number: String,
        /// The parameter that holds the size, if the platform lets the caller choose.
        size: Option<String>,
        /// The number of the first page.
        first: u64,
    },
    /// How many records to skip, and how many to send.
    Offset {
        /// The parameter that holds the number of records to skip.
        offset: String,
        /// The parameter that holds the number of records to send.
        limit: String,
        /// The number of the first record.
        first: u64,
    },
    /// Each page says with what the next one is asked for.
    Cursor {
        /// The parameter that takes that.
        cursor: String,
        /// The parameter that holds the size, if the platform lets the caller choose.
        size: Option<String>,
    },
    /// Each page names the next one.
    Next {
        /// The parameter that holds the size, if the platform lets the caller choose.
        size: Option<String>,
    },
}

impl PagingStyle {
    /// The parameters that it takes.
    pub(super) fn parameters(&self) -> Vec<&str> {
        match self {
            Self::None | Self::Next { size: None } => Vec::new(),
            Self::Next { size: Some(size) } => vec![size],
            Self::Page { number, size, .. } => std::iter::once(number).chain(size).map(String::as_str).collect(),
            Self::Cursor { cursor, size } => std::iter::once(cursor).chain(size).map(String::as_str).collect(),
            Self::Offset { offset, limit, .. } => vec![offset, limit],
        }
    }
}

impl Paging {
    /// All records come at once.
    pub const NONE: Self = Self {
        style: PagingStyle::None,
        size: DEFAULT_PAGE_SIZE,
    };

    /// Reads the parameters; the paths of totals and links are read with the other paths.
    pub(super) fn read(
        table: &TomlTable<'_>,
        path: Option<&RequestPath>,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Self> {
        let style = table.required_text("style", diagnostics)?;
        let keys: &[&str] = match style.text {
            "none" => &["style"],
            "page" => &["style", "page", "size", "first", "max", "total", "pages"],
            "offset" => &["style", "offset", "limit", "first", "max", "total"],
            "cursor" => &["style", "cursor", "next", "size", "max", "total"],
            "next" => &["style", "next", "size", "max", "total"],
            other => {
                let message = format!("unknown style `{other}`: expected page, offset, next, cursor or none");
                let known = ["page", "offset", "next", "cursor", "none"];
                diagnostics.unknown(&style.span, &table.field_of("style"), message, other, known);
                return None;
            }
        };
        table.check_keys(keys, diagnostics);
        let max = table.integer("max", 1, diagnostics);
        let size = max.unwrap_or(DEFAULT_PAGE_SIZE);
        let mut parameter = |key: &str, required: bool| {
            let located = if required {
                table.required_text(key, diagnostics)
            } else {
                table.text(key, diagnostics)
            }?;
            check_parameter(&located, &table.field_of(key), path, diagnostics)
        };
        let style = match style.text {
            "page" => {
                let (number, size) = (parameter("page", true), parameter("size", false));
                let first = table.integer("first", 0, diagnostics).unwrap_or(1);
                PagingStyle::Page {
                    number: number?,
                    size,
                    first,
                }
            }
            "offset" => {
                let (offset, limit) = (parameter("offset", true), parameter("limit", true));
                let first = table.integer("first", 0, diagnostics).unwrap_or(0);
                PagingStyle::Offset {
                    offset: offset?,
                    limit: limit?,
                    first,
                }
            }
            "cursor" => {
                let (cursor, size) = (parameter("cursor", true), parameter("size", false));
                if !table.has("next") {
                    let message = "`next` is missing: the path of what the next page is asked for with";
                    diagnostics.report(&table.span, &table.field, message);
                }
                PagingStyle::Cursor { cursor: cursor?, size }
            }
            "next" => {
                let size = parameter("size", false);
                if !table.has("next") {
                    diagnostics.report(&table.span, &table.field, "`next` is missing: the path of the link");
                }
                PagingStyle::Next { size }
            }
            _ => PagingStyle::None,
        };
        Some(Self { style, size })
    }
}

pub(super) fn check_parameter(
    located: &Located<'_>,
    field: &str,
    path: Option<&RequestPath>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<String> {
    let name = located.text;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%[]:".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        let message = "not the name of a query parameter: write other characters percent-encoded";
        diagnostics.report(&located.span, field, message);
        return None;
    }
    if path.is_some_and(|path| path.has_parameter(name)) {
        let message = format!("`{name}` stands in the fixed query of `path` already: leave it out there");
        diagnostics.report(&located.span, field, message);
        return None;
    }
    Some(name.to_owned())
}
