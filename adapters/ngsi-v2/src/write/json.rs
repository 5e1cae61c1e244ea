//! Values of JSON as Orion gives them back: their texts and numbers one by one.

use std::borrow::Cow;

use ngsi_ld::entity::Number;

use super::lost::Lost;
use super::number;

/// Whether Orion takes the text as a value of any type but `TextUnrestricted`.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains(['<', '>', '"', '\'', '=', ';', '(', ')'])
}

/// Whether a text ends where it ends. What is behind a zero byte would be lost.
pub(super) fn is_whole(text: &str) -> bool {
    !text.contains('\0')
}

/// A text, quoted.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value without space between its tokens, with its numbers as Orion prints them.
///
/// # Errors
/// What of it would be lost.
pub(super) fn kept(json: &str) -> Result<String, Lost> {
    let mut kept = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => length_of_text(rest),
            '-' | '0'..='9' => rest.find([',', ']', '}']).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let Some((token, behind)) = rest.split_at_checked(length) else {
            return Err(Lost::Otherwise);
        };
        match first {
            '"' => kept.push_str(&kept_text(token, behind.starts_with(':'))?),
            '-' | '0'..='9' => {
                let number = Number::parse(token).ok_or(Lost::Digits)?;
                kept.push_str(&number::kept(&number).ok_or(Lost::Digits)?);
            }
            _ => kept.push_str(token),
        }
        rest = behind;
    }
    Ok(kept)
}

/// A text of a value, or the name of a member. In the latter Orion's database has an equals sign in the place of each dot, and a
/// dollar sign at its beginning is an operator's.
fn kept_text(token: &str, is_name: bool) -> Result<Cow<'_, str>, Lost> {
    let text: String = serde_json::from_str(token).map_err(|_| Lost::Otherwise)?;
    if !is_whole(&text) {
        return Err(Lost::ZeroByte);
    }
    if is_name {
        let is_kept = !text.is_empty() && !text.starts_with('$') && !text.contains('=');
        return is_kept.then_some(Cow::Borrowed(token)).ok_or(Lost::MemberName);
    }
    is_plain(&text).then_some(Cow::Borrowed(token)).ok_or(Lost::Characters)
}

/// The bytes of the text at the beginning, with its quotes.
fn length_of_text(json: &str) -> usize {
    let mut is_escaped = false;
    for (position, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return position + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_orion_prints_them_and_the_rest_stays() {
        let json = r#"{"a":[1.0,true,null,"x-1e2"],"b":{}}"#;
        assert_eq!(kept(json).unwrap(), r#"{"a":[1,true,null,"x-1e2"],"b":{}}"#);
        assert_eq!(kept(r#""a\\""#).unwrap(), r#""a\\""#);
        assert_eq!(kept("[]").unwrap(), "[]");
        assert_eq!(kept("[1e2,0.5]").unwrap(), "[100,0.5]");
    }

    #[test]
    fn what_would_be_lost_inside_is_said() {
        assert_eq!(kept(r#"{"a":[0.1234567891]}"#), Err(Lost::Digits));
        assert_eq!(kept(r#"["a(b)"]"#), Err(Lost::Characters));
        assert_eq!(kept(r#"["a\"b"]"#), Err(Lost::Characters));
        assert_eq!(kept(r#"{"a\u003db":1}"#), Err(Lost::MemberName));
        assert_eq!(kept(r#"{"$a":1}"#), Err(Lost::MemberName));
        assert_eq!(kept(r#"["a\u0000b"]"#), Err(Lost::ZeroByte));
        assert_eq!(kept(r#"{"(a)":1}"#).unwrap(), r#"{"(a)":1}"#);
    }
}
