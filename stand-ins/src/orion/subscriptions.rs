//! Checking subscriptions and registrations, and filling in what Orion shows beside what was sent.

use super::date;
use super::error::OrionError;
use super::filter::{self, Subject};
use super::geometry::Place;
use super::json::Json;
use super::names::has_forbidden;
use super::query::Selector;

const FORMATS: [&str; 5] = [
    "normalized",
    "simplifiedNormalized",
    "keyValues",
    "simplifiedKeyValues",
    "values",
];

const CHANNELS: [&str; 6] = ["http", "httpCustom", "mqtt", "mqttCustom", "kafka", "kafkaCustom"];

/// Reads the body of `POST /v2/subscriptions` into what `GET` shows.
pub(crate) fn read_new(body: &Json) -> Result<Json, OrionError> {
    let subject = body
        .get("subject")
        .ok_or_else(|| OrionError::bad_request("no subject specified"))?;
    let notification = body
        .get("notification")
        .ok_or_else(|| OrionError::bad_request("no notification specified"))?;
    let mut shown = Members::default();
    if let Some(description) = body.get("description") {
        check_text(description, "description")?;
        shown.add("description", description.clone());
    }
    let subject = read_subject(subject)?;
    let notification = read_notification(notification)?;
    if let Some(expires) = body.get("expires") {
        shown.add("expires", read_expires(expires)?);
    }
    shown.add("status", Json::String(String::from("active")));
    shown.add("subject", subject);
    shown.add("notification", notification);
    match body.get("throttling") {
        Some(throttling) if throttling.number() != Some(0.0) => {
            shown.add("throttling", throttling.clone());
        }
        _ => {}
    }
    Ok(shown.object())
}

/// Applies the body of `PATCH /v2/subscriptions/{id}` to a subscription.
pub(crate) fn changed(subscription: &Json, change: &Json) -> Result<Json, OrionError> {
    let mut shown = Members::default();
    for (name, value) in subscription.members().unwrap_or_default() {
        let value = match (name.as_str(), change.get(name)) {
            (_, None) => value.clone(),
            ("subject", Some(subject)) => read_subject(subject)?,
            ("notification", Some(notification)) => read_notification(notification)?,
            ("expires", Some(expires)) => read_expires(expires)?,
            (_, Some(value)) => value.clone(),
        };
        shown.add(name, value);
    }
    for (name, value) in change.members().unwrap_or_default() {
        if subscription.get(name).is_none() {
            shown.add(name, value.clone());
        }
    }
    Ok(shown.object())
}

/// Reads the body of `POST /v2/registrations` into what `GET` shows.
pub(crate) fn read_registration(body: &Json) -> Result<Json, OrionError> {
    let provided = body
        .get("dataProvided")
        .ok_or_else(|| OrionError::bad_request("missing /dataProvided/"))?;
    let provider = body
        .get("provider")
        .ok_or_else(|| OrionError::bad_request("missing /provider/"))?;
    let mut shown = Members::default();
    if let Some(description) = body.get("description") {
        check_text(description, "description")?;
        shown.add("description", description.clone());
    }
    shown.add("dataProvided", provided.clone());
    let mut provider_shown = Members::default();
    provider_shown.copy(provider, "http");
    provider_shown.add(
        "supportedForwardingMode",
        provider
            .get("supportedForwardingMode")
            .cloned()
            .unwrap_or(Json::String(String::from("all"))),
    );
    provider_shown.add("legacyForwarding", Json::Bool(false));
    shown.add("provider", provider_shown.object());
    shown.add("status", Json::String(String::from("active")));
    Ok(shown.object())
}

