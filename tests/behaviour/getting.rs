//! `kakehashi get`: what a consumer sees, as a table, JSON, GeoJSON or CSV, page by page.

use serde_json::{Value, json};

use super::harness::{Finished, Platform, kakehashi, key_of};
use super::subscriptions;

fn get_as(platform: &Platform, consumer: Option<&str>, arguments: &[&str]) -> Finished {
    let folder = platform.files().folder();
    let mut command = kakehashi(folder);
    let url = platform.gateway().url();
    command
        .args(["get", "--url", &url, "--tenant", "yaita"])
        .args(arguments);
    if let Some(consumer) = consumer {
        command.env("KAKEHASHI_KEY", key_of(consumer));
    }
    Finished::of_command(&mut command, folder)
}

#[track_caller]
fn get(platform: &Platform, arguments: &[&str]) -> Finished {
    let finished = get_as(platform, Some("watcher"), arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    finished
}

async fn platform() -> Platform {
    let platform = subscriptions::platform().await;
    let property = |value: Value| json!({ "type": "Property", "value": value });
    let entities: Vec<Value> = (0..25)
        .map(|number| {
            json!({
                "id": format!("urn:ngsi-ld:AED:{number:02}"),
                "type": "AED",
                "name": property(json!(if number == 3 { "=1+1, \"x\"".to_owned() } else { format!("佐野市役所{number}") })),
                "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.5 + 0.01 * f64::from(number), 36.25] } },
            })
        })
        .collect();
    platform.files().write("aeds.jsonld", json!(entities).to_string());
    Finished::well(
        platform.files().folder(),
        &["store", "load", "--tenant", "yaita", "aeds.jsonld"],
    );
    platform
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_has_all_pages_of_what_the_consumer_sees() {
    let platform = platform().await;
    let all = ["--type", "AED", "--page", "7", "--all", "--format"];
    let of = |form: &str, more: &[&str]| get(&platform, &[&all[..], &[form], more].concat()).stdout;
    let array: Value = serde_json::from_str(&of("json", &[])).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 25);
    assert_eq!(array[24]["name"]["value"], "佐野市役所24");
    let lines = of("json-lines", &[]);
    assert_eq!(lines.lines().count(), 25);
    let features: Value = serde_json::from_str(&of("geojson", &[])).unwrap();
    assert_eq!(features["type"], "FeatureCollection");
    assert_eq!(features["features"].as_array().unwrap().len(), 25);
    let csv = of("csv", &["--columns", "id,name,location"]);
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(rows.len(), 27, "{csv}");
    assert_eq!(rows[0], "id,name,location");
    assert_eq!(rows[1], "urn:ngsi-ld:AED:00,佐野市役所0,\"139.5,36.25\"");
    assert_eq!(rows[4], "urn:ngsi-ld:AED:03,\"'=1+1, \"\"x\"\"\",\"139.53,36.25\"");
    assert!(of("csv", &["--bom"]).starts_with("\u{feff}id,type,"));
    let table = of("table", &["--columns", "name,id"]);
    assert_eq!(table.lines().count(), 25 + 4, "each page has its heading: {table}");
    // Five characters take up ten places.
    assert!(
        table.starts_with("name         id\n佐野市役所0  urn:ngsi-ld:AED:00\n"),
        "{table}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_page_says_how_many_there_are_and_conditions_are_sent_along() {
    let platform = platform().await;
    let page = get(&platform, &["--type", "AED", "--page", "7"]);
    assert_eq!(page.stdout.lines().count(), 8);
    assert!(page.stderr.contains("7 of 25; --all has all of them"), "{page:?}");
    let found = get(
        &platform,
        &[
            "--type",
            "AED",
            "--q",
            "name==\"佐野市役所5\"",
            "--format",
            "json-lines",
        ],
    );
    assert_eq!(found.stdout.lines().count(), 1, "{found:?}");
    assert_eq!(found.stderr, "");
    let near = [
        "--type",
        "AED",
        "--near",
        "139.5,36.25",
        "--within",
        "1500",
        "--format",
        "json-lines",
    ];
    assert_eq!(get(&platform, &near).stdout.lines().count(), 2);
    let none = get(&platform, &["--type", "AED", "--q", "name==\"x\"", "--format", "json"]);
    assert_eq!(none.stdout, "[]\n");
    assert!(
        none.stderr.contains("no entity meets that, or none that you may see"),
        "{none:?}"
    );
    // What is not granted is not there.
    let hidden = get_as(&platform, Some("names-only"), &["--type", "AED", "--format", "csv"]);
    assert!(hidden.stdout.starts_with("id,type,name\r\n"), "{hidden:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_refuses_is_told_with_what_to_do() {
    let platform = platform().await;
    let refused = |finished: Finished, says: &[&str]| {
        assert_eq!(finished.code, Some(1), "{finished:?}");
        for says in says {
            assert!(finished.stderr.contains(says), "{says}: {finished:?}");
        }
    };
    refused(
        get_as(&platform, Some("nobody-knows"), &["--type", "AED"]),
        &["the gateway refuses (401)", "KAKEHASHI_KEY"],
    );
    refused(
        get_as(&platform, Some("watcher"), &["--type", "AED", "--q", "name=="]),
        &["the gateway refuses (400)"],
    );
    refused(
        get_as(
            &platform,
            Some("watcher"),
            &["--type", "AED", "--near", "x,1", "--within", "5"],
        ),
        &["--near is `x,1`: write longitude and latitude"],
    );
    refused(
        get_as(&platform, Some("watcher"), &[]),
        &["nothing says which entities are meant"],
    );
    for page in ["0", "1001"] {
        let finished = get_as(&platform, Some("watcher"), &["--type", "AED", "--page", page]);
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.stderr.contains(page), "{finished:?}");
    }
    let ordered = get(
        &platform,
        &[
            "--type",
            "AED",
            "--order-by",
            "name;desc",
            "--columns",
            "id",
            "--page",
            "1",
        ],
    );
    assert!(ordered.stdout.contains("urn:ngsi-ld:AED:"), "{ordered:?}");
    let nobody = |url: &str| Finished::of(platform.files().folder(), &["get", "--url", url, "--type", "AED"]);
    refused(nobody("http://127.0.0.1:1"), &["no gateway answers there"]);
    refused(nobody("127.0.0.1"), &["is no address of a gateway"]);
}
