//! What inspection masks stays what it is when its answer is written back, and cannot be guessed by writing; and what decides who
//! sees the whole of an entity is changed by nobody who is not granted the whole.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Ask, Finished, Platform};

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const ID: &str = "urn:ngsi-ld:AED:masked";
const NUMBER: &str = "090-1234-5678";

fn property(value: impl Into<Value>) -> Value {
    json!({"type": "Property", "value": value.into()})
}

fn aed() -> Value {
    json!({
        "id": ID, "type": "AED", "name": property("玄関"), "serviceDay": property("hidden"),
        "remarks": property(format!("連絡は{NUMBER}まで")),
        "installationLocation": property(json!({"tel": NUMBER, "floor": 1})),
    })
}

/// `owner` writes and reads everything; `names` may write and read names, remarks and places of AEDs, and all of toilets.
async fn platform() -> Platform {
    let policy = "permit (principal == Consumer::\"owner\", action in [Action::\"provide\", Action::\"read\"], \
                  resource in Tenant::\"yaita\");\n\
                  @attributes(\"name,location,remarks\")\n\
                  permit (principal == Consumer::\"names\", action in [Action::\"provide\", Action::\"read\"], \
                  resource == EntityType::\"yaita/AED\");\n\
                  permit (principal == Consumer::\"names\", action in [Action::\"provide\", Action::\"read\"], \
                  resource == EntityType::\"yaita/PublicToilet\");\n";
    let builder = Platform::builder().await.consumer("owner").consumer("names");
    let builder = builder.policy("yaita.cedar", policy);
    builder.store("yaita", json!([aed()]).to_string()).start().await
}

fn by(platform: &Platform, consumer: &str, method: Method, target: String) -> Ask {
    platform.request(method, target).by(consumer).tenant("yaita")
}

async fn seen(platform: &Platform, consumer: &str) -> Value {
    by(platform, consumer, Method::GET, format!("{ENTITIES}/{ID}"))
        .await
        .ok()
        .json()
}

/// What lies in the store, whoever may see it.
fn stored(platform: &Platform) -> String {
    let shown = ["store", "show", ID, "--tenant", "yaita"];
    Finished::well(platform.files().folder(), &shown).stdout
}

#[tokio::test]
async fn what_was_shown_masked_and_comes_back_so_stays_what_it_was() {
    let platform = platform().await;
    let at = format!("{ENTITIES}/{ID}");
    for (method, target) in [
        (Method::PATCH, format!("{at}/attrs")),
        (Method::POST, format!("{at}/attrs")),
        (Method::PATCH, at.clone()),
        (Method::PUT, at.clone()),
    ] {
        let mut shown = seen(&platform, "owner").await;
        let members = shown.as_object_mut().unwrap();
        assert_eq!(members["remarks"]["value"], "連絡は***まで");
        members.remove("@context");
        members["name"] = property(target.clone());
        if method == Method::POST || target.ends_with("attrs") {
            members.remove("id");
            members.remove("type");
        }
        let written = by(&platform, "owner", method.clone(), target.clone())
            .json(&shown)
            .await;
        assert_eq!(written.status, 204, "{method} {target}: {written}");
        assert_eq!(seen(&platform, "owner").await["name"]["value"], *target);
        let text = stored(&platform);
        assert_eq!(text.matches(NUMBER).count(), 2, "{method} {target}: {text}");
    }
    // Another text takes its place, as long as nothing masked is left in it.
    let attribute = |name: &str| format!("{at}/attrs/{name}");
    let half = json!({"value": {"tel": "***", "floor": 2}});
    let refused = by(&platform, "owner", Method::PATCH, attribute("installationLocation"))
        .json(&half)
        .await;
    assert_eq!(refused.status, 403, "{refused}");
    let other = json!({"value": "窓口まで"});
    let written = by(&platform, "owner", Method::PATCH, attribute("remarks"))
        .json(&other)
        .await;
    assert_eq!(written.status, 204, "{written}");
    assert_eq!(stored(&platform).matches(NUMBER).count(), 1);
}

#[tokio::test]
async fn a_right_guess_is_answered_as_a_wrong_one() {
    let platform = platform().await;
    let guess = async |number: &str| -> Vec<(u16, String)> {
        let at = format!("{ENTITIES}/{ID}");
        let remarks = json!({"remarks": property(format!("連絡は{number}まで"))});
        let part = json!({"value": format!("連絡は{number}まで")});
        let mut batch = remarks.clone();
        batch["id"] = ID.into();
        batch["type"] = "AED".into();
        let all: [Answer; 6] = [
            by(&platform, "owner", Method::PATCH, format!("{at}/attrs"))
                .json(&remarks)
                .await,
            by(&platform, "owner", Method::POST, format!("{at}/attrs"))
                .json(&remarks)
                .await,
            by(&platform, "owner", Method::PATCH, at.clone()).json(&remarks).await,
            by(&platform, "owner", Method::PATCH, format!("{at}/attrs/remarks"))
                .json(&part)
                .await,
            by(&platform, "owner", Method::PUT, format!("{at}/attrs/remarks"))
                .json(&part)
                .await,
            by(
                &platform,
                "owner",
                Method::POST,
                "/ngsi-ld/v1/entityOperations/merge".to_owned(),
            )
            .json(&json!([batch]))
            .await,
        ];
        let told = |answer: &Answer| (answer.status, String::from_utf8_lossy(&answer.body).into_owned());
        all.iter().map(told).collect()
    };
    let (right, wrong) = (guess(NUMBER).await, guess("090-8765-4321").await);
    assert_eq!(right, wrong);
    assert!(right.iter().all(|(status, _)| [403, 207].contains(status)), "{right:?}");
}

