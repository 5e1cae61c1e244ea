//! Building an entity from the fields of a record.

use std::borrow::Cow;

use ngsi_ld::entity::{Attribute, AttributeValue, DateTime, Geometry, Instance, Position, SystemAttributes, Value};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::fields::{Fields, Slot, WantedSlots};
use super::findings::{Finding, Findings};
use super::scalar::Scalar;
use crate::language::{AttributeMapping, Bounds, DateRule, IdTemplate, Rule, TypeMapping, Unlisted};
use kakehashi_contract::{AttributeSelection, Flaw};

/// The part of a mapping that one query needs: what is not wanted is neither read nor built.
#[derive(Debug, Clone)]
pub struct Projection {
    /// The type of the mapping, and which attributes, by their place in the mapping; each with a name in memory of its own:
    /// every entity of the answers counts a use of it.
    r#type: TypeName,
    attributes: Vec<(usize, AttributeName)>,
    system: bool,
    /// The fields that are read for it.
    pub wanted: WantedSlots,
}

impl Projection {
    /// The part of a mapping that makes some attributes, and system attributes or not.
    pub fn new(mapping: &TypeMapping, selection: &AttributeSelection, system: bool) -> Self {
        let mut wanted = mapping.fields.nothing_wanted();
        mapping.id.slots.iter().for_each(|slot| wanted.add(*slot));
        if system {
            [mapping.created_at, mapping.modified_at]
                .into_iter()
                .flatten()
                .for_each(|rule| wanted.add(rule.slot));
        }
        let mut attributes = Vec::new();
        for (place, attribute) in mapping.attributes.iter().enumerate() {
            if selection.includes(&attribute.name) {
                attribute.slots().for_each(|slot| wanted.add(slot));
                attributes.push((place, attribute.name.unshared()));
            }
        }
        Self {
            r#type: mapping.name.unshared(),
            attributes,
            system,
            wanted,
        }
    }
}

impl AttributeMapping {
    /// The fields that the attribute's value is made of.
    pub fn value_slots(&self) -> SmallVec<[Slot; 2]> {
        match &self.rule {
            Rule::Constant(_) => SmallVec::new(),
            Rule::Field { slot, .. } | Rule::Geometry { slot, .. } => SmallVec::from_slice(&[*slot]),
            Rule::Point {
                latitude, longitude, ..
            } => SmallVec::from_slice(&[*latitude, *longitude]),
            Rule::Relationship { object } => SmallVec::from_slice(&object.slots),
        }
    }

    /// The fields that the attribute is made of, with the one that says when it was observed.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let observed = self.observed_at.map(|rule| rule.slot);
        self.value_slots().into_iter().chain(observed)
    }
}

