//! What is no entity is refused where it is wrong: with the member, and its place in a batch. Nothing of it stays.

use http::Method;
use serde_json::Value;
use toml::{Table, Value as Toml};

use super::harness::{Answer, Platform, key_of, keys, section};

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";
const ID: &str = "urn:ngsi-ld:AED:bad:one";

/// `writer` may do everything with what is open of Yaita's.
async fn yaita() -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let mut writer = Table::new();
        writer.insert("name".into(), "writer".into());
        writer.insert("tenant".into(), "yaita".into());
        writer.insert("roles".into(), Toml::Array(vec!["writer".into()]));
        writer.insert("keys".into(), keys(&key_of("writer")));
        section(table, "consumers").insert("writer".into(), Toml::Table(writer));
    });
    let policy = "permit (principal == Consumer::\"writer\", action, resource in Tenant::\"yaita\") \
                  when { resource.class == Class::\"open\" };";
    builder.policy("yaita.cedar", policy).start().await
}

/// An entity of which these members are wrong.
fn with(members: &str) -> String {
    format!(r#"{{"id":"{ID}","type":"AED",{members}}}"#)
}

fn refused(answer: &Answer, kind: &str, names: &[&str], what: &str) {
    assert_eq!(
        (answer.status, answer.error_type().as_str()),
        (400, kind),
        "{what:.300}: {answer}"
    );
    let detail = answer.problem().detail;
    for name in names {
        assert!(detail.contains(name), "{what:.300} must name {name}: {detail}");
    }
}

async fn nothing_stays(platform: &Platform) {
    let left = platform
        .get(format!("{ENTITIES}?type=AED&idPattern=bad&count=true&limit=0"))
        .by("writer")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(left.count(), 0, "{left}");
}

/// Each alone and in a batch: refused with the same words, in the batch under its id.
async fn each_is_refused(cases: &[(String, &[&str])]) {
    let platform = yaita().await;
    for (members, names) in cases {
        let entity = with(members);
        let alone = platform
            .post(ENTITIES)
            .by("writer")
            .body("application/json", entity.clone());
        refused(&alone.await, "BadRequestData", names, members);
        let good = r#"{"id":"urn:ngsi-ld:AED:good:one","type":"AED","name":"a"}"#;
        let batch = format!("[{good},{entity}]");
        let batch = platform.post(UPSERT).by("writer").body("application/json", batch).await;
        assert_eq!(batch.status, 207, "{members:.300}: {batch}");
        let result = batch.json();
        assert_eq!(result["errors"][0]["entityId"], ID, "{batch}");
        let detail = result["errors"][0]["error"]["detail"].as_str().unwrap().to_owned();
        for name in *names {
            assert!(detail.contains(name), "{members:.300} must name {name}: {detail}");
        }
        assert_eq!(result["success"].as_array().map(Vec::len), Some(1), "{batch}");
    }
    nothing_stays(&platform).await;
}

fn cases<const N: usize>(cases: [(&str, &'static [&'static str]); N]) -> Vec<(String, &'static [&'static str])> {
    cases.map(|(members, names)| (members.to_owned(), names)).into()
}

