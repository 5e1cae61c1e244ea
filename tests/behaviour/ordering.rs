//! `orderBy` (clause 4.23): the store's entities in an order that the consumer asks for, decided on what it may see.

use serde_json::{Value, json};

use super::harness::{Ask, Place, Platform, nasushiobara_sites, sano_sites, section, yaita_sites};

fn aed(id: &str, attributes: &Value) -> Value {
    let mut entity = json!({"id": format!("urn:ngsi-ld:AED:{id}"), "type": "AED"});
    for (name, value) in attributes.as_object().unwrap() {
        entity[name] = match value {
            Value::Array(_) => json!({"type": "GeoProperty", "value": {"type": "Point", "coordinates": value}}),
            value => json!({"type": "Property", "value": value}),
        };
    }
    entity
}

/// AEDs in two partitions of the store. `names` may see their names and places, and nothing else.
async fn platform() -> Platform {
    let yaita = json!([
        aed(
            "a",
            &json!({"name": "あさひ", "remarks": 10, "location": [139.93, 36.80]})
        ),
        aed(
            "b",
            &json!({"name": "いずみ", "remarks": 2, "location": [139.90, 36.90]})
        ),
        aed(
            "c",
            &json!({"name": "アイ", "remarks": "text", "location": [139.50, 36.30]})
        ),
        aed("d", &json!({"name": "うめ", "location": [139.94, 36.81]})),
    ]);
    let tochigi = json!([
        aed("e", &json!({"name": "えき", "remarks": 7.5})),
        aed("f", &json!({"name": "電話090-1111-2222", "remarks": false})),
        aed("g", &json!({"name": "電話090-0000-0000", "remarks": "2026"})),
    ]);
    let names = |tenant: &str| {
        format!(
            "@attributes(\"name,location\")\npermit (principal in Role::\"names\", action in Action::\"read\", \
             resource == EntityType::\"{tenant}/AED\");"
        )
    };
    Platform::builder()
        .await
        .consumer("names")
        .policy("yaita.cedar", &names("yaita"))
        .policy("tochigi.cedar", &names("tochigi"))
        .store("yaita", yaita.to_string())
        .store("tochigi", tochigi.to_string())
        .start()
        .await
}

fn ordered(platform: &Platform, order_by: &str, extra: &[(&str, &str)]) -> Ask {
    let local = [
        ("type", "AED"),
        ("local", "true"),
        ("orderBy", order_by),
        ("idPattern", "AED:.$"),
    ];
    platform.query(&[&local[..], extra].concat())
}

async fn order(platform: &Platform, order_by: &str, extra: &[(&str, &str)]) -> String {
    letters(&ordered(platform, order_by, extra).await.ok().ids())
}

/// The last letters of ids.
fn letters(ids: &[String]) -> String {
    ids.iter().map(|id| id.rsplit(':').next().unwrap()).collect()
}

#[tokio::test]
//= 4.23.1-1, 5.7.2.5-1
async fn entities_of_all_partitions_come_in_the_order_that_is_asked_for() {
    let platform = platform().await;
    // Of mixed types: numbers, texts, Booleans, and last what has no value (clause 4.23.2), whatever the direction.
    assert_eq!(order(&platform, "remarks", &[]).await, "beagcfd");
    assert_eq!(order(&platform, "remarks;desc", &[]).await, "aebcgfd");
    assert_eq!(order(&platform, "id;desc", &[]).await, "gfedcba");
    assert_eq!(order(&platform, "type,remarks;asc", &[]).await, "beagcfd");
    assert_eq!(
        order(&platform, "nobodyHasIt", &[]).await,
        "abcdefg",
        "by id where nothing else decides"
    );
    // What orders need not be shown.
    let picked = ordered(&platform, "remarks", &[("pick", "id,name")]).await.ok();
    assert_eq!(letters(&picked.ids()), "beagcfd");
    assert!(picked.entities().iter().all(|entity| entity.get("remarks").is_none()));
    let key_values = ordered(&platform, "remarks", &[("options", "keyValues")]).await.ok();
    assert_eq!(letters(&key_values.ids()), "beagcfd");
    let places = ordered(&platform, "remarks", &[])
        .accept("application/geo+json")
        .await
        .ok()
        .json();
    assert_eq!(places["features"][0]["id"], "urn:ngsi-ld:AED:b");
}

