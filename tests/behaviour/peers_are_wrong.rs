//! What users of other brokers and gateways have reported, or what was seen when they were run: one test for each fault of
//! `docs/peers.md`, with the fault's own words in its name. Here it is otherwise.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use stand_ins::server::{self, Service};
use stand_ins::{LoggedRequest, Server};
use toml::Value as Toml;

use super::contexts::{Origin, calling_sites, platform_with_egress, sites};
use super::harness::{ORION, Platform, change_source, encoded, key_of, sano_sites, section, site_ids};

/// A broker of one city: what it answers, and with which media type.
struct Broker {
    answer: fn(&LoggedRequest) -> Value,
    media_type: &'static str,
}

impl Service for Broker {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let entities = (self.answer)(request);
        let total = entities.as_array().map_or(0, Vec::len);
        let mut response = server::response(StatusCode::OK, self.media_type, entities.to_string());
        response.headers_mut().insert("fiware-total-count", total.into());
        response
    }
}

fn room(id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "type": "EvacuationSite",
        "name": { "type": "Text", "value": name },
        "location": { "type": "geo:point", "value": "36.96, 139.99" },
    })
}

/// The platform, with a broker of this kind in the place of Nasushiobara's. `suffix` follows its address.
async fn with_broker(broker: Broker, suffix: &str) -> (Platform, Server) {
    let server = Server::start(0, broker).await.unwrap();
    let endpoint = format!("{}{suffix}", server.url());
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("endpoint".into(), endpoint.into());
        });
    });
    (builder.start().await, server)
}

fn rooms(_: &LoggedRequest) -> Value {
    json!([room("Room9", "九号室")])
}

#[tokio::test]
async fn a_list_shows_an_id_and_reading_that_id_gives_404() {
    let broker = Broker {
        answer: rooms,
        media_type: "application/json",
    };
    let (platform, orion) = with_broker(broker, "").await;
    let listed = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!(listed.ids(), ["urn:ngsi-ld:EvacuationSite:Room9"]);
    let read = platform.entity(&listed.ids()[0]).tenant("nasushiobara").await.ok();
    assert_eq!(read.json(), listed.entities()[0]);
    let asked = orion.requests().last().unwrap().parameter("id");
    assert!(
        asked.is_some_and(|ids| ids.split(',').any(|id| id == "Room9")),
        "by the id that Orion knows"
    );
}

#[tokio::test]
async fn an_or_in_q_any_geo_query_or_two_types_give_400_or_404() {
    let platform = Platform::start().await;
    for (parameters, least) in [
        (
            vec![
                ("type", "EvacuationSite"),
                ("q", "name~=\".*公民館.*\"|name~=\".*小学校.*\""),
            ],
            5,
        ),
        (vec![("type", "DesignatedShelter,EvacuationSite")], 19 + 68),
        (
            vec![
                ("type", "EvacuationSite"),
                ("georel", "near;maxDistance==500000"),
                ("geometry", "Point"),
                ("coordinates", "[139.97,36.9]"),
            ],
            19,
        ),
        (
            vec![
                ("type", "EvacuationSite"),
                ("georel", "disjoint"),
                ("geometry", "Polygon"),
                ("coordinates", "[[[0,0],[1,0],[1,1],[0,0]]]"),
            ],
            19,
        ),
    ] {
        let ask = platform.query(&[&parameters[..], &[("count", "true"), ("limit", "1000")]].concat());
        let answer = ask.tenant("nasushiobara").await.ok();
        assert!(
            answer.count() >= least && answer.ids().len() == answer.count(),
            "{parameters:?} {}",
            answer.count()
        );
    }
}

#[tokio::test]
async fn geo_point_text_is_left_as_a_string() {
    let broker = Broker {
        answer: rooms,
        media_type: "application/json",
    };
    let (platform, _orion) = with_broker(broker, "").await;
    let site = &platform
        .entities("type=EvacuationSite")
        .tenant("nasushiobara")
        .await
        .ok()
        .entities()[0];
    assert_eq!(site["location"]["type"], "GeoProperty");
    assert_eq!(
        site["location"]["value"],
        json!({"type": "Point", "coordinates": [139.99, 36.96]})
    );
}

