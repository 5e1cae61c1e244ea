//! Writing TOML that people read: comments beside values, columns as they are called.

use std::fmt::Write;

/// A text in TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A text in a comment: on one line, and not without an end.
pub(super) fn in_comment(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut told: String = text
        .chars()
        .take(LONGEST)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if text.chars().count() > LONGEST {
        told.push('…');
    }
    told
}

/// A file that is written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) questions: usize,
}

impl Draft {
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Something that the file cannot say: whoever reads it answers.
    pub(super) fn ask(&mut self, question: impl AsRef<str>) {
        self.questions += 1;
        self.line(format!("# ? {}", question.as_ref()));
    }
}
