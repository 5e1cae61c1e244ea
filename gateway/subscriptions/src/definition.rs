//! A subscription as its consumer has defined it (CIM 009 clauses 5.2.12 to 5.2.15 and 5.2.33), with every name
//! expanded. It holds what the consumer wrote and nothing of any entity.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::conformance::SpecificationVersion;
use ngsi_ld::entity::language::LanguageFilter;
use ngsi_ld::entity::render::Format;
use ngsi_ld::projection::{DatasetSelection, Projection};
use ngsi_ld::query::{Expression, GeoQuery, IdPattern, Query, ScopeQuery, TypeSelection, ValueExpansion};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use serde_json::{Number, Value};
use url::Url;

/// Subscription (Table 5.2.12-1).
#[derive(Debug, Clone)]
pub struct Subscription {
    /// `id`, a URI.
    pub id: String,
    /// `subscriptionName`
    pub name: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// `entities`; empty: entities of any type with a watched attribute.
    pub entities: Vec<EntitySelector>,
    /// `watchedAttributes`; empty: every attribute.
    pub watched_attributes: Vec<AttributeName>,
    /// `notificationTrigger`
    pub triggers: BTreeSet<Trigger>,
    /// `q`
    pub filter: Option<Expression>,
    /// `expandValues` and `jsonKeys`: how the values of `q` are read.
    pub values: ValueExpansion,
    /// `geoQ`
    pub geo: Option<GeoCondition>,
    /// `scopeQ`
    pub scope: Option<ScopeCondition>,
    /// `lang`
    pub language: Option<Language>,
    /// `datasetId`
    pub datasets: Option<Datasets>,
    /// `expiresAt`
    pub expires_at: Option<DateTime>,
    /// `isActive`
    pub is_active: Option<bool>,
    /// `throttling`, in seconds.
    pub throttling: Option<Number>,
    /// `timeInterval`, in seconds.
    pub time_interval: Option<Number>,
    /// `localOnly`
    pub local_only: Option<bool>,
    /// `splitEntities`
    pub split_entities: Option<bool>,
    /// `ngsildConformance`: the version of NGSI-LD that notifications are for.
    pub conformance: Option<Conformance>,
    /// `jsonldContext`: the address of the @context of notifications.
    pub json_ld_context: Option<String>,
    /// `notification`
    pub notification: NotificationParameters,
}

/// `scopeQ` (clause 4.19)
#[derive(Debug, Clone)]
pub struct ScopeCondition {
    /// The condition.
    pub query: ScopeQuery,
    /// The same, as it was written.
    pub written: String,
}

/// EntitySelector (Table 5.2.33-1).
#[derive(Debug, Clone)]
pub struct EntitySelector {
    /// `type`; `None`: `*`.
    pub types: Option<TypeSelection>,
    /// `id`; empty: any.
    pub ids: Vec<EntityId>,
    /// `idPattern`, which counts only without `id`.
    pub id_pattern: Option<IdPattern>,
}

/// What kind of change notifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// `entityCreated`
    EntityCreated,
    /// `entityUpdated`: any of the three below.
    EntityUpdated,
    /// `entityDeleted`
    EntityDeleted,
    /// `attributeCreated`
    AttributeCreated,
    /// `attributeUpdated`
    AttributeUpdated,
    /// `attributeDeleted`
    AttributeDeleted,
}

/// GeoQuery (Table 5.2.13-1): compiled, and as it was written.
#[derive(Debug, Clone)]
pub struct GeoCondition {
    /// The condition.
    pub query: GeoQuery,
    /// `georel`, `geometry` and `coordinates`.
    pub written: (String, String, Value),
}

/// `lang`: compiled, and as it was written.
#[derive(Debug, Clone)]
pub struct Language {
    /// The filter.
    pub filter: LanguageFilter,
    /// The text.
    pub written: String,
}

/// `datasetId`: compiled, and as it was written.
#[derive(Debug, Clone)]
pub struct Datasets {
    /// The selection.
    pub selection: DatasetSelection,
    /// The list.
    pub written: Vec<String>,
}

/// `ngsildConformance`: read, and as it was written.
#[derive(Debug, Clone)]
pub struct Conformance {
    /// The version.
    pub version: SpecificationVersion,
    /// The text.
    pub written: String,
}

/// NotificationParams (Table 5.2.14.1-1).
#[derive(Debug, Clone)]
pub struct NotificationParameters {
    /// `attributes`, the deprecated form of `pick`.
    pub attributes: Option<Vec<Member>>,
    /// `pick`
    pub pick: Option<Vec<Member>>,
    /// `omit`
    pub omit: Option<Vec<Member>>,
    /// What these three show together.
    pub projection: Projection,
    /// `format`, as it was written; `None`: normalized.
    pub format: Option<NamedFormat>,
    /// `showChanges`
    pub show_changes: Option<bool>,
    /// `sysAttrs`
    pub system_attributes: Option<bool>,
    /// `endpoint`
    pub endpoint: Endpoint,
}

/// A member of an entity, as `pick` and `omit` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// `id`, `type`, `scope` or a date that the system keeps.
    Entity(String),
    /// An attribute.
    Attribute(AttributeName),
}

/// A representation by one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedFormat {
    /// The representation.
    pub format: Format,
    /// Its name as it was written.
    pub written: &'static str,
}