#[tokio::test]
//= 4.23.1-2, 5.2.43-2
async fn texts_come_in_the_order_of_the_collation() {
    let platform = platform().await;
    // Katakana beside hiragana: by sound, as people look for it, and not by code.
    assert!(
        order(&platform, "name", &[("q", "name~=\"^[ぁ-ヶ]*$\"")])
            .await
            .starts_with("ca"),
        "{}",
        order(&platform, "name", &[]).await
    );
    assert_eq!(
        order(
            &platform,
            "name",
            &[
                ("collation", "ja"),
                (
                    "id",
                    "urn:ngsi-ld:AED:a,urn:ngsi-ld:AED:b,urn:ngsi-ld:AED:c,urn:ngsi-ld:AED:d,urn:ngsi-ld:AED:e"
                )
            ]
        )
        .await,
        "cabde"
    );
}

#[tokio::test]
async fn distances_are_measured_from_a_place() {
    let platform = platform().await;
    let from = [("orderFrom", "[139.93,36.8]")];
    assert_eq!(order(&platform, "location;dist-asc", &from).await, "adbcefg");
    assert_eq!(order(&platform, "location;dist-desc", &from).await, "cbdaefg");
    let line = [
        ("orderFrom", "[[139.4,36.3],[139.6,36.3]]"),
        ("orderGeometry", "LineString"),
    ];
    assert!(order(&platform, "location;dist-asc", &line).await.starts_with('c'));
}

#[tokio::test]
async fn pages_and_counts_are_those_of_the_order() {
    let platform = platform().await;
    for tenant in ["", "yaita"] {
        let ask = |limit: &str, offset: &str| {
            let extra = [("limit", limit), ("offset", offset), ("count", "true")];
            let ask = ordered(&platform, "remarks;desc", &extra);
            if tenant.is_empty() { ask } else { ask.tenant(tenant) }
        };
        let whole = ask("1000", "0").await.ok();
        assert_eq!(
            letters(&whole.ids()),
            if tenant.is_empty() { "aebcgfd" } else { "abcd" }
        );
        let mut visited = Vec::new();
        let mut next = Some(ask("3", "0").await.ok());
        while let Some(page) = next {
            assert_eq!(page.count(), whole.ids().len());
            visited.extend(page.ids());
            next = match page.link("next") {
                Some(link) => {
                    let ask = platform.get(link);
                    Some(if tenant.is_empty() { ask } else { ask.tenant(tenant) }.await.ok())
                }
                None => None,
            };
        }
        assert_eq!(visited, whole.ids());
        let counted = ask("0", "0").await.ok();
        assert_eq!((counted.count(), counted.ids().len()), (whole.ids().len(), 0));
        let beyond = ask("3", "100").await.ok();
        assert_eq!(
            (beyond.count(), beyond.ids().len(), beyond.link("next")),
            (whole.ids().len(), 0, None)
        );
    }
}

#[tokio::test]
//= 5.2.23-6, 5.2.43-1, 5.2.43-4
async fn a_posted_query_has_its_order_in_the_body() {
    let platform = platform().await;
    let ask = |ordering: Value| {
        let body = json!({"type": "Query", "entities": [{"type": "AED", "idPattern": "AED:.$"}], "ordering": ordering});
        platform
            .post("/ngsi-ld/v1/entityOperations/query?local=true")
            .json(&body)
    };
    let posted = ask(json!({"orderBy": ["type", "remarks;desc"]})).await.ok();
    assert_eq!(letters(&posted.ids()), "aebcgfd");
    let near = json!({"orderBy": ["location;dist-asc"], "coordinates": [139.93, 36.8], "geometry": "Point", "collation": "ja"});
    assert_eq!(letters(&ask(near).await.ok().ids()), "adbcefg");
    for (ordering, names) in [
        (json!({"orderBy": []}), "member `ordering.orderBy`"),
        (json!({"orderBy": "name"}), "member `ordering.orderBy`"),
        (json!({"orderBy": ["name", "id;up"]}), "member `ordering.orderBy[1]`"),
        (json!({"orderBy": ["location;dist-asc"]}), "coordinates"),
        (
            json!({"orderBy": ["location;dist-asc"], "coordinates": "8,40"}),
            "member `ordering.coordinates`",
        ),
        (
            json!({"orderBy": ["location;dist-asc"], "coordinates": [8, 400]}),
            "member `ordering.coordinates`",
        ),
        (json!({"orderBy": ["id"], "geometry": 5}), "member `ordering.geometry`"),
        (
            json!({"orderBy": ["name"], "collation": "!!"}),
            "member `ordering.collation`",
        ),
        (json!({"collation": "ja"}), "`orderBy` is missing"),
        (json!({"orderBy": ["name"], "order": "asc"}), "member `ordering.order`"),
    ] {
        let answer = ask(ordering.clone()).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{ordering}: {answer}"
        );
        assert!(answer.problem().detail.contains(names), "{ordering}: {answer}");
    }
}

