//! `POST /entityOperations/query` asks what `GET /entities` asks, with the question in the body (clause 6.23).

use serde_json::{Value, json};

use super::harness::{Answer, Ask, Finished, Platform, nasushiobara_sites, sano_sites, yaita_sites};

const QUERY: &str = "/ngsi-ld/v1/entityOperations/query";

fn post(platform: &Platform, url: &str, body: &Value) -> Ask {
    platform.post(format!("{QUERY}{url}")).json(body)
}

/// What both operations say, whatever the address in the links.
fn told(answer: &Answer) -> (u16, Value, Option<String>, Option<String>) {
    let path = answer.asked.split(['?', ' ']).nth(1).unwrap();
    let links = answer.all("link").join(", ").replace(path, "PATH");
    // The rest of the question stands in the URL of one and in the body of the other.
    let pages: Vec<&str> = links
        .split(['&', '?'])
        .filter(|part| part.starts_with("offset="))
        .collect();
    (
        answer.status,
        answer.json(),
        answer.header("ngsild-results-count").map(str::to_owned),
        (!pages.is_empty()).then(|| pages.join(" ")),
    )
}

#[tokio::test]
//= 5.2.23-2, 6.4.3.2-1, 6.23.3.1-1
async fn both_operations_answer_the_same() {
    let platform = Platform::start().await;
    let point = json!({"georel": "near;maxDistance==8000", "geometry": "Point", "coordinates": [139.5784, 36.3146]});
    for (query, members) in [
        ("type=EvacuationSite", json!({"entities": [{"type": "EvacuationSite"}]})),
        (
            "type=EvacuationSite,AED",
            json!({"entities": [{"type": "EvacuationSite"}, {"type": "AED"}]}),
        ),
        (
            "type=EvacuationSite&q=name~=\".*小学校.*\"",
            json!({"entities": [{"type": "EvacuationSite"}], "q": "name~=\".*小学校.*\""}),
        ),
        ("q=typeOfDisasterFlood==true", json!({"q": "typeOfDisasterFlood==true"})),
        ("attrs=remarks,name", json!({"attrs": ["remarks", "name"]})),
        (
            "type=AED&pick=id,name",
            json!({"entities": [{"type": "AED"}], "pick": ["id", "name"]}),
        ),
        (
            "type=AED&omit=location",
            json!({"entities": [{"type": "AED"}], "omit": ["location"]}),
        ),
        (
            "type=EvacuationSite&georel=near;maxDistance==8000&geometry=Point&coordinates=[139.5784,36.3146]",
            json!({"entities": [{"type": "EvacuationSite"}], "geoQ": point}),
        ),
        (
            "type=EvacuationSite&georel=near;maxDistance==8000&geometry=Point&coords=[139.5784,36.3146]",
            json!({
                "entities": [{"type": "EvacuationSite"}],
                "geoQ": {"georel": "near;maxDistance==8000", "geometry": "Point", "coords": [139.5784, 36.3146]},
            }),
        ),
        (
            "type=EvacuationSite&datasetId=@none&lang=ja",
            json!({"entities": [{"type": "EvacuationSite"}], "datasetId": ["@none"], "lang": "ja"}),
        ),
        (
            "type=EvacuationSite&idPattern=E09204.*5$",
            json!({"entities": [{"type": "EvacuationSite", "idPattern": "E09204.*5$"}]}),
        ),
        (
            "type=EvacuationSite&splitEntities=true&q=name",
            json!({"entities": [{"type": "EvacuationSite"}], "splitEntities": true, "q": "name"}),
        ),
        ("type=*", json!({"entities": [{"type": "*"}]})),
        (
            "type=Nothing",
            json!({"entities": [{"type": "Nothing"}], "entityMap": false}),
        ),
    ] {
        let mut body = members;
        body["type"] = "Query".into();
        for page in [
            "count=true&limit=7&offset=7",
            "options=keyValues,sysAttrs&count=true",
            "format=concise&limit=3",
        ] {
            let pairs: Vec<(&str, &str)> = format_pairs(query);
            let mut parameters = pairs;
            parameters.extend(format_pairs(page));
            let got = platform.query(&parameters).await.ok();
            let posted = post(&platform, &format!("?{page}"), &body).await;
            assert_eq!(told(&posted), told(&got), "{query} {page}");
        }
        let parameters = [format_pairs(query), format_pairs("limit=5")].concat();
        let got = platform.query(&parameters).accept("application/geo+json").await.ok();
        let posted = post(&platform, "?limit=5", &body)
            .accept("application/geo+json")
            .await
            .ok();
        assert_eq!(posted.header("content-type"), Some("application/geo+json"));
        assert_eq!(told(&posted), told(&got), "{query}");
    }
}