/// Endpoint (Table 5.2.15-1).
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `uri`
    pub uri: Url,
    /// The same, as it was written.
    pub written: String,
    /// `accept`
    pub accept: Option<Accept>,
    /// `receiverInfo`: headers of the notification.
    pub receiver_info: Vec<(String, String)>,
    /// The same, as headers.
    pub headers: HeaderMap,
    /// `notifierInfo`: what the notifier may need to know. Over HTTP it needs to know nothing (clause 5.2.15).
    pub notifier_info: Vec<(String, String)>,
    /// `timeout`, in milliseconds.
    pub timeout: Option<Number>,
    /// `cooldown`, in milliseconds.
    pub cooldown: Option<Number>,
}

/// The media types of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// `application/json`
    Json,
    /// `application/ld+json`
    JsonLd,
    /// `application/geo+json`
    GeoJson,
}

/// The `status` of a subscription (Table 5.2.12-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// It notifies.
    Active,
    /// Its consumer has paused it, or what its consumer proved itself by holds no more.
    Paused,
    /// Its time is over.
    Expired,
}

impl Trigger {
    /// Every trigger, with its name.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::EntityCreated, "entityCreated"),
        (Self::EntityUpdated, "entityUpdated"),
        (Self::EntityDeleted, "entityDeleted"),
        (Self::AttributeCreated, "attributeCreated"),
        (Self::AttributeUpdated, "attributeUpdated"),
        (Self::AttributeDeleted, "attributeDeleted"),
    ];

    /// What a subscription without `notificationTrigger` has.
    #[must_use]
    pub fn default_set() -> BTreeSet<Self> {
        [Self::AttributeCreated, Self::AttributeUpdated].into()
    }
}

impl Accept {
    /// Every media type, with its name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Json, "application/json"),
        (Self::JsonLd, "application/ld+json"),
        (Self::GeoJson, "application/geo+json"),
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLd => "application/ld+json",
            Self::GeoJson => "application/geo+json",
        }
    }
}

impl SubscriptionStatus {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Expired => "expired",
        }
    }
}

impl EntitySelector {
    /// Whether an entity is meant, whatever its attributes are.
    #[must_use]
    //= 5.8.1.4-7
    pub fn selects(&self, entity: &Entity) -> bool {
        let of_type = self.types.as_ref().is_none_or(|types| types.selects(&entity.types));
        let of_id = match (self.ids.is_empty(), &self.id_pattern) {
            (false, _) => self.ids.contains(&entity.id),
            (true, Some(pattern)) => pattern.matches(&entity.id),
            (true, None) => true,
        };
        of_type && of_id
    }

    /// The same as a query for entities.
    #[must_use]
    pub fn query(&self) -> Query {
        Query {
            types: self.types.clone(),
            ids: self.ids.clone(),
            id_pattern: self.id_pattern.clone().filter(|_| self.ids.is_empty()),
            ..Query::default()
        }
    }
}

impl Endpoint {
    /// The media type of its notifications.
    #[must_use]
    //= 5.8.6-14, 6.3.8-2
    pub fn media_type(&self) -> Accept {
        self.accept.unwrap_or(Accept::Json)
    }

    /// Whether the @context is kept out of the body of GeoJSON (`Prefer: body=json` in `receiverInfo`).
    #[must_use]
    pub fn prefers_plain_body(&self) -> bool {
        let values = self.headers.get_all("prefer").iter();
        values
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.trim() == "body=json")
    }
}

impl Subscription {
    /// Whether it is for the store alone: by `localOnly`, or because it selects entities of any type.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local_only == Some(true) || self.entities.iter().any(|selector| selector.types.is_none())
    }

    /// The types that it names; `None`: it may be about any.
    #[must_use]
    pub fn types(&self) -> Option<Vec<&TypeName>> {
        if self.entities.is_empty() {
            return None;
        }
        let mut names = Vec::new();
        for selector in &self.entities {
            names.extend(selector.types.as_ref()?.names());
        }
        Some(names)
    }

    /// Whether an attribute is watched.
    #[must_use]
    pub fn watches(&self, name: &AttributeName) -> bool {
        self.watched_attributes.is_empty() || self.watched_attributes.contains(name)
    }

    /// Its status at a time.
    #[must_use]
    //= 5.2.12-6, 5.8.1.4-6, 5.8.1.4-15, 5.8.2.4-7, 5.8.6-1
    pub fn status(&self, now: &DateTime) -> SubscriptionStatus {
        let is_over = |at: &DateTime| at.unix_micros() <= now.unix_micros();
        if self.expires_at.as_ref().is_some_and(is_over) {
            SubscriptionStatus::Expired
        } else if self.is_active == Some(false) {
            SubscriptionStatus::Paused
        } else {
            SubscriptionStatus::Active
        }
    }

    /// `throttling`: the shortest time between two notifications.
    #[must_use]
    pub fn shortest_pause(&self) -> Option<Duration> {
        duration(self.throttling.as_ref()?, 1.0)
    }

    /// `timeInterval`: the time between two notifications, whatever changes.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        duration(self.time_interval.as_ref()?, 1.0)
    }
}

/// A number of seconds, or of parts of a second, as a duration.
pub(super) fn duration(number: &Number, parts_of_a_second: f64) -> Option<Duration> {
    let seconds = number.as_f64()? / parts_of_a_second;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A pair of `receiverInfo` as a header.
//= 6.3.8-5
pub(super) fn header(key: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::try_from(key).ok()?, HeaderValue::try_from(value).ok()?))
}