#[tokio::test]
//= 5.7.2.4-7, 6.4.3.2-5
async fn what_is_wrong_with_an_order_is_told() {
    let platform = platform().await;
    for (extra, names) in [
        (vec![("orderBy", "")], "parameter `orderBy`"),
        (vec![("orderBy", "name;up")], "parameter `orderBy` at position 5"),
        (vec![("orderBy", "name,,id")], "parameter `orderBy` at position 5"),
        (vec![("orderBy", "location;dist-asc")], "parameter `orderFrom`"),
        (
            vec![("orderBy", "location;dist-asc"), ("orderFrom", "[8,")],
            "parameter `orderFrom` at position",
        ),
        (
            vec![
                ("orderBy", "location;dist-asc"),
                ("orderFrom", "[8,40]"),
                ("orderGeometry", "Circle"),
            ],
            "parameter `orderGeometry`",
        ),
        (
            vec![("orderBy", "name"), ("collation", "!!nope")],
            "parameter `collation`",
        ),
        (vec![("collation", "ja")], "parameter `collation`"),
        (vec![("orderFrom", "[8,40]")], "parameter `orderFrom`"),
    ] {
        let answer = platform
            .query(&[&[("type", "AED"), ("local", "true")][..], &extra].concat())
            .await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
        assert!(answer.problem().detail.contains(names), "{extra:?}: {answer}");
    }
}

#[tokio::test]
//= 5.7.2.4-6
async fn several_sources_have_no_common_order() {
    let platform = platform().await;
    let over_all = platform.query(&[("type", "AED"), ("orderBy", "name")]).await;
    assert_eq!(
        (over_all.status, over_all.error_type().as_str()),
        (400, "BadRequestData"),
        "{over_all}"
    );
    assert!(over_all.problem().detail.contains("local=true"), "{over_all}");
    assert_eq!(platform.asked().len(), 0, "a source was asked");
    // What nothing but the store may hold is ordered anyway: the execution is limited to the local scope.
    let alone = platform
        .query(&[("type", "AED"), ("orderBy", "remarks")])
        .tenant("yaita")
        .await
        .ok();
    assert!(letters(&alone.ids()).starts_with("bacd"), "{alone}");
    let any = platform
        .query(&[("type", "*"), ("orderBy", "id;desc"), ("limit", "1")])
        .await
        .ok();
    assert_eq!(any.ids().len(), 1);
}

/// `extensions = ["federated-order"]` of the operator goes beyond the standard: what all sources hold is one list.
#[tokio::test]
async fn an_operator_may_let_several_sources_be_ordered_as_one() {
    let builder = Platform::builder().await.tenants(|table| {
        let extensions = toml::Value::Array(vec!["federated-order".into()]);
        section(table, "gateway").insert("extensions".into(), extensions);
    });
    let platform = builder.start().await;
    let all = [sano_sites(), nasushiobara_sites(), yaita_sites()].concat();
    let mut ids: Vec<String> = all.into_iter().map(|place| place.id).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let mut visited = Vec::new();
    let mut next = Some("/ngsi-ld/v1/entities?type=EvacuationSite&orderBy=id;desc&limit=30&count=true".to_owned());
    while let Some(target) = next {
        let page = platform.get(target).await.ok();
        assert_eq!(page.count(), 102);
        visited.extend(page.ids());
        next = page.link("next");
    }
    assert_eq!(visited, ids);
    // By distance, as by a formula of the test's own over all that was published.
    let from = sano_sites()[0].clone();
    let nearest = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("orderBy", "location;dist-asc"),
            ("orderFrom", &format!("[{},{}]", from.longitude, from.latitude)),
            ("limit", "1000"),
        ])
        .await
        .ok();
    let squared = |place: &Place| {
        let east = (place.longitude - from.longitude) * from.latitude.to_radians().cos();
        east.powi(2) + (place.latitude - from.latitude).powi(2)
    };
    let mut places = sano_sites();
    places.sort_by(|a, b| squared(a).total_cmp(&squared(b)));
    assert_eq!(nearest.ids().len(), 102);
    assert_eq!(nearest.ids()[0], places[0].id);
    let last = nearest.ids().pop().unwrap();
    assert!(nasushiobara_sites().iter().any(|place| place.id == last), "{last}");
    // One source alone is ordered, too, and what is hidden orders nothing.
    let alone = platform
        .entities("type=DesignatedShelter&orderBy=managerName;desc,id;desc&limit=1000")
        .await
        .ok();
    let mut by_id = alone.ids();
    by_id.sort();
    by_id.reverse();
    assert_eq!(alone.ids(), by_id);
    let orion = platform
        .entities("type=EvacuationSite&orderBy=id;desc&limit=2")
        .tenant("nasushiobara")
        .await
        .ok();
    assert!(orion.ids()[0] > orion.ids()[1]);
    for request in platform.asked_of_orion() {
        assert!(
            !request.query.contains("managerName") && request.parameter("orderBy").is_none(),
            "{}",
            request.query
        );
    }
}

