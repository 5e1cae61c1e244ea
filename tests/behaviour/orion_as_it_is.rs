//! An Orion as its users fill it: places that it shows and does not look for, collections of features, nulls in values, types and
//! attributes with names that the view escapes.

use serde_json::{Value, json};

use super::harness::{Answer, Builder, ORION, Platform, change_source, encoded, section};
use super::subscriptions;

const TENANT: &str = "nasushiobara";

/// A point in the city, where no site of the stand-in is near.
const HERE: [f64; 2] = [139.5, 37.5];

fn site(number: usize, location: &Value) -> Value {
    json!({
        "id": format!("E0921300{number:04}"),
        "type": "EvacuationSite",
        "name": { "type": "Text", "value": format!("site {number}") },
        "location": location,
    })
}

fn id(number: usize) -> String {
    format!("urn:ngsi-ld:EvacuationSite:E0921300{number:04}")
}

/// A place in NGSI-v2, so far to the east.
fn place(east: f64, ignored: bool) -> Value {
    let mut place = json!({ "type": "geo:point", "value": format!("{},{}", HERE[1], HERE[0] + east), "metadata": {} });
    if ignored {
        place["metadata"]["ignoreType"] = json!({ "type": "Boolean", "value": true });
    }
    place
}

async fn with(entities: &[Value]) -> Builder {
    let builder = Platform::builder().await;
    let orion = builder.demo().orion();
    orion.load(TENANT, "/", &json!(entities).to_string()).unwrap();
    builder.tenants(|table| {
        let extensions = vec![toml::Value::from("federated-order")];
        section(table, "gateway").insert("extensions".into(), toml::Value::Array(extensions));
    })
}

async fn ask(platform: &Platform, query: &str) -> Answer {
    let query = format!("type=EvacuationSite&limit=100&{query}");
    platform.entities(query).tenant(TENANT).await.ok()
}

fn around(georel: &str) -> String {
    format!("georel={georel}&geometry=Point&coordinates=[{},{}]", HERE[0], HERE[1])
}

#[tokio::test]
async fn what_orion_does_not_look_for_is_found_by_where_it_is() {
    let platform = with(&[
        site(9001, &place(0.03, false)),
        site(9002, &place(0.01, true)),
        site(9004, &place(0.5, true)),
    ])
    .await
    .start()
    .await;
    for _ in 0..2 {
        let near = ask(&platform, &format!("{}&count=true", around("near;maxDistance==8000"))).await;
        assert_eq!((near.ids(), near.count()), (vec![id(9001), id(9002)], 2), "{near}");
    }
    let far = ask(&platform, &around("near;minDistance==8000")).await;
    assert!(far.ids().contains(&id(9004)) && !far.ids().contains(&id(9002)), "{far}");
    let nearest = format!("orderBy=location;dist-asc&orderFrom=[{},{}]&limit=3", HERE[0], HERE[1]);
    let nearest = platform
        .entities(format!("type=EvacuationSite&{nearest}"))
        .tenant(TENANT)
        .await
        .ok();
    assert_eq!(nearest.ids(), [id(9002), id(9001), id(9004)]);
    // Page by page, too, and with a condition.
    let mut next = Some(format!(
        "/ngsi-ld/v1/entities?type=EvacuationSite&limit=1&count=true&{}",
        around("near;maxDistance==8000")
    ));
    let mut walked = Vec::new();
    while let Some(target) = next {
        let page = platform.get(target).tenant(TENANT).await.ok();
        assert_eq!(page.count(), 2, "{page}");
        walked.extend(page.ids());
        next = page.link("next");
    }
    assert_eq!(walked, [id(9001), id(9002)]);
    let one = ask(
        &platform,
        &format!("{}&q=name==%22site%209002%22", around("near;maxDistance==8000")),
    )
    .await;
    assert_eq!(one.ids(), [id(9002)]);
}

