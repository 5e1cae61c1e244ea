use futures::FutureExt;
use kakehashi_contexts::RequestContext;
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entity;
use serde_json::{Map, Value, json};

use super::definition::{Subscription, SubscriptionStatus};
use super::matching::{ChangeKind, notice};
use super::members::{Fault, parse_object};
use super::notification::{Content, body};

fn now() -> DateTime {
    DateTime::parse("2026-01-01T00:00:00Z").unwrap()
}

fn context() -> Context {
    let terms = r#"{"Site":"https://a.example/v1.2/Site","name":"https://a.example/v1.2/name","open":"urn:a:open"}"#;
    Context::builder().value(terms).unwrap().build().unwrap()
}

fn members(value: &Value) -> Map<String, Value> {
    parse_object(value.to_string().as_bytes()).unwrap()
}

fn read(value: &Value) -> Result<Subscription, Fault> {
    Subscription::create(&members(value), &context(), "urn:generated:1".to_owned(), &now())
}

/// The least that a subscription holds, with other members.
fn with(more: &Value) -> Value {
    let mut value = json!({
        "id": "urn:s:1",
        "type": "Subscription",
        "entities": [{"type": "Site"}],
        "notification": {"endpoint": {"uri": "http://a.example/n"}},
    });
    for (name, member) in more.as_object().unwrap() {
        value[name] = member.clone();
    }
    value
}

fn whole() -> Value {
    with(&json!({
        "subscriptionName": "避難所",
        "description": "d",
        "entities": [
            {"type": "(Site;Shelter)|Other", "id": ["urn:e:1", "urn:e:2"]},
            {"type": "Site", "idPattern": "^urn:e:"},
        ],
        "watchedAttributes": ["name", "urn:b:c.d"],
        "notificationTrigger": ["entityCreated", "attributeDeleted"],
        "q": "name.open[a.b]==\"x\";(open>=3|name~=\"^y\")",
        "scopeQ": "(/避難/#;/a)|/b",
        "expandValues": "kind",
        "jsonKeys": "name,open",
        "geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [139.5, 36.5], "geoproperty": "open"},
        "lang": "ja,en;q=0.5",
        "datasetId": ["@none", "urn:d:1"],
        "expiresAt": "2030-01-01T00:00:00Z",
        "isActive": false,
        "throttling": 1.5,
        "localOnly": true,
        "splitEntities": true,
        "ngsildConformance": "1.6",
        "jsonldContext": "http://a.example/c.jsonld",
        "notification": {
            "pick": ["id", "name", "open"],
            "omit": ["type"],
            "format": "concise",
            "showChanges": true,
            "sysAttrs": true,
            "endpoint": {
                "uri": "http://a.example/n?x=1",
                "accept": "application/geo+json",
                "receiverInfo": [{"key": "Authorization", "value": "secret"}, {"key": "Prefer", "value": "body=json"}],
                "notifierInfo": [{"key": "MQTT-Version", "value": "mqtt5.0"}],
                "timeout": 100,
                "cooldown": 2000,
            },
        },
    }))
}

#[test]
//= 5.8.3.4-3
fn what_is_read_is_shown_and_stored_as_it_was() {
    let subscription = read(&whole()).unwrap();
    assert_eq!(Value::Object(subscription.members(&context())), whole());
    let stored = Subscription::stored(&subscription.to_document()).unwrap();
    assert_eq!(stored.members(&context()), subscription.members(&context()));
    assert_eq!(stored.filter, subscription.filter);
    assert_eq!(stored.notification.projection, subscription.notification.projection);
    assert!(stored.notification.endpoint.prefers_plain_body());
}

#[test]
fn values_of_q_are_expanded_wherever_the_list_of_them_stands() {
    let kind = json!({"q": "kind==Site", "expandValues": "kind"});
    let subscription = read(&with(&kind)).unwrap();
    let town = r#"kind==https://a.example/v1.2/Site"#;
    assert_eq!(subscription.members(&context())["q"], town);
    let stored = Subscription::stored(&subscription.to_document()).unwrap();
    assert_eq!(stored.filter, subscription.filter);

    let now = DateTime::parse("2026-01-01T00:00:00Z").unwrap();
    let patched = |more: &Value| subscription.patched(more.as_object().unwrap(), &context(), &now);
    let other = patched(&json!({"q": "kind!=Site"})).unwrap();
    assert_eq!(other.members(&context())["q"], town.replace("==", "!="));
    let alone = patched(&json!({"jsonKeys": "kind"})).unwrap_err();
    assert!(
        matches!(&alone, Fault::Invalid(detail) if detail.contains("`jsonKeys`")),
        "{alone:?}"
    );
    let as_json = patched(&json!({"jsonKeys": "kind", "q": "kind==\"Site\"", "scopeQ": "urn:ngsi-ld:null"}));
    assert_eq!(as_json.unwrap().members(&context())["q"], "kind==\"Site\"");
}

