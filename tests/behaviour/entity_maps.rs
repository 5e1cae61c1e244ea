//! Entity maps (clause 5.14): whoever walks by one visits each of its entities once, whatever comes and goes meanwhile; and is shown
//! nothing that it may not see at that moment.

use http::Method;
use serde_json::{Value, json};
use toml::Table;

use super::harness::{Answer, Platform, key_of, keys, section};
use super::withdrawn::revised;

pub(super) const MAPS: &str = "/ngsi-ld/v1/entityMaps";

/// `yaita-writer` writes Yaita's data.
pub(super) async fn builder() -> super::harness::Builder {
    let writes = "permit (principal == Consumer::\"yaita-writer\", action, resource in Tenant::\"yaita\") \
                  when { resource.class == Class::\"open\" };";
    let builder = Platform::builder().await.tenants(|table| {
        let mut writer = Table::new();
        writer.insert("name".into(), "yaita-writer".into());
        writer.insert("tenant".into(), "yaita".into());
        writer.insert("roles".into(), toml::Value::Array(vec!["writer".into()]));
        writer.insert("keys".into(), keys(&key_of("yaita-writer")));
        section(table, "consumers").insert("yaita-writer".into(), toml::Value::Table(writer));
    });
    builder.policy("yaita.cedar", writes)
}

