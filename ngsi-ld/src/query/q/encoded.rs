//! A `q` of a body whose operators and quotes are percent-encoded, as some clients send it: they make every `q` ready for a URL,
//! and write it into bodies, too, where nothing decodes it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Expression, SyntaxError, ValueExpansion};
use crate::context::Context;

/// Without any of these a text compares nothing.
const OF_COMPARISONS: [char; 4] = ['=', '<', '>', '"'];

impl Expression {
    /// Reads a `q` of a body. Where it has no comparison as it stands, and reads as one with a comparison once it is
    /// decoded, it means that; any other is taken as it stands.
    ///
    /// # Errors
    /// As [`Expression::parse`].
    pub fn parse_of_body(text: &str, context: &Context, values: &ValueExpansion) -> Result<Self, SyntaxError> {
        let decoded = decoded(text).and_then(|decoded| Self::parse_with(&decoded, context, values).ok());
        match decoded.filter(Self::compares) {
            Some(decoded) => Ok(decoded),
            None => Self::parse_with(text, context, values),
        }
    }

    /// Whether any part of it looks at more than whether something exists.
    fn compares(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::compares),
            Self::Condition(condition) => condition.comparison.is_some(),
        }
    }
}

/// The text with its percent octets decoded, where its comparisons may be among them.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if text.contains(OF_COMPARISONS) || !text.contains('%') {
        return None;
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    decoded.contains(OF_COMPARISONS).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Expression, SyntaxError> {
        Expression::parse_with(text, Context::core(), &ValueExpansion::default())
    }

    fn parse_of_body(text: &str) -> Result<Expression, SyntaxError> {
        Expression::parse_of_body(text, Context::core(), &ValueExpansion::default())
    }

    #[test]
    fn comparisons_that_are_encoded_are_read() {
        for (sent, meant) in [
            ("name%3D%3D%22%E4%BD%90%E9%87%8E%22", "name==\"佐野\""),
            ("name~%3D%22a%22", "name~=\"a\""),
            ("name!%3D%22a%22", "name!=\"a\""),
            ("a%3E5%3B%28b%7Cc%3C%3D2%29", "a>5;(b|c<=2)"),
            ("a%3d%3dtrue", "a==true"),
            ("a%3D%3D%22%2541%22", "a==\"%41\""),
        ] {
            assert_eq!(parse_of_body(sent), parse(meant), "{sent}");
            assert!(parse_of_body(sent).is_ok_and(|read| read.compares()), "{sent}");
        }
    }

    #[test]
    fn what_compares_as_it_stands_or_not_at_all_is_taken_as_it_stands() {
        for text in [
            "name==\"50%3D\"",
            "a%2D1",
            "a%2D1>5",
            "a%3Bb",
            "a%3Db",
            "a%3D%3D",
            "a%3D%3D%22open",
            "a%",
            "a%3D%3D%22%FF%22",
            "name",
        ] {
            assert_eq!(parse_of_body(text), parse(text), "{text}");
        }
    }
}
