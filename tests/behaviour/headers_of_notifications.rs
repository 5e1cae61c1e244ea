//! The headers of a notification (clause 6.3.8): spelt as receivers look for them, and naming the @context by the address
//! that the subscription has given.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::contexts::Origin;
use super::harness::{PATIENCE, section};
use super::notifications::{aed, body_of, endpoint, notified, put};
use super::subscriptions::{SUBSCRIPTIONS, builder, platform, shown, subscribed, to_aeds};

const ID: &str = "urn:ngsi-ld:AED:headers";

/// The bytes of the head of the next request, which is answered.
async fn next_head(listener: &TcpListener) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let (mut head, mut part) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = connection.read(&mut part).await.unwrap();
        assert!(length > 0, "the request ends within its head");
        head.extend_from_slice(&part[..length]);
    }
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    String::from_utf8_lossy(&head).into_owned()
}

#[tokio::test]
async fn a_receiver_that_tells_cases_apart_finds_its_headers() {
    let platform = platform().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}/n", listener.local_addr().unwrap());
    let mut subscription = to_aeds(&to, &json!({"notificationTrigger": ["entityCreated"]}));
    subscription["notification"]["endpoint"]["receiverInfo"] = json!([{"key": "X-Token", "value": "Mixed-Case"}]);
    subscribed(&platform, "watcher", &subscription).await;
    put(&platform, &aed(ID, "a")).await;
    let head = tokio::time::timeout(PATIENCE, next_head(&listener)).await.unwrap();
    for line in [
        "\r\nX-Token: Mixed-Case\r\n",
        "\r\nContent-Type: application/json\r\n",
        "\r\nLink: <",
    ] {
        assert!(head.contains(line), "{line:?} in {head}");
    }
}

#[tokio::test]
async fn a_context_alone_in_an_array_is_named_by_its_own_address() {
    let (platform, server) = (platform().await, endpoint().await);
    let (origin, contexts) = Origin::start().await;
    let url = format!("{}/c.jsonld", contexts.url());
    let document = json!({"@context": {"Geraet": "https://kakehashi.example.jp/vocab/AED"}});
    origin.publish("/c.jsonld", &document, &[]);
    let mut subscription = to_aeds(
        &format!("{}/n", server.url()),
        &json!({"entities": [{"type": "Geraet"}], "notificationTrigger": ["entityCreated"], "@context": [url]}),
    );
    subscription["notification"]["attributes"] = json!(["https://smartdatamodels.org/name"]);
    let post = platform.post(SUBSCRIPTIONS).by("watcher");
    let created = post.body("application/ld+json", subscription.to_string()).await;
    assert_eq!(created.status, 201, "{created}");
    let found = shown(&platform, "watcher", created.header("location").unwrap()).await;
    assert_eq!(found["jsonldContext"], json!(url));

    put(&platform, &aed(ID, "a")).await;
    let requests = notified(&server, 1).await;
    let link = format!("<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
    assert_eq!(requests[0].header("link"), Some(link.as_str()));
    assert_eq!(body_of(&requests[0])["data"][0]["type"], "Geraet");
    let list = "/ngsi-ld/v1/jsonldContexts?kind=ImplicitlyCreated";
    let made = platform.get(list).by("watcher").await.ok().json();
    assert_eq!(made, Value::Array(Vec::new()), "none had to be made for it");
}

#[tokio::test]
async fn a_notification_names_its_tenant_unless_that_is_the_default_one() {
    for (default, header) in [("tochigi", Some("yaita")), ("yaita", None)] {
        let builder = builder().await.tenants(|table| {
            section(table, "gateway").insert("without_tenant".into(), default.into());
        });
        let (platform, server) = (builder.start().await, endpoint().await);
        let subscription = to_aeds(&format!("{}/n", server.url()), &json!({}));
        let post = platform.post(SUBSCRIPTIONS).by("watcher").tenant("yaita");
        let created = post.json(&subscription).await;
        assert_eq!(created.status, 201, "{created}");
        put(&platform, &aed(ID, "a")).await;
        let requests = notified(&server, 1).await;
        assert_eq!(requests[0].header("ngsild-tenant"), header, "default {default}");
    }
}