fn format_pairs(query: &'static str) -> Vec<(&'static str, &'static str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap()).collect()
}

#[tokio::test]
async fn one_of_several_selectors_is_enough_and_each_entity_comes_once() {
    let platform = Platform::start().await;
    let (sano, yaita, nasushiobara) = (sano_sites(), yaita_sites(), nasushiobara_sites());
    let body = json!({"type": "Query", "entities": [
        {"type": "EvacuationSite", "id": [sano[0].id, yaita[3].id, sano[0].id]},
        {"type": "EvacuationSite", "id": sano[0].id},
        {"type": "EvacuationSite", "idPattern": "E09213"},
        {"type": "AED", "id": "urn:ngsi-ld:AED:nowhere"},
        {"type": "WeatherObserved"},
    ]});
    let mut expected: Vec<String> = nasushiobara.iter().map(|place| place.id.clone()).collect();
    expected.extend([sano[0].id.clone(), yaita[3].id.clone()]);
    let weather = platform.entities("type=WeatherObserved&limit=1000").await.ok().ids();
    assert!(!weather.is_empty());
    expected.extend(weather);
    expected.sort();
    let whole = post(&platform, "?limit=1000&count=true", &body).await.ok();
    let mut found = whole.ids();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(whole.count(), expected.len());
    // By pages: each link is for the same body.
    let mut visited = Vec::new();
    let mut target = Some(format!("{QUERY}?limit=4&count=true"));
    while let Some(next) = target {
        assert!(next.starts_with(QUERY), "{next}");
        let page = platform.post(next).json(&body).await.ok();
        assert_eq!(page.count(), expected.len());
        visited.extend(page.ids());
        target = page.link("next");
        assert!(visited.len() <= expected.len());
    }
    assert_eq!(visited, whole.ids(), "in the same order");
    // Other conditions hold for all of them.
    let mut narrower = body.clone();
    narrower["q"] = "name~=\".*公民館.*\"".into();
    let ids = post(&platform, "?limit=1000", &narrower).await.ok().ids();
    let halls = nasushiobara
        .iter()
        .filter(|place| place.name.contains("公民館"))
        .count();
    assert!(halls > 0 && ids.len() >= halls && ids.len() < expected.len(), "{ids:?}");
    let counted = post(&platform, "?limit=0&count=true", &narrower).await.ok();
    assert_eq!((counted.count(), counted.ids().len()), (ids.len(), 0));
}

#[tokio::test]
async fn a_selector_asks_a_source_for_what_it_selects_and_for_nothing_else() {
    let platform = Platform::start().await;
    let weather = platform
        .entities("type=WeatherObserved")
        .tenant("nasushiobara")
        .await
        .ok()
        .ids();
    platform.forget_requests();
    let body = json!({"type": "Query", "entities": [
        {"type": "WeatherObserved", "id": weather[0]},
        {"type": "AED", "idPattern": "nobody$"},
    ]});
    assert_eq!(post(&platform, "", &body).await.ok().ids(), weather[..1]);
    let asked = platform.asked_of_orion();
    assert!(!asked.is_empty());
    for request in asked {
        let types = request.parameter("type").unwrap();
        let by_id = request.parameter("id").is_some();
        assert!(
            types == "AED" || (types == "WeatherObserved" && by_id),
            "{}",
            request.query
        );
    }
}

#[tokio::test]
async fn selectors_that_become_too_many_questions_are_refused() {
    let platform = Platform::start().await;
    let body = |count: usize| {
        let selectors: Vec<Value> = (0..count)
            .map(|number| json!({"type": "EvacuationSite|AED|WeatherObserved|DesignatedShelter", "idPattern": format!("{number}$")}))
            .collect();
        json!({"type": "Query", "entities": selectors})
    };
    let asked_before = platform.asked_of_sano().len();
    let refused = post(&platform, "", &body(50)).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (403, "TooComplexQuery"),
        "{refused}"
    );
    assert!(refused.problem().detail.contains("questions to sources"), "{refused}");
    assert_eq!(platform.asked_of_sano().len(), asked_before, "nobody is asked");
    post(&platform, "", &body(5)).await.ok();
}

#[tokio::test]
//= 5.2.33-3
async fn an_id_takes_precedence_over_a_pattern() {
    let platform = Platform::start().await;
    let id = &sano_sites()[2].id;
    let body = json!({"type": "Query", "entities": [{"type": "EvacuationSite", "id": id, "idPattern": "^nothing$"}]});
    assert_eq!(post(&platform, "", &body).await.ok().ids(), [id.as_str()]);
}

