//! `kakehashi explain` and its admin API: what it says that a source would be asked is what the source is asked, and it
//! asks none itself.

use serde_json::{Value, json};
use stand_ins::{LoggedRequest, SANO_DEMO_API_KEY};

use super::harness::{Files, Finished, Platform, section};

/// Permits that narrow by more than attributes, for a consumer of Example Apps.
const NARROW: &str = r#"
@attributes("name,location")
@area("{\"type\":\"Polygon\",\"coordinates\":[[[139.9,36.7],[139.99,36.7],[139.99,36.9],[139.9,36.9],[139.9,36.7]]]}")
permit (principal in Role::"limited", action in Action::"read", resource == EntityType::"yaita/DesignatedShelter");

@attributes("maxCapacity") @q("maxCapacity>100") @purpose("disaster-response")
permit (principal in Role::"limited", action in Action::"read", resource == EntityType::"yaita/DesignatedShelter");
"#;

pub(super) fn explained(files: &Files, arguments: &[&str]) -> Value {
    let arguments = [&["explain", "--json"], arguments].concat();
    let finished = Finished::well(files.folder(), &arguments);
    assert!(!finished.stdout.contains(SANO_DEMO_API_KEY), "{}", finished.stdout);
    serde_json::from_str(&finished.stdout).unwrap()
}

/// A request as an explanation says it: method, address, headers.
pub(super) type Told = (String, String, Vec<(String, String)>);

pub(super) fn requests(explanation: &Value) -> Vec<Told> {
    let questions = explanation["questions"].as_array().unwrap().iter();
    let requests = questions.flat_map(|question| question["requests"].as_array().unwrap());
    requests
        .filter(|request| request["kind"] == "http")
        .map(|request| {
            let headers: Vec<(String, String)> = serde_json::from_value(request["headers"].clone()).unwrap();
            let text = |name: &str| request[name].as_str().unwrap().to_owned();
            (text("method"), text("url"), headers)
        })
        .collect()
}

pub(super) fn was_asked(asked: &[LoggedRequest], request: &Told) -> bool {
    let (method, url, headers) = request;
    asked.iter().any(|logged| {
        let target = format!("{}?{}", logged.path, logged.query);
        let target = target.trim_end_matches('?');
        logged.method.as_str() == method
            && url.ends_with(target)
            && headers.iter().all(|(name, value)| {
                let sent = logged.header(name);
                // What is hidden here was sent.
                if value == "***" {
                    sent.is_some()
                } else {
                    sent == Some(value.as_str())
                }
            })
    })
}

#[tokio::test]
async fn what_is_explained_is_what_the_sources_are_asked() {
    let platform = Platform::start().await;
    for (consumer, target, at_least) in [
        ("bousai-map", "type=EvacuationSite&limit=5", 2),
        // As much that each type of a platform is come to.
        ("bousai-map", "type=AED,DesignatedShelter&limit=1000", 3),
        ("limited-app", "type=EvacuationSite&attrs=name", 2),
        (
            "bousai-map",
            "type=WeatherObserved&q=temperature>10&georel=near;maxDistance==9000&geometry=Point&coordinates=[139.9,36.9]",
            2,
        ),
        ("bousai-map", "type=EvacuationSite&q=managerName==\"x\"", 2),
        (
            "bousai-map",
            "type=EvacuationSite&id=urn:ngsi-ld:EvacuationSite:E0920450001&limit=3",
            1,
        ),
    ] {
        platform.forget_requests();
        let target = format!("/ngsi-ld/v1/entities?{target}");
        let explanation = explained(platform.files(), &["--consumer", consumer, "GET", &target]);
        assert!(platform.asked().is_empty(), "explaining asked: {:?}", platform.asked());
        let told = requests(&explanation);
        assert!(told.len() >= at_least, "{target}: {explanation:#}");
        let encoded = target
            .replace('"', "%22")
            .replace('>', "%3E")
            .replace('[', "%5B")
            .replace(']', "%5D");
        platform.get(encoded).by(consumer).await.ok();
        let asked = platform.asked();
        for request in &told {
            assert!(
                was_asked(&asked, request),
                "{target}: {request:?} was not asked of {asked:#?}"
            );
        }
        // Whatever else was asked is a further page of it, or its count.
        let sources = told
            .iter()
            .map(|(_, url, _)| url.split('?').next().unwrap())
            .collect::<Vec<_>>();
        for logged in &asked {
            assert!(
                sources.iter().any(|source| source.ends_with(&logged.path)),
                "{target}: {logged:?} was not told"
            );
        }
    }
    let one = "/ngsi-ld/v1/entities/urn:ngsi-ld:WeatherObserved:092134-01";
    platform.forget_requests();
    let told = requests(&explained(platform.files(), &["--consumer", "bousai-map", "GET", one]));
    assert!(!told.is_empty());
    platform.get(one).await;
    let asked = platform.asked();
    assert!(
        told.iter().all(|request| was_asked(&asked, request)),
        "{told:#?} {asked:#?}"
    );
}

