//! `without_tenant`: what a request means that names no tenant. With a tenant it is the default tenant of clause 4.14.

use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use super::harness::{Platform, key_of, keys, nasushiobara_sites, sano_sites, section, yaita_sites};

const SITES: &str = "type=EvacuationSite&limit=1000&count=true";

/// A gateway whose default tenant is Yaita, with a `writer` of it and one `outsider` of no tenant that may write it.
async fn with_default(tenant: &str) -> Platform {
    let tenant = tenant.to_owned();
    let builder = Platform::builder().await.tenants(|table| {
        let gateway = section(table, "gateway");
        gateway.insert("without_tenant".into(), Toml::String(tenant));
        // Of documentation: nothing is ever sent there.
        let nowhere = Toml::Array(vec!["203.0.113.0/24".into()]);
        gateway.insert("egress_allow".into(), nowhere);
        for (name, of) in [
            ("writer", ("tenant", "sano")),
            ("outsider", ("organisation", "Outside")),
        ] {
            let mut consumer = Table::new();
            consumer.insert("name".into(), name.into());
            consumer.insert(of.0.into(), of.1.into());
            consumer.insert("roles".into(), Toml::Array(vec![name.into()]));
            consumer.insert("keys".into(), keys(&key_of(name)));
            section(table, "consumers").insert(name.into(), Toml::Table(consumer));
        }
    });
    let permit = |consumer: &str, tenant: &str| {
        format!(
            "permit (principal == Consumer::\"{consumer}\", action, resource in Tenant::\"{tenant}\") when {{ resource.class == \
             Class::\"open\" }};\n"
        )
    };
    let yaita = permit("writer", "yaita") + &permit("outsider", "yaita");
    builder
        .policy("yaita.cedar", &yaita)
        .policy("sano.cedar", &permit("writer", "sano"))
        .start()
        .await
}

fn aed(id: &str) -> Value {
    json!({ "id": id, "type": "AED", "name": { "type": "Property", "value": "a" } })
}

#[tokio::test]
//= 5.5.10-2, 5.5.10-3, 6.3.14-1
async fn what_names_no_tenant_is_about_the_default_one() {
    let platform = with_default("yaita").await;
    let plain = platform.entities(SITES).await.ok();
    let named = platform.entities(SITES).tenant("yaita").await.ok();
    assert_eq!((plain.ids(), plain.count()), (named.ids(), named.count()));
    assert_eq!(plain.count(), yaita_sites().len());
    assert!(platform.asked_of_sano().is_empty() && platform.asked_of_orion().is_empty());
    // Clause 6.3.14: it is named where it was named.
    assert_eq!(plain.header("ngsild-tenant"), None);
    assert_eq!(named.header("ngsild-tenant"), Some("yaita"));
    for (tenant, places) in [("sano", sano_sites()), ("nasushiobara", nasushiobara_sites())] {
        let other = platform.entities(SITES).tenant(tenant).await.ok();
        assert_eq!(other.count(), places.len(), "{tenant}");
        assert_eq!(platform.entity(&places[0].id).await.status, 404);
        assert_eq!(platform.entity(&places[0].id).tenant(tenant).await.status, 200);
    }
}

#[tokio::test]
async fn writes_and_subscriptions_are_of_the_default_tenant_whoever_asks() {
    let platform = with_default("yaita").await;
    for (writer, id) in [
        ("writer", "urn:ngsi-ld:AED:default:1"),
        ("outsider", "urn:ngsi-ld:AED:default:2"),
    ] {
        let created = platform.create(&aed(id)).by(writer).await;
        assert_eq!(created.status, 201, "{created}");
        assert_eq!(
            platform.entity(id).by(writer).tenant("yaita").await.ok().json()["id"],
            id
        );
    }
    let of_sano = platform
        .entity("urn:ngsi-ld:AED:default:1")
        .by("writer")
        .tenant("sano")
        .await;
    assert_eq!(of_sano.status, 404, "its own tenant is another one");
    let deleted = platform.delete("urn:ngsi-ld:AED:default:1").by("writer").await;
    assert_eq!(deleted.status, 204, "{deleted}");
    let subscription = json!({
        "type": "Subscription", "entities": [{ "type": "AED" }], "localOnly": true,
        "notification": { "endpoint": { "uri": "http://203.0.113.1/none" } },
    });
    let subscribed = platform
        .post("/ngsi-ld/v1/subscriptions")
        .by("writer")
        .json(&subscription)
        .await;
    assert_eq!(subscribed.status, 201, "{subscribed}");
    let list = || platform.get("/ngsi-ld/v1/subscriptions").by("writer");
    for (list, count) in [(list(), 1), (list().tenant("yaita"), 1), (list().tenant("sano"), 0)] {
        assert_eq!(list.await.ok().json().as_array().map(Vec::len), Some(count));
    }
}

#[tokio::test]
async fn the_default_tenant_exists_for_everybody() {
    let platform = with_default("tochigi").await;
    // `outsider` sees nothing of it: an empty answer, as everywhere; named, it does not exist for it.
    let list = || platform.entities("type=AED").by("outsider");
    assert_eq!(list().await.ok().ids(), [""; 0]);
    assert_eq!(list().tenant("tochigi").await.status, 404);
    assert_eq!(
        platform
            .create(&aed("urn:ngsi-ld:AED:default:3"))
            .by("outsider")
            .await
            .status,
        403
    );
    let unknown = list().tenant("nowhere").await;
    assert_eq!(
        (unknown.status, unknown.error_type().as_str()),
        (404, "NonexistentTenant")
    );
    assert!(unknown.problem().detail.contains("default tenant"), "{unknown}");
}

#[tokio::test]
async fn the_federation_is_what_is_meant_where_nothing_else_is_said() {
    let platform = with_default("federation").await;
    let everything = platform.entities(SITES).await.ok().count();
    assert!(everything > yaita_sites().len());
}
