//! Reading tables of a TOML file that remember where they stand: unknown keys, wrong kinds of values and
//! missing keys are reported with their place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Diagnostics;

/// A value, and where it stands.
pub(super) type TomlValue<'d> = Spanned<DeValue<'d>>;

/// A text of the file, and where it stands.
#[derive(Clone)]
pub(super) struct Located<'d> {
    pub(super) text: &'d str,
    pub(super) span: Range<usize>,
}

/// One entry of a table.
pub(super) struct Entry<'d> {
    pub(super) key: &'d str,
    pub(super) key_span: Range<usize>,
    pub(super) value: &'d TomlValue<'d>,
}

/// A table under its dotted name.
pub(super) struct TomlTable<'d> {
    pub(super) field: String,
    pub(super) span: Range<usize>,
    table: &'d DeTable<'d>,
}

impl<'d> TomlTable<'d> {
    pub(super) fn root(table: &'d Spanned<DeTable<'d>>) -> Self {
        Self {
            field: String::new(),
            span: 0..0,
            table: table.get_ref(),
        }
    }

    /// The value as a table; anything else is reported.
    pub(super) fn of(value: &'d TomlValue<'d>, field: String, diagnostics: &mut Diagnostics<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Self {
                field,
                span: value.span(),
                table,
            }),
            other => {
                wrong_kind(&value.span(), &field, "a table", other, diagnostics);
                None
            }
        }
    }

    /// Reports every key that is none of `known`.
    pub(super) fn check_keys(&self, known: &[&str], diagnostics: &mut Diagnostics<'_>) {
        for entry in self.entries() {
            if !known.contains(&entry.key) {
                let message = format!("unknown key `{}`", entry.key);
                diagnostics.unknown(&entry.key_span, &self.field, message, entry.key, known.iter().copied());
            }
        }
    }

    /// The entries in the order of the file.
    pub(super) fn entries(&self) -> Vec<Entry<'d>> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().as_ref(),
                key_span: key.span(),
                value,
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        entries
    }

    pub(super) fn get(&self, key: &str) -> Option<&'d TomlValue<'d>> {
        self.table
            .iter()
            .find(|(name, _)| name.get_ref().as_ref() == key)
            .map(|(_, value)| value)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The dotted name of a key in this table.
    pub(super) fn field_of(&self, key: &str) -> String {
        if self.field.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.field)
        }
    }

    pub(super) fn text(&self, key: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Located<'d>> {
        let value = self.get(key)?;
        text_of(value, &self.field_of(key), diagnostics)
    }

    pub(super) fn required_text(&self, key: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Located<'d>> {
        if !self.has(key) {
            diagnostics.report(&self.span, &self.field, format!("`{key}` is missing"));
        }
        self.text(key, diagnostics)
    }

    pub(super) fn table(&self, key: &str, diagnostics: &mut Diagnostics<'_>) -> Option<TomlTable<'d>> {
        TomlTable::of(self.get(key)?, self.field_of(key), diagnostics)
    }

    /// A whole number of at least `least`.
    pub(super) fn integer(&self, key: &str, least: u64, diagnostics: &mut Diagnostics<'_>) -> Option<u64> {
        let value = self.get(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            wrong_kind(
                &value.span(),
                &self.field_of(key),
                "a whole number",
                value.get_ref(),
                diagnostics,
            );
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if number >= least => Some(number),
            _ => {
                let message = format!("expected a whole number of at least {least}");
                diagnostics.report(&value.span(), &self.field_of(key), message);
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Vec<String>> {
        let value = self.get(key)?;
        let field = self.field_of(key);
        let DeValue::Array(items) = value.get_ref() else {
            wrong_kind(&value.span(), &field, "a list of texts", value.get_ref(), diagnostics);
            return None;
        };
        items
            .iter()
            .map(|item| text_of(item, &field, diagnostics).map(|located| located.text.to_owned()))
            .collect()
    }
}

/// The value as a text; anything else is reported.
pub(super) fn text_of<'d>(
    value: &'d TomlValue<'d>,
    field: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Located<'d>> {
    match value.get_ref() {
        DeValue::String(text) => Some(Located {
            text: text.as_ref(),
            span: value.span(),
        }),
        other => {
            wrong_kind(&value.span(), field, "a text", other, diagnostics);
            None
        }
    }
}

/// The value as a number.
pub(super) fn number_of(value: &TomlValue<'_>) -> Option<f64> {
    match value.get_ref() {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| i32::try_from(number).ok())
            .map(f64::from),
        DeValue::Float(float) => float.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

pub(super) fn wrong_kind(
    span: &Range<usize>,
    field: &str,
    expected: &str,
    found: &DeValue<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    diagnostics.report(span, field, format!("expected {expected}, found {found}"));
}
