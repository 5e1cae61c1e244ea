//! What the rules of a mapping make of the fields of one record.

use std::borrow::Cow;

use kakehashi_values::characters::Folding;
use kakehashi_values::crs::Crs;
use kakehashi_values::positions;
use ngsi_ld::EntityId;
use ngsi_ld::entity::{AttributeValue, DateTime, Geometry, Json, SystemAttributes, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{Fields, Slot};
use super::findings::{Finding, Findings};
use super::origin::Origin;
use super::placed::{located, point};
use super::scalar::Scalar;
use crate::language::{
    Conversion, DateRule, IdTemplate, Rule, TextPart, TypeMapping, Unlisted, ValueTable, number_text,
};

/// One record, and what is made of it.
pub(super) struct Record<'a, 'de> {
    pub(super) mapping: &'a TypeMapping,
    pub(super) fields: &'a Fields<'de>,
    pub(super) findings: &'a mut dyn Findings,
    /// Most attributes of a record were observed at one time: it is read once.
    pub(super) last_date: Option<(Slot, i32, Option<DateTime>)>,
}

impl<'de> Record<'_, 'de> {
    /// What a field holds; `Ok(None)` when it holds nothing.
    fn field(&self, slot: Slot) -> Result<Option<Scalar<'de>>, Finding> {
        match self.mapping.fields.origin(slot) {
            // Of fields that are made of each other the mapping has none in a circle.
            Some(Origin::Derived(place)) => {
                let Some(derived) = self.mapping.derived.get(*place) else {
                    return Ok(None);
                };
                Ok(self.value(&derived.rule)?.as_ref().and_then(Scalar::made))
            }
            Some(Origin::FirstOf(slots)) => {
                let mut first = None;
                for slot in slots {
                    let found = self.field(*slot)?;
                    match found {
                        Some(scalar) if !self.is_missing(&scalar) => return Ok(Some(scalar)),
                        found => first = first.or(found),
                    }
                }
                // A table may say what a word means that means nothing otherwise.
                Ok(first)
            }
            _ => match self.fields.get(slot) {
                None => Ok(None),
                Some(content) => Scalar::of(content).map(Some).map_err(Finding::LeavesOut),
            },
        }
    }

    /// The same, without the texts that mean that there is nothing.
    pub(super) fn present(&self, slot: Slot) -> Result<Option<Scalar<'de>>, Finding> {
        Ok(self.field(slot)?.filter(|scalar| !self.is_missing(scalar)))
    }

    fn is_missing(&self, scalar: &Scalar<'_>) -> bool {
        match scalar {
            Scalar::Text(text) => {
                let text = text.trim();
                let is_it = |text: &str| self.mapping.missing.iter().any(|missing| missing == text);
                is_it(text) || self.is_missing_in_another_writing(text)
            }
            _ => false,
        }
    }

    fn is_missing_in_another_writing(&self, text: &str) -> bool {
        let folding = self.mapping.folding.unwrap_or(Folding::SPACES);
        match folding.fold(text) {
            Cow::Borrowed(_) if self.mapping.folding.is_none() => false,
            folded => self
                .mapping
                .missing
                .iter()
                .any(|missing| folding.fold(missing) == folded),
        }
    }

    /// The id that a template makes of the record.
    pub(super) fn id(&self, template: &IdTemplate) -> Option<EntityId> {
        let filled = template.template.fill(|field| {
            let slot = template.slots.get(field)?;
            match self.present(*slot).ok()?? {
                Scalar::Text(text) => Some(match self.mapping.folding {
                    Some(folding) => Cow::Owned(folding.fold(&text).into_owned()),
                    None => text,
                }),
                Scalar::Number(digits) => Some(digits),
                Scalar::Boolean(_) | Scalar::Compound(_) => None,
            }
        })?;
        EntityId::parse(&filled).ok()
    }

    pub(super) fn system(&mut self) -> SystemAttributes {
        let mut system = SystemAttributes::default();
        if let Some(created) = self
            .mapping
            .created_at
            .and_then(|rule| self.date(None, "created_at", rule))
        {
            system.dates_mut().created_at = Some(created);
        }
        if let Some(modified) = self
            .mapping
            .modified_at
            .and_then(|rule| self.date(None, "modified_at", rule))
        {
            system.dates_mut().modified_at = Some(modified);
        }
        system
    }

    /// `key`: what of the mapping names the field, of the type or of an attribute.
    pub(super) fn date(&mut self, attribute: Option<&str>, key: &str, rule: DateRule) -> Option<DateTime> {
        if let Some((slot, zone, date)) = &self.last_date
            && *slot == rule.slot
            && *zone == rule.zone
        {
            return date.clone();
        }
        let date = match self.present(rule.slot) {
            Ok(None) => Ok(None),
            Ok(Some(scalar)) => scalar.as_date_time(rule.zone).map(Some).ok_or(Finding::NoDate),
            Err(Finding::Unconvertible) => Err(Finding::NoDate),
            Err(finding) => Err(finding),
        };
        let date = date.unwrap_or_else(|finding| {
            match attribute {
                Some(attribute) => self.findings.note(&format!("{attribute}.{key}"), finding),
                None => self.findings.note(key, finding),
            }
            None
        });
        self.last_date = Some((rule.slot, rule.zone, date.clone()));
        date
    }

    /// What a rule makes of the record; `Ok(None)`: nothing.
    pub(super) fn value(&self, rule: &Rule) -> Result<Option<AttributeValue>, Finding> {
        match rule {
            Rule::Constant(value) => Ok(Some(AttributeValue::Property(value.clone()))),
            Rule::Field {
                slot,
                table,
                conversion,
            } => {
                let Some(scalar) = self.field(*slot)? else {
                    return Ok(None);
                };
                if let (Some(table), Conversion::List { .. }) = (table, conversion) {
                    return self.listed(&scalar, table, conversion);
                }
                if let Some(table) = table {
                    let word = scalar.word();
                    let listed = word.as_deref().and_then(|word| table.meaning(word));
                    match (listed, &table.unlisted) {
                        (Some(value), _) => return Ok(Some(property(value))),
                        _ if self.is_missing(&scalar) => return Ok(None),
                        (None, Unlisted::Omit) => return Err(Finding::Unlisted),
                        (None, Unlisted::Value(value)) => return Ok(Some(property(value))),
                        (None, Unlisted::Keep) => {}
                    }
                } else if self.is_missing(&scalar) {
                    return Ok(None);
                }
                scalar
                    .convert(conversion)
                    .map(|value| Some(AttributeValue::Property(value)))
            }
            Rule::Point {
                latitude,
                longitude,
                crs,
                bounds,
            } => {
                let (latitude, longitude) = (self.present(*latitude)?, self.present(*longitude)?);
                if latitude.is_none() && longitude.is_none() {
                    return Err(Finding::NoPosition);
                }
                let degrees = |scalar: Option<Scalar<'_>>| {
                    scalar
                        .and_then(|scalar| scalar.as_degrees())
                        .ok_or(Finding::ImpossiblePosition)
                };
                located(point(degrees(longitude)?, degrees(latitude)?, crs.as_ref()), *bounds)
            }
            Rule::Geometry { slot, crs, bounds } => {
                let Some(scalar) = self.present(*slot)? else {
                    return Err(Finding::NoPosition);
                };
                let geometry = match &scalar {
                    Scalar::Compound(json) => geometry(json, crs.as_deref()),
                    // Databases hand out geometries as text that holds JSON, or as WKT.
                    Scalar::Text(text) => geometry(text, crs.as_deref()).or_else(|| of_wkt(text, crs.as_deref())),
                    Scalar::Number(_) | Scalar::Boolean(_) => None,
                };
                located(geometry, *bounds)
            }
            Rule::Position(place) => self.place_text(place),
            Rule::Plane(place) => self.plane_place(place),
            Rule::Text { parts } => self.text(parts),
            Rule::Expression(computed) => self.computed(computed),
            Rule::Relationship { object } => Ok(self.id(object).map(AttributeValue::relationship)),
        }
    }
}

