//! What a real browser makes of it: which pages read, which write, and the map of `examples/map`.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};
use stand_ins::server::Service;
use stand_ins::{Fault, LoggedRequest, Server};
use toml::Table;

use super::harness::{Browser, Files, Gateway, Platform, SANO, kakehashi, key_of, section};

/// The files of a folder, and an empty page.
struct Pages(PathBuf);

impl Service for Pages {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let name = match request.path.trim_start_matches('/') {
            "" => "index.html",
            name => name,
        };
        let media_type = match name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "application/geo+json",
        };
        let body = match name {
            "empty.html" => Some(b"<!doctype html><title>empty</title>".to_vec()),
            name if name.contains(['/', '%']) => None,
            name => std::fs::read(self.0.join(name)).ok(),
        };
        let status = if body.is_some() {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, media_type)
            .body(body.unwrap_or_default().into())
            .unwrap()
    }
}

async fn pages() -> Server {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/map");
    Server::start(0, Pages(folder)).await.unwrap()
}

/// Asks as a page does, and tells what the page has come to know.
async fn fetch(browser: &mut Browser, url: &str, options: &Value) -> Value {
    let script = format!(
        "fetch({}, {options}).then(async (answer) => ({{
           status: answer.status, type: answer.type, headers: Object.fromEntries(answer.headers), body: await answer.text(),
         }}), (error) => ({{ error: String(error) }}))",
        json!(url)
    );
    browser.evaluate(&script).await
}

fn aed(id: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:{id}"), "type": "AED",
        "name": {"type": "Property", "value": "試験"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

#[tokio::test]
async fn pages_that_are_listed_read_and_write_and_no_others_do() {
    let (listed, other) = (pages().await, pages().await);
    let policy = "permit (principal in Role::\"writer\", action, resource in Tenant::\"yaita\") \
                  when { resource.class == Class::\"open\" };";
    let builder = Platform::builder()
        .await
        .consumer("writer")
        .policy("yaita.cedar", policy);
    let platform = builder
        .tenants(|table| {
            let cors: Table = format!("origins = [{:?}]", listed.url()).parse().unwrap();
            section(table, "gateway").insert("cors".into(), toml::Value::Table(cors));
        })
        .start()
        .await;
    let base = platform.gateway().url();
    let list = format!("{base}/ngsi-ld/v1/entities?type=EvacuationSite&limit=1&count=true");
    let key = |consumer: &str| json!({"headers": {"x-api-key": key_of(consumer)}});
    let write = |id: &str| {
        let headers =
            json!({"x-api-key": key_of("writer"), "ngsild-tenant": "yaita", "content-type": "application/json"});
        json!({"method": "POST", "headers": headers, "body": aed(id).to_string()})
    };
    let entities = format!("{base}/ngsi-ld/v1/entities");
    let mut browser = Browser::start().await;

    browser.open(&format!("{}/empty.html", listed.url())).await;
    let read = fetch(&mut browser, &list, &key("bousai-map")).await;
    assert_eq!(
        (&read["status"], &read["type"]),
        (&json!(200), &json!("cors")),
        "{read}"
    );
    let headers = read["headers"].as_object().unwrap();
    for known in [
        "ngsild-results-count",
        "link",
        "ratelimit",
        "ratelimit-policy",
        "x-request-id",
    ] {
        assert!(headers.contains_key(known), "{known}: {read}");
    }
    for (url, options, status) in [
        (entities.clone(), key("bousai-map"), 400),
        (list.clone(), json!({"headers": {"x-api-key": "wrong"}}), 401),
        (list.clone(), json!({}), 200),
        (format!("{base}/openapi.json"), json!({}), 200),
        (format!("{base}/ngsi-ld/v1/jsonldContexts/kakehashi"), json!({}), 200),
        (format!("{base}/nothing"), json!({}), 404),
        (entities.clone(), write("listed"), 201),
    ] {
        let answer = fetch(&mut browser, &url, &options).await;
        assert_eq!(answer["status"], status, "{url}: {answer}");
        if status == 201 {
            assert!(answer["headers"]["location"].is_string(), "{answer}");
        }
    }
    let delete = json!({"method": "DELETE", "headers": write("")["headers"]});
    let deleted = fetch(&mut browser, &format!("{entities}/urn:ngsi-ld:AED:listed"), &delete).await;
    assert_eq!(deleted["status"], 204, "{deleted}");
    // A cookie, or whatever else a browser would add, is allowed to no page.
    let with_credentials = fetch(&mut browser, &list, &json!({"credentials": "include"})).await;
    assert!(with_credentials["error"].is_string(), "{with_credentials}");
    // A frame without an origin, in the page that is listed.
    let framed = format!(
        "new Promise((done) => {{
           addEventListener('message', (event) => done(event.data));
           const frame = document.createElement('iframe');
           frame.sandbox = 'allow-scripts';
           frame.srcdoc = `<script>fetch('{list}').then(() => 'read', () => 'refused').then((told) => \
             parent.postMessage(origin + ' ' + told, '*'))</` + `script>`;
           document.body.append(frame);
         }})"
    );
    assert_eq!(browser.evaluate(&framed).await, "null refused");

    browser.open(&format!("{}/empty.html", other.url())).await;
    for (url, options) in [
        (list.clone(), json!({})),
        (list.clone(), key("bousai-map")),
        (entities.clone(), write("other")),
        (format!("{base}/openapi.json"), json!({})),
    ] {
        let answer = fetch(&mut browser, &url, &options).await;
        assert!(answer["error"].is_string(), "{url}: {answer}");
    }
    // What needs no preflight arrives, and is refused.
    let blind = json!({"method": "POST", "mode": "no-cors", "body": aed("blind").to_string()});
    let answer = fetch(&mut browser, &entities, &blind).await;
    assert_eq!(answer["type"], "opaque", "{answer}");
    let metrics = platform.gateway().metrics();
    assert!(
        metrics.contains("kakehashi_refused_total{reason=\"origin\",otel_scope_name=\"kakehashi\"} 1\n"),
        "{metrics}"
    );
    for id in ["other", "blind"] {
        let entity = platform.entity(&format!("urn:ngsi-ld:AED:{id}")).by("writer").await;
        assert_eq!(entity.status, 404, "{entity}");
    }
}