#[test]
//= 5.8.2.4-4
fn another_context_shows_other_names() {
    let subscription = read(&with(&json!({"watchedAttributes": ["name"]}))).unwrap();
    let shown = subscription.members(Context::core());
    assert_eq!(shown["entities"], json!([{"type": "https://a.example/v1.2/Site"}]));
    assert_eq!(shown["watchedAttributes"], json!(["https://a.example/v1.2/name"]));
    assert_eq!(
        shown["notificationTrigger"],
        json!(["attributeCreated", "attributeUpdated"])
    );
}

#[test]
//= 5.2.12-1, 5.2.12-3, 5.2.12-11, 5.2.14.1-1, 5.2.14.1-2, 5.2.15-2, 5.2.33-2, 5.8.1.4-1, 6.3.8-5
fn what_is_wrong_is_named() {
    let endpoint = |more: Value| {
        let mut endpoint = json!({"uri": "http://a.example/n"});
        for (name, member) in more.as_object().unwrap() {
            endpoint[name] = member.clone();
        }
        json!({"notification": {"endpoint": endpoint}})
    };
    let notification = |more: Value| {
        let mut notification = json!({"endpoint": {"uri": "http://a.example/n"}});
        for (name, member) in more.as_object().unwrap() {
            notification[name] = member.clone();
        }
        json!({ "notification": notification })
    };
    for (more, path) in [
        (json!({"type": "Abo"}), "`type`"),
        (json!({"id": "no uri"}), "`id`"),
        (json!({"scopeQ": "/a;;"}), "`scopeQ`"),
        (json!({"q": "kind==Town"}), "`q`"),
        (json!({"expandValues": ["kind"]}), "`expandValues`"),
        (json!({"entities": []}), "`entities`"),
        (json!({"entities": [{"id": "urn:e:1"}]}), "`entities[0]`"),
        (json!({"entities": [{"type": "Site", "id": "x"}]}), "`entities[0].id`"),
        (
            json!({"entities": [{"type": "Site", "idPattern": "("}]}),
            "`entities[0].idPattern`",
        ),
        (json!({"entities": [{"type": "Site|"}]}), "`entities[0].type`"),
        (json!({"entities": [{"type": "Site", "more": 1}]}), "`entities[0].more`"),
        (json!({"entities": [{"type": "*"}], "localOnly": false}), "`localOnly`"),
        (json!({"watchedAttributes": []}), "`watchedAttributes`"),
        (json!({"watchedAttributes": ["a", ""]}), "`watchedAttributes[1]`"),
        (
            json!({"notificationTrigger": ["entityChanged"]}),
            "`notificationTrigger[0]`",
        ),
        (json!({"q": "a=="}), "`q`"),
        (
            json!({"geoQ": {"georel": "near", "geometry": "Point", "coordinates": [1, 2]}}),
            "`geoQ`",
        ),
        (json!({"geoQ": {"georel": "within", "geometry": "Point"}}), "`geoQ`"),
        (json!({"lang": ";;"}), "`lang`"),
        (json!({"datasetId": ["x"]}), "`datasetId[0]`"),
        (json!({"expiresAt": "2025-12-31T23:59:59Z"}), "`expiresAt`"),
        (json!({"expiresAt": "tomorrow"}), "`expiresAt`"),
        (json!({"isActive": 1}), "`isActive`"),
        (json!({"throttling": 0}), "`throttling`"),
        (json!({"timeInterval": 5, "throttling": 5}), "`throttling`"),
        (
            json!({"timeInterval": 5, "watchedAttributes": ["a"]}),
            "`watchedAttributes`",
        ),
        (json!({"csf": "(("}), "`csf`"),
        (json!({"temporalQ": {}}), "`temporalQ`"),
        (json!({"watchedAttribute": ["a"]}), "`watchedAttribute`"),
        (json!({"notification": {}}), "`notification`"),
        (
            notification(json!({"attributes": ["id"]})),
            "`notification.attributes[0]`",
        ),
        (notification(json!({"attributes": []})), "`notification.attributes`"),
        (
            notification(json!({"attributes": ["a"], "pick": ["a"]})),
            "`notification`",
        ),
        (
            notification(json!({"pick": ["a", "id"], "omit": ["id"]})),
            "`notification`",
        ),
        (notification(json!({"format": "short"})), "`notification.format`"),
        (
            notification(json!({"format": "keyValues", "showChanges": true})),
            "`notification`",
        ),
        (
            endpoint(json!({"uri": "ftp://a.example/"})),
            "`notification.endpoint.uri`",
        ),
        (endpoint(json!({"uri": "here"})), "`notification.endpoint.uri`"),
        (
            endpoint(json!({"accept": "text/csv"})),
            "`notification.endpoint.accept`",
        ),
        (endpoint(json!({"timeout": 0})), "`notification.endpoint.timeout`"),
        (
            endpoint(json!({"receiverInfo": [{"key": "a b", "value": ""}]})),
            "`notification.endpoint.receiverInfo[0]`",
        ),
        (
            endpoint(json!({"receiverInfo": [{"key": "Host", "value": "b"}]})),
            "`notification.endpoint.receiverInfo[0]`",
        ),
        (
            endpoint(json!({"receiverInfo": [{"key": "K", "value": "a\r\nb: c"}]})),
            "`notification.endpoint.receiverInfo[0]`",
        ),
        (
            endpoint(json!({"notifierInfo": [{"key": "K"}]})),
            "`notification.endpoint.notifierInfo[0]`",
        ),
    ] {
        match read(&with(&more)) {
            Err(Fault::Invalid(detail)) => assert!(detail.contains(path), "{more}: {detail}"),
            other => panic!("{more}: {other:?}"),
        }
    }
    for (more, path) in [
        (json!({"csf": "a==1"}), "`csf`"),
        (json!({"splitEntities": true}), "`splitEntities`"),
        (json!({"q": "a{b}==1"}), "`q`"),
        (json!({"timeInterval": 0.5}), "`timeInterval`"),
        (notification(json!({"join": "inline"})), "`notification.join`"),
        (
            endpoint(json!({"uri": "mqtt://a.example/t"})),
            "`notification.endpoint.uri`",
        ),
    ] {
        match read(&with(&more)) {
            Err(Fault::NotOffered(detail)) => assert!(detail.contains(path), "{more}: {detail}"),
            other => panic!("{more}: {other:?}"),
        }
    }
}

