//! Which characters Orion refuses where, and how long a name may be.

use super::error::OrionError;
use super::json::Json;

/// The longest id, type or attribute name.
const LONGEST: usize = 256;

/// Refused in values and in most query text.
pub(crate) fn is_forbidden(character: char) -> bool {
    matches!(character, '<' | '>' | '"' | '\'' | '=' | ';' | '(' | ')')
}

/// Whether any character of the text is refused in values.
pub(crate) fn has_forbidden(text: &str) -> bool {
    text.contains(is_forbidden)
}

fn is_forbidden_in_names(character: char) -> bool {
    is_forbidden(character) || matches!(character, '&' | '?' | '/' | '#') || !character.is_ascii_graphic()
}

/// Checks an id, a type or a name; `what` is how Orion calls it in its errors.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), OrionError> {
    if name.is_empty() {
        return Err(OrionError::bad_request(format!(
            "{what} length: 0, min length supported: 1"
        )));
    }
    if name.len() > LONGEST {
        return Err(OrionError::bad_request(format!(
            "{what} length: {}, max length supported: {LONGEST}",
            name.len()
        )));
    }
    if name.contains(is_forbidden_in_names) {
        return Err(OrionError::bad_request(format!("Invalid characters in {what}")));
    }
    Ok(())
}

/// Checks every text inside a value; the names of nested members are not looked at, as recorded.
pub(crate) fn check_value(what: &str, value: &Json) -> Result<(), OrionError> {
    match value {
        Json::String(text) if has_forbidden(text) => {
            Err(OrionError::bad_request(format!("Invalid characters in {what}")))
        }
        Json::Array(items) => items.iter().try_for_each(|item| check_value(what, item)),
        Json::Object(members) => members.iter().try_for_each(|(_, member)| check_value(what, member)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}
