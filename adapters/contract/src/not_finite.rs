//! `NaN` and `Infinity` in the place of numbers: no JSON (RFC 8259 section 6), and what Python, NumPy and others write
//! unless they are told not to.

/// Stands for a number that is none: JSON, and infinite as a double.
const NO_NUMBER: &str = "1e999";

/// The words, as Python and JavaScript write them.
const WORDS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// The text with a number in the place of each such word, so that a reader of JSON finds what is wrong where it stands.
/// `None` when there is none.
pub fn with_numbers(json: &str) -> Option<String> {
    let mut written = String::new();
    let mut copied = 0;
    let mut at = 0;
    let (mut in_text, mut escaped) = (false, false);
    while let Some(byte) = json.as_bytes().get(at) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'N' | b'I' | b'-' if !in_text => {
                let rest = json.get(at..).unwrap_or_default();
                if let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
                    written.push_str(json.get(copied..at).unwrap_or_default());
                    written.push_str(NO_NUMBER);
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return None;
    }
    written.push_str(json.get(copied..).unwrap_or_default());
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_outside_of_texts() {
        assert_eq!(
            with_numbers(r#"[NaN,{"NaN":-Infinity,"b":"a\\"},Infinity]"#).as_deref(),
            Some(r#"[1e999,{"NaN":1e999,"b":"a\\"},1e999]"#)
        );
        for text in [r#"["NaN","\"Infinity",-1]"#, "", "[", "\"あNaN", "Na"] {
            assert_eq!(with_numbers(text), None, "{text}");
        }
    }
}
