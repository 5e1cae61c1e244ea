//! The tag of an answer that shows one entity has a part that is of the entity as its reader sees it: the same however it is
//! shown, untouched by what is hidden, and another as soon as something is changed that is seen.

use http::Method;
use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use super::harness::{Answer, Ask, Platform, key_of, keys, section};

const ID: &str = "urn:ngsi-ld:AED:tags:one";
const PATH: &str = "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:tags:one";
const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";

/// `narrow` may read what is listed of Yaita's AEDs, `writer` may read and write all of them.
async fn yaita() -> Platform {
    let policy = "@attributes(\"name,location,remarks\")\npermit (principal in Role::\"narrow\", action in Action::\"read\", \
                  resource == EntityType::\"yaita/AED\");\n\
                  permit (principal == Consumer::\"writer\", action, resource in Tenant::\"yaita\") \
                  when { resource.class == Class::\"open\" };";
    let builder = Platform::builder().await.consumer("narrow");
    let builder = builder.tenants(|table| {
        let mut writer = Table::new();
        writer.insert("name".into(), "writer".into());
        writer.insert("tenant".into(), "yaita".into());
        writer.insert("roles".into(), Toml::Array(vec!["writer".into()]));
        writer.insert("keys".into(), keys(&key_of("writer")));
        section(table, "consumers").insert("writer".into(), Toml::Table(writer));
    });
    let builder = builder.policy("yaita.cedar", policy);
    let stored = json!([aed("seen", "hidden")]).to_string();
    builder.store("yaita", stored).start().await
}

/// An AED with something that `narrow` sees and something that it does not.
fn aed(remarks: &str, floor: &str) -> Value {
    json!({
        "id": ID, "type": "AED",
        "name": { "type": "LanguageProperty", "languageMap": { "ja": "市役所", "en": "City hall" } },
        // So much that it is worth packing.
        "remarks": { "type": "Property", "value": format!("{remarks}{}", "。".repeat(1000)) },
        "installationLocation": { "type": "Property", "value": floor },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.92, 36.8] } },
    })
}

fn tag(answer: &Answer) -> &str {
    answer.header("etag").unwrap_or_else(|| panic!("no tag: {answer}"))
}

/// The part of a tag that is of the entity; `None`: it has none.
fn part(answer: &Answer) -> Option<String> {
    let (_, part) = tag(answer).trim_matches('"').split_once(':')?;
    Some(part.split('.').next().unwrap().to_owned())
}

async fn write(platform: &Platform, entity: Value) {
    let written = platform.post(UPSERT).by("writer").json(&json!([entity])).await;
    assert!([201, 204].contains(&written.status), "{written}");
}

fn of(platform: &Platform, consumer: &str, query: &str) -> Ask {
    platform.get(format!("{PATH}{query}")).by(consumer).tenant("yaita")
}

#[tokio::test]
async fn however_an_entity_is_shown_the_part_of_it_is_the_same() {
    let platform = yaita().await;
    for consumer in ["narrow", "writer"] {
        let whole = of(&platform, consumer, "").await.ok();
        let expected = part(&whole).unwrap_or_else(|| panic!("{whole}"));
        let mut answers = vec![whole];
        for query in [
            "?format=concise",
            "?format=simplified",
            "?options=keyValues",
            "?options=sysAttrs",
            "?lang=en",
            "?local=true",
            "?join=inline",
        ] {
            answers.push(of(&platform, consumer, query).await.ok());
        }
        for media_type in ["application/ld+json", "application/geo+json"] {
            answers.push(of(&platform, consumer, "").accept(media_type).await.ok());
        }
        for coding in ["gzip", "br", "zstd"] {
            let coded = of(&platform, consumer, "").header("accept-encoding", coding).await.ok();
            assert_eq!(coded.header("content-encoding"), Some(coding));
            answers.push(coded);
        }
        let core = "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld>; \
                    rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";
        answers.push(of(&platform, consumer, "").header("link", core).await.ok());
        answers.push(platform.get(PATH).by(consumer).await.ok());
        for answer in &answers {
            assert_eq!(part(answer).as_ref(), Some(&expected), "{answer}");
        }
        // What is chosen makes no other part; who may write nothing is told none then.
        for query in [
            "?attrs=remarks",
            "?pick=remarks",
            "?pick=id,type",
            "?omit=remarks,location",
            "?datasetId=@none",
            "?pick=remarks&format=simplified&lang=ja",
        ] {
            let answer = of(&platform, consumer, query).await.ok();
            let told = part(&answer);
            assert!(told.as_ref().is_none_or(|told| *told == expected), "{answer}");
            assert!(consumer != "writer" || told.is_some(), "{answer}");
            answers.push(answer);
        }
        // Each is an answer of its own all the same.
        let mut tags: Vec<&str> = answers.iter().map(tag).collect();
        tags.sort_unstable();
        tags.dedup();
        assert!(tags.len() >= 13, "{tags:?}");
    }
    let parts = [
        of(&platform, "narrow", "").await.ok(),
        of(&platform, "writer", "").await.ok(),
    ];
    assert_ne!(part(&parts[0]), part(&parts[1]), "each has its own");
}

