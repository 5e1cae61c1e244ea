//! What real clients of other brokers send, each as it comes.

use http::Method;
use serde_json::{Value, json};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Answer, Builder, Platform, encoded, key_of, sano_sites, section};

const CORE: &str = "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";

/// `writer` may do anything with the AEDs of Yaita, where one is.
async fn with_writer() -> Builder {
    let policy = "permit (principal == Consumer::\"writer\", action, resource == EntityType::\"yaita/AED\");";
    let builder = Platform::builder().await.consumer("writer");
    let stored = json!([aed()]).to_string();
    builder
        .policy("yaita.cedar", policy)
        .store("yaita", stored)
        .tenants(|table| {
            let ranges = vec![toml::Value::from("127.0.0.0/8")];
            section(table, "gateway").insert("egress_allow".into(), toml::Value::Array(ranges));
        })
}

fn aed() -> Value {
    json!({
        "id": "urn:ngsi-ld:AED:client", "type": "AED", "name": {"type": "Property", "value": "市民会館"},
        "indoorOutdoorType": {"type": "VocabProperty", "vocab": "indoor"},
    })
}

#[track_caller]
fn detail(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer}");
    answer.problem().detail
}

/// ngsijs appends attributes as `application/merge-patch+json`.
#[tokio::test]
//= 6.3.4-1
async fn what_is_appended_may_be_a_merge_patch() {
    let platform = with_writer().await.start().await;
    let path = "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:client";
    let append = |body: &Value| {
        let ask = platform.post(format!("{path}/attrs")).by("writer").tenant("yaita");
        ask.body("application/merge-patch+json", body.to_string())
    };
    let remarks = json!({"remarks": {"type": "Property", "value": "受付の横"}});
    assert_eq!(append(&remarks).await.status, 204);
    let entity = platform.get(path).by("writer").await.ok().json();
    assert_eq!(entity["remarks"]["value"], "受付の横");
    assert_eq!(entity["name"]["value"], "市民会館");

    let answer = append(&json!({"remarks": 1, "@context": []})).await;
    let told = detail(&answer, 400);
    assert!(
        told.contains("a body of application/merge-patch+json has none"),
        "{told}"
    );
    // It is that of a PATCH, and others are told of those that CIM 009 has.
    let other = platform.post(format!("{path}/attrs")).body("text/plain", "{}").await;
    assert_eq!(
        other.header("accept"),
        Some("application/json, application/ld+json"),
        "{other}"
    );
}

/// Whoever sends another kind is told which member this one has.
#[tokio::test]
async fn a_kind_that_stays_is_told_with_its_member() {
    let platform = with_writer().await.start().await;
    let ask = platform.request(
        Method::PATCH,
        "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:client/attrs/indoorOutdoorType",
    );
    let answer = ask
        .by("writer")
        .tenant("yaita")
        .json(&json!({"value": "outdoor"}))
        .await;
    let told = detail(&answer, 400);
    assert!(
        told.contains("it is a VocabProperty") && told.contains("send its `vocab`"),
        "{told}"
    );
}

/// ngsildclient encodes each `q` as for a URL, wherever it stands.
#[tokio::test]
async fn conditions_that_are_encoded_are_understood_in_bodies() {
    let platform = with_writer().await.start().await;
    let place = &sano_sites()[3];
    let q = encoded(&format!("name==\"{}\"", place.name));
    assert!(!q.contains('='), "{q}");
    let query = json!({"type": "Query", "entities": [{"type": "EvacuationSite"}], "q": q});
    let found = platform
        .post("/ngsi-ld/v1/entityOperations/query")
        .json(&query)
        .await
        .ok();
    assert_eq!(found.ids(), [place.id.as_str()]);
    // A URL is decoded once: what is still encoded then is a name.
    let named = platform
        .entities(format!("type=EvacuationSite&q={}", encoded(&q)))
        .await
        .ok();
    assert_eq!(named.ids().len(), 0);

    let path = subscribed(&platform, &json!({"q": encoded("name~=\"館\";remarks")})).await;
    let shown = platform.get(&path).by("writer").tenant("yaita").await.ok().json();
    assert_eq!(shown["q"], "name~=\"館\";remarks", "{shown}");
    let wrong = json!({"q": encoded("name==")});
    let answer = subscribe(&platform, &wrong).await;
    // As it stands it asks for an attribute of that name.
    assert_eq!(answer.status, 201, "{answer}");
}

