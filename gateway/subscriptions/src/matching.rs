//! Whether a change notifies a subscription (clause 5.8.6). It looks only at what the consumer may see: the entity
//! before and after, each projected on the consumer's grant. What is hidden is absent, as a condition and as a change.

use std::collections::BTreeSet;

use kakehashi_runtime::steps::to_the_end;
use ngsi_ld::entity::{Attribute, DateTime, Instance, SystemAttributes};
use ngsi_ld::{AttributeName, Entity, Iri};

use super::definition::{ScopeCondition, Subscription, Trigger};

/// What a subscriber is told of one change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notice {
    /// The entity before, as the consumer may see it; `None`: it did not exist.
    pub(super) before: Option<Entity>,
    /// The entity after; `None`: it was deleted.
    pub(super) after: Option<Entity>,
    /// The instances of attributes that changed.
    pub(super) changes: Vec<Change>,
    /// Whether the deletion of the entity itself is what notifies.
    pub(super) is_deletion: bool,
}

/// A change of one instance of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) attribute: AttributeName,
    pub(super) dataset_id: Option<Iri>,
    pub(super) kind: ChangeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Created,
    Updated,
    Deleted,
}

/// Whether an entity is one of those that are subscribed to: by its id and types, or by a watched attribute.
pub(super) fn is_subscribed(subscription: &Subscription, entity: &Entity) -> bool {
    if subscription.entities.is_empty() {
        return subscription.watched_attributes.is_empty() || has_watched(subscription, entity);
    }
    subscription.entities.iter().any(|selector| selector.selects(entity))
}

/// Whether an entity meets `q`, `geoQ` and `scopeQ`.
//= 5.2.12-4
pub(super) async fn meets_conditions(subscription: &Subscription, entity: &Entity) -> bool {
    let by_filter = subscription.filter.as_ref().is_none_or(|filter| filter.matches(entity));
    let by_scope = |scope: &ScopeCondition| scope.query.matches(&entity.scopes);
    if !by_filter || !subscription.scope.as_ref().is_none_or(by_scope) {
        return false;
    }
    let Some(geo) = &subscription.geo else {
        return true;
    };
    let mut evaluation = geo.query.begin(entity);
    // What is too complex to be compared is told to nobody.
    to_the_end(|steps| evaluation.advance(steps)).await.unwrap_or(false)
}

//= 5.8.1.4-8
fn has_watched(subscription: &Subscription, entity: &Entity) -> bool {
    entity
        .attributes
        .iter()
        .any(|attribute| subscription.watches(&attribute.name))
}

/// What a subscriber is told of a change; `None`: nothing. Both entities are what the consumer may see.
//= 5.8.1.4-14, 5.8.6-3
pub(super) async fn notice(
    subscription: &Subscription,
    before: Option<Entity>,
    after: Option<Entity>,
) -> Option<Notice> {
    let judged = after.as_ref().or(before.as_ref())?;
    if !is_subscribed(subscription, judged) || !meets_conditions(subscription, judged).await {
        return None;
    }
    let changes = changes(before.as_ref(), after.as_ref());
    let existed = before.is_some();
    judged_by_triggers(subscription, existed, before, after, changes)
}

/// The same of an entity that existed before and of which nobody knows here what it was: what has a date from `since` on has
/// come or become another. What went is not known.
pub(super) async fn notice_since(subscription: &Subscription, after: Entity, since: &DateTime) -> Option<Notice> {
    if !is_subscribed(subscription, &after) || !meets_conditions(subscription, &after).await {
        return None;
    }
    let changes = changes_since(&after, since);
    judged_by_triggers(subscription, true, None, Some(after), changes)
}

/// The same of an entity of which parts of attributes went by themselves: all of an attribute that it has no more.
pub(super) async fn notice_of_parts(
    subscription: &Subscription,
    after: Entity,
    gone: &[AttributeName],
) -> Option<Notice> {
    if !is_subscribed(subscription, &after) || !meets_conditions(subscription, &after).await {
        return None;
    }
    let change = |name: &AttributeName| Change {
        attribute: name.clone(),
        dataset_id: None,
        kind: after
            .attribute(name)
            .map_or(ChangeKind::Deleted, |_| ChangeKind::Updated),
    };
    let changes = gone.iter().map(change).collect();
    judged_by_triggers(subscription, true, None, Some(after), changes)
}

/// Whether the id and the types of an entity that went are enough to say that a subscription is told.
pub(super) fn is_judged_by_name(subscription: &Subscription) -> bool {
    let Subscription { filter, geo, scope, .. } = subscription;
    filter.is_none() && geo.is_none() && scope.is_none() && subscription.watched_attributes.is_empty()
}

/// Whether a subscription may want to know that an entity went.
pub(super) fn wants_ends(subscription: &Subscription) -> bool {
    let ends = [Trigger::EntityDeleted, Trigger::AttributeDeleted];
    ends.iter().any(|trigger| subscription.triggers.contains(trigger))
}

/// Whether the id and the types may be those of an entity that is subscribed to.
pub(super) fn may_be_subscribed(subscription: &Subscription, entity: &Entity) -> bool {
    subscription.entities.is_empty() || subscription.entities.iter().any(|selector| selector.selects(entity))
}

