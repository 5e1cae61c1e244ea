//! Every place in an entity where a text can stand: values of every kind, what is in them, names, ids, scopes.

use compact_str::CompactString;
use ngsi_ld::entity::{Attribute, AttributeValue, Instance, Json, LanguageMap, Number, ObjectTypes, Seal, Value};
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};

use super::json::{is_suspicious_json, rewritten};
use super::names::is_suspicious as is_suspicious_name;
use super::rules::speaks_of_my_number;
use super::text::{Hit, digits_of_whole, hits, is_suspicious as is_suspicious_text, masked};
use super::{Action, Finding, Inspection, Rule};
use crate::grant::show_changes_of_visible_attributes;

/// What stands in the place of an id that is masked.
const MASKED_ID: &str = "urn:kakehashi:masked";

/// Whether anything in the entity may be somebody's number or address.
pub(super) fn is_suspicious(entity: &Entity) -> bool {
    is_suspicious_text(entity.id.as_str())
        || entity.types.iter().any(|name| is_suspicious_name(name.iri()))
        || entity.scopes.iter().any(|scope| is_suspicious_text(scope))
        || entity.attributes.iter().any(is_suspicious_attribute)
}

fn is_suspicious_attribute(attribute: &Attribute) -> bool {
    is_suspicious_name(attribute.name.iri()) || attribute.instances.iter().any(is_suspicious_instance)
}

fn is_suspicious_instance(instance: &Instance) -> bool {
    let seal = instance.seal.as_ref();
    is_suspicious_value(&instance.value)
        || instance
            .dataset_id
            .as_ref()
            .is_some_and(|id| is_suspicious_text(id.as_str()))
        || instance.unit_code.as_ref().is_some_and(|code| is_suspicious_text(code))
        || instance
            .value_type
            .as_ref()
            .is_some_and(|iri| is_suspicious_text(iri.as_str()))
        || seal.is_some_and(|seal| texts_of(seal).any(is_suspicious_text))
        || instance.sub_attributes.iter().any(is_suspicious_attribute)
}

fn texts_of(seal: &Seal) -> impl Iterator<Item = &str> {
    let id = seal.entity_id.as_ref().map(EntityId::as_str);
    id.into_iter().chain(seal.entity_type.as_ref().map(TypeName::as_str))
}

fn is_suspicious_value(value: &AttributeValue) -> bool {
    if value
        .object_types()
        .iter()
        .any(|name| is_suspicious_text(name.as_str()))
    {
        return true;
    }
    match value {
        AttributeValue::Property(value) => match value {
            Value::String(text) => is_suspicious_text(text),
            Value::Number(number) => whole_number(number).is_some_and(|text| is_suspicious_text(&text)),
            Value::Json(json) => is_suspicious_json(json.as_str()),
            // Both were checked to be dates when they were read.
            Value::Boolean(_) | Value::DateTime(_) | Value::Temporal { .. } => false,
        },
        AttributeValue::Relationship { objects, .. } => objects.iter().any(|id| is_suspicious_text(id.as_str())),
        AttributeValue::ListRelationship { objects, .. } => objects.iter().any(|id| is_suspicious_text(id.as_str())),
        AttributeValue::LanguageProperty(map) => map
            .iter()
            .any(|(tag, texts)| is_suspicious_text(tag) || texts.iter().any(|text| is_suspicious_text(text))),
        AttributeValue::VocabProperty(terms) => terms.iter().any(|term| is_suspicious_text(term.as_str())),
        AttributeValue::JsonProperty(json) | AttributeValue::ListProperty(json) => is_suspicious_json(json.as_str()),
        // Longitude and latitude are degrees; an altitude may be any number.
        AttributeValue::GeoProperty(geometry) => {
            geometry.has_altitude(|metres| digits_of_whole(metres).is_some_and(|digits| is_suspicious_text(&digits)))
        }
    }
}

/// A whole number that may have twelve digits, as text.
fn whole_number(number: &Number) -> Option<String> {
    let digits = digits_of_whole(number.as_f64())?;
    Some(match number {
        Number::Integer(integer) => integer.to_string(),
        Number::Float(_) | Number::Text(_) => digits,
    })
}

/// What becomes of the thing that a text is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    /// The attribute of the entity that it is in.
    attribute: Option<&'a AttributeName>,
    /// Whether that is a contact of a facility.
    is_contact: bool,
    /// Whether a name on the way to it speaks of a マイナンバー.
    context: bool,
}

const OF_ENTITY: Place<'static> = Place {
    attribute: None,
    is_contact: false,
    context: false,
};

/// One entity being looked through.
pub(super) struct Inspecting<'a> {
    inspection: &'a Inspection,
    tell: &'a mut dyn FnMut(Finding),
    /// Whether something of what is being looked through was masked or dropped.
    has_hidden: bool,
}