#[test]
fn an_explanation_names_the_policies_that_decided_and_the_reasons_of_denials() {
    let files = Files::committed();
    files.append("policies/yaita.cedar", NARROW);
    let of = |consumer: &str, more: &[&str], target: &str| {
        explained(&files, &[&["--consumer", consumer], more, &["GET", target]].concat())
    };
    let decisions = |explanation: &Value, tenant: &str| -> Vec<Value> {
        let grants = explanation["grants"].as_array().unwrap();
        let owner = grants.iter().find(|grants| grants["tenant"] == tenant).unwrap();
        owner["types"].as_array().unwrap().clone()
    };
    let residents = of(
        "bousai-map",
        &["--verbose"],
        "/ngsi-ld/v1/entities?type=Resident,EvacuationSite",
    );
    let decided = decisions(&residents, "nasushiobara");
    let resident = decided
        .iter()
        .find(|decision| decision["types"] == json!(["Resident"]))
        .unwrap();
    assert_eq!(resident["permits"], json!([]));
    assert!(
        resident["denial"]["reason"]
            .as_str()
            .unwrap()
            .contains("classed personal"),
        "{resident}"
    );
    let site = decided
        .iter()
        .find(|decision| decision["types"] == json!(["EvacuationSite"]))
        .unwrap();
    assert_eq!(site["permits"][0]["policy"], "nasushiobara.cedar:7");
    // A store says what it would be asked in its own language.
    let store = &residents["questions"][0]["requests"][0];
    assert_eq!(store["kind"], "sql");
    assert!(store["bindings"].to_string().contains("EvacuationSite"), "{store}");

    let shelters = of(
        "limited-app",
        &["--tenant", "yaita"],
        "/ngsi-ld/v1/entities?type=DesignatedShelter",
    );
    let decided = decisions(&shelters, "yaita");
    let permit = &decided[0]["permits"][0];
    assert_eq!(permit["attributes"], json!(["location", "name"]));
    assert!(
        permit["conditions"][0]
            .as_str()
            .unwrap()
            .starts_with("entities within {\"type\":\"Polygon\""),
        "{permit}"
    );
    assert!(
        decided[0]["unmet"][0]["reason"].as_str().unwrap().contains("purpose"),
        "{decided:?}"
    );
    assert_eq!(shelters["questions"][0]["judgedHere"], true);

    let forbidden = "forbid (principal in Role::\"limited\", action, resource in Tenant::\"yaita\");";
    files.append("policies/platform.cedar", forbidden);
    let text = Finished::well(
        files.folder(),
        &[
            "explain",
            "--consumer",
            "limited-app",
            "GET",
            "/ngsi-ld/v1/entities?type=EvacuationSite",
            "--tenant",
            "yaita",
        ],
    )
    .stdout;
    let line = files
        .read("policies/platform.cedar")
        .lines()
        .position(|line| line == forbidden)
        .unwrap()
        + 1;
    assert!(
        text.contains(&format!("nothing, it is forbidden by platform.cedar:{line}")),
        "{text}"
    );
    assert!(
        text.contains("no source is asked") && text.contains("`yaita` hides itself"),
        "{text}"
    );
}