#[test]
//= 5.8.2.4-6
fn a_fragment_replaces_adds_and_removes_members() {
    let subscription = read(&with(&json!({"watchedAttributes": ["name"], "throttling": 5}))).unwrap();
    let patch = |fragment: Value| subscription.patched(&members(&fragment), &context(), &now());
    let patched = patch(json!({
        "watchedAttributes": ["open"], "throttling": "urn:ngsi-ld:null", "q": "open==1", "isActive": false, "status": "active"
    }))
    .unwrap();
    let shown = patched.members(&context());
    assert_eq!(
        (&shown["watchedAttributes"], &shown["q"]),
        (&json!(["open"]), &json!("open==1"))
    );
    assert!(!shown.contains_key("throttling"));
    assert_eq!(patched.status(&now()), SubscriptionStatus::Paused);
    assert!(patch(json!({"id": "urn:s:1", "type": "Subscription"})).is_ok());
    for wrong in [
        json!({"id": "urn:s:2"}),
        json!({"type": "Other"}),
        json!({"notification": null}),
        json!({"notification": {"format": "concise", "endpoint": null}}),
        json!({"entities": null, "watchedAttributes": null}),
        json!({"expiresAt": "2020-01-01T00:00:00Z"}),
        json!({"more": null}),
    ] {
        assert!(matches!(patch(wrong.clone()), Err(Fault::Invalid(_))), "{wrong}");
    }
}

fn entity(more: &Value) -> Entity {
    let mut value = json!({"id": "urn:e:1", "type": "Site"});
    for (name, member) in more.as_object().unwrap() {
        value[name] = member.clone();
    }
    parse_entity(value.to_string().as_bytes(), &context()).unwrap()
}

