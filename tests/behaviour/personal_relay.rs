//! Relaying personal data is not built: whoever asks for it is told so, and the personal-data module that stands beside
//! Nasushiobara's Orion is never contacted, whatever a policy, a consumer or a configuration says.

use serde_json::json;

use super::harness::{Files, Finished, Platform, encoded, kakehashi, section};

const REFUSAL: &str = "`personal_relay = true` is not supported: personal data is never relayed by this version";

#[test]
fn a_configuration_that_asks_for_it_is_refused_and_told_why() {
    let files = Files::committed();
    let committed = files.read("tenants.toml");
    files.write(
        "tenants.toml",
        committed.replacen("[gateway]\n", "[gateway]\npersonal_relay = true\n", 1),
    );
    let refused = Finished::of(files.folder(), &["check"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for said in [
        REFUSAL,
        "tenants.toml:8",
        "set it to false",
        "whatever a policy permits",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    files.write(
        "tenants.toml",
        committed.replacen("[gateway]\n", "[gateway]\npersonal_relay = false\n", 1),
    );
    Finished::well(files.folder(), &["check"]);
}

#[test]
fn nor_can_the_environment_ask_for_it() {
    let files = Files::committed();
    let mut command = kakehashi(files.folder());
    command.arg("check").env("KAKEHASHI__GATEWAY__PERSONAL_RELAY", "true");
    let refused = Finished::of_command(&mut command, files.folder());
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains(REFUSAL), "{}", refused.stderr);
}

#[test]
fn nor_can_a_tenant_say_whom_to_ask_for_consent() {
    let files = Files::committed();
    files.append(
        "tenants.toml",
        "[tenants.utsunomiya]\nconsent = { url = \"https://consent.example.jp\" }",
    );
    let refused = Finished::of(files.folder(), &["check"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("personal data is never relayed"),
        "{}",
        refused.stderr
    );
}

/// A policy that tries everything: every action, every name, every reference, and the words of the class itself.
const TRIES_EVERYTHING: &str = r#"
permit (principal, action, resource in Tenant::"nasushiobara");
permit (principal, action, resource == EntityType::"nasushiobara/Resident");
permit (principal, action, resource == EntityType::"nasushiobara/MaternalHandbook");
permit (principal, action, resource in Tenant::"nasushiobara") when { resource.class == Class::"personal" };
permit (principal, action, resource in Tenant::"nasushiobara") when { resource.class == Class::"special-care" };
@attributes("fullName,dateOfBirth,myNumber,medicalFinding")
permit (principal, action, resource in Tenant::"nasushiobara");
@contract("any") @consent("any") @attributes("fullName,myNumber")
permit (principal, action, resource in Tenant::"nasushiobara");
"#;

/// Dropping the platform checks that the module was not contacted and that no request named a resident.
#[tokio::test]
async fn whatever_a_policy_permits_the_module_is_not_contacted() {
    let builder = Platform::builder().await.tenants(|table| {
        for consumer in ["bousai-map", "limited-app"] {
            let consumer = section(section(table, "consumers"), consumer);
            for key in ["contracts", "consents"] {
                consumer.insert(key.into(), toml::Value::Array(vec!["any".into()]));
            }
        }
    });
    builder.files().write("policies/nasushiobara.cedar", TRIES_EVERYTHING);
    builder.files().remove("policies/platform.cedar");
    builder.files().remove("policies/tests");
    let platform = builder.start().await;
    let module = platform.demo().personal_data().url().to_owned();
    for consumer in ["bousai-map", "limited-app", "sano-dashboard"] {
        for r#type in ["Resident", "MaternalHandbook", "住民", "Resident,DesignatedShelter"] {
            for extra in [
                "",
                "&attrs=fullName",
                "&q=myNumber",
                "&options=keyValues",
                "&local=true",
            ] {
                let query = format!("type={}&limit=1000{extra}", encoded(r#type));
                for entity in platform.entities(query).by(consumer).await.entities() {
                    assert_eq!(entity["type"], "DesignatedShelter");
                }
            }
        }
        for id in stand_ins::nasushiobara::personal_entity_ids() {
            assert_eq!(platform.entity(&id).by(consumer).await.status, 404);
        }
        // Nor is it reached by naming it: as an endpoint, as a context.
        let subscription = json!({
            "type": "Subscription", "entities": [{"type": "AED"}], "localOnly": true,
            "notification": {"endpoint": {"uri": format!("{module}/book-operate/share")}},
        });
        let refused = platform
            .post("/ngsi-ld/v1/subscriptions")
            .by(consumer)
            .json(&subscription)
            .await;
        assert!((400..500).contains(&refused.status), "{refused}");
        let link = format!("<{module}/document/nsb-0001>; rel=\"http://www.w3.org/ns/json-ld#context\"");
        let refused = platform.entities("type=AED").by(consumer).header("link", &link).await;
        assert!(refused.status >= 400, "{refused}");
    }
    assert_eq!(platform.demo().personal_data().requests().len(), 0);
}
