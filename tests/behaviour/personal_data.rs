//! Residents stay where they are: `Resident` and `MaternalHandbook` are absent for every purpose, although Orion holds
//! them and its registration lists them; and nothing that is written holds a value of anybody or anything.

use serde_json::json;
use stand_ins::nasushiobara::{SERVICE, personal_entity_ids};
use toml::{Table, Value};

use super::harness::{Files, Finished, Platform, change_source, encoded, members, sano_sites};

/// Everybody who can ask; the empty name is nobody.
const CONSUMERS: [&str; 4] = ["bousai-map", "sano-dashboard", "limited-app", ""];

/// The personal types, in every way a consumer might name them.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    for short in ["Resident", "MaternalHandbook"] {
        names.push(short.to_owned());
        names.push(format!("https://uri.etsi.org/ngsi-ld/default-context/{short}"));
        names.push(format!("https://kakehashi.example/terms#{short}"));
    }
    names.extend(["resident", "User", "住民", "母子健康手帳"].map(str::to_owned));
    names
}

/// Lets the registration promise more than the committed one does: policy alone must hide it.
fn promise_everything(table: &mut Table) {
    change_source(table, super::harness::ORION, |source| {
        let provides = source["provides"].as_array_mut().unwrap();
        for r#type in [
            "https://uri.etsi.org/ngsi-ld/default-context/MaternalHandbook",
            "https://uri.etsi.org/ngsi-ld/default-context/SecretThing",
        ] {
            provides.push(Value::Table(Table::from_iter([(
                "type".to_owned(),
                Value::from(r#type),
            )])));
        }
    });
}

async fn no_resident_is_found(platform: &Platform) {
    for consumer in CONSUMERS {
        for name in names() {
            for extra in [
                "",
                "&options=sysAttrs",
                "&attrs=fullName",
                "&q=fullName",
                "&idPattern=.*nsb.*",
                "&local=true",
                "&options=keyValues",
            ] {
                let ask = platform.entities(format!("type={}&count=true&limit=1000{extra}", encoded(&name)));
                let answer = if consumer.is_empty() {
                    ask.anonymous().await
                } else {
                    ask.by(consumer).await
                }
                .ok();
                assert_eq!(
                    (answer.count(), answer.ids().len()),
                    (0, 0),
                    "{consumer}: {name}{extra}"
                );
            }
        }
    }
}

#[tokio::test]
async fn no_query_finds_a_resident() {
    let platform = Platform::start().await;
    no_resident_is_found(&platform).await;
    for query in [
        "type=Resident,EvacuationSite",
        "type=EvacuationSite%7CResident",
        "type=(Resident,EvacuationSite,MaternalHandbook)",
        "type=EvacuationSite&idPattern=.*",
    ] {
        let answer = platform.entities(format!("{query}&count=true&limit=1000")).await.ok();
        assert_eq!(answer.count(), 102, "{query}");
    }
    for query in [
        "q=fullName",
        "attrs=fullName,dateOfBirth,myNumber",
        "q=myNumber~=%22.*%22",
        "attrs=contactPointPhoneNumber&idPattern=Resident",
    ] {
        for entity in platform.entities(format!("{query}&limit=1000")).await.entities() {
            assert_eq!(entity["type"], "AED", "only an AED has a telephone here: {query}");
        }
    }
    let both = platform.entities("type=Resident;EvacuationSite&count=true").await.ok();
    assert_eq!(both.count(), 0);
}