#[tokio::test]
async fn the_next_link_of_a_page_loses_the_base_path() {
    let platform = Platform::start().await;
    for path in ["/ngsi-ld/v1/entities", "/ngsi-ld/v1/entities/"] {
        let page = platform.get(format!("{path}?type=EvacuationSite&limit=40")).await.ok();
        let next = page.link("next").unwrap();
        assert!(next.starts_with("/ngsi-ld/v1/entities"), "{next}");
        let following = platform.get(next).await.ok();
        assert_eq!(following.ids().len(), 40);
        assert!(following.ids().iter().all(|id| !page.ids().contains(id)));
    }
}

#[tokio::test]
async fn a_federated_count_is_the_maximum_or_the_sum_with_duplicates() {
    let platform = Platform::start().await;
    let counted = platform
        .entities("type=EvacuationSite&limit=0&count=true")
        .await
        .ok()
        .count();
    let mut of_each = Vec::new();
    for tenant in ["sano", "nasushiobara", "yaita", "tochigi"] {
        of_each.push(
            platform
                .entities("type=EvacuationSite&limit=0&count=true")
                .tenant(tenant)
                .await
                .ok()
                .count(),
        );
    }
    // The prefecture keeps copies of five of Sano's.
    assert_eq!(of_each, [58, 19, 25, 5]);
    assert_eq!(counted, site_ids().len());
    assert!(counted < of_each.iter().sum() && counted > 58);
}

#[tokio::test]
async fn the_same_limit_and_offset_are_sent_to_every_source_so_pages_repeat_and_skip() {
    let platform = Platform::start().await;
    for limit in [1, 13, 50] {
        let mut visited = Vec::new();
        let mut next = Some(format!("/ngsi-ld/v1/entities?type=EvacuationSite&limit={limit}"));
        while let Some(target) = next {
            let page = platform.get(target).await.ok();
            visited.extend(page.ids());
            next = page.link("next");
            assert!(visited.len() <= site_ids().len(), "{limit}: pages repeat");
        }
        visited.sort();
        assert_eq!(visited, site_ids(), "{limit}");
    }
}

#[tokio::test]
async fn q_is_not_forwarded_and_not_applied_to_what_came_back() {
    let everything = Broker {
        answer: |_| json!([room("A1", "公民館"), room("A2", "小学校")]),
        media_type: "application/json",
    };
    // This broker ignores every condition, as some do: what came back is judged all the same.
    let (platform, _orion) = with_broker(everything, "").await;
    let q = encoded("name==\"公民館\"");
    let alone = platform
        .entities(format!("type=EvacuationSite&count=true&idPattern=A&q={q}"))
        .tenant("nasushiobara")
        .await
        .ok();
    assert!(alone.ids().iter().all(|id| id.ends_with("A1")), "{alone}");
    // And one that can is told of it.
    let platform = Platform::start().await;
    platform.entities(format!("type=EvacuationSite&q={q}")).await.ok();
    let told = platform
        .asked_of_orion()
        .iter()
        .any(|request| request.parameter("q").is_some_and(|q| q.contains("公民館")));
    assert!(told, "{:?}", platform.asked_of_orion());
}

#[tokio::test]
async fn remote_entities_ignore_key_values_and_concise() {
    let platform = Platform::start().await;
    for tenant in ["nasushiobara", "sano", "yaita"] {
        let simplified = platform
            .entities("type=EvacuationSite&options=keyValues&limit=1000")
            .tenant(tenant)
            .await
            .ok();
        for site in simplified.entities() {
            assert!(site["name"].is_string(), "{tenant}: {site}");
            assert!(site["location"]["coordinates"].is_array(), "{tenant}: {site}");
        }
        let concise = platform
            .entities("type=EvacuationSite&options=concise&limit=1000")
            .tenant(tenant)
            .await
            .ok();
        for site in concise.entities() {
            assert!(site["name"].get("type").is_none(), "{tenant}: {site}");
        }
    }
}

#[tokio::test]
async fn the_endpoint_and_the_path_are_joined_wrongly() {
    for (suffix, path) in [
        ("", "/v2/entities"),
        ("/", "/v2/entities"),
        ("/base", "/base/v2/entities"),
        ("/base/of/it/", "/base/of/it/v2/entities"),
    ] {
        let broker = Broker {
            answer: rooms,
            media_type: "application/json",
        };
        let (platform, orion) = with_broker(broker, suffix).await;
        let answer = platform
            .entities("type=EvacuationSite")
            .tenant("nasushiobara")
            .await
            .ok();
        assert_eq!(answer.ids().len(), 1, "{suffix}: {answer}");
        let asked = orion.requests();
        assert!(!asked.is_empty());
        for request in asked {
            assert_eq!(request.path, path, "{suffix}");
            let types = request.parameter("type");
            assert_eq!(types.as_deref(), Some("EvacuationSite"), "{suffix}: the query is lost");
        }
    }
}

