//! Permits that cover some entities of a type and not others: whoever may see the ones cannot learn of the others, by
//! whatever question, and the sources are asked for no more than some permit covers.

use serde_json::{Value, json};

use super::harness::{Answer, Client, Platform, encoded, members, nasushiobara_sites, sano_sites, section, until};
use super::notifications::{endpoint, notified};
use super::subscriptions::{subscribed, to_aeds};

/// Who sees some of Yaita's AEDs.
const NARROWED: &str = "narrowed";

/// In the middle of Yaita.
const INSIDE: [f64; 2] = [139.92, 36.8];
/// Far from it.
const OUTSIDE: [f64; 2] = [139.1, 36.3];

/// A box around the middle of Yaita, as an annotation of a Cedar policy holds it.
const AREA: &str =
    r#"{\"type\":\"Polygon\",\"coordinates\":[[[139.8,36.7],[140.0,36.7],[140.0,36.9],[139.8,36.9],[139.8,36.7]]]}"#;

fn aed(id: &str, name: &str, remarks: &str, place: [f64; 2]) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:{id}"),
        "type": "AED",
        "name": {"type": "Property", "value": name},
        "remarks": {"type": "Property", "value": remarks},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}},
    })
}

/// Two that are covered, and two that are not for different reasons.
fn aeds() -> Value {
    json!([
        aed("A1", "一番目", "open", INSIDE),
        aed("A2", "閉ざされた場所", "closed", INSIDE),
        aed("A3", "遠い場所", "open", OUTSIDE),
        aed("A4", "四番目", "open", INSIDE),
    ])
}

fn permit(annotations: &str, consumer: &str, resource: &str) -> String {
    format!(
        "{annotations}\npermit (principal in Role::\"{consumer}\", action, resource == EntityType::\"{resource}\");"
    )
}

/// What [`NARROWED`] may see of AEDs: names and places, of those that are open and in the area.
fn narrowing() -> String {
    let annotations = format!("@attributes(\"name,location\")\n@q(\"remarks==\\\"open\\\"\")\n@area(\"{AREA}\")");
    permit(&annotations, NARROWED, "yaita/AED")
}

async fn platform() -> Platform {
    let platform = Platform::builder().await.consumer(NARROWED).consumer("writer");
    platform
        .policy("yaita.cedar", &narrowing())
        .policy("yaita.cedar", &permit("", "writer", "yaita/AED"))
        .store("yaita", aeds().to_string())
        .tenants(|table| {
            let ranges = vec![toml::Value::from("127.0.0.0/8")];
            section(table, "gateway").insert("egress_allow".into(), toml::Value::Array(ranges));
        })
        .start()
        .await
}

async fn count(platform: &Client, query: &str) -> usize {
    let query = format!("type=AED&count=true&limit=0&{query}");
    platform.entities(query).tenant("yaita").by(NARROWED).await.ok().count()
}

/// What can be told from an answer, with an id taken out of it.
fn told(answer: &Answer, id: &str) -> (u16, String, usize) {
    let body = String::from_utf8_lossy(&answer.body).replace(id, "ID");
    (answer.status, body, answer.warnings().len())
}

#[tokio::test]
async fn lists_counts_and_pages_hold_what_is_covered() {
    let platform = platform().await;
    let list = platform
        .entities("type=AED&count=true")
        .tenant("yaita")
        .by(NARROWED)
        .await
        .ok();
    assert_eq!(
        (list.count(), list.ids()),
        (
            2,
            vec!["urn:ngsi-ld:AED:A1".to_owned(), "urn:ngsi-ld:AED:A4".to_owned()]
        )
    );
    for entity in list.entities() {
        assert_eq!(members(&entity), ["id", "location", "name", "type"], "{entity}");
    }
    let mut next = Some("/ngsi-ld/v1/entities?type=AED&limit=1".to_owned());
    let mut walked = Vec::new();
    while let Some(target) = next {
        let page = platform.get(target).tenant("yaita").by(NARROWED).await.ok();
        assert_eq!(
            page.entities().len(),
            1,
            "a page with a gap tells of what was taken out"
        );
        walked.extend(page.ids());
        next = page.link("next");
    }
    assert_eq!(walked, list.ids());
    for query in [
        "id=urn:ngsi-ld:AED:A2,urn:ngsi-ld:AED:A3",
        "idPattern=A%5B23%5D%24",
        "offset=2",
    ] {
        let found = platform
            .entities(format!("type=AED&{query}"))
            .tenant("yaita")
            .by(NARROWED)
            .await
            .ok();
        assert!(found.ids().is_empty() && found.link("next").is_none(), "{query}");
    }
}

