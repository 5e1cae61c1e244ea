//! What has ceased to be valid (clause 4.22): entities and instances of attributes whose `expiresAt` lies in the past are
//! discarded wherever they come from (clauses 5.7.1.4 and 5.7.2.4), whether or not their store has removed them yet.

use super::{Attribute, DateTime, Entity, SystemAttributes};

impl Entity {
    /// The entity without what has expired; `None` when it has expired itself. `now` is asked for only where something
    /// expires at all.
    #[must_use]
    //= 4.22-1, 5.7.2.4-15
    pub fn valid_at(mut self, now: impl FnOnce() -> DateTime) -> Option<Self> {
        if !expires(&self.system) && !self.attributes.iter().any(may_expire) {
            return Some(self);
        }
        let now = now();
        if has_expired(&self.system, &now) {
            return None;
        }
        remove_expired(&mut self.attributes, &now);
        Some(self)
    }

    /// When it, or the first part of it, ceases to be valid; `None`: never.
    #[must_use]
    pub fn first_expiry(&self) -> Option<&DateTime> {
        let of_attributes = self.attributes.iter().filter_map(first_expiry);
        self.system.expires_at().into_iter().chain(of_attributes).min()
    }
}

fn first_expiry(attribute: &Attribute) -> Option<&DateTime> {
    let of_instances = attribute.instances.iter().filter_map(|instance| {
        let of_sub_attributes = instance.sub_attributes.iter().filter_map(first_expiry);
        instance.system.expires_at().into_iter().chain(of_sub_attributes).min()
    });
    of_instances.min()
}

fn expires(system: &SystemAttributes) -> bool {
    system.expires_at().is_some()
}

fn has_expired(system: &SystemAttributes, now: &DateTime) -> bool {
    system.expires_at().is_some_and(|expires| expires <= now)
}

/// Whether any instance of it, or of an attribute of it, expires.
fn may_expire(attribute: &Attribute) -> bool {
    let mut instances = attribute.instances.iter();
    instances.any(|instance| expires(&instance.system) || instance.sub_attributes.iter().any(may_expire))
}

fn remove_expired(attributes: &mut Vec<Attribute>, now: &DateTime) {
    for attribute in attributes.iter_mut() {
        attribute
            .instances
            .retain(|instance| !has_expired(&instance.system, now));
        for instance in &mut attribute.instances {
            remove_expired(&mut instance.sub_attributes, now);
        }
    }
    attributes.retain(|attribute| !attribute.instances.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::entity::parse::parse_entity;

    const ENTITY: &str = r#"{
        "id": "urn:a:1", "type": "A", "expiresAt": "2030-01-01T00:00:00Z",
        "stays": { "type": "Property", "value": 1,
                   "passes": { "type": "Property", "value": 2, "expiresAt": "2026-01-01T00:00:00Z" } },
        "passes": { "type": "Property", "value": 3, "expiresAt": "2026-01-01T00:00:00Z" },
        "several": [
            { "type": "Property", "value": 4, "expiresAt": "2026-01-01T00:00:00Z" },
            { "type": "Property", "value": 5, "datasetId": "urn:d:1", "expiresAt": "2028-01-01T00:00:00Z" }
        ]
    }"#;

    fn at(now: &str) -> Option<Entity> {
        let entity = parse_entity(ENTITY.as_bytes(), Context::core()).unwrap();
        entity.valid_at(|| DateTime::parse(now).unwrap())
    }

    fn instances(entity: &Entity) -> usize {
        entity
            .attributes
            .iter()
            .map(|attribute| attribute.instances.len())
            .sum()
    }

    #[test]
    fn what_has_expired_is_gone_and_the_rest_stays() {
        let before = at("2025-12-31T23:59:59Z").unwrap();
        assert_eq!((before.attributes.len(), instances(&before)), (3, 4));
        // At the very moment it is no longer valid.
        let after = at("2026-01-01T00:00:00Z").unwrap();
        assert_eq!((after.attributes.len(), instances(&after)), (2, 2));
        assert!(
            after
                .attributes
                .iter()
                .all(|attribute| attribute.instances[0].sub_attributes.is_empty())
        );
        assert_eq!(at("2029-01-01T00:00:00Z").unwrap().attributes.len(), 1);
        assert_eq!(at("2030-01-01T00:00:00Z"), None);
    }

    #[test]
    fn the_first_of_all_parts_is_told() {
        let entity = parse_entity(ENTITY.as_bytes(), Context::core()).unwrap();
        let first = |entity: &Entity| entity.first_expiry().map(|date| date.as_str().to_owned());
        assert_eq!(first(&entity).as_deref(), Some("2026-01-01T00:00:00Z"));
        let next = at("2026-01-01T00:00:00Z").unwrap();
        assert_eq!(first(&next).as_deref(), Some("2028-01-01T00:00:00Z"));
        let none = br#"{"id": "urn:a:1", "type": "A", "b": {"type": "Property", "value": 1}}"#;
        assert_eq!(first(&parse_entity(none, Context::core()).unwrap()), None);
    }

    #[test]
    fn nobody_asks_for_the_time_where_nothing_expires() {
        let json = br#"{"id": "urn:a:1", "type": "A", "b": {"type": "Property", "value": 1}}"#;
        let entity = parse_entity(json, Context::core()).unwrap();
        let unasked = entity.clone().valid_at(|| panic!("the time was asked for"));
        assert_eq!(unasked, Some(entity));
    }
}
