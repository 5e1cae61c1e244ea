//! What a notification says of a change beside the entity as it stands: attributes that went, as NGSI-LD Null, and
//! with `showChanges` what was there before (clauses 5.8.6 and 4.5.2 to 4.5.24).
//!
//! These members are no part of an entity, so that they are added to its text after it was written.

use ngsi_ld::entity::parse::NGSI_LD_NULL;
use ngsi_ld::entity::render::{Format, Representation, render_entity};
use ngsi_ld::entity::{AttributeKind, DateTime, Instance};
use ngsi_ld::projection::Shown;
use ngsi_ld::{Entity, Iri};
use serde_json::{Map, Value, json};

use super::definition::Subscription;
use super::matching::{Change, ChangeKind, Notice, instance_of};

/// Adds to `data`, an array of one entity or a FeatureCollection of one Feature.
pub(super) fn add_changes(
    data: &mut Value,
    notice: &Notice,
    subscription: &Subscription,
    representation: &Representation<'_>,
    now: &DateTime,
) -> Result<(), serde_json::Error> {
    let Some(members) = members_of_entity(data) else {
        return Ok(());
    };
    let Some(before) = &notice.before else {
        add_gone(members, notice, subscription, representation);
        return Ok(());
    };
    let former = normalized(before, representation)?;
    let parameters = &subscription.notification;
    let shows_changes = parameters.show_changes == Some(true);
    // Of an entity that was deleted nothing is told but that, unless the change of an attribute was asked for.
    let tells_nothing = notice.is_deletion && !shows_changes;
    for change in &notice.changes {
        let is_shown = parameters.projection.shows_attribute(&change.attribute)
            && subscription
                .datasets
                .as_ref()
                .is_none_or(|datasets| datasets.selection.shows(change.dataset_id.as_ref()));
        let is_told = notice.after.is_some() || shows_changes || subscription.watches(&change.attribute);
        if !is_shown || !is_told || tells_nothing {
            continue;
        }
        let Some(instance) = instance_of(&before.attributes, &change.attribute, change.dataset_id.as_ref()) else {
            continue;
        };
        let name = representation.rendering.context.compact(change.attribute.as_str());
        let previous = former
            .get(name.as_ref())
            .and_then(|attribute| instance_in(attribute, change.dataset_id.as_ref()))
            .filter(|_| shows_changes);
        let telling = Telling {
            change,
            instance,
            previous,
            format: representation.rendering.format,
            dates: (parameters.system_attributes == Some(true)).then_some(now),
        };
        let member = members.entry(name.into_owned());
        match change.kind {
            ChangeKind::Created => {}
            ChangeKind::Deleted => telling.add_null(member.or_insert(Value::Null)),
            ChangeKind::Updated => {
                if let serde_json::map::Entry::Occupied(mut member) = member {
                    telling.add_previous(member.get_mut());
                }
            }
        }
    }
    Ok(())
}

/// Adds the attributes that went and of which nothing else is known.
//= 5.8.6-9
fn add_gone(
    members: &mut Map<String, Value>,
    notice: &Notice,
    subscription: &Subscription,
    representation: &Representation<'_>,
) {
    let projection = &subscription.notification.projection;
    let went = notice
        .changes
        .iter()
        .filter(|change| change.kind == ChangeKind::Deleted);
    for change in went.filter(|change| projection.shows_attribute(&change.attribute)) {
        let name = representation.rendering.context.compact(change.attribute.as_str());
        members.insert(name.into_owned(), NGSI_LD_NULL.into());
    }
}

/// The members of the only entity: in GeoJSON its properties.
fn members_of_entity(data: &mut Value) -> Option<&mut Map<String, Value>> {
    if data.is_array() {
        return data.get_mut(0)?.as_object_mut();
    }
    data.get_mut("features")?
        .get_mut(0)?
        .get_mut("properties")?
        .as_object_mut()
}

/// The members of an entity in the normalized representation, all of them.
fn normalized(entity: &Entity, representation: &Representation<'_>) -> Result<Map<String, Value>, serde_json::Error> {
    let mut whole = *representation;
    whole.rendering.format = Format::Normalized;
    whole.rendering.context_member = None;
    whole.shown = Shown::default();
    whole.language = None;
    let mut text = Vec::new();
    render_entity(whole, entity, &mut text);
    serde_json::from_slice(&text)
}

/// The instance of a dataset in an attribute: one object, or an array of them.
fn instance_in<'a>(attribute: &'a Value, dataset_id: Option<&Iri>) -> Option<&'a Map<String, Value>> {
    let dataset_id = dataset_id.map(Iri::as_str);
    let is_it = |instance: &&'a Map<String, Value>| instance.get("datasetId").and_then(Value::as_str) == dataset_id;
    match attribute {
        Value::Array(instances) => instances.iter().filter_map(Value::as_object).find(is_it),
        other => other.as_object().filter(is_it),
    }
}

/// One change, and how it is told.
struct Telling<'a> {
    change: &'a Change,
    /// The instance before.
    instance: &'a Instance,
    /// The same, normalized, if what was before is to be shown.
    previous: Option<&'a Map<String, Value>>,
    format: Format,
    /// When it happened, if system attributes are to be shown.
    dates: Option<&'a DateTime>,
}

