//! Whoever has an answer already is told so: tags are of what is shown, all of it and nothing else, and each consumer's are
//! its own.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use stand_ins::Fault;
use toml::{Table, Value as Toml};

use super::harness::{Answer, Ask, Platform, key_of, keys, section};

const SITES: &str = "/ngsi-ld/v1/entities?type=EvacuationSite&limit=5&count=true";
const OWN_CONTEXT: &str = "/ngsi-ld/v1/jsonldContexts/kakehashi";
const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";

/// Headers of an answer that are another each time.
const OF_THE_MOMENT: [&str; 4] = ["date", "x-request-id", "ratelimit", "age"];

/// Headers that only an answer with a body has.
const OF_THE_BODY: [&str; 2] = ["content-type", "content-length"];

fn tag(answer: &Answer) -> &str {
    answer.header("etag").unwrap_or_else(|| panic!("no tag: {answer}"))
}

async fn if_none_match(ask: Ask, tags: &str) -> Answer {
    ask.header("if-none-match", tags).await
}

/// The headers that are to be the same.
fn headers(answer: &Answer, but: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &answer.headers {
        if !OF_THE_MOMENT.contains(&name.as_str()) && !but.contains(&name.as_str()) {
            let values = headers.entry(name.to_string()).or_default();
            values.push(value.to_str().unwrap().to_owned());
        }
    }
    headers
}

/// It is the answer that is known: everything is said of it but its body.
fn is_known(answer: &Answer, whole: &Answer) {
    assert_eq!((answer.status, answer.body.len()), (304, 0), "{answer}");
    assert_eq!(headers(answer, &[]), headers(whole, &OF_THE_BODY), "{answer}");
}

#[tokio::test]
async fn who_has_an_answer_is_told_so() {
    let platform = Platform::start().await;
    let id = platform.get(SITES).await.ok().ids().swap_remove(0);
    for target in [
        SITES.to_owned(),
        format!("/ngsi-ld/v1/entities/{id}"),
        OWN_CONTEXT.to_owned(),
        "/ngsi-ld/v1/types".to_owned(),
        "/ngsi-ld/v1/jsonldContexts".to_owned(),
        "/openapi.json".to_owned(),
    ] {
        let whole = platform.get(&*target).await.ok();
        assert!(whole.header("cache-control").is_some() && !whole.body.is_empty());
        let other = "\"AAAAAAAAAAAAAAAAAAAAAA\"";
        for tags in [
            tag(&whole).to_owned(),
            format!("W/{}", tag(&whole)),
            format!("{other}, {}", tag(&whole)),
            "*".to_owned(),
        ] {
            is_known(&if_none_match(platform.get(&*target), &tags).await, &whole);
        }
        for tags in [other, "", tag(&whole).trim_matches('"'), "W/"] {
            let again = if_none_match(platform.get(&*target), tags).await.ok();
            assert_eq!((tag(&again), &again.body), (tag(&whole), &whole.body), "{tags}");
        }
    }
    // What is refused, or not there, has no tag; nor is it known.
    for target in [
        "/ngsi-ld/v1/entities",
        "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:absent",
        "/nothing",
    ] {
        let refused = if_none_match(platform.get(target), "*").await;
        assert!(
            [400, 404].contains(&refused.status) && refused.header("etag").is_none(),
            "{refused}"
        );
    }
    // What is a question in a body is none that is kept.
    let asked = json!({ "type": "Query", "entities": [{ "type": "EvacuationSite" }] });
    let posted = platform.post("/ngsi-ld/v1/entityOperations/query").json(&asked);
    let posted = if_none_match(posted, "*").await.ok();
    assert_eq!(posted.header("etag"), None);
}

#[tokio::test]
async fn each_representation_has_a_tag_of_its_own() {
    let platform = Platform::start().await;
    let asks = [
        platform.get(SITES),
        platform.get(SITES).accept("application/ld+json"),
        platform.get(SITES).accept("application/geo+json"),
        platform.get(format!("{SITES}&format=simplified")),
        platform.get(format!("{SITES}&offset=5")),
        platform.entities("type=EvacuationSite&limit=5"),
    ];
    let mut tags = Vec::new();
    for ask in asks {
        tags.push(tag(&ask.await.ok()).to_owned());
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 6, "{tags:?}");
}