pub(super) fn aed(number: usize, name: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:map-{number:02}"),
        "type": "AED",
        "name": {"type": "Property", "value": name},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

/// A platform in whose store there are so many AEDs of one name.
pub(super) async fn with_aeds(many: usize) -> Platform {
    let all: Vec<Value> = (0..many).map(|number| aed(number, "walked")).collect();
    builder()
        .await
        .store("yaita", Value::from(all).to_string())
        .start()
        .await
}

pub(super) const WALKED: &str = "type=AED&q=name==%22walked%22";

pub(super) async fn put(platform: &Platform, entity: &Value) {
    let upsert = platform.post("/ngsi-ld/v1/entityOperations/upsert").by("yaita-writer");
    let written = upsert.json(&json!([entity])).await;
    assert!(written.status == 201 || written.status == 204, "{written}");
}

async fn remove(platform: &Platform, number: usize) {
    let id = format!("urn:ngsi-ld:AED:map-{number:02}");
    assert_eq!(platform.delete(&id).by("yaita-writer").await.status, 204);
}

/// The address of the map that an answer is by.
#[track_caller]
pub(super) fn map_of(answer: &Answer) -> String {
    let map = answer.header("ngsild-entitymap");
    map.unwrap_or_else(|| panic!("no map: {answer}")).to_owned()
}

pub(super) fn ids(page: &Answer) -> Vec<String> {
    let page = page.json();
    let all = page.as_array().unwrap().iter();
    all.map(|entity| entity["id"].as_str().unwrap().to_owned()).collect()
}

/// The numbers of AEDs of these tests.
pub(super) fn numbers(page: &Answer) -> Vec<usize> {
    let all = ids(page).into_iter();
    all.map(|id| id.rsplit('-').next().unwrap().parse().unwrap()).collect()
}

pub(super) fn members(map: &Answer) -> Vec<String> {
    let map = map.json();
    map["entityMap"].as_object().unwrap().keys().cloned().collect()
}

//= 4.3.6.7-1, 5.5.9.3-1, 5.5.14-1, 5.5.14-3, 5.5.14-7, 5.7.2.4-13
#[tokio::test]
async fn a_walk_visits_each_entity_once_while_entities_come_and_go_and_change() {
    let platform = with_aeds(12).await;
    let first = platform.entities(format!("{WALKED}&limit=4&entityMap=true")).await;
    assert_eq!((first.status, numbers(&first)), (201, vec![0, 1, 2, 3]), "{first}");
    let map = map_of(&first);
    assert!(
        map.starts_with("/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:"),
        "{map}"
    );
    // One goes that was shown, one that was not, one ceases to fit, one comes.
    remove(&platform, 1).await;
    remove(&platform, 5).await;
    put(&platform, &aed(6, "another")).await;
    put(&platform, &aed(99, "walked")).await;
    let second = platform.get(first.link("next").unwrap()).await.ok();
    assert_eq!(
        numbers(&second),
        [4, 7, 8, 9],
        "a page is filled as long as there are entities"
    );
    assert_eq!(map_of(&second), map, "links lead through the map without a header");
    let last = platform.get(second.link("next").unwrap()).await.ok();
    assert_eq!((numbers(&last), last.link("next")), (vec![10, 11], None));
    // What fits no longer has left the map; what came is in none.
    let kept = members(&platform.get(map.clone()).await.ok());
    assert_eq!(
        kept.len(),
        10,
        "{kept:?}: the one that was shown and went is found out when it is looked at again"
    );
    let back = platform.get(last.link("prev").unwrap()).await.ok();
    assert_eq!(numbers(&back), numbers(&second));
    let begin = platform.get(back.link("prev").unwrap()).await.ok();
    assert_eq!(numbers(&begin), [0, 2, 3, 4], "filled from what follows");
    assert_eq!(
        (begin.link("prev"), members(&platform.get(map).await.ok()).len()),
        (None, 9)
    );
}

//= 4.5.25-1, 5.2.39-1, 5.2.39-3, 5.5.14-3, 5.5.14-5, 5.14.4.4-2, 5.14.4.5-1, 6.4.3.2-3, 6.4.3.2-11, 6.34.3.1-1
#[tokio::test]
async fn the_header_alone_leads_to_the_map_with_offset_limit_count_and_ids_of_ones_own() {
    let platform = with_aeds(7).await;
    let made = platform.get(format!("{MAPS}?{WALKED}")).await;
    assert_eq!(made.status, 201, "{made}");
    let map = map_of(&made);
    let body = made.json();
    assert_eq!(body["type"], "EntityMap");
    assert_eq!(format!("{MAPS}/{}", body["id"].as_str().unwrap()), map);
    assert_eq!(body["entityMap"]["urn:ngsi-ld:AED:map-03"], json!(["@none"]));
    assert_eq!(body["linkedMaps"], json!({}));
    assert!(body["expiresAt"].as_str().unwrap().ends_with('Z'), "{body}");
    put(&platform, &aed(50, "walked")).await;
    let ask = |query: &str| platform.entities(format!("{WALKED}&{query}"));
    for header in [map.clone(), body["id"].as_str().unwrap().to_owned()] {
        let page = ask("limit=3&offset=4&count=true")
            .header("ngsild-entitymap", &header)
            .await
            .ok();
        assert_eq!((numbers(&page), page.count()), (vec![4, 5, 6], 7));
        assert_eq!(map_of(&page), map);
        assert_eq!(page.link("next"), None);
        assert!(page.link("prev").unwrap().contains("offset=1"), "{page}");
    }
    let counted = ask("limit=0&count=true").header("ngsild-entitymap", &map).await.ok();
    assert_eq!((counted.count(), numbers(&counted).len()), (7, 0));
    let some = ask("id=urn:ngsi-ld:AED:map-06,urn:ngsi-ld:AED:map-50").header("ngsild-entitymap", &map);
    assert_eq!(numbers(&some.await.ok()), [6], "what came later is not in the map");
    for other in [
        "type=AED",
        "type=AED&q=name==%22another%22",
        &format!("{WALKED}&attrs=name"),
    ] {
        let refused = platform.entities(other).header("ngsild-entitymap", &map).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{refused}"
        );
        assert!(refused.problem().detail.contains("another question"), "{refused}");
    }
    let posted = platform
        .post("/ngsi-ld/v1/entityOperations/query?limit=2")
        .header("ngsild-entitymap", &map)
        .json(&json!({"type": "Query", "entities": [{"type": "AED"}], "q": "name==\"walked\""}));
    assert_eq!(numbers(&posted.await.ok()), [0, 1]);
}