#[tokio::test]
async fn more_ids_than_a_url_holds_are_one_question() {
    let platform = Platform::start().await;
    let mut ids: Vec<String> = (0..900)
        .map(|number| format!("urn:ngsi-ld:EvacuationSite:E092049999{number:04}"))
        .collect();
    ids.extend(sano_sites().into_iter().map(|place| place.id));
    let body = json!({"type": "Query", "entities": [{"type": "EvacuationSite", "id": ids}]});
    let answer = post(&platform, "?limit=1000&count=true", &body).await.ok();
    assert_eq!((answer.ids().len(), answer.count()), (58, 58));
}

#[tokio::test]
//= 5.5.7-4
async fn the_context_of_the_body_is_that_of_the_question() {
    let platform = Platform::start().await;
    let site = "https://smartdatamodels.org/dataModel.nowhere/Site";
    let body = |context: Option<Value>| {
        let mut body = json!({"type": "Query", "entities": [{"type": "EvacuationSite"}], "q": "name"});
        if let Some(context) = context {
            body["@context"] = context;
        }
        body
    };
    let ld = |body: &Value| {
        platform
            .post(format!("{QUERY}/"))
            .body("application/ld+json", body.to_string())
    };
    let own = json!({"EvacuationSite": site});
    assert_eq!(
        ld(&body(Some(own))).await.ok().ids().len(),
        0,
        "another type of the same name"
    );
    let without = ld(&body(None)).await;
    assert_eq!((without.status, without.error_type().as_str()), (400, "BadRequestData"));
    assert!(without.problem().detail.contains("@context"), "{without}");
    let mixed = post(&platform, "", &body(Some(json!([])))).await;
    assert_eq!((mixed.status, mixed.error_type().as_str()), (400, "BadRequestData"));
    let core = "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; \
                rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";
    assert_eq!(
        post(&platform, "", &body(None))
            .header("link", core)
            .await
            .ok()
            .ids()
            .len(),
        0
    );
    // With a slash at the end, as some clients send it.
    assert_eq!(
        platform
            .post(format!("{QUERY}/"))
            .json(&body(None))
            .await
            .ok()
            .ids()
            .len(),
        20
    );
}