/// An AED of Yaita's.
fn aed(id: &str, name: &str, remarks: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:tags:{id}"), "type": "AED",
        "name": { "type": "Property", "value": name },
        "remarks": { "type": "Property", "value": remarks },
    })
}

/// `one` and `two` may read Yaita's AEDs that are open, and `writer` may write all.
async fn narrowed() -> Platform {
    let permits = |consumer: &str| {
        format!(
            "@q(\"remarks==\\\"open\\\"\")\npermit (principal in Role::\"{consumer}\", action in Action::\"read\", \
             resource == EntityType::\"yaita/AED\");\n"
        )
    };
    let writes = "permit (principal == Consumer::\"writer\", action in Action::\"provide\", resource in Tenant::\"yaita\") \
                  when { resource.class == Class::\"open\" };";
    let builder = Platform::builder().await.consumer("one").consumer("two");
    let builder = builder.tenants(|table| {
        let mut writer = Table::new();
        writer.insert("name".into(), "writer".into());
        writer.insert("tenant".into(), "yaita".into());
        writer.insert("roles".into(), Toml::Array(vec!["writer".into()]));
        writer.insert("keys".into(), keys(&key_of("writer")));
        section(table, "consumers").insert("writer".into(), Toml::Table(writer));
    });
    let builder = builder.policy("yaita.cedar", &format!("{}{}{writes}", permits("one"), permits("two")));
    let entities = json!([aed("visible", "a", "open"), aed("hidden", "a", "closed")]);
    builder.store("yaita", entities.to_string()).start().await
}

#[tokio::test]
async fn a_tag_is_of_what_is_shown_alone_and_of_one_consumer() {
    let platform = narrowed().await;
    let list = |consumer: &str| platform.entities("type=AED&count=true").tenant("yaita").by(consumer);
    let one_entity = |consumer: &str| {
        platform
            .entity("urn:ngsi-ld:AED:tags:visible")
            .tenant("yaita")
            .by(consumer)
    };
    let write = async |entity: Value| {
        let written = platform.post(UPSERT).by("writer").json(&json!([entity])).await;
        assert!([201, 204].contains(&written.status), "{written}");
    };
    let (list_before, entity_before) = (list("one").await.ok(), one_entity("one").await.ok());
    for (of_one, of_two) in [
        (&list_before, list("two").await.ok()),
        (&entity_before, one_entity("two").await.ok()),
    ] {
        assert_eq!(of_one.body, of_two.body, "they are shown the same");
        assert_ne!(tag(of_one), tag(&of_two), "and nobody finds that out by their tags");
        let taken = if_none_match(list("two"), tag(of_one)).await.ok();
        assert_eq!(taken.count(), 1);
    }
    write(aed("hidden", "b", "closed")).await;
    write(aed("another", "b", "closed")).await;
    is_known(&if_none_match(list("one"), tag(&list_before)).await, &list_before);
    is_known(
        &if_none_match(one_entity("one"), tag(&entity_before)).await,
        &entity_before,
    );
    write(aed("visible", "b", "open")).await;
    for (ask, before) in [(list("one"), &list_before), (one_entity("one"), &entity_before)] {
        let changed = if_none_match(ask, tag(before)).await.ok();
        assert_ne!(tag(&changed), tag(before));
        assert!(String::from_utf8_lossy(&changed.body).contains("\"b\""), "{changed}");
    }
}