#[tokio::test]
async fn a_place_that_begins_to_be_ignored_is_found_once_it_was_shown() {
    let platform = with(&[site(9001, &place(0.0, false))]).await.start().await;
    let near = around("near;maxDistance==8000");
    assert_eq!(ask(&platform, &near).await.ids(), [id(9001)]);
    let asked = async || {
        platform.forget_requests();
        let found = ask(&platform, &near).await.ids();
        (found.len(), platform.asked_of_orion().len())
    };
    assert_eq!(asked().await, (1, 1), "that there are none is known");
    let another = json!([site(9002, &place(0.0, true))]).to_string();
    platform.demo().orion().load(TENANT, "/", &another).unwrap();
    platform.entity(&id(9002)).await.ok();
    assert_eq!(asked().await, (2, 2));
}

/// Two features, which are a collection of geometries.
fn features() -> Value {
    let feature = |geometry: Value| json!({ "type": "Feature", "properties": { "a": null }, "geometry": geometry });
    let [x, y] = HERE;
    let (west, south, east, north) = (x - 0.01, y - 0.01, x + 0.01, y + 0.01);
    let area = json!([[
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south]
    ]]);
    json!({
        "type": "geo:json",
        "value": { "type": "FeatureCollection", "features": [
            feature(json!({ "type": "Point", "coordinates": [x + 0.05, y] })),
            feature(json!({ "type": "Polygon", "coordinates": area })),
        ] },
        "metadata": { "ignoreType": { "type": "Boolean", "value": true } },
    })
}

