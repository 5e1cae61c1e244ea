//! From what a consumer sends to a [`Subscription`] (clauses 5.8.1.4, 5.8.2.4 and 5.5.8). What this version cannot
//! evaluate is refused by its name and never left out of account.

use ngsi_ld::context::Context;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::language::LanguageFilter;
use ngsi_ld::projection::DatasetSelection;
use ngsi_ld::query::{Expression, GeoQuery, IdPattern, ScopeQuery, TypeSelection, ValueExpansion};
use ngsi_ld::{AttributeName, EntityId, check_absolute, check_new_id};
use serde_json::{Map, Value};

use super::definition::{
    Conformance, Datasets, EntitySelector, GeoCondition, Language, ScopeCondition, Subscription, Trigger, duration,
};
use super::members::{At, Fault, parse_object};
use super::periodic::SHORTEST_INTERVAL;
use super::reading_lists::{MOST_IN_LIST, attributes};
use super::reading_notification::notification;
use super::writing::own_context;

/// Most entity selectors of one subscription.
const MOST_SELECTORS: usize = 50;

/// Most ids of one selector: as in one query.
const MOST_IDS: usize = 200;

/// Most bytes of a name or a description.
const MOST_TEXT_BYTES: usize = 2048;

/// `subscriptionName` before version 1.3 of CIM 009, and with ngsildclient to this day.
const OLDER_NAME: &str = "name";

/// What the gateway says of a subscription, and nobody else (Table 5.2.12-2 and clause 4.8).
const READ_ONLY: [&str; 3] = ["status", "createdAt", "modifiedAt"];

impl Subscription {
    /// A new subscription. `generated` is its id when the consumer gives none.
    ///
    /// # Errors
    /// [`Fault`] names the member.
    pub fn create(
        members: &Map<String, Value>,
        context: &Context,
        generated: String,
        now: &DateTime,
    ) -> Result<Self, Fault> {
        let subscription = Self::read(members, context, generated, false)?;
        subscription.check_expiry(now)?;
        Ok(subscription)
    }

    /// One that was stored, whatever has become of its time.
    ///
    /// # Errors
    /// [`Fault`], when it was written by another version.
    pub(super) fn stored(document: &str) -> Result<Self, Fault> {
        let mut members = parse_object(document.as_bytes())?;
        let terms = members.remove("@context").unwrap_or_default();
        let context = own_context(&terms).map_err(|error| Fault::Invalid(format!("member `@context`: {error}")))?;
        Self::read(&members, &context, String::new(), true)
    }

