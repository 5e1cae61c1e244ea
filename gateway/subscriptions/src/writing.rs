//! A subscription as JSON: under the @context of whoever asks for it, or under one of its own, to be stored.

use std::collections::BTreeMap;

use ngsi_ld::AttributeName;
use ngsi_ld::context::{Context, ContextError};
use ngsi_ld::query::{Expression, TypeSelection};
use serde_json::{Map, Value, json};

use super::definition::{Endpoint, EntitySelector, Member, NotificationParameters, Subscription, Trigger};

impl Subscription {
    /// The members, with the names that the context has for them.
    #[must_use]
    //= 5.2.12-12, 5.8.3.4-3
    pub fn members(&self, context: &Context) -> Map<String, Value> {
        let mut members = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        let names = |names: &[AttributeName]| -> Option<Value> {
            let names: Vec<_> = names.iter().map(|name| context.compact(name.as_str())).collect();
            (!names.is_empty()).then(|| json!(names))
        };
        set("id", Some(self.id.as_str().into()));
        set("type", Some("Subscription".into()));
        set("subscriptionName", self.name.as_deref().map(Value::from));
        set("description", self.description.as_deref().map(Value::from));
        let selectors: Vec<Value> = self.entities.iter().map(|entity| selector(entity, context)).collect();
        set("entities", (!selectors.is_empty()).then_some(Value::Array(selectors)));
        set("watchedAttributes", names(&self.watched_attributes));
        let triggers = Trigger::ALL
            .iter()
            .filter(|(trigger, _)| self.triggers.contains(trigger));
        let triggers: Vec<&str> = triggers.map(|(_, name)| *name).collect();
        set("notificationTrigger", Some(json!(triggers)));
        set("q", self.filter.as_ref().map(|filter| filter.to_text(context).into()));
        set("expandValues", list(&self.values.expand, context));
        set("jsonKeys", list(&self.values.json, context));
        set("scopeQ", self.scope.as_ref().map(|scope| scope.written.as_str().into()));
        set(
            "geoQ",
            self.geo.as_ref().map(|geo| {
                let (georel, geometry, coordinates) = &geo.written;
                let geoproperty = context.compact(geo.query.property.as_str());
                json!({"georel": georel, "geometry": geometry, "coordinates": coordinates, "geoproperty": geoproperty})
            }),
        );
        set(
            "lang",
            self.language.as_ref().map(|language| language.written.as_str().into()),
        );
        set(
            "datasetId",
            self.datasets.as_ref().map(|datasets| json!(datasets.written)),
        );
        set("expiresAt", self.expires_at.as_ref().map(|at| at.as_str().into()));
        set("isActive", self.is_active.map(Value::from));
        set("throttling", self.throttling.clone().map(Value::Number));
        set("timeInterval", self.time_interval.clone().map(Value::Number));
        set("localOnly", self.local_only.map(Value::from));
        set("splitEntities", self.split_entities.map(Value::from));
        set(
            "ngsildConformance",
            self.conformance
                .as_ref()
                .map(|conformance| conformance.written.as_str().into()),
        );
        set("jsonldContext", self.json_ld_context.as_deref().map(Value::from));
        set("notification", Some(notification(&self.notification, context)));
        members
    }

    /// The text that it is stored as: a JSON-LD document whose @context holds every name that it uses, so that
    /// reading it back needs nothing that could have changed or gone away.
    #[must_use]
    pub fn to_document(&self) -> String {
        let terms = self.terms();
        // Terms that cannot be processed would be a fault of ours; whole IRIs are still read back as they are.
        let context = own_context(&terms).unwrap_or_else(|_| Context::core().as_ref().clone());
        let mut members = self.members(&context);
        members.insert("@context".to_owned(), terms);
        Value::Object(members).to_string()
    }

    /// A term for each name that it uses.
    fn terms(&self) -> Value {
        let mut iris: Vec<&str> = Vec::new();
        for selection in self.entities.iter().filter_map(|selector| selector.types.as_ref()) {
            iris.extend(selection.names().iter().map(|name| name.as_str()));
        }
        let mut attributes: Vec<&AttributeName> = self.watched_attributes.iter().collect();
        if let Some(filter) = &self.filter {
            paths(filter, &mut attributes);
        }
        attributes.extend(self.values.expand.iter().chain(&self.values.json));
        attributes.extend(self.geo.iter().map(|geo| &geo.query.property));
        let NotificationParameters {
            attributes: shown,
            pick,
            omit,
            ..
        } = &self.notification;
        for member in [shown, pick, omit].into_iter().flatten().flatten() {
            if let Member::Attribute(name) = member {
                attributes.push(name);
            }
        }
        iris.extend(attributes.iter().map(|name| name.as_str()));
        iris.sort_unstable();
        iris.dedup();
        let terms: BTreeMap<String, &str> = iris
            .iter()
            .enumerate()
            .map(|(index, iri)| (format!("n{index}"), *iri))
            .collect();
        json!(terms)
    }
}