//= 5.14.4.4-4
#[tokio::test]
async fn over_several_sources_a_walk_by_a_map_is_the_walk() {
    let platform = Platform::start().await;
    let mut visited = Vec::new();
    let mut page = platform
        .entities("type=EvacuationSite&limit=7&entityMap=true&count=true")
        .await;
    assert_eq!(page.status, 201);
    loop {
        assert_eq!((page.count(), page.warnings().len()), (102, 0), "{page}");
        visited.extend(ids(&page));
        match page.link("next") {
            Some(next) => page = platform.get(next).await.ok(),
            None => break,
        }
    }
    let whole = platform.entities("type=EvacuationSite&limit=1000").await.ok();
    assert_eq!(visited, ids(&whole));
    // In an order, where one is offered.
    let ordered = "type=EvacuationSite&local=true&orderBy=name&limit=20";
    let mut page = platform.entities(format!("{ordered}&entityMap=true")).await;
    let mut visited = ids(&page);
    while let Some(next) = page.link("next") {
        page = platform.get(next).await.ok();
        visited.extend(ids(&page));
    }
    let whole = platform.entities(ordered.replace("limit=20", "limit=1000")).await.ok();
    assert_eq!(visited, ids(&whole));
}

//= 5.2.23-4, 5.2.39-2, 5.5.14-6, 5.5.14-7, 5.14.2.4-3, 5.14.3.4-3, 6.4.3.2-11, 6.32.3.2-1, 6.32.3.3-1
#[tokio::test]
async fn only_when_it_expires_can_be_changed_and_for_an_hour_at_most() {
    let platform = with_aeds(2).await;
    let map = map_of(&platform.get(format!("{MAPS}?{WALKED}&entityMapLifetime=P3650D")).await);
    let expires = async |map: &str| {
        platform.get(map).await.ok().json()["expiresAt"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = expires(&map).await;
    assert!(first.as_str() < "2100", "{first}");
    let patch = |body: Value| platform.request(Method::PATCH, map.clone()).json(&body);
    let ignored = json!({"type": "EntityMap", "entityMap": {"urn:a:1": ["@none"]}, "linkedMaps": {}, "expiresAt": "2099-01-01T00:00:00Z"});
    assert_eq!(patch(ignored).await.status, 204);
    let kept = platform.get(map.clone()).await.ok();
    assert_eq!(members(&kept).len(), 2);
    assert!(expires(&map).await.as_str() < "2099");
    for wrong in [
        json!({"expiresAt": "tomorrow"}),
        json!({"expiresAt": 5}),
        json!({"type": "Entity"}),
        json!({"id": "urn:a:1"}),
        json!({"expires": "2099-01-01T00:00:00Z"}),
    ] {
        let refused = patch(wrong).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{refused}"
        );
    }
    let guessed = patch(json!({"expiredAt": "2099-01-01T00:00:00Z"})).await;
    assert!(
        guessed.problem().detail.contains("did you mean `expiresAt`"),
        "{guessed}"
    );
    // One that has expired is none, and a query makes a new one.
    assert_eq!(patch(json!({"expiresAt": "2000-01-01T00:00:00Z"})).await.status, 204);
    for gone in [platform.get(map.clone()), platform.request(Method::DELETE, map.clone())] {
        let refused = gone.await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (404, "ResourceNotFound"),
            "{refused}"
        );
    }
    let renewed = platform.entities(WALKED).header("ngsild-entitymap", &map).await;
    assert_eq!((renewed.status, numbers(&renewed).len()), (201, 2), "{renewed}");
    let new = map_of(&renewed);
    assert_ne!(new, map);
    assert_eq!(platform.request(Method::DELETE, new.clone()).await.status, 204);
    assert_eq!(platform.get(new).await.status, 404);
}

