//! Query parameters of the URL, and the members of a body that stand for them: each known, each at most once, each well
//! encoded.

use std::borrow::Cow;

use ngsi_ld::AttributeName;
use ngsi_ld::context::Context;
use ngsi_ld::query::SyntaxError;
use percent_encoding::percent_decode_str;

use super::known_parameters::Parameter;
use super::unknown_parameters::did_you_mean;
use crate::problem::{ErrorType, Problem};

/// What has a name that may stand in a URL.
pub(super) trait Named {
    /// The name.
    fn name(&self) -> &'static str;
}

impl Named for Parameter {
    fn name(&self) -> &'static str {
        self.name
    }
}

impl Named for &'static str {
    fn name(&self) -> &'static str {
        self
    }
}

/// The parameters of one request, decoded, in the order of the URL; then those of the body.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    pairs: Vec<Pair<'a>>,
}

/// A parameter that was given.
#[derive(Debug)]
struct Pair<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    /// The member of the body that it comes from; `None`: the URL.
    member: Option<Member>,
}

/// Where in a body a parameter stood.
#[derive(Debug)]
struct Member {
    /// Its path, such as `geoQ.georel`.
    path: String,
    /// How many characters each element has, where it is an array, whose elements commas separate here.
    elements: Vec<usize>,
}

/// Names that real clients use for a parameter of CIM 009.
const ALIASES: [(&str, &str); 1] = [("coords", "coordinates")];

/// Parameters in which `+` is a sign of their language that forms cannot mean a space by: a scope has none, and `+` is
/// any level of it (clause 4.19).
const KEEPING_PLUS: [&str; 1] = ["scopeQ"];

impl<'a> Parameters<'a> {
    /// Reads the query part of a URL. `known` are the parameters that the operation offers, `unsupported` those
    /// of CIM 009 that it does not offer yet.
    ///
    /// # Errors
    /// A problem that names the parameter and its position in the query (characters from 0).
    pub(super) fn parse(query: Option<&'a str>, known: &[impl Named], unsupported: &[&str]) -> Result<Self, Problem> {
        let mut parameters = Self { pairs: Vec::new() };
        let query = query.unwrap_or_default();
        let mut position = 0;
        for part in query.split('&') {
            let start = position;
            position += part.chars().count() + 1;
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = canonical_name(decode(name, "the name of a parameter", start, true)?);
            if unsupported.contains(&name.as_ref()) {
                return Err(Problem::new(
                    ErrorType::OperationNotSupported,
                    format!("parameter `{name}` at position {start} is not offered by this version"),
                ));
            }
            if !known.iter().any(|known| known.name() == name) {
                let hint = did_you_mean(&name, known.iter().map(Named::name));
                return Err(Problem::new(
                    ErrorType::InvalidRequest,
                    format!("unknown parameter `{name}` at position {start}{hint}"),
                ));
            }
            if parameters.get(&name).is_some() {
                return Err(Problem::new(
                    ErrorType::InvalidRequest,
                    format!("parameter `{name}` is given a second time at position {start}; give it once"),
                ));
            }
            let place = start + name.chars().count() + 1;
            let plus_is_space = !KEEPING_PLUS.contains(&name.as_ref());
            let value = decode(value, &format!("parameter `{name}`"), place, plus_is_space)?;
            parameters.pairs.push(Pair {
                name,
                value,
                member: None,
            });
        }
        Ok(parameters)
    }

    /// Adds what a member of the body says in the place of a parameter. `path` is that of the member.
    ///
    /// # Errors
    /// A problem when the URL has the parameter, too.
    pub(super) fn add_member(
        &mut self,
        name: &'static str,
        path: &str,
        value: impl Into<Cow<'a, str>>,
    ) -> Result<(), Problem> {
        self.add(name, path, value.into(), Vec::new())
    }

    /// Whether a parameter stands in the body.
    pub(super) fn is_member(&self, name: &str) -> bool {
        self.pair(name).is_some_and(|pair| pair.member.is_some())
    }

    /// Adds what an array in the body says in the place of a parameter that is a list.
    ///
    /// # Errors
    /// A problem when the URL has the parameter, too.
    pub(super) fn add_elements(&mut self, name: &'static str, path: &str, elements: &[&str]) -> Result<(), Problem> {
        let lengths = elements.iter().map(|element| element.chars().count()).collect();
        self.add(name, path, Cow::Owned(elements.join(",")), lengths)
    }

    fn add(
        &mut self,
        name: &'static str,
        path: &str,
        value: Cow<'a, str>,
        elements: Vec<usize>,
    ) -> Result<(), Problem> {
        if let Some(earlier) = self.pairs.iter().find(|pair| pair.name == name) {
            let (error, detail) = match &earlier.member {
                None => (
                    ErrorType::InvalidRequest,
                    format!("parameter `{name}` stands in the URL, and member `{path}` in the body; give one of them"),
                ),
                Some(member) => (
                    ErrorType::BadRequestData,
                    format!("members `{}` and `{path}` mean the same; give one of them", member.path),
                ),
            };
            return Err(Problem::new(error, detail));
        }
        let path = path.to_owned();
        self.pairs.push(Pair {
            name: Cow::Borrowed(name),
            value,
            member: Some(Member { path, elements }),
        });
        Ok(())
    }

    /// A fault in the value of a parameter, or of the member of the body that stands for it. `position` counts
    /// characters of the value.
    #[must_use]
    pub(super) fn fault(&self, name: &str, position: usize, detail: impl std::fmt::Display) -> Problem {
        let Some(Member { path, elements }) = self.pair(name).and_then(|pair| pair.member.as_ref()) else {
            return Problem::parameter(name, position, detail);
        };
        let mut in_element = position;
        for (index, length) in elements.iter().enumerate() {
            if in_element <= *length {
                return Problem::member(&format!("{path}[{index}]"), in_element, detail);
            }
            in_element -= length + 1;
        }
        Problem::member(path, in_element, detail)
    }

