//! What real clients of other brokers send, each as it comes.

use http::Method;
use serde_json::json;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Platform, encoded, key_of, sano_sites};

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
