//! What the store is asked it decides by itself: nothing is refused or cut short because more is held than the gateway may look
//! at, and what is hidden or masked is still judged here.

use serde_json::{Value, json};

use super::harness::{Platform, key_of, keys, section};

/// Entities in the partition, and how many of a source one request may look at.
const STORED: usize = 300;
const SCAN: i64 = 20;

fn aed(number: usize) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:{number:04}"),
        "type": "AED",
        "name": {"type": "Property", "value": format!("AED {number}")},
        "speed": {
            "type": "Property",
            "value": number * 7 % STORED,
            "accuracy": {"type": "Property", "value": number % 10},
            "measuredBy": {"type": "Relationship", "object": format!("urn:ngsi-ld:Device:{number}")}
        },
        "address": {"type": "Property", "value": {"addressLocality": format!("町{}", number % 5)}},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [139.9 + number as f64 / 1_000.0, 36.8]}
        }
    })
}

async fn platform(inspection: &str) -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let mut consumer = toml::Table::new();
        consumer.insert("name".into(), "reader".into());
        consumer.insert("tenant".into(), "yaita".into());
        consumer.insert("keys".into(), keys(&key_of("reader")));
        section(table, "consumers").insert("reader".into(), toml::Value::Table(consumer));
        section(section(table, "tenants"), "yaita").insert("inspection".into(), inspection.into());
        section(section(table, "gateway"), "limits").insert("scan".into(), SCAN.into());
        // Nobody has classified what such entities have.
        let sources = section(section(table, "tenants"), "tochigi")["sources"].as_array_mut();
        let store = sources.unwrap()[0].as_table_mut().unwrap();
        store.insert("personal_data".into(), "none".into());
    });
    let everything = "permit (principal == Consumer::\"reader\", action, resource in Tenant::\"yaita\");\n";
    let stored: Vec<Value> = (0..STORED).map(aed).collect();
    let builder = builder.policy("yaita.cedar", everything);
    builder.store("yaita", Value::from(stored).to_string()).start().await
}

/// The numbers of the entities of a page of five, and how many there are.
async fn found(platform: &Platform, conditions: &str) -> (Vec<usize>, usize) {
    let path = format!("/ngsi-ld/v1/entities?type=AED&limit=5&count=true&{conditions}");
    let answer = platform.get(path).tenant("yaita").by("reader").await;
    assert_eq!(answer.status, 200, "{conditions}: {answer}");
    assert_eq!(answer.header("ngsild-warning"), None, "{conditions}: {answer}");
    let number = |entity: &Value| {
        entity["id"]
            .as_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let numbers = answer.json().as_array().unwrap().iter().map(number).collect();
    let count = answer.header("ngsild-results-count").unwrap().parse().unwrap();
    (numbers, count)
}

/// The first five of those that are as told.
fn expected(is_one: impl Fn(usize) -> bool) -> (Vec<usize>, usize) {
    let all: Vec<usize> = (0..STORED).filter(|number| is_one(*number)).collect();
    (all.iter().take(5).copied().collect(), all.len())
}

#[tokio::test]
async fn what_the_store_is_asked_is_answered_whole_however_much_it_holds() {
    let platform = platform("report").await;
    let cases: [(&str, &dyn Fn(usize) -> bool); 10] = [
        ("", &|_| true),
        ("idPattern=7$", &|number| number % 10 == 7),
        ("q=name~=%22.*3$%22", &|number| number % 10 == 3),
        ("q=name!~=%22.*3$%22", &|number| number % 10 != 3),
        ("q=address[addressLocality]==%22町4%22", &|number| number % 5 == 4),
        ("q=speed.accuracy%3E7", &|number| number % 10 > 7),
        ("q=speed%3E150;name~=%22.*3$%22", &|number| {
            number * 7 % STORED > 150 && number % 10 == 3
        }),
        (
            "georel=near;maxDistance==50000&geometry=Point&coordinates=[139.9,36.8]",
            &|_| true,
        ),
        (
            "georel=near;minDistance==10000&geometry=Point&coordinates=[139.9,36.8]",
            // A degree of longitude has 89,260 m there.
            &|number| number > 112,
        ),
        (
            "georel=within&geometry=Polygon&coordinates=[[[139.95,36],[140.0001,36],[140.0001,37],[139.95,37],[139.95,36]]]",
            &|number| (50..=100).contains(&number),
        ),
    ];
    for (conditions, is_one) in cases {
        assert_eq!(found(&platform, conditions).await, expected(is_one), "{conditions}");
    }
    let place_of = |speed: usize| (0..STORED).find(|number| number * 7 % STORED == speed).unwrap();
    let first = |speeds: [usize; 5]| (speeds.map(place_of).to_vec(), STORED);
    for (order, expected) in [
        ("orderBy=speed", first([0, 1, 2, 3, 4])),
        ("orderBy=speed;desc", first([299, 298, 297, 296, 295])),
        ("orderBy=speed&offset=10", first([10, 11, 12, 13, 14])),
        ("orderBy=name", (vec![0, 1, 10, 100, 101], STORED)),
        (
            "orderBy=location;dist-desc&orderFrom=[139.9,36.8]",
            (vec![299, 298, 297, 296, 295], STORED),
        ),
    ] {
        assert_eq!(found(&platform, order).await, expected, "{order}");
    }
}

#[tokio::test]
async fn what_may_be_hidden_or_masked_stays_with_the_gateway_and_its_bounds() {
    let platform = platform("mask").await;
    let ask = async |conditions: &str| {
        let path = format!("/ngsi-ld/v1/entities?type=AED&limit=5&{conditions}");
        platform.get(path).tenant("yaita").by("reader").await.status
    };
    // Texts may be masked, and with them their order.
    assert_eq!(ask("orderBy=name").await, 403);
    let counted = platform.get("/ngsi-ld/v1/entities?type=AED&limit=0&count=true&q=speed.measuredBy");
    // An attribute of an attribute may be a Relationship to what is hidden.
    assert_eq!(counted.tenant("yaita").by("reader").await.status, 403);
}