/// What lies too far behind to be held is found by what the order looks at.
#[tokio::test]
async fn every_next_link_of_an_ordered_walk_leads_to_a_page() {
    let (held, more) = (10_000, 150);
    let stored: Vec<Value> = (0..held + more)
        .map(|number| aed(&format!("far-{number:05}"), &json!({"location": [139.9, 36.8]})))
        .collect();
    let builder = Platform::builder().await.tenants(|table| {
        let limits = section(section(table, "gateway"), "limits");
        // On a machine that may be busy.
        limits.insert("deadline".into(), "50s".into());
    });
    let platform = builder.store("yaita", Value::from(stored).to_string()).start().await;
    let walked = "/ngsi-ld/v1/entities?type=AED&local=true&orderBy=id;desc&limit=100";
    let mut next = Some(format!("{walked}&offset={}", held - 100));
    let mut visited = Vec::new();
    while let Some(target) = next {
        let page = platform.get(target).tenant("yaita").await.ok();
        visited.extend(page.ids().into_iter().filter(|id| id.contains("far-")));
        next = page.link("next");
    }
    let last = (0..visited.len())
        .rev()
        .map(|number| format!("urn:ngsi-ld:AED:far-{number:05}"));
    assert!(visited.len() > more, "{}", visited.len());
    assert_eq!(visited, last.collect::<Vec<_>>());
}

/// An attribute that is hidden orders as one that nobody has, and what is masked orders as it is shown.
#[tokio::test]
async fn what_is_hidden_orders_nothing() {
    let platform = platform().await;
    for order_by in [
        "NAME",
        "NAME;desc",
        "NAME.observedAt",
        "NAME[a]",
        "name,NAME;desc",
        "NAME;dist-asc",
    ] {
        let ask = |name: &str| {
            let order_by = order_by.replace("NAME", name);
            ordered(
                &platform,
                &order_by,
                &[("orderFrom", "[139.93,36.8]"), ("count", "true")],
            )
            .by("names")
        };
        let (hidden, unknown) = (ask("remarks").await.ok(), ask("nobodyHasIt").await.ok());
        assert_eq!(hidden.body, unknown.body, "{order_by}");
        assert_eq!(hidden.count(), 7);
    }
    assert_eq!(
        letters(&ordered(&platform, "remarks", &[]).by("names").await.ok().ids()),
        "abcdefg"
    );
    // `f` and `g` differ in a telephone number that is masked: for whoever asks they are equal.
    let asc = order(&platform, "name", &[("id", "urn:ngsi-ld:AED:f,urn:ngsi-ld:AED:g")]).await;
    let desc = order(&platform, "name;desc", &[("id", "urn:ngsi-ld:AED:f,urn:ngsi-ld:AED:g")]).await;
    assert_eq!((asc.as_str(), desc.as_str()), ("fg", "fg"));
}

#[tokio::test]
async fn dates_of_the_system_order_without_being_shown() {
    let platform = platform().await;
    let by_date = ordered(&platform, "createdAt,id;desc", &[]).await.ok();
    assert_eq!(by_date.ids().len(), 7);
    assert!(
        by_date
            .entities()
            .iter()
            .all(|entity| entity.get("createdAt").is_none())
    );
    let shown = ordered(&platform, "createdAt,id;desc", &[("options", "sysAttrs")])
        .await
        .ok();
    let dates: Vec<String> = shown
        .entities()
        .iter()
        .map(|entity| entity["createdAt"].as_str().unwrap().to_owned())
        .collect();
    assert!(dates.is_sorted(), "{dates:?}");
    assert_eq!(shown.ids(), by_date.ids());
}
