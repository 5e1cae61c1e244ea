//! JSON lines as one array.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::{FormatError, Limits, Report, What};

/// The text as one JSON document: JSON as it stands, JSON lines as an array of those lines that are JSON. What is neither comes
/// back as it stands: whoever reads it says where it breaks.
///
/// # Errors
/// More lines than rows may be.
pub fn json<'a>(text: &'a str, report: &mut Report, limits: &Limits) -> Result<Cow<'a, str>, FormatError> {
    let text = text.trim_start_matches('\u{FEFF}');
    if !is_lines(text) {
        return Ok(Cow::Borrowed(text));
    }
    let mut array = String::with_capacity(text.len() + 2);
    array.push('[');
    for (line, number) in text.lines().zip(1_u64..) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if number > limits.rows {
            return Err(FormatError::TooLarge {
                what: "lines",
                limit: limits.rows,
            });
        }
        if serde_json::from_str::<IgnoredAny>(line).is_err() {
            report.note(number, 0, What::BadLine);
            continue;
        }
        if array.len() > 1 {
            array.push(',');
        }
        array.push_str(line);
    }
    array.push(']');
    Ok(Cow::Owned(array))
}

/// Whether the first line is JSON by itself, and more follows it.
fn is_lines(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let is_object = text.trim_start().starts_with('{');
    let first = values.next();
    is_object && matches!(first, Some(Ok(_))) && values.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Report) {
        let mut report = Report::default();
        let json = json(text, &mut report, &Limits::default()).unwrap().into_owned();
        (json, report)
    }

    #[test]
    fn lines_become_an_array_and_a_bad_one_costs_itself() {
        let (json, report) = read("\u{FEFF}{\"a\":1}\r\n\r\n{\"a\":\n{\"a\":3}\n");
        assert_eq!(json, r#"[{"a":1},{"a":3}]"#);
        assert_eq!((report.count(What::BadLine), report.findings()[0].row), (1, 3));
        for text in ["{\"a\":\n1}", "[1,\n2]", "{\"a\":", ""] {
            assert_eq!(read(text), (text.to_owned(), Report::default()));
        }
    }
}
