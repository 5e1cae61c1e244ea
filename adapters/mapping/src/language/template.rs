//! Templates such as `urn:ngsi-ld:EvacuationSite:{kyotsu_id}`: fixed text around fields of a record. A
//! template is invertible: what it has made leads back to the fields.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a URN's parts, path segments and query values hold unescaped: RFC 3986 `unreserved`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bytes of an id or a path as most are: of longer ones the text grows.
const USUAL_LENGTH: usize = 96;

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Fixed text.
    Text(Box<str>),
    /// The field at this place of [`Template::fields`].
    Field(usize),
}

/// Fixed text around fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// The names between the braces, each once.
    fields: Vec<Box<str>>,
}

/// Why a text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each says what it is in its message")]
pub enum InvalidTemplate {
    #[error("a `{{` without its `}}`, or the other way round")]
    Braces,
    #[error("`{{}}` names no field")]
    EmptyField,
    #[error("two fields stand side by side: put fixed text between them, so that the id leads back to both")]
    Adjacent,
    #[error("between two fields stands text that a field's value could hold as well: use a `:` or `/` there")]
    Ambiguous,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`InvalidTemplate`]
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut template = Self {
            parts: Vec::new(),
            fields: Vec::new(),
        };
        let mut rest = text;
        while let Some((fixed, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or(InvalidTemplate::Braces)?;
            template.push_text(fixed)?;
            template.push_field(name)?;
            rest = tail;
        }
        template.push_text(rest)?;
        Ok(template)
    }

    fn push_text(&mut self, text: &str) -> Result<(), InvalidTemplate> {
        if text.contains('}') {
            return Err(InvalidTemplate::Braces);
        }
        if !text.is_empty() {
            self.parts.push(Part::Text(text.into()));
        }
        Ok(())
    }

    fn push_field(&mut self, name: &str) -> Result<(), InvalidTemplate> {
        if name.is_empty() {
            return Err(InvalidTemplate::EmptyField);
        }
        if name.contains('{') {
            return Err(InvalidTemplate::Braces);
        }
        match self.parts.last() {
            Some(Part::Field(_)) => return Err(InvalidTemplate::Adjacent),
            // An escaped value holds only unreserved characters and `%`: a separator must begin with another.
            Some(Part::Text(text)) if !self.fields.is_empty() && !text.starts_with(is_separator) => {
                return Err(InvalidTemplate::Ambiguous);
            }
            _ => {}
        }
        let known = self.fields.iter().position(|field| **field == *name);
        let index = known.unwrap_or_else(|| {
            self.fields.push(name.into());
            self.fields.len() - 1
        });
        self.parts.push(Part::Field(index));
        Ok(())
    }

    /// Its fields, in the order in which they come first.
    pub fn fields(&self) -> &[Box<str>] {
        &self.fields
    }

    /// The fixed text that everything begins with that it makes.
    pub fn beginning(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether the template is one field and nothing else: its value is taken as it stands.
    pub fn is_bare(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Field(_)])
    }

    /// The text with the fields filled in, escaped. `None` when a field is missing or empty.
    pub fn fill<'v>(&self, mut value: impl FnMut(usize) -> Option<Cow<'v, str>>) -> Option<String> {
        let mut filled = String::with_capacity(USUAL_LENGTH);
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Field(index) => {
                    let value = value(*index).filter(|value| !value.is_empty())?;
                    if self.is_bare() {
                        filled.push_str(&value);
                    } else {
                        filled.extend(utf8_percent_encode(&value, RESERVED));
                    }
                }
            }
        }
        Some(filled)
    }

    /// The values of the fields that make `text`, in the order of [`Template::fields`]; `None` when the
    /// template cannot have made it.
    pub fn invert(&self, text: &str) -> Option<Vec<String>> {
        let mut values: Vec<Option<String>> = vec![None; self.fields.len()];
        let mut rest = text;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Text(fixed) => rest = rest.strip_prefix(&**fixed)?,
                Part::Field(index) => {
                    let end = match parts.peek() {
                        _ if self.is_bare() => rest.len(),
                        Some(Part::Text(next)) if next.starts_with(is_separator) => rest.find(&**next)?,
                        Some(Part::Text(next)) => rest.len().checked_sub(next.len())?,
                        _ => rest.len(),
                    };
                    let (escaped, tail) = rest.split_at_checked(end)?;
                    let value = if self.is_bare() {
                        escaped.to_owned()
                    } else {
                        percent_decode_str(escaped).decode_utf8().ok()?.into_owned()
                    };
                    *values.get_mut(*index)? = Some(value);
                    rest = tail;
                }
            }
        }
        let values = values.into_iter().collect::<Option<Vec<_>>>()?;
        // Only the canonical form is an id: `%41` for `A` would make a second name for one entity.
        let canonical = self.fill(|index| values.get(index).map(|value| Cow::Borrowed(value.as_str())))?;
        (rest.is_empty() && canonical == text).then_some(values)
    }
}

