//! A writer never changes what it may not see, and learns nothing of it: what its grant does not cover is refused by the grant
//! alone, whether or not something is there.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Ask, Platform};

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const WITH: &str = "urn:ngsi-ld:AED:with-hidden";
const WITHOUT: &str = "urn:ngsi-ld:AED:without-any";

/// `owner` writes and reads everything; `names` may write and read names and places of AEDs.
async fn platform() -> Platform {
    let platform = Platform::builder()
        .await
        .consumer("owner")
        .consumer("names")
        .policy(
            "yaita.cedar",
            "permit (principal == Consumer::\"owner\", action in [Action::\"provide\", Action::\"read\"], \
             resource in Tenant::\"yaita\");\n\
             @attributes(\"name,location\")\n\
             permit (principal == Consumer::\"names\", action in [Action::\"provide\", Action::\"read\"], \
             resource == EntityType::\"yaita/AED\");\n",
        )
        .start()
        .await;
    // So that purges of a test find what the test has made.
    for (id, remarks) in [(WITH, Some("hidden")), (WITHOUT, None)] {
        let mut entity = json!({"id": id, "type": "AED", "name": {"type": "Property", "value": "玄関"}});
        if let Some(remarks) = remarks {
            entity["remarks"] = json!({"type": "Property", "value": remarks});
        }
        let created = platform.create(&entity).by("owner").tenant("yaita").await;
        assert_eq!(created.status, 201, "{created}");
    }
    platform
}

fn ask(platform: &Platform, method: Method, target: &str) -> Ask {
    platform.request(method, target).by("names").tenant("yaita")
}

async fn owners_view(platform: &Platform, id: &str) -> Value {
    let answer = platform.entity(id).by("owner").tenant("yaita").await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}

/// Status and text, without what differs between any two answers.
fn told(answer: &Answer, id: &str) -> (u16, String) {
    (answer.status, text(answer).replace(id, "ID"))
}