/// The @context of a stored subscription.
pub(super) fn own_context(terms: &Value) -> Result<Context, ContextError> {
    Context::builder().value(&terms.to_string())?.build()
}

/// Names in one text, separated by commas.
fn list(names: &[AttributeName], context: &Context) -> Option<Value> {
    let names: Vec<_> = names.iter().map(|name| context.compact(name.as_str())).collect();
    (!names.is_empty()).then(|| names.join(",").into())
}

/// Every name on the paths of a condition.
fn paths<'a>(filter: &'a Expression, names: &mut Vec<&'a AttributeName>) {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => {
            for part in parts {
                paths(part, names);
            }
        }
        Expression::Condition(condition) => {
            names.push(&condition.path.attribute);
            names.extend(&condition.path.sub_attributes);
        }
    }
}

fn selector(selector: &EntitySelector, context: &Context) -> Value {
    let mut members = Map::new();
    let types = selector.types.as_ref();
    let types = types.map_or_else(|| "*".to_owned(), |types| selection(types, context));
    members.insert("type".to_owned(), types.into());
    match selector.ids.as_slice() {
        [] => {}
        [id] => {
            members.insert("id".to_owned(), id.as_str().into());
        }
        ids => {
            let ids: Vec<&str> = ids.iter().map(ngsi_ld::EntityId::as_str).collect();
            members.insert("id".to_owned(), json!(ids));
        }
    }
    if let Some(pattern) = &selector.id_pattern {
        members.insert("idPattern".to_owned(), pattern.as_str().into());
    }
    Value::Object(members)
}

/// A type selection as text (clause 4.17).
fn selection(types: &TypeSelection, context: &Context) -> String {
    let joined = |parts: &[TypeSelection], separator: &str| {
        let parts = parts.iter().map(|part| match part {
            TypeSelection::Type(_) => selection(part, context),
            TypeSelection::Any(_) | TypeSelection::All(_) => format!("({})", selection(part, context)),
        });
        parts.collect::<Vec<String>>().join(separator)
    };
    match types {
        TypeSelection::Type(name) => context.compact(name.as_str()).into_owned(),
        TypeSelection::Any(parts) => joined(parts, "|"),
        TypeSelection::All(parts) => joined(parts, ";"),
    }
}

fn notification(parameters: &NotificationParameters, context: &Context) -> Value {
    let mut members = Map::new();
    let lists = [
        ("attributes", &parameters.attributes),
        ("pick", &parameters.pick),
        ("omit", &parameters.omit),
    ];
    for (name, list) in lists {
        if let Some(list) = list {
            let names: Vec<_> = list
                .iter()
                .map(|member| match member {
                    Member::Entity(name) => name.as_str().into(),
                    Member::Attribute(name) => context.compact(name.as_str()),
                })
                .collect();
            members.insert(name.to_owned(), json!(names));
        }
    }
    if let Some(format) = parameters.format {
        members.insert("format".to_owned(), format.written.into());
    }
    for (name, value) in [
        ("showChanges", parameters.show_changes),
        ("sysAttrs", parameters.system_attributes),
    ] {
        if let Some(value) = value {
            members.insert(name.to_owned(), value.into());
        }
    }
    members.insert("endpoint".to_owned(), endpoint(&parameters.endpoint));
    Value::Object(members)
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let mut members = Map::new();
    members.insert("uri".to_owned(), endpoint.written.as_str().into());
    if let Some(accept) = endpoint.accept {
        members.insert("accept".to_owned(), accept.as_str().into());
    }
    for (name, pairs) in [
        ("receiverInfo", &endpoint.receiver_info),
        ("notifierInfo", &endpoint.notifier_info),
    ] {
        if !pairs.is_empty() {
            let pairs = pairs.iter();
            let pairs: Vec<Value> = pairs.map(|(key, value)| json!({"key": key, "value": value})).collect();
            members.insert(name.to_owned(), Value::Array(pairs));
        }
    }
    for (name, number) in [("timeout", &endpoint.timeout), ("cooldown", &endpoint.cooldown)] {
        if let Some(number) = number {
            members.insert(name.to_owned(), number.clone().into());
        }
    }
    Value::Object(members)
}
