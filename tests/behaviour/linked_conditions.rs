//! Conditions on linked entities in `q` (clause 4.9, examples 13 and 14), wherever these entities are held.

use serde_json::{Value, json};
use stand_ins::Fault;

use super::entity_maps::ids;
use super::harness::{Answer, Files, Finished, ORION, Platform, encoded, nasushiobara_sites, sano_sites};

fn aed(id: &str, name: &str, relationships: &[(&str, Value)]) -> Value {
    let mut aed =
        json!({"id": format!("urn:ngsi-ld:AED:{id}"), "type": "AED", "name": {"type": "Property", "value": name}});
    for (relationship, object) in relationships {
        aed[relationship] = json!({"type": "Relationship", "object": object});
    }
    aed
}

fn facility(id: &str, name: &str, remarks: Option<&str>, clinic: Option<&str>) -> Value {
    let mut facility = json!({
        "id": format!("urn:ngsi-ld:PublicFacility:{id}"), "type": "PublicFacility",
        "name": {"type": "Property", "value": name},
    });
    if let Some(remarks) = remarks {
        facility["remarks"] = json!({"type": "Property", "value": remarks});
    }
    if let Some(clinic) = clinic {
        facility["dataProvider"] =
            json!({"type": "Relationship", "object": format!("urn:ngsi-ld:MedicalInstitution:{clinic}")});
    }
    facility
}

async fn platform() -> Platform {
    let (in_orion, in_sano) = (nasushiobara_sites()[0].id.clone(), sano_sites()[10].id.clone());
    let facility_of = |id: &str| json!(format!("urn:ngsi-ld:PublicFacility:{id}"));
    let town = json!([
        aed("L1", "一", &[("source", facility_of("F1"))]),
        aed("L2", "二", &[("source", json!([facility_of("F1"), facility_of("F2")])), ("seeAlso", json!(in_orion))]),
        aed("L3", "三", &[("source", facility_of("gone")), ("seeAlso", json!(in_sano))]),
        aed("L4", "四", &[("seeAlso", json!("urn:ngsi-ld:AED:L1"))]),
        aed("L5", "五", &[]),
        facility("F1", "役場", Some("一階"), Some("M1")),
        facility("F2", "図書館", None, None),
        {
            "id": "urn:ngsi-ld:MedicalInstitution:M1", "type": "MedicalInstitution",
            "name": {"type": "Property", "value": "診療所"},
        },
    ]);
    Platform::builder().await.store("yaita", town.to_string()).start().await
}

async fn asked(platform: &Platform, q: &str, more: &str) -> Answer {
    let q = encoded(q);
    platform
        .entities(format!("type=AED&idPattern=AED:L&count=true&joinLevel=2&q={q}&{more}"))
        .await
}

