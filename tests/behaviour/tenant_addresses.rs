//! Where a source leads that a tenant's administrator has named is judged when it is asked, whatever was true when it was
//! proposed; and its administrator learns of the answers no more than that they failed.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use stand_ins::server::{self, Service};
use stand_ins::{Fault, LoggedRequest, Orion, Server};
use toml::Table;

use super::harness::{Client, Platform, SANO, change_source, section};

const REVISION: &str = "/admin/v1/revision";
const ASKED: &str = "type=AED&idPattern=own";

/// A platform on which Sano's administrator has added a source at an endpoint of this machine.
async fn platform(endpoint: &str) -> Platform {
    let floor: Table = format!(
        "endpoints = [\"{endpoint}\"]\nfiware_services = [\"sano\"]\nfiware_servicepaths = [\"/#\"]\n\
         egress_allow = [\"127.0.0.0/8\", \"::1\"]"
    )
    .parse()
    .unwrap();
    let builder = Platform::builder().await.administrators().log("info").tenants(|table| {
        let sano = section(section(table, "tenants"), "sano");
        sano.insert("allowed".into(), toml::Value::Table(floor));
    });
    let permit = "permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"sano\");";
    let platform = builder.policy("sano.cedar", permit).start().await;
    let own = platform.admin("sano-admin");
    let answer = own.get(format!("{REVISION}/files")).await.ok();
    let part = answer.json()["files"]["tenants.toml"].as_str().unwrap().to_owned();
    let source = format!(
        "\n[[tenants.sano.sources]]\nid = \"mine\"\nadapter = \"ngsi-v2\"\nendpoint = \"{endpoint}\"\n\
         fiware_service = \"sano\"\nprovides = [{{ type = \"AED\", id_pattern = \"own\" }}]\n"
    );
    own.request(Method::PATCH, REVISION)
        .header("if-match", answer.header("etag").unwrap())
        .json(&json!({ "files": { "tenants.toml": format!("{part}{source}") } }))
        .await
        .ok();
    platform
}

async fn own_orion() -> Orion {
    let orion = Orion::start().await.unwrap();
    let device =
        json!([{ "id": "urn:ngsi-ld:AED:own-1", "type": "AED", "name": { "type": "Text", "value": "市役所" } }]);
    orion.load("sano", "/", &device.to_string()).unwrap();
    orion
}

/// How somebody sees the source of that name.
async fn seen(client: &Client, id: &str) -> Value {
    let sources = client.get("/admin/v1/sources").await.ok().json();
    let all = sources["sources"].as_array().unwrap();
    all.iter().find(|source| source["id"] == id).unwrap().clone()
}

/// Changes tenants.toml as the operator, over the admin API, so that it holds at once.
async fn change(platform: &Platform, change: impl FnOnce(&mut Table)) {
    let ops = platform.admin("ops");
    let answer = ops.get(format!("{REVISION}/files")).await.ok();
    let mut table: Table = answer.json()["files"]["tenants.toml"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    change(&mut table);
    ops.request(Method::PATCH, REVISION)
        .header("if-match", answer.header("etag").unwrap())
        .json(&json!({ "files": { "tenants.toml": toml::to_string(&table).unwrap() } }))
        .await
        .ok();
}

#[tokio::test]
async fn what_is_allowed_no_more_is_not_asked_any_more() {
    for host in ["127.0.0.1", "localhost"] {
        let orion = own_orion().await;
        let mut platform = platform(&orion.url().replace("127.0.0.1", host)).await;
        assert_eq!(platform.entities(ASKED).await.ok().ids(), ["urn:ngsi-ld:AED:own-1"]);
        let asked = orion.requests().len();
        assert!(asked > 0);
        // A connection is open, and is not used any more, either.
        change(&platform, |table| {
            let sano = section(section(table, "tenants"), "sano");
            section(sano, "allowed").remove("egress_allow");
        })
        .await;
        for _ in 0..2 {
            let answer = platform.entities(ASKED).await.ok();
            assert_eq!(answer.ids(), [""; 0], "{host}");
            let warnings = answer.warnings();
            assert!(warnings == ["199 mine \"refused\""], "{warnings:?}");
            assert_eq!(
                seen(&platform.admin("sano-admin"), "mine").await["lastError"],
                "refused"
            );
            assert_eq!(seen(&platform.admin("ops"), "mine").await["lastError"], "refused");
            assert_eq!(orion.requests().len(), asked, "{host}");
            // Who has named it is on the disk.
            platform.kill_and_start_again().await;
        }
        // The operator may make the address its own.
        change(&platform, |table| {
            change_source(table, "mine", |source| {
                assert_eq!(source.remove("named_by"), Some("tenant".into()));
            });
        })
        .await;
        assert_eq!(platform.entities(ASKED).await.ok().ids(), ["urn:ngsi-ld:AED:own-1"]);
    }
}

#[tokio::test]
async fn what_comes_to_lead_to_another_tenants_system_is_not_asked_any_more() {
    let orion = own_orion().await;
    let platform = platform(orion.url()).await;
    assert_eq!(platform.entities(ASKED).await.ok().ids(), ["urn:ngsi-ld:AED:own-1"]);
    let asked = orion.requests().len();
    // Another tenant comes to have a source there, by a name of this machine that nobody compares as text.
    let endpoint = orion.url().replace("127.0.0.1", "0x7f.1");
    change(&platform, |table| {
        let source = format!(
            "id = \"yaita-orion\"\nadapter = \"ngsi-v2\"\nendpoint = \"{endpoint}\"\nfiware_service = \"sano\"\n\
             provides = [{{ type = \"AED\", id_pattern = \"nobody\" }}]"
        );
        let yaita = section(section(table, "tenants"), "yaita");
        let source: Table = source.parse().unwrap();
        yaita.insert("sources".into(), toml::Value::Array(vec![source.into()]));
    })
    .await;
    // Sano's alone are asked: Yaita's may be.
    assert_eq!(platform.entities(ASKED).tenant("sano").await.ok().ids(), [""; 0]);
    assert_eq!(
        seen(&platform.admin("sano-admin"), "mine").await["lastError"],
        "refused"
    );
    assert_eq!(orion.requests().len(), asked);
}

/// Sends everybody elsewhere.
struct Elsewhere(String);

impl Service for Elsewhere {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let mut answer = server::empty(StatusCode::TEMPORARY_REDIRECT);
        let to = format!("{}{}?{}", self.0, request.path, request.query);
        answer
            .headers_mut()
            .insert(header::LOCATION, HeaderValue::try_from(to).unwrap());
        answer
    }
}