#[tokio::test]
async fn an_answer_of_ld_json_html_or_nothing_crashes_the_broker() {
    let others = sano_sites().len() + 25;
    for (media_type, answer) in [
        (
            "application/ld+json",
            (|_| json!([room("Room9", "九号室")])) as fn(&LoggedRequest) -> Value,
        ),
        ("text/html", |_| json!("<html>")),
        ("application/json", |_| Value::Null),
        ("application/json", |_| json!({})),
        ("text/plain", |_| json!(5)),
    ] {
        let (platform, orion) = with_broker(Broker { answer, media_type }, "").await;
        let answer = platform
            .entities("type=EvacuationSite&limit=1000&count=true")
            .await
            .ok();
        let is_understood = media_type == "application/ld+json";
        assert_eq!(
            answer.ids().len(),
            others + usize::from(is_understood),
            "{media_type}: {:?}",
            answer.warnings()
        );
        assert_eq!(
            answer.warnings().len(),
            usize::from(!is_understood),
            "{media_type}: {:?}",
            answer.warnings()
        );
        orion.set_fault(stand_ins::Fault::EmptyBody);
        let nothing = platform.entities("type=EvacuationSite&limit=1000").await.ok();
        assert_eq!((nothing.ids().len(), nothing.warnings().len()), (others, 1));
    }
}

#[tokio::test]
async fn a_failed_context_download_is_cached_as_an_empty_context() {
    let platform = platform_with_egress().await;
    let (origin, server) = Origin::start().await;
    let missing = format!("{}/missing.jsonld", server.url());
    for _ in 0..3 {
        let failed = sites(&platform, "Site", &missing).await;
        assert_eq!(
            (failed.status, failed.error_type().as_str()),
            (504, "LdContextNotAvailable"),
            "{failed}"
        );
    }
    assert_eq!(
        platform.asked().len(),
        0,
        "a source was asked what nobody has asked for"
    );
    origin.publish("/there.jsonld", &calling_sites("Site"), &[]);
    let there = sites(&platform, "Site", &format!("{}/there.jsonld", server.url()))
        .await
        .ok();
    assert_eq!(there.ids().len(), 1);
}

#[tokio::test]
async fn the_core_context_cannot_be_had_without_internet_access() {
    // Nothing outside of this machine is reached by any test.
    let platform = Platform::start().await;
    for version in ["v1.3", "v1.6", "v1.8", "v1.9"] {
        let core = format!("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-{version}.jsonld");
        let link = format!("<{core}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
        let local = platform.entities("local=true&limit=3").header("link", &link).await.ok();
        assert_eq!(local.ids().len(), 3, "{version}");
        let created = json!({"type": "Query", "q": "https://schema.org/nothing", "@context": core});
        let posted = platform
            .post("/ngsi-ld/v1/entityOperations/query")
            .body("application/ld+json", created.to_string())
            .await
            .ok();
        assert_eq!(posted.ids().len(), 0, "{version}");
    }
}

#[tokio::test]
async fn the_callers_tenant_header_is_forwarded_to_another_organisations_broker() {
    let platform = Platform::start().await;
    let names = [
        "ngsild-tenant",
        "fiware-service",
        "fiware-servicepath",
        "authorization",
        "x-api-key",
    ];
    platform
        .entities("type=EvacuationSite")
        .tenant("nasushiobara")
        .header("fiware-service", "sano")
        .header("fiware-servicepath", "/secret")
        .await
        .ok();
    platform
        .entities("type=EvacuationSite")
        .header("fiware-service", "yaita")
        .await
        .ok();
    let asked = platform.asked_of_orion();
    assert!(asked.len() >= 2);
    for request in asked.iter().chain(&platform.asked_of_sano()) {
        for name in names {
            let sent = request.header(name).unwrap_or_default();
            assert!(!["sano", "yaita", "/secret"].contains(&sent), "{name}: {sent}");
        }
        assert_eq!(request.header("ngsild-tenant"), None);
    }
}

#[tokio::test]
async fn long_bearer_tokens_are_cut_off_and_every_source_gets_the_same_credential() {
    let long = "t".repeat(8 * 1024);
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, ORION, |source| {
            let mut credential = toml::Table::new();
            let mut file = toml::Table::new();
            file.insert("file".into(), "token".into());
            credential.insert("bearer".into(), Toml::Table(file));
            source.insert("credential".into(), Toml::Table(credential));
        });
    });
    builder.files().write("token", &long);
    let platform = builder.start().await;
    platform.entities("type=EvacuationSite").await.ok();
    let expected = format!("Bearer {long}");
    for request in platform.asked_of_orion() {
        assert_eq!(request.header("authorization"), Some(expected.as_str()));
    }
    let of_sano = platform.asked_of_sano();
    assert!(!of_sano.is_empty());
    for request in of_sano {
        assert_eq!(request.header("authorization"), None);
        assert!(
            request
                .header("x-api-key")
                .is_some_and(|key| key != key_of("bousai-map")),
            "its own"
        );
    }
}