/// `name` is what `subscriptionName` was called, and is with ngsildclient.
#[tokio::test]
async fn the_older_name_of_a_subscription_is_understood() {
    let platform = with_writer().await.start().await;
    let path = subscribed(&platform, &json!({"name": "AED"})).await;
    let shown = platform.get(&path).by("writer").tenant("yaita").await.ok().json();
    assert_eq!(
        (&shown["subscriptionName"], shown.get("name")),
        (&json!("AED"), None),
        "{shown}"
    );
    let patch = |body: Value| {
        platform
            .request(Method::PATCH, &*path)
            .by("writer")
            .tenant("yaita")
            .json(&body)
    };
    assert_eq!(patch(json!({"name": "other"})).await.status, 204);
    let shown = platform.get(&path).by("writer").tenant("yaita").await.ok().json();
    assert_eq!(shown["subscriptionName"], "other");
    for both in [
        json!({"name": "a", "subscriptionName": "b"}),
        json!({"name": null, "subscriptionName": "b"}),
    ] {
        let told = detail(&patch(both).await, 400);
        assert!(told.contains("`name`") && told.contains("`subscriptionName`"), "{told}");
    }
    assert_eq!(patch(json!({"name": null})).await.status, 204);
    let shown = platform.get(&path).by("writer").tenant("yaita").await.ok().json();
    assert_eq!(shown.get("subscriptionName"), None, "{shown}");
}

async fn subscribe(platform: &Platform, more: &Value) -> Answer {
    let mut subscription = json!({
        "type": "Subscription", "entities": [{"type": "AED"}], "localOnly": true,
        "notification": {"endpoint": {"uri": "http://127.0.0.1:9/n"}},
    });
    let members = subscription.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    let ask = platform.post("/ngsi-ld/v1/subscriptions").by("writer").tenant("yaita");
    ask.json(&subscription).await
}

/// The path of a new subscription.
async fn subscribed(platform: &Platform, more: &Value) -> String {
    let answer = subscribe(platform, more).await;
    assert_eq!(answer.status, 201, "{answer}");
    answer.header("location").unwrap().to_owned()
}