impl<'a> Inspecting<'a> {
    pub(super) fn new(inspection: &'a Inspection, tell: &'a mut dyn FnMut(Finding)) -> Self {
        Self {
            inspection,
            tell,
            has_hidden: false,
        }
    }

    /// The entity as it may leave.
    pub(super) fn entity(mut self, mut entity: Entity) -> Option<Entity> {
        // An id cannot be masked: it would be another entity's. Nor can a type.
        let is_named_after_somebody = self.holds(entity.id.as_str(), OF_ENTITY)
            | entity
                .types
                .iter()
                .fold(false, |found, name| found | self.holds(name.as_str(), OF_ENTITY));
        if is_named_after_somebody {
            return None;
        }
        entity.scopes.retain(|scope| !self.holds(scope, OF_ENTITY));
        entity.attributes.retain_mut(|attribute| {
            let name = attribute.name.clone();
            let place = Place {
                attribute: Some(&name),
                is_contact: self.inspection.classification.is_facility_contact(&name),
                context: false,
            };
            self.attribute(attribute, place) == Fate::Stays
        });
        if self.has_hidden {
            show_changes_of_visible_attributes(&mut entity);
        }
        Some(entity)
    }

    fn attribute(&mut self, attribute: &mut Attribute, outer: Place<'_>) -> Fate {
        if self.holds(attribute.name.as_str(), outer) {
            return Fate::Goes;
        }
        let place = Place {
            context: outer.context || speaks_of_my_number(attribute.name.as_str()),
            ..outer
        };
        attribute
            .instances
            .retain(|instance| self.instance(instance, place) == Fate::Stays);
        if attribute.instances.is_empty() {
            Fate::Goes
        } else {
            Fate::Stays
        }
    }

    /// An instance, of which `modifiedAt` must not tell that something of it that is hidden has changed: when what is left
    /// to see was modified nobody knows then, and what cannot be known to have been modified is as it was created.
    fn instance(&mut self, instance: &mut Instance, place: Place<'_>) -> Fate {
        let outer = std::mem::take(&mut self.has_hidden);
        let fate = self.what_stays_of(instance, place);
        if self.has_hidden && instance.system.modified_at().is_some() {
            let dates = instance.system.dates_mut();
            dates.modified_at = dates.created_at.clone();
        }
        self.has_hidden |= outer || fate == Fate::Goes;
        fate
    }

    fn what_stays_of(&mut self, instance: &mut Instance, place: Place<'_>) -> Fate {
        // These say what the instance is; without them it would be another.
        let dataset = instance
            .dataset_id
            .as_ref()
            .is_some_and(|id| self.holds(id.as_str(), place));
        let mut seal = instance.seal.as_ref().map(|seal| texts_of(seal)).into_iter().flatten();
        let seal = seal.any(|text| self.holds(text, place));
        if dataset || seal || self.value(&mut instance.value, place) == Fate::Goes {
            return Fate::Goes;
        }
        if instance.unit_code.as_ref().is_some_and(|code| self.holds(code, place)) {
            instance.unit_code = None;
        }
        if instance
            .value_type
            .as_ref()
            .is_some_and(|iri| self.holds(iri.as_str(), place))
        {
            instance.value_type = None;
        }
        instance
            .sub_attributes
            .retain_mut(|inner| self.attribute(inner, place) == Fate::Stays);
        Fate::Stays
    }

    fn value(&mut self, value: &mut AttributeValue, place: Place<'_>) -> Fate {
        match value {
            AttributeValue::Property(value) => self.property(value, place),
            AttributeValue::Relationship { objects, object_types } => {
                self.object_types(object_types, place);
                self.ids(objects, place)
            }
            AttributeValue::ListRelationship { objects, object_types } => {
                self.object_types(object_types, place);
                self.ids(objects, place)
            }
            AttributeValue::LanguageProperty(map) => self.languages(map, place),
            AttributeValue::VocabProperty(terms) => {
                let mut fate = Fate::Stays;
                for term in terms {
                    match self.strictest(term.as_str(), place) {
                        Some(Action::Mask) => *term = Iri::new(MASKED_ID),
                        Some(Action::Drop) => fate = Fate::Goes,
                        Some(Action::Report) | None => {}
                    }
                }
                fate
            }
            AttributeValue::JsonProperty(json) | AttributeValue::ListProperty(json) => self.json(json, place),
            AttributeValue::GeoProperty(geometry) => {
                let mut fate = Fate::Stays;
                geometry.retain_altitudes(|metres| {
                    let action = digits_of_whole(metres).and_then(|digits| self.strictest(&digits, place));
                    if action == Some(Action::Drop) {
                        fate = Fate::Goes;
                    }
                    matches!(action, Some(Action::Report) | None)
                });
                fate
            }
        }
    }