//= 5.14.1.4-1, 5.14.1.4-2, 5.14.2.4-1, 5.14.3.4-1, 5.14.4.4-1
#[tokio::test]
async fn what_is_no_id_lifetime_cursor_or_place_of_a_map_is_told() {
    let platform = with_aeds(3).await;
    for (target, status) in [
        (format!("{MAPS}/not%20a%20uri"), 400),
        (format!("{MAPS}/urn:ngsi-ld:EntityMap:1"), 404),
        (format!("{MAPS}?{WALKED}&entityMapLifetime=1hour"), 400),
        (format!("{MAPS}?id=urn:ngsi-ld:AED:map-01"), 400),
        (format!("/ngsi-ld/v1/entities?{WALKED}&entityMapLifetime=PT1M"), 400),
        (format!("/ngsi-ld/v1/entities?{WALKED}&entityMap=maybe"), 400),
        ("/ngsi-ld/v1/temporal/entityMaps?type=AED".to_owned(), 422),
    ] {
        assert_eq!(platform.get(target.clone()).await.status, status, "{target}");
    }
    for method in [Method::PATCH, Method::DELETE] {
        let no_id = platform.request(method, format!("{MAPS}/not%20a%20uri"));
        let refused = no_id.json(&json!({"expiresAt": "2099-01-01T00:00:00Z"})).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{refused}"
        );
    }
    let map = map_of(&platform.get(format!("{MAPS}?{WALKED}")).await);
    let elsewhere = platform.get("/ngsi-ld/v1/types").header("ngsild-entitymap", &map).await;
    assert_eq!(
        (elsewhere.status, elsewhere.error_type().as_str()),
        (422, "OperationNotSupported")
    );
    // A cursor of another map, or of a walk without one.
    let other = platform.entities(format!("{WALKED}&limit=1&entityMap=true")).await;
    let next = other.link("next").unwrap();
    assert_eq!(platform.get(next).header("ngsild-entitymap", &map).await.status, 400);
    let refused = platform
        .entities(format!("{WALKED}&cursor=AbC"))
        .header("ngsild-entitymap", &map)
        .await;
    assert!(refused.problem().detail.contains("`cursor`"), "{refused}");
}

#[tokio::test]
async fn what_only_looks_like_a_cursor_makes_no_map() {
    let platform = with_aeds(3).await;
    for cursor in ["xyz.5", "a.0", "0123456789abcdef0123456789abcde.1"] {
        let refused = platform.entities(format!("{WALKED}&cursor={cursor}")).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{refused}"
        );
        assert!(refused.header("ngsild-entitymap").is_none(), "{refused}");
    }
    // Nor does it lead anywhere where a map is made.
    let refused = platform.get(format!("{MAPS}?{WALKED}&cursor=a.5")).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (400, "InvalidRequest"),
        "{refused}"
    );
}

//= 5.14.4.3-1
#[tokio::test]
async fn which_page_is_asked_for_changes_nothing_of_a_map_that_is_made() {
    let platform = with_aeds(3).await;
    let made = platform
        .get(format!("{MAPS}?{WALKED}&limit=1&count=true&entityMap=false"))
        .await;
    assert_eq!((made.status, members(&made).len()), (201, 3), "{made}");
}

#[tokio::test]
async fn a_map_lives_for_a_whole_second_at_least() {
    let platform = with_aeds(1).await;
    let asked = platform
        .entities(format!("{WALKED}&entityMap=true&entityMapLifetime=PT0.2S"))
        .await;
    let map = map_of(&asked);
    let kept = platform.get(map.clone()).await.ok();
    assert_eq!(members(&kept).len(), 1);
    let later = platform
        .request(Method::PATCH, map.clone())
        .json(&json!({"expiresAt": "2099-01-01T00:00:00.25Z"}))
        .await;
    assert_eq!(later.status, 204, "{later}");
    let kept = platform.get(map).await.ok().json();
    let expires = kept["expiresAt"].as_str().unwrap();
    assert!(!expires.contains('.'), "{expires}");
}

#[tokio::test]
async fn an_id_that_nothing_keeps_keeps_no_map_from_what_is_asked_beside_it() {
    let mut other = aed(7, "other");
    other["id"] = "urn:ngsi-ld:AED:090-1234-5678".into();
    let reports: Table = "inspection = { mobile_phone = \"report\" }".parse().unwrap();
    let builder = builder().await.tenants(|table| {
        section(section(table, "tenants"), "yaita").extend(reports);
    });
    let stored = json!([aed(1, "walked"), other]);
    let platform = builder.store("yaita", stored.to_string()).start().await;
    // What masks leaves no pattern to the store, so that every candidate is looked at.
    let made = platform.get(format!("{MAPS}?type=AED&q=name~=%22walked%22")).await;
    assert_eq!((made.status, members(&made).len()), (201, 1), "{made}");
    let refused = platform.get(format!("{MAPS}?type=AED&q=name~=%22other%22")).await;
    assert_eq!(refused.status, 422, "{refused}");
}

