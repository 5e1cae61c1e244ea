//! A gateway that notifies, and the endpoints of subscriptions: each has one of its own, which keeps the order. Nothing is
//! waited for but what the gateway says itself, that nothing waits to be compared or sent.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use kakehashi::core::{ConsumerId, TenantId};
use serde_json::Value;
use stand_ins::server::{Service, empty};
use stand_ins::{LoggedRequest, Server};

use super::super::harness::PATIENCE;
use super::subscriptions::{GONE, Held, Subscription, Told};
use super::world::{LAST_DAY, LINK, PLACE, date, id, names};
use super::{Rig, sources, written};

/// Most subscriptions of a world.
pub(super) const SUBSCRIPTIONS: usize = 8;

/// Takes notifications.
struct Endpoint;

impl Service for Endpoint {
    fn answer(&self, _: &LoggedRequest) -> Response<Bytes> {
        let mut answer = empty(StatusCode::OK);
        // One that is kept may be closed while the next is sent on it, and no POST is sent twice.
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        answer
    }
}

/// A gateway that notifies, and the endpoints of the subscriptions.
pub(super) struct Notifying {
    pub(super) rig: Rig,
    pub(super) endpoints: Vec<Server>,
}

impl Notifying {
    pub(super) fn new() -> Self {
        let rig = Rig::new();
        let endpoints = rig.runtime.block_on(async {
            rig.subscriptions.start(rig.gateway.process());
            let mut endpoints = Vec::new();
            for _ in 0..SUBSCRIPTIONS {
                endpoints.push(Server::start(0, Endpoint).await.unwrap());
            }
            endpoints
        });
        Self { rig, endpoints }
    }

    /// Waits until everything was told.
    pub(super) fn deliver(&self) {
        let delivered = self.rig.subscriptions.delivered_within(PATIENCE);
        assert!(self.rig.runtime.block_on(delivered), "something still waits");
    }

    /// Forgets the subscriptions of another case, however it has ended.
    pub(super) fn clear(&self) {
        self.endpoints.iter().for_each(Server::clear_fault);
        self.deliver();
        self.rig.runtime.block_on(async {
            let subscriptions = &self.rig.subscriptions;
            let tenants = (0..3).map(|index| TenantId::new(written::tenant_id(index)));
            let tenants: Vec<_> = tenants.map(Some).chain([None]).collect();
            for owner in (0..3).map(|index| ConsumerId::new(format!("c{index}"))) {
                for entry in tenants
                    .iter()
                    .flat_map(|tenant| subscriptions.list(&owner, tenant.as_ref()))
                {
                    let change = subscriptions.change(&owner).await;
                    subscriptions.delete(change, &entry).await.unwrap();
                }
            }
            assert!(!subscriptions.are_any());
        });
        self.endpoints.iter().for_each(Server::clear_requests);
    }

    /// What became of making a subscription.
    pub(super) fn subscribe(&self, subscription: &Subscription, lane: usize) -> (StatusCode, String) {
        let body = subscription.to_json((lane, self.endpoints[lane].url())).to_string();
        let request = Request::post("/ngsi-ld/v1/subscriptions")
            .header("content-type", "application/json")
            .header("content-length", body.len());
        let (status, _, told) = self.rig.exchange(subscription.from(), request, Body::from(body));
        (status, String::from_utf8_lossy(&told).into_owned())
    }

    /// Changes an entity whatever the policies say of it, and tells of that.
    pub(super) fn tell(&self, parts: &sources::Parts, tenant: usize, number: usize, after: Option<&Held>) {
        let after = after.map(|after| sources::part(number, &after.thing, &after.has));
        let before = {
            let mut parts = parts.lock().unwrap();
            let place = parts.iter().position(|part| part.id.as_str() == id(number));
            let before = place.map(|place| parts.remove(place));
            if let Some(after) = &after {
                sources::add(&mut parts, after.clone());
            }
            before
        };
        let revision = self.rig.gateway.revision();
        let mut known = revision.registry.configured().iter();
        let source = known.find(|source| source.id.as_str() == written::source_id(tenant, 0));
        self.rig.runtime.block_on(async {
            let subscriptions = &self.rig.subscriptions;
            subscriptions.committed(&revision, source.unwrap(), before, after);
        });
    }

    /// What has been told at an endpoint since it was last looked at.
    pub(super) fn told(&self, lane: usize, subscription: &Subscription) -> Vec<Told> {
        let requests = self.endpoints[lane].requests();
        self.endpoints[lane].clear_requests();
        requests
            .iter()
            .map(|request| read(request, lane, subscription))
            .collect()
    }
}

/// What a notification says. Its dates are those of what it shows.
fn read(request: &LoggedRequest, lane: usize, subscription: &Subscription) -> Told {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["subscriptionId"], format!("urn:iso:subscription:{lane}"), "{body}");
    assert!(
        !body.to_string().contains(&date(LAST_DAY)),
        "a date that nobody sees: {body}"
    );
    let [entity] = body["data"].as_array().unwrap().as_slice() else {
        panic!("{body}");
    };
    let shown = entity["id"].as_str().unwrap();
    let number = shown.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(shown, id(number));
    let texts = |member: &Value| -> BTreeSet<String> {
        match member {
            Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
            text => [text.as_str().unwrap().to_owned()].into(),
        }
    };
    let mut told = Told {
        number,
        types: texts(&entity["type"]),
        scopes: BTreeSet::new(),
        attributes: BTreeMap::new(),
        is_deleted: entity.get("deletedAt").is_some(),
    };
    let mut newest = None;
    for (name, member) in entity.as_object().unwrap() {
        match name.as_str() {
            "id" | "type" | "createdAt" | "modifiedAt" | "deletedAt" => {}
            "scope" => told.scopes = texts(member),
            name => {
                assert!(names().contains(&name), "{name}: {entity}");
                let of_link = name == LINK;
                let [now, was] = match of_link {
                    true => ["object", "previousObject"],
                    false => ["value", "previousValue"],
                };
                let said = |member: &Value| match member {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    place => {
                        assert_eq!((name, &place["type"]), (PLACE, &"Point".into()), "{entity}");
                        let degrees = place["coordinates"].as_array().unwrap().iter();
                        let degrees: Vec<String> = degrees.map(|of| of.as_f64().unwrap().to_string()).collect();
                        degrees.join(",")
                    }
                };
                let now = said(&member[now]);
                if now != GONE {
                    newest = newest.max(member.get("modifiedAt").and_then(Value::as_str));
                }
                told.attributes
                    .insert(name.to_owned(), (now, member.get(was).map(said)));
            }
        }
    }
    let modified = entity.get("modifiedAt").and_then(Value::as_str);
    assert_eq!(modified.is_some(), subscription.dated, "{entity}");
    if subscription.dated && subscription.attributes.is_empty() && !told.is_deleted {
        assert!(newest.is_none() || modified == newest, "{entity}");
    }
    told
}