    fn property(&mut self, value: &mut Value, place: Place<'_>) -> Fate {
        match value {
            Value::String(text) => self.text(text, place),
            Value::Number(number) => match whole_number(number).and_then(|text| self.strictest(&text, place)) {
                Some(Action::Mask) => {
                    *value = Value::String(super::text::MASK.into());
                    Fate::Stays
                }
                Some(Action::Drop) => Fate::Goes,
                Some(Action::Report) | None => Fate::Stays,
            },
            Value::Json(json) => self.json(json, place),
            Value::Boolean(_) | Value::DateTime(_) | Value::Temporal { .. } => Fate::Stays,
        }
    }

    fn ids(&mut self, ids: &mut [EntityId], place: Place<'_>) -> Fate {
        let mut fate = Fate::Stays;
        for id in ids {
            match self.strictest(id.as_str(), place) {
                Some(Action::Mask) => *id = EntityId::new_unchecked(MASKED_ID),
                Some(Action::Drop) => fate = Fate::Goes,
                Some(Action::Report) | None => {}
            }
        }
        fate
    }

    /// Which types those entities are of need not be said.
    fn object_types(&mut self, types: &mut ObjectTypes, place: Place<'_>) {
        if types.as_slice().iter().any(|name| is_suspicious_text(name.as_str())) {
            let kept = types.as_slice().iter().filter(|name| !self.holds(name.as_str(), place));
            *types = kept.cloned().collect();
        }
    }

    fn languages(&mut self, map: &mut LanguageMap, place: Place<'_>) -> Fate {
        let mut fate = Fate::Stays;
        map.retain(|(tag, _)| !self.holds(tag, place));
        for text in map.iter_mut().flat_map(|(_, texts)| texts) {
            if self.text(text, place) == Fate::Goes {
                fate = Fate::Goes;
            }
        }
        if map.is_empty() { Fate::Goes } else { fate }
    }

    fn text(&mut self, text: &mut CompactString, place: Place<'_>) -> Fate {
        let found = hits(text, place.context);
        let (fate, mask) = self.judge(text, &found, place);
        if let Some(mask) = mask {
            *text = mask.into();
        }
        fate
    }

    fn json(&mut self, json: &mut Json, place: Place<'_>) -> Fate {
        let mut fate = Fate::Stays;
        let changed = rewritten(json.as_str(), place.context, &mut |text, found| {
            let (of_text, mask) = self.judge(text, found, place);
            if of_text == Fate::Goes {
                fate = Fate::Goes;
            }
            mask
        });
        match changed.map(|text| Json::parse(&text)) {
            Some(Ok(changed)) => *json = changed,
            // What cannot be written anew must not leave as it was.
            Some(Err(_)) => fate = Fate::Goes,
            None => {}
        }
        fate
    }

    /// Tells what was found in a text, and says what becomes of it: whether what it stands in goes, and the text in its
    /// place.
    fn judge(&mut self, text: &str, found: &[Hit], place: Place<'_>) -> (Fate, Option<String>) {
        let action_of = |rule: Rule| self.inspection.actions.of(rule, place.is_contact);
        let strictest = found.iter().map(|hit| action_of(hit.rule)).max();
        let to_mask = found.iter().filter(|hit| action_of(hit.rule) == Action::Mask);
        let mask = (strictest >= Some(Action::Mask)).then(|| masked(text, to_mask));
        for hit in found {
            self.told(hit.rule, action_of(hit.rule), place);
        }
        match strictest {
            Some(Action::Drop) => (Fate::Goes, mask),
            _ => (Fate::Stays, mask),
        }
    }

    /// The strictest action on what is found in a text that leaves whole or not at all.
    fn strictest(&mut self, text: &str, place: Place<'_>) -> Option<Action> {
        let found = hits(text, place.context);
        let strictest = found
            .iter()
            .map(|hit| self.inspection.actions.of(hit.rule, place.is_contact));
        let strictest = strictest.max();
        for hit in &found {
            let action = self.inspection.actions.of(hit.rule, place.is_contact);
            self.told(hit.rule, action, place);
        }
        strictest
    }

    /// Whether a text that leaves whole or not at all must not leave.
    fn holds(&mut self, text: &str, place: Place<'_>) -> bool {
        self.strictest(text, place)
            .is_some_and(|action| action != Action::Report)
    }

    fn told(&mut self, rule: Rule, action: Action, place: Place<'_>) {
        self.has_hidden |= action != Action::Report;
        let is_known = |name: &&AttributeName| self.inspection.classification.knows_attribute(name);
        (self.tell)(Finding {
            rule,
            action,
            attribute: place.attribute.filter(is_known).cloned(),
        });
    }
}