#[tokio::test]
async fn nor_where_the_registration_promises_more() {
    let builder = Platform::builder().await.tenants(promise_everything);
    let platform = builder.start().await;
    no_resident_is_found(&platform).await;
    // Nobody has said what this type is; it comes from where personal data may be.
    let secret =
        r#"[{"id":"urn:ngsi-ld:SecretThing:1","type":"SecretThing","name":{"type":"Text","value":"unclassified"}}]"#;
    platform.demo().orion().load(SERVICE, "/disaster", secret).unwrap();
    let answer = platform.entities("type=SecretThing&count=true").await.ok();
    assert_eq!(answer.count(), 0);
    assert_eq!(platform.entity("urn:ngsi-ld:SecretThing:1").await.status, 404);
    for request in platform.asked_of_orion() {
        assert!(
            !request.parameter("type").unwrap().contains("SecretThing"),
            "{}",
            request.query
        );
    }
}

#[tokio::test]
async fn nor_where_a_policy_permits_everything() {
    let builder = Platform::builder().await.tenants(promise_everything);
    let permit = "permit (principal, action, resource in Tenant::\"nasushiobara\");\n";
    builder.files().write("policies/nasushiobara.cedar", permit);
    builder.files().remove("policies/tests");
    let platform = builder.start().await;
    no_resident_is_found(&platform).await;
    for id in personal_entity_ids() {
        assert_eq!(platform.entity(&id).await.status, 404);
    }
    let shelters = platform
        .entities("type=DesignatedShelter&limit=1000")
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!(shelters.entities().len(), 68);
    for shelter in shelters.entities() {
        assert!(
            members(&shelter).iter().all(|name| !name.contains("manager")),
            "{}",
            shelter["id"]
        );
    }
    let types = platform
        .get("/ngsi-ld/v1/types")
        .tenant("nasushiobara")
        .await
        .ok()
        .json();
    assert_eq!(
        types["typeList"],
        json!(["DesignatedShelter", "EvacuationSite", "WeatherObserved"])
    );
}

#[tokio::test]
async fn no_id_leads_to_one() {
    let platform = Platform::start().await;
    let missing = platform.entity("urn:ngsi-ld:Resident:nobody").await;
    assert_eq!(
        (missing.status, missing.error_type().as_str()),
        (404, "ResourceNotFound")
    );
    for raw in personal_entity_ids() {
        let number = raw.rsplit(':').next().unwrap().to_owned();
        let r#type = raw.split(':').nth(2).unwrap().to_owned();
        for id in [
            raw.clone(),
            encoded(&raw),
            format!("{raw}/"),
            format!("{raw}?type={type}"),
            format!("{raw}?options=sysAttrs"),
            format!("{raw}?type=EvacuationSite"),
            format!("{raw}?attrs=fullName"),
            format!("{raw}?options=keyValues"),
            format!("urn:ngsi-ld:{type}:{}", encoded(&raw)),
            format!("urn:ngsi-ld:EvacuationSite:{number}"),
            format!("urn:ngsi-ld:EvacuationSite:{}", encoded(&raw)),
            format!("urn:ngsi-ld:DesignatedShelter:{}", encoded(&raw)),
        ] {
            let answer = platform.entity(&id).await;
            assert_eq!((answer.status, &answer.body), (404, &missing.body), "{id}");
        }
        for query in [
            format!("type={type}&id={raw}"),
            format!("type=EvacuationSite,DesignatedShelter&id={raw}"),
            format!("q=name&id={raw}"),
            format!("type=EvacuationSite&id={raw},urn:ngsi-ld:EvacuationSite:{number}"),
        ] {
            assert_eq!(platform.entities(&query).await.ok().ids().len(), 0, "{query}");
        }
    }
}

