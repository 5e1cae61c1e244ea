//! Pages of other origins: which may read, which may write, and what a preflight is told before anybody is known.

use std::collections::BTreeSet;

use http::Method;
use kakehashi::http::api::operations::{Listed, OPERATIONS};
use kakehashi::http::edge::cors::READING_POSTS;
use kakehashi::policy::Operation;
use serde_json::{Value, json};
use toml::Table;

use super::harness::{
    Answer, Ask, Authority, Client, Files, Finished, Platform, READER, SecureClient, key_of, section, until,
};

const MAP: &str = "https://map.example.jp";
const APP: &str = "https://app.example.jp";
const EVIL: &str = "https://evil.example";

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const QUERY: &str = "/ngsi-ld/v1/entityOperations/query";
const ONE: &str = "/ngsi-ld/v1/entities?type=EvacuationSite&limit=1&count=true";

/// The platform with pages of [`MAP`] for all, of [`APP`] for `writer` alone, and of everybody for the anonymous consumer.
async fn platform() -> Platform {
    let policy = "permit (principal in Role::\"writer\", action, resource in Tenant::\"yaita\") \
                  when { resource.class == Class::\"open\" };";
    let builder = Platform::builder().await.consumer("writer").administrators();
    let builder = builder.policy("yaita.cedar", policy).tenants(|table| {
        let gateway = section(table, "gateway");
        gateway.insert("cors".into(), table_of("origins = [\"https://Map.example.jp:443\"]"));
        let consumers = section(table, "consumers");
        let writer = format!(
            "origins = [\"{APP}\"]\nmethods = [\"GET\", \"POST\"]\nheaders = [\"x-trace\"]\nexposed_headers = [\"x-cache\"]\n\
             max_age = \"5m\""
        );
        section(consumers, "writer").insert("cors".into(), table_of(&writer));
        section(consumers, "anonymous").insert("cors".into(), table_of("origins = [\"*\"]"));
    });
    builder.log("trace").start().await
}

fn table_of(text: &str) -> toml::Value {
    toml::Value::Table(text.parse().unwrap())
}

fn preflight(client: &Client, target: &str, origin: &str, method: &str) -> Ask {
    let ask = client.request(Method::OPTIONS, target).anonymous();
    ask.header("origin", origin)
        .header("access-control-request-method", method)
}

fn aed(id: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:{id}"), "type": "AED",
        "name": {"type": "Property", "value": "試験"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

/// The names of a header that lists some, in small letters.
fn names(answer: &Answer, header: &str) -> BTreeSet<String> {
    let value = answer.header(header).unwrap_or_else(|| panic!("no {header}: {answer}"));
    value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn has(answer: &Answer, header: &str, wanted: &[&str]) {
    let names = names(answer, header);
    for name in wanted {
        assert!(names.contains(*name), "{header} without {name}: {answer}");
    }
}

/// A page of that origin may read the answer.
fn readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.all("access-control-allow-origin"), [origin], "{answer}");
    let exposed = "access-control-expose-headers";
    has(
        answer,
        exposed,
        &["ngsild-results-count", "ngsild-warning", "link", "retry-after"],
    );
    has(
        answer,
        exposed,
        &["ratelimit", "ratelimit-policy", "etag", "location", "age"],
    );
    varies(answer);
}

/// No page may.
fn unreadable(answer: &Answer) {
    let told = answer
        .headers
        .keys()
        .find(|name| name.as_str().starts_with("access-control"));
    assert_eq!(told, None, "{answer}");
}

/// It depends on the origin, and credentials are never allowed.
fn varies(answer: &Answer) {
    has(answer, "vary", &["origin"]);
    assert_eq!(
        answer.all("vary").len(),
        1,
        "one field, for who looks at the first: {answer}"
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer}");
}

#[tokio::test]
async fn a_preflight_names_no_consumer_and_is_told_what_any_of_them_may() {
    let platform = platform().await;
    for target in [
        ENTITIES,
        ONE,
        "/openapi.json",
        "/ngsi-ld/v1/jsonldContexts/kakehashi",
        "/nothing/",
    ] {
        let ask = preflight(&platform, target, MAP, "DELETE");
        let answer = ask.header("access-control-request-headers", "x-api-key,x-trace").await;
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer}");
        assert_eq!(answer.all("access-control-allow-origin"), [MAP], "{answer}");
        has(
            &answer,
            "access-control-allow-methods",
            &["get", "post", "patch", "delete"],
        );
        let headers = [
            "x-api-key",
            "authorization",
            "content-type",
            "ngsild-tenant",
            "link",
            "prefer",
        ];
        has(&answer, "access-control-allow-headers", &headers);
        assert!(
            !names(&answer, "access-control-allow-headers").contains("x-trace"),
            "{answer}"
        );
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        varies(&answer);
        let further = ["access-control-request-method", "access-control-request-headers"];
        has(&answer, "vary", &further);
        assert_eq!(answer.header("ratelimit"), None, "nobody's limit: {answer}");
    }
    // Of a page that two consumers list: what either may, for as long as both are remembered.
    let asked = preflight(&platform, ENTITIES, APP, "POST");
    let answer = asked.header("access-control-request-headers", "x-trace, x-else").await;
    assert_eq!(
        names(&answer, "access-control-allow-methods"),
        BTreeSet::from(["get", "head", "post"].map(str::to_owned))
    );
    has(&answer, "access-control-allow-headers", &["x-trace"]);
    assert!(
        !names(&answer, "access-control-allow-headers").contains("x-else"),
        "{answer}"
    );
    assert_eq!(answer.header("access-control-max-age"), Some("300"));
    // The anonymous consumer lists everybody, to read.
    let answer = preflight(&platform, ENTITIES, EVIL, "DELETE").await;
    assert_eq!(answer.all("access-control-allow-origin"), [EVIL]);
    assert_eq!(
        names(&answer, "access-control-allow-methods"),
        BTreeSet::from(["get", "head"].map(str::to_owned))
    );
}