impl Record<'_, '_> {
    /// A text out of several fields. A field without a value adds nothing; without any there is none.
    fn text(&self, parts: &[TextPart]) -> Result<Option<AttributeValue>, Finding> {
        let mut text = String::new();
        let mut has_value = false;
        for part in parts {
            match part {
                TextPart::Fixed(fixed) => text.push_str(fixed),
                TextPart::Field(slot) => {
                    let found = self.present(*slot)?;
                    if let Some(word) = found.as_ref().and_then(Scalar::word) {
                        text.push_str(word.trim());
                        has_value = true;
                    }
                }
            }
        }
        Ok(has_value.then(|| AttributeValue::Property(Value::String(text.trim().into()))))
    }

    /// A list of which each element is a word of a table. What is left out of it is told once.
    fn listed(
        &self,
        scalar: &Scalar<'_>,
        table: &ValueTable,
        conversion: &Conversion,
    ) -> Result<Option<AttributeValue>, Finding> {
        if self.is_missing(scalar) {
            return Ok(None);
        }
        let Value::Json(list) = scalar.convert(conversion)? else {
            return Err(Finding::Unconvertible);
        };
        let elements: Vec<&RawValue> = serde_json::from_str(list.as_str()).map_err(|_| Finding::Unconvertible)?;
        let mut meant: Vec<Cow<'_, str>> = Vec::new();
        for element in elements {
            let word = Scalar::read(element.get()).map_err(Finding::LeavesOut)?;
            let listed = word.word().and_then(|word| table.meaning(&word));
            match (listed, &table.unlisted) {
                (Some(value), _) | (None, Unlisted::Value(value)) => meant.push(json_of(value).into()),
                (None, Unlisted::Keep) => meant.push(element.get().into()),
                (None, Unlisted::Omit) if self.is_missing(&word) => {}
                // A list without one of its elements would say something else.
                (None, Unlisted::Omit) => return Err(Finding::Unlisted),
            }
        }
        let json = Json::parse(&format!("[{}]", meant.join(","))).map_err(|_| Finding::Unconvertible)?;
        Ok(Some(AttributeValue::Property(Value::Json(json))))
    }
}

/// A value of a table as JSON.
pub(super) fn json_of(value: &Value) -> String {
    match value {
        Value::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Number(number) => number_text(number),
        Value::DateTime(date) => serde_json::Value::from(date.as_str()).to_string(),
        Value::Temporal { value, .. } => serde_json::Value::from(value.as_str()).to_string(),
        Value::Json(json) => json.as_str().to_owned(),
    }
}

fn property(value: &Value) -> AttributeValue {
    AttributeValue::Property(value.clone())
}

/// A geometry, or the geometry of a Feature.
fn geometry(json: &str, crs: Option<&Crs>) -> Option<Geometry> {
    #[derive(Deserialize)]
    struct Feature<'a> {
        #[serde(borrow)]
        geometry: &'a RawValue,
    }
    let read = |json: &str| match crs {
        None => Geometry::parse(json).ok(),
        Some(crs) => positions::geometry(json, crs).ok(),
    };
    if let Some(geometry) = read(json) {
        return Some(geometry);
    }
    let feature: Feature<'_> = serde_json::from_str(json).ok()?;
    read(feature.geometry.get())
}

fn of_wkt(text: &str, crs: Option<&Crs>) -> Option<Geometry> {
    positions::wkt(text, crs.unwrap_or(&Crs::wgs84())).ok()
}