//= 5.14.1.4-2, 5.14.2.4-2, 5.14.3.4-2, 6.32.3.1-1
#[tokio::test]
async fn a_map_is_nobody_elses() {
    let platform = with_aeds(3).await;
    let first = platform.entities(format!("{WALKED}&limit=1&entityMap=true")).await;
    let (map, next) = (map_of(&first), first.link("next").unwrap());
    let others = |method: Method, target: &str| {
        let ask = platform.request(method, target.to_owned());
        [
            ask.clone().by("sano-dashboard"),
            ask.clone().anonymous(),
            ask.tenant("yaita"),
        ]
    };
    for method in [Method::GET, Method::DELETE] {
        for ask in others(method, &map) {
            let refused = ask.await;
            assert_eq!(
                (refused.status, refused.error_type().as_str()),
                (404, "ResourceNotFound"),
                "{refused}"
            );
        }
    }
    for ask in others(Method::PATCH, &map) {
        assert_eq!(
            ask.json(&json!({"expiresAt": "2099-01-01T00:00:00Z"})).await.status,
            404
        );
    }
    // Whoever refers to it gets one of its own, as of one that does not exist.
    for ask in others(Method::GET, &next) {
        let own = ask.await;
        assert_eq!(own.status, 201, "{own}");
        assert_ne!(map_of(&own), map);
    }
    assert_eq!(platform.get(next).await.ok().ids().len(), 1);
}

#[tokio::test]
async fn callers_without_a_credential_have_a_few_for_each_address() {
    let platform = with_aeds(2).await;
    let first = platform.at_address([127, 0, 0, 1].into());
    let second = platform.at_address([127, 0, 0, 2].into());
    let mut maps = Vec::new();
    for _ in 0..4 {
        let made = first.get(format!("{MAPS}?{WALKED}")).anonymous().await;
        assert_eq!(made.status, 201, "{made}");
        maps.push(map_of(&made));
    }
    let over = first.get(format!("{MAPS}?{WALKED}")).anonymous().await;
    assert_eq!(
        (over.status, over.error_type().as_str()),
        (403, "TooManyResults"),
        "{over}"
    );
    assert!(over.problem().detail.contains("delete one"), "{over}");
    assert_eq!(
        second.get(maps[0].clone()).anonymous().await.status,
        404,
        "it is another address's"
    );
    assert_eq!(second.get(format!("{MAPS}?{WALKED}")).anonymous().await.status, 201);
    assert_eq!(
        first.request(Method::DELETE, maps[0].clone()).anonymous().await.status,
        204
    );
    assert_eq!(first.get(format!("{MAPS}?{WALKED}")).anonymous().await.status, 201);
}

#[tokio::test]
async fn one_consumer_has_so_many_and_no_more() {
    let platform = with_aeds(1).await;
    for _ in 0..16 {
        assert_eq!(platform.get(format!("{MAPS}?{WALKED}")).await.status, 201);
    }
    let over = platform.entities(format!("{WALKED}&entityMap=true")).await;
    assert_eq!(
        (over.status, over.error_type().as_str()),
        (403, "TooManyResults"),
        "{over}"
    );
    let own = platform
        .entities(format!("{WALKED}&entityMap=true"))
        .by("sano-dashboard")
        .await;
    assert_eq!(own.status, 201, "another has its own");
}

#[tokio::test]
async fn a_grant_that_ends_between_two_pages_ends_what_the_next_one_shows() {
    let platform = builder().await.start().await;
    let first = platform.entities("type=EvacuationSite&limit=5&entityMap=true").await;
    let map = map_of(&first);
    let before = members(&platform.get(map.clone()).await.ok());
    let of_sano = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("sano")
        .await
        .ok()
        .ids();
    assert!(of_sano.iter().all(|id| before.contains(id)) && of_sano.len() > 20);
    revised(&platform, |files| {
        let ends = "forbid (principal == Consumer::\"bousai-map\", action, resource);";
        files.append("policies/sano.cedar", ends);
    })
    .await;
    let mut page = platform.get(first.link("next").unwrap()).await.ok();
    let mut walked = ids(&page);
    while let Some(next) = page.link("next") {
        page = platform.get(next).await.ok();
        walked.extend(ids(&page));
    }
    assert!(
        !walked.is_empty() && walked.iter().all(|id| !of_sano.contains(id)),
        "{walked:?}"
    );
    let after = members(&platform.get(map).await.ok());
    assert!(after.iter().all(|id| !of_sano.contains(id)), "{after:?}");
}

