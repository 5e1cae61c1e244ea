//! Findings as they are shown to people, in their language.

use std::fmt;

use kakehashi_messages::Language;
use unicode_width::UnicodeWidthChar;

use super::{Diagnostic, Diagnostics, Severity};
use crate::controls::escaped;

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, Language::English)
    }
}

impl Diagnostic {
    fn show(&self, f: &mut fmt::Formatter<'_>, language: Language) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let help_is = language.of("help");
        write!(f, "{}: {}", language.of(severity), escaped(&language.of(&self.message)))?;
        if let Some(location) = &self.location {
            let number = location.line.to_string();
            let gutter = " ".repeat(number.len());
            let width_of = |text: &mut dyn Iterator<Item = char>| -> usize {
                let text: String = text.collect();
                escaped(&text).chars().map(|shown| shown.width().unwrap_or(0)).sum()
            };
            let mut characters = location.excerpt.chars();
            let before = width_of(&mut characters.by_ref().take(location.column.saturating_sub(1)));
            let marked = width_of(&mut characters.take(location.width)).max(1);
            write!(
                f,
                "\n{gutter}--> {}:{}:{}\n{gutter} |\n{number} | {}\n{gutter} | {}{}",
                escaped(&location.file),
                location.line,
                location.column,
                escaped(&location.excerpt),
                " ".repeat(before),
                "^".repeat(marked),
            )?;
            if let Some(help) = &self.help {
                write!(f, "\n{gutter} = {help_is}: {}", escaped(&language.of(help)))?;
            }
        } else if let Some(help) = &self.help {
            write!(f, "\n  = {help_is}: {}", escaped(&language.of(help)))?;
        }
        Ok(())
    }
}

/// Findings, shown to somebody of a language.
#[derive(Debug)]
pub struct Told<'d, T>(&'d T, Language);

impl Diagnostic {
    /// As it is told in a language.
    #[must_use]
    pub fn told(&self, language: Language) -> Told<'_, Self> {
        Told(self, language)
    }
}

impl fmt::Display for Told<'_, Diagnostic> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f, self.1)
    }
}

impl Diagnostics {
    /// As they are told in a language.
    #[must_use]
    pub fn told(&self, language: Language) -> Told<'_, Self> {
        Told(self, language)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told(Language::English).fmt(f)
    }
}

impl fmt::Display for Told<'_, Diagnostics> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(diagnostics, language) = self;
        for (index, finding) in diagnostics.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            finding.show(f, *language)?;
        }
        if diagnostics.left_out > 0 {
            let more = format!("... and {} more", diagnostics.left_out);
            write!(f, "\n\n{}", language.of(&more))?;
        }
        Ok(())
    }
}