#[tokio::test]
async fn a_part_is_never_taken_for_the_whole() {
    let platform = Platform::start().await;
    let ask = || platform.get("/ngsi-ld/v1/entities?type=EvacuationSite&limit=1000&count=true");
    let whole = ask().await.ok();
    assert_eq!(whole.warnings(), [""; 0]);
    platform.demo().orion().set_fault(Fault::BrokenJson);
    let part = if_none_match(ask(), tag(&whole)).await.ok();
    assert_eq!(part.warnings().len(), 1, "{part}");
    let still = if_none_match(ask(), &format!("{}, {}", tag(&whole), tag(&part))).await;
    is_known(&still, &part);
    assert_eq!(still.warnings(), part.warnings());
    platform.demo().orion().clear_fault();
    let again = if_none_match(ask(), tag(&part)).await.ok();
    assert_eq!((tag(&again), &again.body), (tag(&whole), &whole.body));
    // Nor where nothing of it is shown, so that the bodies are the same.
    let none = || platform.entities("type=EvacuationSite&q=name==%22none%22");
    let empty = none().await.ok();
    platform.demo().orion().set_fault(Fault::BrokenJson);
    let broken = if_none_match(none(), tag(&empty)).await.ok();
    assert_eq!(broken.body, empty.body);
    assert_eq!(broken.warnings().len(), 1, "{broken}");
}

#[tokio::test]
async fn what_is_sent_while_it_is_written_has_no_tag() {
    let entities: Vec<Value> = (0..400)
        .map(|number| aed(&format!("{number:04}"), &"矢板".repeat(1350), "open"))
        .collect();
    let builder = Platform::builder().await;
    let platform = builder.store("yaita", Value::Array(entities).to_string()).start().await;
    let ask = |method: Method| {
        platform
            .request(method, "/ngsi-ld/v1/entities?type=AED&limit=1000")
            .tenant("yaita")
    };
    let streamed = if_none_match(ask(Method::GET), "*").await.ok();
    assert_eq!(
        (streamed.header("content-length"), streamed.header("etag")),
        (None, None)
    );
    let head = ask(Method::HEAD).await.ok();
    assert_eq!(headers(&head, &[]), headers(&streamed, &["transfer-encoding"]));
    let small = platform.entities("type=AED&limit=5").tenant("yaita").await.ok();
    assert!(small.header("etag").is_some());
}

#[tokio::test]
async fn a_condition_on_a_change_holds_or_is_refused_and_never_ignored() {
    let platform = narrowed().await;
    let visible = "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:tags:visible";
    let deleted = platform.request(Method::DELETE, visible).by("writer").tenant("yaita");
    let deleted = deleted.header("if-match", "\"AAAAAAAAAAAAAAAAAAAAAA\"").await;
    assert_eq!((deleted.status, deleted.error_type().as_str()), (412, "about:blank"));
    assert!(deleted.problem().detail.contains("If-Match"), "{deleted}");
    // A tag is of one entity.
    let several = platform
        .post("/ngsi-ld/v1/entityOperations/delete")
        .by("writer")
        .tenant("yaita");
    let several = several
        .json(&json!(["urn:ngsi-ld:AED:tags:visible"]))
        .header("if-match", "*")
        .await;
    assert_eq!(
        (several.status, several.error_type().as_str()),
        (422, "OperationNotSupported")
    );
    assert_eq!(platform.get(visible).tenant("yaita").by("one").await.status, 200);
}

#[tokio::test]
async fn it_costs_of_the_limits_what_any_request_costs() {
    let builder = Platform::builder().await.tenants(|table| {
        let consumer = section(section(table, "consumers"), super::harness::READER);
        // So slowly that none comes back.
        let limits = [("requests_per_second", 1), ("burst", 4000)];
        let limits = limits.map(|(name, limit)| (name.to_owned(), Toml::Integer(limit)));
        consumer.insert("limits".to_owned(), Toml::Table(limits.into_iter().collect()));
    });
    let platform = builder.start().await;
    let left = |answer: &Answer| {
        let limit = answer.header("ratelimit").unwrap();
        let left = limit.split(';').find_map(|part| part.strip_prefix("r=")).unwrap();
        left.parse::<u32>().unwrap()
    };
    let whole = platform.get(SITES).await.ok();
    let known = if_none_match(platform.get(SITES), tag(&whole)).await;
    let head = platform.request(Method::HEAD, SITES).await.ok();
    let options = platform.request(Method::OPTIONS, SITES).await;
    assert_eq!((known.status, options.status), (304, 204));
    let after: Vec<u32> = [&whole, &known, &head, &options].map(left).to_vec();
    assert!(after.is_sorted_by(|before, after| before > after), "{after:?}");
}
