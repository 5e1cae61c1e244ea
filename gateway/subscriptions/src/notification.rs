//! The body of a notification (clauses 5.3.1, 5.8.6 and 6.3.8): the entities that changed, in the representation and
//! under the @context of the subscription.

use kakehashi_contexts::RequestContext;
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, Representation, render_entities, render_feature_collection};
use ngsi_ld::entity::{DateTime, conformance};
use serde_json::Value;

use super::definition::{Accept, Subscription};
use super::matching::Notice;
use super::showing_changes::add_changes;

/// What one notification is about.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A change.
    Change(Box<Notice>),
    /// Every entity that meets the conditions, because the time has come (`timeInterval`).
    Matching(Vec<Entity>),
}

/// The entities as the subscription wants them written.
struct Writing<'a> {
    subscription: &'a Subscription,
    representation: Representation<'a>,
    /// The @context that stands in a FeatureCollection, or in each entity of JSON-LD, so that a receiver can hand on
    /// what it takes out of the notification.
    context_member: Option<&'a str>,
}

/// Writes the notification.
///
/// # Errors
/// When it cannot be written, which is a fault of ours.
//= 5.3.1-1, 5.3.1-3, 5.8.6-6
pub(super) fn body(
    id: &str,
    subscription: &Subscription,
    content: &Content,
    context: &RequestContext,
    now: &DateTime,
) -> Result<Vec<u8>, serde_json::Error> {
    let endpoint = &subscription.notification.endpoint;
    let media_type = endpoint.media_type();
    let member = context.member.get();
    let writing = Writing {
        subscription,
        representation: representation(subscription, &context.context),
        context_member: match media_type {
            Accept::Json => None,
            Accept::JsonLd => Some(member),
            Accept::GeoJson => (!endpoint.prefers_plain_body()).then_some(member),
        },
    };
    let data = match content {
        Content::Matching(entities) => {
            let entities: Vec<Entity> = entities.iter().map(|entity| writing.chosen(entity)).collect();
            writing.written(&entities)
        }
        Content::Change(notice) => writing.change(notice, now)?,
    };
    let mut out = Vec::with_capacity(data.len() + 512);
    out.push(b'{');
    if media_type == Accept::JsonLd {
        out.extend_from_slice(b"\"@context\":");
        out.extend_from_slice(member.as_bytes());
        out.push(b',');
    }
    for (name, text) in [
        ("id", id),
        ("type", "Notification"),
        ("subscriptionId", subscription.id.as_str()),
        ("notifiedAt", now.as_str()),
    ] {
        serde_json::to_writer(&mut out, name)?;
        out.push(b':');
        serde_json::to_writer(&mut out, text)?;
        out.push(b',');
    }
    out.extend_from_slice(b"\"data\":");
    out.extend_from_slice(&data);
    out.push(b'}');
    Ok(out)
}

/// How the entities are written.
//= 5.8.6-7, 5.8.6-10
fn representation<'a>(subscription: &'a Subscription, context: &'a Context) -> Representation<'a> {
    let parameters = &subscription.notification;
    let mut rendering = Rendering::new(
        context,
        parameters.format.map_or(Format::Normalized, |named| named.format),
    );
    rendering.system_attributes = parameters.system_attributes == Some(true);
    Representation {
        rendering,
        language: subscription.language.as_ref().map(|language| &language.filter),
        shown: (&parameters.projection).into(),
        linked: None,
        short_names: None,
    }
}

impl Writing<'_> {
    /// An entity with the instances that `datasetId` selects, as the wanted version of the specification has it.
    //= 5.2.12-8, 5.8.6-12
    fn chosen(&self, entity: &Entity) -> Entity {
        let mut entity = entity.clone();
        if let Some(datasets) = &self.subscription.datasets {
            datasets.selection.apply(&mut entity);
        }
        if let Some(conformance) = &self.subscription.conformance {
            let context = self.representation.rendering.context;
            conformance::amend(&mut entity, conformance.version, context);
        }
        entity
    }

    /// An array of entities, or a FeatureCollection.
    fn written(&self, entities: &[Entity]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut representation = self.representation;
        representation.rendering.context_member = self.context_member;
        if self.subscription.notification.endpoint.media_type() == Accept::GeoJson {
            match representation.rendering.context.expand_attribute("location") {
                Ok(geometry) => render_feature_collection(representation, entities, &geometry, &mut out),
                // A context that gives no attribute to the core term cannot be: core terms win.
                Err(_) => render_entities(representation, entities, &mut out),
            }
        } else {
            render_entities(representation, entities, &mut out);
        }
        out
    }

    /// The entity that changed, with what went and, if that is wanted, with what was before.
    fn change(&self, notice: &Notice, now: &DateTime) -> Result<Vec<u8>, serde_json::Error> {
        let shown = match (&notice.after, &notice.before) {
            (Some(after), _) => self.chosen(after),
            (None, Some(before)) => self.deleted(before, now),
            (None, None) => return Ok(b"[]".to_vec()),
        };
        let is_deleted = notice.after.is_none();
        let mut writing = Writing { ..*self };
        if is_deleted {
            // `deletedAt` is told whatever `sysAttrs` says; the other dates are gone unless it asks for them.
            writing.representation.rendering.system_attributes = true;
        }
        let data = writing.written(std::slice::from_ref(&shown));
        let went = notice
            .changes
            .iter()
            .any(|change| change.kind == super::matching::ChangeKind::Deleted);
        let shows_changes = self.subscription.notification.show_changes == Some(true);
        if !went && !shows_changes {
            return Ok(data);
        }
        let mut data: Value = serde_json::from_slice(&data)?;
        add_changes(&mut data, notice, self.subscription, &self.representation, now)?;
        serde_json::to_vec(&data)
    }

    /// What is told of a deleted entity: its id, its types, and when it was deleted.
    //= 5.8.6-8
    fn deleted(&self, before: &Entity, now: &DateTime) -> Entity {
        let mut shown = before.clone();
        shown.attributes.clear();
        shown.scopes.clear();
        let dates = shown.system.dates_mut();
        dates.deleted_at = Some(now.clone());
        dates.expires_at = None;
        if self.subscription.notification.system_attributes != Some(true) {
            dates.created_at = None;
            dates.modified_at = None;
        }
        shown
    }
}