#[tokio::test]
async fn by_its_id_a_hidden_entity_is_none() {
    let platform = platform().await;
    for query in ["", "?type=AED", "?attrs=name", "?options=sysAttrs"] {
        let absent = platform
            .get(format!("/ngsi-ld/v1/entities/urn:ngsi-ld:AED:A9{query}"))
            .by(NARROWED)
            .await;
        assert_eq!(absent.status, 404);
        for hidden in ["urn:ngsi-ld:AED:A2", "urn:ngsi-ld:AED:A3"] {
            let answer = platform
                .get(format!("/ngsi-ld/v1/entities/{hidden}{query}"))
                .by(NARROWED)
                .await;
            assert_eq!(
                told(&answer, hidden),
                told(&absent, "urn:ngsi-ld:AED:A9"),
                "{hidden}{query}"
            );
        }
    }
    let shown = platform.entity("urn:ngsi-ld:AED:A1").by(NARROWED).await.ok().json();
    assert_eq!(members(&shown), ["id", "location", "name", "type"]);
}

#[tokio::test]
async fn no_condition_finds_what_is_hidden_or_what_hides_it() {
    let platform = platform().await;
    for (condition, found) in [
        ("name==\"閉ざされた場所\"", 0),
        ("name!=\"一番目\"", 1),
        ("name~=\".*場所\"", 0),
        // The condition of the permit looks at it; the consumer may not.
        ("remarks", 0),
        ("remarks==\"open\"", 0),
        ("remarks!=\"closed\"", 0),
        ("name|remarks==\"closed\"", 2),
    ] {
        assert_eq!(
            count(&platform, &format!("q={}", encoded(condition))).await,
            found,
            "{condition}"
        );
    }
    for (place, distance, found) in [(INSIDE, 100, 2), (OUTSIDE, 100, 0), (OUTSIDE, 500_000, 2)] {
        let query = format!(
            "georel={}&geometry=Point&coordinates={}",
            encoded(&format!("near;maxDistance=={distance}")),
            encoded(&json!(place).to_string())
        );
        assert_eq!(count(&platform, &query).await, found, "{place:?} {distance}");
    }
    for attributes in ["attrs=remarks", "pick=remarks"] {
        let shown = platform
            .entities(format!("type=AED&{attributes}"))
            .tenant("yaita")
            .by(NARROWED)
            .await
            .ok();
        assert!(shown.entities().is_empty(), "{attributes}");
    }
    let picked = platform
        .entities("type=AED&pick=id,name,remarks")
        .tenant("yaita")
        .by(NARROWED)
        .await
        .ok();
    assert!(picked.entities().iter().all(|entity| entity.get("remarks").is_none()));
    // All three are there for whoever may see them.
    let all = platform
        .entities("type=AED&q=remarks&count=true")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(all.count(), 4);
}

