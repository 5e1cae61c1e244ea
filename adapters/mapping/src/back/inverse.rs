//! From the value of an attribute back to the fields of a record: the rules of the mapping, backwards.
//!
//! What this makes is read again with the same mapping before it is sent; so a rule here may try what only mostly leads back.

use ngsi_ld::entity::{AttributeValue, DateTime, Geometry, Number, Value, render};

use super::lost::Lost;
use super::tree::Node;
use crate::language::{
    AttributeMapping, Conversion, DateShape, Finer, IdTemplate, Rule, TypeMapping, Unlisted, WriteMapping, number_text,
};
use crate::record::Slot;

/// Whole numbers up to here are doubles, each its own: what a platform keeps as a number comes back.
const WHOLE: u64 = 1 << 53;

/// A record, and how it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inverse<'a> {
    pub mapping: &'a TypeMapping,
    pub write: &'a WriteMapping,
    /// As it stands, which says what is a text there and what a number.
    pub record: &'a Node,
}

/// What a field is given, as JSON.
pub(super) type Given = (Slot, String);

/// How a field is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Boolean,
}

impl Inverse<'_> {
    /// The fields of an attribute that has this value.
    ///
    /// # Errors
    /// [`Lost`]
    pub(super) fn value(&self, attribute: &AttributeMapping, value: &AttributeValue) -> Result<Vec<Given>, Lost> {
        match (&attribute.rule, value) {
            (rule, _) if rule.is_one_way() => Err(Lost::Computed),
            (Rule::Constant(constant), AttributeValue::Property(value)) => {
                let is_it = is_same_value(constant, value);
                is_it.then(Vec::new).ok_or(Lost::Given)
            }
            (
                Rule::Field {
                    slot,
                    table,
                    conversion,
                },
                AttributeValue::Property(value),
            ) => {
                if let Some(table) = table {
                    if let Some(word) = table.word_for(|listed| is_same_value(listed, value)) {
                        return Ok(vec![(*slot, self.word(*slot, word)?)]);
                    }
                    if table.unlisted != Unlisted::Keep {
                        return Err(Lost::Word);
                    }
                }
                Ok(vec![(*slot, self.converted(*slot, conversion, value)?)])
            }
            (
                Rule::Point {
                    latitude, longitude, ..
                },
                AttributeValue::GeoProperty(geometry),
            ) => {
                let Geometry::Point(position) = &**geometry else {
                    return Err(Lost::Kind);
                };
                let degrees =
                    |slot: Slot, degrees: f64| Ok((slot, self.number(slot, &number_text(&Number::Float(degrees)))?));
                Ok(vec![
                    degrees(*latitude, position.latitude)?,
                    degrees(*longitude, position.longitude)?,
                ])
            }
            (Rule::Geometry { slot, .. }, AttributeValue::GeoProperty(geometry)) => {
                let json = render::geo_json(geometry);
                let json = match self.kind(*slot) {
                    Some(Kind::Text) => quoted(&json),
                    _ => json,
                };
                Ok(vec![(*slot, json)])
            }
            (Rule::Relationship { object }, AttributeValue::Relationship { .. }) => match value.objects() {
                [only] => self.template(object, only.as_str()).ok_or(Lost::Otherwise)?,
                _ => Err(Lost::Kind),
            },
            (Rule::Text { .. } | Rule::Expression(_), AttributeValue::Property(_)) => Err(Lost::Computed),
            _ => Err(Lost::Kind),
        }
    }

    /// The fields of a template that has made a text; `None`: it cannot have made it.
    pub(super) fn template(&self, template: &IdTemplate, made: &str) -> Option<Result<Vec<Given>, Lost>> {
        let values = template.template.invert(made)?;
        let fields = template.slots.iter().zip(values);
        Some(
            fields
                .map(|(slot, value)| Ok((*slot, self.word(*slot, &value)?)))
                .collect(),
        )
    }

    /// A date and time.
    pub(super) fn date(&self, slot: Slot, zone: i32, date: &DateTime) -> Result<String, Lost> {
        let standing = || {
            let json = self.standing(slot)?;
            let text: String = serde_json::from_str(&json).ok()?;
            DateShape::of(text.trim())
        };
        let (shape, finer) = match self.write.date {
            Some(declared) => (declared, Finer::Never),
            None => (standing().unwrap_or_else(|| DateShape::usual(zone)), Finer::WhereNeeded),
        };
        let text = shape.write(date, zone, finer).ok_or(Lost::Date)?;
        Ok(quoted(&text))
    }

    fn converted(&self, slot: Slot, conversion: &Conversion, value: &Value) -> Result<String, Lost> {
        match (conversion, value) {
            (Conversion::Keep, Value::String(text)) => Ok(quoted(text)),
            (Conversion::Keep, Value::Number(number)) => Ok(number_text(number)),
            (Conversion::Keep, Value::Boolean(boolean)) => Ok(boolean.to_string()),
            (Conversion::Keep, Value::Json(json)) => Ok(json.as_str().to_owned()),
            (Conversion::Text, Value::String(text)) => self.word(slot, text),
            (Conversion::Number, Value::Number(number)) => self.number(slot, &number_text(number)),
            (Conversion::Boolean, Value::Boolean(boolean)) => match self.kind(slot) {
                Some(Kind::Text) => Ok(quoted(&boolean.to_string())),
                _ => Ok(boolean.to_string()),
            },
            (Conversion::DateTime { zone }, Value::DateTime(date)) => self.date(slot, *zone, date),
            (Conversion::List { separator }, Value::Json(json)) => {
                let items: Vec<String> = serde_json::from_str(json.as_str()).map_err(|_| Lost::Kind)?;
                let is_list = self.standing(slot).is_some_and(|standing| standing.starts_with('['));
                match is_list {
                    true => Ok(json.as_str().to_owned()),
                    false => Ok(quoted(&items.join(separator))),
                }
            }
            _ => Err(Lost::Kind),
        }
    }

    /// A word of the platform: of a table, of an id, or a text that it may keep as a number.
    fn word(&self, slot: Slot, word: &str) -> Result<String, Lost> {
        let is_whole = |number: &i64| number.unsigned_abs() <= WHOLE && number.to_string() == word;
        let as_number = word.parse::<i64>().ok().filter(is_whole);
        match self.kind(slot) {
            Some(Kind::Number) if as_number.is_some() => Ok(word.to_owned()),
            Some(Kind::Number) if self.write.numbers.contains(&slot) => Err(Lost::NoNumber),
            Some(Kind::Boolean) if matches!(word, "true" | "false") => Ok(word.to_owned()),
            _ => Ok(quoted(word)),
        }
    }

    /// A number, by its digits.
    fn number(&self, slot: Slot, digits: &str) -> Result<String, Lost> {
        match self.kind(slot) {
            Some(Kind::Text) => Ok(quoted(digits)),
            _ => Ok(digits.to_owned()),
        }
    }

    /// How a field is written: as the mapping says, or as it stands; `None`: nobody knows.
    fn kind(&self, slot: Slot) -> Option<Kind> {
        if self.write.texts.contains(&slot) {
            return Some(Kind::Text);
        }
        if self.write.numbers.contains(&slot) {
            return Some(Kind::Number);
        }
        match self.standing(slot)?.as_bytes().first()? {
            b'"' => Some(Kind::Text),
            b't' | b'f' => Some(Kind::Boolean),
            b'-' | b'0'..=b'9' => Some(Kind::Number),
            _ => None,
        }
    }

    /// What a field holds; `None`: nothing.
    fn standing(&self, slot: Slot) -> Option<String> {
        let path = self.mapping.fields.path(slot)?;
        self.record.find(&path.steps).filter(|json| json != "null")
    }
}

/// A text, quoted.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether two values are the same to whoever reads them. Numbers may be written otherwise.
pub(super) fn is_same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(Number::Text(one)), Value::Number(Number::Text(other))) => one == other,
        (Value::Number(Number::Text(_)), _) | (_, Value::Number(Number::Text(_))) => false,
        (Value::Number(one), Value::Number(other)) => one.compare(other).is_some_and(std::cmp::Ordering::is_eq),
        (Value::Json(one), Value::Json(other)) => {
            let texts = |json: &str| serde_json::from_str::<Vec<String>>(json).ok();
            let is_list = || texts(one.as_str()).is_some_and(|items| texts(other.as_str()) == Some(items));
            one == other || is_list()
        }
        _ => one == other,
    }
}