#[tokio::test]
//= 5.2.13-1, 5.2.23-1, 5.2.33-1
async fn what_is_wrong_is_named_by_its_member() {
    let platform = Platform::start().await;
    let with = |member: &str, value: Value| {
        let mut body = json!({"type": "Query", "entities": [{"type": "EvacuationSite"}]});
        body[member] = value;
        body
    };
    let entities = |selector: Value| with("entities", json!([{"type": "AED"}, selector]));
    for (body, names) in [
        (json!({"entities": [{"type": "AED"}]}), "member `type`"),
        (with("type", json!("Queries")), "member `type`"),
        (with("entities", json!([])), "member `entities`"),
        (with("entities", json!({"type": "AED"})), "member `entities`"),
        (entities(json!({"id": "urn:x:1"})), "member `entities[1]`"),
        (entities(json!({"type": ""})), "member `entities[1].type`"),
        (entities(json!({"type": "AED,"})), "member `entities[1].type`"),
        (
            entities(json!({"type": "AED", "id": "no uri"})),
            "member `entities[1].id`",
        ),
        (
            entities(json!({"type": "AED", "id": ["urn:x:1", 5]})),
            "member `entities[1].id[1]`",
        ),
        (
            entities(json!({"type": "AED", "idPattern": "["})),
            "member `entities[1].idPattern`",
        ),
        (
            entities(json!({"type": "AED", "idpattern": "a"})),
            "member `entities[1].idpattern`",
        ),
        (with("q", json!(42)), "member `q`"),
        (with("q", json!("name==")), "member `q` at position 6"),
        (with("scopeQ", json!("/A//B")), "member `scopeQ` at position 3"),
        (with("attrs", json!([])), "member `attrs`"),
        (with("attrs", json!("name")), "member `attrs`"),
        (
            with("attrs", json!(["name", "na me"])),
            "member `attrs[1]` at position 0",
        ),
        (with("attrs", json!(["name,remarks"])), "member `attrs[0]`"),
        (with("pick", json!(["name", "-1"])), "member `pick[1]` at position 0"),
        (with("lang", json!("fr_CH")), "member `lang` at position 0"),
        (
            with("datasetId", json!(["@none", "x"])),
            "member `datasetId[1]` at position 0",
        ),
        (with("geoQ", json!("near")), "member `geoQ`"),
        (
            with("geoQ", json!({"georel": "within"})),
            "member `geoQ`: `geometry` is missing",
        ),
        (
            with(
                "geoQ",
                json!({"georel": "beside", "geometry": "Point", "coordinates": [8, 40]}),
            ),
            "member `geoQ.georel` at position 0",
        ),
        (
            with(
                "geoQ",
                json!({"georel": "within", "geometry": "Polygon", "coordinates": [[8, 40]]}),
            ),
            "member `geoQ.coordinates` at position 0",
        ),
        (
            with(
                "geoQ",
                json!({"georel": "within", "geometry": "Point", "coordinates": [8, 40], "coords": [8, 40]}),
            ),
            "members `geoQ.coordinates` and `geoQ.coords` mean the same",
        ),
        (with("splitEntities", json!("true")), "member `splitEntities`"),
        (with("joinLevel", json!(0)), "member `joinLevel`"),
        (with("temporalQ", json!({"timerel": "after"})), "member `temporalQ`"),
        (with("aggrParams", json!({})), "member `aggrParams`"),
        (with("atrs", json!(["name"])), "did you mean `attrs`?"),
        (with("limit", json!(5)), "member `limit`"),
        (json!({"type": "Query"}), "too wide"),
        (json!({"type": "Query", "scopeQ": "/A"}), "too wide"),
        (json!({"type": "Query", "attrs": ["createdAt"]}), "too wide"),
    ] {
        let answer = post(&platform, "", &body).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{body} {answer}"
        );
        assert!(answer.problem().detail.contains(names), "{body}: {names}: {answer}");
    }
    for (url, body, names) in [
        ("?q=name", with("lang", json!("ja")), "parameter `q`"),
        ("?type=AED", with("lang", json!("ja")), "parameter `type`"),
        ("?pick=name", with("pick", json!(["name"])), "`pick` stands in the URL"),
        ("?limt=3", with("lang", json!("ja")), "did you mean `limit`?"),
    ] {
        let answer = post(&platform, url, &body).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "InvalidRequest"),
            "{url} {answer}"
        );
        assert!(answer.problem().detail.contains(names), "{url}: {answer}");
    }
    for (media_type, text, status) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", "{\"type\":\"Query\",\"q\":\"a\",\"q\":\"b\"}", 400),
        ("text/plain", "{}", 415),
    ] {
        let answer = platform.post(QUERY).body(media_type, text).await;
        assert_eq!(answer.status, status, "{text}: {answer}");
    }
    let local = post(&platform, "?local=false", &with("entities", json!([{"type": "*"}]))).await;
    assert_eq!(
        (local.status, local.error_type().as_str()),
        (400, "BadRequestData"),
        "{local}"
    );
    let map = post(&platform, "", &with("entityMap", json!("yes"))).await;
    assert_eq!(
        (map.status, map.error_type().as_str()),
        (400, "BadRequestData"),
        "{map}"
    );
    assert_eq!(platform.asked().len(), 0, "a source was asked");
}

/// What is hidden is as if nobody had it, whichever member names it, and is not asked for.
#[tokio::test]
async fn what_is_hidden_is_absent_by_this_way_too() {
    let platform = Platform::start().await;
    for member in ["q", "attrs", "pick", "geoQ"] {
        let ask = |name: &str| {
            let mut body = json!({"type": "Query", "entities": [{"type": "DesignatedShelter"}, {"type": "Resident"}]});
            body[member] = match member {
                "q" => format!("{name}!=\"x\"|{name}").into(),
                "geoQ" => {
                    json!({"georel": "near;maxDistance==500000", "geometry": "Point", "coordinates": [139.9, 36.9], "geoproperty": name})
                }
                _ => json!([name]),
            };
            post(&platform, "?limit=1000&count=true", &body)
        };
        let (hidden, unknown) = (ask("managerName").await.ok(), ask("nobodyHasIt").await.ok());
        assert_eq!((hidden.count(), unknown.count()), (0, 0), "{member}");
        assert_eq!(told(&hidden), told(&unknown), "{member}");
    }
    for request in platform.asked() {
        assert!(!request.query.contains("managerName"), "passed on: {}", request.query);
    }
}

