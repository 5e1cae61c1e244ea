//! Query parameters of the URL: each known, each at most once, each well encoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::problem::{ErrorType, Problem};

/// The parameters of one request, decoded, in the order of the URL.
#[derive(Debug)]
pub struct Parameters<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Names that real clients use for a parameter of CIM 009.
const ALIASES: [(&str, &str); 1] = [("coords", "coordinates")];

impl<'a> Parameters<'a> {
    /// Reads the query part of a URL. `known` are the parameters that the operation offers, `unsupported` those
    /// of CIM 009 that it does not offer yet.
    ///
    /// # Errors
    /// A problem that names the parameter and its position in the query (characters from 0).
    pub fn parse(query: Option<&'a str>, known: &[&str], unsupported: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        let query = query.unwrap_or_default();
        let mut position = 0;
        for part in query.split('&') {
            let start = position;
            position += part.chars().count() + 1;
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = canonical_name(decode(name, "the name of a parameter", start)?);
            if unsupported.contains(&name.as_ref()) {
                return Err(Problem::new(
                    ErrorType::OperationNotSupported,
                    format!("parameter `{name}` at position {start} is not offered by this version"),
                ));
            }
            if !known.contains(&name.as_ref()) {
                let hint = nearest(&name, known)
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Err(Problem::new(
                    ErrorType::InvalidRequest,
                    format!("unknown parameter `{name}` at position {start}{hint}"),
                ));
            }
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Problem::new(
                    ErrorType::InvalidRequest,
                    format!("parameter `{name}` is given a second time at position {start}; give it once"),
                ));
            }
            let place = start + name.chars().count() + 1;
            let value = decode(value, &format!("parameter `{name}`"), place)?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter, if it was given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_ref())
    }

    /// The value of a parameter that may not be empty.
    ///
    /// # Errors
    /// A problem when it was given without a value.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.get(name) {
            Some("") => Err(Problem::parameter(name, 0, "it is empty; give a value or leave it out")),
            value => Ok(value),
        }
    }

    /// The items of a comma-separated list, none of which may be empty, each with its position in characters.
    ///
    /// # Errors
    /// A problem that says where the empty item should stand.
    pub fn list(&self, name: &str) -> Result<Vec<(usize, &str)>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(Vec::new());
        };
        let mut items = Vec::new();
        let mut position = 0;
        for item in text.split(',') {
            if item.is_empty() {
                let detail = format_args!("item {} of the list is empty", items.len() + 1);
                return Err(Problem::parameter(name, position, detail));
            }
            items.push((position, item));
            position += item.chars().count() + 1;
        }
        Ok(items)
    }

    /// A whole number from 0.
    ///
    /// # Errors
    /// A problem when the value is anything else.
    pub fn whole_number(&self, name: &str) -> Result<Option<usize>, Problem> {
        self.text(name)?
            .map(|text| {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse()
                    .ok()
                    .filter(|_| digits)
                    .ok_or_else(|| Problem::parameter(name, 0, "expected a whole number from 0"))
            })
            .transpose()
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// A problem when the value is anything else.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.text(name)?
            .map(|text| match text {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(Problem::parameter(name, 0, "expected `true` or `false`")),
            })
            .transpose()
    }
}

fn canonical_name(name: Cow<'_, str>) -> Cow<'_, str> {
    match ALIASES.iter().find(|(alias, _)| *alias == name) {
        Some((_, canonical)) => Cow::Borrowed(canonical),
        None => name,
    }
}

/// Decodes percent-encoding, and `+` as a space, as form encoding and thereby most clients write it.
fn decode<'a>(text: &'a str, what: &str, position: usize) -> Result<Cow<'a, str>, Problem> {
    let broken = |fault: &str| {
        Problem::new(
            ErrorType::InvalidRequest,
            format!("{what} holds {fault} at or after position {position} of the URL's query"),
        )
    };
    if has_broken_escape(text.as_bytes()) {
        return Err(broken("a `%` that is not followed by two hexadecimal digits"));
    }
    let not_utf8 = |_| broken("percent-encoded bytes that are not UTF-8");
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8().map_err(not_utf8)?;
        return Ok(Cow::Owned(decoded.into_owned()));
    }
    percent_decode_str(text).decode_utf8().map_err(not_utf8)
}

fn has_broken_escape(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .any(|(index, _)| {
            let digits = bytes.get(index + 1..index + 3);
            !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        })
}

/// The known name that is most likely meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Below this similarity (Jaro-Winkler, 0 to 1) a suggestion confuses more than it helps.
    const LIKELY: f64 = 0.8;
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(similarity, _)| *similarity >= LIKELY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["type", "limit", "q", "coordinates"];

    fn detail(query: &str) -> String {
        Parameters::parse(Some(query), &KNOWN, &["scopeQ"]).unwrap_err().detail
    }

    #[test]
    fn values_are_decoded() {
        let parameters = Parameters::parse(
            Some("type=AED&q=name%3D%3D%22%E4%BD%90%E9%87%8E%22&coords=1"),
            &KNOWN,
            &[],
        );
        let parameters = parameters.unwrap();
        assert_eq!(parameters.get("q"), Some("name==\"佐野\""));
        assert_eq!(parameters.get("coordinates"), Some("1"));
        assert_eq!(parameters.get("limit"), None);
    }

    #[test]
    fn unknown_and_repeated_parameters_are_named_with_their_position() {
        assert_eq!(
            detail("type=AED&limt=7"),
            "unknown parameter `limt` at position 9; did you mean `limit`?"
        );
        assert_eq!(detail("xyz"), "unknown parameter `xyz` at position 0");
        assert_eq!(
            detail("q=1&q=2"),
            "parameter `q` is given a second time at position 4; give it once"
        );
        assert_eq!(detail("coords=1&coordinates=2").get(..9), Some("parameter"));
        assert!(detail("scopeQ=/a").contains("not offered"));
    }

    #[test]
    fn what_is_wrong_with_a_value_is_told_with_its_place() {
        let parameters = Parameters::parse(Some("type=架,,橋&q=&limit=x"), &KNOWN, &[]).unwrap();
        let told = |problem: Problem| problem.detail;
        assert!(told(parameters.list("type").unwrap_err()).starts_with("parameter `type` at position 2: "));
        assert!(told(parameters.text("q").unwrap_err()).starts_with("parameter `q` at position 0: "));
        assert!(told(parameters.whole_number("limit").unwrap_err()).starts_with("parameter `limit` at position 0: "));
        let broken = Parameters::parse(Some("type=AED&q=%zz"), &KNOWN, &[])
            .unwrap_err()
            .detail;
        assert!(
            broken.contains("parameter `q`") && broken.contains("position 11"),
            "{broken}"
        );
    }

    #[test]
    fn broken_encoding_is_refused() {
        assert!(detail("type=%4").contains("hexadecimal"));
        assert!(detail("type=%zz").contains("hexadecimal"));
        assert!(detail("type=%ff").contains("UTF-8"));
    }

    #[test]
    fn numbers_and_booleans_are_strict() {
        let read = |query| Parameters::parse(Some(query), &KNOWN, &[]).unwrap();
        assert_eq!(read("limit=07").whole_number("limit").unwrap(), Some(7));
        for wrong in [
            "limit=-1",
            "limit=%2B1",
            "limit=1.0",
            "limit=",
            "limit=99999999999999999999999",
            "limit=７",
        ] {
            assert!(read(wrong).whole_number("limit").is_err(), "{wrong}");
        }
        assert!(read("q=TRUE").boolean("q").is_err());
    }
}