#[tokio::test]
async fn a_type_of_which_nothing_is_covered_is_not_listed() {
    let builder = Platform::builder().await.consumer("nothing").consumer(NARROWED);
    let platform = builder
        .policy(
            "yaita.cedar",
            &permit("@q(\"remarks==\\\"nobody says so\\\"\")", "nothing", "yaita/AED"),
        )
        .policy(
            "yaita.cedar",
            &permit("@scope(\"/disaster/#\")", "nothing", "yaita/EvacuationSite"),
        )
        .policy("yaita.cedar", &narrowing())
        .store("yaita", aeds().to_string())
        .start()
        .await;
    let types = |consumer: &'static str| platform.get("/ngsi-ld/v1/types").by(consumer);
    assert_eq!(types("nothing").await.ok().json()["typeList"], json!([]));
    assert_eq!(types(NARROWED).await.ok().json()["typeList"], json!(["AED"]));
    let list = platform
        .entities("type=EvacuationSite&count=true")
        .by("nothing")
        .await
        .ok();
    assert_eq!((list.count(), list.ids().len()), (0, 0));
}

#[tokio::test]
async fn a_hidden_part_leaves_no_trace_in_a_merged_entity() {
    let mut copies = aeds();
    for copy in copies.as_array_mut().unwrap() {
        copy["name"]["value"] = json!("県の写し");
        copy["name"]["observedAt"] = json!("2020-01-01T00:00:00Z");
    }
    let mut own = aeds();
    for entity in own.as_array_mut().unwrap() {
        entity["name"]["observedAt"] = json!("2026-01-01T00:00:00Z");
    }
    let builder = Platform::builder().await.consumer(NARROWED);
    let platform = builder
        .policy("yaita.cedar", &narrowing())
        .policy(
            "tochigi.cedar",
            &permit("@attributes(\"name\")", NARROWED, "tochigi/AED"),
        )
        .store("yaita", own.to_string())
        .store("tochigi", copies.to_string())
        .start()
        .await;
    let list = platform.entities("type=AED&options=sysAttrs").by(NARROWED).await.ok();
    assert_eq!(list.ids().len(), 4);
    for entity in list.entities() {
        let covered = ["urn:ngsi-ld:AED:A1", "urn:ngsi-ld:AED:A4"].contains(&entity["id"].as_str().unwrap());
        // Yaita's part is newer, and has a place; where it is hidden, neither shows.
        assert_eq!(entity["name"]["value"] != "県の写し", covered, "{entity}");
        assert_eq!(entity.get("location").is_some(), covered, "{entity}");
        let alone = platform
            .get(format!(
                "/ngsi-ld/v1/entities/{}?options=sysAttrs",
                entity["id"].as_str().unwrap()
            ))
            .by(NARROWED)
            .await
            .ok()
            .json();
        assert_eq!(alone["name"], entity["name"]);
    }
    let by_place = platform
        .entities("type=AED&count=true&limit=0&q=location")
        .by(NARROWED)
        .await
        .ok();
    assert_eq!(by_place.count(), 2);
}

#[tokio::test]
async fn a_source_is_asked_for_what_some_permit_covers() {
    let address = &nasushiobara_sites()[0].address;
    let annotations = format!("@attributes(\"name\")\n@q(\"fullAddress==\\\"{address}\\\"\")");
    let other = "@attributes(\"name\")\n@q(\"maxCapacity>100000000\")";
    let builder = Platform::builder().await.consumer(NARROWED).consumer("either");
    let platform = builder
        .policy(
            "nasushiobara.cedar",
            &permit(&annotations, NARROWED, "nasushiobara/EvacuationSite"),
        )
        .policy(
            "nasushiobara.cedar",
            &permit(&annotations, "either", "nasushiobara/EvacuationSite"),
        )
        .policy(
            "nasushiobara.cedar",
            &permit(other, "either", "nasushiobara/EvacuationSite"),
        )
        .start()
        .await;
    let covered = nasushiobara_sites()
        .iter()
        .filter(|site| site.address == *address)
        .count();
    assert!(covered > 0 && covered < nasushiobara_sites().len());
    for consumer in [NARROWED, "either"] {
        platform.forget_requests();
        let list = platform
            .query(&[("type", "EvacuationSite"), ("count", "true"), ("limit", "1000")])
            .by(consumer)
            .await
            .ok();
        assert_eq!((list.count(), list.ids().len()), (covered, covered), "{consumer}");
        for entity in list.entities() {
            assert_eq!(members(&entity), ["id", "name", "type"], "{entity}");
        }
        for request in platform.asked_of_orion() {
            let asked = request.parameter("attrs").unwrap();
            assert!(
                asked.contains("fullAddress") && !asked.contains("location"),
                "{request:?}"
            );
            // Orion has no "or": it is asked what either permit covers, and each entity is judged here.
            let told = |name: &str| request.parameter("q").is_some_and(|q| q.contains(name));
            assert_eq!(told("fullAddress"), !told("maxCapacity"), "{request:?}");
            assert!(consumer == "either" || told("fullAddress"), "{request:?}");
        }
    }
    platform.forget_requests();
    let name = &nasushiobara_sites()
        .into_iter()
        .find(|site| site.address == *address)
        .unwrap()
        .name;
    let both = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("q", &format!("name==\"{name}\"")),
            ("count", "true"),
        ])
        .by(NARROWED)
        .await
        .ok();
    assert!(both.count() >= 1);
    let asked = platform.asked_of_orion();
    let q = asked[0].parameter("q").unwrap();
    assert!(
        q.contains("fullAddress") && q.contains("name"),
        "the question is the consumer's and the permit's: {q}"
    );
}