    /// The value of a parameter, if it was given.
    #[must_use]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pair(name).map(|pair| pair.value.as_ref())
    }

    fn pair(&self, name: &str) -> Option<&Pair<'a>> {
        self.pairs.iter().find(|pair| pair.name == name)
    }

    /// The value of a parameter that may not be empty.
    ///
    /// # Errors
    /// A problem when it was given without a value.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.get(name) {
            Some("") => Err(self.fault(name, 0, "it is empty; give a value or leave it out")),
            value => Ok(value),
        }
    }

    /// The items of a comma-separated list, none of which may be empty, each with its position in characters.
    ///
    /// # Errors
    /// A problem that says where the empty item should stand.
    pub(super) fn list(&self, name: &str) -> Result<Vec<(usize, &str)>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(Vec::new());
        };
        let mut items = Vec::new();
        let mut position = 0;
        for item in text.split(',') {
            if item.is_empty() {
                let detail = format_args!("item {} of the list is empty", items.len() + 1);
                return Err(self.fault(name, position, detail));
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
    pub(super) fn whole_number(&self, name: &str) -> Result<Option<usize>, Problem> {
        self.text(name)?
            .map(|text| {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse()
                    .ok()
                    .filter(|_| digits)
                    .ok_or_else(|| self.fault(name, 0, "expected a whole number from 0"))
            })
            .transpose()
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// A problem when the value is anything else.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.text(name)?
            .map(|text| match text {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(self.fault(name, 0, "expected `true` or `false`")),
            })
            .transpose()
    }
}

/// The names of attributes that a parameter lists, expanded.
///
/// # Errors
/// A problem that names the parameter and the position.
pub(super) fn attributes(
    name: &str,
    parameters: &Parameters<'_>,
    context: &Context,
) -> Result<Vec<AttributeName>, Problem> {
    parameters
        .list(name)?
        .into_iter()
        .map(|(position, attribute)| expand_attribute(parameters, name, position, attribute, context))
        .collect()
}

/// The name of an attribute, expanded.
///
/// # Errors
/// A problem that names the parameter and the position.
//= 5.6.21.4-5, 5.7.1.4-9
pub(super) fn expand_attribute(
    parameters: &Parameters<'_>,
    parameter: &str,
    position: usize,
    name: &str,
    context: &Context,
) -> Result<AttributeName, Problem> {
    context
        .expand_written_attribute(name)
        .map_err(|error| parameters.fault(parameter, position, error))
}

/// What is wrong with a text in a language of CIM 009.
pub(super) fn syntax(parameters: &Parameters<'_>, name: &str, error: &SyntaxError) -> Problem {
    let detail = format_args!("expected {}, found {}", error.expected, error.found);
    parameters.fault(name, error.position, detail)
}

/// A value that the parameter does not take.
pub(super) fn unknown_value(
    parameter: &str,
    position: usize,
    value: &str,
    expected: impl std::fmt::Display,
) -> Problem {
    /// A consumer's own value is said back to it, bounded.
    const SHOWN: usize = 60;
    let shown: String = value.chars().take(SHOWN).collect();
    Problem::parameter(parameter, position, format_args!("unknown value `{shown}`; {expected}"))
}

/// The name in CIM 009 of what a client calls so, in a URL or in a `geoQ`.
pub(super) fn canonical_name(name: Cow<'_, str>) -> Cow<'_, str> {
    match ALIASES.iter().find(|(alias, _)| *alias == name) {
        Some((_, canonical)) => Cow::Borrowed(canonical),
        None => name,
    }
}

/// Decodes percent-encoding and, where it may stand for one, `+` as a space, as form encoding and thereby most clients
/// write it.
fn decode<'a>(text: &'a str, what: &str, position: usize, plus_is_space: bool) -> Result<Cow<'a, str>, Problem> {
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
    if plus_is_space && text.contains('+') {
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
    fn plus_is_a_space_but_in_scopes() {
        let known = ["q", "scopeQ"];
        let parameters = Parameters::parse(Some("q=a+b&scopeQ=/Madrid/+/Park,%2B/x"), &known, &[]).unwrap();
        assert_eq!(parameters.get("q"), Some("a b"));
        assert_eq!(parameters.get("scopeQ"), Some("/Madrid/+/Park,+/x"));
    }

    #[test]
    fn members_of_a_body_stand_for_parameters_and_are_named_in_their_faults() {
        let mut parameters = Parameters::parse(Some("limit=x"), &KNOWN, &[]).unwrap();
        parameters
            .add_member("coordinates", "geoQ.coordinates", "[1,2")
            .unwrap();
        parameters
            .add_elements("type", "names", &["架", "b{c,d}", "橋d"])
            .unwrap();
        let told = |name, position| parameters.fault(name, position, "wrong").detail;
        assert_eq!(told("coordinates", 3), "member `geoQ.coordinates` at position 3: wrong");
        assert_eq!(told("type", 0), "member `names[0]` at position 0: wrong");
        assert_eq!(told("type", 4), "member `names[1]` at position 2: wrong");
        assert_eq!(told("type", 10), "member `names[2]` at position 1: wrong");
        assert_eq!(told("limit", 0), "parameter `limit` at position 0: wrong");
        assert_eq!(told("q", 0), "parameter `q` at position 0: wrong");
        let twice = parameters.add_member("limit", "limit", "1").unwrap_err();
        assert!(twice.detail.contains("`limit` stands in the URL"), "{}", twice.detail);
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
