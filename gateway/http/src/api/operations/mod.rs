//! The operations, each in a file of its own, and the one list of them: everything of Table 6.2-1 of CIM 009, offered or
//! not, and what the gateway has beside it. To offer another is a file here and its line in the list.

mod add_context;
mod append_attributes;
mod create_batch;
mod create_entity;
mod create_entity_map;
mod create_entity_map_by_post;
mod create_subscription;
mod delete_attribute;
mod delete_batch;
mod delete_context;
mod delete_entity;
mod delete_entity_map;
mod delete_subscription;
mod describe_api;
mod list_contexts;
mod merge_batch;
mod merge_entity;
mod purge_entities;
mod query_entity;
mod query_entity_by_post;
mod query_subscription;
mod replace_attribute;
mod replace_entity;
mod retrieve_attribute_info;
mod retrieve_attributes;
mod retrieve_entity;
mod retrieve_entity_map;
mod retrieve_entity_type_info;
mod retrieve_entity_types;
mod retrieve_source_identity;
mod retrieve_subscription;
mod serve_context;
mod statistics;
mod update_attribute;
mod update_attributes;
mod update_batch;
mod update_entity_map;
mod update_subscription;
mod upsert_batch;
mod version;

use http::Method;

use super::operation::{NotOffered, Offered};

/// An operation of the list.
#[derive(Debug)]
pub enum Listed {
    /// It is offered.
    Offered(&'static Offered),
    /// It is refused by its name.
    NotOffered(NotOffered),
}

/// One that answers with data.
const fn reading(path: &'static str, method: Method, name: &'static str) -> Listed {
    Listed::NotOffered(NotOffered {
        name,
        method,
        path,
        reads: true,
    })
}

/// One that does not.
const fn changing(path: &'static str, method: Method, name: &'static str) -> Listed {
    Listed::NotOffered(NotOffered {
        name,
        method,
        path,
        reads: false,
    })
}

/// All of them, by resource.
//= 4.3.5-1, 6.2-1, 6.2-3
pub static OPERATIONS: &[Listed] = &[
    Listed::Offered(&query_entity::OFFERED),
    Listed::Offered(&query_entity_by_post::OFFERED),
    Listed::Offered(&retrieve_entity::OFFERED),
    Listed::Offered(&create_entity::OFFERED),
    Listed::Offered(&delete_entity::OFFERED),
    Listed::Offered(&purge_entities::OFFERED),
    Listed::Offered(&merge_entity::OFFERED),
    Listed::Offered(&replace_entity::OFFERED),
    Listed::Offered(&append_attributes::OFFERED),
    Listed::Offered(&update_attributes::OFFERED),
    Listed::Offered(&update_attribute::OFFERED),
    Listed::Offered(&delete_attribute::OFFERED),
    Listed::Offered(&replace_attribute::OFFERED),
    Listed::Offered(&create_batch::OFFERED),
    Listed::Offered(&upsert_batch::OFFERED),
    Listed::Offered(&delete_batch::OFFERED),
    Listed::Offered(&update_batch::OFFERED),
    Listed::Offered(&merge_batch::OFFERED),
    Listed::Offered(&retrieve_entity_types::OFFERED),
    Listed::Offered(&retrieve_entity_type_info::OFFERED),
    Listed::Offered(&retrieve_attributes::OFFERED),
    Listed::Offered(&retrieve_attribute_info::OFFERED),
    Listed::Offered(&query_subscription::OFFERED),
    Listed::Offered(&create_subscription::OFFERED),
    Listed::Offered(&retrieve_subscription::OFFERED),
    Listed::Offered(&update_subscription::OFFERED),
    Listed::Offered(&delete_subscription::OFFERED),
    Listed::Offered(&list_contexts::OFFERED),
    Listed::Offered(&add_context::OFFERED),
    Listed::Offered(&serve_context::OFFERED),
    Listed::Offered(&delete_context::OFFERED),
    Listed::Offered(&delete_context::WITHOUT_ID),
    changing(
        "/ngsi-ld/v1/csourceRegistrations",
        Method::POST,
        "Register Context Source",
    ),
    reading(
        "/ngsi-ld/v1/csourceRegistrations",
        Method::GET,
        "Query Context Source Registrations",
    ),
    reading(
        "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
        Method::GET,
        "Retrieve Context Source Registration",
    ),
    changing(
        "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
        Method::PATCH,
        "Update Context Source Registration",
    ),
    changing(
        "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
        Method::DELETE,
        "Delete Context Source Registration",
    ),
    changing(
        "/ngsi-ld/v1/csourceSubscriptions",
        Method::POST,
        "Create Context Source Registration Subscription",
    ),
    reading(
        "/ngsi-ld/v1/csourceSubscriptions",
        Method::GET,
        "Query Context Source Registration Subscriptions",
    ),
    reading(
        "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
        Method::GET,
        "Retrieve Context Source Registration Subscription",
    ),
    changing(
        "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
        Method::PATCH,
        "Update Context Source Registration Subscription",
    ),
    changing(
        "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
        Method::DELETE,
        "Delete Context Source Registration Subscription",
    ),
    changing(
        "/ngsi-ld/v1/temporal/entities",
        Method::POST,
        "Create or Update Temporal Evolution of an Entity",
    ),
    reading(
        "/ngsi-ld/v1/temporal/entities",
        Method::GET,
        "Query Temporal Evolution of Entities",
    ),
    reading(
        "/ngsi-ld/v1/temporal/entities/{entityId}",
        Method::GET,
        "Retrieve Temporal Evolution of an Entity",
    ),
    changing(
        "/ngsi-ld/v1/temporal/entities/{entityId}",
        Method::DELETE,
        "Delete Temporal Evolution of an Entity",
    ),
    changing(
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs",
        Method::POST,
        "Add Attributes to Temporal Evolution of an Entity",
    ),
    changing(
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}",
        Method::DELETE,
        "Delete Attribute from Temporal Evolution of an Entity",
    ),
    changing(
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
        Method::PATCH,
        "Modify Attribute Instance in Temporal Evolution of an Entity",
    ),
    changing(
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
        Method::DELETE,
        "Delete Attribute Instance from Temporal Evolution of an Entity",
    ),
    reading(
        "/ngsi-ld/v1/temporal/entityOperations/query",
        Method::POST,
        "Query Temporal Evolution of Entities by POST",
    ),
    reading(
        "/ngsi-ld/v1/temporal/entityMaps",
        Method::GET,
        "Create EntityMap for Query Temporal Evolution",
    ),
    reading(
        "/ngsi-ld/v1/temporal/entityMaps",
        Method::POST,
        "Create EntityMap for Query Temporal Evolution by POST",
    ),
    Listed::Offered(&create_entity_map::OFFERED),
    Listed::Offered(&create_entity_map_by_post::OFFERED),
    Listed::Offered(&retrieve_entity_map::OFFERED),
    Listed::Offered(&update_entity_map::OFFERED),
    Listed::Offered(&delete_entity_map::OFFERED),
    Listed::Offered(&retrieve_source_identity::OFFERED),
    changing("/ngsi-ld/v1/snapshots", Method::POST, "Create Snapshot"),
    changing("/ngsi-ld/v1/snapshots", Method::DELETE, "Purge Snapshots"),
    reading(
        "/ngsi-ld/v1/snapshots/{snapshotId}",
        Method::GET,
        "Retrieve Snapshot Status",
    ),
    changing(
        "/ngsi-ld/v1/snapshots/{snapshotId}",
        Method::PATCH,
        "Update Snapshot Status",
    ),
    changing("/ngsi-ld/v1/snapshots/{snapshotId}", Method::DELETE, "Delete Snapshot"),
    changing(
        "/ngsi-ld/v1/snapshots/{snapshotId}/clone",
        Method::POST,
        "Clone Snapshot",
    ),
    Listed::Offered(&describe_api::OFFERED),
    Listed::Offered(&version::OFFERED),
    Listed::Offered(&statistics::OFFERED),
];