#[tokio::test]
async fn several_features_are_a_collection_in_every_representation_and_in_geo_queries() {
    let no_place = json!({
        "type": "geo:json",
        "value": { "type": "FeatureCollection", "features": [] , "x": null },
        "metadata": { "ignoreType": { "type": "Boolean", "value": true } },
    });
    let builder = with(&[
        site(9001, &features()),
        site(9002, &no_place),
        site(9003, &place(0.2, false)),
    ])
    .await;
    let platform = builder.start().await;
    let geometries: Vec<Value> = features()["value"]["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| feature["geometry"].clone())
        .collect();
    let collection = json!({ "type": "GeometryCollection", "geometries": geometries });
    let shown = async |number: usize, query: &str| {
        let target = format!("/ngsi-ld/v1/entities/{}{query}", id(number));
        platform.get(target).tenant(TENANT).await.ok().json()["location"].clone()
    };
    let typed = json!({ "type": "GeoProperty", "value": collection });
    assert_eq!(shown(9001, "").await, typed);
    assert_eq!(shown(9001, "?format=simplified").await, collection);
    // Whoever reads it would not know the geometry for one (clause 4.5.2.3).
    assert_eq!(shown(9001, "?format=concise").await, typed);
    let target = format!("/ngsi-ld/v1/entities/{}?options=keyValues", id(9001));
    let feature = platform
        .get(target)
        .tenant(TENANT)
        .accept("application/geo+json")
        .await
        .ok()
        .json();
    assert_eq!(
        (&feature["geometry"], &feature["properties"]["location"]),
        (&collection, &collection)
    );
    // What is no place is not lost.
    let odd = shown(9002, "").await;
    assert_eq!(
        (&odd["type"], &odd["json"]["x"]),
        (&json!("JsonProperty"), &Value::Null),
        "{odd}"
    );

    for (georel, found) in [
        ("near;maxDistance==500", vec![9001]),
        ("near;minDistance==10000", vec![9003]),
        ("intersects", vec![9001]),
        ("contains", vec![9001]),
        ("disjoint", vec![9003]),
        ("within", vec![]),
    ] {
        let answer = ask(&platform, &format!("idPattern=E09213009&{}", around(georel))).await;
        let found: Vec<String> = found.into_iter().map(id).collect();
        assert_eq!(answer.ids(), found, "{georel}");
    }
    let [x, y] = HERE;
    for (width, found) in [(0.06, vec![id(9001)]), (0.02, vec![])] {
        let (east, north) = (x + width, y + 0.02);
        let ring = format!(
            "[[[{0},{1}],[{east},{1}],[{east},{north}],[{0},{north}],[{0},{1}]]]",
            x - 0.01,
            y - 0.01
        );
        let answer = ask(&platform, &format!("georel=within&geometry=Polygon&coordinates={ring}")).await;
        assert_eq!(answer.ids(), found, "{width}");
    }
    let nearest = format!(
        "idPattern=E09213009&q=location&orderBy=location;dist-asc&orderFrom=[{},{y}]",
        x + 0.06
    );
    assert_eq!(ask(&platform, &nearest).await.ids(), [id(9001), id(9003), id(9002)]);
    platform.gateway().keep_metrics();
    let metrics = std::fs::read_to_string(platform.gateway().folder().join("metrics")).unwrap();
    for became in ["collection", "json"] {
        let metric = format!("kakehashi_source_places_reshaped_total{{became=\"{became}\",source=\"{ORION}\"}} ");
        assert!(metrics.contains(&metric), "{became}: {metrics}");
    }
}

#[tokio::test]
async fn no_value_holds_null() {
    let mut site = site(9001, &place(0.0, false));
    site["remarks"] = json!({ "type": "StructuredValue", "value": { "a": null, "b": [1, null, { "c": null }] } });
    let platform = with(&[site]).await.start().await;
    let literal = json!({ "@type": "@json", "@value": null });
    let expected = json!({ "b": [1, literal, {}] });
    for (query, path) in [
        ("", "/remarks/value"),
        ("?options=keyValues", "/remarks"),
        ("?format=concise", "/remarks"),
    ] {
        let target = format!("/ngsi-ld/v1/entities/{}{query}", id(9001));
        let entity = platform.get(target).tenant(TENANT).await.ok().json();
        assert_eq!(entity.pointer(path), Some(&expected), "{query}: {entity}");
    }
    assert_eq!(
        ask(&platform, "q=remarks[a]").await.ids(),
        [""; 0],
        "what is null is not there"
    );
    assert_eq!(ask(&platform, "q=remarks[b]==1").await.ids(), [id(9001)]);
}

/// A type and attributes of which a name of the view has escaped characters.
async fn with_escaped_names() -> Platform {
    let stations: Vec<Value> = (1..=3)
        .map(|number| {
            json!({
                "id": format!("S{number}"),
                "type": "Air-Quality",
                "A-1": { "type": "Number", "value": number, "metadata": { "wind-speed": { "type": "Number", "value": 10 * number } } },
                "my-place": { "type": "geo:point", "value": format!("{},{}", HERE[1], HERE[0] + 0.1 * f64::from(number)) },
                "of-site": { "type": "Relationship", "value": id(9000 + number as usize) },
                "a.b": { "type": "Text", "value": "x" },
            })
        })
        .collect();
    let numbered = json!({ "id": "N1", "type": "12345678", "A-1": { "type": "Number", "value": 1 } });
    let mut all = stations;
    all.push(numbered);
    all.push(site(9002, &place(0.0, false)));
    let builder = with(&all).await.consumer("of-one-type");
    let files = builder.files();
    for (name, attributes) in [
        (
            "Air-Quality",
            r#"["A-1", "my-place", "of%2Dsite", "a%2Eb", "wind-speed"]"#,
        ),
        ("12345678", r#"["A%2D1"]"#),
    ] {
        let table = format!("[types.\"{name}\"]\nclass = \"open\"\n[types.\"{name}\".attributes]\nopen = {attributes}");
        files.append("policies/classification.toml", &table);
    }
    let policy = "permit (principal in Role::\"of-one-type\", action in Action::\"read\", \
                  resource == EntityType::\"nasushiobara/Air-Quality\");";
    builder
        .policy("nasushiobara.cedar", policy)
        .tenants(|table| {
            change_source(table, ORION, |source| {
                let provides = source["provides"].as_array_mut().unwrap();
                for name in ["Air-Quality", "%312345678"] {
                    let mut provided = toml::Table::new();
                    provided.insert("type".into(), name.into());
                    provides.push(toml::Value::Table(provided));
                }
            });
        })
        .start()
        .await
}

fn stations(numbers: &[usize]) -> Vec<String> {
    numbers
        .iter()
        .map(|number| format!("urn:ngsi-ld:Air-Quality:S{number}"))
        .collect()
}

#[tokio::test]
async fn types_whose_names_are_escaped_are_provided_and_asked_for() {
    let platform = with_escaped_names().await;
    for consumer in ["bousai-map", "of-one-type"] {
        // As it is shown, in a URL; what the URL's decoding leaves of that; and with words beside it.
        for r#type in [
            "Air%252DQuality",
            "Air%2DQuality",
            "Air-Quality",
            "Air-Quality|NoSuch-Type",
        ] {
            platform.forget_requests();
            let answer = platform
                .entities(format!("type={type}&count=true"))
                .by(consumer)
                .tenant(TENANT)
                .await
                .ok();
            assert_eq!(
                (answer.ids(), answer.count()),
                (stations(&[1, 2, 3]), 3),
                "{consumer} {type}"
            );
            assert!(
                answer.entities().iter().all(|entity| entity["type"] == "Air%2DQuality"),
                "{answer}"
            );
            for request in platform.asked_of_orion() {
                assert_eq!(request.parameter("type").as_deref(), Some("Air-Quality"));
            }
        }
        let one = platform.entity(&stations(&[2])[0]).by(consumer).await.ok().json();
        assert_eq!(
            (&one["type"], &one["A%2D1"]["value"]),
            (&json!("Air%2DQuality"), &json!(2))
        );
        let numbered = platform
            .entities("type=12345678")
            .by(consumer)
            .tenant(TENANT)
            .await
            .ok();
        let expected = if consumer == "of-one-type" { 0 } else { 1 };
        assert_eq!(
            numbered.ids().len(),
            expected,
            "{consumer}: nobody is shown more than before"
        );
    }
    let types = platform.get("/ngsi-ld/v1/types").tenant(TENANT).await.ok().json();
    for name in ["Air%2DQuality", "%312345678"] {
        assert!(types["typeList"].as_array().unwrap().contains(&name.into()), "{types}");
    }
}

/// Every place of a URL where names of attributes stand. `N` is the name.
const IN_URLS: [(&str, &[usize]); 13] = [
    ("q=N==2", &[2]),
    ("q=N%3E=2", &[2, 3]),
    ("q=(N==1|N==3)", &[1, 3]),
    ("q=N.W==20", &[2]),
    ("q=N.W%3E10;N%3C3", &[2]),
    ("orderBy=N;desc", &[3, 2, 1]),
    ("orderBy=N.W;desc", &[3, 2, 1]),
    ("attrs=N", &[1, 2, 3]),
    ("attrs=noSuch,N", &[1, 2, 3]),
    ("q=N==2&expandValues=N&jsonKeys=N", &[2]),
    (
        "georel=near;maxDistance==12000&geometry=Point&coordinates=[139.5,37.5]&geoproperty=P",
        &[1],
    ),
    ("orderBy=P;dist-desc&orderFrom=[139.5,37.5]", &[3, 2, 1]),
    (
        "q=R{EvacuationSite:name}==%22site%209002%22&join=inline&joinLevel=1",
        &[2],
    ),
];

#[tokio::test]
async fn names_that_are_escaped_work_wherever_names_stand() {
    let platform = with_escaped_names().await;
    let written = |text: &str, [name, wind, place, relation]: [&str; 4]| {
        let text = text.replace("%22", "\u{1}").replace("%20", "\u{2}");
        // Letters of names apart: each stands for one that is escaped.
        let text = text
            .replace('N', name)
            .replace('W', wind)
            .replace('P', place)
            .replace('R', relation)
            .replace(&format!("geometry={place}oint"), "geometry=Point");
        text.replace('\u{1}', "%22").replace('\u{2}', "%20")
    };
    let as_shown = ["A%252D1", "wind%252Dspeed", "my%252Dplace", "of%252Dsite"];
    let once_decoded = ["A%2D1", "wind%2Dspeed", "my%2Dplace", "of%2Dsite"];
    let as_in_orion = ["A-1", "wind-speed", "my-place", "of-site"];
    for (query, expected) in IN_URLS {
        for names in [as_shown, once_decoded, as_in_orion] {
            let query = written(query, names);
            let answer = platform
                .entities(format!("type=Air-Quality&{query}"))
                .tenant(TENANT)
                .await
                .ok();
            assert_eq!(answer.ids(), stations(expected), "{query}");
        }
    }
    for names in [as_shown, once_decoded, as_in_orion] {
        let [name, _, place, _] = names;
        for (query, members) in [
            (format!("pick=id,{name}"), vec!["A%2D1", "id"]),
            (format!("omit=type,{name},{place},a%252Eb"), vec!["id", "of%2Dsite"]),
        ] {
            let answer = platform
                .entities(format!("type=Air-Quality&limit=1&{query}"))
                .tenant(TENANT)
                .await
                .ok();
            let entity = answer.entities().remove(0);
            let shown: Vec<&str> = entity.as_object().unwrap().keys().map(String::as_str).collect();
            let mut shown = shown;
            shown.sort_unstable();
            assert_eq!(shown, members, "{query}");
        }
        let target = format!("/ngsi-ld/v1/entities/{}?geometryProperty={place}", stations(&[1])[0]);
        let feature = platform
            .get(target)
            .tenant(TENANT)
            .accept("application/geo+json")
            .await
            .ok()
            .json();
        assert_eq!(feature["geometry"]["type"], "Point", "{feature}");
    }
    // A dot parts names: what holds one is written as it is shown.
    let found = async |q: &str| {
        let answer = platform
            .entities(format!("type=Air-Quality&q={q}"))
            .tenant(TENANT)
            .await
            .ok();
        answer.ids().len()
    };
    assert_eq!((found("a%252Eb==%22x%22").await, found("a%2Eb==%22x%22").await), (3, 0));
    // What an input method makes of an operator is no name.
    for q in ["A-1＝＝2", "（A-1==2）", "-A==2"] {
        let answer = platform
            .entities(format!("type=Air-Quality&q={}", encoded(q)))
            .tenant(TENANT)
            .await;
        assert_eq!(answer.status, 400, "{q}");
    }
}

#[tokio::test]
async fn names_that_are_escaped_work_in_bodies() {
    let platform = with_escaped_names().await;
    let body = json!({
        "type": "Query",
        "entities": [{ "type": "Air%2DQuality" }],
        "q": "A%2D1>=2;A%2D1.wind%2Dspeed<30",
        "pick": ["id", "A%2D1"],
        "geoQ": { "georel": "near;maxDistance==90000", "geometry": "Point", "coordinates": HERE, "geoproperty": "my%2Dplace" },
        "ordering": { "orderBy": ["A%2D1;desc"] },
    });
    let answer = platform
        .post("/ngsi-ld/v1/entityOperations/query")
        .tenant(TENANT)
        .json(&body)
        .await
        .ok();
    assert_eq!(answer.ids(), stations(&[2]), "{answer}");
    let body = json!({ "type": "Query", "entities": [{ "type": "Air-Quality" }], "attrs": ["A%2D1"] });
    let answer = platform
        .post("/ngsi-ld/v1/entityOperations/query")
        .tenant(TENANT)
        .json(&body)
        .await
        .ok();
    assert_eq!(answer.ids(), stations(&[1, 2, 3]), "{answer}");
    let platform = subscriptions::platform().await;
    for names in ["A%2D1", "A-1"] {
        let more = json!({
            "id": format!("urn:ngsi-ld:Subscription:{}", names.len()),
            "watchedAttributes": [names],
            "q": format!("{names}==5;{names}.wind%2Dspeed>1"),
            "notification": { "attributes": [names], "endpoint": { "uri": "http://127.0.0.1:9/n" } },
        });
        let subscription = subscriptions::to_aeds("http://127.0.0.1:9/n", &more);
        let path = subscriptions::subscribed(&platform, "watcher", &subscription).await;
        let shown = subscriptions::shown(&platform, "watcher", &path).await;
        assert_eq!(shown["watchedAttributes"], json!(["A%2D1"]), "{shown}");
        assert_eq!(shown["notification"]["attributes"], json!(["A%2D1"]), "{shown}");
    }
}