#[tokio::test]
async fn a_redirection_leads_nowhere() {
    let orion = own_orion().await;
    let elsewhere = Server::start(0, Elsewhere(orion.url().to_owned())).await.unwrap();
    let platform = platform(elsewhere.url()).await;
    let answer = platform.entities(ASKED).await.ok();
    assert_eq!((answer.ids().len(), answer.warnings().len()), (0, 1), "{answer}");
    assert!(!elsewhere.requests().is_empty());
    assert_eq!(orion.requests().len(), 0);
}

#[tokio::test]
async fn a_tenants_administrator_learns_that_it_failed_and_not_how() {
    let orion = own_orion().await;
    let platform = platform(orion.url()).await;
    let (own, ops) = (platform.admin("sano-admin"), platform.admin("ops"));
    assert_eq!(seen(&own, "mine").await["lastError"], "ok");
    assert_eq!(seen(&own, SANO).await["lastError"], "ok");
    let mut kinds = std::collections::BTreeSet::new();
    for fault in [Fault::Reset, Fault::Status(401), Fault::Html] {
        orion.set_fault(fault);
        let answer = platform.entities(ASKED).await.ok();
        assert_eq!(answer.warnings().len(), 1, "{answer}");
        let told = seen(&own, "mine").await;
        assert_eq!(
            (&told["lastError"], &told["latencyMilliseconds"]),
            (&"failed".into(), &Value::Null),
            "{told}"
        );
        kinds.insert(seen(&ops, "mine").await["lastError"].to_string());
    }
    assert_eq!(kinds.len(), 3, "the operator sees which: {kinds:?}");
    // Neither where it is told that a source is lost.
    orion.set_fault(Fault::Reset);
    for _ in 0..10 {
        platform.entities(ASKED).await.ok();
    }
    let conditions = async |client: &Client| {
        let all = client.get("/admin/v1/conditions").await.ok().json();
        let all = all["conditions"].as_array().unwrap().clone();
        let lost = all.iter().find(|condition| condition["what"] == "source-lost").unwrap();
        lost["reason"].clone()
    };
    assert_eq!(conditions(&own).await, "failed");
    assert_ne!(conditions(&ops).await, "failed");
}

#[tokio::test]
async fn a_consumer_is_told_no_more_of_how_it_fails_than_its_tenant_is() {
    let orion = own_orion().await;
    let platform = platform(orion.url()).await;
    let told = async || {
        let answer = platform.entities(ASKED).tenant("sano").await.ok();
        assert_eq!(answer.header("retry-after"), None, "{answer}");
        answer.warnings().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [""; 0]);
    for fault in [
        Fault::Status(500),
        Fault::Status(401),
        Fault::StatusWithRetryAfter(503, 9),
        Fault::Html,
        Fault::BrokenJson,
        Fault::Reset,
    ] {
        orion.set_fault(fault);
        assert_eq!(told().await, ["199 mine \"failed\""], "{fault:?}");
        orion.clear_fault();
        let _ = told().await;
    }
    orion.stop().await;
    assert_eq!(told().await, ["199 mine \"failed\""]);
}