#[tokio::test]
async fn what_a_map_lists_is_narrowed_before_it_is_told_even_if_nobody_walked_since() {
    let platform = builder().await.start().await;
    let map = map_of(&platform.get(format!("{MAPS}?type=EvacuationSite")).await);
    let before = members(&platform.get(map.clone()).await.ok()).len();
    let of_sano = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("sano")
        .await
        .ok()
        .ids();
    revised(&platform, |files| {
        let ends = "forbid (principal == Consumer::\"bousai-map\", action, resource);";
        files.append("policies/sano.cedar", ends);
    })
    .await;
    let after = members(&platform.get(map).await.ok());
    assert_eq!(after.len(), before - of_sano.len());
    assert!(after.iter().all(|id| !of_sano.contains(id)), "{after:?}");
}

#[tokio::test]
async fn of_ids_that_hold_somebodys_number_there_is_no_map() {
    let number = json!([{
        "id": "urn:ngsi-ld:AED:090-1234-5678",
        "type": "AED",
        "name": {"type": "Property", "value": "walked"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    }]);
    let reports: Table = "inspection = \"report\"".parse().unwrap();
    let builder = builder().await.tenants(|table| {
        section(section(table, "tenants"), "yaita").extend(reports);
    });
    let platform = builder.store("yaita", number.to_string()).start().await;
    let walked = platform.entities(WALKED).await.ok();
    assert_eq!(walked.ids().len(), 1, "its owner lets it leave");
    for target in [
        format!("{MAPS}?{WALKED}"),
        format!("/ngsi-ld/v1/entities?{WALKED}&entityMap=true"),
    ] {
        let refused = platform.get(target).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (422, "OperationNotSupported"),
            "{refused}"
        );
        assert!(refused.problem().detail.contains("keeps nowhere"), "{refused}");
        assert!(refused.header("ngsild-entitymap").is_none());
    }
}

#[tokio::test]
async fn what_is_hidden_makes_an_empty_map_as_what_is_not_there_does() {
    let platform = Platform::start().await;
    for r#type in ["Resident", "NoSuchType"] {
        let made = platform.get(format!("{MAPS}?type={type}")).await;
        assert_eq!((made.status, members(&made).len()), (201, 0), "{made}");
        let page = platform
            .entities(format!("type={type}&entityMap=true&count=true"))
            .await;
        assert_eq!((page.status, page.count(), ids(&page).len()), (201, 0, 0), "{page}");
    }
}

//= 5.5.14-6, 5.7.2.4-13
#[tokio::test]
async fn nothing_of_a_map_survives_the_process_and_a_walk_goes_on_by_a_new_one() {
    let mut platform = with_aeds(4).await;
    let first = platform.entities(format!("{WALKED}&limit=3&entityMap=true")).await;
    let (map, next) = (map_of(&first), first.link("next").unwrap());
    platform.kill_and_start_again().await;
    assert_eq!(platform.get(map.clone()).await.status, 404);
    let rest = platform.get(next).await;
    assert_eq!(
        (rest.status, numbers(&rest)),
        (201, vec![3]),
        "its offset says where it goes on"
    );
    assert_ne!(map_of(&rest), map);
}

//= 4.5.25-1, 5.14.4.3-1, 6.23.3.1-3, 6.34.3.2-1
#[tokio::test]
async fn a_question_in_a_body_makes_one_too() {
    let platform = with_aeds(5).await;
    let query = json!({"type": "Query", "entities": [{"type": "AED"}], "q": "name==\"walked\"", "entityMap": true, "entityMapLifetime": "PT5M"});
    let first = platform
        .post("/ngsi-ld/v1/entityOperations/query?limit=2")
        .json(&query)
        .await;
    assert_eq!((first.status, numbers(&first)), (201, vec![0, 1]), "{first}");
    let next = platform.post(first.link("next").unwrap()).json(&query).await.ok();
    assert_eq!((numbers(&next), map_of(&next)), (vec![2, 3], map_of(&first)));
    let made = platform.post(MAPS).json(&query).accept("application/ld+json").await;
    assert_eq!((made.status, members(&made).len()), (201, 5), "{made}");
    assert!(made.json().get("@context").is_some(), "{made}");
}
