//! What is wrong with a mapping file, and where.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a mapping file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingError {
    /// The file, as it was named to [`Mapping::parse`](super::Mapping::parse).
    pub file: String,
    /// Its line, counted from 1.
    pub line: usize,
    /// The character in that line, counted from 1.
    pub column: usize,
    /// The key it is about, from the top of the file: `types.AED.attributes.name`. Empty: the whole file.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub message: String,
    /// The nearest name that would be valid there.
    pub suggestion: Option<String>,
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for MappingError {}

/// A place in a mapping file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: Box<str>,
    /// Counted from 1.
    pub line: usize,
    /// The character in that line, counted from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Collects what is wrong while a file is read, so that all of it is told at once.
pub(super) struct Diagnostics<'t> {
    file: &'t str,
    text: &'t str,
    errors: Vec<MappingError>,
}

impl<'t> Diagnostics<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            errors: Vec::new(),
        }
    }

    pub(super) fn report(&mut self, span: &Range<usize>, field: &str, message: impl Into<String>) {
        self.push(span, field, message.into(), None);
    }

    /// Reports a name that is none of `known`, with the nearest of them.
    pub(super) fn unknown<'k>(
        &mut self,
        span: &Range<usize>,
        field: &str,
        message: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        self.push(span, field, message.into(), nearest(name, known));
    }

    /// Where something stands in the file.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: self.file.into(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }

    fn push(&mut self, span: &Range<usize>, field: &str, message: String, suggestion: Option<String>) {
        let Place { file, line, column } = self.place(span);
        self.errors.push(MappingError {
            file: file.into(),
            line,
            column,
            field: field.to_owned(),
            message,
            suggestion,
        });
    }

    /// What was found, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<MappingError> {
        self.errors.sort_by_key(|error| (error.line, error.column));
        self.errors
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

/// The name among `known` that is near enough to `name` to be what was meant.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    // A third of the letters wrong is a slip; more is another word.
    let tolerance = (name.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["path", "paging", "attributes"];
        assert_eq!(nearest("atributes", known).as_deref(), Some("attributes"));
        assert_eq!(nearest("pgaing", known).as_deref(), Some("paging"));
        assert_eq!(nearest("latitude", known), None);
    }

    #[test]
    fn places_are_counted_in_lines_and_characters_from_one() {
        let text = "a = 1\n名 = 2\n";
        let mut diagnostics = Diagnostics::new("x.toml", text);
        let equals = text.rfind('=').unwrap();
        diagnostics.report(&(equals..equals + 1), "名", "wrong");
        let errors = diagnostics.finish();
        assert_eq!(errors[0].to_string(), "x.toml:2:3: 名: wrong");
    }
}