#[tokio::test]
async fn who_has_no_name_is_on_no_list() {
    let platform = platform().await;
    for origin in [
        "null",
        "",
        "map.example.jp",
        "file://",
        "https://map.example.jp/",
        "https://map.example.jp, https://map.example.jp",
    ] {
        let answer = preflight(&platform, ENTITIES, origin, "GET").await;
        assert_eq!(answer.status, 403, "{origin}: {answer}");
        assert!(answer.problem().detail.contains("Origin"), "{answer}");
        unreadable(&answer);
        unreadable(&platform.get(ONE).anonymous().header("origin", origin).await.ok());
        let refused = platform
            .create(&aed("null"))
            .by("writer")
            .header("origin", origin)
            .await;
        assert_eq!(refused.status, 403, "{origin}: {refused}");
        unreadable(&refused);
    }
    // Said twice it is unclear, even where one of them is listed.
    let twice = platform.get(ONE).header("origin", MAP).header("origin", MAP).await.ok();
    unreadable(&twice);
    let refused = platform
        .create(&aed("twice"))
        .by("writer")
        .header("origin", APP)
        .header("origin", APP)
        .await;
    assert_eq!(refused.status, 403, "{refused}");
}

#[tokio::test]
async fn an_answer_is_read_by_pages_that_its_consumer_lists() {
    let platform = platform().await;
    let read = platform.get(ONE).header("origin", MAP).await.ok();
    assert_eq!(read.count(), 102);
    readable(&read, MAP);
    has(&read, "vary", &["accept", "link", "prefer"]);
    // Others of the same gateway list it, this one does not.
    for origin in [APP, EVIL, "http://map.example.jp", "https://map.example.jp:8443"] {
        let answer = platform.get(ONE).header("origin", origin).await.ok();
        unreadable(&answer);
        varies(&answer);
    }
    unreadable(&platform.get(ONE).by("writer").header("origin", MAP).await);
    let own = platform.get(ONE).by("writer").header("origin", APP).await;
    readable(&own, APP);
    has(&own, "access-control-expose-headers", &["x-cache"]);
    // A question by POST is a question, whatever the methods are.
    let question = json!({"type": "Query", "entities": [{"type": "EvacuationSite"}]});
    for (consumer, origin) in [(READER, MAP), ("writer", APP)] {
        let asked = platform.post(QUERY).by(consumer).json(&question);
        readable(&asked.header("origin", origin).await.ok(), origin);
    }
    let asked = platform.post(QUERY).json(&question).header("origin", EVIL).await.ok();
    unreadable(&asked);
    // Who is no page says no origin, and is told that answers depend on it.
    let answer = platform.get(ONE).await.ok();
    unreadable(&answer);
    varies(&answer);
    // Over HTTP/2 it is the same.
    let read = Client::new(&platform.gateway().url(), Some(key_of(READER))).over_http2();
    readable(&read.get(ONE).header("origin", MAP).await.ok(), MAP);
}

