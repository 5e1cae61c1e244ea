//! How many requests to sources one question causes: no more than it takes, and never more than one may.

use serde_json::{Value, json};
use toml::Value as Toml;

use super::harness::{Answer, ORION, Platform, SANO, nasushiobara_sites, sano_sites, section, yaita_sites};

const QUERY: &str = "/ngsi-ld/v1/entityOperations/query";

async fn bounded_by(requests: i64) -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let limits = section(section(table, "gateway"), "limits");
        limits.insert("requests".into(), Toml::Integer(requests));
    });
    builder.start().await
}

/// The answer for these selectors, and how many requests Orion and Sano's platform were sent for it.
async fn selected(platform: &Platform, selectors: Vec<Value>) -> (Answer, usize, usize) {
    platform.forget_requests();
    let body = json!({"type": "Query", "entities": selectors});
    let answer = platform.post(format!("{QUERY}?limit=1000")).json(&body).await.ok();
    (answer, platform.asked_of_orion().len(), platform.asked_of_sano().len())
}

#[tokio::test]
async fn selectors_that_say_the_same_as_fewer_are_asked_as_fewer() {
    let platform = Platform::start().await;
    let ids: Vec<String> = nasushiobara_sites()
        .into_iter()
        .chain(sano_sites())
        .map(|place| place.id)
        .take(40)
        .collect();
    let one = vec![json!({"type": "EvacuationSite", "id": ids})];
    let each = |types: &[&str]| -> Vec<Value> {
        let of_type = |name: &&str| -> Vec<Value> { ids.iter().map(|id| json!({"type": name, "id": id})).collect() };
        types.iter().flat_map(of_type).take(50).collect()
    };
    let (expected, of_orion, of_sano) = selected(&platform, one).await;
    assert_eq!(expected.ids().len(), ids.len());
    let by_one = selected(&platform, each(&["EvacuationSite"])).await;
    assert_eq!(
        (by_one.0.ids(), by_one.1, by_one.2),
        (expected.ids(), of_orion, of_sano)
    );
    // An id of either type is asked for with both types, and one of all of a type not at all.
    let (both, of_orion_both, of_sano_both) = selected(&platform, {
        let mut both = each(&["EvacuationSite", "DesignatedShelter"]);
        both.push(json!({"type": "EvacuationSite"}));
        both.truncate(50);
        both
    })
    .await;
    assert!(both.ids().len() >= ids.len());
    assert!(
        of_orion_both <= of_orion + 1 && of_sano_both <= of_sano + 16,
        "{of_orion_both} {of_sano_both}"
    );
    let all = vec![json!({"type": "EvacuationSite"})];
    let (expected, of_orion, of_sano) = selected(&platform, all.clone()).await;
    let mut with_all = each(&["EvacuationSite"]);
    with_all.extend(all);
    let (answer, of_orion_now, of_sano_now) = selected(&platform, with_all).await;
    assert_eq!(
        (answer.ids(), of_orion_now, of_sano_now),
        (expected.ids(), of_orion, of_sano)
    );
}

#[tokio::test]
async fn a_source_that_would_be_asked_too_often_is_named_and_nothing_of_it_is_shown() {
    // Sano's platform hands out its sites in two pages; the share of one source is one request.
    let platform = bounded_by(3).await;
    let answer = platform
        .entities("type=EvacuationSite&limit=1000&count=true")
        .await
        .ok();
    // What the prefecture adds to Sano's sites is left out with them.
    let mut warnings = answer.warnings();
    warnings.retain(|warning| !warning.contains("only add") && !warning.contains("not counted"));
    assert_eq!(
        (warnings.len(), answer.header("ngsild-results-count")),
        (1, None),
        "{answer}"
    );
    assert!(warnings[0].starts_with(&format!("299 {SANO} ")), "{answer}");
    let ids = answer.ids();
    for place in nasushiobara_sites().iter().chain(&yaita_sites()) {
        assert!(ids.contains(&place.id), "{} is missing", place.id);
    }
    assert_eq!(
        platform.asked_of_sano().len(),
        2,
        "once to count all of it, once for the page"
    );
    // Where it is the only one, there is no answer.
    let refused = platform.entities("type=EvacuationSite&limit=1000").tenant("sano").await;
    is_too_complex(&refused, "more than 1 requests");
    // A page that takes one request is a page.
    let page = platform
        .entities("type=EvacuationSite&limit=20")
        .tenant("sano")
        .await
        .ok();
    assert_eq!((page.ids().len(), page.warnings().len()), (20, 0));
}

#[track_caller]
fn is_too_complex(answer: &Answer, says: &str) {
    assert_eq!(
        (answer.status, answer.error_type().as_str()),
        (403, "TooComplexQuery"),
        "{answer}"
    );
    let detail = answer.problem().detail;
    assert!(detail.contains(says) && detail.contains("entity selectors"), "{detail}");
}

#[tokio::test]
//= 5.5.6-3
async fn a_question_that_would_cause_too_many_requests_is_refused_whoever_is_asked_first() {
    let platform = bounded_by(1).await;
    for _ in 0..10 {
        platform.forget_requests();
        let refused = platform.entities("type=EvacuationSite&limit=1000").await;
        is_too_complex(&refused, "more than 1 requests");
        assert!(platform.asked().len() <= 1, "{:?}", platform.asked());
    }
    // Each question begins anew.
    for _ in 0..3 {
        let weather = platform
            .entities("type=DesignatedShelter")
            .tenant("nasushiobara")
            .await
            .ok();
        assert_eq!(weather.warnings(), [""; 0]);
    }
}

#[tokio::test]
async fn whatever_a_question_is_made_of_counts_as_one() {
    let platform = bounded_by(20).await;
    // Each pattern is a question of its own to each of both: half of the requests are for one of them.
    let selectors: Vec<Value> = (0..30)
        .map(|number| json!({"type": "EvacuationSite", "idPattern": format!("{number}$")}))
        .collect();
    let body = json!({"type": "Query", "entities": selectors});
    for (wish, least, most) in [("no-cache", 10, 10), ("max-age=0", 1, 10)] {
        platform.forget_requests();
        let answer = platform
            .post(QUERY)
            .json(&body)
            .header("cache-control", wish)
            .await
            .ok();
        let named: Vec<&str> = answer
            .warnings()
            .iter()
            .filter(|warning| !warning.contains("only add"))
            .map(|warning| warning.split(' ').nth(1).unwrap())
            .collect();
        assert_eq!(named.len(), 2, "{answer}");
        assert!(named.contains(&SANO) && named.contains(&ORION), "{answer}");
        // The sources decide no pattern: they are asked the same for each, and equal requests under way are sent once.
        for asked in [platform.asked_of_orion().len(), platform.asked_of_sano().len()] {
            assert!((least..=most).contains(&asked), "{asked} {wish}");
        }
    }
}

/// Each branch of a disjunction is a request, and so is each page.
#[tokio::test]
async fn branches_of_a_disjunction_count() {
    for (requests, status) in [(6, 200), (4, 403)] {
        let platform = bounded_by(requests).await;
        let q = "name==\"a\"|fullAddress==\"b\"|remarks==\"c\"";
        let asked = platform
            .query(&[("type", "EvacuationSite"), ("q", q)])
            .tenant("nasushiobara");
        let answer = asked.await;
        assert_eq!(answer.status, status, "{answer}");
        assert_eq!(platform.asked_of_orion().len(), if status == 200 { 3 } else { 2 });
    }
}