/// How many sites are drawn.
const DRAWN: &str = "document.querySelectorAll('#sites circle').length";
const IS_READY: &str = "document.getElementById('main').getAttribute('aria-busy') === 'false' \
                        && document.querySelectorAll('#list li, #warnings p').length > 0";

fn text_of(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

#[tokio::test]
async fn the_map_shows_the_sites_of_the_demo() {
    let files = Files::committed();
    let mut command = kakehashi(files.folder());
    command
        .args(["demo", "--json", "--port", "0"])
        .env_remove("SANO_API_KEY");
    let gateway = Gateway::start(command, files.folder()).await;
    let pages = pages().await;
    let (_, port) = pages.url().rsplit_once(':').unwrap();
    let mut browser = Browser::start().await;
    browser.resize(1280, 900).await;
    for host in ["127.0.0.1", "localhost"] {
        browser
            .open(&format!("http://{host}:{port}/#gateway={}", gateway.url()))
            .await;
        browser.until(IS_READY).await;
        assert_eq!(browser.evaluate(DRAWN).await, 102, "{host}");
    }
    assert_eq!(
        browser.evaluate("document.querySelectorAll('#list li').length").await,
        102
    );
    assert_eq!(
        browser
            .evaluate("document.querySelectorAll('#outlines path').length")
            .await,
        25
    );
    let status = browser.evaluate(&text_of("status")).await;
    assert_eq!(status, "避難場所 102 件のうち 102 件を表示しています。");
    assert_eq!(browser.evaluate(&text_of("warnings")).await, "");
    let page = browser.evaluate("document.body.innerText").await;
    for said in ["出典", "国土地理院", "国土数値情報", "加工"] {
        assert!(page.as_str().unwrap().contains(said), "{page}");
    }
    browser.picture(&files.folder().join("map-desktop.png")).await;

    // By keyboard alone: into the map, to the neighbour, and to its details.
    browser.evaluate("document.activeElement.blur()").await;
    let entered = "document.activeElement.tagName === 'circle'";
    let mut pressed = 0;
    while browser.evaluate(entered).await != true {
        browser.press("Tab").await;
        pressed += 1;
        assert!(pressed < 12, "Tab does not lead into the map");
    }
    let label = "document.activeElement.getAttribute('aria-label')";
    let first = browser.evaluate(label).await;
    let mut seen = vec![first.clone()];
    for key in ["End", "Home", "ArrowUp", "ArrowRight", "ArrowUp", "+"] {
        browser.press(key).await;
        assert_eq!(browser.evaluate(entered).await, true, "{key}");
        seen.push(browser.evaluate(label).await);
    }
    assert_eq!((seen[2] == seen[0], seen[1] == seen[0]), (true, false), "{seen:?}");
    assert!(seen[3] != seen[2] && seen[4] != seen[3], "{seen:?}");
    browser.press("Enter").await;
    let details = browser.evaluate(&text_of("chosen")).await;
    let name = seen[6].as_str().unwrap().split('、').next().unwrap();
    assert!(details.as_str().unwrap().contains(name), "{details} {seen:?}");
    assert!(details.as_str().unwrap().contains("住所"), "{details}");
    assert_eq!(
        browser
            .evaluate("document.querySelectorAll('[aria-pressed=true], [aria-current=true]').length")
            .await,
        2
    );
    // One more leaves the map.
    browser.press("Tab").await;
    assert_eq!(browser.evaluate(entered).await, false);

    // Read aloud: every site has its name, every control says what it is.
    let aloud = browser.read_aloud().await;
    let named = |role: &str| {
        aloud
            .iter()
            .filter(|(of, _)| of == role)
            .map(|(_, name)| name.as_str())
            .collect::<Vec<_>>()
    };
    let buttons = named("button");
    assert!(
        buttons.len() > 204 && buttons.iter().all(|name| !name.is_empty()),
        "{buttons:?}"
    );
    assert!(buttons.iter().any(|name| name.contains("栃木県佐野市")), "{buttons:?}");
    for (role, name) in [
        ("textbox", "ゲートウェイのアドレス"),
        ("textbox", "APIキー"),
        ("combobox", "市町"),
        ("heading", "出典"),
        ("group", "地図"),
    ] {
        assert!(
            named(role).iter().any(|named| named.contains(name)),
            "{role} {name}: {aloud:?}"
        );
    }
    assert!(aloud.iter().any(|(role, _)| role == "status") && aloud.iter().any(|(role, _)| role == "main"));

    // One city, then in English, then on a telephone.
    browser.evaluate("{ const city = document.getElementById('municipality'); city.value = '09204'; city.dispatchEvent(new Event('change')); }").await;
    assert_eq!(browser.evaluate(DRAWN).await, 58);
    browser.evaluate("document.getElementById('language').click()").await;
    assert_eq!(browser.evaluate("document.documentElement.lang").await, "en");
    assert_eq!(
        browser.evaluate(&text_of("status")).await,
        "Showing 58 of 102 evacuation sites."
    );
    assert!(
        browser
            .evaluate("document.body.innerText")
            .await
            .as_str()
            .unwrap()
            .contains("Sano")
    );
    for (width, name) in [(360, "map-phone.png"), (320, "map-narrow.png")] {
        browser.resize(width, 740).await;
        let wide = browser.evaluate("document.documentElement.scrollWidth").await;
        assert_eq!(wide, width, "nothing has to be moved sideways");
        browser.picture(&files.folder().join(name)).await;
    }
    assert_eq!(browser.errors(), Vec::<String>::new());
    // The key of nobody, and no query string, in what the gateway has logged.
    assert!(!gateway.stderr().contains("options=keyValues"), "{}", gateway.stderr());
}

#[tokio::test]
async fn the_map_says_which_source_is_missing_and_what_went_wrong() {
    let builder = Platform::builder().await.tenants(|table| {
        let cors: Table = "origins = [\"http://127.0.0.1:*\"]".parse().unwrap();
        section(table, "gateway").insert("cors".into(), toml::Value::Table(cors));
    });
    let platform = builder.start().await;
    let pages = pages().await;
    let mut browser = Browser::start().await;
    platform.demo().sano().set_fault(Fault::Status(503));
    let page = format!("{}/#gateway={}", pages.url(), platform.gateway().url());
    browser.open(&page).await;
    browser.until(IS_READY).await;
    let warned = browser.evaluate(&text_of("warnings")).await;
    assert!(warned.as_str().unwrap().contains(SANO), "{warned}");
    assert!(warned.as_str().unwrap().contains("完全ではありません"), "{warned}");
    let drawn = browser.evaluate(DRAWN).await.as_u64().unwrap();
    assert!((44..102).contains(&drawn), "what others have is shown: {drawn}");
    browser
        .picture(&platform.files().folder().join("map-missing.png"))
        .await;
    let aloud = browser.read_aloud().await;
    assert!(aloud.iter().any(|(role, _)| role == "alert"), "{aloud:?}");
    platform.demo().sano().clear_fault();

    // A key that is wrong, and from where nobody may ask.
    browser
        .evaluate("document.getElementById('key').value = 'wrong'; document.getElementById('ask').requestSubmit()")
        .await;
    browser
        .until("document.getElementById('warnings').textContent.includes('401')")
        .await;
    let (_, port) = pages.url().rsplit_once(':').unwrap();
    browser
        .open(&format!(
            "http://localhost:{port}/#gateway={}",
            platform.gateway().url()
        ))
        .await;
    browser.until(IS_READY).await;
    let told = browser.evaluate(&text_of("warnings")).await;
    assert!(
        told.as_str().unwrap().contains(&format!("http://localhost:{port}")),
        "{told}"
    );
    // As a file it says how it is served.
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/map/index.html")
        .canonicalize()
        .unwrap();
    browser.open(&format!("file://{}", file.display())).await;
    let told = browser.evaluate("document.body.innerText").await;
    assert!(told.as_str().unwrap().contains("http.server"), "{told}");
}