#[tokio::test]
async fn members_that_are_something_else_are_named() {
    each_is_refused(&cases([
        (r#""name":null"#, &["name", "null"]),
        (r#""name":"urn:ngsi-ld:null""#, &["name", "null"]),
        (r#""name":{"type":"Property","value":null}"#, &["name.value", "null"]),
        (r#""name":{"type":"Property"}"#, &["name", "value"]),
        (r#""name":{"type":"Property","object":"urn:a:1"}"#, &["name"]),
        (r#""name":{"type":"Propertie","value":1}"#, &["name", "attribute types"]),
        (r#""name":{"type":["Property"],"value":1}"#, &["name"]),
        (r#""name":{"type":1,"value":1}"#, &["name"]),
        (r#""name":{"value":1,"object":"urn:a:1"}"#, &["name"]),
        (r#""remarks":{"type":"Relationship","object":5}"#, &["remarks.object"]),
        (
            r#""remarks":{"type":"Relationship","object":"no uri"}"#,
            &["remarks.object", "URI"],
        ),
        (
            r#""remarks":{"type":"Relationship","object":{"id":"urn:a:1"}}"#,
            &["remarks.object"],
        ),
        (
            r#""remarks":{"type":"ListRelationship","objectList":"urn:a:1"}"#,
            &["remarks.objectList"],
        ),
        (
            r#""remarks":{"type":"ListProperty","valueList":{"a":1}}"#,
            &["remarks.valueList"],
        ),
        (r#""remarks":{"type":"JsonProperty","json":1}"#, &["remarks.json"]),
        (
            r#""name":{"type":"LanguageProperty","languageMap":"x"}"#,
            &["name.languageMap"],
        ),
        (
            r#""name":{"type":"LanguageProperty","languageMap":{"日本語":"x"}}"#,
            &["name.languageMap"],
        ),
        (
            r#""name":{"type":"LanguageProperty","languageMap":{"ja":{"a":1}}}"#,
            &["name.languageMap"],
        ),
        (
            r#""name":{"type":"Property","value":1,"unitCode":5}"#,
            &["name.unitCode"],
        ),
        (
            r#""name":{"type":"Property","value":1,"datasetId":"no uri"}"#,
            &["name.datasetId", "URI"],
        ),
        (
            r#""name":{"type":"Property","value":1,"@context":{}}"#,
            &["name.@context"],
        ),
        (r#""scope":5"#, &["scope"]),
        (r#""scope":"/a//b""#, &["scope", "letter"]),
        (r#""scope":"/1a""#, &["scope", "letter"]),
    ]))
    .await;
}

#[tokio::test]
async fn names_that_are_none_are_named() {
    each_is_refused(&cases([
        (r#""value":1"#, &["value", "reserved"]),
        (r#""object":"urn:a:1""#, &["object", "reserved"]),
        (r#""observedAt":"2026-01-01T00:00:00Z""#, &["observedAt", "reserved"]),
        (r#""datasetId":"urn:d:1""#, &["datasetId", "reserved"]),
        (r#""unitCode":"CEL""#, &["unitCode", "reserved"]),
        (r#""instanceId":"urn:i:1""#, &["instanceId", "reserved"]),
        (r#""previousValue":1"#, &["previousValue", "reserved"]),
        (r#""@graph":[]"#, &["@graph", "reserved"]),
        (r#""@value":1"#, &["@value", "reserved"]),
        (r#""":1"#, &["name"]),
        (r#""na me":1"#, &["na me", "name"]),
        (r#""na<me":1"#, &["na<me", "name"]),
        (r#""name(1)":1"#, &["name(1)", "name"]),
        (r#""1name":1"#, &["1name", "name"]),
        (
            r#""name":{"type":"Property","value":1,"id":"urn:a:1"}"#,
            &["name.id", "reserved"],
        ),
        (
            r#""name":{"type":"Property","value":1,"scope":"/a"}"#,
            &["name.scope", "reserved"],
        ),
    ]))
    .await;
}

#[tokio::test]
async fn what_stands_there_twice_is_named() {
    each_is_refused(&cases([
        (r#""name":1,"name":2"#, &["name", "twice"]),
        (
            r#""name":1,"https://kakehashi.example.jp/x":1,"https://kakehashi.example.jp/x":1"#,
            &["twice"],
        ),
        (r#""scope":"/a","scope":"/b""#, &["scope", "twice"]),
        (
            r#""name":{"type":"Property","value":1,"value":2}"#,
            &["name.value", "twice"],
        ),
        (
            r#""name":{"type":"Property","type":"Property","value":2}"#,
            &["name.type", "twice"],
        ),
        (
            r#""name":{"value":1,"remarks":1,"remarks":2}"#,
            &["name.remarks", "twice"],
        ),
        (
            r#""name":{"type":"Property","value":{"a":{"b":1,"b":2}}}"#,
            &["name.value.a.b", "twice"],
        ),
        (r#""name":[{"value":1},{"value":2}]"#, &["name", "datasetId"]),
        (
            r#""name":[{"value":1,"datasetId":"urn:d:1"},{"value":2,"datasetId":"urn:d:1"}]"#,
            &["name", "datasetId"],
        ),
        (
            r#""name":{"type":"LanguageProperty","languageMap":{"ja":"a","ja":"b"}}"#,
            &["name.languageMap", "twice"],
        ),
    ]))
    .await;
}

#[tokio::test]
async fn dates_and_places_that_cannot_be_are_named() {
    let observed = |date: &str| format!(r#""name":{{"type":"Property","value":1,"observedAt":"{date}"}}"#);
    let mut all: Vec<(String, &[&str])> = Vec::new();
    for date in [
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01T00:61:00Z",
        "2026-01-01",
        "yesterday",
        "2026-01-01T00:00:00",
        "１９９９-01-01T00:00:00Z",
    ] {
        all.push((observed(date), &["name.observedAt"]));
    }
    all.push((r#""expiresAt":"2026-02-30T00:00:00Z""#.into(), &["expiresAt"]));
    all.push((
        r#""name":{"value":{"@type":"DateTime","@value":"2026-02-30T00:00:00Z"}}"#.into(),
        &["name"],
    ));
    let place = |geometry: &str| format!(r#""location":{{"type":"GeoProperty","value":{geometry}}}"#);
    for (geometry, names) in [
        (
            r#"{"type":"Point","coordinates":[36.8,139.9]}"#,
            &["location", "swapped"][..],
        ),
        (
            r#"{"type":"LineString","coordinates":[[36.8,139.9],[36.9,139.8]]}"#,
            &["location", "swapped"],
        ),
        (
            r#"{"type":"Point","coordinates":[200,100]}"#,
            &["location", "longitude"],
        ),
        (r#"{"type":"Point","coordinates":[139.9]}"#, &["location", "Point"]),
        (
            r#"{"type":"Point","coordinates":["139.9","36.8"]}"#,
            &["location", "Point"],
        ),
        (
            r#"{"type":"Point","coordinates":[[139.9,36.8]]}"#,
            &["location", "Point"],
        ),
        (r#"{"type":"Pont","coordinates":[139.9,36.8]}"#, &["location", "Point"]),
        (r#"{"type":"Point"}"#, &["location", "coordinates"]),
        (
            r#"{"type":"LineString","coordinates":[[139.9,36.8]]}"#,
            &["location", "two positions"],
        ),
        (
            r#"{"type":"Polygon","coordinates":[[[139,36],[140,36],[140,37],[139,37]]]}"#,
            &["location", "ring"],
        ),
        (r#"{"type":"Polygon","coordinates":[]}"#, &["location"]),
        (r#"{"type":"GeometryCollection","geometries":[]}"#, &["location"]),
        (r#""139.9,36.8""#, &["location", "GeoJSON"]),
    ] {
        all.push((place(geometry), names));
    }
    all.push((
        r#""location":{"type":"Property","value":1}"#.into(),
        &["location", "GeoProperty"],
    ));
    all.push((r#""location":"here""#.into(), &["location", "GeoProperty"]));
    each_is_refused(&all).await;
}

#[tokio::test]
async fn what_is_too_much_is_told_how_much_may_be() {
    let nested = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
    let many = |times: usize, one: &dyn Fn(usize) -> String| {
        let all: Vec<String> = (0..times).map(one).collect();
        all.join(",")
    };
    let instances = many(1001, &|number| format!(r#"{{"value":1,"datasetId":"urn:d:{number}"}}"#));
    let scopes = many(101, &|number| format!(r#""/a{number}""#));
    // Before anything of a body is read, so that it is of the whole.
    let platform = yaita().await;
    for members in [
        format!(r#""name":{}"#, nested("[", "]", 70)),
        format!("\n\"name\":{{\"value\":{}}}", nested("{\"a\":", "}", 70)),
    ] {
        let deep = platform
            .post(ENTITIES)
            .by("writer")
            .body("application/json", with(&members));
        refused(&deep.await, "BadRequestData", &["deeper than 64", "line"], &members);
    }
    nothing_stays(&platform).await;
    each_is_refused(&[
        (
            format!(r#""name":{}"#, nested("{\"value\":1,\"a\":", "}", 20)),
            &["deep"],
        ),
        (format!(r#""name":[{instances}]"#), &["name", "1000"]),
        (format!(r#""scope":[{scopes}]"#), &["scope", "100"]),
        (r#""name":1e999"#.into(), &["name", "double"]),
        (format!(r#""name":{}"#, "1".repeat(401)), &["name", "400"]),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_entity_at_all_is_told_so() {
    let platform = yaita().await;
    for (body, kind, names) in [
        ("{", "InvalidRequest", &["line 1"][..]),
        ("{}", "BadRequestData", &["id"]),
        ("nonsense", "InvalidRequest", &["line 1, column"]),
        ("{\"id\":\"urn:a:1\",\n}", "InvalidRequest", &["line 2"]),
        ("[]", "InvalidRequest", &["object"]),
        ("\"urn:a:1\"", "InvalidRequest", &["object"]),
        ("null", "InvalidRequest", &["object"]),
        (r#"{"id":"urn:ngsi-ld:AED:bad:2"}"#, "BadRequestData", &["type"]),
        (r#"{"type":"AED"}"#, "BadRequestData", &["id"]),
        (r#"{"id":"bad","type":"AED"}"#, "BadRequestData", &["id", "URI"]),
        (r#"{"id":5,"type":"AED"}"#, "BadRequestData", &["id"]),
        (r#"{"id":null,"type":"AED"}"#, "BadRequestData", &["id"]),
        (
            r#"{"id":"urn:ngsi-ld:AED:bad:2","type":[]}"#,
            "BadRequestData",
            &["type"],
        ),
        (
            r#"{"id":"urn:ngsi-ld:AED:bad:2","type":"A E D"}"#,
            "BadRequestData",
            &["type"],
        ),
        (
            r#"{"id":"urn:ngsi-ld:AED:bad:2","type":5}"#,
            "BadRequestData",
            &["type"],
        ),
        (
            r#"{"id":"urn:ngsi-ld:AED:bad:2","type":"urn:ngsi-ld:null"}"#,
            "BadRequestData",
            &["type"],
        ),
        (
            r#"{"id":"urn:ngsi-ld:AED:bad:2","id":"urn:ngsi-ld:AED:bad:3","type":"AED"}"#,
            "BadRequestData",
            &["id", "twice"],
        ),
        (
            r#"{"id":"urn:ngsi-ld:AED:bad:2","@id":"urn:ngsi-ld:AED:bad:2","type":"AED"}"#,
            "BadRequestData",
            &["id", "twice"],
        ),
        (
            r#"{"id":"urn:ngsi-ld:AED:bad:2","type":"AED","@context":[]}"#,
            "BadRequestData",
            &["@context", "application/json"],
        ),
    ] {
        let answer = platform
            .post(ENTITIES)
            .by("writer")
            .body("application/json", body)
            .await;
        refused(&answer, kind, names, body);
    }
    let broken = platform
        .post(ENTITIES)
        .by("writer")
        .body("application/json", &b"{\"id\":\"\xff\"}"[..])
        .await;
    refused(&broken, "InvalidRequest", &[], "no UTF-8");
    for (body, status, names) in [
        ("{}", 400, &["array"][..]),
        ("5", 400, &["array"]),
        // Of a batch each is on its own, and told by its position where it has no id.
        ("[5]", 207, &["[0]"]),
        ("[[]]", 207, &["[0]"]),
        (r#"[{"type":"AED"}]"#, 207, &["[0]", "id"]),
        (
            r#"[{"id":"urn:ngsi-ld:AED:bad:2","type":["AED","AED"]},{"id":"bad","type":"AED"}]"#,
            207,
            &["[1]", "id"],
        ),
    ] {
        let answer = platform.post(UPSERT).by("writer").body("application/json", body).await;
        assert_eq!(answer.status, status, "{body}: {answer}");
        let told = String::from_utf8_lossy(&answer.body);
        for name in names {
            assert!(told.contains(name), "{body} must name {name}: {told}");
        }
        for id in answer.json()["success"].as_array().into_iter().flatten() {
            let deleted = platform.delete(id.as_str().unwrap()).by("writer").await;
            assert_eq!(deleted.status, 204, "{deleted}");
        }
    }
    nothing_stays(&platform).await;
}

#[tokio::test]
async fn bodies_of_another_kind_or_size_are_told_what_may_be_sent() {
    let platform = yaita().await;
    for media_type in [
        "text/plain",
        "application/xml",
        "application/geo+json",
        "multipart/form-data; boundary=a",
    ] {
        let answer = platform
            .post(ENTITIES)
            .by("writer")
            .body(media_type, with("\"name\":1"))
            .await;
        assert_eq!(answer.status, 415, "{answer}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.problem().detail.contains("application/json"), "{answer}");
        assert!(
            answer
                .header("accept")
                .is_some_and(|accepted| accepted.contains("application/ld+json"))
        );
    }
    let patched = platform
        .request(Method::PATCH, format!("{ENTITIES}/{ID}"))
        .by("writer")
        .body("text/plain", "{}")
        .await;
    assert_eq!(patched.status, 415, "{patched}");
    assert!(patched.header("accept-patch").is_some(), "{patched}");
    let large = with(&format!("\"name\":\"{}\"", "a".repeat(3 << 20)));
    let large = platform
        .post(ENTITIES)
        .by("writer")
        .body("application/json", large)
        .await;
    assert_eq!(large.status, 413, "{large}");
    assert!(large.problem().detail.contains("bytes"), "{large}");
    nothing_stays(&platform).await;
}

/// Each entity of a batch is its own: what is wrong with one is told of it alone.
#[tokio::test]
async fn what_is_good_beside_it_is_written() {
    let platform = yaita().await;
    let batch = format!(
        r#"[{},{{"id":"urn:ngsi-ld:AED:good:1","type":"AED","name":"a"}},{}]"#,
        with(r#""name":null"#),
        with(r#""location":{"type":"Point","coordinates":[36.8,139.9]}"#),
    );
    let answer = platform.post(UPSERT).by("writer").body("application/json", batch).await;
    assert_eq!(answer.status, 207, "{answer}");
    let result = answer.json();
    let details: Vec<&str> = result["errors"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|error| error["error"]["detail"].as_str())
        .collect();
    assert!(
        details[0].starts_with("name") && details[1].contains("swapped"),
        "{details:?}"
    );
    assert_eq!(result["success"], Value::from(vec!["urn:ngsi-ld:AED:good:1"]));
    nothing_stays(&platform).await;
}