#[tokio::test]
async fn errors_contexts_and_the_description_are_read_as_well() {
    let platform = platform().await;
    for (status, ask) in [
        (400, platform.entities("type=EvacuationSite&limit=x")),
        (400, platform.get("/ngsi-ld/v1/../entities")),
        (401, platform.get(ONE).key("wrong")),
        (401, platform.delete("urn:x:1").key("wrong")),
        (404, platform.get("/nothing")),
        (404, platform.entity("urn:ngsi-ld:AED:absent")),
        (404, platform.get(ONE).tenant("nobody")),
        (405, platform.request(Method::PUT, "/ngsi-ld/v1/types").json(&json!({}))),
        (406, platform.get(ONE).accept("text/html")),
        (415, platform.post(ENTITIES).body("text/plain", "x")),
        (
            422,
            platform
                .request(Method::POST, "/ngsi-ld/v1/csourceRegistrations")
                .json(&json!({})),
        ),
        (200, platform.get("/openapi.json")),
        (200, platform.get("/openapi.json").anonymous()),
        (200, platform.get("/ngsi-ld/v1/jsonldContexts/kakehashi")),
        (200, platform.get("/version")),
        (200, platform.request(Method::HEAD, ONE)),
    ] {
        let answer = ask.header("origin", MAP).await;
        assert_eq!(answer.status, status, "{answer}");
        readable(&answer, MAP);
    }
}

#[tokio::test]
async fn a_write_of_a_page_that_is_not_listed_is_refused() {
    let platform = platform().await;
    let create = |id: &str, origin: &str| {
        let ask = platform.create(&aed(id)).by("writer").tenant("yaita");
        ask.header("origin", origin)
    };
    let exists = async |id: &str| {
        let entity = platform.entity(&format!("urn:ngsi-ld:AED:{id}")).by("writer").await;
        entity.status == 200
    };
    let refused = create("refused", MAP).await;
    assert_eq!(refused.status, 403, "{refused}");
    let detail = refused.problem().detail;
    assert!(
        detail.contains("`Origin`") && detail.contains("`cors`") && detail.contains("POST"),
        "{refused}"
    );
    assert!(refused.header("ratelimit").is_some(), "it costs a token: {refused}");
    unreadable(&refused);
    assert!(!exists("refused").await);
    let created = create("listed", APP).await;
    assert_eq!(created.status, 201, "{created}");
    readable(&created, APP);
    // A proxy serves pages where the gateway is asked: at `public_url`.
    let own = platform.gateway().url();
    let created = create("own", &own).await;
    assert_eq!(created.status, 201, "{created}");
    // Who is no page says nothing.
    let created = platform.create(&aed("program")).by("writer").tenant("yaita").await;
    assert_eq!(created.status, 201, "{created}");
    // Listed, and by a method that is not.
    let delete = |origin: &str| {
        let ask = platform.delete("urn:ngsi-ld:AED:listed").by("writer").tenant("yaita");
        ask.header("origin", origin)
    };
    let refused = delete(APP).await;
    assert_eq!(refused.status, 403, "{refused}");
    assert!(refused.problem().detail.contains("DELETE"), "{refused}");
    unreadable(&refused);
    assert!(exists("listed").await);
    assert_eq!(delete(&own).await.status, 204);
    // Where nothing may be written it is said that pages may not, not what else may not.
    let anonymous = platform
        .create(&aed("anonymous"))
        .anonymous()
        .header("origin", EVIL)
        .await;
    assert_eq!(anonymous.status, 403);
    assert!(anonymous.problem().detail.contains("`Origin`"), "{anonymous}");
    // Nor does one that has the header taken out on the way.
    let hidden = create("hidden", EVIL).header("connection", "origin").await;
    assert_eq!(hidden.status, 403, "{hidden}");
    // Another host's name that leads here makes no page the gateway's own.
    let rebound = create("rebound", "http://evil.example")
        .header("host", "evil.example")
        .await;
    assert_eq!(rebound.status, 403, "{rebound}");
    for target in [
        "/ngsi-ld/v1/subscriptions",
        "/ngsi-ld/v1/jsonldContexts",
        "/ngsi-ld/v1/entityOperations/upsert",
    ] {
        let refused = platform
            .post(target)
            .by("writer")
            .json(&json!([]))
            .header("origin", EVIL)
            .await;
        assert_eq!(refused.status, 403, "{refused}");
        assert!(refused.problem().detail.contains("`Origin`"), "{refused}");
    }
    let metrics = platform.gateway().metrics();
    assert!(
        metrics.contains("kakehashi_refused_total{reason=\"origin\""),
        "{metrics}"
    );
}

