//! How records stand in a file, found out by its beginning.

use super::scan::Scan;

/// How records stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The elements of an array.
    Array,
    /// One a line.
    Lines,
    /// One, over several lines.
    Object,
    /// The Features of a FeatureCollection.
    Features,
}

/// What a file is by its beginning.
pub(super) fn form_of(head: &[u8]) -> Option<Form> {
    let head = head.trim_ascii_start();
    match head.first()? {
        b'[' => Some(Form::Array),
        b'{' => Some(form_of_object(head)),
        _ => None,
    }
}

/// An object: of a collection, of lines, or the only one.
fn form_of_object(head: &[u8]) -> Form {
    let (length, has_ended) = Scan::default().over(head);
    let object = head.get(..length).unwrap_or_default();
    let (r#type, has_features) = outer_members(object);
    match r#type.as_deref() {
        Some("FeatureCollection") => return Form::Features,
        None if has_features => return Form::Features,
        _ => {}
    }
    match object.contains(&b'\n') {
        true => Form::Object,
        // Also what is longer than was looked at.
        false if !has_ended => Form::Lines,
        false => Form::Lines,
    }
}

/// The `type` of an object, as far as it is read, and whether it has `features`.
fn outer_members(object: &[u8]) -> (Option<String>, bool) {
    let mut r#type = None;
    let mut has_features = false;
    let mut rest = object.get(1..).unwrap_or_default();
    while let Some((name, after)) = string_at(rest) {
        let Some(value) = after.trim_ascii_start().strip_prefix(b":") else {
            break;
        };
        let value = value.trim_ascii_start();
        match name.as_str() {
            "type" => r#type = string_at(value).map(|(text, _)| text),
            "features" => has_features |= value.starts_with(b"["),
            _ => {}
        }
        let (length, has_ended) = Scan::default().over(value);
        if !has_ended {
            break;
        }
        let after = value.get(length..).unwrap_or_default().trim_ascii_start();
        rest = after.strip_prefix(b",").unwrap_or_default();
    }
    (r#type, has_features)
}

/// The string that a text begins with, and what follows it.
fn string_at(text: &[u8]) -> Option<(String, &[u8])> {
    let text = text.trim_ascii_start();
    if !text.starts_with(b"\"") {
        return None;
    }
    let (length, has_ended) = Scan::default().over(text);
    let string = serde_json::from_slice(text.get(..length)?).ok()?;
    has_ended.then(|| (string, text.get(length..).unwrap_or_default()))
}