#[tokio::test]
async fn types_scopes_and_the_end_of_an_entity_are_changed_by_whoever_is_granted_all_of_it() {
    let platform = platform().await;
    let before = stored(&platform);
    let at = format!("{ENTITIES}/{ID}");
    let both = json!({"type": ["AED", "PublicToilet"]});
    let toilet = json!({"type": "PublicToilet"});
    let past = json!({"expiresAt": "2020-01-01T00:00:00Z"});
    let future = json!({"expiresAt": "2999-01-01T00:00:00Z"});
    let scope = json!({"scope": "/pub"});
    for (method, target, body) in [
        (Method::PATCH, at.clone(), &both),
        (Method::PATCH, at.clone(), &toilet),
        (Method::POST, format!("{at}/attrs"), &toilet),
        (Method::PATCH, at.clone(), &past),
        (Method::POST, format!("{at}/attrs"), &future),
        (Method::PATCH, at.clone(), &scope),
        (Method::POST, format!("{at}/attrs"), &scope),
    ] {
        let refused = by(&platform, "names", method, target).json(body).await;
        assert_eq!(refused.status, 403, "{body}: {refused}");
    }
    for operation in ["merge", "update", "update?options=noOverwrite", "upsert?options=update"] {
        for body in [&both, &past, &scope] {
            let mut entity = json!({"id": ID, "type": "AED"});
            entity
                .as_object_mut()
                .unwrap()
                .extend(body.as_object().unwrap().clone());
            let target = format!("/ngsi-ld/v1/entityOperations/{operation}");
            let refused = by(&platform, "names", Method::POST, target)
                .json(&json!([entity]))
                .await;
            assert_eq!(refused.status, 207, "{operation} {body}: {refused}");
            assert_eq!(refused.json()["success"], json!([]), "{operation} {body}: {refused}");
        }
    }
    assert_eq!(stored(&platform), before);
    assert!(seen(&platform, "names").await.get("serviceDay").is_none());
    let written = by(&platform, "owner", Method::PATCH, at).json(&scope).await;
    assert_eq!(written.status, 204, "{written}");
}

#[tokio::test]
async fn what_is_hidden_inside_of_an_attribute_stays_and_is_not_told() {
    let limited = "@attributes(\"name,location,remarks\")\n\
                   permit (principal == Consumer::\"names\", action in [Action::\"provide\", Action::\"read\"], \
                   resource == EntityType::\"yaita/VacantHouse\");\n\
                   @attributes(\"name,contactPointName\")\n\
                   permit (principal == Consumer::\"owner\", action in [Action::\"provide\", Action::\"read\"], \
                   resource == EntityType::\"yaita/VacantHouse\");\n";
    let house = |id: &str, inner: bool| {
        let mut name = property("空き家");
        if inner {
            name["contactPointName"] = property("窓口");
        }
        json!({"id": format!("urn:ngsi-ld:VacantHouse:{id}"), "type": "VacantHouse", "name": name})
    };
    let builder = Platform::builder().await.consumer("owner").consumer("names");
    let builder = builder.policy("yaita.cedar", limited);
    let houses = json!([house("with", true), house("bare", false)]);
    let platform = builder.store("yaita", houses.to_string()).start().await;
    let mut told = Vec::new();
    for id in ["with", "bare"] {
        let at = format!("{ENTITIES}/urn:ngsi-ld:VacantHouse:{id}");
        let name = |value: &str| json!({"name": property(value)});
        let all = [
            by(&platform, "names", Method::PATCH, format!("{at}/attrs"))
                .json(&name("a"))
                .await,
            by(&platform, "names", Method::POST, format!("{at}/attrs"))
                .json(&name("b"))
                .await,
            by(&platform, "names", Method::PATCH, at.clone()).json(&name("c")).await,
            by(&platform, "names", Method::PATCH, format!("{at}/attrs/name"))
                .json(&json!({"value": "d"}))
                .await,
            by(&platform, "names", Method::PUT, format!("{at}/attrs/name"))
                .json(&property("e"))
                .await,
        ];
        told.push(all.iter().map(|answer| answer.status).collect::<Vec<_>>());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], [204; 5]);
    let target = format!("{ENTITIES}/urn:ngsi-ld:VacantHouse:with");
    let kept = by(&platform, "owner", Method::GET, target).await.ok().json();
    assert_eq!(kept["name"]["value"], "e", "{kept}");
    assert_eq!(kept["name"]["contactPointName"]["value"], "窓口", "{kept}");
}

#[tokio::test]
async fn a_condition_may_look_at_what_its_writer_does_not_see() {
    let policy = "@attributes(\"name\")\n@q(\"serviceDay==\\\"hidden\\\"\")\n\
                  permit (principal == Consumer::\"names\", action in [Action::\"provide\", Action::\"read\"], \
                  resource == EntityType::\"yaita/AED\");\n";
    let builder = Platform::builder()
        .await
        .consumer("names")
        .policy("yaita.cedar", policy);
    let platform = builder.store("yaita", json!([aed()]).to_string()).start().await;
    let named = json!({"name": property("裏口")});
    let target = format!("{ENTITIES}/{ID}/attrs");
    let written = by(&platform, "names", Method::PATCH, target).json(&named).await;
    assert_eq!(written.status, 204, "{written}");
    assert_eq!(seen(&platform, "names").await["name"]["value"], "裏口");
}