#[tokio::test]
async fn a_part_is_of_what_is_seen_and_moves_with_nothing_else() {
    let platform = yaita().await;
    let parts = async || {
        let narrow = of(&platform, "narrow", "?options=sysAttrs").await.ok();
        (tag(&narrow).to_owned(), part(&of(&platform, "writer", "").await.ok()))
    };
    let before = parts().await;
    write(&platform, aed("seen", "hidden")).await;
    assert_eq!(parts().await, before, "nothing was changed");
    write(&platform, aed("seen", "another")).await;
    let hidden_changed = parts().await;
    assert_eq!(
        hidden_changed.0, before.0,
        "neither part of the tag tells what is hidden"
    );
    assert_ne!(hidden_changed.1, before.1);
    write(&platform, aed("other", "another")).await;
    let changed = parts().await;
    assert_ne!(changed.0, before.0);
    write(&platform, aed("seen", "hidden")).await;
    assert_eq!(parts().await.1, before.1, "it is as it was");
}

#[tokio::test]
async fn a_list_is_of_no_one_entity() {
    let platform = yaita().await;
    for target in [
        "/ngsi-ld/v1/entities?type=AED&limit=1".to_owned(),
        format!("{PATH}?join=flat"),
        "/ngsi-ld/v1/types".to_owned(),
    ] {
        let answer = platform.get(target).by("writer").tenant("yaita").await.ok();
        assert_eq!(part(&answer), None, "{answer}");
    }
}

#[tokio::test]
async fn who_wants_an_answer_only_as_it_is_known_is_told_when_it_is_another() {
    let platform = yaita().await;
    let ask = |tags: &str| of(&platform, "narrow", "").header("if-match", tags);
    let whole = of(&platform, "narrow", "").await.ok();
    let known = tag(&whole).to_owned();
    for tags in [known.as_str(), "*", &format!("\"other\", {known}")] {
        assert_eq!(ask(tags).await.ok().body, whole.body, "{tags}");
    }
    for tags in ["\"other\"", &format!("W/{known}")] {
        let refused = ask(tags).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (412, "about:blank"),
            "{refused}"
        );
        assert!(refused.problem().detail.contains("If-Match"), "{refused}");
    }
    for malformed in ["unquoted", "\"open", "", "*, \"a\"", "\"a\" \"b\""] {
        let refused = ask(malformed).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "InvalidRequest"),
            "{malformed}"
        );
    }
    let absent = platform.get("/ngsi-ld/v1/entities/urn:ngsi-ld:AED:absent").by("narrow");
    assert_eq!(absent.header("if-match", "\"other\"").await.status, 404);
}

#[tokio::test]
async fn no_condition_is_ignored_where_none_is_offered() {
    let platform = yaita().await;
    for name in ["if-match", "if-none-match"] {
        for (method, path) in [
            (Method::POST, "/ngsi-ld/v1/entityOperations/create"),
            (Method::POST, "/ngsi-ld/v1/jsonldContexts"),
            (
                Method::DELETE,
                "/ngsi-ld/v1/subscriptions/urn:ngsi-ld:Subscription:absent",
            ),
        ] {
            let ask = platform
                .request(method, path)
                .by("writer")
                .json(&json!([]))
                .header(name, "\"a\"");
            let refused = ask.await;
            assert_eq!(
                (refused.status, refused.error_type().as_str()),
                (422, "OperationNotSupported"),
                "{path}: {refused}"
            );
        }
    }
}