/// filip and ngsildclient name the core @context where nobody tells them another: a name of the gateway's is another one there.
#[tokio::test]
async fn a_write_under_the_core_context_is_told_what_its_names_are_here() {
    let platform = with_writer().await.start().await;
    let iri = |name: &str| format!("https://uri.etsi.org/ngsi-ld/default-context/{name}");
    let mut new = aed();
    new["id"] = json!("urn:ngsi-ld:AED:new");
    let create = |body: &Value| {
        let ask = platform.create(body).by("writer").tenant("yaita");
        ask.header("link", CORE)
    };
    let expected = format!("your @context makes the type `AED` to {}; here it is ", iri("AED"));
    let told = detail(&create(&new).await, 403);
    assert!(
        told.contains(&expected) && told.ends_with("or use the gateway's @context"),
        "{told}"
    );
    let batch = platform
        .post("/ngsi-ld/v1/entityOperations/upsert")
        .by("writer")
        .tenant("yaita");
    let answer = batch.header("link", CORE).json(&json!([new])).await;
    assert_eq!(answer.status, 207, "{answer}");
    let error = answer.json()["errors"][0]["error"]["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(error.contains(&expected), "{error}");

    // An attribute, once the type is that of the gateway.
    let here = platform
        .get("/ngsi-ld/v1/types")
        .by("writer")
        .header("link", CORE)
        .await
        .ok()
        .json();
    new["type"] = here["typeList"][0].clone();
    let told = detail(&create(&new).await, 403);
    let expected = "your @context makes the attribute `";
    assert!(told.contains(expected) && told.contains(&iri("")), "{told}");

    // What the gateway's own @context does not name is not guessed at, and neither is what is no matter of names.
    let mut unknown = aed();
    unknown["type"] = json!("NobodyKnowsIt");
    unknown["id"] = json!("urn:ngsi-ld:NobodyKnowsIt:1");
    for link in [Some(CORE), None] {
        let mut ask = platform.create(&unknown).by("writer").tenant("yaita");
        if let Some(link) = link {
            ask = ask.header("link", link);
        }
        let told = detail(&ask.await, 403);
        assert!(!told.contains("@context"), "{told}");
    }
    let japanese = create(&aed()).header("accept-language", "ja").await;
    let told = detail(&japanese, 403);
    assert!(
        told.contains("名前の違いだけが原因かもしれません：指定された @context では型 `AED` が"),
        "{told}"
    );
}

/// ngsijs offers `limit`, `offset` and `count` for lists of names, too.
#[tokio::test]
async fn the_list_of_types_is_told_in_parts_where_somebody_asks_for_one() {
    let platform = Platform::start().await;
    let (path, list) = ("/ngsi-ld/v1/types", "typeList");
    let all = platform.get(path).await.ok();
    assert_eq!(
        (all.header("ngsild-results-count"), all.link("next")),
        (None, None),
        "{all}"
    );
    let all = all.json()[list].as_array().unwrap().clone();
    assert!(all.len() > 2, "{all:?}");
    let mut walked = Vec::new();
    let mut next = Some(format!("{path}?limit=2&count=true"));
    while let Some(page) = next {
        let answer = platform.get(page).await.ok();
        assert_eq!(answer.count(), all.len());
        let shown = answer.json()[list].as_array().unwrap().clone();
        assert!((1..=2).contains(&shown.len()), "{answer}");
        walked.extend(shown);
        next = answer.link("next");
    }
    assert_eq!(walked, all);
    let rest = platform.get(format!("{path}?offset=1")).await.ok();
    assert_eq!(rest.json()[list].as_array().unwrap()[..], all[1..]);
    let details = platform
        .get(format!("{path}?details=true&limit=1&offset=1&count=true"))
        .await
        .ok();
    assert_eq!(
        (details.json().as_array().unwrap().len(), details.count()),
        (1, all.len())
    );
    let none = platform.get(format!("{path}?limit=0&count=true")).await.ok();
    assert_eq!(
        (none.json()[list].as_array().unwrap().len(), none.count()),
        (0, all.len())
    );
    for wrong in ["limit=0", "limit=x", "offset=-1", "limit=1000000"] {
        let answer = platform.get(format!("{path}?{wrong}")).await;
        assert!([400, 403].contains(&answer.status), "{answer}");
    }
}

#[tokio::test]
async fn probes_at_the_start_are_answered() {
    let platform = Platform::start().await;
    let version = platform.get("/version").await.ok();
    assert_eq!(version.json()["name"], "Kakehashi");
    let statistics = platform.get("/statistics").await.ok();
    assert!(statistics.json()["uptime_in_secs"].is_u64(), "{statistics}");
    let probe = platform.entities("type=None&limit=0&count=true").await.ok();
    assert_eq!((probe.count(), probe.ids().len()), (0, 0));
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn spellings_of_other_brokers_mean_what_they_mean_there() {
    let platform = Platform::start().await;
    let place = &sano_sites()[3];
    let key_values = platform
        .entities("type=EvacuationSite&options=keyValues,count&limit=2")
        .await
        .ok();
    assert_eq!(key_values.count(), 102);
    assert!(key_values.entities()[0]["name"].is_string());
    // Whether encoded or not.
    for q in [
        format!("name==%22{}%22", encoded(&place.name)),
        encoded(&format!("name==\"{}\"", place.name)),
    ] {
        let found = platform.entities(format!("type=EvacuationSite&q={q}")).await.ok();
        assert_eq!(found.ids(), [place.id.as_str()]);
    }
    for id in [place.id.clone(), encoded(&place.id)] {
        for slash in ["", "/"] {
            let ask = platform.get(format!("/ngsi-ld/v1/entities/{id}{slash}"));
            let entity = ask.header("content-type", "application/json").await.ok();
            assert_eq!(entity.json()["id"], place.id.as_str());
        }
    }
    // As it stands, as far as a URL can hold it.
    for (plain, same) in [
        ("type=EvacuationSite|AED&q=(name|remarks);typeOfDisasterFlood==true", 1),
        ("type=EvacuationSite&q=name;address[city]", 0),
        (
            "type=EvacuationSite&georel=near;maxDistance==3000&geometry=Point&coordinates=[139.5784,36.3146]",
            1,
        ),
    ] {
        let pairs: Vec<(&str, &str)> = plain.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let (got, encoded) = (platform.entities(plain).await.ok(), platform.query(&pairs).await.ok());
        assert_eq!(got.body, encoded.body, "{plain}");
        assert_eq!(usize::from(!got.ids().is_empty()), same, "{plain}");
    }
    // Headers of NGSI-v2 beside those of NGSI-LD: the latter hold.
    let both = platform
        .entities("type=EvacuationSite&count=true")
        .tenant("sano")
        .header("fiware-service", "nasushiobara")
        .header("fiware-servicepath", "/")
        .await
        .ok();
    assert_eq!(both.count(), 58);
    let posted = platform
        .post("/ngsi-ld/v1/entityOperations/query/?options=keyValues,count&limit=1")
        .json(&json!({"type": "Query", "entities": [{"type": "EvacuationSite"}]}))
        .await
        .ok();
    assert_eq!((posted.count(), posted.ids().len()), (102, 1));
}

/// Sends requests over one connection as they stand, and gives what comes back as text.
async fn over_one_connection(platform: &Platform, requests: &[&[u8]]) -> String {
    let address = platform.gateway().url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    for (number, line) in requests.iter().enumerate() {
        let connection = if number + 1 == requests.len() {
            "close"
        } else {
            "keep-alive"
        };
        let fields = format!(
            " HTTP/1.1\r\nhost: {address}\r\nx-api-key: {}\r\nconnection: {connection}\r\n\r\n",
            key_of("bousai-map")
        );
        stream.write_all(line).await.unwrap();
        stream.write_all(fields.as_bytes()).await.unwrap();
    }
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).await.unwrap();
    String::from_utf8(answers).unwrap()
}

/// curl sends a URL as it was pasted, and so do tutorials.
#[tokio::test]
async fn quotation_marks_and_angle_brackets_are_taken_as_they_stand() {
    let platform = Platform::start().await;
    let entities = "GET /ngsi-ld/v1/entities?type=EvacuationSite&options=keyValues,count&pick=id";
    let place = &sano_sites()[3];
    let by_name = format!("{entities}&q=name==\"{}\"", place.name);
    let by_number = format!("{entities}&q=maxCapacity>100;maxCapacity<=100000");
    let answers = over_one_connection(&platform, &[by_name.as_bytes(), by_number.as_bytes()]).await;
    let parts: Vec<&str> = answers.split("HTTP/1.1 200 OK").collect();
    let ["", named, numbered] = parts[..] else {
        panic!("{answers}");
    };
    assert!(named.contains(&format!("[{{\"id\":\"{}\"}}]", place.id)), "{answers}");
    let same = platform
        .entities("type=EvacuationSite&options=keyValues,count&pick=id&q=maxCapacity%3E100;maxCapacity%3C=100000")
        .await
        .ok();
    assert!(numbered.as_bytes().ends_with(&same.body), "{answers}");
}

/// A terminal that speaks Shift_JIS sends what is no UTF-8.
#[tokio::test]
async fn text_in_another_encoding_is_refused_by_name() {
    let platform = Platform::start().await;
    let sjis = b"GET /ngsi-ld/v1/entities?type=EvacuationSite&q=name==\"\x8d\xb2\x96\xec\"";
    let answer = over_one_connection(&platform, &[sjis]).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains("InvalidRequest") && answer.contains("not UTF-8"),
        "{answer}"
    );
    assert_eq!(platform.asked().len(), 0);
}

/// What the standard forbids stays forbidden, however popular; the answer says what to add.
#[tokio::test]
async fn what_is_forbidden_is_refused_with_the_remedy() {
    let platform = Platform::start().await;
    for query in ["id=urn:ngsi-ld:EvacuationSite:E0920400001201", "idPattern=.*"] {
        let answer = platform.entities(query).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
        let detail = answer.problem().detail;
        assert!(detail.contains("`type`") && detail.contains("local=true"), "{detail}");
    }
    let without = platform
        .post("/ngsi-ld/v1/entityOperations/query")
        .body("application/ld+json", r#"{"type": "Query", "q": "name"}"#)
        .await;
    assert_eq!(without.status, 400, "{without}");
    assert!(without.problem().detail.contains("@context"), "{without}");
    let deleted = platform.request(Method::DELETE, "/statistics").await;
    assert_eq!(deleted.status, 405, "{deleted}");
}