/// Timing tells nothing where the same is done: the same requests are made, whether an entity is hidden or absent.
#[tokio::test]
async fn a_source_is_asked_the_same_about_a_hidden_entity_as_about_an_absent_one() {
    let hidden = nasushiobara_sites()[1].id.clone();
    let end = if hidden.ends_with('9') { '8' } else { '9' };
    let mut absent = hidden.clone();
    absent.pop();
    absent.push(end);
    let annotations = format!(
        "@attributes(\"name\")\n@q(\"fullAddress==\\\"{}\\\"\")",
        nasushiobara_sites()[0].address
    );
    let builder = Platform::builder().await.consumer(NARROWED);
    let platform = builder
        .policy(
            "nasushiobara.cedar",
            &permit(&annotations, NARROWED, "nasushiobara/EvacuationSite"),
        )
        .start()
        .await;
    let mut asked = Vec::new();
    for id in [&hidden, &absent] {
        let raw = id.rsplit(':').next().unwrap().to_owned();
        for target in [
            format!("/ngsi-ld/v1/entities/{id}"),
            format!("/ngsi-ld/v1/entities?type=EvacuationSite&id={id}&count=true"),
        ] {
            platform.forget_requests();
            let answer = platform.get(target).by(NARROWED).await;
            let requests = platform
                .asked()
                .into_iter()
                .map(|request| format!("{} {}?{}", request.method, request.path, request.query));
            let requests: Vec<String> = requests.map(|line| line.replace(&raw, "ID")).collect();
            asked.push((told(&answer, id), requests));
        }
    }
    let of_absent = asked.split_off(2);
    assert!(of_absent.iter().all(|(_, requests)| !requests.is_empty()));
    assert_eq!(asked, of_absent);
}