fn read_subject(subject: &Json) -> Result<Json, OrionError> {
    let entities = subject.get("entities").and_then(Json::items).unwrap_or(&[]);
    if entities.is_empty() {
        return Err(OrionError::bad_request("no subject entities specified"));
    }
    for entity in entities {
        Selector::read(entity)?;
    }
    let nothing = Json::Object(Vec::new());
    let condition = subject.get("condition").unwrap_or(&nothing);
    let mut condition_shown = Members::default();
    condition_shown.add("attrs", list(condition, "attrs"));
    if let Some(expression) = condition.get("expression") {
        let text = |name: &str| expression.get(name).and_then(Json::text);
        for (subject, name) in [(Subject::Attributes, "q"), (Subject::Metadata, "mq")] {
            if let Some(text) = text(name) {
                filter::read(subject, text)?;
            }
        }
        Place::read(text("georel"), text("geometry"), text("coords"))?;
        condition_shown.add("expression", expression.clone());
    }
    condition_shown.copy(condition, "alterationTypes");
    condition_shown.add("notifyOnMetadataChange", Json::Bool(true));
    let mut shown = Members::default();
    shown.add("entities", Json::Array(entities.to_vec()));
    shown.add("condition", condition_shown.object());
    Ok(shown.object())
}

fn read_notification(notification: &Json) -> Result<Json, OrionError> {
    let channel = CHANNELS
        .into_iter()
        .find_map(|name| Some((name, notification.get(name)?)));
    let Some((channel, details)) = channel else {
        return Err(OrionError::bad_request(
            "http, httpCustom, mqtt, mqttCustom, kafka or kafkaCustom is missing",
        ));
    };
    if channel.starts_with("http") {
        check_url(channel, details)?;
    }
    let format = notification
        .get("attrsFormat")
        .map_or(Some("normalized"), Json::text)
        .filter(|format| FORMATS.contains(format))
        .ok_or_else(|| {
            // The last but one is misspelt by Orion itself.
            OrionError::bad_request(
                "invalid attrsFormat, accepted values: normalized, simplifiedNormalized, keyValues, simplifiedkeyValues, values",
            )
        })?;
    let mut shown = Members::default();
    if notification.get("exceptAttrs").is_some() {
        shown.copy(notification, "exceptAttrs");
    } else {
        shown.add("attrs", list(notification, "attrs"));
    }
    let only_changed = notification.get("onlyChangedAttrs") == Some(&Json::Bool(true));
    shown.add("onlyChangedAttrs", Json::Bool(only_changed));
    shown.add("attrsFormat", Json::String(format.to_owned()));
    shown.add(channel, details.clone());
    shown.copy(notification, "metadata");
    shown.add("covered", Json::Bool(false));
    Ok(shown.object())
}

fn check_url(channel: &str, details: &Json) -> Result<(), OrionError> {
    let url = details.get("url").and_then(Json::text).unwrap_or_default();
    if has_forbidden(url) {
        return Err(OrionError::bad_request(format!(
            "forbidden characters in {channel} field /url/"
        )));
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(OrionError::bad_request("Invalid URL parsing notification url"));
    }
    if let Some(payload) = details.get("payload").and_then(Json::text)
        && has_forbidden(payload)
    {
        return Err(OrionError::bad_request("forbidden characters in custom /payload/"));
    }
    Ok(())
}

fn read_expires(expires: &Json) -> Result<Json, OrionError> {
    expires
        .text()
        .and_then(date::parsed)
        .map(|seconds| Json::String(date::printed(seconds)))
        .ok_or_else(|| OrionError::bad_request("expires has an invalid format"))
}

fn check_text(json: &Json, what: &str) -> Result<(), OrionError> {
    if json.text().is_none_or(has_forbidden) {
        return Err(OrionError::bad_request(format!("forbidden characters in {what}")));
    }
    Ok(())
}

fn list(json: &Json, name: &str) -> Json {
    json.get(name).cloned().unwrap_or(Json::Array(Vec::new()))
}

/// An object under construction.
#[derive(Default)]
struct Members(Vec<(String, Json)>);

// === impl Members ===

impl Members {
    fn add(&mut self, name: &str, value: Json) {
        self.0.push((name.to_owned(), value));
    }

    fn copy(&mut self, from: &Json, name: &str) {
        if let Some(value) = from.get(name) {
            self.add(name, value.clone());
        }
    }

    fn object(self) -> Json {
        Json::Object(self.0)
    }
}