    //= 5.2.12-1, 5.8.1.4-1
    fn read(
        members: &Map<String, Value>,
        context: &Context,
        generated: String,
        is_stored: bool,
    ) -> Result<Self, Fault> {
        check_spelt_once(members)?;
        let missing = |name: &str| Fault::Invalid(format!("member `{name}`: it is missing"));
        let member = |name: &str| members.get(name).map(|value| At::member(name, value));
        let r#type = member("type").ok_or_else(|| missing("type"))?;
        check_type(&r#type)?;
        let id = match member("id") {
            None => generated,
            Some(at) => {
                let id = uri(&at)?;
                // One that was stored is there.
                if !is_stored {
                    check_new_id(&id).map_err(|error| at.invalid(format_args!("not a URI: {error}")))?;
                }
                id
            }
        };
        let notification = notification(&member("notification").ok_or_else(|| missing("notification"))?, context)?;
        let mut subscription = Self {
            id,
            name: None,
            description: None,
            entities: Vec::new(),
            watched_attributes: Vec::new(),
            triggers: Trigger::default_set(),
            filter: None,
            values: ValueExpansion::default(),
            scope: None,
            geo: None,
            language: None,
            datasets: None,
            expires_at: None,
            is_active: None,
            throttling: None,
            time_interval: None,
            local_only: None,
            split_entities: None,
            conformance: None,
            json_ld_context: None,
            notification,
        };
        subscription.set_values(members, context)?;
        for (name, value) in members {
            if !matches!(name.as_str(), "id" | "type" | "notification") {
                subscription.set(&At::member(name, value), context)?;
            }
        }
        subscription.check()?;
        Ok(subscription)
    }

    /// The same with the members of a fragment in the place of its own (clause 5.5.8).
    ///
    /// # Errors
    /// [`Fault`] names the member.
    //= 5.5.8-2, 5.8.2.4-3, 5.8.2.4-6
    pub fn patched(&self, members: &Map<String, Value>, context: &Context, now: &DateTime) -> Result<Self, Fault> {
        check_spelt_once(members)?;
        let mut patched = self.clone();
        patched.set_values(members, context)?;
        for (name, value) in members {
            let at = At::member(name, value);
            match name.as_str() {
                "type" => check_type(&at)?,
                "id" if value.as_str() == Some(&self.id) => {}
                "id" => return Err(at.invalid("the id of a subscription cannot be changed")),
                "notification" if at.is_null() => return Err(at.invalid("a subscription must have it")),
                "notification" => patched.notification = notification(&at, context)?,
                _ if at.is_null() => patched.remove(&at)?,
                _ => patched.set(&at, context)?,
            }
        }
        patched.check()?;
        if members.contains_key("expiresAt") {
            patched.check_expiry(now)?;
        }
        Ok(patched)
    }

    /// Sets `expandValues` and `jsonKeys`, which say how a `q` is to be read that may stand before them.
    fn set_values(&mut self, members: &Map<String, Value>, context: &Context) -> Result<(), Fault> {
        for (name, list) in [
            ("expandValues", &mut self.values.expand),
            ("jsonKeys", &mut self.values.json),
        ] {
            let Some(value) = members.get(name) else {
                continue;
            };
            let at = At::member(name, value);
            if self.filter.is_some() && !members.contains_key("q") {
                return Err(at.invalid("the `q` that it is about must be given with it"));
            }
            *list = if at.is_null() { Vec::new() } else { names(&at, context)? };
        }
        Ok(())
    }

    /// Sets one member.
    //= 5.2.12-12
    fn set(&mut self, at: &At<'_>, context: &Context) -> Result<(), Fault> {
        match at.path.as_str() {
            "subscriptionName" | OLDER_NAME => self.name = Some(bounded(at)?),
            "description" => self.description = Some(bounded(at)?),
            "entities" => {
                let elements = at.elements(MOST_SELECTORS)?;
                let selectors = elements.iter().map(|element| selector(element, MOST_IDS, context));
                self.entities = selectors.collect::<Result<_, _>>()?;
            }
            "watchedAttributes" => self.watched_attributes = attributes(at, context)?,
            "notificationTrigger" => {
                let elements = at.elements(Trigger::ALL.len())?;
                self.triggers = elements
                    .iter()
                    .map(|element| element.one_of(&Trigger::ALL))
                    .collect::<Result<_, _>>()?;
            }
            "q" => {
                let filter = Expression::parse_of_body(at.text()?, context, &self.values);
                let filter = filter.map_err(|error| at.invalid(error))?;
                if filter.link_depth() > 0 {
                    return Err(at.not_offered("paths through linked entities are not offered in subscriptions"));
                }
                self.filter = Some(filter);
            }
            "geoQ" => self.geo = Some(geo(at, context)?),
            "lang" => {
                let written = at.text()?.to_owned();
                let filter = LanguageFilter::parse(&written).map_err(|error| at.invalid(error))?;
                self.language = Some(Language { filter, written });
            }
            "datasetId" => self.datasets = Some(datasets(at)?),
            "expiresAt" => {
                let date_time = DateTime::parse_with_offset(at.text()?).map_err(|error| at.invalid(error))?;
                self.expires_at = Some(date_time);
            }
            "isActive" => self.is_active = Some(at.boolean()?),
            "throttling" => self.throttling = Some(at.positive()?),
            "timeInterval" => {
                let interval = at.positive()?;
                if duration(&interval, 1.0).is_none_or(|interval| interval < SHORTEST_INTERVAL) {
                    let shortest = SHORTEST_INTERVAL.as_secs();
                    return Err(at.not_offered(format_args!("intervals below {shortest} seconds are not offered")));
                }
                self.time_interval = Some(interval);
            }
            "localOnly" => self.local_only = Some(at.boolean()?),
            "splitEntities" => self.split_entities = Some(at.boolean()?),
            "jsonldContext" => self.json_ld_context = Some(uri(at)?),
            name if READ_ONLY.contains(&name) => {}
            "csf" => {
                Expression::parse(at.text()?, context).map_err(|error| at.invalid(error))?;
                return Err(at.not_offered("context source filters are not offered by this version"));
            }
            "scopeQ" => {
                let written = at.text()?.to_owned();
                let query = ScopeQuery::parse(&written).map_err(|error| at.invalid(error))?;
                self.scope = Some(ScopeCondition { query, written });
            }
            // Read before the others.
            "expandValues" | "jsonKeys" => {}
            "ngsildConformance" => {
                let written = at.text()?.to_owned();
                let version = written.parse().map_err(|error| at.invalid(error))?;
                self.conformance = Some(Conformance { version, written });
            }
            "temporalQ" => {
                return Err(at.invalid("it is for subscriptions to registrations of context sources only"));
            }
            // A member that is not understood could have narrowed what is notified.
            _ => return Err(at.invalid("a Subscription has no such member")),
        }
        Ok(())
    }

    /// Removes one member.
    fn remove(&mut self, at: &At<'_>) -> Result<(), Fault> {
        match at.path.as_str() {
            "subscriptionName" | OLDER_NAME => self.name = None,
            "description" => self.description = None,
            "entities" => self.entities.clear(),
            "watchedAttributes" => self.watched_attributes.clear(),
            "notificationTrigger" => self.triggers = Trigger::default_set(),
            "q" => self.filter = None,
            "geoQ" => self.geo = None,
            "lang" => self.language = None,
            "datasetId" => self.datasets = None,
            "expiresAt" => self.expires_at = None,
            "isActive" => self.is_active = None,
            "throttling" => self.throttling = None,
            "timeInterval" => self.time_interval = None,
            "localOnly" => self.local_only = None,
            "splitEntities" => self.split_entities = None,
            "ngsildConformance" => self.conformance = None,
            "jsonldContext" => self.json_ld_context = None,
            "scopeQ" => self.scope = None,
            // What it never had is not there to be removed; the last two are done before the others.
            "csf" | "temporalQ" | "expandValues" | "jsonKeys" => {}
            name if READ_ONLY.contains(&name) => {}
            _ => return Err(at.invalid("a Subscription has no such member")),
        }
        Ok(())
    }

    /// What must hold for the members together.
    //= 5.2.12-3, 5.2.12-11, 5.2.33-2
    fn check(&self) -> Result<(), Fault> {
        let refuse = |name: &str, detail: &str| Err(Fault::Invalid(format!("member `{name}`: {detail}")));
        let any_type = self.entities.iter().any(|selector| selector.types.is_none());
        if any_type && self.local_only == Some(false) {
            return refuse(
                "localOnly",
                "the type `*` means the local scope; leave `localOnly: false` out",
            );
        }
        if self.entities.is_empty() && self.watched_attributes.is_empty() && !self.is_local() {
            return refuse("entities", "give `entities`, `watchedAttributes`, or `localOnly: true`");
        }
        if self.time_interval.is_some() {
            if self.throttling.is_some() {
                return refuse("throttling", "it is not for a subscription with `timeInterval`");
            }
            if !self.watched_attributes.is_empty() {
                return refuse(
                    "watchedAttributes",
                    "they are not for a subscription with `timeInterval`",
                );
            }
            if self.entities.is_empty() && !self.is_local() {
                return refuse("entities", "a subscription with `timeInterval` must have them");
            }
        }
        if self.split_entities == Some(true) && !self.is_local() {
            return Err(Fault::NotOffered(
                "member `splitEntities`: entities whose parts change in several places are not put together for \
                 notifications by this version; leave it out, or limit the subscription with `localOnly: true`"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    //= 5.8.1.4-5, 5.8.2.4-8
    fn check_expiry(&self, now: &DateTime) -> Result<(), Fault> {
        match &self.expires_at {
            Some(at) if at.unix_micros() <= now.unix_micros() => {
                Err(Fault::Invalid("member `expiresAt`: it is in the past".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// What is said in two spellings could be said twice, and differently.
fn check_spelt_once(members: &Map<String, Value>) -> Result<(), Fault> {
    match members.get(OLDER_NAME) {
        Some(value) if members.contains_key("subscriptionName") => {
            Err(At::member(OLDER_NAME, value).invalid("it is an older spelling of `subscriptionName`; leave it out"))
        }
        _ => Ok(()),
    }
}

//= 5.2.12-1
fn check_type(at: &At<'_>) -> Result<(), Fault> {
    if at.value.as_str() == Some("Subscription") {
        return Ok(());
    }
    Err(at.invalid("expected \"Subscription\""))
}

/// A URI.
fn uri(at: &At<'_>) -> Result<String, Fault> {
    let text = bounded(at)?;
    check_absolute(&text).map_err(|error| at.invalid(format_args!("not a URI: {error}")))?;
    Ok(text)
}

fn bounded(at: &At<'_>) -> Result<String, Fault> {
    let text = at.text()?;
    if text.len() > MOST_TEXT_BYTES {
        return Err(at.invalid(format_args!("it may have {MOST_TEXT_BYTES} bytes")));
    }
    Ok(text.to_owned())
}

/// Names of attributes in one text, separated by commas.
fn names(at: &At<'_>, context: &Context) -> Result<Vec<AttributeName>, Fault> {
    let written = at.text()?.split(',').map(str::trim);
    let expanded = written.map(|name| {
        context
            .expand_written_attribute(name)
            .map_err(|error| at.invalid(error))
    });
    let expanded: Vec<AttributeName> = expanded.collect::<Result<_, _>>()?;
    if expanded.len() > MOST_IN_LIST {
        return Err(at.invalid(format_args!("it may have {MOST_IN_LIST} names")));
    }
    Ok(expanded)
}

/// EntitySelector (Table 5.2.33-1), with at most so many ids.
//= 5.2.33-1
pub fn selector(at: &At<'_>, most_ids: usize, context: &Context) -> Result<EntitySelector, Fault> {
    let mut selector = EntitySelector {
        types: None,
        ids: Vec::new(),
        id_pattern: None,
    };
    let mut has_type = false;
    for (name, member) in at.object(&["type", "id", "idPattern"])? {
        match name {
            "type" => {
                has_type = true;
                let text = member.text()?;
                if text != "*" {
                    let types = TypeSelection::parse(text, context).map_err(|error| member.invalid(error))?;
                    selector.types = Some(types);
                }
            }
            "id" => {
                let ids = if member.value.is_array() {
                    member.elements(most_ids)?
                } else {
                    vec![member]
                };
                let parsed = ids.iter().map(|id| {
                    let parsed = EntityId::parse(id.text()?);
                    parsed.map_err(|error| id.invalid(format_args!("not a URI: {error}")))
                });
                selector.ids = parsed.collect::<Result<_, _>>()?;
            }
            _ => {
                let pattern = IdPattern::parse(member.text()?);
                let pattern = pattern.map_err(|_| member.invalid("not a regular expression, or too large a one"))?;
                selector.id_pattern = Some(pattern);
            }
        }
    }
    if !has_type {
        return Err(at.invalid("`type` is missing; `*` means any in the local scope"));
    }
    Ok(selector)
}

/// GeoQuery (Table 5.2.13-1).
//= 5.2.13-1
fn geo(at: &At<'_>, context: &Context) -> Result<GeoCondition, Fault> {
    let (mut georel, mut geometry, mut coordinates, mut geoproperty) = (None, None, None, None);
    for (name, member) in at.object(&["georel", "geometry", "coordinates", "geoproperty"])? {
        match name {
            "georel" => georel = Some(member.text()?.to_owned()),
            "geometry" => geometry = Some(member.text()?.to_owned()),
            "geoproperty" => geoproperty = Some(member.text()?.to_owned()),
            _ => match member.value {
                Value::Array(_) | Value::String(_) => coordinates = Some(member.value.clone()),
                _ => return Err(member.invalid("expected an array of coordinates")),
            },
        }
    }
    let missing = |name: &str| at.invalid(format_args!("`{name}` is missing"));
    let georel = georel.ok_or_else(|| missing("georel"))?;
    let geometry = geometry.ok_or_else(|| missing("geometry"))?;
    let coordinates = coordinates.ok_or_else(|| missing("coordinates"))?;
    let text = match &coordinates {
        Value::String(text) => text.clone(),
        array => array.to_string(),
    };
    let query = GeoQuery::parse(&georel, &geometry, &text, geoproperty.as_deref(), context);
    let query = query.map_err(|error| at.invalid(error))?;
    Ok(GeoCondition {
        query,
        written: (georel, geometry, coordinates),
    })
}

fn datasets(at: &At<'_>) -> Result<Datasets, Fault> {
    let mut written = Vec::new();
    for element in at.elements(MOST_IN_LIST)? {
        let text = element.text()?;
        // The list is read as the parameter `datasetId` is, where commas separate.
        if text.contains(',') || DatasetSelection::parse(text).is_err() {
            return Err(element.invalid("expected a URI or @none"));
        }
        written.push(text.to_owned());
    }
    let selection = DatasetSelection::parse(&written.join(",")).map_err(|error| at.invalid(error))?;
    Ok(Datasets { selection, written })
}