async fn found(platform: &Platform, q: &str) -> Vec<String> {
    let answer = asked(platform, q, "join=inline&options=keyValues").await.ok();
    let ids: Vec<String> = answer
        .ids()
        .iter()
        .map(|id| id.rsplit(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(answer.count(), ids.len(), "{q}");
    ids
}

#[tokio::test]
async fn find_entities_by_what_they_lead_to() {
    let platform = platform().await;
    let nothing: [&str; 0] = [];
    for (q, expected) in [
        ("source{name}==\"役場\"", &["L1", "L2"][..]),
        ("source{PublicFacility:name}==\"役場\"", &["L1", "L2"]),
        ("source{AED,PublicFacility:name}==\"図書館\"", &["L2"]),
        ("source{AED:name}==\"役場\"", &nothing),
        // Of several targets one is enough; what is not there meets nothing, also where something is denied.
        ("source{name}!=\"役場\"", &["L2"]),
        ("source{name}!=\"x\"", &["L1", "L2"]),
        ("source{remarks}", &["L1", "L2"]),
        ("source{name}~=\"^.書.$\"", &["L2"]),
        ("source{dataProvider{name}}==\"診療所\"", &["L1", "L2"]),
        ("source{dataProvider{AED:name}}==\"診療所\"", &nothing),
        (
            "source{dataProvider}==\"urn:ngsi-ld:MedicalInstitution:M1\"",
            &["L1", "L2"],
        ),
        ("seeAlso{source{name}}==\"役場\"", &["L4"]),
        ("source{name}==\"役場\";name==\"二\"", &["L2"]),
        ("source{name}==\"図書館\"|name==\"五\"", &["L2", "L5"]),
        ("(source{name}==\"図書館\"|seeAlso);name!=\"二\"", &["L3", "L4"]),
        ("seeAlso{EvacuationSite:name}", &["L2", "L3"]),
        ("seeAlso{modifiedAt}>2020-01-01T00:00:00Z", &["L2", "L3", "L4"]),
        ("seeAlso{modifiedAt}>2999-01-01T00:00:00Z", &nothing),
    ] {
        assert_eq!(found(&platform, q).await, expected, "{q}");
    }
}

#[tokio::test]
async fn count_and_page_as_every_other_condition() {
    let platform = platform().await;
    let q = "source{name}";
    let first = asked(&platform, q, "join=flat&limit=1&pick=id").await.ok();
    assert_eq!((first.count(), first.ids().len()), (2, 1));
    let next = platform.get(first.link("next").unwrap()).await.ok();
    assert_eq!(next.ids(), ["urn:ngsi-ld:AED:L2"]);
    assert!(next.link("next").is_none() && next.link("prev").is_some());
    let counted = asked(&platform, q, "join=flat&limit=0").await.ok();
    assert_eq!((counted.count(), counted.ids().len()), (2, 0));
    // What the conditions look at is not shown for that.
    let picked = asked(&platform, q, "join=inline&pick=id,name&options=keyValues")
        .await
        .ok();
    assert_eq!(picked.entities()[0], json!({"id": "urn:ngsi-ld:AED:L1", "name": "一"}));
}

#[tokio::test]
async fn hold_beside_an_order_and_several_selectors() {
    let platform = platform().await;
    let q = "source{name}|seeAlso{name}";
    let ordered = "join=inline&local=true&orderBy=id;desc&limit=2";
    let first = asked(&platform, q, ordered).await.ok();
    // What L2 and L3 see also is not in the store.
    assert_eq!(
        (first.count(), first.ids()),
        (3, vec!["urn:ngsi-ld:AED:L4".into(), "urn:ngsi-ld:AED:L2".into()])
    );
    let second = asked(&platform, q, &format!("{ordered}&offset=2")).await.ok();
    assert_eq!(second.ids(), ["urn:ngsi-ld:AED:L1"]);

    let body = json!({
        "type": "Query",
        "entities": [
            {"type": "AED", "id": ["urn:ngsi-ld:AED:L2", "urn:ngsi-ld:AED:L5"]},
            {"type": "AED", "idPattern": "AED:L4$"},
            {"type": "PublicFacility"},
        ],
        "q": "source{name}|seeAlso{name}|dataProvider{name}",
        "join": "inline",
        "joinLevel": 1,
    });
    let answer = platform
        .post("/ngsi-ld/v1/entityOperations/query?count=true")
        .json(&body)
        .await
        .ok();
    let expected = [
        "urn:ngsi-ld:AED:L2",
        "urn:ngsi-ld:AED:L4",
        "urn:ngsi-ld:PublicFacility:F1",
    ];
    assert_eq!(
        (answer.count(), answer.ids()),
        (3, expected.map(str::to_owned).to_vec())
    );
    assert_eq!(answer.entities()[1]["seeAlso"]["entity"]["id"], "urn:ngsi-ld:AED:L1");
}

#[tokio::test]
async fn of_an_entity_map_are_met_by_what_its_pages_show() {
    let platform = platform().await;
    let q = encoded("source{name}==\"図書館\"");
    let asked = format!("type=AED&idPattern=AED:L&join=inline&joinLevel=2&options=keyValues&limit=1&q={q}");
    let mut page = platform.entities(format!("{asked}&entityMap=true")).await;
    assert_eq!(page.status, 201, "{page}");
    let map = page.header("ngsild-entitymap").unwrap().to_owned();
    let mut shown = ids(&page);
    for _ in 0..8 {
        let Some(next) = page.link("next") else { break };
        page = platform.get(next).await.ok();
        shown.extend(page.ids());
    }
    assert_eq!(
        (shown, page.link("next")),
        (vec!["urn:ngsi-ld:AED:L2".to_owned()], None)
    );
    let again = platform.entities(asked).header("ngsild-entitymap", &map).await.ok();
    assert_eq!(
        again.ids(),
        ["urn:ngsi-ld:AED:L2"],
        "what the map still lists is judged again"
    );
}

#[tokio::test]
//= 5.7.2.4-4
async fn need_linked_entity_retrieval_of_their_depth() {
    let platform = platform().await;
    let q = encoded("source{dataProvider{name}}");
    for (query, told) in [
        (format!("type=AED&q={q}"), "needs Linked Entity retrieval"),
        (
            format!("type=AED&q={q}&join=@none&joinLevel=2"),
            "needs Linked Entity retrieval",
        ),
        (
            format!("type=AED&q={q}&join=inline"),
            "2 Relationships away, and `joinLevel` is 1",
        ),
    ] {
        let refused = platform.entities(&query).await;
        assert_eq!(
            (refused.status, refused.error_type()),
            (400, "BadRequestData".to_owned()),
            "{query}"
        );
        assert!(refused.problem().detail.contains(told), "{refused}");
    }
}

#[tokio::test]
async fn reach_no_source_but_as_questions_for_ids() {
    let platform = platform().await;
    let site = nasushiobara_sites()[0].clone();
    platform.forget_requests();
    let q = format!("seeAlso{{EvacuationSite:name}}==\"{}\"", site.name);
    assert_eq!(found(&platform, &q).await, ["L2"]);
    let asked = platform.asked_of_orion();
    let for_target: Vec<_> = asked.iter().filter(|request| request.query.contains("id=")).collect();
    assert!(!for_target.is_empty());
    for request in &asked {
        assert!(request.parameter("q").is_none(), "{request:?}");
    }
}

#[tokio::test]
async fn miss_what_a_failing_source_holds_and_say_so() {
    let platform = platform().await;
    platform.demo().orion().set_fault(Fault::Status(500));
    let answer = asked(&platform, "seeAlso{EvacuationSite:name}", "join=inline")
        .await
        .ok();
    assert_eq!(answer.ids(), ["urn:ngsi-ld:AED:L3"]);
    let warnings = answer.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(ORION), "{warnings:?}");
}

#[test]
fn are_explained_with_the_sources_that_would_be_asked() {
    let files = Files::committed();
    let target = "/ngsi-ld/v1/entities?type=AED&join=inline&joinLevel=2\
                  &q=source{EvacuationSite:managedBy{name}}==\"x\";name==\"y\"";
    let ask = |more: &[&str]| {
        let arguments = [&["explain", "--consumer", "bousai-map"], more, &["GET", target]].concat();
        Finished::well(files.folder(), &arguments).stdout
    };
    let explanation: Value = serde_json::from_str(&ask(&["--json"])).unwrap();
    let linked = explanation["linked"].as_array().unwrap();
    let because: Vec<&str> = linked
        .iter()
        .map(|linked| linked["because"].as_str().unwrap())
        .collect();
    assert_eq!(
        because,
        ["q, source", "q, source.managedBy", "join=inline, up to joinLevel=2"]
    );
    assert_eq!(linked[0]["types"], json!(["EvacuationSite"]));
    assert!(linked[0]["sources"].to_string().contains(ORION), "{linked:?}");
    assert_eq!(
        (&linked[0]["atMost"], &linked[2]["atMost"]),
        (&json!(5000), &json!(1000))
    );
    // Whom the candidates are asked of is told what they must have, and not what they lead to.
    let questions = explanation["questions"].to_string();
    assert!(
        questions.contains("AED") && !questions.contains("managedBy"),
        "{questions}"
    );

    for question in explanation["questions"].as_array().unwrap() {
        assert!(question["decidedHere"].to_string().contains("\"q\""), "{question:#}");
        assert_ne!(question["cost"]["reads"], "page", "{question:#}");
    }

    let text = ask(&[]);
    assert!(
        text.contains("then, for q, source: entities by their ids, EvacuationSite"),
        "{text}"
    );
    assert!(
        text.contains("at most 1000 entities; more are refused with 403"),
        "{text}"
    );
}

#[tokio::test]
async fn that_would_look_at_too_many_entities_are_refused() {
    let many: Vec<String> = (0..5_001)
        .map(|number| format!("urn:ngsi-ld:AED:far-{number:04}"))
        .collect();
    let town = json!([
        aed(
            "L1",
            "一",
            &[("seeAlso", json!(many)), ("source", json!("urn:ngsi-ld:AED:L2"))]
        ),
        aed("L2", "二", &[])
    ]);
    let platform = Platform::builder().await.store("yaita", town.to_string()).start().await;
    let refused = asked(&platform, "seeAlso{name}", "join=inline&pick=id").await;
    assert_eq!(
        (refused.status, refused.error_type()),
        (403, "TooManyResults".to_owned()),
        "{refused}"
    );
    assert!(refused.problem().detail.contains("more than 5000"), "{refused}");
    assert_eq!(
        asked(&platform, "source{name}", "join=inline&pick=id")
            .await
            .ok()
            .ids()
            .len(),
        1
    );
}