#[tokio::test]
async fn what_changes_the_whole_is_refused_by_the_grant_alone() {
    let platform = platform().await;
    let before = [
        owners_view(&platform, WITH).await,
        owners_view(&platform, WITHOUT).await,
    ];
    let mut answers = Vec::new();
    for id in [WITH, WITHOUT] {
        let entity = json!({"id": id, "type": "AED", "name": {"type": "Property", "value": "new"}});
        let at = format!("{ENTITIES}/{id}");
        let upsert = || ask(&platform, Method::POST, "/ngsi-ld/v1/entityOperations/upsert").json(&json!([entity]));
        let delete = || ask(&platform, Method::POST, "/ngsi-ld/v1/entityOperations/delete").json(&json!([id]));
        let all = [
            ask(&platform, Method::PUT, &at).json(&entity).await,
            ask(&platform, Method::DELETE, &at).await,
            ask(&platform, Method::DELETE, &format!("{at}/attrs/name?deleteAll=true")).await,
            ask(&platform, Method::DELETE, &format!("{ENTITIES}?type=AED&id={id}")).await,
            ask(
                &platform,
                Method::DELETE,
                &format!("{ENTITIES}?type=AED&id={id}&keep=name"),
            )
            .await,
            upsert().await,
            delete().await,
        ];
        let (single, batches) = all.split_at(5);
        for answer in single {
            assert_eq!(answer.status, 403, "{answer}");
        }
        for answer in batches {
            assert_eq!(answer.status, 207, "{answer}");
            assert_eq!(answer.json()["success"], json!([]), "{answer}");
        }
        answers.push(all.iter().map(|answer| told(answer, id)).collect::<Vec<_>>());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(
        before,
        [
            owners_view(&platform, WITH).await,
            owners_view(&platform, WITHOUT).await
        ]
    );
}

#[tokio::test]
async fn hidden_attributes_are_answered_as_absent_ones_and_stay() {
    let platform = platform().await;
    let mut answers = Vec::new();
    for id in [WITH, WITHOUT] {
        let at = format!("{ENTITIES}/{id}/attrs");
        let remarks = json!({"remarks": {"type": "Property", "value": "guessed"}});
        let name = |value: &str| json!({"name": {"type": "Property", "value": value}});
        let batch = |attributes: &Value| {
            let mut entity = json!({"id": id, "type": "AED"});
            entity
                .as_object_mut()
                .unwrap()
                .extend(attributes.as_object().unwrap().clone());
            json!([entity])
        };
        let update = "/ngsi-ld/v1/entityOperations/update";
        let refused = [
            ask(&platform, Method::POST, &at).json(&remarks).await,
            ask(&platform, Method::POST, &format!("{at}?options=noOverwrite"))
                .json(&remarks)
                .await,
            ask(&platform, Method::PATCH, &at).json(&remarks).await,
            ask(&platform, Method::PATCH, &format!("{at}/remarks"))
                .json(&json!({"value": "guessed"}))
                .await,
            ask(&platform, Method::PUT, &format!("{at}/remarks"))
                .json(&remarks["remarks"])
                .await,
            ask(&platform, Method::DELETE, &format!("{at}/remarks")).await,
            ask(&platform, Method::PATCH, &format!("{ENTITIES}/{id}"))
                .json(&remarks)
                .await,
            ask(&platform, Method::POST, update).json(&batch(&remarks)).await,
            ask(&platform, Method::POST, &format!("{update}?options=noOverwrite"))
                .json(&batch(&remarks))
                .await,
            ask(
                &platform,
                Method::DELETE,
                &format!("{ENTITIES}?type=AED&id={id}&drop=remarks"),
            )
            .await,
        ];
        let done = [
            ask(&platform, Method::PATCH, &at).json(&name("second")).await,
            ask(&platform, Method::PATCH, &format!("{ENTITIES}/{id}"))
                .json(&name("third"))
                .await,
            ask(&platform, Method::POST, update).json(&batch(&name("fourth"))).await,
            // No entity has it for whom may not see it.
            ask(
                &platform,
                Method::DELETE,
                &format!("{ENTITIES}?type=AED&q=remarks&drop=name"),
            )
            .await,
        ];
        for answer in &done {
            assert_eq!(answer.status, 204, "{answer}");
        }
        let all = refused.iter().chain(&done);
        answers.push(all.map(|answer| told(answer, id)).collect::<Vec<_>>());
    }
    assert_eq!(answers[0], answers[1]);
    let kept = owners_view(&platform, WITH).await;
    assert_eq!(kept["remarks"]["value"], "hidden", "{kept}");
    assert_eq!(kept["name"]["value"], "fourth", "{kept}");
    assert!(owners_view(&platform, WITHOUT).await.get("remarks").is_none());
}

#[tokio::test]
//= 5.6.21.4-1, 5.6.21.4-4, 6.4.3.3-1, 6.4.3.3-4
async fn a_purge_takes_what_its_conditions_find_and_nothing_else() {
    let platform = platform().await;
    let owner = |target: &str| platform.request(Method::DELETE, target).by("owner").tenant("yaita");
    let gone = owner(&format!("{ENTITIES}?type=AED&q=remarks==%22hidden%22&drop=remarks")).await;
    assert_eq!(gone.status, 204, "{gone}");
    assert!(owners_view(&platform, WITH).await.get("remarks").is_none());
    for (target, says) in [
        (ENTITIES.to_owned(), "too wide"),
        (format!("{ENTITIES}?id={WITH}"), "too wide"),
        (format!("{ENTITIES}?type=AED&keep=name&drop=name"), "at once"),
        (format!("{ENTITIES}?type=AED&drop=type"), "no attribute"),
        (format!("{ENTITIES}?type=AED&q=source{{name}}"), "linked"),
    ] {
        let refused = owner(&target).await;
        assert_eq!(refused.status, 400, "{target}: {refused}");
        assert!(text(&refused).contains(says), "{target}: {refused}");
    }
    let gone = owner(&format!("{ENTITIES}?type=AED&id={WITH},{WITHOUT}")).await;
    assert_eq!(gone.status, 204, "{gone}");
    for id in [WITH, WITHOUT] {
        assert_eq!(platform.entity(id).by("owner").tenant("yaita").await.status, 404);
    }
    let again = owner(&format!("{ENTITIES}?type=AED&id={WITH},{WITHOUT}")).await;
    assert_eq!(again.status, 204, "nothing is left to purge: {again}");
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