#[test]
fn writes_are_judged_and_nothing_is_written_or_opened() {
    let files = Files::committed();
    let writes = "permit (principal in Role::\"reader\", action == Action::\"createEntity\", \
                  resource == EntityType::\"tochigi/AED\") when { resource.class == Class::\"open\" };";
    files.append("policies/tochigi.cedar", writes);
    let aed = json!({
        "id": "urn:ngsi-ld:AED:1", "type": "AED",
        "name": { "type": "Property", "value": "市役所" },
        "managerName": { "type": "Property", "value": "x" },
    });
    files.write("aed.json", aed.to_string());
    let path = "/ngsi-ld/v1/entities";
    let refused = explained(
        &files,
        &["--consumer", "bousai-map", "POST", path, "--body", "aed.json"],
    );
    let reason = refused["writes"][0]["refused"].as_str().unwrap();
    assert!(reason.ends_with("managerName"), "{reason}");
    let mut well = aed;
    well.as_object_mut().unwrap().remove("managerName");
    files.write("aed.json", well.to_string());
    let taken = explained(
        &files,
        &["--consumer", "bousai-map", "POST", path, "--body", "aed.json"],
    );
    assert_eq!(taken["writes"][0]["source"], "tochigi-store", "{taken:#}");
    for id in ["urn:x:1", "urn:ngsi-ld:Resident:1"] {
        let mut foreign = well.clone();
        foreign["id"] = id.into();
        files.write("aed.json", foreign.to_string());
        let refused = explained(
            &files,
            &["--consumer", "bousai-map", "POST", path, "--body", "aed.json"],
        );
        let reason = refused["writes"][0]["refused"].as_str().unwrap();
        assert!(reason.contains("does not permit this id"), "{reason}");
    }
    files.write("aed.json", well.to_string());
    let elsewhere = explained(
        &files,
        &[
            "--consumer",
            "bousai-map",
            "POST",
            path,
            "--body",
            "aed.json",
            "--tenant",
            "sano",
        ],
    );
    assert!(
        elsewhere["notes"].to_string().contains("no partition of the store"),
        "{elsewhere:#}"
    );
    let deleted = explained(
        &files,
        &[
            "--consumer",
            "bousai-map",
            "DELETE",
            "/ngsi-ld/v1/entities/urn:x:1?type=AED",
        ],
    );
    assert_eq!(deleted["operation"], "deleteEntity");
    assert!(
        deleted["grants"][0]["types"][0]["denial"]["reason"]
            .as_str()
            .unwrap()
            .contains("no permit"),
        "{deleted:#}"
    );
    assert!(!files.folder().join("store").exists(), "explaining has made the store");
    assert!(
        !files.folder().join("kakehashi.db").exists(),
        "explaining has made the state"
    );
}

#[test]
fn what_cannot_be_explained_says_why() {
    let files = Files::committed();
    for (arguments, said) in [
        (
            vec!["--consumer", "bousai-mapp", "GET", "entities?type=AED"],
            "did you mean `bousai-map`?",
        ),
        (
            vec![
                "--consumer",
                "bousai-map",
                "--tenant",
                "san",
                "GET",
                "entities?type=AED",
            ],
            "did you mean `sano`?",
        ),
        (
            vec!["--consumer", "bousai-map", "--purpose", "x", "GET", "entities?type=AED"],
            "no purpose of the consumer's",
        ),
        (
            vec!["--consumer", "bousai-map", "GET", "entities?typ=AED"],
            "refused with 400: unknown parameter `typ`",
        ),
        (
            vec!["--consumer", "bousai-map", "PUT", "entities"],
            "cannot be explained",
        ),
    ] {
        let finished = Finished::of(files.folder(), &[&["explain"], arguments.as_slice()].concat());
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    }
    assert_eq!(
        Finished::of(files.folder(), &["explain", "GET", "entities"]).code,
        Some(2)
    );
}