/// A certificate is shown by the browser, whatever page asks.
#[tokio::test]
async fn a_certificate_writes_for_no_page_that_is_not_listed() {
    let authority = Authority::new("consumers");
    let builder = Platform::builder()
        .await
        .consumer("writer")
        .log("debug")
        .tenants(|table| {
            let tls = "certificate = \"server.pem\"\nkey = { file = \"server.key\" }\nclient_ca = \"ca.pem\"";
            section(table, "gateway").insert("tls".into(), table_of(tls));
            let writer = section(section(table, "consumers"), "writer");
            writer.insert("client_certificate".into(), table_of("san = \"writer.example.jp\""));
        });
    let server = authority.issue(&["127.0.0.1"]);
    for (name, text) in [
        ("server.pem", &server.certificate),
        ("server.key", &server.key),
        ("ca.pem", &authority.pem),
    ] {
        builder.files().write(name, text);
    }
    let platform = builder.start().await;
    let identity = authority.issue(&["writer.example.jp"]);
    let browser = SecureClient::new(&platform.gateway().url(), &authority, Some(&identity));
    let delete = async |origin: Option<&str>| {
        let headers: Vec<(&str, &str)> = origin.map(|origin| ("origin", origin)).into_iter().collect();
        let target = format!("{ENTITIES}/urn:ngsi-ld:AED:1");
        browser.request(Method::DELETE, &target, &headers).await.unwrap()
    };
    let refused = delete(Some(EVIL)).await;
    assert_eq!(refused.status, 403);
    assert!(refused.problem().detail.contains("`Origin`"), "{refused}");
    let without = delete(None).await;
    assert!(!String::from_utf8_lossy(&without.body).contains("Origin"), "{without}");
}

#[tokio::test]
async fn by_default_no_page_may_and_none_writes() {
    let platform = Platform::start().await;
    let answer = preflight(&platform, ENTITIES, MAP, "GET").await;
    assert_eq!(answer.status, 403, "{answer}");
    unreadable(&answer);
    let answer = platform.get(ONE).header("origin", MAP).await.ok();
    unreadable(&answer);
    let answer = platform.get(ONE).await.ok();
    assert!(
        !names(&answer, "vary").contains("origin"),
        "nothing depends on it: {answer}"
    );
    let answer = platform.create(&aed("default")).header("origin", MAP).await;
    assert!(answer.problem().detail.contains("`Origin`"), "{answer}");
}

#[tokio::test]
async fn limits_and_trouble_are_read_and_preflights_cost_nobody_anything() {
    let builder = Platform::builder().await.tenants(|table| {
        section(table, "gateway").insert("cors".into(), table_of(&format!("origins = [\"{MAP}\"]")));
        let consumers = section(table, "consumers");
        let limits = table_of("requests_per_second = 1\nburst = 5");
        section(consumers, READER).insert("limits".into(), limits);
        consumers.remove("anonymous");
    });
    // What is expected of the anonymous consumer, who is gone.
    builder.files().remove("policies/tests");
    let platform = builder.start().await;
    for _ in 0..200 {
        assert_eq!(preflight(&platform, ENTITIES, MAP, "GET").await.status, 204);
    }
    let nobody = platform.get(ONE).anonymous().header("origin", MAP).await;
    assert_eq!(nobody.status, 401, "no attempt was counted: {nobody}");
    readable(&nobody, MAP);
    has(&nobody, "access-control-expose-headers", &["www-authenticate"]);
    unreadable(&platform.get(ONE).anonymous().header("origin", EVIL).await);
    let mut last = None;
    for _ in 0..200 {
        let answer = platform.entities("type=NoSuchType").header("origin", MAP).await;
        readable(&answer, MAP);
        last = Some(answer);
        if last.as_ref().is_some_and(|answer| answer.status == 429) {
            break;
        }
    }
    let last = last.unwrap();
    assert_eq!(last.status, 429, "{last}");
    assert!(last.header("retry-after").is_some());
    // Too many keys that are wrong: also that is read.
    let mut statuses = BTreeSet::new();
    for _ in 0..2_000 {
        let answer = platform.get(ONE).key("wrong").header("origin", MAP).await;
        readable(&answer, MAP);
        statuses.insert(answer.status);
        if answer.status == 429 {
            break;
        }
    }
    assert_eq!(statuses, BTreeSet::from([401, 429]));
    assert_eq!(
        preflight(&platform, ENTITIES, MAP, "GET").await.status,
        204,
        "not even then"
    );
}