//= 5.2.12-2
fn judged_by_triggers(
    subscription: &Subscription,
    existed: bool,
    before: Option<Entity>,
    after: Option<Entity>,
    changes: Vec<Change>,
) -> Option<Notice> {
    let judged = after.as_ref().or(before.as_ref())?;
    let has = |trigger: Trigger| subscription.triggers.contains(&trigger);
    // With watched attributes, an entity without any of them is no news.
    let is_watched = subscription.watched_attributes.is_empty() || has_watched(subscription, judged);
    let is_creation = !existed && has(Trigger::EntityCreated) && is_watched;
    let is_deletion = after.is_none() && has(Trigger::EntityDeleted) && is_watched;
    let kinds: BTreeSet<Trigger> = changes
        .iter()
        .filter(|change| subscription.watches(&change.attribute))
        .map(|change| change.kind.trigger())
        .collect();
    let is_update = existed && after.is_some() && has(Trigger::EntityUpdated) && !kinds.is_empty();
    let by_attribute = kinds.iter().any(|kind| has(*kind));
    (is_creation || is_deletion || is_update || by_attribute).then_some(Notice {
        before,
        after,
        changes,
        is_deletion,
    })
}

impl ChangeKind {
    const fn trigger(self) -> Trigger {
        match self {
            Self::Created => Trigger::AttributeCreated,
            Self::Updated => Trigger::AttributeUpdated,
            Self::Deleted => Trigger::AttributeDeleted,
        }
    }
}

/// The instances that came, went or say something else.
fn changes(before: Option<&Entity>, after: Option<&Entity>) -> Vec<Change> {
    let attributes = |entity: Option<&'_ Entity>| entity.map_or(&[][..], |entity| &entity.attributes).to_vec();
    let (before, after) = (attributes(before), attributes(after));
    let mut changes = Vec::new();
    for attribute in &after {
        for instance in &attribute.instances {
            let kind = match instance_of(&before, &attribute.name, instance.dataset_id.as_ref()) {
                None => ChangeKind::Created,
                Some(former) if says_the_same(former, instance) => continue,
                Some(_) => ChangeKind::Updated,
            };
            changes.push(Change::of(&attribute.name, instance, kind));
        }
    }
    for attribute in &before {
        for instance in &attribute.instances {
            if instance_of(&after, &attribute.name, instance.dataset_id.as_ref()).is_none() {
                changes.push(Change::of(&attribute.name, instance, ChangeKind::Deleted));
            }
        }
    }
    changes
}

/// The instances that have a date from `since` on, whichever part of them has it.
fn changes_since(after: &Entity, since: &DateTime) -> Vec<Change> {
    let mut changes = Vec::new();
    for attribute in &after.attributes {
        for instance in &attribute.instances {
            let is_new = instance
                .system
                .dates()
                .and_then(|dates| dates.created_at.as_ref())
                .is_some_and(|created_at| created_at.unix_micros() >= since.unix_micros());
            let kind = match is_modified_since(instance, since) {
                _ if is_new => ChangeKind::Created,
                true => ChangeKind::Updated,
                false => continue,
            };
            changes.push(Change::of(&attribute.name, instance, kind));
        }
    }
    changes
}

fn is_modified_since(instance: &Instance, since: &DateTime) -> bool {
    let own = instance.system.modified_at();
    let mut inner = instance
        .sub_attributes
        .iter()
        .flat_map(|attribute| &attribute.instances);
    // What has no date may be of any.
    own.is_none_or(|modified_at| modified_at.unix_micros() >= since.unix_micros())
        || inner.any(|instance| is_modified_since(instance, since))
}

impl Change {
    fn of(name: &AttributeName, instance: &Instance, kind: ChangeKind) -> Self {
        Self {
            attribute: name.clone(),
            dataset_id: instance.dataset_id.clone(),
            kind,
        }
    }
}

/// The instance of that attribute and dataset.
pub(super) fn instance_of<'a>(
    attributes: &'a [Attribute],
    name: &AttributeName,
    dataset_id: Option<&Iri>,
) -> Option<&'a Instance> {
    let attribute = attributes.iter().find(|attribute| attribute.name == *name)?;
    let mut instances = attribute.instances.iter();
    instances.find(|instance| instance.dataset_id.as_ref() == dataset_id)
}

/// Whether two instances are the same but for the dates that the system keeps, which move with every write.
fn says_the_same(former: &Instance, instance: &Instance) -> bool {
    let (mut former, mut instance) = (former.clone(), instance.clone());
    forget_dates(&mut former);
    forget_dates(&mut instance);
    former == instance
}

fn forget_dates(instance: &mut Instance) {
    let expires_at = instance.system.expires_at().cloned();
    instance.system = SystemAttributes::default();
    if expires_at.is_some() {
        instance.system.dates_mut().expires_at = expires_at;
    }
    for inner in instance
        .sub_attributes
        .iter_mut()
        .flat_map(|inner| &mut inner.instances)
    {
        forget_dates(inner);
    }
}