#[tokio::test]
async fn an_area_is_kept_and_a_source_is_asked_within_its_box() {
    let sites = nasushiobara_sites();
    let site = &sites[0];
    let (west, east) = (site.longitude - 0.001, site.longitude + 0.001);
    let (south, north) = (site.latitude - 0.001, site.latitude + 0.001);
    let area = json!({
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates":
            [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}}],
    });
    let builder = Platform::builder().await.consumer(NARROWED);
    std::fs::create_dir_all(builder.files().folder().join("policies/areas")).unwrap();
    builder.files().write("policies/areas/town.geojson", area.to_string());
    let annotations = "@attributes(\"name\")\n@area(\"areas/town.geojson\")";
    let platform = builder
        .policy(
            "nasushiobara.cedar",
            &permit(annotations, NARROWED, "nasushiobara/EvacuationSite"),
        )
        .policy("sano.cedar", &permit(annotations, NARROWED, "sano/EvacuationSite"))
        .start()
        .await;
    let mut inside: Vec<String> = sites
        .iter()
        .chain(&sano_sites())
        .filter(|site| (west..east).contains(&site.longitude) && (south..north).contains(&site.latitude))
        .map(|site| site.id.clone())
        .collect();
    inside.sort();
    let list = platform
        .entities("type=EvacuationSite&count=true&limit=1000")
        .by(NARROWED)
        .await
        .ok();
    assert_eq!(list.count(), inside.len());
    let mut ids = list.ids();
    ids.sort();
    assert_eq!(ids, inside);
    for request in platform.asked_of_orion() {
        let is_in_box = request.parameter("georel").is_some() && request.parameter("coords").is_some();
        // What the source does not look for is asked for beside.
        let is_ignored = request.parameter("mq").as_deref() == Some("location.ignoreType==true");
        let told = is_in_box || is_ignored;
        assert!(told, "{request:?}");
    }
    // The file is a part of the revision: what changes it changes who sees what.
    let nowhere = area
        .to_string()
        .replace(&west.to_string(), "0.0")
        .replace(&east.to_string(), "0.5");
    platform.files().write("policies/areas/town.geojson", nowhere);
    let gone = async {
        while platform
            .entities("type=EvacuationSite&count=true&limit=0")
            .by(NARROWED)
            .await
            .ok()
            .count()
            > 0
        {}
    };
    assert!(tokio::time::timeout(super::harness::PATIENCE, gone).await.is_ok());
}

#[tokio::test]
async fn a_write_must_be_covered_before_and_after() {
    const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";
    const WRITER: &str = "limited-writer";
    let writes = format!(
        "@q(\"remarks==\\\"open\\\"\")\n@area(\"{AREA}\")\npermit (principal in Role::\"{WRITER}\", \
         action in Action::\"provide\", resource == EntityType::\"yaita/AED\");\n\
         permit (principal in Role::\"{WRITER}\", action in Action::\"read\", resource == EntityType::\"yaita/AED\");"
    );
    let builder = Platform::builder().await.consumer(NARROWED).consumer(WRITER);
    let platform = builder
        .policy("yaita.cedar", &narrowing())
        .policy("yaita.cedar", &writes)
        .store("yaita", aeds().to_string())
        .start()
        .await;
    let create = |entity: Value| platform.create(&entity).by(WRITER).tenant("yaita");
    assert_eq!(create(aed("N1", "新", "open", INSIDE)).await.status, 201);
    for outside in [aed("N2", "新", "closed", INSIDE), aed("N3", "新", "open", OUTSIDE)] {
        let refused = create(outside).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (403, "about:blank"),
            "{refused}"
        );
    }
    // Whether something is there or not, what is not covered is refused in the same words.
    let absent = create(aed("N9", "新", "open", OUTSIDE)).await;
    let existing = create(aed("A3", "新", "open", OUTSIDE)).await;
    assert_eq!(told(&absent, "N9"), told(&existing, "A3"));
    let upsert = |entity: Value| platform.post(UPSERT).json(&json!([entity])).by(WRITER).tenant("yaita");
    assert_eq!(upsert(aed("N1", "新しい", "open", INSIDE)).await.status, 204);
    let out = upsert(aed("N1", "新しい", "open", OUTSIDE)).await;
    assert_eq!(
        (out.status, out.json()["errors"][0]["error"]["status"].as_u64()),
        (207, Some(403)),
        "{out}"
    );
    let taken = upsert(aed("A2", "取る", "open", INSIDE)).await;
    assert_eq!(
        (taken.status, taken.json()["errors"][0]["error"]["status"].as_u64()),
        (207, Some(403)),
        "{taken}"
    );
    let still = platform.entity("urn:ngsi-ld:AED:A2").tenant("yaita").await.ok().json();
    assert_eq!(still["name"]["value"], "閉ざされた場所");
    let removed = |id: &str| platform.delete(id).by(WRITER).tenant("yaita");
    // It sees A3 and may not remove it.
    assert_eq!(removed("urn:ngsi-ld:AED:A3").await.status, 403);
    assert_eq!(removed("urn:ngsi-ld:AED:N1").await.status, 204);
    // The narrowed consumer sees neither: it is told the same of both.
    let narrowed = |id: &str| platform.delete(id).by(NARROWED).tenant("yaita");
    let (hidden, absent) = (
        narrowed("urn:ngsi-ld:AED:A3").await,
        narrowed("urn:ngsi-ld:AED:A9").await,
    );
    assert_eq!(told(&hidden, "A3"), told(&absent, "A9"));
}