/// Builds the entity of one record, or says why there is none.
pub fn build_entity(
    mapping: &TypeMapping,
    projection: &Projection,
    fields: Result<&Fields<'_>, Flaw>,
    findings: &mut dyn Findings,
) -> Result<Entity, Flaw> {
    let fields = fields.inspect_err(|flaw| findings.note("JSON", Finding::LeavesOut(*flaw)))?;
    let mut record = Record {
        mapping,
        fields,
        findings,
        last_date: None,
    };
    let Some(id) = record.id(&mapping.id) else {
        record.findings.note("id", Finding::LeavesOut(Flaw::NoId));
        return Err(Flaw::NoId);
    };
    let mut entity = Entity::new(id, projection.r#type.clone());
    if projection.system {
        entity.system = record.system();
    }
    entity.attributes.reserve_exact(projection.attributes.len());
    for (attribute, name) in projection
        .attributes
        .iter()
        .filter_map(|(place, name)| Some((mapping.attributes.get(*place)?, name)))
    {
        match record.value(attribute) {
            Ok(Some(value)) => {
                let own = |rule: DateRule| (mapping.observed_at != Some(rule)).then_some(attribute.short_name.as_str());
                let observed_at = attribute
                    .observed_at
                    .and_then(|rule| record.date(own(rule), "observed_at", rule));
                let instance = Instance {
                    unit_code: attribute.unit_code.clone(),
                    observed_at,
                    system: entity.system.clone(),
                    ..Instance::new(value)
                };
                entity.attributes.push(Attribute::new(name.clone(), instance));
            }
            Ok(None) => {}
            Err(finding) => {
                record.findings.note(&attribute.short_name, finding);
                if let Finding::LeavesOut(flaw) = finding {
                    return Err(flaw);
                }
            }
        }
    }
    Ok(entity)
}

struct Record<'a, 'de> {
    mapping: &'a TypeMapping,
    fields: &'a Fields<'de>,
    findings: &'a mut dyn Findings,
    /// Most attributes of a record were observed at one time: it is read once.
    last_date: Option<(Slot, i32, Option<DateTime>)>,
}

impl<'de> Record<'_, 'de> {
    /// What a field holds; `Ok(None)` when it holds nothing.
    fn field(&self, slot: Slot) -> Result<Option<Scalar<'de>>, Finding> {
        match self.fields.get(slot) {
            None => Ok(None),
            Some(json) => Scalar::read(json).map(Some).map_err(Finding::LeavesOut),
        }
    }

    /// The same, without the texts that mean that there is nothing.
    fn present(&self, slot: Slot) -> Result<Option<Scalar<'de>>, Finding> {
        Ok(self.field(slot)?.filter(|scalar| !self.is_missing(scalar)))
    }

    fn is_missing(&self, scalar: &Scalar<'_>) -> bool {
        match scalar {
            Scalar::Text(text) => {
                let text = text.trim();
                self.mapping.missing.iter().any(|missing| missing == text)
            }
            _ => false,
        }
    }

    /// The id that a template makes of the record.
    fn id(&self, template: &IdTemplate) -> Option<EntityId> {
        let filled = template.template.fill(|field| {
            let slot = template.slots.get(field)?;
            match self.present(*slot).ok()?? {
                Scalar::Text(text) => Some(text),
                Scalar::Number(digits) => Some(Cow::Borrowed(digits)),
                Scalar::Boolean(_) | Scalar::Compound(_) => None,
            }
        })?;
        EntityId::parse(&filled).ok()
    }

    fn system(&mut self) -> SystemAttributes {
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
    fn date(&mut self, attribute: Option<&str>, key: &str, rule: DateRule) -> Option<DateTime> {
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

    fn value(&self, attribute: &AttributeMapping) -> Result<Option<AttributeValue>, Finding> {
        match &attribute.rule {
            Rule::Constant(value) => Ok(Some(AttributeValue::Property(value.clone()))),
            Rule::Field {
                slot,
                table,
                conversion,
            } => {
                let Some(scalar) = self.field(*slot)? else {
                    return Ok(None);
                };
                if let Some(table) = table {
                    let word = scalar.word();
                    let listed = word
                        .as_deref()
                        .and_then(|word| table.values.get(word).or_else(|| table.values.get(word.trim())));
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
                bounds,
            } => {
                let (latitude, longitude) = (self.present(*latitude)?, self.present(*longitude)?);
                if latitude.is_none() && longitude.is_none() {
                    return Err(Finding::NoPosition);
                }
                let degrees = |scalar: Option<Scalar<'_>>| {
                    scalar
                        .and_then(|scalar| scalar.as_f64())
                        .ok_or(Finding::ImpossiblePosition)
                };
                let point = Geometry::point(degrees(longitude)?, degrees(latitude)?);
                located(point.ok(), *bounds)
            }
            Rule::Geometry { slot, bounds } => {
                let Some(scalar) = self.present(*slot)? else {
                    return Err(Finding::NoPosition);
                };
                let geometry = match &scalar {
                    Scalar::Compound(json) => geometry(json),
                    // Databases hand out geometries as text that holds JSON.
                    Scalar::Text(json) => geometry(json),
                    Scalar::Number(_) | Scalar::Boolean(_) => None,
                };
                located(geometry, *bounds)
            }
            Rule::Relationship { object } => Ok(self.id(object).map(AttributeValue::relationship)),
        }
    }
}

fn property(value: &Value) -> AttributeValue {
    AttributeValue::Property(value.clone())
}

/// A geometry, or the geometry of a Feature.
fn geometry(json: &str) -> Option<Geometry> {
    #[derive(Deserialize)]
    struct Feature<'a> {
        #[serde(borrow)]
        geometry: &'a RawValue,
    }
    if let Ok(geometry) = Geometry::parse(json) {
        return Some(geometry);
    }
    let feature: Feature<'_> = serde_json::from_str(json).ok()?;
    Geometry::parse(feature.geometry.get()).ok()
}

fn located(geometry: Option<Geometry>, bounds: Option<Bounds>) -> Result<Option<AttributeValue>, Finding> {
    geometry
        .filter(|geometry| bounds.is_none_or(|bounds| bounds.hold(geometry)))
        .map(|geometry| Some(AttributeValue::GeoProperty(Box::new(geometry))))
        .ok_or(Finding::ImpossiblePosition)
}

impl Bounds {
    fn hold(self, geometry: &Geometry) -> bool {
        let inside = |position: &Position| {
            (self.west..=self.east).contains(&position.longitude)
                && (self.south..=self.north).contains(&position.latitude)
        };
        match geometry {
            Geometry::Point(position) => inside(position),
            Geometry::MultiPoint(line) | Geometry::LineString(line) => line.iter().all(inside),
            Geometry::MultiLineString(lines) | Geometry::Polygon(lines) => lines.iter().flatten().all(inside),
            Geometry::MultiPolygon(polygons) => polygons.iter().flatten().flatten().all(inside),
            Geometry::GeometryCollection(_) => geometry.members().iter().all(|one| self.hold(one)),
        }
    }
}