/// Those that are offered.
pub fn offered() -> impl Iterator<Item = &'static Offered> {
    OPERATIONS.iter().filter_map(|listed| match listed {
        Listed::Offered(offered) => Some(*offered),
        Listed::NotOffered(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use kakehashi_contexts::CONTEXTS_PATH;
    use kakehashi_subscriptions::SUBSCRIPTIONS_PATH;

    use super::*;

    #[test]
    fn each_has_a_name_and_a_route_of_its_own() {
        let mut names = HashSet::new();
        let mut routes = HashSet::new();
        for listed in OPERATIONS {
            let (name, method, path) = match listed {
                Listed::Offered(one) => (one.name, &one.method, one.path),
                Listed::NotOffered(one) => (one.name, &one.method, one.path),
            };
            assert!(names.insert(name), "{name} stands there twice");
            assert!(routes.insert((method, path)), "{method} {path} stands there twice");
        }
    }

    #[test]
    fn resources_that_others_link_to_are_where_those_look_for_them() {
        for path in [SUBSCRIPTIONS_PATH, CONTEXTS_PATH] {
            let below = |one: &&Offered| one.path.strip_prefix(path).is_some_and(|rest| rest.starts_with("/{"));
            assert!(
                offered().any(|one| one.path == path) && offered().any(|one| below(&one)),
                "{path}"
            );
        }
    }

    #[test]
    fn no_parameter_is_offered_and_refused_or_offered_twice() {
        for one in offered() {
            let mut names = HashSet::new();
            let offered = one.parameters.iter().map(|parameter| parameter.name);
            for name in offered.chain(one.lacks.iter().copied()) {
                assert!(names.insert(name), "{one:?}: {name}");
            }
        }
    }
}