#[tokio::test]
async fn two_tenants_that_share_one_endpoint_are_taken_for_a_loop() {
    /// One broker for two cities, which are told apart by `Fiware-Service` alone.
    fn of_service(request: &LoggedRequest) -> Value {
        match request.header("fiware-service") {
            Some("nasushiobara") => json!([room("urn:ngsi-ld:EvacuationSite:N1", "一")]),
            Some("yaita") => json!([room("urn:ngsi-ld:EvacuationSite:Y1", "二")]),
            _ => json!([]),
        }
    }
    let server = Server::start(
        0,
        Broker {
            answer: of_service,
            media_type: "application/json",
        },
    )
    .await
    .unwrap();
    let builder = Platform::builder().await.tenants(|table| {
        let mut shared = toml::Table::new();
        change_source(table, ORION, |source| {
            source.insert("endpoint".into(), server.url().into());
            shared = source.clone();
        });
        shared.insert("id".into(), "yaita-orion".into());
        // What the one city claims the other does not.
        for entry in shared["provides"].as_array_mut().unwrap() {
            entry.as_table_mut().unwrap().remove("authoritative");
        }
        shared.insert("fiware_service".into(), "yaita".into());
        shared.insert("personal_data".into(), "none".into());
        let yaita = section(section(table, "tenants"), "yaita");
        let sources = yaita.entry("sources").or_insert_with(|| Toml::Array(Vec::new()));
        sources.as_array_mut().unwrap().push(Toml::Table(shared));
    });
    let platform = builder.start().await;
    // As if the request had come by the same way before.
    let ids = "urn:ngsi-ld:EvacuationSite:N1,urn:ngsi-ld:EvacuationSite:Y1";
    let answer = platform
        .entities(format!("type=EvacuationSite&count=true&id={ids}"))
        .header("via", "1.1 kakehashi, 1.1 other")
        .await
        .ok();
    assert_eq!((answer.count(), answer.warnings().len()), (2, 0), "{answer}");
    assert_eq!(answer.ids().join(","), ids);
    let services: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.header("fiware-service").unwrap().to_owned())
        .collect();
    assert!(
        services.contains(&"yaita".to_owned()) && services.contains(&"nasushiobara".to_owned()),
        "{services:?}"
    );
    for (tenant, id) in [("nasushiobara", "N1"), ("yaita", "Y1")] {
        let alone = platform
            .entities(format!("type=EvacuationSite&id={ids}"))
            .tenant(tenant)
            .await
            .ok();
        assert_eq!(alone.ids(), [format!("urn:ngsi-ld:EvacuationSite:{id}")]);
    }
}

/// docs/peers.md names a test for each fault, and each test here is named there.
#[test]
fn each_fault_has_its_test() {
    let page = include_str!("../../docs/peers.md");
    let source = include_str!("peers_are_wrong.rs");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let named: Vec<&str> = rows
        .map(|row| {
            let test = row.rsplit("peers_are_wrong::").next().unwrap();
            test.split('`').next().unwrap()
        })
        .collect();
    let tests: Vec<&str> = source
        .split("#[tokio::test]\nasync fn ")
        .skip(1)
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    assert_eq!(named, tests);
    assert_eq!(tests.len(), 15);
}