#[tokio::test]
async fn administrators_are_asked_by_no_page() {
    let platform = platform().await;
    let admin = platform.admin("ops");
    for path in [
        "/admin/v1/revision",
        "/admin/v1/openapi.json",
        "/metrics",
        "/readyz",
        "/nothing",
    ] {
        for origin in [MAP, EVIL, "null"] {
            let answer = preflight(&admin, path, origin, "GET").await;
            assert!(answer.status >= 400, "{answer}");
            unreadable(&answer);
            unreadable(&admin.get(path).header("origin", origin).await);
        }
    }
}

#[tokio::test]
async fn a_list_holds_from_the_next_request_on() {
    let platform = platform().await;
    let list = |origins: &[&str]| {
        platform.files().change_tenants(|table| {
            let cors: Table = format!("origins = {origins:?}").parse().unwrap();
            section(table, "gateway").insert("cors".into(), toml::Value::Table(cors));
        });
        platform.gateway().hang_up();
    };
    list(&[EVIL]);
    let current = || platform.gateway().metrics();
    until("the new list holds", || {
        current().contains("kakehashi_config_reloads_total{outcome=\"applied\"")
    })
    .await;
    unreadable(&platform.get(ONE).header("origin", MAP).await.ok());
    readable(&platform.get(ONE).header("origin", EVIL).await.ok(), EVIL);
}

#[test]
fn what_reads_by_post_is_known() {
    let reading = OPERATIONS.iter().filter_map(|listed| match listed {
        Listed::Offered(offered) => {
            let asks_entities = offered.asks == Some(Operation::QueryEntity);
            (offered.method == Method::POST && asks_entities).then_some(offered.path)
        }
        Listed::NotOffered(other) => (other.method == Method::POST && other.reads).then_some(other.path),
    });
    // An entity map is made by asking for it.
    let reading = reading.filter(|path| !path.ends_with("/entityMaps"));
    assert_eq!(reading.collect::<BTreeSet<_>>(), BTreeSet::from(READING_POSTS));
}

#[test]
fn mistakes_are_named_by_check() {
    let files = Files::committed();
    files.change_tenants(|table| {
        let cors = "origins = [\"https://map.example.jp/\", \"null\", \"*\"]\nmethods = [\"get\"]\nheaders = [\"*\"]\nmax_age = \"2d\"";
        section(table, "gateway").insert("cors".into(), table_of(cors));
        let own = table_of("exposed_headers = [\"a b\"]\norigin = []");
        section(section(table, "consumers"), READER).insert("cors".into(), own);
    });
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for told in [
        "`origins` in `cors` of [gateway]: \"https://map.example.jp/\" says more than an origin",
        "`origins` in `cors` of [gateway]: \"null\" is the origin of files",
        "`origins` in `cors` of [gateway]: \"*\" would be every page there is",
        "`methods` in `cors` of [gateway] cannot hold \"get\"",
        "`headers` in `cors` of [gateway]: \"*\" would be every header",
        "`max_age` in `cors` of [gateway]",
        "`exposed_headers` in `cors` of [consumers.bousai-map]: \"a b\" is no name of a header",
        "unknown key `origin` in `cors` of [consumers.bousai-map]",
        "`cors` of [consumers.bousai-map] has no `origins`",
    ] {
        assert!(finished.stderr.contains(told), "{told}: {}", finished.stderr);
    }
}