#[tokio::test]
async fn administrators_ask_over_the_api_and_tenants_about_their_own_data_alone() {
    const EXPLAIN: &str = "/admin/v1/explain";
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let sites = json!({ "consumer": "bousai-map", "target": "/ngsi-ld/v1/entities?type=EvacuationSite" });
    for administrator in ["ops", "auditor"] {
        let told = platform
            .admin(administrator)
            .post(EXPLAIN)
            .json(&sites)
            .await
            .ok()
            .json();
        let tenants: Vec<&Value> = told["grants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|grants| &grants["tenant"])
            .collect();
        let all = ["nasushiobara", "sano", "tochigi", "yaita"];
        assert!(
            tenants.len() == all.len() && all.iter().all(|name| tenants.contains(&&json!(name))),
            "{told:#}"
        );
    }
    let sano = platform.admin("sano-admin");
    let own = sano.post(EXPLAIN).json(&sites).await.ok();
    let told = own.json();
    assert_eq!(told["grants"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(told["questions"][0]["source"], "sano-safe-map");
    for other in ["yaita", "nasushiobara", "tochigi"] {
        assert!(!told.to_string().contains(other), "{other}: {told:#}");
    }
    // Of another tenant's consumer it sees the roles that its own policies name, and no ids that are like one.
    assert_eq!(told["consumer"], json!({ "id": "bousai-map", "roles": ["reader"] }));
    let narrowed = json!({ "consumer": "bousai-map", "tokenRoles": ["more"], "purpose": "unknown", "target": "entities?type=AED" });
    let own_matter = sano.post(EXPLAIN).json(&narrowed).await.ok();
    assert!(
        own_matter.json()["notes"]
            .to_string()
            .contains("do not name the purpose `unknown`"),
        "{own_matter}"
    );
    let refused = platform.admin("ops").post(EXPLAIN).json(&narrowed).await;
    assert_eq!(refused.status, 422, "{refused}");
    for near in ["bousai-mapp", "limited-ap", "bousai"] {
        let body = json!({ "consumer": near, "target": "entities?type=AED" });
        let unknown = sano.post(EXPLAIN).json(&body).await;
        assert_eq!(unknown.status, 404, "{unknown}");
        assert_eq!(unknown.json()["detail"], format!("no consumer is called `{near}`"));
        let detail = platform.admin("ops").post(EXPLAIN).json(&body).await.json()["detail"].clone();
        assert!(detail.as_str().unwrap().contains("did you mean"), "{detail}");
    }
    let mut named = sites.clone();
    named["tenant"] = "yaita".into();
    assert_eq!(sano.post(EXPLAIN).json(&named).await.status, 403);
    let ops = platform.admin("ops");
    for (body, status) in [
        (json!({ "consumer": "nobody", "target": "entities?type=AED" }), 404),
        (json!({ "consumer": "bousai-map", "target": "entities" }), 422),
        (json!({ "consumer": "bousai-map" }), 400),
        (
            json!({ "consumer": "bousai-map", "target": "entities?type=AED", "more": 1 }),
            400,
        ),
    ] {
        let answer = ops.post(EXPLAIN).json(&body).await;
        assert_eq!(answer.status, status, "{body}: {answer}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{answer}"
        );
    }
    assert_eq!(ops.get(EXPLAIN).await.status, 405);
    assert!(platform.asked().is_empty(), "explaining asked: {:?}", platform.asked());
}

#[test]
fn an_explanation_says_what_each_source_decides_and_how_much_of_it_is_read() {
    let files = Files::committed();
    let either = "q=name==\"中央公民館\"|name==\"黒磯小学校\"";
    for (tenant, query, conditions, requests, reads) in [
        ("sano", "type=AED&limit=5", json!([]), 1, "page"),
        // A platform that takes no conditions is looked through.
        (
            "sano",
            "type=AED&q=name==\"x\"&georel=near;maxDistance==10&geometry=Point&coordinates=[139.5,36.3]",
            json!([["q", "nothing"], ["geo-query", "nothing"]]),
            1,
            "everything",
        ),
        // Orion has no disjunction, but each half of it.
        (
            "nasushiobara",
            &format!("type=EvacuationSite&{either}"),
            json!([["q", "partly"]]),
            2,
            "candidates",
        ),
        (
            "nasushiobara",
            "type=EvacuationSite&q=name|fullAddress",
            json!([["q", "nothing"]]),
            1,
            "everything",
        ),
        (
            "yaita",
            "type=EvacuationSite&q=name==\"x\"",
            json!([["q", "whole"]]),
            1,
            "page",
        ),
        (
            "yaita",
            "type=EvacuationSite&q=name[ja]==\"x\"",
            json!([["q", "whole"]]),
            1,
            "page",
        ),
        // A pattern could find out a value that is masked, letter by letter: no source is told of it.
        (
            "yaita",
            "type=EvacuationSite&q=name~=\"x.*\"",
            json!([["q", "nothing"]]),
            1,
            "everything",
        ),
        // A platform may have parameters of its own, as its mapping says.
        (
            "sano",
            "type=EvacuationSite&q=commonId==\"x\"",
            json!([["q", "partly"]]),
            1,
            "candidates",
        ),
        (
            "yaita",
            "type=EvacuationSite&splitEntities=true&q=name==\"x\"",
            json!([["q", "nothing"]]),
            1,
            "everything",
        ),
    ] {
        let target = format!("/ngsi-ld/v1/entities?{query}");
        let explanation = explained(
            &files,
            &["--consumer", "bousai-map", "--tenant", tenant, "GET", &target],
        );
        let question = &explanation["questions"][0];
        let split: Vec<Value> = question["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|shown| {
                let has_reason = shown["residual"].is_string();
                assert_eq!(has_reason, shown["pushedDown"] != "whole", "{shown}");
                json!([shown["condition"], shown["pushedDown"]])
            })
            .collect();
        let cost = &question["cost"];
        assert_eq!(
            (json!(split), &cost["requests"], &cost["reads"]),
            (conditions, &json!(requests), &json!(reads)),
            "{tenant} {query}: {explanation:#}"
        );
        assert_eq!(
            cost["atMost"].is_u64(),
            reads == "candidates" || reads == "everything",
            "{cost}"
        );
    }
    let text = Finished::well(
        files.folder(),
        &[
            "explain",
            "--consumer",
            "bousai-map",
            "--tenant",
            "nasushiobara",
            "GET",
            &format!("/ngsi-ld/v1/entities?type=EvacuationSite&{either}"),
        ],
    );
    for line in [
        "q: pushed down, and decided by the gateway on what is visible: the source leaves out",
        "cost: 2 requests at first; reads what the source does not leave out, 100000 at most",
    ] {
        assert!(text.stdout.contains(line), "{}", text.stdout);
    }
}

/// Whether another's consumer has a purpose is its own matter, unless the tenant's own policies name it.
#[tokio::test]
async fn a_tenants_administrator_does_not_find_out_purposes_of_others_by_trying() {
    let builder = Platform::builder().await.administrators().consumer("stating");
    let builder = builder.tenants(|table| {
        let stating = section(section(table, "consumers"), "stating");
        stating.insert("purposes".into(), toml::Value::Array(vec!["disaster-response".into()]));
    });
    let platform = builder.start().await;
    let explained = async |purpose: &str| {
        let asked = json!({ "consumer": "stating", "purpose": purpose, "target": "/ngsi-ld/v1/entities?type=AED" });
        let answer = platform
            .admin("sano-admin")
            .post("/admin/v1/explain")
            .json(&asked)
            .await;
        (
            answer.status,
            String::from_utf8_lossy(&answer.body).replace(purpose, "..."),
        )
    };
    assert_eq!(explained("disaster-response").await, explained("marketing").await);
    assert_eq!(explained("marketing").await.0, 200);
}

#[test]
fn what_is_named_somewhere_is_not_said_to_be_named_by_nobody() {
    let files = Files::committed();
    for name in ["cookieId", "fullName"] {
        let target = format!("/ngsi-ld/v1/entities?type=AED&attrs={name}");
        let told = Finished::well(files.folder(), &["explain", "--consumer", "bousai-map", "GET", &target]);
        assert!(!told.stdout.contains("nobody names it"), "{told:?}");
        assert!(!told.stdout.contains("as a name that is spelt so"), "{told:?}");
    }
}