#[test]
//= 5.2.12-2, 5.8.1.4-7, 5.8.1.4-8, 5.8.6-3
fn only_what_is_watched_and_triggers_notifies() {
    let (old, new) = (json!({"name": 1, "open": 1}), json!({"name": 2, "open": 1}));
    let tells = |more: Value, before: Option<&Value>, after: Option<&Value>| {
        let subscription = read(&with(&more)).unwrap();
        let of = |value: Option<&Value>| value.map(entity);
        notice(&subscription, of(before), of(after))
            .now_or_never()
            .unwrap()
            .is_some()
    };
    let trigger = |name: &str| json!({"notificationTrigger": [name]});
    assert!(tells(json!({}), Some(&old), Some(&new)));
    assert!(
        tells(json!({}), None, Some(&new)),
        "created attributes notify by default"
    );
    assert!(!tells(json!({}), Some(&old), Some(&old)), "the same again is no change");
    assert!(
        !tells(json!({}), Some(&old), None),
        "deletions do not notify by default"
    );
    assert!(tells(json!({"watchedAttributes": ["name"]}), Some(&old), Some(&new)));
    assert!(!tells(json!({"watchedAttributes": ["open"]}), Some(&old), Some(&new)));
    assert!(tells(trigger("entityDeleted"), Some(&old), None));
    assert!(tells(trigger("attributeDeleted"), Some(&old), None));
    assert!(tells(
        trigger("attributeDeleted"),
        Some(&old),
        Some(&json!({"open": 1}))
    ));
    assert!(!tells(
        trigger("attributeUpdated"),
        Some(&old),
        Some(&json!({"open": 1}))
    ));
    assert!(tells(trigger("entityUpdated"), Some(&old), Some(&json!({"open": 1}))));
    assert!(!tells(trigger("entityUpdated"), None, Some(&new)));
    assert!(tells(trigger("entityCreated"), None, Some(&json!({}))));
    assert!(!tells(trigger("entityCreated"), Some(&old), Some(&new)));
    assert!(!tells(json!({"q": "open==2"}), Some(&old), Some(&new)));
    assert!(tells(json!({"q": "name==2"}), Some(&old), Some(&new)));
    assert!(
        !tells(json!({"q": "name==1"}), Some(&old), Some(&new)),
        "the entity as it is now counts"
    );
    let other = json!({"entities": [{"type": "Site", "id": "urn:e:2"}]});
    assert!(!tells(other, Some(&old), Some(&new)));
    let by_id = json!({"entities": [{"type": "Site", "id": "urn:e:1", "idPattern": "nothing"}]});
    assert!(tells(by_id, Some(&old), Some(&new)), "`id` goes before `idPattern`");
}

/// The data of a notification of a change.
fn told(more: &Value, before: Option<&Value>, after: Option<&Value>) -> Value {
    let subscription = read(&with(more)).unwrap();
    let notice = notice(&subscription, before.map(entity), after.map(entity));
    let notice = notice.now_or_never().unwrap().unwrap();
    let content = Content::Change(Box::new(notice));
    let context = RequestContext::at(context().into(), "http://a.example/c.jsonld");
    let body = body("urn:n:1", &subscription, &content, &context, &now()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&body["id"], &body["type"], &body["subscriptionId"], &body["notifiedAt"]),
        (
            &json!("urn:n:1"),
            &json!("Notification"),
            &json!("urn:s:1"),
            &json!("2026-01-01T00:00:00Z")
        )
    );
    body["data"].clone()
}

fn parameters(more: &Value) -> Value {
    let mut value = json!({
        "notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"],
        "notification": {"endpoint": {"uri": "http://a.example/n"}},
    });
    for (name, member) in more.as_object().unwrap() {
        value["notification"][name] = member.clone();
    }
    value
}