impl fmt::Display for Template {
    /// As the mapping writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Field(index) => write!(f, "{{{}}}", self.fields.get(*index).map_or("", |name| name)),
        })
    }
}

/// Whether a character never occurs in an escaped value.
fn is_separator(character: char) -> bool {
    !(character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '~' | '%'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(template: &str, values: &[&str]) -> Option<String> {
        Template::parse(template)
            .unwrap()
            .fill(|index| values.get(index).map(|value| Cow::Borrowed(*value)))
    }

    #[test]
    fn values_are_escaped_and_lead_back() {
        let template = "urn:ngsi-ld:Room:{building}:{room}";
        let id = fill(template, &["本庁舎 1:a", "203"]).unwrap();
        assert_eq!(id, "urn:ngsi-ld:Room:%E6%9C%AC%E5%BA%81%E8%88%8E%201%3Aa:203");
        assert_eq!(
            Template::parse(template).unwrap().invert(&id).unwrap(),
            ["本庁舎 1:a", "203"]
        );
    }

    #[test]
    fn what_everything_begins_with_is_known() {
        for (template, beginning) in [
            ("urn:ngsi-ld:AED:092045-{no}", "urn:ngsi-ld:AED:092045-"),
            ("urn:{kind}:x", "urn:"),
            ("{id}", ""),
            ("urn:ngsi-ld:Town:1", "urn:ngsi-ld:Town:1"),
        ] {
            assert_eq!(Template::parse(template).unwrap().beginning(), beginning);
        }
    }

    #[test]
    fn common_ids_stay_readable() {
        assert_eq!(
            fill("urn:ngsi-ld:EvacuationSite:{id}", &["E0920400001201"]).as_deref(),
            Some("urn:ngsi-ld:EvacuationSite:E0920400001201")
        );
    }

    #[test]
    fn other_ids_and_other_spellings_do_not_lead_back() {
        let template = Template::parse("urn:x:{a}").unwrap();
        for id in [
            "urn:y:1",
            "urn:x:",
            "urn:x:%41",
            "urn:x:a b",
            "urn:x:%ff",
            "urn:x:%e3%81%82",
            "urn:x:あ",
        ] {
            assert_eq!(template.invert(id), None, "{id}");
        }
        assert_eq!(template.invert("urn:x:A").unwrap(), ["A"]);
    }

    #[test]
    fn a_missing_or_empty_field_makes_no_text() {
        assert_eq!(fill("urn:x:{a}:{b}", &["1"]), None);
        assert_eq!(fill("urn:x:{a}", &[""]), None);
    }

    #[test]
    fn templates_that_do_not_lead_back_are_refused() {
        for (text, error) in [
            ("urn:x:{a", InvalidTemplate::Braces),
            ("urn:x:a}", InvalidTemplate::Braces),
            ("urn:x:{{a}}", InvalidTemplate::Braces),
            ("urn:x:{}", InvalidTemplate::EmptyField),
            ("urn:x:{a}{b}", InvalidTemplate::Adjacent),
            ("urn:x:{a}-{b}", InvalidTemplate::Ambiguous),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_values_the_id_leads_back(
            a in ".{1,20}", b in ".{1,20}", end in "(|-end|/x)"
        ) {
            let template = Template::parse(&format!("urn:x:{{a}}:{{b}}{end}")).unwrap();
            let values = [a, b];
            let id = template.fill(|index| Some(Cow::Borrowed(values[index].as_str()))).unwrap();
            prop_assert_eq!(template.invert(&id).unwrap(), values);
            prop_assert!(ngsi_ld::EntityId::parse(&id).is_ok());
        }

        #[test]
        fn any_text_is_inverted_or_not_but_never_panics(text in "(urn:x:)?.{0,30}") {
            let template = Template::parse("urn:x:{a}-end").unwrap();
            if let Some(values) = template.invert(&text) {
                let again = template.fill(|index| Some(Cow::Borrowed(values[index].as_str())));
                prop_assert_eq!(again.as_deref(), Some(text.as_str()));
            }
        }
    }
}