#[tokio::test]
async fn no_list_of_types_names_them() {
    let builder = Platform::builder().await.tenants(promise_everything);
    let platform = builder.start().await;
    for consumer in CONSUMERS {
        for tenant in [None, Some("nasushiobara")] {
            let mut ask = platform.get("/ngsi-ld/v1/types");
            ask = if consumer.is_empty() {
                ask.anonymous()
            } else {
                ask.by(consumer)
            };
            if let Some(tenant) = tenant {
                ask = ask.tenant(tenant);
            }
            let text = String::from_utf8(ask.await.ok().body.to_vec()).unwrap();
            assert!(
                !text.contains("Resident") && !text.contains("Maternal") && !text.contains("Secret"),
                "{consumer}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_written_holds_a_value_a_question_or_a_key() {
    let mut platform = Platform::start().await;
    let place = &sano_sites()[0];
    platform
        .entities("type=EvacuationSite,DesignatedShelter,AED,WeatherObserved&limit=1000")
        .await
        .ok();
    platform.entity(&place.id).await.ok();
    platform
        .query(&[("type", "EvacuationSite"), ("q", "name==\"尋ね人の言葉\"")])
        .await
        .ok();
    platform
        .query(&[("type", "EvacuationSite"), ("q", "name==\"閉じない尋ね人")])
        .await;
    platform
        .get("/ngsi-ld/v1/entities/urn:ngsi-ld:EvacuationSite:tazunebito")
        .await;
    platform.demo().sano().set_fault(stand_ins::Fault::Status(500));
    platform.entities("type=EvacuationSite").await.ok();
    platform.demo().orion().set_fault(stand_ins::Fault::Html);
    platform.entities("type=EvacuationSite").await.ok();
    platform.demo().sano().set_fault(stand_ins::Fault::BrokenJson);
    platform
        .entities("type=EvacuationSite")
        .key("kkh_this-key-is-wrong")
        .await;
    platform.entities("type=EvacuationSite").await.ok();
    platform.gateway().keep_metrics();
    let gateway = platform.gateway_mut();
    gateway.terminate();
    assert_eq!(gateway.wait().code(), Some(0));
    let metrics = std::fs::read_to_string(gateway.folder().join("metrics")).unwrap();
    assert!(metrics.contains("http_server_request_duration"), "{metrics}");
    let written = format!("{}{}{metrics}", gateway.stderr(), gateway.stdout());
    assert!(written.lines().count() > 10, "there is something to look at");
    let half_a_name = "half a na";
    for never in [
        place.name.as_str(),
        &place.address,
        &place.id,
        "36.407608",
        "0283-00-0001",
        "尋ね人",
        "%E5%B0%8B%E3%81%AD",
        "tazunebito",
        "kkh_this-key-is-wrong",
        "-in-tests",
        stand_ins::SANO_DEMO_API_KEY,
        stand_ins::server::UPSTREAM_TEXT,
        half_a_name,
    ] {
        assert!(!written.contains(never), "{never} was written: {written}");
    }
}

#[tokio::test]
async fn what_nobody_has_judged_is_not_shown() {
    let platform = Platform::start().await;
    let site = r#"[{"id":"E0921300099201","type":"EvacuationSite",
        "name":{"type":"Text","value":"新しい場所"},"unjudgedNote":{"type":"Text","value":"unjudged"}}]"#;
    platform.demo().orion().load(SERVICE, "/disaster", site).unwrap();
    let entity = platform
        .entity("urn:ngsi-ld:EvacuationSite:E0921300099201")
        .await
        .ok()
        .json();
    assert_eq!(entity["name"]["value"], "新しい場所");
    assert!(entity.get("unjudgedNote").is_none(), "{entity}");
    let by_condition = platform
        .entities("type=EvacuationSite&q=unjudgedNote&count=true")
        .await
        .ok();
    assert_eq!(by_condition.count(), 0);
    assert!(
        !platform
            .asked_of_orion()
            .iter()
            .any(|request| request.query.contains("unjudged"))
    );
}

#[test]
fn without_a_classification_nothing_starts() {
    let files = Files::committed();
    let text = files
        .read("policies/classification.toml")
        .replace("[types.EvacuationSite]", "[types.Hinanbasho]");
    files.write(
        "policies/classification.toml",
        text.replace("[types.EvacuationSite.attributes]", "[types.Hinanbasho.attributes]"),
    );
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("EvacuationSite"), "{}", finished.stderr);
}