impl Telling<'_> {
    /// The member with what an instance says, and the one with what it said before.
    fn names(&self) -> (&'static str, &'static str) {
        match self.instance.value.kind() {
            AttributeKind::Property | AttributeKind::GeoProperty => ("value", "previousValue"),
            AttributeKind::Relationship => ("object", "previousObject"),
            AttributeKind::LanguageProperty => ("languageMap", "previousLanguageMap"),
            AttributeKind::VocabProperty => ("vocab", "previousVocab"),
            AttributeKind::JsonProperty => ("json", "previousJson"),
            AttributeKind::ListProperty => ("valueList", "previousValueList"),
            AttributeKind::ListRelationship => ("objectList", "previousObjectList"),
        }
    }

    //= 5.2.32-6
    fn set_previous(&self, instance: &mut Map<String, Value>) {
        let (name, previous_name) = self.names();
        if let Some(former) = self.previous.and_then(|former| former.get(name)) {
            instance.insert(previous_name.to_owned(), former.clone());
        }
    }

    /// Adds what was before to the instance that there is now.
    fn add_previous(&self, attribute: &mut Value) {
        let dataset_id = self.change.dataset_id.as_ref().map(Iri::as_str);
        let is_it = |instance: &Value| instance.get("datasetId").and_then(Value::as_str) == dataset_id;
        let instance = match attribute {
            // In the concise representation an array is a value as well.
            Value::Array(instances)
                if instances
                    .iter()
                    .any(|instance| is_it(instance) && is_instance(instance)) =>
            {
                instances.iter_mut().find(|instance| is_it(instance))
            }
            other => Some(other),
        };
        let Some(instance) = instance else { return };
        if !is_instance(instance) {
            // The concise representation of an instance that has nothing but a value.
            let value = std::mem::take(instance);
            *instance = json!({ self.names().0: value });
        }
        if let Some(instance) = instance.as_object_mut() {
            self.set_previous(instance);
        }
    }

    /// Adds the instance that is gone to those that there are.
    fn add_null(&self, attribute: &mut Value) {
        if self.format == Format::Simplified {
            self.add_simplified_null(attribute);
            return;
        }
        let gone = self.null();
        match attribute {
            Value::Null => *attribute = gone,
            Value::Array(instances) if instances.iter().all(is_instance) => instances.push(gone),
            other => {
                let remaining = std::mem::take(other);
                *other = Value::Array(vec![remaining, gone]);
            }
        }
    }

    fn add_simplified_null(&self, attribute: &mut Value) {
        const DATASET: &str = "dataset";
        let key = self.change.dataset_id.as_ref().map_or("@none", Iri::as_str);
        if attribute.is_null() && self.change.dataset_id.is_none() {
            *attribute = NGSI_LD_NULL.into();
            return;
        }
        let has_datasets = attribute
            .as_object()
            .is_some_and(|members| members.len() == 1 && members.contains_key(DATASET));
        if !has_datasets {
            let remaining = std::mem::take(attribute);
            let mut datasets = Map::new();
            if !remaining.is_null() {
                datasets.insert("@none".to_owned(), remaining);
            }
            *attribute = json!({ DATASET: datasets });
        }
        if let Some(datasets) = attribute.get_mut(DATASET).and_then(Value::as_object_mut) {
            datasets.insert(key.to_owned(), NGSI_LD_NULL.into());
        }
    }

    /// NGSI-LD Null in the place of what the instance said.
    fn null(&self) -> Value {
        let kind = self.instance.value.kind();
        let null = match kind {
            AttributeKind::LanguageProperty => json!({"@none": NGSI_LD_NULL}),
            _ => NGSI_LD_NULL.into(),
        };
        let mut members = Map::new();
        if self.format == Format::Normalized {
            members.insert("type".to_owned(), kind.as_str().into());
        }
        members.insert(self.names().0.to_owned(), null);
        if let Some(dataset_id) = &self.change.dataset_id {
            members.insert("datasetId".to_owned(), dataset_id.as_str().into());
        }
        if let Some(now) = self.dates {
            let dates = self.instance.system.dates();
            for (name, date) in [
                ("createdAt", dates.and_then(|dates| dates.created_at.as_ref())),
                ("modifiedAt", dates.and_then(|dates| dates.modified_at.as_ref())),
                ("deletedAt", Some(now)),
            ] {
                if let Some(date) = date {
                    members.insert(name.to_owned(), date.as_str().into());
                }
            }
        }
        self.set_previous(&mut members);
        Value::Object(members)
    }
}

/// Whether a value is an instance of an attribute rather than the value alone, as the concise representation has it.
fn is_instance(value: &Value) -> bool {
    const SAYING: [&str; 7] = [
        "value",
        "object",
        "languageMap",
        "vocab",
        "json",
        "valueList",
        "objectList",
    ];
    value
        .as_object()
        .is_some_and(|members| SAYING.iter().any(|name| members.contains_key(*name)))
}
