//! What a consumer is told of types and attributes is the same, byte for byte, whether what is hidden from it exists or not.

use serde_json::{Value, json};

use super::harness::{Answer, Platform};

const NARROWED: &str = "narrowed";

/// What is asked, of what is seen, hidden and absent.
const ASKED: [&str; 13] = [
    "/types",
    "/types?details=true",
    "/types/AED",
    "/types/PublicToilet",
    "/types/Resident",
    "/types/NobodyHasIt",
    "/attributes",
    "/attributes?details=true",
    "/attributes/name",
    "/attributes/remarks",
    "/attributes/nameEn",
    "/attributes/managerName",
    "/attributes/nobodyHasIt",
];

fn entity(number: usize, r#type: &str, attributes: &[(&str, &str)]) -> Value {
    let mut entity = json!({"id": format!("urn:ngsi-ld:{type}:{number}"), "type": r#type});
    for (name, value) in attributes {
        entity[*name] = json!({"type": "Property", "value": value});
    }
    entity
}

/// What `narrowed` sees: the names and remarks of open AEDs, and nothing of public toilets that are closed.
fn seen() -> Vec<Value> {
    vec![
        entity(1, "AED", &[("name", "a"), ("remarks", "open")]),
        entity(2, "AED", &[("remarks", "open")]),
    ]
}

/// What it does not: attributes that are not granted, or personal; entities that no permit covers; a type of which no entity is
/// covered, and one that is personal.
fn hidden() -> Vec<Value> {
    let mut all = vec![
        entity(
            1,
            "AED",
            &[
                ("name", "a"),
                ("remarks", "open"),
                ("nameEn", "x"),
                ("managerName", "y"),
            ],
        ),
        entity(2, "AED", &[("remarks", "open"), ("tradeName", "z")]),
        entity(3, "AED", &[("name", "b"), ("remarks", "closed"), ("nameKana", "c")]),
    ];
    all.extend((4..20).map(|number| entity(number, "PublicToilet", &[("name", "t"), ("remarks", "closed")])));
    all
}

async fn platform(entities: Vec<Value>) -> Platform {
    let permits = "@attributes(\"name,remarks\")\n@q(\"remarks==\\\"open\\\"\")\npermit (principal in Role::\"narrowed\", \
                   action in Action::\"read\", resource == EntityType::\"yaita/AED\");\n\
                   @q(\"remarks==\\\"open\\\"\")\npermit (principal in Role::\"narrowed\", action in Action::\"read\", \
                   resource == EntityType::\"yaita/PublicToilet\");";
    let builder = Platform::builder().await.consumer(NARROWED);
    builder
        .policy("yaita.cedar", permits)
        .store("yaita", json!(entities).to_string())
        .start()
        .await
}

fn told(answer: &Answer) -> (u16, String, Vec<String>) {
    let headers = [
        "content-type",
        "content-length",
        "ngsild-warning",
        "kakehashi-hint",
        "age",
    ];
    let headers = headers.iter().flat_map(|name| answer.all(name)).map(str::to_owned);
    (
        answer.status,
        String::from_utf8_lossy(&answer.body).into_owned(),
        headers.collect(),
    )
}

#[tokio::test]
async fn whether_it_exists_or_not() {
    let (with, without) = (platform(hidden()).await, platform(seen()).await);
    for target in ASKED {
        let target = format!("/ngsi-ld/v1{target}");
        for tenant in [Some("yaita"), None] {
            let ask = |platform: &Platform| {
                let ask = platform.get(&*target).by(NARROWED);
                match tenant {
                    Some(tenant) => ask.tenant(tenant),
                    None => ask,
                }
            };
            let (of_hidden, of_absent) = (ask(&with).await, ask(&without).await);
            assert_eq!(told(&of_hidden), told(&of_absent), "{target}");
        }
    }
    let details = with
        .get("/ngsi-ld/v1/types?details=true")
        .by(NARROWED)
        .tenant("yaita")
        .await
        .ok();
    let details = details.json();
    assert_eq!(details.as_array().unwrap().len(), 1, "{details}");
    assert_eq!(details[0]["attributeNames"], json!(["remarks", "name"]), "{details}");
    let info = with
        .get("/ngsi-ld/v1/types/AED")
        .by(NARROWED)
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(info.json()["entityCount"], 2);
}

#[tokio::test]
async fn and_a_hidden_name_reads_like_one_that_nobody_has() {
    let platform = platform(hidden()).await;
    for (hidden, absent) in [
        ("/types/PublicToilet", "/types/NobodyHasIt1"),
        ("/types/Resident", "/types/NobodyHas"),
        ("/attributes/nameEn", "/attributes/nobody"),
        ("/attributes/managerName", "/attributes/nobodyHasIt"),
    ] {
        let ask = |target: &str| {
            let target = format!("/ngsi-ld/v1{target}");
            platform.get(target).by(NARROWED).tenant("yaita")
        };
        let (of_hidden, of_absent) = (ask(hidden).await, ask(absent).await);
        assert_eq!(of_hidden.status, 404, "{hidden}: {of_hidden}");
        assert_eq!(told(&of_hidden), told(&of_absent), "{hidden}");
    }
}

/// Who may query and nothing else may not ask what there is: each is an operation of its own.
#[tokio::test]
async fn whoever_may_not_discover_is_told_of_nothing() {
    let permit = "permit (principal in Role::\"narrowed\", action == Action::\"queryEntity\", \
                  resource == EntityType::\"yaita/AED\");";
    let builder = Platform::builder().await.consumer(NARROWED);
    let builder = builder.policy("yaita.cedar", permit);
    let platform = builder.store("yaita", json!(seen()).to_string()).start().await;
    let ask = |target: &str| {
        platform
            .get(format!("/ngsi-ld/v1{target}"))
            .by(NARROWED)
            .tenant("yaita")
    };
    assert_eq!(ask("/entities?type=AED").await.ok().entities().len(), 2);
    assert_eq!(ask("/types").await.ok().json()["typeList"], json!([]));
    assert_eq!(ask("/types?details=true").await.ok().json(), json!([]));
    assert_eq!(ask("/attributes").await.ok().json()["attributeList"], json!([]));
    assert_eq!(ask("/attributes/name").await.status, 404);
    assert_eq!(ask("/types/AED").await.status, 404);
}