/// `kakehashi explain` reads the body as the gateway does, and says which order is the gateway's.
#[tokio::test]
async fn what_a_posted_query_would_ask_is_explained() {
    let platform = Platform::start().await;
    let explained = |body: &Value| {
        platform.files().write("query.json", body.to_string());
        let target = format!("{QUERY}?limit=5");
        let arguments = [
            "explain",
            "--json",
            "--consumer",
            "bousai-map",
            "--body",
            "query.json",
            "POST",
            &target,
        ];
        let finished = Finished::well(platform.files().folder(), &arguments);
        serde_json::from_str::<Value>(&finished.stdout).unwrap()
    };
    let body = json!({"type": "Query", "entities": [
        {"type": "EvacuationSite", "id": nasushiobara_sites()[0].id},
        {"type": "WeatherObserved"},
    ]});
    let told = explained(&body);
    let questions = told["questions"].as_array().unwrap();
    let of_orion: Vec<String> = questions
        .iter()
        .filter(|question| question["source"] == "nasushiobara-orion")
        .map(|question| question["requests"][0]["url"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(of_orion.len(), 2, "{told:#}");
    assert!(platform.asked().is_empty());
    post(&platform, "?limit=5", &body).await.ok();
    let asked = platform.asked_of_orion();
    for url in of_orion {
        let was_asked = asked
            .iter()
            .any(|request| url.ends_with(&format!("{}?{}", request.path, request.query)));
        assert!(was_asked, "{url}: {asked:#?}");
    }
    let ordered = json!({"type": "Query", "entities": [{"type": "EvacuationSite"}], "ordering": {"orderBy": ["name"]}});
    let refused = explained(&ordered)["notes"].to_string();
    assert!(
        refused.contains("refused with 400") && refused.contains("local=true"),
        "{refused}"
    );
    let of_store = json!({"type": "Query", "entities": [{"type": "*"}], "ordering": {"orderBy": ["name"]}});
    let notes = explained(&of_store)["notes"].to_string();
    assert!(notes.contains("the gateway orders"), "{notes}");
}

#[tokio::test]
async fn a_tenant_is_asked_alone_by_this_way_too() {
    let platform = Platform::start().await;
    let body = json!({"type": "Query", "entities": [{"type": "EvacuationSite"}]});
    let sano = post(&platform, "?count=true", &body).tenant("sano").await.ok();
    assert_eq!(sano.count(), 58);
    assert_eq!(platform.asked_of_orion().len(), 0);
    let nobody = post(&platform, "", &body).tenant("nobody").await;
    assert_eq!(
        (nobody.status, nobody.error_type().as_str()),
        (404, "NonexistentTenant")
    );
}

/// Members that stand twice are read by some as the first and by others as the last; numbers without an end by nobody.
#[tokio::test]
async fn bodies_that_not_every_reader_reads_the_same_are_refused() {
    let platform = Platform::start().await;
    let long = "7".repeat(10_000);
    let sites = r#""entities":[{"type":"EvacuationSite"}]"#;
    for (members, named) in [
        (format!(r#"{sites},{sites}"#), "entities"),
        (format!(r#"{sites},"q":"name","q":"name""#), "q"),
        (format!(r#"{sites},"pick":["id"],"pick":["id"]"#), "pick"),
        (
            r#""entities":[{"type":"AED","type":"EvacuationSite"}]"#.to_owned(),
            "type",
        ),
        (
            format!(
                r#"{sites},"geoQ":{{"georel":"within","georel":"within","geometry":"Point","coordinates":[139,36]}}"#
            ),
            "georel",
        ),
        (
            format!(
                r#"{sites},"geoQ":{{"georel":"near;maxDistance==1","geometry":"Point","coordinates":[139.{long},36]}}"#
            ),
            "coordinates",
        ),
        (
            format!(r#"{sites},"geoQ":{{"georel":"near;maxDistance==1","geometry":"Point","coordinates":[1e400,36]}}"#),
            "coordinates",
        ),
        (format!(r#"{sites},"q":"name=={long}""#), "q"),
        (format!(r#"{sites},"q":"name==1e400""#), "q"),
    ] {
        for (target, body) in [
            (QUERY, format!(r#"{{"type":"Query",{members}}}"#)),
            (
                "/ngsi-ld/v1/subscriptions",
                format!(
                    r#"{{"type":"Subscription",{},"notification":{{"endpoint":{{"uri":"https://example.org/n"}}}}}}"#,
                    // A subscription has no members of its own for what is shown.
                    members.replace(
                        r#""pick":["id"],"pick":["id"]"#,
                        r#""watchedAttributes":["name"],"watchedAttributes":["name"],"pick":1"#
                    )
                ),
            ),
        ] {
            let answer = platform.post(target).body("application/json", body.clone()).await;
            assert_eq!(answer.status, 400, "{body:.300}: {answer}");
            let detail = answer.problem().detail;
            let named = if target != QUERY && named == "pick" {
                "watchedAttributes"
            } else {
                named
            };
            assert!(detail.contains(named), "{named}: {detail}");
        }
    }
    assert_eq!(platform.asked().len(), 0);
}