#[test]
//= 5.8.6-9
fn what_went_is_null() {
    let dataset = json!([{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}]);
    for (format, before, after, expected) in [
        (
            "normalized",
            json!({"name": 1}),
            json!({}),
            json!({"type": "Property", "value": "urn:ngsi-ld:null"}),
        ),
        (
            "concise",
            json!({"name": 1}),
            json!({}),
            json!({"value": "urn:ngsi-ld:null"}),
        ),
        ("simplified", json!({"name": 1}), json!({}), json!("urn:ngsi-ld:null")),
        (
            "normalized",
            json!({"name": {"languageMap": {"ja": "x"}}}),
            json!({}),
            json!({"type": "LanguageProperty", "languageMap": {"@none": "urn:ngsi-ld:null"}}),
        ),
        (
            "normalized",
            json!({"name": dataset}),
            json!({"name": 1}),
            json!([{"type": "Property", "value": 1},
                   {"type": "Property", "value": "urn:ngsi-ld:null", "datasetId": "urn:d:1"}]),
        ),
        (
            "simplified",
            json!({"name": dataset}),
            json!({"name": 1}),
            json!({"dataset": {"@none": 1, "urn:d:1": "urn:ngsi-ld:null"}}),
        ),
    ] {
        let data = told(&parameters(&json!({"format": format})), Some(&before), Some(&after));
        assert_eq!(data[0]["name"], expected, "{format} {before}");
    }
}

#[test]
//= 5.2.32-6
fn what_was_before_is_shown_where_it_is_asked_for() {
    let shows = |format: &str| parameters(&json!({"format": format, "showChanges": true}));
    let data = told(
        &shows("normalized"),
        Some(&json!({"name": 1})),
        Some(&json!({"name": 2})),
    );
    assert_eq!(
        data[0]["name"],
        json!({"type": "Property", "value": 2, "previousValue": 1})
    );
    let data = told(
        &shows("concise"),
        Some(&json!({"name": [1, 2]})),
        Some(&json!({"name": [3]})),
    );
    assert_eq!(data[0]["name"], json!({"value": [3], "previousValue": [1, 2]}));
    let (before, after) = (
        json!({"name": {"object": "urn:a:1"}}),
        json!({"name": {"object": "urn:a:2"}}),
    );
    let data = told(&shows("normalized"), Some(&before), Some(&after));
    assert_eq!(data[0]["name"]["previousObject"], "urn:a:1");
    let data = told(&shows("normalized"), None, Some(&json!({"name": 2})));
    assert_eq!(data[0]["name"], json!({"type": "Property", "value": 2}));
    let data = told(&shows("normalized"), Some(&json!({"name": 1})), None);
    assert_eq!(
        data[0]["name"],
        json!({"type": "Property", "value": "urn:ngsi-ld:null", "previousValue": 1})
    );
}

#[test]
//= 4.8-1, 5.8.6-8
fn of_what_was_deleted_the_time_is_told_and_nothing_else() {
    let data = told(
        &parameters(&json!({})),
        Some(&json!({"name": 1, "createdAt": "2025-01-01T00:00:00Z"})),
        None,
    );
    assert_eq!(
        data,
        json!([{"id": "urn:e:1", "type": "Site", "deletedAt": "2026-01-01T00:00:00Z"}])
    );
    let data = told(
        &parameters(&json!({"sysAttrs": true})),
        Some(&json!({"name": 1, "createdAt": "2025-01-01T00:00:00Z"})),
        None,
    );
    assert_eq!(data[0]["createdAt"], "2025-01-01T00:00:00Z");
    let by_attribute = json!({"notificationTrigger": ["attributeDeleted"], "watchedAttributes": ["name"]});
    let data = told(&by_attribute, Some(&json!({"name": 1, "open": 1})), None);
    assert_eq!(
        data[0]["name"],
        json!({"type": "Property", "value": "urn:ngsi-ld:null"})
    );
    assert!(data[0].get("open").is_none(), "{data}");
}

#[test]
fn instances_that_differ_are_named() {
    let subscription = read(&with(&json!({"notificationTrigger": ["entityUpdated"]}))).unwrap();
    let before = json!({"name": [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}], "open": 1});
    let after = json!({"name": [{"value": 1}, {"value": 3, "datasetId": "urn:d:1"}], "more": 1});
    let notice = notice(&subscription, Some(entity(&before)), Some(entity(&after)));
    let notice = notice.now_or_never().unwrap().unwrap();
    let changes: Vec<(&str, ChangeKind)> = notice
        .changes
        .iter()
        .map(|change| {
            (
                change.attribute.as_str().rsplit(['/', ':']).next().unwrap(),
                change.kind,
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("name", ChangeKind::Updated),
            ("more", ChangeKind::Created),
            ("open", ChangeKind::Deleted)
        ]
    );
}