#[tokio::test]
async fn a_subscriber_is_told_of_what_is_covered() {
    let (platform, server) = (platform().await, endpoint().await);
    let triggers = json!({"notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"]});
    subscribed(&platform, NARROWED, &to_aeds(&format!("{}/n", server.url()), &triggers)).await;
    let put = |entity: Value| {
        platform
            .post("/ngsi-ld/v1/entityOperations/upsert")
            .json(&json!([entity]))
            .by("writer")
            .tenant("yaita")
    };
    for hidden in [
        aed("A2", "変わった", "closed", INSIDE),
        aed("A3", "変わった", "open", OUTSIDE),
        aed("S1", "新しい", "closed", INSIDE),
        // Only what is hidden of it changes.
        aed("A1", "一番目", "open", INSIDE),
    ] {
        assert!(put(hidden).await.status < 300);
    }
    // It comes into sight: for the subscriber it is new.
    assert!(put(aed("A2", "見える", "open", INSIDE)).await.status < 300);
    let first = notified(&server, 1).await;
    let told: Value = serde_json::from_slice(&first[0].body).unwrap();
    assert_eq!(told["data"][0]["id"], "urn:ngsi-ld:AED:A2");
    assert_eq!(members(&told["data"][0]), ["id", "location", "name", "type"], "{told}");
    // It goes out of sight: for the subscriber it is gone.
    assert!(put(aed("A2", "隠れた", "closed", INSIDE)).await.status < 300);
    until("the end is told", || server.requests().len() >= 2).await;
    let told: Value = serde_json::from_slice(&server.requests()[1].body).unwrap();
    assert!(told["data"][0]["deletedAt"].is_string(), "{told}");
    assert!(
        !told.to_string().contains("隠れた") && !told.to_string().contains("closed"),
        "{told}"
    );
}

#[tokio::test]
async fn a_relationship_to_a_person_is_not_found_by_any_question() {
    let mut entities = aeds();
    let leads_to = |object: &str| json!({"type": "Relationship", "object": object});
    entities[0]["seeAlso"] = leads_to("urn:ngsi-ld:Resident:1");
    entities[1]["seeAlso"] = leads_to("urn:ngsi-ld:AED:A1");
    let builder = Platform::builder().await;
    let platform = builder.store("yaita", entities.to_string()).start().await;
    let ask = |query: String| {
        platform
            .entities(format!("type=AED&count=true&{query}"))
            .tenant("yaita")
    };
    let list = ask("limit=1000".to_owned()).await.ok();
    assert_eq!(list.count(), 4);
    let shown: Vec<Value> = list
        .entities()
        .into_iter()
        .filter(|entity| entity.get("seeAlso").is_some())
        .collect();
    assert_eq!(shown.len(), 1);
    assert!(!String::from_utf8_lossy(&list.body).contains("Resident"));
    for (query, found) in [
        ("q=seeAlso", 1),
        ("q=seeAlso%21%3D%22x%22", 1),
        ("q=seeAlso%3D%3D%22urn%3Angsi-ld%3AResident%3A1%22", 0),
        ("q=seeAlso%3D%3D%22urn%3Angsi-ld%3AAED%3AA1%22", 1),
        ("attrs=seeAlso", 1),
        ("pick=seeAlso", 1),
    ] {
        for limit in ["limit=0", "limit=1000"] {
            assert_eq!(
                ask(format!("{limit}&{query}")).await.ok().count(),
                found,
                "{query} {limit}"
            );
        }
    }
}
